//! Binary values as Postgres prints them, whatever the columns can hold: what the quarantine keeps
//! must be the value itself, not what a rule made of it.

use super::array::DIMENSIONS_MAX;
use super::range::Range;
use super::{
    Cursor, array, bad_form, clock, float, hstore, money, numeric, printed, range, record, shape,
};
use crate::lookup::{bytea_text, civil};
use model::PgType;
use std::fmt::Write;

const DAY_US: i64 = 86_400_000_000;
/// 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;

/// `None`: not a binary form of that type.
pub(super) fn text(pg: &PgType, value: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    write(pg, value, &mut out)?;
    // Postgres sent it as UTF-8.
    Some(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()))
}

/// What was written before a `None` is no text.
pub(super) fn write(pg: &PgType, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = match pg {
        PgType::Text | PgType::Enum | PgType::Json | PgType::Other | PgType::Unread => {
            out.extend_from_slice(value);
            return Some(());
        }
        // It came as text.
        _ if !pg.has_binary() => {
            out.extend_from_slice(value);
            return Some(());
        }
        PgType::Bool => String::from(if value == [0] { "f" } else { "t" }),
        PgType::Int2 => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Int4 => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Int8 => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Oid => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Xid8 => u64::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Numeric(_) => numeric::text_of_binary(value)?,
        PgType::Bytea => bytea_text(value),
        PgType::Uuid => uuid(value)?,
        PgType::Timestamp => timestamp(i64::from_be_bytes(value.try_into().ok()?), ""),
        PgType::Timestamptz => timestamp(i64::from_be_bytes(value.try_into().ok()?), "+00"),
        PgType::Date => date(i32::from_be_bytes(value.try_into().ok()?)),
        PgType::Time => clock::time_text(i64::from_be_bytes(value.try_into().ok()?))?,
        PgType::Timetz => clock::timetz_text(value.try_into().ok()?)?,
        PgType::Interval => clock::interval_text(value.try_into().ok()?),
        _ => return write_parts(pg, value, out),
    };
    out.extend_from_slice(text.as_bytes());
    Some(())
}

/// Those that are more than one word.
fn write_parts(pg: &PgType, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut cursor = Cursor::new(value);
    match pg {
        PgType::Float4 => float::write_f32(f32::from_be_bytes(value.try_into().ok()?), out),
        PgType::Float8 => float::write_f64(f64::from_be_bytes(value.try_into().ok()?), out),
        PgType::Money(_) => money::print(i64::from_be_bytes(value.try_into().ok()?), out),
        PgType::Jsonb => out.extend_from_slice(value.strip_prefix(&[1])?),
        PgType::Point => printed::point(&mut cursor, out).ok()?,
        PgType::Polygon => {
            let count = printed::count(&mut cursor, 16).ok()?;
            printed::points(&mut cursor, count, b"()", out).ok()?;
        }
        PgType::Vector | PgType::Halfvec => vector(*pg == PgType::Halfvec, &mut cursor, out)?,
        PgType::Hstore => hstore::of_binary(value, hstore::print(out)).ok()?,
        PgType::Range(bound) => one_range(bound, value, out)?,
        PgType::Multirange(bound) => {
            out.push(b'{');
            let mut is_first = true;
            let ranges = range::each_binary(value, |range| {
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                one_range(bound, range, out).ok_or_else(bad_form)
            });
            ranges.ok()?;
            out.push(b'}');
        }
        PgType::Composite(composite) => {
            out.push(b'(');
            let fields = record::of_binary(composite, value, |at, value| {
                if at > 0 {
                    out.push(b',');
                }
                let Some(value) = value else { return Ok(()) };
                let mut text = Vec::new();
                write(&composite.fields[at].pg, value, &mut text).ok_or_else(bad_form)?;
                record::print_item(&text, b"\"\\(),", out);
                Ok(())
            });
            fields.ok()?;
            out.push(b')');
        }
        PgType::AsText(inner) => write(inner, value, out)?,
        PgType::Printed(what) => printed::write(*what, value, out).ok()?,
        PgType::Array(element, _) => whole_array(element, value, out)?,
        _ => return None,
    }
    Some(())
}

