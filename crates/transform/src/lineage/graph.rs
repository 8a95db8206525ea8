//! The models, what they read, and the columns: asked up and down.

use super::query::{Field, Made, Query};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Graph {
    /// By their names in the store.
    pub(super) relations: BTreeMap<String, Relation>,
}

/// What dbt or Millrace keeps in the store.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Relation {
    /// `view`, `incremental`, …, or Millrace's `mirror`, `append`, `history`.
    pub(super) kind: String,
    /// Of the model's file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) checksum: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) parents: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) query: Option<Query>,
    /// Why there is no query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_known: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) postgres: Option<Postgres>,
    /// As the store has them, where there is neither of the two.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) columns: BTreeSet<String>,
}

/// The table that Millrace brings.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Postgres {
    pub(super) table: String,
    /// Those of the store, and what they are called in Postgres; `None`: the store fills them itself.
    pub(super) columns: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    Postgres,
    Store,
}

/// A column, or a table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Point {
    pub place: Place,
    pub table: String,
    pub column: Option<String>,
}

/// What one has of the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Link {
    /// The value as it is.
    Same,
    /// It is computed out of it.
    Computed,
    /// It decides which rows there are.
    Rows,
    /// It is read, and nothing in the result is made of it.
    Read,
    /// It may be any of these.
    NotKnown,
}

impl Link {
    pub fn name(self) -> &'static str {
        match self {
            Link::Same => "same",
            Link::Computed => "computed",
            Link::Rows => "rows",
            Link::Read => "read",
            Link::NotKnown => "not_known",
        }
    }
}

impl From<Made> for Link {
    fn from(made: Made) -> Link {
        match made {
            Made::Same => Link::Same,
            Made::Computed => Link::Computed,
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place == Place::Postgres {
            f.write_str("postgres: ")?;
        }
        f.write_str(&self.table)?;
        self.column.as_ref().map_or(Ok(()), |column| write!(f, ".{column}"))
    }
}

impl Point {
    fn new(place: Place, table: &str, column: Option<&str>) -> Point {
        Point { place, table: table.to_owned(), column: column.map(str::to_owned) }
    }

    fn of(field: &Field) -> Point {
        Point::new(Place::Store, &field.table, Some(&field.column))
    }

    /// As Postgres calls them.
    pub fn postgres(table: &str, column: Option<&str>) -> Point {
        Point::new(Place::Postgres, table, column)
    }

    pub fn table(table: &str) -> Point {
        Point::new(Place::Store, table, None)
    }

    pub fn column(table: &str, column: &str) -> Point {
        Point::new(Place::Store, table, Some(column))
    }
}

/// Models that a table or a column reaches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Readers {
    /// Those that name it.
    pub direct: Vec<String>,
    /// Those that it comes to through the others.
    pub beyond: Vec<String>,
    /// Whether the direct ones are known to read the column, and not only its table.
    pub is_exact: bool,
}

impl Graph {
    /// What is called so: the store's names first, which are mostly Postgres's as well.
    pub fn find(&self, name: &str) -> Option<Point> {
        let here = self.relations.keys().filter(|known| is_within(known, name)).find_map(|known| {
            let column = name[known.len()..].strip_prefix('.');
            let has = |column: &&str| self.columns(known).iter().any(|found| found == column);
            match column {
                None => Some(Point::table(known)),
                Some(column) => Some(column).filter(has).map(|column| Point::column(known, column)),
            }
        });
        let there = || {
            self.relations.values().filter_map(|relation| relation.postgres.as_ref()).find_map(
                |postgres| {
                    let column = is_within(&postgres.table, name)
                        .then(|| name[postgres.table.len()..].strip_prefix('.'))?;
                    let has = |wanted: &str| {
                        postgres.columns.values().flatten().any(|found| found == wanted)
                    };
                    let is_there = column.is_none_or(has);
                    is_there.then(|| Point::postgres(&postgres.table, column))
                },
            )
        };
        here.or_else(there)
    }

    /// The columns of a table, as far as they are known.
    pub fn columns(&self, table: &str) -> Vec<String> {
        let Some(relation) = self.relations.get(table) else { return Vec::new() };
        match (&relation.query, &relation.postgres) {
            (Some(query), _) => query.columns.iter().map(|column| column.name.clone()).collect(),
            (None, Some(postgres)) => postgres.columns.keys().cloned().collect(),
            (None, None) => relation.columns.iter().cloned().collect(),
        }
    }

