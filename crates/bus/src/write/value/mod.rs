//! One value of Postgres's, in either of its forms, as Debezium writes it: nothing in between.
//!
//! ```text
//! Field ─▶ scalars, number, clock   the common ones, out of the binary form itself
//!       └▶ parts                    arrays, hstore, points, shapes, vectors ─▶ out::{Json, Avro}
//! ```
//!
//! What has another form only (Debezium's own of a NaN in a decimal) is [`Lost`]: it becomes NULL, and
//! is counted.

pub(crate) mod clock;
pub(crate) mod number;
pub(crate) mod out;
mod parts;

pub(crate) use out::Json;

use super::options::DecimalMode;
use super::schema::Kind;
use super::types::{Form, Type};
use clock::{Moment, Text};
use number::Special;
use out::Out;
use source::decode::Field;

/// Debezium has no form for the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Lost;

/// What stands for a large value that an UPDATE did not touch.
pub(crate) const UNAVAILABLE: &[u8] = b"__debezium_unavailable_value";

/// What pgjdbc's driver calls the ends of time, in ms.
const MILLIS_INFINITY: i64 = 9_223_372_036_825_200_000;
const MILLIS_NEGATIVE_INFINITY: i64 = -9_223_372_036_832_400_000;

/// Writes the value of a column; how many were lost.
#[inline]
pub(crate) fn write<O: Out>(ty: &Type, field: Field<'_>, out: &mut O) -> u64 {
    let (value, is_binary) = match field {
        Field::Binary(value) => (value, true),
        Field::Text(value) => (value, false),
        Field::Null => {
            nothing(ty, out);
            return 0;
        }
        Field::Unchanged => return unchanged(ty, out),
    };
    let mark = out.mark();
    if ty.schema.optional {
        out.some();
    }
    match form(&ty.form, value, is_binary, out) {
        Ok(lost) => lost,
        Err(Lost) => {
            out.back_to(mark);
            lost(ty, out);
            1
        }
    }
}

/// NULL, or what Debezium invents where the schema has none.
fn nothing<O: Out>(ty: &Type, out: &mut O) {
    match ty.schema.optional {
        true => out.null(),
        false => zero(&ty.form, out),
    }
}

/// Nothing is invented for what was there.
#[cold]
fn lost<O: Out>(ty: &Type, out: &mut O) {
    match ty.schema.optional || out.takes_any_null() {
        true => out.null(),
        false => zero(&ty.form, out),
    }
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], Lost> {
    value.try_into().map_err(|_| Lost)
}

fn parsed<T: std::str::FromStr>(value: &[u8]) -> Result<T, Lost> {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).ok_or(Lost)
}

fn whole<O: Out>(value: &[u8], out: &mut O) -> Result<(), Lost> {
    out.int(parsed(value)?);
    Ok(())
}

/// A value that is not NULL; how many of its parts were lost.
#[inline]
fn form<O: Out>(form: &Form, value: &[u8], is_binary: bool, out: &mut O) -> Result<u64, Lost> {
    match form {
        Form::Text => out.text(value),
        Form::Int64 if is_binary => out.int(i64::from_be_bytes(fixed(value)?)),
        Form::Int32 if is_binary => out.int(i32::from_be_bytes(fixed(value)?).into()),
        Form::Int16 if is_binary => out.int(i16::from_be_bytes(fixed(value)?).into()),
        Form::Oid if is_binary => out.int(u32::from_be_bytes(fixed(value)?).into()),
        Form::Xid8 if is_binary => {
            let id = u64::from_be_bytes(fixed(value)?);
            out.int(id.try_into().map_err(|_| Lost)?);
        }
        Form::Int16 | Form::Int32 | Form::Int64 | Form::Oid | Form::Xid8 => whole(value, out)?,
        Form::Bool => match value {
            [1] | b"t" => out.bool(true),
            [0] | b"f" => out.bool(false),
            _ => return Err(Lost),
        },
        Form::Decimal { scale } => number::fixed(value, is_binary, *scale, out)?,
        Form::FreeDecimal => number::free(value, is_binary, out)?,
        Form::Zoned { .. } | Form::Micros | Form::Millis | Form::IsoTimestamp => {
            timestamp(form, clock::timestamp(value, is_binary)?, out)?;
        }
        Form::Double if is_binary => out.double(f64::from_be_bytes(fixed(value)?)),
        Form::Float if is_binary => out.float(f32::from_be_bytes(fixed(value)?)),
        Form::Double => out.double(parsed(value)?),
        Form::Float => out.float(parsed(value)?),
        Form::Uuid if is_binary => uuid(fixed(value)?, out),
        Form::Uuid => out.text(value),
        Form::Jsonb if is_binary => match value {
            [1, json @ ..] => out.text(json),
            _ => return Err(Lost),
        },
        Form::Jsonb => out.text(value),
        Form::Bytes if is_binary => out.bytes(value),
        Form::Bytes => out.bytes(&parts::unhex(value.strip_prefix(b"\\x").ok_or(Lost)?)?),
        _ => return rare(form, value, is_binary, out),
    }
    Ok(0)
}

