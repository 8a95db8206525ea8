//! What a client of ClickHouse expects of a request and its answer.

use crate::http::{encode, get, post, post_with};
use crate::{ports, sql};
use std::io::{Read, Write};

fn code(reply: &crate::http::Reply) -> (u16, &str) {
    (reply.status, reply.header("x-clickhouse-exception-code").unwrap_or("-"))
}

#[test]
fn it_says_that_it_is_there() {
    let port = ports().door;
    for path in ["/", "/ping", "/replicas_status"] {
        let reply = get(port, path);
        assert_eq!((reply.status, reply.text().as_str()), (200, "Ok.\n"), "{path}");
    }
    assert_eq!(get(port, "/nowhere").status, 404);
}

#[test]
fn a_query_comes_in_the_url_the_body_or_both() {
    let port = ports().door;
    assert_eq!(get(port, "/?query=SELECT%201").text(), "1\n");
    assert_eq!(get(port, "/query?query=SELECT+1;").text(), "1\n");
    assert_eq!(sql("SELECT 1 -- comment"), "1\n");
    assert_eq!(post(port, "/?query=SELECT%201", "+1").text(), "2\n");
    let reply = post(port, "/?query_id=q-7&default_format=JSONEachRow", "SELECT 1 AS x");
    assert_eq!(reply.text(), "{\"x\":1}\n");
    assert_eq!(reply.header("x-clickhouse-query-id"), Some("q-7"));
    assert_eq!(reply.header("x-clickhouse-format"), Some("JSONEachRow"));
    assert_eq!(reply.header("x-clickhouse-timezone"), Some("Etc/UTC"));
    assert!(reply.header("x-clickhouse-server-display-name").is_some());
    assert_eq!(reply.header("x-clickhouse-exception-tag").unwrap().len(), 16);
    assert_eq!(reply.header("content-type"), Some("application/x-ndjson; charset=UTF-8"));
    let summary = reply.header("x-clickhouse-summary").unwrap();
    assert!(summary.contains("\"result_rows\":\"1\""), "{summary}");
}

/// clickhouse-connect takes the header for rows, and gives the summary of statements without it.
#[test]
fn only_what_has_rows_has_a_format() {
    let port = ports().door;
    let format =
        |text: &str| post(port, "/", text).header("x-clickhouse-format").map(str::to_owned);
    for text in ["SET max_threads = 1", "CREATE TABLE silent (n UInt8) ENGINE = Memory"] {
        assert_eq!(format(text), None, "{text}");
    }
    assert_eq!(format("INSERT INTO silent VALUES (1)"), None);
    assert_eq!(format("DROP TABLE silent"), None);
    for text in ["SELECT 1 WHERE 0", "SHOW TABLES LIKE 'none'", "EXISTS nothing"] {
        assert_eq!(format(text).as_deref(), Some("TabSeparated"), "{text}");
    }
}

