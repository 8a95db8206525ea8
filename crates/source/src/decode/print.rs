//! Binary values as Postgres prints them, whatever the columns can hold: what the quarantine keeps
//! must be the value itself, not what a rule made of it.

use super::{Cursor, clock, numeric};
use crate::lookup::{bytea_text, civil};
use model::PgType;
use std::fmt::{LowerExp, Write};

const DAY_US: i64 = 86_400_000_000;
/// 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;

/// `None`: not a binary form of that type.
pub(super) fn text(pg: &PgType, value: &[u8]) -> Option<String> {
    Some(match pg {
        PgType::Bool => String::from(if value == [0] { "f" } else { "t" }),
        PgType::Int2 => i16::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Int4 => i32::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Int8 => i64::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Oid => u32::from_be_bytes(value.try_into().ok()?).to_string(),
        PgType::Float4 => {
            let number = f32::from_be_bytes(value.try_into().ok()?);
            float(number, f64::from(number), 6)
        }
        PgType::Float8 => {
            let number = f64::from_be_bytes(value.try_into().ok()?);
            float(number, number, 15)
        }
        PgType::Numeric(_) => numeric::text_of_binary(value)?,
        PgType::Text | PgType::Enum | PgType::Json | PgType::Other => lossy(value),
        PgType::Jsonb => lossy(value.strip_prefix(&[1])?),
        PgType::Bytea => bytea_text(value),
        PgType::Uuid => uuid(value)?,
        PgType::Timestamp => timestamp(i64::from_be_bytes(value.try_into().ok()?), ""),
        PgType::Timestamptz => timestamp(i64::from_be_bytes(value.try_into().ok()?), "+00"),
        PgType::Date => date(i32::from_be_bytes(value.try_into().ok()?)),
        PgType::Time => clock::clock_text(i64::from_be_bytes(value.try_into().ok()?)),
        PgType::Timetz => clock::timetz_text(value.try_into().ok()?),
        PgType::Interval => clock::interval_text(value.try_into().ok()?),
        // It came as text.
        PgType::Array(..) if !pg.has_binary() => lossy(value),
        PgType::Array(element, _) => array(element, value)?,
    })
}

/// Postgres sent it as UTF-8.
fn lossy(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

/// The shortest digits that read back as the number; an exponent from 10^`digits` on.
fn float(number: impl LowerExp, wide: f64, digits: i32) -> String {
    if !wide.is_finite() {
        let text = if wide.is_nan() { "NaN" } else { "Infinity" };
        return format!("{}{text}", if wide == f64::NEG_INFINITY { "-" } else { "" });
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= digits {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let figures = mantissa.replace('.', "");
    let Ok(before) = usize::try_from(exponent + 1) else {
        return format!("{sign}0.{}{figures}", "0".repeat((-exponent - 1) as usize));
    };
    match figures.split_at_checked(before) {
        Some(("", after)) => format!("{sign}0.{after}"),
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, after)) => format!("{sign}{whole}.{after}"),
        None => format!("{sign}{figures}{}", "0".repeat(before - figures.len())),
    }
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

/// The most dimensions that Postgres gives an array.
const DIMENSIONS_MAX: usize = 6;

fn array(element: &PgType, value: &[u8]) -> Option<String> {
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
        return Some("{}".into());
    }
    let mut text = if from_one { String::new() } else { bounds + "=" };
    array_level(element, &lengths, &mut cursor, &mut text)?;
    Some(text)
}

fn array_level(
    element: &PgType,
    lengths: &[u32],
    cursor: &mut Cursor<'_>,
    text: &mut String,
) -> Option<()> {
    for at in 0..lengths[0] {
        text.push(if at == 0 { '{' } else { ',' });
        if lengths.len() > 1 {
            array_level(element, &lengths[1..], cursor, text)?;
            continue;
        }
        match cursor.i32().ok()? {
            -1 => text.push_str("NULL"),
            length => {
                let value = cursor.bytes(usize::try_from(length).ok()?).ok()?;
                array_item(&self::text(element, value)?, text);
            }
        }
    }
    text.push('}');
    Some(())
}

pub(super) fn array_item(item: &str, text: &mut String) {
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | 9..=13);
    if !item.is_empty() && !item.eq_ignore_ascii_case("null") && !item.bytes().any(special) {
        text.push_str(item);
        return;
    }
    text.push('"');
    for letter in item.chars() {
        if let '"' | '\\' = letter {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}
