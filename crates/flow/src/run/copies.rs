//! Tables and their copies: what a copy tells changes its table, and only here.
//!
//! A copy inserts nothing before its begin is durable; a table that cannot go on stops alone.

use super::Loop;
use crate::copier::{self, Gate, Job, Told, What};
use crate::evolve;
use crate::quarantine;
use crate::status::State;
use model::{Error, Mode, Result, TableId, Version};
use std::time::Duration;

/// For the server to let go of the slot, so that the next session finds it free.
pub(super) const LET_GO: Duration = Duration::from_millis(100);

impl Loop {
    pub(super) fn start_copies(&mut self, ids: &[TableId]) {
        let mut jobs = Vec::new();
        for id in ids {
            let Some(entry) = self.tables.by_id.get(id).filter(|entry| entry.needs_copy()) else {
                continue;
            };
            let gate = Gate::default();
            self.gates.insert(*id, gate.clone());
            jobs.push(Job {
                name: entry.name.clone(),
                target: entry.target.clone(),
                copy: entry.copy,
                rekeyed_at: entry.rekeyed_at.clone(),
                gate,
            });
        }
        if jobs.is_empty() {
            return;
        }
        let context = copier::Context {
            address: self.options.address.clone(),
            publication: self.options.publication.clone(),
            store: self.store.clone(),
            status: self.status.clone(),
            settled: self.settled.subscribe(),
            told: self.told.clone(),
        };
        self.copies.spawn(copier::copy_tables(context, jobs));
    }

    pub(super) async fn on_told(&mut self, told: Told) -> Result<()> {
        let (store, status) = (self.store.clone(), self.status.clone());
        let Told { id, gate, what } = told;
        // Of a copy that another one replaced, or that was ended.
        if !self.gates.get(&id).is_some_and(|current| current.is(&gate)) {
            return Ok(());
        }
        match what {
            What::Begin { copy, ack } => {
                let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
                if !entry.needs_copy() {
                    return Ok(());
                }
                let was_unpointed = entry.is_unpointed();
                entry.set_copy(copy);
                entry.enter(State::Copying, None, store.as_ref(), &status).await?;
                if was_unpointed && entry.skipped < Some(copy.first_point) {
                    entry.skipped = None;
                }
                let _ = ack.send(());
            }
            What::Done => {
                if let Some(entry) = self.tables.by_id.get_mut(&id).filter(|e| e.needs_copy()) {
                    let shown = evolve::finish_copy(&entry.target, store.as_ref(), &status).await;
                    if let Err(error) = shown {
                        return self.fail_table(id, error).await;
                    }
                    // What it brought is newer, and what it did not bring is gone.
                    let (name, point) = (&entry.target.table.name, entry.copy.first_point);
                    if entry.target.mode == Mode::Mirror {
                        let before = Some(Version::of_copy(point));
                        quarantine::supersede(store.as_ref(), &status, name, before, true).await?;
                    }
                    (entry.copy.sweeps, entry.copy.repairs) = (false, false);
                    entry.begun_again = 0;
                    entry.enter(State::Streaming, None, store.as_ref(), &status).await?;
                    tracing::info!(table = %entry.name, "copied; streaming");
                }
            }
            What::Changed => {
                if let Some(gate) = self.gates.remove(&id) {
                    gate.close().await;
                }
                self.on_changed(id).await?;
            }
            What::Failed(error) => self.fail_table(id, error).await?,
        }
        self.rewind_if_wanted().await
    }

    /// Once every append table knows its copy's position: were rows left that the copy lacks?
    pub(super) async fn rewind_if_wanted(&mut self) -> Result<()> {
        let tables = &mut self.tables.by_id;
        if tables.values().any(|entry| entry.is_unpointed())
            || tables.values().all(|entry| entry.skipped.is_none())
        {
            return Ok(());
        }
        for entry in tables.values_mut() {
            entry.skipped = None;
        }
        self.rewind().await?;
        tracing::debug!(from = %self.positions.applied(), "reading the log again");
        self.start_anew_after(LET_GO);
        Ok(())
    }

    pub(super) async fn fail_table(&mut self, id: TableId, error: Error) -> Result<()> {
        let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
        if entry.is_stopped() {
            return Ok(());
        }
        tracing::error!(table = %entry.name, error = %error.report(), "the table stops");
        let (store, status) = (self.store.clone(), self.status.clone());
        entry.enter(State::Failed, Some(&error), store.as_ref(), &status).await?;
        entry.skipped = None;
        // It waits for nothing any more.
        entry.intervals.iter_mut().for_each(crate::intervals::Intervals::restart);
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        Ok(())
    }
}