#[test]
fn errors_have_their_code_and_status() {
    let port = ports().door;
    let reply = post(port, "/", "SELEC 1");
    assert_eq!(code(&reply), (400, "62"));
    assert!(reply.text().starts_with("Code: 62. DB::Exception: "), "{}", reply.text());
    assert!(reply.text().ends_with("(SYNTAX_ERROR) (version 26.7.2.1 (official build))\n"));
    assert_eq!(code(&post(port, "/", "foobar")), (400, "62"));
    assert_eq!(code(&post(port, "/", "")), (400, "62"));
    assert_eq!(code(&post(port, "/", "SELECT 1; SELECT 2")), (400, "62"));
    assert_eq!(code(&post(port, "/", "SELECT * FROM nowhere")), (404, "60"));
    assert_eq!(code(&post(port, "/", "SELECT nothing")), (404, "47"));
    assert_eq!(code(&post(port, "/?nosuch=1", "SELECT 1")), (404, "115"));
    assert_eq!(code(&post(port, "/", "SELECT 1 FORMAT Nosuch")), (404, "73"));
    assert_eq!(code(&post(port, "/", "SELECT 1 INTO OUTFILE '/tmp/x'")), (501, "48"));
    assert_eq!(
        code(&post(port, "/?max_execution_time=1", "SELECT count() FROM numbers(1e12)")),
        (408, "159")
    );
    let wrong = post_with(port, "/", &[("X-ClickHouse-User", "ann")], b"SELECT 1");
    assert_eq!(code(&wrong), (403, "516"));
    let bare = format!(
        "POST /?query=SELECT+1 HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(code(&crate::http::raw(port, bare.as_bytes())), (411, "381"));
}

#[test]
fn settings_parameters_and_databases_are_of_the_request() {
    let port = ports().door;
    let reply = post(port, "/?max_threads=3&log_comment=hi", "SELECT getSetting('max_threads')");
    assert_eq!(reply.text(), "3\n");
    let text = "SELECT {s:String}, {n:Nullable(Int64)}, {l:Array(String)}";
    let target =
        format!("/?param_s={}&param_n=%5CN&param_l={}", encode("it's\\ta\\n"), encode("['a','b']"));
    assert_eq!(post(port, &target, text).text(), "it\\'s\\ta\\n\t\\N\t['a','b']\n");
    assert_eq!(sql("SELECT currentDatabase()"), "main\n");
    assert_eq!(post(port, "/?database=default", "SELECT currentDatabase()").text(), "main\n");
    assert_eq!(post(port, "/?database=system", "SELECT currentDatabase()").text(), "system\n");
    let header = [("X-ClickHouse-Database", "system"), ("X-ClickHouse-Format", "CSV")];
    let reply = post_with(port, "/", &header, b"SELECT currentDatabase()");
    assert_eq!(reply.text(), "\"system\"\n");
    let reply = post(port, "/?session_timezone=Europe/Paris", "SELECT timezone()");
    assert_eq!(reply.header("x-clickhouse-timezone"), Some("Europe/Paris"));
}

#[test]
fn get_changes_nothing() {
    let port = ports().door;
    for text in [
        "CREATE TABLE got (x Int8) ENGINE = Memory",
        "INSERT INTO got VALUES (1)",
        "DROP DATABASE millrace",
    ] {
        let reply = get(port, &format!("/?query={}", encode(text)));
        assert!(matches!(reply.status, 403 | 500), "{text}: {}", reply.text());
    }
    let reply = get(port, &format!("/?query={}", encode("INSERT INTO got VALUES (1)")));
    assert_eq!(reply.header("x-clickhouse-exception-code"), Some("164"));
    assert_eq!(sql("EXISTS TABLE got"), "0\n");
    let reply = post(port, "/?readonly=1", "CREATE TABLE got (x Int8) ENGINE = Memory");
    assert_eq!(reply.header("x-clickhouse-exception-code"), Some("164"));
}

#[test]
fn the_servers_own_databases_stay() {
    let port = ports().door;
    for text in [
        "DROP DATABASE default",
        "drop database if exists `default` sync",
        "DETACH DATABASE \"main\"",
        "RENAME DATABASE millrace TO x",
        "TRUNCATE DATABASE millrace",
    ] {
        assert_eq!(code(&post(port, "/", text)), (403, "497"), "{text}");
    }
    let reply = post(port, "/?param_d=default", "DROP DATABASE {d:Identifier}");
    assert_eq!(code(&reply), (403, "497"));
    assert_eq!(sql("SELECT 1"), "1\n");
}

#[test]
fn inserted_data_is_data() {
    let port = ports().door;
    sql("CREATE TABLE ins (a Int64, b String) ENGINE = MergeTree ORDER BY a");
    sql("CREATE TABLE victim (x Int8) ENGINE = Memory");
    sql("INSERT INTO ins FORMAT CSV\n1,\"one\n\nDROP TABLE victim\n\n\"\n");
    // Blank lines, and what would be SQL behind them.
    let reply = post(port, "/", "INSERT INTO ins FORMAT TSV\n2\ttwo\n\nDROP TABLE victim\n");
    assert_eq!(reply.status, 400, "{}", reply.text());
    sql(
        "INSERT INTO ins (b, a) VALUES ('a;b\n\nDROP TABLE victim', 3), (concat('x', 'y'), 2 + 2);",
    );
    let reply = post(port, "/", "INSERT INTO ins VALUES (9, 'x'); DROP TABLE victim");
    assert_eq!(code(&reply), (400, "62"));
    let head = format!("/?query={}", encode("INSERT INTO ins FORMAT JSONEachRow"));
    let reply = post(port, &head, "{\"a\": 5, \"b\": \"five\"}\n\n{\"a\": 6, \"b\": \"\"}");
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(reply.header("x-clickhouse-summary").unwrap().contains("\"written_rows\":\"2\""));
    let head = format!("/?query={}&param_n=7", encode("INSERT INTO ins VALUES ({n:Int64}, 'p')"));
    assert_eq!(post(port, &head, "").status, 200);
    sql("INSERT INTO ins\n\nSELECT a + 100, b\n\nFROM ins WHERE a = 1");
    assert_eq!(sql("SELECT a FROM ins ORDER BY a"), "1\n3\n4\n5\n6\n7\n101\n");
    assert_eq!(sql("EXISTS TABLE victim"), "1\n");
    assert_eq!(code(&post(port, "/", "INSERT INTO nowhere VALUES (1)")), (404, "60"));
}

#[test]
fn bodies_are_decompressed_and_answers_compressed() {
    let port = ports().door;
    let text = b"SELECT sum(number) FROM numbers(10)";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(text).unwrap();
    let (gzip, lz4) = (gzip.finish().unwrap(), lz4.finish().unwrap());
    for (encoding, body) in [("gzip", &gzip[..]), ("lz4", &lz4[..])] {
        let header = [("Content-Encoding", encoding), ("Accept-Encoding", encoding)];
        let reply = post_with(port, "/?enable_http_compression=1", &header, body);
        assert_eq!(reply.header("content-encoding"), Some(encoding));
        let mut out = String::new();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(&reply.body[..]).read_to_string(&mut out),
            _ => lz4_flex::frame::FrameDecoder::new(&reply.body[..]).read_to_string(&mut out),
        }
        .unwrap();
        assert_eq!(out, "45\n");
        let cut = &body[..body.len() - 5];
        assert_eq!(code(&post_with(port, "/", &header[..1], cut)), (400, "33"), "{encoding}");
    }
    let reply = post_with(port, "/", &[("Content-Encoding", "snappy")], b"x");
    assert_eq!(code(&reply), (415, "48"));
    let reply =
        post_with(port, "/?enable_http_compression=0", &[("Accept-Encoding", "gzip")], text);
    assert_eq!((reply.text().as_str(), reply.header("content-encoding")), ("45\n", None));
}

