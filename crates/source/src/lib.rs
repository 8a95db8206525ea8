//! Out of Postgres: the replication reader, the copy, the catalog, the preflight.
//!
//! ```text
//! stream/     one blocking thread a slot: the log, as blocks of columns
//! copy/       the tables as they stand, by parallel COPY over ctid ranges of one snapshot
//! catalog     which tables are published, and what their columns are
//! preflight   everything that would go wrong later, found now, with the statement that cures it
//! ```

pub mod stream;
