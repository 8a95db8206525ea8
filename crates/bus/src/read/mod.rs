//! Messages of Kafka's as the tuples that Postgres would have sent.
//!
//! ```text
//! JSON, Avro ─▶ message ─▶ Row ─▶ shape ─▶ value ─▶ pgoutput's tuple ─▶ source::decode ─▶ Block
//!                 │         │       │        └ each value in a form that its type is read from
//!                 │         │       └ tables, as schemas, declarations or values describe them
//!                 │         └ names, values where they lie, what a schema says of them
//!                 └ an envelope of Debezium's, or a row without one
//! ```
//!
//! # Contract
//! - A message is read where it lies: no tree of values, no copy but the one into the tuple.
//! - A table's shape only grows. Whenever it does, the change that shows it carries another `Arc`; the
//!   caller keeps the tables and hands them to [`Reader::new`] after a restart, in their order.
//! - An error of fate `Refused` is of this message alone; one that is `Transient` is of the registry,
//!   and the same message may be read again. The reader is as good as before after either.
//! - Of a delete only the key counts: Debezium invents the other values of `before`.
//! - No I/O but the registry's.
//!
//! `docs/kafka-types.md` says what becomes of each type, and what Debezium lost before it came here.

mod avro;
mod change;
mod connect;
mod described;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod json;
mod keys;
mod means;
mod message;
mod named;
mod options;
mod origin;
mod plain;
mod reader;
mod registry;
mod row;
mod shape;
mod topic;
mod tuples;
mod value;
mod widen;

#[cfg(test)]
mod tests;

pub use change::{Aside, Change, KeyChange, Odd, Read};
pub use described::{Brings, Described, DescribedColumn, spellings_of_placeholder};
pub use means::{Means, Unit};
pub use named::named;
pub use options::{
    Binary, Decimals, DeclaredColumns, Format, PlainColumn, PlainTopic, ReaderOptions,
};
pub use origin::Sequence;
pub use reader::Reader;
pub use registry::reach as reach_registry;
