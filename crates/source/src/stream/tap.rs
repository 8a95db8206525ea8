//! Who else wants the log: every change as pgoutput has it, before ClickHouse's types bend anything.
//!
//! ```text
//! pgoutput ─▶ open Blocks ─▶ Batch ┬ blocks   for the store
//!                 └─▶ Tap ─────────┴ tapped   for whoever cut it
//! ```
//!
//! # Contract
//! - Everything comes once and in log order, on the reader's thread: nothing in here may wait.
//! - Rows of tables that the receiver skips do not come; a TRUNCATE names them all the same.
//! - [`Tap::cut`] is called with each batch, and between two transactions whenever something has waited for
//!   a while: sending costs little, and inserting does not. So what one batch's blocks are made of may come in
//!   several pieces, the last one with the batch and all of them before it.

use super::Relation;
use crate::decode::Field;
use model::{Lsn, Result, Table, TableId};
use std::any::Any;
use std::fmt;

pub trait Tap: Send {
    /// Before the first row of a relation in this session, and whenever its description changes.
    fn relation(&mut self, relation: &Relation, table: &Table) -> Result<()>;

    /// Rows of the relation are not sent from here on.
    fn skip(&mut self, id: TableId);

    fn begin(&mut self, begin: Begin) -> Result<()>;

    /// `lsn`: where the change lies; the rows of a multi-insert share it.
    fn change(&mut self, id: TableId, change: Change<'_>, lsn: Lsn) -> Result<()>;

    fn truncate(&mut self, tables: &[TableId], lsn: Lsn) -> Result<()>;

    /// `pg_logical_emit_message` by others than us.
    fn message(&mut self, message: LogicalMessage<'_>) -> Result<()>;

    /// `end`: the first position after the transaction.
    fn commit(&mut self, end: Lsn) -> Result<()>;

    /// What [`Tap::cut`] would return now takes that much memory.
    fn size_bytes(&self) -> usize;

    fn cut(&mut self, through: Lsn) -> Option<Tapped>;
}

/// What a tap made of the log positions of a batch.
pub struct Tapped(pub Box<dyn Any + Send + Sync>);

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tapped")
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Begin {
    /// Where the transaction's first change lies.
    pub first: Lsn,
    /// Where its commit record lies.
    pub commit: Lsn,
    /// µs since 1970.
    pub commit_us: i64,
    pub xid: u32,
}

/// Tuples as [`crate::decode::tuple`] has them.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    Insert { new: &'a [u8] },
    Update { old: Option<OldRow<'a>>, new: &'a [u8] },
    Delete { old: OldRow<'a> },
}

#[derive(Clone, Copy, Debug)]
pub struct OldRow<'a> {
    /// All columns (replica identity FULL), not the key's alone.
    pub is_whole: bool,
    pub fields: &'a [Field<'a>],
}

#[derive(Clone, Copy, Debug)]
pub struct LogicalMessage<'a> {
    pub prefix: &'a str,
    pub content: &'a [u8],
    pub lsn: Lsn,
    /// Not sent at once, but with its transaction.
    pub is_transactional: bool,
}
