//! The statements that make tables: the user's, and our own in `millrace`.

use crate::history;
use crate::target::{Fallback, Target, TargetColumn};
use crate::token;
use model::{Mode, OnUpdate, TableName, Version};

/// A confirmed position must survive a power cut.
const DURABLE: &str = "fsync_after_insert = 1, fsync_part_directory = 1";
/// Tokens that an append table or a history remembers, one for each partition of a block. Only the last batch is
/// ever repeated, but blocks of a copy may come between.
const TOKENS_REMEMBERED: u32 = 10_000;
/// Replicated tables (in the Cloud every table is one) forget them by time as well: after an hour, by default.
const TOKENS_REMEMBERED_SECONDS: u32 = 7 * 24 * 3600;

const RUNS_KEPT: &str = "TTL toDateTime(started) + INTERVAL 180 DAY";
const ALERTS_KEPT: &str = "TTL toDateTime(at) + INTERVAL 180 DAY";
/// A connector that starts again, or a snapshot that is taken again, is done within days.
const IDS_KEPT: &str = "TTL toDateTime(at) + INTERVAL 7 DAY";
const SAMPLES_KEPT: &str = "TTL toDateTime(at) + INTERVAL 30 DAY";

/// What the statements of a cluster have more than those of one server.
#[derive(Clone, Copy, Default)]
pub(crate) struct More<'a> {
    /// ` ON CLUSTER 'prod'`
    pub(crate) on: &'a str,
    /// Of replicated tables: the path in Keeper, and the replica's name there.
    pub(crate) keeper: Option<&'a str>,
    /// Rows of append tables and histories say which token their block had.
    pub(crate) tells_tokens: bool,
}

impl More<'_> {
    pub(crate) fn engine(&self, family: &str, arguments: &str) -> String {
        match (self.keeper, arguments) {
            (None, "") => family.to_owned(),
            (None, arguments) => format!("{family}({arguments})"),
            (Some(keeper), "") => format!("Replicated{family}({keeper})"),
            (Some(keeper), arguments) => format!("Replicated{family}({keeper}, {arguments})"),
        }
    }
}

/// What makes a target but for its view, in order. Running it again changes nothing.
pub(crate) fn create(target: &Target, more: More<'_>) -> Vec<String> {
    let mut databases = vec![target.rows.schema.as_str()];
    if target.name.schema != target.rows.schema {
        databases.push(&target.name.schema);
    }
    let mut statements: Vec<String> =
        databases.into_iter().map(|name| database(name, more)).collect();
    statements.push(table(target, &target.rows, more));
    let added = added_columns(target, more).into_iter();
    statements.extend(added.map(|column| add_column(&target.rows, &column, more)));
    statements
}

pub(crate) fn database(name: &str, more: More<'_>) -> String {
    format!("CREATE DATABASE IF NOT EXISTS {}{}", ident(name), more.on)
}

/// Columns that a table of before may lack.
pub(crate) fn added_columns(target: &Target, more: More<'_>) -> Vec<String> {
    let applies = target.mode == Mode::Append && target.on_update == OnUpdate::Apply;
    // Rows from when that was not wanted have the version of their commit.
    let version =
        "`_version` UInt128 MATERIALIZED bitShiftLeft(toUInt128(`_lsn`), 64) CODEC(ZSTD(1))";
    let tells = more.tells_tokens && target.mode != Mode::Mirror;
    applies.then(|| version.to_owned()).into_iter().chain(tells.then(token::column)).collect()
}

pub(crate) fn add_column(table: &TableName, column: &str, more: More<'_>) -> String {
    format!("ALTER TABLE {}{} ADD COLUMN IF NOT EXISTS {column}", name(table), more.on)
}

/// One change of a table's columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A name, its type and its default.
    Add(String, String),
    /// A name and another type.
    Modify(String, String),
    Rename {
        before: String,
        now: String,
    },
}

impl Step {
    /// It may come again: its answer was lost, or one server of a cluster has done it and another one has not.
    fn sql(&self) -> String {
        match self {
            Step::Add(name, definition) => {
                format!("ADD COLUMN IF NOT EXISTS {} {definition}", ident(name))
            }
            Step::Modify(name, ty) => format!("MODIFY COLUMN {} {ty}", ident(name)),
            Step::Rename { before, now } => {
                format!("RENAME COLUMN IF EXISTS {} TO {}", ident(before), ident(now))
            }
        }
    }
}

pub(crate) fn alter(table: &TableName, steps: &[Step], more: More<'_>) -> String {
    let steps: Vec<String> = steps.iter().map(Step::sql).collect();
    format!("ALTER TABLE {}{} {}", name(table), more.on, steps.join(", "))
}

