//! What rows from before a new column show in it: what Postgres shows, NULL or the constant default
//! that it keeps as `attmissingval`. A default that was computed row by row rewrote the table without
//! a word in the log.

use model::{Column, Kind, PgType, Result, TableId};
use source::client::pg_error;
use store::ddl;
use tokio_postgres::Client;

pub(super) enum Missing {
    /// What the type itself has for it: NULL, an empty array.
    Nothing,
    /// A constant, as text that the engine reads.
    Value(String),
    /// Only a copy brings it.
    Unknown,
}

/// `is_rewritten`: rows may have been written anew since the table was last looked at.
pub(super) async fn look_up(
    client: &Client,
    table: TableId,
    column: &Column,
    is_rewritten: bool,
) -> Result<Missing> {
    let sql = "select atthasmissing, (attmissingval::text::text[])[1],
                      atthasdef or attidentity <> '' or attgenerated <> '' or attnotnull
                 from pg_attribute where attrelid = $1 and attnum = $2";
    let row = client.query_opt(sql, &[&table.0, &column.attnum]).await;
    let row = row.map_err(|error| pg_error("look at a new column", error))?;
    let Some(row) = row else { return Ok(Missing::Nothing) };
    let (has_value, value, has_more): (bool, Option<String>, bool) =
        (row.get(0), row.get(1), row.get(2));
    Ok(match (has_value, value) {
        (true, Some(text)) => of_text(column, text),
        (true, None) => Missing::Unknown,
        // Otherwise a default was set later, and what it gave to rows of before is in the log.
        (false, _) if has_more && is_rewritten => Missing::Unknown,
        (false, _) => Missing::Nothing,
    })
}

/// As far as both sides read the text alike.
fn of_text(column: &Column, text: String) -> Missing {
    match column.pg.kind() {
        Kind::Bool => Missing::Value(if text == "t" { "true" } else { "false" }.to_owned()),
        Kind::Array(_) if text == "{}" => Missing::Nothing,
        // `2026-11-25 10:11:12.5+00`: the session's zone is UTC.
        Kind::Timestamp if in_range(&text) => Missing::Value(text.trim_end_matches("+00").into()),
        Kind::Float32 | Kind::Float64 if text.parse::<f64>().is_ok_and(f64::is_finite) => {
            Missing::Value(text)
        }
        // Row types are kept as JSON, money without its sign.
        _ if matches!(column.pg, PgType::Bytea | PgType::Composite(_) | PgType::Money(_)) => {
            Missing::Unknown
        }
        Kind::Int16
        | Kind::Int32
        | Kind::Int64
        | Kind::UInt32
        | Kind::UInt64
        | Kind::Decimal { .. }
        | Kind::Uuid => Missing::Value(text),
        Kind::Date if in_range(&text) => Missing::Value(text),
        Kind::Text => Missing::Value(text),
        _ => Missing::Unknown,
    }
}

/// Whether it is of a year that ClickHouse has, written as ISO.
fn in_range(text: &str) -> bool {
    let year = text.get(..5).and_then(|start| start.strip_suffix('-'));
    let year = year.and_then(|year| year.parse::<u16>().ok());
    year.is_some_and(|year| (1901..2299).contains(&year)) && !text.ends_with("BC")
}

/// The DEFAULT clause of a column of that ClickHouse type.
pub(super) fn default(value: &str, clickhouse: &str) -> String {
    format!(" DEFAULT CAST({}, {})", ddl::literal(value), ddl::literal(clickhouse))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(type_oid: u32, text: &str) -> Option<String> {
        let pg = PgType::of_builtin(type_oid, -1, 0).unwrap();
        let (name, type_name) = (String::new(), String::new());
        let column =
            Column { name, attnum: 2, type_oid, typmod: -1, pg, type_name, not_null: true };
        match of_text(&column, text.to_owned()) {
            Missing::Nothing => Some(String::new()),
            Missing::Value(text) => Some(text),
            Missing::Unknown => None,
        }
    }

    #[test]
    fn constants_are_taken_where_both_sides_read_them_alike() {
        assert_eq!(of(16, "t").as_deref(), Some("true"));
        assert_eq!(of(1184, "2026-11-25 10:11:12.5+00").as_deref(), Some("2026-11-25 10:11:12.5"));
        assert_eq!(of(1114, "infinity"), None);
        assert_eq!(of(1082, "0044-03-15 BC"), None);
        assert_eq!(of(1082, "12044-03-15"), None);
        assert_eq!(of(701, "NaN"), None);
        assert_eq!(of(701, "-1.5e-300").as_deref(), Some("-1.5e-300"));
        assert_eq!(of(1007, "{}").as_deref(), Some(""));
        assert_eq!(of(1007, "{1}"), None);
        assert_eq!(of(17, "\\x00"), None);
        assert_eq!(of(3802, "{}").as_deref(), Some("{}"));
    }
}
