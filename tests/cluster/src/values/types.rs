//! The types that are tried.

use super::{Bound, Shape};

/// What [`TYPES`] needs in a database beside the extensions.
const SETUP: &str = r#"
    create type mood as enum ('sad', 'a "b" {,}', 'NULL', 'glücklich');
    create type pair as (a int4, "B ""b" text);
    create type textrange as range (subtype = text, collation = "C");
    create type floatrange as range (subtype = float8);
    create domain price as numeric(12,3);
    create domain span as int8range;
    create domain paired as pair;
"#;
/// What needs hstore.
const WITH_HSTORE: &str = r#"
    create domain labels as hstore;
    create type wide as (
        i2 int2, i8 int8, f4 float4, f8 float8, n numeric, b bool, t text, c char(4), m mood,
        ts timestamp, tz timestamptz, d date, ti time, iv interval, u uuid, by bytea, j json, jb jsonb,
        h hstore, ints int4[], r numrange, p paired, ps pair[], x xid8);
"#;

/// The extension that the type is of.
fn extension(sql: &str) -> Option<&'static str> {
    match sql {
        "citext" => Some("citext"),
        "hstore" | "labels" | "wide" => Some("hstore"),
        "ltree" | "lquery" => Some("ltree"),
        "cube" => Some("cube"),
        _ => None,
    }
}

/// The types that a server has; the others are named as skipped.
pub fn types(available: &[String]) -> Vec<Type> {
    let is_there = |(sql, _, _): &Type| match extension(sql) {
        Some(extension) => available.iter().any(|name| name == extension),
        None => *sql != "xml" || crate::is_built_with("libxml"),
    };
    let (there, missing): (Vec<Type>, Vec<Type>) = TYPES.iter().partition(|ty| is_there(ty));
    if !missing.is_empty() {
        let names: Vec<&str> = missing.iter().map(|(sql, _, _)| *sql).collect();
        crate::skip(&format!("there is no {}", names.join(", ")));
    }
    there
}

/// What these types need in a database; nothing of it depends on `search_path` but the names.
pub fn setup(available: &[String]) -> String {
    let mut sql = String::new();
    for extension in ["citext", "hstore", "ltree", "cube"] {
        if available.iter().any(|name| name == extension) {
            sql += &format!("create extension {extension};");
        }
    }
    sql += SETUP;
    sql + if available.iter().any(|name| name == "hstore") { WITH_HSTORE } else { "" }
}

