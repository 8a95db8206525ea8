//! What stands around an answer: headers, pages, and forms of it that settings choose.

use crate::http::{Reply, encode, get, post, post_with, raw};
use crate::{ports, sql};

fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.header("x-clickhouse-exception-code").unwrap_or("-"))
}

#[test]
fn refusals_have_the_headers_of_answers() {
    let port = ports().door;
    let wrong = [("X-ClickHouse-User", "ann")];
    let cases = [
        post_with(port, "/?query_id=refused", &wrong, b"SELECT 1"),
        post(port, "/?query_id=refused&session_timeout=x&session_id=s", "SELECT 1"),
        post(port, "/?query_id=refused", "SELEC"),
    ];
    for reply in cases {
        assert!(reply.status >= 400);
        assert_eq!(reply.header("x-clickhouse-query-id"), Some("refused"));
        assert_eq!(reply.header("x-clickhouse-timezone"), Some("Etc/UTC"));
        assert_eq!(reply.header("x-clickhouse-exception-tag").map(str::len), Some(16));
        assert!(reply.header("x-clickhouse-summary").unwrap().contains("\"read_rows\":\"0\""));
        assert!(reply.header("x-clickhouse-server-display-name").is_some());
    }
}

#[test]
fn pages_of_this_machine_read_answers() {
    let port = ports().door;
    let page = [("Origin", "http://localhost:3000")];
    for text in ["SELECT 1", "SELEC"] {
        let reply = post_with(port, "/", &page, text.as_bytes());
        assert_eq!(reply.header("access-control-allow-origin"), Some(page[0].1));
        let exposed = reply.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("X-ClickHouse-Exception-Code"), "{exposed}");
    }
    let device = [("Origin", "http://192.168.0.1")];
    let reply = post_with(port, "/", &device, b"SELECT 1");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    let ask = "OPTIONS / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
               Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n\r\n";
    let reply = raw(port, ask.as_bytes());
    assert_eq!(reply.status, 204);
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("X-ClickHouse-Key"));
    assert_eq!(reply.header("access-control-allow-origin"), Some(page[0].1));
}

#[test]
fn a_kept_connection_says_for_how_long() {
    let port = ports().door;
    assert_eq!(post(port, "/", "SELECT 1").header("keep-alive"), None);
    let head = "HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n";
    let both = format!("POST / {head}\r\nSELECT 1POST / {head}Connection: close\r\n\r\nSELECT 2");
    let reply = raw(port, both.as_bytes());
    assert_eq!(reply.header("keep-alive"), Some("timeout=30"));
}

#[test]
fn who_looks_for_a_page_is_told_where_ours_are() {
    for path in ["/play", "/dashboard"] {
        let reply = get(ports().door, path);
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
        assert!(reply.text().contains("http://127.0.0.1:3000/"), "{path}");
    }
}

#[test]
fn the_zone_of_an_answer_is_told() {
    let zone = |target: &str, text: &str| {
        let reply = post(ports().door, target, text);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.header("x-clickhouse-timezone").unwrap().to_owned()
    };
    assert_eq!(zone("/", "SELECT now() SETTINGS session_timezone = 'Asia/Tokyo'"), "Asia/Tokyo");
    let session = "/?session_id=zoned";
    assert_eq!(zone(session, "SELECT 1"), "Etc/UTC");
    zone(session, "SET session_timezone = 'Europe/Paris'");
    assert_eq!(zone(session, "SELECT now() FORMAT Native"), "Europe/Paris");
    assert_eq!(zone("/?session_id=zoned&session_timezone=Asia/Tokyo", "SELECT 1"), "Asia/Tokyo");
    assert_eq!(zone(session, "SELECT 1"), "Europe/Paris");
}

