//! Facts whose key came before are left out: what a connector sends again after it was killed, a table that is
//! read again for a new snapshot, objects that a producer repeats.
//!
//! ```text
//! rows ─▶ hashes of their keys ─▶ known? ─▶ those that nobody has are ours, durably ─▶ insert
//!                                   └ another message's: left out, and counted
//! ```
//!
//! # Once, and never less
//! A key belongs to a message, told by its partition and its offset, and is written down *before* the row. A
//! crash in between loses nothing: offsets move behind durable rows alone, so the message comes again, finds its
//! own key, and is written; its interval and its token are those of before, so that what had arrived is dropped.
//! Written down after the row, a key would be missing for as long as the row's own partition is not read again,
//! and the same key in another partition would be taken meanwhile.
//!
//! Two processes that take one key at the same moment, out of two partitions, do not see each other. Keys are
//! forgotten after a week.

use crate::flush::Work;
use crate::keys;
use crate::retry::patiently;
use crate::status::Status;
use model::{
    Block, Column, Error, Lsn, Mode, Op, PgType, Result, Table, TableId, TableName, TableOptions,
};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use store::{Beside, Insert, Store, Target, ddl};

/// A piece of work whose keys count.
pub(super) struct Once {
    /// Among the work's tables, and among the table's pieces.
    pub(super) table: usize,
    pub(super) piece: usize,
    /// Its partition.
    pub(super) place: String,
}

/// Whose a key is: the partition, and the position there.
type Owner = (String, Lsn);

/// Takes the rows out of the work whose keys are other messages'.
pub(super) async fn leave_out(
    store: &dyn Store,
    status: &Status,
    work: &mut Work,
    mut once: Vec<Once>,
) -> Result<()> {
    once.sort_by_key(|once| once.table);
    for of_table in once.chunk_by(|one, other| one.table == other.table) {
        let at = of_table[0].table;
        let target = work.tables[at].target.clone();
        let mut hashes = Vec::with_capacity(of_table.len());
        for Once { piece, .. } in of_table {
            let block = &work.tables[at].pieces[*piece].block;
            hashes.push((0..block.rows()).map(|row| hash(&keys::key_bytes(block, row))).collect());
        }
        let kept_in = target.name.to_string();
        let mut owners = known(store, status, &kept_in, &hashes).await?;
        let (mut fresh, mut left_out) = (Block::new(IDS.table.clone()), 0);
        for (Once { piece, place, .. }, hashes) in of_table.iter().zip(&hashes) {
            let piece = &mut work.tables[at].pieces[*piece];
            let mut keep = Vec::with_capacity(hashes.len());
            for (row, &hash) in hashes.iter().enumerate() {
                let version = piece.block.versions[row];
                let owner = owners.entry(hash).or_insert_with(|| {
                    fresh.columns[0].push_text(kept_in.as_bytes());
                    keys::push_hash(&mut fresh.columns[1], hash);
                    fresh.columns[2].push_text(place.as_bytes());
                    fresh.end_row(Op::Insert, version);
                    (place.clone(), version.commit())
                });
                if owner.1 == version.commit() && owner.0 == *place {
                    keep.push(row);
                }
            }
            if keep.len() < hashes.len() {
                left_out += (hashes.len() - keep.len()) as u64;
                piece.block = Arc::new(piece.block.only(&keep));
            }
        }
        if fresh.rows() > 0 {
            let insert = Insert { target: IDS.clone(), block: Arc::new(fresh), token: None };
            let _durable = patiently(status, || store.insert(insert.clone())).await?;
        }
        let name = target.table.name.to_string();
        status.with_table(&name, |table| table.duplicate_rows += left_out);
    }
    Ok(())
}

/// `millrace.kafka_ids`, where `_lsn` is the position in the partition.
static IDS: LazyLock<Arc<Target>> = LazyLock::new(|| {
    let column = |(name, pg)| Column { not_null: true, ..Column::new(name, pg) };
    let columns = [("target", PgType::Text), ("id_hash", PgType::Uuid), ("place", PgType::Text)];
    let name = TableName::new("millrace", "kafka_ids");
    // Under a name that a table of the source may have.
    let table =
        Table::new(TableId(0), TableName::new("kafka", "ids"), columns.map(column).to_vec());
    let options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    let target = Target::resolve(Arc::new(table), &options, None).expect("three columns");
    Arc::new(Target { name: name.clone(), rows: name, ..target })
});

/// Of these keys, those that are somebody's.
async fn known(
    store: &dyn Store,
    status: &Status,
    target: &str,
    hashes: &[Vec<u128>],
) -> Result<HashMap<u128, Owner>> {
    let beside = keys::hashes(hashes.iter().flatten().copied());
    let sql = format!(
        "SELECT toString(id_hash), argMax(place, at), toString(argMax(_lsn, at)) FROM millrace.kafka_ids \
         WHERE target = {} AND id_hash IN (SELECT k0 FROM {}) GROUP BY id_hash",
        ddl::literal(target),
        Beside::TABLE
    );
    let rows = patiently(status, || store.query_beside(&sql, beside.clone())).await?;
    let unreadable = || Error::bug("a row of millrace.kafka_ids does not read back");
    rows.into_iter().map(|row| read(row).ok_or_else(unreadable)).collect()
}

fn read(row: Vec<Option<String>>) -> Option<(u128, Owner)> {
    let [hash, place, at] = <[Option<String>; 3]>::try_from(row).ok()?;
    let hash = u128::from_str_radix(&hash?.replace('-', ""), 16).ok()?;
    Some((hash, (place?, Lsn(at?.parse().ok()?))))
}

/// So many keys take for ever to have two of one hash.
fn hash(key: &[u8]) -> u128 {
    let digest = Sha256::digest(key);
    let half = digest.first_chunk().expect("a digest has 32 bytes");
    u128::from_be_bytes(*half)
}
