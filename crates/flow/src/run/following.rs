//! Tables follow what they have become at the source: told by a relation of the stream, by a copy that
//! finds another table than it was to copy, or by a look at the catalog.
//!
//! ```text
//! today's table ─▶ as known? ─▶ evolve::bring ─▶ Nothing    this is its shape now
//!                                                Copy, Anew  copied again; the log is read again
//! relation ─▶ a shape that we know ─▶ its rows are taken
//!             from before the copy's position ─▶ they are in the copy, which sweeps
//!             not known ─▶ copied again: then it is one or the other
//! ```

use super::Loop;
use super::copies::LET_GO;
use crate::again;
use crate::evolve::{self, Need, Past};
use crate::retry;
use crate::status::State;
use crate::tables::{Around, Entry};
use crate::task::in_time;
use model::{Error, Lsn, Mode, Result, Table, TableId};
use source::stream::Relation;
use std::sync::Arc;
use tokio_postgres::Client;

/// A table that is copied again so often by itself, and never done, is one that we do not understand.
const BEGUN_AGAIN_MOST: u32 = 5;

/// What became of a table.
#[derive(PartialEq, Eq)]
pub(super) enum Followed {
    /// Its rows come on.
    Here,
    /// It is copied again, and the stream begins anew.
    Again,
    /// It stopped.
    Stopped,
}

/// What a relation is answered.
pub(super) enum Answer {
    Rows(Option<Arc<Table>>),
    /// The stream begins anew.
    Nothing,
}

impl Loop {
    /// To be put back after use; without that the next one opens another.
    async fn take_catalog(&mut self) -> Result<Client> {
        match self.catalog.take().filter(|client| !client.is_closed()) {
            Some(client) => Ok(client),
            None => source::catalog::connect(&self.options.address).await,
        }
    }

    pub(super) async fn on_relation(&mut self, relation: Relation, commit: Lsn) -> Result<Answer> {
        // What an older look has seen is of no use after this one.
        self.surveying.forget();
        let client = self.take_catalog().await?;
        let mut answer = self.answer(&relation, commit, &client).await;
        if let Ok(Answer::Rows(Some(_))) = &answer
            && let Err(error) = in_time(self.sinks.learn(&client, relation.id)).await
        {
            answer = Err(error);
        }
        self.catalog = Some(client);
        answer
    }

    /// A copy found another table than it was to copy: it goes on with that of today.
    pub(super) async fn on_changed(&mut self, id: TableId) -> Result<()> {
        self.surveying.forget();
        let client = match self.take_catalog().await {
            Ok(client) => client,
            Err(error) => return self.try_copy_later(id, error),
        };
        let today = source::catalog::table_by_id(&client, &self.options.publication, id);
        let today = in_time(today).await;
        let followed = match today {
            Ok(Some(today)) => self.follow(today, self.positions.received(), &client).await,
            // Whoever looks at the catalog notices.
            Ok(None) => return Ok(()),
            Err(error) => Err(error),
        };
        self.catalog = Some(client);
        match followed {
            // It had been followed before.
            Ok(Followed::Here) if !self.gates.contains_key(&id) => {
                self.start_copies(&[id]);
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => self.try_copy_later(id, error),
        }
    }

    /// Its next session looks at the catalog again.
    fn try_copy_later(&mut self, id: TableId, error: Error) -> Result<()> {
        self.start_copies(&[id]);
        self.lose_session(error)
    }

    async fn answer(
        &mut self,
        relation: &Relation,
        commit: Lsn,
        client: &Client,
    ) -> Result<Answer> {
        let id = relation.id;
        let skipped = Answer::Rows(None);
        match self.tables.by_id.get(&id).map(|entry| entry.state) {
            Some(State::Failed | State::Removed) => return Ok(skipped),
            None if self.tables.left_out.contains_key(&id) => return Ok(skipped),
            _ => {}
        }
        let publication = &self.options.publication;
        let Some(today) = in_time(source::catalog::table_by_id(client, publication, id)).await?
        else {
            // Dropped since; what it got before is wanted as long as we know how to read it.
            let entry = self.tables.by_id.get_mut(&id);
            let shape = entry.and_then(|entry| entry.shape_of(relation));
            return self.in_form(shape);
        };
        if !self.tables.by_id.contains_key(&id) && !self.admit(today.clone(), client).await? {
            return Ok(if self.begins_anew { Answer::Nothing } else { skipped });
        }
        match self.follow(today, commit, client).await? {
            Followed::Here => {}
            Followed::Again => return Ok(Answer::Nothing),
            Followed::Stopped => return Ok(skipped),
        }
        let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(skipped) };
        if let Some(table) = entry.shape_of(relation) {
            return self.in_form(Some(table));
        }
        let is_unpointed = entry.needs_copy() && entry.copy.attempt == 0;
        let is_copied = is_unpointed || commit < entry.copy.first_point;
        if is_copied && (entry.needs_copy() || entry.target.mode == Mode::Append) {
            if is_unpointed {
                // Read again once the copy says which of them it holds.
                entry.skipped = Some(Lsn::MAX);
            }
            self.sweep_after_all(id).await?;
            return Ok(skipped);
        }
        let target = entry.target.clone();
        let past = Some(entry.past.clone());
        let need = Need::Copy("Its rows come in a shape that is not known.".into());
        match self.copy_again(target, past, need, client).await? {
            Followed::Stopped => Ok(skipped),
            Followed::Here | Followed::Again => Ok(Answer::Nothing),
        }
    }

