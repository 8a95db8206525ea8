//! Out to Kafka: the log as Debezium 3.7 would have sent it, straight out of pgoutput's tuples, so
//! that what ClickHouse's types bend is not bent here.
//!
//! ```text
//! source::stream::tap ─▶ Encoder ─▶ Encoded ─▶ Producer ─▶ topics
//!  the reader's thread    │                      ├ registry   ids of Avro's schemas
//! source::copy ──────────▶│                      ├ position   how far, in the same transaction
//!  rows of before         │                      └ before     whether they were sent
//!                         ├ types    a column ─▶ form and schema
//!                         ├ value    a value ─▶ JSON or Avro
//!                         └ route    tables, columns, topics
//! ```
//!
//! # Where it is not Debezium
//! - `source.version` says `3.7.0.millrace`.
//! - `name` columns are sent, and arrays of more than one dimension are arrays of arrays.
//! - `date` 'infinity' is the last int32, '-infinity' the first: Debezium's are days of no meaning.
//! - Types that Debezium leaves out (multiranges, row types, xid8, …) are as Postgres prints them.

mod avro;
mod before;
mod client;
mod drained;
mod encoded;
mod encoder;
mod envelope;
mod known;
mod murmur;
mod options;
mod position;
mod producer;
mod registry;
mod route;
#[cfg(test)]
mod samples;
mod schema;
mod snapshot;
mod stored;
mod table;
mod transaction;
mod types;
mod value;

pub use before::Before;
pub use encoded::{Encoded, KeyHeader, Message, Part, Position};
pub use encoder::Encoder;
pub use envelope::VERSION;
pub use known::Known;
pub use murmur::{murmur2, partition};
pub use options::{
    Compression, DEFAULT_MESSAGE_BYTES_MAX, DEFAULT_TIMEOUT, DecimalMode, Delivery, Format, Forms,
    IntervalMode, Origin, SinkOptions, Tables, TimeMode,
};
pub use position::Recorded;
pub use producer::Producer;
pub use route::Route;
pub use snapshot::{Place, Snapshot};
