//! What each column of a query is made of: the engine's own resolved tree (`EXPLAIN QUERY TREE`), followed from the
//! projection through subqueries, CTEs, joins, unions and array joins down to columns of tables.
//!
//! # What is known
//! - **A column's value**: the table columns that its expression names, and whether it is one of them as it is.
//! - **Rows**: the table columns that decide which rows there are: filters, joins, groups, orders, limits.
//! - **Read**: those that are read and do neither. A query breaks without them all the same.
//!
//! # Where it gives up
//! A dictionary, a Join table, a table function that is no mere generator, a recursive CTE, a whole table behind IN,
//! and whatever else the tree may hold: said in [`Column::not_known`].

use super::tree::Tree;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Table functions that make their rows themselves.
const GENERATORS: [&str; 10] = [
    "numbers",
    "numbers_mt",
    "zeros",
    "zeros_mt",
    "primes",
    "generateSeries",
    "generate_series",
    "generateRandom",
    "values",
    "null",
];
/// They read what is no table of the query.
const READERS: [&str; 5] = ["dictGet", "dictHas", "dictIsIn", "joinGet", "__getScalar"];
/// Sections of a query that do not choose its rows.
const NO_ROWS: [&str; 4] = ["PROJECTION COLUMNS", "PROJECTION", "JOIN TREE", "CORRELATED COLUMNS"];
/// A SELECT without FROM.
const NOTHING: &str = "system.one";
const UNKNOWN_PART: &str = "a part of the query that is not known here";
/// Of a recursive CTE.
const TEMPORARY: &str = "_temporary_and_external_tables.";

/// A column of a table in the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) table: String,
    pub(super) column: String,
}

/// How a value comes to be in a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Made {
    Same,
    Computed,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: String,
    pub(super) from: Vec<(Field, Made)>,
    /// Beside `from` there is more, behind these.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) not_known: BTreeSet<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Query {
    pub(super) columns: Vec<Column>,
    pub(super) rows: BTreeSet<Field>,
    pub(super) read: BTreeSet<Field>,
    pub(super) tables: BTreeSet<String>,
    /// What decides over rows, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) not_known: BTreeSet<String>,
}

fn whole_of(table: &str) -> String {
    format!("the whole of {table}")
}

impl Query {
    /// Whether it may read columns of that table that nobody saw it read. (A gap that reads what is no table of the query
    /// is about another one.)
    pub(super) fn may_read(&self, table: &str) -> bool {
        let whole = whole_of(table);
        let mut gaps =
            self.columns.iter().flat_map(|column| &column.not_known).chain(&self.not_known);
        !self.tables.contains(table)
            || gaps.any(|gap| *gap == whole || gap.starts_with(UNKNOWN_PART))
    }

    /// Out of what the engine answers to `EXPLAIN QUERY TREE passes = 1`; `None`: it is not as it is known here.
    pub(super) fn read(explained: &str) -> Option<Query> {
        let tree = Tree::parse(explained)?;
        let mut reader = Reader { tree: &tree, values: HashMap::new(), under_way: HashSet::new() };
        let columns = reader.columns_of(0)?;
        let rows = reader.rows();
        let mut query = Query { columns, not_known: rows.not_known, ..Query::default() };
        query.rows.extend(rows.from.into_keys());
        for at in 0..tree.count() {
            let node = tree.node(at);
            match node.kind.as_str() {
                "TABLE" => query.tables.extend(reader.table(at)),
                "COLUMN" => query.read.extend(reader.field(at)),
                _ => {}
            }
        }
        query.forget_used();
        Some(query)
    }

    /// What is only read is what is left.
    fn forget_used(&mut self) {
        let values = self.columns.iter().flat_map(|column| &column.from).map(|(field, _)| field);
        let used: BTreeSet<&Field> = values.chain(&self.rows).collect();
        self.read.retain(|field| !used.contains(field));
    }

    /// A part of a column (`properties.path`) is read from the column. `columns`: those of a table, where they are known.
    pub(super) fn settle<'a>(&mut self, columns: impl Fn(&str) -> Option<&'a BTreeSet<String>>) {
        let whole = |field: &Field| {
            let known = columns(&field.table)?;
            let is_whole = known.contains(&field.column);
            let mut ends = field.column.match_indices('.').map(|(at, _)| &field.column[..at]);
            let part = ends.rfind(|name| known.contains(*name)).filter(|_| !is_whole)?;
            Some(Field { table: field.table.clone(), column: part.to_owned() })
        };
        for column in &mut self.columns {
            let mut from: BTreeMap<Field, Made> = BTreeMap::new();
            for (field, made) in std::mem::take(&mut column.from) {
                let (field, made) = match whole(&field) {
                    Some(whole) => (whole, Made::Computed),
                    None => (field, made),
                };
                from.entry(field).and_modify(|known| *known = made.max(*known)).or_insert(made);
            }
            column.from = from.into_iter().collect();
        }
        for fields in [&mut self.rows, &mut self.read] {
            *fields =
                fields.iter().map(|field| whole(field).unwrap_or_else(|| field.clone())).collect();
        }
        self.forget_used();
    }
}

