//! Rows whose values the store refuses are set aside, and the rest of their block goes on.
//!
//! ```text
//! block ─▶ insert ─ refused ─▶ halves into a table that keeps nothing, down to single rows
//!             ▲                  ├─▶ NULL, where that is the column's rule
//!             │                  ├─▶ quarantine, with column and reason
//!             └── the others ◀───┘   mirror, history: their keys, so that no old row stays visible
//! ```
//!
//! The same block comes to the same rows again, so an append table's interval and token stay exact.
//!
//! A DELETE carries its key and nothing else but defaults, and a chosen type may refuse a default (an enum without an
//! empty label). So the deletes of a refused block go by themselves, as keys alone, and so do the TRUNCATEs of a
//! history, without any column.

use crate::quarantine::{self, Origin, Stage};
use crate::retry::patiently;
use crate::rules::Altered;
use crate::scratch::{self, Scratch};
use crate::status::Status;
use model::{Block, Error, Fate, Mode, Op, Reject, Result, Rule};
use source::decode::reject;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use store::{Insert, Store, Target, TargetColumn, Token, ddl};

/// Refused rows of one block, and refused values of one column of it. More are no exception: the
/// column has the wrong type.
const REFUSED_MAX: usize = 1000;

/// Writes the block, however long the store needs to come back. Returns the rows written.
pub(crate) async fn write(
    store: &dyn Store,
    status: &Status,
    insert: Insert,
    origin: &Origin,
) -> Result<u64> {
    match pass(store, status, &insert).await? {
        Passed::Whole(rows) => Ok(rows),
        Passed::Sifted(sifted) => {
            set_aside(store, status, &insert.target, *sifted, insert.token, origin).await
        }
    }
}

/// What became of a block.
pub(crate) enum Passed {
    /// It was written.
    Whole(u64),
    /// Nothing was written.
    Sifted(Box<Sifted>),
}

/// Writes the block if the store takes all of it.
pub(crate) async fn pass(store: &dyn Store, status: &Status, insert: &Insert) -> Result<Passed> {
    let Insert { target, block, .. } = insert;
    let sifted = |sifted| Passed::Sifted(Box::new(sifted));
    match patiently(status, || store.insert(insert.clone())).await {
        Ok(receipt) => Ok(Passed::Whole(receipt.rows())),
        Err(error) if error.fate() == Fate::Refused => {
            let found = sift(store, status, target, block, Some(error)).await?;
            found.map(sifted).ok_or_else(|| Error::bug("a block is refused, and no row of it is"))
        }
        Err(error) => Err(error),
    }
}

/// What the store would refuse of a block. `None`: nothing.
pub(crate) async fn dry(
    store: &dyn Store,
    status: &Status,
    target: &Arc<Target>,
    block: &Block,
) -> Result<Option<Sifted>> {
    sift(store, status, target, block, None).await
}

/// `why` the store refused the block, if it was asked.
async fn sift(
    store: &dyn Store,
    status: &Status,
    target: &Arc<Target>,
    block: &Block,
    why: Option<Error>,
) -> Result<Option<Sifted>> {
    let trial = Trial::create(store, status, target).await?;
    let sifted = trial.sift(target, block, why).await;
    trial.table.drop_table(store).await;
    sifted
}

async fn set_aside(
    store: &dyn Store,
    status: &Status,
    target: &Arc<Target>,
    sifted: Sifted,
    token: Option<Token>,
    origin: &Origin,
) -> Result<u64> {
    let Sifted { kept, gone, emptied, rejects, nulled, .. } = sifted;
    tell(status, target, &rejects);
    let name = target.table.name.to_string();
    let altered = Altered { nulled, ..Altered::default() };
    status.with_table(&name, |table| table.count_altered(&target.table, &altered));
    quarantine::record(store, status, target, rejects, origin, Stage::Store).await?;
    let mut rows = 0;
    let of = |part: &str| {
        let token = token.as_ref()?;
        Some(Token { name: format!("{}:{part}", token.name), again: token.again })
    };
    // The keys first: of two rows with one version the later one wins.
    for (target, block, token) in [
        (keys_of(target), gone, of("keys")),
        (without_columns(target), emptied, of("emptied")),
        (target.clone(), kept, token.clone()),
    ] {
        let insert = Insert { target, block: Arc::new(block), token };
        rows += patiently(status, || store.insert(insert.clone())).await?.rows();
    }
    Ok(rows)
}

fn tell(status: &Status, target: &Target, rejects: &[Reject]) {
    let Some(first) = rejects.first() else { return };
    let (table, rows) = (target.table.name.to_string(), rejects.len());
    let (column, why) = (&first.column, &first.reason);
    tracing::warn!(%table, rows, %column, %why, "the store refuses rows: millrace quarantine list");
    status.with_table(&table, |table| table.rejected_rows += rows as u64);
}

