//! The models of the dbt project that a change reaches. Files are read and nothing is asked, so it works where there is
//! no store: the columns are those that `millrace lineage` last found, and without them it is the tables that count.

use crate::config::Config;
use lint::Touched;
use model::{Mode, TableName, TableOptions};
use std::collections::{BTreeMap, BTreeSet};
use store::{Target, rows_of};
use transform::lineage::{Graph, Point, Readers, without_store};

/// More names than that are a number.
const NAMES_SHOWN_MAX: usize = 8;

pub(super) struct Models {
    graph: Graph,
    tables: BTreeMap<String, TableOptions>,
    database: Option<String>,
}

impl Models {
    /// `None`: there is no dbt project, or it was never compiled.
    pub(super) fn of(config: &Config) -> Option<Models> {
        Some(Models {
            graph: without_store(&config.transform.project, &super::lineage::targets(config))?,
            tables: config.tables.clone(),
            database: config.store.database.clone(),
        })
    }

    pub(super) fn reading(&self, touched: &[Touched]) -> Readers {
        let starts: Vec<Point> = touched.iter().flat_map(|touched| self.points(touched)).collect();
        self.graph.readers(&starts)
    }

    fn points(&self, touched: &Touched) -> Vec<Point> {
        match touched {
            Touched::Column(table, column) => self.of_table(table, Some(column)),
            Touched::Table(table) => self.of_table(table, None),
            Touched::Schema(schema) => {
                let read = self.graph.read_tables();
                let plain = read.iter().filter_map(|name| Some(name.split_once('.')?.1));
                let guessed = plain.map(|table| TableName::new(schema, table));
                let tables: BTreeSet<TableName> = guessed.chain(self.sources()).collect();
                self.of_tables(tables, |table| table.schema == *schema)
            }
            Touched::AllBut { tables, schemas } => {
                let stays =
                    |table: &TableName| tables.contains(table) || schemas.contains(&table.schema);
                // A section may have the old name of a table that stays.
                let staying = self.of_tables(self.sources(), stays);
                let mut lost = self.of_tables(self.sources(), |table| !stays(table));
                lost.retain(|point| !staying.contains(point));
                lost
            }
        }
    }

    fn of_tables(
        &self,
        tables: BTreeSet<TableName>,
        is_meant: impl Fn(&TableName) -> bool,
    ) -> Vec<Point> {
        let meant = tables.iter().filter(|table| is_meant(table));
        meant.flat_map(|table| self.of_table(table, None)).collect()
    }

    /// The tables of Postgres that are known by name.
    fn sources(&self) -> BTreeSet<TableName> {
        let named = self.tables.keys().map(String::as_str);
        named.chain(self.graph.held()).filter_map(name).collect()
    }

    /// What readers find it by, and of a mirror also what lies below.
    fn of_table(&self, table: &TableName, column: Option<&str>) -> Vec<Point> {
        let options = self.tables.get(&table.to_string());
        let (place, rows) = self.found(table).unwrap_or_else(|| {
            let mode = options.map_or(Mode::Mirror, |options| options.mode);
            let chosen = options.and_then(|options| options.target.as_ref());
            Target::places(table, chosen, mode, self.database.as_deref())
        });
        let places = BTreeSet::from([place, rows]);
        let Some(column) = column else {
            return places.iter().map(|place| Point::table(&place.to_string())).collect();
        };
        let found = self.first(&Point::postgres(&table.to_string(), Some(column)));
        let chosen = || options?.columns.get(column)?.name.clone();
        let stored = found.and_then(|point| point.column).or_else(chosen);
        let stored = stored.as_deref().unwrap_or(column);
        places.iter().map(|place| Point::column(&place.to_string(), stored)).collect()
    }

    /// By what the store has written down, as `millrace lineage` last read it: a table that was renamed at the source
    /// has a place there that no file tells. If no model reads it there, that may be of before a change of the
    /// configuration.
    fn found(&self, table: &TableName) -> Option<(TableName, TableName)> {
        let point = self.first(&Point::postgres(&table.to_string(), None))?;
        let mode = self.graph.kind(&point).and_then(Mode::from_name)?;
        let place = name(&point.table)?;
        let rows = rows_of(mode, &place);
        let is_read = |place: &TableName| self.first(&Point::table(&place.to_string())).is_some();
        (is_read(&place) || is_read(&rows)).then_some((place, rows))
    }

    fn first(&self, point: &Point) -> Option<Point> {
        self.graph.down(point).into_iter().next().map(|(next, _)| next)
    }
}

fn name(text: &str) -> Option<TableName> {
    text.split_once('.').map(|(schema, table)| TableName::new(schema, table))
}

/// `staging.stg_orders reads it, and through it marts.orders_daily and 2 more`.
pub(super) fn text(readers: &Readers) -> Option<String> {
    let direct = names(&readers.direct)?;
    let read = match (readers.is_exact, readers.direct.len()) {
        (true, 1) => "reads it",
        (true, _) => "read it",
        (false, 1) => "reads the table (whether this column of it, millrace lineage finds out)",
        (false, _) => "read the table (which read this column, millrace lineage finds out)",
    };
    let through = if readers.direct.len() == 1 { "it" } else { "them" };
    let beyond = names(&readers.beyond).map(|names| format!("; through {through}: {names}"));
    Some(format!("{direct} {read}{}", beyond.unwrap_or_default()))
}

fn names(all: &[String]) -> Option<String> {
    let more = all.len().saturating_sub(NAMES_SHOWN_MAX);
    let shown = &all[..all.len() - more];
    match (shown, more) {
        ([], _) => None,
        (shown, 0) => Some(shown.join(", ")),
        (shown, more) => Some(format!("{} and {more} more", shown.join(", "))),
    }
}
