//! A batch of the stream becomes work for the store.

use crate::flush::{Piece, TableWork, Work};
use crate::intervals::{Cut, Intervals, Record, Takes};
use crate::latest::Turn;
use crate::rules::Altered;
use crate::status::Status;
use crate::tables::{Entry, Tables};
use model::{Block, Error, Lsn, Mode, Op, Reject, Result, TableId, Version};
use source::stream::{Batch, Permit};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Token;

/// Work and what it is worth once it is durable.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) work: Work,
    pub(crate) session: u64,
    /// Zero: it moves nothing.
    pub(crate) through: Lsn,
    pub(crate) rows: u64,
    pub(crate) oldest_commit_us: i64,
    pub(crate) newest_commit_us: i64,
    /// Given back when this is dropped.
    pub(crate) _permit: Permit,
}

/// What was committed before is in the store: this session began further back, for somebody else.
pub(crate) fn leave_out(blocks: &mut Vec<Block>, before: Lsn) {
    for block in blocks.iter_mut() {
        let is_new = |version: &Version| version.commit() >= before;
        if !block.versions.first().is_none_or(is_new) {
            let rows: Vec<usize> =
                (0..block.rows()).filter(|row| is_new(&block.versions[*row])).collect();
            let rejects = std::mem::take(&mut block.rejects);
            *block = Block { rejects, ..block.only(&rows) };
        }
        block.rejects.retain(|reject| is_new(&reject.version));
    }
    blocks.retain(|block| block.rows() > 0 || !block.rejects.is_empty());
}

/// Cuts the batch; what append tables hold back from earlier ones may come along.
pub(crate) fn prepare(
    batch: Batch,
    session: u64,
    tables: &mut Tables,
    status: &Status,
) -> Result<Prepared> {
    let through = batch.through;
    let mut work = Work::default();
    for block in batch.blocks {
        let id = block.table.id;
        let Some(entry) = tables.by_id.get_mut(&id) else { continue };
        if entry.is_stopped() {
            continue;
        }
        take(entry, id, block, through, &mut work, status)?;
    }
    // The position alone may settle a batch that was cut before the restart.
    for (id, entry) in &mut tables.by_id {
        let not_here = work.tables.iter().all(|table| table.id != *id);
        if not_here && !entry.is_stopped() && !entry.is_skipping() {
            settle(entry, *id, through, &mut work)?;
        }
    }
    // Rows that are held back are not done, whatever comes after them.
    let waiting = |entry: &Entry| entry.intervals.as_ref().is_some_and(Intervals::is_waiting);
    let is_waiting = tables.by_id.values().any(waiting);
    let rows =
        work.tables.iter().flat_map(|table| &table.pieces).map(|piece| piece.block.rows() as u64);
    Ok(Prepared {
        rows: rows.sum(),
        work,
        session,
        through: if is_waiting { Lsn::ZERO } else { through },
        oldest_commit_us: batch.oldest_commit_us,
        newest_commit_us: batch.newest_commit_us,
        _permit: batch.permit,
    })
}

fn take(
    entry: &mut Entry,
    id: TableId,
    mut block: Block,
    through: Lsn,
    work: &mut Work,
    status: &Status,
) -> Result<()> {
    if entry.is_skipping() {
        let last = block.versions.iter().chain(block.rejects.iter().map(|r| &r.version)).max();
        entry.skipped = entry.skipped.max(last.map(|version| version.commit()));
        return Ok(());
    }
    let target = target_of(entry, &block)?;
    let mut rejects = std::mem::take(&mut block.rejects);
    let (table, altered) = (block.table.clone(), Altered::take(&mut block, &target));
    let mut pieces = Vec::new();
    match &mut entry.intervals {
        None => {
            if target.keeps_deletes {
                block = without_deletes(block, &rejects, &mut entry.kept_deletes);
            }
            let block = Arc::new(block);
            pieces.push(Piece { target: target.clone(), block, token: None, record: None });
        }
        Some(intervals) => {
            let name = target.name.to_string();
            let cuts = cut(intervals, block, &mut rejects, through);
            let mut pieces_of = Vec::with_capacity(cuts.len());
            for of_cut in cuts {
                // What was held back may have come in an earlier shape.
                let target = target_of_cut(entry, &of_cut.block, &of_cut.record)?;
                pieces_of.push((target, of_cut));
            }
            pieces = into_pieces(pieces_of, &name, &mut work.records);
        }
    }
    let ignored = match &entry.intervals {
        Some(intervals) => (intervals.ignored_updates, intervals.ignored_deletes),
        None => (0, entry.kept_deletes),
    };
    let taken = entry.intervals.as_ref().map_or(0, |intervals| intervals.taken_updates);
    let rejected = rejects.len() as u64;
    status.with_table(&entry.name, |status| {
        status.rejected_rows += rejected;
        status.count_altered(&table, &altered);
        (status.ignored_updates, status.ignored_deletes) = ignored;
        status.taken_updates = taken;
    });
    let (trusts_store, turn) = (!entry.copy.sweeps, Turn::of(entry));
    let rekeyed_at = entry.rekeyed_at.clone();
    work.tables.push(TableWork { id, target, pieces, rejects, trusts_store, turn, rekeyed_at });
    Ok(())
}

