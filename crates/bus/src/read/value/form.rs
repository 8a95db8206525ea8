//! Into the form that a column's type is read from. Binary where that is exact and cheap, else the
//! text that Postgres prints; never a form that would be taken for another value.

use super::clock::{self, DAY_US};
use super::{For, Odd, Plain, Rules, Value, decimal, parts, plain};
use crate::read::named::spelled;
use model::PgType;
use source::decode::tuple::Tuple;
use std::io::Write;

/// Pushes a value into a tuple. `text` is memory for those that have to be written first.
#[inline]
pub(super) fn push(
    plain: Plain<'_>,
    pg: &PgType,
    text: &mut Vec<u8>,
    tuple: &mut Tuple,
) -> Result<(), Odd> {
    match (plain, pg) {
        (Plain::Null, _) => tuple.null(),
        (Plain::Unchanged, _) => tuple.unchanged(),
        (Plain::Text(value), PgType::Text | PgType::Enum | PgType::Json | PgType::Jsonb) => {
            tuple.text(value);
        }
        (Plain::Bool(value), PgType::Bool) => tuple.binary(&[u8::from(value)]),
        (Plain::Int(number), PgType::Int8) => tuple.binary(&number.to_be_bytes()),
        (Plain::Int(number), PgType::Int4) if i32::try_from(number).is_ok() => {
            tuple.binary(&(number as i32).to_be_bytes());
        }
        (Plain::Int(number), PgType::Int2) if i16::try_from(number).is_ok() => {
            tuple.binary(&(number as i16).to_be_bytes());
        }
        (Plain::Double(number), PgType::Float8) => tuple.binary(&number.to_be_bytes()),
        (Plain::Float(number), PgType::Float4) => tuple.binary(&number.to_be_bytes()),
        (Plain::Float(number), PgType::Float8) => tuple.binary(&f64::from(number).to_be_bytes()),
        (Plain::Moment { us, .. }, PgType::Timestamp | PgType::Timestamptz) => {
            let us = clock::pg_timestamp(us).ok_or_else(|| beyond(pg))?;
            tuple.binary(&us.to_be_bytes());
        }
        (Plain::Date(days), PgType::Date) => {
            let days = clock::pg_date(days).ok_or_else(|| beyond(pg))?;
            tuple.binary(&days.to_be_bytes());
        }
        (Plain::Date(days), PgType::Timestamp | PgType::Timestamptz) => {
            let us = days.checked_mul(DAY_US).and_then(clock::pg_timestamp);
            tuple.binary(&us.ok_or_else(|| beyond(pg))?.to_be_bytes());
        }
        (Plain::Time(us), PgType::Time) => match (0..=DAY_US).contains(&us) {
            true => tuple.binary(&us.to_be_bytes()),
            false => return Err("it is no time of a day".to_owned()),
        },
        (Plain::Bytes(value), PgType::Bytea) => tuple.binary(value),
        (
            Plain::Int(_) | Plain::Number(_) | Plain::Text(_) | Plain::Double(_),
            PgType::Money(scale),
        ) => {
            text.clear();
            write(plain, pg, text)?;
            let units = decimal::units(text, *scale).ok_or_else(|| differs(plain, pg))?;
            tuple.binary(&units.to_be_bytes());
        }
        _ => {
            text.clear();
            write(plain, pg, text)?;
            tuple.text(text);
        }
    }
    Ok(())
}

fn beyond(pg: &PgType) -> Odd {
    format!(
        "it lies outside of what a {} can be, as what Debezium makes of infinity does",
        spelled(pg)
    )
}

/// What was sent is not what the column is.
#[cold]
fn differs(plain: Plain<'_>, pg: &PgType) -> Odd {
    let sent = match plain {
        Plain::Null | Plain::Unchanged => "nothing",
        Plain::Bool(_) => "boolean",
        Plain::Int(_) => "a whole number",
        Plain::Number(_) => "a decimal number",
        Plain::Float(_) => "real",
        Plain::Double(_) => "double precision",
        Plain::Text(_) => "text",
        Plain::Bytes(_) => "bytea",
        Plain::Moment { .. } => "timestamp",
        Plain::Date(_) => "date",
        Plain::Time(_) => "time",
    };
    format!("the column is {}, and {sent} came that is no such value exactly", spelled(pg))
}

