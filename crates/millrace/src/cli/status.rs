//! `millrace status`: what the running pipeline measures of itself.

mod topics;

use super::Answer;
use super::models::{self, Models};
use crate::config::Config;
use crate::running::Running;
use crate::talk::{self, Paint};
use model::words::{counted, grouped};
use model::{Error, Result, TableName};
use serde::Deserialize;
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::time::Duration;

const WATCH_INTERVAL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Print again every second until interrupted
    #[arg(long)]
    watch: bool,
}

#[derive(Deserialize)]
struct Report {
    paused_since: Option<i64>,
    tables: Vec<Table>,
    source: Source,
    spool: Option<Spool>,
    kafka: Option<topics::Kafka>,
    #[serde(default)]
    sinks: Vec<topics::Sink>,
    freshness_ms: Freshness,
    #[serde(default)]
    confined: Option<bool>,
    #[serde(default)]
    runs: Vec<Runs>,
}

/// Of a schedule of the dbt project, of seven days.
#[derive(Deserialize)]
struct Runs {
    schedule: String,
    last_status: String,
    /// Milliseconds since 1970.
    last_started: i64,
    last_seconds: f64,
    last_error: String,
    sla_seconds: Option<f64>,
    ended: u64,
    good: u64,
    over_sla: u64,
}

#[derive(Deserialize)]
struct Table {
    name: String,
    mode: String,
    target: String,
    state: String,
    rows: Option<u64>,
    copied_ratio: f64,
    #[serde(default)]
    rows_per_second: f64,
    #[serde(default)]
    rejected_rows: u64,
    #[serde(default)]
    taken_updates: u64,
    #[serde(default)]
    ignored_updates: u64,
    #[serde(default)]
    ignored_deletes: u64,
    #[serde(default)]
    duplicate_rows: u64,
    #[serde(default)]
    clamped_columns: BTreeMap<String, u64>,
    #[serde(default)]
    nulled_columns: BTreeMap<String, u64>,
    #[serde(default)]
    defaulted_columns: BTreeMap<String, u64>,
    last_error: Option<String>,
    schema_change: Option<SchemaChange>,
}

#[derive(Deserialize)]
struct Source {
    slot: String,
    connected: bool,
    waiting_for: Option<String>,
    received_lsn: String,
    confirmed_lsn: String,
    lag_bytes: u64,
    retained_bytes: Option<u64>,
    until_lost_bytes: Option<i64>,
    lag_seconds: f64,
    wal_status: Option<String>,
    last_error: Option<String>,
}

#[derive(Deserialize)]
struct Spool {
    bytes: u64,
    max_bytes: u64,
    since: Option<i64>,
    is_filled: bool,
    is_full: bool,
    full_for: Option<String>,
}

