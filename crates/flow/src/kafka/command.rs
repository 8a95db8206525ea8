//! What is asked of the topics' loop.

use super::{KafkaHandle, poison};
use crate::pause::{Paused, Resumed};
use crate::quarantine::{ReplayOptions, Replayed};
use crate::reload::{ReloadOptions, Reloaded};
use crate::verify::Subject;
use model::{Error, Result};
use tokio::sync::oneshot;

pub(super) enum Command {
    Pause {
        reply: oneshot::Sender<Result<Paused>>,
    },
    Resume {
        reply: oneshot::Sender<Result<Resumed>>,
    },
    /// Whether tables can be kept so.
    Check {
        options: ReloadOptions,
        reply: oneshot::Sender<Result<()>>,
    },
    Reload {
        options: ReloadOptions,
        reply: oneshot::Sender<Result<Reloaded>>,
    },
    /// A table to compare, or why it cannot be.
    Subject {
        table: String,
        reply: oneshot::Sender<Result<Result<Subject, String>>>,
    },
    LookForNewer {
        tables: Vec<String>,
        reply: oneshot::Sender<Result<()>>,
    },
    Replay {
        options: ReplayOptions,
        reply: oneshot::Sender<Result<Vec<Replayed>>>,
    },
}

impl KafkaHandle {
    /// Whether that is a table of its topics, or `topic NAME`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.status.has_table(name) || poison::is_listed(name)
    }

    async fn ask<T>(
        &self,
        what: &str,
        command: impl FnOnce(oneshot::Sender<Result<T>>) -> Command,
    ) -> Result<T> {
        let gone = || Error::transient(format!("could not {what}: the topics are not read now"));
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    pub(super) async fn subject(&self, table: String) -> Result<Result<Subject, String>> {
        self.ask("verify", |reply| Command::Subject { table, reply }).await
    }

    pub(crate) async fn look_for_newer(&self, tables: Vec<String>) -> Result<()> {
        self.ask("look", |reply| Command::LookForNewer { tables, reply }).await
    }

    pub(crate) async fn replay(&self, options: ReplayOptions) -> Result<Vec<Replayed>> {
        self.ask("replay", |reply| Command::Replay { options, reply }).await
    }

    pub(crate) async fn pause(&self) -> Result<Paused> {
        self.ask("pause", |reply| Command::Pause { reply }).await
    }

    pub(crate) async fn resume(&self) -> Result<Resumed> {
        self.ask("resume", |reply| Command::Resume { reply }).await
    }

    pub(crate) async fn check(&self, options: ReloadOptions) -> Result<()> {
        self.ask("reload", |reply| Command::Check { options, reply }).await
    }

    pub(crate) async fn reload(&self, options: ReloadOptions) -> Result<Reloaded> {
        self.ask("reload", |reply| Command::Reload { options, reply }).await
    }
}
