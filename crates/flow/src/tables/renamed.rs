//! Tables that are called otherwise at the source: what the store has of them moves with them.
//!
//! ```text
//! known by its oid, under another name
//!   1. park     its rows, and what is remembered of them by name, go where only the oid counts
//!   2. record   `millrace.tables` says the new names, of all tables at once
//!   3. unpark   from the oid to the new name
//! ```
//!
//! Names may change places, so nothing takes one before all have left theirs. Killed anywhere, the same
//! is decided and done once more: until the record the old names stand, and from then on whatever is
//! parked belongs to the table of that oid. Each step does nothing where it was done.
//!
//! What is configured by the old name goes on to hold, until something is by the new one.

use super::Around;
use super::known::{Known, STATES};
use crate::retry::{done, patiently};
use crate::shape;
use crate::status::{State, Status, now_us};
use model::{Mode, Result, Table, TableName, TableOptions};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{Rows, Store, Target, ddl};

/// A table of ours that says something by name.
#[derive(Clone, Copy)]
struct Remembered {
    table: &'static str,
    column: &'static str,
    /// The name at the source, or the one in the store.
    by_source: bool,
}

const REMEMBERED: [Remembered; 3] = [
    Remembered { table: "batches", column: "target", by_source: false },
    Remembered { table: "copy_ranges", column: "target", by_source: false },
    Remembered { table: "quarantine", column: "source_table", by_source: true },
];
/// In one statement: the engine takes 256 KiB.
const NAMES_AT_ONCE: usize = 200;

/// Where a table is, by all its names.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Place {
    source: TableName,
    /// What readers query.
    stored: TableName,
    rows: TableName,
}

impl Place {
    fn named(&self, remembered: Remembered) -> String {
        match remembered.by_source {
            true => self.source.to_string(),
            false => self.stored.to_string(),
        }
    }
}

struct Move {
    mode: Mode,
    known: Known,
    from: Place,
    to: Place,
}

/// What is known of tables, by name.
pub(super) type AllKnown = HashMap<String, Known>;
pub(super) type AllOptions = BTreeMap<String, TableOptions>;

/// What each published table is configured by: its own name, or the last one that it had. Returns the
/// names whose sections hold for others alone, too.
pub(super) fn options(
    published: &[Table],
    known: &AllKnown,
    options: &AllOptions,
    slot: &str,
) -> (AllOptions, BTreeSet<String>) {
    let (mut all, mut lent) = (options.clone(), BTreeSet::new());
    for table in published {
        let name = table.name.to_string();
        let known = known_of(table, known, slot).filter(|_| !options.contains_key(&name));
        let Some((last, known)) = known else { continue };
        let before = known.past.names().iter().rev().map(TableName::to_string);
        let mut before = [last.clone()].into_iter().chain(before);
        let Some(before) = before.find(|before| options.contains_key(before)) else { continue };
        tracing::warn!(table = %name, section = %format!("[tables.\"{before}\"]"), "it is configured by a name that it had before");
        let mut held = options[&before].clone();
        if !published.iter().any(|other| other.name.to_string() == before) {
            lent.insert(before);
        }
        // One place is one table's: whose it is already.
        held.target = held.target.filter(|target| target.to_string() == known.target);
        all.insert(name, held);
    }
    (all, lent)
}

