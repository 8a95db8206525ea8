//! The publication: there, whole, and harmless to the app's own writes.

use super::{Asked, Finding, Level, Wanted, generated, mode_of, outside};
use crate::catalog;
use crate::client::quoted;
use crate::slot::publication_options;
use model::words::counted;
use model::{Mode, ReplicaIdentity, Result, Table};

/// Answers with the published tables.
pub(super) async fn inspect(
    asked: &Asked<'_>,
    wanted: Wanted<'_>,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Table>> {
    let name = wanted.publication;
    let sql = "select pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot, puballtables
                 from pg_publication where pubname = $1";
    let Some(row) = asked.rows(sql, &[&name]).await?.pop() else {
        missing(asked, name, findings).await?;
        return Ok(Vec::new());
    };
    let sends: [bool; 4] = [row.get(0), row.get(1), row.get(2), row.get(3)];
    operations(name, sends, findings);
    let tables = catalog::published_tables(asked.client, name).await?;
    if tables.is_empty() {
        findings.push(
            Finding::new(Level::Error, "publication", format!("publication {name} has no table"))
                .why("Nothing would flow.")
                .cure(format!("ALTER PUBLICATION {} ADD TABLE …;", quoted(name))),
        );
    }
    coverage(asked, wanted, &tables, findings).await?;
    outside::inspect(asked, wanted, &tables, findings).await?;
    for table in &tables {
        identity(name, table, mode_of(wanted, table), sends[1] || sends[2], row.get(5), findings);
        text_columns(table, findings);
    }
    generated::inspect(asked, name, &tables, findings).await?;
    if !row.get::<_, bool>(4) {
        leaves(asked, name, &tables, findings).await?;
    }
    Ok(tables)
}

async fn missing(asked: &Asked<'_>, name: &str, findings: &mut Vec<Finding>) -> Result<()> {
    let sql = "select has_database_privilege(current_database(), 'CREATE')";
    let may: bool = asked.row(sql, &[]).await?.get(0);
    let what = format!("publication {name} does not exist");
    let cure = format!(
        "CREATE PUBLICATION {} FOR ALL TABLES WITH ({});  \
         -- as a superuser; or FOR TABLE a, b, … as their owner",
        quoted(name),
        publication_options(asked.version)
    );
    findings.push(match may {
        true => Finding::new(Level::Warning, "publication", what)
            .why("`millrace up` creates it for the tables that the role owns.")
            .cure(cure),
        false => Finding::new(Level::Error, "publication", what)
            .why("Our role may not create it.")
            .cure(cure),
    });
    Ok(())
}

fn operations(name: &str, sends: [bool; 4], findings: &mut Vec<Finding>) {
    let words = ["insert", "update", "delete", "truncate"];
    let left_out: Vec<&str> =
        words.into_iter().zip(sends).filter(|(_, sent)| !sent).map(|(word, _)| word).collect();
    if left_out.is_empty() {
        return;
    }
    let what = format!("publication {name} does not send {}", left_out.join(", "));
    findings.push(
        Finding::new(Level::Warning, "publication_operations", what)
            .why("The store would go on showing what these operations changed.")
            .cure(format!(
                "ALTER PUBLICATION {} SET (publish = 'insert, update, delete, truncate');",
                quoted(name)
            )),
    );
}

/// Tables that the configuration names and the publication does not have.
async fn coverage(
    asked: &Asked<'_>,
    wanted: Wanted<'_>,
    tables: &[Table],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let published: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
    for name in wanted.tables.keys().filter(|name| !published.contains(name)) {
        let Some((schema, table)) = name.split_once('.') else { continue };
        let sql = "select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')";
        let exists = !asked.rows(sql, &[&schema, &table]).await?.is_empty();
        let finding = match exists {
            true => {
                let what = format!("table {name} is configured, but not in {}", wanted.publication);
                let name = format!("{}.{}", quoted(schema), quoted(table));
                Finding::new(Level::Error, "publication_coverage", what)
                    .why("Its changes are not sent.")
                    .cure(format!(
                        "ALTER PUBLICATION {} ADD TABLE {name};",
                        quoted(wanted.publication)
                    ))
            }
            false => Finding::new(
                Level::Error,
                "publication_coverage",
                format!("table {name} is configured, but does not exist"),
            )
            .why("The source has no table of that name.")
            .cure(format!("correct or remove [tables.\"{name}\"] in millrace.toml")),
        };
        findings.push(finding);
    }
    Ok(())
}

