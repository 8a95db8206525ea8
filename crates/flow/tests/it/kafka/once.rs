//! Keys of facts that come again: each fact is there once, whatever dies in between.

use super::support::{Topic, broker, kept_as, options, settle, start, stored, wait_stored};
use crate::support::Mortal;
use bus::read::PlainTopic;
use flow::kafka::{Kafka, KafkaOptions};
use harness::Dice;
use kafka_cluster::{Producer, Record};
use model::{Mode, OnUpdate, TableName, TableOptions};
use serde_json::{Value, json};
use std::sync::Arc;

fn facts() -> TableOptions {
    TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() }
}

/// Objects with an id, in whichever partition they come.
fn clicks(topic: &str, schema: &str) -> KafkaOptions {
    let mut options = options(&[topic], schema);
    let of = PlainTopic {
        table: TableName::new(schema, "clicks"),
        columns: Default::default(),
        rest: None,
        time: None,
        id: Some("id".to_owned()),
    };
    options.consumer.reader.plain.insert(topic.to_owned(), of);
    kept_as(options, &format!("{schema}.clicks"), facts())
}

fn send(producer: &Producer, topic: &str, partition: i32, row: Value) {
    let (row, partition) = (row.to_string(), Some(partition));
    producer.send(Record { topic, partition, value: Some(row.as_bytes()), ..Record::default() });
}

fn left_out(kafka: &Kafka) -> u64 {
    kafka.handle().report().0.tables[0].duplicate_rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_before_is_left_out_and_counted() {
    let topic = Topic::new("oc", "events", 2);
    let mut options = kept_as(topic.options(), "oc.events", facts());
    let again = |op: &str| {
        for id in 0..100i64 {
            let row = json!({"id": id, "kind": op});
            topic.send(json!({"id": id}), Some(topic.envelope(op, Value::Null, row)));
        }
        topic.flush();
    };
    again("c");
    // In one batch, a connector that was killed; and a new snapshot, later.
    again("c");
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    again("r");
    settle(&kafka, &topic).await;
    let shown = "SELECT count(), uniqExact(id), countIf(kind = 'c') FROM oc.events";
    assert_eq!((stored(shown).await.as_str(), left_out(&kafka)), ("100|100|100", 200));
    kafka.shutdown().await.unwrap();
    again("r");
    topic.insert(json!({"id": 100, "kind": "c"}));
    topic.flush();
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!((stored(shown).await.as_str(), left_out(&kafka)), ("101|101|101", 100));
    kafka.shutdown().await.unwrap();
    // Whose rows after UPDATEs are taken has keys again and again.
    options =
        kept_as(options, "oc.events", TableOptions { on_update: OnUpdate::Append, ..facts() });
    again("r");
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!((stored(shown).await.as_str(), left_out(&kafka)), ("201|101|101", 0));
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_come_in_several_partitions_are_there_once_whatever_dies() {
    let topic = "clicks_on";
    broker().create_topic(topic, 4, &[]);
    let (options, producer) = (clicks(topic, "on"), broker().producer());
    let seed = Dice::fresh_seed();
    println!("seed {seed}");
    let (mut dice, mut ids) = (Dice::new(seed), 0i64);
    for _ in 0..16 {
        for _ in 0..1500 {
            // One that is new, and one of a moment ago or of long ago.
            send(&producer, topic, dice.below(4) as i32, json!({"id": ids, "kind": "first"}));
            ids += 1;
            let most = if dice.below(2) == 0 { ids.min(50) } else { ids };
            let id = ids - 1 - dice.below(most as u64) as i64;
            send(&producer, topic, dice.below(4) as i32, json!({"id": id, "kind": "again"}));
        }
        producer.flush();
        let kafka = start(&options);
        tokio::time::sleep(dice.millis(100, 700)).await;
        // It ends where it stands.
        drop(kafka);
    }
    let kafka = start(&options);
    let counted = "SELECT count(), uniqExact(id), sum(id) FROM on.clicks";
    wait_stored(&kafka, counted, &format!("{ids}|{ids}|{}", ids * (ids - 1) / 2)).await;
    kafka.shutdown().await.unwrap();
}

/// The keys are durable and the rows are not, or both are and nobody knows; meanwhile one key comes in another
/// partition, too.
async fn die(schema: &'static str, store: Arc<Mortal>, is_there: &str) {
    let topic = Topic::new(schema, "clicks", 2);
    let (options, producer) = (topic.options(), broker().producer());
    let options = kept_as(options, &format!("{schema}.clicks"), facts());
    let send = |partition, id: i64| {
        let key = json!({"id": id});
        let value = topic.envelope("c", Value::Null, key.clone()).to_string();
        let (key, value) = (key.to_string(), Some(value.as_bytes()));
        let (key, partition) = (Some(key.as_bytes()), Some(partition));
        producer.send(Record { topic: &topic.name, partition, key, value, ..Record::default() });
    };
    let counted = format!("SELECT count(), uniqExact(id) FROM {schema}.clicks");
    (0..100).for_each(|id| send(0, id));
    producer.flush();
    let kafka = Kafka::start(options.clone(), store.clone());
    store.wait_for_silence().await;
    store.kill(kafka).await;
    assert_eq!(stored(&counted).await, is_there);
    let known = format!("SELECT count() FROM millrace.kafka_ids WHERE target = '{schema}.clicks'");
    assert_eq!(stored(&known).await, "100");
    (50..150).for_each(|id| send(1, id));
    producer.flush();
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!((stored(&counted).await.as_str(), left_out(&kafka)), ("150|150", 50));
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_not_written_are_though_their_keys_were() {
    die("ow", Mortal::silent("clicks", true), "0|0").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_written_are_not_written_again() {
    die("os", Mortal::silent("clicks", false), "100|100").await;
}
