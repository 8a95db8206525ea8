//! Facts that wait while an UPDATE leaves a newer row (`on_update = "apply"`): no replay brings them.

use super::{State, change};
use crate::flush::patiently;
use crate::keys::key_bytes;
use crate::status::Status;
use model::{Block, Error, Result, Version};
use source::decode::again::push_key;
use std::collections::HashMap;
use store::{Store, Target, ddl};

/// Rows in one statement.
const ROWS_AT_ONCE: usize = 1000;

/// Those that have the key of one of these rows, and are older.
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
    let waiting = format!(
        "source_table = {} AND state IN ('waiting', 'replaying')",
        ddl::literal(&target.table.name.to_string())
    );
    let sql = format!(
        "SELECT id, version, key FROM millrace.quarantine FINAL \
         WHERE {waiting} AND key != '' AND version < toUInt128('{}')",
        last.0
    );
    let mut keys = Block::new(block.table.clone());
    let mut older = Vec::new();
    for row in patiently(status, || store.query(&sql)).await? {
        let (id, version, key) = read(row).ok_or_else(unreadable)?;
        // Each may have been printed otherwise.
        if !push_key(&mut keys, &key, version) {
            continue;
        }
        let newest = newest.get(&key_bytes(&keys, keys.rows() - 1));
        if newest.is_some_and(|newest| *newest > version) {
            older.push(ddl::literal(&id));
        }
    }
    for ids in older.chunks(ROWS_AT_ONCE) {
        let which = format!("{waiting} AND id IN ({})", ids.join(", "));
        let sql = change(State::Superseded, false, &which);
        patiently(status, || store.execute(&sql)).await?;
    }
    Ok(())
}

fn read(row: Vec<Option<String>>) -> Option<(String, Version, Vec<String>)> {
    let [id, version, key] = <[Option<String>; 3]>::try_from(row).ok()?;
    Some((id?, Version(version?.parse().ok()?), serde_json::from_str(&key?).ok()?))
}

fn unreadable() -> Error {
    Error::bug("a row of millrace.quarantine does not read back")
}
