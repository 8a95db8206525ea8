//! The graph, out of the manifest and of what the store says of its models' SQL.

use super::graph::{Graph, Postgres, Relation};
use super::manifest::{Manifest, Model, Sql};
use super::query::Query;
use model::{Error, Result, TableOptions};
use std::collections::{BTreeMap, BTreeSet};

/// The engine evaluates scalar subqueries while it resolves names. A block of rows is enough for that: nobody looks at
/// the value (`dau_wau_mau` of the demo: 1.2 s without, 80 ms with it). The query stands in brackets, so that the
/// settings hold for all of it.
const BEFORE: &str = "EXPLAIN QUERY TREE passes = 1 SELECT * FROM (\n";
const AFTER: &str = "\n) SETTINGS max_rows_to_read = 1, read_overflow_mode = 'break'";
/// What Millrace adds to histories and append tables.
const OWN_COLUMNS: char = '_';
/// Not allowed, or not logged in.
const REFUSED: [&str; 3] = ["ACCESS_DENIED", "AUTHENTICATION_FAILED", "REQUIRED_PASSWORD"];

/// A table of Postgres as the store keeps it.
pub struct Held<'a> {
    pub postgres: String,
    pub name: String,
    /// `mirror`, `append`, `history`.
    pub mode: String,
    pub options: Option<&'a TableOptions>,
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
    held: &[Held<'_>],
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
    for model in &manifest.models {
        let Some(relation) = graph.relations.get_mut(&model.name) else { continue };
        let Sql::Compiled(sql) = &model.sql else {
            relation.columns = columns.get(&model.name).cloned().unwrap_or_default();
            continue;
        };
        let sql = sql.trim().trim_end_matches(';');
        let (query, why) = match ask(&format!("{BEFORE}{sql}{AFTER}"), "TSVRaw") {
            Ok(text) => {
                (Query::read(&text), "the engine resolves it in a way that is not known here")
            }
            Err(error) => (None, why(&error)?),
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
    Ok(graph)
}

impl Held<'_> {
    /// What it is called in Postgres; `None`: it is the store's own.
    fn column(&self, name: &str) -> Option<String> {
        let columns = self.options.iter().flat_map(|options| &options.columns);
        let renamed = columns.into_iter().find(|(_, column)| column.name.as_deref() == Some(name));
        if let Some((column, _)) = renamed {
            return Some(column.clone());
        }
        let is_extra = self.options.is_some_and(|options| options.extra_columns.contains_key(name));
        let is_own = name.starts_with(OWN_COLUMNS) && self.mode != "mirror";
        (!is_extra && !is_own).then(|| name.to_owned())
    }
}

/// An exception's text may quote values, so it is not told on. Who may not ask at all has no graph.
fn why(error: &Error) -> Result<&'static str> {
    let text = error.report();
    if REFUSED.iter().any(|name| text.contains(name)) {
        return Err(Error::definite("cannot ask the store how it resolves the models")
            .detail("EXPLAIN QUERY TREE is for admins.")
            .hint("CLICKHOUSE_USER=… CLICKHOUSE_PASSWORD=… millrace lineage …"));
    }
    Ok(match text.contains("UNKNOWN_TABLE") || text.contains("UNKNOWN_DATABASE") {
        true => "what it reads is not in the store: millrace transform build",
        false => "the engine does not resolve its SQL: millrace transform build says why",
    })
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
    for line in ask(&sql, "JSONCompactEachRow")?.lines().filter(|line| !line.is_empty()) {
        let (table, column): (String, String) = serde_json::from_str(line)
            .map_err(|error| Error::bug("a row of system.columns does not read").source(error))?;
        found.entry(table).or_default().insert(column);
    }
    Ok(found)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
