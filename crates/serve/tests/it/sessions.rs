//! Sessions by `session_id`: what lasts, what is lent, and when they end.

use crate::http::{Reply, post};
use crate::{ports, sql};

fn ask(session: &str, more: &str, text: &str) -> Reply {
    post(ports().door, &format!("/?session_id={session}{more}"), text)
}

#[test]
fn settings_and_temporary_tables_stay_also_after_errors() {
    assert_eq!(ask("keep", "", "CREATE TEMPORARY TABLE kept (x Int64)").status, 200);
    assert_eq!(ask("keep", "", "INSERT INTO kept VALUES (1), (2)").status, 200);
    assert_eq!(ask("keep", "", "SET max_threads = 3").status, 200);
    for bad in [
        "SELEC",
        "SELECT nope",
        "INSERT INTO nope VALUES (1)",
        "SELECT 1 FORMAT Nope",
        "DROP TABLE nope",
        "SELECT throwIf(number = 9) FROM numbers(10) FORMAT JSON SETTINGS max_block_size = 1",
    ] {
        assert!(ask("keep", "", bad).status >= 400, "{bad}");
    }
    assert_eq!(
        ask("keep", "", "SELECT sum(x), getSetting('max_threads') FROM kept").text(),
        "3\t3\n"
    );
    assert!(ask("other", "", "SELECT * FROM kept").status >= 400);
    assert_eq!(ask("keep", "&close_session=1", "SELECT 1").text(), "1\n");
    assert_eq!(
        ask("keep", "&session_check=1", "SELECT 1").header("x-clickhouse-exception-code"),
        Some("372")
    );
}

#[test]
fn settings_of_the_url_are_lent_to_one_request() {
    let threads = "SELECT getSetting('max_threads'), getSetting('max_block_size')";
    ask("lend", "", "SET max_threads = 3");
    assert_eq!(ask("lend", "&max_threads=5&max_block_size=77", threads).text(), "5\t77\n");
    assert_eq!(ask("lend", "&max_threads=6", threads).text(), "6\t65409\n");
    assert_eq!(ask("lend", "", threads).text(), "3\t65409\n");
    ask("lend", "&max_threads=7", "SET max_threads = 4");
    assert_eq!(ask("lend", "", threads).text(), "4\t65409\n");
    assert_eq!(ask("lend", "&nosuch=1", "SELECT 1").status, 404);
    assert_eq!(
        ask("lend", "&readonly=1", "CREATE TEMPORARY TABLE no (x Int8)")
            .header("x-clickhouse-exception-code"),
        Some("164")
    );
    assert_eq!(ask("lend", "", "CREATE TEMPORARY TABLE yes (x Int8)").status, 200);
}

#[test]
fn one_request_at_a_time_has_a_session() {
    let slow = std::thread::spawn(|| {
        loop {
            // The other side may be in it just now.
            let reply = ask("lock", "", "SELECT sleep(3)");
            if reply.header("x-clickhouse-exception-code") != Some("373") {
                break reply;
            }
        }
    });
    let locked = loop {
        let reply = ask("lock", "", "SELECT 1");
        if reply.status != 200 || slow.is_finished() {
            break reply;
        }
    };
    assert_eq!(locked.header("x-clickhouse-exception-code"), Some("373"));
    assert_eq!(slow.join().unwrap().status, 200);
    // Free before the last byte has gone out.
    for _ in 0..50 {
        assert_eq!(ask("lock", "", "SELECT 1").text(), "1\n");
    }
}

#[test]
fn an_idle_session_ends_after_its_time_out() {
    assert_eq!(ask("short", "&session_timeout=0", "SET max_threads = 3").status, 200);
    let reply = ask("short", "&session_check=1", "SELECT 1");
    assert_eq!((reply.status, reply.header("x-clickhouse-exception-code")), (500, Some("372")));
    assert_eq!(
        ask("short", "&session_timeout=4000", "SELECT 1").header("x-clickhouse-exception-code"),
        Some("374")
    );
}

#[test]
fn a_database_of_the_url_is_lent_to_one_request() {
    let place = |more: &str| ask("used", more, "SELECT currentDatabase()").text();
    assert_eq!(place("&database=system"), "system\n");
    assert_eq!(place(""), "main\n");
    ask("used", "", "USE system");
    assert_eq!(place(""), "system\n");
    for _ in 0..2 {
        assert_eq!(place("&database=default"), "main\n");
    }
    assert_eq!(place(""), "system\n");
    // What a statement says is the session's, whatever the request said.
    assert_eq!(ask("used", "&database=system", "USE main").status, 200);
    assert_eq!(place(""), "main\n");
    assert_eq!(ask("used", "&database=system", "USE nosuch").status, 404);
    assert_eq!(place(""), "main\n");
    // Its own went meanwhile: it can go elsewhere, and is nowhere else before.
    sql("CREATE DATABASE went");
    ask("used", "", "USE went");
    assert_eq!(place("&database=system"), "system\n");
    sql("DROP DATABASE went");
    assert!(place("").contains("UNKNOWN_DATABASE"));
    assert_eq!(place("&database=system"), "system\n");
    assert_eq!(ask("used", "", "USE main").status, 200);
    assert_eq!(place(""), "main\n");
}
