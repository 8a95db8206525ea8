//! The batch that is being filled: a block a table, of each partition where order matters.

use super::{Batch, Part, Place, Poison, Settled, Through};
use crate::read::{Change, KeyChange};
use model::{Block, Result, Table, Version};
use source::decode::tuple;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As for the direct stream: larger blocks only cost memory.
const ROWS_MAX: usize = 128 << 10;
const BYTES_MAX: usize = 32 << 20;
/// A message that is older than this when it comes is part of a backlog: large batches are what catches up.
const BACKLOG_MS: i64 = 2_000;
const BACKLOG_AGE: Duration = Duration::from_millis(400);

struct OpenTable {
    /// As the reader has it.
    raw: Arc<Table>,
    /// `None`: its rows are skipped.
    settled: Option<Settled>,
    /// By the number of the partition where they are apart, otherwise of the topic's first one.
    blocks: Vec<(usize, Block)>,
}

#[derive(Default)]
pub(super) struct Open {
    tables: Vec<OpenTable>,
    /// The table of the last change: the next one is mostly of the same.
    at: usize,
    /// In the order of their numbers.
    places: Vec<Place>,
    /// The first one of the same topic.
    first: Vec<usize>,
    /// By the partition's number.
    through: Vec<Option<Through>>,
    poison: Vec<Poison>,
    rows: usize,
    bytes: usize,
    since: Option<Instant>,
    oldest_commit_us: i64,
    newest_commit_us: i64,
    is_backlog: bool,
}

impl Open {
    /// The number of a partition. Names are few, and stay.
    pub(super) fn place(&mut self, topic: &str, partition: i32) -> usize {
        let is_it = |place: &Place| place.partition == partition && *place.topic == *topic;
        self.places.iter().position(is_it).unwrap_or_else(|| {
            let first = self.places.iter().position(|place| *place.topic == *topic);
            let name = first.map_or_else(|| topic.into(), |at| self.places[at].topic.clone());
            self.first.push(first.unwrap_or(self.places.len()));
            self.places.push(Place { topic: name, partition });
            self.through.push(None);
            self.places.len() - 1
        })
    }

    pub(super) fn name(&self, place: usize) -> &Place {
        &self.places[place]
    }

    /// What was settled for the table. `None`: it has to be asked for.
    pub(super) fn settled(&mut self, raw: &Arc<Table>) -> Option<Option<&Settled>> {
        if self.tables.get(self.at).is_none_or(|open| !Arc::ptr_eq(&open.raw, raw)) {
            self.at = self.tables.iter().position(|open| Arc::ptr_eq(&open.raw, raw))?;
        }
        Some(self.tables[self.at].settled.as_ref())
    }

    /// What the receiver said of a table. Blocks were cut before it was asked.
    pub(super) fn settle(&mut self, raw: Arc<Table>, settled: Option<Settled>) {
        self.tables.retain(|open| open.raw.id != raw.id);
        self.tables.push(OpenTable { raw, settled, blocks: Vec::new() });
        self.at = self.tables.len() - 1;
    }

    /// Every table is asked for anew.
    pub(super) fn unsettle(&mut self) {
        self.tables.clear();
    }

    /// Takes a change of a table that is settled.
    pub(super) fn take(
        &mut self,
        change: &Change<'_>,
        place: usize,
        version: Version,
    ) -> Result<()> {
        let open = &mut self.tables[self.at];
        debug_assert!(Arc::ptr_eq(&open.raw, change.table));
        let Some(settled) = &open.settled else { return Ok(()) };
        // Behind a delete comes a tombstone, which says the same once more; and where a key changed,
        // the new key's message tells of both.
        if settled.is_ordered && change.is_tombstone
            || settled.is_history && matches!(change.key_change, Some(KeyChange::To(_)))
        {
            return Ok(());
        }
        let of = if settled.is_ordered { place } else { self.first[place] };
        let at = open.blocks.iter().position(|(other, _)| *other == of).unwrap_or_else(|| {
            open.blocks.push((of, Block::new(settled.table.clone())));
            open.blocks.len() - 1
        });
        let block = &mut open.blocks[at].1;
        if settled.is_history {
            block.note_commit(version.commit(), change.commit_us);
        }
        push(block, change, settled.is_history, version)?;
        self.rows += 1;
        self.note(change.commit_us);
        Ok(())
    }

