//! `make bench`: every number that the project promises, measured here and now.
//!
//! ```text
//! measure ─▶ ours, theirs, ours, theirs, … ─▶ bench/results/<measure>.json ─▶ docs/benchmarks.md
//! ```
//!
//! Both sides run in turns in one process's time, so that a machine whose speed drifts is unfair to
//! nobody; ratios are of medians. The clock of a side starts when its process is started and stops
//! when every row answers a query: what starting costs is in the number.

mod backlog;
mod client;
mod copy;
mod dashboards;
mod dbt;
mod door;
mod grown;
mod host;
mod kafka;
mod latency;
mod memory;
mod oltp;
mod page;
mod panels;
mod peers;
mod process;
mod record;
mod resync;
mod shop;
mod small;
mod startup;
mod stream;
mod verify;

use clap::{Parser, Subcommand};
use record::Record;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures Millrace against its peers.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// One measure, or several with commas; absent: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each side.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Rows of a run; absent: what the measure says.
    #[arg(long)]
    rows: Option<u64>,
    /// The binary to measure.
    #[arg(long, default_value = "target/release/millrace")]
    binary: PathBuf,
    /// The measures' names.
    #[arg(long)]
    list: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// The engine alone, for peers that live in it.
    #[command(hide = true)]
    Engine { folder: PathBuf },
    /// Writes docs/benchmarks.md from the results that are there.
    Page,
}

/// What a measure is told.
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    rows: Option<u64>,
    pub(crate) binary: PathBuf,
}

impl Plan {
    pub(crate) fn rows(&self, usual: u64) -> u64 {
        self.rows.unwrap_or(usual)
    }
}

type Measure = (&'static str, fn(&Plan) -> Record);

/// In the order of the page.
const MEASURES: [Measure; 28] = [
    ("stream_tcp", stream::tcp),
    ("stream_mirror", stream::mirror),
    ("stream_mixed", stream::mixed),
    ("stream_unix", stream::unix),
    ("stream_mpg", stream::mpg),
    ("copy_psql", copy::psql),
    ("copy_engine", copy::engine),
    ("latency_1k", latency::at_1k),
    ("latency_10k", latency::at_10k),
    ("latency_50_tables", latency::of_50_tables),
    ("oltp_cost", oltp::cost),
    ("big_transaction", memory::big_transaction),
    ("resync", resync::beside_a_stream),
    ("verify_4m", verify::of_4m),
    ("dashboards", dashboards::beside_a_stream),
    ("panels_2m", panels::at_2m),
    ("panels_100m", panels::at_100m),
    ("dbt_build", dbt::beside_a_build),
    ("dbt_watched", dbt::watched),
    ("small_queries", small::queries),
    ("door_native", door::native),
    ("door_json", door::json),
    ("startup", startup::help),
    ("kafka_json", kafka::json),
    ("kafka_avro", kafka::avro),
    ("kafka_out", kafka::debezium),
    ("kafka_out_slot", kafka::slot),
    ("kafka_latency", kafka::through_a_topic),
];

fn main() -> ExitCode {
    let args = Args::parse();
    match args.verb {
        Some(Verb::Engine { folder }) => return done(host::serve(&folder)),
        Some(Verb::Page) => return done(page::write(&MEASURES.map(|(name, _)| name))),
        None => {}
    }
    if args.list {
        MEASURES.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    for name in &args.only {
        if !MEASURES.iter().any(|(known, _)| known == name) {
            return done(Err(format!("cannot measure {name}: unknown (see --list)")));
        }
    }
    let Ok(binary) = args.binary.canonicalize() else {
        let shown = args.binary.display();
        return done(Err(format!("cannot find {shown}: run `cargo build --release`")));
    };
    let plan = Plan { rounds: args.rounds.max(1), rows: args.rows, binary };
    for (name, measure) in MEASURES {
        if !args.only.is_empty() && !args.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name}");
        let record = measure(&plan);
        if let Err(error) = record.write() {
            return done(Err(error));
        }
        println!("{}", record.line());
    }
    done(page::write(&MEASURES.map(|(name, _)| name)))
}

fn done(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
