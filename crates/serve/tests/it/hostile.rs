//! Requests that are broken, cut off or meant badly.

use crate::http::{encode, post, post_with, raw};
use crate::{ports, sql};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn still_there() {
    assert_eq!(sql("SELECT 42"), "42\n");
}

#[test]
fn malformed_requests_get_a_400() {
    let port = ports().door;
    for bytes in [
        &b"HELLO\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, nonsense\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /?query=%zz%ff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ] {
        let reply = raw(port, bytes);
        assert_eq!(reply.status, 400, "{:?}: {reply:?}", String::from_utf8_lossy(bytes));
    }
    let long = format!("GET /?query={} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000));
    assert_eq!(raw(port, long.as_bytes()).status, 414);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(1000));
    assert_eq!(raw(port, many.as_bytes()).status, 431);
    still_there();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn garbage_is_answered_or_closed(start in prop_oneof![
        Just(""), Just("GET /"), Just("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"),
        Just("POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: lz4\r\nContent-Length: 20\r\nConnection: close\r\n\r\n"),
        Just("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"),
    ], bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut stream = TcpStream::connect(("127.0.0.1", ports().door)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let _ = stream.write_all(start.as_bytes());
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        prop_assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "));
    }
}

#[test]
fn an_upload_that_breaks_off_is_not_run() {
    let port = ports().door;
    sql("CREATE TABLE broken (a Int64) ENGINE = MergeTree ORDER BY a");
    let insert = "INSERT INTO broken FORMAT CSV\n1\n2\n";
    let chunk = format!("{:x}\r\n{insert}\r\n", insert.len());
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\n";
    for request in [
        format!("{head}Content-Length: 1000\r\n\r\n{insert}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
        format!("{head}Content-Length: 1000\r\n\r\nINSERT INTO broken SELECT 7"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n1b\r\nINSERT INTO broken SELECT 7\r\n"),
    ] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{request}");
    }
    // The same, whole, in a chunked body: it is the breaking off that mattered.
    let whole =
        format!("{head}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    assert_eq!(raw(port, whole.as_bytes()).status, 200);
    assert_eq!(sql("SELECT count(), sum(a) FROM broken"), "2\t3\n");
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let port = ports().door;
    let reply = post_with(port, "/", &[("Origin", "https://evil.example")], b"SELECT 1");
    assert_eq!(reply.status, 403);
    let request = format!(
        "GET /?query={} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        encode("SELECT 1")
    );
    assert_eq!(raw(port, request.as_bytes()).status, 403);
}

#[test]
fn statements_have_a_largest_text() {
    let port = ports().door;
    let text = format!("SELECT 1 -- {}", "x".repeat(17 << 20));
    let reply = post(port, "/", &text);
    assert_eq!(reply.status, 400, "{}", reply.head);
    assert!(reply.text().contains("Max query size exceeded"));
    still_there();
}
