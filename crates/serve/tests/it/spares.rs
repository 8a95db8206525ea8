//! A connection that has served one request and serves another: nobody can tell.

use crate::access;
use crate::http::post;
use crate::lifecycle::open;
use crate::{ports, sql};

const CHANGED: &str =
    "SELECT name, value FROM system.settings WHERE changed AND name != 'log_comment' ORDER BY name";

fn ask(target: &str, text: &str) -> String {
    post(ports().door, target, text).text()
}

fn wait_for(seen: &str, expected: &str) {
    for _ in 0..1000 {
        if access::sql("root", seen) == expected {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(access::sql("root", seen), expected);
}

#[test]
fn nothing_is_left_of_the_request_before() {
    let door = open();
    let ask = |target: &str, text: &str| post(door.port, target, text).text();
    let fresh = ask("/", CHANGED);
    for (target, text) in [
        ("/", "SELECT 1 SETTINGS max_threads = 7, extremes = 1"),
        ("/", "SELECT 1 FORMAT JSON SETTINGS max_block_size = 77"),
        ("/?max_threads=3&extremes=1", "SELECT 1"),
        ("/?param_a=5", "SELECT {a:Int32}"),
        ("/?param_a=5", "SELECT {a:Int32} FROM numbers(9)"),
        ("/", "SELECT number FROM numbers(9) SETTINGS max_threads = 7"),
        ("/", "INSERT INTO FUNCTION null('n UInt8') SETTINGS max_threads = 7 VALUES (1)"),
        ("/", "DESCRIBE (SELECT 1 SETTINGS max_threads = 7)"),
        ("/", "SHOW TABLES SETTINGS max_threads = 7"),
        ("/?database=system", "SELECT count() FROM one"),
        ("/", "SET max_threads = 5"),
        ("/", "USE system"),
        ("/", "CREATE TEMPORARY TABLE left_over (n UInt8)"),
        ("/?readonly=1", "SELECT 1"),
        ("/", "SELECT throwIf(1)"),
        ("/", "SELECT throwIf(number = 99999) FROM numbers(100000)"),
        ("/", "INSERT INTO FUNCTION null('n UInt8') VALUES (1)"),
        ("/", "INSERT INTO FUNCTION null('n UInt8') VALUES ('x')"),
        ("/", "WITH 1 AS x SELECT x"),
        ("/", "DESCRIBE (SELECT 1)"),
    ] {
        ask(target, text);
        assert_eq!(ask("/", CHANGED), fresh, "{text}");
        assert_eq!(ask("/", "SELECT currentDatabase()"), "main\n", "{text}");
        assert!(ask("/", "SELECT {a:Int32}").contains("UNKNOWN_QUERY_PARAMETER"), "{text}");
        assert!(ask("/", "SELECT * FROM left_over").contains("UNKNOWN_TABLE"), "{text}");
        assert_eq!(ask("/", "SELECT 'whole'"), "whole\n", "{text}");
    }
    door.close();
}

#[test]
fn a_database_that_went_is_noticed() {
    sql("CREATE DATABASE goes");
    assert_eq!(ask("/?database=goes", "SELECT 1"), "1\n");
    sql("DROP DATABASE goes");
    assert!(ask("/?database=goes", "SELECT 1").contains("UNKNOWN_DATABASE"));
    sql("CREATE DATABASE goes");
    assert_eq!(ask("/?database=goes", "SELECT currentDatabase()"), "goes\n");
}

#[test]
fn a_statement_that_was_ended_takes_its_connection_along() {
    let port = ports().door;
    let sleep = "SELECT sleepEachRow(0.1) FROM numbers(1000) SETTINGS max_block_size = 1";
    let sleeper = std::thread::spawn(move || {
        post(port, "/?query_id=spare-1&log_comment=spare", sleep).text()
    });
    let count = "SELECT count() FROM system.processes WHERE query_id = 'spare-1'";
    while sql(count) != "1\n" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    sql("KILL QUERY WHERE query_id = 'spare-1' SYNC");
    assert!(sleeper.join().unwrap().contains("QUERY_WAS_CANCELLED"));
    for _ in 0..20 {
        assert_eq!(ask("/?log_comment=spare", "SELECT 1"), "1\n");
    }
}

#[test]
fn one_statement_is_named_and_not_the_one_before() {
    for id in ["spare-a", "spare-b"] {
        let own = "SELECT query_id, Settings['log_comment'] FROM system.processes \
                   WHERE query_id LIKE 'spare-_' AND query_id != 'spare-1'";
        let target = format!("/?query_id={id}&log_comment=of-{id}");
        assert_eq!(ask(&target, own), format!("{id}\tof-{id}\n"));
    }
}

/// Their connections have numbers of their own, and each is found under what its client calls it.
#[test]
fn statements_that_share_connections_are_told_apart() {
    const SLEEP: &str = "SELECT sleepEachRow(0.1) FROM numbers(1000)";
    let slow = |user: &'static str, id: &'static str| {
        let target = format!("/?query_id={id}&max_block_size=1");
        std::thread::spawn(move || access::ask(user, &target, SLEEP).text())
    };
    // Connections that have been used, of the admin's and of a viewer's.
    for user in ["root", "vera"] {
        assert_eq!(access::ask(user, "/?max_block_size=1", "SELECT 1").text(), "1\n");
    }
    let seen = "SELECT query_id, initial_query_id, user FROM system.processes \
                WHERE query LIKE '%sleepEachRow%' AND query NOT LIKE '%processes%' AND \
                query_id LIKE 'shared-%' AND NOT is_cancelled ORDER BY query_id";
    for user in ["root", "vera"] {
        let ids = ["shared-1", "shared-2"];
        let running = ids.map(|id| slow(user, id));
        let both = format!("shared-1\tshared-1\t{user}\nshared-2\tshared-2\t{user}\n");
        wait_for(seen, &both);
        access::sql(user, "KILL QUERY WHERE query_id = 'shared-1' SYNC");
        let alone = format!("shared-2\tshared-2\t{user}\n");
        assert_eq!(access::sql("root", seen), alone);
        // Whoever has the connections next is not ended.
        for _ in 0..20 {
            let reply = access::ask(user, "/?max_block_size=1", "SELECT 1");
            assert_eq!(reply.text(), "1\n");
        }
        assert_eq!(access::sql("root", seen), alone);
        access::sql("root", "KILL QUERY WHERE query_id = 'shared-2' SYNC");
        for running in running {
            assert!(running.join().unwrap().contains("QUERY_WAS_CANCELLED"));
        }
    }
}

/// A name in the reader's comment is none that it may not know.
#[test]
fn a_viewer_reads_no_names_of_others() {
    let other = std::thread::spawn(|| {
        access::ask("root", "/?query_id=not-for-vera", "SELECT sleepEachRow(0.1) FROM numbers(20)")
            .text()
    });
    let seen = "SELECT count() FROM system.processes WHERE query_id = 'not-for-vera'";
    wait_for(seen, "1\n");
    let text = "SELECT getSetting('log_comment') /* system.processes */ FROM system.processes";
    let told = access::ask("vera", "/", text).text();
    assert!(!told.contains("not-for-vera"), "{told}");
    other.join().unwrap();
}

#[test]
fn a_viewer_stays_a_viewer() {
    for _ in 0..3 {
        assert_eq!(access::sql("vera", "SELECT count() FROM filtered.orders"), "1\n");
        assert_eq!(access::sql("root", "SELECT count() FROM filtered.orders"), "2\n");
        for text in [
            "SET log_comment = 'door.1.root.x'",
            "SELECT 1 SETTINGS log_comment = 'door.1.root.x'",
            "SELECT * FROM hidden.t",
            "CREATE TABLE shop.mine (n UInt8) ENGINE = Memory",
        ] {
            let reply = access::ask("vera", "/", text);
            assert_ne!(reply.status, 200, "{text}: {}", reply.text());
        }
    }
}
