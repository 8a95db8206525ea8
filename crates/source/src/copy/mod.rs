//! The tables as they stand, by parallel COPY over ctid ranges of one snapshot.
//!
//! ```text
//! replication session ── CREATE_REPLICATION_SLOT … TEMPORARY … EXPORT_SNAPSHOT
//!      │ consistent_point + snapshot              (gone as soon as the keeper has joined)
//!      ▼
//! keeper, an idle transaction ── pg_export_snapshot()
//!      │ name
//!      ├──▶ reader: COPY (… ctid in [0, 4096)) ──▶ CopyDecoder ──▶ Blocks
//!      └──▶ reader: COPY (… ctid in [4096, ∞)) ──▶ CopyDecoder ──▶ Blocks
//! ```
//!
//! # Contract
//! - A snapshot sees exactly the transactions that committed before its `consistent_point`.
//! - The ranges of a heap hold each row of the snapshot once, as long as `relfilenode` stays.
//! - A table that was rewritten since the snapshot is refused, never read as empty or twice.

mod range;
mod rows;
mod snapshot;
mod spare;
mod text;

pub use range::{Heap, PAGES_PER_RANGE, Range, pages, ranges};
pub use rows::{Piece, Reader, hold};
pub use snapshot::Snapshot;
pub use spare::Spare;

pub(crate) use rows::binary_form;