/// The text form.
fn write(plain: Plain<'_>, pg: &PgType, out: &mut Vec<u8>) -> Result<(), Odd> {
    let is_whole =
        matches!(pg, PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid | PgType::Xid8);
    match plain {
        Plain::Null | Plain::Unchanged => return Err(differs(plain, pg)),
        Plain::Bool(value) if *pg == PgType::Bool => out.push(if value { b't' } else { b'f' }),
        Plain::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Plain::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Plain::Number(number) if is_whole => out.extend_from_slice(decimal::whole(number)),
        Plain::Number(text) | Plain::Text(text) => out.extend_from_slice(text),
        Plain::Float(number) if matches!(pg, PgType::Float8) => {
            write_double(f64::from(number), out);
        }
        Plain::Float(number) => write_float(number, out),
        Plain::Double(number) => write_double(number, out),
        Plain::Bytes(bytes) => {
            out.extend_from_slice(b"\\x");
            for byte in bytes {
                let _ = write!(out, "{byte:02x}");
            }
        }
        Plain::Moment { us, has_zone } => {
            clock::pg_timestamp(us).ok_or_else(|| beyond(&PgType::Timestamp))?;
            let is_midnight = us.rem_euclid(DAY_US) == 0;
            match pg {
                PgType::Date if is_midnight => clock::write_date(us.div_euclid(DAY_US), out),
                PgType::Timestamp => clock::write_timestamp(us, false, out),
                _ => clock::write_timestamp(us, has_zone, out),
            }
        }
        Plain::Date(days) => {
            clock::pg_date(days).ok_or_else(|| beyond(&PgType::Date))?;
            clock::write_date(days, out);
        }
        Plain::Time(us) if (0..=DAY_US).contains(&us) => clock::write_time(us, out),
        Plain::Time(_) => return Err("it is no time of a day".to_owned()),
    }
    fits(plain, pg, out)
}

/// Whether the type's own reader takes the text for this value and for no other: floats take the
/// nearest, and the other readers refuse what is not theirs. Those reasons are ours, as they know what
/// was sent.
fn fits(plain: Plain<'_>, pg: &PgType, text: &[u8]) -> Result<(), Odd> {
    let is_exact = match (pg, plain) {
        (PgType::Float4, Plain::Int(_) | Plain::Number(_) | Plain::Text(_) | Plain::Double(_)) => {
            decimal::is_exact_float(text, decimal::FLOAT4)
        }
        (PgType::Float8, Plain::Int(_) | Plain::Number(_) | Plain::Text(_)) => {
            decimal::is_exact_float(text, decimal::FLOAT8)
        }
        (PgType::Int2, _) => number_of::<i16>(text),
        (PgType::Int4, _) => number_of::<i32>(text),
        (PgType::Int8, _) => number_of::<i64>(text),
        (
            PgType::Bool | PgType::Uuid | PgType::Date | PgType::Time | PgType::Numeric(_),
            Plain::Bytes(_) | Plain::Moment { .. },
        ) => *pg == PgType::Date && text.len() <= 13,
        (PgType::Bool, Plain::Int(_) | Plain::Number(_)) => false,
        (PgType::Timestamp | PgType::Timestamptz, Plain::Time(_) | Plain::Bytes(_)) => false,
        _ => true,
    };
    if is_exact { Ok(()) } else { Err(differs(plain, pg)) }
}

fn number_of<T: std::str::FromStr>(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<T>().is_ok())
}

pub(super) fn special(number: f64) -> &'static [u8] {
    match number {
        _ if number.is_nan() => b"NaN",
        _ if number < 0.0 => b"-Infinity",
        _ => b"Infinity",
    }
}

pub(super) fn write_double(number: f64, out: &mut Vec<u8>) {
    match number.is_finite() {
        true if number == 0.0 || (1e-5..1e15).contains(&number.abs()) => {
            let _ = write!(out, "{number}");
        }
        true => {
            let _ = write!(out, "{number:e}");
        }
        false => out.extend_from_slice(special(number)),
    }
}

fn write_float(number: f32, out: &mut Vec<u8>) {
    match number.is_finite() {
        true if number == 0.0 || (1e-5..1e6).contains(&number.abs()) => {
            let _ = write!(out, "{number}");
        }
        true => {
            let _ = write!(out, "{number:e}");
        }
        false => out.extend_from_slice(special(f64::from(number))),
    }
}

/// `{1,NULL,"a \"b\""}`; arrays inside only as deep as the column has dimensions.
pub(super) fn write_array(
    value: &Value<'_>,
    to: For<'_>,
    dimensions: u8,
    rules: &Rules,
    out: &mut Vec<u8>,
) -> Result<(), Odd> {
    let delimiter = match to.pg {
        PgType::Printed(model::Printed::Box) => b';',
        PgType::Printed(model::Printed::Ewkb) => b':',
        _ => b',',
    };
    let (mut is_first, mut memory, mut text) = (true, Vec::new(), Vec::new());
    out.push(b'{');
    parts::each_element(value, &mut |element| {
        if !std::mem::take(&mut is_first) {
            out.push(delimiter);
        }
        if dimensions > 1 && element.is_array() {
            return write_array(&element, to, dimensions - 1, rules, out);
        }
        if element.is_null() {
            out.extend_from_slice(b"NULL");
            return Ok(());
        }
        memory.clear();
        text.clear();
        let plain = plain::of(&element, to, rules, &mut memory)?;
        write(plain, to.pg, &mut text).map_err(|odd| format!("an element: {odd}"))?;
        write_element(&text, delimiter, out);
        Ok(())
    })?;
    out.push(b'}');
    Ok(())
}

/// In quotes wherever it could be taken for something else.
fn write_element(text: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    let is_plain = |&byte: &u8| {
        byte != delimiter
            && (byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_' | b':'))
    };
    if !text.is_empty() && !text.eq_ignore_ascii_case(b"null") && text.iter().all(is_plain) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if let b'"' | b'\\' = byte {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
