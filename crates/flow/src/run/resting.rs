//! Nothing flows: the pipeline is paused, or waits for its source. Whoever asks is answered.
//!
//! ```text
//! pause ─▶ at rest, recorded ─▶ Again ─▶ rest ──resume──▶ recorded ─▶ Again ─▶ bring_up
//! start ─▶ the store says that it is paused ──▶ rest
//! ```
//!
//! To go on after a pause is a start: what happened at the source meanwhile is found there.

use super::{End, stopped};
use crate::claim::Lost;
use crate::pause::{self, Paused, Resumed};
use crate::pipeline::{Command, Options};
use crate::reload::{self, Reload};
use crate::retry::patiently;
use crate::start::{self, Ready};
use crate::status::Status;
use crate::task::Task;
use crate::{checkpoint, retry, tables, watch as look};
use model::{Error, Result};
use source::spool::Spool;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

/// For commands, while there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What one loop leaves to be answered by the next.
#[derive(Default)]
pub(super) struct Left {
    pub(super) command: Option<Command>,
    pub(super) reload: Option<Reload>,
    pub(super) lost: Lost,
}

/// The pipeline without its loop.
pub(super) struct Resting<'a> {
    pub(super) options: &'a Options,
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) status: &'a Arc<Status>,
    pub(super) commands: &'a mut mpsc::Receiver<Command>,
    pub(super) stopping: &'a mut watch::Receiver<bool>,
    /// In seconds since 1970.
    pub(super) paused_since: Option<i64>,
}

