//! A rule's query: macros put in, asked of the store as whoever owns it, reading only. What the store says of an error
//! may quote values, and is not passed on.

use alerts::{Answer, Ask, BoxFuture, Cell, Column, Kind, Query};
use grafana::{Range, Variables};
use model::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use store::Reader;

const EXECUTION_SECONDS: u64 = 30;
const RESULT_ROWS_MAX: u64 = 100_000;
const RESULT_BYTES_MAX: u64 = 64 << 20;

pub(super) struct OfStore {
    reader: Arc<dyn Reader>,
}

impl OfStore {
    pub(super) fn new(reader: Arc<dyn Reader>) -> OfStore {
        OfStore { reader }
    }

    async fn answer(&self, query: &Query) -> Result<Answer> {
        let range = Range {
            from_ms: query.from,
            to_ms: query.to,
            interval_ms: u64::try_from(query.interval_ms).unwrap_or(1).max(1),
        };
        let sql = grafana::expand(&query.sql, &range, &Variables::default())?;
        let settings = vec![
            ("output_format_json_quote_64bit_integers", "1".to_owned()),
            ("output_format_json_quote_decimals", "1".to_owned()),
            ("output_format_json_quote_denormals", "1".to_owned()),
            ("date_time_output_format", "unix_timestamp".to_owned()),
            ("max_execution_time", EXECUTION_SECONDS.to_string()),
            ("max_result_rows", RESULT_ROWS_MAX.to_string()),
            ("max_result_bytes", RESULT_BYTES_MAX.to_string()),
        ];
        let document = self.reader.document(&sql, "JSONCompact", settings).await?;
        read(&document)
    }
}

impl Ask for OfStore {
    fn ask<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(self.answer(query))
    }
}

#[derive(Deserialize)]
struct Document {
    meta: Vec<Meta>,
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

fn read(document: &[u8]) -> Result<Answer> {
    let document: Document = serde_json::from_slice(document).map_err(|_| {
        Error::definite("cannot read the store's answer to the query")
            .hint("take FORMAT away from it")
    })?;
    let columns = document.meta.iter().enumerate().map(|(at, meta)| {
        let kind = kind(&meta.kind);
        let cells = document.data.iter().map(|row| cell(kind, &meta.kind, row.get(at)));
        Column { name: meta.name.clone(), kind, cells: cells.collect() }
    });
    Ok(Answer { columns: columns.collect() })
}

/// Without what wraps it.
fn inner(kind: &str) -> &str {
    let unwrapped = ["Nullable(", "LowCardinality("]
        .iter()
        .find_map(|wrap| kind.strip_prefix(wrap).and_then(|rest| rest.strip_suffix(')')));
    unwrapped.map_or(kind, inner)
}

fn kind(name: &str) -> Kind {
    let name = inner(name);
    let starts =
        |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    if starts(&["Date"]) {
        Kind::Time
    } else if starts(&["Int", "UInt", "Float", "BFloat", "Decimal"])
        && !name.starts_with("Interval")
    {
        Kind::Number
    } else if name == "Bool" {
        Kind::Bool
    } else {
        Kind::Text
    }
}

fn cell(kind: Kind, name: &str, value: Option<&Value>) -> Cell {
    let value = value.unwrap_or(&Value::Null);
    let text = value.as_str();
    let number = || value.as_f64().or_else(|| text?.parse::<f64>().ok());
    match (kind, value) {
        (_, Value::Null) => Cell::Null,
        (Kind::Bool, value) => value.as_bool().map_or(Cell::Null, Cell::Bool),
        (Kind::Number, _) => number().map_or(Cell::Null, Cell::Number),
        (Kind::Time, _) if inner(name).starts_with("DateTime") => {
            number().map_or(Cell::Null, |seconds| Cell::Time((seconds * 1000.0).round() as i64))
        }
        (Kind::Time, _) => text.and_then(midnight).map_or(Cell::Null, Cell::Time),
        (Kind::Text, Value::String(text)) => Cell::Text(text.clone()),
        (Kind::Text, other) => Cell::Text(other.to_string()),
    }
}

/// Of a date, in UTC.
fn midnight(date: &str) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_rules_query_has_its_range_and_typed_columns() {
        let store = OfStore::new(Arc::new(crate::engine().clone()));
        let sql = "SELECT toDateTime64($__from / 1000, 3, 'UTC') AS t, toDate('2026-01-02') AS d, 'a' AS s, \
                   toUInt64(9) AS n, toDecimal64(1.5, 2) AS m, nan AS x, true AS b, NULL AS nothing \
                   WHERE $__timeFilter(t)";
        let query = |sql: &str| Query {
            sql: sql.into(),
            from: 1_700_000_000_500,
            to: 1_700_000_060_000,
            interval_ms: 1000,
            max_points: 100,
            datasource: "millrace".into(),
        };
        let answer = store.ask(&query(sql)).await.unwrap();
        let cells: Vec<&Cell> = answer.columns.iter().map(|column| &column.cells[0]).collect();
        assert_eq!(cells[0], &Cell::Time(1_700_000_000_500));
        assert_eq!(cells[1], &Cell::Time(1_767_312_000_000));
        assert_eq!(cells[2], &Cell::Text("a".into()));
        assert_eq!((cells[3], cells[4]), (&Cell::Number(9.0), &Cell::Number(1.5)));
        assert!(matches!(cells[5], Cell::Number(x) if x.is_nan()));
        assert_eq!((cells[6], cells[7]), (&Cell::Bool(true), &Cell::Null));
        let error = store.ask(&query("SELECT throwIf(1, 'secret value')")).await.unwrap_err();
        assert!(!error.report().contains("secret"), "{}", error.report());
        assert!(store.ask(&query("CREATE TABLE main.no (x Int8) ENGINE = Memory")).await.is_err());
    }
}
