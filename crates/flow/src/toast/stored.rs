//! Large values as the store has them: of the row before each change.

use crate::flush::patiently;
use crate::keys::{Staged, key_tuple};
use crate::quarantine;
use crate::status::Status;
use model::{Block, Error, Lsn, Mode, OnUpdate, Result, Version};
use store::{Rows, Store, Target, ddl};

pub(super) type Values = Vec<Option<Vec<u8>>>;

/// The place in `keys` and the values of each row that the store has.
pub(super) async fn ask(
    store: &dyn Store,
    status: &Status,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
) -> Result<Vec<(usize, Values)>> {
    // An append table may leave out its key.
    let Some(key) = key_tuple(target) else { return Ok(Vec::new()) };
    let look = || look(store, target, block, keys, columns, &key);
    let mut found = Vec::new();
    for row in patiently(status, look).await? {
        let unreadable = || Error::bug("a lookup does not read back");
        found.push(read_row(&row, keys.len()).ok_or_else(unreadable)?);
    }
    // Where facts are kept whatever comes, nothing in the store says that the row before is not there.
    if target.mode == Mode::Append && !found.is_empty() {
        let rows: Vec<usize> = found.iter().map(|(at, ..)| keys[*at]).collect();
        let refused = quarantine::refused_before(store, status, target, block, &rows).await?;
        let mut refused = refused.into_iter();
        found.retain(|(_, since, _)| refused.next().flatten().is_none_or(|last| last <= *since));
    }
    Ok(found.into_iter().map(|(at, _, values)| (at, values)).collect())
}

/// Of each row that the store has: its place in `keys`, the version of a fact, its values.
async fn look(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
    key: &str,
) -> Result<Rows> {
    let staged = Staged::create(store, target, block, keys).await?;
    let values: Vec<String> = columns
        .iter()
        .filter_map(|&column| target.column_of(column))
        .map(|column| format!("hex(r.{})", ddl::ident(&column.name)))
        .collect();
    let (name, tuple) = (staged.name(), &staged.tuple);
    let pairs = target.table.key.iter().enumerate().filter_map(|(n, &at)| {
        let column = target.column_of(at)?;
        Some(format!("r.{} = l.k{n}", ddl::ident(&column.name)))
    });
    let on = pairs.collect::<Vec<_>>().join(" AND ");
    let of_keys =
        format!("{} WHERE {key} IN (SELECT {tuple} FROM {name})", ddl::name(&target.rows));
    let sql = match target.mode {
        Mode::Mirror => format!(
            "SELECT l._lsn, '0', {} FROM (SELECT * FROM {} FINAL WHERE {key} IN (SELECT {tuple} FROM {name})) AS r \
             INNER JOIN {name} AS l ON {on}",
            values.join(", "),
            ddl::name(&target.rows),
        ),
        Mode::Append | Mode::History => {
            let rows = keys.iter().map(|&row| block.versions[row]);
            latest(target, &of_keys, &format!("{name} AS l ON {on}"), &values, rows)
        }
    };
    let answer = store.query(&sql).await;
    staged.drop_table(store).await;
    answer
}

/// What the row before each change held, whatever came after it. Of facts with one commit nothing says
/// which is the later one, so they have to agree; with a version of their own the row itself may be there,
/// from before a crash.
fn latest(
    target: &Target,
    of_keys: &str,
    joined: &str,
    values: &[String],
    versions: impl Iterator<Item = Version>,
) -> String {
    let of_commit = "bitShiftLeft(toUInt128(r._lsn), 64)";
    let (at, op, own) = match (target.mode, target.on_update) {
        (Mode::History, _) => ("r._version", "r._op", ""),
        (_, OnUpdate::Apply) => ("r._version", "'insert'", ", _version"),
        (_, OnUpdate::Ignore | OnUpdate::Append) => (of_commit, "'insert'", ", _lsn"),
    };
    let bound = |version: Version| match (target.mode, target.on_update) {
        (Mode::History, _) => version.0,
        (_, OnUpdate::Apply) => version.0 + 1,
        (_, OnUpdate::Ignore | OnUpdate::Append) => Version::of_copy(Lsn(version.commit().0 + 1)).0,
    };
    let versions: Vec<String> =
        versions.map(|version| format!("toUInt128('{}')", bound(version))).collect();
    let places = 0..values.len();
    let any: Vec<String> = places.map(|n| format!("any({}) AS v{n}", values[n])).collect();
    let named: Vec<String> = (0..values.len()).map(|n| format!("v{n}")).collect();
    format!(
        "SELECT n, toString(at), {} FROM (SELECT l._lsn AS n, {at} AS at, any({op}) AS op, {}, \
         uniqExact(tuple({})) AS values FROM (SELECT *{own} FROM {of_keys}) AS r INNER JOIN {joined} \
         WHERE {at} < [{}][l._lsn + 1] GROUP BY n, at ORDER BY at DESC LIMIT 1 BY n) \
         WHERE values = 1 AND op IN ('snapshot', 'insert', 'update')",
        named.join(", "),
        any.join(", "),
        values.join(", "),
        versions.join(", ")
    )
}

fn read_row(row: &[Option<String>], most: usize) -> Option<(usize, Version, Values)> {
    let [at, since, values @ ..] = row else { return None };
    let at = at.as_ref()?.parse().ok().filter(|&at: &usize| at < most)?;
    let since = Version(since.as_ref()?.parse().ok()?);
    let values: Option<Values> = values
        .iter()
        .map(|value| value.as_ref().map_or(Some(None), |text| unhex(text).map(Some)))
        .collect();
    Some((at, since, values?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some((digit(pair[0])? << 4 | digit(*pair.get(1)?)?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back() {
        assert_eq!(unhex("00FFa1"), Some(vec![0, 255, 0xA1]));
        assert_eq!((unhex("0"), unhex("zz")), (None, None));
    }
}