/// Out of the way of the common ones.
fn rare<O: Out>(form: &Form, value: &[u8], is_binary: bool, out: &mut O) -> Result<u64, Lost> {
    match form {
        Form::Date => out.int(match clock::date(value, is_binary)? {
            Moment::At(days) => days,
            Moment::Infinity => i32::MAX.into(),
            Moment::NegativeInfinity => i32::MIN.into(),
        }),
        Form::IsoDate => match clock::date(value, is_binary)? {
            Moment::At(days) => {
                let mut text = Text::default();
                text.day(days);
                text.utc();
                out.plain(text.bytes());
            }
            moment => out.plain(endless(moment)),
        },
        Form::TimeMicros => out.int(clock::time(value, is_binary)?),
        Form::TimeMillis => out.int(clock::time(value, is_binary)? / 1000),
        Form::IsoTime => zoned_time(clock::time(value, is_binary)?, out),
        Form::ZonedTime => zoned_time(clock::timetz(value, is_binary)?, out),
        Form::IntervalMicros => out.int(clock::interval(value, is_binary)?.micros()),
        Form::IsoInterval => {
            let mut text = String::new();
            clock::interval(value, is_binary)?.iso(&mut text);
            out.plain(text.as_bytes());
        }
        Form::DecimalText | Form::DecimalDouble => decimal(form, value, is_binary, out)?,
        Form::Money(mode, digits) => money(*mode, *digits, value, is_binary, out)?,
        Form::Printed(pg) if is_binary => {
            let mut text = Vec::new();
            source::decode::tuple::print(pg, value, &mut text).ok_or(Lost)?;
            out.text(&text);
        }
        Form::Printed(_) => out.text(value),
        Form::Array { element, dimensions, delimiter } => {
            return match is_binary {
                true => parts::array_binary(element, *dimensions, value, out),
                false => parts::array_text(element, *dimensions, *delimiter, value, out),
            };
        }
        Form::Bit | Form::Bits => parts::bits(*form == Form::Bit, value, is_binary, out)?,
        Form::Point => parts::point(value, is_binary, out)?,
        Form::Hstore => parts::hstore(value, is_binary, out)?,
        Form::Geometry => parts::geometry(value, is_binary, out)?,
        Form::Vector { is_half } => parts::vector(*is_half, value, is_binary, out)?,
        _ => return Err(Lost),
    }
    Ok(0)
}

fn endless(moment: Moment) -> &'static [u8] {
    match moment {
        Moment::NegativeInfinity => b"-infinity",
        Moment::Infinity | Moment::At(_) => b"infinity",
    }
}

#[inline]
fn timestamp<O: Out>(form: &Form, moment: Moment, out: &mut O) -> Result<(), Lost> {
    match (form, moment) {
        (Form::Zoned { digits }, Moment::At(us)) => {
            let mut text = Text::default();
            text.moment(us, *digits);
            out.plain(text.bytes());
        }
        (Form::IsoTimestamp, Moment::At(us)) => {
            let mut text = Text::default();
            text.moment(us, None);
            out.plain(text.bytes());
        }
        (Form::Zoned { .. } | Form::IsoTimestamp, moment) => out.plain(endless(moment)),
        (Form::Millis, Moment::At(us)) => out.int(clock::millis(us)),
        (Form::Millis, Moment::Infinity) => out.int(MILLIS_INFINITY),
        (Form::Millis, Moment::NegativeInfinity) => out.int(MILLIS_NEGATIVE_INFINITY),
        (_, Moment::At(us)) => out.int(clock::micros(us)?),
        (_, Moment::Infinity) => out.int(i64::MAX),
        (_, Moment::NegativeInfinity) => out.int(i64::MIN),
    }
    Ok(())
}

fn zoned_time<O: Out>(us: i64, out: &mut O) {
    let mut text = Text::default();
    text.clock(us, None);
    text.utc();
    out.plain(text.bytes());
}

fn uuid<O: Out>(value: [u8; 16], out: &mut O) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (byte, value) in value.into_iter().enumerate() {
        if matches!(byte, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(value >> 4)];
        text[at + 1] = DIGITS[usize::from(value & 15)];
        at += 2;
    }
    out.plain(&text);
}

fn decimal<O: Out>(form: &Form, value: &[u8], is_binary: bool, out: &mut O) -> Result<(), Lost> {
    let printed;
    let text = match is_binary {
        true => {
            printed = number::printed(value)?;
            &printed
        }
        false => value,
    };
    if *form == Form::DecimalDouble {
        out.double(parsed(text)?);
        return Ok(());
    }
    match number::special(text) {
        None => out.text(text),
        // As Debezium's SpecialValueDecimal calls them.
        Some(Special::NaN) => out.plain(b"NAN"),
        Some(Special::Infinity) => out.plain(b"POSITIVE_INFINITY"),
        Some(Special::NegativeInfinity) => out.plain(b"NEGATIVE_INFINITY"),
    }
    Ok(())
}

