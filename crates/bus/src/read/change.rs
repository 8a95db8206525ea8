//! What a message turns out to be.

use super::origin::Sequence;
use model::{Block, Lsn, Op, Result, Table, Version};
use source::decode::tuple;
use std::sync::Arc;

#[derive(Debug)]
pub enum Read<'a> {
    Change(Change<'a>),
    /// Every row of the table goes. `lsn` may be zero.
    Truncate {
        table: &'a Arc<Table>,
        lsn: Lsn,
        sequence: Option<Sequence>,
        commit_us: i64,
    },
    Aside(Aside),
}

/// Why nothing of a message is for a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aside {
    Heartbeat,
    /// BEGIN or END, of `provide.transaction.metadata`.
    Transaction,
    /// Of `pg_logical_emit_message`.
    LogicalMessage,
    /// DDL, of connectors that tell it.
    SchemaChange,
    /// Nothing is told of a row, or of none that can be found: a delete of a table without a key has
    /// been told by the message before.
    Tombstone,
    /// Of a table that no row has ever come of.
    UnknownTable,
}

#[derive(Debug)]
pub struct Change<'a> {
    /// Another `Arc` than before if its shape is another one.
    pub table: &'a Arc<Table>,
    pub op: Op,
    /// A row that was read, not changed (`r`).
    pub is_snapshot: bool,
    /// A delete that nothing but an absent value tells.
    pub is_tombstone: bool,
    /// The row of before, all of it; of a delete its key alone, the rest NULL.
    pub old: Option<&'a [u8]>,
    pub new: Option<&'a [u8]>,
    pub key_change: Option<KeyChange<'a>>,
    pub lsn: Lsn,
    pub sequence: Option<Sequence>,
    /// When it was committed, in µs since 1970: as its source says, else when it was produced.
    pub commit_us: i64,
    /// The first value that its column cannot take, which the tuple has in a form that is refused.
    pub odd: Option<&'a Odd>,
}

/// A row whose key changed: a delete and an insert, which belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyChange<'a> {
    /// Of the delete: the key that the row has from now on, as a tuple.
    To(&'a [u8]),
    /// Of the insert: the key that it had.
    From(&'a [u8]),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Odd {
    /// Its place in the table's columns.
    pub column: usize,
    pub reason: String,
}

impl Change<'_> {
    /// Into a block of the table; the reason of a row that is refused is the one that is known here.
    pub fn push(&self, block: &mut Block, version: Version) -> Result<()> {
        let rejects = block.rejects.len();
        match (self.op, self.new) {
            (Op::Delete, _) => tuple::push_delete(self.old.unwrap_or_default(), block, version)?,
            (Op::Update, Some(new)) => tuple::push_update(new, block, self.old, version)?,
            (_, Some(new)) => tuple::push_new(new, block, version)?,
            (_, None) => {}
        }
        if let (Some(odd), Some(reject)) = (self.odd, block.rejects.get_mut(rejects))
            && self.table.columns.get(odd.column).is_some_and(|column| column.name == reject.column)
        {
            reject.reason.clone_from(&odd.reason);
        }
        Ok(())
    }
}
