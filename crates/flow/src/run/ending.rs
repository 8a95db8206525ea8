//! The end in order: what has been read becomes durable, recorded and confirmed, within a time. The same
//! where it is only a rest.

use super::Loop;
use crate::flight::recorded;
use crate::session::Session;
use model::{Error, Result};
use source::stream::Delivery;
use std::time::{Duration, Instant};

/// Draining at the end; the process gives up a little later.
const DRAIN_MOST: Duration = Duration::from_secs(8);
/// For the thread to tell the server goodbye.
const FAREWELL_MOST: Duration = Duration::from_secs(1);

impl Loop {
    /// Makes durable what has been read, records it, confirms it, and says goodbye.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.verifying = None;
        self.replaying = None;
        self.copies.abort_all();
        let drained = tokio::time::timeout(DRAIN_MOST, self.finish_reading()).await;
        self.say_goodbye().await;
        drained.map_err(|_| {
            Error::transient("could not make everything durable in time")
                .detail("What is missing will be read again at the next start.")
        })?
    }

    /// The same, and nothing of this loop's is on its way to the store any more: it may be brought up again.
    pub(super) async fn come_to_rest(&mut self) -> Result<()> {
        self.verifying = None;
        if let Ok(ended) = tokio::time::timeout(DRAIN_MOST, self.finish_reading()).await {
            ended?;
        }
        // What was not drained in that time, for a full disk, is waited for without the server.
        self.say_goodbye().await;
        self.wind_up().await
    }

    async fn say_goodbye(&mut self) {
        let control = self.session.take().map(|session| session.control.clone());
        if let Some(control) = control {
            let begun = Instant::now();
            while !control.is_closed() && begun.elapsed() < FAREWELL_MOST {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self.status.set_connected(false);
    }

    /// Nothing of this loop's is on its way to the store any more.
    pub(super) async fn wind_up(&mut self) -> Result<()> {
        self.drain().await?;
        let replays = self.replays.drain();
        for gate in self.gates.drain().chain(replays).map(|(_, gate)| gate) {
            gate.close().await;
        }
        self.copies.abort_all();
        // One of them may have.
        self.status.set_waiting_for(None);
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        self.say_goodbye().await;
        Ok(())
    }

    async fn finish_reading(&mut self) -> Result<()> {
        if let Some(session) = &self.session {
            session.control.stop();
        }
        loop {
            self.drain().await?;
            match delivered_at_end(&mut self.session).await? {
                Some(Delivery::Batch(batch)) => self.on_batch(batch).await?,
                Some(Delivery::Tapped(tapped)) => self.sinks.take(tapped),
                // Unanswered barriers end the reader.
                Some(_) => {}
                None => break,
            }
        }
        self.drain().await?;
        self.sinks.drain().await;
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        if self.positions.applied() > self.positions.recorded() {
            self.start_record();
        }
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        Ok(())
    }
}

async fn delivered_at_end(session: &mut Option<Session>) -> Result<Option<Delivery>> {
    match session {
        Some(session) => session.next().await,
        None => Ok(None),
    }
}
