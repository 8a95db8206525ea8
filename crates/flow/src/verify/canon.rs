//! One text for a value, written twice: in Postgres's SQL and in ClickHouse's.
//!
//! The two never meet our decoder. What the map of types promises is stated here a second time, as a
//! pair of expressions, and equal texts mean equal values. Rules where the two worlds differ:
//!
//! - **Floats** are the hex of their bits, so that no digit hides; -0 differs from 0. Every NaN is
//!   one NaN: Postgres holds several and cannot tell them apart itself.
//! - **Timestamps and dates** are clamped to 1900..2299 on Postgres's side, ±infinity too: that is the
//!   documented rule of the map. Nothing else is clamped: a `DateTime` that could not hold a
//!   value shows as changed.
//! - **Fewer digits by configuration** (`DateTime64(3)`, `Decimal(10,2)` of a finer number) are cut
//!   towards zero as the engine cuts them, before 1970 too.
//! - **NULL** is the empty text, and no value is: numbers have a digit, texts a length before them.
//!   A NULL array equals an empty one, by the map's rule.
//! - **Rules of the column** ([`super::rules`]): what cannot be carried is NULL where that is its rule,
//!   and a NULL is the column's default where it has one.

use super::rules::{self, FIRST, LAST};
use super::{array, decimal, parts};
use model::{Column, PgType, Rule};
use store::TargetColumn;
use store::ddl::{ident, literal};

/// How texts of a column are kept apart from what follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Never empty, never with a `|`: ends with one.
    Word,
    /// Anything: its length in bytes comes first.
    Text,
}

/// The two expressions of a value. Postgres's may be NULL, ClickHouse's is made for a value that is
/// not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    pub(super) postgres: String,
    pub(super) clickhouse: String,
    pub(super) shape: Shape,
}

pub(super) fn word(postgres: impl Into<String>, clickhouse: impl Into<String>) -> Option<Pair> {
    let (postgres, clickhouse) = (postgres.into(), clickhouse.into());
    Some(Pair { postgres, clickhouse, shape: Shape::Word })
}

pub(super) fn text(postgres: impl Into<String>, clickhouse: impl Into<String>) -> Option<Pair> {
    let (postgres, clickhouse) = (postgres.into(), clickhouse.into());
    Some(Pair { postgres, clickhouse, shape: Shape::Text })
}

/// A column of a table: what Postgres computes, and the ClickHouse text with length or `|`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Canon {
    pub(super) postgres: String,
    pub(super) shape: Shape,
    pub(super) clickhouse: String,
    /// ClickHouse's column, where it is a whole number on both sides.
    pub(super) integer: Option<String>,
    /// ClickHouse's text of what a NULL becomes, to be asked for.
    pub(super) default: Option<String>,
}

/// `None`: no way is known to compare the column.
pub(super) fn column(
    source: &Column,
    target: &TargetColumn,
    rule: Option<Rule>,
    utf8: bool,
) -> Option<Canon> {
    let name = ident(&target.name);
    let chosen = Chosen::parse(&target.clickhouse);
    // A column that is NOT NULL now may keep NULLs of before. Where it cannot, this costs nothing.
    let may_be_null = chosen.nullable || source.pg.kind().may_be_nullable();
    let value = match may_be_null {
        true => format!("assumeNotNull({name})"),
        false => name.clone(),
    };
    let from = source::client::quoted(&source.name);
    let texts = Texts { direct: is_builtin_text(source.type_oid), utf8 };
    let of = |value: &str| pair(&source.pg, texts, &chosen.base, &from, value);
    let mut pair = of(&value)?;
    let default = target.default.as_ref().and_then(|default| {
        let ty = literal(&target.clickhouse);
        Some(of(&format!("CAST(({}), {ty})", default.expression))?.clickhouse)
    });
    if rule == Some(Rule::Null)
        && let Some(carries) = rules::carries(&source.pg, &target.clickhouse, &chosen.base, &from)
    {
        pair.postgres = format!("CASE WHEN {carries} THEN {} END", pair.postgres);
    }
    let clickhouse = delimited(&pair);
    let clickhouse = match (may_be_null, pair.shape) {
        (false, _) => clickhouse,
        (true, Shape::Word) => format!("if(isNull({name}), '|', {clickhouse})"),
        (true, Shape::Text) => format!("if(isNull({name}), ':', {clickhouse})"),
    };
    let is_plain_integer = matches!(source.pg, PgType::Int2 | PgType::Int4 | PgType::Int8)
        && chosen.base == source.pg.kind().clickhouse(false)
        && !chosen.nullable
        && default.is_none();
    let integer = is_plain_integer.then_some(value);
    Some(Canon { postgres: pair.postgres, shape: pair.shape, clickhouse, integer, default })
}

