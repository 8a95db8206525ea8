//! The tables of the topics: each is made, or follows, when a message first shows its shape.

use super::offsets;
use crate::evolve::{self, Past};
use crate::flush;
use crate::intervals::{Intervals, Record, Takes};
use crate::latest::Turn;
use crate::reload::ReloadOptions;
use crate::status::{State, Status, TableStatus};
use crate::tables::{CopyState, Known, read_states, refuse_another_place, try_out};
use crate::verify::Subject;
use bus::consume::{Place, Settled};
use model::{
    Block, Error, Fate, Lsn, Mode, OnUpdate, PgType, ReplicaIdentity, Result, Table, TableId,
    TableOptions,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{Store, Target};

/// One table while its topics are read.
pub(super) struct Entry {
    pub(super) name: String,
    /// Today's shape.
    pub(super) target: Arc<Target>,
    past: Past,
    /// Of before: rows that are held back may have them.
    shapes: Vec<Arc<Target>>,
    pub(super) state: State,
    /// Of what the store remembers of it.
    version: i64,
    /// Of all but mirrors, a partition each.
    pub(super) intervals: HashMap<Place, Intervals>,
    pub(super) turn: Turn,
    /// DELETEs that an archive did not follow.
    pub(super) kept_deletes: u64,
    /// The topics that bring it.
    pub(super) topics: Vec<Arc<str>>,
    /// Of the last TRUNCATE, in the source's log: rows of before are gone, whenever they come.
    pub(super) truncated: Lsn,
}

impl Entry {
    pub(super) fn is_stopped(&self) -> bool {
        self.state == State::Failed
    }

    pub(super) fn is_ordered(&self) -> bool {
        self.target.mode != Mode::Mirror
    }

    /// A key comes once. Where rows that an UPDATE leaves are taken, a key comes again and again.
    pub(super) fn is_once(&self) -> bool {
        let Target { table, mode, on_update, .. } = self.target.as_ref();
        *mode == Mode::Append && *on_update == OnUpdate::Ignore && !table.declared_key().is_empty()
    }

    pub(super) fn target_for(&self, table: &Arc<Table>) -> Option<&Arc<Target>> {
        let is_it = |target: &&Arc<Target>| {
            Arc::ptr_eq(&target.table, table) || target.table.columns == table.columns
        };
        [&self.target].into_iter().chain(self.shapes.iter().rev()).find(is_it)
    }

    /// What a batch of the partition is recorded as.
    pub(super) fn batches(&self, place: &Place) -> String {
        format!("{} {place}", self.target.name)
    }
}

pub(super) struct Tables {
    pub(super) by_name: BTreeMap<String, Entry>,
    options: BTreeMap<String, TableOptions>,
    database_pattern: Option<String>,
    brokers: String,
    group: String,
    /// The last batches of the partitions that are ours, until somebody cuts there.
    pub(super) records: HashMap<String, Record>,
}

impl Tables {
    pub(super) fn new(options: &super::KafkaOptions) -> Tables {
        Tables {
            by_name: BTreeMap::new(),
            options: options.tables.clone(),
            database_pattern: options.database_pattern.clone(),
            brokers: options.consumer.brokers.clone(),
            group: options.consumer.group.clone(),
            records: HashMap::new(),
        }
    }

    /// What a table that is known would stop for, if it had these options. Touches nothing.
    pub(super) async fn check(
        before: &super::KafkaOptions,
        wanted: &ReloadOptions,
        store: &dyn Store,
        slot: &str,
    ) -> Result<()> {
        let tables = Tables { options: wanted.tables.clone(), ..Tables::new(before) };
        let states = read_states(store).await?;
        for (table, _) in known_of(states.clone(), slot) {
            let name = table.name.to_string();
            if before.tables.get(&name) == wanted.tables.get(&name) {
                continue;
            }
            let target = tables.resolve(&table)?;
            if let Some(known) = states.get(&name) {
                refuse_another_place(known, &target)?;
            }
            try_out(Target::clone(&target), store).await?;
        }
        Ok(())
    }

    /// What is compared of a table, or why it cannot be.
    pub(super) fn subject(&self, name: &str) -> Result<Subject, String> {
        let entry = self.by_name.get(name).ok_or("no topic brought it yet")?;
        if entry.state != State::Streaming {
            return Err(entry.state.name().to_owned());
        }
        // Facts are kept as they were first, and nobody noted which were updated.
        Ok(Subject { target: entry.target.clone(), is_updated: true })
    }

    fn resolve(&self, raw: &Table) -> Result<Arc<Target>> {
        let target = resolve(raw, &self.options, self.database_pattern.as_deref())?;
        refuse_truncate(&raw.name.to_string(), &target)?;
        Ok(target)
    }

    /// Those of before that go on: what waits of them in the quarantine needs no message to be replayed.
    pub(super) async fn restore(
        &mut self,
        known: Vec<(Table, State)>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        for (table, state) in known {
            if state != State::Streaming {
                continue;
            }
            let name = table.name.clone();
            match self.follow(&Arc::new(table), None, store, status).await {
                // A message of it will tell, if there ever is one.
                Err(error) if error.fate() == Fate::Definite => {
                    tracing::debug!(table = %name, error = %error.report(), "not brought up");
                }
                followed => followed?,
            }
        }
        Ok(())
    }

    /// Partitions became ours: others may have cut there since.
    pub(super) async fn read_records(&mut self, store: &dyn Store) -> Result<()> {
        self.records = flush::last_records(store).await?.into_iter().collect();
        Ok(())
    }

    pub(super) fn give_up(&mut self, places: &[Place]) {
        for entry in self.by_name.values_mut() {
            entry.intervals.retain(|place, _| !places.contains(place));
        }
    }

    pub(super) fn by_id(&mut self, id: TableId) -> Option<&mut Entry> {
        self.by_name.values_mut().find(|entry| entry.target.table.id == id)
    }

    /// A table as messages show it from here on. `None`: it stopped, and its rows are skipped.
    pub(super) async fn settle(
        &mut self,
        raw: &Arc<Table>,
        topic: &Arc<str>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<Option<Settled>> {
        let name = raw.name.to_string();
        match self.follow(raw, Some(topic), store, status).await {
            Ok(()) => {
                let entry = &self.by_name[&name];
                Ok((!entry.is_stopped()).then(|| Settled {
                    table: entry.target.table.clone(),
                    is_ordered: entry.is_ordered(),
                    is_history: entry.target.mode == Mode::History,
                }))
            }
            Err(error) if error.fate() == Fate::Definite => {
                tracing::error!(table = %name, error = %error.report(), "the table stopped");
                match self.by_name.get_mut(&name) {
                    Some(entry) => entry.fail(&error, store, status).await?,
                    None => show_failed(&name, raw, &error, status),
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn follow(
        &mut self,
        raw: &Arc<Table>,
        topic: Option<&Arc<str>>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let name = raw.name.to_string();
        let target = self.resolve(raw)?;
        let mut known = read_states(store).await?;
        self.refuse_taken(&name, &target, &known, &status.slot())?;
        let known = match self.by_name.get(&name) {
            Some(_) => None,
            None => known.remove(&name),
        };
        if let Some(known) = &known {
            if known.slot != status.slot() {
                return Err(in_use(&name, &known.slot));
            }
            refuse_another_place(known, &target)?;
        }
        if let Some(why) = evolve::bring_undescribed(&target, store, status).await? {
            return Err(Error::definite(format!("cannot keep {name} in {}", target.rows))
                .detail(format!("{why} Topics do not bring the rows of before again."))
                .hint(format!(
                    "give it another place: target = \"…\" under [tables.\"{name}\"], and have its topic read \
                     from the beginning: {}",
                    offsets::to_earliest(&self.brokers, &self.group, topic.map_or("TOPIC", |topic| topic))
                )));
        }
        let (past, version) = match (&known, self.by_name.get(&name)) {
            (_, Some(entry)) => (entry.past.clone(), entry.version),
            (Some(known), None) => (known.past.clone(), known.version),
            (None, None) => (Past::default(), 0),
        };
        let changes = past.changes(&target.table);
        let shown = evolve::record(&name, Lsn::ZERO, &changes, "in place", store, status).await?;
        match self.by_name.get_mut(&name) {
            Some(entry) => entry.take_shape(target.clone()),
            None => {
                let mut entry = Entry::new(name.clone(), target.clone(), past.clone(), version);
                entry.truncated = known.as_ref().map_or(Lsn::ZERO, |known| known.copy.first_point);
                let place = (target.name.clone(), target.rows.clone());
                status.set_table(&name, TableStatus::new(target.mode, place.0, place.1));
                self.by_name.insert(name.clone(), entry);
            }
        }
        status.set_schema_change(&name, shown);
        let entry = self.by_name.get_mut(&name).expect("it was put there");
        if let Some(topic) = topic.filter(|topic| !entry.topics.contains(topic)) {
            entry.topics.push(topic.clone());
        }
        let is_recorded = entry.state == State::Streaming && past.is_now(&target);
        entry.past.note(&target);
        match is_recorded {
            true => Ok(()),
            false => entry.enter(State::Streaming, None, store, status).await,
        }
    }

    /// Of another topic, or of the direct stream.
    fn refuse_taken(
        &self,
        name: &str,
        target: &Target,
        known: &HashMap<String, Known>,
        slot: &str,
    ) -> Result<()> {
        let place = target.name.to_string();
        let is_here = |entry: &Entry| entry.name != name && entry.target.name == target.name;
        let is_there = |known: &Known| known.slot != slot && known.target == place;
        if !self.by_name.values().any(is_here) && !known.values().any(is_there) {
            return Ok(());
        }
        Err(Error::definite(format!("cannot keep {name} in {}", target.name))
            .detail("Another table is kept there: of the direct stream, or of another topic.")
            .hint(format!(
                "[source.kafka] schema = \"kafka_{{schema}}\" calls all of them otherwise, or target = \"…\" under \
                 [tables.\"{name}\"] this one"
            )))
    }
}

impl Entry {
    fn new(name: String, target: Arc<Target>, past: Past, version: i64) -> Entry {
        Entry {
            name,
            target,
            past,
            shapes: Vec::new(),
            state: State::Waiting,
            version,
            intervals: HashMap::new(),
            turn: Turn::default(),
            kept_deletes: 0,
            topics: Vec::new(),
            truncated: Lsn::ZERO,
        }
    }

    fn take_shape(&mut self, target: Arc<Target>) {
        self.shapes.push(std::mem::replace(&mut self.target, target));
        self.shapes.dedup_by(|one, other| one.table.columns == other.table.columns);
    }

    /// The cutting of a partition.
    pub(super) fn intervals_of(
        &mut self,
        place: &Place,
        records: &mut HashMap<String, Record>,
    ) -> &mut Intervals {
        let (name, takes) = (self.batches(place), Takes::of(&self.target));
        let turn = self.turn.clone();
        self.intervals.entry(place.clone()).or_insert_with(|| {
            let recorded = records.remove(&name);
            let mut intervals = Intervals::new(name, takes, recorded);
            intervals.turn = turn;
            intervals
        })
    }

    /// Before the rows go: should they come again, they are not taken.
    pub(super) async fn pass_truncate(
        &mut self,
        lsn: Lsn,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        self.truncated = self.truncated.max(lsn);
        self.enter(self.state, None, store, status).await
    }

    /// The rows that no TRUNCATE took, whichever partition told of it.
    pub(super) fn without_truncated(&self, block: Block) -> Block {
        let truncated = self.truncated.0;
        let is_older = |row: &usize| {
            let lsn = block.versions[*row].0 as u64;
            lsn != 0 && lsn < truncated
        };
        if truncated == 0 || !(0..block.rows()).any(|row| is_older(&row)) {
            return block;
        }
        let rows: Vec<usize> = (0..block.rows()).filter(|row| !is_older(row)).collect();
        block.only(&rows)
    }

    pub(super) async fn fail(
        &mut self,
        error: &Error,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        self.enter(State::Failed, Some(error), store, status).await
    }

    /// Makes the state durable, then shows it.
    async fn enter(
        &mut self,
        state: State,
        reason: Option<&Error>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let text = reason.map(Error::report);
        // What a copy's first snapshot is to the direct stream: rows of before are not taken.
        let copy = CopyState { first_point: self.truncated, ..CopyState::default() };
        let known = Known::of(&self.target, state, copy, self.version);
        let known = Known { past: self.past.clone(), reason: text.clone(), ..known };
        self.version = known.record(&self.name, store, status).await?;
        self.state = state;
        status.with_table(&self.name, |table| {
            table.state = state;
            table.last_error = text;
        });
        Ok(())
    }
}

/// The tables that came through the slot, as they were last seen, and what they did.
pub(super) fn known_of(states: HashMap<String, Known>, slot: &str) -> Vec<(Table, State)> {
    let mut ours: Vec<_> = states.into_iter().filter(|(_, known)| known.slot == slot).collect();
    ours.sort_by(|one, other| one.0.cmp(&other.0));
    let table = |(at, (_, known)): (usize, (String, Known))| {
        let named = |name: &str| bus::read::named(name).unwrap_or(PgType::Text);
        Some((known.past.table(TableId(at as u32 + 1), named)?, known.state))
    };
    ours.into_iter().enumerate().filter_map(table).collect()
}

/// Where a table of messages is kept.
pub(super) fn resolve(
    raw: &Table,
    options: &BTreeMap<String, TableOptions>,
    database_pattern: Option<&str>,
) -> Result<Arc<Target>> {
    let options = options.get(&raw.name.to_string()).cloned().unwrap_or_default();
    // Without a key the whole row is sent, or nobody could tell what an update means.
    let identity = if raw.has_key() { raw.identity } else { ReplicaIdentity::Full };
    let table = Arc::new(Table { identity, ..Table::clone(raw) });
    Target::resolve(table, &options, database_pattern).map(Arc::new)
}

/// Facts of several partitions have no common order with a TRUNCATE.
fn refuse_truncate(name: &str, target: &Target) -> Result<()> {
    if target.mode == Mode::Mirror || target.keeps_truncated {
        return Ok(());
    }
    Err(Error::definite(format!("cannot apply a TRUNCATE to {name}"))
        .detail("It is told by one partition of its topic, and the rows of the others may come before or after it.")
        .hint(format!("remove truncate = \"apply\" under [tables.\"{name}\"]")))
}

fn show_failed(name: &str, raw: &Table, error: &Error, status: &Status) {
    let place = raw.name.clone();
    let mut shown = TableStatus::new(Mode::Mirror, place.clone(), place);
    (shown.state, shown.last_error) = (State::Failed, Some(error.report()));
    status.set_table(name, shown);
}

fn in_use(name: &str, slot: &str) -> Error {
    Error::definite(format!("cannot keep {name}: the store has it from elsewhere"))
        .detail(format!("It came through {slot}."))
        .hint("[source.kafka] schema = \"kafka_{schema}\" calls the tables of the topics otherwise")
}
