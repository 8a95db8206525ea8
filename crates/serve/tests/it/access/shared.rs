//! Several users at one door: turns, quotas and progress are each one's own.

use super::{PASSWORD, ask, door, sql};
use crate::forms::{HEADER, form};
use crate::http::post_with;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_user_who_takes_all_turns_keeps_nobody_waiting() {
    sql("root", &format!("CREATE USER greedy IDENTIFIED BY '{PASSWORD}'"));
    // Of short ones, and as many of long ones.
    let count = 4 * std::thread::available_parallelism().unwrap().get();
    let sleep = "SELECT sleepEachRow(0.2) FROM numbers(100000) FORMAT Null";
    let sleepers: Vec<_> = (0..count)
        .map(|number| {
            let target =
                format!("/?query_id=greedy-{number}&queue_max_wait_ms=300000&max_block_size=1");
            std::thread::spawn(move || ask("greedy", &target, sleep))
        })
        .collect();
    let late = || ask("greedy", "/?queue_max_wait_ms=20", "SELECT 1");
    let running = "SELECT count() FROM system.processes WHERE user = 'greedy' AND NOT is_cancelled";
    while sql("root", running) != format!("{count}\n") {
        assert!(!sleepers.iter().any(|sleeper| sleeper.is_finished()));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(late().header("x-clickhouse-exception-code"), Some("202"), "{}", late().text());
    assert_eq!(ask("vera", "/?queue_max_wait_ms=60000", "SELECT 1").text(), "1\n");
    // And is not in the way for ever.
    sql("root", "DROP USER greedy");
    for sleeper in sleepers {
        assert_eq!(sleeper.join().unwrap().header("x-clickhouse-exception-code"), Some("394"));
    }
}

#[test]
fn a_form_is_one_query_of_a_quota() {
    sql("root", &format!("CREATE USER former IDENTIFIED BY '{PASSWORD}'"));
    sql("root", "CREATE QUOTA of_forms FOR INTERVAL 1 hour MAX queries = 2 TO former");
    let send = |user: &str| {
        let headers = [HEADER, ("X-ClickHouse-User", user), ("X-ClickHouse-Key", PASSWORD)];
        let parts: [(&str, &[u8]); 3] =
            [("ext@", b"1\n"), ("more@", b"2\n"), ("query", b"SELECT _1 FROM ext, more")];
        post_with(door(), "/?ext_types=UInt8&more_types=UInt8", &headers, &form(&parts))
    };
    for _ in 0..2 {
        assert_eq!(send("former").text(), "1\n");
    }
    let over = send("former");
    assert_eq!(over.header("x-clickhouse-exception-code"), Some("201"), "{}", over.text());
    assert_eq!(send("vera").text(), "1\n");
}

#[test]
fn a_viewer_is_told_of_progress() {
    let mut stream = TcpStream::connect(("127.0.0.1", door())).unwrap();
    let text = "SELECT count() FROM numbers(1e13)";
    let request = format!(
        "POST /?send_progress_in_http_headers=1&http_headers_progress_interval_ms=100 HTTP/1.1\r\n\
         Host: localhost\r\nX-ClickHouse-User: vera\r\nX-ClickHouse-Key: {PASSWORD}\r\n\
         Content-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (mut read, mut piece) = (Vec::new(), [0; 4096]);
    while read.windows(10).filter(|window| window == b"\"read_rows").count() < 3 {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
    }
    let text = String::from_utf8(read).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {"), "{text}");
}
