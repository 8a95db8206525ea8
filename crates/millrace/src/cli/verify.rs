//! `millrace verify`: does the store hold what the source holds? Asks the running pipeline, or runs one
//! for as long as it takes.
//!
//! All of it at one position, or beside production for as long as one likes: `rounds`.

mod rounds;

use super::Answer;
use crate::assemble::{Mill, Ports, block_on, stop_signal};
use crate::config::Config;
use crate::running::Running;
use crate::talk::{self, Paint};
use flow::verify::{TableVerdict, Verdict, VerifyOptions};
use model::words::{counted, grouped};
use model::{Error, Result};
use rounds::Rounds;
use std::pin::{Pin, pin};
use std::time::Duration;

const DEFAULT_KEYS: usize = 20;
/// How often a pipeline of our own is asked whether it has caught up.
const READY_INTERVAL: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tables to compare, as schema.table; none: all
    tables: Vec<String>,

    /// Compare this share of the rows, picked at random, while everything goes on: 1%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    sample: Option<f64>,

    /// Compare piece by piece while everything goes on, round after round, until it is interrupted
    #[arg(long)]
    continuous: bool,

    /// Print JSON; of pieces and rounds one object a line
    #[arg(long)]
    json: bool,

    /// The most differing keys to list of each table
    #[arg(long, value_name = "N", default_value_t = DEFAULT_KEYS)]
    keys: usize,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    if args.sample.is_some() || args.continuous {
        return beside(args, config);
    }
    let options = VerifyOptions { tables: args.tables, keys_max: args.keys };
    let verdict = match Running::find(&config.store.data_dir) {
        Some(running) => ask(&running, &options)?,
        None => alone(config, options)?,
    };
    let text = match args.json {
        true => serde_json::to_string_pretty(&verdict).map(|text| text + "\n").map_err(json)?,
        false => render(&verdict),
    };
    talk::print(&text)?;
    Ok(if verdict.is_equal() { Answer::Yes } else { Answer::No })
}

/// `1%`, `0.5`.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    let number = number.ok().filter(|number| *number > 0.0 && *number <= 100.0);
    number.ok_or_else(|| "a share is more than 0% and at most 100%".to_owned())
}

/// Nothing is held up: a little at a time.
fn beside(args: Args, config: &Config) -> Result<Answer> {
    let rounds = Rounds {
        tables: args.tables,
        percent: args.sample.unwrap_or(100.0),
        continuous: args.continuous,
        keys_max: args.keys,
        json: args.json,
    };
    match Running::find(&config.store.data_dir) {
        Some(running) => block_on(async {
            rounds::run(rounds, rounds::Mill::Other(running), stop_signal()?).await
        }),
        None => on_our_own(config, async |handle, stop| {
            rounds::run(rounds, rounds::Mill::Own(handle), stop).await
        }),
    }
}

fn json(error: serde_json::Error) -> Error {
    Error::bug("cannot write or read the verdict as JSON").source(error)
}

fn ask(running: &Running, options: &VerifyOptions) -> Result<Verdict> {
    let body = serde_json::to_string(options).map_err(json)?;
    serde_json::from_str(&running.post("/api/verify", &body)?).map_err(json)
}

fn alone(config: &Config, options: VerifyOptions) -> Result<Verdict> {
    on_our_own(config, async |handle, stop| {
        tokio::select! {
            verdict = handle.verify(options) => verdict,
            () = stop => Err(interrupted()),
        }
    })
}

fn interrupted() -> Error {
    Error::definite("cannot answer: interrupted")
}

/// A pipeline of our own: it catches up, answers, and stops.
fn on_our_own<T>(
    config: &Config,
    ask: impl AsyncFnOnce(flow::Handle, Pin<&mut dyn Future<Output = ()>>) -> Result<T>,
) -> Result<T> {
    talk::start_logs(tracing::Level::WARN)?;
    talk::say("no `millrace up` runs here: starting the pipeline for this comparison");
    block_on(async {
        let mut stop = pin!(stop_signal()?);
        // A pipeline would wait for a source that is away; whoever asks once wants to know.
        if config.has_stream() {
            drop(source::client::connect(&config.address()?).await?);
        }
        let mill = Mill::start(config, Ports::any(config)?).await?;
        let handle = mill.handle();
        let mut answer = None;
        let ready = async {
            // A paused one answers why it cannot.
            while !handle.is_ready() && !handle.is_paused() {
                tokio::time::sleep(READY_INTERVAL).await;
            }
        };
        let answered = async {
            let is_ready = tokio::select! {
                () = ready => true,
                () = &mut stop => false,
            };
            if is_ready {
                answer = Some(ask(handle.clone(), stop).await);
            }
        };
        mill.run_until(answered).await?;
        answer.unwrap_or_else(|| Err(interrupted()))
    })
}

