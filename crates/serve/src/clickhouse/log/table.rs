//! `millrace.query_log`, and what is shown of it as `system.query_log`: ClickHouse's columns in
//! ClickHouse's order. The table has those that are known here; the view adds the others with what
//! ClickHouse writes when it does not know. The database `system` is made anew at every start, and so is the view.
//!
//! Not known here, and so 0 or empty: memory, threads, profile events and the names that only the
//! analysis of a statement finds (columns, functions, privileges); what the engine counts for a
//! statement comes with its last block, and these do not.

use super::super::binary::{length, string};
use super::super::statement::Statement;
use super::Event;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Rows are kept for so many days, and no more bytes than [`super::BYTES_MAX`].
const DAYS: u32 = 30;

pub(super) fn table() -> String {
    format!(
        "CREATE TABLE IF NOT EXISTS millrace.query_log (
  type Enum8('QueryStart' = 1, 'QueryFinish' = 2, 'ExceptionBeforeStart' = 3, 'ExceptionWhileProcessing' = 4),
  event_time_microseconds DateTime64(6) CODEC(DoubleDelta, ZSTD(1)),
  event_date Date DEFAULT toDate(event_time_microseconds),
  query_start_time_microseconds DateTime64(6) CODEC(DoubleDelta, ZSTD(1)),
  query_duration_ms UInt64,
  read_rows UInt64, read_bytes UInt64, written_rows UInt64, written_bytes UInt64,
  result_rows UInt64, result_bytes UInt64,
  current_database LowCardinality(String),
  query String CODEC(ZSTD(1)),
  normalized_query_hash UInt64 DEFAULT normalizedQueryHash(query),
  query_kind LowCardinality(String),
  databases Array(LowCardinality(String)), tables Array(LowCardinality(String)),
  projections Array(LowCardinality(String)),
  exception_code Int32,
  exception String CODEC(ZSTD(1)),
  user LowCardinality(String),
  query_id String CODEC(ZSTD(1)),
  address IPv6, port UInt16,
  http_method UInt8,
  http_user_agent LowCardinality(String),
  http_referer String, forwarded_for String, quota_key String, http_request_url String,
  log_comment String CODEC(ZSTD(1)),
  Settings Map(LowCardinality(String), LowCardinality(String))
) ENGINE = MergeTree PARTITION BY event_date ORDER BY event_time_microseconds
TTL event_date + toIntervalDay({DAYS}) SETTINGS ttl_only_drop_parts = 1"
    )
}

/// What a table of an older version lacks.
pub(super) const ADDED: &str = "ALTER TABLE millrace.query_log ADD COLUMN IF NOT EXISTS \
    projections Array(LowCardinality(String)) AFTER tables";

/// In the order of [`put`].
pub(super) const INSERT: &str = "INSERT INTO millrace.query_log (type, event_time_microseconds, \
    query_start_time_microseconds, query_duration_ms, read_rows, read_bytes, written_rows, \
    written_bytes, result_rows, result_bytes, current_database, query, query_kind, databases, tables, \
    projections, exception_code, \
    exception, user, query_id, address, port, http_method, http_user_agent, http_referer, \
    forwarded_for, quota_key, http_request_url, log_comment, Settings) SETTINGS async_insert = 0";

const NAMES_OF_NOTHING: &str = "CAST([], 'Array(LowCardinality(String))')";

pub(super) fn view() -> String {
    let names = |names: &[&str]| {
        let columns = names.iter().map(|name| format!("{NAMES_OF_NOTHING} AS {name}"));
        columns.collect::<Vec<_>>().join(", ")
    };
    let (before, behind) = (names(&["columns", "partitions"]), names(&["views"]));
    let used = names(&[
        "used_aggregate_functions",
        "used_aggregate_function_combinators",
        "used_database_engines",
        "used_data_type_families",
        "used_dictionaries",
        "used_formats",
        "used_functions",
        "used_storages",
        "used_table_functions",
        "used_executable_user_defined_functions",
        "used_sql_user_defined_functions",
        "used_row_policies",
        "used_privileges",
        "missing_privileges",
    ]);
    let nothing = "toLowCardinality('')";
    format!(
        "CREATE OR REPLACE VIEW system.query_log AS SELECT
  toLowCardinality(hostName()) AS hostname, type, event_date,
  toDateTime(event_time_microseconds) AS event_time, event_time_microseconds,
  toDateTime(query_start_time_microseconds) AS query_start_time, query_start_time_microseconds,
  query_duration_ms, read_rows, read_bytes, written_rows, written_bytes, result_rows, result_bytes,
  toUInt64(0) AS memory_usage, current_database, query, '' AS formatted_query,
  normalized_query_hash, query_kind, databases, tables, {before}, projections, {behind}, exception_code, exception, '' AS stack_trace,
  toUInt8(1) AS is_initial_query, address AS connection_address, port AS connection_port, user,
  query_id, address, port, user AS initial_user, query_id AS initial_query_id,
  address AS initial_address, port AS initial_port,
  toDateTime(query_start_time_microseconds) AS initial_query_start_time,
  query_start_time_microseconds AS initial_query_start_time_microseconds,
  user AS authenticated_user, toUInt8(2) AS interface, toUInt8(0) AS is_secure,
  {nothing} AS os_user, {nothing} AS client_hostname, {nothing} AS client_name,
  {nothing} AS client_agent, toUInt32(0) AS client_revision, toUInt32(0) AS client_version_major,
  toUInt32(0) AS client_version_minor, toUInt32(0) AS client_version_patch,
  toUInt32(0) AS script_query_number, toUInt32(0) AS script_line_number,
  http_method, http_user_agent, http_referer, forwarded_for, quota_key,
  toUInt64(0) AS distributed_depth, revision() AS revision, '' AS http_handler_name,
  http_request_url, log_comment, CAST([], 'Array(UInt64)') AS thread_ids,
  toUInt64(0) AS peak_threads_usage,
  CAST(map(), 'Map(LowCardinality(String), UInt64)') AS ProfileEvents, Settings, {used},
  CAST((0, 0, toUUID('00000000-0000-0000-0000-000000000000')), 'Tuple(UInt64, UInt64, UUID)')
    AS transaction_id,
  CAST('Unknown', 'Enum8(\\'Unknown\\' = 0, \\'None\\' = 1, \\'Write\\' = 2, \\'Read\\' = 3)')
    AS query_cache_usage,
  CAST(map(), 'Map(LowCardinality(String), UInt64)') AS asynchronous_read_counters,
  toUInt8(0) AS is_internal
FROM millrace.query_log"
    )
}

