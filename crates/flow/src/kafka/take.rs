//! A batch of the topics becomes work for the store.

use super::offsets::Position;
use super::once::Once;
use super::tables::{Entry, Tables};
use crate::apply::{cut, into_pieces, without_deletes};
use crate::flush::{Piece, TableWork, Work};
use crate::intervals::{Cut, Intervals, Record, Takes};
use crate::rules::Altered;
use crate::status::Status;
use bus::consume::{Batch, Part, Place, Poison, Through, position};
use model::{Block, Error, Lsn, Reject, Result, TableId};
use source::stream::Permit;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{Target, Token};

/// Work and what it is worth once it is durable.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) work: Work,
    pub(super) once: Vec<Once>,
    pub(super) poison: Vec<Poison>,
    /// Offsets that are done then; none where rows are held back.
    pub(super) through: BTreeMap<Place, i64>,
    pub(super) rows: u64,
    pub(super) oldest_commit_us: i64,
    pub(super) newest_commit_us: i64,
    /// Given back when this is dropped.
    pub(super) _permit: Permit,
}

/// Cuts the batch; what append tables hold back from earlier ones may come along.
pub(super) fn prepare(
    batch: Batch,
    positions: &BTreeMap<Place, Position>,
    tables: &mut Tables,
    status: &Status,
) -> Result<Prepared> {
    let behind = |place: &Place| {
        let through = batch.through.get(place).map(|through| through.next);
        let at = positions.get(place);
        at.zip(through).map_or(Lsn::ZERO, |(at, next)| position(at.epoch, next))
    };
    let mut taken = Taken::default();
    let mut way = Way::Topics { behind: &behind, records: &mut tables.records };
    for part in batch.parts {
        let Some(entry) = tables.by_name.get_mut(&part.block.table.name.to_string()) else {
            continue;
        };
        if !entry.is_stopped() {
            take(entry, part, &mut way, &mut taken, status)?;
        }
    }
    // The offset alone may settle what was cut before a restart.
    for entry in tables.by_name.values_mut().filter(|entry| !entry.is_stopped()) {
        for place in batch.through.keys() {
            settle(entry, place, behind(place), &mut taken)?;
        }
    }
    let is_waiting = |place: &Place| {
        let intervals =
            |entry: &Entry| entry.intervals.get(place).is_some_and(Intervals::is_waiting);
        tables.by_name.values().any(intervals)
    };
    let through = batch.through.iter().filter(|(place, _)| !is_waiting(place));
    let through = through.map(|(place, Through { next, .. })| (place.clone(), *next)).collect();
    let (work, once) = (taken.work, taken.once);
    let pieces = work.tables.iter().flat_map(|table| &table.pieces);
    Ok(Prepared {
        rows: pieces.map(|piece| piece.block.rows() as u64).sum(),
        work,
        once,
        poison: batch.poison,
        through,
        oldest_commit_us: batch.oldest_commit_us,
        newest_commit_us: batch.newest_commit_us,
        _permit: batch.permit,
    })
}

/// Work for rows of messages that were read again.
pub(super) fn prepare_again(
    parts: Vec<Part>,
    token: &Token,
    tables: &mut Tables,
    status: &Status,
) -> Result<(Work, Vec<Once>)> {
    let mut taken = Taken::default();
    for part in parts {
        let name = part.block.table.name.to_string();
        let entry = tables.by_name.get_mut(&name).filter(|entry| !entry.is_stopped());
        let stopped = || Error::transient(format!("could not write to {name}: it stopped"));
        take(entry.ok_or_else(stopped)?, part, &mut Way::Again(token), &mut taken, status)?;
    }
    Ok((taken.work, taken.once))
}

/// How rows come.
enum Way<'a> {
    /// In the intervals of their partitions.
    Topics { behind: &'a dyn Fn(&Place) -> Lsn, records: &'a mut HashMap<String, Record> },
    /// Under a token of their own.
    Again(&'a Token),
}

/// What a batch comes to so far: one work a table, whatever partitions its rows are of.
#[derive(Default)]
struct Taken {
    work: Work,
    once: Vec<Once>,
    at: HashMap<TableId, usize>,
}

