//! What is taken away ends: also for a statement that runs, for one whose body still comes, and for a
//! session.

use super::{ask, door, sql};
use crate::http::Reply;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::JoinHandle;
use std::time::Duration;

const PASSWORD: &str = super::PASSWORD;

/// A user with a table to read and one to write.
fn user(name: &str) {
    sql("root", &format!("CREATE USER OR REPLACE {name} IDENTIFIED BY '{PASSWORD}'"));
    sql("root", &format!("CREATE DATABASE IF NOT EXISTS {name}"));
    sql(
        "root",
        &format!("CREATE TABLE IF NOT EXISTS {name}.t (x Int64) ENGINE = MergeTree ORDER BY x"),
    );
    sql("root", &format!("GRANT SELECT, INSERT, TRUNCATE ON {name}.* TO {name}"));
}

/// A request whose body stops before its last bytes.
struct Dripping {
    stream: TcpStream,
    rest: Vec<u8>,
}

impl Dripping {
    fn start(user: &str, target: &str, body: &[u8], left: usize) -> Dripping {
        let mut stream = TcpStream::connect(("127.0.0.1", door())).unwrap();
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             X-ClickHouse-User: {user}\r\nX-ClickHouse-Key: {PASSWORD}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let (first, rest) = body.split_at(body.len() - left);
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(first).unwrap();
        // Until it has been let in.
        std::thread::sleep(Duration::from_millis(300));
        Dripping { stream, rest: rest.to_owned() }
    }

    fn end(mut self) -> String {
        let _ = self.stream.write_all(&self.rest);
        let mut answer = String::new();
        let _ = self.stream.read_to_string(&mut answer);
        answer
    }
}

#[test]
fn a_body_that_comes_slowly_is_let_through_with_the_rights_at_its_end() {
    user("drip");
    sql("root", "INSERT INTO drip.t VALUES (4711)");
    let select = || Dripping::start("drip", "/", b"SELECT x FROM drip.t    ", 3);
    assert!(select().end().contains("4711"));
    for (change, code) in [
        ("REVOKE SELECT ON drip.* FROM drip", "497"),
        ("ALTER USER drip IDENTIFIED BY 'another'", "516"),
        ("DROP USER drip", "516"),
        // One of the same name is another one.
        (
            "CREATE USER OR REPLACE drip IDENTIFIED BY 'topsecret'; GRANT ALL ON drip.* TO drip",
            "516",
        ),
        ("CREATE ROW POLICY p ON drip.t USING x = 1 TO drip", "0"),
    ] {
        user("drip");
        let dripping = select();
        for statement in change.split("; ") {
            sql("root", statement);
        }
        let answer = dripping.end();
        assert!(!answer.contains("4711"), "{change}: {answer}");
        let said = format!("x-clickhouse-exception-code: {code}");
        assert!(code == "0" || answer.contains(&said), "{change}: {answer}");
    }
    sql("root", "DROP ROW POLICY p ON drip.t");
}

fn long(user: &'static str, query_id: &str) -> JoinHandle<Reply> {
    let target = format!("/?query_id={query_id}");
    let text =
        format!("SELECT count() FROM numbers(1e13) WHERE number NOT IN (SELECT x FROM {user}.t)");
    let running = std::thread::spawn(move || ask(user, &target, &text));
    let listed = format!("SELECT count() FROM system.processes WHERE query_id = '{query_id}'");
    while sql("root", &listed) != "1\n" {
        assert!(!running.is_finished(), "{:?}", running.join());
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

#[test]
fn what_runs_with_rights_that_are_no_more_is_ended() {
    user("runner");
    for (number, change) in [
        "REVOKE SELECT ON runner.* FROM runner",
        "CREATE ROW POLICY p ON runner.t USING x = 1 TO runner",
        "ALTER USER runner IDENTIFIED BY 'another'",
        "DROP USER runner",
    ]
    .iter()
    .enumerate()
    {
        user("runner");
        let running = long("runner", &format!("revoked-{number}"));
        // What is given, and what others lose, ends nothing.
        user("bystander");
        sql("root", "GRANT SELECT ON shop.* TO runner");
        sql("root", "DROP USER bystander");
        std::thread::sleep(Duration::from_millis(200));
        assert!(!running.is_finished(), "{:?}", running.join());
        sql("root", change);
        let reply = running.join().unwrap();
        assert_eq!(reply.header("x-clickhouse-exception-code"), Some("394"), "{}", reply.text());
    }
    sql("root", "DROP ROW POLICY p ON runner.t");
}

#[test]
fn an_insert_that_still_comes_is_not_kept() {
    user("writer");
    let insert =
        || Dripping::start("writer", "/", b"INSERT INTO writer.t FORMAT CSV\n1\n2\n3\n", 2);
    insert().end();
    assert_eq!(sql("root", "SELECT count() FROM writer.t"), "3\n");
    let dripping = insert();
    sql("root", "REVOKE INSERT ON writer.* FROM writer");
    let answer = dripping.end();
    assert!(answer.contains("x-clickhouse-exception-code: 394"), "{answer}");
    assert_eq!(sql("root", "SELECT count() FROM writer.t"), "3\n");
}

#[test]
fn a_session_is_of_one_user_and_not_of_a_name() {
    user("namesake");
    let session = "/?session_id=s";
    let made = ask("namesake", session, "CREATE TEMPORARY TABLE mine AS SELECT 4711 AS x");
    assert_eq!(made.status, 200, "{}", made.text());
    assert_eq!(ask("namesake", session, "SELECT x FROM mine").text(), "4711\n");
    sql("root", "DROP USER namesake");
    user("namesake");
    let other = ask("namesake", session, "SELECT x FROM mine");
    assert!(!other.text().contains("4711") && other.status == 404, "{}", other.text());
}

#[test]
fn a_session_goes_on_with_the_roles_that_remain() {
    user("chooser");
    sql("root", "CREATE ROLE OR REPLACE first_choice");
    sql("root", "CREATE ROLE OR REPLACE second_choice");
    sql("root", "GRANT SELECT ON shop.* TO first_choice");
    sql("root", "GRANT first_choice, second_choice TO chooser");
    let ask = |text: &str| ask("chooser", "/?session_id=choice", text);
    assert_eq!(ask("SET ROLE first_choice, second_choice").status, 200);
    assert_eq!(ask("SELECT count() FROM shop.orders").text(), "2\n");
    for (revoke, left) in
        [("REVOKE first_choice FROM chooser", "second_choice\n"), ("DROP ROLE second_choice", "")]
    {
        sql("root", revoke);
        assert_eq!(ask("SHOW CURRENT ROLES").text(), left);
        let refused = ask("SELECT count() FROM shop.orders");
        assert_eq!(refused.header("x-clickhouse-exception-code"), Some("497"));
        assert_eq!(ask("SELECT count() FROM chooser.t").text(), "0\n");
    }
}
