//! Values that the stream calls "unchanged": large ones that an UPDATE did not touch.
//!
//! ```text
//! row 3  Update key 7  body: unchanged ─┬─ row 1 of the batch, same key, has it
//!                                       ├─ else the store: a row of the time in which nobody set it
//!                                       └─ else the source: that row today, by its own key
//! ```
//!
//! Never NULL, never a default, but in a column that went at the source and that no view shows. A row that
//! none of the three has is gone at the source: the change that made it go is still to come in the stream,
//! so the row is left out until then. The value of today may be newer than the row, or another row's
//! ([`borrowed`]); then the change that made it so is still to come, too. One that cannot be carried sets
//! its row aside like any other.
//!
//! This runs inside the flush: flushes come one after the other, so the store has every earlier row.

mod asks;
mod borrowed;
mod origins;
mod stored;

use crate::keys::key_bytes;
use crate::retry::patiently;
use crate::status::Status;
use asks::{Asks, chains};
use borrowed::Borrowed;
use model::{Block, Cells, Lsn, Mode, OnUpdate, Op, Reject, Result, Version};
use origins::{Link, Origin, Origins, Place};
use source::Address;
use source::decode::reject;
use source::lookup::Today;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Store, Target};
use tokio::sync::Mutex;
use tokio_postgres::Client;

/// Fills blocks; keeps a connection to the source once it needed one.
pub(crate) struct Filler {
    /// `None`: there is no source that could be asked.
    address: Option<Address>,
    client: Mutex<Option<Client>>,
    borrowed: std::sync::Mutex<Borrowed>,
}

/// Columns of rows that the source is asked for.
type Wanted = BTreeMap<usize, BTreeSet<usize>>;

/// Values found outside the block: where each is.
#[derive(Default)]
struct Found {
    cells: Vec<Cells>,
    at: HashMap<Place, (usize, usize)>,
    /// By the row of the block.
    rejects: BTreeMap<usize, Reject>,
    /// Those that stand for rows of their keys alone, until the stream is there.
    borrowed: Vec<(Place, Lsn)>,
    looked_until: Lsn,
}

impl Filler {
    pub(crate) fn new(address: Option<Address>) -> Filler {
        Filler { address, client: Mutex::new(None), borrowed: Default::default() }
    }

    /// The block with every value in place, without the rows that are gone; and those that cannot be
    /// carried. Not `trusts_store`: the store's rows may be older than the ones before the block's.
    pub(crate) async fn fill(
        &self,
        store: &dyn Store,
        status: &Status,
        target: &Target,
        block: &Block,
        trusts_store: bool,
    ) -> Result<(Block, Vec<Reject>)> {
        self.borrowed().pass(block);
        let origins = Origins::of(block)?;
        let outside: BTreeMap<Place, Origin> = origins
            .of
            .iter()
            .filter(|&(&(_, column), origin)| {
                !matches!(origin, Origin::Row(_)) && target.column_of(column).is_some()
            })
            .map(|(&place, &origin)| (place, origin))
            .collect();
        let stored = match trusts_store {
            true => self.ask_store(store, status, target, block, &origins, &outside).await?,
            false => Found::default(),
        };
        // Each by its own key: the one of the row that the store was asked about may be gone.
        let mut missing = Wanted::new();
        for &(row, column) in outside.keys() {
            if stored.value((row, column)).is_none() {
                missing.entry(row).or_default().insert(column);
            }
        }
        let mut sourced = self.ask_source(status, target, block, &missing).await?;
        let keeps_gone = target.mode != Mode::Mirror || target.keeps_gone();
        let mut gone = if keeps_gone { sourced.gone(block, &missing) } else { BTreeMap::new() };
        if target.on_update == OnUpdate::Apply {
            gone.retain(|&row, _| !origins.is_replaced(block, row));
        }
        let reject =
            |(&row, found): (&usize, &Reject)| reject::of_incomplete_row(block, row, found);
        let rejects = sourced.rejects.iter().chain(&gone).map(reject).collect();
        self.remember(target, block, &missing, &stored, &sourced);
        // Others go on with the row of before: it is the last that is known.
        if target.mode == Mode::History {
            sourced.rejects.extend(gone);
        }
        Ok((rebuild(block, &origins, &stored, &sourced, target), rejects))
    }