impl Taken {
    /// `place`: of a partition that is apart.
    fn add(
        &mut self,
        entry: &Entry,
        pieces: Vec<Piece>,
        rejects: Vec<Reject>,
        place: Option<&Place>,
    ) {
        let id = entry.target.table.id;
        let at = *self.at.entry(id).or_insert_with(|| {
            self.work.tables.push(TableWork {
                id,
                target: entry.target.clone(),
                pieces: Vec::new(),
                rejects: Vec::new(),
                trusts_store: true,
                turn: entry.turn.clone(),
                rekeyed_at: Arc::default(),
            });
            self.work.tables.len() - 1
        });
        if let Some(place) = place.filter(|_| entry.is_once()) {
            let first = self.work.tables[at].pieces.len();
            let piece = |piece| Once { table: at, piece, place: place.to_string() };
            self.once.extend((first..first + pieces.len()).map(piece));
        }
        self.work.tables[at].pieces.extend(pieces);
        self.work.tables[at].rejects.extend(rejects);
    }
}

fn take(
    entry: &mut Entry,
    Part { mut block, topic, partition }: Part,
    way: &mut Way<'_>,
    taken: &mut Taken,
    status: &Status,
) -> Result<()> {
    let target = target_of(entry, &block.table)?;
    let mut rejects = std::mem::take(&mut block.rejects);
    let (table, altered) = (block.table.clone(), Altered::take(&mut block, &target));
    let place = partition.map(|partition| Place { topic, partition });
    let pieces = match &place {
        None => {
            block = entry.without_truncated(block);
            if target.keeps_deletes {
                block = without_deletes(block, &rejects, &mut entry.kept_deletes);
            }
            vec![Piece { target, block: Arc::new(block), token: None, record: None }]
        }
        Some(place) => match way {
            Way::Topics { behind, records } => {
                let intervals = entry.intervals_of(place, records);
                let cuts = cut(intervals, block, &mut rejects, behind(place));
                pieces(entry, place, cuts, taken)?
            }
            Way::Again(token) => again(entry, place, block, &mut rejects, token)?,
        },
    };
    let counts = entry.intervals.values().map(|intervals| {
        (intervals.taken_updates, intervals.ignored_updates, intervals.ignored_deletes)
    });
    let sum = |a: (u64, u64, u64), b: (u64, u64, u64)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    let (taken_updates, ignored_updates, ignored_deletes) = counts.fold((0, 0, 0), sum);
    let (rejected, kept_deletes) = (rejects.len() as u64, entry.kept_deletes);
    status.with_table(&entry.name, |status| {
        status.rejected_rows += rejected;
        status.count_altered(&table, &altered);
        (status.taken_updates, status.ignored_updates) = (taken_updates, ignored_updates);
        status.ignored_deletes = ignored_deletes + kept_deletes;
    });
    taken.add(entry, pieces, rejects, place.as_ref());
    Ok(())
}

fn settle(entry: &mut Entry, place: &Place, behind: Lsn, taken: &mut Taken) -> Result<()> {
    let Some(intervals) = entry.intervals.get_mut(place) else { return Ok(()) };
    let cuts = intervals.cut(None, behind);
    if !cuts.is_empty() {
        let pieces = pieces(entry, place, cuts, taken)?;
        taken.add(entry, pieces, Vec::new(), Some(place));
    }
    Ok(())
}

fn pieces(entry: &Entry, place: &Place, cuts: Vec<Cut>, taken: &mut Taken) -> Result<Vec<Piece>> {
    let with_target = |cut: Cut| {
        let target = target_of(entry, &cut.block.table)?;
        let target =
            cut.record.takes.map_or_else(|| target.clone(), |takes| takes.written_to(&target));
        Ok((target, cut))
    };
    let cuts = cuts.into_iter().map(with_target).collect::<Result<_>>()?;
    Ok(into_pieces(cuts, &entry.batches(place), &mut taken.work.records))
}

/// Nothing is cut: what was recorded of the partition says nothing of these.
fn again(
    entry: &Entry,
    place: &Place,
    block: Block,
    rejects: &mut Vec<Reject>,
    token: &Token,
) -> Result<Vec<Piece>> {
    let mut apart = Intervals::new(String::new(), Takes::of(&entry.target), None);
    let piece = |Cut { block, .. }| {
        let target = target_of(entry, &block.table)?;
        let name = format!("{}:{}:{place}", token.name, target.name);
        let token = Some(Token { name, again: token.again });
        Ok(Piece { target, block: Arc::new(block), token, record: None })
    };
    cut(&mut apart, block, rejects, Lsn::ZERO).into_iter().map(piece).collect()
}

fn target_of(entry: &Entry, table: &Arc<model::Table>) -> Result<Arc<Target>> {
    let target = entry.target_for(table);
    target.cloned().ok_or_else(|| Error::bug(format!("rows of {} have no known shape", entry.name)))
}
