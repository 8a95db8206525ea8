//! Values that the stream calls "unchanged": large ones that an UPDATE did not touch.
//!
//! ```text
//! row 3  Update key 7  body: unchanged ─┬─ row 1 of the batch, same key, has it
//!                                       ├─ else the store: the row with that key as it is there
//!                                       └─ else the source: that row today, by its own key
//! ```
//!
//! Never NULL, never a default, but in a column that went at the source and that no view shows. A row that none of the three has is gone at the source: the change
//! that made it go is still to come in the stream, so the row is left out until then. The value of
//! today may be newer than the row; then the change that made it so is still to come, too. One that
//! cannot be carried sets its row aside like any other.
//!
//! This runs inside the flush: flushes come one after the other, so the store has every earlier row.

mod stored;

use crate::keys::key_bytes;
use crate::quarantine;
use crate::retry::patiently;
use crate::status::Status;
use model::{Block, Cells, Error, Mode, Op, Reject, Result, Rule, Version};
use source::Address;
use source::decode::reject;
use source::lookup::Today;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Store, Target};
use tokio::sync::Mutex;
use tokio_postgres::Client;

/// Rows in one question to the store: their values are in memory twice.
const ROWS_ASKED_MOST: usize = 2_000;

/// Fills blocks; keeps a connection to the source once it needed one.
pub(crate) struct Filler {
    address: Address,
    client: Mutex<Option<Client>>,
}

/// Where a marked value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// A row of the same block.
    Row(usize),
    /// The store, as it has this row; the source where it has not.
    Store(usize),
    /// The source alone: a row before it went to quarantine, so that the store's is an older one.
    Source,
}

/// What the block says of a key so far.
#[derive(Clone, Copy)]
enum Last {
    Row(usize),
    Gone,
}

/// (row, column) of the block.
type Place = (usize, usize);
/// Columns of rows that are asked for.
type Wanted = BTreeMap<usize, BTreeSet<usize>>;

/// Rows, and columns of them.
type Question<'a> = (&'a [usize], &'a [usize]);

