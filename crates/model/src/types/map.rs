//! The type map as users read it. `docs/types.md` is made from [`ROWS`], and each row's samples are
//! checked against what the code makes of them.

#[cfg(test)]
use super::PgType;
use std::fmt::Write;

/// Types of Postgres's that become the same in ClickHouse.
pub struct Row {
    pub postgres: &'static str,
    pub clickhouse: &'static str,
    pub rule: &'static str,
    /// Oids of built-in types among them, with the ClickHouse type that each becomes.
    pub samples: &'static [(u32, &'static str)],
}

const fn row(
    postgres: &'static str,
    clickhouse: &'static str,
    rule: &'static str,
    samples: &'static [(u32, &'static str)],
) -> Row {
    Row { postgres, clickhouse, rule, samples }
}

pub const ROWS: &[Row] = &[
    row("`bool`", "`Bool`", "", &[(16, "Bool")]),
    row(
        "`int2`, `int4`, `int8`",
        "`Int16`, `Int32`, `Int64`",
        "",
        &[(21, "Int16"), (23, "Int32"), (20, "Int64")],
    ),
    row("`oid`, `xid`, `cid`", "`UInt32`", "", &[(26, "UInt32"), (28, "UInt32"), (29, "UInt32")]),
    row("`xid8`", "`UInt64`", "", &[(5069, "UInt64")]),
    row(
        "`float4`, `float8`",
        "`Float32`, `Float64`",
        "NaN and ±Infinity are carried; every NaN is the same one",
        &[(700, "Float32"), (701, "Float64")],
    ),
    row(
        "`numeric(p,s)`",
        "`Decimal(p,s)`, up to 76 digits; beyond that `String`",
        "NaN, ±Infinity: quarantined",
        &[],
    ),
    row(
        "`numeric`",
        "`Decimal(76,38)`",
        "NaN, ±Infinity, or more digits than fit: quarantined",
        &[(1700, "Decimal(76, 38)")],
    ),
    row(
        "`money`",
        "`Decimal(19,2)`",
        "with as many digits after the point as the database's `lc_monetary` has, mostly 2",
        &[],
    ),
    row(
        "`text`, `varchar`, `char`, `citext`, `name`, `xml`, `refcursor`",
        "`String`",
        "`char(n)` with its blanks",
        &[(25, "String"), (1043, "String"), (1042, "String"), (19, "String"), (142, "String")],
    ),
    row("enum", "`LowCardinality(String)`", "the label; added ones need nothing", &[]),
    row("`uuid`", "`UUID`", "", &[(2950, "UUID")]),
    row(
        "`timestamptz`, `timestamp`",
        "`DateTime64(6, 'UTC')`",
        "a `timestamp` without zone is its wall clock, pinned to UTC; ±infinity and years outside \
         1900..2299 are clamped and counted",
        &[(1184, "DateTime64(6, 'UTC')"), (1114, "DateTime64(6, 'UTC')")],
    ),
    row("`date`", "`Date32`", "clamped and counted likewise", &[(1082, "Date32")]),
    row("`time`", "`Time64(6)`", "", &[(1083, "Time64(6)")]),
    row(
        "`timetz`, `interval`",
        "`String`",
        "as Postgres prints it (`IntervalStyle` postgres): months, days and µs stay apart, and NULL \
         stays NULL, which a Tuple could not say",
        &[(1266, "String"), (1186, "String")],
    ),
    row(
        "`json`, `jsonb`",
        "`String`",
        "`json` byte for byte, `jsonb` as Postgres prints it; `JSON` where configured, which takes \
         objects only: anything else is quarantined",
        &[(114, "String"), (3802, "String")],
    ),
    row("`bytea`", "`String`", "the bytes themselves", &[(17, "String")]),
    row(
        "arrays of any type here",
        "`Array(Nullable(T))`, nested to the declared depth",
        "another depth: quarantined; lower bounds are not kept; a NULL array becomes an empty one, \
         counted. Elements that ClickHouse has no NULL of (`hstore`, `point`, …) follow the rule of \
         their own row",
        &[(1007, "Array(Nullable(Int32))"), (1017, "Array(Point)")],
    ),
    row("`hstore`", "`Map(String, Nullable(String))`", "NULL becomes an empty map, counted", &[]),
    row(
        "ranges of any type that may be NULL in ClickHouse",
        "`Tuple(lower Nullable(T), upper Nullable(T), bounds String)`",
        "`bounds` is `[)`, `(]`, `[]`, `()` or `empty`; a bound that is not there is NULL. A NULL range \
         has `bounds = ''`, which no other has. Bounds are clamped and counted, or quarantined, as \
         values of their type are",
        &[
            (3904, "Tuple(lower Nullable(Int32), upper Nullable(Int32), bounds String)"),
            (3912, "Tuple(lower Nullable(Date32), upper Nullable(Date32), bounds String)"),
        ],
    ),
    row(
        "multiranges",
        "`Array(Tuple(lower …, upper …, bounds String))`",
        "a NULL one becomes an empty one, counted",
        &[(4451, "Array(Tuple(lower Nullable(Int32), upper Nullable(Int32), bounds String))")],
    ),
    row(
        "row types",
        "`String`",
        "as JSON, spelt as `to_json` spells it: `{\"a\":1,\"b\":null}`; `JSON` where configured. When \
         the type gets or loses a field, rows are quarantined until the next start",
        &[],
    ),
    row("`point`", "`Point`", "NULL becomes (NaN, NaN), counted", &[(600, "Point")]),
    row("`polygon`", "`Ring`", "NULL becomes an empty one, which no polygon is", &[(604, "Ring")]),
    row(
        "`box`, `lseg`, `line`, `path`, `circle`, `cube`",
        "`String`",
        "as Postgres prints it",
        &[(603, "String"), (601, "String"), (628, "String"), (602, "String"), (718, "String")],
    ),
    row(
        "`inet`, `cidr`, `macaddr`, `macaddr8`",
        "`String`",
        "as Postgres prints it: an `inet` with its netmask where it has one",
        &[(869, "String"), (650, "String"), (829, "String"), (774, "String")],
    ),
    row("`bit`, `varbit`", "`String`", "`0101`", &[(1560, "String"), (1562, "String")]),
    row(
        "`tsvector`, `tsquery`, `jsonpath`, `ltree`, `lquery`, `ltxtquery`, `pg_lsn`, `tid`, \
         `pg_snapshot`, `\"char\"`, `int2vector`, `oidvector`",
        "`String`",
        "as Postgres prints it",
        &[(3614, "String"), (3615, "String"), (4072, "String"), (3220, "String"), (18, "String")],
    ),
    row(
        "pgvector's `vector`, `halfvec`",
        "`Array(Float32)`",
        "NULL becomes an empty one, which no vector is; `sparsevec` is a `String` as it is printed",
        &[],
    ),
    row("PostGIS's `geometry`, `geography`", "`String`", "EWKB in hex, as Postgres prints it", &[]),
    row("domains", "as their base type", "", &[]),
    row(
        "types without a binary form (`aclitem`, `seg`, `isbn`, …)",
        "`String`",
        "as Postgres prints it",
        &[],
    ),
    row(
        "anything else (`regclass` and its like, whose binary form is a number without a name; arrays \
         and rows of types without a binary form)",
        "`String`, `Array(Nullable(String))`",
        "as Postgres prints it; the stream is asked for text instead of binary, which is slower for \
         all its tables: `millrace check` names such columns",
        &[],
    ),
];

