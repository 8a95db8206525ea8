//! `millrace lineage`: what a column is made of, down to Postgres, and what is made of it.

mod shown;

use super::Answer;
use super::sql::Way;
use crate::config::Config;
use crate::talk;
use model::{Error, Result};
use serde::Deserialize;
use transform::lineage::{Graph, Held, Manifest, build, keep, of_login, without_store};

/// More names than that help nobody.
const NAMES_SHOWN_MAX: usize = 12;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A column (marts.orders_daily.revenue) or a table, as ClickHouse or as Postgres calls it
    name: String,

    /// Only what it is made of
    #[arg(long, conflicts_with = "down")]
    up: bool,

    /// Only what is made of it
    #[arg(long)]
    down: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, config: &Config) -> Result<Answer> {
    let graph = graph(config)?;
    let point = graph.find(&args.name).ok_or_else(|| not_found(&args.name, &graph))?;
    let asked = shown::Asked { graph: &graph, point: &point, up: !args.down, down: !args.up };
    talk::print(&match args.json {
        true => asked.json()?,
        false => asked.text(),
    })?;
    Ok(Answer::Yes)
}

/// As it is now; where the store cannot be asked, as it was when it last was.
fn graph(config: &Config) -> Result<Graph> {
    let project = &config.transform.project;
    let asked = || {
        let manifest = Manifest::read(project)?;
        let way = Way::find(config)?;
        let held = held(&way)?;
        build(&manifest, &held, &|sql, format| way.text(sql, format))
    };
    match asked() {
        Ok(graph) => {
            keep(&graph, project)?;
            Ok(graph)
        }
        Err(error) => match without_store(project).filter(Graph::has_columns) {
            Some(graph) => {
                talk::warning(&format!("{}\nthis is what was known before", error.report()));
                Ok(graph)
            }
            None => Err(error),
        },
    }
}

/// Which table of Postgres is kept where.
fn held(way: &Way) -> Result<Vec<Held>> {
    #[derive(Deserialize)]
    struct Row {
        name: String,
        target: String,
        mode: String,
        detail: String,
    }
    let held = |line: &str| {
        let row: Row = serde_json::from_str(line)
            .map_err(|error| Error::bug("a row of millrace.tables does not read").source(error))?;
        let columns = flow::held::columns(&row.detail)?;
        Ok(Held { postgres: row.name, name: row.target, mode: row.mode, columns })
    };
    let text = way.text(flow::held::TABLES, "JSONEachRow").map_err(of_login)?;
    text.lines().filter(|line| !line.is_empty()).map(held).collect()
}

fn not_found(name: &str, graph: &Graph) -> Error {
    let error = Error::definite(format!("cannot find {name}"));
    let Some(table) = graph.table_of(name) else {
        return error
            .detail("Neither dbt nor millrace makes a table of that name.")
            .hint("schema.table, or schema.table.column; after a change of the models: millrace transform compile");
    };
    let columns = graph.columns(table);
    let more = columns.len().saturating_sub(NAMES_SHOWN_MAX);
    let shown = columns.iter().take(NAMES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match (columns.is_empty(), more) {
        (true, _) => error.detail(format!("The columns of {table} are not known.")),
        (false, 0) => error.detail(format!("{table} has {shown}.")),
        (false, more) => error.detail(format!("{table} has {shown} and {more} more.")),
    }
}
