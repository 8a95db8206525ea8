//! Topics that ClickHouse's own Kafka engine reads: the statements, and what they make of real messages.

mod equal;
mod odd;
mod printed;

use crate::BINARY;
use harness::Project;
use kafka_cluster::{Broker, Producer, Record};
use serde_json::{Value, json};

/// A project on topics alone. `of_kafka` is the rest of `[source.kafka]`.
fn config(brokers: &str, topics: &str, of_kafka: &str) -> String {
    format!(
        "[source.kafka]\nbrokers = \"{brokers}\"\ntopics = [{topics}]\n{of_kafka}\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n"
    )
}

fn project(brokers: &str, topics: &str, of_kafka: &str) -> Project {
    Project::new(BINARY, &config(brokers, topics, of_kafka))
}

/// A topic of Debezium's without schemas, written by hand.
struct Topic {
    name: &'static str,
    producer: Producer,
}

impl Topic {
    fn new(broker: &Broker, name: &'static str) -> Topic {
        broker.create_topic(name, 1, &[]);
        Topic { name, producer: broker.producer() }
    }

    fn send(&self, op: &str, id: i64, row: Value, lsn: u64) {
        let (before, after) = match op {
            "d" => (json!({"id": id}), Value::Null),
            _ => (Value::Null, row),
        };
        let source = json!({
            "connector": "postgresql", "name": "shop", "db": "shop", "schema": "public", "table": "orders",
            "lsn": lsn, "sequence": format!("[null,\"{lsn}\"]"), "ts_ms": 1_795_000_000_000i64,
        });
        let value = json!({"before": before, "after": after, "source": source, "op": op});
        self.send_bytes(Some(&json!({"id": id}).to_string()), Some(&value.to_string()));
    }

    fn send_bytes(&self, key: Option<&str>, value: Option<&str>) {
        let (key, value) = (key.map(str::as_bytes), value.map(str::as_bytes));
        self.producer.send(Record { topic: self.name, key, value, ..Record::default() });
        self.producer.flush();
    }
}
