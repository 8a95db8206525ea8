//! Who works and who waits, at a door of its own: turns are of a door.

use crate::forms::{HEADER, form, halves};
use crate::http::{get, post, post_with};
use crate::lifecycle::open;
use crate::{CORES, sql};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What one user may have of short and of long ones.
const TURNS_OF_A_USER: usize = 2 * CORES;

fn until(what: impl Fn() -> bool) {
    while !what() {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn who_has_no_turn_waits_and_may_be_killed() {
    let door = open();
    let port = door.port;
    let count = 2 * TURNS_OF_A_USER;
    let sleep =
        "SELECT sleepEachRow(0.2) FROM numbers(100000) SETTINGS max_block_size = 1 FORMAT Null";
    let sleepers: Vec<_> = (0..count)
        .map(|number| {
            // What has a comment has a connection of its own, and is seen from another door, too.
            let target = format!("/?query_id=turn-{number}&log_comment=turn");
            std::thread::spawn(move || post(port, &target, sleep))
        })
        .collect();
    // The first ones go on as long ones, and the others begin.
    let running =
        "SELECT count() FROM system.processes WHERE query_id LIKE 'turn-%' AND NOT is_cancelled";
    until(|| sql(running) == format!("{count}\n"));
    let late = post(port, "/?queue_max_wait_ms=20", "SELECT 1");
    assert_eq!(late.status, 503, "{}", late.text());
    assert_eq!(late.header("x-clickhouse-exception-code"), Some("202"));
    // Also of a statement that would be told of while it runs, and of a form before its tables are filled.
    let told = "/?queue_max_wait_ms=500&send_progress_in_http_headers=1";
    assert_eq!(post(port, told, "SELECT 1").status, 503);
    let parts: [(&str, &[u8]); 2] = [("ext@", b"1\n"), ("query", b"SHOW TABLES")];
    let target = "/?queue_max_wait_ms=20&ext_types=UInt8";
    assert_eq!(post_with(port, target, &[HEADER], &form(&parts)).status, 503);
    // One that waits is ended by its id, too.
    let waiting = std::thread::spawn(move || post(port, "/?query_id=turn-wait", "SELECT 1"));
    let kill =
        |id: &str| post(port, "/", &format!("KILL QUERY WHERE query_id = '{id}' SYNC")).text();
    until(|| !kill("turn-wait").is_empty());
    assert_eq!(waiting.join().unwrap().header("x-clickhouse-exception-code"), Some("394"));
    // Looking and setting need no turn.
    let listed = post(port, "/?default_format=JSONEachRow", "SHOW PROCESSLIST").text();
    assert!((0..count).all(|number| listed.contains(&format!("\"turn-{number}\""))), "{listed}");
    assert_eq!(post(port, "/?session_id=turns", "SET max_threads = 1").status, 200);
    assert_eq!(get(port, "/ping").status, 200);
    assert_eq!(kill("turn-0").split('\t').next(), Some("finished"));
    assert_eq!(post(port, "/?queue_max_wait_ms=60000", "SELECT 1").text(), "1\n");
    for number in 1..count {
        kill(&format!("turn-{number}"));
    }
    for sleeper in sleepers {
        assert_eq!(sleeper.join().unwrap().header("x-clickhouse-exception-code"), Some("394"));
    }
    door.close();
}

#[test]
fn slow_clients_have_no_turn() {
    sql("CREATE TABLE slow_turns (n UInt64) ENGINE = MergeTree ORDER BY n");
    let door = open();
    let connect = |request: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let insert = "INSERT INTO slow_turns FORMAT CSV\n1\n";
    let insert = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{insert}\r\n",
        insert.len()
    );
    let select = "SELECT number FROM numbers(1e12)";
    let select = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{select}",
        select.len()
    );
    let count = 2 * TURNS_OF_A_USER + 2;
    let mut uploads: Vec<TcpStream> = (0..count).map(|_| connect(&insert)).collect();
    let downloads: Vec<TcpStream> = (0..count).map(|_| connect(&select)).collect();
    let listed = "SELECT countIf(query_kind = 'Insert') >= {n}, countIf(query LIKE '%1e12%') >= {n} \
                  FROM system.processes";
    until(|| sql(&listed.replace("{n}", &count.to_string())) == "1\t1\n");
    for _ in 0..20 {
        assert_eq!(post(door.port, "/", "SELECT 1").text(), "1\n");
    }
    for upload in &mut uploads {
        upload.write_all(b"2\r\n2\n\r\n0\r\n\r\n").unwrap();
    }
    until(|| {
        sql("SELECT count(), sum(n) FROM slow_turns") == format!("{}\t{}\n", 2 * count, 3 * count)
    });
    drop(downloads);
    door.close();
}

#[test]
fn slow_forms_have_no_turn() {
    let door = open();
    let (first, second) =
        halves("/?ext_types=UInt8&log_comment=slow-form&query=SELECT+sum(_1)+FROM+ext");
    let mut forms: Vec<TcpStream> = (0..2 * TURNS_OF_A_USER + 2)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", door.port)).unwrap();
            stream.write_all(first.as_bytes()).unwrap();
            stream
        })
        .collect();
    let listed = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'slow-form'";
    until(|| sql(listed) == format!("{}\n", forms.len()));
    assert_eq!(post(door.port, "/", "SELECT 1").text(), "1\n");
    for form in &mut forms {
        form.write_all(second.as_bytes()).unwrap();
    }
    for mut form in forms {
        let mut answer = String::new();
        form.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("\r\n3\n\r\n"), "{answer}");
    }
    door.close();
}
