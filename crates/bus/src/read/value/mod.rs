//! A value of a message as Postgres would have sent it.
//!
//! ```text
//! Value, Means ─▶ plain ─▶ Plain ─▶ form ─▶ the form that the column's type is read from
//!                   │                 └ text, or binary where that is as exact and cheaper
//!                   └ base64, scales, units of time, ISO 8601
//! ```
//!
//! What does not fit its column goes out in a form that no decoder takes, so that the row ends where
//! rows of the direct stream end that cannot be carried; the reason is told beside it.

mod clock;
mod decimal;
mod form;
mod interval;
mod parts;
mod plain;
mod shape;
mod unchanged;

use super::avro;
use super::json::{Text, Token};
use super::means::Means;
use super::options::{Binary, Decimals, Numbers};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use model::{PgType, Printed};
pub(super) use parts::{field, write_json};
pub(super) use plain::by_size;
use source::decode::tuple::Tuple;
pub(super) use unchanged::{DEFAULT as DEFAULT_PLACEHOLDER, Placeholder};

/// One value, where the message has it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f32),
    Double(f64),
    /// As JSON writes it.
    Number(&'a [u8]),
    Text(Text<'a>),
    Bytes(&'a [u8]),
    /// An object or an array.
    Json(&'a [u8]),
    /// A record, an array or a map of Avro's.
    Avro(avro::Part<'a>),
}

impl<'a> From<Token<'a>> for Value<'a> {
    #[inline]
    fn from(token: Token<'a>) -> Value<'a> {
        match token {
            Token::Null => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Number(number) => Value::Number(number),
            Token::Text(text) => Value::Text(text),
            Token::Object(json) | Token::Array(json) => Value::Json(json),
        }
    }
}

impl<'a> Value<'a> {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub(super) fn is_array(&self) -> bool {
        match self {
            Value::Json(json) => json.first() == Some(&b'['),
            Value::Avro(part) => part.is_array(),
            _ => false,
        }
    }

    /// A text, wherever it has no escapes.
    pub(super) fn text(&self) -> Option<&'a [u8]> {
        match self {
            Value::Text(text) if !text.is_escaped => Some(text.raw),
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Number(number) => std::str::from_utf8(number).ok()?.parse().ok(),
            _ => None,
        }
    }
}

/// What the messages do not say of their values.
pub(super) struct Rules {
    pub(super) placeholder: Placeholder,
    pub(super) decimals: Option<Decimals>,
    pub(super) binary: Option<Binary>,
}

/// What a value is for.
#[derive(Clone, Copy)]
pub(super) struct For<'a> {
    pub(super) pg: &'a PgType,
    pub(super) means: &'a Means,
    /// Of its declared type: digits of a second, or bits.
    pub(super) modifier: Option<u32>,
    /// What a number is in a column of times.
    pub(super) numbers: Numbers,
}

/// A value in the one spelling that is left once its schema has spoken.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plain<'a> {
    Null,
    Unchanged,
    Bool(bool),
    Int(i64),
    /// Digits, perhaps with a point.
    Number(&'a [u8]),
    Float(f32),
    Double(f64),
    /// As Postgres prints it.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// µs since 1970.
    Moment {
        us: i64,
        has_zone: bool,
    },
    /// Days since 1970.
    Date(i64),
    /// µs since midnight.
    Time(i64),
}

/// Why a value does not fit its column. Holds no value itself.
pub(super) type Odd = String;

/// Writes values, with memory that stays.
pub(super) struct Writer {
    rules: Rules,
    plain: Vec<u8>,
    text: Vec<u8>,
}

impl Writer {
    pub(super) fn new(rules: Rules) -> Writer {
        Writer { rules, plain: Vec::new(), text: Vec::new() }
    }

    /// One column of a tuple. It is there whatever is returned.
    #[inline]
    pub(super) fn write(
        &mut self,
        value: &Value<'_>,
        to: For<'_>,
        tuple: &mut Tuple,
    ) -> Result<(), Odd> {
        if let Value::Null = value {
            tuple.null();
            return Ok(());
        }
        self.plain.clear();
        let written = match plain::of(value, to, &self.rules, &mut self.plain) {
            Ok(plain) => form::push(plain, to.pg, &mut self.text, tuple),
            Err(odd) => Err(odd),
        };
        written.inspect_err(|_| self.write_odd(value, to.pg, tuple))
    }

    /// A form that is refused, and that a person can read.
    #[cold]
    fn write_odd(&mut self, value: &Value<'_>, pg: &PgType, tuple: &mut Tuple) {
        self.text.clear();
        // A blank stands before no value of any type that refuses one.
        self.text.push(b' ');
        parts::write_raw(value, &mut self.text);
        match pg {
            // Its text is read for its digits alone, or is not read at all. No binary form of theirs
            // is as long as this, or begins with a blank.
            PgType::Money(_)
            | PgType::Interval
            | PgType::Timetz
            | PgType::Printed(Printed::Bits) => {
                self.text.resize(self.text.len().max(17), b' ');
                tuple.binary(&self.text);
            }
            _ => tuple.text(&self.text),
        }
    }
}

/// Whether what is odd is refused where tuples are read. The others take any text.
pub(super) fn refuses(pg: &PgType) -> bool {
    !matches!(
        pg,
        PgType::Text
            | PgType::Enum
            | PgType::Json
            | PgType::Jsonb
            | PgType::Printed(Printed::Ewkb)
            | PgType::AsText(_)
            | PgType::Other
            | PgType::Unread
    )
}

fn decode(text: &[u8], binary: Binary, out: &mut Vec<u8>) -> Result<(), Odd> {
    match binary {
        Binary::Base64 => STANDARD.decode_vec(text, out).map_err(|_| "it is no base64".to_owned()),
        Binary::Base64Url => {
            URL_SAFE.decode_vec(text, out).map_err(|_| "it is no URL-safe base64".to_owned())
        }
        Binary::Hex => {
            let nibble = |byte: u8| char::from(byte).to_digit(16);
            for pair in text.chunks(2) {
                let [high, low] = pair else { return Err("it is no hex".to_owned()) };
                match (nibble(*high), nibble(*low)) {
                    (Some(high), Some(low)) => out.push((high << 4 | low) as u8),
                    _ => return Err("it is no hex".to_owned()),
                }
            }
            Ok(())
        }
    }
}

/// Whether a number of JSON's has a point or an exponent, and is what its nearest double says.
pub(super) fn is_double(number: &[u8]) -> bool {
    let is_whole = |byte: &u8| !matches!(byte, b'.' | b'e' | b'E');
    !number.iter().all(is_whole) && decimal::is_exact_float(number, decimal::FLOAT8)
}

/// A time of RFC 3339, in µs since 1970.
pub(super) fn moment(text: &[u8]) -> Option<i64> {
    let moment = clock::moment(text).ok()?;
    clock::pg_timestamp(moment.us).map(|_| moment.us)
}
