//! What [`super::parse`] makes of the statements about users, roles and rights.

use super::*;

fn one(text: &str) -> Statement {
    parse(text, "main").unwrap().unwrap_or_else(|| panic!("{text}"))
}

fn code(text: &str) -> u32 {
    parse(text, "main").err().map_or(0, |failure| failure.exception.code)
}

#[test]
fn users_and_roles_are_made_changed_and_dropped() {
    let hash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4";
    let text = format!("CREATE USER IF NOT EXISTS 'ann' IDENTIFIED WITH sha256_hash BY '{hash}'");
    let Statement::Create { mode: Mode::IfNotExists, names, change, .. } = one(&text) else {
        panic!()
    };
    assert_eq!(names, ["ann"]);
    assert!(change.password.unwrap().unwrap().is("pw"));
    let text = "create user or replace a, `b c` not identified settings max_threads = 2, max_execution_time MAX 5";
    let Statement::Create { mode: Mode::OrReplace, names, change, .. } = one(text) else {
        panic!()
    };
    assert_eq!((names.len(), change.password), (2, Some(None)));
    assert_eq!(change.limits.unwrap()["max_execution_time"], 5);
    let text = "-- x\n ALTER USER IF EXISTS a IDENTIFIED BY 'x';";
    assert!(matches!(one(text), Statement::Alter { if_exists: true, .. }));
    assert!(matches!(one("DROP ROLE r"), Statement::Drop { kind: Kind::Role, .. }));
    assert_eq!(code("CREATE USER a IDENTIFIED WITH ldap SERVER 'x'"), 48);
    assert_eq!(code("CREATE USER a HOST IP '10.0.0.1'"), 48);
    assert_eq!(code("CREATE USER a ON CLUSTER c"), 48);
    assert_eq!(code("CREATE ROLE r IDENTIFIED BY 'x'"), 62);
    assert_eq!(code("CREATE USER a IDENTIFIED BY"), 62);
    assert_eq!(code("CREATE USER a IDENTIFIED BY 'x' IDENTIFIED BY 'y'"), 62);
    for text in
        ["/**/ grant a TO b", "REVOKE", "CREATE OR REPLACE USER", "DROP QUOTA q", "alter role r"]
    {
        assert!(changes_users(text), "{text}");
    }
    for text in ["SHOW GRANTS", "SET ROLE x", "CREATE TABLE user (a Int)", "ALTER TABLE role"] {
        assert!(!changes_users(text), "{text}");
    }
    assert_eq!(parse("CREATE TABLE user (a Int)", "main").unwrap(), None);
    assert_eq!(parse("SELECT 'GRANT'", "main").unwrap(), None);
    assert_eq!(parse("SHOW TABLES", "main").unwrap(), None);
}

#[test]
fn a_user_has_a_database_default_roles_and_limits() {
    let change = |text: &str| match one(text) {
        Statement::Create { change, .. } | Statement::Alter { change, .. } => change,
        other => panic!("{other:?}"),
    };
    let only = |names: &[&str]| DefaultRoles::Only(names.iter().map(|n| (*n).to_owned()).collect());
    let made = change(
        "CREATE USER a IDENTIFIED BY 'x' DEFAULT ROLE r, s DEFAULT DATABASE `b c` \
         SETTINGS readonly = 1, max_threads = 2 MAX 4 CONST",
    );
    assert_eq!(made.default_roles, Some(only(&["r", "s"])));
    assert_eq!(made.database, Some(Some("b c".into())));
    assert_eq!(made.limits.unwrap(), [("readonly", 1), ("max_threads", 4)].into());
    assert_eq!(change("ALTER USER a DEFAULT DATABASE NONE").database, Some(None));
    assert_eq!(change("ALTER USER a DEFAULT ROLE NONE").default_roles, Some(only(&[])));
    assert_eq!(change("ALTER USER a SETTINGS NONE").limits, Some(Limits::new()));
    let all = change("ALTER USER a DEFAULT ROLE ALL EXCEPT r").default_roles;
    assert_eq!(all, Some(DefaultRoles::AllBut(["r".to_owned()].into())));
    let to = vec!["a".to_owned(), "b".to_owned()];
    let set = Statement::SetDefaultRoles { roles: only(&[]), to };
    assert_eq!(one("SET DEFAULT ROLE NONE TO a, b"), set);
    assert!(changes_users("set default role all to a"));
    assert_eq!(code("SET DEFAULT ROLE NONE"), 62);
    assert_eq!(code("CREATE USER a SETTINGS readonly = 3"), 36);
    assert_eq!(code("CREATE USER a SETTINGS max_threads = 2 MIN 1"), 48);
    assert_eq!(code("CREATE USER a SETTINGS PROFILE 'p'"), 48);
    assert_eq!(code("CREATE ROLE r DEFAULT ROLE NONE"), 62);
}