/// A published table whose rows cannot be named makes the app's own UPDATE and DELETE fail.
fn identity(
    publication: &str,
    table: &Table,
    mode: Mode,
    sends_changes: bool,
    all_tables: bool,
    findings: &mut Vec<Finding>,
) {
    let names_rows = match table.identity {
        ReplicaIdentity::Full | ReplicaIdentity::WholeRow => true,
        ReplicaIdentity::Nothing => false,
        ReplicaIdentity::Default | ReplicaIdentity::Index => table.has_key(),
    };
    let quoted_name = format!("{}.{}", quoted(&table.name.schema), quoted(&table.name.table));
    if !names_rows && sends_changes {
        let leave = match all_tables {
            true => String::new(),
            false => {
                format!(" or ALTER PUBLICATION {} DROP TABLE {quoted_name};", quoted(publication))
            }
        };
        let first = match table.has_key() {
            true => format!("ALTER TABLE {quoted_name} REPLICA IDENTITY DEFAULT;"),
            false => format!(
                "ALTER TABLE {quoted_name} ADD PRIMARY KEY (…); \
                 or ALTER TABLE {quoted_name} REPLICA IDENTITY FULL;"
            ),
        };
        let what = format!("UPDATE and DELETE of {} fail at the source", table.name);
        findings.push(
            Finding::new(Level::Error, "replica_identity", what)
                .why("It is published and has no replica identity: Postgres refuses to change its rows.")
                .cure(format!("{first}{leave}")),
        );
    }
    if mode != Mode::Append && !table.has_key() {
        findings.extend(keyless(table, mode, &quoted_name));
    }
}

/// What can be kept of a table by what tells its rows apart.
fn keyless(table: &Table, mode: Mode, quoted_name: &str) -> Option<Finding> {
    let name = &table.name;
    let add_key = format!("ALTER TABLE {quoted_name} ADD PRIMARY KEY (…);");
    let add_index = format!(
        "for a unique index over NOT NULL columns ALTER TABLE {quoted_name} REPLICA IDENTITY USING INDEX …;"
    );
    let finding = match (mode, table.identity) {
        (Mode::Mirror, ReplicaIdentity::Full) => {
            let what = format!("{name} has no key: the whole row is its key");
            Finding::new(Level::Warning, "whole_row_key", what)
                .why(
                    "Rows that are the same are one row in the mirror, and none once one of them is deleted or \
                     changed. Arrays and the like are kept as Postgres's text.",
                )
                .cure(format!("{add_key} or {add_index}"))
        }
        (Mode::Mirror, _) => {
            let what = format!("{name} cannot be mirrored: it has no key");
            Finding::new(Level::Error, "no_key", what)
                .why("Without a key nothing tells which row an UPDATE or DELETE means.")
                .cure(format!(
                    "{add_key} or {add_index} or, with the whole row as key, ALTER TABLE {quoted_name} REPLICA \
                     IDENTITY FULL; or, if its rows never change, mode = \"append\" under [tables.\"{name}\"] in \
                     millrace.toml"
                ))
        }
        (Mode::History, ReplicaIdentity::Full) | (Mode::Append, _) => return None,
        (Mode::History, _) => {
            let what = format!("the history of {name} has inserts alone: it has no key");
            Finding::new(Level::Warning, "history_without_key", what)
                .why("Without a key nothing tells which row an UPDATE or DELETE means.")
                .cure(format!("{add_key} or ALTER TABLE {quoted_name} REPLICA IDENTITY FULL;"))
        }
    };
    Some(finding)
}

fn text_columns(table: &Table, findings: &mut Vec<Finding>) {
    let columns: Vec<String> = table
        .columns
        .iter()
        .filter(|column| column.pg.needs_text())
        .map(|column| format!("{} {}", column.name, column.type_name))
        .collect();
    if columns.is_empty() {
        return;
    }
    let what = format!("{} travels as text because of {}", table.name, columns.join(", "));
    findings.push(Finding::new(Level::Note, "text_types", what).why(
        "Their binary form is not read, or says less than their text: the whole stream is asked \
             for text, which is slower.",
    ));
}

/// Without `publish_via_partition_root` each leaf is a table of its own.
async fn leaves(
    asked: &Asked<'_>,
    publication: &str,
    tables: &[Table],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let ids: Vec<u32> = tables.iter().map(|table| table.id.0).collect();
    let sql = "select count(*) from pg_class where oid = any($1) and relispartition";
    let count: i64 = asked.row(sql, &[&ids]).await?.get(0);
    if count == 0 {
        return Ok(());
    }
    let partitions = counted(count as u64, "partition");
    let what = format!("{partitions} published each as a table of its own");
    findings.push(
        Finding::new(Level::Warning, "partitions", what)
            .why("A query would have to name each of them.")
            .cure(format!(
                "ALTER PUBLICATION {} SET (publish_via_partition_root = true);",
                quoted(publication)
            )),
    );
    Ok(())
}
