//! Who runs, and how it is ended: `system.processes`, `KILL QUERY`, one statement of an id at a time.

use crate::forms::halves;
use crate::http::{Reply, encode, get, post};
use crate::{ports, sql};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

const LONG: &str = "SELECT count() FROM numbers(1e13)";

/// A statement that runs for ever, once it does.
fn long(id: &'static str, more: &str) -> JoinHandle<Reply> {
    let target = format!("/?query_id={}{more}", encode(id));
    let running = std::thread::spawn(move || post(ports().door, &target, LONG));
    while listed(id, "count()") != "1\n" {
        assert!(!running.is_finished(), "{:?}", running.join());
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

fn listed(id: &str, columns: &str) -> String {
    let own = format!(
        "SELECT {columns} FROM system.processes WHERE query_id = '{id}' AND NOT is_cancelled"
    );
    sql(&own)
}

fn code(reply: &Reply) -> Option<&str> {
    reply.header("x-clickhouse-exception-code")
}

#[test]
fn what_runs_is_listed_by_its_clients_names() {
    let id = "list me|a.b";
    let running = long(id, "&log_comment=mine&max_threads=1");
    let columns = "user, initial_query_id, query, query_kind, interface, Settings['log_comment'], \
                   Settings['max_threads'], elapsed > 0, current_database";
    assert_eq!(
        listed(id, columns),
        format!("default\t{id}\t{LONG}\tSelect\t2\tmine\t1\t1\tmain\n")
    );
    assert!(sql("SHOW PROCESSLIST").contains(id));
    let json = post(ports().door, "/?default_format=JSON", "show processlist").text();
    assert!(json.contains(id), "{json}");
    // It is killed by the engine's list of the same name, which is its own.
    assert_eq!(
        sql(&format!("KILL QUERY WHERE query_id = '{id}' SYNC")).split('\t').next(),
        Some("finished")
    );
    assert_eq!(code(&running.join().unwrap()), Some("394"));
}

#[test]
fn a_statement_is_killed_by_its_query_id() {
    let running = long("kill-one", "");
    let kill = "KILL QUERY WHERE query_id = 'kill-one'";
    let row = |status: &str| format!("{status}\tkill-one\tdefault\t{LONG}\n");
    assert_eq!(sql(&format!("{kill} TEST")), row("unknown_status"));
    assert_eq!(listed("kill-one", "count()"), "1\n");
    let refused = get(ports().door, &format!("/?query={}", encode(kill)));
    assert_eq!(code(&refused), Some("164"));
    assert_eq!(sql(kill), row("waiting"));
    let reply = running.join().unwrap();
    assert_eq!((reply.status, code(&reply)), (500, Some("394")));
    assert_eq!(sql(kill), "");
    assert_eq!(sql(&format!("{kill} FORMAT TSVWithNames")), "kill_status\tquery_id\tuser\tquery\n");
}

#[test]
fn sync_waits_for_all_of_them() {
    let running = [long("kill-a", ""), long("kill-b", "&session_id=kill-b")];
    let kill = "KILL QUERY WHERE query_id IN ('kill-a', 'kill-b', 'kill-c') AND user = 'default' SYNC \
                FORMAT JSONEachRow";
    let reply = post(ports().door, "/", kill).text();
    assert_eq!(reply.matches("\"kill_status\":\"finished\"").count(), 2, "{reply}");
    assert_eq!(listed("kill-a", "count()") + &listed("kill-b", "count()"), "0\n0\n");
    for running in running {
        assert_eq!(code(&running.join().unwrap()), Some("394"));
    }
    // The session of a killed statement goes on.
    assert_eq!(post(ports().door, "/?session_id=kill-b&session_check=1", "SELECT 7").text(), "7\n");
    assert_eq!(sql("KILL QUERY WHERE user = 'nobody' SYNC"), "");
    let reply = post(ports().door, "/", "KILL QUERY WHERE elapsed > 5");
    assert_eq!(code(&reply), Some("48"), "{}", reply.text());
}

#[test]
fn a_form_is_killed_while_its_tables_come() {
    let query = encode("SELECT _1 FROM ext");
    let (first, second) = halves(&format!("/?query_id=kill-form&ext_types=UInt8&query={query}"));
    let mut stream = TcpStream::connect(("127.0.0.1", ports().door)).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    let kill = "KILL QUERY WHERE query_id = 'kill-form'";
    let killed = loop {
        let killed = sql(kill);
        if !killed.is_empty() {
            break killed;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(killed, "waiting\tkill-form\tdefault\tSELECT _1 FROM ext\n");
    stream.write_all(second.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Code: 394."), "{answer}");
}

#[test]
fn one_statement_of_an_id_runs_at_a_time() {
    let running = long("kill-twice", "");
    let again = post(ports().door, "/?query_id=kill-twice", "SELECT 1");
    assert_eq!((again.status, code(&again)), (500, Some("216")), "{}", again.text());
    let again = post(ports().door, "/?query_id=kill-twice&replace_running_query=1", "SELECT 1");
    assert_eq!(again.text(), "1\n");
    assert_eq!(code(&running.join().unwrap()), Some("394"));
    // Free before the last byte has gone out.
    for _ in 0..50 {
        assert_eq!(post(ports().door, "/?query_id=kill-twice", "SELECT 1").text(), "1\n");
    }
}

#[test]
fn what_runs_for_long_is_logged_before_its_end() {
    let running = long("kill-slow", "");
    let log = "SELECT type, query FROM system.query_log WHERE query_id = 'kill-slow' ORDER BY type";
    while sql(log).is_empty() {
        assert!(!running.is_finished());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(sql(log), format!("QueryStart\t{LONG}\n"));
    sql("KILL QUERY WHERE query_id = 'kill-slow' SYNC");
    running.join().unwrap();
    sql("SYSTEM FLUSH LOGS");
    assert_eq!(
        sql("SELECT type, exception_code, query_duration_ms > 900 FROM system.query_log \
             WHERE query_id = 'kill-slow' ORDER BY type"),
        "QueryStart\t0\t0\nExceptionWhileProcessing\t394\t1\n"
    );
}