#[test]
fn an_array_of_rows_is_one_document() {
    let text = "SELECT number AS n FROM numbers(200000) FORMAT JSONEachRow";
    let rows = |target: &str, text: &str| -> usize {
        let reply = post(ports().door, target, text);
        let rows: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        rows.as_array().unwrap().len()
    };
    assert_eq!(rows("/?output_format_json_array_of_rows=1", text), 200_000);
    assert_eq!(
        rows("/", &format!("{text} SETTINGS output_format_json_array_of_rows = 1")),
        200_000
    );
    post(ports().door, "/?session_id=array", "SET output_format_json_array_of_rows = 1");
    assert_eq!(rows("/?session_id=array", text), 200_000);
}

#[test]
fn errors_come_in_the_format_where_asked_for() {
    let port = ports().door;
    let target =
        |format: &str| format!("/?http_write_exception_in_output_format=1&default_format={format}");
    for format in ["JSON", "JSONCompact", "JSONEachRow"] {
        let reply = post(port, &target(format), "SELECT throwIf(1, 'oh')");
        assert_eq!(code(&reply), (500, "395"));
        let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert!(json["exception"].as_str().unwrap().starts_with("Code: 395."), "{json}");
        assert!(reply.header("content-type").unwrap().contains("json"));
    }
    let late = "SELECT throwIf(number = 3000000, 'oh') AS t, number FROM numbers(4000000)";
    let reply = post(port, &target("JSONEachRow"), late);
    assert_eq!((reply.status, reply.whole), (200, true));
    let (text, last) = (reply.text(), "{\"exception\": \"Code: 395.");
    assert!(text.lines().last().unwrap().starts_with(last), "{:?}", text.lines().last());
    // A document that has begun comes to its end, and says so.
    let reply = post(port, &target("JSON"), late);
    assert_eq!((reply.status, reply.whole), (200, true));
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert!(json["exception"].as_str().unwrap().starts_with("Code: 395."));
    assert!(json["data"].as_array().unwrap().len() > 1000);
    let text = post(port, &target("XML"), late).text();
    assert!(text.contains("<exception>Code: 395.") && text.ends_with("</result>\n"));
    let reply = post(port, &target("CSV"), "SELECT throwIf(1)");
    assert!(reply.text().starts_with("Code: 395."));
}

#[test]
fn databases_of_ours_stay_whatever_a_parameter_says() {
    let port = ports().door;
    let drop = "DROP DATABASE {d:Identifier}";
    post(port, "/?session_id=param", "SET param_d = 'default'");
    assert_eq!(code(&post(port, "/?session_id=param", drop)).1, "456");
    let escaped = format!("/?param_d={}", encode("\\x64efault"));
    assert_eq!(code(&post(port, &escaped, drop)).1, "456");
    assert_eq!(code(&post(port, "/?param_d=x&param_d=default", drop)).1, "456");
    assert_eq!(code(&post(port, "/?session_id=param&param_d=default", drop)), (403, "497"));
    sql("CREATE DATABASE by_param");
    assert_eq!(post(port, "/?param_d=by_param", drop).status, 200);
    assert_eq!(sql("SELECT count() FROM system.databases WHERE name = 'by_param'"), "0\n");
    assert_eq!(sql("SELECT 1"), "1\n");
}

#[test]
fn a_text_has_the_size_that_its_setting_says() {
    let port = ports().door;
    let text = format!("SELECT 1 -- {}", "x".repeat(300_000));
    let refused = post(port, "/", &text);
    assert_eq!(code(&refused), (400, "62"));
    assert!(refused.text().contains("Max query size exceeded (can be increased"));
    assert_eq!(code(&post(port, "/?max_query_size=1000", &text[..2000])), (400, "62"));
    assert_eq!(post(port, "/?max_query_size=1000000", &text).text(), "1\n");
    // Data is none.
    sql("CREATE TABLE sized (s String) ENGINE = Memory");
    let values = format!("INSERT INTO sized VALUES {}", "('xxxxxxxxxx'),".repeat(40_000));
    assert_eq!(post(port, "/", values.trim_end_matches(',')).status, 200);
    assert_eq!(sql("SELECT count() FROM sized"), "40000\n");
}
