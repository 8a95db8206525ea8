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
//! The paths in Keeper hold the table's UUID: a table may be renamed, and one that is dropped and made anew
//! does not meet what is left of the old one. `{shard}` and `{replica}` are macros that every server of a
//! cluster has.

use crate::ddl::{self, More};
use crate::target::Target;
use model::{Mode, TableName};

/// Each shard by itself.
const OF_SHARD: &str = "'/clickhouse/tables/{uuid}/{shard}', '{replica}'";
/// All servers together. A replica's name need be its own only within its shard.
const OF_ALL: &str = "'/clickhouse/tables/{uuid}/all', '{shard}-{replica}'";

pub struct Cluster {
    name: String,
    on: String,
}

impl Cluster {
    pub fn new(name: &str) -> Cluster {
        Cluster { name: name.to_owned(), on: format!(" ON CLUSTER {}", ddl::literal(name)) }
    }

    /// Our own tables.
    pub fn system(&self) -> Vec<String> {
        ddl::system_with(More { on: &self.on, keeper: Some(OF_ALL) })
    }

    /// What makes a target but for its view, in order. Running it again changes nothing.
    pub fn create(&self, target: &Target) -> Vec<String> {
        let (more, shard) = (self.more(), shard_of(&target.rows));
        let mut databases = vec![&target.rows.schema, &shard.schema];
        if target.name.schema != target.rows.schema {
            databases.push(&target.name.schema);
        }
        let mut statements: Vec<String> =
            databases.into_iter().map(|name| ddl::database(name, more)).collect();
        let of_shard = More { keeper: Some(OF_SHARD), ..more };
        statements.push(ddl::table(target, &shard, of_shard));
        statements.push(self.distributed(target, &shard));
        let added = ddl::added_columns(target);
        statements.extend(added.iter().flat_map(|column| self.add_column(target, column)));
        statements
    }

    /// What follows an added column: the shards first, or the table over them would ask for what is not there.
    pub fn add_column(&self, target: &Target, column: &str) -> [String; 2] {
        [shard_of(&target.rows), target.rows.clone()]
            .map(|table| ddl::add_column(&table, column, self.more()))
    }

    /// What readers of a mirror query.
    pub fn view(&self, target: &Target) -> String {
        ddl::view_with(&target.name, &target.visible(), &target.rows, self.more())
    }

    fn more(&self) -> More<'_> {
        More { on: &self.on, keeper: None }
    }

    fn distributed(&self, target: &Target, shard: &TableName) -> String {
        let [cluster, database, table] =
            [&self.name, &shard.schema, &shard.table].map(|name| ddl::literal(name));
        format!(
            "CREATE TABLE IF NOT EXISTS {}{} AS {} ENGINE = Distributed({cluster}, {database}, {table}, {})",
            ddl::name(&target.rows),
            self.on,
            ddl::name(shard),
            sharding(target)
        )
    }
}

/// `public_raw_shard.orders`
fn shard_of(rows: &TableName) -> TableName {
    TableName::new(format!("{}_shard", rows.schema), &rows.table)
}

/// By the key; without one, or where it is left out, by what the table is ordered by, or else by all that
/// a row is. As a tuple, of which a NULL is a part like any other.
fn sharding(target: &Target) -> String {
    let key = target.table.key.iter().map(|&at| target.column_of(at));
    let key: Option<Vec<String>> = key.map(|column| Some(ddl::ident(&column?.name))).collect();
    let by = match key.filter(|key| !key.is_empty()) {
        Some(key) => key,
        None if target.mode == Mode::Append && !target.order_by.is_empty() => {
            target.order_by.clone()
        }
        None => {
            let plain = target.columns.iter().filter(|column| !column.is_json());
            plain.map(|column| ddl::ident(&column.name)).collect()
        }
    };
    match by.is_empty() {
        true => "0".to_owned(),
        false => format!("cityHash64(tuple({}))", by.join(", ")),
    }
}