/// Moves what was renamed since. Returns what is known then.
pub(super) async fn follow(
    published: &[Table],
    mut known: AllKnown,
    options: &AllOptions,
    database_pattern: Option<&str>,
    around: &Around<'_>,
) -> Result<AllKnown> {
    let (store, status) = (around.store, around.status);
    let slot = status.slot();
    let place = |name: &TableName, target: Option<&TableName>, mode| {
        let (stored, rows) = Target::places(name, target, mode, database_pattern);
        Place { source: name.clone(), stored, rows }
    };
    let configured = |name: &TableName| options.get(&name.to_string()).cloned().unwrap_or_default();
    let mut moves = Vec::new();
    for table in published {
        let Some((name, known)) = known_of(table, &known, &slot) else { continue };
        if *name == table.name.to_string() {
            continue;
        }
        let mut names = known.past.names().iter();
        let before = names.find(|before| before.to_string() == *name).cloned();
        let before = &before.unwrap_or_else(|| name_of(name));
        let now = configured(&table.name);
        let to = place(&table.name, now.target.as_ref(), now.mode);
        let is_like = now.mode.name() == known.mode;
        let chosen = [now.target, configured(before).target];
        let Some(from) = place_of(known, before, &chosen, &place).filter(|_| is_like) else {
            let (table, before) = (&table.name, &known.target);
            tracing::warn!(%table, %before, "renamed, and configured otherwise: it is copied; what is kept of it stays under the old name");
            continue;
        };
        moves.push(Move { mode: now.mode, known: known.clone(), from, to });
    }
    while let Some(at) = first_without_room(&moves, published, &known, options, around).await? {
        let Move { from, to, .. } = moves.remove(at);
        let (table, before, place) = (&to.source, &from.source, &to.stored);
        tracing::warn!(%table, %before, %place, "renamed, and another table is kept in its place: it is copied; what is kept of it stays under the old name");
    }
    for moved in &moves {
        tracing::info!(table = %moved.to.source, before = %moved.from.source, "renamed at the source: its rows move");
        park(moved, store, status).await?;
    }
    for remembered in REMEMBERED {
        let name = |moved: &Move| (moved.from.named(remembered), parked(&slot, moved.known.id));
        let names: Vec<_> = moves.iter().map(name).collect();
        give_names(remembered, &names, store, status).await?;
    }
    record(&moves, &mut known, store, status).await?;
    forget_names(store, status).await?;
    let ids = parked_ids(&slot, store).await?;
    let mut places = Vec::new();
    for table in published.iter().filter(|table| ids.contains(&table.id.0)) {
        if known.get(&table.name.to_string()).is_some_and(|known| known.id == table.id.0) {
            let now = configured(&table.name);
            let to = place(&table.name, now.target.as_ref(), now.mode);
            unpark(&slot, table.id.0, now.mode, &to, around).await?;
            places.push((table.id.0, to));
        }
    }
    // Dropped, or configured otherwise, while they were parked: back to where they are known to be.
    let placed: BTreeSet<u32> = places.iter().map(|(id, _)| *id).collect();
    for id in ids.difference(&placed) {
        let Some((name, known)) = known.iter().find(|(_, k)| k.id == *id && k.slot == slot) else {
            continue;
        };
        let name = name_of(name);
        let chosen = [configured(&name).target];
        if let Some(to) = place_of(known, &name, &chosen, &place)
            && let Some(mode) = Mode::from_name(&known.mode)
        {
            unpark(&slot, *id, mode, &to, around).await?;
            places.push((*id, to));
        }
    }
    for remembered in REMEMBERED {
        remember(remembered, &slot, &places, store, status).await?;
    }
    Ok(known)
}

/// Whether the table is remembered under another name than it has.
pub(super) fn is_renamed(table: &Table, known: &AllKnown, slot: &str) -> bool {
    known_of(table, known, slot).is_some_and(|(name, _)| *name != table.name.to_string())
}

/// As it was written down.
fn name_of(written: &str) -> TableName {
    let (schema, table) = written.split_once('.').unwrap_or(("", written));
    TableName::new(schema, table)
}

/// Where a table is that was called so.
fn place_of(
    known: &Known,
    name: &TableName,
    chosen: &[Option<TableName>],
    place: &impl Fn(&TableName, Option<&TableName>, Mode) -> Place,
) -> Option<Place> {
    let mode = Mode::from_name(&known.mode)?;
    let chosen = chosen.iter().map(Option::as_ref).chain([None]);
    let mut places = chosen.map(|target| place(name, target, mode));
    places.find(|place| place.stored.to_string() == known.target)
}

/// Under its name of today where that is known already; else what was last heard of it.
fn known_of<'a>(table: &Table, known: &'a AllKnown, slot: &str) -> Option<(&'a String, &'a Known)> {
    let is_it = |(_, known): &(&String, &Known)| known.id == table.id.0 && known.slot == slot;
    let by_name = known.get_key_value(&table.name.to_string()).filter(is_it);
    let latest = |(_, known): &(&String, &Known)| (known.state != State::Removed, known.version);
    by_name.or_else(|| known.iter().filter(is_it).max_by_key(latest))
}

