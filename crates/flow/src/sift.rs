//! Rows whose values the store refuses are set aside, and the rest of their block goes on.
//!
//! ```text
//! block ─▶ insert ─ refused ─▶ halves into a table that keeps nothing, down to single rows
//!             ▲                  ├─▶ quarantine, with column and reason
//!             └── the others ◀───┘   mirror: their keys as DELETEs, so that no old row stays visible
//! ```
//!
//! The same block comes to the same rows again, so an append table's interval and token stay exact.
//!
//! A DELETE carries its key and defaults, and a chosen type may refuse a default (an enum without an
//! empty label). So the deletes of a refused block go by themselves, as keys alone.

use crate::flush::{patiently, record_rejects};
use crate::scratch::{self, Scratch};
use crate::status::Status;
use model::{Block, Error, Fate, Mode, Op, Reject, Result};
use source::decode::reject;
use std::sync::Arc;
use store::{Insert, Store, Target, TargetColumn, ddl};

/// Refused rows of one block. More are no exception: the column has the wrong type.
const REFUSED_MAX: usize = 1000;

/// Writes the block, however long the store needs to come back. Returns the rows written.
pub(crate) async fn write(store: &dyn Store, status: &Status, insert: Insert) -> Result<u64> {
    match patiently(status, || store.insert(insert.clone())).await {
        Err(error) if error.fate() == Fate::Refused => sift(store, status, insert, error).await,
        written => written.map(|receipt| receipt.rows()),
    }
}

async fn sift(store: &dyn Store, status: &Status, insert: Insert, why: Error) -> Result<u64> {
    let Insert { target, block, token } = insert;
    let trial = Trial::create(store, status, &target).await?;
    let sifted = trial.sift(&target, &block, why).await;
    trial.table.drop_table(store).await;
    let Sifted { kept, gone, rejects } = sifted?;
    tell(status, &target, &rejects);
    record_rejects(store, status, &target, rejects).await?;
    let mut rows = 0;
    // The keys first: of two rows with one version the later one wins.
    for (target, block, token) in [(keys_of(&target), gone, None), (target.clone(), kept, token)] {
        let insert = Insert { target, block: Arc::new(block), token };
        rows += patiently(status, || store.insert(insert.clone())).await?.rows();
    }
    Ok(rows)
}

fn tell(status: &Status, target: &Target, rejects: &[Reject]) {
    let Some(first) = rejects.first() else { return };
    let (table, rows) = (target.table.name.to_string(), rejects.len());
    let (column, why) = (&first.column, &first.reason);
    tracing::warn!(%table, rows, %column, %why, "the store refuses rows: see millrace.quarantine");
    status.with_table(&table, |table| table.rejected_rows += rows as u64);
}

/// The target with nothing but its key.
fn keys_of(target: &Target) -> Arc<Target> {
    let is_key = |column: &&TargetColumn| target.table.key.contains(&column.source);
    let columns = target.columns.iter().filter(is_key).cloned().collect();
    Arc::new(Target { columns, ..target.clone() })
}

/// What a block comes to.
struct Sifted {
    kept: Block,
    /// Of a mirror: keys whose rows must not be visible.
    gone: Block,
    rejects: Vec<Reject>,
}

/// A table with the target's columns that takes rows and keeps none. What a DEFAULT or a materialized
/// column of the target refuses passes here, and then stops the table.
struct Trial<'a> {
    store: &'a dyn Store,
    status: &'a Status,
    table: Scratch,
}

