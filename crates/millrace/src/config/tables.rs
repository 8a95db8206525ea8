//! `[tables."schema.table"]`.

use model::{ColumnOptions, Error, Mode, Result, TableName, TableOptions};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TableSection {
    mode: Option<String>,
    target: Option<String>,
    order_by: Vec<String>,
    partition_by: Option<String>,
    ttl: Option<String>,
    extra_columns: BTreeMap<String, String>,
    columns: BTreeMap<String, ColumnSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct ColumnSection {
    name: Option<String>,
    r#type: Option<String>,
    exclude: bool,
}

impl TableSection {
    pub(super) fn resolve(self, name: &str) -> Result<TableOptions> {
        let key = format!("tables.\"{name}\"");
        if split(name).is_none() {
            return Err(Error::definite(format!("cannot use [{key}]: the schema is missing"))
                .hint(format!("[tables.\"public.{name}\"]")));
        }
        let mode = mode(&key, self.mode.as_deref())?;
        let target = self.target.as_deref().map(|text| {
            split(text).ok_or_else(|| {
                Error::definite(format!("cannot use {key}.target: {text:?} is no place"))
                    .hint("target = \"database.table\"")
            })
        });
        for (field, empty) in [
            ("order_by", self.order_by.iter().any(|term| term.trim().is_empty())),
            (
                "partition_by",
                self.partition_by.as_deref().is_some_and(|text| text.trim().is_empty()),
            ),
            ("ttl", self.ttl.as_deref().is_some_and(|text| text.trim().is_empty())),
        ] {
            if empty {
                return Err(Error::definite(format!("cannot use {key}.{field}: it is empty"))
                    .hint("remove it"));
            }
        }
        let columns = self.columns.into_iter().map(|(name, column)| {
            let options = ColumnOptions {
                name: column.name,
                clickhouse_type: column.r#type,
                exclude: column.exclude,
            };
            (name, options)
        });
        Ok(TableOptions {
            mode,
            target: target.transpose()?,
            order_by: self.order_by,
            partition_by: self.partition_by,
            ttl: self.ttl,
            extra_columns: self.extra_columns,
            columns: columns.collect(),
        })
    }
}

fn mode(key: &str, text: Option<&str>) -> Result<Mode> {
    match text {
        None | Some("mirror") => Ok(Mode::Mirror),
        Some("append") => Ok(Mode::Append),
        Some("history") => {
            Err(Error::definite(format!("cannot use {key}.mode: \"history\" comes later"))
                .hint("mode = \"mirror\" for entities, \"append\" for facts"))
        }
        Some(other) => Err(Error::definite(format!("cannot use {key}.mode: {other:?}"))
            .hint("mode = \"mirror\" for entities, \"append\" for facts")),
    }
}

fn split(name: &str) -> Option<TableName> {
    let (schema, table) = name.split_once('.')?;
    let plain = !schema.is_empty() && !table.is_empty();
    plain.then(|| TableName::new(schema, table))
}
