//! From work to a confirmed position: flushed, then recorded, then confirmed, never the other way.
//!
//! ```text
//! next ──▶ in flight ──▶ applied ──▶ recorded in the store ──▶ confirmed to the server
//!                           └──▶ settled: what the copies wait for
//! ```

use super::Loop;
use crate::checkpoint;
use crate::flight::{Flight, flushed};
use crate::flush::{self, Flushed};
use crate::retry;
use crate::status::State;
use crate::tables::Entry;
use crate::task::Task;
use model::{Lsn, Result};
use std::time::Instant;

impl Loop {
    pub(super) fn start_flush(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        let Some(mut prepared) = self.next.take() else { return };
        let work = std::mem::take(&mut prepared.work);
        let tables = work.tables.len();
        self.status.set_oldest_unapplied(Some(prepared.oldest_commit_us).filter(|us| *us > 0));
        let flushed =
            flush::flush(self.store.clone(), self.filler.clone(), work, self.status.clone());
        let flushed = Task::spawn(flushed);
        self.in_flight = Some(Flight { flushed, prepared, begun: Instant::now(), tables });
    }

    pub(super) async fn on_flushed(&mut self, flushed: Result<Flushed>) -> Result<()> {
        let Some(flight) = self.in_flight.take() else { return Ok(()) };
        let flushed = flushed?;
        for (id, rows) in flushed.rows {
            let Some(entry) = self.tables.by_id.get(&id) else { continue };
            self.status.with_table(&entry.name, |table| {
                table.streamed_rows += rows;
                table.count_rows(rows);
            });
        }
        // Failed is durable before the position moves past the rows that were given up.
        for (id, error) in flushed.failed {
            self.fail_table(id, error).await?;
        }
        self.note_changed().await?;
        let prepared = flight.prepared;
        if self.session.as_ref().is_some_and(|session| session.number == prepared.session) {
            self.positions.apply(prepared.through);
        }
        if prepared.rows > 0 {
            self.rows_since_record = true;
            self.status.sample_freshness([prepared.oldest_commit_us, prepared.newest_commit_us]);
            let flush_us = flight.begun.elapsed().as_micros() as u64;
            let is_copied = |entry: &Entry| entry.state == State::Copying;
            let is_copying = self.tables.by_id.values().any(is_copied);
            self.age_us = self.pace.age_us(flight.tables, flush_us, &self.pressure, is_copying);
            if let Some(session) = &self.session {
                session.control.set_age_us(self.age_us);
            }
        }
        drop(prepared);
        self.status.set_oldest_unapplied(
            self.next.as_ref().map(|next| next.oldest_commit_us).filter(|us| *us > 0),
        );
        self.settle();
        Ok(())
    }

    /// Tells the copies up to where the store holds everything.
    fn settle(&self) {
        if !self.tables.any_waiting() {
            let applied = self.positions.applied();
            self.settled.send_if_modified(|settled| {
                let moved = applied > *settled;
                *settled = applied.max(*settled);
                moved
            });
        }
    }

    pub(super) async fn on_tick(&mut self) -> Result<()> {
        let positions = &self.positions;
        let received = self.session.as_ref().map_or(Lsn::ZERO, |s| s.control.received());
        let received = received.max(positions.received());
        // Rows of a table that waits are left for later, whatever the others have.
        let applied = match self.tables.any_waiting() {
            true => positions.recorded(),
            false => positions.applied(),
        };
        let confirmed = positions.confirmed();
        let is_behind = confirmed < positions.recorded();
        self.status.set_positions(received, applied, confirmed, received);
        if positions.is_due(self.recorded_at.elapsed(), self.rows_since_record) {
            self.start_record();
        }
        if is_behind {
            self.confirm();
        }
        self.arm_again()?;
        self.let_sinks_in();
        self.start_survey();
        self.remove_gone().await?;
        // A table that was waited for may have gone.
        self.rewind_if_wanted().await
    }

    pub(super) fn start_record(&mut self) {
        if self.recording.is_some() || self.tables.any_waiting() {
            return;
        }
        let position = self.positions.applied();
        let row = checkpoint::row(&self.options.slot, position);
        let (store, status) = (self.store.clone(), self.status.clone());
        let record = async move {
            retry::patiently(&status, || store.record(checkpoint::CHECKPOINTS, row.clone())).await
        };
        self.recording = Some((position, Task::spawn(record)));
        (self.recorded_at, self.rows_since_record) = (Instant::now(), false);
    }

    pub(super) fn on_recorded(&mut self, recorded: Result<()>) -> Result<()> {
        let Some((position, _)) = self.recording.take() else { return Ok(()) };
        recorded?;
        self.positions.record(position);
        self.confirm();
        Ok(())
    }

    /// What the store and every sink that is required have.
    fn confirm(&mut self) {
        let confirmed = self.positions.confirm(self.sinks.acknowledged());
        if let Some(session) = &self.session {
            session.control.confirm(confirmed);
        }
    }

    /// Everything that was read is durable afterwards.
    pub(super) async fn drain(&mut self) -> Result<()> {
        loop {
            self.start_flush();
            if self.in_flight.is_none() {
                return Ok(());
            }
            let flushed = flushed(&mut self.in_flight).await;
            self.on_flushed(flushed).await?;
        }
    }
}