/// One row, in RowBinary.
pub(super) fn put<'a>(out: &mut Vec<u8>, statement: &Statement, event: &Event<'a>, at: SystemTime) {
    let text = &event.text;
    let stats = &event.stats;
    out.push(event.kind as u8);
    micros(out, at);
    micros(out, statement.started());
    for number in [
        event.duration.as_millis() as u64,
        stats.read_rows,
        stats.read_bytes,
        stats.written_rows,
        stats.written_bytes,
        stats.result_rows.max(stats.written_rows),
        stats.result_bytes.max(stats.written_bytes),
    ] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    string(out, &statement.database);
    string(out, &text.shown);
    string(out, kind(&text.verb));
    let database = |table: &'a String| Some(table.split_once('.')?.0);
    let databases: BTreeSet<&str> = text.tables.iter().filter_map(database).collect();
    strings(out, databases.into_iter());
    strings(out, text.tables.iter().map(String::as_str));
    strings(out, text.projections.iter().map(String::as_str));
    out.extend_from_slice(&event.exception_code.to_le_bytes());
    string(out, event.exception);
    string(out, &statement.user);
    string(out, &statement.query_id);
    let client = &statement.client;
    let ip = client.address.map_or([0; 16], |address| match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    });
    out.extend_from_slice(&ip);
    out.extend_from_slice(&client.address.map_or(0, |address| address.port()).to_le_bytes());
    out.push(client.method);
    for text in [
        &client.user_agent,
        &client.referer,
        &client.forwarded_for,
        &client.quota_key,
        &client.path,
    ] {
        string(out, text);
    }
    let own = statement.settings.iter().rev().find(|(name, _)| name == "log_comment");
    string(out, own.map_or("", |(_, value)| value));
    length(out, statement.settings.len());
    for (name, value) in &statement.settings {
        string(out, name);
        string(out, value);
    }
}

/// ClickHouse's name of what a verb does.
fn kind(verb: &str) -> &str {
    match verb {
        "SELECT" | "WITH" | "FROM" => "Select",
        "INSERT" => "Insert",
        "DELETE" => "Delete",
        "UPDATE" => "Update",
        "CREATE" | "ATTACH" | "REPLACE" => "Create",
        "DROP" | "DETACH" | "TRUNCATE" => "Drop",
        "UNDROP" => "Undrop",
        "RENAME" | "EXCHANGE" => "Rename",
        "ALTER" => "Alter",
        "OPTIMIZE" => "Optimize",
        "CHECK" => "Check",
        "GRANT" => "Grant",
        "REVOKE" => "Revoke",
        "MOVE" => "Move",
        "SYSTEM" => "System",
        "SET" => "Set",
        "USE" => "Use",
        "SHOW" => "Show",
        "EXISTS" => "Exists",
        "DESCRIBE" | "DESC" => "Describe",
        "EXPLAIN" => "Explain",
        "BACKUP" => "Backup",
        "RESTORE" => "Restore",
        "KILL" => "KillQuery",
        "BEGIN" => "Begin",
        "COMMIT" => "Commit",
        "ROLLBACK" => "Rollback",
        _ => "None",
    }
}

fn micros(out: &mut Vec<u8>, at: SystemTime) {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    out.extend_from_slice(&(since.as_micros() as i64).to_le_bytes());
}

fn strings<'a>(out: &mut Vec<u8>, texts: impl ExactSizeIterator<Item = &'a str>) {
    length(out, texts.len());
    texts.for_each(|text| string(out, text));
}
