//! What the store knows of a quarantined row's key: a newer row makes it a thing of the past.

use super::page::Kept;
use crate::flush::patiently;
use crate::keys::{Staged, key_tuple};
use crate::status::Status;
use model::{Block, Error, Fate, Result, Version};
use source::decode::again::push_key;
use store::{Store, Target, ddl};

/// The version of a replayed row: newer than the DELETE of its key that was written in its place,
/// older than anything else. Changes lie at multiples of 8 in the log.
pub(super) fn replayed(version: Version) -> Version {
    Version(version.0 + 1)
}

/// The newest version that the store holds of each row's key, dead or alive. Mirrors only.
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

async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    rows: &[usize],
) -> Result<Vec<(usize, Version)>> {
    let key = key_tuple(target).ok_or_else(|| Error::bug("a mirror keeps its key"))?;
    let staged = Staged::create(store, target, block, rows).await?;
    let (name, tuple) = (staged.name(), &staged.tuple);
    let pairs = target.table.key.iter().enumerate().filter_map(|(n, &at)| {
        let column = target.column_of(at)?;
        Some(format!("r.{} = l.k{n}", ddl::ident(&column.name)))
    });
    let sql = format!(
        "SELECT l._lsn, toString(max(r._version)) FROM \
         (SELECT * FROM {} WHERE {key} IN (SELECT {tuple} FROM {name})) AS r \
         INNER JOIN {name} AS l ON {} GROUP BY l._lsn",
        ddl::name(&target.rows),
        pairs.collect::<Vec<_>>().join(" AND ")
    );
    let answer = store.query(&sql).await;
    staged.drop_table(store).await;
    let read = |row: &Vec<Option<String>>| {
        let [Some(at), Some(version)] = &row[..] else { return Err(unreadable()) };
        let at = at.parse().map_err(|_| unreadable())?;
        Ok((at, Version(version.parse().map_err(|_| unreadable())?)))
    };
    answer?.iter().map(read).collect()
}
