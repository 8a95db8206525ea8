//! The batch that is being filled: a block a table, and when it is time to cut.

use super::pgoutput::Message;
use super::tap::{Begin, Change, LogicalMessage, OldRow, Tap, Tapped};
use super::{Batch, Relation};
use crate::decode::{Old, push_delete, push_new, push_update};
use model::{Block, Lsn, Op, Result, Table, TableId, Version};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Blocks of this many rows cost the engine least a row; larger ones only cost memory.
const ROWS_MAX: usize = 128 << 10;
/// Of wide rows there are fewer in a batch.
const BYTES_MAX: usize = 32 << 20;
/// A tap's messages are several times as large as what they are made of.
const TAPPED_MAX: usize = 64 << 20;
/// So long a tap's messages wait for more of them.
const TAP_AGE: Duration = Duration::from_millis(5);
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
        is_transactional: bool,
    },
}

pub(super) struct Open {
    tables: Vec<OpenTable>,
    /// The table of the last change: the next one is mostly of the same.
    at: usize,
    rows: usize,
    bytes: usize,
    since: Option<Instant>,
    /// The same of what the tap has.
    tapped_since: Option<Instant>,
    commit: Lsn,
    commit_us: i64,
    in_transaction: bool,
    /// The change that was taken last; rows of a multi-insert share it.
    change: Lsn,
    through: Lsn,
    oldest_commit_us: i64,
    newest_commit_us: i64,
    is_backlog: bool,
    tap: Option<Box<dyn Tap>>,
}