    /// Columns that the store keeps as they came; other types do not read back exactly.
    async fn ask_store(
        &self,
        store: &dyn Store,
        status: &Status,
        target: &Target,
        block: &Block,
        origins: &Origins,
        outside: &BTreeMap<Place, Origin>,
    ) -> Result<Found> {
        let reads_back = |column: usize| target.read_back(column, "").is_some();
        let mut links: Vec<Link> = (outside.iter())
            .filter(|((_, column), _)| reads_back(*column))
            .filter_map(|(&(row, column), &origin)| match origin {
                Origin::Store(root) => Some(Link { root, column, row }),
                Origin::Row(_) | Origin::Source => None,
            })
            .collect();
        if links.is_empty() {
            return Ok(Found::default());
        }
        links.sort_unstable();
        let columns: BTreeSet<usize> = links.iter().map(|link| link.column).collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let asks = Asks::new(store, status, target, block, origins, &links).await?;
        let there = asks.ask(store, status, target, block, &columns).await?;
        let (mut found, borrowed) = (Found::default(), self.borrowed());
        for (number, chain) in chains(&links).enumerate() {
            let shared = asks.shared(block, number, chain[0].column, &there, &borrowed);
            for link in chain {
                let place = (link.row, link.column);
                let is_for = |key: usize| key == origins.first[link.row];
                let shared = shared.as_ref();
                let shared = shared.filter(|shared| shared.only.is_none_or(|(key, _)| is_for(key)));
                if let Some((_, until)) = shared.and_then(|shared| shared.only) {
                    found.borrowed.push((place, until));
                }
                let value = shared.map(|shared| shared.at);
                let value = value.or_else(|| asks.newer(target, block, origins, *link, &there));
                found.at.extend(value.map(|at| (place, at)));
            }
        }
        found.cells = there.cells;
        Ok(found)
    }

    async fn ask_source(
        &self,
        status: &Status,
        target: &Target,
        block: &Block,
        missing: &Wanted,
    ) -> Result<Found> {
        if missing.is_empty() {
            return Ok(Found::default());
        }
        let Some(address) = &self.address else { return Ok(nobody_knows(block, missing)) };
        // A key's value of today is asked for once, however many rows want it.
        let mut firsts: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut rows: Vec<usize> = Vec::new();
        let mut place = |row: usize| {
            *firsts.entry(key_bytes(block, row)).or_insert_with(|| {
                rows.push(row);
                rows.len() - 1
            })
        };
        let places: Vec<(usize, usize)> = missing.keys().map(|&row| (row, place(row))).collect();
        let columns: BTreeSet<usize> = missing.values().flatten().copied().collect();
        let columns: Vec<usize> = columns.into_iter().collect();
        let ask = || self.look_up(address, block, &rows, &columns);
        let (answer, position) = patiently(status, ask).await?;
        let mut found = Found::default();
        for (row, place) in &places {
            if let Some(reject) = answer.rejects.get(place) {
                found.rejects.insert(*row, reject.clone());
            }
        }
        for (&column, today) in columns.iter().zip(answer.columns) {
            let at = found.cells.len();
            match today {
                Today::Values(cells) => {
                    let there = places.iter().filter_map(|(row, n)| Some((*row, answer.at[*n]?)));
                    found.at.extend(there.map(|(row, value)| ((row, column), (at, value))));
                    found.cells.push(cells);
                }
                // A view shows it no more, and nothing to come in the stream would bring the row again.
                Today::Dropped if target.mode == Mode::Mirror => {
                    let mut none = Cells::new(block.columns[column].kind().clone());
                    match target.column_of(column).is_some_and(|column| column.nullable) {
                        true => none.push_null(),
                        false => none.push_default(),
                    }
                    found.at.extend(places.iter().map(|(row, _)| ((*row, column), (at, 0))));
                    found.cells.push(none);
                }
                Today::Dropped | Today::Other => {}
            }
        }
        // What does not read back is asked for anew each time.
        let reads_back = |column: usize| target.read_back(column, "").is_some();
        let there = found.at.keys().filter(|(_, column)| reads_back(*column));
        found.borrowed = there.map(|&place| (place, position)).collect();
        found.looked_until = position;
        Ok(found)
    }

    /// What the block's rows have of today, and the keys of a mirror that nobody has today.
    fn remember(
        &self,
        target: &Target,
        block: &Block,
        missing: &Wanted,
        stored: &Found,
        sourced: &Found,
    ) {
        let mut borrowed = self.borrowed();
        let id = block.table.id;
        let version = |row: usize| match (target.mode, target.on_update) {
            // All that the store knows of it.
            (Mode::Append, OnUpdate::Ignore | OnUpdate::Append) => {
                Version::of_change(block.versions[row].commit(), Lsn::ZERO)
            }
            _ => block.versions[row],
        };
        for &((row, column), until) in stored.borrowed.iter().chain(&sourced.borrowed) {
            borrowed.add(id, until, (&key_bytes(block, row), column), version(row));
        }
        if target.mode != Mode::Mirror {
            return;
        }
        for (&row, columns) in missing {
            let is_there = columns.iter().all(|&column| sourced.value((row, column)).is_some());
            if !is_there && !sourced.rejects.contains_key(&row) {
                let key = key_bytes(block, row);
                borrowed.add_absent(id, sourced.looked_until, &key, block.versions[row]);
            }
        }
    }

    fn borrowed(&self) -> std::sync::MutexGuard<'_, Borrowed> {
        self.borrowed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// And where the log was after it.
    async fn look_up(
        &self,
        address: &Address,
        block: &Block,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<(source::lookup::Found, Lsn)> {
        let mut kept = self.client.lock().await;
        let client = match kept.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => source::client::connect(address).await?,
        };
        let found = source::lookup::rows_by_key(&client, block, rows, columns).await?;
        let position = source::catalog::end_of_log(&client).await?;
        *kept = Some(client);
        Ok((found, position))
    }
}

