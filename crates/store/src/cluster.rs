//! The store's tables on a cluster of shards and replicas.
//!
//! ```text
//! public.orders             a view            as on one server
//!   └ public_raw.orders     Distributed       what is written to and read from
//!       └ public_raw_shard.orders             Replicated…, a shard's rows on each of its replicas
//!
//! millrace.checkpoints …                      Replicated…, whole on every replica of every shard
//! ```
//!
//! Which shard a row goes to follows from the row alone: one that is sent twice goes to the same shard twice,
//! and there its token, or its version, makes one of the two. Rows of one key are together, so FINAL finds
//! them all.
//!
//! What is `Distributed` has no rows of its own. It is made anew at each start, from the shard's table as that
//! has become: whatever a process that was killed left half done between the two is mended so.
//!
//! The paths in Keeper hold the table's UUID: a table may be renamed, and one that is dropped and made anew
//! does not meet what is left of the old one. `{shard}` and `{replica}` are macros that every server of a
//! cluster has.

use crate::ddl::{self, More};
use crate::target::Target;
use model::{Mode, TableName};

/// Each shard by itself.
const OF_SHARD: &str = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'";
/// All servers together. A replica's name need be its own only within its shard.
pub(crate) const OF_ALL: &str = "'/clickhouse/tables/{uuid}/all', '{shard}-{replica}'";

#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    name: String,
    on: String,
}

impl Cluster {
    pub(crate) fn new(name: &str) -> Cluster {
        Cluster { name: name.to_owned(), on: format!(" ON CLUSTER {}", ddl::literal(name)) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A table of the server's own, as one replica of each shard has it: `_shard_num` says which.
    pub(crate) fn of_each_shard(&self, table: &str) -> String {
        format!("cluster({}, {table})", ddl::literal(&self.name))
    }

    pub(crate) fn system(&self) -> Vec<String> {
        let mut statements = ddl::system_with(More { keeper: Some(OF_ALL), ..self.more() });
        // Tables of others wait in `millrace` for what comes.
        statements.insert(1, ddl::database(&database_of_shards("millrace"), self.more()));
        statements
    }

    pub(crate) fn claims(&self) -> String {
        ddl::claims(More { keeper: Some(OF_ALL), ..self.more() })
    }

    pub(crate) fn databases<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let each = |name: &str| [name.to_owned(), database_of_shards(name)];
        let names = names.into_iter().flat_map(each);
        names.map(|name| ddl::database(&name, self.more())).collect()
    }

    pub(crate) fn create(&self, target: &Target) -> Vec<String> {
        let (more, shard) = (self.more(), Cluster::holder(&target.rows));
        let mut statements = self.databases([target.rows.schema.as_str()]);
        if target.name.schema != target.rows.schema {
            statements.push(ddl::database(&target.name.schema, more));
        }
        statements.push(ddl::table(target, &shard, More { keeper: Some(OF_SHARD), ..more }));
        let added = ddl::added_columns(target, more).into_iter();
        statements.extend(added.map(|column| ddl::add_column(&shard, &column, more)));
        statements
    }

    /// The table over the shards', as they are.
    pub(crate) fn spread(&self, target: &Target) -> String {
        let shard = Cluster::holder(&target.rows);
        let engine = self.distributed(&shard, Some(&sharding(target)));
        let (rows, on, shard) = (ddl::name(&target.rows), &self.on, ddl::name(&shard));
        format!("CREATE OR REPLACE TABLE {rows}{on} AS {shard} {engine}")
    }

    /// Killed after any of them, the shard's table is where it was: the same is decided and done once more.
    pub(crate) fn rename(&self, from: &TableName, to: &TableName) -> Vec<String> {
        let (engine, on) = (self.distributed(&Cluster::holder(to), None), &self.on);
        let [shard, new] = [from, to].map(|table| ddl::name(&Cluster::holder(table)));
        let [from, to] = [from, to].map(ddl::name);
        vec![
            format!("CREATE TABLE IF NOT EXISTS {to}{on} AS {shard} {engine}"),
            format!("DROP TABLE IF EXISTS {from}{on}"),
            format!("RENAME TABLE IF EXISTS {shard} TO {new}{on}"),
        ]
    }

    /// `public_raw_shard.orders`
    pub(crate) fn holder(rows: &TableName) -> TableName {
        TableName::new(database_of_shards(&rows.schema), &rows.table)
    }

    pub(crate) fn is_placed_by(target: &Target, column: &str) -> bool {
        placing(target).contains(&ddl::ident(column))
    }

    pub(crate) fn more(&self) -> More<'_> {
        More { on: &self.on, ..More::default() }
    }

    /// The engine over the shards' tables. Without a sharding key it takes no rows.
    fn distributed(&self, shard: &TableName, sharding: Option<&str>) -> String {
        let [cluster, database, table] =
            [&self.name, &shard.schema, &shard.table].map(|name| ddl::literal(name));
        let sharding = sharding.map_or(String::new(), |key| format!(", {key}"));
        format!("ENGINE = Distributed({cluster}, {database}, {table}{sharding})")
    }
}

fn database_of_shards(name: &str) -> String {
    format!("{name}_shard")
}

/// As a tuple, of which a NULL is a part like any other.
fn sharding(target: &Target) -> String {
    format!("cityHash64(tuple({}))", placing(target).join(", "))
}

/// What says which shard a row is on: its key; without one, or where it is left out, what facts are ordered
/// by. Else the commit and the first column: a block that comes again has to come to the same shards, and all
/// that it holds would have them change with each column that is added. (A copy is one commit.)
fn placing(target: &Target) -> Vec<String> {
    let key = target.table.key.iter().map(|&at| target.column_of(at));
    let key: Option<Vec<String>> = key.map(|column| Some(ddl::ident(&column?.name))).collect();
    match key.filter(|key| !key.is_empty()) {
        Some(key) => key,
        None if target.mode == Mode::Append && !target.order_by.is_empty() => {
            target.order_by.clone()
        }
        None => {
            let version = if target.mode == Mode::Append { "`_lsn`" } else { "`_version`" };
            let first = target.columns.iter().find(|column| !column.is_json());
            let first = first.map(|column| ddl::ident(&column.name));
            [version.to_owned()].into_iter().chain(first).collect()
        }
    }
}
