//! Topics that rest, that go on, and whose tables get other options meanwhile.

use super::support::{Topic, broker, kept_as, settle, start, stored, wait_stored};
use flow::Handle;
use flow::kafka::Kafka;
use flow::quarantine::ReplayOptions;
use flow::reload::ReloadOptions;
use flow::resync::ResyncOptions;
use flow::verify::VerifyOptions;
use model::{ColumnOptions, Mode, OnUpdate, TableOptions};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

fn handle(kafka: &Kafka) -> Handle {
    Handle::of_topics(kafka.handle())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_of_topics_while_they_are_paused_and_everything_after() {
    let topic = Topic::new("kpa", "users", 2);
    (0..50).for_each(|id| topic.insert(json!({"id": id, "name": "a"})));
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    let paused = handle(&kafka).pause().await.unwrap();
    assert!(!paused.was_paused && paused.slot.is_none());
    assert!(handle(&kafka).is_paused() && !handle(&kafka).is_ready());
    assert_eq!(handle(&kafka).report().paused_since, Some(paused.since));
    // Whoever asks is told; and nobody of ours is in the group, so that its offsets can be set back.
    let error = handle(&kafka).replay(ReplayOptions::default()).await.unwrap_err().report();
    assert!(error.contains("cannot replay: the topics are paused"), "{error}");
    broker().set_offsets("group_kpa", &topic.name, &[0, 0]);
    (50..80).for_each(|id| topic.insert(json!({"id": id, "name": "b"})));
    topic.flush();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let counted = "SELECT count() FROM kpa.users";
    assert_eq!(stored(counted).await, "50");
    kafka.shutdown().await.unwrap();
    // The next process rests as well.
    let kafka = start(&topic.options());
    while !handle(&kafka).is_paused() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(handle(&kafka).pause().await.unwrap().was_paused);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stored(counted).await, "50");
    let resumed = handle(&kafka).resume().await.unwrap();
    assert_eq!(resumed.paused_since, Some(paused.since));
    settle(&kafka, &topic).await;
    assert_eq!(stored(counted).await, "80");
    assert_eq!(kafka.handle().report().0.tables[0].streamed_rows, 80, "read from the beginning");
    assert!(handle(&kafka).resume().await.unwrap().paused_since.is_none());
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_stay_exact_through_pauses_under_load() {
    let topic = Topic::new("kpf", "events", 3);
    let facts =
        TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() };
    let kafka = start(&kept_as(topic.options(), "kpf.events", facts));
    let mut sent = 0i64;
    for _ in 0..5 {
        for _ in 0..3000 {
            topic.insert(json!({"id": sent, "kind": "view"}));
            sent += 1;
        }
        handle(&kafka).pause().await.unwrap();
        handle(&kafka).resume().await.unwrap();
    }
    topic.flush();
    let counted = "SELECT count(), uniqExact(id) FROM kpf.events";
    wait_stored(&kafka, counted, &format!("{sent}|{sent}")).await;
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn other_options_are_taken_or_nothing_is() {
    let topic = Topic::new("kre", "events", 1);
    let facts =
        TableOptions { mode: Mode::Append, order_by: vec!["id".into()], ..TableOptions::default() };
    let kafka = start(&kept_as(topic.options(), "kre.events", facts.clone()));
    topic.insert(json!({"id": 1, "kind": "a"}));
    topic.update(json!({"id": 1, "kind": "b"}));
    topic.flush();
    settle(&kafka, &topic).await;
    let reload = |options: TableOptions, what: &str| {
        let tables = BTreeMap::from([("kre.events".to_owned(), options)]);
        let changed = BTreeMap::from([("kre.events".to_owned(), vec![what.to_owned()])]);
        let handle = handle(&kafka);
        async move { handle.reload(ReloadOptions { tables, changed }).await }
    };
    // One that cannot be: nothing has changed.
    let mode = TableOptions { mode: Mode::Mirror, ..TableOptions::default() };
    let error = reload(mode, "mode").await.unwrap_err().report();
    assert!(error.contains("kre.events"), "{error}");
    let wrong = ColumnOptions { clickhouse_type: Some("Strange".into()), ..Default::default() };
    let columns = BTreeMap::from([("kind".to_owned(), wrong)]);
    assert!(reload(TableOptions { columns, ..facts.clone() }, "columns").await.is_err());
    let taken = TableOptions { on_update: OnUpdate::Append, ..facts };
    let reloaded = reload(taken, "on_update").await.unwrap();
    let [table] = &reloaded.tables[..] else { panic!("{reloaded:?}") };
    assert_eq!((table.state.as_deref(), reloaded.paused), (Some("streaming"), false));
    topic.update(json!({"id": 1, "kind": "c"}));
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT arraySort(groupArray(kind)) FROM kre.events").await, "['a','c']");
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_stream_is_told_so() {
    let topic = Topic::new("kne", "users", 1);
    let kafka = start(&topic.options());
    let handle = handle(&kafka);
    let verify = VerifyOptions { tables: vec!["kne.users".into()], keys_max: 10 };
    let error = handle.verify(verify).await.unwrap_err().report();
    assert!(
        error.starts_with("cannot verify: topics alone have nothing to be compared with"),
        "{error}"
    );
    let resync = ResyncOptions { tables: vec!["kne.users".into()], rows_per_second_max: 0 };
    let error = handle.resync(resync).await.unwrap_err().report();
    assert!(error.contains("cannot resync") && error.contains("--reset-offsets"), "{error}");
    kafka.shutdown().await.unwrap();
}