/// Rows of a table that is no mirror, in recorded intervals; and those of its rejects that it would have taken.
pub(crate) fn cut(
    intervals: &mut Intervals,
    block: Block,
    rejects: &mut Vec<Reject>,
    through: Lsn,
) -> Vec<Cut> {
    let of_key_change = key_changes(&block, rejects);
    rejects.iter().for_each(|reject| intervals.note_refused(reject));
    rejects.retain(|reject| {
        let is_new = reject.op == Op::Insert && !of_key_change.contains(&reject.version);
        let takes = intervals.takes_at(reject.version);
        // Read again by another type, it may be refused now, and was carried.
        let is_taken = intervals.takes(reject.version) && !intervals.is_done(reject.version);
        is_taken && (is_new || takes != Takes::Inserts)
    });
    intervals.cut(Some(block), through)
}

/// The first record may be made durable at once, each further one behind the piece before it.
pub(crate) fn into_pieces(
    cuts: Vec<(Arc<store::Target>, Cut)>,
    name: &str,
    records: &mut Vec<(String, Record)>,
) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(cuts.len());
    for (target, Cut { block, record, fresh }) in cuts {
        let token = Some(Token { name: record.token.clone(), again: !fresh });
        let mut later = None;
        match (fresh, pieces.is_empty()) {
            (true, true) => records.push((name.to_owned(), record)),
            (true, false) => later = Some((name.to_owned(), record)),
            (false, _) => {}
        }
        pieces.push(Piece { target, block: Arc::new(block), token, record: later });
    }
    pieces
}

/// What was deleted at the source stays; the key that another one took the place of goes.
pub(crate) fn without_deletes(block: Block, rejects: &[Reject], kept: &mut u64) -> Block {
    // Refused as a key, too, it is no row here.
    let refused: BTreeSet<Version> = rejects.iter().map(|reject| reject.version).collect();
    let is_kept = |row: usize| {
        block.ops[row] == Op::Delete
            && (row + 1 == block.rows() || !block.changes_key(row + 1))
            && !refused.contains(&block.versions[row])
    };
    let rows: Vec<usize> = (0..block.rows()).filter(|&row| !is_kept(row)).collect();
    *kept += (block.rows() - rows.len()) as u64;
    if rows.len() == block.rows() { block } else { block.only(&rows) }
}

/// Versions of refused rows that took another key: the DELETE of the old one is there.
fn key_changes(block: &Block, rejects: &[Reject]) -> BTreeSet<Version> {
    let is_of_two = |version: Version| {
        let from = block.versions.partition_point(|other| *other < version);
        let ops = block.versions[from..].iter().zip(&block.ops[from..]);
        ops.take_while(|(other, _)| **other == version).any(|(_, op)| *op == Op::Delete)
    };
    let versions = rejects.iter().map(|reject| reject.version);
    versions.filter(|&version| is_of_two(version)).collect()
}

/// The rows of a table that are held back from before `version`, if there are any.
pub(crate) fn settle_before(entry: &mut Entry, version: Version) -> Result<Option<Prepared>> {
    let cut = entry.intervals.as_mut().and_then(|intervals| intervals.settle_before(version));
    let Some(cut) = cut else { return Ok(None) };
    let (mut work, rows) = (Work::default(), cut.block.rows() as u64);
    add(entry, entry.target.table.id, cut, &mut work)?;
    Ok(Some(Prepared { work, rows, ..Prepared::default() }))
}

fn settle(entry: &mut Entry, id: TableId, through: Lsn, work: &mut Work) -> Result<()> {
    let Some(intervals) = &mut entry.intervals else { return Ok(()) };
    // At most one: the batch that was recorded before the restart.
    match intervals.cut(None, through).pop() {
        Some(cut) => add(entry, id, cut, work),
        None => Ok(()),
    }
}

