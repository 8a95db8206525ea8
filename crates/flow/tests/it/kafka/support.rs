//! One broker for the process, topics a test each, and messages as Debezium writes them.

use crate::support::{home, wait_until};
use bus::consume::ConsumerOptions;
use bus::read::{Format, ReaderOptions};
use flow::kafka::{Kafka, KafkaOptions};
use flow::status::State;
use harness::PATIENCE;
use kafka_cluster::{Broker, Producer, Record};
use model::TableOptions;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub(super) fn broker() -> &'static Broker {
    static BROKER: LazyLock<Broker> = LazyLock::new(Broker::start);
    &BROKER
}

/// A topic of Debezium's whose table is `schema.table`.
pub(super) struct Topic {
    pub(super) schema: &'static str,
    pub(super) table: &'static str,
    pub(super) name: String,
    producer: Producer,
    lsn: std::sync::atomic::AtomicU64,
}

impl Topic {
    pub(super) fn new(schema: &'static str, table: &'static str, partitions: u32) -> Topic {
        Topic::of(broker(), schema, table, partitions)
    }

    /// Of a broker that the test has for itself.
    pub(super) fn of(
        broker: &Broker,
        schema: &'static str,
        table: &'static str,
        partitions: u32,
    ) -> Topic {
        let name = format!("dbz.{schema}.{table}");
        broker.create_topic(&name, partitions, &[]);
        let lsn = std::sync::atomic::AtomicU64::new(100);
        Topic { schema, table, name, producer: broker.producer(), lsn }
    }

    pub(super) fn options(&self) -> KafkaOptions {
        options(&[&self.name], self.schema)
    }

    pub(super) fn next_lsn(&self) -> u64 {
        self.lsn.fetch_add(8, std::sync::atomic::Ordering::Relaxed)
    }

    /// An envelope without a schema.
    pub(super) fn envelope(&self, op: &str, before: Value, after: Value) -> Value {
        let lsn = self.next_lsn();
        json!({
            "before": before, "after": after, "op": op, "ts_ms": 1_795_000_000_000i64,
            "source": {
                "version": "3.7.0.Final", "connector": "postgresql", "name": "dbz", "db": "shop",
                "schema": self.schema, "table": self.table, "snapshot": "false", "lsn": lsn,
                "sequence": format!("[\"{lsn}\",\"{lsn}\"]"), "txId": 7, "xmin": null,
                "ts_ms": 1_795_000_000_000i64, "ts_us": 1_795_000_000_000_000i64,
            },
            "transaction": null,
        })
    }

    pub(super) fn send(&self, key: Value, value: Option<Value>) {
        self.send_bytes(Some(key.to_string().as_bytes()), value.map(|value| value.to_string()));
    }

    pub(super) fn send_bytes(&self, key: Option<&[u8]>, value: Option<String>) {
        let value = value.as_ref().map(|value| value.as_bytes());
        self.producer.send(Record { topic: &self.name, key, value, ..Record::default() });
    }

    /// An insert of a row whose key is `id`.
    pub(super) fn insert(&self, row: Value) {
        self.send(json!({"id": row["id"]}), Some(self.envelope("c", Value::Null, row)));
    }

    pub(super) fn update(&self, row: Value) {
        self.send(json!({"id": row["id"]}), Some(self.envelope("u", Value::Null, row)));
    }

    /// A delete, and the tombstone behind it.
    pub(super) fn delete(&self, id: i64) {
        let key = json!({"id": id});
        self.send(key.clone(), Some(self.envelope("d", key.clone(), Value::Null)));
        self.send(key, None);
    }

    /// Another key for a row: a delete, its tombstone and an insert, which know of each other.
    pub(super) fn rekey(&self, before: Value, row: Value) {
        let now = json!({"id": row["id"]});
        let (old, new) = (before.to_string(), now.to_string());
        let deleted = self.envelope("d", before, Value::Null).to_string();
        let made = self.envelope("c", Value::Null, row).to_string();
        let header = [("__debezium.newkey", Some(new.as_bytes()))];
        let of = Record { topic: &self.name, key: Some(old.as_bytes()), ..Record::default() };
        self.producer.send(Record { value: Some(deleted.as_bytes()), headers: &header, ..of });
        self.producer.send(of);
        let header = [("__debezium.oldkey", Some(old.as_bytes()))];
        let (key, value) = (Some(new.as_bytes()), Some(made.as_bytes()));
        self.producer.send(Record {
            topic: &self.name,
            key,
            value,
            headers: &header,
            ..Record::default()
        });
    }

    /// One that knows of partitions that were added.
    pub(super) fn with_new_producer(self) -> Topic {
        Topic { producer: broker().producer(), ..self }
    }

    pub(super) fn flush(&self) {
        self.producer.flush();
    }
}

pub(super) fn options(topics: &[&str], group: &str) -> KafkaOptions {
    KafkaOptions {
        consumer: ConsumerOptions {
            brokers: broker().bootstrap(),
            security: Default::default(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            group: format!("group_{group}"),
            reader: ReaderOptions::new(Format::DebeziumJson),
            key_changes: true,
            memory_bytes: 64 << 20,
        },
        by: Default::default(),
        database_pattern: None,
        tables: BTreeMap::new(),
        skips_expired: false,
        postgres: None,
        is_alone: true,
    }
}

pub(super) fn kept_as(mut options: KafkaOptions, table: &str, kept: TableOptions) -> KafkaOptions {
    options.tables.insert(table.to_owned(), kept);
    options
}

pub(super) fn start(options: &KafkaOptions) -> Kafka {
    Kafka::start(options.clone(), home())
}

/// Waits until nothing of the topic lies before us.
pub(super) async fn settle(kafka: &Kafka, topic: &Topic) {
    settle_all(&[kafka], topic).await;
}

/// The same of a group.
pub(super) async fn settle_all(group: &[&Kafka], topic: &Topic) {
    let ends = ends(topic);
    wait_until("the topic is read", || {
        let mut partitions = Vec::new();
        for kafka in group {
            let (report, shown) = kafka.handle().report();
            let failed = report.tables.iter().find(|table| table.state == State::Failed);
            assert!(failed.is_none(), "{failed:#?}");
            partitions.extend(shown.partitions);
        }
        let is_there = ends.iter().enumerate().all(|(number, end)| {
            let mut of = partitions.iter().filter(|p| p.topic == topic.name);
            of.any(|p| p.partition == number as i32 && p.offset >= *end)
        });
        if is_there { Ok(()) } else { Err(format!("{partitions:#?} wanted {ends:?}")) }
    })
    .await;
}

fn ends(topic: &Topic) -> Vec<i64> {
    let partitions = broker().partitions(&topic.name) as i32;
    (0..partitions).map(|partition| broker().offsets(&topic.name, partition).1).collect()
}

/// Rows of the store as psql prints them.
pub(super) async fn stored(sql: &str) -> String {
    try_stored(sql).await.unwrap()
}

pub(super) async fn try_stored(sql: &str) -> model::Result<String> {
    let line = |row: &Vec<Option<String>>| {
        let fields = row.iter().map(|field| field.clone().unwrap_or_else(|| "NULL".into()));
        fields.collect::<Vec<_>>().join("|")
    };
    Ok(home().query(sql).await?.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Waits until the store says so; the table may not be there yet.
pub(super) async fn wait_stored(kafka: &Kafka, sql: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let found = try_stored(sql).await.unwrap_or_else(|error| error.report());
        if found == wanted {
            return;
        }
        let shown = || kafka.handle().report();
        assert!(begun.elapsed() < PATIENCE, "{sql}: {found} wanted {wanted} {:#?}", shown());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
