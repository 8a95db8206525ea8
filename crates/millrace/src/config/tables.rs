//! `[tables."schema.table"]`.

use super::near::nearest;
use model::{ColumnOptions, Error, Mode, OnUpdate, Result, Rule, TableName, TableOptions};
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
    deletes: Option<String>,
    truncate: Option<String>,
    on_update: Option<String>,
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
    Rule::from_name(text).ok_or_else(|| unknown(key, "on_unrepresentable", text, &names))
}

impl TableSection {
    /// `default`: the mode of one that says nothing of it.
    pub(super) fn resolve(self, name: &str, default: Mode) -> Result<TableOptions> {
        let key = format!("tables.\"{name}\"");
        if split(name).is_none() {
            return Err(Error::definite(format!("cannot use [{key}]: the schema is missing"))
                .hint(format!("[tables.\"public.{name}\"]")));
        }
        let mode = self.mode.as_deref().map_or(Ok(default), |text| mode(&key, text))?;
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
        let deletes = keeps(&key, "deletes", self.deletes.as_deref())?;
        if deletes.is_some() && mode != Mode::Mirror {
            let hint = match mode {
                Mode::History => "remove it: a history says of every row that it was deleted",
                _ => "remove it: an append table keeps what is deleted at the source",
            };
            return Err(of_another_mode(&key, "deletes", "a mirror").hint(hint));
        }
        let on_update = self.on_update.as_deref().map(|text| on_update(&key, text)).transpose()?;
        if on_update.is_some() && mode != Mode::Append {
            let hint = "remove it: every UPDATE is followed; or mode = \"append\"";
            return Err(of_another_mode(&key, "on_update", "an append table").hint(hint));
        }
        let keeps_truncated = keeps(&key, "truncate", self.truncate.as_deref())?;
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
            keeps_deletes: deletes.unwrap_or_default(),
            keeps_truncated,
            on_update: on_update.unwrap_or_default(),
        })
    }
}

/// `"keep"` or `"apply"`.
fn keeps(key: &str, field: &str, text: Option<&str>) -> Result<Option<bool>> {
    match text {
        None => Ok(None),
        Some("keep") => Ok(Some(true)),
        Some("apply") => Ok(Some(false)),
        Some(other) => Err(unknown(key, field, other, &["keep", "apply"])),
    }
}

fn on_update(key: &str, text: &str) -> Result<OnUpdate> {
    let known = OnUpdate::ALL.into_iter().find(|known| known.name() == text);
    known.ok_or_else(|| unknown(key, "on_update", text, &OnUpdate::ALL.map(OnUpdate::name)))
}

fn unknown(key: &str, field: &str, text: &str, known: &[&str]) -> Error {
    let error = Error::definite(format!("cannot use {key}.{field}: {text:?}"));
    match nearest(text, known) {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => error.hint(format!("known: {}", known.join(", "))),
    }
}

fn of_another_mode(key: &str, field: &str, whose: &str) -> Error {
    Error::definite(format!("cannot use {key}.{field}: it is a setting of {whose}"))
}

fn mode(key: &str, text: &str) -> Result<Mode> {
    match text {
        "mirror" => Ok(Mode::Mirror),
        "append" => Ok(Mode::Append),
        "history" => Ok(Mode::History),
        other => Err(Error::definite(format!("cannot use {key}.mode: {other:?}")).hint(
            "mode = \"mirror\" for entities, \"append\" for facts, \"history\" for every change",
        )),
    }
}

fn split(name: &str) -> Option<TableName> {
    let (schema, table) = name.split_once('.')?;
    let plain = !schema.is_empty() && !table.is_empty();
    plain.then(|| TableName::new(schema, table))
}
