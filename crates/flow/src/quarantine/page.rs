//! Rows of the quarantine as they are read back, some at a time, and what is written of them.

use super::State;
use crate::retry::patiently;
use crate::status::{Status, now_us};
use model::{Error, Op, Result, Version};
use source::decode::again::{Refused, Texts};
use store::{Rows, Store, ddl};

/// Rows in hand at once, and their texts.
const PAGE_ROWS: usize = 1000;
const PAGE_BYTES: usize = 16 << 20;

/// A row that waits.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) version: Version,
    pub(crate) op: String,
    pub(crate) column: String,
    pub(crate) reason: String,
    pub(crate) row: String,
    pub(crate) key: String,
    pub(crate) at: String,
    pub(crate) step: i64,
}

impl Kept {
    pub(crate) fn texts(&self) -> Option<Texts> {
        serde_json::from_str(&self.row).ok()
    }

    pub(crate) fn key(&self) -> Vec<String> {
        serde_json::from_str(&self.key).unwrap_or_default()
    }

    pub(crate) fn op(&self) -> Op {
        if self.op == "insert" { Op::Insert } else { Op::Update }
    }
}

fn unreadable() -> Error {
    Error::bug("a row of millrace.quarantine does not read back")
}

/// The next rows after `after` for which `which` holds, in the order of their ids.
pub(crate) async fn next(
    store: &dyn Store,
    status: &Status,
    table: &str,
    which: &str,
    after: &str,
) -> Result<Vec<Kept>> {
    let of_table = format!("source_table = {} AND {which}", ddl::literal(table));
    let sql = format!(
        "SELECT concat('=', id), length(row) FROM millrace.quarantine FINAL \
         WHERE {of_table} AND id > {} ORDER BY id LIMIT {PAGE_ROWS}",
        ddl::literal(after)
    );
    let (mut last, mut bytes) = (None, 0);
    for row in patiently(status, || store.query(&sql)).await? {
        let [Some(id), Some(length)] = &row[..] else { return Err(unreadable()) };
        bytes += length.parse::<usize>().map_err(|_| unreadable())?;
        if bytes > PAGE_BYTES && last.is_some() {
            break;
        }
        last = Some(id.strip_prefix('=').ok_or_else(unreadable)?.to_owned());
    }
    let Some(last) = last else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT id, version, op, column, reason, row, key, at, step FROM millrace.quarantine FINAL \
         WHERE {of_table} AND id > {} AND id <= {} ORDER BY id",
        ddl::literal(after),
        ddl::literal(&last)
    );
    let rows = patiently(status, || store.query(&sql)).await?;
    rows.into_iter().map(|row| read(row).ok_or_else(unreadable)).collect()
}

fn read(row: Vec<Option<String>>) -> Option<Kept> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().flatten();
    Some(Kept {
        id: next()?,
        version: Version(next()?.parse().ok()?),
        op: next()?,
        column: next()?,
        reason: next()?,
        row: next()?,
        key: next()?,
        at: next()?,
        step: next()?.parse().ok()?,
    })
}

const COLUMNS: &str = "millrace.quarantine (source_table, id, version, op, column, reason, row, \
    key, state, step, settled, token, at)";

/// Writes what became of rows. What is settled is kept without its text.
pub(crate) async fn mark(
    store: &dyn Store,
    status: &Status,
    table: &str,
    rows: &mut [Kept],
    state: State,
    is_settled: bool,
    token: &str,
) -> Result<()> {
    let now = now_us();
    // Later than the record of before, even when the clock was set back.
    rows.iter_mut().for_each(|kept| kept.step = now.max(kept.step + 1));
    let record = |kept: &Kept| {
        let row = if is_settled { String::new() } else { kept.row.clone() };
        let fields = [
            table.to_owned(),
            kept.id.clone(),
            kept.version.0.to_string(),
            kept.op.clone(),
            kept.column.clone(),
            kept.reason.clone(),
            row,
            kept.key.clone(),
            state.name().to_owned(),
            kept.step.to_string(),
            u8::from(is_settled).to_string(),
            token.to_owned(),
            kept.at.clone(),
        ];
        fields.map(Some).to_vec()
    };
    let rows: Rows = rows.iter().map(record).collect();
    if rows.is_empty() {
        return Ok(());
    }
    patiently(status, || store.record(COLUMNS, rows.clone())).await
}

/// The row with the reason for which it is refused now.
pub(crate) fn refused(kept: &Kept, refused: Refused) -> Kept {
    Kept { column: refused.column, reason: refused.reason, ..kept.clone() }
}
