//! `millrace resync`: tables are copied again, while everything goes on.

use super::Answer;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use flow::resync::{ResyncOptions, Resynced};
use model::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tables to copy again, as schema.table
    #[arg(required = true)]
    tables: Vec<String>,

    /// The most rows to read of each table in a second; 0: as fast as it goes
    #[arg(long, value_name = "N", default_value_t = 0)]
    max_rows_per_second: u64,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let options =
        ResyncOptions { tables: args.tables, rows_per_second_max: args.max_rows_per_second };
    let json = |error| Error::bug("cannot write or read JSON").source(error);
    let body = serde_json::to_string(&options).map_err(json)?;
    let answer = Running::need(&config.store.data_dir)?.post("/api/resync", &body)?;
    let begun: Vec<Resynced> = serde_json::from_str(&answer).map_err(json)?;
    begun.iter().for_each(|table| talk::say(render(table)));
    talk::say("watch it: millrace status");
    Ok(Answer::Yes)
}

fn render(table: &Resynced) -> String {
    let name = &table.name;
    match &table.kept_as {
        Some(place) => format!(
            "{name}: is copied again into an empty table; the rows of before are kept as {place}, \
             to be dropped when you like"
        ),
        None => format!("{name}: is copied again; readers see its rows meanwhile"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_the_rows_of_before_is_said() {
        let table = |kept_as: Option<&str>| Resynced {
            name: "public.facts".into(),
            kept_as: kept_as.map(str::to_owned),
        };
        assert!(render(&table(None)).ends_with("readers see its rows meanwhile"));
        assert!(
            render(&table(Some("public.facts_before_17")))
                .contains("kept as public.facts_before_17")
        );
    }
}
