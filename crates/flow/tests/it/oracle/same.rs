//! What Postgres prints of a value against the JSON that ClickHouse has of it.

use serde_json::Value;

/// What a type has inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// What is printed is what is kept.
    Text,
    Bool,
    Integer,
    Float4,
    Float8,
    Decimal,
    Stamp,
    Time,
    Bytes,
    Map,
    /// JSON as text.
    Row,
    Range(&'static str),
    Multirange(&'static str),
    /// Floats one after the other: a point's two, a polygon's many.
    Point,
    Polygon,
}

fn form(ty: &str) -> Form {
    match ty {
        "bool" => Form::Bool,
        "int2" | "int4" | "int8" | "oid" | "xid" | "cid" | "xid8" => Form::Integer,
        "float4" => Form::Float4,
        "float8" => Form::Float8,
        "numeric(77,0)" | "numeric(1000,500)" | "numeric(70,-10)" => Form::Text,
        "money" | "price" => Form::Decimal,
        _ if ty.starts_with("numeric") => Form::Decimal,
        _ if ty.starts_with("timestamp") || ty == "date" => Form::Stamp,
        "time" => Form::Time,
        "bytea" => Form::Bytes,
        "hstore" | "labels" => Form::Map,
        "pair" | "wide" => Form::Row,
        "int4range" => Form::Range("int4"),
        "int8range" | "span" => Form::Range("int8"),
        "numrange" => Form::Range("numeric"),
        "tsrange" => Form::Range("timestamp"),
        "tstzrange" => Form::Range("timestamptz"),
        "daterange" => Form::Range("date"),
        "textrange" => Form::Range("text"),
        "floatrange" => Form::Range("float8"),
        "int4multirange" => Form::Multirange("int4"),
        "nummultirange" => Form::Multirange("numeric"),
        "tstzmultirange" => Form::Multirange("timestamptz"),
        "textmultirange" => Form::Multirange("text"),
        "point" => Form::Point,
        "polygon" => Form::Polygon,
        _ => Form::Text,
    }
}

/// JSON of the value `x`, by SQL of Postgres's.
fn leaf(form: Form, x: &str) -> String {
    let text = |x: &str| {
        format!("to_json(CASE WHEN {x} IS DISTINCT FROM NULL THEN format('%s', {x}) END)")
    };
    match form {
        Form::Map => format!("hstore_to_json({x})"),
        Form::Row => format!("to_json(to_json({x})::text)"),
        Form::Range(_) => format!(
            "CASE WHEN {x} IS NOT NULL THEN json_build_object('bounds', \
             CASE WHEN isempty({x}) THEN 'empty' ELSE \
             CASE lower_inc({x}) WHEN true THEN '[' ELSE '(' END || \
             CASE upper_inc({x}) WHEN true THEN ']' ELSE ')' END END, \
             'lower', {}, 'upper', {}) END",
            text(&format!("lower({x})")),
            text(&format!("upper({x})"))
        ),
        Form::Multirange(bound) => format!(
            "(SELECT json_agg({}) FROM (SELECT unnest({x}) AS m) mm)",
            leaf(Form::Range(bound), "m")
        ),
        _ => text(x),
    }
}

/// JSON of a column, by SQL of Postgres's: a value, or an array's dimensions and elements.
pub(super) fn printed(ty: &str, dimensions: usize, column: &str) -> String {
    let form = form(ty);
    match dimensions {
        0 => leaf(form, column),
        _ => format!(
            "json_build_object('dims', (SELECT json_agg(array_length({column}, d)) \
             FROM generate_series(1, array_ndims({column})) d), \
             'items', (SELECT json_agg({}) FROM (SELECT unnest({column}) AS x) u))",
            leaf(form, "x")
        ),
    }
}

/// JSON of a column, by SQL of ClickHouse's.
pub(super) fn kept(ty: &str, dimensions: usize, column: &str) -> String {
    let mut value = column.to_owned();
    if form(ty) == Form::Bytes {
        value = match dimensions {
            0 => format!("hex({column})"),
            1 => format!("arrayMap(x -> hex(x), {column})"),
            _ => format!("arrayMap(y -> arrayMap(x -> hex(x), y), {column})"),
        };
    }
    format!("toJSONString({value})")
}

pub(super) fn is_same(ty: &str, dimensions: usize, printed: &Value, kept: &Value) -> bool {
    if dimensions == 0 {
        return is_same_leaf(form(ty), printed, kept);
    }
    let (mut lengths, mut items) = (Vec::new(), Vec::new());
    flatten(kept, dimensions, 0, &mut lengths, &mut items);
    let empty = Vec::new();
    let list = |name: &str| printed[name].as_array().unwrap_or(&empty);
    let dims: Vec<usize> = list("dims").iter().map(|n| n.as_u64().unwrap() as usize).collect();
    // NULL and empty have neither.
    let lengths = if lengths == [0] { Vec::new() } else { lengths };
    dims == lengths
        && list("items").len() == items.len()
        && list("items").iter().zip(items).all(|(one, other)| is_same_leaf(form(ty), one, other))
}

fn flatten<'a>(
    kept: &'a Value,
    dimensions: usize,
    level: usize,
    lengths: &mut Vec<usize>,
    items: &mut Vec<&'a Value>,
) {
    if level == dimensions {
        return items.push(kept);
    }
    let list = kept.as_array().expect("an array");
    match lengths.get(level) {
        None => lengths.push(list.len()),
        Some(&length) => assert_eq!(length, list.len(), "ragged"),
    }
    list.iter().for_each(|item| flatten(item, dimensions, level + 1, lengths, items));
}