/// A place is free when nothing is there, or nothing that stays: a mirror of what is no more is of no
/// use; facts, changes and archives stay where they are.
async fn first_without_room(
    moves: &[Move],
    published: &[Table],
    known: &AllKnown,
    options: &AllOptions,
    around: &Around<'_>,
) -> Result<Option<usize>> {
    let keeps = |named: &TableOptions| named.keeps_deletes || named.survives_truncate();
    let is_archive = |name: &String| options.get(name).is_some_and(keeps);
    for (at, moved) in moves.iter().enumerate() {
        let place = moved.to.stored.to_string();
        if moves[..at].iter().any(|other| other.to.stored == moved.to.stored) {
            return Ok(Some(at));
        }
        if place == moved.known.target || moves.iter().any(|other| other.known.target == place) {
            continue;
        }
        let has_room = match known.iter().find(|(_, known)| known.target == place) {
            Some((name, _)) if is_archive(name) => false,
            Some((_, there)) => {
                let is_published = published.iter().any(|table| table.id.0 == there.id);
                let is_mirror = there.mode == Mode::Mirror.name();
                is_mirror && moved.mode == Mode::Mirror && !is_published
            }
            None => shape::kept(&moved.to.rows, around.store, around.status).await?.is_missing(),
        };
        if !has_room {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// A store may be shared by several slots, and an oid is one server's.
fn parked(slot: &str, id: u32) -> String {
    format!("moved {slot} {id}")
}

fn waits(what: &str, slot: &str, id: u32) -> TableName {
    TableName::new("millrace", format!("moved_{what} {slot} {id}"))
}

/// The tables that hold its rows, each with where they wait.
fn tables_of(slot: &str, id: u32, place: &Place) -> [(TableName, TableName); 2] {
    let aside = shape::aside_of(&place.stored);
    [(place.rows.clone(), waits("rows", slot, id)), (aside, waits("aside", slot, id))]
}

async fn park(moved: &Move, store: &dyn Store, status: &Status) -> Result<()> {
    let (slot, id) = (&status.slot(), moved.known.id);
    for (place, wait) in tables_of(slot, id, &moved.from) {
        let is_there = !shape::kept(&place, store, status).await?.is_missing();
        if is_there && shape::kept(&wait, store, status).await?.is_missing() {
            done(&store.layout().rename(&place, &wait), store, status).await?;
        }
    }
    if moved.mode == Mode::Mirror {
        // It says what readers see.
        let (view, wait) = (&moved.from.stored, waits("view", slot, id));
        let is_there = !shape::shown(view, store, status).await?.is_missing();
        if is_there && shape::shown(&wait, store, status).await?.is_missing() {
            done(&[store.layout().rename_view(view, &wait)], store, status).await?;
        }
    }
    Ok(())
}

/// All at once: where two change places, either both have or none has.
async fn record(
    moves: &[Move],
    known: &mut AllKnown,
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    if moves.is_empty() {
        return Ok(());
    }
    let slot = status.slot();
    let mut version = now_us();
    let mut rows = Rows::new();
    let mut names = Vec::new();
    for Move { known: moved, from, to, .. } in moves {
        let (before, now) = (from.source.to_string(), to.source.to_string());
        let there = known.remove(&now).map_or(0, |there| there.version);
        version = version.max(moved.version).max(there) + 1;
        names.push((before, now));
    }
    let is_taken = |name: &String| names.iter().any(|(_, now)| now == name);
    for ((before, _), moved) in names.iter().zip(moves).filter(|((name, _), _)| !is_taken(name)) {
        known.remove(before);
        let gone = Known { id: Known::NO_TABLE, version, ..moved.known.clone() };
        rows.push(gone.row(before, &slot));
    }
    for ((_, now), moved) in names.iter().zip(moves) {
        let target = moved.to.stored.to_string();
        let here = Known { target, version, ..moved.known.clone() };
        rows.push(here.clone().row(now, &slot));
        known.insert(now.clone(), here);
    }
    status.rename_tables(&names);
    patiently(status, || store.record(STATES, rows.clone())).await
}

/// Names that nothing has any more, with all that they were: the latest row of one hides the others.
async fn forget_names(store: &dyn Store, status: &Status) -> Result<()> {
    let sql = format!("SELECT name FROM millrace.tables FINAL WHERE id = {}", Known::NO_TABLE);
    let names = patiently(status, || store.query(&sql)).await?.into_iter();
    let names: Vec<String> = names.filter_map(|row| row.into_iter().next()?).collect();
    forget("tables", "name", &names.iter().collect::<Vec<_>>(), store, status).await
}

/// The tables that something is parked of.
async fn parked_ids(slot: &str, store: &dyn Store) -> Result<BTreeSet<u32>> {
    let mut sql = "SELECT DISTINCT table FROM system.columns \
                   WHERE database = 'millrace' AND startsWith(table, 'moved_')"
        .to_owned();
    for Remembered { table, column, .. } in REMEMBERED {
        sql += &format!(
            " UNION ALL SELECT DISTINCT {column} FROM millrace.{table} WHERE startsWith({column}, 'moved ')"
        );
    }
    let names = store.query(&sql).await?.into_iter().filter_map(|row| row.into_iter().next()?);
    let id = |name: String| {
        let (_, waits) = name.split_once(' ')?;
        waits.strip_prefix(slot)?.strip_prefix(' ')?.parse().ok()
    };
    Ok(names.filter_map(id).collect())
}

async fn unpark(slot: &str, id: u32, mode: Mode, to: &Place, around: &Around<'_>) -> Result<()> {
    let (store, status) = (around.store, around.status);
    let layout = store.layout();
    let run = async |statements: Vec<String>| done(&statements, store, status).await;
    for database in [&to.rows.schema, &to.stored.schema] {
        run(layout.database(database)).await?;
    }
    let is_there = async |place: &TableName| {
        shape::kept(place, store, status).await.map(|kept| !kept.is_missing())
    };
    let [rows, aside] = tables_of(slot, id, to);
    // What a mirror that had the name before has left.
    if mode == Mode::Mirror && is_there(&rows.1).await? {
        run(layout.drop_table_now(&aside.0)).await?;
    }
    for (place, wait) in [&rows, &aside] {
        if is_there(wait).await? {
            if mode == Mode::Mirror {
                run(layout.drop_table_now(place)).await?;
            }
            run(layout.rename(wait, place)).await?;
        }
    }
    let view = waits("view", slot, id);
    let seen = shape::shown(&view, store, status).await?;
    if !seen.is_missing() {
        // The table may have stopped, or its source be away: its rows are shown all the same.
        let serving = if is_there(&aside.0).await? { &aside.0 } else { &to.rows };
        run(vec![layout.view(&to.stored, &seen.visible(), serving)]).await?;
        run(vec![layout.drop_view(&view)]).await?;
    }
    Ok(())
}

/// What is parked of these, by their names of today.
async fn remember(
    remembered: Remembered,
    slot: &str,
    places: &[(u32, Place)],
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let Remembered { table, column, .. } = remembered;
    let sql = format!(
        "SELECT DISTINCT {column} FROM millrace.{table} WHERE startsWith({column}, 'moved ')"
    );
    let waiting = patiently(status, || store.query(&sql)).await?.into_iter();
    let waiting: BTreeSet<String> = waiting.filter_map(|row| row.into_iter().next()?).collect();
    let names = places.iter().map(|(id, to)| (parked(slot, *id), to.named(remembered)));
    let names: Vec<_> = names.filter(|(wait, _)| waiting.contains(wait)).collect();
    // Of whoever had the name, and what was brought here before a crash.
    let taken: Vec<&String> = names.iter().map(|(_, now)| now).collect();
    forget(table, column, &taken, store, status).await?;
    give_names(remembered, &names, store, status).await
}

/// From the first name to the second, of each pair; none is both.
async fn give_names(
    remembered: Remembered,
    names: &[(String, String)],
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    let Remembered { table, column, .. } = remembered;
    for names in names.chunks(NAMES_AT_ONCE) {
        let before: Vec<&String> = names.iter().map(|(before, _)| before).collect();
        let (from, to) =
            (literals(before.iter().copied()), literals(names.iter().map(|(_, now)| now)));
        // Without the table's alias it would be the new name that is compared.
        let sql = format!(
            "INSERT INTO millrace.{table} SELECT * REPLACE \
             (transform(toString(kept.{column}), [{from}], [{to}], '') AS {column}) \
             FROM millrace.{table} AS kept FINAL WHERE kept.{column} IN ({from})"
        );
        patiently(status, || store.execute(&sql)).await?;
        forget(table, column, &before, store, status).await?;
    }
    Ok(())
}

async fn forget(
    table: &str,
    column: &str,
    names: &[&String],
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    for names in names.chunks(NAMES_AT_ONCE) {
        let names = literals(names.iter().copied());
        let sql = format!("ALTER TABLE millrace.{table} DELETE WHERE {column} IN ({names})");
        let table = TableName::new("millrace", table);
        patiently(status, || store.mutate(&table, &sql)).await?;
    }
    Ok(())
}

fn literals<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| ddl::literal(name)).collect();
    names.join(", ")
}
