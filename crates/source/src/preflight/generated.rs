//! Generated columns that the log does not send: a mirror is without them, and nothing else says so.
//!
//! Before 18 no generated column was ever sent. From 18 on a publication may send the stored ones.
//! Virtual ones (18's default kind) have no value outside of a query, so the log has none either.

use super::{Asked, Finding, Level};
use crate::client::quoted;
use model::{Result, Table};

pub(super) async fn inspect(
    asked: &Asked<'_>,
    publication: &str,
    tables: &[Table],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let ids: Vec<u32> = tables.iter().map(|table| table.id.0).collect();
    let sql = "select attrelid, attname::text, attnum, attgenerated = 'v' from pg_attribute
                where attrelid = any($1) and attgenerated <> '' and not attisdropped
                order by attnum";
    let (mut stored, mut computed) = (Vec::new(), Vec::new());
    let columns = asked.rows(sql, &[&ids]).await?;
    for table in tables {
        for column in columns.iter().filter(|column| column.get::<_, u32>(0) == table.id.0) {
            let attnum: i16 = column.get(2);
            if table.columns.iter().any(|sent| sent.attnum == attnum) {
                continue;
            }
            let name = format!("{}.{}", table.name, column.get::<_, &str>(1));
            if column.get(3) { &mut computed } else { &mut stored }.push(name);
        }
    }
    let note = |what: String| Finding::new(Level::Note, "generated_columns", what);
    if !stored.is_empty() {
        let finding = note(format!("the log does not send {}", stored.join(", ")));
        findings.push(match asked.version {
            180_000.. => finding
                .why("Stored generated columns are left out of a publication unless it asks for them.")
                .cure(format!(
                    "ALTER PUBLICATION {} SET (publish_generated_columns = stored);  \
                     -- and the columns in its column list, where it has one",
                    quoted(publication)
                )),
            _ => finding
                .why("Before Postgres 18 generated columns are never sent; their tables are mirrored without.")
                .cure("compute them in ClickHouse, in a view or a dbt model"),
        });
    }
    if !computed.is_empty() {
        findings.push(
            note(format!("the log does not send {}", computed.join(", ")))
                .why("Virtual generated columns are computed by each query and stored nowhere.")
                .cure("compute them in ClickHouse, in a view or a dbt model; or make them STORED"),
        );
    }
    Ok(())
}