/// A batch that was recorded before.
fn add(entry: &Entry, id: TableId, cut: Cut, work: &mut Work) -> Result<()> {
    let target = target_of_cut(entry, &cut.block, &cut.record)?;
    let (block, token) = (Arc::new(cut.block), Some(Token::again(cut.record.token)));
    let pieces = vec![Piece { target: target.clone(), block, token, record: None }];
    let (rejects, trusts_store, turn) = (Vec::new(), !entry.copy.sweeps, Turn::of(entry));
    let rekeyed_at = entry.rekeyed_at.clone();
    work.tables.push(TableWork { id, target, pieces, rejects, trusts_store, turn, rekeyed_at });
    Ok(())
}

fn target_of_cut(entry: &Entry, block: &Block, record: &Record) -> Result<Arc<store::Target>> {
    let target = target_of(entry, block)?;
    Ok(record.takes.map_or_else(|| target.clone(), |takes| takes.written_to(&target)))
}

fn target_of(entry: &Entry, block: &Block) -> Result<Arc<store::Target>> {
    debug_assert!(entry.target.mode != Mode::Mirror || entry.intervals.is_none());
    let target = entry.target_for(&block.table);
    target.cloned().ok_or_else(|| Error::bug(format!("rows of {} have no known shape", entry.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervals::tests::block;
    use model::TableOptions;
    use store::Target;

    fn inserts(changes: &[u64], through: u64) -> Batch {
        let rows: Vec<_> = changes.iter().map(|&change| (Op::Insert, change, change)).collect();
        Batch { blocks: vec![block(&rows)], through: Lsn(through), ..Batch::default() }
    }

    #[test]
    fn an_archive_drops_deletes_and_no_other_tombstone() {
        let rows = block(&[
            (Op::Insert, 10, 1),
            (Op::Delete, 10, 2),
            (Op::Delete, 10, 3),
            (Op::Insert, 10, 3),
            (Op::Refused, 10, 4),
            (Op::Delete, 10, 5),
            (Op::Refused, 10, 5),
            (Op::Delete, 20, 6),
            (Op::Delete, 20, 7),
        ]);
        let text = String::new;
        let version = Version::of_change(Lsn(20), Lsn(7));
        let (column, reason, row, key) = (text(), text(), text(), text());
        let reject = Reject { version, op: Op::Update, column, reason, row, key };
        let mut kept = 0;
        let left = without_deletes(rows, &[reject], &mut kept);
        use Op::{Delete, Insert, Refused};
        assert_eq!(left.ops, [Insert, Delete, Insert, Refused, Delete, Refused, Delete]);
        assert_eq!(kept, 2);
    }

    #[test]
    fn what_the_store_has_is_left_out_row_by_row() {
        let reject = |commit| Reject {
            version: Version::of_change(Lsn(commit), Lsn(9)),
            op: Op::Insert,
            column: String::new(),
            reason: String::new(),
            row: String::new(),
            key: String::new(),
        };
        let rows = [(Op::Insert, 10, 1), (Op::Delete, 20, 2), (Op::Insert, 20, 2)];
        for (before, ops, rejects) in [
            (10, &[Op::Insert, Op::Delete, Op::Insert][..], vec![10, 20]),
            (11, &[Op::Delete, Op::Insert], vec![20]),
            (21, &[], vec![]),
        ] {
            let mut blocks = vec![Block { rejects: vec![reject(10), reject(20)], ..block(&rows) }];
            leave_out(&mut blocks, Lsn(before));
            let left = blocks.first();
            assert_eq!(left.map_or(&[][..], |left| &left.ops), ops, "{before}");
            let of = |left: &Block| left.rejects.iter().map(|it| it.version.commit().0).collect();
            assert_eq!(left.map_or_else(Vec::new, of), rejects, "{before}");
        }
    }

    #[test]
    fn a_batch_whose_rows_are_held_back_moves_no_position() {
        let order_by = vec!["id".to_owned()];
        let options = TableOptions { mode: Mode::Append, order_by, ..TableOptions::default() };
        let target = Target::resolve(block(&[]).table, &options, None).unwrap();
        let version = |at| Version::of_change(Lsn(at), Lsn(at));
        let token = "t".to_owned();
        let recorded =
            Record { seq: 1, from: version(1), through: version(5), rows: 4, token, takes: None };
        let mut tables = Tables::of_append(target, recorded);
        let mut through = |changes: &[u64], at| {
            prepare(inserts(changes, at), 1, &mut tables, &Status::default()).unwrap()
        };
        let held = through(&[2, 3], 3);
        assert_eq!((held.rows, held.through), (0, Lsn::ZERO));
        let whole = through(&[4, 5], 6);
        assert_eq!((whole.rows, whole.through), (4, Lsn(6)));
    }
}
