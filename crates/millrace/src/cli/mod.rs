//! A file a verb: what was typed, and what is answered.

mod alerts;
mod check;
mod config;
mod ddl;
mod demo;
mod grafana;
mod init;
#[cfg(feature = "kafka")]
mod kafka;
mod keep;
mod lineage;
mod lint_migration;
mod models;
mod pause;
mod propose;
mod quarantine;
mod reload;
mod resume;
mod resync;
mod runs;
mod schedule;
mod sql;
mod status;
mod transform;
mod up;
mod verify;

use crate::config::{Config, DEFAULT_FILE};
use crate::talk;
use clap::{Parser, Subcommand};
use model::Result;
use std::path::PathBuf;

/// What a verb found; an error means that it could not run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    Yes,
    No,
    /// Of a program that was run for it.
    Code(u8),
}

/// Real-time product analytics for apps that run on Postgres.
///
/// Streams every committed change of a Postgres database into an embedded ClickHouse, where it can be
/// queried within a second.
#[derive(Parser)]
#[command(name = "millrace", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 the answer is no, 2 could not run.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,

    /// The project's configuration
    #[arg(long, short, global = true, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum Verb {
    /// Look at a database and write a project for it
    Init(init::Args),
    /// Find everything that would go wrong, with the statement that cures it
    Check(check::Args),
    /// Print every statement that makes the store's tables, and run none of them
    Ddl(ddl::Args),
    /// Run the pipeline and serve what it keeps
    Up(up::Args),
    /// Show what the running pipeline does
    Status(status::Args),
    /// Query the store
    Sql(sql::Args),
    /// Compare the store with the source, row by row
    Verify(verify::Args),
    /// Copy tables again, while everything goes on
    Resync(resync::Args),
    /// Stop reading the source until `resume`, also after a restart
    Pause(pause::Args),
    /// Go on after `pause`
    Resume(resume::Args),
    /// Take the tables' options from millrace.toml as they are now, without a restart
    Reload(reload::Args),
    /// Run the team's dbt project on the store, with the stock dbt
    #[command(
        subcommand,
        after_help = "Any other command goes to dbt as it is, with its flags: build, run, test, \
        seed, snapshot, retry, ls, compile, docs generate, …\nThe exit code is dbt's."
    )]
    Transform(transform::Verb),
    /// The schedules of the dbt project
    #[command(subcommand)]
    Schedule(schedule::Verb),
    /// Show what a column or a table is made of, from Postgres through the models, and what is made of it
    Lineage(lineage::Args),
    /// Say what SQL migrations will do to mirrors and to the lock queue
    LintMigration(lint_migration::Args),
    /// Rows that ClickHouse could not carry, and their way back
    #[command(subcommand)]
    Quarantine(quarantine::Verb),
    /// The rules in alerting/: what fires, and whether notices arrive
    #[command(subcommand)]
    Alerts(alerts::Verb),
    /// To a real Grafana with the same files, and from one
    #[command(subcommand)]
    Grafana(grafana::Verb),
    /// The topics of [source.kafka]
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Kafka(kafka::Verb),
    /// Run a throwaway Postgres with a lively shop, and the pipeline on it
    Demo(demo::Args),
    /// Work with the configuration
    #[command(subcommand)]
    Config(config::Verb),
}

impl Cli {
    pub(crate) fn run(self) -> Result<Answer> {
        let path = &self.config;
        match self.verb {
            Verb::Init(args) => init::run(args),
            Verb::Check(args) => check::run(args, &load(path)?),
            Verb::Ddl(args) => ddl::run(args, &load(path)?),
            Verb::Up(args) => up::run(args, &load(path)?),
            Verb::Status(args) => status::run(args, &load(path)?),
            Verb::Sql(args) => sql::run(args, &load(path)?),
            Verb::Verify(args) => verify::run(args, &load(path)?),
            Verb::Resync(args) => resync::run(args, &load(path)?),
            Verb::Pause(args) => pause::run(args, &load(path)?),
            Verb::Resume(args) => resume::run(args, &load(path)?),
            Verb::Reload(args) => reload::run(args, &load(path)?),
            Verb::Transform(verb) => transform::run(verb, &load(path)?),
            Verb::Schedule(verb) => schedule::run(verb, &load(path)?),
            Verb::Lineage(args) => lineage::run(args, &load(path)?),
            Verb::LintMigration(args) => lint_migration::run(args),
            Verb::Quarantine(verb) => quarantine::run(verb, &load(path)?),
            Verb::Alerts(verb) => alerts::run(verb, &load(path)?),
            Verb::Grafana(verb) => grafana::run(verb, &load(path)?),
            #[cfg(feature = "kafka")]
            Verb::Kafka(verb) => kafka::run(verb, &load(path)?),
            Verb::Demo(args) => demo::run(args),
            Verb::Config(verb) => config::run(verb, path),
        }
    }
}

fn load(path: &std::path::Path) -> Result<Config> {
    let config = Config::load(path)?;
    for warning in &config.warnings {
        talk::warning(warning);
    }
    Ok(config)
}

/// Seconds since 1970, as a person reads them.
fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}