const HEAD: &str = "\
<!-- Made from crates/model/src/types/map.rs: MILLRACE_WRITE_DOCS=1 cargo test -p model map -->
# Types

What a column of Postgres becomes in ClickHouse. A NOT NULL column is plain, any other is `Nullable(…)` where ClickHouse has that. An override stands in
`millrace.toml` under `[tables.\"schema.table\".columns]`: `price = { type = \"Float64\" }`; the engine converts on the way in.

| Postgres | ClickHouse | rule |
| --- | --- | --- |
";

const TAIL: &str = "
## Types to choose

| values of | may be kept as | refused |
| --- | --- | --- |
| any type | `String`, as Postgres prints them | |
| `bool` | whole numbers | |
| whole numbers | whole numbers, `Decimal`, `Bool`, `Float32`, `Float64`, `DateTime` (seconds since 1970) | what the type does not reach; in a `Bool` all but 0 and 1 |
| `float4`, `float8` | `Float32`, `Float64`, whole numbers | what the type does not reach; in whole numbers fractions, and beyond ±2⁵³ everything |
| `numeric`, `money` | `Decimal`, whole numbers, `Float32`, `Float64` | digits that the type has not, before the point and behind it |
| `timestamptz`, `timestamp` | `DateTime64(…)`, `DateTime`, `Date`, `Date32` | what the type does not reach: a `DateTime` begins in 1970 and ends in 2106 |
| `date` | `Date`, `Date32`, `DateTime('UTC')`, `DateTime64(…, 'UTC')` | likewise |
| `time` | `Time64(…)` | |
| texts of all kinds | `FixedString(…)`, `Enum8(…)`, `UUID`, `IPv4`, `IPv6`, `Bool`, whole numbers, `Decimal`, `Float32`, `Float64`, `Date`, `Date32`, `DateTime('UTC')`, `DateTime64(…, 'UTC')` | a text that is no value of the type as the type itself writes it; in a `FixedString` one of another length |
| `json`, `jsonb`, row types | `JSON` | what is no object |
| arrays | `Array(…)` of what their elements may be kept as | elements that are refused, NULL where the type has none |
| `hstore` | `Map(String, …)` likewise | likewise |

