//! What a value is, once its schema has spoken; where there is none, once its column's type has.

use super::clock::{self, Wrong};
use super::{Binary, Decimals, For, Means, Numbers, Odd, Plain, Rules, Value};
use super::{decimal, decode, form, interval, parts, shape};
use crate::read::means::Unit;
use model::{PgType, Printed};

/// `out` is empty, and keeps what cannot be borrowed.
#[inline]
pub(super) fn of<'o>(
    value: &Value<'o>,
    to: For<'_>,
    rules: &Rules,
    out: &'o mut Vec<u8>,
) -> Result<Plain<'o>, Odd> {
    if rules.placeholder.is(value) {
        return Ok(Plain::Unchanged);
    }
    if let (PgType::Array(element, dimensions), true) = (to.pg, value.is_array()) {
        let means = match to.means {
            Means::Array(means) => means,
            _ => &Means::Untold,
        };
        let element = For { pg: element, means, ..to };
        form::write_array(value, element, *dimensions, rules, out)?;
        return Ok(Plain::Text(out));
    }
    match to.means {
        Means::Untold => told(value, to, rules, out),
        means => by_schema(value, means, to, rules, out),
    }
}

fn by_schema<'o>(
    value: &Value<'o>,
    means: &Means,
    to: For<'_>,
    rules: &Rules,
    out: &'o mut Vec<u8>,
) -> Result<Plain<'o>, Odd> {
    match (means, value) {
        (
            Means::Text | Means::Enum | Means::Uuid | Means::Ltree | Means::Tsvector,
            Value::Text(_),
        ) if !matches!(to.pg, PgType::Bytea) => itself(value, to.pg, out),
        // A text is how bytes come where they are neither base64 nor told to be bytes.
        (Means::Text, Value::Text(text)) => bytes(text.raw, told_binary(text.raw, rules)?, out),
        (Means::Json, Value::Text(text)) if *to.pg == PgType::Hstore => {
            out.clear();
            let mut json = Vec::new();
            text.write(&mut json).map_err(|why| why.0.to_owned())?;
            let object = parts::object_of(&json).ok_or("it is no object of texts")?;
            parts::write_hstore(&object, out)?;
            Ok(Plain::Text(out))
        }
        (Means::Bytes, Value::Text(text)) => bytes(text.raw, Binary::Base64, out),
        (Means::Decimal { scale, .. }, Value::Text(text)) => {
            let mut bytes = Vec::with_capacity(text.raw.len());
            decode(text.raw, Binary::Base64, &mut bytes)?;
            number(&bytes, *scale, out)
        }
        (Means::Decimal { scale, .. }, Value::Bytes(bytes)) => number(bytes, *scale, out),
        (Means::AnyDecimal, Value::Json(_) | Value::Avro(_)) => any_decimal(value, out),
        (Means::Date, Value::Int(_) | Value::Number(_)) => whole(value).map(Plain::Date),
        (Means::Timestamp(unit), Value::Int(_) | Value::Number(_)) => moment(whole(value)?, *unit),
        (Means::Time(unit), Value::Int(_) | Value::Number(_)) => {
            micros(whole(value)?, *unit).map(Plain::Time)
        }
        (Means::ZonedTimestamp, Value::Text(_)) => zoned(value, true, out),
        (Means::IsoTimestamp, Value::Text(_)) => zoned(value, false, out),
        (Means::IsoDate, Value::Text(text)) => {
            text.write(out).map_err(|why| why.0.to_owned())?;
            clock::date(out).map(Plain::Date).map_err(|_| "it is no date".to_owned())
        }
        (Means::IsoTime, Value::Text(text)) => {
            text.write(out).map_err(|why| why.0.to_owned())?;
            let (us, _) = clock::time(out).map_err(|wrong| why(wrong, "it is no time of a day"))?;
            Ok(Plain::Time(us))
        }
        (Means::ZonedTime, Value::Text(text)) => {
            let mut text_form = Vec::new();
            text.write(&mut text_form).map_err(|why| why.0.to_owned())?;
            let (us, zone) =
                clock::time(&text_form).map_err(|wrong| why(wrong, "it is no time of a day"))?;
            clock::write_timetz(us, zone.unwrap_or(0), out);
            Ok(Plain::Text(out))
        }
        (Means::Interval, Value::Text(text)) => {
            let found = interval::parse(text.raw).ok_or("it is no interval that Postgres has")?;
            found.write(out);
            Ok(Plain::Text(out))
        }
        (Means::Duration(unit), Value::Int(_) | Value::Number(_)) if *to.pg == PgType::Interval => {
            let us = micros(whole(value)?, *unit)?;
            interval::Interval { us, ..Default::default() }.write(out);
            Ok(Plain::Text(out))
        }
        (Means::Bits(count), Value::Text(text)) => {
            let mut bytes = Vec::new();
            decode(text.raw, Binary::Base64, &mut bytes)?;
            shape::write_bits(&bytes, *count, out)?;
            Ok(Plain::Text(out))
        }
        (Means::Bits(count), Value::Bytes(bytes)) => {
            shape::write_bits(bytes, *count, out)?;
            Ok(Plain::Text(out))
        }
        _ => told(value, to, rules, out),
    }
}

