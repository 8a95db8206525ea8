//! Topics beside the stream, or alone: one handle for both, which knows whose a table is.

use super::{COMMANDS_MOST, Handle};
use crate::kafka::KafkaHandle;
use crate::pause::{Paused, Resumed};
use crate::quarantine::{ReplayOptions, Replayed};
use crate::reload::{ReloadOptions, Reloaded};
use crate::status::{Report, Way};
use crate::verify::{Piece, PieceOptions, Verdict, VerifyOptions};
use model::{Error, Result};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A running consumer.
#[derive(Clone)]
pub(super) struct Topics {
    handle: KafkaHandle,
    /// There is no stream.
    are_alone: bool,
}

impl Handle {
    /// Of the stream and of topics beside it.
    pub fn with_topics(self, handle: KafkaHandle) -> Handle {
        Handle { topics: Some(Topics { handle, are_alone: false }), ..self }
    }

    /// Of topics alone: what is asked of a stream is answered that there is none.
    pub fn of_topics(handle: KafkaHandle) -> Handle {
        let (commands, _) = mpsc::channel(COMMANDS_MOST);
        let topics = Some(Topics { handle, are_alone: true });
        Handle { status: Arc::default(), commands, beside: Arc::default(), topics }
    }
}

impl Topics {
    pub(super) fn are_alone(&self) -> bool {
        self.are_alone
    }

    pub(super) fn are_paused(&self) -> bool {
        self.handle.is_paused()
    }

    pub(super) fn are_ready(&self) -> bool {
        self.handle.is_ready()
    }

    /// What is shown of the stream, and of the topics.
    pub(super) fn beside(&self, mut report: Report) -> Report {
        let (mut topics, kafka) = self.handle.report();
        topics.tables.iter_mut().for_each(|table| table.way = Way::Topics);
        report.tables.append(&mut topics.tables);
        report.tables.sort_by(|one, other| one.name.cmp(&other.name));
        report.paused_since = report.paused_since.or(topics.paused_since);
        if self.are_alone {
            report.freshness_ms = topics.freshness_ms;
            report.source.connected = kafka.connected;
            report.source.last_error.clone_from(&kafka.last_error);
            report.source.lag_seconds = kafka.lag_seconds;
        }
        report.kafka = Some(kafka);
        report
    }

    pub(super) fn need_stream(&self, what: &str) -> Result<()> {
        if !self.are_alone {
            return Ok(());
        }
        Err(Error::definite(format!("cannot {what}: no table comes straight from Postgres here"))
            .detail("What topics bring has no table at hand that it could be copied from.")
            .hint(format!("to have a topic read again: {}", self.handle.to_earliest())))
    }

    /// Whether it is theirs to say something of the table.
    pub(super) fn are_asked_for(&self, table: &str) -> bool {
        self.are_alone || self.handle.has(table)
    }

    pub(super) async fn verify_piece(&self, options: &PieceOptions) -> Result<Piece> {
        self.handle.verify_piece(options).await
    }

    /// Each compares what is its own; without a name topics do where they can.
    pub(super) async fn verify(
        &self,
        options: VerifyOptions,
        stream: impl AsyncFnOnce(VerifyOptions) -> Result<Verdict>,
    ) -> Result<Verdict> {
        let is_all = options.tables.is_empty();
        let (mut ours, theirs): (Vec<String>, Vec<String>) =
            options.tables.iter().cloned().partition(|name| self.are_asked_for(name));
        if is_all && self.handle.can_verify() {
            ours = self.handle.tables();
        }
        let mut verdict = match !self.are_alone && (is_all || !theirs.is_empty()) {
            true => stream(VerifyOptions { tables: theirs, ..options }).await?,
            false => {
                let position = self.handle.end_of_log().await?.to_string();
                Verdict { position, tables: Vec::new() }
            }
        };
        for name in ours {
            verdict.tables.push(self.handle.verify(&name, options.keys_max).await?);
        }
        verdict.tables.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(verdict)
    }

    pub(super) async fn look_for_newer(&self, tables: Vec<String>) -> Result<()> {
        self.handle.look_for_newer(tables).await
    }

    /// Each is asked for what is its own; `stream` for the rest.
    pub(super) async fn replay(
        &self,
        options: ReplayOptions,
        stream: impl AsyncFnOnce(ReplayOptions) -> Result<Vec<Replayed>>,
    ) -> Result<Vec<Replayed>> {
        let is_all = options.tables.is_empty();
        let (ours, theirs): (Vec<String>, Vec<String>) =
            options.tables.into_iter().partition(|name| self.handle.has(name));
        if let (true, Some(unknown)) = (self.are_alone, theirs.first()) {
            return Err(Error::definite(format!(
                "cannot replay {unknown}: no topic brings it here"
            ))
            .hint("millrace status lists the tables, millrace quarantine list the topics"));
        }
        // The stream knows at once which tables are none.
        let mut answers = match !self.are_alone && (is_all || !theirs.is_empty()) {
            true => stream(ReplayOptions { tables: theirs }).await?,
            false => Vec::new(),
        };
        if is_all || !ours.is_empty() {
            answers.extend(self.handle.replay(ReplayOptions { tables: ours }).await?);
            answers.sort_by(|one, other| one.table.cmp(&other.table));
        }
        Ok(answers)
    }

    /// Both, or it is asked again: to pause twice is to pause once.
    pub(super) async fn pause(
        &self,
        stream: impl AsyncFnOnce() -> Result<Paused>,
    ) -> Result<Paused> {
        let paused = self.handle.pause().await?;
        if self.are_alone { Ok(paused) } else { stream().await }
    }

    pub(super) async fn resume(
        &self,
        stream: impl AsyncFnOnce() -> Result<Resumed>,
    ) -> Result<Resumed> {
        let resumed = self.handle.resume().await?;
        if self.are_alone {
            return Ok(resumed);
        }
        let paused_since = stream().await?.paused_since.or(resumed.paused_since);
        Ok(Resumed { paused_since })
    }

    /// What one of them refuses changes neither.
    pub(super) async fn reload(
        &self,
        options: ReloadOptions,
        stream: impl AsyncFnOnce(ReloadOptions) -> Result<Reloaded>,
    ) -> Result<Reloaded> {
        self.handle.check(options.clone()).await?;
        let of_stream = match self.are_alone {
            true => None,
            false => Some(stream(options.clone()).await?),
        };
        let mut reloaded = self.handle.reload(options).await?;
        for other in of_stream.into_iter().flat_map(|of_stream| of_stream.tables) {
            let table = reloaded.tables.iter_mut().find(|table| table.name == other.name);
            if let Some(table) = table.filter(|table| table.state.is_none()) {
                *table = other;
            }
        }
        Ok(reloaded)
    }
}
