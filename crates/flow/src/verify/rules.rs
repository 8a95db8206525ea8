//! Rules of a column, stated in Postgres's SQL: what becomes NULL there, and what a NULL becomes.

use super::canon::is_integer;
use super::decimal::decimal_scale;
use model::{Kind, PgType};
use source::client::literal;

/// The years that ClickHouse's times have.
pub(super) const FIRST: &str = "1900-01-01";
pub(super) const LAST: &str = "2299-12-31";

/// Whether the column can carry `from`, where some values are known that it cannot. `clickhouse` is the
/// type with its spaces, `base` the one within.
pub(super) fn carries(pg: &PgType, clickhouse: &str, base: &str, from: &str) -> Option<String> {
    match pg {
        PgType::Numeric(_) => Some(carries_number(pg, base, from)),
        PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid if is_integer(base) => {
            let (least, most) = integers(base);
            // Of what an oid can be cast to, a text can be cast on.
            Some(format!("({from})::text::numeric BETWEEN {least} AND {most}"))
        }
        PgType::Timestamp => Some(between("timestamp", "", " 23:59:59.999999", from)),
        PgType::Timestamptz => Some(between("timestamptz", "+00", " 23:59:59.999999+00", from)),
        PgType::Date => Some(between("date", "", "", from)),
        _ if base.starts_with("Enum") => {
            let labels: Vec<String> =
                labels(clickhouse).iter().map(|label| literal(label)).collect();
            Some(format!("({from})::text IN ({})", labels.join(", ")))
        }
        _ => None,
    }
}

fn between(pg: &str, zone: &str, time: &str, from: &str) -> String {
    format!("{from} >= {pg} '{FIRST}{zone}' AND {from} <= {pg} '{LAST}{time}'")
}

fn carries_number(pg: &PgType, base: &str, from: &str) -> String {
    // NaN is equal to itself there, and larger than everything; so is Infinity.
    let mut conditions = vec![format!("{from} <> 'NaN'")];
    if let Kind::Decimal { precision, scale } = pg.kind() {
        let digits = precision - scale;
        conditions.push(format!("abs({from}) < 1e{digits}"));
        conditions.push(format!("scale(trim_scale({from})) <= {scale}"));
    }
    if let (Some(scale), Some(precision)) = (decimal_scale(base), decimal_precision(base)) {
        let digits = precision.saturating_sub(scale);
        conditions.push(format!("abs(trunc({from}, {scale})) < 1e{digits}"));
    } else if is_integer(base) {
        let (least, most) = integers(base);
        conditions.push(format!("trunc({from}) BETWEEN {least} AND {most}"));
    }
    // Infinity has no scale to ask for: conditions are looked at in this order.
    let all = conditions.split_off(1);
    format!(
        "CASE WHEN {} AND abs({from}) < 1e76 THEN {} ELSE false END",
        conditions[0],
        all.join(" AND ")
    )
}

fn decimal_precision(base: &str) -> Option<u8> {
    let (name, arguments) = base.strip_suffix(')')?.split_once('(')?;
    match name {
        "Decimal" => arguments.split(',').next()?.parse().ok(),
        "Decimal32" => Some(9),
        "Decimal64" => Some(18),
        "Decimal128" => Some(38),
        "Decimal256" => Some(76),
        _ => None,
    }
}

/// The least and the most of an integer type, as numbers of Postgres's.
fn integers(base: &str) -> (String, String) {
    let digits = base.trim_start_matches(|c: char| !c.is_ascii_digit());
    match base.starts_with('U') {
        true => ("0".into(), format!("2::numeric ^ {digits} - 1")),
        false => {
            (format!("-(2::numeric ^ ({digits} - 1))"), format!("2::numeric ^ ({digits} - 1) - 1"))
        }
    }
}

/// `Enum8('a' = 1, 'it\'s' = 2)`
fn labels(clickhouse: &str) -> Vec<String> {
    let mut labels = Vec::new();
    let mut letters = clickhouse.chars();
    while letters.by_ref().any(|letter| letter == '\'') {
        let mut label = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' => break,
                '\\' => label.extend(letters.next()),
                letter => label.push(letter),
            }
        }
        labels.push(label);
    }
    labels
}

/// `expression` with a text in the place of NULL, as the type prints it.
pub(super) fn with_default(expression: &str, text: &str) -> String {
    format!(
        "CASE WHEN ({expression}) IS DISTINCT FROM NULL THEN format('%s', {expression}) ELSE {} END",
        literal(text)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_with_their_spaces() {
        let labels = labels(r"Nullable(Enum8('a b' = 1, 'it\'s' = 2, '' = 3))");
        assert_eq!(labels, ["a b", "it's", ""]);
    }

    #[test]
    fn decimals_and_integers_have_their_width() {
        assert_eq!(decimal_precision("Decimal(9,2)"), Some(9));
        assert_eq!(decimal_precision("Decimal64(2)"), Some(18));
        assert_eq!(integers("UInt8").1, "2::numeric ^ 8 - 1");
        assert!(carries(&PgType::Text, "String", "String", "x").is_none());
    }
}
