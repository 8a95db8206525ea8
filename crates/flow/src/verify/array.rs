//! Arrays: the shape where there is more than one dimension, then the elements one after another.

use super::canon::{self, Pair, Shape, Texts, text};
use model::PgType;
use store::Type;

pub(super) fn pair(
    element: &PgType,
    depth: u8,
    texts: Texts,
    ty: &Type,
    from: &str,
    value: &str,
) -> Option<Pair> {
    let mut inner = ty.clone();
    for _ in 0..depth {
        inner = inner.element()?;
    }
    let item = if inner.nullable { "assumeNotNull(e)" } else { "e" };
    // Arrays in arrays are taken apart as far as the column is declared, and no further.
    if depth > 1 && !element.kind().may_be_nullable() {
        return None;
    }
    let pair = canon::pair(element, texts, &inner, "e", item)?;
    let flat = if depth > 1 { format!("arrayFlatten({value})") } else { value.to_owned() };
    let each = |item: String| match inner.nullable {
        true => format!("arrayMap(e -> if(isNull(e), 'N', {item}), {flat})"),
        false => format!("arrayMap(e -> {item}, {flat})"),
    };
    // Elements that print as they are compared need no query of their own a row.
    let (postgres, clickhouse) = match is_printed_whole(element, &pair) {
        true => (
            format!("array_to_string({from}, '|', 'N')"),
            format!("arrayStringConcat({}, '|')", each(pair.clickhouse)),
        ),
        false => (
            // Not `FROM unnest(…)`, which makes columns of an element that is a row.
            format!(
                "(SELECT string_agg({}, '') FROM (SELECT unnest({from}) AS e) u)",
                match element.kind().may_be_nullable() {
                    true => tagged(&pair, texts, "e"),
                    // What stands for NULL there is among its values.
                    false => delimited(&pair, texts),
                }
            ),
            format!("arrayStringConcat({})", each(canon::delimited(&pair))),
        ),
    };
    // NULL is empty in ClickHouse, by the map's rule.
    if depth == 1 {
        return text(format!("coalesce({postgres}, '')"), clickhouse);
    }
    let lengths: Vec<String> =
        (1..=depth).map(|at| format!("array_length({from}, {at})")).collect();
    text(
        format!(
            "CASE WHEN cardinality({from}) > 0 THEN concat({}, ' ', {postgres}) ELSE '' END",
            lengths.join(", 'x', ")
        ),
        format!("if(empty({value}), '', concat({}, ' ', {clickhouse}))", shape(value, depth)),
    )
}

/// `2x3`; a `?` where inner arrays differ in length, which Postgres has not.
fn shape(value: &str, depth: u8) -> String {
    if depth == 1 {
        return format!("toString(length({value}))");
    }
    let of = format!("a{depth}");
    let inner = shape(&of, depth - 1);
    format!(
        "concat(toString(length({value})), 'x', \
         if(arrayUniq(arrayMap({of} -> {inner}, {value})) = 1, {}, '?'))",
        shape(&format!("{value}[1]"), depth - 1)
    )
}

fn is_printed_whole(element: &PgType, pair: &Pair) -> bool {
    let plain = matches!(
        element,
        PgType::Bool | PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid | PgType::Uuid
    );
    plain && pair.shape == Shape::Word && pair.postgres == "e"
}

/// A value of Postgres's that may be NULL where `from` is, kept apart from what follows.
pub(super) fn tagged(pair: &Pair, texts: Texts, from: &str) -> String {
    let value = delimited(pair, texts);
    format!("CASE WHEN {from} IS NOT DISTINCT FROM NULL THEN 'N' ELSE {value} END")
}

fn delimited(pair: &Pair, texts: Texts) -> String {
    let value = &pair.postgres;
    match pair.shape {
        Shape::Word => format!("concat({value}, '|')"),
        Shape::Text => format!("concat({}, ':', {value})", texts.bytes(value)),
    }
}
