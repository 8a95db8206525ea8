//! Nothing is read: the topics are paused, or a life has ended and the next one waits. Whoever asks is answered.

use super::command::Command;
use super::lives::{Asked, End, stopped};
use super::tables::Tables;
use super::{KafkaOptions, offsets};
use crate::pause::{self, Paused, Resumed};
use crate::reload::Reload;
use crate::status::Status;
use model::{Error, Result};
use std::time::Duration;
use store::Store;
use tokio::sync::oneshot;

pub(super) struct Resting<'a> {
    options: &'a KafkaOptions,
    store: &'a dyn Store,
    status: &'a Status,
    paused_since: Option<i64>,
}

impl<'a> Resting<'a> {
    /// `paused_since`: in seconds since 1970.
    pub(super) fn new(
        options: &'a KafkaOptions,
        (store, status): (&'a dyn Store, &'a Status),
        paused_since: Option<i64>,
    ) -> Resting<'a> {
        Resting { options, store, status, paused_since }
    }

    /// Until somebody lets it go on, or the time is over.
    pub(super) async fn answer_for(&self, span: Duration, asked: &mut Asked) -> Result<End> {
        let over = tokio::time::sleep(span);
        tokio::pin!(over);
        loop {
            let command = tokio::select! {
                biased;
                () = stopped(&mut asked.stopping) => return Ok(End::Stopped),
                () = &mut over => return Ok(End::Again),
                Some(command) = asked.commands.recv() => command,
            };
            if let Some(end) = self.answer(command).await? {
                return Ok(end);
            }
        }
    }

    /// `Some`: the life that comes next is another one.
    pub(super) async fn answer(&self, command: Command) -> Result<Option<End>> {
        let (store, status) = (self.store, self.status);
        let slot = offsets::name(&self.options.consumer.group);
        match command {
            Command::Pause { reply } => {
                let was_paused = self.paused_since.is_some();
                let since = match self.paused_since {
                    Some(since) => since,
                    None => pause::record(true, store, status, &slot).await?,
                };
                status.set_paused(Some(since));
                let _ = reply.send(Ok(Paused { since, was_paused, slot: None }));
                return Ok((!was_paused).then_some(End::Again));
            }
            Command::Resume { reply } => {
                let paused_since = self.paused_since;
                if paused_since.is_some() {
                    pause::record(false, store, status, &slot).await?;
                    status.set_paused(None);
                }
                let _ = reply.send(Ok(Resumed { paused_since }));
                return Ok(paused_since.map(|_| End::Again));
            }
            Command::Check { options, reply } => {
                let _ = reply.send(Tables::check(self.options, &options, store, &slot).await);
            }
            Command::Reload { options, reply } => {
                return Ok(Some(End::Reload(Reload { options, reply })));
            }
            Command::Subject { reply, .. } => self.refuse("verify", reply),
            Command::LookForNewer { reply, .. } => self.refuse("look for newer rows", reply),
            Command::Replay { reply, .. } => self.refuse("replay", reply),
        }
        Ok(None)
    }

    fn refuse<T>(&self, what: &str, reply: oneshot::Sender<Result<T>>) {
        let error = match self.paused_since {
            Some(_) => Error::definite(format!("cannot {what}: the topics are paused"))
                .hint("millrace resume"),
            None => Error::transient(format!("could not {what}: the topics are not read now"))
                .hint("millrace status says why"),
        };
        let _ = reply.send(Err(error));
    }
}
