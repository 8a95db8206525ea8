//! Several consumers of one group: partitions go from hand to hand, and rows neither double nor get lost.

use super::support::{Topic, kept_as, settle_all, start, stored};
use model::{Mode, TableOptions};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn partitions_go_from_hand_to_hand_under_load() {
    let topic = Topic::new("kg", "events", 12);
    let facts =
        TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() };
    let options = kept_as(topic.options(), "kg.events", facts);
    let first = start(&options);
    let mut sent = 0i64;
    let mut send = |rows: i64| {
        for _ in 0..rows {
            topic.insert(json!({"id": sent, "kind": "view"}));
            sent += 1;
        }
        topic.flush();
        sent
    };
    send(4000);
    let second = start(&options);
    for _ in 0..20 {
        send(500);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let third = start(&options);
    for _ in 0..20 {
        send(500);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    first.shutdown().await.unwrap();
    for _ in 0..10 {
        send(500);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // One dies.
    drop(third);
    let sent = send(4000);
    settle_all(&[&second], &topic).await;
    assert_eq!(
        stored("SELECT count(), uniqExact(id), sum(id) FROM kg.events").await,
        format!("{sent}|{sent}|{}", sent * (sent - 1) / 2)
    );
    second.shutdown().await.unwrap();
}
