//! What is said of a user by SQL beside grants: where she is, which roles she begins with, that she only reads.

use super::{PASSWORD, SHOWN, ask, sql};

fn code(user: &str, target: &str, text: &str) -> String {
    let reply = ask(user, target, text);
    reply.header("x-clickhouse-exception-code").unwrap_or("0").to_owned()
}

#[test]
fn a_user_begins_in_her_database() {
    let _shown = SHOWN.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    for text in [
        "CREATE DATABASE homely",
        "CREATE TABLE homely.t (x Int64) ENGINE = MergeTree ORDER BY x",
        "INSERT INTO homely.t VALUES (7)",
        &format!("CREATE USER homer, stranger IDENTIFIED BY '{PASSWORD}' DEFAULT DATABASE homely"),
        "GRANT SELECT, INSERT ON homely.* TO homer",
        &format!(
            "CREATE USER chief IDENTIFIED BY '{PASSWORD}' DEFAULT ROLE admin DEFAULT DATABASE homely"
        ),
    ] {
        sql("root", text);
    }
    for user in ["homer", "chief"] {
        let place = |more: &str| ask(user, &format!("/?{more}"), "SELECT currentDatabase()").text();
        assert_eq!(sql(user, "SELECT x FROM t"), "7\n");
        assert_eq!(place(""), "homely\n");
        assert_eq!(place("database=system"), "system\n");
        assert_eq!(place("database=default"), "main\n");
        for _ in 0..2 {
            assert_eq!(place("session_id=home"), "homely\n");
            assert_eq!(place("session_id=home&database=system"), "system\n");
        }
    }
    // Nothing there is hers to see.
    assert_eq!(sql("stranger", "SELECT currentDatabase()"), "main\n");
    assert_eq!(code("stranger", "/", "SELECT x FROM homely.t"), "497");
    let shown = "SELECT name, default_database FROM system.users WHERE name IN ('homer', 'root')";
    assert_eq!(sql("root", &format!("{shown} ORDER BY name")), "homer\thomely\nroot\t\n");
    sql("root", "ALTER USER homer DEFAULT DATABASE NONE");
    assert_eq!(sql("homer", "SELECT currentDatabase()"), "main\n");
    // Gone: as at ClickHouse, who names another one is well.
    sql("root", "ALTER USER homer DEFAULT DATABASE nowhere");
    assert_eq!(sql("homer", "SELECT currentDatabase()"), "main\n");
    sql("root", "ALTER USER chief DEFAULT DATABASE nowhere");
    for target in ["/", "/?session_id=lost", "/?session_id=lost"] {
        assert_eq!(code("chief", target, "SELECT currentDatabase()"), "81");
    }
    let named = ask("chief", "/?session_id=lost&database=system", "SELECT currentDatabase()");
    assert_eq!(named.text(), "system\n");
}

#[test]
fn a_user_begins_with_her_default_roles() {
    let _shown = SHOWN.read().unwrap_or_else(|poisoned| poisoned.into_inner());
    for text in [
        "CREATE ROLE begins",
        "GRANT SELECT ON shop.* TO begins",
        &format!("CREATE USER starter IDENTIFIED BY '{PASSWORD}'"),
        "GRANT begins TO starter",
        "SET DEFAULT ROLE NONE TO starter",
    ] {
        sql("root", text);
    }
    let count = "SELECT count() FROM shop.orders";
    assert_eq!(code("starter", "/", count), "497");
    assert_eq!(ask("starter", "/?role=begins", count).text(), "2\n");
    assert_eq!(sql("starter", "SHOW CURRENT ROLES"), "");
    let shown =
        "SELECT default_roles_all, default_roles_list FROM system.users WHERE name = 'starter'";
    assert_eq!(sql("root", shown), "0\t[]\n");
    let shown =
        "SELECT granted_role_is_default FROM system.role_grants WHERE user_name = 'starter'";
    assert_eq!(sql("root", shown), "0\n");
    assert!(sql("root", "SHOW CREATE USER starter").contains(" DEFAULT ROLE NONE"));
    assert_eq!(code("starter", "/", "SET DEFAULT ROLE ALL TO starter"), "497");
    sql("root", "ALTER USER starter DEFAULT ROLE begins");
    assert_eq!(sql("starter", count), "2\n");
    // In a session, of somebody who has one.
    sql("root", "GRANT INSERT ON marts.* TO starter");
    sql("root", "SET DEFAULT ROLE NONE TO starter");
    let ask = |text: &str| ask("starter", "/?session_id=starts", text);
    for (set, roles) in [("SET ROLE ALL", "begins\n"), ("SET ROLE DEFAULT", "")] {
        assert_eq!(ask(set).status, 200);
        assert_eq!(ask("SHOW CURRENT ROLES").text(), roles, "{set}");
    }
}

#[test]
fn a_user_who_is_readonly_changes_nothing_whatever_is_granted() {
    for text in [
        "CREATE DATABASE readly",
        "CREATE TABLE readly.t (x Int64) ENGINE = MergeTree ORDER BY x",
        &format!("CREATE USER reader IDENTIFIED BY '{PASSWORD}' SETTINGS readonly = 1"),
        "GRANT SELECT, INSERT, CREATE TABLE, DROP TABLE ON readly.* TO reader",
        "CREATE ROLE reading SETTINGS readonly = 2",
        &format!("CREATE USER observer IDENTIFIED BY '{PASSWORD}'"),
        "GRANT admin, reading TO observer",
    ] {
        sql("root", text);
    }
    for user in ["reader", "observer"] {
        assert_eq!(sql(user, "SELECT count() FROM readly.t"), "0\n");
        assert_eq!(sql(user, "SELECT getSetting('readonly')"), "1\n");
        for target in ["/", "/?session_id=reads", "/?readonly=0"] {
            for text in [
                "INSERT INTO readly.t VALUES (1)",
                "INSERT INTO readly.t SELECT 1",
                "CREATE TABLE readly.more (x Int64) ENGINE = Memory",
                "DROP TABLE readly.t",
                "SET log_queries = 0",
                "CREATE USER another IDENTIFIED BY 'x'",
            ] {
                let expected =
                    if user == "reader" && text.contains("USER") { "497" } else { "164" };
                assert_eq!(code(user, target, text), expected, "{user} {target}: {text}");
            }
        }
        let set = ask(user, "/", "SET log_queries = 0").text();
        assert!(set.contains("setting in readonly mode"), "{set}");
    }
    sql("root", "ALTER USER reader SETTINGS readonly = 0");
    sql("reader", "INSERT INTO readly.t VALUES (1)");
    assert_eq!(sql("root", "SELECT count() FROM readly.t"), "1\n");
}
