//! What the enums of columns may be.

use super::Surveyed;
use crate::client::pg_error;
use model::{Result, TableName};
use tokio_postgres::Client;

const LABELS: &str = "
    select n.nspname::text, c.relname::text, a.attname::text,
           array_agg(e.enumlabel::text order by e.enumsortorder)
      from pg_enum e join pg_attribute a on a.atttypid = e.enumtypid and a.attnum > 0 and not a.attisdropped
      join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
      join pg_namespace n on n.oid = c.relnamespace
     group by 1, 2, 3";

pub(super) async fn find(client: &Client, tables: &mut [Surveyed]) -> Result<()> {
    let rows = client.query(LABELS, &[]).await;
    let rows = rows.map_err(|error| pg_error("look at the source's enums", error))?;
    for row in &rows {
        let of = TableName::new(row.get::<_, String>(0), row.get::<_, String>(1));
        let name: String = row.get(2);
        let table = tables.iter_mut().find(|table| table.name == of);
        let columns = table.into_iter().flat_map(|table| &mut table.columns);
        for column in columns.filter(|column| column.name == name) {
            column.labels = row.get(3);
        }
    }
    Ok(())
}
