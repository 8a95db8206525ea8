//! Large values as the store has them: of the row before each change.

use crate::keys::{Staged, key_tuple};
use model::{Block, Error, Mode, Result, Version};
use store::{Store, Target, ddl};

pub(super) type Values = Vec<Option<Vec<u8>>>;

/// The place in `keys` and the values of each row that the store has.
pub(super) async fn ask(
    store: &dyn Store,
    target: &Target,
    block: &Block,
    keys: &[usize],
    columns: &[usize],
) -> Result<Vec<(usize, Values)>> {
    // An append table may leave out its key.
    let Some(key) = key_tuple(target) else { return Ok(Vec::new()) };
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
            "SELECT l._lsn, {} FROM (SELECT * FROM {} FINAL WHERE {key} IN (SELECT {tuple} FROM {name})) AS r \
             INNER JOIN {name} AS l ON {on}",
            values.join(", "),
            ddl::name(&target.rows),
        ),
        Mode::Append | Mode::History => {
            let rows = keys.iter().map(|&row| block.versions[row]);
            latest(target.mode, &of_keys, &format!("{name} AS l ON {on}"), &values, rows)
        }
    };
    let answer = store.query(&sql).await;
    staged.drop_table(store).await;
    let unreadable = || Error::bug("a lookup does not read back");
    answer?.iter().map(|row| read_row(row, keys.len()).ok_or_else(unreadable)).collect()
}

/// What the row before each change held, whatever came after it. Of an append table's rows with one
/// commit nothing says which is the later one: they have to agree.
fn latest(
    mode: Mode,
    of_keys: &str,
    joined: &str,
    values: &[String],
    versions: impl Iterator<Item = Version>,
) -> String {
    let (at, bound, op) = match mode {
        Mode::History => ("r._version", "toUInt128", "r._op"),
        Mode::Mirror | Mode::Append => ("r._lsn", "toUInt64", "'insert'"),
    };
    let number = |version: Version| match mode {
        Mode::History => format!("{bound}('{}')", version.0),
        Mode::Mirror | Mode::Append => format!("{bound}('{}')", version.commit().0 + 1),
    };
    let versions: Vec<String> = versions.map(number).collect();
    let places = 0..values.len();
    let any: Vec<String> = places.map(|n| format!("any({}) AS v{n}", values[n])).collect();
    let named: Vec<String> = (0..values.len()).map(|n| format!("v{n}")).collect();
    format!(
        "SELECT n, {} FROM (SELECT l._lsn AS n, {at} AS at, any({op}) AS op, {}, \
         uniqExact(tuple({})) AS values FROM (SELECT *{} FROM {of_keys}) AS r INNER JOIN {joined} \
         WHERE {at} < [{}][l._lsn + 1] GROUP BY n, at ORDER BY at DESC LIMIT 1 BY n) \
         WHERE values = 1 AND op IN ('snapshot', 'insert', 'update')",
        named.join(", "),
        any.join(", "),
        values.join(", "),
        if mode == Mode::Append { ", _lsn" } else { "" },
        versions.join(", ")
    )
}

fn read_row(row: &[Option<String>], most: usize) -> Option<(usize, Values)> {
    let (at, values) = row.split_first()?;
    let at = at.as_ref()?.parse().ok().filter(|&at: &usize| at < most)?;
    let values: Option<Values> = values
        .iter()
        .map(|value| value.as_ref().map_or(Some(None), |text| unhex(text).map(Some)))
        .collect();
    Some((at, values?))
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