fn render(verdict: &Verdict) -> String {
    let mut text = String::new();
    for table in &verdict.tables {
        text += &one(table);
    }
    let equal = verdict.tables.iter().filter(|table| is_equal(table)).count();
    let summary = match verdict.is_equal() {
        true => talk::data("equal", Paint::Green),
        false => talk::data("not equal", Paint::Red),
    };
    let tables = counted(verdict.tables.len() as u64, "table");
    let position = &verdict.position;
    text + &format!("{summary}: {equal} of {tables} at {position}{}\n", but_not(verdict))
}

/// What the word before does not speak of.
fn but_not(verdict: &Verdict) -> String {
    let columns: Vec<String> = verdict
        .tables
        .iter()
        .flat_map(|table| {
            table.columns_not_compared.iter().map(|column| format!("{}.{column}", table.name))
        })
        .collect();
    match columns.len() as u64 {
        0 => String::new(),
        count => format!(
            "; {} not compared, whose text is the engine's own: {}",
            counted(count, "column"),
            columns.join(", ")
        ),
    }
}

fn is_equal(table: &TableVerdict) -> bool {
    table.skipped.is_none() && table.differing_keys == 0
}

fn one(table: &TableVerdict) -> String {
    let rows = match table.source_rows == table.store_rows {
        true => counted(table.source_rows, "row"),
        false => format!(
            "{} at the source, {} in the store",
            counted(table.source_rows, "row"),
            grouped(table.store_rows)
        ),
    };
    let (name, mode) = (&table.name, &table.mode);
    let mut text = match &table.skipped {
        Some(why) => {
            let why = why.replace('\n', "\n  ");
            format!("{}  {name} ({mode}): {why}\n", talk::data("not compared", Paint::Yellow))
        }
        None if table.differing_keys == 0 => {
            format!("{}  {name} ({mode}): {rows}\n", talk::data("equal", Paint::Green))
        }
        None => format!(
            "{}  {name} ({mode}): {rows}, {}\n",
            talk::data("differs", Paint::Red),
            counted(table.differing_keys, "differing key")
        ),
    };
    for difference in &table.differences {
        text += &format!("  {:<9}  {}\n", difference.kind, difference.key);
    }
    let shown = table.differences.len() as u64;
    if table.differing_keys > shown && shown > 0 {
        text += &format!("  and {} more\n", grouped(table.differing_keys - shown));
    }
    for column in &table.columns_not_compared {
        text += &format!("  note: {column} is not compared\n");
    }
    for note in &table.notes {
        text += &format!("  note: {note}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::verify::Difference;

    #[test]
    fn differences_are_listed_and_counted() {
        let table = |differing_keys, skipped| TableVerdict {
            name: "public.orders".into(),
            mode: "mirror".into(),
            source_rows: 1200,
            store_rows: 1200 - differing_keys,
            differing_keys,
            differences: match differing_keys {
                0 => vec![],
                _ => vec![Difference { kind: "missing".into(), key: "17".into() }],
            },
            columns_not_compared: vec![],
            notes: vec![],
            skipped,
        };
        let tables = vec![table(0, None), table(3, None), table(0, Some("it is copying".into()))];
        let verdict = Verdict { position: "0/16".into(), tables };
        assert_eq!(
            render(&verdict),
            "equal  public.orders (mirror): 1,200 rows\n\
             differs  public.orders (mirror): 1,200 rows at the source, 1,197 in the store, 3 differing keys\n  \
             missing    17\n  and 2 more\n\
             not compared  public.orders (mirror): it is copying\n\
             not equal: 1 of 3 tables at 0/16\n"
        );
    }

    #[test]
    fn equal_does_not_speak_of_columns_that_were_not_compared() {
        let table = TableVerdict {
            name: "public.events".into(),
            mode: "append".into(),
            source_rows: 1,
            store_rows: 1,
            differing_keys: 0,
            differences: vec![],
            columns_not_compared: vec!["properties (JSON)".into()],
            notes: vec![],
            skipped: None,
        };
        let verdict = Verdict { position: "0/16".into(), tables: vec![table] };
        assert_eq!(
            render(&verdict),
            "equal  public.events (append): 1 row\n  note: properties (JSON) is not compared\n\
             equal: 1 of 1 table at 0/16; 1 column not compared, whose text is the engine's own: \
             public.events.properties (JSON)\n"
        );
    }
}
