//! By ClickHouse's own hands: its Kafka engine and views in place of our reader, with the same tables behind.
//!
//! ```text
//! look     what the topics hold
//! reading  where a message has what        value  an expression for it
//! script   the statements
//! run      has the embedded engine run them, and watches   consumers  how far it is
//! ```
//!
//! `docs/kafka-engine.md` compares the two ways.

mod consumers;
mod look;
mod reading;
mod run;
mod script;
mod value;

pub(super) use consumers::Seen;
pub use look::{Found, KNOWN, Reads, known, look};
pub(super) use run::Engine;
pub use run::clear;
pub use script::{Connection, files_of_server, shared, table, topic};