impl Open {
    pub(super) fn new(tap: Option<Box<dyn Tap>>) -> Open {
        Open {
            tables: Vec::new(),
            at: 0,
            rows: 0,
            bytes: 0,
            since: None,
            tapped_since: None,
            commit: Lsn::ZERO,
            commit_us: 0,
            in_transaction: false,
            change: Lsn::ZERO,
            through: Lsn::ZERO,
            oldest_commit_us: 0,
            newest_commit_us: 0,
            is_backlog: false,
            tap,
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

    /// How long what the tap has may still wait; `None`: it has nothing, or goes with the batch.
    pub(super) fn tap_remaining(&mut self) -> Option<Duration> {
        if self.tapped_bytes() == 0 {
            self.tapped_since = None;
            return None;
        }
        let since = *self.tapped_since.get_or_insert_with(Instant::now);
        let is_alone = !self.in_transaction && !self.is_backlog;
        is_alone.then(|| TAP_AGE.saturating_sub(since.elapsed()))
    }

    pub(super) fn cut_tap(&mut self) -> Option<Tapped> {
        self.tapped_since = None;
        self.tap.as_mut()?.cut(self.through)
    }

    fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX || self.tapped_bytes() >= TAPPED_MAX
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
                    push_new(&mut tuple.clone(), block, None, Op::Insert, version)?;
                    self.tap(relation, Change::Insert { new: tuple.rest() }, change)?;
                }
            }
            Message::Update { relation, old, tuple } => {
                if let Some((block, version)) = self.block(relation, change, body.len()) {
                    push_update(tuple, block, old.as_ref(), version)?;
                    let old = old.as_ref().map(Old::row);
                    self.tap(relation, Change::Update { old, new: tuple.rest() }, change)?;
                }
            }
            Message::Delete { relation, old } => {
                if let Some((block, version)) = self.block(relation, change, body.len()) {
                    push_delete(&old.fields, block, version)?;
                    self.tap(relation, Change::Delete { old: old.row() }, change)?;
                }
            }
            Message::Begin { commit, commit_us, xid } => {
                if !self.in_transaction {
                    (self.commit, self.commit_us) = (commit, commit_us);
                    return Ok(Step::Begins(commit));
                }
                self.is_backlog = sent_us - commit_us > BACKLOG_US;
                if let Some(tap) = &mut self.tap {
                    tap.begin(Begin { first: change, commit, commit_us, xid })?;
                }
            }
            Message::Commit { end } => {
                self.in_transaction = false;
                self.through = self.through.max(end);
                if let Some(tap) = &mut self.tap {
                    tap.commit(end)?;
                }
            }
            // The server repeats itself when its caches have heard of something, whatever it is in.
            Message::Relation(relation) if self.is_within(change) && self.knows(&relation) => {
                return Ok(Step::Repeats(relation));
            }
            // One that reads like the last is told too: what it does not say may have changed.
            Message::Relation(relation) => return Ok(Step::Describe(relation)),
            Message::Truncate { relations } => return Ok(Step::Truncate(relations)),
            Message::Logical { prefix, content, lsn, is_transactional } => {
                let content = content.to_vec();
                return Ok(Step::Logical { prefix, content, lsn, is_transactional });
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

    /// Tells of a change that is in its block.
    #[inline]
    fn tap(&mut self, id: TableId, change: Change<'_>, lsn: Lsn) -> Result<()> {
        match &mut self.tap {
            Some(tap) => tap.change(id, change, lsn),
            None => Ok(()),
        }
    }

    pub(super) fn tap_truncate(&mut self, tables: &[TableId], lsn: Lsn) -> Result<()> {
        self.tap.as_mut().map_or(Ok(()), |tap| tap.truncate(tables, lsn))
    }

    pub(super) fn tap_message(&mut self, message: LogicalMessage<'_>) -> Result<()> {
        self.tap.as_mut().map_or(Ok(()), |tap| tap.message(message))
    }

    pub(super) fn tapped_bytes(&self) -> usize {
        self.tap.as_ref().map_or(0, |tap| tap.size_bytes())
    }

    /// What the receiver said of a relation. Blocks were cut before it was asked.
    pub(super) fn describe(&mut self, relation: Relation, table: Option<Arc<Table>>) -> Result<()> {
        match (&mut self.tap, &table) {
            (Some(tap), Some(table)) => tap.relation(&relation, table)?,
            (Some(tap), None) => tap.skip(relation.id),
            (None, _) => {}
        }
        self.tables.retain(|open| open.relation.id != relation.id);
        self.tables.push(OpenTable { relation, table, block: None });
        self.at = 0;
        Ok(())
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
        let tapped = self.cut_tap();
        let blocks = self.tables.iter_mut().filter_map(|open| open.block.take());
        let batch = Batch {
            blocks: blocks.filter(|block| !block.is_empty()).collect(),
            through: self.through,
            server_end: server_end.max(self.through),
            oldest_commit_us: self.oldest_commit_us,
            newest_commit_us: self.newest_commit_us,
            tapped,
            permit: super::Permit::default(),
        };
        (self.rows, self.bytes, self.since) = (0, 0, None);
        (self.oldest_commit_us, self.newest_commit_us) = (0, 0);
        batch
    }
}

impl Old<'_> {
    fn row(&self) -> OldRow<'_> {
        OldRow { is_whole: self.is_whole, fields: &self.fields }
    }
}

