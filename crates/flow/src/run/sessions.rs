//! Lives of the stream: one ends with an error, the next begins after a pause and a look at the slot.
//!
//! ```text
//! start_session ──▶ deliveries … ──▶ lose_session ── pause, look_again ──▶ on_looked ──▶ start_session
//!                                        └─ a person has to help: the error ends the loop
//!                                        └─ the log cannot be read on: the loop ends, and another is brought up
//! start_anew_after: the same without an error, when a copy needs the log once more
//! ```

use super::Loop;
use crate::flight::recorded;
use crate::session::Session;
use crate::task::{Task, in_time};
use crate::{claim, retry, start};
use model::{Error, Lsn, Result};
use source::stream::StreamOptions;
use std::time::{Duration, Instant};

/// A disk without room for the spool's note is tried again.
const ARM_EVERY: Duration = Duration::from_secs(1);

impl Loop {
    /// It begins where the store is whole. Before that a TRUNCATE may be done: rows from before it would be
    /// there again if a session ended between them and it, and the next one began behind it.
    pub(super) async fn start_session(&mut self) -> Result<()> {
        if self.tables.any_waiting() {
            self.rewind().await?;
        }
        self.sessions += 1;
        for entry in self.tables.by_id.values_mut() {
            entry.intervals.iter_mut().for_each(crate::intervals::Intervals::restart);
        }
        let tables = self.tables.by_id.values();
        let binary = tables
            .flat_map(|entry| &entry.target.table.columns)
            .all(|column| !column.pg.needs_text());
        let tap = match self.sinks.tap(&self.tables, &self.ground).await {
            Ok(tap) => tap,
            Err(error) => return self.lose_session(error),
        };
        let from = self.positions.hold(self.sinks.begin().unwrap_or(Lsn::MAX));
        let mut spool = self.options.spool.clone();
        let mut quiet = None;
        self.arming = None;
        if let Some(wanted) = &self.options.spool
            && let Err(error) = wanted.arm(&self.options.slot, &self.ground.server)
        {
            if retry::needs_help(&error) {
                return self.lose_session(error);
            }
            // What is in it has to be read, which may be what makes room for the note.
            if wanted.held().bytes > 0 {
                tracing::warn!(error = %error.report(), "the spool is read, and not filled for now");
                self.arming = Some(Instant::now());
            } else {
                tracing::warn!(error = %error.report(), "reading without a spool for now");
                (spool, quiet) = (None, Some(wanted.quiet().await));
            }
        }
        let options = StreamOptions {
            address: self.options.address.clone(),
            slot: self.options.slot.clone(),
            publication: self.options.publication.clone(),
            from,
            binary,
            memory_bytes: self.options.memory_bytes,
            spool,
        };
        if let Some(held) = self.held.take()
            && let Err(error) = held.let_go().await
        {
            return self.lose_session(error);
        }
        let confirmed = self.positions.confirmed();
        let (store, status) = (self.store.clone(), self.status.clone());
        let claim = |held| claim::of_stream(store, status, &self.ground.server, held);
        let (sessions, age_us) = (self.sessions, self.age_us);
        let session = Session::start(options, quiet, sessions, confirmed, age_us, tap, claim);
        self.session = Some(session);
        self.status.set_connected(true);
        Ok(())
    }

    /// Once there is room for its note.
    pub(super) fn arm_again(&mut self) -> Result<()> {
        let Some(spool) = &self.options.spool else { return Ok(()) };
        if self.arming.is_none_or(|last| last.elapsed() < ARM_EVERY) {
            return Ok(());
        }
        match spool.arm(&self.options.slot, &self.ground.server) {
            Err(error) if retry::needs_help(&error) => self.lose_session(error),
            armed => {
                self.arming = armed.is_err().then(Instant::now);
                Ok(())
            }
        }
    }

    /// Rows behind the last record were not taken: they are read again.
    pub(super) async fn rewind(&mut self) -> Result<()> {
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        self.positions.rewind();
        Ok(())
    }

    /// The stream ended; it starts anew after a pause, unless a person has to help.
    pub(super) fn lose_session(&mut self, error: Error) -> Result<()> {
        self.tries += 1;
        let pause = retry::pause(error.fate(), self.tries);
        if pause.is_none() && self.ends_with.is_some() {
            return Err(error);
        }
        // Nothing may help, unless it is the slot that is gone: the look tells.
        self.ends_with = pause.is_none().then(|| error.report()).map(Error::definite);
        let pause = pause.unwrap_or_default();
        if self.tries == 1 {
            tracing::warn!(error = %error.report(), "the stream ended; starting it anew");
        }
        self.status.set_connected(false);
        self.status.set_error(&error);
        self.start_anew_after(pause);
        Ok(())
    }

    /// Ends the session, and begins another one.
    pub(super) fn start_anew_after(&mut self, pause: Duration) {
        self.session = None;
        // The comparison's hold went with the session.
        self.verifying = None;
        let (options, recorded) = (self.options.clone(), self.positions.recorded());
        let server = self.ground.server.clone();
        self.looking = Some(Task::spawn(async move {
            tokio::time::sleep(pause).await;
            in_time(start::look_again(&options, recorded, &server)).await
        }));
    }

    /// `false`: the log cannot be read on, so everything is brought up again.
    pub(super) async fn on_looked(&mut self, looked: Result<bool>) -> Result<bool> {
        self.looking = None;
        match (looked, self.ends_with.take()) {
            (Ok(false), _) => return Ok(false),
            (Ok(true), Some(error)) => return Err(error),
            (Ok(true), None) => self.start_session().await?,
            (Err(error), ends_with) => {
                self.ends_with = ends_with;
                self.lose_session(error)?;
            }
        }
        Ok(true)
    }
}
