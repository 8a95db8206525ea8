//! What the store remembers of each table, in `millrace.tables`: where it is kept, how far its copy is,
//! and what its columns were.

use super::Around;
use crate::evolve::Past;
use crate::retry;
use crate::status::{State, Status, TableStatus};
use model::{Error, Lsn, Mode, Result, Table, TableName};
use std::collections::HashMap;
use store::{Rows, Store, Target};

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
    /// Of an append table that was copied before: only facts that the store lacks are taken, and what
    /// is there stays whatever happens.
    pub(crate) repairs: bool,
    /// Rows of an append table were updated at the source since: they are as they were first.
    pub(crate) updated: bool,
    /// 0: as fast as it goes.
    pub(crate) rows_per_second_max: u64,
}

/// What the store remembers of a table.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) id: u32,
    pub(crate) mode: String,
    pub(crate) target: String,
    pub(crate) state: State,
    pub(crate) copy: CopyState,
    /// Empty: not written down.
    pub(crate) past: Past,
    pub(crate) reason: Option<String>,
    /// Whose stream brings it.
    pub(crate) slot: String,
    /// Microseconds since 1970, later in every record.
    pub(crate) version: i64,
}

/// What a person reads of a table that stopped, with what can be done about it.
pub(super) fn with_way_back(error: &Error, name: &str) -> String {
    format!(
        "{}\nway back: once that is mended, millrace resync '{}' copies the table again, as it is at \
         the source then",
        error.report(),
        name.replace('\'', "'\\''")
    )
}

impl Known {
    /// Of a name that nothing has any more.
    pub(super) const NO_TABLE: u32 = 0;
    /// Of a table of another server.
    const SOME_TABLE: u32 = u32::MAX;

