//! Tables of the database that neither the publication nor the configuration has: often one that
//! was made after `init`.

use super::{Asked, Finding, Level, Wanted};
use crate::client::quoted;
use crate::own_tables::{OwnTable, own_tables};
use model::words::counted;
use model::{Result, Table};

/// More names are only read in the statement.
const NAMED_MOST: usize = 10;

pub(super) async fn inspect(
    asked: &Asked<'_>,
    wanted: Wanted<'_>,
    published: &[Table],
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let is_published = |id: u32| published.iter().any(|table| table.id.0 == id);
    let mut outside = own_tables(asked.client).await?;
    outside.retain(|table| {
        let is_configured = wanted.tables.contains_key(&table.name.to_string());
        // Without `publish_via_partition_root` its leaves stand for it.
        let is_sent =
            is_published(table.id.0) || table.partitions.iter().any(|&id| is_published(id));
        !is_configured && !is_sent
    });
    let (fit, unfit): (Vec<_>, Vec<_>) = outside.into_iter().partition(|table| table.has_identity);
    if !fit.is_empty() {
        findings.push(
            note(&fit, wanted.publication)
                .why(
                    "Their rows stay at the source. A table that is added is copied at its next \
                     change, or at the next start of `millrace up`.",
                )
                .cure(add(&fit, wanted.publication)),
        );
    }
    if !unfit.is_empty() {
        let keys =
            unfit.iter().map(|table| format!("ALTER TABLE {} ADD PRIMARY KEY (…); ", table.quoted));
        findings.push(
            note(&unfit, wanted.publication)
                .why(
                    "Without a key UPDATE and DELETE would fail at the source once they are added.",
                )
                .cure(keys.collect::<String>() + &add(&unfit, wanted.publication)),
        );
    }
    Ok(())
}

fn note(tables: &[OwnTable], publication: &str) -> Finding {
    let mut what =
        format!("{} outside publication {publication}", counted(tables.len() as u64, "table"));
    if tables.len() <= NAMED_MOST {
        let names: Vec<String> = tables.iter().map(|table| table.name.to_string()).collect();
        what += &format!(": {}", names.join(", "));
    }
    Finding::new(Level::Note, "publication_outside", what)
}

fn add(tables: &[OwnTable], publication: &str) -> String {
    let names: Vec<&str> = tables.iter().map(|table| table.quoted.as_str()).collect();
    format!("ALTER PUBLICATION {} ADD TABLE {};", quoted(publication), names.join(", "))
}
