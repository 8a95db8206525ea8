//! Headers that tell how far a statement is, before there is an answer.

use crate::http::{Reply, encode, exchange, get, post, raw};
use crate::ports;
use std::io::{Read, Write};
use std::net::TcpStream;

const WANTED: &str = "/?send_progress_in_http_headers=1&http_headers_progress_interval_ms=100";

fn request(target: &str, text: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    )
}

fn lines(reply: &Reply) -> Vec<serde_json::Value> {
    let lines = reply.head.lines().filter_map(|line| line.strip_prefix("X-ClickHouse-Progress: "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(json: &serde_json::Value, name: &str) -> u64 {
    json[name].as_str().unwrap().parse().unwrap()
}

#[test]
fn progress_comes_while_a_statement_runs() {
    // One that does not end by itself, so that whatever comes, comes before its end.
    let mut stream = TcpStream::connect(("127.0.0.1", ports().door)).unwrap();
    stream.write_all(request(WANTED, "SELECT count() FROM numbers(1e13)").as_bytes()).unwrap();
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while read.windows(10).filter(|window| window == b"\"read_rows").count() < 3 {
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&piece[..count]);
    }
    let text = String::from_utf8(read).unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {\"read_rows\":\""),
        "{text}"
    );
    let last = text.rsplit("\"read_rows\":\"").next().unwrap();
    assert_ne!(last.split('"').next(), Some("0"), "{text}");
    assert!(last.contains("\"total_rows_to_read\":\"10000000000000\""), "{text}");
    assert!(last.contains("\"memory_usage\":\""), "{text}");
}

/// Of a statement that takes longer than two looks, as many rows as they may take.
fn slow(text: &str) -> String {
    format!(
        "{text} FROM numbers(40) WHERE NOT ignore(sleepEachRow(0.02)) SETTINGS max_block_size = 2"
    )
}

#[test]
fn an_answer_that_began_early_goes_on_as_any() {
    let port = ports().door;
    let target = format!("{WANTED}&wait_end_of_query=1");
    let reply = post(port, &target, &slow("SELECT sum(number)"));
    assert_eq!((reply.status, reply.whole, reply.text().as_str()), (200, true, "780\n"));
    assert!(!lines(&reply).is_empty(), "{}", reply.head);
    assert_eq!(reply.head.matches("HTTP/1.1").count(), 1, "{}", reply.head);
    assert_eq!(reply.header("x-clickhouse-format"), Some("TabSeparated"));
    let summary = serde_json::from_str(reply.header("x-clickhouse-summary").unwrap()).unwrap();
    assert_eq!(number(&summary, "read_rows"), 40);
    assert_eq!(number(&summary, "total_rows_to_read"), 40);
    assert!(number(&summary, "memory_usage") > 0);
    for (before, after) in lines(&reply).iter().zip(&lines(&reply)[1..]) {
        assert!(number(before, "read_rows") <= number(after, "read_rows"));
        assert!(number(before, "elapsed_ns") < number(after, "elapsed_ns"));
    }
    // The status is out; the code and the text say that it failed.
    let reply = post(port, &target, &slow("SELECT throwIf(number = 39, 'late')"));
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-clickhouse-exception-code"), Some("395"));
    assert!(reply.text().starts_with("Code: 395. DB::Exception: "), "{}", reply.text());
    assert!(!lines(&reply).is_empty());
    // GET has it, too.
    let reply = get(port, &format!("{target}&query={}", encode(&slow("SELECT count()"))));
    assert_eq!((reply.status, reply.text().as_str()), (200, "40\n"));
    assert!(!lines(&reply).is_empty());
}

#[test]
fn only_who_asks_is_told() {
    let port = ports().door;
    let reply = post(port, "/?wait_end_of_query=1", &slow("SELECT count()"));
    assert!(lines(&reply).is_empty());
    assert!(reply.header("x-clickhouse-summary").unwrap().contains("\"total_rows_to_read\":\"0\""));
    // An older protocol has its own first line, which no other may go before.
    let old = request(&format!("{WANTED}&wait_end_of_query=1"), &slow("SELECT count()"));
    let reply = raw(port, old.replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    assert!(
        reply.head.starts_with("HTTP/1.0 200 OK") && lines(&reply).is_empty(),
        "{}",
        reply.head
    );
    assert_eq!(reply.text(), "40\n");
    // One that fails at once has its status.
    assert_eq!(post(port, WANTED, "SELECT nothing").status, 404);
}

#[test]
fn requests_behind_an_early_answer_are_answered_in_their_order() {
    let last = request("/", "SELECT 3").replace("Host:", "Connection: close\r\nHost:");
    let all = [request(WANTED, &slow("SELECT count()")), request(WANTED, "SELECT nothing"), last];
    let answers = exchange(ports().door, all.concat().as_bytes());
    let answers = String::from_utf8_lossy(&answers);
    let parts: Vec<&str> = answers.split("HTTP/1.1 ").collect();
    assert_eq!(parts.len(), 4, "{answers}");
    assert!(parts[1].starts_with("200 OK\r\nX-ClickHouse-Progress: ") && parts[1].contains("40\n"));
    assert!(parts[2].starts_with("404 ") && parts[2].contains("Code: 47."));
    assert!(parts[3].starts_with("200 OK") && parts[3].contains("3\n"));
}