/// What an expression is made of.
#[derive(Clone, Default)]
struct Value {
    from: BTreeMap<Field, Made>,
    not_known: BTreeSet<String>,
}

impl Value {
    fn gap(what: impl Into<String>) -> Value {
        Value { not_known: BTreeSet::from([what.into()]), ..Value::default() }
    }

    fn computed(mut self) -> Value {
        self.from.values_mut().for_each(|made| *made = Made::Computed);
        self
    }

    fn add(&mut self, other: Value) {
        for (field, made) in other.from {
            self.from.entry(field).and_modify(|known| *known = made.max(*known)).or_insert(made);
        }
        self.not_known.extend(other.not_known);
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    values: HashMap<usize, Value>,
    under_way: HashSet<usize>,
}

impl Reader<'_> {
    /// Of a query, or of queries above one another, of which the first one names them.
    fn columns_of(&mut self, at: usize) -> Option<Vec<Column>> {
        let tree = self.tree;
        let columns = tree.columns(self.first(at)?);
        let column = |(position, (name, ty)): (usize, &(&str, &str))| {
            let Value { from, not_known } = self.nth(at, position);
            let (name, ty) = ((*name).to_owned(), (*ty).to_owned());
            Column { name, ty, from: from.into_iter().collect(), not_known }
        };
        Some(columns.iter().enumerate().map(column).collect())
    }

    fn first(&self, at: usize) -> Option<usize> {
        match self.tree.node(at).kind.as_str() {
            "QUERY" => Some(at),
            "UNION" => self.first(*self.tree.inside(at, "QUERIES").first()?),
            _ => None,
        }
    }

    /// The column at that position.
    fn nth(&mut self, at: usize, position: usize) -> Value {
        let tree = self.tree;
        if tree.node(at).kind == "QUERY" {
            let (names, values) = (tree.columns(at).len(), tree.inside(at, "PROJECTION"));
            return match values.get(position) {
                Some(value) if names == values.len() => self.value(*value),
                _ => Value::gap("a projection that does not read"),
            };
        }
        let mut value = Value::default();
        for query in tree.inside(at, "QUERIES") {
            value.add(self.nth(query, position));
        }
        value
    }

    fn value(&mut self, at: usize) -> Value {
        if let Some(known) = self.values.get(&at) {
            return known.clone();
        }
        if !self.under_way.insert(at) {
            return Value::gap("a recursive CTE");
        }
        let value = self.made(at);
        self.under_way.remove(&at);
        self.values.insert(at, value.clone());
        value
    }

    fn made(&mut self, at: usize) -> Value {
        let tree = self.tree;
        let node = tree.node(at);
        match node.kind.as_str() {
            "COLUMN" => self.column(at),
            "QUERY" | "UNION" => {
                let count = self.first(at).map_or(0, |first| tree.columns(first).len());
                let mut value = Value::default();
                (0..count).for_each(|position| value.add(self.nth(at, position)));
                value.computed()
            }
            "FUNCTION" => {
                let name = node.attribute("function_name", &["function_type"]).unwrap_or_default();
                let mut value = match READERS.iter().any(|reader| name.starts_with(reader)) {
                    true => Value::gap(format!("{name} reads what is no table of the query")),
                    false => Value::default(),
                };
                value.add(self.parts(at));
                value
            }
            "CONSTANT" | "LIST" | "LAMBDA" | "SORT" | "WINDOW" | "INTERPOLATE" => self.parts(at),
            "TABLE" => Value::gap(whole_of(&self.table(at).unwrap_or_default())),
            other => Value::gap(format!("{UNKNOWN_PART}: {other}")),
        }
    }

    fn parts(&mut self, at: usize) -> Value {
        let tree = self.tree;
        let mut value = Value::default();
        for part in tree.node(at).sections.iter().flat_map(|section| &section.nodes) {
            value.add(self.value(*part));
        }
        value.computed()
    }

