//! The bus: topics into tables, the stream to topics, and both in a row.
//!
//! ```text
//! into     messages that wait in a topic ─▶ rows        beside ClickHouse's own Kafka engine
//! out      changes that wait in a slot ─▶ messages      beside a real Debezium, and `pg_recvlogical`
//! latency  commit ─▶ topic ─▶ row                       beside a real Debezium in the first half
//! ```

mod avro;
mod into;
mod latency;
mod out;

pub(crate) use into::{avro, json};
pub(crate) use latency::through_a_topic;
pub(crate) use out::{debezium, slot};

use kafka_cluster::{Broker, BrokerOptions, Connect, ConnectOptions};

/// As somebody runs it in earnest: the compiler that makes the fastest code.
fn java() -> Vec<String> {
    ["-Xms256m", "-Xmx1g", "-XX:+UseG1GC"].map(str::to_owned).to_vec()
}

fn broker() -> Broker {
    Broker::with(BrokerOptions { java: java(), ..BrokerOptions::default() })
}

fn worker(broker: &Broker) -> Connect {
    Connect::start(broker, ConnectOptions { java: java(), ..ConnectOptions::default() })
}