/// What is sent beside the columns of the source: names, quoted, and types.
pub fn own_columns(target: &Target) -> Vec<(&'static str, String)> {
    let plain = |name, clickhouse: &str| (name, clickhouse.to_owned());
    match target.mode {
        Mode::Mirror => vec![plain("`_version`", "UInt128"), plain("`_deleted`", "UInt8")],
        Mode::Append if target.on_update == OnUpdate::Apply => {
            vec![plain("`_lsn`", "UInt64"), plain("`_version`", "UInt128")]
        }
        Mode::Append => vec![plain("`_lsn`", "UInt64")],
        Mode::History => {
            let mut columns = vec![
                plain("`_op`", "LowCardinality(String)"),
                plain("`_commit_time`", "DateTime64(6, 'UTC')"),
                plain("`_version`", "UInt128"),
            ];
            columns.extend(history::key_before(target).map(|ty| ("`_key_before`", ty)));
            columns
        }
    }
}

/// The commit of a row, in the order of the log.
pub fn commit(mode: Mode) -> &'static str {
    match mode {
        Mode::Append => "_lsn",
        Mode::Mirror | Mode::History => "toUInt64(bitShiftRight(_version, 64))",
    }
}

/// The table at that place.
pub(crate) fn table(target: &Target, place: &TableName, more: More<'_>) -> String {
    let mut columns: Vec<String> = target
        .columns
        .iter()
        .map(|column| format!("{} {}{}", ident(&column.name), column.clickhouse, default(column)))
        .collect();
    for (name, definition) in &target.extra_columns {
        columns.push(format!("{} {definition}", ident(name)));
    }
    // Facts and changes are ordered by what is asked for, and that may be NULL at the source.
    let nulls = "allow_nullable_key = 1";
    let tokens = format!(
        "non_replicated_deduplication_window = {TOKENS_REMEMBERED}, \
         replicated_deduplication_window = {TOKENS_REMEMBERED}, \
         replicated_deduplication_window_seconds = {TOKENS_REMEMBERED_SECONDS}"
    );
    let (engine, settings) = match target.mode {
        Mode::Mirror => {
            columns.push("`_version` UInt128 CODEC(ZSTD(1))".into());
            columns.push("`_deleted` UInt8".into());
            let nulls =
                if target.table.is_its_own_key() { format!(", {nulls}") } else { String::new() };
            let engine = more.engine("ReplacingMergeTree", "`_version`, `_deleted`");
            (engine, format!("{DURABLE}{nulls}"))
        }
        Mode::Append => {
            columns.push("`_lsn` UInt64 MATERIALIZED 0 CODEC(ZSTD(1))".into());
            (more.engine("MergeTree", ""), format!("{DURABLE}, {tokens}, {nulls}"))
        }
        Mode::History => {
            for (name, clickhouse) in own_columns(target) {
                let codec = if name == "`_version`" { " CODEC(ZSTD(1))" } else { "" };
                columns.push(format!("{name} {clickhouse}{codec}"));
            }
            (more.engine("MergeTree", ""), format!("{DURABLE}, {tokens}, {nulls}"))
        }
    };
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS {}{} (\n  {}\n) ENGINE = {engine}",
        name(place),
        more.on,
        columns.join(",\n  ")
    );
    if let Some(partition) = &target.partition_by {
        sql += &format!("\nPARTITION BY {partition}");
    }
    match target.order_by.as_slice() {
        [] => sql += "\nORDER BY tuple()",
        by => sql += &format!("\nORDER BY ({})", by.join(", ")),
    }
    if let Some(ttl) = &target.ttl {
        sql += &format!("\nTTL {ttl}");
    }
    sql + &format!("\nSETTINGS index_granularity = 8192, {settings}")
}

/// What readers of a mirror query. Whoever may read it need not, and as a rule may not, read the
/// table behind it: these columns of the table that holds its rows. FINAL drops older
/// versions, and with `_deleted` the rows that are gone.
pub(crate) fn view(
    place: &TableName,
    columns: &[&str],
    rows: &TableName,
    more: More<'_>,
) -> String {
    let columns: Vec<String> = columns.iter().map(|name| ident(name)).collect();
    format!(
        "CREATE OR REPLACE VIEW {}{} SQL SECURITY DEFINER AS SELECT {} FROM {} FINAL",
        name(place),
        more.on,
        columns.join(", "),
        name(rows)
    )
}

/// Rows of a mirror that are older than `version`, and that nothing newer replaced, go.
pub fn sweep(target: &Target, version: Version) -> String {
    let columns: Vec<String> = target.columns.iter().map(|column| ident(&column.name)).collect();
    let (rows, columns, version) = (name(&target.rows), columns.join(", "), version.0);
    format!(
        "INSERT INTO {rows} ({columns}, `_version`, `_deleted`) \
         SELECT {columns}, toUInt128('{version}'), 1 FROM {rows} FINAL \
         WHERE `_version` < toUInt128('{version}')"
    )
}