/// ClickHouse's text of a value that is not NULL, kept apart from what follows.
pub(super) fn delimited(pair: &Pair) -> String {
    let value = &pair.clickhouse;
    match pair.shape {
        Shape::Word => format!("concat({value}, '|')"),
        Shape::Text => format!("concat(toString(length({value})), ':', {value})"),
    }
}

/// What to know of Postgres's texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Texts {
    /// `octet_length` takes the type.
    direct: bool,
    /// The database keeps them as the store does.
    utf8: bool,
}

impl Texts {
    /// The same where only what Postgres prints is at hand.
    pub(super) fn of_printed(self) -> Texts {
        Texts { direct: false, ..self }
    }

    pub(super) fn bytes(self, from: &str) -> String {
        bytes(from, self.utf8)
    }
}

/// The length in UTF-8 of whatever Postgres prints of `from`.
pub(super) fn bytes(from: &str, utf8: bool) -> String {
    match utf8 {
        true => format!("octet_length({from})"),
        false => format!(
            "CASE WHEN {from} IS DISTINCT FROM NULL \
             THEN octet_length(convert_to(concat({from}), 'UTF8')) END"
        ),
    }
}

/// A ClickHouse type without what only changes how it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Chosen {
    /// Without spaces: `DateTime64(3,'UTC')`.
    pub(super) base: String,
    pub(super) nullable: bool,
}

impl Chosen {
    pub(super) fn parse(clickhouse: &str) -> Chosen {
        let mut base: String = clickhouse.chars().filter(|c| !c.is_whitespace()).collect();
        let mut nullable = false;
        loop {
            let inside = |outer: &str| {
                Some(base.strip_prefix(outer)?.strip_prefix('(')?.strip_suffix(')')?.to_owned())
            };
            if let Some(inner) = inside("LowCardinality") {
                base = inner;
            } else if let Some(inner) = inside("Nullable") {
                (base, nullable) = (inner, true);
            } else {
                return Chosen { base, nullable };
            }
        }
    }
}

/// The built-in texts, and arrays of them, of which `octet_length` is known. Others (xml, a domain
/// over one) go through their output function.
fn is_builtin_text(oid: u32) -> bool {
    matches!(oid, 25 | 1043 | 1042 | 19 | 1009 | 1015 | 1014 | 1003)
}

/// What the type's output function prints. Not `::text`, which some types have another idea of:
/// it strips a `char(n)`, and adds `/32` to an `inet`. `IS DISTINCT FROM NULL` here and elsewhere,
/// because a row whose fields are NULL "is null" and yet is none.
fn printed(from: &str) -> String {
    format!("CASE WHEN {from} IS DISTINCT FROM NULL THEN format('%s', {from}) END")
}