#[test]
fn privileges_and_roles_are_granted_and_revoked() {
    let Statement::Grant { given: Given::Grants(grants), to } =
        one("GRANT SELECT(a), INSERT ON shop.t TO ann, `on`")
    else {
        panic!()
    };
    assert_eq!((grants.len(), to), (2, vec!["ann".to_owned(), "on".to_owned()]));
    let Statement::Revoke { given: Given::Roles(roles), from } = one("REVOKE a, b FROM ann") else {
        panic!()
    };
    assert_eq!((roles, from), (vec!["a".into(), "b".into()], vec!["ann".to_owned()]));
    assert_eq!(code("GRANT SELECT ON a.b TO c WITH GRANT OPTION"), 48);
    assert_eq!(code("GRANT fake_privilege ON a.b TO c"), 62);
    assert_eq!(code("GRANT SELECT ON a.b"), 62);
    assert_eq!(one("SET ROLE NONE"), Statement::SetRole(Roles::None));
    assert_eq!(
        one("SHOW GRANTS FOR ann FORMAT JSON"),
        Statement::Show(Show::Grants(Some("ann".into())))
    );
    assert_eq!(one("SHOW GRANTS FORMAT JSON"), Statement::Show(Show::Grants(None)));
    assert_eq!(one("SHOW POLICIES FORMAT JSON"), Statement::Show(Show::Policies(None)));
    let of_one = Show::Policies(Some(("shop".into(), "orders".into())));
    assert_eq!(one("SHOW ROW POLICIES ON shop.orders FORMAT JSON"), Statement::Show(of_one));
}

#[test]
fn policies_and_quotas() {
    let text = "CREATE ROW POLICY p ON shop.orders FOR SELECT USING f(a, 'TO') = 1 AND b IN (1) AS restrictive TO ann";
    let Statement::CreatePolicy { filter, restrictive: true, to: To::Names(to), .. } = one(text)
    else {
        panic!()
    };
    assert_eq!(filter, "f(a, 'TO') = 1 AND b IN (1)");
    assert!(to.contains("ann"));
    let text = "CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 10, errors = 2, FOR INTERVAL 2 days MAX read_rows = 1e9 TO ALL";
    let Statement::CreateQuota { intervals, to: To::All, .. } = one(text) else { panic!() };
    assert_eq!((intervals[0].most["errors"], intervals[1].seconds), (2, 172_800));
    assert_eq!(code("CREATE POLICY p ON a.b USING 1 + ( TO x"), 62);
    let text = "CREATE QUOTA q FOR INTERVAL 18446744073709551615 week MAX queries = 1";
    assert_eq!(code(text), 36);
    assert_eq!(code("CREATE QUOTA q FOR INTERVAL 1 fortnight MAX queries = 1"), 62);
}

#[test]
fn what_is_printed_is_read_again() {
    for text in [
        "CREATE ROW POLICY p ON a.`b c` FOR SELECT USING x = 'y' AS permissive TO ann, `b ob`",
        "CREATE QUOTA q FOR INTERVAL 60 second MAX queries = 1, FOR INTERVAL 3600 second MAX errors = 2 TO ALL",
    ] {
        one(text);
    }
}
