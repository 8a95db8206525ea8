//! Mirrors: whatever comes, and however often, the newest row of each key is shown.

use super::support::{Topic, broker, kept_as, options, settle, start, stored, wait_stored};
use crate::support::wait_until;
use kafka_cluster::{Broker, BrokerOptions, Producer, Record};
use model::{Mode, TableOptions};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_follows_inserts_updates_and_deletes_of_many_partitions() {
    let topic = Topic::new("km", "orders", 4);
    for id in 0..500i64 {
        topic.insert(json!({"id": id, "name": format!("n{id}"), "total": 1.5, "paid": id % 2 == 0, "note": null}));
    }
    for id in 0..100i64 {
        topic.update(json!({"id": id, "name": format!("changed {id}"), "total": 2.5, "paid": true, "note": "x"}));
    }
    for id in 400..500i64 {
        topic.delete(id);
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(
        stored("SELECT count(), sum(id), countIf(name LIKE 'changed%'), sum(total), countIf(note IS NULL) FROM km.orders").await,
        format!("400|{}|100|700|300", (0..400).sum::<i64>())
    );
    // A column that nobody had.
    topic.update(
        json!({"id": 7, "name": "seven", "total": 3, "paid": false, "note": null, "colour": "red"}),
    );
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(
        stored("SELECT id, name, colour FROM km.orders WHERE colour IS NOT NULL").await,
        "7|seven|red"
    );
    assert_eq!(stored("SELECT count() FROM km.orders WHERE colour IS NULL").await, "399");
    let (report, shown) = kafka.handle().report();
    assert_eq!((report.tables.len(), shown.lag_messages, shown.partitions.len()), (1, 0, 4));
    kafka.shutdown().await.unwrap();
    // Another life goes on where this one was.
    topic.delete(8);
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count(), max(colour) FROM km.orders").await, "399|red");
    let (report, _) = kafka.handle().report();
    assert_eq!(report.tables[0].streamed_rows, 2, "a delete and its tombstone, and nothing twice");
    kafka.shutdown().await.unwrap();
}

/// A group that is set back, a connector that sends its tables again, one that repeats itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_changes_nothing() {
    let topic = Topic::new("ka", "users", 2);
    for id in 0..100i64 {
        topic.insert(json!({"id": id, "name": format!("n{id}")}));
    }
    for id in 0..50i64 {
        topic.update(json!({"id": id, "name": "new"}));
    }
    topic.delete(99);
    topic.flush();
    let options = topic.options();
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    kafka.shutdown().await.unwrap();
    let shown =
        "SELECT count(), countIf(name = 'new'), groupBitXor(cityHash64(id, name)) FROM ka.users";
    let before = stored(shown).await;
    broker().set_offsets(&options.consumer.group, &topic.name, &[0, 0]);
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!(stored(shown).await, before);
    let (report, _) = kafka.handle().report();
    assert_eq!(report.tables[0].streamed_rows, 152, "all of it was read again");
    // The tables sent again.
    for id in 0..99i64 {
        let row =
            json!({"id": id, "name": if id < 50 { "new".to_owned() } else { format!("n{id}") }});
        topic.send(json!({"id": id}), Some(topic.envelope("r", Value::Null, row)));
    }
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(stored(shown).await, before);
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_takes_the_rows_of_before_in_whichever_partition() {
    let topic = Topic::new("kt", "carts", 3);
    for id in 0..90i64 {
        topic.insert(json!({"id": id, "name": "old"}));
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    let late = topic.envelope("c", Value::Null, json!({"id": 1000, "name": "from before"}));
    topic.send_bytes(None, Some(topic.envelope("t", Value::Null, Value::Null).to_string()));
    for id in 0..10i64 {
        topic.insert(json!({"id": id, "name": "new"}));
    }
    // Its partition was slow: it was committed before the TRUNCATE.
    topic.send(json!({"id": 1000}), Some(late));
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count(), countIf(name = 'new') FROM kt.carts").await, "10|10");
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning() {
    let topic = Topic::new("kr", "users", 1);
    for id in 0..50i64 {
        topic.insert(json!({"id": id, "name": "first"}));
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    kafka.shutdown().await.unwrap();
    broker().delete_topic(&topic.name);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    broker().create_topic(&topic.name, 1, &[]);
    for id in 0..20i64 {
        topic.insert(json!({"id": id, "name": "second"}));
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count(), countIf(name = 'second') FROM kr.users").await, "50|20");
    kafka.shutdown().await.unwrap();
}

/// Keys of the partitions of before come to those that are new.
#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_hold_newer_rows() {
    let topic = Topic::new("kp", "users", 2);
    for round in 0..20 {
        for id in 0..40i64 {
            topic.update(json!({"id": id, "name": format!("round {round}")}));
        }
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    kafka.shutdown().await.unwrap();
    broker().add_partitions(&topic.name, 6);
    let topic = topic.with_new_producer();
    for id in 0..40i64 {
        topic.update(json!({"id": id, "name": "last"}));
    }
    topic.flush();
    let kafka = start(&topic.options());
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count(), countIf(name = 'last') FROM kp.users").await, "40|40");
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_tells_each_change_once_with_the_key_before() {
    let topic = Topic::new("kh", "users", 2);
    let history = TableOptions { mode: Mode::History, ..TableOptions::default() };
    let options = kept_as(topic.options(), "kh.users", history);
    topic.insert(json!({"id": 1, "name": "a"}));
    topic.update(json!({"id": 1, "name": "b"}));
    topic.rekey(json!({"id": 1}), json!({"id": 2, "name": "b"}));
    topic.delete(2);
    topic.flush();
    for _ in 0..2 {
        let kafka = start(&options);
        settle(&kafka, &topic).await;
        kafka.shutdown().await.unwrap();
        broker().set_offsets(&options.consumer.group, &topic.name, &[0, 0]);
        assert_eq!(
            stored("SELECT _op, id, name, _key_before FROM kh.users ORDER BY id, _version").await,
            "insert|1|a|(NULL)\nupdate|1|b|(1)\nupdate|2|b|(1)\ndelete|2|NULL|(2)"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_expired_are_told_of_and_passed_over_on_demand() {
    let topic = Topic::new("ke", "users", 1);
    topic.insert(json!({"id": 1, "name": "a"}));
    topic.flush();
    let mut options = topic.options();
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    kafka.shutdown().await.unwrap();
    for id in 2..20i64 {
        topic.insert(json!({"id": id, "name": "b"}));
    }
    topic.flush();
    broker().delete_records(&topic.name, 0, 10);
    let mut kafka = start(&options);
    let error = kafka.ended().await.report();
    assert!(error.contains("cannot read on in dbz.ke.users/0: its messages expired"), "{error}");
    assert!(error.contains("9 messages") && error.contains("expired = \"skip\""), "{error}");
    options.skips_expired = true;
    let kafka = start(&options);
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count() FROM ke.users").await, "10");
    assert_eq!(kafka.handle().report().1.missed_messages, 9);
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_waited_for() {
    let kafka = start(&options(&["dbz.kw.late"], "kw"));
    let handle = kafka.handle();
    wait_until("the missing topic is told of", || {
        let shown = handle.report().1.last_error.unwrap_or_default();
        let is_told = shown.contains("could not find all of the topics dbz.kw.late");
        if is_told { Ok(()) } else { Err(shown) }
    })
    .await;
    let topic = Topic::new("kw", "late", 1);
    topic.insert(json!({"id": 1}));
    topic.flush();
    settle(&kafka, &topic).await;
    assert_eq!(stored("SELECT count() FROM kw.late").await, "1");
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_twenty_megabytes_is_a_row_like_any_other() {
    let name = "dbz.kbig.docs";
    broker().create_topic(name, 1, &[("max.message.bytes", "30000000")]);
    let mut large = broker().client();
    let producer = Producer::with(large.set("message.max.bytes", "30000000"));
    let row = |id: u64, size: usize| {
        let after = json!({"id": id, "body": "x".repeat(size)});
        let source = json!({"schema": "kbig", "table": "docs", "lsn": id * 8});
        json!({"before": null, "after": after, "op": "c", "source": source}).to_string()
    };
    for (id, size) in [(1, 10), (2, 20 << 20), (3, 20 << 20), (4, 10)] {
        let (key, value) = (format!("{{\"id\":{id}}}"), row(id, size));
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer.send(Record { topic: name, key, value, ..Record::default() });
    }
    producer.flush();
    // Less than one of them: it is taken all the same, alone.
    let mut options = options(&[name], "kbig");
    options.consumer.memory_bytes = 8 << 20;
    let kafka = start(&options);
    let lengths = "SELECT groupArray(length(body)) FROM (SELECT * FROM kbig.docs ORDER BY id)";
    wait_stored(&kafka, lengths, "[10,20971520,20971520,10]").await;
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_topic_is_read_to_its_end_over_its_gaps() {
    let name = "dbz.kcomp.users";
    let properties = vec!["log.cleaner.backoff.ms=100".to_owned()];
    let broker = Broker::with(BrokerOptions { properties, ..BrokerOptions::default() });
    let compact = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "200"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "100"),
    ];
    broker.create_topic(name, 2, &compact);
    let producer = broker.producer();
    let send = |id: u64, lsn: u64, op: &str| {
        let row = json!({"id": id, "name": format!("n{lsn}")});
        let source = json!({"schema": "kcomp", "table": "users", "lsn": lsn});
        let (before, after) = if op == "d" { (row, Value::Null) } else { (Value::Null, row) };
        let value = json!({"before": before, "after": after, "op": op, "source": source});
        let (key, value) = (format!("{{\"id\":{id}}}"), value.to_string());
        let key = Some(key.as_bytes());
        let of = Record { topic: name, key, ..Record::default() };
        producer.send(Record { value: Some(value.as_bytes()), ..of });
        if op == "d" {
            producer.send(of);
        }
    };
    let mut options = options(&[name], "kcomp");
    options.consumer.brokers = broker.bootstrap();
    let kafka = start(&options);
    (0..2000u64).for_each(|n| send(n % 40, 1 + n, "u"));
    (0..10).for_each(|id| send(id, 3000 + id, "d"));
    producer.flush();
    wait_stored(&kafka, "SELECT count() FROM kcomp.users", "30").await;
    kafka.shutdown().await.unwrap();
    // What is behind the last segment is cleaned.
    wait_until("most of it is compacted away", || {
        (0..40).for_each(|id| send(id + 10, 4000 + id, "u"));
        producer.flush();
        let left = broker.dump(name).len();
        (left < 1000).then_some(()).ok_or(format!("{left} are left"))
    })
    .await;
    // The one that goes on, and another one that begins at the gaps.
    let shown = "SELECT count(), min(id), max(id), uniqExact(name) FROM kcomp.users";
    let kafka = start(&options);
    wait_stored(&kafka, shown, "40|10|49|40").await;
    kafka.shutdown().await.unwrap();
    options.consumer.group = "group_kcomp_anew".into();
    options.consumer.reader.schema = "anew_{schema}".into();
    let kafka = start(&options);
    wait_stored(&kafka, &shown.replace("kcomp.", "anew_kcomp."), "40|10|49|40").await;
    wait_until("nothing waits behind a gap", || {
        let waiting = kafka.handle().report().1.lag_messages;
        (waiting == 0).then_some(()).ok_or(format!("{waiting} wait"))
    })
    .await;
    kafka.shutdown().await.unwrap();
}
