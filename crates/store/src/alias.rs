//! Other names that the engine takes for the types of numbers and times: `int unsigned` is `UInt32`.

use std::borrow::Cow;

/// The types whose values may not fit, with their other names. The engine reads all of these in any case.
const NAMES: [(&str, &[&str]); 17] = [
    ("Int8", &["BYTE", "INT1", "INT1 SIGNED", "TINYINT", "TINYINT SIGNED"]),
    ("UInt8", &["INT1 UNSIGNED", "TINYINT UNSIGNED"]),
    ("Int16", &["SMALLINT", "SMALLINT SIGNED"]),
    ("UInt16", &["SMALLINT UNSIGNED", "YEAR"]),
    ("Int32", &["INT", "INT SIGNED", "INTEGER", "INTEGER SIGNED", "MEDIUMINT", "MEDIUMINT SIGNED"]),
    ("UInt32", &["INT UNSIGNED", "INTEGER UNSIGNED", "MEDIUMINT UNSIGNED"]),
    ("Int64", &["BIGINT", "BIGINT SIGNED", "SIGNED"]),
    ("UInt64", &["BIGINT UNSIGNED", "BIT", "SET", "UNSIGNED"]),
    ("Decimal", &["DEC", "DECIMAL", "FIXED", "NUMERIC"]),
    ("Decimal32", &["DECIMAL32"]),
    ("Decimal64", &["DECIMAL64"]),
    ("Decimal128", &["DECIMAL128"]),
    ("Decimal256", &["DECIMAL256"]),
    ("Date", &["DATE"]),
    ("Date32", &["DATE32"]),
    ("DateTime", &["DATETIME", "DATETIME32", "TIMESTAMP"]),
    ("DateTime64", &["DATETIME64"]),
];

/// The type under its own name.
pub(crate) fn own_name(clickhouse: &str) -> Cow<'_, str> {
    let (name, rest) = clickhouse.split_at(clickhouse.find('(').unwrap_or(clickhouse.len()));
    let plain = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let is_other = |(_, names): &&(&str, &[&str])| names.contains(&plain.as_str());
    match NAMES.iter().find(is_other) {
        Some((own, _)) => Cow::Owned(format!("{own}{rest}")),
        None => Cow::Borrowed(clickhouse),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name() {
        for (name, own) in [
            ("int  unsigned", "UInt32"),
            ("Numeric(9, 1)", "Decimal(9, 1)"),
            ("timestamp('UTC')", "DateTime('UTC')"),
            ("DateTime64(3)", "DateTime64(3)"),
            ("Map(String, INT)", "Map(String, INT)"),
        ] {
            assert_eq!(own_name(name), own);
        }
    }
}
