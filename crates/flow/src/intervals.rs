//! Append tables and histories have no key to replace on, so each of their batches is a closed interval of the
//! log: recorded before it is inserted, inserted with a token, and after a crash cut again at
//! exactly the recorded borders, so that ClickHouse drops what had already arrived.
//!
//! ```text
//! log      ──┬── batch 6 ──┬──── batch 7 ────┬─ …
//!            from       through           through
//! restart: rows ≤ 7.from are done │ (7.from, 7.through] go again, same token │ the rest is new
//! ```
//!
//! Only the last record matters: batch 8 is recorded after batch 7 is durable. What goes again is cut
//! and written by the `on_update` of before, whatever it is now: the token stands for those rows.

use crate::latest::Turn;
use model::{Block, Lsn, Mode, OnUpdate, Op, Reject, Version};
use std::sync::Arc;
use store::{Target, Token};

/// A batch as `millrace.batches` keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) seq: u64,
    /// Exclusive.
    pub(crate) from: Version,
    /// Inclusive.
    pub(crate) through: Version,
    pub(crate) rows: u64,
    pub(crate) token: String,
    /// What it was cut and written by. `None`: by a version of ours that did not write it down.
    pub(crate) takes: Option<Takes>,
}

/// Rows to insert. A `fresh` record has to be made durable first.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) block: Block,
    pub(crate) record: Record,
    pub(crate) fresh: bool,
}

/// Which rows of the stream a table takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Takes {
    /// New ones.
    Inserts,
    /// Those that an UPDATE leaves, too.
    Rows,
    /// The same, with the keys that another one took the place of.
    Latest,
    /// Every change.
    Changes,
}

impl Takes {
    pub(crate) const ALL: [Takes; 4] = [Takes::Inserts, Takes::Rows, Takes::Latest, Takes::Changes];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Takes::Inserts => "inserts",
            Takes::Rows => "rows",
            Takes::Latest => "latest",
            Takes::Changes => "changes",
        }
    }

    /// The target as it was when such rows were taken.
    pub(crate) fn written_to(self, target: &Arc<Target>) -> Arc<Target> {
        if Takes::of(target) == self {
            return target.clone();
        }
        let on_update = match self {
            Takes::Inserts | Takes::Changes => OnUpdate::Ignore,
            Takes::Rows => OnUpdate::Append,
            Takes::Latest => OnUpdate::Apply,
        };
        Arc::new(Target { on_update, ..target.as_ref().clone() })
    }

    pub(crate) fn of(target: &Target) -> Takes {
        match (target.mode, target.on_update) {
            (Mode::Mirror | Mode::History, _) => Takes::Changes,
            (Mode::Append, OnUpdate::Ignore) => Takes::Inserts,
            (Mode::Append, OnUpdate::Append) => Takes::Rows,
            (Mode::Append, OnUpdate::Apply) => Takes::Latest,
        }
    }
}

/// The cutting of one table.
#[derive(Debug)]
pub(crate) struct Intervals {
    target: String,
    takes: Takes,
    /// The last batch recorded, in this life or the one before.
    last: Record,
    /// The rows of `last` that came again since the restart; `None` once it is settled.
    again: Option<Option<Block>>,
    /// The copy holds every row that was committed before this position.
    copied_before: Lsn,
    /// UPDATEs whose rows were taken.
    pub(crate) taken_updates: u64,
    pub(crate) ignored_updates: u64,
    /// A changed key counts here too, for its old row.
    pub(crate) ignored_deletes: u64,
    /// The last commit that changed a key.
    pub(crate) rekeyed_at: Lsn,
    /// Rows that are kept here were changed at the source.
    pub(crate) is_updated: bool,
    pub(crate) turn: Turn,
}

