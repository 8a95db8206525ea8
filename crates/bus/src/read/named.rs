//! Postgres's names of types, as people and `format_type()` write them: what a column is declared as.

use model::{PgType, Printed};
use std::fmt::Write;

/// A type by its name: `numeric(10,2)`, `timestamp with time zone`, `integer[]`.
pub fn named(name: &str) -> Option<PgType> {
    Declared::parse(name).map(|declared| declared.pg)
}

/// A declared type, and what its modifier says of the form in which Debezium sends its values.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Declared {
    pub(super) pg: PgType,
    /// Digits of a second, or bits.
    pub(super) modifier: Option<u32>,
}

impl Declared {
    pub(super) fn parse(name: &str) -> Option<Declared> {
        let mut name = name.trim().to_ascii_lowercase();
        let mut dimensions = 0u8;
        while let Some(inner) = name.strip_suffix(']') {
            let open = inner.rfind('[')?;
            if !inner[open + 1..].trim().bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            name = inner[..open].trim_end().to_owned();
            dimensions = dimensions.checked_add(1).filter(|&dimensions| dimensions <= 6)?;
        }
        let (base, modifiers) = split(&name)?;
        let pg = scalar(&base, &modifiers)?;
        let modifier = modifiers.first().and_then(|&first| u32::try_from(first).ok());
        let pg = match dimensions {
            0 => pg,
            _ => PgType::Array(Box::new(pg), dimensions),
        };
        Some(Declared { pg, modifier })
    }
}

/// `timestamp(3) with time zone` is `timestamp with time zone` and 3.
fn split(name: &str) -> Option<(String, Vec<i32>)> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((before, behind)) = name.split_once('(') else { return Some((words(name), vec![])) };
    let (inside, after) = behind.split_once(')')?;
    let modifiers = inside.split(',').map(|part| part.trim().parse().ok());
    Some((words(&format!("{before} {after}")), modifiers.collect::<Option<Vec<i32>>>()?))
}

fn scalar(base: &str, modifiers: &[i32]) -> Option<PgType> {
    let range = |bound| PgType::Range(Box::new(bound));
    let multirange = |bound| PgType::Multirange(Box::new(bound));
    let base = base.strip_prefix("pg_catalog.").unwrap_or(base).trim_matches('"');
    Some(match base {
        "bool" | "boolean" => PgType::Bool,
        "int2" | "smallint" | "smallserial" => PgType::Int2,
        "int4" | "int" | "integer" | "serial" => PgType::Int4,
        "int8" | "bigint" | "bigserial" => PgType::Int8,
        "oid" | "xid" | "cid" => PgType::Oid,
        "xid8" => PgType::Xid8,
        "float4" | "real" => PgType::Float4,
        "float8" | "float" | "double precision" => PgType::Float8,
        "numeric" | "decimal" | "dec" => PgType::Numeric(match *modifiers {
            [] => None,
            [precision] => Some((digits(precision)?, 0)),
            [precision, scale] => {
                let scale = i16::try_from(scale).ok()?;
                Some((digits(precision)?, (-1000..=1000).contains(&scale).then_some(scale)?))
            }
            _ => return None,
        }),
        "money" => PgType::Money(2),
        "text" | "varchar" | "character varying" | "char" | "character" | "bpchar" | "citext"
        | "name" | "xml" | "refcursor" => PgType::Text,
        "enum" => PgType::Enum,
        "bytea" => PgType::Bytea,
        "uuid" => PgType::Uuid,
        "timestamp" | "timestamp without time zone" => PgType::Timestamp,
        "timestamptz" | "timestamp with time zone" => PgType::Timestamptz,
        "date" => PgType::Date,
        "time" | "time without time zone" => PgType::Time,
        "timetz" | "time with time zone" => PgType::Timetz,
        "interval" => PgType::Interval,
        "json" => PgType::Json,
        "jsonb" => PgType::Jsonb,
        "point" => PgType::Point,
        "polygon" => PgType::Polygon,
        "vector" => PgType::Vector,
        "halfvec" => PgType::Halfvec,
        "hstore" => PgType::Hstore,
        "inet" | "cidr" => PgType::Printed(Printed::Inet),
        "macaddr" | "macaddr8" => PgType::Printed(Printed::Macaddr),
        "bit" | "varbit" | "bit varying" => PgType::Printed(Printed::Bits),
        "pg_lsn" => PgType::Printed(Printed::Lsn),
        "tid" => PgType::Printed(Printed::Tid),
        "tsvector" => PgType::Printed(Printed::Tsvector),
        "tsquery" => PgType::Printed(Printed::Tsquery),
        "ltree" | "lquery" | "ltxtquery" | "jsonpath" => PgType::Printed(Printed::Versioned),
        "geometry" | "geography" => PgType::Printed(Printed::Ewkb),
        "lseg" => PgType::Printed(Printed::Lseg),
        "path" => PgType::Printed(Printed::Path),
        "box" => PgType::Printed(Printed::Box),
        "line" => PgType::Printed(Printed::Line),
        "circle" => PgType::Printed(Printed::Circle),
        "int4range" => range(PgType::Int4),
        "int8range" => range(PgType::Int8),
        "numrange" => range(PgType::Numeric(None)),
        "tsrange" => range(PgType::Timestamp),
        "tstzrange" => range(PgType::Timestamptz),
        "daterange" => range(PgType::Date),
        "int4multirange" => multirange(PgType::Int4),
        "int8multirange" => multirange(PgType::Int8),
        "nummultirange" => multirange(PgType::Numeric(None)),
        "tsmultirange" => multirange(PgType::Timestamp),
        "tstzmultirange" => multirange(PgType::Timestamptz),
        "datemultirange" => multirange(PgType::Date),
        _ => return None,
    })
}