/// What the kind of value and the type of the column tell between them.
fn told<'o>(
    value: &Value<'o>,
    to: For<'_>,
    rules: &Rules,
    out: &'o mut Vec<u8>,
) -> Result<Plain<'o>, Odd> {
    let is_debezium = to.numbers == Numbers::OfDebezium;
    let means = match (to.pg, value) {
        (PgType::Bytea, Value::Text(text)) => {
            return bytes(text.raw, told_binary(text.raw, rules)?, out);
        }
        (PgType::Numeric(Some((_, scale))), Value::Text(text)) if is_debezium => {
            let scale = i32::from(*scale);
            return match is_base64(text.raw, scale, rules.decimals)? {
                true => {
                    by_schema(value, &Means::Decimal { precision: None, scale }, to, rules, out)
                }
                false => itself(value, to.pg, out),
            };
        }
        (PgType::Money(scale), Value::Text(text)) if is_debezium => {
            let scale = i32::from(*scale);
            return match is_base64(text.raw, scale, rules.decimals)? {
                true => {
                    by_schema(value, &Means::Decimal { precision: None, scale }, to, rules, out)
                }
                false => itself(value, to.pg, out),
            };
        }
        (PgType::Numeric(_), Value::Json(_) | Value::Avro(_)) => return any_decimal(value, out),
        (PgType::Printed(Printed::Bits), Value::Text(_)) if is_debezium => Means::Bits(to.modifier),
        (PgType::Printed(Printed::Bits), Value::Bool(value)) => {
            return Ok(Plain::Text(if *value { b"1" } else { b"0" }));
        }
        (PgType::Timestamp | PgType::Timestamptz, Value::Text(_)) => {
            return zoned(value, *to.pg == PgType::Timestamptz, out);
        }
        (PgType::Timestamp | PgType::Timestamptz, Value::Int(_) | Value::Number(_)) => {
            let number = whole(value)?;
            return match is_debezium {
                true => moment(number, unit(to.modifier)),
                false => Ok(Plain::Moment { us: by_size(number)?, has_zone: true }),
            };
        }
        (PgType::Date, Value::Text(_)) => Means::IsoDate,
        (PgType::Date, Value::Int(_) | Value::Number(_)) => Means::Date,
        (PgType::Time, Value::Text(_)) => Means::IsoTime,
        (PgType::Time, Value::Int(_) | Value::Number(_)) => Means::Time(unit(to.modifier)),
        (PgType::Timetz, Value::Text(_)) => Means::ZonedTime,
        (PgType::Interval, Value::Text(text)) if text.raw.contains(&b'P') => Means::Interval,
        (PgType::Interval, Value::Int(_) | Value::Number(_)) => Means::Duration(Unit::Us),
        (PgType::Hstore, Value::Text(text)) if text.raw.first() == Some(&b'{') => Means::Json,
        (PgType::Hstore, Value::Json(_) | Value::Avro(_)) => {
            parts::write_hstore(value, out)?;
            return Ok(Plain::Text(out));
        }
        (PgType::Point, Value::Json(_) | Value::Avro(_)) => {
            shape::write_point(value, out)?;
            return Ok(Plain::Text(out));
        }
        (PgType::Printed(Printed::Ewkb), Value::Json(_) | Value::Avro(_)) => {
            shape::write_ewkb(value, out)?;
            return Ok(Plain::Text(out));
        }
        // A column of JSON is a text of JSON at Debezium, and what it is everywhere else.
        (PgType::Json | PgType::Jsonb, Value::Text(_))
            if !is_debezium && *to.means == Means::Untold =>
        {
            parts::write_json(value, out);
            return Ok(Plain::Text(out));
        }
        // A number of MySQL's that stands for a truth.
        (PgType::Bool, Value::Int(_) | Value::Number(_)) if matches!(value.int(), Some(0 | 1)) => {
            return Ok(Plain::Bool(value.int() == Some(1)));
        }
        _ => return itself(value, to.pg, out),
    };
    by_schema(value, &means, to, rules, out)
}