impl Intervals {
    pub(crate) fn new(target: String, takes: Takes, recorded: Option<Record>) -> Intervals {
        let again = recorded.as_ref().map(|_| None);
        let zero = Version(0);
        let nothing = Record {
            seq: 0,
            from: zero,
            through: zero,
            rows: 0,
            token: String::new(),
            takes: None,
        };
        Intervals {
            target,
            takes,
            last: recorded.unwrap_or(nothing),
            again,
            copied_before: Lsn::ZERO,
            taken_updates: 0,
            ignored_updates: 0,
            ignored_deletes: 0,
            rekeyed_at: Lsn::ZERO,
            is_updated: false,
            turn: Turn::default(),
        }
    }

    /// Whether a batch with rows from behind that version was recorded.
    pub(crate) fn is_past(&self, version: Version) -> bool {
        self.last.through > version
    }

    pub(crate) fn set_copied_before(&mut self, point: Lsn) {
        self.copied_before = self.copied_before.max(point);
    }

    /// Whether a batch that is over had what has that version, refused rows too.
    pub(crate) fn is_done(&self, version: Version) -> bool {
        let done = match self.again {
            Some(_) => self.last.from,
            None => self.last.through,
        };
        version <= done
    }

    /// Whether the table takes rows of that version: not held by the copy.
    pub(crate) fn takes(&self, version: Version) -> bool {
        version.commit() >= self.copied_before
    }

    /// Which rows it takes there: of a batch that goes again those of before.
    pub(crate) fn takes_at(&self, version: Version) -> Takes {
        let is_again = self.again.is_some() && version <= self.last.through;
        self.last.takes.filter(|_| is_again).unwrap_or(self.takes)
    }

    /// A row that is set aside.
    pub(crate) fn note_refused(&mut self, reject: &Reject) {
        let version = reject.version;
        if reject.op != Op::Update || !self.takes(version) {
            return;
        }
        self.is_updated = true;
        // It takes the row of before away, which a copy that runs may bring again.
        if self.takes_at(version) == Takes::Latest {
            self.rekeyed_at = self.rekeyed_at.max(version.commit());
        }
    }

    /// What is held back from before `version`, all of which has come by now.
    pub(crate) fn settle_before(&mut self, version: Version) -> Option<Cut> {
        let held = self.again.take_if(|_| self.last.through < version)?;
        held.map(|block| Cut { block, record: self.last.clone(), fresh: false })
    }

    /// The log will be read again: rows held back come again.
    pub(crate) fn restart(&mut self) {
        if let Some(held) = &mut self.again {
            *held = None;
        }
    }