/// A type as SQL spells it, its random values and its borders.
pub type Type = (&'static str, Shape, &'static [&'static str]);

const FLOATS: &[&str] = &[
    "0",
    "-0",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e-5",
    "0.0001",
    "0.00012",
    "123456",
    "1234567",
    "1e6",
    "1e5",
    "16777216",
    "33554432",
    "1.1754944e-38",
    "3.4028235e38",
    "1e-45",
    "0.1",
];
const DOUBLES: &[&str] = &[
    "0",
    "-0",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e-5",
    "0.0001",
    "123456789012345",
    "1e15",
    "1e14",
    "1234567890123456",
    "2.2250738585072014e-308",
    "1.7976931348623157e308",
    "5e-324",
    "0.3",
    "9007199254740993",
    "1e22",
    "1e23",
];
const STAMPS: &[&str] = &[
    "infinity",
    "-infinity",
    "0001-01-01 00:00:00",
    "4713-01-01 00:00:00 BC",
    "0001-12-31 23:59:59.999999 BC",
    "294276-12-31 23:59:59.999999",
    "1900-01-01 00:00:00",
    "1899-12-31 23:59:59.999999",
    "2299-12-31 23:59:59.999999",
    "2300-01-01 00:00:00",
    "1970-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "2000-02-29 12:00:00.5",
    "epoch",
];
const DATES: &[&str] = &[
    "infinity",
    "-infinity",
    "0001-01-01",
    "4713-01-01 BC",
    "0001-12-31 BC",
    "5874897-12-31",
    "1900-01-01",
    "1899-12-31",
    "2299-12-31",
    "2300-01-01",
    "1970-01-01",
    "2000-02-29",
];
const ANY_NUMERIC: &[&str] = &[
    "0",
    "-0.00",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e38",
    "-1e38",
    "1e37",
    "1e-38",
    "1e-39",
    "1e-40",
    "9999",
    "10000",
    "0.0001",
    "0.00009",
    "1e1000",
    "1e-1000",
    "1e131071",
    "1e-16383",
    "99999999999999999999999999999999999999.99999999999999999999999999999999999999",
    "1.50000",
    "0.00000000000000000000000000000000000000000000",
];

const TYPES: &[Type] = &[
    ("bool", Shape::Bool, &[]),
    ("int2", Shape::Int(16), &["-32768", "32767", "0"]),
    ("int4", Shape::Int(32), &["-2147483648", "2147483647"]),
    ("int8", Shape::Int(64), &["-9223372036854775808", "9223372036854775807"]),
    ("oid", Shape::Oid, &["0", "4294967295"]),
    ("float4", Shape::Float4, FLOATS),
    ("float8", Shape::Float8, DOUBLES),
    ("numeric", Shape::AnyNumeric, ANY_NUMERIC),
    ("numeric(1,0)", Shape::Numeric(1, 0), &["NaN", "9", "-9", "0"]),
    ("numeric(9,2)", Shape::Numeric(9, 2), &["9999999.99", "-9999999.99"]),
    ("numeric(10,2)", Shape::Numeric(10, 2), &["99999999.99", "NaN"]),
    ("numeric(18,18)", Shape::Numeric(18, 18), &["0.999999999999999999"]),
    ("numeric(19,4)", Shape::Numeric(19, 4), &["999999999999999.9999", "10000", "0.0001"]),
    ("numeric(38,10)", Shape::Numeric(38, 10), &["9999999999999999999999999999.9999999999"]),
    ("numeric(38,38)", Shape::Numeric(38, 38), &["1e-38", "-1e-38"]),
    ("numeric(39,0)", Shape::Numeric(39, 0), &["999999999999999999999999999999999999999"]),
    ("numeric(39,3)", Shape::Numeric(39, 3), &["0.001"]),
    ("numeric(76,38)", Shape::Numeric(76, 38), &["1e-38", "NaN"]),
    ("numeric(76,75)", Shape::Numeric(76, 75), &["-9.5"]),
    ("numeric(76,0)", Shape::Numeric(76, 0), &["1e75", "-1e75"]),
    ("numeric(77,0)", Shape::Numeric(77, 0), &["1e76", "NaN"]),
    ("numeric(1000,500)", Shape::Numeric(1000, 500), &["1e-500"]),
    ("numeric(5,-2)", Shape::Numeric(5, -2), &["9999900", "149"]),
    ("numeric(3,5)", Shape::Numeric(3, 5), &["0.00999", "-0.00001"]),
    ("numeric(2,-8)", Shape::Numeric(2, -8), &["9900000000"]),
    ("numeric(70,-10)", Shape::Numeric(70, -10), &[]),
    ("price", Shape::Numeric(12, 3), &["NaN", "-0.001"]),
    ("text", Shape::Text(60), &["", "NULL"]),
    ("varchar", Shape::Text(30), &[]),
    ("varchar(20)", Shape::Text(20), &[]),
    ("char(12)", Shape::Text(12), &[""]),
    ("\"char\"", Shape::Of(&["a", ""]), &[]),
    ("citext", Shape::Text(20), &["ABC"]),
    ("name", Shape::Text(12), &[""]),
    ("xml", Shape::Of(&["<a b=\"c\">d é</a>", "text", "<?xml version=\"1.0\"?><r/>"]), &[]),
    ("bit(7)", Shape::Bits(7, 7), &[]),
    ("varbit", Shape::Bits(0, 70), &[]),
    ("mood", Shape::Of(&["sad", "a \"b\" {,}", "NULL", "glücklich"]), &[]),
    ("uuid", Shape::Uuid, &["00000000-0000-0000-0000-000000000000"]),
    ("timestamp", Shape::Timestamp, STAMPS),
    ("timestamp(3)", Shape::Timestamp, &["infinity"]),
    ("timestamptz", Shape::Timestamptz, STAMPS),
    ("date", Shape::Date, DATES),
    ("time", Shape::Time, &["00:00:00", "24:00:00", "23:59:59.999999"]),
    ("timetz", Shape::Timetz, &["24:00:00+00", "00:00:00+15:59:59", "00:00:00-15:59:59"]),
    (
        "interval",
        Shape::Interval,
        &[
            "0",
            "178956970 years 7 months",
            "-178956970 years -8 months",
            "2147483647 days",
            "-2147483648 days",
            "9223372036854775807 microseconds",
            "-1 month 1 day -1 second",
            "-9223372036854775807 microseconds",
            "1 year -1 month",
            "-1 day 00:00:01",
            "-00:00:00.5",
        ],
    ),
    ("json", Shape::Json, &["  {\"a\" : 1}  "]),
    ("jsonb", Shape::Json, &[]),
    ("bytea", Shape::Bytea, &["\\x", "\\x00"]),
    (
        "inet",
        Shape::Inet,
        &["0.0.0.0/0", "::ffff:1.2.3.4", "::1.2.3.4", "::", "::1", "1::", "1:0:0:2::"],
    ),
    ("cidr", Shape::Cidr, &["10.0.0.0/8", "::/0", "::1", "0.0.0.0/0"]),
    ("macaddr", Shape::Macaddr(6), &[]),
    ("macaddr8", Shape::Macaddr(8), &[]),
    ("money", Shape::Money, &["-92233720368547758.08", "92233720368547758.07", "-0.01", "1000"]),
    ("xid", Shape::Oid, &["0", "4294967295"]),
    ("cid", Shape::Oid, &["4294967295"]),
    ("xid8", Shape::Int(63), &["18446744073709551615"]),
    ("tid", Shape::Tid, &["(0,0)", "(4294967295,65535)"]),
    ("pg_lsn", Shape::Lsn, &["0/0", "FFFFFFFF/FFFFFFFF"]),
    ("pg_snapshot", Shape::Snapshot, &["1:1:"]),
    ("txid_snapshot", Shape::Snapshot, &["10:20:10,14,15"]),
    ("point", Shape::Floats(2, "(,)"), &["(NaN,Infinity)", "(-0,1e-320)"]),
    ("box", Shape::Floats(4, "(),()"), &[]),
    ("lseg", Shape::Floats(4, "[(),()]"), &[]),
    ("line", Shape::Line, &["{1,-1,0}"]),
    ("circle", Shape::Floats(3, "<(),>"), &["<(0,0),0>"]),
    ("path", Shape::Path, &["((1,2))", "[(1,2)]"]),
    ("polygon", Shape::Polygon, &["((1,2))"]),
    ("tsvector", Shape::Tsvector, &["", "'a b':1A '''':2,3B"]),
    (
        "tsquery",
        Shape::Tsquery,
        &["", "!(a & b) | c", "a <-> (b <-> c)", "a <3> b:*AB", "(a | b) & !!c"],
    ),
    ("jsonpath", Shape::Of(&["$", "$.a[*] ? (@ > 1)", "strict $.\"x y\""]), &[]),
    ("hstore", Shape::Hstore, &["", "a=>NULL", "\"\"=>\"NULL\""]),
    ("ltree", Shape::Ltree, &["", "Top.Science"]),
    ("lquery", Shape::Of(&["*", "Top.*{0,2}.sport*@.!football|tennis.Russ*|Spain"]), &[]),
    ("cube", Shape::Cube, &["(1,2,3)", "(1,2),(1,2)", "()"]),
    ("int2vector", Shape::Oids("int2"), &["", "-32768 32767"]),
    ("oidvector", Shape::Oids("oid"), &["", "4294967295"]),
    ("int4range", Shape::Range(Bound::Int4), &["empty", "(,)"]),
    ("int8range", Shape::Range(Bound::Int8), &["[-9223372036854775808,9223372036854775806]"]),
    ("numrange", Shape::Range(Bound::Numeric), &["[1.50,NaN]", "[-Infinity,1e40)", "[1e-40,)"]),
    ("tsrange", Shape::Range(Bound::Timestamp), &["[-infinity,infinity]", "[1800-01-01,)"]),
    (
        "tstzrange",
        Shape::Range(Bound::Timestamptz),
        &["[-infinity,infinity)", "(,2400-01-01 00:00:00+00]"],
    ),
    ("daterange", Shape::Range(Bound::Date), &["[-infinity,2299-12-31)", "(,)"]),
    ("textrange", Shape::Range(Bound::Text), &["[\"\",\"a\\\"\"\"b\\\\ ]\"]"]),
    ("floatrange", Shape::Range(Bound::Float8), &["[-0,NaN]", "(-Infinity,Infinity)"]),
    ("int4multirange", Shape::Multirange(Bound::Int4), &["{}", "{(,)}", "{empty}"]),
    ("nummultirange", Shape::Multirange(Bound::Numeric), &["{[1.0,2.00],(5,NaN]}"]),
    (
        "tstzmultirange",
        Shape::Multirange(Bound::Timestamptz),
        &["{[-infinity,2000-01-01),[2001-01-01,infinity]}"],
    ),
    ("textmultirange", Shape::Multirange(Bound::Text), &["{[\"a,b\",\"a}\"]}"]),
    ("span", Shape::Range(Bound::Int8), &["empty"]),
    ("labels", Shape::Hstore, &[]),
    ("pair", Shape::Pair, &["(,)", "(1,\"a b\")", "(,\"\")"]),
    ("wide", Shape::Wide, &["(,,,,,,,,,,,,,,,,,,,,,,,)"]),
];

/// Types of extensions that a server may lack.
pub const EXTENSIONS: &[(&str, &[Type])] = &[
    (
        "vector",
        &[
            ("vector", Shape::Vector, &["[0,-0,1e-45,3.4028235e38]"]),
            ("vector(3)", Shape::Of(&["[1,2,3]", "[0.1,-1e10,5e-20]"]), &[]),
            ("halfvec", Shape::Of(&["[1,-2.5,65504]", "[6.1e-05,0.1]"]), &["[6e-08,-0]"]),
            ("sparsevec", Shape::Of(&["{1:0.5,3:2}/5", "{}/3"]), &["{2:3.4028235e38}/16000"]),
        ],
    ),
    (
        "postgis",
        &[
            ("geometry", Shape::Of(&["POINT(1 2)", "LINESTRING(0 0,1 1.5)"]), &["POINT EMPTY"]),
            ("geography", Shape::Of(&["SRID=4326;POINT(-110 30)"]), &[]),
        ],
    ),
];
