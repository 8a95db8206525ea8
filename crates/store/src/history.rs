//! A table of every change: its own columns, what is current by them, and the rows that a copy adds
//! for what is gone.
//!
//! ```text
//! id status   _op       _commit_time  _version  _key_before
//!  7 new      insert    10:00         16/A0 …   (NULL)
//!  7 paid     update    10:05         16/C8 …   (7)
//!  9 paid     update    10:06         16/D0 …   (7)          the key changed: 7 is no more
//!  9          delete    10:09         16/F1 …   (9)
//! ```

use crate::ddl::{ident, name};
use crate::target::{Target, TargetColumn, nullable};
use model::{Op, Version};

/// What happened, as readers see it.
pub(crate) fn op_name(op: Op, version: Version) -> &'static str {
    match op {
        Op::Insert if version.is_of_copy() => "snapshot",
        Op::Insert => "insert",
        Op::Update => "update",
        Op::Delete => "delete",
        Op::Refused => "quarantined",
        Op::Truncate => "truncate",
    }
}

/// The type of `_key_before`. Its elements have no names, so that a column may be renamed. `None`: the
/// table has no key.
pub fn key_before(target: &Target) -> Option<String> {
    let types: Vec<String> = key(target)
        .map(|column| match column.takes_null() {
            true => column.clickhouse.clone(),
            false => nullable(&column.clickhouse),
        })
        .collect();
    (!types.is_empty()).then(|| format!("Tuple({})", types.join(", ")))
}

fn key(target: &Target) -> impl Iterator<Item = &TargetColumn> {
    target.table.key.iter().filter_map(|&at| target.column_of(at))
}

/// The rows that are current, with their `_version`, as something to select from. Of a table without a
/// key: those that came since its last snapshot, as nothing tells which of them are gone.
pub fn current(target: &Target) -> String {
    current_among(target, None)
}

/// The same among rows of these keys, a list of tuples: what others are is not looked at.
pub fn current_among(target: &Target, among: Option<&str>) -> String {
    let rows = name(&target.rows);
    let of = |op: &str| format!("(SELECT max(`_version`) FROM {rows} WHERE `_op` = '{op}')");
    let since = format!("`_version` > {}", of("truncate"));
    // A row of it that was replayed is newer than the others.
    let snapshot = format!("bitShiftLeft(bitShiftRight({}, 64), 64)", of("snapshot"));
    let since_snapshot = format!("{since} AND `_version` >= {snapshot}");
    if !target.table.has_key() {
        return format!(
            "(SELECT * FROM {rows} WHERE `_op` IN ('snapshot', 'insert', 'update') AND {since_snapshot})"
        );
    }
    if target.table.is_its_own_key() {
        return counted(target, &since_snapshot);
    }
    let names: Vec<String> = key(target).map(|column| ident(&column.name)).collect();
    let places = 1..=names.len();
    let before: Vec<String> = places.clone().map(|at| format!("`_key_before`.{at}")).collect();
    let list = |columns: &[String]| {
        let named = columns.iter().enumerate().map(|(at, column)| format!("{column} AS k{at}"));
        named.collect::<Vec<_>>().join(", ")
    };
    let by: Vec<String> = (0..names.len()).map(|at| format!("k{at}")).collect();
    let (by, keys) = (by.join(", "), names.join(", "));
    let among = |columns: &str| {
        among.map_or(String::new(), |among| format!(" AND ({columns}) IN ({among})"))
    };
    format!(
        "(SELECT * FROM {rows} WHERE `_op` NOT IN ('delete', 'quarantined', 'truncate') AND {since} \
         AND ({keys}, `_version`) IN (SELECT {by}, max(v) FROM (\
         SELECT {}, `_version` AS v FROM {rows} WHERE `_op` != 'truncate'{} \
         UNION ALL SELECT {}, `_version` AS v FROM {rows} \
         WHERE `_op` IN ('update', 'quarantined') AND `_key_before` != tuple({keys}) \
         AND isNotNull(`_key_before`.1){}) GROUP BY {by}))",
        list(&names),
        among(&keys),
        list(&before),
        among(&before.join(", ")),
    )
}

/// Of a table whose rows are their own keys: as many of each as came and did not go.
fn counted(target: &Target, condition: &str) -> String {
    let rows = name(&target.rows);
    let names: Vec<String> = key(target).map(|column| ident(&column.name)).collect();
    let keys = names.join(", ");
    let before = names.iter().enumerate();
    let before: Vec<String> =
        before.map(|(at, column)| format!("`_key_before`.{} AS {column}", at + 1)).collect();
    format!(
        "(SELECT {keys} FROM (SELECT {keys}, sum(millrace_n) AS millrace_n FROM (\
         SELECT {keys}, 1 AS millrace_n FROM {rows} \
         WHERE `_op` IN ('snapshot', 'insert', 'update') AND {condition} \
         UNION ALL SELECT {}, -1 AS millrace_n FROM \
         (SELECT `_key_before` FROM {rows} WHERE `_op` IN ('update', 'delete') AND {condition})) \
         GROUP BY {keys} HAVING millrace_n > 0) ARRAY JOIN range(toUInt64(millrace_n)))",
        before.join(", ")
    )
}

/// What a copy did not bring, and nothing newer told of, is gone: a row says so. Without a key what is
/// current begins at the snapshot, so that only one which saw no row, and is not the first that there is of
/// it, has to be told of. Again: nothing.
pub fn sweep(target: &Target, version: Version) -> String {
    let (rows, version) = (name(&target.rows), version.0);
    if target.table.declared_key().is_empty() {
        return format!(
            "INSERT INTO {rows} (`_op`, `_commit_time`, `_version`) \
             SELECT 'truncate', now64(6, 'UTC'), toUInt128('{version}') WHERE 0 = \
             (SELECT count() FROM {rows} WHERE `_op` = 'snapshot' AND `_version` >= toUInt128('{version}') \
             OR `_op` = 'truncate' AND `_version` = toUInt128('{version}')) \
             AND EXISTS (SELECT 1 FROM {rows} WHERE `_version` < toUInt128('{version}'))"
        );
    }
    let names: Vec<String> = key(target).map(|column| ident(&column.name)).collect();
    let keys = names.join(", ");
    format!(
        "INSERT INTO {rows} ({keys}, `_op`, `_commit_time`, `_version`, `_key_before`) \
         SELECT {keys}, 'delete', now64(6, 'UTC'), toUInt128('{version}'), tuple({keys}) FROM {} \
         WHERE `_version` < toUInt128('{version}')",
        current(target)
    )
}