impl Trial<'_> {
    async fn create<'a>(
        store: &'a dyn Store,
        status: &'a Status,
        target: &Target,
    ) -> Result<Trial<'a>> {
        // Not `AS` the target: an expression of a DEFAULT that throws is no reason to drop a row.
        let mut columns: Vec<String> = target
            .columns
            .iter()
            .map(|column| format!("{} {}", ddl::ident(&column.name), column.clickhouse))
            .collect();
        columns.extend(ddl::own_columns(target.mode).iter().map(|column| (*column).to_owned()));
        let what = format!("({}) ENGINE = Null", columns.join(", "));
        let place = scratch::place();
        let create = || Scratch::create(store, place.clone(), &what);
        Ok(Trial { store, status, table: patiently(status, create).await? })
    }

    async fn sift(&self, target: &Target, block: &Block, why: Error) -> Result<Sifted> {
        let is_delete = |row: &usize| target.mode == Mode::Mirror && block.ops[*row] == Op::Delete;
        let (deleted, rows): (Vec<usize>, Vec<usize>) = (0..block.rows()).partition(is_delete);
        let refused = self.refused(target, block, &rows).await?;
        if refused.is_empty() && deleted.is_empty() {
            return Err(why);
        }
        let rejects = self.rejects(target, block, &refused).await?;
        let kept = block.only(&without(&rows, &refused));
        let mut gone = Block::new(block.table.clone());
        if target.mode == Mode::Mirror {
            let all = deletes(block, deleted.into_iter().chain(refused));
            let every: Vec<usize> = (0..all.rows()).collect();
            // What cannot be a key here has never been one.
            let never = self.refused(&keys_of(target), &all, &every).await?;
            gone = all.only(&without(&every, &never));
        }
        Ok(Sifted { kept, gone, rejects })
    }

    /// Those of `rows` that are refused by themselves, in order.
    async fn refused(&self, target: &Target, block: &Block, rows: &[usize]) -> Result<Vec<usize>> {
        let mut refused = Vec::new();
        let Some(mut why) = self.refusal(target, block, rows).await? else { return Ok(refused) };
        let mut open = vec![rows];
        while let Some(rows) = open.pop() {
            if let [row] = *rows {
                refused.push(row);
                if refused.len() > REFUSED_MAX {
                    return Err(too_many(target, &why));
                }
                continue;
            }
            let (left, right) = rows.split_at(rows.len() / 2);
            match self.refusal(target, block, left).await? {
                // Then it is the other half.
                None => open.push(right),
                Some(error) => {
                    why = error;
                    if self.refusal(target, block, right).await?.is_some() {
                        open.push(right);
                    }
                    open.push(left);
                }
            }
        }
        Ok(refused)
    }

    /// Why these rows are refused together. `None`: they are not.
    async fn refusal(
        &self,
        target: &Target,
        block: &Block,
        rows: &[usize],
    ) -> Result<Option<Error>> {
        let target = Arc::new(Target { rows: self.table.place.clone(), ..target.clone() });
        let insert = Insert { target, block: Arc::new(block.only(rows)), token: None };
        match patiently(self.status, || self.store.insert(insert.clone())).await {
            Ok(_) => Ok(None),
            Err(error) if error.fate() == Fate::Refused => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    async fn rejects(
        &self,
        target: &Target,
        block: &Block,
        refused: &[usize],
    ) -> Result<Vec<Reject>> {
        let mut columns: Vec<&TargetColumn> = target.columns.iter().collect();
        let mut rejects = Vec::with_capacity(refused.len());
        for &row in refused {
            let mut found = None;
            for at in 0..columns.len() {
                let alone = Target { columns: vec![columns[at].clone()], ..target.clone() };
                if let Some(why) = self.refusal(&alone, block, &[row]).await? {
                    found = Some((columns[at].source, why));
                    // Where one is wrong, the next one likely is.
                    columns[..=at].rotate_right(1);
                    break;
                }
            }
            let Some((source, why)) = found else {
                return Err(Error::bug("a row is refused, and none of its columns is"));
            };
            let (name, why) = (&block.table.columns[source].name, why.detail_text());
            rejects.push(reject::of_row(block, row, name, why.unwrap_or_default()));
        }
        Ok(rejects)
    }
}

/// `rows` without some of them, both in order.
fn without(rows: &[usize], some: &[usize]) -> Vec<usize> {
    rows.iter().filter(|row| some.binary_search(row).is_err()).copied().collect()
}

/// The keys of `rows`, each with its version, as DELETEs.
fn deletes(block: &Block, rows: impl Iterator<Item = usize>) -> Block {
    let mut gone = Block::new(block.table.clone());
    for row in rows {
        for (at, cells) in gone.columns.iter_mut().enumerate() {
            match block.table.key.contains(&at) {
                true => cells.extend_from(&block.columns[at], row, row + 1),
                false => cells.push_default(),
            }
        }
        gone.end_row(Op::Delete, block.versions[row]);
    }
    gone
}

fn too_many(target: &Target, why: &Error) -> Error {
    let what = format!(
        "cannot write {}: the store refuses more than {REFUSED_MAX} rows of one batch",
        target.table.name
    );
    Error::definite(what)
        .detail(why.detail_text().unwrap_or_default())
        .hint("give the column a type that holds its values, and copy the table again")
}
