//! The user's own tables: not the server's, not an extension's, a partitioned one as one.

use crate::client::pg_error;
use model::{Result, TableId, TableName};
use tokio_postgres::Client;

pub(crate) struct OwnTable {
    pub(crate) id: TableId,
    pub(crate) name: TableName,
    /// As in a statement; quotes only where they are needed.
    pub(crate) quoted: String,
    /// Without one its UPDATEs and DELETEs fail once it is published.
    pub(crate) has_identity: bool,
    /// Our role may do with it what its owner may.
    pub(crate) is_ours: bool,
    /// Those of a partitioned table, itself included.
    pub(crate) partitions: Vec<u32>,
}

/// By name.
pub(crate) async fn own_tables(client: &Client) -> Result<Vec<OwnTable>> {
    let sql = "
        select c.oid, n.nspname::text, c.relname::text, format('%I.%I', n.nspname, c.relname),
               c.relreplident = 'f' or exists (
                   select from pg_index i where i.indrelid = c.oid and i.indisvalid
                      and case c.relreplident when 'i' then i.indisreplident
                                              when 'd' then i.indisprimary and i.indimmediate
                                              else false end),
               pg_has_role(c.relowner, 'USAGE'),
               array(select t.relid::oid from pg_partition_tree(c.oid) t)
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and c.relpersistence = 'p' and not c.relispartition
           and n.nspname !~ '^(pg_|information_schema$)'
           and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                              and d.objid = c.oid and d.deptype = 'e')
         order by 2, 3";
    let rows = client.query(sql, &[]).await;
    let rows = rows.map_err(|error| pg_error("list the source's tables", error))?;
    let table = |row: &tokio_postgres::Row| OwnTable {
        id: TableId(row.get(0)),
        name: TableName::new(row.get::<_, String>(1), row.get::<_, String>(2)),
        quoted: row.get(3),
        has_identity: row.get(4),
        is_ours: row.get(5),
        partitions: row.get(6),
    };
    Ok(rows.iter().map(table).collect())
}
