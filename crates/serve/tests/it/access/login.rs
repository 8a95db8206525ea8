//! Coming in.

use super::{PASSWORD, ask, door};
use crate::http::{get, post, post_with, raw};

const BASIC: &str = "Basic dmVyYTp0b3BzZWNyZXQ=";

#[test]
fn there_are_three_ways_in_and_one_at_a_time() {
    let port = door();
    let user = |headers: &[(&str, &str)], target: &str| {
        let reply = post_with(port, target, headers, b"SELECT 1");
        (reply.status, reply.header("x-clickhouse-exception-code").map(str::to_owned))
    };
    let in_url = format!("/?user=vera&password={PASSWORD}");
    let in_headers = [("X-ClickHouse-User", "vera"), ("X-ClickHouse-Key", PASSWORD)];
    assert_eq!(user(&[("Authorization", BASIC)], "/"), (200, None));
    assert_eq!(user(&in_headers, "/"), (200, None));
    assert_eq!(user(&[], &in_url), (200, None));
    let wrong = || (403, Some("516".to_owned()));
    assert_eq!(user(&[("Authorization", BASIC)], &in_url), wrong());
    assert_eq!(user(&[("Authorization", BASIC), in_headers[0]], "/"), wrong());
    assert_eq!(user(&[("Authorization", BASIC), ("Authorization", BASIC)], "/"), wrong());
    assert_eq!(user(&[in_headers[0], in_headers[0], in_headers[1]], "/"), wrong());
    assert_eq!(user(&[], "/?user=vera&password=x&password="), wrong());
    assert_eq!(user(&[], "/?user=nobody&password=x"), wrong());
    assert_eq!(user(&[], "/?user=default"), wrong());
    assert_eq!(user(&[("X-ClickHouse-User", "VERA"), in_headers[1]], "/"), wrong());
    assert_eq!(user(&[("X-ClickHouse-User", "slow"), in_headers[1]], "/"), (200, None));
    assert_eq!(user(&[("X-ClickHouse-User", "slow"), ("X-ClickHouse-Key", "x")], "/"), wrong());
}

#[test]
fn who_says_nothing_is_asked_for_a_password() {
    let reply = post(door(), "/", "SELECT 1");
    assert_eq!((reply.status, reply.header("x-clickhouse-exception-code")), (401, Some("194")));
    assert!(reply.header("www-authenticate").is_some_and(|value| value.starts_with("Basic")));
    assert_eq!(get(door(), "/ping").text(), "Ok.\n");
}

#[test]
fn guessing_is_stopped_for_the_one_who_guesses() {
    let port = door();
    let login = |user: &str, password: &str| {
        let headers = [("X-ClickHouse-User", user), ("X-ClickHouse-Key", password)];
        post_with(port, "/", &headers, b"SELECT 1")
    };
    let refused = loop {
        let reply = login("guessed", "wrong");
        assert_eq!(reply.status, 403);
        if reply.text().contains("too many wrong passwords") {
            break reply;
        }
    };
    assert!(!refused.text().contains("wrong'"));
    assert_eq!(login("vera", PASSWORD).status, 200);
}

#[test]
fn no_answer_repeats_a_password() {
    for text in [
        "CREATE USER x IDENTIFIED BY 'swordfish' NONSENSE",
        "CREATE USER x IDENTIFIED WITH bcrypt_hash BY 'swordfish'",
        "CREATE USER x IDENTIFIED WITH sha256_hash BY 'swordfish'",
        "ALTER USER nosuch IDENTIFIED BY 'swordfish'",
    ] {
        let reply = ask("root", "/", text);
        assert!(reply.status >= 400 && !reply.text().contains("swordfish"), "{}", reply.text());
    }
}

/// Behind passwords the port has whatever name its machine has.
#[test]
fn a_port_with_passwords_answers_under_any_name() {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: db.example:8123\r\nAuthorization: {BASIC}\r\n\
         Connection: close\r\nContent-Length: 8\r\n\r\nSELECT 1"
    );
    assert_eq!(raw(door(), request.as_bytes()).status, 200);
}
