//! What Debezium sends for a large value that an UPDATE did not touch, in each of the shapes that it
//! bends its placeholder into
//! (<https://github.com/debezium/debezium/blob/main/debezium-connector-postgres/src/main/java/io/debezium/connector/postgresql/UnchangedToastedPlaceholder.java>).

use super::{Value, parts};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use std::fmt::Write;

pub(crate) const DEFAULT: &str = "__debezium_unavailable_value";
/// `UUID.nameUUIDFromBytes` of the default, which is what arrays of uuids bring.
const DEFAULT_UUID: &str = "b68a35a7-17ad-35b3-af2a-ae46edb4545a";

pub(crate) struct Placeholder {
    text: Vec<u8>,
    /// The text, and how bytes spell it.
    texts: Vec<Vec<u8>>,
    /// Arrays and maps of it, as JSON.
    parts: Vec<Vec<u8>>,
}

impl Placeholder {
    pub(crate) fn new(text: &str) -> Placeholder {
        let bytes = text.as_bytes();
        let quoted = serde_json::Value::from(text).to_string();
        let base64 = STANDARD.encode(bytes);
        let mut hex = String::new();
        bytes.iter().for_each(|byte| {
            let _ = write!(hex, "{byte:02x}");
        });
        let codes = bytes.iter().map(|&byte| (byte as i8).to_string()).collect::<Vec<_>>();
        let mut parts = vec![
            format!("[{quoted}]"),
            format!("[\"{base64}\"]"),
            format!("[{}]", codes.join(",")),
            format!("{{{quoted}:{quoted}}}"),
        ];
        if text == DEFAULT {
            parts.push(format!("[\"{DEFAULT_UUID}\"]"));
        }
        // A map that comes as the text of its JSON.
        let map = serde_json::Value::from(parts[3].as_str()).to_string();
        let in_text = map[1..map.len() - 1].to_owned();
        let as_bytes = |texts: Vec<String>| texts.into_iter().map(String::into_bytes).collect();
        let texts = vec![
            quoted[1..quoted.len() - 1].to_owned(),
            base64,
            URL_SAFE.encode(bytes),
            hex,
            in_text,
        ];
        Placeholder { text: bytes.to_vec(), texts: as_bytes(texts), parts: as_bytes(parts) }
    }

    /// As a text or bytes, and as arrays and maps in JSON.
    pub(crate) fn spellings(self) -> (Vec<String>, Vec<String>) {
        let texts = |all: Vec<Vec<u8>>| {
            all.into_iter().filter_map(|text| String::from_utf8(text).ok()).collect()
        };
        let mut first = vec![self.text];
        first.extend(self.texts);
        (texts(first), texts(self.parts))
    }

    /// Whether the value is but the placeholder.
    #[inline]
    pub(crate) fn is(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Text(text) => {
                text.raw == self.text || self.texts.iter().any(|known| known == text.raw)
            }
            Value::Bytes(bytes) => *bytes == self.text,
            Value::Json(json) => self.parts.iter().any(|known| known == json),
            // As many elements as it has letters, or one.
            Value::Avro(part) if part.has_elements(&[1, self.text.len()]) => {
                let mut json = Vec::new();
                parts::write_json(value, &mut json);
                self.parts.contains(&json)
            }
            _ => false,
        }
    }
}