fn one_range(bound: &PgType, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let Range { bounds, lower, upper } = Range::read(value).ok()?;
    range::print(bounds, lower, upper, out, |value, out| write(bound, value, out))
}

fn vector(is_half: bool, cursor: &mut Cursor<'_>, out: &mut Vec<u8>) -> Option<()> {
    let (count, _unused) = (cursor.u16().ok()?, cursor.u16().ok()?);
    out.push(b'[');
    for at in 0..count {
        if at > 0 {
            out.push(b',');
        }
        let number = if is_half { shape::half(cursor.u16().ok()?) } else { cursor.f32().ok()? };
        float::write_f32(number, out);
    }
    out.push(b']');
    Some(())
}

fn uuid(value: &[u8]) -> Option<String> {
    let value = u128::from_be_bytes(value.try_into().ok()?);
    let digits = format!("{value:032x}");
    let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
    Some(format!("{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..]))
}

fn timestamp(us: i64, zone: &str) -> String {
    match us {
        i64::MAX => return "infinity".into(),
        i64::MIN => return "-infinity".into(),
        _ => {}
    }
    let (day, before_christ) = day(us.div_euclid(DAY_US) + EPOCH_DAYS);
    format!("{day} {}{zone}{before_christ}", clock::clock_text(us.rem_euclid(DAY_US)))
}

fn date(days: i32) -> String {
    match days {
        i32::MAX => return "infinity".into(),
        i32::MIN => return "-infinity".into(),
        _ => {}
    }
    let (day, before_christ) = day(i64::from(days) + EPOCH_DAYS);
    day + before_christ
}

/// Years have no zero: the year before 1 is 1 BC.
fn day(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(days);
    let (year, before_christ) = if year > 0 { (year, "") } else { (1 - year, " BC") };
    (format!("{year:04}-{month:02}-{day:02}"), before_christ)
}

fn whole_array(element: &PgType, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut cursor = Cursor::new(value);
    let dimensions = cursor.u32().ok()? as usize;
    let (_has_nulls, _element_oid) = (cursor.u32().ok()?, cursor.u32().ok()?);
    if dimensions > DIMENSIONS_MAX {
        return None;
    }
    let (mut lengths, mut bounds, mut from_one) = (Vec::new(), String::new(), true);
    for _ in 0..dimensions {
        let (length, lower) = (cursor.u32().ok()?, i64::from(cursor.i32().ok()?));
        lengths.push(length);
        from_one &= lower == 1;
        let _ = write!(bounds, "[{lower}:{}]", lower + i64::from(length) - 1);
    }
    if lengths.is_empty() || lengths.contains(&0) {
        out.extend_from_slice(b"{}");
        return Some(());
    }
    if !from_one {
        out.extend_from_slice(bounds.as_bytes());
        out.push(b'=');
    }
    array_level(element, &lengths, &mut cursor, out)
}

fn array_level(
    element: &PgType,
    lengths: &[u32],
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
) -> Option<()> {
    let delimiter = array::delimiter(element);
    for at in 0..lengths[0] {
        out.push(if at == 0 { b'{' } else { delimiter });
        if lengths.len() > 1 {
            array_level(element, &lengths[1..], cursor, out)?;
            continue;
        }
        match cursor.value().ok()? {
            None => out.extend_from_slice(b"NULL"),
            Some(value) => {
                let mut text = Vec::new();
                write(element, value, &mut text)?;
                array_item(&text, delimiter, out);
            }
        }
    }
    out.push(b'}');
    Some(())
}

pub(crate) fn array_item(item: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    let special = |&byte: &u8| {
        byte == delimiter || matches!(byte, b'"' | b'\\' | b'{' | b'}' | b' ' | 9..=13)
    };
    if !item.is_empty() && !item.eq_ignore_ascii_case(b"null") && !item.iter().any(special) {
        out.extend_from_slice(item);
        return;
    }
    out.push(b'"');
    for &byte in item {
        if let b'"' | b'\\' = byte {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