Around each may be `Nullable(…)` and `LowCardinality(…)`, and its other names do as well (`VARCHAR`, `int unsigned`). A `Float` holds the nearest number that it has, and a type with fewer digits of a second
leaves out the others: for that one chooses them. Any other pair is an error, because the engine would change values without a word. `millrace verify` names the columns that it
cannot compare: `JSON`, and texts as floats, times of a day or `IPv6`.

What becomes of a value that is refused is the column's `on_unrepresentable` ([configuration](configuration.md)). Where rows are
set aside and it refuses more than 1,000 rows of one batch, or 1,000 different values of a column that makes them NULL, the table stops.

*Quarantined*: the row is kept with its reason and its text, and counted ([quarantine](quarantine.md)). A mirror then shows no row with that key, rather than an older one as if it
were current. *Counted*: `clamped_columns`, `nulled_columns` and `defaulted_columns` in `millrace status --json`, since start.

Generated columns are sent by a publication of Postgres 18 with `publish_generated_columns = stored`; before 18 the log does not have them, and they are left out.

Where ClickHouse has no NULL (Array, Map, Tuple, Point) and every NULL must stay one, `type = \"Nullable(String)\"` keeps the value as Postgres prints it.
So is a part of a mirror's key kept that is of such a type, or a row: as `String`.
";

/// `docs/types.md`.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for Row { postgres, clickhouse, rule, .. } in ROWS {
        let gap = if rule.is_empty() { "" } else { " " };
        let _ = writeln!(page, "| {postgres} | {clickhouse} |{gap}{rule} |");
    }
    page + TAIL
}

/// What a built-in type of the row becomes.
#[cfg(test)]
fn natural(oid: u32) -> Option<String> {
    PgType::of_builtin(oid, -1, 0).map(|pg| pg.kind().clickhouse(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_map() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/types.md");
        if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == page(),
            "docs/types.md is old: MILLRACE_WRITE_DOCS=1 cargo test -p model"
        );
    }

    #[test]
    fn the_map_is_what_the_code_does() {
        for row in ROWS {
            for &(oid, expected) in row.samples {
                assert_eq!(natural(oid).as_deref(), Some(expected), "{}", row.postgres);
            }
        }
    }
}
