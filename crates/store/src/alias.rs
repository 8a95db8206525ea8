//! Other names that the engine takes for a type: `int unsigned` is `UInt32`.

/// The types that values are kept in, with their other names. The engine reads all of these in any case.
const NAMES: [(&str, &[&str]); 28] = [
    ("Bool", &["BOOL", "BOOLEAN"]),
    ("Int8", &["BYTE", "INT1", "INT1 SIGNED", "TINYINT", "TINYINT SIGNED"]),
    ("UInt8", &["INT1 UNSIGNED", "TINYINT UNSIGNED"]),
    ("Int16", &["SMALLINT", "SMALLINT SIGNED"]),
    ("UInt16", &["SMALLINT UNSIGNED", "YEAR"]),
    ("Int32", &["INT", "INT SIGNED", "INTEGER", "INTEGER SIGNED", "MEDIUMINT", "MEDIUMINT SIGNED"]),
    ("UInt32", &["INT UNSIGNED", "INTEGER UNSIGNED", "MEDIUMINT UNSIGNED"]),
    ("Int64", &["BIGINT", "BIGINT SIGNED", "SIGNED"]),
    ("UInt64", &["BIGINT UNSIGNED", "BIT", "SET", "UNSIGNED"]),
    ("Float32", &["FLOAT", "REAL", "SINGLE"]),
    ("Float64", &["DOUBLE", "DOUBLE PRECISION"]),
    ("Decimal", &["DEC", "DECIMAL", "FIXED", "NUMERIC"]),
    ("Decimal32", &["DECIMAL32"]),
    ("Decimal64", &["DECIMAL64"]),
    ("Decimal128", &["DECIMAL128"]),
    ("Decimal256", &["DECIMAL256"]),
    ("Date", &["DATE"]),
    ("Date32", &["DATE32"]),
    ("DateTime", &["DATETIME", "DATETIME32", "TIMESTAMP"]),
    ("DateTime64", &["DATETIME64"]),
    ("Time", &["TIME"]),
    ("Time64", &["TIME64"]),
    ("FixedString", &["BINARY"]),
    ("Enum", &["ENUM"]),
    ("IPv4", &["INET4"]),
    ("IPv6", &["INET6"]),
    ("JSON", &["JSON"]),
    (
        "String",
        &[
            "BINARY LARGE OBJECT",
            "BINARY VARYING",
            "BLOB",
            "BYTEA",
            "CHAR",
            "CHAR LARGE OBJECT",
            "CHAR VARYING",
            "CHARACTER",
            "CHARACTER LARGE OBJECT",
            "CHARACTER VARYING",
            "CLOB",
            "LONGBLOB",
            "LONGTEXT",
            "MEDIUMBLOB",
            "MEDIUMTEXT",
            "NATIONAL CHAR",
            "NATIONAL CHAR VARYING",
            "NATIONAL CHARACTER",
            "NATIONAL CHARACTER LARGE OBJECT",
            "NATIONAL CHARACTER VARYING",
            "NCHAR",
            "NCHAR LARGE OBJECT",
            "NCHAR VARYING",
            "NVARCHAR",
            "TEXT",
            "TINYBLOB",
            "TINYTEXT",
            "VARBINARY",
            "VARCHAR",
            "VARCHAR2",
        ],
    ),
];

/// The type under its own name. A length of texts says nothing.
pub(crate) fn own_name(clickhouse: &str) -> String {
    let (name, rest) = clickhouse.split_at(clickhouse.find('(').unwrap_or(clickhouse.len()));
    let plain = name.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_uppercase();
    let is_other = |(_, names): &&(&str, &[&str])| names.contains(&plain.as_str());
    match NAMES.iter().find(is_other) {
        Some((own @ "String", _)) => (*own).to_owned(),
        Some((own, _)) => format!("{own}{rest}"),
        None => clickhouse.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name() {
        for (name, own) in [
            ("int  unsigned", "UInt32"),
            ("Numeric(9, 1)", "Decimal(9, 1)"),
            ("timestamp('UTC')", "DateTime('UTC')"),
            ("DateTime64(3)", "DateTime64(3)"),
            ("varchar(20)", "String"),
            ("Map(String, INT)", "Map(String, INT)"),
        ] {
            assert_eq!(own_name(name), own);
        }
    }
}
