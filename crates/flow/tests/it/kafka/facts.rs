//! Append tables: every row once, whatever dies in between.

use super::support::{Topic, broker, kept_as, settle, start, stored};
use model::{Mode, TableOptions};
use serde_json::json;
use std::time::Duration;

fn facts() -> TableOptions {
    TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fact_is_there_once_however_often_its_reader_dies() {
    let topic = Topic::new("kf", "events", 4);
    let options = kept_as(topic.options(), "kf.events", facts());
    let mut sent = 0i64;
    for round in 0..12 {
        for _ in 0..3000 {
            topic.insert(json!({"id": sent, "kind": "click", "round": round}));
            sent += 1;
        }
        topic.flush();
        let kafka = start(&options);
        tokio::time::sleep(Duration::from_millis(150 + 137 * (round % 5))).await;
        // It ends where it stands.
        drop(kafka);
    }
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    let counted = "SELECT count(), uniqExact(id), sum(id) FROM kf.events";
    let wanted = format!("{sent}|{sent}|{}", sent * (sent - 1) / 2);
    assert_eq!(stored(counted).await, wanted);
    kafka.shutdown().await.unwrap();
    broker().set_offsets(&options.consumer.group, &topic.name, &[0; 4]);
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!(stored(counted).await, wanted, "read again from the beginning");
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_at_the_source_is_counted_and_not_followed() {
    let topic = Topic::new("ku", "events", 1);
    let options = kept_as(topic.options(), "ku.events", facts());
    topic.insert(json!({"id": 1, "kind": "a"}));
    topic.update(json!({"id": 1, "kind": "b"}));
    topic.delete(1);
    topic.flush();
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT id, kind FROM ku.events").await, "1|a");
    let (report, _) = kafka.handle().report();
    let table = &report.tables[0];
    assert_eq!((table.ignored_updates, table.ignored_deletes), (1, 1));
    kafka.shutdown().await.unwrap();
}
