//! The batch that is being filled: a block a table, and when it is time to cut.

use super::pgoutput::Message;
use super::{Batch, Relation};
use crate::decode::{Field, Old, push_delete, push_new, same_key};
use model::{Block, Lsn, Op, Result, Table, TableId, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Blocks of this many rows cost the engine least a row; larger ones only cost memory.
const ROWS_MAX: usize = 128 << 10;
/// Of wide rows there are fewer in a batch.
const BYTES_MAX: usize = 32 << 20;
/// A transaction older than this when it is sent is part of a backlog: it is late anyway, and large
/// batches are what catches up.
const BACKLOG_US: i64 = 2_000_000;
const BACKLOG_AGE: Duration = Duration::from_millis(400);

/// A relation of this session, and its rows since the last cut.
struct OpenTable {
    relation: Relation,
    /// `None`: its rows are skipped.
    table: Option<Arc<Table>>,
    block: Option<Block>,
}

/// What a message asks of the reader. All but `Done` leave the message to be taken again.
pub(super) enum Step {
    Done,
    /// The batch is full and this change may begin the next one.
    CutFirst,
    /// A transaction that commits at this position begins.
    Begins(Lsn),
    Describe(Relation),
    /// It was told before, and once more between two rows of one version.
    Repeats(Relation),
    Truncate(Vec<TableId>),
    Logical {
        prefix: String,
        content: Vec<u8>,
        lsn: Lsn,
    },
}

pub(super) struct Open {
    tables: Vec<OpenTable>,
    /// The table of the last change: the next one is mostly of the same.
    at: usize,
    rows: usize,
    bytes: usize,
    since: Option<Instant>,
    commit: Lsn,
    commit_us: i64,
    in_transaction: bool,
    /// The change that was taken last; rows of a multi-insert share it.
    change: Lsn,
    through: Lsn,
    oldest_commit_us: i64,
    newest_commit_us: i64,
    is_backlog: bool,
}

impl Open {
    pub(super) fn new() -> Open {
        Open {
            tables: Vec::new(),
            at: 0,
            rows: 0,
            bytes: 0,
            since: None,
            commit: Lsn::ZERO,
            commit_us: 0,
            in_transaction: false,
            change: Lsn::ZERO,
            through: Lsn::ZERO,
            oldest_commit_us: 0,
            newest_commit_us: 0,
            is_backlog: false,
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    pub(super) fn commit(&self) -> Lsn {
        self.commit
    }

    pub(super) fn commit_us(&self) -> i64 {
        self.commit_us
    }

    pub(super) fn through(&self) -> Lsn {
        self.through
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The server stands at `position` and has sent all before it.
    pub(super) fn pass(&mut self, position: Lsn) {
        if !self.in_transaction {
            self.through = self.through.max(position);
        }
    }

    /// How long the batch may still wait; `None`: it is empty.
    pub(super) fn remaining(&self, age: Duration) -> Option<Duration> {
        let age = if self.is_backlog { age.max(BACKLOG_AGE) } else { age };
        self.since.map(|since| age.saturating_sub(since.elapsed()))
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// Whether a cut now would fall between two changes: a commit is the place of choice.
    pub(super) fn may_cut(&self) -> bool {
        !self.in_transaction
    }

    /// Takes a message that was written at `change` and sent at `sent_us`.
    pub(super) fn take(&mut self, body: &[u8], change: Lsn, sent_us: i64) -> Result<Step> {
        let is_change = matches!(body.first(), Some(b'I' | b'U' | b'D'));
        // Two rows with the same version never part: what was inserted once would come again.
        if self.is_full() && !(self.is_within(change) && is_change) {
            return Ok(Step::CutFirst);
        }
        match Message::read(body)? {
            Message::Insert { relation, tuple } => {
                if let Some((block, version)) = self.block(relation, change, body.len()) {
                    let mut tuple = tuple;
                    push_new(&mut tuple, block, None, Op::Insert, version)?;
                }
            }
            Message::Update { relation, old, tuple } => {
                if let Some((block, version)) = self.block(relation, change, body.len()) {
                    update(block, old, tuple, version)?;
                }
            }
            Message::Delete { relation, old } => {
                if let Some((block, version)) = self.block(relation, change, body.len()) {
                    push_delete(&old.fields, block, version)?;
                }
            }
            Message::Begin { commit, commit_us } => {
                if !self.in_transaction {
                    (self.commit, self.commit_us) = (commit, commit_us);
                    return Ok(Step::Begins(commit));
                }
                self.is_backlog = sent_us - commit_us > BACKLOG_US;
            }
            Message::Commit { end } => {
                self.in_transaction = false;
                self.through = self.through.max(end);
            }
            // The server repeats itself when its caches have heard of something, whatever it is in.
            Message::Relation(relation) if self.is_within(change) && self.knows(&relation) => {
                return Ok(Step::Repeats(relation));
            }
            // One that reads like the last is told too: what it does not say may have changed.
            Message::Relation(relation) => return Ok(Step::Describe(relation)),
            Message::Truncate { relations } => return Ok(Step::Truncate(relations)),
            Message::Logical { prefix, content, lsn } => {
                return Ok(Step::Logical { prefix, content: content.to_vec(), lsn });
            }
            Message::Other => {}
        }
        Ok(Step::Done)
    }

    /// Whether rows of this version are in the batch: no cut may part them from those that follow.
    pub(super) fn is_within(&self, change: Lsn) -> bool {
        self.rows > 0 && change == self.change
    }

    fn knows(&self, relation: &Relation) -> bool {
        self.tables.iter().any(|open| open.relation == *relation)
    }

    /// The transaction that [`Step::Begins`] announced may come.
    pub(super) fn begin(&mut self) {
        self.in_transaction = true;
    }

    /// What the receiver said of a relation. Blocks were cut before it was asked.
    pub(super) fn describe(&mut self, relation: Relation, table: Option<Arc<Table>>) {
        self.tables.retain(|open| open.relation.id != relation.id);
        self.tables.push(OpenTable { relation, table, block: None });
        self.at = 0;
    }

    /// The block that a change of the relation goes to. `None`: nobody wants it.
    #[inline]
    fn block(&mut self, id: TableId, change: Lsn, bytes: usize) -> Option<(&mut Block, Version)> {
        if self.tables.get(self.at).is_none_or(|open| open.relation.id != id) {
            self.at = self.tables.iter().position(|open| open.relation.id == id)?;
        }
        let open = &mut self.tables[self.at];
        let table = open.table.as_ref()?;
        self.change = change;
        self.rows += 1;
        self.bytes += bytes;
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.oldest_commit_us = self.commit_us;
        }
        self.newest_commit_us = self.commit_us;
        let block = open.block.get_or_insert_with(|| Block::new(table.clone()));
        block.note_commit(self.commit, self.commit_us);
        Some((block, Version::of_change(self.commit, change)))
    }

    /// Closes the batch. The next one begins empty.
    pub(super) fn cut(&mut self, server_end: Lsn) -> Batch {
        let blocks = self.tables.iter_mut().filter_map(|open| open.block.take());
        let batch = Batch {
            blocks: blocks.filter(|block| !block.is_empty()).collect(),
            through: self.through,
            server_end: server_end.max(self.through),
            oldest_commit_us: self.oldest_commit_us,
            newest_commit_us: self.newest_commit_us,
            permit: super::Permit::default(),
        };
        (self.rows, self.bytes, self.since) = (0, 0, None);
        (self.oldest_commit_us, self.newest_commit_us) = (0, 0);
        batch
    }
}

/// A changed key is a delete of the old row and an insert of the new one, of one version.
fn update(
    block: &mut Block,
    old: Option<Old<'_>>,
    tuple: crate::decode::Cursor<'_>,
    version: Version,
) -> Result<()> {
    let mut rest = tuple;
    let Some(old) = old else {
        return Ok(push_new(&mut rest, block, None, Op::Update, version)?);
    };
    let new = Field::tuple(&mut tuple.clone())?;
    let op = match same_key(&block.table, &old.fields, &new) {
        true => Op::Update,
        false => {
            push_delete(&old.fields, block, version)?;
            Op::Insert
        }
    };
    Ok(push_new(&mut rest, block, Some(&old), op, version)?)
}

/// Any bytes as a message, and its row as one of the block: an error, or the block stays whole.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_message(bytes: &[u8], block: &mut Block) {
    let pushed: Result<()> = match Message::read(bytes) {
        Ok(Message::Insert { mut tuple, .. }) => {
            push_new(&mut tuple, block, None, Op::Insert, Version(1)).map_err(Into::into)
        }
        Ok(Message::Update { old, tuple, .. }) => update(block, old, tuple, Version(1)),
        Ok(Message::Delete { old, .. }) => {
            push_delete(&old.fields, block, Version(1)).map_err(Into::into)
        }
        _ => Ok(()),
    };
    drop(pushed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::TableName;

    const RELATION: &[u8] = b"R\0\0\0\x07public\0t\0d\0\x01\x01id\0\0\0\0\x17\xff\xff\xff\xff";
    const ROW: &[u8] = b"I\0\0\0\x07N\0\x01t\0\0\0\x011";

    fn table() -> Arc<Table> {
        Arc::new(Table {
            key: vec![0],
            ..Table::new(
                TableId(7),
                TableName::new("public", "t"),
                vec![model::Column {
                    type_oid: 23,
                    type_name: "integer".into(),
                    not_null: true,
                    ..model::Column::new("id", model::PgType::Int4)
                }],
            )
        })
    }

    /// Postgres tells of a relation anew once its caches have heard of something: between any two rows.
    #[test]
    fn rows_of_one_version_are_not_parted_by_what_is_told_again() {
        let mut open = Open::new();
        open.begin();
        let take = |open: &mut Open, body, change| open.take(body, Lsn(change), 0).unwrap();
        let Step::Describe(relation) = take(&mut open, RELATION, 10) else { panic!("not told") };
        open.describe(relation, Some(table()));
        assert!(matches!(take(&mut open, ROW, 10), Step::Done));
        assert!(matches!(take(&mut open, RELATION, 10), Step::Repeats(_)));
        assert!(matches!(take(&mut open, ROW, 10), Step::Done));
        assert!(open.is_within(Lsn(10)) && !open.is_within(Lsn(11)));
        // What has changed cannot be within, and what comes behind is told.
        let renamed = RELATION.iter().map(|&byte| if byte == b'i' { b'u' } else { byte });
        let renamed: Vec<u8> = renamed.collect();
        assert!(matches!(take(&mut open, &renamed, 10), Step::Describe(_)));
        assert!(matches!(take(&mut open, RELATION, 11), Step::Describe(_)));
    }
}
