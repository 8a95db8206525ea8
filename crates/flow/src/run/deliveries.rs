//! What the stream delivers: batches become work; barriers are answered once all before them is done.
//!
//! The reader waits for the answer to a barrier, so rows after it never meet the table of before.

use super::Loop;
use super::following::Answer;
use crate::apply;
use crate::copier;
use crate::intervals::Intervals;
use crate::quarantine;
use crate::retry;
use model::{Block, Cells, Mode, Op, Result, TableId, Version};
use source::stream::{Batch, Delivery};

impl Loop {
    pub(super) async fn on_delivery(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Batch(batch) => self.on_batch(batch).await,
            Delivery::Tapped(tapped) => {
                self.sinks.take(tapped);
                Ok(())
            }
            Delivery::Relation { relation, commit, reply } => {
                match self.on_relation(relation, commit).await {
                    Ok(Answer::Rows(table)) => {
                        let _ = reply.send(table);
                        Ok(())
                    }
                    // Without an answer the reader ends, and asks again in its next life.
                    Ok(Answer::Nothing) => Ok(()),
                    Err(error) => self.lose_session(error),
                }
            }
            Delivery::Truncate { tables, version, commit_us, done } => {
                if version.commit() >= self.positions.new_from() {
                    self.drain().await?;
                    for id in tables {
                        self.truncate(id, version, commit_us).await?;
                    }
                }
                let _ = done.send(());
                Ok(())
            }
            Delivery::Message { .. } => Ok(()),
            Delivery::Held(position) => self.on_held(position).await,
            Delivery::Ended(error) => self.lose_session(error),
        }
    }

    pub(super) async fn on_batch(&mut self, mut batch: Batch) -> Result<()> {
        self.tries = 0;
        if let Some(tapped) = batch.tapped.take() {
            self.sinks.take(tapped);
        }
        self.positions.receive(batch.through);
        self.status.set_slot_health_end(batch.server_end);
        let session = self.session.as_ref().map_or(0, |session| session.number);
        apply::leave_out(&mut batch.blocks, self.positions.new_from());
        let prepared = apply::prepare(batch, session, &mut self.tables, &self.status)?;
        self.note_changed().await?;
        self.next = Some(prepared);
        Ok(())
    }

    /// Durable before the position moves past the change of a key, or of a fact.
    pub(super) async fn note_changed(&mut self) -> Result<()> {
        for entry in self.tables.by_id.values_mut() {
            let (is_rekeyed, is_updated) = (entry.note_rekeyed(), entry.note_updated());
            if is_rekeyed || is_updated {
                let (store, status, state) = (self.store.as_ref(), &self.status, entry.state);
                entry.enter(state, None, store, status).await?;
            }
        }
        Ok(())
    }

    /// Rows from before the TRUNCATE go, those of a copy that still runs too. Where they are kept, a
    /// history says that it was.
    async fn truncate(&mut self, id: TableId, version: Version, commit_us: i64) -> Result<()> {
        let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
        if entry.is_stopped() {
            return Ok(());
        }
        match (entry.target.mode, entry.target.keeps_truncated) {
            (Mode::History, true) => return self.note_truncate(id, version, commit_us).await,
            (Mode::Mirror | Mode::Append, true) => return Ok(()),
            (_, false) => {}
        }
        // Facts have the version of their transaction alone: with rows from behind it, it was done.
        let is_done = |intervals: &Intervals| intervals.is_past(version);
        if entry.target.mode == Mode::Append && entry.intervals.as_ref().is_some_and(is_done) {
            return Ok(());
        }
        self.next = apply::settle_before(entry, version)?;
        self.drain().await?;
        let entry = self.entry(id)?;
        let (was_copying, target) = (entry.needs_copy(), entry.target.clone());
        if let Some(gate) = self.gates.remove(&id).filter(|_| was_copying) {
            gate.close().await;
        }
        let status = self.status.clone();
        self.end_replay(id).await;
        // By version: the log may be read again, and then newer rows are there.
        let which = match target.mode {
            Mode::Mirror | Mode::History => format!("_version < toUInt128('{}')", version.0),
            Mode::Append => format!("_lsn <= {}", version.commit().0),
        };
        let rows = &target.rows;
        let store = self.store.clone();
        let sql = store.layout().delete(rows, |_| which);
        if let Err(error) = retry::patiently(&status, || store.mutate(rows, &sql)).await {
            return self.fail_table(id, error).await;
        }
        let name = &target.table.name;
        quarantine::supersede(store.as_ref(), &status, name, Some(version), true).await?;
        if was_copying {
            let forget = || copier::forget_ranges(store.as_ref(), &target);
            retry::patiently(&status, forget).await?;
            self.start_copies(&[id]);
        }
        Ok(())
    }

    /// A row like any other of the stream: once, whenever the log is read again.
    async fn note_truncate(&mut self, id: TableId, version: Version, commit_us: i64) -> Result<()> {
        let mut block = Block::new(self.entry(id)?.target.table.clone());
        block.note_commit(version.commit(), commit_us);
        block.columns.iter_mut().for_each(Cells::push_default);
        block.end_row(Op::Truncate, version);
        let batch = Batch { blocks: vec![block], ..Batch::default() };
        self.next = Some(apply::prepare(batch, 0, &mut self.tables, &self.status)?);
        self.drain().await
    }
}
