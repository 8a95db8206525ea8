//! Values of many parts: ranges, maps, shapes, vectors, row types.
//!
//! What ClickHouse has no NULL of equals what stands for it there, by the map's rules: these
//! expressions of Postgres's are never NULL.

use super::array::tagged;
use super::canon::{self, Pair, Texts, delimited, hex_of_float, text};
use model::{PgType, Printed};
use store::Type;

/// The column must have the map's own type: no other is known to compare.
pub(super) fn pair(pg: &PgType, texts: Texts, ty: &Type, from: &str, value: &str) -> Option<Pair> {
    if ty.base != pg.kind().clickhouse(false) {
        return None;
    }
    match pg {
        PgType::Range(bound) => range(bound, texts, from, value),
        PgType::Multirange(bound) => {
            // Its elements print otherwise than a column of texts.
            let one = range(bound, texts, "m", "m")?;
            text(
                format!(
                    "coalesce((SELECT string_agg({}, '') FROM (SELECT unnest({from}) AS m) um), '')",
                    tagged(&one, texts, "m")
                ),
                format!("arrayStringConcat(arrayMap(m -> {}, {value}))", delimited(&one)),
            )
        }
        PgType::Hstore => text(
            format!("coalesce(format('%s', {from}), '')"),
            format!(
                "arrayStringConcat(arrayMap((k, v) -> concat({}, '=>', if(isNull(v), 'NULL', {})), \
                 mapKeys({value}), mapValues({value})), ', ')",
                quoted("k"),
                quoted("assumeNotNull(v)")
            ),
        ),
        PgType::Point => {
            let coordinate =
                |at: u8| format!("coalesce({}, 'NaN')", bits(&format!("({from})[{at}]"), 64));
            text(format!("concat({}, {})", coordinate(0), coordinate(1)), point(value))
        }
        PgType::Polygon => text(
            floats(from, "()", 64),
            format!("arrayStringConcat(arrayMap(p -> {}, {value}))", point("p")),
        ),
        PgType::Vector | PgType::Halfvec => text(
            floats(from, "[]", 32),
            format!("arrayStringConcat(arrayMap(p -> {}, {value}))", hex_of_float("p", 32)),
        ),
        _ => None,
    }
}

fn range(bound: &PgType, texts: Texts, from: &str, value: &str) -> Option<Pair> {
    let ty = Type::parse(&bound.kind().clickhouse(true));
    let texts = texts.of_printed();
    let part = |of: &str, at: u8| {
        let (from, value) = (format!("{of}({from})"), format!("tupleElement({value}, {at})"));
        let pair = canon::pair(bound, texts, &ty, &from, &format!("assumeNotNull({value})"))?;
        let clickhouse = format!("if(isNull({value}), 'N', {})", delimited(&pair));
        Some((tagged(&pair, texts, &from), clickhouse))
    };
    let (lower, upper) = (part("lower", 1)?, part("upper", 2)?);
    let brackets = format!(
        "CASE WHEN isempty({from}) THEN 'empty' ELSE concat(\
         CASE WHEN lower_inc({from}) THEN '[' ELSE '(' END, \
         CASE WHEN upper_inc({from}) THEN ']' ELSE ')' END) END"
    );
    let bounds = format!("tupleElement({value}, 3)");
    text(
        format!(
            "CASE WHEN {from} IS NULL THEN '' ELSE concat({brackets}, {}, {}) END",
            lower.0, upper.0
        ),
        format!("if(empty({bounds}), '', concat({bounds}, {}, {}))", lower.1, upper.1),
    )
}

/// As hstore quotes.
fn quoted(value: &str) -> String {
    let escaped = format!("replaceAll({value}, '\\\\', '\\\\\\\\')");
    format!("concat('\"', replaceAll({escaped}, '\"', '\\\\\"'), '\"')")
}

fn bits(from: &str, width: usize) -> String {
    canon::bits_of_float(from, width)
}

fn point(value: &str) -> String {
    let coordinate = |at: u8| hex_of_float(&format!("tupleElement({value}, {at})"), 64);
    format!("concat({}, {})", coordinate(1), coordinate(2))
}

/// The bits of all numbers that Postgres prints of it.
fn floats(from: &str, brackets: &str, width: usize) -> String {
    let number = format!("f::float{}", width / 8);
    format!(
        "coalesce((SELECT string_agg({}, '' ORDER BY n) FROM \
         unnest(string_to_array(translate(format('%s', {from}), '{brackets}', ''), ',')) \
         WITH ORDINALITY u(f, n)), '')",
        bits(&number, width)
    )
}

/// Whether `to_json` writes it as the map says. Of some types it asks a cast that it finds, or takes
/// a vector for an array.
pub(super) fn is_json_known(pg: &PgType) -> bool {
    match pg {
        PgType::Array(inner, _) => is_json_known(inner),
        PgType::Composite(composite) => {
            composite.fields.iter().all(|field| is_json_known(&field.pg))
        }
        PgType::Printed(Printed::Ewkb | Printed::Int2Vector | Printed::OidVector) => false,
        PgType::Other | PgType::Unread => false,
        _ => true,
    }
}
