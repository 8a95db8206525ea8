//! Kafka: the second way in and out.
//!
//! ```text
//! topic ─▶ read/    a message of Debezium's ─▶ the tuple that Postgres would have sent ─▶ Block ─▶ flow
//! topic ◀─ write/   a message of Debezium's ◀─ the tuple that Postgres has sent ◀─ source::stream
//! ```
//!
//! In the middle are pgoutput's tuples, so that types, rules, quarantine and unchanged values are the
//! same code as for the direct stream, whichever way a row comes or goes.

pub mod consume;
mod message;
pub mod preflight;
pub mod read;
pub mod registry;
pub mod sample;
pub mod security;
pub mod trouble;
pub mod write;

pub use message::Message;