    fn column(&mut self, at: usize) -> Value {
        let tree = self.tree;
        let node = tree.node(at);
        let name = node.attribute("column_name", &["result_type"]);
        let source = node.number("source_id").and_then(|id| tree.by_id(id));
        let (Some(name), Some(source)) = (name, source) else {
            return Value::gap("a column without a source");
        };
        match tree.node(source).kind.as_str() {
            "TABLE" => match self.field(at) {
                Some(field) => {
                    Value { from: BTreeMap::from([(field, Made::Same)]), ..Value::default() }
                }
                None if self.is_recursive(source) => Value::gap("a recursive CTE"),
                None => Value::default(),
            },
            "TABLE_FUNCTION" => function_table(tree, source),
            "QUERY" | "UNION" => {
                let columns = self.first(source).map_or(Vec::new(), |first| tree.columns(first));
                match columns.iter().position(|(known, _)| *known == name) {
                    Some(position) => self.nth(source, position),
                    None => {
                        Value::gap(format!("a column of a subquery that does not read: {name}"))
                    }
                }
            }
            // USING, and what an array is taken apart into: said where it is declared.
            "JOIN" | "ARRAY_JOIN" if !node.sections.is_empty() => self.parts(at),
            "JOIN" | "ARRAY_JOIN" => {
                let all =
                    ["JOIN EXPRESSION", "JOIN EXPRESSIONS"].map(|name| tree.inside(source, name));
                let is_it = |other: &&usize| {
                    let other = tree.node(**other);
                    !other.sections.is_empty()
                        && other.attribute("column_name", &["result_type"]) == Some(name)
                };
                match all.concat().iter().find(is_it) {
                    Some(declared) => self.value(*declared),
                    None => Value::gap(format!("a column of a join that does not read: {name}")),
                }
            }
            // What it stands for is an argument of the same function.
            "LAMBDA" => Value::default(),
            other => Value::gap(format!("columns of what is not known here: {other}")),
        }
    }

    /// The table's own column.
    fn field(&self, at: usize) -> Option<Field> {
        let node = self.tree.node(at);
        let source = self.tree.by_id(node.number("source_id")?)?;
        let column = node.attribute("column_name", &["result_type"])?.to_owned();
        Some(Field { table: self.table(source)?, column })
    }

    /// As the store names it, without quotes.
    fn table(&self, at: usize) -> Option<String> {
        let node = self.tree.node(at);
        if node.kind != "TABLE" {
            return None;
        }
        // What may follow are modifiers of the table expression.
        let ends = ["temporary_table_name", "stream", "final", "sample_size", "offset"];
        let name = node.attribute("table_name", &ends)?;
        (name != NOTHING && !self.is_recursive(at)).then(|| name.to_owned())
    }

    fn is_recursive(&self, table: usize) -> bool {
        let name = self.tree.node(table).attribute("table_name", &[]);
        name.is_some_and(|name| name.starts_with(TEMPORARY))
    }

    fn rows(&mut self) -> Value {
        let tree = self.tree;
        let mut rows = Value::default();
        for at in 0..tree.count() {
            let node = tree.node(at);
            match node.kind.as_str() {
                "QUERY" => {
                    let chooses = |name: &str| !NO_ROWS.contains(&name);
                    let sections = node.sections.iter().filter(|section| chooses(&section.name));
                    for part in sections.flat_map(|section| &section.nodes) {
                        rows.add(self.value(*part));
                    }
                    if node.has("is_distinct: 1") {
                        rows.add(self.made(at));
                    }
                }
                "UNION" if !node.has("union_mode: UNION_ALL") => rows.add(self.made(at)),
                "JOIN" | "ARRAY_JOIN" => {
                    for section in ["JOIN EXPRESSION", "JOIN EXPRESSIONS"] {
                        for part in tree.inside(at, section) {
                            rows.add(self.value(part));
                        }
                    }
                }
                "TABLE_FUNCTION" => {
                    let table = function_table(tree, at);
                    // Arguments of others are no values: names of tables and servers.
                    if table.not_known.is_empty() {
                        for part in tree.inside(at, "ARGUMENTS") {
                            rows.add(self.value(part));
                        }
                    }
                    rows.add(table);
                }
                _ => {}
            }
        }
        rows
    }
}

fn function_table(tree: &Tree, at: usize) -> Value {
    let name = tree.node(at).attribute("table_function_name", &[]).unwrap_or_default();
    match GENERATORS.contains(&name) {
        true => Value::default(),
        false => Value::gap(format!("what the table function {name} reads")),
    }
}
