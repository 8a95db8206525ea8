//! What somebody asks for. The quarantine is looked at and replayed beside the loop, which writes what messages
//! come to; for a pause, and for other options, the loop ends in order.

use super::{End, Loop};
use crate::copier::Gate;
use crate::flush::{self, Piece, Work};
use crate::kafka::again::{Again, Write};
use crate::kafka::command::Command;
use crate::kafka::once::{self, Once};
use crate::kafka::tables::Tables;
use crate::kafka::take;
use crate::pause::{self, Paused, Resumed};
use crate::quarantine::{self, Replay, ReplayOptions, Replayed};
use crate::reload::Reload;
use crate::retry::patiently;
use crate::status::{State, Status};
use crate::task::Task;
use model::{Error, Mode, OnUpdate, Result, TableId};
use std::collections::HashSet;
use std::sync::Arc;
use store::{Store, Target};
use tokio::sync::oneshot;

impl Loop {
    /// Before anything is written of these tables.
    pub(super) async fn finish_replays(&mut self) -> Result<()> {
        for entry in self.tables.by_name.values_mut() {
            let (store, status) = (self.store.clone(), self.status.clone());
            let (filler, target) = (self.filler.clone(), entry.target.clone());
            let done = quarantine::finish_interrupted(store, status, filler, target).await;
            if let Err(error) = done {
                entry.fail(&error, self.store.as_ref(), &self.status).await?;
            }
        }
        let again = self.again();
        // The consumer has to run for it.
        self.finishing = Some(Task::spawn(async move {
            let finish = async {
                for table in again.listed().await? {
                    let mut done = Replayed { table, ..Replayed::default() };
                    again.finish_interrupted(&mut done).await?;
                }
                Ok::<_, Error>(())
            };
            if let Err(error) = finish.await {
                tracing::warn!(error = %error.report(), "a replay that was interrupted is not ended yet");
            }
        }));
        Ok(())
    }

    /// `Some`: the loop has come to rest.
    pub(super) async fn on_asked(&mut self, command: Command) -> Result<Option<End>> {
        match command {
            Command::LookForNewer { tables, reply } => self.on_look_for_newer(tables, reply),
            Command::Replay { options, reply } => self.on_replay(options, reply),
            Command::Subject { table, reply } => {
                let _ = reply.send(Ok(self.tables.subject(&table)));
            }
            Command::Pause { reply } => {
                self.finish().await?;
                let (store, status) = (self.store.as_ref(), &self.status);
                let since = pause::record(true, store, status, &self.name).await?;
                status.set_paused(Some(since));
                let _ = reply.send(Ok(Paused { since, was_paused: false, slot: None }));
                return Ok(Some(End::Again));
            }
            Command::Resume { reply } => {
                let _ = reply.send(Ok(Resumed { paused_since: None }));
            }
            Command::Check { options, reply } => {
                let store = self.store.as_ref();
                let checked = Tables::check(&self.options, &options, store, &self.name).await;
                let _ = reply.send(checked);
            }
            Command::Reload { options, reply } => {
                self.finish().await?;
                return Ok(Some(End::Reload(Reload { options, reply })));
            }
        }
        Ok(None)
    }

    fn on_look_for_newer(&mut self, tables: Vec<String>, reply: oneshot::Sender<Result<()>>) {
        let is_wanted = |name: &String| tables.is_empty() || tables.contains(name);
        let mirrors = self.tables.by_name.values().filter(|entry| {
            entry.target.mode == Mode::Mirror && !entry.is_stopped() && is_wanted(&entry.name)
        });
        let targets: Vec<Arc<Target>> = mirrors.map(|entry| entry.target.clone()).collect();
        let (store, status) = (self.store.clone(), self.status.clone());
        self.looking_for_newer = Some(Task::spawn(async move {
            let _ = reply.send(quarantine::look_for_newer_of(&targets, store, status).await);
        }));
    }

