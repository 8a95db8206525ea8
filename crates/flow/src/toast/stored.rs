//! Large values as the store has them: of the row before each change.

use crate::keys::{Staged, key_tuple};
use model::{Block, Cells, Error, Kind, Mode, OnUpdate, Result, Version};
use store::{Store, Target, ddl};

/// The place in `keys` of each row that the store has, and the values of the columns, which it gives
/// back as they were sent. Only rows from behind the first version of `between`, and not from behind the
/// second one: of each key the last of them. `None`: they are too large to be read at once.
pub(super) async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
    between: &[(Version, Version)],
) -> Result<Option<(Vec<usize>, Vec<Cells>)>> {
    // An append table may leave out its key.
    if key_tuple(target).is_none() {
        return Ok(Some(Default::default()));
    }
    let staged = Staged::new(target, block, keys)?;
    let kept = columns.iter().filter_map(|&column| target.column_of(column));
    let values: Vec<String> =
        kept.map(|column| format!("r.{}", ddl::ident(&column.name))).collect();
    let at = match (target.mode, target.on_update) {
        (Mode::Append, OnUpdate::Ignore | OnUpdate::Append) => "_lsn",
        _ => "_version",
    };
    let list = |of: fn(&(Version, Version)) -> Version| {
        let number = |version: Version| match at {
            "_lsn" => format!("toUInt64('{}')", version.commit().0),
            _ => format!("toUInt128('{}')", version.0),
        };
        let numbers: Vec<String> = between.iter().map(of).map(number).collect();
        format!("[{}][l._lsn + 1]", numbers.join(", "))
    };
    let mut stands = format!("r.{at} <= {}", list(|(_, last)| *last));
    if between.iter().any(|(after, _)| *after > Version(0)) {
        stands += &format!(" AND r.{at} > {}", list(|(after, _)| *after));
    }
    let rows = match target.mode {
        Mode::Mirror => format!(
            "SELECT l._lsn AS n, {} FROM (SELECT * FROM {} FINAL WHERE {}) AS r \
             INNER JOIN {} WHERE {stands}",
            named(&values),
            ddl::name(&target.rows),
            staged.of_keys,
            staged.joined
        ),
        Mode::Append | Mode::History => latest(target, &staged, at, &stands, &values),
    };
    let read = columns.iter().enumerate();
    let read = read.filter_map(|(n, &column)| target.read_back(column, &format!("v{n}")));
    let sql = format!("SELECT n, {} FROM ({rows})", read.collect::<Vec<_>>().join(", "));
    let kinds = columns.iter().map(|&column| block.columns[column].kind().clone());
    let kinds = [Kind::UInt64].into_iter().chain(kinds).collect();
    let Some(mut values) = store.cells_beside(&sql, kinds, staged.beside).await? else {
        return Ok(None);
    };
    let places = values.remove(0);
    let place = |row: usize| {
        let place = u64::from_le_bytes(places.value(row).try_into().ok()?) as usize;
        (place < keys.len()).then_some(place)
    };
    let places: Option<Vec<usize>> = (0..places.rows()).map(place).collect();
    let places = places.ok_or_else(|| Error::bug("a lookup does not read back"))?;
    Ok(Some((places, values)))
}

/// `r.a AS v0, r.b AS v1`
fn named(values: &[String]) -> String {
    let named = values.iter().enumerate().map(|(n, value)| format!("{value} AS v{n}"));
    named.collect::<Vec<_>>().join(", ")
}

/// What the last of the rows that may stand for it held. Of the facts of one commit nothing
/// says which is the later one, unless the latest are kept: they have to agree.
fn latest(target: &Target, staged: &Staged, at: &str, stands: &str, values: &[String]) -> String {
    let (op, hidden) = match target.mode {
        Mode::History => ("r._op", String::new()),
        Mode::Mirror | Mode::Append => ("'insert'", format!(", {at}")),
    };
    let any: Vec<String> = values.iter().map(|value| format!("any({value})")).collect();
    let names: Vec<String> = (0..values.len()).map(|n| format!("v{n}")).collect();
    format!(
        "SELECT n, {} FROM (SELECT l._lsn AS n, r.{at} AS at, any({op}) AS op, {}, \
         uniqExact(tuple({})) AS values FROM (SELECT *{hidden} FROM {} WHERE {}) AS r \
         INNER JOIN {} WHERE {stands} GROUP BY n, at ORDER BY at DESC LIMIT 1 BY n) \
         WHERE values = 1 AND op IN ('snapshot', 'insert', 'update')",
        names.join(", "),
        named(&any),
        values.join(", "),
        ddl::name(&target.rows),
        staged.of_keys,
        staged.joined
    )
}
