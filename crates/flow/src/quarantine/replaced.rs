//! Facts that were refused, and what came of their keys since: an UPDATE leaves a newer row, or goes on with
//! what the refused one had.

use super::{State, change};
use crate::keys::key_bytes;
use crate::retry::patiently;
use crate::status::Status;
use model::{Block, Error, Result, Version};
use source::decode::again::push_key;
use std::collections::{BTreeSet, HashMap};
use store::{Store, Target, ddl};

/// Rows in one statement.
const ROWS_AT_ONCE: usize = 1000;

const WAITING: &str = "state IN ('waiting', 'replaying')";

/// Where an UPDATE applies: those that have the key of one of these rows, and are older, wait no more.
pub(crate) async fn supersede_older(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    rows: &[usize],
) -> Result<()> {
    let mut newest: HashMap<Vec<u8>, Version> = HashMap::new();
    for &row in rows {
        let known = newest.entry(key_bytes(block, row)).or_insert(block.versions[row]);
        *known = block.versions[row].max(*known);
    }
    let Some(last) = newest.values().max() else { return Ok(()) };
    let of_table = of_table(target);
    let sql = format!(
        "SELECT id, version, key FROM millrace.quarantine FINAL \
         WHERE {of_table} AND {WAITING} AND key != '' AND version < toUInt128('{}')",
        last.0
    );
    let mut older = Vec::new();
    for (id, version, key) in keyed(store, status, block, &sql).await? {
        if newest.get(&key).is_some_and(|newest| *newest > version) {
            older.push(ddl::literal(&id));
        }
    }
    for ids in older.chunks(ROWS_AT_ONCE) {
        let which = format!("{of_table} AND {WAITING} AND id IN ({})", ids.join(", "));
        let sql = change(State::Superseded, false, &which);
        patiently(status, || store.execute(&sql)).await?;
    }
    Ok(())
}

/// Of each of these rows the last one before it that has its key, was refused, and is not in the store.
pub(crate) async fn refused_before(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    rows: &[usize],
) -> Result<Vec<Option<Version>>> {
    // What became of it: settled ones, which FINAL does not show, were there as well.
    let sql = format!(
        "SELECT id, any(version), any(key) FROM millrace.quarantine WHERE {} AND key != '' \
         GROUP BY id HAVING argMax(state, rank) != 'replayed'",
        of_table(target)
    );
    let mut refused: HashMap<Vec<u8>, BTreeSet<Version>> = HashMap::new();
    for (_, version, key) in keyed(store, status, block, &sql).await? {
        refused.entry(key).or_default().insert(version);
    }
    let before = |&row: &usize| {
        let versions = refused.get(&key_bytes(block, row))?;
        versions.range(..block.versions[row]).next_back().copied()
    };
    Ok(rows.iter().map(before).collect())
}

fn of_table(target: &Target) -> String {
    format!("source_table = {}", ddl::literal(&target.table.name.to_string()))
}

/// Ids, versions and keys, as the block has keys: each may have been printed otherwise.
async fn keyed(
    store: &dyn Store,
    status: &Status,
    block: &Block,
    sql: &str,
) -> Result<Vec<(String, Version, Vec<u8>)>> {
    let mut keys = Block::new(block.table.clone());
    let mut rows = Vec::new();
    for row in patiently(status, || store.query(sql)).await? {
        let unreadable = || Error::bug("a row of millrace.quarantine does not read back");
        let (id, version, key) = read(row).ok_or_else(unreadable)?;
        if push_key(&mut keys, &key, version) {
            rows.push((id, version, key_bytes(&keys, keys.rows() - 1)));
        }
    }
    Ok(rows)
}

fn read(row: Vec<Option<String>>) -> Option<(String, Version, Vec<String>)> {
    let [id, version, key] = <[Option<String>; 3]>::try_from(row).ok()?;
    Some((id?, Version(version?.parse().ok()?), serde_json::from_str(&key?).ok()?))
}