fn itself<'o>(value: &Value<'o>, pg: &PgType, out: &'o mut Vec<u8>) -> Result<Plain<'o>, Odd> {
    Ok(match value {
        Value::Null => Plain::Null,
        Value::Bool(value) => Plain::Bool(*value),
        Value::Int(number) => Plain::Int(*number),
        Value::Float(number) => Plain::Float(*number),
        Value::Double(number) => Plain::Double(*number),
        // A float's own printer knows best what it printed.
        Value::Number(number) if matches!(pg, PgType::Float4 | PgType::Float8) => {
            Plain::Number(number)
        }
        Value::Number(number) if !number.iter().any(|byte| matches!(byte, b'e' | b'E')) => {
            Plain::Number(number)
        }
        Value::Number(number) => {
            decimal::write_plain(number, out).ok_or("a number of too many digits")?;
            Plain::Number(out)
        }
        Value::Text(text) if !text.is_escaped => Plain::Text(text.raw),
        Value::Text(text) => {
            text.write(out).map_err(|why| why.0.to_owned())?;
            Plain::Text(out)
        }
        Value::Bytes(bytes) => Plain::Bytes(bytes),
        Value::Json(json) => Plain::Text(json),
        Value::Avro(_) => {
            parts::write_json(value, out);
            Plain::Text(out)
        }
    })
}

fn bytes<'o>(text: &[u8], binary: Binary, out: &'o mut Vec<u8>) -> Result<Plain<'o>, Odd> {
    decode(text, binary, out)?;
    Ok(Plain::Bytes(out))
}

fn number<'o>(bytes: &[u8], scale: i32, out: &'o mut Vec<u8>) -> Result<Plain<'o>, Odd> {
    decimal::write(bytes, scale, out)?;
    Ok(Plain::Number(out))
}

fn any_decimal<'o>(value: &Value<'o>, out: &'o mut Vec<u8>) -> Result<Plain<'o>, Odd> {
    let scale = parts::field(value, "scale").and_then(|scale| scale.int());
    let scale = scale.and_then(|scale| i32::try_from(scale).ok());
    let scale = scale.ok_or("it is no decimal with a scale")?;
    match parts::field(value, "value") {
        Some(Value::Bytes(bytes)) => number(bytes, scale, out),
        Some(Value::Text(text)) => {
            let mut bytes = Vec::new();
            decode(text.raw, Binary::Base64, &mut bytes)?;
            number(&bytes, scale, out)
        }
        _ => Err("it is no decimal with a scale".to_owned()),
    }
}