    /// Whether rows are held back here, so that no position may be confirmed yet.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&self.again, Some(Some(_)))
    }

    /// What to insert now, in order. `through` is the end of the last whole transaction delivered.
    pub(crate) fn cut(&mut self, block: Option<Block>, through: Lsn) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut rest = block.map(|block| self.only_new(block));
        if let Some(held) = self.again.take() {
            let border = self.last.through;
            let inside = rest.as_ref().map_or(0, |b| b.versions.partition_point(|v| *v <= border));
            let mut held = held;
            if let Some(block) = rest.take() {
                merge(&mut held, block.slice(0, inside));
                rest = Some(block.slice(inside, block.rows()));
            }
            let passed = through > border.commit() || rest.as_ref().is_some_and(|b| b.rows() > 0);
            match (passed, held) {
                (false, held) => self.again = Some(held),
                (true, Some(block)) => {
                    cuts.push(Cut { block, record: self.last.clone(), fresh: false });
                }
                (true, None) => {}
            }
        }
        if let Some(block) = rest
            && block.rows() > 0
        {
            let record = self.next_record(&block);
            self.last = record.clone();
            cuts.push(Cut { block, record, fresh: true });
        }
        cuts
    }

    fn next_record(&self, block: &Block) -> Record {
        let seq = self.last.seq + 1;
        let through = *block.versions.last().expect("only blocks with rows are recorded");
        let token = Token::name(format_args!("{}:{seq}:{:x}", self.target, through.0));
        Record {
            seq,
            from: self.last.through,
            through,
            rows: block.rows() as u64,
            token,
            takes: Some(self.takes),
        }
    }

    /// Drops what the table does not take: rows of the copy or of earlier batches, and of an append table
    /// changes of old rows, which are counted. Rejects stay with the block.
    fn only_new(&mut self, mut block: Block) -> Block {
        let mut keep = Vec::with_capacity(block.rows());
        let is_first_half = |row: usize| row + 1 < block.rows() && block.changes_key(row + 1);
        for row in 0..block.rows() {
            let version = block.versions[row];
            if self.is_done(version) || !self.takes(version) {
                continue;
            }
            let of_key_change = block.changes_key(row);
            let is_update = of_key_change || block.ops[row] == Op::Update;
            let takes = self.takes_at(version);
            match (takes, block.ops[row]) {
                (Takes::Changes, _) => {
                    keep.push(row);
                    continue;
                }
                (_, Op::Insert) if !is_update => keep.push(row),
                (Takes::Rows | Takes::Latest, op @ (Op::Insert | Op::Update)) => {
                    self.taken_updates += 1;
                    self.is_updated |= op == Op::Update;
                    keep.push(row);
                }
                // They say whose large values a row goes on with.
                (Takes::Rows | Takes::Latest, Op::Refused) => keep.push(row),
                (Takes::Rows, Op::Delete) if is_first_half(row) => {
                    self.ignored_deletes += 1;
                    keep.push(row);
                }
                (Takes::Latest, Op::Delete) if is_first_half(row) => keep.push(row),
                (Takes::Inserts, op @ (Op::Insert | Op::Update)) => {
                    self.ignored_updates += 1;
                    self.is_updated |= op == Op::Update;
                }
                (_, Op::Delete) => self.ignored_deletes += 1,
                (_, Op::Refused | Op::Truncate) => {}
            }
            if of_key_change && takes != Takes::Rows {
                self.rekeyed_at = self.rekeyed_at.max(version.commit());
            }
        }
        if keep.len() == block.rows() {
            return block;
        }
        let mut kept = block.only(&keep);
        kept.rejects = std::mem::take(&mut block.rejects);
        kept.clamped = std::mem::take(&mut block.clamped);
        kept.nulled = std::mem::take(&mut block.nulled);
        kept
    }
}

