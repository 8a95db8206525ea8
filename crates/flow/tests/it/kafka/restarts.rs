//! Brokers that die, and topics that are another one of a sudden: nothing is lost and nothing doubles.

use super::support::{Topic, broker, kept_as, settle, start, stored, wait_stored};
use kafka_cluster::Broker;
use model::{Mode, TableOptions};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn facts_are_there_once_however_often_their_broker_is_killed() {
    let mut broker = Broker::start();
    let topic = Topic::of(&broker, "kb", "events", 3);
    let facts =
        TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() };
    let mut options = kept_as(topic.options(), "kb.events", facts);
    options.consumer.brokers = broker.bootstrap();
    options.is_alone = false;
    let mut kafka = Some(start(&options));
    let mut sent = 0i64;
    for round in 0..4 {
        for _ in 0..2000 {
            topic.insert(json!({"id": sent, "kind": "click", "round": round}));
            sent += 1;
        }
        topic.flush();
        tokio::time::sleep(Duration::from_millis(200 + 400 * (round % 3))).await;
        broker.kill9();
        // One that goes on, and one that is there before its broker is.
        if round % 2 == 1 {
            drop(kafka.take());
            kafka = Some(start(&options));
        }
        broker.start_again();
    }
    let counted = "SELECT count(), uniqExact(id), sum(id) FROM kb.events";
    let wanted = format!("{sent}|{sent}|{}", sent * (sent - 1) / 2);
    wait_stored(kafka.as_ref().unwrap(), counted, &wanted).await;
    // And no more of them come.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(stored(counted).await, wanted);
    kafka.unwrap().shutdown().await.unwrap();
}

/// Whoever reads it is told by the broker that its place is none, and looks for it anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_under_its_reader_is_read_from_its_beginning() {
    let topic = Topic::new("kra", "users", 1);
    for id in 0..50i64 {
        topic.insert(json!({"id": id, "name": "first"}));
    }
    topic.flush();
    let mut options = topic.options();
    options.is_alone = false;
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    broker().delete_topic(&topic.name);
    tokio::time::sleep(Duration::from_millis(500)).await;
    broker().create_topic(&topic.name, 1, &[]);
    for id in 0..20i64 {
        topic.insert(json!({"id": id, "name": "second"}));
    }
    topic.flush();
    let shown = "SELECT count(), countIf(name = 'second') FROM kra.users";
    wait_stored(&kafka, shown, "50|20").await;
    kafka.shutdown().await.unwrap();
}
