//! From work to committed offsets: flushed, then recorded, then committed, never the other way.

use super::Loop;
use crate::flight::{Flight, flushed, recorded};
use crate::flush::{self, Flushed};
use crate::kafka::{offsets, once, poison};
use crate::retry;
use crate::task::Task;
use bus::consume::Place;
use model::Result;
use std::time::{Duration, Instant};
use store::Rows;

/// Each record is an fsync of its own.
const RECORD_PAUSE: Duration = Duration::from_secs(1);

impl Loop {
    pub(super) fn start_flush(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        let Some(mut prepared) = self.next.take() else { return };
        let mut work = std::mem::take(&mut prepared.work);
        let once = std::mem::take(&mut prepared.once);
        let messages = std::mem::take(&mut prepared.poison);
        let tables = work.tables.len();
        self.shown.count_poison(messages.len() as u64);
        let oldest = Some(prepared.oldest_commit_us).filter(|us| *us > 0);
        self.status.set_oldest_unapplied(oldest);
        let (store, status) = (self.store.clone(), self.status.clone());
        let filler = self.filler.clone();
        let flushed = Task::spawn(async move {
            poison::record(store.as_ref(), &status, &messages).await?;
            once::leave_out(store.as_ref(), &status, &mut work, once).await?;
            flush::flush(store, filler, work, status).await
        });
        self.in_flight = Some(Flight { flushed, prepared, begun: Instant::now(), tables });
    }

    pub(super) async fn on_flushed(&mut self, flushed: Result<Flushed>) -> Result<()> {
        let Some(flight) = self.in_flight.take() else { return Ok(()) };
        let flushed = flushed?;
        for (id, rows) in flushed.rows {
            let Some(entry) = self.tables.by_id(id) else { continue };
            self.status.with_table(&entry.name, |table| {
                table.streamed_rows += rows;
                table.count_rows(rows);
            });
        }
        for (id, error) in flushed.failed {
            self.end_replay(id).await;
            let Some(entry) = self.tables.by_id(id) else { continue };
            tracing::error!(table = %entry.name, error = %error.report(), "the table stopped");
            entry.fail(&error, self.store.as_ref(), &self.status).await?;
            // Before the offsets move past the rows that were given up.
            for topic in entry.topics.clone() {
                self.hold(&topic);
            }
        }
        let Flight { prepared, begun, tables, .. } = flight;
        for (place, next) in &prepared.through {
            if let Some(at) = self.positions.get_mut(place) {
                at.applied = at.applied.max(*next);
            }
        }
        if prepared.rows > 0 {
            self.status.sample_freshness([prepared.oldest_commit_us, prepared.newest_commit_us]);
            let flush_us = begun.elapsed().as_micros() as u64;
            self.control.set_age_us(self.pace.age_us(tables, flush_us, &self.pressure, false));
        }
        drop(prepared);
        let next = self.next.as_ref().map(|next| next.oldest_commit_us);
        self.status.set_oldest_unapplied(next.filter(|us| *us > 0));
        self.shown.set_positions(&self.positions);
        Ok(())
    }

    pub(super) fn on_tick(&mut self) {
        // There may be nothing to read yet.
        if !self.is_connected && self.control.has_reached() {
            self.is_connected = true;
            self.status.set_connected(true);
        }
        if self.recorded_at.elapsed() >= RECORD_PAUSE {
            self.start_record();
        }
    }

    pub(super) fn start_record(&mut self) {
        if self.recording.is_some() {
            return;
        }
        let due = self.positions.iter().filter(|(_, at)| at.is_due());
        let due: Vec<_> = due.map(|(place, at)| (place.clone(), *at)).collect();
        self.recorded_at = Instant::now();
        if due.is_empty() {
            return;
        }
        let row = |(place, at): &(Place, offsets::Position)| {
            offsets::row(&self.name, place, at.epoch, at.recordable())
        };
        let rows: Rows = due.iter().map(row).collect();
        let offsets = due.into_iter().map(|(place, at)| (place, at.recordable())).collect();
        let (store, status) = (self.store.clone(), self.status.clone());
        let record = async move {
            retry::patiently(&status, || store.record(offsets::OFFSETS, rows.clone())).await
        };
        self.recording = Some((offsets, Task::spawn(record)));
    }

    pub(super) fn on_recorded(&mut self, recorded: Result<()>) -> Result<()> {
        let Some((offsets, _)) = self.recording.take() else { return Ok(()) };
        recorded?;
        for (place, next) in &offsets {
            if let Some(at) = self.positions.get_mut(place) {
                at.recorded = at.recorded.max(*next);
            }
        }
        self.control.commit(offsets);
        Ok(())
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

    /// And recorded.
    pub(super) async fn drain_and_record(&mut self) -> Result<()> {
        self.drain().await?;
        // The one that is on its way may be of before.
        for _ in 0..2 {
            self.start_record();
            if self.recording.is_some() {
                let recorded = recorded(&mut self.recording).await;
                self.on_recorded(recorded)?;
            }
        }
        Ok(())
    }
}
