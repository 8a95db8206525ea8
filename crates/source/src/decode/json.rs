//! Values as JSON, as Postgres's `to_json` writes them: what a row type becomes.
//!
//! Numbers and booleans are JSON's own, json and jsonb are as they are, dates have the form of
//! ISO 8601; everything else is the text that Postgres prints, in quotes.

use super::{Cursor, Refusal, array, bad_form, hstore, print, record};
use model::PgType;
use std::io::Write;

/// Writes a value in its binary form. What was written before an error is no JSON.
pub(super) fn of_binary(pg: &PgType, value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    match pg {
        PgType::Json => out.extend_from_slice(value),
        PgType::Jsonb => out.extend_from_slice(value.strip_prefix(&[1]).ok_or_else(bad_form)?),
        PgType::Hstore => object(out, |take| hstore::of_binary(value, take))?,
        PgType::Array(element, _) => {
            let mut cursor = Cursor::new(value);
            let shape = array::Shape::read(&mut cursor)?;
            match shape.lengths() {
                [] => out.extend_from_slice(b"[]"),
                lengths => levels(element, lengths, &mut cursor, out)?,
            }
            if !cursor.rest().is_empty() {
                return Err(bad_form());
            }
        }
        PgType::Composite(composite) => {
            record::of_binary(composite, value, |at, value| {
                let field = &composite.fields[at];
                name(at, &field.name, out);
                or_null(value, out, |value, out| of_binary(&field.pg, value, out))
            })?;
            close(composite.fields.is_empty(), out);
        }
        _ => {
            let mut text = Vec::new();
            print::write(pg, value, &mut text).ok_or_else(bad_form)?;
            scalar(pg, &text, out);
        }
    }
    Ok(())
}

/// The same of the text form.
pub(super) fn of_text(pg: &PgType, value: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    match pg {
        PgType::Json | PgType::Jsonb => out.extend_from_slice(value),
        PgType::Hstore => object(out, |take| hstore::of_text(value, take))?,
        PgType::Array(element, _) => {
            let mut rest = array::without_bounds(value)?;
            text_levels(element, &mut rest, array::DIMENSIONS_MAX, out)?;
            if !rest.is_empty() {
                return Err(bad_form());
            }
        }
        PgType::Composite(composite) => {
            record::of_text(composite, value, |at, value| {
                let field = &composite.fields[at];
                name(at, &field.name, out);
                or_null(value, out, |value, out| of_text(&field.pg, value, out))
            })?;
            close(composite.fields.is_empty(), out);
        }
        _ => scalar(pg, value, out),
    }
    Ok(())
}

fn or_null<'a>(
    value: Option<&'a [u8]>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&'a [u8], &mut Vec<u8>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match value {
        Some(value) => write(value, out),
        None => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    }
}

fn name(at: usize, name: &str, out: &mut Vec<u8>) {
    out.push(if at == 0 { b'{' } else { b',' });
    string(name.as_bytes(), out);
    out.push(b':');
}

fn close(is_empty: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(if is_empty { b"{}" } else { b"}" });
}

type Take<'a> = &'a mut dyn FnMut(&[u8], Option<&[u8]>);

/// hstore's own cast to json, which has blanks.
fn object(
    out: &mut Vec<u8>,
    pairs: impl FnOnce(Take<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    out.push(b'{');
    let mut is_first = true;
    pairs(&mut |key, value| {
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
        string(key, out);
        out.extend_from_slice(b": ");
        match value {
            Some(value) => string(value, out),
            None => out.extend_from_slice(b"null"),
        }
    })?;
    out.push(b'}');
    Ok(())
}

fn levels(
    element: &PgType,
    lengths: &[u32],
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    for at in 0..lengths[0] {
        out.push(if at == 0 { b'[' } else { b',' });
        match lengths {
            [_] => or_null(cursor.value()?, out, |value, out| of_binary(element, value, out))?,
            _ => levels(element, &lengths[1..], cursor, out)?,
        }
    }
    out.push(b']');
    Ok(())
}

fn text_levels(
    element: &PgType,
    rest: &mut &[u8],
    levels_left: usize,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    if levels_left == 0 || !array::eat(rest, b'{') {
        return Err(bad_form());
    }
    out.push(b'[');
    if array::eat(rest, b'}') {
        out.push(b']');
        return Ok(());
    }
    let delimiter = array::delimiter(element);
    loop {
        match rest.first() {
            Some(b'{') => text_levels(element, rest, levels_left - 1, out)?,
            _ => {
                let item = array::item(rest, delimiter)?;
                or_null(item.as_deref(), out, |item, out| of_text(element, item, out))?;
            }
        }
        if array::eat(rest, b'}') {
            out.push(b']');
            return Ok(());
        }
        if !array::eat(rest, delimiter) {
            return Err(bad_form());
        }
        out.push(b',');
    }
}

fn scalar(pg: &PgType, text: &[u8], out: &mut Vec<u8>) {
    match pg {
        PgType::Bool => {
            out.extend_from_slice(if text == b"t" { &b"true"[..] } else { b"false" });
        }
        PgType::Int2
        | PgType::Int4
        | PgType::Int8
        | PgType::Float4
        | PgType::Float8
        | PgType::Numeric(_)
            // NaN and Infinity are not JSON's.
            if text.last().is_some_and(u8::is_ascii_digit) =>
        {
            out.extend_from_slice(text);
        }
        PgType::Timestamp | PgType::Timestamptz => string(&iso(text), out),
        _ => string(text, out),
    }
}

/// `2026-01-01 00:00:00+00 BC` with a `T`, and with the minutes of its zone, which is ours: UTC.
fn iso(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    if let Some(at) = out.iter().position(|&byte| byte == b' ') {
        out[at] = b'T';
    }
    if let Some(at) = out.iter().position(|&byte| byte == b'+') {
        out.splice(at + 3..at + 3, *b":00");
    }
    out
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            ..b' ' => {
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
