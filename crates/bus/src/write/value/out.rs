//! Where values are written: JSON, or Avro's binary form. Both append to one buffer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;

/// What a value is made of. What is not called for the one form is called for the other.
pub(crate) trait Out {
    /// How long it is, and back to that.
    fn mark(&self) -> usize;
    fn back_to(&mut self, mark: usize);
    /// NULL of what may be NULL.
    fn null(&mut self);
    /// Before a value of what may be NULL.
    fn some(&mut self);
    /// Whether NULL may stand where the schema has none: there is no schema.
    fn takes_any_null(&self) -> bool;
    fn bool(&mut self, value: bool);
    fn int(&mut self, value: i64);
    fn float(&mut self, value: f32);
    fn double(&mut self, value: f64);
    /// A single as the double that its shortest digits are.
    fn float_as_double(&mut self, value: f32);
    /// In UTF-8, or whatever comes.
    fn text(&mut self, value: &[u8]);
    /// Without letters that JSON escapes.
    fn plain(&mut self, value: &[u8]);
    fn bytes(&mut self, value: &[u8]);
    fn open_array(&mut self, count: usize);
    /// Before each, from 0 on.
    fn item(&mut self, at: usize);
    fn close_array(&mut self, count: usize);
    fn open_struct(&mut self);
    /// `name`: with its quotes and colon.
    fn member(&mut self, at: usize, name: &[u8]);
    fn close_struct(&mut self);
}

#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
    has_schema: bool,
}

impl Json {
    pub(crate) fn new(out: Vec<u8>, has_schema: bool) -> Json {
        Json { out, has_schema }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What is JSON already.
    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// What was written there, once more.
    pub(crate) fn repeat(&mut self, at: std::ops::Range<usize>) {
        self.out.extend_from_within(at);
    }
}

/// Of a byte in a text: 0 stands as it is, `u` needs its number.
const ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        escapes[byte] = b'u';
        byte += 1;
    }
    escapes[8] = b'b';
    escapes[9] = b't';
    escapes[10] = b'n';
    escapes[12] = b'f';
    escapes[13] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

/// Text with its quotes.
pub(crate) fn json_text(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    // Postgres sends UTF-8, unless the database has no encoding.
    match std::str::from_utf8(value) {
        Ok(_) => escape(value, out),
        Err(_) => escape(String::from_utf8_lossy(value).as_bytes(), out),
    }
    out.push(b'"');
}

