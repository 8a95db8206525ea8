//! `[tables."schema.table"]`.

use super::keys::nearest;
use model::{ColumnOptions, Error, Mode, Result, Rule, TableName, TableOptions};
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
    on_unrepresentable: Option<String>,
    default: Option<String>,
}

impl ColumnSection {
    /// What can be told without knowing the column.
    fn resolve(self, key: &str) -> Result<ColumnOptions> {
        let rule = self.on_unrepresentable.as_deref().map(|text| rule(key, text)).transpose()?;
        let cannot = |field: &str, why: String, hint: &str| {
            Err(Error::definite(format!("cannot use {key}.{field}")).detail(why).hint(hint))
        };
        if let Some(default) = &self.default
            && default.trim().is_empty()
        {
            return cannot("default", "It is empty.".into(), "an empty text is default = \"''\"");
        }
        if self.exclude && (rule.is_some() || self.default.is_some()) {
            let field = if rule.is_some() { "on_unrepresentable" } else { "default" };
            return cannot(
                field,
                "The column is left out: exclude = true.".into(),
                "remove one of them",
            );
        }
        if let Some(chosen) = &self.r#type {
            let holds_null = store::takes_null(chosen);
            if rule == Some(Rule::Null) && !holds_null && self.default.is_none() {
                let why = format!("Its type is {chosen}, which does not hold NULL.");
                return cannot("on_unrepresentable", why, "type = \"Nullable(…)\", or a default");
            }
            if self.default.is_some() && holds_null {
                let why =
                    format!("Its type is {chosen}, which holds NULL, so that a NULL stays one.");
                return cannot("default", why, "take Nullable(…) away, or the default");
            }
        }
        Ok(ColumnOptions {
            name: self.name,
            clickhouse_type: self.r#type,
            exclude: self.exclude,
            on_unrepresentable: rule,
            default: self.default,
        })
    }
}

fn rule(key: &str, text: &str) -> Result<Rule> {
    let names = Rule::ALL.map(Rule::name);
    Rule::from_name(text).ok_or_else(|| {
        let error = Error::definite(format!("cannot use {key}.on_unrepresentable: {text:?}"));
        match nearest(text, &names) {
            Some(near) => error.hint(format!("did you mean {near:?}?")),
            None => error.hint(format!("known: {}", names.join(", "))),
        }
    })
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
            let options = column.resolve(&format!("{key}.columns.{name}"))?;
            Ok((name, options))
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(TableOptions {
            mode,
            target: target.transpose()?,
            order_by: self.order_by,
            partition_by: self.partition_by,
            ttl: self.ttl,
            extra_columns: self.extra_columns,
            columns,
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
