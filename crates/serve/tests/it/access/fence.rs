//! The engine's own fence, with the gate out of the way: what its roles refuse by themselves.

use super::door;
use crate::ports;
use store::embedded::Session;

/// A session in the engine's roles of these grants, read-only as a viewer's.
fn session(grants: &[&str]) -> Session {
    door();
    let engine = &ports().engine;
    // What it read when it opened.
    let known = std::fs::read_to_string(engine.data_dir().join("users.xml")).unwrap();
    let mut roles = vec!["limited".to_owned()];
    for grant in grants {
        let made = format!("><grants><query>GRANT {grant}</query></grants>");
        let at = known.find(&made).unwrap_or_else(|| panic!("{grant}: {known}"));
        let name = known[..at].rsplit_once('<').unwrap().1;
        assert!(engine.roles().contains(name), "{name}");
        roles.push(name.to_owned());
    }
    let mut session = engine.session().unwrap();
    session.query(&format!("SET ROLE {}", roles.join(", ")), "Null", &[]).unwrap();
    session.query("SET readonly = 1", "Null", &[]).unwrap();
    session
}

#[test]
fn the_engine_refuses_what_is_not_granted_by_itself() {
    let grants = ["SELECT ON shop.*", "SELECT ON partly.open", "SELECT(id, name) ON partly.people"];
    for text in [
        "SELECT * FROM hidden.t",
        "SELECT x FROM shop.peek",
        "SELECT * FROM partly.closed",
        "SELECT salary FROM partly.people",
        "SELECT name FROM partly.people ORDER BY salary",
        "SELECT * FROM millrace.access",
        "SELECT * FROM default.`/etc/hostname`",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/x', 'CSV', 'x String')",
        "SELECT * FROM remote('127.0.0.1', 'hidden', 't')",
        "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
        "SELECT dictGet('hidden.d', 'x', toUInt64(1))",
        "INSERT INTO shop.orders SELECT 1, 'x'",
        "DROP TABLE shop.orders",
        "CREATE TEMPORARY TABLE t (x Int8)",
        "SET max_threads = 1",
        "DESCRIBE hidden.t",
    ] {
        let refused = session(&grants).query_and_keep(text, "TSV", &[]).err();
        let code = refused.unwrap_or_else(|| panic!("{text} went through")).code;
        assert!(matches!(code, 497 | 164), "{text}: {code}");
    }
    let mut granted = session(&grants);
    for text in [
        "SELECT * FROM shop.orders",
        "SELECT id, name FROM partly.people",
        "SELECT id FROM partly.open",
    ] {
        granted.query_and_keep(text, "TSV", &[]).unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

/// The list in the code is the engine's.
#[test]
fn every_privilege_that_is_granted_is_one_of_the_engines() {
    let mut session = ports().engine.session().unwrap();
    for (name, _) in serve::access::privileges() {
        let sql = format!("SELECT count() FROM system.privileges WHERE privilege = '{name}'");
        let answer = session.query(&sql, "TSV", &[]).unwrap();
        assert_eq!(answer.bytes(), b"1\n", "{name}");
    }
}

/// A grant that it cannot read keeps the engine from opening.
#[test]
fn what_the_engine_cannot_read_is_not_granted() {
    for place in ["a.b", "a.*", "*.*"] {
        for (name, _) in serve::access::privileges() {
            let grant = format!("GRANT {name} ON {place} TO nosuch");
            let reply = super::ask("root", "/", &grant);
            // The one who gets it is what is wrong last.
            let ours = reply.header("x-clickhouse-exception-code") == Some("511");
            let engine = format!("SELECT formatQuery('{grant}')");
            let engine = ports().engine.session().unwrap().query(&engine, "Null", &[]).is_ok();
            assert_eq!(ours, engine, "{grant}: {}", reply.text());
        }
    }
}