/// What [`system`] makes.
pub(crate) const OWN_TABLES: [&str; 10] = [
    "checkpoints",
    "kafka_offsets",
    "kafka_ids",
    "servers",
    "pauses",
    "batches",
    "tables",
    "copy_ranges",
    "schema_changes",
    "quarantine",
];

/// Our own tables. Rows replace one another by key, so that writing one twice changes nothing.
pub(crate) fn system() -> Vec<String> {
    system_with(More::default())
}

pub(crate) fn system_with(more: More<'_>) -> Vec<String> {
    let on = more.on;
    let table = |name: &str, columns: &str, newest: &str, order: &str| {
        let engine = more.engine("ReplacingMergeTree", newest);
        format!(
            "CREATE TABLE IF NOT EXISTS millrace.{name}{on} ({columns}) ENGINE = {engine} \
             ORDER BY {order} SETTINGS {DURABLE}"
        )
    };
    let at = "at DateTime64(3, 'UTC') DEFAULT now64(3)";
    vec![
        database("millrace", more),
        table("checkpoints", &format!("slot String, confirmed UInt64, {at}"), "confirmed", "slot"),
        table(
            "servers",
            "slot String, system String, timeline UInt32, version UInt64",
            "version",
            "slot",
        ),
        table(
            "kafka_offsets",
            &format!(
                "consumer String, topic String, partition Int32, epoch UInt16, next Int64, {at}, version UInt64"
            ),
            "version",
            "(consumer, topic, partition)",
        ),
        // Keys of facts that topics brought, by their hash. Each is looked up by itself: small granules.
        table(
            "kafka_ids",
            "target LowCardinality(String), id_hash UUID, place LowCardinality(String), _lsn UInt64, \
             at DateTime64(3, 'UTC') DEFAULT now64(3)",
            "at",
            &format!("(target, id_hash) {IDS_KEPT}"),
        ) + ", index_granularity = 256",
        table("pauses", "slot String, since Int64, version UInt64", "version", "slot"),
        table(
            "batches",
            &format!(
                "target String, seq UInt64, from_version UInt128, through_version UInt128, \
                 row_count UInt64, token String, {at}, takes LowCardinality(String)"
            ),
            "seq",
            "target",
        ),
        // Of an earlier version of ours it has none.
        format!(
            "ALTER TABLE millrace.batches{on} ADD COLUMN IF NOT EXISTS takes LowCardinality(String)"
        ),
        table(
            "tables",
            "name String, id UInt32, mode LowCardinality(String), target String, \
             state LowCardinality(String), detail String, version UInt64",
            "version",
            "name",
        ),
        table(
            "copy_ranges",
            &format!(
                "target String, relfilenode UInt32, from_page UInt32, to_page UInt32, \
                 consistent_point UInt64, attempt UInt32, row_count UInt64, done UInt8, \
                 version UInt64, {at}"
            ),
            "version",
            "(target, relfilenode, from_page)",
        ),
        table(
            "schema_changes",
            &format!(
                "source_table LowCardinality(String), lsn UInt64, change LowCardinality(String), \
                 column String, before String, now String, followed_by LowCardinality(String), {at}"
            ),
            "",
            "(source_table, lsn, change, column, before, now)",
        ),
        // Of the dbt project.
        table(
            "runs",
            "id String, schedule LowCardinality(String), command String, \
             status LowCardinality(String), started DateTime64(3, 'UTC'), seconds Float64, \
             sla_seconds Float64, nodes UInt32, failed UInt32, error String, version UInt64",
            "version",
            &format!("(started, id) {RUNS_KEPT}"),
        ),
        table(
            "run_nodes",
            "run String, started DateTime64(3, 'UTC'), node String, kind LowCardinality(String), \
             status LowCardinality(String), seconds Float64, error String, relation String, \
             row_count Nullable(UInt64), bytes Nullable(UInt64)",
            "",
            &format!("(started, run, node) {RUNS_KEPT}"),
        ),
        // How the pipeline was, every few seconds.
        table(
            "samples",
            "at DateTime64(3, 'UTC'), connected Bool, lag_bytes UInt64, lag_seconds Float64, \
             freshness_p50_ms Nullable(Float64), freshness_p99_ms Nullable(Float64), \
             rows_per_second Float64, slot_active Bool, wal_status LowCardinality(String), \
             tables UInt32, failed_tables UInt32, rejected_rows UInt64, memory_bytes UInt64, \
             disk_free_bytes UInt64, disk_total_bytes UInt64",
            "",
            &format!("at {SAMPLES_KEPT}"),
        ),
        table(
            "table_samples",
            "at DateTime64(3, 'UTC'), table LowCardinality(String), state LowCardinality(String), \
             rows_per_second Float64, streamed_rows UInt64, rejected_rows UInt64",
            "",
            &format!("(at, table) {SAMPLES_KEPT}"),
        ),
        table(
            "kafka_samples",
            "at DateTime64(3, 'UTC'), consumer LowCardinality(String), topic LowCardinality(String), \
             partition Int32, offset Int64, end Int64, lag_messages UInt64, lag_seconds Float64",
            "",
            &format!("(at, topic, partition, consumer) {SAMPLES_KEPT}"),
        ),
        // What rules, notices and silences came to.
        table(
            "alert_state",
            "kind LowCardinality(String), key String, body String, version UInt64, gone UInt8",
            "version, gone",
            "(kind, key)",
        ),
        table(
            "alert_history",
            "at DateTime64(3, 'UTC'), id String, body String",
            "",
            &format!("(at, id) {ALERTS_KEPT}"),
        ),
        table(
            "quarantine",
            &format!(
                "source_table LowCardinality(String), id String, version UInt128, \
                 op LowCardinality(String), column LowCardinality(String), reason String, row String, \
                 key String, state LowCardinality(String) DEFAULT 'waiting', step UInt64 DEFAULT 0, \
                 settled UInt8 DEFAULT 0, token String, \
                 rank UInt256 DEFAULT bitShiftLeft(toUInt256(version), 64) + step, {at}"
            ),
            "rank, settled",
            "(source_table, id)",
        ),
    ]
}