    fn note(&mut self, commit_us: i64) {
        if commit_us > 0 {
            let oldest = self.oldest_commit_us;
            self.oldest_commit_us = if oldest == 0 { commit_us } else { oldest.min(commit_us) };
            self.newest_commit_us = self.newest_commit_us.max(commit_us);
        }
    }

    pub(super) fn poison(&mut self, poison: Poison) {
        self.bytes += poison.value.as_ref().map_or(0, Vec::len);
        self.rows += 1;
        self.poison.push(poison);
    }

    /// The message is done, whatever it came to.
    pub(super) fn pass(&mut self, place: usize, offset: i64, bytes: usize, read_ms: i64) {
        self.through[place] = Some(Through { next: offset + 1, read_ms });
        self.bytes += bytes;
        // An offset that moved has to be told, too, if less urgently.
        if self.since.is_none() {
            self.since = Some(Instant::now());
            self.is_backlog = now_ms() - read_ms > BACKLOG_MS;
        }
    }

    /// What was read of these partitions and not delivered is forgotten.
    pub(super) fn forget(&mut self, places: &[Place]) {
        for (place, through) in self.places.iter().zip(&mut self.through) {
            if places.contains(place) {
                *through = None;
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX || self.bytes >= BYTES_MAX
    }

    /// How long the batch may still wait; `None`: it is empty.
    pub(super) fn remaining(&self, age: Duration) -> Option<Duration> {
        let age = if self.is_backlog { age.max(BACKLOG_AGE) } else { age };
        self.since.map(|since| age.saturating_sub(since.elapsed()))
    }

    /// Memory that the batch holds.
    pub(super) fn size_bytes(&self) -> usize {
        let blocks = self.tables.iter().flat_map(|open| &open.blocks);
        let poison = self.poison.iter().filter_map(|poison| poison.value.as_ref());
        blocks.map(|(_, block)| block.size_bytes()).sum::<usize>()
            + poison.map(Vec::len).sum::<usize>()
    }

    /// Closes the batch. The next one begins empty.
    pub(super) fn cut(&mut self) -> Batch {
        let mut parts = Vec::new();
        for open in &mut self.tables {
            let is_ordered = open.settled.as_ref().is_some_and(|settled| settled.is_ordered);
            for (place, block) in open.blocks.drain(..).filter(|(_, block)| !block.is_empty()) {
                let Place { topic, partition } = self.places[place].clone();
                let partition = is_ordered.then_some(partition);
                parts.push(Part { block, topic, partition });
            }
        }
        let through = self.places.iter().zip(&mut self.through);
        let through = through.filter_map(|(place, next)| Some((place.clone(), next.take()?)));
        let through: BTreeMap<Place, Through> = through.collect();
        let batch = Batch {
            parts,
            through,
            poison: std::mem::take(&mut self.poison),
            oldest_commit_us: self.oldest_commit_us,
            newest_commit_us: self.newest_commit_us,
            permit: source::stream::Permit::default(),
        };
        (self.rows, self.bytes, self.since) = (0, 0, None);
        (self.oldest_commit_us, self.newest_commit_us) = (0, 0);
        batch
    }
}

fn push(block: &mut Block, change: &Change<'_>, is_history: bool, version: Version) -> Result<()> {
    if let Some(KeyChange::From(old_key)) = change.key_change.filter(|_| is_history) {
        tuple::push_delete(old_key, block, version)?;
    }
    change.push(block, version)
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
