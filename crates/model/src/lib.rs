//! The words that every other crate speaks: log positions, tables, columns, blocks of changes and
//! errors with a fate. Nothing here does I/O, so nothing here can fail for a reason outside itself.

pub mod block;
pub mod cells;
pub mod error;
mod lsn;
pub mod table;
pub mod types;
pub mod words;

pub use block::{Block, Op, Reject, Unchanged};
pub use cells::Cells;
pub use error::{Error, Fate, Result};
pub use lsn::{Lsn, ParseLsnError, Version};
pub use table::{
    Column, ColumnOptions, Leaf, Mode, OnUpdate, ReplicaIdentity, Rule, Table, TableId, TableName,
    TableOptions, Written,
};
pub use types::{Composite, CompositeField, Kind, PgType, Printed};
