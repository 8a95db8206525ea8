//! The models of the dbt project that a change reaches. Files are read and nothing is asked, so it works where there is
//! no store: the columns are those that `millrace lineage` last found, and without them it is the tables that count.

use crate::config::Config;
use lint::Touched;
use model::{Mode, TableName, TableOptions};
use std::collections::{BTreeMap, BTreeSet};
use store::Target;
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
            graph: without_store(&config.transform.project)?,
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
            Touched::Column(table, column) => {
                let options = self.options(table).and_then(|options| options.columns.get(column));
                let name = options.and_then(|options| options.name.as_deref());
                vec![Point::column(&self.place(table), name.unwrap_or(column))]
            }
            Touched::Table(table) => vec![Point::table(&self.place(table))],
            Touched::Schema(schema) => self.of_schema(schema),
        }
    }

    /// Its tables that a model reads.
    fn of_schema(&self, schema: &str) -> Vec<Point> {
        let named = self.tables.keys().filter_map(|name| name.split_once('.'));
        let named = named.filter(|(of, _)| *of == schema).map(|(_, table)| table);
        let read = self.graph.read_tables();
        let plain = read.iter().filter_map(|name| Some(name.split_once('.')?.1));
        let places = named.chain(plain).map(|table| self.place(&TableName::new(schema, table)));
        let places: BTreeSet<String> =
            places.filter(|place| read.contains(place.as_str())).collect();
        places.iter().map(|place| Point::table(place)).collect()
    }

    fn options(&self, table: &TableName) -> Option<&TableOptions> {
        self.tables.get(&table.to_string())
    }

    /// Where the store has it.
    fn place(&self, table: &TableName) -> String {
        let options = self.options(table);
        let mode = options.map_or(Mode::Mirror, |options| options.mode);
        let chosen = options.and_then(|options| options.target.as_ref());
        Target::places(table, chosen, mode, self.database.as_deref()).0.to_string()
    }
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
