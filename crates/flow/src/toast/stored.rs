//! Large values as the store has them: of the row before each change.

use crate::keys::{Staged, key_tuple};
use model::{Block, Cells, Error, Kind, Mode, OnUpdate, Op, Result, Version};
use store::{Store, Target, ddl};

/// The place in `keys` of each row that the store has, and the values of the columns, which it gives
/// back as they were sent.
pub(super) async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
) -> Result<(Vec<usize>, Vec<Cells>)> {
    // An append table may leave out its key.
    let Some(key) = key_tuple(target) else { return Ok(Default::default()) };
    let staged = Staged::create(store, target, block, keys).await?;
    let kept = columns.iter().filter_map(|&column| target.column_of(column));
    let values: Vec<String> =
        kept.map(|column| format!("r.{}", ddl::ident(&column.name))).collect();
    let (name, tuple) = (staged.name(), &staged.tuple);
    let pairs = target.table.key.iter().enumerate().filter_map(|(n, &at)| {
        let column = target.column_of(at)?;
        Some(format!("r.{} = l.k{n}", ddl::ident(&column.name)))
    });
    let joined = format!("{name} AS l ON {}", pairs.collect::<Vec<_>>().join(" AND "));
    let of_keys = format!("WHERE {key} IN (SELECT {tuple} FROM {name})");
    let bounds: Vec<String> = keys.iter().map(|&row| bound(target, block, row)).collect();
    let bound = format!("[{}][l._lsn + 1]", bounds.join(", "));
    let rows = match target.mode {
        Mode::Mirror => format!(
            "SELECT l._lsn AS n, {} FROM (SELECT * FROM {} FINAL {of_keys}) AS r \
             INNER JOIN {joined} WHERE r._version <= {bound}",
            named(&values),
            ddl::name(&target.rows),
        ),
        Mode::Append | Mode::History => latest(target, &of_keys, &joined, &bound, &values),
    };
    let read = columns.iter().enumerate();
    let read = read.filter_map(|(n, &column)| target.read_back(column, &format!("v{n}")));
    let sql = format!("SELECT n, {} FROM ({rows})", read.collect::<Vec<_>>().join(", "));
    let kinds = columns.iter().map(|&column| block.columns[column].kind().clone());
    let answer = store.cells(&sql, [Kind::UInt64].into_iter().chain(kinds).collect()).await;
    staged.drop_table(store).await;
    let mut values = answer?;
    let places = values.remove(0);
    let place = |row: usize| {
        let place = u64::from_le_bytes(places.value(row).try_into().ok()?) as usize;
        (place < keys.len()).then_some(place)
    };
    let places: Option<Vec<usize>> = (0..places.rows()).map(place).collect();
    Ok((places.ok_or_else(|| Error::bug("a lookup does not read back"))?, values))
}

/// `r.a AS v0, r.b AS v1`
fn named(values: &[String]) -> String {
    let named = values.iter().enumerate().map(|(n, value)| format!("{value} AS v{n}"));
    named.collect::<Vec<_>>().join(", ")
}

/// The last version, or commit, of a row that may stand for the one before the change. After a crash the
/// log is read again, and the store has what comes after it, too. In a mirror such a row wins over this
/// one, but not where the key was changed: another row may have the old one by then.
fn bound(target: &Target, block: &Block, row: usize) -> String {
    let version = block.versions[row];
    let last = match (target.mode, target.on_update) {
        (Mode::Mirror, _) if block.ops[row] == Op::Delete => version,
        (Mode::Mirror, _) => Version(u128::MAX),
        (Mode::History, _) => Version(version.0 - 1),
        // What took its place may be there already.
        (Mode::Append, OnUpdate::Apply) => version,
        (Mode::Append, _) => return format!("toUInt64('{}')", version.commit().0),
    };
    format!("toUInt128('{}')", last.0)
}

/// What the last row up to the bound held, whatever came after it. Of the facts of one commit nothing
/// says which is the later one, unless the latest are kept: they have to agree.
fn latest(target: &Target, of_keys: &str, joined: &str, bound: &str, values: &[String]) -> String {
    let (at, op, hidden) = match (target.mode, target.on_update) {
        (Mode::History, _) => ("_version", "r._op", ""),
        (_, OnUpdate::Apply) => ("_version", "'insert'", ", _version"),
        _ => ("_lsn", "'insert'", ", _lsn"),
    };
    let any: Vec<String> = values.iter().map(|value| format!("any({value})")).collect();
    let names: Vec<String> = (0..values.len()).map(|n| format!("v{n}")).collect();
    format!(
        "SELECT n, {} FROM (SELECT l._lsn AS n, r.{at} AS at, any({op}) AS op, {}, \
         uniqExact(tuple({})) AS values FROM (SELECT *{hidden} FROM {} {of_keys}) AS r \
         INNER JOIN {joined} WHERE r.{at} <= {bound} GROUP BY n, at ORDER BY at DESC LIMIT 1 BY n) \
         WHERE values = 1 AND op IN ('snapshot', 'insert', 'update')",
        names.join(", "),
        named(&any),
        values.join(", "),
        ddl::name(&target.rows)
    )
}