/// A number or a text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_same_leaf(form: Form, printed: &Value, kept: &Value) -> bool {
    match form {
        Form::Map if printed.is_null() => *kept == serde_json::json!({}),
        Form::Map => printed == kept,
        Form::Range(bound) => is_same_range(bound, printed, kept),
        Form::Multirange(bound) => {
            let empty = Vec::new();
            let (ones, others) = (printed.as_array().unwrap_or(&empty), kept.as_array().unwrap());
            ones.len() == others.len()
                && ones.iter().zip(others).all(|(one, other)| is_same_range(bound, one, other))
        }
        Form::Point | Form::Polygon => {
            let no_place = if form == Form::Point { "NaN,NaN" } else { "" };
            let printed = printed.as_str().unwrap_or(no_place);
            let numbers = printed.split(',').map(|item| item.trim_matches(['(', ')']));
            let numbers: Vec<&str> = numbers.filter(|item| !item.is_empty()).collect();
            let mut kept_numbers = Vec::new();
            all_numbers(kept, &mut kept_numbers);
            numbers.len() == kept_numbers.len()
                && numbers.iter().zip(kept_numbers).all(|(one, other)| same_float(one, &other))
        }
        _ if printed.is_null() || kept.is_null() => printed == kept,
        _ => is_same_word(form, printed.as_str().expect("a text"), kept),
    }
}

fn is_same_word(form: Form, printed: &str, kept: &Value) -> bool {
    if form == Form::Bool {
        return kept.as_bool() == Some(printed == "t");
    }
    let Some(kept) = text(kept) else { return false };
    match form {
        Form::Float8 => same_float(printed, &kept),
        Form::Float4 => {
            let (one, other) = (float(printed) as f32, float(&kept) as f32);
            one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
        }
        Form::Decimal => decimal(&printed.replace(['$', ','], "")) == decimal(&kept),
        Form::Stamp => match beyond(printed) {
            Some(border) => kept.starts_with(border),
            None => trimmed(printed.trim_end_matches("+00")) == trimmed(&kept),
        },
        Form::Time => trimmed(printed) == trimmed(&kept),
        Form::Bytes => printed.trim_start_matches("\\x").eq_ignore_ascii_case(&kept),
        _ => printed == kept,
    }
}

fn is_same_range(bound: &str, printed: &Value, kept: &Value) -> bool {
    if printed.is_null() {
        return kept["bounds"] == "" && kept["lower"].is_null() && kept["upper"].is_null();
    }
    printed["bounds"] == kept["bounds"]
        && ["lower", "upper"].iter().all(|at| is_same_leaf(form(bound), &printed[at], &kept[at]))
}

fn all_numbers(value: &Value, numbers: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| all_numbers(item, numbers)),
        Value::Object(fields) => fields.values().for_each(|item| all_numbers(item, numbers)),
        _ => numbers.extend(text(value)),
    }
}

fn float(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn same_float(one: &str, other: &str) -> bool {
    let (one, other) = (float(one), float(other));
    one.to_bits() == other.to_bits() || one.is_nan() && other.is_nan()
}

/// Without zeros that say nothing; nothing but zeros has no sign.
fn decimal(text: &str) -> String {
    let text = trimmed(text);
    if text.trim_matches(['-', '0', '.']).is_empty() { "0".into() } else { text }
}

fn trimmed(text: &str) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    }
}

/// Where a date lies outside 1900..2299, the border that stands for it.
fn beyond(printed: &str) -> Option<&'static str> {
    const FIRST: &str = "1900-01-01";
    const LAST: &str = "2299-12-31";
    match printed {
        "infinity" => Some(LAST),
        "-infinity" => Some(FIRST),
        _ if printed.ends_with("BC") => Some(FIRST),
        _ => match printed.split('-').next().and_then(|year| year.parse::<u32>().ok())? {
            ..1900 => Some(FIRST),
            2300.. => Some(LAST),
            _ => None,
        },
    }
}