/// `from` is a value in Postgres, `value` one in ClickHouse that is not NULL and of type `base`.
pub(super) fn pair(pg: &PgType, texts: Texts, base: &str, from: &str, value: &str) -> Option<Pair> {
    match pg {
        PgType::Bool => match base {
            "Bool" => word(from, format!("if({value}, 't', 'f')")),
            "String" => text(format!("({from})::text"), value),
            _ if is_integer(base) => word(format!("({from})::int4"), format!("toString({value})")),
            _ => None,
        },
        PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid => match base {
            "String" => text(format!("({from})::text"), value),
            "Float64" => bits(&format!("({from})::float8"), value, 64),
            _ if is_integer(base) => word(from, format!("toString({value})")),
            _ => None,
        },
        PgType::Float4 => match base {
            "Float32" => bits(from, value, 32),
            "Float64" => bits(&format!("({from})::float8"), value, 64),
            "String" => bits_of_text(from, value, 32),
            _ => None,
        },
        PgType::Float8 => match base {
            "Float64" => bits(from, value, 64),
            "String" => bits_of_text(from, value, 64),
            _ => None,
        },
        PgType::Numeric(_) => decimal::numeric(pg, base, from, value),
        PgType::Text if texts.direct => string(from.to_owned(), base, value),
        PgType::Text => string(printed(from), base, value),
        PgType::Enum | PgType::Json | PgType::Jsonb | PgType::Timetz | PgType::Interval => {
            string(format!("({from})::text"), base, value)
        }
        PgType::Xid8 if base == "String" || is_integer(base) => {
            text(format!("({from})::text"), format!("toString({value})"))
        }
        PgType::Xid8 => None,
        PgType::Money(scale) => decimal::money(*scale, base, from, value),
        PgType::Printed(_) | PgType::AsText(_) | PgType::Other | PgType::Unread => {
            string(printed(from), base, value)
        }
        PgType::Composite(_) if parts::is_json_known(pg) => {
            string(format!("to_json({from})::text"), base, value)
        }
        PgType::Composite(_) => None,
        PgType::Bytea if base == "String" => {
            word(format!("md5({from})"), format!("lower(hex(MD5({value})))"))
        }
        PgType::Bytea => None,
        PgType::Uuid => match base {
            "UUID" => word(from, format!("toString({value})")),
            "String" => text(format!("({from})::text"), value),
            _ => None,
        },
        PgType::Timestamp => timestamp("timestamp", base, from, value),
        PgType::Timestamptz => timestamp("timestamptz", base, from, value),
        PgType::Date => date(base, from, value),
        PgType::Time => match base {
            // Seconds with their fraction.
            "Time64(6)" => word(
                format!("trim_scale(extract(epoch from {from}))"),
                format!("toString(CAST({value} AS Decimal(18, 6)))"),
            ),
            "String" => text(format!("to_char({from}, 'HH24:MI:SS.US')"), value),
            _ => None,
        },
        PgType::Array(element, depth) => array::pair(element, *depth, texts, base, from, value),
        PgType::Range(_)
        | PgType::Multirange(_)
        | PgType::Hstore
        | PgType::Point
        | PgType::Polygon
        | PgType::Vector
        | PgType::Halfvec => parts::pair(pg, texts, base, from, value),
    }
}

pub(super) fn string(postgres: String, base: &str, value: &str) -> Option<Pair> {
    match base {
        "String" => text(postgres, value),
        _ if base.starts_with("Enum") => text(postgres, format!("toString({value})")),
        _ => None,
    }
}

pub(super) fn is_integer(base: &str) -> bool {
    let width = base.strip_prefix("Int").or_else(|| base.strip_prefix("UInt"));
    width.is_some_and(|width| matches!(width, "8" | "16" | "32" | "64" | "128" | "256"))
}

/// The bits of a float, as hex; NaN by name.
pub(super) fn bits(from: &str, value: &str, width: usize) -> Option<Pair> {
    word(bits_of_float(from, width), hex_of_float(value, width))
}

pub(super) fn bits_of_float(from: &str, width: usize) -> String {
    let send = if width == 32 { "float4send" } else { "float8send" };
    format!("CASE WHEN {from} = 'NaN' THEN 'NaN' ELSE encode({send}({from}), 'hex') END")
}

pub(super) fn hex_of_float(value: &str, width: usize) -> String {
    let digits = width / 4;
    format!(
        "if(isNaN({value}), 'NaN', \
         lpad(lower(hex(reinterpretAsUInt{width}({value}))), {digits}, '0'))"
    )
}

/// A text that the engine wrote of a float: read back, because its digits are the engine's choice.
fn bits_of_text(from: &str, value: &str, width: usize) -> Option<Pair> {
    let pair = bits(from, &format!("toFloat{width}OrZero({value})"), width)?;
    let clickhouse =
        format!("if(isNull(toFloat{width}OrNull({value})), {value}, {})", pair.clickhouse);
    word(pair.postgres, clickhouse)
}