/// Whether a text in a column of decimals is two's complement in base64, or digits.
fn is_base64(text: &[u8], scale: i32, decimals: Option<Decimals>) -> Result<bool, Odd> {
    match decimals {
        Some(Decimals::Precise) => return Ok(true),
        Some(Decimals::Text) => return Ok(false),
        None => {}
    }
    if !decimal::is_plain(text) {
        return Ok(!matches!(text, b"NaN" | b"NAN"));
    }
    // Java prints as many digits behind the point as there are.
    let could_be_base64 = text.len().is_multiple_of(4) && text.iter().all(u8::is_ascii_digit);
    match could_be_base64 {
        true if scale <= 0 => {
            Err("whether it is digits or base64 cannot be told: say `decimals`".to_owned())
        }
        could_be => Ok(could_be),
    }
}

/// What a text of bytes is. Base64 unless it could be hex, or has the letters of the other base64.
fn told_binary(text: &[u8], rules: &Rules) -> Result<Binary, Odd> {
    if let Some(binary) = rules.binary {
        return Ok(binary);
    }
    let is_hex =
        !text.is_empty() && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match (is_hex, text.len() % 4) {
        (true, 0) => Err("whether it is hex or base64 cannot be told: say `binary`".to_owned()),
        (true, _) => Ok(Binary::Hex),
        (false, _) if text.iter().any(|byte| matches!(byte, b'-' | b'_')) => Ok(Binary::Base64Url),
        (false, _) => Ok(Binary::Base64),
    }
}

fn whole(value: &Value<'_>) -> Result<i64, Odd> {
    value.int().ok_or_else(|| "it is no whole number".to_owned())
}

/// How `adaptive` sends a time of so many digits of a second.
fn unit(digits: Option<u32>) -> Unit {
    match digits {
        Some(0..=3) => Unit::Ms,
        _ => Unit::Us,
    }
}

fn micros(number: i64, unit: Unit) -> Result<i64, Odd> {
    match unit {
        Unit::Ms => {
            number.checked_mul(1000).ok_or_else(|| "it lies outside of all time".to_owned())
        }
        Unit::Us => Ok(number),
        Unit::Ns if number % 1000 == 0 => Ok(number / 1000),
        Unit::Ns => Err(FINER.to_owned()),
    }
}

const FINER: &str = "it has digits below a microsecond";

fn moment<'o>(number: i64, unit: Unit) -> Result<Plain<'o>, Odd> {
    let us = match number {
        i64::MAX | clock::DRIVER_INFINITY => i64::MAX,
        i64::MIN | clock::DRIVER_MINUS_INFINITY => i64::MIN,
        _ => micros(number, unit)?,
    };
    Ok(Plain::Moment { us, has_zone: false })
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by what lies between 1973 and 5138
/// in each.
pub(crate) fn by_size(number: i64) -> Result<i64, Odd> {
    const SECONDS_MAX: u64 = 100_000_000_000;
    let too_far = || "it lies outside of all time".to_owned();
    match number.unsigned_abs() {
        0..SECONDS_MAX => number.checked_mul(1_000_000).ok_or_else(too_far),
        SECONDS_MAX..100_000_000_000_000 => number.checked_mul(1000).ok_or_else(too_far),
        100_000_000_000_000..100_000_000_000_000_000 => Ok(number),
        _ => Ok(number.div_euclid(1000)),
    }
}

/// A moment that is text.
fn zoned<'o>(value: &Value<'o>, has_zone: bool, out: &'o mut Vec<u8>) -> Result<Plain<'o>, Odd> {
    let text: &[u8] = match value {
        Value::Text(text) if !text.is_escaped => text.raw,
        Value::Text(text) => {
            text.write(out).map_err(|why| why.0.to_owned())?;
            out
        }
        _ => return Err("it is no text".to_owned()),
    };
    match clock::moment(text) {
        Ok(moment) => Ok(Plain::Moment { us: moment.us, has_zone }),
        Err(wrong) => Err(why(wrong, "it is no time that Postgres has")),
    }
}

fn why(wrong: Wrong, form: &str) -> Odd {
    match wrong {
        Wrong::Form => form.to_owned(),
        Wrong::Finer => FINER.to_owned(),
    }
}