/// The target with nothing but its key.
fn keys_of(target: &Target) -> Arc<Target> {
    let is_key = |column: &&TargetColumn| target.table.key.contains(&column.source);
    let columns = target.columns.iter().filter(is_key).cloned().collect();
    Arc::new(Target { columns, ..target.clone() })
}

/// The target with nothing but what we add.
fn without_columns(target: &Target) -> Arc<Target> {
    Arc::new(Target { columns: Vec::new(), ..target.clone() })
}

/// What a block comes to.
pub(crate) struct Sifted {
    pub(crate) kept: Block,
    /// Of a mirror or a history: keys whose rows must not be visible.
    pub(crate) gone: Block,
    /// Of a history: that every row went.
    pub(crate) emptied: Block,
    pub(crate) rejects: Vec<Reject>,
    /// Their rows.
    pub(crate) refused: Vec<usize>,
    /// Values that became NULL, by the column's place.
    pub(crate) nulled: BTreeMap<usize, u64>,
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
        let own = ddl::own_columns(target).into_iter();
        columns.extend(own.map(|(name, ty)| format!("{name} {ty}")));
        let what = format!("({}) ENGINE = Null", columns.join(", "));
        let place = scratch::place();
        let create = || Scratch::create(store, place.clone(), &what);
        Ok(Trial { store, status, table: patiently(status, create).await? })
    }

    async fn sift(
        &self,
        target: &Target,
        block: &Block,
        why: Option<Error>,
    ) -> Result<Option<Sifted>> {
        let is_delete = |row: &usize| target.mode != Mode::Append && block.ops[*row].is_keys_only();
        let (keyed, rows): (Vec<usize>, Vec<usize>) = (0..block.rows()).partition(is_delete);
        let (truncated, deleted): (Vec<usize>, Vec<usize>) =
            keyed.into_iter().partition(|row| block.ops[*row] == Op::Truncate);
        let (nulls, mut nulled) = self.nulled(target, block, &rows).await?;
        let (original, block) = (block, nulls.as_ref().unwrap_or(block));
        let (refused, block) = self.refused_for_good(target, block, &rows).await?;
        let is_whole = nulls.is_none() && matches!(block, Cow::Borrowed(_));
        let (nothing, block) = (is_whole && refused.is_empty(), block.as_ref());
        match why {
            None if nothing => return Ok(None),
            Some(why) if nothing && deleted.is_empty() && truncated.is_empty() => return Err(why),
            _ => {}
        }
        for &row in &refused {
            for (at, values) in &mut nulled {
                let is_null = |of: &Block| of.columns[*at].is_null(row);
                *values -= u64::from(is_null(block) && !is_null(original));
            }
        }
        let (kept, emptied) = (block.only(&without(&rows, &refused)), block.only(&truncated));
        let mut gone = Block::new(block.table.clone());
        if target.mode != Mode::Append {
            let all = keys(block, &deleted, &refused);
            let every: Vec<usize> = (0..all.rows()).collect();
            // What cannot be a key here has never been one.
            let of_keys = keys_of(target);
            let (never, all) = self.refused_for_good(&of_keys, &all, &every).await?;
            gone = all.only(&without(&every, &never));
            let before = left(&all, &never);
            let every: Vec<usize> = (0..before.rows()).collect();
            let never = self.refused(&of_keys, &before, &every).await?;
            gone.append(&before.only(&without(&every, &never)));
            gone.commits.clone_from(&all.commits);
        }
        // With their values as they came.
        let of_row = |(row, column, reason): (usize, usize, String)| {
            reject::of_row(original, row, &block.table.columns[column].name, &reason)
        };
        let rejects = self.rejects(target, &unrelated(block, &refused), &refused).await?;
        let rejects = rejects.into_iter().map(of_row).collect();
        Ok(Some(Sifted { kept, gone, emptied, rejects, refused, nulled }))
    }

    /// The block with NULL in the place of values that are refused, where that is their column's rule,
    /// and how many. They are tried by themselves, each once: dirt repeats itself.
    async fn nulled(
        &self,
        target: &Target,
        block: &Block,
        rows: &[usize],
    ) -> Result<(Option<Block>, BTreeMap<usize, u64>)> {
        let (mut changed, mut nulled) = (None, BTreeMap::new());
        let becomes_null =
            |column: &&TargetColumn| target.table.rule(column.source) == Some(Rule::Null);
        for column in target.columns.iter().filter(becomes_null) {
            let at = column.source;
            let alone = Target { columns: vec![column.clone()], ..target.clone() };
            let cells = &block.columns[at];
            let mut firsts: HashMap<&[u8], usize> = HashMap::new();
            let values = rows.iter().filter(|&&row| !cells.is_null(row));
            values.clone().for_each(|&row| {
                firsts.entry(cells.value(row)).or_insert(row);
            });
            let mut distinct: Vec<usize> = firsts.into_values().collect();
            distinct.sort_unstable();
            let refused = self.refused(&alone, block, &distinct).await?;
            if refused.is_empty() {
                continue;
            }
            let refused: HashSet<&[u8]> = refused.iter().map(|&row| cells.value(row)).collect();
            let rows: Vec<usize> =
                values.copied().filter(|&row| refused.contains(cells.value(row))).collect();
            nulled.insert(at, rows.len() as u64);
            changed.get_or_insert_with(|| block.clone()).columns[at] = cells.with_nulls(&rows);
        }
        Ok((changed, nulled))
    }

    /// Those of `rows` that are refused whatever key they had before, and the block without the keys of
    /// before for which others were.
    async fn refused_for_good<'b>(
        &self,
        target: &Target,
        block: &'b Block,
        rows: &[usize],
    ) -> Result<(Vec<usize>, Cow<'b, Block>)> {
        let all = self.refused(target, block, rows).await?;
        if all.is_empty() || block.before.is_empty() {
            return Ok((all, Cow::Borrowed(block)));
        }
        let refused = self.refused(target, &unrelated(block, &all), &all).await?;
        let orphans = without(&all, &refused);
        let block = match orphans.is_empty() {
            true => Cow::Borrowed(block),
            false => Cow::Owned(unrelated(block, &orphans)),
        };
        Ok((refused, block))
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
                    return Err(too_many(target, why.detail_text().unwrap_or_default()));
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

    /// These rows with the column that is refused, and why.
    async fn rejects(
        &self,
        target: &Target,
        block: &Block,
        refused: &[usize],
    ) -> Result<Vec<(usize, usize, String)>> {
        let stops = |column: &&TargetColumn| target.table.rule(column.source) == Some(Rule::Stop);
        let (first, mut columns): (Vec<&TargetColumn>, Vec<_>) =
            target.columns.iter().partition(stops);
        let mut rejects = Vec::with_capacity(refused.len());
        for &row in refused {
            let mut found = None;
            for (at, column) in first.iter().chain(&columns.clone()).enumerate() {
                let alone = Target { columns: vec![(*column).clone()], ..target.clone() };
                if let Some(why) = self.refusal(&alone, block, &[row]).await? {
                    found = Some((column.source, why));
                    // Where one is wrong, the next one likely is.
                    if let Some(at) = at.checked_sub(first.len()) {
                        columns[..=at].rotate_right(1);
                    }
                    break;
                }
            }
            let Some((source, why)) = found else {
                return Err(Error::bug("a row is refused, and none of its columns is"));
            };
            rejects.push((row, source, why.detail_text().unwrap_or_default().to_owned()));
        }
        Ok(rejects)
    }
}

