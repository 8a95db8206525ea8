//! What was set aside of topics comes back: rows that columns refused, and messages that could not be read.

use super::support::{Topic, broker, kept_as, options, settle, start, stored, wait_stored};
use crate::support::home;
use bus::read::PlainTopic;
use flow::Handle;
use flow::kafka::{Kafka, KafkaOptions};
use flow::quarantine::{self, Filter, ReplayOptions, Replayed};
use kafka_cluster::{Producer, Record};
use model::{ColumnOptions, Mode, TableName, TableOptions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

async fn replay(kafka: &Kafka, tables: &[&str]) -> Vec<Replayed> {
    let tables = tables.iter().map(|name| (*name).to_owned()).collect();
    Handle::of_topics(kafka.handle()).replay(ReplayOptions { tables }).await.unwrap()
}

fn counted(replayed: &[Replayed]) -> Vec<(u64, u64)> {
    assert!(replayed.iter().all(|table| table.skipped.is_none()), "{replayed:#?}");
    replayed.iter().map(|table| (table.replayed, table.refused)).collect()
}

/// As `millrace quarantine list` has it: how many wait, of what, and why.
async fn listed(table: &str) -> Vec<(u64, String)> {
    let filter = Filter { tables: vec![table.to_owned()], ..Filter::default() };
    let groups = quarantine::list(home().as_ref(), &filter).await.unwrap();
    groups.into_iter().map(|group| (group.rows, group.reason)).collect()
}

/// A topic of plain objects, which have to say when they were as long as `at` is wanted.
fn plain(topic: &str, schema: &str, id: Option<&str>, at: bool) -> KafkaOptions {
    let mut options = options(&[topic], schema);
    let of = PlainTopic {
        table: TableName::new(schema, "clicks"),
        columns: Default::default(),
        rest: None,
        time: at.then(|| "at".to_owned()),
        id: id.map(str::to_owned),
    };
    options.consumer.reader.plain.insert(topic.to_owned(), of);
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_can_be_read_now_are_written_as_if_they_had_been_then() {
    let topic = Topic::new("qm", "clicks", 1);
    let name = format!("topic {}", topic.name);
    let send = |row: Value| topic.send_bytes(None, Some(row.to_string()));
    send(json!({"id": 1, "name": "late", "at": "some day", "more": 7}));
    send(json!({"id": 2, "name": "old", "at": "some day"}));
    send(json!({"id": 2, "name": "new", "at": "2026-11-25T15:00:00Z"}));
    topic.send_bytes(None, Some("no object".into()));
    topic.flush();
    let kafka = start(&plain(&topic.name, "qm", Some("id"), true));
    settle(&kafka, &topic).await;
    let shown = "SELECT id, name FROM qm.clicks ORDER BY id";
    assert_eq!(stored(shown).await, "2|new");
    // Nothing has changed: they wait on.
    assert_eq!(counted(&replay(&kafka, &[&name]).await), [(0, 3)]);
    assert_eq!(listed(&name).await.iter().map(|(rows, _)| rows).sum::<u64>(), 3);
    kafka.shutdown().await.unwrap();
    // No message comes, and its table is known.
    let kafka = start(&plain(&topic.name, "qm", Some("id"), false));
    settle(&kafka, &topic).await;
    assert_eq!(counted(&replay(&kafka, &[]).await), [(0, 0), (2, 1)]);
    assert_eq!(stored(shown).await, "1|late\n2|new");
    let left = listed(&name).await;
    assert!(matches!(&left[..], [(1, reason)] if reason.contains("it is no object")), "{left:?}");
    // What the message added to the table, and what a later one adds, are two columns.
    send(json!({"id": 3, "name": "next", "other": "x"}));
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(
        stored("SELECT id, more, other FROM qm.clicks ORDER BY id").await,
        "1|7|NULL\n2|NULL|NULL\n3|NULL|x"
    );
    assert_eq!(counted(&replay(&kafka, &[&name]).await), [(0, 1)]);
    let filter = Filter { tables: vec![name.clone()], ..Filter::default() };
    let row = &quarantine::show(home().as_ref(), &filter).await.unwrap()[0];
    assert_eq!((row.op.as_str(), &row.row["offset"]), ("message", &json!(3)));
    let dropped = quarantine::drop_rows(home().as_ref(), &filter).await.unwrap();
    assert_eq!(dropped[0].rows, 1);
    assert!(listed(&name).await.is_empty());
    kafka.shutdown().await.unwrap();
    // Read again from the beginning it is the same.
    broker().set_offsets("group_qm", &topic.name, &[0]);
    let kafka = start(&plain(&topic.name, "qm", Some("id"), false));
    settle(&kafka, &topic).await;
    assert_eq!(stored(shown).await, "1|late\n2|new\n3|next");
    kafka.shutdown().await.unwrap();
}

/// What was begun is ended first.
async fn whole(kafka: &Kafka) {
    while Handle::of_topics(kafka.handle()).replay(ReplayOptions::default()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Facts come back once each, whenever the process ends in between.
#[tokio::test(flavor = "multi_thread")]
async fn facts_are_replayed_once_however_often_that_is_interrupted() {
    let topic = Topic::new("qf", "clicks", 3);
    let name = format!("topic {}", topic.name);
    let facts = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    for id in 0..6000i64 {
        let at = if id % 2 == 0 { json!("never") } else { json!("2026-11-25T15:00:00Z") };
        let row = json!({"id": id, "at": at}).to_string();
        topic.send_bytes(Some(id.to_string().as_bytes()), Some(row));
    }
    topic.flush();
    let kafka = start(&kept_as(plain(&topic.name, "qf", None, true), "qf.clicks", facts.clone()));
    settle(&kafka, &topic).await;
    let counts = "SELECT count(), uniqExact(id) FROM qf.clicks";
    assert_eq!(stored(counts).await, "3000|3000");
    assert_eq!(listed(&name).await.iter().map(|(rows, _)| rows).sum::<u64>(), 3000);
    kafka.shutdown().await.unwrap();
    let options = kept_as(plain(&topic.name, "qf", None, false), "qf.clicks", facts);
    let mut interrupted = 0;
    for round in 0..8u64 {
        let kafka = start(&options);
        let most = Duration::from_millis(150 + 90 * round);
        interrupted += u64::from(tokio::time::timeout(most, whole(&kafka)).await.is_err());
        drop(kafka);
    }
    assert!(interrupted > 0);
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    whole(&kafka).await;
    assert_eq!(stored(counts).await, "6000|6000");
    assert!(listed(&name).await.is_empty());
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_to_be_kept_is_asked_of_its_topic() {
    let topic = Topic::new("ql", "clicks", 1);
    let name = format!("topic {}", topic.name);
    let large = broker().client().set("message.max.bytes", "4000000").to_owned();
    let large = Producer::with(&large);
    broker().create_topic("dbz.ql.large", 1, &[("max.message.bytes", "4000000")]);
    let name = name.replace(&topic.name, "dbz.ql.large");
    for (id, size) in [(1, 1_500_000), (2, 3_000_000)] {
        let row = json!({"id": id, "at": "never", "note": "x".repeat(size)}).to_string();
        let value = Some(row.as_bytes());
        large.send(Record { topic: "dbz.ql.large", value, ..Record::default() });
    }
    let row = json!({"id": 3, "at": "2026-11-25T15:00:00Z"}).to_string();
    large.send(Record { topic: "dbz.ql.large", value: Some(row.as_bytes()), ..Record::default() });
    large.flush();
    let kafka = start(&plain("dbz.ql.large", "ql", Some("id"), true));
    wait_stored(&kafka, "SELECT id FROM ql.clicks", "3").await;
    kafka.shutdown().await.unwrap();
    let kept = "SELECT JSONExtractInt(row, 'left_out_bytes') > 1000000, length(row) < 1000 \
                FROM millrace.quarantine FINAL WHERE op = 'message' AND source_table = 'topic dbz.ql.large'";
    assert_eq!(stored(kept).await, "1|1\n1|1");
    broker().delete_records("dbz.ql.large", 0, 1);
    let kafka = start(&plain("dbz.ql.large", "ql", Some("id"), false));
    wait_stored(&kafka, "SELECT count() FROM ql.clicks", "1").await;
    assert_eq!(counted(&replay(&kafka, &[&name]).await), [(1, 1)]);
    assert_eq!(
        stored("SELECT id, length(note) FROM ql.clicks ORDER BY id").await,
        "2|3000000\n3|NULL"
    );
    let left = listed(&name).await;
    assert!(matches!(&left[..], [(1, reason)] if reason.contains("it has expired")), "{left:?}");
    kafka.shutdown().await.unwrap();
}

/// Rows that a column refused are those of a table like any other.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_columns_refused_come_back_with_other_options() {
    let topic = Topic::new("qr", "users", 1);
    topic.insert(json!({"id": 1, "age": 30}));
    topic.update(json!({"id": 1, "age": "thirty"}));
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count() FROM qr.users").await, "0");
    assert_eq!(counted(&replay(&kafka, &["qr.users"]).await), [(0, 1)]);
    let unknown = ReplayOptions { tables: vec!["qr.none".into()] };
    let error = Handle::of_topics(kafka.handle()).replay(unknown).await.unwrap_err().report();
    assert!(error.contains("cannot replay qr.none"), "{error}");
    kafka.shutdown().await.unwrap();
    let without = ColumnOptions { exclude: true, ..ColumnOptions::default() };
    let columns = BTreeMap::from([("age".to_owned(), without)]);
    let without = TableOptions { columns, ..TableOptions::default() };
    let kafka = start(&kept_as(topic.options(), "qr.users", without));
    settle(&kafka, &topic).await;
    assert_eq!(counted(&replay(&kafka, &["qr.users"]).await), [(1, 0)]);
    assert_eq!(stored("SELECT id FROM qr.users").await, "1");
    kafka.shutdown().await.unwrap();
}
