//! The tables of the pipeline: what each is, where it goes, and what survives a restart of it.

use crate::evolve;
use crate::flush;
use crate::intervals::{Intervals, Record};
use crate::status::{State, Status, TableStatus};
use model::{Error, Fate, Lsn, Mode, Result, Table, TableId, TableName, TableOptions};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Rows, Store, Target};
use tokio_postgres::Client;

/// One table while the pipeline runs.
pub(crate) struct Entry {
    pub(crate) name: String,
    /// With every column that we know of.
    pub(crate) target: Arc<Target>,
    /// The shapes that the stream sent; the last one is today's. See [`crate::evolve`].
    pub(crate) shapes: Vec<Arc<Target>>,
    pub(crate) state: State,
    /// Of what the store remembers of it.
    version: i64,
    /// Append tables only.
    pub(crate) intervals: Option<Intervals>,
    /// Where the copy stands, while there is one.
    pub(crate) copy: CopyState,
    /// The last commit whose rows were not taken because the copy's position was not known yet.
    pub(crate) skipped: Option<Lsn>,
    /// [`CopyState::rekeyed_at`], for a running copy to see.
    pub(crate) rekeyed_at: Arc<AtomicU64>,
}

/// The part of a copy's state that survives a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CopyState {
    /// How many snapshots it took so far; 0: not begun.
    pub(crate) attempt: u32,
    /// The consistent point of the first snapshot and the oldest transaction it did not see.
    pub(crate) first_point: Lsn,
    pub(crate) first_xmin: u64,
    /// The last commit that changed the key of a row while an append table was copied. From then on
    /// keys no longer tell what has been copied: the next attempt starts over.
    pub(crate) rekeyed_at: Lsn,
    /// The store held rows before: those that the copy does not bring go at its end.
    pub(crate) sweeps: bool,
    /// 0: as fast as it goes.
    pub(crate) rows_per_second_max: u64,
}

pub(crate) struct Tables {
    pub(crate) by_id: HashMap<TableId, Entry>,
    options: BTreeMap<String, TableOptions>,
    database_pattern: Option<String>,
}

/// What a table is brought up with.
pub(crate) struct Around<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) status: &'a Status,
    pub(crate) client: &'a Client,
}

/// What the store remembers of a table.
#[derive(Clone)]
struct Known {
    id: u32,
    mode: String,
    target: String,
    state: State,
    copy: CopyState,
    reason: Option<String>,
    /// Whose stream brings it.
    slot: String,
    /// Microseconds since 1970, later in every record.
    version: i64,
}

impl Tables {
    /// Resolves every published table, creates what is missing in the store, and reads back states.
    /// A table that cannot be kept is shown as failed and left out; the others go on.
    pub(crate) async fn load(
        published: Vec<Table>,
        options: &BTreeMap<String, TableOptions>,
        database_pattern: Option<&str>,
        around: &Around<'_>,
    ) -> Result<Tables> {
        let known = read_states(around.store).await?;
        let mut records: HashMap<_, _> =
            flush::last_records(around.store).await?.into_iter().collect();
        let mut tables = Tables {
            by_id: HashMap::new(),
            options: options.clone(),
            database_pattern: database_pattern.map(str::to_owned),
        };
        for table in &published {
            tables.refuse_another_place(table, &known)?;
        }
        let names: Vec<String> = published.iter().map(|table| table.name.to_string()).collect();
        // A store may be shared: the tables of other slots are not ours.
        let slot = around.status.slot();
        let gone = |(name, known): &(&String, &Known)| known.slot == slot && !names.contains(name);
        for (name, known) in known.iter().filter(gone) {
            known.clone().fail_unpublished(name, around).await?;
        }
        for table in published {
            let known = known.get(&table.name.to_string()).cloned();
            tables.admit(table, known, &mut records, around).await?;
        }
        tables.record_new(around).await?;
        for name in options.keys().filter(|name| !names.contains(name)) {
            tables.show_unpublished(name, around.status);
        }
        Ok(tables)
    }

    /// A table that appeared in the publication while the pipeline runs.
    pub(crate) async fn add(&mut self, table: Table, around: &Around<'_>) -> Result<()> {
        let known = read_states(around.store).await?.remove(&table.name.to_string());
        let mut records = flush::last_records(around.store).await?.into_iter().collect();
        self.admit(table, known, &mut records, around).await?;
        self.record_new(around).await
    }

