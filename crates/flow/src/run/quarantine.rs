//! The quarantine asked about, and replayed: beside the loop, which opens and closes the gates.

use super::Loop;
use crate::copier::Gate;
use crate::latest::Turn;
use crate::quarantine::{self, Replay, ReplayOptions, Replayed};
use crate::status::State;
use crate::tables::Entry;
use crate::task::Task;
use model::{Error, Mode, Result, TableId};
use std::sync::Arc;
use store::Target;
use tokio::sync::oneshot;

impl Loop {
    /// Before anything is written.
    pub(super) async fn finish_replays(&mut self) -> Result<()> {
        let goes_on = |entry: &&Entry| {
            entry.state == State::Streaming
                || (entry.target.mode != Mode::Mirror && !entry.is_stopped())
        };
        let tables = self.tables.by_id.values().filter(goes_on);
        let targets: Vec<Arc<Target>> = tables.map(|entry| entry.target.clone()).collect();
        for target in targets {
            let id = target.table.id;
            let (store, status) = (self.store.clone(), self.status.clone());
            let filler = self.filler.clone();
            let done = quarantine::finish_interrupted(store, status, filler, target).await;
            if let Err(error) = done {
                self.fail_table(id, error).await?;
            }
        }
        Ok(())
    }

    pub(super) fn on_look_for_newer(
        &mut self,
        tables: Vec<String>,
        reply: oneshot::Sender<Result<()>>,
    ) {
        let is_wanted = |name: &String| tables.is_empty() || tables.contains(name);
        let mirrors = self.tables.by_id.values().filter(|entry| {
            entry.target.mode == Mode::Mirror
                && entry.state == State::Streaming
                && is_wanted(&entry.name)
        });
        let targets: Vec<Arc<Target>> = mirrors.map(|entry| entry.target.clone()).collect();
        let (store, status) = (self.store.clone(), self.status.clone());
        let look = async move { quarantine::look_for_newer_of(&targets, store, status).await };
        // One is enough; whoever else asks meanwhile sees what it has seen so far.
        if self.looking_for_newer.as_ref().is_some_and(|task| !task.is_finished()) {
            let _ = reply.send(Ok(()));
            return;
        }
        self.looking_for_newer = Some(Task::spawn(async move {
            let _ = reply.send(look.await);
        }));
    }

    pub(super) fn on_replay(
        &mut self,
        options: ReplayOptions,
        reply: oneshot::Sender<Result<Vec<Replayed>>>,
    ) {
        // A comparison needs a store to which nobody writes.
        let busy = match () {
            () if self.is_replaying() => Some("a replay"),
            () if self.is_verifying() => Some("a verify"),
            () => None,
        };
        if let Some(what) = busy {
            let _ = reply.send(Err(Error::transient(format!("could not replay: {what} runs"))));
            return;
        }
        self.replays.clear();
        let (replays, mut answers) = match self.replays_of(&options) {
            Ok(found) => found,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        for replay in &replays {
            self.replays.insert(replay.target.table.id, replay.gate.clone());
        }
        self.replaying = Some(Task::spawn(async move {
            for replay in replays {
                answers.push(replay.run().await);
            }
            answers.sort_by(|a, b| a.table.cmp(&b.table));
            let _ = reply.send(Ok(answers));
        }));
    }

    /// The tables to replay, and why others are not.
    fn replays_of(&self, options: &ReplayOptions) -> Result<(Vec<Replay>, Vec<Replayed>)> {
        let named = |name: &String| self.tables.by_id.values().any(|entry| entry.name == *name);
        if let Some(unknown) = options.tables.iter().find(|name| !named(name)) {
            return Err(Error::definite(format!(
                "cannot replay {unknown}: it does not stream here"
            ))
            .hint("millrace status lists the tables, and why one is left out"));
        }
        let (mut replays, mut answers) = (Vec::new(), Vec::new());
        for entry in self.tables.by_id.values() {
            if !options.tables.is_empty() && !options.tables.contains(&entry.name) {
                continue;
            }
            match entry.state {
                State::Streaming => replays.push(Replay {
                    store: self.store.clone(),
                    status: self.status.clone(),
                    filler: self.filler.clone(),
                    target: entry.target.clone(),
                    gate: Gate::default(),
                    turn: Turn::of(entry),
                }),
                state => answers.push(quarantine::not_now(&entry.name, state)),
            }
        }
        Ok((replays, answers))
    }

    pub(super) fn is_replaying(&self) -> bool {
        self.replaying.as_ref().is_some_and(|task| !task.is_finished())
    }

    /// Nothing more of a replay reaches the table.
    pub(super) async fn end_replay(&mut self, id: TableId) {
        if let Some(gate) = self.replays.remove(&id) {
            gate.close().await;
        }
    }
}
