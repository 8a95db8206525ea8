//! Facts of which the latest row stands (`on_update = "apply"`): the row after an UPDATE is written like
//! any other, and then the ones that it takes the place of go.
//!
//! ```text
//! record the interval ─▶ insert, with its token ─▶ DELETE what is older by key ─▶ done
//! ```
//!
//! A crash between any two of them has the whole batch come again: the engine drops the rows that it
//! has by their token, and nothing that is older by key is left to delete. Between the second step and
//! the third a reader sees both rows; never neither.
//!
//! A statement names the rows that go by the hash of their key and their version, so that one which a
//! crash interrupts ends by itself: it needs no table of ours.
//!
//! What waits in the quarantine goes likewise, so that no replay brings it behind the newer row. An INSERT
//! takes the place of nothing: a fact that was purged at the source stays beside one that has its key now.

use crate::keys::{Staged, key_tuple};
use crate::quarantine;
use crate::retry::patiently;
use crate::status::Status;
use crate::tables::Entry;
use model::{Block, Error, Lsn, Op, Result, Version};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Store, Target, ddl};
use tokio::sync::{Mutex, MutexGuard};

/// A page of a replay, or the rows that an UPDATE takes the place of: one after the other. Whoever has it
/// must not wait for the loop.
#[derive(Clone, Default, Debug)]
pub(crate) struct Turn(Arc<Mutex<()>>);

impl Turn {
    pub(crate) fn of(entry: &Entry) -> Turn {
        entry.intervals.as_ref().map(|intervals| intervals.turn.clone()).unwrap_or_default()
    }

    pub(crate) async fn wait(&self) -> MutexGuard<'_, ()> {
        self.0.lock().await
    }
}

/// Rows of one DELETE: its text stays below a quarter of a megabyte.
const ROWS_AT_ONCE: usize = 1000;

/// The rows to write.
pub(crate) fn written(block: &Block) -> Block {
    let is_new = |&row: &usize| matches!(block.ops[row], Op::Insert | Op::Update);
    let rows: Vec<usize> = (0..block.rows()).filter(is_new).collect();
    block.only(&rows)
}

/// The block's rows that say what goes. The second half of a changed key does not: what had that key
/// before was another row.
pub(crate) fn replacing(block: &Block) -> Vec<usize> {
    let is_first = |row: usize| block.ops[row] == Op::Insert || block.changes_key(row);
    (0..block.rows()).filter(|&row| !is_first(row)).collect()
}

/// Rows that were to be written and are not among `filled`: their large values are gone at the source.
pub(crate) fn lost(block: &Block, filled: &Block) -> HashSet<usize> {
    let is_row = |op: Op| op != Op::Delete && op != Op::Truncate;
    let there: HashSet<Version> = (filled.versions.iter().zip(&filled.ops))
        .filter(|(_, op)| is_row(**op))
        .map(|(version, _)| *version)
        .collect();
    let is_lost = |&row: &usize| is_row(block.ops[row]) && !there.contains(&block.versions[row]);
    (0..block.rows()).filter(is_lost).collect()
}

/// Of these rows' keys everything that is older than they are goes; of `lost` ones only where the
/// store has them from before a crash: else the row before them is the last that is known. Where a row
/// goes and no other one is there, `rekeyed_at` says so before it goes: a copy that runs may bring it.
pub(crate) async fn replace(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    rows: &[usize],
    lost: &HashSet<usize>,
    rekeyed_at: &AtomicU64,
) -> Result<()> {
    let rows = updates(store, status, target, block, rows).await?;
    for chunk in rows.chunks(ROWS_AT_ONCE) {
        let (older, there) = patiently(status, || older(store, target, block, chunk, lost)).await?;
        let is_taken = |row: &usize| !lost.contains(row) || there.contains(row);
        let taken: Vec<usize> = chunk.iter().filter(|row| is_taken(row)).copied().collect();
        let is_gone = |row: &&usize| block.ops[**row] == Op::Update && !there.contains(row);
        if let Some(row) = taken.iter().rfind(is_gone) {
            rekeyed_at.fetch_max(block.versions[*row].commit().0, Ordering::AcqRel);
        }
        quarantine::supersede_older(store, status, target, block, &taken).await?;
        for older in older.chunks(ROWS_AT_ONCE) {
            let which =
                format!("(hex(sipHash128{}), _version) IN ({})", key(target)?, older.join(", "));
            let sql = store.layout().delete_some(&target.rows, &which);
            patiently(status, || store.mutate(&target.rows, &sql)).await?;
        }
    }
    Ok(())
}

/// Those of `rows` that were no INSERT: of a refused one the quarantine knows, where it is by now.
async fn updates(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    rows: &[usize],
) -> Result<Vec<usize>> {
    let refused = rows.iter().filter(|&&row| block.ops[row] == Op::Refused);
    let refused: Vec<String> =
        refused.map(|&row| format!("toUInt128('{}')", block.versions[row].0)).collect();
    let mut new = HashSet::new();
    for some in refused.chunks(ROWS_AT_ONCE) {
        // Settled ones, too: the batch may come again.
        let sql = format!(
            "SELECT DISTINCT version FROM millrace.quarantine \
             WHERE source_table = {} AND op = 'insert' AND version IN ({})",
            ddl::literal(&target.table.name.to_string()),
            some.join(", ")
        );
        for row in patiently(status, || store.query(&sql)).await? {
            let version = row.first().and_then(|field| field.as_ref()?.parse().ok());
            new.insert(Version(version.ok_or_else(unreadable)?));
        }
    }
    let is_update =
        |row: &&usize| block.ops[**row] != Op::Refused || !new.contains(&block.versions[**row]);
    Ok(rows.iter().filter(is_update).copied().collect())
}

