//! Row filters that name who asks, made and asked through the door.

use super::{PASSWORD, ask, code, sql};

#[test]
fn who_asks_is_told_apart_from_what_looks_like_it() {
    sql("root", "CREATE DATABASE who");
    sql(
        "root",
        "CREATE TABLE who.t (owner String, `user` String) ENGINE = MergeTree ORDER BY owner",
    );
    sql(
        "root",
        "INSERT INTO who.t VALUES ('o\\'x', 'currentUser()'), ('default', 'b'), ('c', 'o\\'x')",
    );
    sql("root", &format!("CREATE USER `o'x` IDENTIFIED BY '{PASSWORD}'"));
    sql("root", "GRANT SELECT ON who.* TO `o'x`");
    for (condition, rows) in [
        ("owner = currentUser()", "o\\'x\n"),
        ("owner = user ()", "o\\'x\n"),
        ("owner = CURRENT_USER", "o\\'x\n"),
        ("owner = Session_User", "o\\'x\n"),
        ("owner = `currentUser`()", "o\\'x\n"),
        ("owner = authenticatedUser()", "o\\'x\n"),
        ("owner = /* currentUser() */ current_user()", "o\\'x\n"),
        ("`user` = 'currentUser()'", "o\\'x\n"),
        ("t.user = currentUser()", "c\n"),
    ] {
        let made = format!("CREATE OR REPLACE ROW POLICY p ON who.t USING {condition} TO `o'x`");
        sql("root", &made.replace("CREATE OR REPLACE ROW POLICY", "CREATE ROW POLICY OR REPLACE"));
        assert_eq!(sql("o'x", "SELECT owner FROM who.t"), rows, "{condition}");
    }
    for condition in ["owner = user", "owner = $x"] {
        let made = format!("CREATE ROW POLICY q ON who.t USING {condition} TO `o'x`");
        assert_eq!(code("root", &made), "36", "{condition}");
    }
}

#[test]
fn a_policy_to_a_role_that_is_called_all_is_not_for_all() {
    sql("root", "CREATE ROLE `ALL`");
    sql("root", "CREATE ROW POLICY of_all ON shop.orders USING 0 TO `ALL`");
    assert_eq!(sql("vera", "SELECT count() FROM shop.orders"), "2\n");
    assert!(sql("root", "SHOW ACCESS").contains("AS permissive TO `ALL`"));
    sql("root", "DROP ROW POLICY of_all ON shop.orders");
    sql("root", "DROP ROLE `ALL`");
}

/// Each name that may be a table costs the engine a statement.
#[test]
fn names_without_a_grant_are_looked_up_up_to_a_number() {
    let names = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("1 IN n{number}")).collect();
        format!("SELECT {}", names.join(", "))
    };
    assert_eq!(code("vera", &names(500)), "47");
    let many = ask("vera", "/", &names(5000));
    assert!(many.text().contains("more than 1000 names"), "{}", many.text());
}