    /// Rows of a shape that is not known are left to the copy, and with them what took others away that
    /// came before: what the copy does not bring goes at its end.
    async fn sweep_after_all(&mut self, id: TableId) -> Result<()> {
        let (store, status) = (self.store.clone(), self.status.clone());
        let entry =
            self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
        if entry.copy.sweeps || entry.target.mode == Mode::Append {
            return Ok(());
        }
        entry.copy.sweeps = true;
        entry.enter(entry.state, None, store.as_ref(), &status).await?;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.start_copies(&[id]);
        Ok(())
    }

    /// Refuses a table that this session cannot read: the next one asks for text.
    fn in_form(&self, table: Option<Arc<Table>>) -> Result<Answer> {
        let needs_text = |table: &Arc<Table>| table.columns.iter().any(|c| c.pg.needs_text());
        if table.as_ref().is_some_and(needs_text)
            && self.session.as_ref().is_some_and(|session| session.binary)
        {
            return Err(Error::transient("could not read a type in its binary form"));
        }
        Ok(Answer::Rows(table))
    }

    /// A published table that was not there at the start. Whether it is kept.
    pub(super) async fn admit(&mut self, table: Table, client: &Client) -> Result<bool> {
        let id = table.id;
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client };
        let is_renamed = self.tables.is_known_otherwise(&table, &around).await?;
        if is_renamed || !self.replace_namesake(&table, client).await? {
            self.begins_anew = true;
            return Ok(false);
        }
        let was_left_out = self.tables.left_out.contains_key(&id);
        self.tables.add(table, &around).await?;
        let Some(entry) = self.tables.by_id.get(&id) else { return Ok(false) };
        if !entry.needs_copy() {
            // It stopped before, and waits for somebody to copy it again.
            return Ok(true);
        }
        tracing::info!(table = %entry.name, "a new table");
        if was_left_out {
            // The session skips its rows.
            self.drain().await?;
            self.start_anew_after(LET_GO);
        }
        self.start_copies(&[id]);
        Ok(true)
    }

    /// The table that had its name is no more. `false`: it has another name.
    async fn replace_namesake(&mut self, table: &Table, client: &Client) -> Result<bool> {
        let name = table.name.to_string();
        let is_it = |(_, entry): &(&TableId, &Entry)| entry.name == name;
        let Some(id) = self.tables.by_id.iter().find(is_it).map(|(id, _)| *id) else {
            return Ok(true);
        };
        let publication = &self.options.publication;
        let today = in_time(source::catalog::table_by_id(client, publication, id)).await?;
        if today.is_some() {
            return Ok(false);
        }
        self.drain().await?;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        self.tables.by_id.remove(&id);
        Ok(true)
    }

    /// Makes the store follow the table that the catalog shows. `at`: where we read of it.
    pub(super) async fn follow(
        &mut self,
        today: Table,
        at: Lsn,
        client: &Client,
    ) -> Result<Followed> {
        let id = today.id;
        let Some(entry) = self.tables.by_id.get(&id) else { return Ok(Followed::Stopped) };
        if entry.name != today.name.to_string() {
            // The start moves it.
            self.begins_anew = true;
            return Ok(Followed::Again);
        }
        if entry.is_stopped() {
            return Ok(Followed::Stopped);
        }
        if entry.past.is_today(&today) && !self.is_told_apart_otherwise(entry, &today) {
            return Ok(Followed::Here);
        }
        let (name, changes) = (entry.name.clone(), entry.past.changes(&today));
        if !changes.is_empty() {
            // Rows of the shape of before are in their place.
            self.drain().await?;
        }
        let brought = self.bring(today, client).await;
        let (store, status) = (self.store.clone(), self.status.clone());
        let how = brought.as_ref().map_or("stop", |(_, need)| need.followed_by());
        let shown = evolve::record(&name, at, &changes, how, store.as_ref(), &status).await?;
        let followed = self.follow_with(id, brought, client).await;
        status.set_schema_change(&name, shown);
        followed
    }

    /// Whether the whole row is its key since, or is not any more: its identity alone says so.
    fn is_told_apart_otherwise(&self, entry: &Entry, today: &Table) -> bool {
        let is_whole = entry.target.table.is_its_own_key();
        let is_other = |now: store::Target| now.table.is_its_own_key() != is_whole;
        today.declared_key().is_empty() && self.tables.resolve(today.clone()).is_ok_and(is_other)
    }

    async fn follow_with(
        &mut self,
        id: TableId,
        brought: Result<(Arc<store::Target>, Need)>,
        client: &Client,
    ) -> Result<Followed> {
        match brought {
            Ok((target, Need::Nothing))
                if evolve::reads_otherwise(&target, &self.entry(id)?.past) =>
            {
                self.start_anew_after(LET_GO);
                self.follow_in_place(target).await?;
                Ok(Followed::Again)
            }
            Ok((target, Need::Nothing)) => self.follow_in_place(target).await,
            Ok((target, Need::Repair)) => self.repair(target, client).await,
            Ok((target, need)) => {
                let past = self.entry(id)?.past_with(&target, &need);
                self.copy_again(target, past, need, client).await
            }
            Err(error) if retry::needs_help(&error) => {
                self.fail_table(id, error).await?;
                Ok(Followed::Stopped)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn bring(
        &self,
        today: Table,
        client: &Client,
    ) -> Result<(Arc<store::Target>, Need)> {
        let entry = self.entry(today.id)?;
        let around = Around { store: self.store.as_ref(), status: &self.status, client };
        if !evolve::exists(&entry.target, &around).await? {
            let what = format!("cannot follow a change of {}", entry.name);
            return Err(Error::definite(what).detail("It is not in the store any more."));
        }
        let target = Arc::new(self.tables.resolve(today)?);
        let need = evolve::bring(&target, &entry.past, &around).await?;
        Ok((target, need))
    }

    pub(super) fn entry(&self, id: TableId) -> Result<&Entry> {
        self.tables.by_id.get(&id).ok_or_else(|| Error::bug("a table went away"))
    }

    async fn follow_in_place(&mut self, target: Arc<store::Target>) -> Result<Followed> {
        let id = target.table.id;
        // A copy writes the columns of before: it goes on with those of today.
        let is_copied = self.entry(id)?.needs_copy();
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        self.end_replay(id).await;
        let (store, status) = (self.store.clone(), self.status.clone());
        let entry =
            self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
        entry.follow(target);
        entry.enter(entry.state, None, store.as_ref(), &status).await?;
        if is_copied {
            self.start_copies(&[id]);
        }
        Ok(Followed::Here)
    }

    /// Brings the facts that the store lacks.
    async fn repair(&mut self, target: Arc<store::Target>, client: &Client) -> Result<Followed> {
        let id = target.table.id;
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client };
        let entry = self.entry(id)?;
        if !again::is_repairable(&target, entry.copy, false, &around).await? {
            let past = Some(entry.past.clone());
            let need = Need::Copy("Facts that it lacks cannot be told by a key.".into());
            return self.copy_again(target, past, need, client).await;
        }
        if entry.state == State::Streaming {
            let entry =
                self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
            (entry.state, entry.copy.repairs) = (State::Copying, true);
        }
        self.follow_in_place(target).await
    }

    /// Begins a copy that nobody asked for.
    pub(super) async fn copy_again(
        &mut self,
        target: Arc<store::Target>,
        past: Option<Past>,
        need: Need,
        client: &Client,
    ) -> Result<Followed> {
        let id = target.table.id;
        let entry =
            self.tables.by_id.get_mut(&id).ok_or_else(|| Error::bug("a table went away"))?;
        entry.begun_again += 1;
        let why = match need {
            Need::Copy(why) | Need::Anew(why) => why,
            Need::Nothing | Need::Repair => String::new(),
        };
        if entry.begun_again > BEGUN_AGAIN_MOST {
            let what = format!("cannot follow the changes of {}", entry.name);
            let often = format!("It was to be copied again {BEGUN_AGAIN_MOST} times in a row.");
            self.fail_table(id, Error::definite(what).detail(format!("{why} {often}"))).await?;
            return Ok(Followed::Stopped);
        }
        tracing::warn!(table = %entry.name, %why, "it is copied again");
        let rate = entry.copy.rows_per_second_max;
        self.drain().await?;
        self.start_anew_after(LET_GO);
        match self.begin_again(target, past, rate, client).await {
            Ok(_) => {
                self.start_copies(&[id]);
                Ok(Followed::Again)
            }
            Err(error) if retry::needs_help(&error) => {
                self.fail_table(id, error).await?;
                Ok(Followed::Again)
            }
            Err(error) => Err(error),
        }
    }
}
