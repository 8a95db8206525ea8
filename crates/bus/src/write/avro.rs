//! Connect's schemas as the Avro that its converters register: `connect.*` keeps what Avro has no
//! word for.

use super::schema::{Kind, Schema};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What a decimal without a declared precision is said to have.
const PRECISION_DEFAULT: u32 = 64;

pub(crate) fn avro(schema: &Schema) -> Value {
    plain(schema, "", &mut BTreeSet::new())
}

/// With the NULL that it may be.
fn whole(schema: &Schema, namespace: &str, defined: &mut BTreeSet<String>) -> Value {
    let plain = plain(schema, namespace, defined);
    match (schema.optional, &schema.default) {
        (false, _) => plain,
        // The default is of the first of a union's types.
        (true, Some(_)) => json!([plain, "null"]),
        (true, None) => json!(["null", plain]),
    }
}

fn plain(schema: &Schema, namespace: &str, defined: &mut BTreeSet<String>) -> Value {
    let mut out = Map::new();
    match &schema.kind {
        Kind::Struct(fields) => return record(schema, fields, namespace, defined),
        Kind::Array(items) => {
            out.insert("type".into(), "array".into());
            out.insert("items".into(), whole(items, namespace, defined));
        }
        Kind::Boolean => drop(out.insert("type".into(), "boolean".into())),
        Kind::Int16 => {
            out.insert("type".into(), "int".into());
            out.insert("connect.type".into(), "int16".into());
        }
        Kind::Int32 => drop(out.insert("type".into(), "int".into())),
        Kind::Int64 => drop(out.insert("type".into(), "long".into())),
        Kind::Float => drop(out.insert("type".into(), "float".into())),
        Kind::Double => drop(out.insert("type".into(), "double".into())),
        Kind::String => drop(out.insert("type".into(), "string".into())),
        Kind::Bytes => drop(out.insert("type".into(), "bytes".into())),
    }
    let is_decimal = schema.name.as_deref() == Some(super::types::DECIMAL);
    if is_decimal {
        let number = |name: &str| {
            let found = schema.parameters.iter().find(|(one, _)| *one == name);
            found.and_then(|(_, value)| value.parse::<i64>().ok())
        };
        out.insert("scale".into(), number("scale").unwrap_or(0).into());
        let precision = number(super::types::DECIMAL_PRECISION);
        out.insert("precision".into(), precision.unwrap_or(PRECISION_DEFAULT.into()).into());
    }
    note(schema, &mut out);
    if is_decimal {
        out.insert("logicalType".into(), "decimal".into());
    }
    match (out.len(), out.get("type")) {
        (1, Some(Value::String(name))) => name.as_str().into(),
        _ => Value::Object(out),
    }
}

/// What Connect has beside the type.
fn note(schema: &Schema, out: &mut Map<String, Value>) {
    if let Some(doc) = schema.doc {
        out.insert("connect.doc".into(), doc.into());
    }
    if let Some(version) = schema.version {
        out.insert("connect.version".into(), version.into());
    }
    if !schema.parameters.is_empty() {
        out.insert("connect.parameters".into(), schema.parameters_json());
    }
    if let Some(default) = &schema.default {
        out.insert("connect.default".into(), default.clone());
    }
    if let Some(name) = &schema.name {
        out.insert("connect.name".into(), name.as_str().into());
    }
}

fn record(
    schema: &Schema,
    fields: &[(String, Schema)],
    outer: &str,
    defined: &mut BTreeSet<String>,
) -> Value {
    let full = schema.name.as_deref().unwrap_or("ConnectDefault");
    let full: Vec<String> = full.split('.').map(valid).collect();
    let (name, namespace) = match full.split_last() {
        Some((name, [])) => (name.clone(), outer.to_owned()),
        Some((name, namespace)) => (name.clone(), namespace.join(".")),
        None => return Value::Null,
    };
    let full = format!("{namespace}.{name}");
    // What was said once is named from then on.
    if !defined.insert(full.clone()) {
        return if namespace == outer { name.into() } else { full.into() };
    }
    let mut out = Map::new();
    out.insert("type".into(), "record".into());
    out.insert("name".into(), name.into());
    if namespace != outer {
        out.insert("namespace".into(), namespace.as_str().into());
    }
    let field = |(name, schema): &(String, Schema)| {
        let mut out = Map::new();
        out.insert("name".into(), valid(name).into());
        out.insert("type".into(), whole(schema, &namespace, defined));
        match &schema.default {
            Some(default) => drop(out.insert("default".into(), default.clone())),
            None if schema.optional => drop(out.insert("default".into(), Value::Null)),
            None => {}
        }
        Value::Object(out)
    };
    out.insert("fields".into(), fields.iter().map(field).collect());
    note(schema, &mut out);
    Value::Object(out)
}

/// Debezium's `schema.name.adjustment.mode=avro`.
fn valid(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, letter) in name.chars().enumerate() {
        match letter {
            'a'..='z' | 'A'..='Z' | '_' => out.push(letter),
            '0'..='9' if at > 0 => out.push(letter),
            '0'..='9' => out.extend(['_', letter]),
            _ => out.push('_'),
        }
    }
    if out.is_empty() { "_".into() } else { out }
}