impl Resting<'_> {
    /// Tries until everything is there; ends only with an error that needs a person, or with what
    /// somebody asked for meanwhile.
    pub(super) async fn bring_up(&mut self, left: &mut Left) -> Result<Result<Ready, End>> {
        if let Some(end) = self.take_up(left).await? {
            return Ok(Err(end));
        }
        let mut tries = 0;
        loop {
            let error = match self.attempt(&mut left.lost).await? {
                Ok(Ok(ready)) => {
                    self.status.note_store(true);
                    return Ok(Ok(ready));
                }
                Ok(Err(error)) => error,
                Err(end) => return Ok(Err(end)),
            };
            tries += 1;
            let Some(pause) = retry::pause(error.fate(), tries) else { return Err(error) };
            if tries == 1 {
                tracing::warn!(error = %error.report(), "could not start; trying on");
            }
            self.status.set_connected(false);
            self.status.set_error(&error);
            if let Some(end) = self.answer_for(pause).await? {
                return Ok(Err(end));
            }
        }
    }

    /// The slot may wait for transactions of the source for hours; whoever asks need not.
    async fn attempt(&mut self, lost: &mut Lost) -> Result<Result<Result<Ready>, End>> {
        let attempt = start::attempt(self.options, self.store.as_ref(), self.status, lost);
        tokio::pin!(attempt);
        loop {
            tokio::select! {
                attempt = &mut attempt => return Ok(Ok(attempt)),
                () = stopped(self.stopping) => return Ok(Err(End::Stopped)),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if !self.status.is_waiting() {
                continue;
            }
            let Ok(command) = self.commands.try_recv() else { continue };
            if let Some(end) = self.answer(command).await? {
                self.status.set_waiting_for(None);
                return Ok(Err(end));
            }
        }
    }

    /// Until somebody lets it go on.
    pub(super) async fn rest(&mut self, left: &mut Left) -> Result<End> {
        let since = self.paused_since.and_then(|at| jiff::Timestamp::from_second(at).ok());
        let since = since.map(|at| at.to_string()).unwrap_or_default();
        tracing::warn!(%since, "paused: nothing is read until `millrace resume`");
        let _disarming =
            self.options.spool.clone().map(|spool| Task::spawn(disarm(spool, self.status.clone())));
        // A process that started without the store may have found no pause in its note.
        let _quiet = tokio::select! {
            quiet = start::quiet(self.options) => quiet,
            () = stopped(self.stopping) => return Ok(End::Stopped),
        };
        // Whoever has the slot now: a pause and its end are a person's word.
        patiently(self.status, || self.store.begin()).await?;
        patiently(self.status, || self.show()).await?;
        if let Some(reload) = left.reload.take() {
            reload.answer(self.status, true);
        }
        if let Some(end) = self.take_up(left).await? {
            return Ok(end);
        }
        let (address, slot) = (self.options.address.clone(), self.options.slot.clone());
        // Without a heartbeat: it would only be more log to keep.
        let looking = look::source(address, slot, self.status.clone(), false);
        let _looking = Task::spawn(looking);
        loop {
            if let Some(end) = self.answer_for(Duration::MAX).await? {
                return Ok(end);
            }
        }
    }

    /// What the last loop left, and needs none.
    async fn take_up(&mut self, left: &mut Left) -> Result<Option<End>> {
        let needs_loop = |command: &mut Command| {
            !matches!(
                command,
                Command::Pause { .. } | Command::Resume { .. } | Command::Reload { .. }
            )
        };
        let is_paused = self.paused_since.is_some();
        match left.command.take_if(|command| is_paused || !needs_loop(command)) {
            Some(command) => self.answer(command).await,
            None => Ok(None),
        }
    }

    /// What is known without the source.
    async fn show(&self) -> Result<()> {
        let (store, status) = (self.store.as_ref(), self.status);
        status.set_connected(false);
        status.clear_error();
        status.set_oldest_unapplied(None);
        if let Some(at) = checkpoint::last(store, &self.options.slot).await? {
            status.set_positions(at, at, at, at);
        }
        tables::show_known(store, status).await
    }

    async fn answer_for(&mut self, span: Duration) -> Result<Option<End>> {
        let over = tokio::time::sleep(span);
        tokio::pin!(over);
        loop {
            let command = tokio::select! {
                biased;
                () = stopped(self.stopping) => return Ok(Some(End::Stopped)),
                () = &mut over => return Ok(None),
                Some(command) = self.commands.recv() => command,
            };
            if let Some(end) = self.answer(command).await? {
                return Ok(Some(end));
            }
        }
    }

    async fn answer(&mut self, command: Command) -> Result<Option<End>> {
        let (store, status, slot) = (self.store.as_ref(), self.status, &self.options.slot);
        match command {
            Command::Pause { reply } => {
                let was_paused = self.paused_since;
                let since = match was_paused {
                    Some(since) => since,
                    None => pause::record(true, store, status, slot).await?,
                };
                status.set_paused(Some(since));
                answer_paused(self.options, since, was_paused.is_some(), reply);
                return Ok(was_paused.is_none().then_some(End::Again(None)));
            }
            Command::Resume { reply } => {
                let paused_since = self.paused_since;
                if paused_since.is_some() {
                    pause::record(false, store, status, slot).await?;
                    status.set_paused(None);
                }
                let _ = reply.send(Ok(Resumed { paused_since }));
                return Ok(paused_since.map(|_| End::Again(None)));
            }
            Command::Reload { options, reply } => {
                match reload::check(self.options, &options, store).await {
                    Ok(()) => return Ok(Some(End::Reload(Reload { options, reply }))),
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Command::Verify { reply, .. } => self.refuse("verify", reply),
            Command::Beside { reply, .. } => self.refuse("verify", reply),
            Command::Resync { reply, .. } => self.refuse("resync", reply),
            Command::LookForNewer { reply, .. } => self.refuse("look for newer rows", reply),
            Command::Replay { reply, .. } => self.refuse("replay", reply),
        }
        Ok(None)
    }

    fn refuse<T>(&self, what: &str, reply: oneshot::Sender<Result<T>>) {
        let error = match self.paused_since {
            Some(_) => Error::definite(format!("cannot {what}: the pipeline is paused"))
                .hint("millrace resume"),
            None => Error::transient(format!("could not {what}: the source is waited for")),
        };
        let _ = reply.send(Err(error));
    }
}

/// A disk that has no room is no reason to end, nor one to let nobody resume.
async fn disarm(spool: Arc<Spool>, status: Arc<Status>) {
    if let Err(error) = patiently(&status, async || spool.disarm()).await {
        tracing::warn!(error = %error.report(), "could not tell the spool that it is paused");
        status.set_error(&error);
    }
}

/// Once nobody is on the slot. Not waited for here: the one who is on it may be what ends with us.
pub(super) fn answer_paused(
    options: &Options,
    since: i64,
    was_paused: bool,
    reply: oneshot::Sender<Result<Paused>>,
) {
    // Who hears of it may kill us and start without the store. A disk that has no room does not hold the answer back:
    // what fails here is tried again at rest.
    if !was_paused && let Some(Err(error)) = options.spool.as_ref().map(|spool| spool.disarm()) {
        tracing::warn!(error = %error.report(), "the spool was not told yet that it is paused");
    }
    let options = options.clone();
    tokio::spawn(async move {
        let slot = pause::kept(&options).await;
        let _ = reply.send(Ok(Paused { since, was_paused, slot }));
    });
}