/// Rows that lack values, where nothing but the store could have had them.
fn nobody_knows(block: &Block, missing: &Wanted) -> Found {
    let reject = |(&row, columns): (&usize, &BTreeSet<usize>)| {
        let column = columns.first().map(|&at| block.table.columns[at].name.clone());
        let reason = "the message says that the value is unchanged, and no row here has it";
        let reject = Reject {
            version: block.versions[row],
            op: block.ops[row],
            column: column.unwrap_or_default(),
            reason: reason.to_owned(),
            row: "{}".to_owned(),
            key: String::new(),
        };
        (row, reject)
    };
    Found { rejects: missing.iter().map(reject).collect(), ..Found::default() }
}

impl Found {
    fn value(&self, place: Place) -> Option<(&Cells, usize)> {
        self.at.get(&place).map(|&(cells, at)| (&self.cells[cells], at))
    }

    /// Rows that are gone, where nothing to come makes up for them.
    fn gone(&self, block: &Block, missing: &Wanted) -> BTreeMap<usize, Reject> {
        let mut all = BTreeMap::new();
        for (&row, columns) in missing {
            let gone = columns.iter().find(|&&column| !self.at.contains_key(&(row, column)));
            let Some(&column) = gone.filter(|_| !self.rejects.contains_key(&row)) else { continue };
            let reject = Reject {
                version: block.versions[row],
                op: block.ops[row],
                column: block.table.columns[column].name.clone(),
                reason:
                    "the UPDATE left its large value alone, and that was gone before it was read"
                        .to_owned(),
                row: "{}".to_owned(),
                key: String::new(),
            };
            all.insert(row, reject);
        }
        all
    }
}

fn rebuild(
    block: &Block,
    origins: &Origins,
    stored: &Found,
    sourced: &Found,
    target: &Target,
) -> Block {
    let value = |(row, column): Place| match origins.of.get(&(row, column)) {
        None => Some((&block.columns[column], row)),
        Some(Origin::Row(earlier)) => Some((&block.columns[column], *earlier)),
        // Not kept in the store.
        Some(_) if target.column_of(column).is_none() => Some((&block.columns[column], row)),
        Some(_) => stored.value((row, column)).or_else(|| sourced.value((row, column))),
    };
    let mut filled = Block::new(block.table.clone());
    filled.clamped = block.clamped.clone();
    filled.commits = block.commits.clone();
    for row in 0..block.rows() {
        let values = (0..filled.columns.len()).map(|column| value((row, column)));
        let Some(values) = values.collect::<Option<Vec<_>>>() else {
            if sourced.rejects.contains_key(&row) {
                bury(block, row, &mut filled);
            }
            continue;
        };
        for (cells, (from, at)) in filled.columns.iter_mut().zip(values) {
            cells.extend_from(from, at, at + 1);
        }
        filled.end_row(block.ops[row], block.versions[row]);
    }
    filled
}

/// The row is set aside: the one of before must not stay visible.
fn bury(block: &Block, row: usize, filled: &mut Block) {
    for (at, cells) in filled.columns.iter_mut().enumerate() {
        match block.table.key.contains(&at) {
            true => cells.extend_from(&block.columns[at], row, row + 1),
            false => cells.push_default(),
        }
    }
    filled.end_row(Op::Refused, block.versions[row]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, TableOptions};
    use origins::tests::block;

    fn found(places: &[Place], value: &str) -> Found {
        let mut cells = Cells::new(Kind::Text);
        cells.push_text(value.as_bytes());
        let at = places.iter().map(|&place| (place, (0, 0))).collect();
        Found { cells: vec![cells], at, ..Found::default() }
    }

    #[test]
    fn rows_that_are_gone_are_left_out_and_the_others_are_whole() {
        let block = block(&[
            (Op::Update, 1, 7, None),
            (Op::Update, 2, 8, None),
            (Op::Update, 3, 8, None),
            (Op::Delete, 4, 9, None),
        ]);
        let target = Target::resolve(block.table.clone(), &TableOptions::default(), None).unwrap();
        let (found, none) = (found(&[(1, 1), (2, 1)], "there"), Found::default());
        let filled = rebuild(&block, &Origins::of(&block).unwrap(), &found, &none, &target);
        assert_eq!(filled.ops, [Op::Update, Op::Update, Op::Delete]);
        assert_eq!(filled.columns[1].value(0), b"there");
        assert_eq!(filled.columns[1].value(1), b"there");
        assert!(filled.unchanged.is_empty());
    }

    #[test]
    fn the_source_is_asked_by_the_key_of_the_row_itself() {
        let block =
            block(&[(Op::Update, 1, 7, None), (Op::Delete, 2, 7, None), (Op::Insert, 2, 8, None)]);
        let target = Target::resolve(block.table.clone(), &TableOptions::default(), None).unwrap();
        let (none, sourced) = (Found::default(), found(&[(2, 1)], "today"));
        let filled = rebuild(&block, &Origins::of(&block).unwrap(), &none, &sourced, &target);
        assert_eq!(filled.ops, [Op::Delete, Op::Insert]);
        assert_eq!(filled.columns[1].value(1), b"today");
    }
}
