//! The tables of the pipeline: what each is, where it goes, and what survives a restart of it.

use crate::flush;
use crate::intervals::Intervals;
use crate::status::{State, Status, TableStatus};
use model::{Error, Lsn, Mode, Result, Table, TableId, TableOptions};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{Rows, Store, Target};

/// One table while the pipeline runs.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) target: Arc<Target>,
    pub(crate) state: State,
    /// Append tables only.
    pub(crate) intervals: Option<Intervals>,
    /// Where the copy stands, while there is one.
    pub(crate) copy: CopyState,
}

/// The part of a copy's state that survives a restart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct CopyState {
    /// How many snapshots it took so far; 0: not begun.
    pub(crate) attempt: u32,
    /// The consistent point of the first snapshot and the oldest transaction it did not see.
    pub(crate) first_point: Lsn,
    pub(crate) first_xmin: u64,
}

pub(crate) struct Tables {
    pub(crate) by_id: HashMap<TableId, Entry>,
}

impl Tables {
    /// Resolves every published table, creates what is missing in the store, and reads back states.
    pub(crate) async fn load(
        published: Vec<Table>,
        options: &BTreeMap<String, TableOptions>,
        database_pattern: Option<&str>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<Tables> {
        let known = read_states(store).await?;
        let mut records: HashMap<_, _> = flush::last_records(store).await?.into_iter().collect();
        let mut by_id = HashMap::new();
        for table in published {
            let name = table.name.to_string();
            let options = options.get(&name).cloned().unwrap_or_default();
            let (id, source_name) = (table.id, table.name.clone());
            let target = match Target::resolve(Arc::new(table), &options, database_pattern) {
                Ok(target) => Arc::new(target),
                Err(error) => {
                    let mut failed =
                        TableStatus::new(options.mode, source_name.clone(), source_name);
                    failed.state = State::Failed;
                    failed.last_error = Some(error.report());
                    tracing::error!(table = %name, error = %error.report(), "table left out");
                    status.set_table(&name, failed);
                    continue;
                }
            };
            for statement in store::ddl::create(&target) {
                store.execute(&statement).await?;
            }
            let (state, copy, reason) =
                known.get(&name).cloned().unwrap_or((State::Waiting, CopyState::default(), None));
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
            status.set_table(&name, shown);
            by_id.insert(id, Entry { name, target, state, intervals, copy });
        }
        Ok(Tables { by_id })
    }

    /// Whether some append table holds rows back, so that nothing may be confirmed.
    pub(crate) fn any_waiting(&self) -> bool {
        self.by_id.values().any(|e| e.intervals.as_ref().is_some_and(Intervals::is_waiting))
    }
}

impl Entry {
    /// Makes the state durable, then shows it.
    pub(crate) async fn enter(
        &mut self,
        state: State,
        reason: Option<&Error>,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let text = reason.map(Error::report);
        let row = [
            self.name.clone(),
            self.target.table.id.to_string(),
            self.target.mode.name().to_owned(),
            self.target.name.to_string(),
            state.name().to_owned(),
            self.copy.detail(text.as_deref()),
            crate::status::now_us().to_string(),
        ];
        let rows: Rows = vec![row.map(Some).to_vec()];
        flush::patiently(status, || store.record(STATES, rows.clone())).await?;
        self.state = state;
        status.with_table(&self.name, |table| {
            table.state = state;
            table.last_error = text;
        });
        Ok(())
    }
}

const STATES: &str = "millrace.tables (name, id, mode, target, state, detail, version)";

type Known = HashMap<String, (State, CopyState, Option<String>)>;

async fn read_states(store: &dyn Store) -> Result<Known> {
    let rows = store.query("SELECT name, state, detail FROM millrace.tables FINAL").await?;
    let mut known = Known::new();
    for row in rows {
        let [Some(name), Some(state), Some(detail)] = row.as_slice() else {
            return Err(Error::bug("a row of millrace.tables does not read back"));
        };
        let state = State::from_name(state).ok_or_else(|| {
            Error::definite(format!("cannot read the state of {name}: {state:?} is unknown"))
                .hint("this data directory was written by a newer millrace; update this one")
        })?;
        let (copy, reason) = CopyState::read(detail)?;
        known.insert(name.clone(), (state, copy, reason));
    }
    Ok(known)
}

impl CopyState {
    fn detail(&self, reason: Option<&str>) -> String {
        serde_json::json!({
            "attempt": self.attempt,
            "first_point": self.first_point.to_string(),
            "first_xmin": self.first_xmin,
            "reason": reason,
        })
        .to_string()
    }

    fn read(detail: &str) -> Result<(CopyState, Option<String>)> {
        let unreadable = || Error::bug("a detail of millrace.tables does not read back");
        let json: serde_json::Value = serde_json::from_str(detail).map_err(|_| unreadable())?;
        let point = json["first_point"].as_str().and_then(|text| text.parse().ok());
        let state = CopyState {
            attempt: json["attempt"].as_u64().ok_or_else(unreadable)? as u32,
            first_point: point.ok_or_else(unreadable)?,
            first_xmin: json["first_xmin"].as_u64().ok_or_else(unreadable)?,
        };
        Ok((state, json["reason"].as_str().map(str::to_owned)))
    }
}