fn merge(held: &mut Option<Block>, more: Block) {
    if more.rows() == 0 {
        return;
    }
    match held {
        Some(block) => block.append(&more),
        None => *held = Some(more),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::{Column, PgType, Table, TableId, TableName};

    fn table() -> Arc<Table> {
        let column = Column {
            type_oid: 20,
            type_name: "bigint".into(),
            not_null: true,
            ..Column::new("id", PgType::Int8)
        };
        Arc::new(Table {
            key: vec![0],
            ..Table::new(TableId(1), TableName::new("public", "events"), vec![column])
        })
    }

    /// Rows `(op, commit, change)`; the value is the change.
    pub(crate) fn block(rows: &[(Op, u64, u64)]) -> Block {
        let mut block = Block::new(table());
        for &(op, commit, change) in rows {
            block.columns[0].push_fixed((change as i64).to_le_bytes());
            block.end_row(op, Version::of_change(Lsn(commit), Lsn(change)));
        }
        block
    }

    fn inserts(rows: &[(u64, u64)]) -> Option<Block> {
        Some(block(&rows.iter().map(|&(c, r)| (Op::Insert, c, r)).collect::<Vec<_>>()))
    }

    fn values(block: &Block) -> Vec<i64> {
        (0..block.rows())
            .map(|row| i64::from_le_bytes(block.columns[0].value(row).try_into().unwrap()))
            .collect()
    }

    #[test]
    fn each_batch_starts_where_the_last_one_ended() {
        let mut intervals = Intervals::new("a.e".into(), Takes::Inserts, None);
        let first = intervals.cut(inserts(&[(10, 1), (10, 2)]), Lsn(11)).remove(0);
        let second = intervals.cut(inserts(&[(20, 12)]), Lsn(21)).remove(0);
        assert!(first.fresh && second.fresh);
        assert_eq!(second.record.from, first.record.through);
        assert_ne!(first.record.token, second.record.token);
        assert_eq!(first.record.rows, 2);
        let is_done = |change| intervals.is_done(Version::of_change(Lsn(20), Lsn(change)));
        assert!(is_done(12) && !is_done(13));
    }

    #[test]
    fn after_a_restart_the_last_batch_is_cut_again_at_its_borders() {
        let mut before = Intervals::new("a.e".into(), Takes::Inserts, None);
        let _ = before.cut(inserts(&[(10, 1), (10, 2)]), Lsn(11));
        let last = before.cut(inserts(&[(10, 3), (20, 12), (20, 13)]), Lsn(11)).remove(0).record;
        // The log comes again from the start and is cut elsewhere.
        let mut after = Intervals::new("a.e".into(), Takes::Inserts, Some(last.clone()));
        assert!(after.cut(inserts(&[(10, 1), (10, 2), (10, 3), (20, 12)]), Lsn(11)).is_empty());
        assert!(after.is_waiting());
        let cuts = after.cut(inserts(&[(20, 13), (20, 14), (30, 22)]), Lsn(31));
        assert_eq!((values(&cuts[0].block), cuts[0].fresh), (vec![3, 12, 13], false));
        assert_eq!(cuts[0].record, last);
        assert_eq!((values(&cuts[1].block), cuts[1].fresh), (vec![14, 22], true));
        assert_eq!(cuts[1].record.from, last.through);
        assert!(!after.is_waiting());
    }

    #[test]
    fn a_record_that_does_not_come_again_was_done() {
        let record = Record {
            seq: 4,
            from: Version::of_change(Lsn(10), Lsn(1)),
            through: Version::of_change(Lsn(20), Lsn(12)),
            rows: 3,
            token: "t".into(),
            takes: Some(Takes::Inserts),
        };
        let mut intervals = Intervals::new("a.e".into(), Takes::Inserts, Some(record));
        let cuts = intervals.cut(inserts(&[(30, 25)]), Lsn(31));
        assert_eq!(cuts.len(), 1);
        assert_eq!((cuts[0].record.seq, cuts[0].fresh), (5, true));
        assert!(intervals.cut(None, Lsn(40)).is_empty());
    }

    #[test]
    fn the_last_batch_goes_again_when_the_position_has_passed_it() {
        let mut before = Intervals::new("a.e".into(), Takes::Inserts, None);
        let last = before.cut(inserts(&[(10, 1)]), Lsn(11)).remove(0).record;
        let mut after = Intervals::new("a.e".into(), Takes::Inserts, Some(last));
        assert_eq!(after.cut(inserts(&[(10, 1)]), Lsn(11)).len(), 1);
    }

    #[test]
    fn changes_of_old_rows_are_counted_and_rows_of_the_copy_dropped() {
        let mut intervals = Intervals::new("a.e".into(), Takes::Inserts, None);
        intervals.set_copied_before(Lsn(15));
        let rows = block(&[
            (Op::Insert, 10, 1),
            (Op::Update, 20, 12),
            (Op::Delete, 20, 13),
            (Op::Delete, 20, 14),
            (Op::Insert, 20, 14),
            (Op::Insert, 20, 15),
        ]);
        let cuts = intervals.cut(Some(rows), Lsn(21));
        assert_eq!(values(&cuts[0].block), [15]);
        assert_eq!((intervals.ignored_updates, intervals.ignored_deletes), (2, 2));
        assert_eq!((intervals.rekeyed_at, intervals.is_updated), (Lsn(20), true));
    }

    #[test]
    fn each_table_takes_what_is_wanted_of_changes() {
        let rows = || {
            Some(block(&[
                (Op::Insert, 10, 1),
                (Op::Update, 20, 2),
                (Op::Delete, 20, 3),
                (Op::Delete, 20, 4),
                (Op::Insert, 20, 4),
                (Op::Delete, 20, 5),
                (Op::Refused, 20, 5),
                (Op::Truncate, 20, 6),
            ]))
        };
        for (takes, taken, counts) in [
            (Takes::Inserts, vec![1], (0, 2, 3)),
            // The keys that were changed, too.
            (Takes::Rows, vec![1, 2, 4, 4, 5, 5], (2, 0, 3)),
            (Takes::Latest, vec![1, 2, 4, 4, 5, 5], (2, 0, 1)),
            (Takes::Changes, vec![1, 2, 3, 4, 4, 5, 5, 6], (0, 0, 0)),
        ] {
            let mut intervals = Intervals::new("a.e".into(), takes, None);
            let cuts = intervals.cut(rows(), Lsn(21));
            assert_eq!(values(&cuts[0].block), taken, "{takes:?}");
            let counted =
                (intervals.taken_updates, intervals.ignored_updates, intervals.ignored_deletes);
            assert_eq!(counted, counts, "{takes:?}");
        }
    }

    #[test]
    fn a_batch_that_goes_again_is_cut_as_it_was() {
        let rows = || Some(block(&[(Op::Update, 10, 1), (Op::Insert, 10, 2)]));
        let next = || Some(block(&[(Op::Update, 20, 12), (Op::Insert, 20, 13)]));
        for (before, now, again, fresh) in [
            (Takes::Inserts, Takes::Latest, vec![2], vec![12, 13]),
            (Takes::Latest, Takes::Inserts, vec![1, 2], vec![13]),
        ] {
            let recorded =
                Intervals::new("a.e".into(), before, None).cut(rows(), Lsn(11)).remove(0);
            assert_eq!(recorded.record.takes, Some(before));
            let mut after = Intervals::new("a.e".into(), now, Some(recorded.record));
            let cuts = after.cut(rows(), Lsn(11));
            assert_eq!((values(&cuts[0].block), cuts[0].record.takes), (again, Some(before)));
            let cuts = after.cut(next(), Lsn(21));
            assert_eq!((values(&cuts[0].block), cuts[0].record.takes), (fresh, Some(now)));
        }
    }

    #[test]
    fn what_is_held_back_from_before_a_barrier_goes_first() {
        let mut before = Intervals::new("a.e".into(), Takes::Changes, None);
        let last = before.cut(inserts(&[(10, 1), (10, 2)]), Lsn(9)).remove(0).record;
        let version = |change| Version::of_change(Lsn(10), Lsn(change));
        let mut after = Intervals::new("a.e".into(), Takes::Changes, Some(last.clone()));
        assert!(after.cut(inserts(&[(10, 1)]), Lsn(9)).is_empty());
        // In the middle of what was recorded there is none.
        assert!(after.settle_before(version(2)).is_none());
        assert!(after.cut(inserts(&[(10, 2)]), Lsn(9)).is_empty());
        assert!(!after.is_past(version(3)) && after.is_past(version(1)));
        let cut = after.settle_before(version(3)).unwrap();
        assert_eq!((values(&cut.block), cut.record, cut.fresh), (vec![1, 2], last, false));
        assert!(after.settle_before(version(3)).is_none());
        assert!(!after.is_waiting());
    }

    #[test]
    fn rows_held_back_are_not_doubled_when_the_stream_starts_anew() {
        let mut before = Intervals::new("a.e".into(), Takes::Inserts, None);
        let last = before.cut(inserts(&[(10, 1), (20, 12)]), Lsn(21)).remove(0).record;
        let mut after = Intervals::new("a.e".into(), Takes::Inserts, Some(last));
        assert!(after.cut(inserts(&[(10, 1)]), Lsn(11)).is_empty());
        after.restart();
        assert!(!after.is_waiting());
        let cuts = after.cut(inserts(&[(10, 1), (20, 12)]), Lsn(21));
        assert_eq!((cuts.len(), values(&cuts[0].block)), (1, vec![1, 12]));
    }
}
