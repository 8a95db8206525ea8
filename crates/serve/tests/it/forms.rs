//! Requests whose body is a form: external tables, fields, and what hostile forms get.

use crate::http::{Reply, encode, post, post_with};
use crate::{ports, sql};
use std::io::Write;
use std::net::TcpStream;

pub(crate) const HEADER: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=B7");

/// `name` is a field, `name@` a file.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, data) in parts {
        let head = match name.strip_suffix('@') {
            Some(name) => format!("name=\"{name}\"; filename=\"{name}.x\""),
            None => format!("name=\"{name}\""),
        };
        body.extend(format!("--B7\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        body.extend(*data);
        body.extend(b"\r\n");
    }
    body.extend(b"--B7--\r\n");
    body
}

fn send(target: &str, parts: &[(&str, &[u8])]) -> Reply {
    post_with(ports().door, target, &[HEADER], &form(parts))
}

fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.header("x-clickhouse-exception-code").unwrap_or("-"))
}

#[test]
fn tables_come_with_the_statement() {
    let text = encode("SELECT sum(id), groupArray(name) FROM people WHERE id IN ids");
    let described = format!(
        "people_structure={}&people_format=CSV&ids_types=UInt64",
        encode("id UInt64, name Nullable(String)")
    );
    // Settings whose names end as those of tables do are still settings.
    let target = format!("/?date_time_input_format=best_effort&{described}&query={text}");
    let people = b"1,\"a\n\n--B7\"\n2,\\N\n3,c\n";
    let reply = send(&target, &[("people@", people), ("ids@", b"1\n3\n")]);
    assert_eq!(reply.text(), "4\t['a\\n\\n--B7','c']\n", "{}", reply.head);
    // The statement as a field, before or behind the data, also in two; parameters too.
    let query = b"SELECT id + {n:UInt8} FROM people ORDER BY id LIMIT 1";
    for order in [[0, 1, 2], [2, 1, 0]] {
        let parts: [(&str, &[u8]); 3] = [("query", query), ("people@", people), ("param_n", b"7")];
        let reply = send(&format!("/?{described}"), &order.map(|at| parts[at]));
        assert_eq!((reply.status, reply.text().as_str()), (200, "8\n"));
    }
    let reply = send("/?query=SELECT+1", &[("query", b"+1")]);
    assert_eq!(reply.text(), "2\n");
    // Described by fields, read in JSON, inserted from; and nothing of it stays.
    sql("CREATE TABLE formed (n UInt64) ENGINE = MergeTree ORDER BY n");
    let reply = send(
        "/",
        &[
            ("rows_structure", b"n UInt64"),
            ("rows_format", b"JSONEachRow"),
            ("rows@", b"{\"n\": 5}{\"n\": 6}"),
            ("query", b"INSERT INTO formed SELECT n FROM rows"),
        ],
    );
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(sql("SELECT sum(n) FROM formed"), "11\n");
    assert_eq!(code(&post(ports().door, "/", "SELECT * FROM rows")), (404, "60"));
    let reply = send("/", &[("query", b"INSERT INTO formed VALUES (7), (8);")]);
    assert_eq!((reply.status, sql("SELECT sum(n) FROM formed").as_str()), (200, "26\n"));
    // A binary format, with everything that could be a boundary in it, and documents.
    let rows: Vec<u8> = (0..50_000u64).flat_map(u64::to_le_bytes).collect();
    let target = "/?b_types=UInt64&b_format=RowBinary&default_format=JSONCompact";
    let reply = send(target, &[("b@", &rows), ("query", b"SELECT count(), sum(_1) FROM b")]);
    assert!(reply.text().contains("[50000, 1249975000]"), "{}", reply.text());
}

#[test]
fn what_a_session_has_stays_its_own() {
    let ask = |text: &str| post(ports().door, "/?session_id=formed", text);
    ask("CREATE TEMPORARY TABLE mine (x UInt8)");
    ask("INSERT INTO mine VALUES (1)");
    let url = "/?session_id=formed&ext_types=UInt64";
    let both: [(&str, &[u8]); 2] = [("ext@", b"41\n"), ("query", b"SELECT _1 + x FROM ext, mine")];
    assert_eq!(send(url, &both).text(), "42\n");
    // Dropped: it can come again, and is not there without.
    assert_eq!(send(url, &both).text(), "42\n");
    assert_eq!(code(&ask("SELECT * FROM ext")), (404, "60"));
    // Also after errors, of the statement and of the data.
    let bad: [(&str, &[u8]); 2] =
        [("ext@", b"41\n"), ("query", b"SELECT throwIf(_1 = 41) FROM ext")];
    assert_eq!(code(&send(url, &bad)), (500, "395"));
    let bad: [(&str, &[u8]); 2] = [("ext@", b"no\n"), ("query", b"SELECT 1")];
    assert_eq!(code(&send(url, &bad)), (400, "27"));
    assert_eq!(send(url, &both).text(), "42\n");
    // A name that the session has is taken, and what is behind it stays.
    let taken: [(&str, &[u8]); 2] = [("mine@", b"9\n"), ("query", b"SELECT 1")];
    let reply = send("/?session_id=formed&mine_types=UInt64", &taken);
    assert_eq!(reply.header("x-clickhouse-exception-code"), Some("57"));
    assert_eq!(ask("SELECT x FROM mine").text(), "1\n");
    // One of another name's in the current database is hidden, not written to.
    sql("CREATE TABLE hidden (_1 UInt64) ENGINE = MergeTree ORDER BY _1");
    let parts: [(&str, &[u8]); 2] = [("hidden@", b"5\n"), ("query", b"SELECT sum(_1) FROM hidden")];
    assert_eq!(send("/?hidden_types=UInt64", &parts).text(), "5\n");
    assert_eq!(sql("SELECT count() FROM hidden"), "0\n");
}