    /// Whether anybody has ever told what columns are made of.
    pub fn has_columns(&self) -> bool {
        self.relations.values().any(|relation| relation.query.is_some())
    }

    /// The table that a name is of, or begins with.
    pub fn table_of(&self, name: &str) -> Option<&str> {
        self.relations.keys().find(|known| is_within(known, name)).map(String::as_str)
    }

    pub fn kind(&self, point: &Point) -> Option<&str> {
        match point.place {
            Place::Postgres => None,
            Place::Store => self.relations.get(&point.table).map(|relation| relation.kind.as_str()),
        }
    }

    pub fn ty(&self, point: &Point) -> Option<&str> {
        let query = self.relations.get(&point.table)?.query.as_ref()?;
        let column =
            query.columns.iter().find(|column| Some(&column.name) == point.column.as_ref())?;
        Some(&column.ty)
    }

    /// What is left open of a column, upwards.
    pub fn gaps(&self, point: &Point) -> Vec<String> {
        let relation = self.relations.get(&point.table).filter(|_| point.place == Place::Store);
        let (Some(relation), Some(column)) = (relation, &point.column) else { return Vec::new() };
        let columns = relation.query.iter().flat_map(|query| &query.columns);
        let known = columns.into_iter().find(|known| known.name == *column);
        let gaps = known.into_iter().flat_map(|column| &column.not_known).cloned();
        relation.not_known.clone().into_iter().chain(gaps).collect()
    }

    /// Why it goes no further up, where that is no gap.
    pub fn end(&self, point: &Point) -> Option<&'static str> {
        if point.place == Place::Postgres {
            return None;
        }
        let Some(relation) = self.relations.get(&point.table) else {
            return Some("made by neither dbt nor millrace");
        };
        let column = point.column.as_ref()?;
        let is_filled =
            |postgres: &Postgres| !matches!(postgres.columns.get(column), Some(Some(_)));
        let is_made = |query: &Query| query.columns.iter().any(|known| known.name == *column);
        match (&relation.postgres, &relation.query) {
            (Some(postgres), _) if is_filled(postgres) => Some("made in ClickHouse"),
            (None, Some(query)) if !is_made(query) => Some("not made by its query"),
            _ => None,
        }
    }

    /// The columns that decide which rows it has.
    pub fn rows(&self, point: &Point) -> Vec<Point> {
        let query = self.relations.get(&point.table).and_then(|relation| relation.query.as_ref());
        query.iter().flat_map(|query| &query.rows).map(Point::of).collect()
    }

    /// What decides over its rows besides, and is not known.
    pub fn rows_gaps(&self, point: &Point) -> Vec<String> {
        let query = self.relations.get(&point.table).and_then(|relation| relation.query.as_ref());
        query.iter().flat_map(|query| &query.not_known).cloned().collect()
    }

    /// What it is made of.
    pub fn up(&self, point: &Point) -> Vec<(Point, Link)> {
        let Some(relation) = self.relations.get(&point.table) else { return Vec::new() };
        if point.place == Place::Postgres {
            return Vec::new();
        }
        if let Some(postgres) = &relation.postgres {
            let there = |column: Option<&str>| Point::postgres(&postgres.table, column);
            return match &point.column {
                None => vec![(there(None), Link::Same)],
                Some(column) => {
                    let name = postgres.columns.get(column).and_then(Option::as_deref);
                    name.map(|name| (there(Some(name)), Link::Same)).into_iter().collect()
                }
            };
        }
        let others = relation.tables().filter(|table| **table != point.table);
        let tables = |link| others.map(|table| (Point::table(table), link)).collect();
        match (&point.column, &relation.query) {
            (None, _) => tables(Link::Read),
            (Some(_), None) => tables(Link::NotKnown),
            (Some(column), Some(query)) => {
                let found = query.columns.iter().find(|known| known.name == *column);
                let from = found.iter().flat_map(|column| &column.from);
                from.map(|(field, made)| (Point::of(field), (*made).into())).collect()
            }
        }
    }

    /// What is made of it.
    pub fn down(&self, point: &Point) -> Vec<(Point, Link)> {
        let mut found = Vec::new();
        for (name, relation) in &self.relations {
            match point.place {
                Place::Postgres => found.extend(relation.mirrors(name, point)),
                Place::Store => found.extend(relation.takes(name, point)),
            }
        }
        found
    }

    /// Everything in that direction, each link once. Where a column only decides over rows, or which columns are made
    /// of it is not known, the way ends at the model, or goes on from table to table.
    pub fn walk(&self, from: &Point, is_up: bool) -> Vec<(Point, Point, Link)> {
        let mut links = Vec::new();
        let mut seen = BTreeSet::from([from.clone()]);
        let mut left = VecDeque::from([from.clone()]);
        while let Some(point) = left.pop_front() {
            for (next, link) in if is_up { self.up(&point) } else { self.down(&point) } {
                let ends = point.column.is_some() && matches!(link, Link::Rows | Link::Read);
                if !ends && seen.insert(next.clone()) {
                    left.push_back(next.clone());
                }
                links.push((point.clone(), next, link));
            }
        }
        links
    }

    /// The models that these tables and columns come to.
    pub fn readers(&self, starts: &[Point]) -> Readers {
        let mut readers = Readers { is_exact: true, ..Readers::default() };
        for start in starts {
            for (from, to, link) in self.walk(start, false) {
                let is_direct = from == *start;
                readers.is_exact &= !is_direct || link != Link::NotKnown;
                let known = if is_direct { &mut readers.direct } else { &mut readers.beyond };
                if !known.contains(&to.table) {
                    known.push(to.table);
                }
            }
        }
        let Readers { direct, beyond, .. } = &mut readers;
        beyond.retain(|model| !direct.contains(model));
        readers
    }

    /// The tables of Postgres that the store has.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        let held = self.relations.values().filter_map(|relation| relation.postgres.as_ref());
        held.map(|postgres| postgres.table.as_str())
    }

    /// What models read.
    pub fn read_tables(&self) -> BTreeSet<&str> {
        self.relations.values().flat_map(Relation::tables).map(String::as_str).collect()
    }
}

