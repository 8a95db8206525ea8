//! The same envelopes as Avro: schemas as Debezium registers them, and bytes as Confluent frames them.

use serde_json::{Value, json};

fn optional(of: Value) -> Value {
    json!(["null", of])
}

fn nullable(name: &str, of: Value) -> Value {
    json!({"name": name, "type": optional(of), "default": null})
}

fn field(name: &str, of: &str) -> Value {
    json!({"name": name, "type": of})
}

pub(super) fn key_schema() -> Value {
    json!({"type": "record", "name": "Key", "namespace": "shop.public.orders",
           "fields": [field("id", "long")], "connect.name": "shop.public.orders.Key"})
}

pub(super) fn value_schema() -> Value {
    let micros = json!({"type": "long", "connect.version": 1, "connect.name": "io.debezium.time.MicroTimestamp"});
    let row = json!({"type": "record", "name": "Value", "connect.name": "shop.public.orders.Value", "fields": [
        field("id", "long"), nullable("customer", json!("string")), nullable("total", json!("double")),
        nullable("placed_at", micros), nullable("note", json!("string"))]});
    let source = json!({"type": "record", "name": "Source", "namespace": "io.debezium.connector.postgresql",
        "connect.name": "io.debezium.connector.postgresql.Source", "fields": [
        field("version", "string"), field("connector", "string"), field("name", "string"), field("ts_ms", "long"),
        nullable("snapshot", json!("string")), field("db", "string"), nullable("sequence", json!("string")),
        nullable("ts_us", json!("long")), nullable("ts_ns", json!("long")), field("schema", "string"),
        field("table", "string"), nullable("txId", json!("long")), nullable("lsn", json!("long")),
        nullable("xmin", json!("long")), nullable("origin", json!("string")), nullable("origin_lsn", json!("long"))]});
    let block = json!({"type": "record", "name": "block", "namespace": "event", "connect.name": "event.block", "fields": [
        field("id", "string"), field("total_order", "long"), field("data_collection_order", "long")]});
    json!({"type": "record", "name": "Envelope", "namespace": "shop.public.orders", "connect.version": 2,
        "connect.name": "shop.public.orders.Envelope", "fields": [
        nullable("before", row), nullable("after", json!("Value")), {"name": "source", "type": source},
        nullable("transaction", block), field("op", "string"), nullable("ts_ms", json!("long")),
        nullable("ts_us", json!("long")), nullable("ts_ns", json!("long"))]})
}

/// A datum behind the id of its schema.
pub(super) struct Datum(Vec<u8>);

impl Datum {
    pub(super) fn new(schema: u32) -> Datum {
        let mut bytes = vec![0];
        bytes.extend(schema.to_be_bytes());
        Datum(bytes)
    }

    pub(super) fn long(mut self, value: i64) -> Datum {
        let mut left = ((value << 1) ^ (value >> 63)) as u64;
        while left >= 0x80 {
            self.0.push(left as u8 | 0x80);
            left >>= 7;
        }
        self.0.push(left as u8);
        self
    }

    pub(super) fn text(mut self, value: &str) -> Datum {
        self = self.long(value.len() as i64);
        self.0.extend(value.as_bytes());
        self
    }

    pub(super) fn double(mut self, value: f64) -> Datum {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn null(self) -> Datum {
        self.long(0)
    }

    /// What follows is there.
    pub(super) fn some(self) -> Datum {
        self.long(1)
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}