#[test]
fn readers_bring_tables_and_still_change_nothing() {
    let url = "/?readonly=1&ext_types=UInt64";
    let parts: [(&str, &[u8]); 2] = [("ext@", b"1\n2\n"), ("query", b"SELECT sum(_1) FROM ext")];
    let reply = send(url, &parts);
    assert_eq!((reply.status, reply.text().as_str()), (200, "3\n"));
    sql("CREATE TABLE unwritten (n UInt64) ENGINE = MergeTree ORDER BY n");
    let write: [(&str, &[u8]); 2] =
        [("ext@", b"1\n"), ("query", b"INSERT INTO unwritten SELECT * FROM ext")];
    assert_eq!(code(&send(url, &write)), (500, "164"));
    assert_eq!(sql("SELECT count() FROM unwritten"), "0\n");
}

#[test]
fn columns_are_names_and_types() {
    for structure in [
        "x String DEFAULT file('/etc/passwd')",
        "x UInt8) ENGINE = Memory AS SELECT (1",
        "x UInt8') ; SELECT ('",
        "x",
        "",
    ] {
        let url = format!("/?ext_structure={}", encode(structure));
        let reply = send(&url, &[("ext@", b"1\n"), ("query", b"SELECT 1")]);
        assert_eq!(code(&reply), (400, "36"), "{structure}: {}", reply.text());
    }
    let reply =
        send("/?ext_types=file('/etc/passwd')", &[("ext@", b"1\n"), ("query", b"SELECT 1")]);
    assert_eq!(code(&reply), (404, "50"), "{}", reply.text());
    let reply = send("/", &[("ext@", b"1\n"), ("query", b"SELECT 1")]);
    assert_eq!(code(&reply), (400, "36"));
    assert!(reply.text().contains("Use fields ext_structure or ext_types"));
    let odd = "a`b\\'; DROP TABLE x";
    let url = format!("/?{}_types=UInt8", encode(odd));
    let reply = send(
        &url,
        &[
            ("a`b\\\\'; DROP TABLE x@", b"7\n"),
            ("query", b"SELECT * FROM `a\\`b\\\\'; DROP TABLE x`"),
        ],
    );
    assert_eq!(reply.text(), "7\n");
}

#[test]
fn broken_forms_are_refused() {
    let port = ports().door;
    let whole = form(&[("query", b"SELECT 1")]);
    assert_eq!(post_with(port, "/", &[HEADER], &whole).text(), "1\n");
    assert_eq!(code(&post_with(port, "/", &[HEADER], &whole[..whole.len() - 5])), (400, "33"));
    let none = [("Content-Type", "multipart/form-data")];
    assert_eq!(code(&post_with(port, "/", &none, &whole)), (400, "36"));
    assert_eq!(code(&post_with(port, "/?query=SELECT+1", &[HEADER], b"SELECT 1")), (400, "33"));
    let huge = format!("--B7\r\nX: {}", "x".repeat(1 << 20));
    assert_eq!(code(&post_with(port, "/", &[HEADER], huge.as_bytes())), (400, "36"));
    let nested = b"--B7\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C--\r\n--B7--\r\n";
    assert_eq!(code(&post_with(port, "/", &[HEADER], nested)), (400, "36"));
    let large = vec![b' '; 17 << 20];
    assert_eq!(code(&send("/", &[("query", &large)])), (400, "36"));
    // One that breaks off inserts nothing and leaves its session free.
    sql("CREATE TABLE unformed (n UInt64) ENGINE = MergeTree ORDER BY n");
    let body = form(&[("ext@", b"1\n2\n"), ("query", b"INSERT INTO unformed SELECT * FROM ext")]);
    let head = format!(
        "POST /?session_id=unformed&ext_types=UInt64 HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
        HEADER.1,
        body.len() + 1
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    drop(stream);
    let free = loop {
        let reply = post(port, "/?session_id=unformed", "SELECT count() FROM unformed");
        if reply.header("x-clickhouse-exception-code") != Some("373") {
            break reply;
        }
    };
    assert_eq!(free.text(), "0\n");
}

/// Far more than the door's buffers, and than it could hold in the clear: it goes on as it comes.
#[test]
fn data_of_a_form_goes_on_as_it_comes() {
    let port = ports().door;
    let rows: String = (0..200_000).map(|n| format!("{n}\tsome text of row {n}\n")).collect();
    let mut packed = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    packed
        .write_all(b"--B7\r\nContent-Disposition: form-data; name=\"big\"; filename=\"\"\r\n\r\n")
        .unwrap();
    for _ in 0..10 {
        packed.write_all(rows.as_bytes()).unwrap();
    }
    packed.write_all(b"\r\n--B7--").unwrap();
    let packed = packed.finish().unwrap();
    let target = format!(
        "/?big_types={}&query={}",
        encode("UInt64, String"),
        encode("SELECT count(), uniqExact(_1) FROM big")
    );
    let headers = [HEADER, ("Content-Encoding", "zstd")];
    let reply = post_with(port, &target, &headers, &packed);
    assert_eq!(reply.text(), "2000000\t200000\n");
}

/// A form in chunks, which stops in the data of its table, and what is missing of it.
pub(crate) fn halves(target: &str) -> (String, &'static str) {
    let head = "--B7\r\nContent-Disposition: form-data; name=\"ext\"; filename=\"\"\r\n\r\n1\n";
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{head}\r\n",
        HEADER.1,
        head.len()
    );
    (request, "c\r\n2\n\r\n--B7--\r\n\r\n0\r\n\r\n")
}