#[derive(Deserialize)]
struct SchemaChange {
    at: i64,
    change: String,
    followed_by: String,
    #[serde(default)]
    touched: Vec<Touched>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Touched {
    Column(String),
    Table(String),
}

#[derive(Deserialize)]
struct Freshness {
    p50: Option<u32>,
    p99: Option<u32>,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let models = LazyCell::new(|| Models::of(config));
    loop {
        let running = Running::need(&config.store.data_dir)?;
        let body = running.get("/api/status")?;
        let text = match args.json {
            true => one_line(&body)?,
            false => {
                let report = read(&body)?;
                render(&report) + &reached(&report.tables, &models)
            }
        };
        let clear = args.watch && !args.json && talk::stdout_is_terminal();
        talk::print(&if clear { format!("\x1b[H\x1b[2J{text}") } else { text })?;
        if !args.watch {
            return Ok(Answer::Yes);
        }
        std::thread::sleep(WATCH_INTERVAL);
    }
}

fn read(body: &str) -> Result<Report> {
    serde_json::from_str(body).map_err(|error| {
        Error::definite("cannot read the status of the running pipeline")
            .hint("it may be of another version: restart `millrace up`")
            .source(error)
    })
}

/// Line by line, so that `--watch` can be read by a program too.
fn one_line(body: &str) -> Result<String> {
    let value: serde_json::Value = serde_json::from_str(body)
        .map_err(|error| Error::bug("the status is no JSON").source(error))?;
    Ok(format!("{value}\n"))
}

fn render(report: &Report) -> String {
    let mut text = table(&report.tables);
    for table in &report.tables {
        if let Some(error) = &table.last_error {
            let label = talk::data(format!("{}:", table.name), Paint::Red);
            text += &format!("\n{label} {}\n", error.replace('\n', "\n  "));
        }
        text += &altered(table);
    }
    text + "\n"
        + &stream(report)
        + &report.sinks.iter().map(topics::sink).collect::<String>()
        + &report.spool.as_ref().map_or_else(String::new, spool)
        + &freshness(&report.freshness_ms)
        + files(report.confined)
        + &last_change(&report.tables)
        + &runs(&report.runs)
}

fn runs(all: &[Runs]) -> String {
    let width = all.iter().map(|runs| name(runs).len()).max().unwrap_or(0);
    let line = |runs: &Runs| {
        let paint = match runs.last_status.as_str() {
            "success" | "running" => Paint::Green,
            _ => Paint::Red,
        };
        let status = talk::data(&runs.last_status, paint);
        let took = match runs.last_status.as_str() {
            "running" => String::new(),
            _ => format!(", took {:.1} s", runs.last_seconds),
        };
        let of_week = match runs.ended {
            0 => String::new(),
            ended => format!("; {} of {} went well in 7 days", runs.good, counted(ended, "run")),
        };
        let late = match (runs.over_sla, runs.sla_seconds) {
            (0, _) | (_, None) => String::new(),
            (over, Some(sla)) => {
                talk::data(format!(", {over} took more than {sla:.0} s"), Paint::Yellow)
            }
        };
        let at = super::time(runs.last_started / 1_000);
        let error = match runs.last_error.lines().next() {
            Some(first) => format!("\n             {first}"),
            None => String::new(),
        };
        format!("dbt        {:<width$}  {status} {at}{took}{of_week}{late}{error}\n", name(runs))
    };
    all.iter().map(line).collect()
}

fn name(runs: &Runs) -> &str {
    if runs.schedule.is_empty() { "by hand" } else { &runs.schedule }
}

/// Of all tables.
fn last_change(tables: &[Table]) -> String {
    let Some((table, last)) = latest(tables) else { return String::new() };
    let at = super::time(last.at);
    let (name, change, how) = (&table.name, &last.change, &last.followed_by);
    format!("schema     {name}: {change}; followed by: {how}, {at}\n")
}

fn latest(tables: &[Table]) -> Option<(&Table, &SchemaChange)> {
    let changes = tables.iter().filter_map(|table| Some((table, table.schema_change.as_ref()?)));
    changes.max_by_key(|(_, change)| change.at)
}

/// Which models read what that change touched.
fn reached(
    tables: &[Table],
    models: &LazyCell<Option<Models>, impl FnOnce() -> Option<Models>>,
) -> String {
    let Some((table, last)) = latest(tables).filter(|(_, last)| !last.touched.is_empty()) else {
        return String::new();
    };
    let touched: Vec<_> = last.touched.iter().map(|touched| of(&table.name, touched)).collect();
    let text = models.as_ref().and_then(|models| models::text(&models.reading(&touched)));
    text.map_or_else(String::new, |text| format!("models     {text}\n"))
}

fn of(table: &str, touched: &Touched) -> lint::Touched {
    let name = |text: &str| {
        let (schema, table) = text.split_once('.').unwrap_or(("", text));
        TableName::new(schema, table)
    };
    match touched {
        Touched::Column(column) => lint::Touched::Column(name(table), column.clone()),
        Touched::Table(before) => lint::Touched::Table(name(before)),
    }
}

/// What did not arrive as it was.
fn altered(table: &Table) -> String {
    let mut parts = Vec::new();
    if table.rejected_rows > 0 {
        parts.push(format!("{} put into quarantine", counted(table.rejected_rows, "row")));
    }
    for (columns, what, became) in [
        (&table.clamped_columns, "value", "clamped"),
        (&table.nulled_columns, "value", "made NULL"),
        (&table.defaulted_columns, "NULL", "made the default"),
    ] {
        for (column, values) in columns {
            parts.push(format!("{} of {column} {became}", counted(*values, what)));
        }
    }
    for (changes, what, became) in [
        (table.taken_updates, "UPDATE", "taken as rows"),
        (table.ignored_updates, "UPDATE", "not followed"),
        (table.ignored_deletes, "DELETE", "not followed"),
        (table.duplicate_rows, "row", "left out as their keys came before"),
    ] {
        if changes > 0 {
            parts.push(format!("{} {became}", counted(changes, what)));
        }
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!("\n{}: {} since start\n", table.name, parts.join(", ")),
    }
}

fn table(tables: &[Table]) -> String {
    let head = ["TABLE", "MODE", "TARGET", "STATE", "ROWS", "COPIED", "ROWS/S"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(tables.iter().map(|table| {
        [
            table.name.clone(),
            table.mode.clone(),
            table.target.clone(),
            table.state.clone(),
            table.rows.map_or("-".into(), grouped),
            format!("{:.0} %", table.copied_ratio * 100.0),
            format!("{:.0}", table.rows_per_second),
        ]
    }));
    let widths: Vec<usize> =
        (0..head.len()).map(|at| rows.iter().map(|row| row[at].len()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        let mut cells: Vec<String> = Vec::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // Words to the left, numbers to the right.
            cells.push(if column < 4 {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            });
        }
        let line = cells.join("  ");
        text += &match at {
            0 => talk::data(line.trim_end(), Paint::Bold),
            _ => line.trim_end().to_owned(),
        };
        text.push('\n');
    }
    text
}

/// Topics may be read alone.
fn stream(report: &Report) -> String {
    let is_alone = report.kafka.is_some() && report.source.slot.is_empty();
    let of_stream = match (is_alone, &report.source.last_error) {
        (false, _) => source(&report.source, report.paused_since),
        (true, Some(error)) => of_error(error),
        (true, None) => String::new(),
    };
    of_stream
        + &report.kafka.as_ref().map_or_else(String::new, |kafka| topics::render(kafka, is_alone))
}

fn of_error(error: &str) -> String {
    format!("{} {}\n", talk::data("error:", Paint::Red), error.replace('\n', "\n  "))
}

fn source(source: &Source, paused_since: Option<i64>) -> String {
    let state = match (source.connected, &source.waiting_for) {
        _ if paused_since.is_some() => {
            let since = super::time(paused_since.unwrap_or_default());
            talk::data(format!("PAUSED since {since}, to go on: millrace resume"), Paint::Yellow)
        }
        (true, None) => talk::data("connected", Paint::Green),
        (true, Some(what)) => format!("connected, waits for {what}"),
        (false, _) => talk::data("not connected", Paint::Red),
    };
    let wal = source.wal_status.as_deref().unwrap_or("unknown");
    let mut text = format!(
        "source     {state}; slot {} ({wal}), received {}, confirmed {}\n\
         lag        {}, {:.1} s\n",
        source.slot,
        source.received_lsn,
        source.confirmed_lsn,
        talk::bytes(source.lag_bytes),
        source.lag_seconds
    );
    if let Some(retained) = source.retained_bytes {
        text += &format!("log kept   {} for the slot{}\n", talk::bytes(retained), limit(source));
    }
    if let Some(error) = &source.last_error {
        text += &of_error(error);
    }
    text
}

fn limit(source: &Source) -> String {
    source.until_lost_bytes.map_or(String::new(), |left| {
        format!(", given up after {} more", talk::bytes(left.max(0) as u64))
    })
}

fn spool(spool: &Spool) -> String {
    let holds = match spool.since {
        Some(since) => {
            format!("{}, since {}", talk::bytes(spool.bytes), super::time(since))
        }
        None => "empty".to_owned(),
    };
    let state = match (spool.is_filled, spool.is_full, &spool.full_for) {
        (_, true, Some(why)) => {
            let what = format!("; NO ROOM, Postgres keeps the log: {why}");
            talk::data(what, Paint::Red)
        }
        (_, true, None) => talk::data("; FULL, Postgres keeps the log", Paint::Red),
        (true, false, _) => talk::data("; filled while the store is away", Paint::Yellow),
        (false, false, _) if spool.since.is_some() => "; emptied into the store".to_owned(),
        (false, false, _) => String::new(),
    };
    format!("spool      {holds} of at most {}{state}\n", talk::bytes(spool.max_bytes))
}

fn freshness(freshness: &Freshness) -> String {
    match (freshness.p50, freshness.p99) {
        (Some(p50), Some(p99)) => format!("freshness  p50 {p50} ms, p99 {p99} ms\n"),
        _ => "freshness  not measured yet\n".to_owned(),
    }
}

fn files(confined: Option<bool>) -> &'static str {
    match confined {
        Some(true) => "files      the kernel keeps the engine to the data directory\n",
        Some(false) => {
            "files      the engine may open any: this kernel has no Landlock of Linux 5.19\n"
        }
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_readable_without_colour() {
        let body = r#"{"tables":[
            {"name":"public.events","mode":"append","target":"analytics.events","state":"streaming",
             "rows":2012345,"copied_ratio":1.0,"rows_per_second":312.4,"rejected_rows":2,
             "clamped_values":3,"clamped_columns":{"due":1,"paid":2},"nulled_columns":{"price":2},
             "defaulted_columns":{"note":1},"last_error":null,
             "schema_change":{"at":1795621319,"change":"drop column gone: was text","followed_by":"in place"}},
            {"name":"public.notes","mode":"mirror","target":"public.notes","state":"failed","rows":null,
             "copied_ratio":0.25,"last_error":"cannot mirror public.notes\nhint: ALTER TABLE"}],
            "source":{"slot":"millrace","connected":true,"waiting_for":null,"received_lsn":"0/2","applied_lsn":"0/2",
             "confirmed_lsn":"0/1","lag_bytes":2048,"retained_bytes":4096,"until_lost_bytes":1048576,"lag_seconds":0.25,"wal_status":"reserved","last_error":null},
            "freshness_ms":{"p50":48,"p99":110},"confined":true,
            "runs":[{"schedule":"tag:fast","command":"build --select tag:fast","last_status":"success",
             "last_started":1795621319000,"last_seconds":4.25,"last_success":1795621319000,"last_error":"",
             "sla_seconds":10.0,"ended":12,"good":11,"over_sla":2},
             {"schedule":"heavy","command":"build","last_status":"failed","last_started":1795621319000,
             "last_seconds":61.0,"last_success":null,"last_error":"marts.m: ERROR\nmore","sla_seconds":null,
             "ended":1,"good":0,"over_sla":0}]}"#;
        let expected = "\
TABLE          MODE    TARGET            STATE           ROWS  COPIED  ROWS/S
public.events  append  analytics.events  streaming  2,012,345   100 %     312
public.notes   mirror  public.notes      failed             -    25 %       0

public.events: 2 rows put into quarantine, 1 value of due clamped, 2 values of paid clamped, \
             2 values of price made NULL, 1 NULL of note made the default since start

public.notes: cannot mirror public.notes
  hint: ALTER TABLE

source     connected; slot millrace (reserved), received 0/2, confirmed 0/1
lag        2.0 KiB, 0.2 s
log kept   4.0 KiB for the slot, given up after 1.0 MiB more
freshness  p50 48 ms, p99 110 ms
files      the kernel keeps the engine to the data directory
schema     public.events: drop column gone: was text; followed by: in place, 2026-11-25T15:41:59Z
dbt        tag:fast  success 2026-11-25T15:41:59Z, took 4.2 s; 11 of 12 runs went well in 7 days, 2 took more than 10 s
dbt        heavy     failed 2026-11-25T15:41:59Z, took 61.0 s; 0 of 1 run went well in 7 days
             marts.m: ERROR
";
        assert_eq!(render(&read(body).unwrap()), expected);
        let spool = |state: &str| {
            let spool =
                format!(r#""spool":{{"bytes":2048,"max_bytes":1048576,{state}}},"freshness_ms""#);
            render(&read(&body.replacen(r#""freshness_ms""#, &spool, 1)).unwrap())
        };
        for (state, shown) in [
            (
                r#""since":null,"is_filled":false,"is_full":false"#,
                "spool      empty of at most 1.0 MiB\n",
            ),
            (
                r#""since":1795621319,"is_filled":true,"is_full":false"#,
                "2.0 KiB, since 2026-11-25T15:41:59Z of at most 1.0 MiB; filled while the store is away\n",
            ),
            (
                r#""since":1795621319,"is_filled":false,"is_full":false"#,
                "MiB; emptied into the store\n",
            ),
            (
                r#""since":1795621319,"is_filled":true,"is_full":true"#,
                "MiB; FULL, Postgres keeps the log\n",
            ),
            (
                r#""since":1795621319,"is_filled":true,"is_full":true,"full_for":"no space""#,
                "NO ROOM, Postgres keeps the log: no space\n",
            ),
        ] {
            let text = spool(state);
            assert!(text.contains(shown), "{text}");
        }
        let paused = body.replacen('{', r#"{"paused_since":1795621319,"#, 1);
        let paused = render(&read(&paused).unwrap());
        let said = "source     PAUSED since 2026-11-25T15:41:59Z, to go on: millrace resume; slot";
        assert!(paused.contains(said), "{paused}");
    }
}
