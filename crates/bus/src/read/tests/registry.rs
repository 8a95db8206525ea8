//! A registry that answers as it is told.

use super::*;
use crate::registry::{Login, RegistryOptions};
use model::Fate;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

/// Answers each request with the next of the answers, and hands back what was asked.
fn answering(answers: Vec<(u16, String)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut piece = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                let count = stream.read(&mut piece).unwrap();
                request.extend_from_slice(&piece[..count]);
            }
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
            asked.push(String::from_utf8(request).unwrap());
        }
        asked
    });
    (url, server)
}

fn reader_of(url: &str, login: Option<Login>) -> Reader {
    let registry = Some(RegistryOptions { login, ..RegistryOptions::new(url) });
    let options = ReaderOptions { registry, ..ReaderOptions::new(Format::DebeziumAvro) };
    Reader::new(options, Vec::new()).unwrap()
}

fn schemas() -> [String; 2] {
    let (_, _) = avro();
    [7, 8].map(|id| {
        let lines = AVRO.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let line = lines.into_iter().find(|line| line["schema_id"] == id).unwrap();
        serde_json::json!({ "schema": line["schema"].to_string() }).to_string()
    })
}

#[test]
fn each_schema_is_asked_for_once() {
    let [key, value] = schemas();
    let (url, server) = answering(vec![(200, value), (200, key)]);
    let login = Login { user: "u".into(), password: "p".into() };
    let mut reader = reader_of(&url, Some(login));
    let (_, messages) = avro();
    for _ in 0..3 {
        assert!(told(&mut reader, &messages[0]).starts_with("public.docs Update"));
    }
    let asked = server.join().unwrap();
    assert!(
        asked[0].starts_with("GET /schemas/ids/8 ") && asked[1].starts_with("GET /schemas/ids/7 ")
    );
    assert!(asked[0].to_lowercase().contains("authorization: basic dtpw"), "{}", asked[0]);
}

#[test]
fn what_the_registry_says_has_its_fate() {
    let [_, value] = schemas();
    let (url, server) = answering(vec![
        (404, r#"{"error_code":40403}"#.into()),
        (500, String::new()),
        (401, String::new()),
        (200, "<html>".into()),
        (200, r#"{"schema":"{","schemaType":"AVRO"}"#.into()),
        (200, r#"{"schema":"{}","schemaType":"PROTOBUF"}"#.into()),
        (200, r#"{"schema":"\"int\"","references":[{"name":"x"}]}"#.into()),
        (200, value),
        (503, String::new()),
    ]);
    let login = Login { user: "u".into(), password: "secret".into() };
    let mut reader = reader_of(&url, Some(login));
    let (_, messages) = avro();
    for (fate, says) in [
        (Fate::Refused, "/schemas/ids/8 answered 404"),
        (Fate::Transient, "It answered 500"),
        (Fate::Definite, "USER:PASSWORD"),
        (Fate::Definite, "is no schema registry"),
        (Fate::Refused, "What is wrong: it is no JSON"),
        (Fate::Refused, "It is of PROTOBUF"),
        (Fate::Refused, "refers to other schemas"),
        // The value's is there now; its key's is not.
        (Fate::Transient, "It answered 503"),
    ] {
        let error = reader.read(&messages[0].message()).unwrap_err();
        assert_eq!(error.fate(), fate, "{error:?}");
        assert!(error.report().contains(says) && !error.report().contains("secret"), "{error:?}");
    }
    server.join().unwrap();
    let error = reader.read(&messages[0].message()).unwrap_err();
    assert_eq!(error.fate(), Fate::Transient, "{error:?}");
}
