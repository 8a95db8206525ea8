//! A table by its name, whether anybody publishes it or not.

use super::{Types, column, reading};
use model::{Result, Table, TableId, TableName};
use tokio_postgres::Client;

/// Its columns, without a key. `None`: there is none.
pub async fn table_by_name(client: &Client, name: &TableName) -> Result<Option<Table>> {
    // In the order of what `column` reads.
    let sql = "
        select c.oid, n.nspname::text, c.relname::text, c.relreplident::text,
               a.attnum, a.attname::text, a.atttypid, a.atttypmod, a.attndims::int4,
               format_type(a.atttypid, a.atttypmod), a.attnotnull
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')
         order by a.attnum";
    let rows = client.query(sql, &[&name.schema, &name.table]).await.map_err(reading)?;
    let Some(first) = rows.first() else { return Ok(None) };
    let types = Types::load(client, rows.iter().map(|row| row.get(6)).collect()).await?;
    let columns = rows.iter().map(|row| column(&types, row)).collect();
    Ok(Some(Table::new(TableId(first.get(0)), name.clone(), columns)))
}