fn timestamp(pg: &str, base: &str, from: &str, value: &str) -> Option<Pair> {
    let zone = if pg == "timestamptz" { "+00" } else { "" };
    let (first, last) =
        (format!("{pg} '{FIRST} 00:00:00{zone}'"), format!("{pg} '{LAST} 23:59:59.999999{zone}'"));
    let held = format!(
        "CASE WHEN {from} < {first} THEN {first} WHEN {from} > {last} THEN {last} ELSE {from} END"
    );
    // `extract` is exact: it gives a numeric.
    let micros = format!("(extract(epoch from {held}) * 1000000)::int8");
    match base {
        "String" => text(format!("to_char({held}, 'YYYY-MM-DD HH24:MI:SS.US')"), value),
        "Date" | "Date32" => word(
            format!("(({held})::date - date '1970-01-01')"),
            format!("toString(toInt32({value}))"),
        ),
        _ => {
            let digits = time_digits(base)?;
            let ticks = match digits {
                None => return word(format!("{micros} / 1000000"), seconds(value)),
                // The source is asked for what costs it least.
                Some(6) => return word(sent(pg, &held), sent_of(value)),
                // Whole numbers are divided towards zero, on both sides.
                Some(digits @ 0..6) => format!("{micros} / {}", 10i64.pow(6 - digits)),
                Some(digits) => format!("{micros}::numeric * {}", 10i64.pow(digits - 6)),
            };
            word(ticks, ticks_of(value))
        }
    }
}

/// Microseconds since 2000, as the type's binary form has them.
fn sent(pg: &str, from: &str) -> String {
    format!("encode({pg}_send({from}), 'hex')")
}

fn sent_of(value: &str) -> String {
    let since_2000 = format!("reinterpretAsInt64({value}) - 946684800000000");
    format!("lpad(lower(hex(reinterpretAsUInt64({since_2000}))), 16, '0')")
}

fn seconds(value: &str) -> String {
    format!("toString(toInt64({value}))")
}

fn ticks_of(value: &str) -> String {
    format!("toString(reinterpretAsInt64({value}))")
}

/// `DateTime64(3,'UTC')`: 3 digits after the second; `DateTime`: none, and ticks are not kept.
fn time_digits(base: &str) -> Option<Option<u32>> {
    if base == "DateTime" || base.starts_with("DateTime(") {
        return Some(None);
    }
    let arguments = base.strip_prefix("DateTime64(")?.strip_suffix(')')?;
    let digits = arguments.split(',').next()?.parse().ok()?;
    (digits <= 9).then_some(Some(digits))
}

fn date(base: &str, from: &str, value: &str) -> Option<Pair> {
    let (first, last) = (format!("date '{FIRST}'"), format!("date '{LAST}'"));
    let held = format!(
        "CASE WHEN {from} < {first} THEN {first} WHEN {from} > {last} THEN {last} ELSE {from} END"
    );
    let days = format!("({held} - date '1970-01-01')");
    match base {
        "Date32" | "Date" => word(days, format!("toString(toInt32({value}))")),
        "String" => text(format!("({held})::text"), value),
        // Midnight of which zone only UTC says.
        _ if base.ends_with("'UTC')") => match time_digits(base)? {
            None => word(format!("{days}::int8 * 86400"), seconds(value)),
            Some(digits) => {
                let ticks = 86_400i64 * 10i64.pow(digits);
                word(format!("{days}::numeric * {ticks}"), ticks_of(value))
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_through_their_wrappers() {
        let chosen = |text: &str| {
            let chosen = Chosen::parse(text);
            (chosen.base, chosen.nullable)
        };
        assert_eq!(chosen("LowCardinality(Nullable(String))"), ("String".into(), true));
        assert_eq!(chosen("DateTime64(3, 'UTC')"), ("DateTime64(3,'UTC')".into(), false));
        assert_eq!(chosen("Array(Nullable(Int32))"), ("Array(Nullable(Int32))".into(), false));
        assert_eq!(decimal::decimal_scale("Decimal(10,2)"), Some(2));
        assert_eq!(decimal::decimal_scale("Decimal64(3)"), Some(3));
        assert_eq!(time_digits("DateTime64(3,'UTC')"), Some(Some(3)));
        assert_eq!(time_digits("DateTime('UTC')"), Some(None));
    }

    #[test]
    fn what_cannot_be_compared_is_not_taken_for_equal() {
        let texts = Texts { direct: true, utf8: true };
        let known = |pg: PgType, base: &str| pair(&pg, texts, base, "x", "x").is_some();
        assert!(!known(PgType::Jsonb, "JSON"));
        assert!(!known(PgType::Text, "UUID"));
        assert!(!known(PgType::Numeric(None), "Float64"));
        assert!(known(PgType::Numeric(Some((10, 2))), "Float64"));
        assert!(!known(PgType::Array(Box::new(PgType::Int4), 2), "Array(Int32)"));
        assert!(!known(PgType::Array(Box::new(PgType::Int4), 1), "String"));
        assert!(!known(PgType::Date, "DateTime('Europe/Berlin')"));
    }
}
