//! Foreign keys, as the catalog has them.

use super::Surveyed;
use crate::client::pg_error;
use model::{Result, TableName};
use tokio_postgres::Client;

/// A foreign key: these columns are those of a row there, or NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub columns: Vec<String>,
    pub to: TableName,
    pub fields: Vec<String>,
}

/// Partitions repeat the constraints of the table that they are of; what is NOT VALID holds for new rows alone.
const LINKS: &str = "
    select n.nspname::text, c.relname::text, tn.nspname::text, t.relname::text,
           array(select a.attname::text from unnest(k.conkey) with ordinality u(attnum, ord)
                   join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum order by u.ord),
           array(select a.attname::text from unnest(k.confkey) with ordinality u(attnum, ord)
                   join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.attnum order by u.ord)
      from pg_constraint k
      join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
     where k.contype = 'f' and k.conparentid = 0 and k.convalidated
     order by 1, 2, k.conkey";

pub(super) async fn find(client: &Client, tables: &mut [Surveyed]) -> Result<()> {
    let rows = client.query(LINKS, &[]).await;
    let rows = rows.map_err(|error| pg_error("look at the source's foreign keys", error))?;
    for row in &rows {
        let name = |at| TableName::new(row.get::<_, String>(at), row.get::<_, String>(at + 1));
        let from = name(0);
        if let Some(table) = tables.iter_mut().find(|table| table.name == from) {
            table.links.push(Link { columns: row.get(4), to: name(2), fields: row.get(5) });
        }
    }
    Ok(())
}