    fn on_replay(&mut self, options: ReplayOptions, reply: oneshot::Sender<Result<Vec<Replayed>>>) {
        if self.replaying.as_ref().is_some_and(|task| !task.is_finished()) {
            let _ = reply.send(Err(Error::transient("could not replay: a replay runs")));
            return;
        }
        let is_wanted = |name: &String| options.tables.is_empty() || options.tables.contains(name);
        let (mut replays, mut answers) = (Vec::new(), Vec::new());
        self.replays.clear();
        for entry in self.tables.by_name.values().filter(|entry| is_wanted(&entry.name)) {
            if entry.is_stopped() {
                answers.push(quarantine::not_now(&entry.name, State::Failed));
                continue;
            }
            let gate = Gate::default();
            self.replays.insert(entry.target.table.id, gate.clone());
            replays.push(Replay {
                store: self.store.clone(),
                status: self.status.clone(),
                filler: self.filler.clone(),
                target: entry.target.clone(),
                gate,
                turn: entry.turn.clone(),
            });
        }
        let again = self.again();
        let mut finishing = self.finishing.take();
        self.replaying = Some(Task::spawn(async move {
            if let Some(finishing) = &mut finishing {
                let _ = finishing.join().await;
            }
            for replay in replays {
                answers.push(replay.run().await);
            }
            let answer = again.topics(&options.tables).await.map(|of_topics| {
                answers.extend(of_topics);
                answers.sort_by(|a, b| a.table.cmp(&b.table));
                answers
            });
            let _ = reply.send(answer);
        }));
    }

    fn again(&self) -> Again {
        Again {
            store: self.store.clone(),
            status: self.status.clone(),
            consumer: self.options.consumer.clone(),
            control: self.control.clone(),
            writes: self.writes.0.clone(),
        }
    }

    /// Rows of messages that were read again, between two batches.
    pub(super) async fn on_write(&mut self, write: Write) -> Result<()> {
        self.drain().await?;
        let Write { parts, token, done } = write;
        let work = take::prepare_again(parts, &token, &mut self.tables, &self.status);
        let written = match work {
            Ok((work, once)) => self.write(work, once).await,
            Err(error) => Err(error),
        };
        let _ = done.send(written);
        Ok(())
    }

    async fn write(&mut self, mut work: Work, once: Vec<Once>) -> Result<()> {
        once::leave_out(self.store.as_ref(), &self.status, &mut work, once).await?;
        for piece in work.tables.iter_mut().flat_map(|table| &mut table.pieces) {
            without_older(self.store.as_ref(), &self.status, piece).await?;
        }
        let mut tokens = HashSet::new();
        let mut pieces = work.tables.iter().flat_map(|table| &table.pieces);
        let is_once =
            pieces.all(|piece| piece.token.as_ref().is_none_or(|t| tokens.insert(&t.name)));
        if !is_once {
            return Err(Error::transient("could not replay: a table changed its shape meanwhile"));
        }
        let (store, filler, status) =
            (self.store.clone(), self.filler.clone(), self.status.clone());
        let flushed = flush::flush(store, filler, work, status).await?;
        for (id, rows) in flushed.rows {
            if let Some(entry) = self.tables.by_id(id) {
                self.status.with_table(&entry.name, |table| table.count_rows(rows));
            }
        }
        flushed.failed.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
    }

    /// Nothing more of a replay reaches the table.
    pub(super) async fn end_replay(&mut self, id: TableId) {
        if let Some(gate) = self.replays.remove(&id) {
            gate.close().await;
        }
    }
}

/// Where the latest fact of a key stands alone, one that was read late has lost its place.
async fn without_older(store: &dyn Store, status: &Status, piece: &mut Piece) -> Result<()> {
    let (target, block) = (&piece.target, &piece.block);
    if target.on_update != OnUpdate::Apply || block.is_empty() {
        return Ok(());
    }
    let every: Vec<usize> = (0..block.rows()).collect();
    let newest = patiently(status, || quarantine::newest(store, target, block, &every)).await?;
    let older = newest.into_iter().filter(|(row, newest)| *newest > block.versions[*row]);
    let older: HashSet<usize> = older.map(|(row, _)| row).collect();
    let kept: Vec<usize> = every.into_iter().filter(|row| !older.contains(row)).collect();
    piece.block = Arc::new(block.only(&kept));
    Ok(())
}
