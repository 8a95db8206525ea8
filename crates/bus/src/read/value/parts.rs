//! Values of many parts: their elements, their fields, and all of them as JSON.

use super::super::avro;
use super::super::json::{Scan, Text, Token, write_string};
use super::Value;
use std::io::Write;

/// Calls `take` with each element of an array, until it says no.
pub(super) fn each_element<'a>(
    value: &Value<'a>,
    take: &mut dyn FnMut(Value<'a>) -> Result<(), super::Odd>,
) -> Result<(), super::Odd> {
    match value {
        Value::Json(json) => {
            let mut scan = Scan::new(json);
            let (is_array, mut is_first) = (scan.eat(b'['), true);
            while is_array && scan.element(&mut is_first).unwrap_or(false) {
                let Ok(token) = scan.value() else { break };
                take(token.into())?;
            }
            Ok(())
        }
        Value::Avro(part) => part.each_element(take),
        _ => Ok(()),
    }
}

/// Calls `take` with each field of an object, a record or a map.
pub(super) fn each_field<'a>(value: &Value<'a>, take: &mut dyn FnMut(Text<'a>, Value<'a>)) {
    match value {
        Value::Json(json) => {
            let mut scan = Scan::new(json);
            let (is_object, mut is_first) = (scan.eat(b'{'), true);
            while is_object && let Ok(Some(name)) = scan.name(&mut is_first) {
                let Ok(token) = scan.value() else { break };
                take(name, token.into());
            }
        }
        Value::Avro(part) => part.each_field(take),
        _ => {}
    }
}

pub(crate) fn field<'a>(value: &Value<'a>, wanted: &str) -> Option<Value<'a>> {
    let mut found = None;
    each_field(value, &mut |name, value| {
        if name.is(wanted.as_bytes()) {
            found = Some(value);
        }
    });
    found
}

/// As JSON. JSON itself is as it was.
pub(crate) fn write_json(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) if number.is_finite() => {
            let _ = write!(out, "{number:?}");
        }
        Value::Double(number) if number.is_finite() => {
            let _ = write!(out, "{number:?}");
        }
        Value::Float(number) => write_string(super::form::special(f64::from(*number)), out),
        Value::Double(number) => write_string(super::form::special(*number), out),
        Value::Number(json) | Value::Json(json) => out.extend_from_slice(json),
        Value::Text(text) if text.is_escaped => {
            out.push(b'"');
            out.extend_from_slice(text.raw);
            out.push(b'"');
        }
        Value::Text(text) => write_string(text.raw, out),
        Value::Bytes(bytes) => {
            use base64::Engine;
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            write_string(text.as_bytes(), out);
        }
        Value::Avro(part) => write_part(part, out),
    }
}

fn write_part(part: &avro::Part<'_>, out: &mut Vec<u8>) {
    let value = Value::Avro(*part);
    let mut is_first = true;
    let mut glue = move |out: &mut Vec<u8>| {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
    };
    if part.is_array() {
        out.push(b'[');
        let _ = each_element(&value, &mut |element| {
            glue(out);
            write_json(&element, out);
            Ok(())
        });
        out.push(b']');
        return;
    }
    out.push(b'{');
    each_field(&value, &mut |name, value| {
        glue(out);
        write_string(name.raw, out);
        out.push(b':');
        write_json(&value, out);
    });
    out.push(b'}');
}

/// What a person reads of a value that fits nowhere.
pub(super) fn write_raw(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => {
            if text.write(out).is_err() {
                out.extend_from_slice(text.raw);
            }
        }
        _ => write_json(value, out),
    }
}

/// An object of texts as hstore prints it.
pub(super) fn write_hstore(value: &Value<'_>, out: &mut Vec<u8>) -> Result<(), super::Odd> {
    let mut is_first = true;
    let mut text = Vec::new();
    let mut odd = Ok(());
    let quote = |bytes: &[u8], out: &mut Vec<u8>| {
        out.push(b'"');
        for &byte in bytes {
            if let b'"' | b'\\' = byte {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    };
    each_field(value, &mut |name, value| {
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
        text.clear();
        if name.write(&mut text).is_err() {
            odd = Err("a key that is no text".to_owned());
        }
        quote(&text, out);
        out.extend_from_slice(b"=>");
        if value.is_null() {
            return out.extend_from_slice(b"NULL");
        }
        text.clear();
        write_raw(&value, &mut text);
        quote(&text, out);
    });
    odd
}

/// The object inside a text that is one.
pub(super) fn object_of(text: &[u8]) -> Option<Value<'_>> {
    match Scan::whole(text) {
        Ok(Token::Object(json)) => Some(Value::Json(json)),
        _ => None,
    }
}