fn digits(precision: i32) -> Option<u16> {
    u16::try_from(precision).ok().filter(|precision| (1..=1000).contains(precision))
}

/// As Postgres spells it, for messages and comments.
pub(super) fn spelled(pg: &PgType) -> String {
    let name = match pg {
        PgType::Bool => "boolean",
        PgType::Int2 => "smallint",
        PgType::Int4 => "integer",
        PgType::Int8 => "bigint",
        PgType::Oid => "oid",
        PgType::Xid8 => "xid8",
        PgType::Float4 => "real",
        PgType::Float8 => "double precision",
        PgType::Numeric(None) => "numeric",
        PgType::Numeric(Some((precision, scale))) => {
            return format!("numeric({precision},{scale})");
        }
        PgType::Money(_) => "money",
        PgType::Enum => "enum",
        PgType::Bytea => "bytea",
        PgType::Uuid => "uuid",
        PgType::Timestamp => "timestamp without time zone",
        PgType::Timestamptz => "timestamp with time zone",
        PgType::Date => "date",
        PgType::Time => "time without time zone",
        PgType::Timetz => "time with time zone",
        PgType::Interval => "interval",
        PgType::Json => "json",
        PgType::Jsonb => "jsonb",
        PgType::Point => "point",
        PgType::Polygon => "polygon",
        PgType::Vector => "vector",
        PgType::Halfvec => "halfvec",
        PgType::Hstore => "hstore",
        PgType::Printed(Printed::Inet) => "inet",
        PgType::Printed(Printed::Macaddr) => "macaddr",
        PgType::Printed(Printed::Bits) => "bit varying",
        PgType::Printed(Printed::Lsn) => "pg_lsn",
        PgType::Printed(Printed::Tid) => "tid",
        PgType::Printed(Printed::Tsvector) => "tsvector",
        PgType::Printed(Printed::Tsquery) => "tsquery",
        PgType::Printed(Printed::Versioned) => "ltree",
        PgType::Printed(Printed::Ewkb) => "geometry",
        PgType::Printed(Printed::Lseg) => "lseg",
        PgType::Printed(Printed::Path) => "path",
        PgType::Printed(Printed::Box) => "box",
        PgType::Printed(Printed::Line) => "line",
        PgType::Printed(Printed::Circle) => "circle",
        PgType::Range(bound) | PgType::Multirange(bound) => {
            let stem = match **bound {
                PgType::Int4 => "int4",
                PgType::Int8 => "int8",
                PgType::Timestamp => "ts",
                PgType::Timestamptz => "tstz",
                PgType::Date => "date",
                _ => "num",
            };
            let multi = if matches!(pg, PgType::Range(_)) { "" } else { "multi" };
            return format!("{stem}{multi}range");
        }
        PgType::Array(element, dimensions) => {
            let mut name = spelled(element);
            for _ in 0..*dimensions {
                let _ = name.write_str("[]");
            }
            return name;
        }
        PgType::AsText(inner) => return spelled(inner),
        _ => "text",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_people_and_postgres_write_them() {
        let array = |pg, dimensions| PgType::Array(Box::new(pg), dimensions);
        for (name, pg) in [
            ("numeric(10,2)", PgType::Numeric(Some((10, 2)))),
            ("NUMERIC( 10 , -2 )", PgType::Numeric(Some((10, -2)))),
            ("decimal(7)", PgType::Numeric(Some((7, 0)))),
            ("timestamptz", PgType::Timestamptz),
            ("timestamp(3) with time zone", PgType::Timestamptz),
            ("timestamp with time zone", PgType::Timestamptz),
            ("timestamp(3) without time zone", PgType::Timestamp),
            ("character varying(20)", PgType::Text),
            ("varchar(20)", PgType::Text),
            ("int4[]", array(PgType::Int4, 1)),
            ("integer[][]", array(PgType::Int4, 2)),
            ("numeric(10,2)[]", array(PgType::Numeric(Some((10, 2))), 1)),
            ("double  precision", PgType::Float8),
            ("bit(4)", PgType::Printed(Printed::Bits)),
            ("tstzrange", PgType::Range(Box::new(PgType::Timestamptz))),
        ] {
            assert_eq!(named(name), Some(pg.clone()), "{name}");
            assert_eq!(named(&spelled(&pg)), Some(pg), "{name}");
        }
        for name in ["", "numeric(0)", "numeric(a)", "numeric(1,2,3)", "int4[", "int4]", "strange"]
        {
            assert_eq!(named(name), None, "{name}");
        }
        assert_eq!(Declared::parse("timestamp(3)").unwrap().modifier, Some(3));
    }
}