/// `-$1,234.56`: a whole number of the currency's smallest unit.
fn money<O: Out>(
    mode: DecimalMode,
    digits: u8,
    value: &[u8],
    is_binary: bool,
    out: &mut O,
) -> Result<(), Lost> {
    let units = match is_binary {
        true => i64::from_be_bytes(fixed(value)?),
        false => {
            let digits = value.iter().filter(|byte| byte.is_ascii_digit());
            let number: Vec<u8> =
                value.iter().filter(|&&byte| byte == b'-').chain(digits).copied().collect();
            parsed(&number)?
        }
    };
    if mode == DecimalMode::Precise {
        number::short_bytes(units.into(), out);
        return Ok(());
    }
    let size = u128::from(units.unsigned_abs());
    let unit = 10u128.checked_pow(digits.into()).ok_or(Lost)?;
    let sign = if units < 0 { "-" } else { "" };
    let text = match digits {
        0 => format!("{sign}{size}"),
        _ => format!("{sign}{}.{:0width$}", size / unit, size % unit, width = digits.into()),
    };
    match mode {
        DecimalMode::Double => out.double(parsed(text.as_bytes())?),
        DecimalMode::String | DecimalMode::Precise => out.plain(text.as_bytes()),
    }
    Ok(())
}

/// The value that Debezium has where there is none and the schema allows no NULL.
fn zero<O: Out>(form: &Form, out: &mut O) {
    match form {
        Form::Bool | Form::Bit => out.bool(false),
        Form::Int16
        | Form::Int32
        | Form::Int64
        | Form::Oid
        | Form::Xid8
        | Form::Date
        | Form::Millis
        | Form::Micros
        | Form::TimeMillis
        | Form::TimeMicros
        | Form::IntervalMicros => out.int(0),
        Form::Float => out.float(0.0),
        Form::Double | Form::DecimalDouble => out.double(0.0),
        Form::Text | Form::Jsonb | Form::Uuid | Form::Printed(_) => out.plain(b""),
        Form::Bytes | Form::Bits => out.bytes(b""),
        Form::Decimal { .. } => out.bytes(&[0]),
        Form::Hstore => out.plain(b"{}"),
        Form::IsoDate => out.plain(b"1970-01-01Z"),
        Form::IsoTimestamp => out.plain(b"1970-01-01T00:00:00Z"),
        Form::Zoned { digits: Some(6) } => out.plain(b"1970-01-01T00:00:00.000000Z"),
        Form::Zoned { .. } => out.plain(b"1970-01-01T00:00:00Z"),
        Form::IsoTime | Form::ZonedTime => out.plain(b"00:00:00Z"),
        Form::IsoInterval => out.plain(b"P0Y0M0DT0H0M0S"),
        Form::DecimalText => out.plain(b"0"),
        Form::Array { .. } | Form::Vector { .. } => {
            out.open_array(0);
            out.close_array(0);
        }
        Form::FreeDecimal | Form::Money(..) | Form::Point | Form::Geometry => {
            let text: &[u8] = match form {
                Form::Point => b"(0,0)",
                // An empty collection of shapes.
                Form::Geometry => b"010700000000000000",
                _ => b"0",
            };
            if self::form(form, text, false, out).is_err() {
                out.plain(b"");
            }
        }
    }
}

/// A large value that the UPDATE did not touch, as Debezium marks it.
#[cold]
fn unchanged<O: Out>(ty: &Type, out: &mut O) -> u64 {
    let is_text = |kind: &Kind| *kind == Kind::String;
    let mark = out.mark();
    if ty.schema.optional {
        out.some();
    }
    match (&ty.schema.kind, &ty.form) {
        (kind, _) if is_text(kind) => out.plain(UNAVAILABLE),
        (Kind::Bytes, Form::Bytes) => out.bytes(UNAVAILABLE),
        (Kind::Array(_), Form::Array { element, dimensions: 1, .. }) => {
            let some = |out: &mut O| {
                if element.schema.optional {
                    out.some();
                }
            };
            match &element.schema.kind {
                kind if is_text(kind) => {
                    out.open_array(1);
                    out.item(0);
                    some(out);
                    out.plain(UNAVAILABLE);
                    out.close_array(1);
                }
                // Its letters, one by one.
                Kind::Int16 | Kind::Int32 | Kind::Int64 => {
                    out.open_array(UNAVAILABLE.len());
                    for (at, &letter) in UNAVAILABLE.iter().enumerate() {
                        out.item(at);
                        some(out);
                        out.int(letter.into());
                    }
                    out.close_array(UNAVAILABLE.len());
                }
                _ => return unsaid(ty, mark, out),
            }
        }
        _ => return unsaid(ty, mark, out),
    }
    0
}

/// Debezium has no mark for those.
fn unsaid<O: Out>(ty: &Type, mark: usize, out: &mut O) -> u64 {
    out.back_to(mark);
    lost(ty, out);
    1
}

#[cfg(test)]
mod tests;
