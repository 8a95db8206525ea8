//! numeric: Postgres's digits of base 10000, or its text, as a whole number and a scale, which are
//! written as the bytes of its two's complement.

use super::{Lost, out::Out};

/// Digits that surely fit in 127 bits.
const SHORT_DIGITS: i64 = 38;

/// What a numeric is beside a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Special {
    NaN,
    Infinity,
    NegativeInfinity,
}

/// The binary form's head.
pub(crate) struct Header<'a> {
    pub weight: i64,
    pub is_negative: bool,
    digits: &'a [[u8; 2]],
}

impl<'a> Header<'a> {
    pub(crate) fn read(value: &'a [u8]) -> Result<Result<Header<'a>, Special>, Lost> {
        let (head, digits) = value.split_at_checked(8).ok_or(Lost)?;
        let field = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let (digits, rest) = digits.as_chunks::<2>();
        if digits.len() != usize::from(field(0)) || !rest.is_empty() {
            return Err(Lost);
        }
        let is_negative = match field(4) {
            0x0000 => false,
            0x4000 => true,
            0xC000 => return Ok(Err(Special::NaN)),
            0xD000 => return Ok(Err(Special::Infinity)),
            0xF000 => return Ok(Err(Special::NegativeInfinity)),
            _ => return Err(Lost),
        };
        Ok(Ok(Header { weight: i64::from(field(2) as i16), is_negative, digits }))
    }

    /// All digits as one number, and the power of ten of the last; `None`: longer than 127 bits may
    /// be, with `more` digits behind.
    fn short(&self, more: i64) -> Option<(i128, i64)> {
        let count = self.digits.len() as i64;
        let exponent = 4 * (self.weight - count + 1);
        if 4 * count + (exponent + more).max(0) > SHORT_DIGITS {
            return None;
        }
        let digits = self.digits.iter().map(|&digit| i128::from(u16::from_be_bytes(digit)));
        Some((digits.fold(0, |number, digit| number * 10_000 + digit), exponent))
    }
}

/// Of a numeric with a declared scale. Also for what a text says.
pub(crate) fn fixed<O: Out>(
    value: &[u8],
    is_binary: bool,
    scale: i32,
    out: &mut O,
) -> Result<(), Lost> {
    if !is_binary {
        return fixed_of_text(value, scale, out);
    }
    let header = Header::read(value)?.map_err(|_| Lost)?;
    let Some((number, exponent)) = header.short(scale.into()) else {
        return fixed_of_text(&printed(value)?, scale, out);
    };
    let exponent = exponent + i64::from(scale);
    let power = |exponent: i64| u32::try_from(exponent).ok().and_then(|to| 10i128.checked_pow(to));
    let number = if number == 0 {
        0
    } else if exponent >= 0 {
        number * power(exponent).ok_or(Lost)?
    } else {
        let power = power(-exponent).ok_or(Lost)?;
        if number % power != 0 {
            return Err(Lost);
        }
        number / power
    };
    short_bytes(if header.is_negative { -number } else { number }, out);
    Ok(())
}

fn fixed_of_text<O: Out>(text: &[u8], scale: i32, out: &mut O) -> Result<(), Lost> {
    let mut number = Decimal::parse(text)?;
    number.rescale(scale.into())?;
    number.write(out);
    Ok(())
}

/// Without zeros behind the point that say nothing; what has none takes the scale 0.
pub(crate) fn free<O: Out>(value: &[u8], is_binary: bool, out: &mut O) -> Result<(), Lost> {
    let short = match is_binary {
        true => {
            let header = Header::read(value)?.map_err(|_| Lost)?;
            header.short(0).map(|(number, exponent)| (header.is_negative, number, exponent))
        }
        false => None,
    };
    if let Some((is_negative, mut number, exponent)) = short {
        let mut scale = (-exponent).max(0);
        if exponent > 0 {
            number *= 10i128.pow(exponent as u32);
        }
        while scale > 0 && number % 10 == 0 {
            (number, scale) = (number / 10, scale - 1);
        }
        free_struct(scale, out);
        short_bytes(if is_negative { -number } else { number }, out);
    } else {
        let text;
        let mut number = match is_binary {
            true => {
                text = printed(value)?;
                Decimal::parse(&text)?
            }
            false => Decimal::parse(value)?,
        };
        number.strip();
        free_struct(number.scale, out);
        number.write(out);
    }
    out.close_struct();
    Ok(())
}

fn free_struct<O: Out>(scale: i64, out: &mut O) {
    out.open_struct();
    out.member(0, b"\"scale\":");
    out.int(scale);
    out.member(1, b"\"value\":");
}

/// As Postgres prints it.
pub(crate) fn printed(value: &[u8]) -> Result<Vec<u8>, Lost> {
    let mut text = Vec::new();
    source::decode::tuple::print(&model::PgType::Numeric(None), value, &mut text).ok_or(Lost)?;
    Ok(text)
}

pub(crate) fn special(text: &[u8]) -> Option<Special> {
    match text {
        b"NaN" => Some(Special::NaN),
        b"Infinity" => Some(Special::Infinity),
        b"-Infinity" => Some(Special::NegativeInfinity),
        _ => None,
    }
}

/// A number of any length.
struct Decimal {
    is_negative: bool,
    /// ASCII, the first one first.
    digits: Vec<u8>,
    scale: i64,
}

impl Decimal {
    fn parse(text: &[u8]) -> Result<Decimal, Lost> {
        let (is_negative, unsigned) = match text.strip_prefix(b"-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut digits = Vec::with_capacity(unsigned.len());
        let mut point = None;
        for &byte in unsigned {
            match byte {
                b'0'..=b'9' => digits.push(byte),
                b'.' if point.is_none() => point = Some(digits.len()),
                _ => return Err(Lost),
            }
        }
        if digits.is_empty() {
            return Err(Lost);
        }
        let scale = digits.len() - point.unwrap_or(digits.len());
        Ok(Decimal { is_negative, digits, scale: scale as i64 })
    }

    /// Digits that the scale has not must be zeros.
    fn rescale(&mut self, scale: i64) -> Result<(), Lost> {
        while self.scale > scale {
            match self.digits.pop() {
                Some(b'0') | None => self.scale -= 1,
                Some(_) => return Err(Lost),
            }
        }
        let zeros = (scale - self.scale) as usize;
        self.digits.extend(std::iter::repeat_n(b'0', zeros));
        self.scale = scale;
        Ok(())
    }

    fn strip(&mut self) {
        while self.scale > 0 && self.digits.last() == Some(&b'0') {
            self.digits.pop();
            self.scale -= 1;
        }
    }

    fn write<O: Out>(&self, out: &mut O) {
        // 32 bits a limb, the low one first.
        let mut limbs: Vec<u32> = Vec::new();
        for group in self.digits.chunks(9) {
            let fold = |number: u32, &digit: &u8| number * 10 + u32::from(digit - b'0');
            let mut carry = u64::from(group.iter().fold(0, fold));
            for limb in &mut limbs {
                let wide = u64::from(*limb) * 10u64.pow(group.len() as u32) + carry;
                (*limb, carry) = (wide as u32, wide >> 32);
            }
            if carry > 0 {
                limbs.push(carry as u32);
            }
        }
        // A limb more has the sign.
        limbs.push(0);
        let mut bytes: Vec<u8> = limbs.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
        if self.is_negative {
            let mut carry = true;
            for byte in bytes.iter_mut().rev() {
                (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
            }
        }
        out.bytes(shortest(&bytes));
    }
}

pub(crate) fn short_bytes<O: Out>(number: i128, out: &mut O) {
    out.bytes(shortest(&number.to_be_bytes()));
}

/// Two's complement without bytes in front that only repeat the sign.
fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest {
        match (first, second) {
            (0, 0..=0x7f) | (0xff, 0x80..) => rest = &rest[1..],
            _ => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::super::out::Avro;
    use super::*;

    /// The bytes of what was written, behind their length.
    fn of_text(text: &str, scale: i32) -> Option<Vec<u8>> {
        let mut out = Avro::new(Vec::new());
        fixed(text.as_bytes(), false, scale, &mut out).ok()?;
        Some(out.into_bytes()[1..].to_vec())
    }

    #[test]
    fn numbers_are_as_java_has_them() {
        let cases: [(&str, i32, &[u8]); 8] = [
            ("0", 2, &[0]),
            ("1.27", 2, &[127]),
            ("1.28", 2, &[0, 128]),
            ("-1.28", 2, &[0x80]),
            ("-1.29", 2, &[0xff, 0x7f]),
            ("1234567890.12", 2, &[0x1c, 0xbe, 0x99, 0x1a, 0x14]),
            ("1200", -2, &[12]),
            ("-0.01", 2, &[0xff]),
        ];
        for (text, scale, bytes) in cases {
            assert_eq!(of_text(text, scale).as_deref(), Some(bytes), "{text}");
        }
        let lost = ["NaN", "", "-", "1.234", "1e5"].map(|text| of_text(text, 2));
        assert_eq!(lost, [None, None, None, None, None]);
    }

    fn binary(weight: i16, is_negative: bool, scale: u16, digits: &[u16]) -> Vec<u8> {
        let sign = if is_negative { 0x4000 } else { 0 };
        let head = [digits.len() as u16, weight as u16, sign, scale];
        head.iter().chain(digits).flat_map(|field| field.to_be_bytes()).collect()
    }

    proptest::proptest! {
        #[test]
        fn both_forms_and_both_ways_say_the_same(
            digits in proptest::collection::vec(0u16..10_000, 0..14),
            weight in -6i16..12,
            is_negative: bool,
        ) {
            let digits: Vec<u16> =
                digits.into_iter().skip_while(|digit| *digit == 0).collect();
            let scale = ((digits.len() as i64 - 1 - i64::from(weight)).max(0) * 4) as u16;
            let value = binary(weight, is_negative && !digits.is_empty(), scale, &digits);
            let text = printed(&value).ok().unwrap();
            let write = |value: &[u8], is_binary: bool| {
                let (mut fixed_out, mut free_out) = (Avro::default(), Avro::default());
                let fixed = fixed(value, is_binary, scale.into(), &mut fixed_out).is_ok();
                let free = free(value, is_binary, &mut free_out).is_ok();
                (fixed, free, fixed_out.into_bytes(), free_out.into_bytes())
            };
            proptest::prop_assert_eq!(write(&value, true), write(&text, false));
        }

        #[test]
        fn any_bytes_are_a_number_or_lost(bytes: Vec<u8>, scale in -10i32..50) {
            for is_binary in [true, false] {
                let _ = fixed(&bytes, is_binary, scale, &mut Avro::default());
                let _ = free(&bytes, is_binary, &mut Avro::default());
            }
        }
    }
}