    pub(crate) fn of(target: &Target, state: State, copy: CopyState, version: i64) -> Known {
        Known {
            past: Past::of(target),
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
    pub(crate) async fn record(
        mut self,
        name: &str,
        store: &dyn Store,
        status: &Status,
    ) -> Result<i64> {
        self.version = crate::status::now_us().max(self.version + 1);
        let version = self.version;
        let rows: Rows = vec![self.row(name, &status.slot())];
        retry::patiently(status, || store.record(STATES, rows.clone())).await?;
        Ok(version)
    }

    pub(super) fn row(self, name: &str, slot: &str) -> Vec<Option<String>> {
        let row = [
            name.to_owned(),
            self.id.to_string(),
            self.mode,
            self.target,
            self.state.name().to_owned(),
            self.copy.detail(&self.past, self.reason.as_deref(), slot),
            self.version.to_string(),
        ];
        row.map(Some).to_vec()
    }

    /// What is committed to it now is sent to nobody: published again, it is copied again.
    /// `is_elsewhere`: and what has its oid now is another table.
    pub(super) async fn note_unpublished(
        mut self,
        name: &str,
        is_elsewhere: bool,
        around: &Around<'_>,
    ) -> Result<()> {
        if is_elsewhere {
            self.id = Known::SOME_TABLE;
        } else if matches!(self.state, State::Failed | State::Removed) {
            return Ok(());
        }
        tracing::warn!(table = %name, "the publication lacks it; what is kept of it stays as it is");
        self.state = State::Removed;
        self.record(name, around.store, around.status).await.map(drop)
    }

    /// It goes no further, and that stays so: the rows that come meanwhile do not reach it. Returns
    /// what is told of it.
    pub(super) async fn fail(
        mut self,
        name: &str,
        error: Error,
        around: &Around<'_>,
    ) -> Result<String> {
        let text = with_way_back(&error, name);
        (self.state, self.reason) = (State::Failed, Some(text.clone()));
        self.record(name, around.store, around.status).await?;
        Ok(text)
    }
}

pub(super) const STATES: &str = "millrace.tables (name, id, mode, target, state, detail, version)";

/// Whether the store holds one of these tables by this slot. None may have come through another one.
pub(crate) async fn is_known(store: &dyn Store, published: &[Table], slot: &str) -> Result<bool> {
    let known = read_states(store).await?;
    let ours = published.iter().filter_map(|table| {
        let name = table.name.to_string();
        known.get(&name).map(|known| (name, known))
    });
    let mut is_known = false;
    for (name, known) in ours {
        if known.slot != slot {
            return Err(Error::definite(format!("cannot use slot {slot} with this store"))
                .detail(format!("The store holds {name}, which came through another slot."))
                .hint("set [source] slot to that one, or start with a new data directory"));
        }
        is_known = true;
    }
    Ok(is_known)
}

/// As the store remembers them: there may be no source to ask.
pub(crate) async fn show_known(store: &dyn Store, status: &Status) -> Result<()> {
    let slot = status.slot();
    let ours = |(name, known): &(String, Known)| known.slot == slot && !status.has_table(name);
    for (name, known) in read_states(store).await?.into_iter().filter(ours) {
        let place = known.target.split_once('.').unwrap_or(("", &known.target));
        let target = TableName::new(place.0, place.1);
        let Some(mode) = Mode::from_name(&known.mode) else { continue };
        let mut shown = TableStatus::new(mode, target.clone(), store::rows_of(mode, &target));
        (shown.state, shown.last_error) = (known.state, known.reason);
        status.set_table(&name, shown);
    }
    Ok(())
}

pub(crate) const READ_STATES: &str = "SELECT name, id, mode, target, state, detail, version FROM millrace.tables FINAL WHERE id != 0";

pub(crate) async fn read_states(store: &dyn Store) -> Result<HashMap<String, Known>> {
    states_of(store.query(READ_STATES).await?)
}

/// What [`READ_STATES`] has answered.
pub(crate) fn states_of(rows: Rows) -> Result<HashMap<String, Known>> {
    let unreadable = || Error::bug("a row of millrace.tables does not read back");
    let mut all = HashMap::new();
    for row in rows {
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
        let (copy, past, reason, slot) = CopyState::read(&detail)?;
        all.insert(name, Known { id, mode, target, state, copy, past, reason, slot, version });
    }
    Ok(all)
}

impl CopyState {
    /// Changes before the first point are in its snapshot.
    pub(crate) fn is_rekeyed(&self) -> bool {
        !self.rekeyed_at.is_zero() && self.rekeyed_at >= self.first_point
    }

    fn detail(&self, past: &Past, reason: Option<&str>, slot: &str) -> String {
        serde_json::json!({
            "attempt": self.attempt,
            "first_point": self.first_point.to_string(),
            "first_xmin": self.first_xmin,
            "rekeyed_at": self.rekeyed_at.to_string(),
            "sweeps": self.sweeps,
            "repairs": self.repairs,
            "updated": self.updated,
            "rows_per_second_max": self.rows_per_second_max,
            "past": past.to_json(),
            "reason": reason,
            "slot": slot,
        })
        .to_string()
    }

    pub(crate) fn read(detail: &str) -> Result<(CopyState, Past, Option<String>, String)> {
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
            repairs: json["repairs"].as_bool().unwrap_or_default(),
            // Not written down: who knows.
            updated: json["updated"].as_bool().unwrap_or(true),
            rows_per_second_max: json["rows_per_second_max"].as_u64().unwrap_or_default(),
        };
        let slot = json["slot"].as_str().unwrap_or_default().to_owned();
        let past = match &json["past"] {
            serde_json::Value::Null => Past::default(),
            past => Past::from_json(past).ok_or_else(unreadable)?,
        };
        Ok((state, past, json["reason"].as_str().map(str::to_owned), slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_copy_reads_back() {
        let (first_point, rekeyed_at) = (Lsn(77), Lsn(78));
        let (attempt, first_xmin, rows_per_second_max) = (3, 1 << 40, 5000);
        let (sweeps, repairs, updated) = (true, true, true);
        let copy = CopyState {
            attempt,
            first_point,
            first_xmin,
            rekeyed_at,
            sweeps,
            repairs,
            updated,
            rows_per_second_max,
        };
        assert!(copy.is_rekeyed());
        assert!(!CopyState { first_point: Lsn(79), ..copy }.is_rekeyed());
        let past = Past::default();
        assert_eq!(
            CopyState::read(&copy.detail(&past, None, "s")).unwrap(),
            (copy, past.clone(), None, "s".into())
        );
        let why = copy.detail(&past, Some("no \"key\""), "");
        assert_eq!(
            CopyState::read(&why).unwrap(),
            (copy, past, Some("no \"key\"".into()), String::new())
        );
        assert!(CopyState::read("{}").is_err());
    }
}
