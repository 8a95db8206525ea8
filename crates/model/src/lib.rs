//! The words that every other crate speaks: log positions, tables, columns, blocks of changes and
//! errors with a fate. Nothing here does I/O, so nothing here can fail for a reason outside itself.

pub mod block;
pub mod error;
mod lsn;
pub mod table;
pub mod types;
pub mod words;

pub use block::{Block, Cells, Op, Reject, Unchanged};
pub use error::{Error, Fate, Result};
pub use lsn::{Lsn, ParseLsnError, Version};
pub use table::{
    Column, ColumnOptions, Mode, ReplicaIdentity, Rule, Table, TableId, TableName, TableOptions,
    Written,
};
pub use types::{Kind, PgType};
