//! The schema that Connect's JsonConverter puts before each payload (`schemas.enable=true`).

use super::means::{Carrier, Field, Means, Parameters};
use super::row::RowSchema;
use model::{Error, Result};
use serde_json::Value as Json;

/// What the rows of a message are.
#[derive(Debug)]
pub(super) struct Schemas {
    /// Of an envelope's `before` and `after`. `None`: it is no envelope.
    pub(super) row: Option<RowSchema>,
    /// Of the payload itself: a key, or a row without an envelope.
    pub(super) whole: RowSchema,
    pub(super) is_postgres: bool,
}

/// `next` gives ids.
pub(super) fn parse(schema: &[u8], next: &mut u64) -> Result<Schemas> {
    let schema: Json = serde_json::from_slice(schema)
        .map_err(|_| Error::refused("the schema of its payload is no JSON"))?;
    let mut id = || {
        *next += 1;
        *next
    };
    let fields = schema["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = |name: &str| fields.iter().find(|field| field["field"] == name);
    let row = ["after", "before"].iter().find_map(|name| {
        let row = named(name).filter(|field| field["type"] == "struct");
        named("op")?;
        row
    });
    let source = named("source").and_then(|source| source["name"].as_str());
    Ok(Schemas {
        row: row.map(|row| RowSchema { id: id(), fields: fields_of(row), is_flat: false }),
        whole: RowSchema { id: id(), fields: fields_of(&schema), is_flat: true },
        is_postgres: source.is_some_and(|name| name.contains(".postgresql.")),
    })
}

fn fields_of(schema: &Json) -> Vec<Field> {
    let fields = schema["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let field = |field: &Json| {
        Some(Field {
            name: field["field"].as_str()?.to_owned(),
            means: means(field),
            is_optional: field["optional"].as_bool().unwrap_or(false),
        })
    };
    fields.iter().filter_map(field).collect()
}

/// serde_json bounds how deep they nest.
fn means(schema: &Json) -> Means {
    let carrier = match schema["type"].as_str().unwrap_or_default() {
        "boolean" => Carrier::Bool,
        "int8" => Carrier::Int(8),
        "int16" => Carrier::Int(16),
        "int32" => Carrier::Int(32),
        "int64" => Carrier::Int(64),
        "float" | "float32" => Carrier::Float4,
        "double" | "float64" => Carrier::Float8,
        "string" => Carrier::Text,
        "bytes" => Carrier::Bytes,
        "array" => Carrier::Array(Box::new(means(&schema["items"]))),
        "map" => {
            let is_text = |part: &str| schema[part]["type"] == "string";
            Carrier::Map(is_text("keys") && is_text("values"))
        }
        _ => Carrier::Struct,
    };
    let parameter = |name: &str| schema["parameters"][name].as_str();
    let with = Parameters {
        scale: parameter("scale").and_then(|text| text.parse().ok()),
        precision: parameter("connect.decimal.precision").and_then(|text| text.parse().ok()),
        length: parameter("length").and_then(|text| text.parse().ok()),
    };
    Means::of(carrier, schema["name"].as_str().unwrap_or_default(), &with)
}