impl Relation {
    /// Those of its query, and what dbt knows besides: what a function reads is none of the query's.
    pub(super) fn tables(&self) -> impl Iterator<Item = &String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        let read = self.query.as_ref().map_or(&NONE, |query| &query.tables);
        self.parents.union(read)
    }

    fn mirrors(&self, name: &str, point: &Point) -> Vec<(Point, Link)> {
        let Some(postgres) = self.postgres.as_ref().filter(|it| it.table == point.table) else {
            return Vec::new();
        };
        let Some(wanted) = &point.column else { return vec![(Point::table(name), Link::Same)] };
        let is_it = |(_, column): &(&String, &Option<String>)| column.as_ref() == Some(wanted);
        let columns = postgres.columns.iter().filter(is_it);
        columns.map(|(column, _)| (Point::column(name, column), Link::Same)).collect()
    }

    /// Its own query reads what it has already, which is nobody's news.
    fn takes(&self, name: &str, point: &Point) -> Vec<(Point, Link)> {
        let reads = self.tables().any(|table| *table == point.table);
        if !reads || name == point.table {
            return Vec::new();
        }
        let (column, query) = match (&point.column, &self.query) {
            (None, _) => return vec![(Point::table(name), Link::Read)],
            (Some(_), None) => return vec![(Point::table(name), Link::NotKnown)],
            (Some(column), Some(query)) => (column, query),
        };
        let is_it = |field: &Field| field.table == point.table && field.column == *column;
        let made = |known: &super::query::Column| {
            let (_, made) = known.from.iter().find(|(field, _)| is_it(field))?;
            Some((Point::column(name, &known.name), (*made).into()))
        };
        let mut found: Vec<(Point, Link)> = query.columns.iter().filter_map(made).collect();
        if query.rows.iter().any(is_it) {
            found.push((Point::table(name), Link::Rows));
        } else if query.read.iter().any(is_it) {
            found.push((Point::table(name), Link::Read));
        }
        if found.is_empty() && query.may_read(&point.table) {
            found.push((Point::table(name), Link::NotKnown));
        }
        found
    }
}

/// `marts.orders` and `marts.orders.day` are of `marts.orders`.
fn is_within(table: &str, name: &str) -> bool {
    name.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
