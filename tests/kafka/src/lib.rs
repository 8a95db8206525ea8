//! Real Kafka for tests and benches: a broker, a Connect worker with Debezium, a schema registry, each a process
//! of its own on free loopback ports with a private directory, gone when dropped.
//!
//! ```text
//! cluster::Cluster ─▶ Connect ─▶ Broker ─▶ dump
//!       Producer ──────────────────▲
//! Registry ◀─ Avro of both
//! ```
//!
//! What runs is what `make setup-kafka` has put into the cache. A JVM takes seconds to start and a
//! core while it does: tests that can share a broker should.

mod broker;
mod connect;
pub mod debezium;
mod http;
mod jvm;
mod messages;
mod producer;
mod registry;
mod security;
mod topics;

pub use broker::{Broker, BrokerOptions};
pub use connect::{Connect, ConnectOptions};
pub use jvm::{folder, quick_java};
pub use messages::Message;
pub use producer::{Producer, Record};
pub use registry::Registry;
pub use security::{Mechanism, Sasl};
pub use topics::Ends;

#[cfg(test)]
mod tests;
