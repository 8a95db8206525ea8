//! What is answered once all before it is done: partitions that come and go, and a TRUNCATE.

use super::Loop;
use crate::intervals::Takes;
use crate::kafka::offsets::{self, From, Position};
use crate::quarantine;
use crate::retry;
use bus::consume::{Assigned, Batch, Begin, Part, Place, Through};
use model::{Block, Cells, Lsn, Mode, Op, Result, Table, Version};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A topic ends before what was read of it: it was made anew, or its broker was killed and is still about to
/// find out what it has. Facts would be there twice if the one were taken for the other.
const ANEW_AFTER: Duration = Duration::from_secs(10);

impl Loop {
    /// Where each is read from. Others may have had them: the store is asked. `None`: the broker may not
    /// know yet what it has.
    pub(super) async fn on_assigned(
        &mut self,
        partitions: Vec<Assigned>,
        looked_for: Duration,
    ) -> Result<Option<Vec<Begin>>> {
        let store = self.store.clone();
        let known = offsets::read(store.as_ref(), &self.name).await?;
        let is_anew = |found: &Assigned| matches!(offsets::from(found, &known), From::Anew(_));
        if looked_for < ANEW_AFTER && partitions.iter().any(is_anew) {
            return Ok(None);
        }
        self.tables.read_records(store.as_ref()).await?;
        let mut begins = Vec::with_capacity(partitions.len());
        for found in &partitions {
            let begin = match offsets::from(found, &known) {
                From::There(begin) => begin,
                From::Anew(begin) => {
                    let (place, epoch) = (&found.place, begin.epoch);
                    tracing::warn!(%place, epoch, "the topic was made anew: it is read from its beginning");
                    begin
                }
                From::Expired { begin, missed } if self.options.skips_expired => {
                    let place = &found.place;
                    tracing::warn!(%place, missed, "messages expired before they were read; passed over");
                    self.shown.count_missed(missed.unsigned_abs());
                    begin
                }
                From::Expired { begin, missed } => {
                    let group = &self.options.consumer.group;
                    return Err(offsets::expired(&found.place, missed, begin.offset, group));
                }
            };
            let mut at = Position::start(begin);
            if self.held.contains(&found.place.topic) {
                at.held = Some(begin.offset);
            }
            // Written down before the first row: a partition that comes later is told from these.
            at.recorded = match known.get(&found.place) {
                Some(known) if known.epoch == begin.epoch => begin.offset,
                _ => -1,
            };
            self.positions.insert(found.place.clone(), at);
            begins.push(begin);
        }
        self.drain_and_record().await?;
        self.shown.set_positions(&self.positions);
        Ok(Some(begins))
    }

    pub(super) async fn on_revoked(&mut self, places: &[Place], are_lost: bool) -> Result<()> {
        // Who is thought to be dead loses all that it has; and others may have recorded newer offsets by now.
        if are_lost {
            self.next = None;
            self.positions.retain(|place, _| !places.contains(place));
        }
        self.drain_and_record().await?;
        self.positions.retain(|place, _| !places.contains(place));
        self.tables.give_up(places);
        self.shown.set_positions(&self.positions);
        Ok(())
    }

    /// Rows from before it go. In other partitions they may still come: the position in the source's log tells.
    pub(super) async fn truncate(
        &mut self,
        table: &Arc<Table>,
        place: Place,
        version: Version,
        lsn: Lsn,
        commit_us: i64,
    ) -> Result<()> {
        let name = table.name.to_string();
        let Some(entry) = self.tables.by_name.get_mut(&name) else { return Ok(()) };
        if entry.is_stopped() {
            return Ok(());
        }
        match (entry.target.mode, entry.target.keeps_truncated) {
            (Mode::History, _) => {
                return self.note_truncate(&name, place, version, commit_us).await;
            }
            (Mode::Append, _) | (Mode::Mirror, true) => return Ok(()),
            (Mode::Mirror, false) => {}
        }
        let id = entry.target.table.id;
        self.end_replay(id).await;
        let Some(entry) = self.tables.by_name.get_mut(&name) else { return Ok(()) };
        let which = match lsn.is_zero() {
            true => format!("_version < toUInt128('{}')", version.0),
            false => {
                entry.pass_truncate(lsn, self.store.as_ref(), &self.status).await?;
                format!("toUInt64(_version) < {}", lsn.0)
            }
        };
        let (target, store) = (entry.target.clone(), self.store.clone());
        let rows = &target.rows;
        let sql = store.layout().delete(rows, |_| which);
        retry::patiently(&self.status, || store.mutate(rows, &sql)).await?;
        let name = &target.table.name;
        quarantine::supersede(store.as_ref(), &self.status, name, Some(version), true).await
    }

    /// A row like any other: once, whenever the topic is read again.
    async fn note_truncate(
        &mut self,
        name: &str,
        place: Place,
        version: Version,
        commit_us: i64,
    ) -> Result<()> {
        let entry = &self.tables.by_name[name];
        debug_assert_eq!(Takes::of(&entry.target), Takes::Changes);
        let mut block = Block::new(entry.target.table.clone());
        block.note_commit(version.commit(), commit_us);
        block.columns.iter_mut().for_each(Cells::push_default);
        block.end_row(Op::Truncate, version);
        let (topic, partition) = (place.topic.clone(), Some(place.partition));
        // Its offset moves with the batch behind it.
        let next = self.positions.get(&place).map_or(0, |at| at.applied);
        let batch = Batch {
            parts: vec![Part { block, topic, partition }],
            through: BTreeMap::from([(place, Through { next, read_ms: 0 })]),
            ..Batch::default()
        };
        self.on_batch(batch)?;
        self.drain().await
    }
}
