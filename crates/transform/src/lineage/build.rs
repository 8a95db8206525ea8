//! The graph, out of the manifest and of what the store says of its models' SQL.

use super::graph::{Graph, Postgres, Relation};
use super::manifest::{Manifest, Model, Sql};
use super::query::Query;
use model::{Error, Fate, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Resolved, and no more: later passes take away columns that are read. In brackets, so that the settings hold for
/// all of the query.
const BEFORE: &str = "EXPLAIN QUERY TREE passes = 1 SELECT * FROM (\n";
/// The engine evaluates scalar subqueries while it resolves names. A block of rows is enough for that: nobody looks at
/// the value (`dau_wau_mau` of the demo: 1.2 s without, 80 ms with it). Those of arrays and tuples would be but a number
/// in the tree otherwise.
const AFTER: &str = "\n) SETTINGS max_rows_to_read = 1, read_overflow_mode = 'break', \
     enable_scalar_subquery_optimization = 0";
const REFUSALS: [&str; 3] = ["(ACCESS_DENIED)", "(READONLY)", "(SETTING_CONSTRAINT_VIOLATION)"];
const NO_LOGIN: [&str; 2] = ["(AUTHENTICATION_FAILED)", "(REQUIRED_PASSWORD)"];
pub(super) const NOT_BUILT: &str = "what it reads is not in the store: millrace transform build";
/// They say nothing of the query.
const BUSY: [&str; 5] = [
    "(SESSION_IS_LOCKED)",
    "(TOO_MANY_SIMULTANEOUS_QUERIES)",
    "(MEMORY_LIMIT_EXCEEDED)",
    "(TIMEOUT_EXCEEDED)",
    "(QUERY_WAS_CANCELLED)",
];
const REFUSED: &str = "whoever asked may not read what it reads";
/// Of views; each round is a query.
const VIEWS_DEEP_MAX: usize = 8;
const VIEW: &str = "plain_view";
const LOGIN: &str = "CLICKHOUSE_USER=… CLICKHOUSE_PASSWORD=… millrace lineage …";

/// A table of Postgres as the store keeps it.
pub struct Held {
    pub postgres: String,
    pub name: String,
    /// Where its rows lie: of a mirror another table, below.
    pub rows: String,
    /// `mirror`, `append`, `history`.
    pub mode: String,
    /// By their names in the store those in Postgres. What is not among them, the store has of its own.
    pub columns: BTreeMap<String, String>,
}

impl Graph {
    /// Models and what they read, without columns.
    pub fn of(manifest: &Manifest) -> Graph {
        let relation = |model: &Model| Relation {
            kind: model.kind.clone(),
            checksum: model.checksum.clone(),
            parents: model.parents.clone(),
            not_known: match &model.sql {
                Sql::Compiled(_) => Some("no store was asked for its columns".to_owned()),
                Sql::Rows => None,
                Sql::None(why) => Some((*why).to_owned()),
            },
            ..Relation::default()
        };
        let models = manifest.models.iter();
        Graph { relations: models.map(|model| (model.name.clone(), relation(model))).collect() }
    }
}

/// The store: a statement, and the format of its answer.
type Ask<'a> = &'a dyn Fn(&str, &str) -> Result<String>;

pub fn build(manifest: &Manifest, held: &[Held], ask: Ask<'_>) -> Result<Graph> {
    let mut graph = Graph::of(manifest);
    resolve_models(&mut graph, manifest, ask)?;
    hold(&mut graph, held, |table| Some(&table.name));
    resolve_views(&mut graph, ask)?;
    let read = names(&graph);
    hold(&mut graph, held, |table| Some(&table.rows).filter(|rows| read.contains(*rows)));
    let columns = columns(&names(&graph), ask)?;
    for (name, relation) in &mut graph.relations {
        let own = columns.get(name).cloned().unwrap_or_default();
        let table = held.iter().find(|table| table.name == *name || table.rows == *name);
        match (&mut relation.query, &mut relation.postgres, table) {
            (Some(query), _, _) => query.settle(|table| columns.get(table)),
            (None, Some(postgres), Some(table)) => {
                let named = own.into_iter().map(|column| {
                    let there = table.columns.get(&column).cloned();
                    (column, there)
                });
                postgres.columns = named.collect();
            }
            _ => relation.columns = own,
        }
    }
    Ok(graph)
}

fn hold(graph: &mut Graph, held: &[Held], place: impl Fn(&Held) -> Option<&String>) {
    for table in held {
        let Some(name) = place(table) else { continue };
        let postgres = Postgres { table: table.postgres.clone(), ..Postgres::default() };
        let relation = Relation { kind: table.mode.clone(), ..Relation::default() };
        let vacant = graph.relations.entry(name.clone());
        vacant.or_insert(Relation { postgres: Some(postgres), ..relation });
    }
}

/// What is there, and what is read.
fn names(graph: &Graph) -> BTreeSet<String> {
    let read = graph.relations.values().flat_map(Relation::tables);
    graph.relations.keys().chain(read).cloned().collect()
}

fn resolve_models(graph: &mut Graph, manifest: &Manifest, ask: Ask<'_>) -> Result<()> {
    let (mut asked, mut refused) = (0, 0);
    for model in &manifest.models {
        let Some(relation) = graph.relations.get_mut(&model.name) else { continue };
        let Sql::Compiled(sql) = &model.sql else { continue };
        asked += 1;
        match resolve(sql, ask)? {
            Ok(query) => (relation.query, relation.not_known) = (Some(query), None),
            Err(why) => {
                refused += usize::from(why == REFUSED);
                relation.not_known = Some(why.to_owned());
            }
        }
    }
    if asked == 0 || refused < asked {
        return Ok(());
    }
    Err(Error::definite("cannot ask how the engine resolves the models")
        .detail("EXPLAIN QUERY TREE was refused for each: it is answered to who may read what they read.")
        .hint(LOGIN))
}

/// Those that a model reads and that dbt did not make, and what they read.
fn resolve_views(graph: &mut Graph, ask: Ask<'_>) -> Result<()> {
    let mut known = BTreeSet::new();
    for _ in 0..VIEWS_DEEP_MAX {
        let is_new = |name: &String| !graph.relations.contains_key(name) && !known.contains(name);
        let unknown: BTreeSet<String> = names(graph).into_iter().filter(is_new).collect();
        let sql = "SELECT concat(database, '.', name), as_select FROM system.tables WHERE engine = 'View' AND \
                   concat(database, '.', name)";
        for (name, sql) in pairs(sql, &unknown, ask)? {
            let (query, not_known) = match resolve(&sql, ask)? {
                Ok(query) => (Some(query), None),
                Err(why) => (None, Some(why.to_owned())),
            };
            let relation =
                Relation { kind: VIEW.to_owned(), query, not_known, ..Relation::default() };
            graph.relations.insert(name, relation);
        }
        known.extend(unknown);
    }
    Ok(())
}

/// Or why not.
fn resolve(sql: &str, ask: Ask<'_>) -> Result<std::result::Result<Query, &'static str>> {
    let sql = sql.trim().trim_end_matches(';');
    match ask(&format!("{BEFORE}{sql}{AFTER}"), "TSVRaw") {
        Ok(text) => {
            Ok(Query::read(&text).ok_or("the engine resolves it in a way that is not known here"))
        }
        Err(error) if is_one_of(&error, &NO_LOGIN) => Err(of_login(error)),
        // Not of this query.
        Err(error) if error.fate() == Fate::Transient || is_one_of(&error, &BUSY) => Err(error),
        Err(error) => Ok(Err(why(&error))),
    }
}

/// An exception's text may quote values, so it is not told on.
fn why(error: &Error) -> &'static str {
    if is_one_of(error, &REFUSALS) {
        REFUSED
    } else if is_one_of(error, &["(UNKNOWN_TABLE)", "(UNKNOWN_DATABASE)"]) {
        NOT_BUILT
    } else {
        "the engine does not resolve its SQL: millrace transform build says why"
    }
}

/// Who is asked for a password, or may not see enough, is told what to do.
pub fn of_login(error: Error) -> Error {
    match is_one_of(&error, &NO_LOGIN) || is_one_of(&error, &REFUSALS) {
        true => error.detail("Who may read all of it may ask.").hint(LOGIN),
        false => error,
    }
}

fn is_one_of(error: &Error, names: &[&str]) -> bool {
    names.iter().any(|name| error.report().contains(name))
}

fn columns(tables: &BTreeSet<String>, ask: Ask<'_>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sql = "SELECT concat(database, '.', table), name FROM system.columns WHERE concat(database, '.', table)";
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (table, column) in pairs(sql, tables, ask)? {
        found.entry(table).or_default().insert(column);
    }
    Ok(found)
}

/// `sql` ends before IN and these names.
fn pairs(sql: &str, names: &BTreeSet<String>, ask: Ask<'_>) -> Result<Vec<(String, String)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let text = ask(&format!("{sql} IN ({})", names.join(", ")), "JSONCompactEachRow")?;
    let rows = text.lines().filter(|line| !line.is_empty()).map(serde_json::from_str);
    rows.collect::<std::result::Result<_, _>>()
        .map_err(|error| Error::bug("a row of the store's catalog does not read").source(error))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
