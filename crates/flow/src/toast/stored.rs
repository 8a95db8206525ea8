//! Large values as the store has them: of the row before each change.

use crate::keys::{Staged, key_tuple};
use model::{Block, Cells, Error, Kind, Lsn, Mode, OnUpdate, Result, Version};
use store::{Store, Target, ddl};

/// Rows that the store has.
#[derive(Default)]
pub(super) struct Answer {
    /// Of each row the place in the keys that were asked for.
    pub(super) places: Vec<usize>,
    /// Where nothing but its commit is kept of a fact, that.
    pub(super) versions: Vec<Version>,
    /// Of each column that was asked for, as they were sent.
    pub(super) values: Vec<Cells>,
}

/// Of each key the last row from the first version of `during` on and from before the second one. A mirror has
/// one row of a key, and is not asked when it is from. `None`: they are too large to be read
/// at once.
pub(super) async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
    during: &[(Version, Version)],
) -> Result<Option<Answer>> {
    // An append table may leave out its key.
    if key_tuple(target).is_none() {
        return Ok(Some(Answer::default()));
    }
    let staged = Staged::new(target, block, keys)?;
    let kept = columns.iter().filter_map(|&column| target.column_of(column));
    let values: Vec<String> =
        kept.map(|column| format!("r.{}", ddl::ident(&column.name))).collect();
    let at = match (target.mode, target.on_update) {
        (Mode::Append, OnUpdate::Ignore | OnUpdate::Append) => "_lsn",
        _ => "_version",
    };
    let rows = match target.mode {
        Mode::Mirror => format!(
            "SELECT l._lsn AS n, r.{at} AS millrace_at, {} FROM (SELECT * FROM {} FINAL WHERE {}) AS r \
             INNER JOIN {}",
            named(&values),
            ddl::name(&target.rows),
            staged.of_keys,
            staged.joined
        ),
        Mode::Append | Mode::History => latest(target, &staged, at, &stands(at, during), &values),
    };
    let read = columns.iter().enumerate();
    let read = read.filter_map(|(n, &column)| target.read_back(column, &format!("v{n}")));
    let (commit, change) = match at {
        "_lsn" => ("millrace_at", "toUInt64(0)"),
        _ => ("toUInt64(bitShiftRight(millrace_at, 64))", "toUInt64(millrace_at)"),
    };
    let read = read.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT n, {commit}, {change}, {read} FROM ({rows})");
    let kinds = columns.iter().map(|&column| block.columns[column].kind().clone());
    let kinds = [Kind::UInt64, Kind::UInt64, Kind::UInt64].into_iter().chain(kinds).collect();
    let Some(mut values) = store.cells_beside(&sql, kinds, staged.beside).await? else {
        return Ok(None);
    };
    let rest = values.split_off(3);
    let number = |column: usize, row: usize| {
        values[column].value(row).try_into().map(u64::from_le_bytes).ok()
    };
    let row = |row: usize| {
        let place = usize::try_from(number(0, row)?).ok().filter(|place| *place < keys.len())?;
        let (commit, change) = (Lsn(number(1, row)?), Lsn(number(2, row)?));
        Some((place, Version::of_change(commit, change)))
    };
    let rows: Option<(Vec<usize>, Vec<Version>)> = (0..values[0].rows()).map(row).collect();
    let (places, versions) = rows.ok_or_else(|| Error::bug("a lookup does not read back"))?;
    Ok(Some(Answer { places, versions, values: rest }))
}

/// `r.a AS v0, r.b AS v1`
fn named(values: &[String]) -> String {
    let named = values.iter().enumerate().map(|(n, value)| format!("{value} AS v{n}"));
    named.collect::<Vec<_>>().join(", ")
}

/// What holds of rows `r` from then.
fn stands(at: &str, during: &[(Version, Version)]) -> String {
    let list = |of: fn(&(Version, Version)) -> u128| {
        let number = |version: u128| match at {
            "_lsn" => format!("toUInt64('{}')", Version(version).commit().0),
            _ => format!("toUInt128('{version}')"),
        };
        let numbers: Vec<String> = during.iter().map(of).map(number).collect();
        format!("[{}][l._lsn + 1]", numbers.join(", "))
    };
    let mut stands = format!("r.{at} <= {}", list(|(_, before)| before.0 - 1));
    if during.iter().any(|(from, _)| *from > Version(0)) {
        stands += &format!(" AND r.{at} > {}", list(|(from, _)| from.0.saturating_sub(1)));
    }
    stands
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
        "SELECT n, millrace_at, {} FROM (SELECT l._lsn AS n, r.{at} AS millrace_at, any({op}) AS op, {}, \
         uniqExact(tuple({})) AS values FROM (SELECT *{hidden} FROM {} WHERE {}) AS r \
         INNER JOIN {} WHERE {stands} GROUP BY n, millrace_at ORDER BY millrace_at DESC LIMIT 1 BY n) \
         WHERE values = 1 AND op IN ('snapshot', 'insert', 'update')",
        names.join(", "),
        named(&any),
        values.join(", "),
        ddl::name(&target.rows),
        staged.of_keys,
        staged.joined
    )
}