fn escape(value: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in value.iter().enumerate() {
        let escape = ESCAPES[usize::from(byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&value[from..at]);
        match escape {
            b'u' => drop(write!(out, "\\u{byte:04X}")),
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        from = at + 1;
    }
    out.extend_from_slice(&value[from..]);
}

pub(crate) fn decimal(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn special(value: f64) -> &'static [u8] {
    match value {
        _ if value.is_nan() => b"\"NaN\"",
        _ if value > 0.0 => b"\"Infinity\"",
        _ => b"\"-Infinity\"",
    }
}

impl Out for Json {
    fn mark(&self) -> usize {
        self.out.len()
    }

    fn back_to(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    #[inline]
    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }

    #[inline]
    fn some(&mut self) {}

    fn takes_any_null(&self) -> bool {
        !self.has_schema
    }

    fn bool(&mut self, value: bool) {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    #[inline]
    fn int(&mut self, value: i64) {
        decimal(value, &mut self.out);
    }

    fn float(&mut self, value: f32) {
        match value.is_finite() {
            true => drop(serde_json::to_writer(&mut self.out, &value)),
            false => self.out.extend_from_slice(special(value.into())),
        }
    }

    fn double(&mut self, value: f64) {
        match value.is_finite() {
            true => drop(serde_json::to_writer(&mut self.out, &value)),
            false => self.out.extend_from_slice(special(value)),
        }
    }

    fn float_as_double(&mut self, value: f32) {
        self.float(value);
    }

    #[inline]
    fn text(&mut self, value: &[u8]) {
        json_text(value, &mut self.out);
    }

    #[inline]
    fn plain(&mut self, value: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(value);
        self.out.push(b'"');
    }

    fn bytes(&mut self, value: &[u8]) {
        self.out.push(b'"');
        let at = self.out.len();
        self.out.resize(at + value.len().div_ceil(3) * 4, 0);
        let written = STANDARD.encode_slice(value, &mut self.out[at..]).unwrap_or(0);
        self.out.truncate(at + written);
        self.out.push(b'"');
    }

    fn open_array(&mut self, _: usize) {
        self.out.push(b'[');
    }

    fn item(&mut self, at: usize) {
        if at > 0 {
            self.out.push(b',');
        }
    }

    fn close_array(&mut self, _: usize) {
        self.out.push(b']');
    }

    #[inline]
    fn open_struct(&mut self) {
        self.out.push(b'{');
    }

    #[inline]
    fn member(&mut self, at: usize, name: &[u8]) {
        if at > 0 {
            self.out.push(b',');
        }
        self.out.extend_from_slice(name);
    }

    #[inline]
    fn close_struct(&mut self) {
        self.out.push(b'}');
    }
}

#[derive(Debug, Default)]
pub(crate) struct Avro {
    out: Vec<u8>,
}

impl Avro {
    pub(crate) fn new(out: Vec<u8>) -> Avro {
        Avro { out }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What is Avro already.
    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}

/// Avro's `int` and `long`.
#[inline]
pub(crate) fn zigzag(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

pub(crate) fn avro_bytes(value: &[u8], out: &mut Vec<u8>) {
    zigzag(value.len() as i64, out);
    out.extend_from_slice(value);
}

impl Out for Avro {
    fn mark(&self) -> usize {
        self.out.len()
    }

    fn back_to(&mut self, mark: usize) {
        self.out.truncate(mark);
    }

    #[inline]
    fn null(&mut self) {
        self.out.push(0);
    }

    #[inline]
    fn some(&mut self) {
        self.out.push(2);
    }

    fn takes_any_null(&self) -> bool {
        false
    }

    fn bool(&mut self, value: bool) {
        self.out.push(u8::from(value));
    }

    #[inline]
    fn int(&mut self, value: i64) {
        zigzag(value, &mut self.out);
    }

    fn float(&mut self, value: f32) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn double(&mut self, value: f64) {
        self.out.extend_from_slice(&value.to_le_bytes());
    }

    fn float_as_double(&mut self, value: f32) {
        let double = match value.is_finite() {
            true => value.to_string().parse().unwrap_or(f64::from(value)),
            false => f64::from(value),
        };
        self.double(double);
    }

    #[inline]
    fn text(&mut self, value: &[u8]) {
        match std::str::from_utf8(value) {
            Ok(_) => avro_bytes(value, &mut self.out),
            Err(_) => avro_bytes(String::from_utf8_lossy(value).as_bytes(), &mut self.out),
        }
    }

    #[inline]
    fn plain(&mut self, value: &[u8]) {
        avro_bytes(value, &mut self.out);
    }

    fn bytes(&mut self, value: &[u8]) {
        avro_bytes(value, &mut self.out);
    }

    fn open_array(&mut self, count: usize) {
        if count > 0 {
            zigzag(count as i64, &mut self.out);
        }
    }

    fn item(&mut self, _: usize) {}

    fn close_array(&mut self, _: usize) {
        self.out.push(0);
    }

    fn open_struct(&mut self) {}

    fn member(&mut self, _: usize, _: &[u8]) {}

    fn close_struct(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_json(text: String, number: i64) {
            let mut out = Vec::new();
            json_text(text.as_bytes(), &mut out);
            proptest::prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
            out.clear();
            decimal(number, &mut out);
            proptest::prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }

        #[test]
        fn any_bytes_are_a_text(bytes: Vec<u8>) {
            let mut out = Vec::new();
            json_text(&bytes, &mut out);
            let text: String = serde_json::from_slice(&out).unwrap();
            proptest::prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn longs_are_zigzag_and_as_short_as_they_can_be() {
        let cases: [(i64, &[u8]); 6] = [
            (0, &[0]),
            (-1, &[1]),
            (1, &[2]),
            (64, &[0x80, 1]),
            (-64, &[0x7f]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ];
        for (value, bytes) in cases {
            let mut out = Vec::new();
            zigzag(value, &mut out);
            assert_eq!(out, bytes, "{value}");
        }
    }
}
