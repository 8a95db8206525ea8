//! What was kept and cannot be taken up at the next start: nobody has more by that.

use super::{PASSWORD, SHOWN, as_user_at, open, sql};
use crate::ports;

/// In the place of what is kept of an entry, behind the back of every door.
fn spoil(kind: &str, name: &str, statements: &str) {
    let text = format!(
        "INSERT INTO millrace.access SELECT kind, name, {statements}, 0, version + 1000000 \
         FROM millrace.access FINAL WHERE kind = '{kind}' AND name = '{name}'"
    );
    ports().engine.session().unwrap().query(&text, "Null", &[]).unwrap();
}

#[test]
fn what_cannot_be_taken_up_is_closed_until_it_is_mended() {
    for text in [
        "CREATE DATABASE kept",
        "CREATE TABLE kept.t (x Int64) ENGINE = MergeTree ORDER BY x",
        "INSERT INTO kept.t VALUES (1), (4711)",
        "CREATE VIEW kept.v SQL SECURITY INVOKER AS SELECT x FROM kept.t",
        "CREATE TABLE kept.other (x Int64) ENGINE = MergeTree ORDER BY x",
        &format!("CREATE USER keeper, breaker, roler IDENTIFIED BY '{PASSWORD}'"),
        "CREATE ROLE spoilt_role",
        "GRANT SELECT ON kept.* TO keeper, breaker, roler",
        "GRANT spoilt_role TO roler",
        "CREATE ROW POLICY p ON kept.t USING x = 1 TO keeper, spoilt_role",
        // A role and a user of one name.
        "CREATE ROLE twin",
        "GRANT SELECT ON kept.* TO twin",
        &format!("CREATE USER twin, boss IDENTIFIED BY '{PASSWORD}'"),
        "GRANT admin TO boss",
    ] {
        sql("root", text);
    }
    spoil("policy", "p ON kept.t", "replaceOne(statements, 'USING', 'BY')");
    spoil("user", "breaker", "concat(statements, '\\x1e', 'GRANT nosuch TO breaker')");
    spoil("user", "boss", "concat(statements, '\\x1e', 'GRANT nosuch TO boss')");
    spoil("role", "spoilt_role", "replaceOne(statements, 'CREATE', 'MAKE')");
    let _alone = SHOWN.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    let port = open();
    let ask = |user: &str, text: &str| {
        let reply = as_user_at(port, user, "/", text);
        (reply.status, reply.text())
    };
    let all = "SELECT groupArray(x) FROM (SELECT x FROM kept.t ORDER BY x)";
    for text in [all, "SELECT count() FROM kept.t", "SELECT x FROM kept.v"] {
        let (status, told) = ask("keeper", text);
        assert!(status == 500 && told.contains("395"), "{text}: {told}");
    }
    assert_eq!(ask("keeper", "SELECT count() FROM kept.other").1, "0\n");
    let (status, told) = ask("twin", "SELECT count() FROM kept.other");
    assert!(status == 403 && told.contains("497"), "{told}");
    for user in ["breaker", "roler", "boss"] {
        let (status, told) = ask(user, "SELECT count() FROM kept.other");
        assert!(status == 403 && told.contains("could not be taken up"), "{user}: {told}");
    }
    // What else is changed does not mend it, also not what is kept.
    assert_eq!(ask("root", "CREATE ROLE passing").0, 200);
    assert_eq!(ask("root", "GRANT SELECT ON kept.other TO passing").0, 200);
    assert_eq!(ask("root", "DROP ROLE passing").0, 200);
    assert_eq!(ask("breaker", "SELECT 1").0, 403);
    assert_eq!(ask("vera", "SELECT count() FROM shop.orders").1, "2\n");
    assert_eq!(ask("root", all).1, "[1,4711]\n");
    for text in [
        "CREATE ROW POLICY OR REPLACE p ON kept.t USING x = 1 TO keeper, roler",
        "GRANT SELECT ON kept.t TO breaker",
        "GRANT SELECT ON kept.t TO roler",
    ] {
        let (status, told) = ask("root", text);
        assert_eq!(status, 200, "{text}: {told}");
    }
    assert_eq!(ask("keeper", all).1, "[1]\n");
    assert_eq!(ask("breaker", all).1, "[1,4711]\n");
    assert_eq!(ask("roler", all).1, "[1]\n");
    // The first door shows its own again.
    sql("root", "ALTER USER keeper SETTINGS NONE");
}