fn unreadable() -> Error {
    Error::bug("a lookup does not read back")
}

fn key(target: &Target) -> Result<String> {
    key_tuple(target).ok_or_else(|| Error::bug("facts are replaced by their key"))
}

/// `('hash of the key', version)` of each row that goes, and those of `rows` that are there.
async fn older(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    rows: &[usize],
    lost: &HashSet<usize>,
) -> Result<(Vec<String>, HashSet<usize>)> {
    let key = key(target)?;
    let staged = Staged::new(target, block, rows)?;
    let versions: Vec<String> =
        rows.iter().map(|&row| format!("toUInt128('{}')", block.versions[row].0)).collect();
    let sql = format!(
        "SELECT DISTINCT r.millrace_h, toString(r._version), l._lsn FROM \
         (SELECT *, _version, hex(sipHash128{key}) AS millrace_h FROM {} WHERE {}) AS r \
         INNER JOIN {} WHERE r._version <= [{}][l._lsn + 1]",
        ddl::name(&target.rows),
        staged.of_keys,
        staged.joined,
        versions.join(", ")
    );
    let answer = store.query_beside(&sql, staged.beside).await;
    let found: Option<Vec<_>> = answer?.into_iter().map(|row| read(row, rows)).collect();
    let found = found.ok_or_else(unreadable)?;
    let is_itself =
        |(_, version, row): &&(String, Version, usize)| *version == block.versions[*row];
    let there: HashSet<usize> = found.iter().filter(is_itself).map(|(_, _, row)| *row).collect();
    let goes = |found: &&(String, Version, usize)| {
        !is_itself(found) && (!lost.contains(&found.2) || there.contains(&found.2))
    };
    let named = |(hash, version, _): &(String, Version, usize)| {
        format!("({}, toUInt128('{}'))", ddl::literal(hash), version.0)
    };
    let older: BTreeSet<String> = found.iter().filter(goes).map(named).collect();
    Ok((older.into_iter().collect(), there))
}

/// The hash of a key, the version of a row that has it, and the block's row with that key.
fn read(row: Vec<Option<String>>, rows: &[usize]) -> Option<(String, Version, usize)> {
    let [hash, version, at] = <[Option<String>; 3]>::try_from(row).ok()?;
    let at: usize = at?.parse().ok()?;
    Some((hash?, Version(version?.parse().ok()?), *rows.get(at)?))
}

/// What a copy brought behind a newer row goes. `first_point`: of its first snapshot.
///
/// Replicas evaluate the subquery each at its own time, which they do only where they are told that this is meant:
/// a row that a newer one has is behind one at any later time as well, so all of them come to the same rows.
pub(crate) async fn settle(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    first_point: Lsn,
) -> Result<()> {
    let first = Version::of_copy(first_point).0;
    let key = key(target)?;
    let key = key.trim_matches(['(', ')']);
    // Each server of a cluster has all rows of its keys.
    let behind = |rows: &str| {
        format!(
            "({key}, _version) IN (SELECT {key}, v FROM \
             (SELECT {key}, groupArray(_version) AS versions, max(_version) AS newest FROM {rows} \
             GROUP BY {key} HAVING min(_version) < newest) ARRAY JOIN versions AS v WHERE v < newest \
             AND v >= toUInt128('{first}') AND v = bitShiftLeft(bitShiftRight(v, 64), 64))"
        )
    };
    let sql = store.layout().delete(&target.rows, behind);
    patiently(status, || store.mutate(&target.rows, &sql)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervals::tests::block;

    #[test]
    fn what_replaces_and_what_is_written_are_told_apart() {
        let rows = block(&[
            (Op::Insert, 10, 1),
            (Op::Update, 10, 2),
            (Op::Delete, 10, 3),
            (Op::Insert, 10, 3),
            (Op::Delete, 10, 4),
            (Op::Refused, 10, 4),
        ]);
        assert_eq!(written(&rows).ops, [Op::Insert, Op::Update, Op::Insert]);
        assert_eq!(replacing(&rows), [1, 2, 4]);
    }

    #[test]
    fn a_row_that_was_left_out_is_lost() {
        let rows = block(&[
            (Op::Insert, 10, 1),
            (Op::Update, 10, 2),
            (Op::Delete, 10, 3),
            (Op::Insert, 10, 3),
            (Op::Update, 10, 4),
        ]);
        let mut filled = rows.only(&[0, 2, 4]);
        filled.ops[2] = Op::Refused;
        assert_eq!(lost(&rows, &filled), HashSet::from([1, 3]));
        assert!(lost(&rows, &rows).is_empty());
    }
}
