//! What a database holds and how it is used: the evidence for a first configuration.
//!
//! Everything here is cheap: the catalog, the statistics that the server keeps anyway, and a sample
//! of bounded size for each JSON column. Sampled values never leave this module.

mod labels;
mod links;

pub use links::Link;

use crate::client::{literal, pg_error, quoted};
use model::{Result, TableName};
use std::time::Duration;
use tokio_postgres::Client;

/// Rows of a table that are looked at for the shape of its JSON.
const SAMPLE_ROWS: u32 = 1000;
/// A sample that takes longer is done without.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(3);

/// A table of the user's, partitioned ones as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    pub name: TableName,
    /// The planner's estimate; 0 when the table was never analysed and no row was counted.
    pub rows: i64,
    pub bytes: i64,
    /// Since the server's statistics began.
    pub inserts: i64,
    pub updates: i64,
    pub deletes: i64,
    /// The primary key's columns, in key order.
    pub key: Vec<String>,
    pub columns: Vec<SurveyedColumn>,
    /// Whether UPDATE and DELETE still work once the table is published.
    pub can_be_published: bool,
    /// COMMENT ON TABLE.
    pub comment: Option<String>,
    pub links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SurveyedColumn {
    pub name: String,
    /// Postgres's own spelling: `timestamp with time zone`.
    pub type_name: String,
    pub not_null: bool,
    /// For json and jsonb: how many sampled values are objects, of how many.
    pub objects: Option<(i64, i64)>,
    /// COMMENT ON COLUMN.
    pub comment: Option<String>,
    /// Of an enum, in its order.
    pub labels: Vec<String>,
}

/// The user's own tables, by name.
pub async fn tables(client: &Client) -> Result<Vec<Surveyed>> {
    let rows = client.query(TABLES, &[]).await;
    let rows = rows.map_err(|error| pg_error("look at the source's tables", error))?;
    let mut tables = Vec::with_capacity(rows.len());
    for row in &rows {
        let names: Vec<String> = row.get(8);
        let types: Vec<String> = row.get(9);
        let not_null: Vec<bool> = row.get(10);
        let comments: Vec<Option<String>> = row.get(13);
        let columns = names.into_iter().zip(types).zip(not_null).zip(comments);
        let columns = columns.map(|(((name, type_name), not_null), comment)| SurveyedColumn {
            name,
            type_name,
            not_null,
            objects: None,
            comment,
            labels: Vec::new(),
        });
        let mut table = Surveyed {
            name: TableName::new(row.get::<_, String>(0), row.get::<_, String>(1)),
            rows: row.get(2),
            bytes: row.get(3),
            inserts: row.get(4),
            updates: row.get(5),
            deletes: row.get(6),
            key: row.get::<_, Option<Vec<String>>>(7).unwrap_or_default(),
            columns: columns.collect(),
            can_be_published: row.get(11),
            comment: row.get(12),
            links: Vec::new(),
        };
        sample_json(client, &mut table).await;
        tables.push(table);
    }
    links::find(client, &mut tables).await?;
    labels::find(client, &mut tables).await?;
    Ok(tables)
}

/// The statistics of a partitioned table are those of its leaves together. (`pg_partition_tree` is
/// empty for a table that is no part of a tree.)
const TABLES: &str = "
    select n.nspname::text, c.relname::text, u.row_count, u.bytes, u.ins, u.upd, u.del,
           (select array_agg(a.attname::text order by k.ord)
              from pg_index i, unnest(i.indkey::int2[]) with ordinality k(attnum, ord)
              join pg_attribute a on a.attnum = k.attnum
             where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid
               and k.ord <= i.indnkeyatts),
           coalesce(cols.names, '{}'), coalesce(cols.types, '{}'), coalesce(cols.not_null, '{}'),
           c.relreplident = 'f' or exists (
               select from pg_index i where i.indrelid = c.oid and i.indisvalid
                  and case c.relreplident when 'i' then i.indisreplident
                                          when 'd' then i.indisprimary and i.indimmediate
                                          else false end),
           obj_description(c.oid, 'pg_class'), coalesce(cols.comments, '{}')
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      cross join lateral (
           select coalesce(sum(case when l.reltuples > 0 then l.reltuples
                                    else s.n_live_tup end), 0)::int8 row_count,
                  coalesce(sum(pg_total_relation_size(l.oid)), 0)::int8 bytes,
                  coalesce(sum(s.n_tup_ins), 0)::int8 ins, coalesce(sum(s.n_tup_upd), 0)::int8 upd,
                  coalesce(sum(s.n_tup_del), 0)::int8 del
             from (select t.relid::oid from pg_partition_tree(c.oid) t where t.isleaf
                    union select c.oid where c.relkind = 'r') leaf(oid)
             join pg_class l using (oid) left join pg_stat_all_tables s on s.relid = l.oid) u
      cross join lateral (
           select array_agg(a.attname::text order by a.attnum) names,
                  array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum) types,
                  array_agg(a.attnotnull order by a.attnum) not_null,
                  array_agg(col_description(c.oid, a.attnum) order by a.attnum) comments
             from pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) cols
     where c.relkind in ('r', 'p') and c.relpersistence = 'p' and not c.relispartition
       and n.nspname !~ '^(pg_|information_schema$)'
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                          and d.objid = c.oid and d.deptype = 'e')
     order by 1, 2";

/// A sample is a courtesy: a table that we may not read, or that is slow, stays without.
async fn sample_json(client: &Client, table: &mut Surveyed) {
    let place = format!("{}.{}", quoted(&table.name.schema), quoted(&table.name.table));
    // The server itself gives it up: whoever only stopped waiting would have the next question wait.
    let patience = |millis: u128| async move {
        client.batch_execute(&format!("set statement_timeout = {millis}")).await
    };
    if patience(SAMPLE_TIMEOUT.as_millis()).await.is_err() {
        return;
    }
    for column in &mut table.columns {
        if column.type_name != "jsonb" && column.type_name != "json" {
            continue;
        }
        let (name, kind) = (quoted(&column.name), literal("object"));
        let sql = format!(
            "select count(*) filter (where {}_typeof(v) = {kind}), count(v)
               from (select {name} v from {place} where {name} is not null
                      limit {SAMPLE_ROWS}) sample",
            column.type_name
        );
        if let Ok(row) = client.query_one(&sql, &[]).await {
            column.objects = Some((row.get(0), row.get(1)));
        }
    }
    let _ = patience(0).await;
}
