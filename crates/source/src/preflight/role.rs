//! What our role may do: replicate, and read every published table to its last row.

use super::{Asked, Finding, Level};
use crate::client::quoted;
use model::{Result, Table};

pub(super) async fn inspect(
    asked: &Asked<'_>,
    tables: &[Table],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let role = current_user(asked).await?;
    replication(asked, &role, findings).await?;
    let ids: Vec<u32> = tables.iter().map(|table| table.id.0).collect();
    select(asked, &role, tables, &ids, findings).await?;
    row_security(asked, &role, tables, &ids, findings).await
}

async fn current_user(asked: &Asked<'_>) -> Result<String> {
    Ok(asked.row("select current_user::text", &[]).await?.get(0))
}

async fn replication(asked: &Asked<'_>, role: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let sql = "select r.rolreplication or r.rolsuper or exists (
                      select from pg_roles g where g.rolname in ('rds_replication', 'rds_superuser')
                         and pg_has_role(g.oid, 'MEMBER'))
                 from pg_roles r where r.rolname = current_user";
    if asked.row(sql, &[]).await?.get(0) {
        return Ok(());
    }
    findings.push(
        Finding::new(Level::Error, "replication", format!("role {role} may not replicate"))
            .why("Without it the log cannot be read.")
            .cure(asked.cloud.cure_replication(&quoted(role))),
    );
    Ok(())
}

async fn select(
    asked: &Asked<'_>,
    role: &str,
    tables: &[Table],
    ids: &[u32],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let sql = "select c.oid, has_schema_privilege(c.relnamespace, 'USAGE'),
                      has_table_privilege(c.oid, 'SELECT'), c.relkind::text = 'p'
                 from pg_class c where c.oid = any($1)";
    for row in asked.rows(sql, &[&ids]).await? {
        let (usage, whole): (bool, bool) = (row.get(1), row.get(2));
        let Some(table) = tables.iter().find(|table| table.id.0 == row.get::<_, u32>(0)) else {
            continue;
        };
        if usage && (whole || may_read_columns(asked, table).await?) {
            continue;
        }
        let (schema, name) = (quoted(&table.name.schema), quoted(&table.name.table));
        let mut grants = Vec::new();
        if !usage {
            grants.push(format!("GRANT USAGE ON SCHEMA {schema} TO {};", quoted(role)));
        }
        if !whole {
            grants.push(format!("GRANT SELECT ON {schema}.{name} TO {};", quoted(role)));
        }
        findings.push(
            Finding::new(
                Level::Error,
                "select",
                format!("role {role} may not read {}", table.name),
            )
            .why("The copy and `millrace verify` read the table itself.")
            .cure(grants.join(" ")),
        );
    }
    Ok(())
}

/// A grant may name columns instead of the table.
async fn may_read_columns(asked: &Asked<'_>, table: &Table) -> Result<bool> {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let sql = "select bool_and(has_column_privilege($1::oid, name, 'SELECT'))
                 from unnest($2::text[]) name";
    let row = asked.row(sql, &[&table.id.0, &names]).await?;
    Ok(row.get::<_, Option<bool>>(0).unwrap_or(false))
}

async fn row_security(
    asked: &Asked<'_>,
    role: &str,
    tables: &[Table],
    ids: &[u32],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let sql = "select t.oid from unnest($1::oid[]) t(oid) where row_security_active(t.oid)";
    for row in asked.rows(sql, &[&ids]).await? {
        let id: u32 = row.get(0);
        let Some(table) = tables.iter().find(|table| table.id.0 == id) else { continue };
        let what = format!("row policies hide rows of {} from role {role}", table.name);
        findings.push(
            Finding::new(Level::Error, "row_security", what)
                .why("The stream carries every row, a copy would miss some; so it is refused.")
                .cure(format!("ALTER ROLE {} BYPASSRLS;  -- as a superuser", quoted(role))),
        );
    }
    Ok(())
}
