//! Clients that leave before they have their answer, or read it slowly.

use crate::http::{exchange, post};
use crate::lifecycle::open;
use crate::{ports, sql};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

fn until(what: impl Fn() -> bool) {
    while !what() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn running(marker: &str) -> bool {
    // Literals are not shown in a column of this name's own query.
    let text = format!(
        "SELECT count() FROM system.processes WHERE NOT is_cancelled AND Settings['log_comment'] = '{marker}'"
    );
    sql(&text) != "0\n"
}

/// A client that has sent all of it, and more behind it.
fn send(port: u16, marker: &str, text: &str, behind: &str) -> TcpStream {
    let request = format!(
        "POST /?buffer_size=0&log_comment={marker} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{text}{behind}",
        text.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[test]
fn a_client_that_goes_away_ends_what_reads() {
    let next = "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let streamed =
        "SELECT number, sleepEachRow(0.001) FROM numbers(1e9) SETTINGS max_block_size = 1000";
    // Nothing goes out meanwhile that would tell.
    let quiet = "SELECT number FROM numbers(1e13) WHERE sipHash64(number) = sipHash64(toUInt64(1)) FORMAT CSV";
    let cases = [
        ("gone-early", "SELECT count() FROM numbers(1e13)", ""),
        ("gone-late", streamed, ""),
        ("gone-document", "SELECT number FROM numbers(1e13) FORMAT JSON", ""),
        ("gone-behind", "SELECT count() FROM numbers(1e13)", next),
        ("gone-behind-late", quiet, next),
    ];
    for (marker, text, behind) in cases {
        let mut stream = send(ports().door, marker, text, behind);
        until(|| running(marker));
        if marker == "gone-document" {
            let shown = format!(
                "SELECT query FROM system.processes WHERE Settings['log_comment'] = '{marker}'"
            );
            assert_eq!(sql(&shown), "SELECT number FROM numbers(1e13)  FORMAT JSON\n");
        }
        if ["gone-behind-late", "gone-document"].contains(&marker) {
            // Its answer has begun.
            stream.read_exact(&mut [0; 12]).unwrap();
        }
        drop(stream);
        until(|| !running(marker));
    }
    // What lies behind is answered in its turn.
    let first =
        "POST /?query=SELECT+sleep(0.2) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    let last = next.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let answers = exchange(ports().door, format!("{first}{next}{last}").as_bytes());
    let answers = String::from_utf8_lossy(&answers);
    assert_eq!(answers.matches("\r\n\r\nOk.\n").count(), 2, "{answers}");
}

#[test]
fn what_writes_goes_on_without_its_client() {
    let port = ports().door;
    sql("CREATE TABLE left_alone (n UInt64) ENGINE = MergeTree ORDER BY n");
    let slow =
        "SELECT number + sleepEachRow(0.05) AS n FROM numbers(20) SETTINGS max_block_size = 1";
    let cases = [
        ("left-insert", format!("INSERT INTO left_alone {slow}"), "SELECT count() FROM left_alone"),
        (
            "left-ddl",
            format!("CREATE TABLE left_made ENGINE = MergeTree ORDER BY n AS {slow}"),
            "SELECT count() FROM system.tables WHERE name = 'left_made' AND total_rows = 20",
        ),
    ];
    for (marker, text, _) in &cases {
        let stream = send(port, marker, text, "");
        until(|| running(marker));
        drop(stream);
    }
    until(|| sql(cases[0].2) == "20\n" && sql(cases[1].2) == "1\n");
    // Gone before anybody has read what it wants.
    for number in 0..20 {
        drop(send(
            port,
            "left-at-once",
            &format!("INSERT INTO left_alone SELECT 100 + {number}"),
            "",
        ));
        drop(send(
            port,
            "left-at-once",
            &format!("INSERT INTO left_alone VALUES (200 + {number})"),
            "",
        ));
    }
    until(|| sql("SELECT count() FROM left_alone WHERE n >= 100") == "40\n");
    sql("SYSTEM FLUSH LOGS");
    let ends = "SELECT DISTINCT type, exception_code FROM system.query_log \
                WHERE log_comment LIKE 'left-%' AND type != 'QueryStart'";
    assert_eq!(sql(ends), "QueryFinish\t0\n");
}

#[test]
fn a_shutdown_ends_what_went_on_alone() {
    let door = open();
    let endless = "INSERT INTO FUNCTION null('n UInt64') SELECT number FROM numbers(1e13)";
    let stream = send(door.port, "alone-for-ever", endless, "");
    until(|| running("alone-for-ever"));
    drop(stream);
    // Seen to be gone, and still there.
    assert_eq!(post(door.port, "/", "SELECT sleep(0.5)").text(), "0\n");
    assert!(running("alone-for-ever"));
    door.close();
    assert!(!running("alone-for-ever"));
}

#[test]
fn a_slow_client_reads_why_its_answer_broke_off() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let address: SocketAddr = ([127, 0, 0, 1], ports().door).into();
    socket.connect(&address.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    let text = "SELECT number, throwIf(number = 100000), repeat('x', 50) FROM numbers(1e6) \
                SETTINGS max_block_size = 1000";
    let request = format!(
        "POST /?buffer_size=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // At the end slower than the rows are made, so that some wait in the server when they fail.
    let mut read = |most| (&stream).take(most).read_to_end(&mut answer).unwrap();
    read(2 << 20);
    while read(64 << 10) > 0 {
        std::thread::sleep(Duration::from_millis(150));
    }
    let end = String::from_utf8_lossy(&answer[answer.len() - 1000..]).into_owned();
    assert!(end.contains("Code: 395.") && end.contains("__exception__"), "{end}");
}
