//! `millrace lineage`: what a column is made of, down to Postgres, and what is made of it.

mod shown;

use super::Answer;
use super::sql::Way;
use crate::config::{Config, DbtLogin};
use crate::running::Running;
use crate::talk;
use model::{Error, Mode, Result, TableName};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use store::rows_of;
use transform::TARGET;
use transform::lineage::{Graph, Held, Manifest, build, is_kept, keep, of_login, without_store};

/// Beside a run of dbt, whose end waits for it.
const ASKED_MOST: Duration = Duration::from_secs(30);
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
    match Manifest::read(project, &targets(config))
        .and_then(|manifest| asked(&manifest, config, None))
    {
        Ok(graph) => Ok(graph),
        Err(error) => match without_store(project, &targets(config)).filter(Graph::has_columns) {
            Some(graph) => {
                talk::warning(&format!("{}\nthis is what was known before", error.report()));
                Ok(graph)
            }
            None => Err(error),
        },
    }
}

/// `login`: of who has none in the environment.
fn asked(manifest: &Manifest, config: &Config, login: Option<DbtLogin>) -> Result<Graph> {
    let login_is_lent = login.is_some();
    let way = Way::find(config, login)?;
    let held = held(&way, config)?;
    let until = login_is_lent.then(|| Instant::now() + ASKED_MOST);
    let graph = build(manifest, &held, &|sql, format| match until {
        Some(until) if Instant::now() > until => {
            Err(Error::transient("could not ask for the lineage: it takes too long"))
        }
        _ => way.text(sql, format),
    })?;
    keep(&graph, &config.transform.project)?;
    Ok(graph)
}

/// Once dbt has built something else than what is known. Who cannot ask leaves that as it is: `millrace lineage`
/// says why.
pub(super) fn refresh(config: &Config, login: DbtLogin) {
    let project = &config.transform.project;
    // Two schedules may end at once, and the second one finds what the first one kept.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Ok(manifest) = Manifest::read(project, &targets(config)) else { return };
    if !is_kept(&manifest, project)
        && let Err(error) = asked(&manifest, config, Some(login))
    {
        tracing::debug!(error = %error.report(), "the lineage stays as it is");
    }
}

/// Where dbt writes what it compiles: by hand, and by each schedule.
pub(super) fn targets(config: &Config) -> Vec<PathBuf> {
    let schedules = std::fs::read_dir(config.schedules());
    let schedules = schedules.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let folders = [config.transform.project.clone()].into_iter().chain(schedules);
    folders.map(|folder| folder.join(TARGET)).collect()
}

/// Which table of Postgres is kept where. A running `up` tells whoever may see its status; others need the right to
/// read what it has written down.
fn held(way: &Way, config: &Config) -> Result<Vec<Held>> {
    let cannot = |error| Error::bug("the tables that are kept do not read").source(error);
    let told: Vec<flow::held::Held> = match Running::find(&config.store.data_dir) {
        Some(up) => serde_json::from_str(&up.get("/api/tables")?).map_err(cannot)?,
        None => {
            let text = way.text(flow::held::TABLES, "JSONCompactEachRow").map_err(of_login)?;
            let row = |line: &str| {
                serde_json::from_str(line).map_err(cannot).and_then(flow::held::Held::read)
            };
            text.lines().filter(|line| !line.is_empty()).map(row).collect::<Result<_>>()?
        }
    };
    let rows = |table: &flow::held::Held| {
        let mode = Mode::from_name(&table.mode)?;
        let (schema, name) = table.target.split_once('.')?;
        Some(rows_of(mode, &TableName::new(schema, name)).to_string())
    };
    let held = told.into_iter().map(|table| Held {
        rows: rows(&table).unwrap_or_else(|| table.target.clone()),
        postgres: table.name,
        name: table.target,
        mode: table.mode,
        columns: table.columns,
    });
    Ok(held.collect())
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
