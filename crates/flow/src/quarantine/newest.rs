//! What the store knows of a quarantined row's key: a newer row makes it a thing of the past.

use super::page::Kept;
use crate::keys::Staged;
use crate::retry::patiently;
use crate::status::Status;
use model::{Block, Error, Fate, Lsn, OnUpdate, Result, Version};
use source::decode::again::push_key;
use std::collections::BTreeMap;
use store::{Store, Target, ddl};

/// The version of a replayed row: newer than the DELETE of its key that was written in its place,
/// older than anything else. Changes lie at multiples of 8 in the log.
pub(super) fn replayed(version: Version) -> Version {
    Version(version.0 + 1)
}

/// The newest version that the store holds of each row's key, dead or alive. Of tables whose rows have one.
pub(super) async fn versions(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    rows: &[Kept],
) -> Result<Vec<Option<Version>>> {
    let mut newest = vec![None; rows.len()];
    let mut block = Block::new(target.table.clone());
    let mut places = Vec::new();
    for (place, kept) in rows.iter().enumerate() {
        if push_key(&mut block, &kept.key(), kept.version) {
            places.push(place);
        }
    }
    if places.is_empty() {
        return Ok(newest);
    }
    let every: Vec<usize> = (0..block.rows()).collect();
    let found = match patiently(status, || ask(store, target, &block, &every)).await {
        Ok(found) => found,
        // Keys of a chosen type that cannot be compared: versions alone decide then, as they always do.
        Err(error) if error.fate() != Fate::Bug => Vec::new(),
        Err(error) => return Err(error),
    };
    for (row, version) in found {
        let place = places.get(row).ok_or_else(unreadable)?;
        newest[*place] = Some(version);
    }
    Ok(newest)
}

fn unreadable() -> Error {
    Error::bug("a lookup does not read back")
}

/// The newest version that the store holds of the key of each of `rows`, by its place among them.
pub(crate) async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    rows: &[usize],
) -> Result<Vec<(usize, Version)>> {
    let found = joined(store, target, block, rows, "toString(max(r._version))", "").await?;
    let read = |(row, version): (usize, String)| {
        Ok((row, Version(version.parse().map_err(|_| unreadable())?)))
    };
    found.into_iter().map(read).collect()
}

/// Which of these rows, refused before, a later snapshot brought to an append table after all: the
/// source had changed them meanwhile.
pub(super) async fn copied_since(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    rows: &[Kept],
    point: Lsn,
) -> Result<Vec<bool>> {
    let mut block = Block::new(target.table.clone());
    let mut places = Vec::new();
    for (place, kept) in rows.iter().enumerate() {
        if push_key(&mut block, &kept.key(), kept.version) {
            places.push(place);
        }
    }
    let every: Vec<usize> = (0..block.rows()).collect();
    let mut copied = vec![false; rows.len()];
    if every.is_empty() {
        return Ok(copied);
    }
    let which = format!("_lsn = {} AND ", point.0);
    let ask = || joined(store, target, &block, &every, "any('')", &which);
    for (row, _) in patiently(status, ask).await? {
        copied[*places.get(row).ok_or_else(unreadable)?] = true;
    }
    Ok(copied)
}

/// When the changes of a history were committed: its rows that stand for them say so. Of a table without
/// a key there are none, and they were set aside a moment later.
pub(super) async fn commits(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    rows: &[Kept],
) -> Result<Vec<(Lsn, i64)>> {
    let list = |of: &dyn Fn(&Kept) -> String| rows.iter().map(of).collect::<Vec<_>>().join(", ");
    let versions = list(&|kept| format!("toUInt128('{}')", kept.version.0));
    let times = list(&|kept| format!("toDateTime64({}, 6, 'UTC')", ddl::literal(&kept.at)));
    let sql = format!(
        "SELECT k.v, toUnixTimestamp64Micro(if(m.v = 0, k.t, m.t)) FROM \
         (SELECT tupleElement(z, 1) AS v, tupleElement(z, 2) AS t FROM \
         (SELECT arrayJoin(arrayZip([{versions}], [{times}])) AS z)) AS k LEFT JOIN \
         (SELECT _version AS v, any(_commit_time) AS t FROM {} WHERE _op = 'quarantined' \
         AND _version IN ({versions}) GROUP BY v) AS m ON k.v = m.v",
        ddl::name(&target.rows)
    );
    let mut commits = BTreeMap::new();
    for row in patiently(status, || store.query(&sql)).await? {
        let [Some(version), Some(at_us)] = &row[..] else { return Err(unreadable()) };
        let version = Version(version.parse().map_err(|_| unreadable())?);
        commits.insert(version.commit(), at_us.parse().map_err(|_| unreadable())?);
    }
    Ok(commits.into_iter().collect())
}

/// `what` of the store's rows with each key, by the place of the key.
async fn joined(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    rows: &[usize],
    what: &str,
    which: &str,
) -> Result<Vec<(usize, String)>> {
    let staged = Staged::new(target, block, rows)?;
    // Of facts it does not go with the others.
    let version = if target.on_update == OnUpdate::Apply { ", _version" } else { "" };
    let sql = format!(
        "SELECT l._lsn, {what} FROM (SELECT *{version} FROM {} WHERE {which}{}) AS r \
         INNER JOIN {} GROUP BY l._lsn",
        ddl::name(&target.rows),
        staged.of_keys,
        staged.joined
    );
    let answer = store.query_beside(&sql, staged.beside).await;
    let read = |row: Vec<Option<String>>| {
        let [Some(at), Some(what)] = &row[..] else { return Err(unreadable()) };
        Ok((at.parse().map_err(|_| unreadable())?, what.clone()))
    };
    answer?.into_iter().map(read).collect()
}
