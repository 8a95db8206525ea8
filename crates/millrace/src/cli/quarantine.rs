//! `millrace quarantine`: rows that ClickHouse could not carry, and their way back. Asks the running
//! pipeline; without one the store alone answers, and `replay` runs a pipeline for as long as it takes.

use super::Answer;
use crate::assemble::{Mill, Ports, block_on, stop_signal};
use crate::config::Config;
use crate::home::look_into;
use crate::running::Running;
use crate::talk::{self, Paint};
use clap::Subcommand;
use flow::quarantine::{self, Dropped, Filter, Group, ReplayOptions, Replayed, Shown};
use model::words::{counted, grouped};
use model::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, IsTerminal};
use std::time::Duration;
use store::Store;

const DEFAULT_ROWS: usize = 20;
/// How often a pipeline of our own is asked whether it has caught up.
const READY_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Count what waits, by table, column and reason
    List(ListArgs),
    /// Show rows, the newest first
    Show(ShowArgs),
    /// Write the rows that can be carried now
    Replay(ReplayArgs),
    /// Forget rows
    Drop(DropArgs),
}

#[derive(clap::Args)]
pub(crate) struct ListArgs {
    /// Tables, as schema.table; none: all
    tables: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ShowArgs {
    /// Tables, as schema.table; none: all
    tables: Vec<String>,

    /// Rows that were refused for this column, by its name in Postgres
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// The most rows to show
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ROWS)]
    limit: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct ReplayArgs {
    /// Tables, as schema.table, and topics, as "topic NAME"
    #[arg(conflicts_with = "all")]
    tables: Vec<String>,

    /// Every table
    #[arg(long)]
    all: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct DropArgs {
    /// Tables, as schema.table
    #[arg(required = true)]
    tables: Vec<String>,

    /// Rows that were refused for this column, by its name in Postgres
    #[arg(long, value_name = "NAME")]
    column: Option<String>,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    match verb {
        Verb::List(args) => list(args, config),
        Verb::Show(args) => show(args, config),
        Verb::Replay(args) => replay(args, config),
        Verb::Drop(args) => drop_rows(args, config),
    }
}

fn json(error: serde_json::Error) -> Error {
    Error::bug("cannot write or read JSON").source(error)
}

fn post<T: DeserializeOwned>(running: &Running, path: &str, body: &impl Serialize) -> Result<T> {
    let body = serde_json::to_string(body).map_err(json)?;
    serde_json::from_str(&running.post(path, &body)?).map_err(json)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    talk::print(&(serde_json::to_string_pretty(value).map_err(json)? + "\n"))
}

/// Of the running pipeline, or of the store without one.
fn ask<T: DeserializeOwned>(
    config: &Config,
    path: &str,
    filter: &Filter,
    alone: impl AsyncFnOnce(&dyn Store, &Filter) -> Result<T>,
) -> Result<T> {
    if let Some(running) = Running::find(&config.store.data_dir) {
        return post(&running, path, filter);
    }
    talk::say(
        "no `millrace up` runs here: it is not known which rows newer ones have superseded since",
    );
    block_on(async {
        let store = look_into(config, "look into the quarantine").await?;
        alone(store.as_ref(), filter).await
    })
}

fn list(args: ListArgs, config: &Config) -> Result<Answer> {
    let filter = Filter { tables: args.tables, ..Filter::default() };
    let alone = async |store: &dyn Store, filter: &Filter| quarantine::list(store, filter).await;
    let groups: Vec<Group> = ask(config, "/api/quarantine/list", &filter, alone)?;
    match args.json {
        true => print_json(&groups)?,
        false => talk::print(&render_list(&groups))?,
    }
    Ok(Answer::Yes)
}

fn show(args: ShowArgs, config: &Config) -> Result<Answer> {
    let filter = Filter { tables: args.tables, column: args.column, rows_max: args.limit.max(1) };
    let alone = async |store: &dyn Store, filter: &Filter| quarantine::show(store, filter).await;
    let rows: Vec<Shown> = ask(config, "/api/quarantine/show", &filter, alone)?;
    match args.json {
        true => print_json(&rows)?,
        false => talk::print(&render_rows(&rows))?,
    }
    Ok(Answer::Yes)
}

fn replay(args: ReplayArgs, config: &Config) -> Result<Answer> {
    if args.tables.is_empty() && !args.all {
        return Err(Error::definite("cannot replay: no table is named")
            .hint("millrace quarantine list names them; or --all"));
    }
    let options = ReplayOptions { tables: args.tables };
    let replayed: Vec<Replayed> = match Running::find(&config.store.data_dir) {
        Some(running) => post(&running, "/api/quarantine/replay", &options)?,
        None => replay_alone(config, options)?,
    };
    match args.json {
        true => print_json(&replayed)?,
        false => talk::print(&replayed.iter().map(render_replayed).collect::<String>())?,
    }
    let left = replayed.iter().any(|table| table.skipped.is_some() || table.refused > 0);
    Ok(if left { Answer::No } else { Answer::Yes })
}

/// A pipeline of our own: it catches up, replays, and stops.
fn replay_alone(config: &Config, options: ReplayOptions) -> Result<Vec<Replayed>> {
    talk::start_logs(tracing::Level::WARN)?;
    talk::say("no `millrace up` runs here: starting the pipeline for this replay");
    block_on(async {
        let stop = stop_signal()?;
        // A pipeline would wait for a source that is away; whoever asks once wants to know.
        if config.has_stream() {
            drop(source::client::connect(&config.address()?).await?);
        }
        let mill = Mill::start(config, Ports::any(config)?).await?;
        let handle = mill.handle();
        let mut replayed = None;
        let work = async {
            // A paused one answers why it cannot.
            while !handle.is_paused() && !is_settled(&handle.report()) {
                tokio::time::sleep(READY_INTERVAL).await;
            }
            replayed = Some(handle.replay(options).await);
        };
        let finished = async {
            tokio::select! {
                () = work => {}
                () = stop => {}
            }
        };
        mill.run_until(finished).await?;
        replayed.unwrap_or_else(|| Err(Error::definite("cannot replay: interrupted")))
    })
}

/// Nothing is being copied any more. Topics may have brought no table yet.
fn is_settled(report: &flow::status::Report) -> bool {
    use flow::status::State;
    let is_there = match &report.kafka {
        Some(kafka) => kafka.connected && report.source.connected,
        None => !report.tables.is_empty(),
    };
    is_there
        && report.tables.iter().all(|table| matches!(table.state, State::Streaming | State::Failed))
}

fn drop_rows(args: DropArgs, config: &Config) -> Result<Answer> {
    let filter = Filter { tables: args.tables, column: args.column, rows_max: 0 };
    if !args.yes && !is_agreed(&filter)? {
        talk::say("nothing was forgotten");
        return Ok(Answer::No);
    }
    let alone =
        async |store: &dyn Store, filter: &Filter| quarantine::drop_rows(store, filter).await;
    let dropped: Vec<Dropped> = ask(config, "/api/quarantine/drop", &filter, alone)?;
    let of_table = |dropped: &Dropped| {
        format!("{}: {} forgotten\n", talk::plain(&dropped.table), counted(dropped.rows, "row"))
    };
    match dropped.is_empty() {
        true => talk::print("nothing to forget\n")?,
        false => talk::print(&dropped.iter().map(of_table).collect::<String>())?,
    }
    Ok(Answer::Yes)
}

/// Only a person at a terminal can be asked.
fn is_agreed(filter: &Filter) -> Result<bool> {
    let of_column =
        filter.column.as_ref().map_or(String::new(), |name| format!(" refused for {name}"));
    let what = format!("the quarantined rows of {}{of_column}", filter.tables.join(", "));
    if !std::io::stdin().is_terminal() {
        return Err(Error::definite(format!("cannot forget {what} without being told twice"))
            .detail("They are nowhere else in the store.")
            .hint("--yes"));
    }
    talk::say(format!("forget {what}? They are nowhere else in the store. [y/N]"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Error::definite("cannot read the answer").source(error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn render_list(groups: &[Group]) -> String {
    if groups.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let head = ["TABLE", "COLUMN", "ROWS", "SUPERSEDED", "NEWEST (UTC)", "REASON"];
    let mut lines = vec![head.map(str::to_owned)];
    lines.extend(groups.iter().map(|group| {
        [
            talk::plain(&group.table),
            talk::plain(&group.column),
            grouped(group.rows),
            grouped(group.superseded),
            group.newest.clone(),
            talk::plain(&group.reason),
        ]
    }));
    let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells = line.iter().zip(&widths).enumerate().map(|(at, (cell, &width))| match at {
            2 | 3 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let joined = cells.collect::<Vec<_>>().join("  ");
        text += &match number {
            0 => talk::data(joined.trim_end(), Paint::Bold),
            _ => joined.trim_end().to_owned(),
        };
        text.push('\n');
    }
    if groups.iter().any(|group| group.superseded > 0) {
        text +=
            "superseded: the store has a newer row in its place, or its table was copied again\n";
    }
    text
}

fn render_rows(rows: &[Shown]) -> String {
    if rows.is_empty() {
        return "nothing is in quarantine\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let state = match row.state.as_str() {
            "waiting" => String::new(),
            state => format!(" ({state})"),
        };
        let head = format!("{} {} at {}{state}", row.table, row.op, row.position);
        text += &format!("{}\n", talk::data(talk::plain(&head), Paint::Bold));
        text += &format!("  {}: {}\n", talk::plain(&row.column), talk::plain(&row.reason));
        text += &format!("  {}\n", talk::plain(&row.row.to_string()));
    }
    text
}

fn render_replayed(table: &Replayed) -> String {
    let name = talk::plain(&table.table);
    let what = if name.starts_with("topic ") { "message" } else { "row" };
    let mut text = format!("{name}: {} replayed", counted(table.replayed, what));
    if table.refused > 0 {
        text += &format!(", {} still refused", grouped(table.refused));
    }
    if table.superseded > 0 {
        text += &format!(", {} superseded by newer rows and forgotten", grouped(table.superseded));
    }
    text.push('\n');
    if let Some(why) = &table.skipped {
        text += &format!("  {}\n", why.replace('\n', "\n  "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_reads_no_orders_from_a_row() {
        let row = Shown {
            table: "public.t".into(),
            position: "0/16".into(),
            op: "insert".into(),
            column: "amount".into(),
            reason: "NaN has no place in a Decimal".into(),
            state: "superseded".into(),
            at: "2026-11-25 15:00:00.000".into(),
            row: serde_json::json!({"id": "1", "note": "\u{1b}[2J\u{9b}31m\u{202e}x\n"}),
        };
        assert_eq!(
            render_rows(&[row]),
            "public.t insert at 0/16 (superseded)\n  amount: NaN has no place in a Decimal\n  \
             {\"id\":\"1\",\"note\":\"\\u001b[2J\\u009b31m\\u202ex\\n\"}\n"
        );
    }

    #[test]
    fn what_waits_is_a_table() {
        let group = |column: &str, rows, superseded| Group {
            table: "public.orders".into(),
            column: column.into(),
            reason: "NaN".into(),
            rows,
            superseded,
            newest: "2026-11-25 15:00:00.000".into(),
        };
        assert_eq!(
            render_list(&[group("a", 1200, 0), group("price", 3, 2)]),
            "TABLE          COLUMN   ROWS  SUPERSEDED  NEWEST (UTC)             REASON\n\
             public.orders  a       1,200           0  2026-11-25 15:00:00.000  NaN\n\
             public.orders  price       3           2  2026-11-25 15:00:00.000  NaN\n\
             superseded: the store has a newer row in its place, or its table was copied again\n"
        );
        let replayed = Replayed {
            table: "public.t".into(),
            replayed: 2,
            refused: 1,
            superseded: 3,
            skipped: None,
        };
        assert_eq!(
            render_replayed(&replayed),
            "public.t: 2 rows replayed, 1 still refused, 3 superseded by newer rows and forgotten\n"
        );
    }
}