#[test]
fn large_answers_are_one_document_with_one_header() {
    let port = ports().door;
    let rows = 300_000;
    let text = format!("SELECT number AS n, 'a\nb' AS \"q\"\"\nr\" FROM numbers({rows})");
    for format in [
        "CSVWithNames",
        "TSVWithNamesAndTypes",
        "RowBinaryWithNamesAndTypes",
        "JSONCompactEachRowWithNames",
    ] {
        let reply = post(port, &format!("/?default_format={format}"), &text);
        assert_eq!((reply.status, reply.whole), (200, true), "{format}");
        let name: &[u8] = match format {
            "CSVWithNames" => b"q\"\"\nr\"\n",
            "RowBinaryWithNamesAndTypes" => b"q\"\nr",
            "TSVWithNamesAndTypes" => b"q\"\\nr",
            _ => b"q\\\"\\nr",
        };
        let found = reply.body.windows(name.len()).filter(|window| *window == name).count();
        assert_eq!(found, 1, "{format}");
        if format == "RowBinaryWithNamesAndTypes" {
            assert_eq!(reply.body.len(), 1 + 2 + 5 + 7 + 7 + rows * 12);
        }
    }
    let reply = post(port, "/?default_format=JSON", "SELECT number FROM numbers(150000)");
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(json["data"].as_array().unwrap().len(), 150_000);
    let totals = "SELECT number % 2 AS k, count() FROM numbers(9) GROUP BY k WITH TOTALS ORDER BY k FORMAT TSV";
    assert_eq!(sql(totals), "0\t5\n1\t4\n\n0\t9\n");
    for wait in ["", "&wait_end_of_query=1"] {
        let reply = post(
            port,
            &format!("/?default_format=RowBinary{wait}"),
            "SELECT number FROM numbers(5000000)",
        );
        assert_eq!((reply.body.len(), reply.whole), (40_000_000, true));
    }
}