pub(crate) const CLAIMS: &str = "millrace.claims";

/// Who has had the slot: of a store that several processes reach. Each of them is kept: the newest one counts.
pub(crate) fn claims(more: More<'_>) -> String {
    let (on, engine) = (more.on, more.engine("ReplacingMergeTree", ""));
    format!(
        "CREATE TABLE IF NOT EXISTS {CLAIMS}{on} (slot String, number UInt64, process String, \
         holder String, place String, source String, at DateTime64(3, 'UTC') DEFAULT now64(3)) \
         ENGINE = {engine} ORDER BY (slot, number, process) SETTINGS {DURABLE}"
    )
}

/// Our table of an earlier version, under the name that it then gets.
pub(crate) const QUARANTINE_BEFORE: &str = "millrace.quarantine_before";

/// What takes its rows over. They had no identity but themselves. Again after a crash: the same.
pub(crate) fn take_over_quarantine() -> [String; 2] {
    [
        format!(
            "INSERT INTO millrace.quarantine (source_table, id, version, op, column, reason, row, at) \
             SELECT source_table, concat('before ', lower(hex(sipHash128(version, row)))), version, \
             op, column, reason, row, at FROM {QUARANTINE_BEFORE} FINAL"
        ),
        format!("DROP TABLE {QUARANTINE_BEFORE} SYNC"),
    ]
}

/// What a NULL becomes, as a part of the column's definition.
pub fn default(column: &TargetColumn) -> String {
    let of = |fallback: &Fallback| format!(" DEFAULT {}", fallback.expression);
    column.default.as_ref().map_or(String::new(), of)
}

/// The text of a literal: a quoted one, a number, a truth value. `None`: it is something else.
pub(crate) fn text_of_literal(expression: &str) -> Option<String> {
    let expression = expression.trim();
    let Some(quoted) = expression.strip_prefix('\'') else {
        let is_number = expression.parse::<f64>().is_ok_and(f64::is_finite);
        let is_word = matches!(expression, "true" | "false");
        return (is_number || is_word).then(|| expression.to_owned());
    };
    let mut text = String::new();
    let mut letters = quoted.chars();
    loop {
        match letters.next()? {
            '\'' => match letters.next() {
                None => return Some(text),
                Some('\'') => text.push('\''),
                Some(_) => return None,
            },
            '\\' => match letters.next()? {
                letter @ ('\'' | '\\') => text.push(letter),
                'n' => text.push('\n'),
                't' => text.push('\t'),
                _ => return None,
            },
            letter => text.push(letter),
        }
    }
}

/// A name in backticks.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

pub fn name(name: &TableName) -> String {
    format!("{}.{}", ident(&name.schema), ident(&name.table))
}

/// A text in quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_told_from_expressions() {
        for (literal, text) in [
            ("''", ""),
            (" 'it''s' ", "it's"),
            (r"'it\'s \\ \n'", "it's \\ \n"),
            ("-1.5", "-1.5"),
            ("true", "true"),
        ] {
            assert_eq!(text_of_literal(literal).as_deref(), Some(text), "{literal}");
        }
        for expression in ["", "'a", "'a' || 'b'", "now()", "1 + 1", "nan", r"'\x41'"] {
            assert_eq!(text_of_literal(expression), None, "{expression}");
        }
    }
}
