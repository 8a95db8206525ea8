//! What is in the quarantine, and forgetting it. The store alone answers, with or without a pipeline.

use super::words::{Dropped, Filter, Group, Shown};
use super::{State, change};
use crate::status::now_us;
use model::{Error, Lsn, Result};
use store::{Store, ddl};

/// Groups in an answer: a table has a handful.
const GROUPS_MAX: usize = 10_000;
/// Rows in an answer, and the bytes of their texts.
const SHOWN_MAX: usize = 10_000;
const SHOWN_BYTES_MAX: usize = 16 << 20;

/// What a person may see: settled rows are gone, and those on their way are as good as there.
const VISIBLE: &str = "state IN ('waiting', 'superseded', 'replaying')";

fn condition(filter: &Filter) -> String {
    let mut condition = VISIBLE.to_owned();
    if !filter.tables.is_empty() {
        let tables: Vec<String> = filter.tables.iter().map(|name| ddl::literal(name)).collect();
        condition += &format!(" AND source_table IN ({})", tables.join(", "));
    }
    if let Some(column) = &filter.column {
        condition += &format!(" AND column = {}", ddl::literal(column));
    }
    condition
}

fn unreadable() -> Error {
    Error::bug("a row of millrace.quarantine does not read back")
}

/// Fields behind a `=`, so that an empty one is not an empty line.
fn fields<const N: usize>(row: Vec<Option<String>>) -> Result<[String; N]> {
    let fields: Option<Vec<String>> = row.into_iter().collect();
    let mut fields: [String; N] =
        fields.and_then(|fields| fields.try_into().ok()).ok_or_else(unreadable)?;
    fields[0] = fields[0].strip_prefix('=').ok_or_else(unreadable)?.to_owned();
    Ok(fields)
}

pub async fn list(store: &dyn Store, filter: &Filter) -> Result<Vec<Group>> {
    let sql = format!(
        "SELECT concat('=', source_table), column, reason, countIf(state != 'superseded'), \
         countIf(state = 'superseded'), max(at) FROM millrace.quarantine FINAL WHERE {} \
         GROUP BY source_table, column, reason ORDER BY source_table, column, reason \
         LIMIT {GROUPS_MAX}",
        condition(filter)
    );
    let mut groups = Vec::new();
    for row in store.query(&sql).await? {
        let [table, column, reason, rows, superseded, newest] = fields(row)?;
        let rows = rows.parse().map_err(|_| unreadable())?;
        let superseded = superseded.parse().map_err(|_| unreadable())?;
        groups.push(Group { table, column, reason, rows, superseded, newest });
    }
    Ok(groups)
}

/// The newest first.
pub async fn show(store: &dyn Store, filter: &Filter) -> Result<Vec<Shown>> {
    let most = match filter.rows_max {
        0 => SHOWN_MAX,
        rows => rows.min(SHOWN_MAX),
    };
    let condition = condition(filter);
    // Whole rows may be large: as many as fit.
    let sizes = format!(
        "SELECT length(row) FROM millrace.quarantine FINAL WHERE {condition} \
         ORDER BY version DESC, id LIMIT {most}"
    );
    let (mut rows, mut bytes) = (0, 0);
    for row in store.query(&sizes).await? {
        let size = row.first().and_then(|field| field.as_ref()?.parse::<usize>().ok());
        bytes += size.ok_or_else(unreadable)?;
        if rows > 0 && bytes > SHOWN_BYTES_MAX {
            break;
        }
        rows += 1;
    }
    let sql = format!(
        "SELECT concat('=', source_table), toString(toUInt64(bitShiftRight(version, 64))), op, \
         column, reason, state, at, row FROM millrace.quarantine FINAL WHERE {condition} \
         ORDER BY version DESC, id LIMIT {rows}"
    );
    let mut shown = Vec::new();
    for row in store.query(&sql).await? {
        let [table, position, op, column, reason, state, at, row] = fields(row)?;
        let position = Lsn(position.parse().map_err(|_| unreadable())?).to_string();
        let row = serde_json::from_str(&row).unwrap_or(serde_json::Value::String(row));
        shown.push(Shown { table, position, op, column, reason, state, at, row });
    }
    Ok(shown)
}

/// Forgets rows. Those on their way are not touched.
pub async fn drop_rows(store: &dyn Store, filter: &Filter) -> Result<Vec<Dropped>> {
    // Only what is there now: the answer says how many.
    let which = format!(
        "{} AND state != 'replaying' AND step < {} AND at <= fromUnixTimestamp64Milli({})",
        condition(filter),
        now_us(),
        now_us() / 1000
    );
    let sql = format!(
        "SELECT concat('=', source_table), count() FROM millrace.quarantine FINAL WHERE {which} \
         GROUP BY source_table ORDER BY source_table"
    );
    let mut dropped = Vec::new();
    for row in store.query(&sql).await? {
        let [table, rows] = fields(row)?;
        dropped.push(Dropped { table, rows: rows.parse().map_err(|_| unreadable())? });
    }
    if !dropped.is_empty() {
        store.execute(&change(State::Dropped, true, &which)).await?;
    }
    Ok(dropped)
}
