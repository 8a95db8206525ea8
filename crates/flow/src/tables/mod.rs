//! The tables of the pipeline: what each is, where it goes, and what survives a restart of it.

mod check;
mod entry;
mod known;
mod renamed;
#[cfg(feature = "kafka")]
mod settled;

pub(crate) use entry::Entry;
pub(crate) use known::{CopyState, is_known, show_known};

use crate::again;
use crate::agree::Missed;
use crate::evolve::{self, Need, Past};
use crate::flush;
use crate::intervals::{Intervals, Record, Takes};
use crate::retry;
use crate::shape;
use crate::status::{State, Status, TableStatus};
#[cfg(feature = "kafka")]
pub(crate) use check::try_out;
use known::STATES;
pub(crate) use known::{Known, read_states};
#[cfg(feature = "kafka")]
pub(crate) use known::{READ_STATES, states_of};
use model::{Error, Fate, Mode, Result, Table, TableId, TableName, TableOptions};
#[cfg(feature = "kafka")]
pub(crate) use settled::Settled;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use store::{Rows, Store, Target};
use tokio_postgres::Client;

pub(crate) struct Tables {
    pub(crate) by_id: HashMap<TableId, Entry>,
    /// Those that cannot be kept as they are: their rows are skipped without asking again.
    pub(crate) left_out: HashMap<TableId, Table>,
    options: BTreeMap<String, TableOptions>,
    database_pattern: Option<String>,
    /// While they are brought up: the part of the log that their streams lack.
    missed: Option<Missed>,
}

/// What a table is brought up with.
pub(crate) struct Around<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) status: &'a Status,
    pub(crate) client: &'a Client,
}

impl Tables {
    /// Resolves every published table, creates what is missing in the store, and reads back states.
    /// A table that cannot be kept is shown as failed and left out; the others go on.
    pub(crate) async fn load(
        mut published: Vec<Table>,
        options: &BTreeMap<String, TableOptions>,
        database_pattern: Option<&str>,
        missed: Option<Missed>,
        around: &Around<'_>,
    ) -> Result<Tables> {
        let slot = around.status.slot();
        let mut known = read_states(around.store).await?;
        // Of another server an oid says nothing.
        let is_elsewhere = missed.as_ref().is_some_and(Missed::is_of_another_server);
        let (mut options, mut lent) = (options.clone(), BTreeSet::new());
        if !is_elsewhere {
            (options, lent) = renamed::options(&published, &known, &options, &slot);
            known = renamed::follow(&published, known, &options, database_pattern, around).await?;
        }
        // Who is in a place stays there.
        let is_new = |table: &Table| {
            known.get(&table.name.to_string()).is_none_or(|known| known.id != table.id.0)
        };
        published.sort_by_key(is_new);
        let mut records: HashMap<_, _> =
            flush::last_records(around.store).await?.into_iter().collect();
        let mut tables = Tables {
            by_id: HashMap::new(),
            left_out: HashMap::new(),
            options,
            database_pattern: database_pattern.map(str::to_owned),
            missed,
        };
        for table in &published {
            tables.refuse_another_place(table, &known)?;
        }
        let names: Vec<String> = published.iter().map(|table| table.name.to_string()).collect();
        // A store may be shared: the tables of other slots are not ours.
        let gone = |(name, known): &(&String, &Known)| known.slot == slot && !names.contains(name);
        for (name, known) in known.iter().filter(gone) {
            known.clone().note_unpublished(name, is_elsewhere, around).await?;
        }
        for table in published {
            let known = known.get(&table.name.to_string()).cloned();
            tables.admit(table, known, &mut records, around).await?;
        }
        tables.record_new(around).await?;
        evolve::last(around.store, around.status).await?;
        tables.missed = None;
        let is_nobodys = |name: &&String| !names.contains(name) && !lent.contains(*name);
        for name in tables.options.keys().filter(is_nobodys) {
            tables.show_unpublished(name, around.status);
        }
        let kept = |name: &String| {
            names.contains(name) || tables.options.contains_key(name) && !lent.contains(name)
        };
        around.status.keep_tables(kept);
        Ok(tables)
    }