/// What is asked where one answer would be too large. Of a single value nothing is: the source has it.
fn halves((rows, columns): Question<'_>) -> Vec<Question<'_>> {
    match (rows.len(), columns.len()) {
        (0 | 1, 0 | 1) => Vec::new(),
        (0 | 1, count) => {
            let (some, others) = columns.split_at(count / 2);
            vec![(rows, some), (rows, others)]
        }
        (count, _) => {
            let (some, others) = rows.split_at(count / 2);
            vec![(some, columns), (others, columns)]
        }
    }
}

/// Values found outside the block: where each is.
#[derive(Default)]
struct Found {
    cells: Vec<Cells>,
    at: HashMap<Place, (usize, usize)>,
    /// By the row of the block.
    rejects: BTreeMap<usize, Reject>,
}

impl Filler {
    pub(crate) fn new(address: Address) -> Filler {
        Filler { address, client: Mutex::new(None) }
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
        let origins = origins(block)?;
        let outside: BTreeMap<Place, Origin> = origins
            .iter()
            .filter(|&(&(_, column), origin)| {
                !matches!(origin, Origin::Row(_)) && target.column_of(column).is_some()
            })
            .map(|(&place, &origin)| (place, origin))
            .collect();
        let mut wanted = Wanted::new();
        // Rows whose values go on under another key.
        let mut moved = BTreeSet::new();
        for (&(to, column), &origin) in &outside {
            if let Origin::Store(row) = origin
                && trusts_store
            {
                wanted.entry(row).or_default().insert(column);
                if key_bytes(block, to) != key_bytes(block, before_key_change(block, row)) {
                    moved.insert(row);
                }
            }
        }
        let stored = self.ask_store(store, status, target, block, &wanted, &moved).await?;
        // Each by its own key: the one of the row that the store was asked about may be gone.
        let mut missing = Wanted::new();
        for (&(row, column), &origin) in &outside {
            if stored.value_of(origin, column).is_none() {
                missing.entry(row).or_default().insert(column);
            }
        }
        let mut sourced = self.ask_source(status, target, block, &missing).await?;
        let keeps_gone = target.mode != Mode::Mirror || target.keeps_gone();
        let gone = if keeps_gone { sourced.gone(block, &missing) } else { BTreeMap::new() };
        let reject =
            |(&row, found): (&usize, &Reject)| reject::of_incomplete_row(block, row, found);
        let rejects = sourced.rejects.iter().chain(&gone).map(reject).collect();
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
        asked: &Wanted,
        moved: &BTreeSet<usize>,
    ) -> Result<Found> {
        let mut found = Found::default();
        let columns: BTreeSet<usize> = asked.values().flatten().copied().collect();
        let reads_back = |column: &usize| target.read_back(*column, "").is_some();
        let columns: Vec<usize> = columns.into_iter().filter(reads_back).collect();
        if columns.is_empty() {
            return Ok(found);
        }
        let rows: Vec<usize> = asked.keys().copied().collect();
        let mut left: Vec<Question> =
            rows.chunks(ROWS_ASKED_MOST).map(|chunk| (chunk, &columns[..])).collect();
        while let Some((chunk, columns)) = left.pop() {
            // A changed key: the store has the row under the old one, which travels just before.
            let keys: Vec<usize> = chunk.iter().map(|&row| before_key_change(block, row)).collect();
            let between = between(store, status, target, block, chunk, moved).await?;
            let ask = || stored::ask(store, target, block, &keys, columns, &between);
            let Some((places, values)) = patiently(status, ask).await? else {
                left.extend(halves((chunk, columns)));
                continue;
            };
            for (&column, values) in columns.iter().zip(values) {
                // No large value is NULL: the row is another one, or that is what became of the value.
                let may_be_null = block.table.rule(column) == Some(Rule::Null);
                for (at, &place) in places.iter().enumerate() {
                    let row = chunk[place];
                    if asked[&row].contains(&column) && (may_be_null || !values.is_null(at)) {
                        found.at.insert((row, column), (found.cells.len(), at));
                    }
                }
                found.cells.push(values);
            }
        }
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
        let ask = || self.look_up(block, &rows, &columns);
        let answer = patiently(status, ask).await?;
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
        Ok(found)
    }

    async fn look_up(
        &self,
        block: &Block,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<source::lookup::Found> {
        let mut kept = self.client.lock().await;
        let client = match kept.take().filter(|client| !client.is_closed()) {
            Some(client) => client,
            None => source::client::connect(&self.address).await?,
        };
        let found = source::lookup::rows_by_key(&client, block, rows, columns).await?;
        *kept = Some(client);
        Ok(found)
    }
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

    /// What the store has of it.
    fn value_of(&self, origin: Origin, column: usize) -> Option<(&Cells, usize)> {
        match origin {
            Origin::Store(row) => self.value((row, column)),
            Origin::Row(_) | Origin::Source => None,
        }
    }
}

/// Between which versions the store's row stands for the one before each of these rows. After a crash the
/// log is read again, and the store has what comes after it, too.
async fn between(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    rows: &[usize],
    moved: &BTreeSet<usize>,
) -> Result<Vec<(Version, Version)>> {
    // Nothing in an append table stands for a row that was refused: what is from before it is older.
    let refused = match target.mode {
        Mode::Append => {
            let keys: Vec<usize> = rows.iter().map(|&row| before_key_change(block, row)).collect();
            quarantine::refused_before(store, status, target, block, &keys).await?
        }
        Mode::Mirror | Mode::History => vec![None; rows.len()],
    };
    let last = |row: usize| match target.mode {
        // A newer one wins over this one, too, but not under another key: somebody else may have the
        // one of before by then.
        Mode::Mirror if !moved.contains(&row) => Version(u128::MAX),
        Mode::History => Version(block.versions[row].0 - 1),
        // What took the place of the one before may be there already.
        Mode::Mirror | Mode::Append => block.versions[row],
    };
    let after = refused.into_iter().map(|version| version.unwrap_or(Version(0)));
    Ok(after.zip(rows.iter().map(|&row| last(row))).collect())
}

/// Where the row's old key is.
fn before_key_change(block: &Block, row: usize) -> usize {
    if block.changes_key(row) { row - 1 } else { row }
}

/// Where each marked value comes from, by the last earlier row of the same key.
fn origins(block: &Block) -> Result<HashMap<Place, Origin>> {
    let key = &block.table.key;
    if key.iter().any(|&at| !block.columns[at].kind().may_be_nullable()) {
        let name = &block.table.name;
        return Err(Error::definite(format!("cannot fill unchanged values of {name}"))
            .detail("Its key holds an array, a map, a range or a shape.")
            .hint(format!("ALTER TABLE {name} REPLICA IDENTITY FULL")));
    }
    let mut marked: HashMap<usize, Vec<usize>> = HashMap::new();
    for mark in &block.unchanged {
        marked.entry(mark.row as usize).or_default().push(mark.column as usize);
    }
    let mut last: HashMap<Vec<u8>, Last> = HashMap::new();
    let mut origins: HashMap<Place, Origin> = HashMap::new();
    let mut deleted_just_now: Option<Last> = None;
    for row in 0..block.rows() {
        let own = key_bytes(block, row);
        let old = before_key_change(block, row);
        let earlier = match old == row {
            true => last.get(&own).copied(),
            false => deleted_just_now,
        };
        for &column in marked.get(&row).into_iter().flatten() {
            let origin = match earlier {
                Some(Last::Row(earlier)) => {
                    *origins.get(&(earlier, column)).unwrap_or(&Origin::Row(earlier))
                }
                Some(Last::Gone) => Origin::Source,
                None => Origin::Store(row),
            };
            origins.insert((row, column), origin);
        }
        deleted_just_now = None;
        match block.ops[row] {
            Op::Delete => deleted_just_now = last.insert(own, Last::Gone),
            Op::Refused => {
                last.insert(own, Last::Gone);
            }
            Op::Truncate => last.clear(),
            Op::Insert | Op::Update => {
                last.insert(own, Last::Row(row));
            }
        }
    }
    Ok(origins)
}

fn rebuild(
    block: &Block,
    origins: &HashMap<Place, Origin>,
    stored: &Found,
    sourced: &Found,
    target: &Target,
) -> Block {
    let value = |(row, column): Place| match origins.get(&(row, column)) {
        None => Some((&block.columns[column], row)),
        Some(Origin::Row(earlier)) => Some((&block.columns[column], *earlier)),
        // Not kept in the store.
        Some(_) if target.column_of(column).is_none() => Some((&block.columns[column], row)),
        Some(&origin) => stored.value_of(origin, column).or_else(|| sourced.value((row, column))),
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
    use model::{Column, Kind, Lsn, PgType, Table, TableId, TableName, TableOptions, Unchanged};
    use std::sync::Arc;

    fn block(rows: &[(Op, u64, i32, Option<&str>)]) -> Block {
        let column =
            |name: &str, oid, pg| Column { type_oid: oid, not_null: true, ..Column::new(name, pg) };
        let table = Arc::new(Table {
            key: vec![0],
            ..Table::new(
                TableId(1),
                TableName::new("public", "posts"),
                vec![column("id", 23, PgType::Int4), column("body", 25, PgType::Text)],
            )
        });
        let mut block = Block::new(table);
        for (row, &(op, version, id, body)) in rows.iter().enumerate() {
            block.columns[0].push_fixed(id.to_le_bytes());
            match body {
                Some(text) => block.columns[1].push_text(text.as_bytes()),
                None => block.columns[1].push_default(),
            }
            if body.is_none() && op != Op::Delete {
                block.unchanged.push(Unchanged { row: row as u32, column: 1 });
            }
            block.end_row(op, Version::of_change(Lsn(version), Lsn(version)));
        }
        block
    }

    fn found(place: Place, value: &str) -> Found {
        let mut cells = Cells::new(Kind::Text);
        cells.push_text(value.as_bytes());
        Found { cells: vec![cells], at: HashMap::from([(place, (0, 0))]), ..Found::default() }
    }

    #[test]
    fn earlier_rows_of_the_block_come_first_and_chains_lead_to_the_value() {
        let block = block(&[
            (Op::Insert, 1, 7, Some("text")),
            (Op::Update, 2, 7, None),
            (Op::Update, 3, 7, None),
            (Op::Update, 4, 8, None),
            (Op::Update, 5, 8, None),
        ]);
        let origins = origins(&block).unwrap();
        assert_eq!(origins[&(1, 1)], Origin::Row(0));
        assert_eq!(origins[&(2, 1)], Origin::Row(0));
        assert_eq!(origins[&(3, 1)], Origin::Store(3));
        assert_eq!(origins[&(4, 1)], Origin::Store(3));
    }

    #[test]
    fn what_is_too_large_is_asked_for_in_halves_down_to_single_values() {
        let (mut left, mut single) = (vec![(&[7, 8, 9][..], &[1, 2, 3][..])], Vec::new());
        while let Some(question) = left.pop() {
            match question {
                (&[row], &[column]) => single.push((row, column)),
                question => left.extend(halves(question)),
            }
        }
        single.sort_unstable();
        let all = [7, 8, 9].map(|row| [1, 2, 3].map(|column| (row, column)));
        assert_eq!(single, all.concat());
        assert!(halves((&[7], &[1])).is_empty());
    }

    #[test]
    fn a_changed_key_keeps_its_values() {
        let block = block(&[
            (Op::Insert, 1, 7, Some("text")),
            (Op::Delete, 2, 7, None),
            (Op::Insert, 2, 9, None),
            (Op::Delete, 3, 5, None),
            (Op::Insert, 3, 6, None),
        ]);
        let origins = origins(&block).unwrap();
        assert_eq!(origins[&(2, 1)], Origin::Row(0));
        assert_eq!(origins[&(4, 1)], Origin::Store(4));
        assert_eq!(before_key_change(&block, 4), 3);
    }

    #[test]
    fn behind_a_row_in_quarantine_the_store_is_not_asked() {
        let block = block(&[
            (Op::Delete, 1, 7, None),
            (Op::Update, 2, 7, None),
            (Op::Delete, 3, 7, None),
            (Op::Insert, 3, 8, None),
            (Op::Delete, 4, 5, None),
            (Op::Delete, 5, 5, None),
            (Op::Insert, 5, 6, None),
        ]);
        let origins = origins(&block).unwrap();
        assert_eq!(origins[&(1, 1)], Origin::Source);
        assert_eq!(origins[&(3, 1)], Origin::Source);
        assert_eq!(origins[&(6, 1)], Origin::Source);
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
        let (found, none) = (found((1, 1), "there"), Found::default());
        let filled = rebuild(&block, &origins(&block).unwrap(), &found, &none, &target);
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
        let (none, sourced) = (Found::default(), found((2, 1), "today"));
        let filled = rebuild(&block, &origins(&block).unwrap(), &none, &sourced, &target);
        assert_eq!(filled.ops, [Op::Delete, Op::Insert]);
        assert_eq!(filled.columns[1].value(1), b"today");
    }
}