/// `rows` without some of them, both in order.
fn without(rows: &[usize], some: &[usize]) -> Vec<usize> {
    rows.iter().filter(|row| some.binary_search(row).is_err()).copied().collect()
}

/// The rows of `deleted` and `refused` as keys, each with its version.
fn keys(block: &Block, deleted: &[usize], refused: &[usize]) -> Block {
    let mut rows = [deleted, refused].concat();
    rows.sort_unstable();
    let mut gone = block.only(&rows);
    for (at, row) in rows.iter().enumerate() {
        if refused.binary_search(row).is_ok() {
            gone.ops[at] = Op::Refused;
        }
    }
    gone
}

/// Of a history: the keys that these rows had before, which are no more.
fn left(keys: &Block, rows: &[usize]) -> Block {
    let had_one = |row: &usize| keys.before.iter().any(|cells| !cells.is_null(*row));
    let rows: Vec<usize> = rows.iter().copied().filter(had_one).collect();
    let mut left = keys.only(&rows);
    left.ops.fill(Op::Delete);
    for (&at, cells) in keys.table.key.iter().zip(&left.before) {
        left.columns[at].clone_from(cells);
    }
    left
}

/// Of a history: these rows without the key that they had before. One that was refused has never been
/// a row here.
fn unrelated(block: &Block, rows: &[usize]) -> Block {
    let before = block.before.iter().map(|cells| cells.with_nulls(rows)).collect();
    Block { before, ..block.clone() }
}

fn too_many(target: &Target, why: &str) -> Error {
    let what = format!(
        "cannot write {}: the store refuses more than {REFUSED_MAX} rows of one batch",
        target.table.name
    );
    Error::definite(what).detail(why).hint(
        "give the column a type that holds its values (Nullable(…) or a default where that is \
             NULL), and copy the table again",
    )
}