/// Any bytes as a message, and its row as one of the block: an error, or the block stays whole.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_message(bytes: &[u8], block: &mut Block) {
    let pushed: Result<()> = match Message::read(bytes) {
        Ok(Message::Insert { mut tuple, .. }) => {
            push_new(&mut tuple, block, None, Op::Insert, Version(1)).map_err(Into::into)
        }
        Ok(Message::Update { old, tuple, .. }) => {
            push_update(tuple, block, old.as_ref(), Version(1)).map_err(Into::into)
        }
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
        let mut open = Open::new(None);
        open.begin();
        let take = |open: &mut Open, body, change| open.take(body, Lsn(change), 0).unwrap();
        let Step::Describe(relation) = take(&mut open, RELATION, 10) else { panic!("not told") };
        open.describe(relation, Some(table())).unwrap();
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

    struct Recorder {
        changes: Vec<Lsn>,
        bytes_a_change: usize,
    }

    fn recorder(bytes_a_change: usize) -> Option<Box<dyn Tap>> {
        Some(Box::new(Recorder { changes: Vec::new(), bytes_a_change }))
    }

    impl Tap for Recorder {
        fn relation(&mut self, _: &Relation, _: &Table) -> Result<()> {
            Ok(())
        }

        fn skip(&mut self, _: TableId) {}

        fn begin(&mut self, _: Begin) -> Result<()> {
            Ok(())
        }

        fn change(&mut self, _: TableId, _: Change<'_>, lsn: Lsn) -> Result<()> {
            self.changes.push(lsn);
            Ok(())
        }

        fn truncate(&mut self, _: &[TableId], _: Lsn) -> Result<()> {
            Ok(())
        }

        fn message(&mut self, _: LogicalMessage<'_>) -> Result<()> {
            Ok(())
        }

        fn commit(&mut self, _: Lsn) -> Result<()> {
            Ok(())
        }

        fn size_bytes(&self) -> usize {
            self.changes.len() * self.bytes_a_change
        }

        fn cut(&mut self, _: Lsn) -> Option<super::super::tap::Tapped> {
            Some(super::super::tap::Tapped(Box::new(std::mem::take(&mut self.changes))))
        }
    }

    /// A full batch has the change taken again; the tap sees it once, in the batch that has its row.
    #[test]
    fn a_tap_sees_each_change_once_and_with_its_row() {
        let mut open = Open::new(recorder(TAPPED_MAX));
        open.begin();
        let take = |open: &mut Open, body, change| open.take(body, Lsn(change), 0).unwrap();
        let Step::Describe(relation) = take(&mut open, RELATION, 10) else { panic!("not told") };
        open.describe(relation.clone(), Some(table())).unwrap();
        let mut batches = Vec::new();
        for change in [10, 11, 11, 12] {
            if let Step::CutFirst = take(&mut open, ROW, change) {
                batches.push(open.cut(Lsn::ZERO));
                assert!(matches!(take(&mut open, ROW, change), Step::Done));
            }
        }
        batches.push(open.cut(Lsn::ZERO));
        // Rows that nobody wants are not the tap's either.
        open.describe(relation, None).unwrap();
        assert!(matches!(take(&mut open, ROW, 13), Step::Done));
        batches.push(open.cut(Lsn::ZERO));
        let seen = batches.into_iter().map(|batch| {
            let rows: usize = batch.blocks.iter().map(Block::rows).sum();
            let changes = batch.tapped.unwrap().0.downcast::<Vec<Lsn>>().unwrap();
            (rows, *changes)
        });
        let expected =
            [(1, vec![Lsn(10)]), (2, vec![Lsn(11), Lsn(11)]), (1, vec![Lsn(12)]), (0, Vec::new())];
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }

    /// Its rows wait for more of them, and their batch is told no later for it.
    #[test]
    fn what_a_tap_has_goes_ahead_between_two_transactions() {
        let mut open = Open::new(recorder(1));
        let take = |open: &mut Open, body, change| open.take(body, Lsn(change), 0).unwrap();
        let changes = |tapped: Option<Tapped>| *tapped.unwrap().0.downcast::<Vec<Lsn>>().unwrap();
        assert_eq!(open.tap_remaining(), None);
        open.begin();
        let Step::Describe(relation) = take(&mut open, RELATION, 10) else { panic!("not told") };
        open.describe(relation, Some(table())).unwrap();
        assert!(matches!(take(&mut open, ROW, 10), Step::Done));
        assert_eq!(open.tap_remaining(), None, "it stands within a transaction");
        let mut commit = vec![b'C', 0];
        [20u64, 21, 0].iter().for_each(|number| commit.extend(number.to_be_bytes()));
        assert!(matches!(take(&mut open, &commit, 20), Step::Done));
        assert!(open.tap_remaining().unwrap() <= TAP_AGE);
        std::thread::sleep(TAP_AGE);
        assert_eq!(open.tap_remaining(), Some(Duration::ZERO));
        assert_eq!(changes(open.cut_tap()), [Lsn(10)]);
        assert_eq!((open.tap_remaining(), open.rows(), open.through()), (None, 1, Lsn(21)));
        open.begin();
        assert!(matches!(take(&mut open, ROW, 30), Step::Done));
        let batch = open.cut(Lsn::ZERO);
        assert_eq!(batch.blocks.iter().map(Block::rows).sum::<usize>(), 2);
        assert_eq!(changes(batch.tapped), [Lsn(30)]);
    }
}
