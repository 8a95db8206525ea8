//! What the catalog knows beside columns and types, for who describes them to others.

use super::reading;
use model::{Result, TableId};
use std::collections::HashMap;
use tokio_postgres::Client;

const LABELS: &str = "
    select t.oid, t.typarray, array_agg(e.enumlabel::text order by e.enumsortorder)
      from pg_enum e join pg_type t on t.oid = e.enumtypid group by 1, 2";

const DEFAULTS: &str = "
    select d.adrelid, d.adnum, pg_get_expr(d.adbin, d.adrelid)
      from pg_attrdef d
      join pg_attribute a on (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
     where d.adrelid = any($1) and a.attgenerated = ''";

/// The labels of each enum in their order, by its oid and by that of its array.
pub async fn labels(client: &Client) -> Result<HashMap<u32, Vec<String>>> {
    let mut labels = HashMap::new();
    for row in client.query(LABELS, &[]).await.map_err(reading)? {
        let its: Vec<String> = row.get(2);
        labels.insert(row.get(1), its.clone());
        labels.insert(row.get(0), its);
    }
    Ok(labels)
}

/// The defaults of the tables' columns as expressions, by attnum. Those of generated columns are none.
pub async fn defaults(
    client: &Client,
    tables: &[TableId],
) -> Result<HashMap<(TableId, i16), String>> {
    let oids: Vec<u32> = tables.iter().map(|table| table.0).collect();
    let rows = client.query(DEFAULTS, &[&oids]).await.map_err(reading)?;
    Ok(rows.iter().map(|row| ((TableId(row.get(0)), row.get(1)), row.get(2))).collect())
}
