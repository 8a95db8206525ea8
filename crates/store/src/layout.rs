//! How what is wanted of a table is said: to one server, or to all of a cluster's. Whoever wants something
//! names the table that is written to and read from; where a server keeps its rows is known here alone.
//!
//! | wanted | one server | a cluster |
//! | --- | --- | --- |
//! | a table | the table | a shard's on each server, and a `Distributed` one over them |
//! | other columns | the table | the shards' first: what is over them must not ask for what is not there |
//! | rows that go | the table | the shards' alone; a condition names them, too |
//! | another name | the table | a new table over the shards', which are renamed last |
//!
//! Statements of a list are sent one after the other, each until it is done: the second time one changes
//! nothing.

use crate::cluster::Cluster;
use crate::ddl::{self, More, Step};
use crate::target::Target;
use model::TableName;

#[derive(Clone, Debug)]
pub struct Layout {
    cluster: Option<Cluster>,
    /// See [`More::tells_tokens`].
    tells_tokens: bool,
}

impl Layout {
    /// The engine in the process.
    pub const EMBEDDED: Layout = Layout { cluster: None, tells_tokens: false };

    /// A server, or a cluster's.
    pub fn of(cluster: Option<&str>) -> Layout {
        Layout { cluster: cluster.map(Cluster::new), tells_tokens: cluster.is_none() }
    }

    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Our own tables.
    pub fn system(&self) -> Vec<String> {
        self.cluster.as_ref().map_or_else(ddl::system, Cluster::system)
    }

    /// Who may write; a folder has its lock.
    pub fn claims(&self) -> String {
        self.cluster.as_ref().map_or_else(|| ddl::claims(self.more()), Cluster::claims)
    }

    pub fn database(&self, name: &str) -> Vec<String> {
        match &self.cluster {
            None => vec![ddl::database(name, self.more())],
            Some(cluster) => cluster.databases([name]),
        }
    }

    /// What makes a target's table, in order; it is whole with [`Layout::spread`]. Running it again changes
    /// nothing.
    pub fn create(&self, target: &Target) -> Vec<String> {
        match &self.cluster {
            None => ddl::create(target, self.more()),
            Some(cluster) => cluster.create(target),
        }
    }

    /// Once the columns are those of the target: what is written to and read from, where that is a table of its
    /// own.
    pub fn spread(&self, target: &Target) -> Option<String> {
        self.cluster.as_ref().map(|cluster| cluster.spread(target))
    }

    /// What readers query, at `place`: these columns of the table that is at `rows`.
    pub fn view(&self, place: &TableName, columns: &[&str], rows: &TableName) -> String {
        ddl::view(place, columns, rows, self.more())
    }

    /// Gives a table other columns; [`Layout::spread`] comes behind it.
    pub fn alter(&self, rows: &TableName, steps: &[Step]) -> String {
        ddl::alter(&self.holder(rows), steps, self.more())
    }

    /// The same for one that is being written to.
    pub fn alter_spread(&self, rows: &TableName, steps: &[Step]) -> Vec<String> {
        let mut tables = vec![self.holder(rows), rows.clone()];
        tables.dedup();
        tables.iter().map(|table| ddl::alter(table, steps, self.more())).collect()
    }

    /// `which`: the condition, of the table by that name. For [`crate::Store::mutate`].
    pub fn delete(&self, rows: &TableName, which: impl FnOnce(&str) -> String) -> String {
        let (table, on) = (ddl::name(&self.holder(rows)), self.more().on);
        format!("ALTER TABLE {table}{on} DELETE WHERE {}", which(&table))
    }

    /// The same of a few rows.
    pub fn delete_some(&self, rows: &TableName, which: &str) -> String {
        let (table, on) = (ddl::name(&self.holder(rows)), self.more().on);
        format!("DELETE FROM {table}{on} WHERE {which}")
    }

    pub fn truncate(&self, rows: &TableName) -> String {
        format!("TRUNCATE TABLE {}{}", ddl::name(&self.holder(rows)), self.more().on)
    }

    /// A table under another name is read from; [`Layout::spread`] makes it one that is written to.
    pub fn rename(&self, from: &TableName, to: &TableName) -> Vec<String> {
        match &self.cluster {
            None => {
                let (from, to) = (ddl::name(from), ddl::name(to));
                vec![format!("RENAME TABLE IF EXISTS {from} TO {to}")]
            }
            Some(cluster) => cluster.rename(from, to),
        }
    }

    pub fn rename_view(&self, from: &TableName, to: &TableName) -> String {
        let on = self.more().on;
        format!("RENAME TABLE IF EXISTS {} TO {}{on}", ddl::name(from), ddl::name(to))
    }

    pub fn drop_table(&self, rows: &TableName) -> Vec<String> {
        let mut tables = vec![rows.clone(), self.holder(rows)];
        tables.dedup();
        let on = self.more().on;
        let drop = |table| format!("DROP TABLE IF EXISTS {}{on}", ddl::name(table));
        tables.iter().map(drop).collect()
    }

    /// What has its name from then on is another one.
    pub fn drop_table_now(&self, rows: &TableName) -> Vec<String> {
        self.drop_table(rows).into_iter().map(|drop| drop + " SYNC").collect()
    }

    pub fn drop_view(&self, view: &TableName) -> String {
        format!("DROP VIEW IF EXISTS {}{}", ddl::name(view), self.more().on)
    }

    /// Where a server keeps its rows of it: what knows their order, their parts and their mutations.
    pub fn holder(&self, rows: &TableName) -> TableName {
        match self.cluster {
            None => rows.clone(),
            Some(_) => Cluster::holder(rows),
        }
    }

    /// Whether the server that has a row follows from this column: in another type the same value may be
    /// another server's.
    pub fn is_placed_by(&self, target: &Target, column: &str) -> bool {
        self.cluster.is_some() && Cluster::is_placed_by(target, column)
    }

    pub(crate) fn more(&self) -> More<'_> {
        let one = More { tells_tokens: self.tells_tokens, ..More::default() };
        self.cluster.as_ref().map_or(one, Cluster::more)
    }
}
