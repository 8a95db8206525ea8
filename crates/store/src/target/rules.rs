//! Whether a column can have the type that was chosen for it, and do with NULL, and with what it cannot
//! carry, as it is to.

use super::{TargetColumn, nullable, tells_apart};
use crate::fit;
use crate::types::Type;
use model::{Column, Error, Kind, Result, Rule, Table, TableOptions};

/// Whether a column can be kept as the type that was chosen for it.
pub(super) fn check_type(table: &Table, column: &Column, chosen: &str, is_key: bool) -> Result<()> {
    let (kind, ty) = (column.pg.kind(), Type::parse(chosen));
    let cannot = |why: &str, hint: String| {
        Err(Error::definite(format!("cannot keep {}.{} as {chosen}", table.name, column.name))
            .detail(why)
            .hint(hint))
    };
    if fit::way(&kind, &ty).is_none() {
        return cannot(
            &format!(
                "Its type is {}, and the engine would change values of it there without a word.",
                column.type_name
            ),
            format!("choose one of {}", fit::places(&kind)),
        );
    }
    if is_key && !fit::keeps_apart(&kind, &ty) {
        return cannot(
            &format!(
                "It is part of the key, and two keys of type {} can be one there: a row would be lost.",
                column.type_name
            ),
            format!("choose a type that keeps them apart, such as {}", kind.clickhouse(false)),
        );
    }
    Ok(())
}

pub(super) fn check_default(table: &Table, column: &TargetColumn, kind: &Kind) -> Result<()> {
    let Some(default) = &column.default else { return Ok(()) };
    let source = &table.columns[column.source];
    let cannot = |why: &str, hint: String| {
        let what = format!("cannot use the default of {}.{}", table.name, source.name);
        Err(Error::definite(what).detail(why).hint(hint))
    };
    let remove = || "remove the default".to_owned();
    if column.is_json() || !kind.may_be_nullable() {
        return cannot("A NULL there is an empty value, by the rule of its type.", remove());
    }
    if column.takes_null() {
        let hint = format!("take Nullable(…) away from {}, or the default", column.clickhouse);
        return cannot("Its type holds NULL, so that a NULL stays one.", hint);
    }
    if *kind == Kind::Text && !column.ty().is_string() && default.text.is_none() {
        return cannot(
            "Into this type values travel as texts, and its text is not known.",
            "write it as a literal: default = \"'new'\", default = \"0\"".to_owned(),
        );
    }
    if let Some(text) = &default.text
        && !fit::says(text, &column.ty())
    {
        let hint = "write it as the type itself writes it".to_owned();
        return cannot(&format!("It has no place in {}.", column.clickhouse), hint);
    }
    Ok(())
}

/// Whether the rules that were chosen can be kept.
pub(super) fn check_rules(
    table: &Table,
    options: &TableOptions,
    columns: &[TargetColumn],
) -> Result<()> {
    for column in columns {
        let source = &table.columns[column.source];
        let Some(rule) = column.rule else { continue };
        let is_key = tells_apart(options, table, column.source);
        let cannot = |why: &str, hint: String| {
            let (name, rule) = (&source.name, rule.name());
            let what =
                format!("cannot use on_unrepresentable = \"{rule}\" for {}.{name}", table.name);
            Err(Error::definite(what).detail(why).hint(hint))
        };
        match rule {
            Rule::Clamp if !source.pg.is_clamped() => {
                let hint = "\"quarantine\", \"null\" or \"stop\"".to_owned();
                return cannot(
                    &format!("Its type is {}: only times are clamped.", source.type_name),
                    hint,
                );
            }
            Rule::Clamp if is_key => {
                let hint = "\"quarantine\" or \"stop\"".to_owned();
                return cannot("It is part of the key: two rows would become one.", hint);
            }
            Rule::Null if is_key => {
                let hint = "\"quarantine\" or \"stop\"".to_owned();
                return cannot("It is part of the key, which is never NULL.", hint);
            }
            Rule::Null if !source.pg.kind().may_be_nullable() => {
                let hint = "\"quarantine\" or \"stop\"; or type = \"Nullable(String)\"".to_owned();
                return cannot("ClickHouse has no NULL of what it travels as.", hint);
            }
            Rule::Null if !column.takes_null() && column.default.is_none() => {
                let why = format!("Its type is {}, which does not hold NULL.", column.clickhouse);
                let hint = match column.is_json() {
                    true => "type = \"Nullable(String)\"".to_owned(),
                    false => format!("type = \"{}\", or a default", nullable(&column.clickhouse)),
                };
                return cannot(&why, hint);
            }
            _ => {}
        }
    }
    Ok(())
}
