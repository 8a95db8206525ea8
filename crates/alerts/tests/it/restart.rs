//! The engine is dropped in the middle, as by `kill -9`, and started again over the same memory.

use std::time::Duration;

use alerts::Handle;
use tokio::runtime::Runtime;

use crate::servers::Http;
use crate::world::{Database, Table, options, shop, start, states, until};

fn life(text: &str, database: &Database, table: &Table) -> (Runtime, Handle) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let handle = runtime.block_on(start(text, database, table, options()));
    (runtime, handle)
}

fn wait(runtime: &Runtime, what: &str, holds: impl FnMut() -> bool) {
    runtime.block_on(until(what, holds));
}

#[test]
fn nothing_is_sent_twice_and_nothing_is_forgotten() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = shop(&server.url, "", "");
    database.set("a", 60.0);
    let (first, handle) = life(&text, &database, &table);
    server.wait(1);
    wait(&first, "it is recorded", || handle.metrics().sent == 1);
    first.shutdown_background();

    let (second, handle) = life(&text, &database, &table);
    wait(&second, "it is evaluated again", || handle.metrics().evaluations >= 3);
    assert_eq!(states(&handle), "a=Alerting");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(server.seen().len(), 1, "it was told before");
    second.shutdown_background();

    // It resolves while nobody is there.
    database.set("a", 10.0);
    let (third, handle) = life(&text, &database, &table);
    let told = server.wait(2)[1].json();
    assert_eq!(told["status"], "resolved");
    wait(&third, "it is recorded", || handle.metrics().sent == 1);
    third.shutdown_background();

    let (fourth, handle) = life(&text, &database, &table);
    wait(&fourth, "it is evaluated again", || handle.metrics().evaluations >= 3);
    assert_eq!(server.seen().len(), 2);
    fourth.shutdown_background();
}

#[test]
fn a_request_that_was_on_the_wire_goes_again_under_its_key() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = shop(&server.url, "", "");
    database.set("a", 60.0);
    // It arrives, and its answer is lost with us.
    server.answers(&[(200, "ok", 5_000)]);
    let (first, _handle) = life(&text, &database, &table);
    server.wait(1);
    first.shutdown_background();
    assert!(table.rows("told")[0].1.contains("\"on_wire\":true"));

    let (second, handle) = life(&text, &database, &table);
    let seen = server.wait(2);
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
    assert_eq!(seen[0].json()["alerts"], seen[1].json()["alerts"]);
    wait(&second, "it is recorded", || handle.metrics().sent == 1);
    assert_eq!(handle.metrics().in_doubt, 1);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(server.seen().len(), 2);
    second.shutdown_background();
}

#[test]
fn one_that_nobody_could_tell_from_a_second_is_taken_as_sent() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = shop(&server.url, "", "").replace("type: webhook", "type: teams");
    database.set("a", 60.0);
    server.answers(&[(200, "ok", 5_000)]);
    let (first, _handle) = life(&text, &database, &table);
    server.wait(1);
    first.shutdown_background();

    let (second, handle) = life(&text, &database, &table);
    wait(&second, "it is evaluated again", || handle.metrics().evaluations >= 3);
    assert_eq!((server.seen().len(), handle.metrics().in_doubt), (1, 1));
    database.set("a", 10.0);
    server.wait(2);
    second.shutdown_background();
}

#[test]
fn a_message_that_never_left_is_sent_after_the_restart() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = shop(&server.url, "", "").replace("type: webhook", "type: teams");
    database.set("a", 60.0);
    server.answers(&[(503, "", 0); 3]);
    let (first, _handle) = life(&text, &database, &table);
    // Between two tries.
    server.wait(3);
    wait(&first, "the try is recorded as failed", || {
        table.rows("told").iter().any(|(_, text)| text.contains("\"on_wire\":false"))
    });
    first.shutdown_background();
    let before = server.seen().len();

    let (second, handle) = life(&text, &database, &table);
    server.wait(before + 1);
    wait(&second, "it is recorded", || handle.metrics().sent == 1);
    second.shutdown_background();
}

#[test]
fn pending_goes_on_where_it_was_and_what_was_missed_is_counted() {
    let (server, database, table) = (Http::start(), Database::default(), Table::default());
    let text = shop(&server.url, "for: 3s", "");
    database.set("a", 60.0);
    let (first, handle) = life(&text, &database, &table);
    wait(&first, "it is pending", || states(&handle) == "a=Pending");
    let since = handle.snapshot().groups[0].rules[0].instances[0].since_ms;
    first.shutdown_background();
    std::thread::sleep(Duration::from_millis(2_200));

    let (second, handle) = life(&text, &database, &table);
    wait(&second, "it fires", || states(&handle) == "a=Alerting");
    let fired = handle.snapshot().groups[0].rules[0].instances[0].since_ms;
    assert!(
        (3_000..=5_000).contains(&(fired - since)),
        "`for` did not begin anew: {}",
        fired - since
    );
    assert!(handle.metrics().missed >= 1, "nobody was there");
    server.wait(1);
    second.shutdown_background();
}