    /// A table that appeared in the publication while the pipeline runs.
    pub(crate) async fn add(&mut self, table: Table, around: &Around<'_>) -> Result<()> {
        let known = read_states(around.store).await?.remove(&table.name.to_string());
        let mut records = flush::last_records(around.store).await?.into_iter().collect();
        self.admit(table, known, &mut records, around).await?;
        self.record_new(around).await
    }

    /// Whether it is remembered under another name, which a start gives it.
    pub(crate) async fn is_known_otherwise(
        &self,
        table: &Table,
        around: &Around<'_>,
    ) -> Result<bool> {
        if self.left_out.get(&table.id).is_some_and(|before| before.name == table.name) {
            return Ok(false);
        }
        let (known, slot) = (read_states(around.store).await?, around.status.slot());
        Ok(renamed::is_renamed(table, &known, &slot))
    }

    /// Before a row of theirs is taken: should one be left out at a later start, it is known.
    async fn record_new(&mut self, around: &Around<'_>) -> Result<()> {
        let new = || self.by_id.values().filter(|entry| entry.version == 0);
        let version = crate::status::now_us();
        let known = |entry: &Entry| entry.known(entry.state, version);
        let slot = around.status.slot();
        let rows: Rows = new().map(|entry| known(entry).row(&entry.name, &slot)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        retry::patiently(around.status, || around.store.record(STATES, rows.clone())).await?;
        let new = self.by_id.values_mut().filter(|entry| entry.version == 0);
        new.for_each(|entry| entry.version = version);
        Ok(())
    }

    async fn admit(
        &mut self,
        table: Table,
        known: Option<Known>,
        records: &mut HashMap<String, Record>,
        around: &Around<'_>,
    ) -> Result<()> {
        let (id, place) = (table.id, table.name.clone());
        let name = place.to_string();
        let options = self.options.get(&name).cloned().unwrap_or_default();
        match self.bring_up(table.clone(), &options, known.clone(), records, around).await {
            Ok(entry) => {
                self.left_out.remove(&id);
                self.by_id.insert(id, entry);
                Ok(())
            }
            Err(error) if error.fate() == Fate::Definite => {
                tracing::error!(table = %name, error = %error.report(), "table left out");
                let error = match known {
                    Some(known) => known.fail(&name, error, around).await?,
                    None => error.report(),
                };
                around.status.set_table(&name, failed(options.mode, place, error));
                self.left_out.insert(id, table);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Nothing is read with a configuration that moves a table which holds rows already: its stream
    /// would go on elsewhere, and with what it held left behind.
    fn refuse_another_place(&self, table: &Table, known: &HashMap<String, Known>) -> Result<()> {
        let goes_on = |known: &&Known| known.id == table.id.0 && known.state != State::Failed;
        let Some(known) = known.get(&table.name.to_string()).filter(goes_on) else {
            return Ok(());
        };
        // What cannot be resolved stops its table alone.
        let Ok(target) = self.resolve(table.clone()) else { return Ok(()) };
        refuse_another_place(known, &target)
    }

    async fn bring_up(
        &self,
        table: Table,
        options: &TableOptions,
        known: Option<Known>,
        records: &mut HashMap<String, Record>,
        around: &Around<'_>,
    ) -> Result<Entry> {
        let name = table.name.to_string();
        let id = table.id;
        let target = Target::resolve(Arc::new(table), options, self.database_pattern.as_deref())?;
        let target = Arc::new(target);
        if let Some(known) = &known {
            refuse_another_place(known, &target)?;
        }
        let is_there = |entry: &&Entry| entry.target.name == target.name;
        if let Some(other) = self.by_id.values().find(is_there) {
            let what =
                format!("cannot keep {name} in {}: {} is kept there", target.name, other.name);
            return Err(Error::definite(what)
                .hint(format!("give it another place: target = \"…\" under [tables.\"{name}\"]")));
        }
        let is_gone = known.is_some() && !evolve::exists(&target, around).await?;
        let mut version = known.as_ref().map_or(0, |known| known.version);
        // A table of that name was dropped at the source and made anew.
        let is_another = known.as_ref().is_some_and(|known| known.id != id.0);
        let has_other_key =
            known.as_ref().is_some_and(|known| known.past.has_other_key_names(&target));
        let mut past = match &known {
            Some(known) if !is_another => known.past.clone(),
            Some(_) => evolve::past_of_another(&target, around).await?,
            None => Past::default(),
        };
        let known = known.filter(|_| !is_gone);
        let is_another = is_another && !is_gone;
        if is_gone {
            past = past.only_names();
            version = start_over(&name, &target, &past, version, around).await?;
        }
        let is_new = known.is_none();
        past.resolve(around.client).await?;
        let (state, copy, reason) = match known {
            Some(known) if !is_another => (known.state, known.copy, known.reason),
            _ => {
                // What is kept of the old one is over at the end of the copy.
                let keeps = target.mode == Mode::History || target.keeps_gone();
                let sweeps = is_another && keeps && target.mode != Mode::Append;
                (State::Waiting, CopyState { sweeps, ..CopyState::default() }, None)
            }
        };
        let mut need = Need::Nothing;
        if state != State::Failed {
            need = evolve::bring(&target, &past, around).await?;
        }
        if is_another && has_other_key {
            need = Need::Anew(shape::OTHER_KEY.into());
        }
        if state == State::Removed && need == Need::Nothing {
            need = Need::Copy("It was not published for a while.".into());
        }
        // Rows of the stream may be there before the copy begins, but those of an append table.
        let has_rows = !is_new && (target.mode != Mode::Append || copy.attempt > 0);
        let missed = self.missed.as_ref().filter(|_| !is_another && has_rows);
        let is_other = match missed {
            Some(missed) => missed.is_other_history(&target, around).await?,
            None => false,
        };
        let missed = missed.filter(|missed| is_other || missed.is_for_all());
        if let Some(missed) = missed.filter(|_| matches!(need, Need::Nothing | Need::Repair)) {
            need = match again::is_repairable(&target, copy, is_other, around).await? {
                true => Need::Repair,
                false => Need::Copy(missed.why.clone()),
            };
        }
        if need == Need::Repair && !again::is_repairable(&target, copy, is_other, around).await? {
            need = Need::Copy("Facts that it lacks cannot be told by a key.".into());
        }
        let changes = past.changes(&target.table);
        if is_another {
            forget_rows(&target, around).await?;
        }
        let intervals = (target.mode != Mode::Mirror).then(|| {
            let key = target.name.to_string();
            let recorded = records.remove(&key);
            Intervals::new(key, Takes::of(&target), recorded)
        });
        let mut shown = TableStatus::new(target.mode, target.name.clone(), target.rows.clone());
        shown.state = state;
        shown.last_error = reason;
        around.status.set_table(&name, shown);
        let mut entry = Entry {
            name,
            target: target.clone(),
            past,
            shapes: Vec::new(),
            state,
            version,
            intervals,
            kept_deletes: 0,
            copy,
            skipped: None,
            rekeyed_at: Arc::new(AtomicU64::new(copy.rekeyed_at.0)),
            begun_again: 0,
        };
        // Kept after the copy too: the slot may stand before the copy's position.
        entry.set_copy(copy);
        entry.bring_up(target, need, &changes, around).await?;
        Ok(entry)
    }

    fn show_unpublished(&self, name: &str, status: &Status) {
        let (schema, table) = name.split_once('.').unwrap_or(("public", name));
        let place = TableName::new(schema, table);
        let error = Error::definite(format!("cannot stream {name}: the publication lacks it"))
            .hint(format!("ALTER PUBLICATION … ADD TABLE {name}; or remove it from millrace.toml"));
        tracing::error!(table = %name, error = %error.report(), "table left out");
        status.set_table(name, failed(self.options[name].mode, place, error.report()));
    }

    /// Where options put a table of another shape.
    pub(crate) fn resolve(&self, table: Table) -> Result<Target> {
        let options = self.options.get(&table.name.to_string()).cloned().unwrap_or_default();
        Target::resolve(Arc::new(table), &options, self.database_pattern.as_deref())
    }

    /// Whether some append table does not have all its rows up to here in the store, so that
    /// nothing may be confirmed: rows are held back, or were not taken yet.
    pub(crate) fn any_waiting(&self) -> bool {
        self.by_id.values().any(|entry| {
            entry.is_skipping() || entry.intervals.as_ref().is_some_and(Intervals::is_waiting)
        })
    }
}

fn failed(mode: Mode, place: TableName, error: String) -> TableStatus {
    let mut shown = TableStatus::new(mode, place.clone(), place);
    shown.state = State::Failed;
    shown.last_error = Some(error);
    shown
}

pub(crate) fn refuse_another_place(known: &Known, target: &Target) -> Result<()> {
    let (mode, place) = (target.mode.name(), target.name.to_string());
    if known.mode == mode && known.target == place {
        return Ok(());
    }
    let what = format!("cannot keep {} as {mode} in {place}", target.table.name);
    Err(Error::definite(what)
        .detail(format!("It was kept as {} in {} so far.", known.mode, known.target))
        .hint("change it back in millrace.toml, or start with a new data directory"))
}

/// Somebody took the table out of the store: what it held comes back by a copy, which is also the way
/// back of one that stopped. Recorded before it is made anew: an empty one must never look copied.
async fn start_over(
    name: &str,
    target: &Target,
    past: &Past,
    version: i64,
    around: &Around<'_>,
) -> Result<i64> {
    tracing::warn!(table = %name, "it is not in the store any more: it is copied again");
    let (store, status) = (around.store, around.status);
    retry::patiently(status, || crate::copier::forget_ranges(store, target)).await?;
    let known = Known::of(target, State::Waiting, CopyState::default(), version);
    Known { past: past.clone(), ..known }.record(name, store, status).await
}

/// The table of that name was dropped at the source and made anew: what a mirror holds are rows of
/// the old one. Facts, changes and an archive stay.
async fn forget_rows(target: &Target, around: &Around<'_>) -> Result<()> {
    let store = around.store;
    let is_mirror = target.mode == Mode::Mirror;
    crate::quarantine::supersede(store, around.status, &target.table.name, None, is_mirror).await?;
    if target.mode == Mode::Mirror && !target.keeps_gone() {
        store.execute(&store.layout().truncate(&target.rows)).await?;
    }
    crate::copier::forget_ranges(store, target).await
}

#[cfg(test)]
impl Tables {
    /// One append table that streams; its last batch was recorded.
    pub(crate) fn of_append(target: Target, recorded: Record) -> Tables {
        let (id, key) = (target.table.id, target.name.to_string());
        let target = Arc::new(target);
        let entry = Entry {
            name: target.table.name.to_string(),
            past: Past::of(&target),
            shapes: Vec::new(),
            target,
            state: State::Streaming,
            version: 0,
            intervals: Some(Intervals::new(key, Takes::Inserts, Some(recorded))),
            kept_deletes: 0,
            copy: CopyState { attempt: 1, ..CopyState::default() },
            skipped: None,
            rekeyed_at: Arc::default(),
            begun_again: 0,
        };
        let by_id = HashMap::from([(id, entry)]);
        let (left_out, options) = (HashMap::new(), BTreeMap::new());
        Tables { by_id, left_out, options, database_pattern: None, missed: None }
    }
}
