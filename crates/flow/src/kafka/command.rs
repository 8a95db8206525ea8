//! What is asked of the topics' loop.

use super::{KafkaHandle, poison};
use crate::quarantine::{ReplayOptions, Replayed};
use model::{Error, Result};
use tokio::sync::{mpsc, oneshot};

pub(super) enum Command {
    LookForNewer { tables: Vec<String>, reply: oneshot::Sender<Result<()>> },
    Replay { options: ReplayOptions, reply: oneshot::Sender<Result<Vec<Replayed>>> },
}

/// Where nothing of the topics is in the quarantine.
pub(super) async fn answer_nothing(mut asked: mpsc::Receiver<Command>) {
    while let Some(command) = asked.recv().await {
        // Whoever asked may have gone.
        match command {
            Command::LookForNewer { reply, .. } => drop(reply.send(Ok(()))),
            Command::Replay { reply, .. } => drop(reply.send(Ok(Vec::new()))),
        }
    }
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

    pub(crate) async fn look_for_newer(&self, tables: Vec<String>) -> Result<()> {
        self.ask("look", |reply| Command::LookForNewer { tables, reply }).await
    }

    pub(crate) async fn replay(&self, options: ReplayOptions) -> Result<Vec<Replayed>> {
        self.ask("replay", |reply| Command::Replay { options, reply }).await
    }
}
