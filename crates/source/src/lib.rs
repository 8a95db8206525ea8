//! Out of Postgres: the replication reader, the copy, the catalog, the preflight.
//!
//! ```text
//! stream/     one blocking thread a slot: the log, as blocks of columns
//! spool/      the log on our own disk, while the store is away
//! copy/       the tables as they stand, by parallel COPY over ctid ranges of one snapshot
//! catalog     which tables are published, and what their columns are
//! lookup      rows by key, for values that the stream leaves out
//! slot        publication, slot, positions
//! holding     the slot, for a moment, without reading
//! preflight   everything that would go wrong later, found now, with the statement that cures it
//! own_tables  which tables are the user's
//! survey      what a database holds and how it is used, for a first configuration
//! ```

pub mod address;
pub mod catalog;
pub mod client;
pub mod copy;
pub mod decode;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod holding;
pub mod lookup;
mod own_tables;
pub mod preflight;
pub mod slot;
pub mod spool;
pub mod stream;
pub mod survey;
pub mod timeline;
mod wire;

pub use address::Address;
