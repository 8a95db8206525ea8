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
/// the value (`dau_wau_mau` of the demo: 1.2 s without, 80 ms with it).
const AFTER: &str = "\n) SETTINGS max_rows_to_read = 1, read_overflow_mode = 'break'";
/// The door explains with settings to admins alone.
const REFUSED: [&str; 3] = ["(ACCESS_DENIED)", "(READONLY)", "(SETTING_CONSTRAINT_VIOLATION)"];
const NO_LOGIN: [&str; 2] = ["(AUTHENTICATION_FAILED)", "(REQUIRED_PASSWORD)"];
const LOGIN: &str = "CLICKHOUSE_USER=… CLICKHOUSE_PASSWORD=… millrace lineage …";

/// A table of Postgres as the store keeps it.
pub struct Held {
    pub postgres: String,
    pub name: String,
    /// `mirror`, `append`, `history`.
    pub mode: String,
    /// Columns that are called otherwise there than in Postgres.
    pub renamed: BTreeMap<String, String>,
    /// Those that Postgres does not have.
    pub own: BTreeSet<String>,
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

/// `ask`: the store, in a format of its own.
pub fn build(
    manifest: &Manifest,
    held: &[Held],
    ask: &dyn Fn(&str, &str) -> Result<String>,
) -> Result<Graph> {
    let mut graph = Graph::of(manifest);
    let names = manifest.models.iter().flat_map(|model| model.parents.iter().chain([&model.name]));
    let names: BTreeSet<&str> =
        names.map(String::as_str).chain(held.iter().map(|table| table.name.as_str())).collect();
    let columns = columns(&names, ask)?;
    for table in held {
        let columns = columns.get(&table.name).into_iter().flatten();
        let columns = columns.map(|column| (column.clone(), table.column(column))).collect();
        let postgres = Some(Postgres { table: table.postgres.clone(), columns });
        let relation = Relation { kind: table.mode.clone(), postgres, ..Relation::default() };
        graph.relations.entry(table.name.clone()).or_insert(relation);
    }
    let (mut asked, mut denied) = (0, 0);
    for model in &manifest.models {
        let Some(relation) = graph.relations.get_mut(&model.name) else { continue };
        let Sql::Compiled(sql) = &model.sql else {
            relation.columns = columns.get(&model.name).cloned().unwrap_or_default();
            continue;
        };
        let sql = sql.trim().trim_end_matches(';');
        asked += 1;
        let (query, why) = match ask(&format!("{BEFORE}{sql}{AFTER}"), "TSVRaw") {
            Ok(text) => {
                (Query::read(&text), "the engine resolves it in a way that is not known here")
            }
            // Not of this query.
            Err(error) if error.fate() == Fate::Transient => return Err(error),
            Err(error) => {
                denied += usize::from(is_one_of(&error, &REFUSED));
                (None, why(&error))
            }
        };
        relation.query = query;
        match &mut relation.query {
            Some(query) => {
                query.settle(|table| columns.get(table));
                relation.not_known = None;
            }
            None => {
                relation.not_known = Some(why.to_owned());
                relation.columns = columns.get(&model.name).cloned().unwrap_or_default();
            }
        }
    }
    match asked > 0 && denied == asked {
        true => Err(refused()),
        false => Ok(graph),
    }
}

impl Held {
    /// What it is called in Postgres; `None`: it is the store's own.
    fn column(&self, name: &str) -> Option<String> {
        let is_own = self.own.contains(name);
        (!is_own).then(|| self.renamed.get(name).map_or(name, String::as_str).to_owned())
    }
}

/// An exception's text may quote values, so it is not told on.
fn why(error: &Error) -> &'static str {
    if is_one_of(error, &REFUSED) {
        "whoever asked may not read what it reads"
    } else if is_one_of(error, &["(UNKNOWN_TABLE)", "(UNKNOWN_DATABASE)"]) {
        "what it reads is not in the store: millrace transform build"
    } else {
        "the engine does not resolve its SQL: millrace transform build says why"
    }
}

/// Of no model at all.
fn refused() -> Error {
    Error::definite("cannot ask how the engine resolves the models")
        .detail("EXPLAIN QUERY TREE was refused for each: the door answers it to admins, a server to who may read what they read.")
        .hint(LOGIN)
}

fn is_one_of(error: &Error, names: &[&str]) -> bool {
    names.iter().any(|name| error.report().contains(name))
}

fn columns(
    tables: &BTreeSet<&str>,
    ask: &dyn Fn(&str, &str) -> Result<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let names: Vec<String> = tables.iter().map(|name| quoted(name)).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let sql = format!(
        "SELECT concat(database, '.', table), name FROM system.columns WHERE concat(database, '.', table) IN ({})",
        names.join(", ")
    );
    let text =
        ask(&sql, "JSONCompactEachRow").map_err(|error| match is_one_of(&error, &NO_LOGIN) {
            true => error.hint(LOGIN),
            false => error,
        })?;
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (table, column): (String, String) = serde_json::from_str(line)
            .map_err(|error| Error::bug("a row of system.columns does not read").source(error))?;
        found.entry(table).or_default().insert(column);
    }
    Ok(found)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