    /// Before a row of theirs is taken: should one be left out at a later start, it is known.
    async fn record_new(&mut self, around: &Around<'_>) -> Result<()> {
        let new = || self.by_id.values().filter(|entry| entry.version == 0);
        let version = crate::status::now_us();
        let known = |entry: &Entry| Known::of(&entry.target, entry.state, entry.copy, version);
        let slot = around.status.slot();
        let rows: Rows = new().map(|entry| known(entry).row(&entry.name, &slot)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        flush::patiently(around.status, || around.store.record(STATES, rows.clone())).await?;
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
        match self.bring_up(table, &options, known.clone(), records, around).await {
            Ok(entry) => {
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
        let is_gone = known.is_some() && !evolve::exists(&target, around).await?;
        let mut version = known.as_ref().map_or(0, |known| known.version);
        let known = known.filter(|_| !is_gone);
        if is_gone {
            version = start_over(&name, &target, version, around).await?;
        }
        let unfit = match evolve::create(&target, around).await {
            Err(error) if known.is_some() && error.fate() == Fate::Definite => Some(error),
            created => created.map(|()| None)?,
        };
        let known = match known {
            Some(known) if known.id != id.0 => {
                forget_rows(&target, around).await?;
                None
            }
            known => known,
        };
        let (state, copy, reason) = known
            .map_or((State::Waiting, CopyState::default(), None), |known| {
                (known.state, known.copy, known.reason)
            });
        let intervals = (target.mode == Mode::Append).then(|| {
            let key = target.name.to_string();
            let mut intervals = Intervals::new(key.clone(), records.remove(&key));
            // Kept after the copy too: the slot may stand before the copy's position.
            intervals.set_copied_before(copy.first_point);
            intervals
        });
        let mut shown = TableStatus::new(target.mode, target.name.clone(), target.rows.clone());
        shown.state = state;
        shown.last_error = reason;
        around.status.set_table(&name, shown);
        let shapes = vec![target.clone()];
        let rekeyed_at = Arc::new(AtomicU64::new(copy.rekeyed_at.0));
        let mut entry = Entry {
            name,
            target,
            shapes,
            state,
            version,
            intervals,
            copy,
            skipped: None,
            rekeyed_at,
        };
        if let Some(error) = unfit.filter(|_| state != State::Failed) {
            tracing::error!(table = %entry.name, error = %error.report(), "the table stops");
            entry.enter(State::Failed, Some(&error), around.store, around.status).await?;
        }
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

fn refuse_another_place(known: &Known, target: &Target) -> Result<()> {
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
async fn start_over(name: &str, target: &Target, version: i64, around: &Around<'_>) -> Result<i64> {
    tracing::warn!(table = %name, "it is not in the store any more: it is copied again");
    let (store, status) = (around.store, around.status);
    flush::patiently(status, || crate::copier::forget_ranges(store, target)).await?;
    let known = Known::of(target, State::Waiting, CopyState::default(), version);
    known.record(name, store, status).await
}

/// The table of that name was dropped at the source and made anew: what a mirror holds are rows of
/// the old one. Facts stay.
async fn forget_rows(target: &Target, around: &Around<'_>) -> Result<()> {
    let store = around.store;
    let is_mirror = target.mode == Mode::Mirror;
    crate::quarantine::supersede(store, around.status, &target.table.name, None, is_mirror).await?;
    if target.mode == Mode::Mirror {
        store.execute(&format!("TRUNCATE TABLE {}", store::ddl::name(&target.rows))).await?;
    }
    crate::copier::forget_ranges(store, target).await
}

impl Entry {
    /// An append table whose copy has no position yet: which rows of the stream the copy will
    /// hold is not known, so none are taken.
    pub(crate) fn is_unpointed(&self) -> bool {
        self.intervals.is_some() && self.copy.attempt == 0 && self.state != State::Failed
    }

    /// Rows of the stream are left for the session that will read them again.
    pub(crate) fn is_skipping(&self) -> bool {
        self.is_unpointed() || self.skipped.is_some()
    }

    pub(crate) fn needs_copy(&self) -> bool {
        matches!(self.state, State::Waiting | State::Copying)
    }

    /// The shape in which the stream sends the table now.
    pub(crate) fn shape(&self) -> &Arc<Target> {
        self.shapes.last().expect("there is always one")
    }

    /// The target for blocks of that shape.
    pub(crate) fn target_for(&self, table: &Arc<Table>) -> Option<&Arc<Target>> {
        self.shapes.iter().rev().find(|target| {
            Arc::ptr_eq(&target.table, table) || target.table.columns == table.columns
        })
    }

    /// A copy begins or goes on. What the stream saw meanwhile stays.
    pub(crate) fn set_copy(&mut self, copy: CopyState) {
        self.copy = CopyState { rekeyed_at: self.copy.rekeyed_at, ..copy };
        if let Some(intervals) = &mut self.intervals {
            intervals.set_copied_before(copy.first_point);
        }
    }

    /// Whether the stream has just seen the first change of a key, which has to be made durable.
    pub(crate) fn note_rekeyed(&mut self) -> bool {
        let Some(intervals) = self.intervals.as_ref().filter(|_| self.state == State::Copying)
        else {
            return false;
        };
        let known = self.copy.is_rekeyed();
        self.copy.rekeyed_at = self.copy.rekeyed_at.max(intervals.rekeyed_at);
        self.rekeyed_at.store(self.copy.rekeyed_at.0, Ordering::Release);
        !known && self.copy.is_rekeyed()
    }

    /// What it was is over: it is copied again, in this shape.
    pub(crate) fn begin_again(&mut self, target: Arc<Target>, copy: CopyState) {
        self.rekeyed_at = Arc::default();
        self.shapes = vec![target.clone()];
        (self.target, self.copy, self.skipped) = (target, copy, None);
    }

    /// Makes the state durable, then shows it.
    pub(crate) async fn enter(
        &mut self,
        state: State,
        reason: Option<&Error>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let text = reason.map(|error| with_way_back(error, &self.name));
        let known = Known::of(&self.target, state, self.copy, self.version);
        let known = Known { reason: text.clone(), ..known };
        self.version = known.record(&self.name, store, status).await?;
        self.state = state;
        status.with_table(&self.name, |table| {
            table.state = state;
            table.last_error = text;
        });
        Ok(())
    }
}

/// What a person reads of a table that stopped, with what can be done about it.
fn with_way_back(error: &Error, name: &str) -> String {
    format!(
        "{}\nway back: once that is mended, millrace resync '{}' copies the table again, as it is at \
         the source then",
        error.report(),
        name.replace('\'', "'\\''")
    )
}

impl Known {
    fn of(target: &Target, state: State, copy: CopyState, version: i64) -> Known {
        Known {
            id: target.table.id.0,
            mode: target.mode.name().to_owned(),
            target: target.name.to_string(),
            state,
            copy,
            reason: None,
            slot: String::new(),
            version,
        }
    }

    /// Makes it durable. Returns its version, which is later than the one of before even when the
    /// clock was set back.
    async fn record(mut self, name: &str, store: &dyn Store, status: &Status) -> Result<i64> {
        self.version = crate::status::now_us().max(self.version + 1);
        let version = self.version;
        let rows: Rows = vec![self.row(name, &status.slot())];
        flush::patiently(status, || store.record(STATES, rows.clone())).await?;
        Ok(version)
    }

    fn row(self, name: &str, slot: &str) -> Vec<Option<String>> {
        let row = [
            name.to_owned(),
            self.id.to_string(),
            self.mode,
            self.target,
            self.state.name().to_owned(),
            self.copy.detail(self.reason.as_deref(), slot),
            self.version.to_string(),
        ];
        row.map(Some).to_vec()
    }

    /// What is committed to it now is sent to nobody; were it published again, it had a gap.
    async fn fail_unpublished(self, name: &str, around: &Around<'_>) -> Result<()> {
        if self.state == State::Failed {
            return Ok(());
        }
        let error = Error::definite(format!("cannot stream {name}: the publication lacked it"));
        tracing::warn!(table = %name, "the publication lacks it; what is kept of it stays as it is");
        self.fail(name, error, around).await.map(drop)
    }

    /// It goes no further, and that stays so: the rows that come meanwhile do not reach it. Returns
    /// what is told of it.
    async fn fail(mut self, name: &str, error: Error, around: &Around<'_>) -> Result<String> {
        let text = with_way_back(&error, name);
        (self.state, self.reason) = (State::Failed, Some(text.clone()));
        self.record(name, around.store, around.status).await?;
        Ok(text)
    }
}

const STATES: &str = "millrace.tables (name, id, mode, target, state, detail, version)";

/// One of these tables that the store knows already.
pub(crate) async fn any_known(store: &dyn Store, published: &[Table]) -> Result<Option<String>> {
    let known = read_states(store).await?;
    let names = published.iter().map(|table| table.name.to_string());
    Ok(names.into_iter().find(|name| known.contains_key(name)))
}

async fn read_states(store: &dyn Store) -> Result<HashMap<String, Known>> {
    let sql = "SELECT name, id, mode, target, state, detail, version FROM millrace.tables FINAL";
    let unreadable = || Error::bug("a row of millrace.tables does not read back");
    let mut all = HashMap::new();
    for row in store.query(sql).await? {
        let fields: Option<Vec<String>> = row.into_iter().collect();
        let fields: [String; 7] =
            fields.and_then(|fields| fields.try_into().ok()).ok_or_else(unreadable)?;
        let [name, id, mode, target, state, detail, version] = fields;
        let state = State::from_name(&state).ok_or_else(|| {
            Error::definite(format!("cannot read the state of {name}: {state:?} is unknown"))
                .hint("this data directory was written by a newer millrace; update this one")
        })?;
        let id = id.parse().map_err(|_| unreadable())?;
        let version = version.parse().map_err(|_| unreadable())?;
        let (copy, reason, slot) = CopyState::read(&detail)?;
        all.insert(name, Known { id, mode, target, state, copy, reason, slot, version });
    }
    Ok(all)
}

impl CopyState {
    /// Changes before the first point are in its snapshot.
    pub(crate) fn is_rekeyed(&self) -> bool {
        !self.rekeyed_at.is_zero() && self.rekeyed_at >= self.first_point
    }

    fn detail(&self, reason: Option<&str>, slot: &str) -> String {
        serde_json::json!({
            "attempt": self.attempt,
            "first_point": self.first_point.to_string(),
            "first_xmin": self.first_xmin,
            "rekeyed_at": self.rekeyed_at.to_string(),
            "sweeps": self.sweeps,
            "rows_per_second_max": self.rows_per_second_max,
            "reason": reason,
            "slot": slot,
        })
        .to_string()
    }

    fn read(detail: &str) -> Result<(CopyState, Option<String>, String)> {
        let unreadable = || Error::bug("a detail of millrace.tables does not read back");
        let json: serde_json::Value = serde_json::from_str(detail).map_err(|_| unreadable())?;
        let point = json["first_point"].as_str().and_then(|text| text.parse().ok());
        let rekeyed = json["rekeyed_at"].as_str().and_then(|text| text.parse().ok());
        let state = CopyState {
            attempt: json["attempt"].as_u64().ok_or_else(unreadable)? as u32,
            first_point: point.ok_or_else(unreadable)?,
            first_xmin: json["first_xmin"].as_u64().ok_or_else(unreadable)?,
            rekeyed_at: rekeyed.ok_or_else(unreadable)?,
            sweeps: json["sweeps"].as_bool().unwrap_or_default(),
            rows_per_second_max: json["rows_per_second_max"].as_u64().unwrap_or_default(),
        };
        let slot = json["slot"].as_str().unwrap_or_default().to_owned();
        Ok((state, json["reason"].as_str().map(str::to_owned), slot))
    }
}

#[cfg(test)]
impl Tables {
    /// One append table that streams; its last batch was recorded.
    pub(crate) fn of_append(target: Target, recorded: Record) -> Tables {
        let (id, key) = (target.table.id, target.name.to_string());
        let target = Arc::new(target);
        let entry = Entry {
            name: target.table.name.to_string(),
            shapes: vec![target.clone()],
            target,
            state: State::Streaming,
            version: 0,
            intervals: Some(Intervals::new(key, Some(recorded))),
            copy: CopyState { attempt: 1, ..CopyState::default() },
            skipped: None,
            rekeyed_at: Arc::default(),
        };
        let by_id = HashMap::from([(id, entry)]);
        Tables { by_id, options: BTreeMap::new(), database_pattern: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_copy_reads_back() {
        let (first_point, rekeyed_at) = (Lsn(77), Lsn(78));
        let (attempt, first_xmin, sweeps, rows_per_second_max) = (3, 1 << 40, true, 5000);
        let copy =
            CopyState { attempt, first_point, first_xmin, rekeyed_at, sweeps, rows_per_second_max };
        assert!(copy.is_rekeyed());
        assert!(!CopyState { first_point: Lsn(79), ..copy }.is_rekeyed());
        assert_eq!(CopyState::read(&copy.detail(None, "s")).unwrap(), (copy, None, "s".into()));
        let why = copy.detail(Some("no \"key\""), "");
        assert_eq!(
            CopyState::read(&why).unwrap(),
            (copy, Some("no \"key\"".into()), String::new())
        );
        assert!(CopyState::read("{}").is_err());
    }
}