#[test]
fn an_error_under_way_breaks_the_answer_off() {
    let port = ports().door;
    let text = "SELECT throwIf(number = 3000000, 'oh'), number FROM numbers(4000000)";
    let reply = post(port, "/", text);
    assert_eq!((reply.status, reply.whole), (200, false));
    let tag = reply.header("x-clickhouse-exception-tag").unwrap();
    let end = reply.text().rsplit_once("\r\n__exception__\r\n").map(|(rest, _)| rest.to_owned());
    let (_, frame) = end.as_ref().unwrap().split_once("\r\n__exception__\r\n").unwrap();
    let message = frame.strip_prefix(&format!("{tag}\r\nCode: 395. DB::Exception: ")).unwrap();
    assert!(message.ends_with(tag), "{message}");
    let reply = post(port, "/?wait_end_of_query=1", text);
    assert_eq!(code(&reply), (500, "395"));
    assert!(!reply.text().contains("__exception__"));
}

#[test]
fn bytes_of_a_text_that_are_no_utf8_stand_in_quotes() {
    let port = ports().door;
    let hex = |text: &[u8]| post_with(port, "/", &[], text).text();
    assert_eq!(hex(b"SELECT hex('a\xff\\'\xe2\x82') -- \xfe"), "61FF27E282\n");
    assert_eq!(hex(b"SELECT hex($x$it's\\ \xff$x$)"), "697427735C20FF\n");
    assert_eq!(post_with(port, "/", &[], b"SELECT 1 AS `\xff` FORMAT CSVWithNames").body[1], 0xff);
    assert_eq!(get(port, "/?query=SELECT+hex('%ff')").text(), "FF\n");
    assert_eq!(code(&post_with(port, "/", &[], b"SELECT 1 AS \xff")), (400, "62"));
    sql("CREATE TABLE bytes (`a\\xff` String) ENGINE = Memory");
    let insert = b"INSERT INTO bytes (`a\xff`) VALUES ('\xfe')";
    assert_eq!(post_with(port, "/", &[], insert).status, 200);
    assert_eq!(sql("SELECT hex(*) FROM bytes"), "FE\n");
}

/// The engine writes the end of a document also behind rows that are not all of them.
#[test]
fn an_error_under_way_leaves_no_whole_document() {
    let port = ports().door;
    let text = "SELECT throwIf(number = 3000000, 'oh'), number FROM numbers(4000000)";
    for (format, end) in [("JSON", "\n}\n"), ("XML", "</result>\n"), ("Parquet", "PAR1")] {
        let target = format!("/?default_format={format}");
        let reply = post(port, &target, text);
        assert_eq!((reply.status, reply.whole), (200, false), "{format}");
        let at = memchr::memmem::rfind(&reply.body, b"\r\n__exception__\r\n").unwrap();
        let at = memchr::memmem::rfind(&reply.body[..at], b"\r\n__exception__\r\n").unwrap();
        assert!(String::from_utf8_lossy(&reply.body[at..]).contains("Code: 395."), "{format}");
        assert!(!reply.body[..at].ends_with(end.as_bytes()), "{format}");
        let reply = post(port, &format!("{target}&wait_end_of_query=1"), text);
        assert_eq!(code(&reply), (500, "395"), "{format}");
        // Before it has begun.
        assert_eq!(code(&post(port, &target, "SELECT nope FROM numbers(9)")), (404, "47"));
        assert_eq!(sql("SELECT 'the next one'"), "the next one\n");
    }
}

#[test]
fn statements_that_answer_without_rows_of_a_table_work() {
    assert!(sql("SHOW DATABASES").contains("millrace\n"));
    assert!(sql("DESCRIBE TABLE system.one").starts_with("dummy\tUInt8"));
    assert!(sql("EXPLAIN SELECT 1").contains("ReadFromSystemOne"));
    assert_eq!(sql("SELECT 1 WHERE 0 FORMAT CSVWithNames"), "\"1\"\n");
    assert_eq!(sql("WITH 2 AS two SELECT two FORMAT JSONCompactEachRow"), "[2]\n");
    assert_eq!(sql("SELECT 1,\n\n2\n\n;\n\n-- end\n\n"), "1\t2\n");
    sql(
        "INSERT INTO FUNCTION null('s String') SELECT repeat(toString(number), 500) FROM numbers(300000)",
    );
    let hello = "SELECT displayName(), version(), revision(), timezone()";
    let target = "/?default_format=Native&client_protocol_version=54460&database=default";
    let reply = post(ports().door, target, hello);
    assert_eq!((reply.body[..4].to_vec(), reply.status), (vec![1, 0, 2, 255], 200));
    sql("CREATE DATABASE IF NOT EXISTS stated");
    sql("CREATE TABLE stated.t (x Int8) ENGINE = Memory");
    assert_eq!(sql("DROP DATABASE stated"), "");
}
