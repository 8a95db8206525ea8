//! `millrace lineage`: what a column is made of, down to Postgres, and what is made of it.

mod shown;

use super::Answer;
use super::sql::Way;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use model::{Error, Result};
use serde::Deserialize;
use transform::lineage::{Graph, Held, Manifest, build, keep, without_store};

/// Both are named so.
const TABLES: &str = "SELECT name, target, mode FROM millrace.tables FINAL WHERE id != 0";
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
        let held = held(config, &way)?;
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

/// Which table of Postgres is kept where: the running `up` says it to whoever is on this machine, and the store to us.
fn held(config: &Config, way: &Way) -> Result<Vec<Held>> {
    #[derive(Deserialize)]
    struct Status {
        tables: Vec<Table>,
    }
    #[derive(Deserialize)]
    struct Table {
        name: String,
        target: String,
        mode: String,
    }
    let unreadable = |error| Error::bug("the list of tables does not read").source(error);
    let tables: Vec<Table> = match Running::find(&config.store.data_dir) {
        Some(running) => {
            let status: Status =
                serde_json::from_str(&running.get("/api/status")?).map_err(unreadable)?;
            status.tables
        }
        None => {
            let text = way.text(TABLES, "JSONEachRow")?;
            let rows = text.lines().filter(|line| !line.is_empty());
            rows.map(serde_json::from_str)
                .collect::<std::result::Result<_, _>>()
                .map_err(unreadable)?
        }
    };
    let held = |table: Table| {
        let options = config.tables.get(&table.name);
        let columns = options.iter().flat_map(|options| &options.columns);
        let renamed =
            columns.filter_map(|(name, column)| Some((column.name.clone()?, name.clone())));
        let extra = options.iter().flat_map(|options| options.extra_columns.keys().cloned());
        Held {
            renamed: renamed.collect(),
            own: extra.chain(store::OWN_COLUMNS.map(str::to_owned)).collect(),
            postgres: table.name,
            name: table.target,
            mode: table.mode,
        }
    };
    Ok(tables.into_iter().map(held).collect())
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
