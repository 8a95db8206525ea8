//! Decimals: two's complement with a scale beside it, and decimal texts.

/// `value / 10^scale` as Postgres prints a numeric of that scale. The bytes are big-endian.
pub(super) fn write(value: &[u8], scale: i32, out: &mut Vec<u8>) -> Result<(), &'static str> {
    // As many as a numeric has, and more than any Decimal.
    const BYTES_MAX: usize = 1 << 12;
    const SCALE_MAX: i32 = 1 << 14;
    if value.len() > BYTES_MAX || scale.abs() > SCALE_MAX {
        return Err("a decimal of more digits than a numeric has");
    }
    let Some(&first) = value.first() else { return Err("a decimal without its bytes") };
    let is_negative = first & 0x80 != 0;
    let mut digits = [b'0'; 40];
    let wide;
    let digits: &[u8] = if value.len() <= 16 {
        let mut bytes = [if is_negative { 0xff } else { 0 }; 16];
        bytes[16 - value.len()..].copy_from_slice(value);
        let size = i128::from_be_bytes(bytes).unsigned_abs();
        let mut at = digits.len();
        match u64::try_from(size) {
            Ok(size) => fill(size, &mut digits, &mut at),
            Err(_) => {
                // 10^19 is the largest power of ten in 64 bits.
                const POWER: u128 = 10_000_000_000_000_000_000;
                let mut size = size;
                while size > 0 {
                    let end = at;
                    fill((size % POWER) as u64, &mut digits, &mut at);
                    size /= POWER;
                    if size > 0 {
                        at = end - 19;
                    }
                }
            }
        }
        &digits[at..]
    } else {
        wide = wide_digits(value, is_negative);
        &wide
    };
    if is_negative {
        out.push(b'-');
    }
    match usize::try_from(scale) {
        Err(_) => {
            out.extend_from_slice(digits);
            if digits != b"0" {
                out.resize(out.len() + scale.unsigned_abs() as usize, b'0');
            }
        }
        Ok(0) => out.extend_from_slice(digits),
        Ok(scale) if digits.len() > scale => {
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        Ok(scale) => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
    Ok(())
}

/// Digits up to `at`, which moves to the first of them.
fn fill(mut number: u64, digits: &mut [u8; 40], at: &mut usize) {
    loop {
        *at -= 1;
        digits[*at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

/// Of more than 128 bits: nine digits at a time.
fn wide_digits(value: &[u8], is_negative: bool) -> Vec<u8> {
    let mut limbs: Vec<u32> = value
        .rchunks(4)
        .map(|chunk| {
            let mut bytes = [if is_negative { 0xff } else { 0 }; 4];
            bytes[4 - chunk.len()..].copy_from_slice(chunk);
            u32::from_be_bytes(bytes)
        })
        .collect();
    if is_negative {
        let mut carry = true;
        for limb in &mut limbs {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
    }
    let mut groups = Vec::new();
    while limbs.last() == Some(&0) {
        limbs.pop();
    }
    while !limbs.is_empty() {
        let mut rest = 0u64;
        for limb in limbs.iter_mut().rev() {
            let wide = rest << 32 | u64::from(*limb);
            (*limb, rest) = ((wide / 1_000_000_000) as u32, wide % 1_000_000_000);
        }
        groups.push(rest);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        text += &format!("{group:09}");
    }
    text.into_bytes()
}

/// Whether it is `-?digits[.digits]` alone.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let mut parts = digits.splitn(2, |&byte| byte == b'.');
    let is_number =
        |part: Option<&[u8]>| part.is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let whole = parts.next();
    let fraction = parts.next();
    whole.is_some_and(|whole| !whole.is_empty())
        && is_number(whole)
        && (fraction.is_none() || is_number(fraction))
}

/// A number of JSON's as a plain decimal: `1.5e3` is `1500`. `None`: too long for anything that
/// could take it.
pub(super) fn write_plain(number: &[u8], out: &mut Vec<u8>) -> Option<()> {
    const ZEROS_MAX: i32 = 1000;
    let Some(e) = number.iter().position(|byte| matches!(byte, b'e' | b'E')) else {
        out.extend_from_slice(number);
        return Some(());
    };
    let (mantissa, exponent) = (&number[..e], &number[e + 1..]);
    let exponent: i32 = std::str::from_utf8(exponent).ok()?.parse().ok()?;
    let digits = mantissa.strip_prefix(b"-").unwrap_or(mantissa);
    let point = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let figures: Vec<u8> = digits.iter().copied().filter(|&byte| byte != b'.').collect();
    if !(-ZEROS_MAX..=ZEROS_MAX).contains(&exponent) {
        return None;
    }
    let point = i32::try_from(point).ok()? + exponent;
    if digits.len() < mantissa.len() {
        out.push(b'-');
    }
    let count = i32::try_from(figures.len()).ok()?;
    if point <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + point.unsigned_abs() as usize, b'0');
        out.extend_from_slice(&figures);
    } else if point >= count {
        out.extend_from_slice(&figures);
        out.resize(out.len() + (point - count) as usize, b'0');
    } else {
        let (whole, fraction) = figures.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    Some(())
}

/// `12.00` without its zeros behind the point, where nothing else is there.
pub(super) fn whole(text: &[u8]) -> &[u8] {
    match text.iter().position(|&byte| byte == b'.') {
        Some(at) if text[at + 1..].iter().all(|&byte| byte == b'0') => &text[..at],
        _ => text,
    }
}

/// How many figures of a decimal a float always keeps, and how many tell it from all others.
#[derive(Clone, Copy)]
pub(super) struct Figures {
    kept: usize,
    told: usize,
}

pub(super) const FLOAT4: Figures = Figures { kept: 6, told: 9 };
pub(super) const FLOAT8: Figures = Figures { kept: 15, told: 17 };

/// Whether the nearest float says the same number. A fraction of as many figures as tell a float is
/// one that was printed, though not every printer finds the shortest; a whole number is itself or it
/// is not. What is no number is refused where it is read.
pub(super) fn is_exact_float(text: &[u8], figures: Figures) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return true };
    let count = figures_of(text).count();
    let is_long = text.len() > 30 || text.contains(['e', 'E']);
    if count <= figures.kept && !is_long {
        return true;
    }
    let number = match figures.kept {
        6 => text.parse::<f32>().map(f64::from),
        _ => text.parse::<f64>(),
    };
    let Ok(number) = number else { return true };
    if !number.is_finite() {
        return count == 0;
    }
    if count <= figures.kept {
        return true;
    }
    if text.contains(['.', 'e', 'E']) {
        let shortest = match figures.kept {
            6 => format!("{:e}", number as f32),
            _ => format!("{number:e}"),
        };
        return count <= figures.told || figures_of(text).eq(figures_of(&shortest));
    }
    text.parse::<i128>().is_ok_and(|whole| whole as f64 == number && number as i128 == whole)
}

/// Figures without the zeros around them.
fn figures_of(text: &str) -> impl Iterator<Item = u8> + '_ {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_figure = |byte: &u8| byte.is_ascii_digit();
    let last = mantissa.bytes().rposition(|byte| matches!(byte, b'1'..=b'9'));
    let figures = mantissa.bytes().take(last.map_or(0, |last| last + 1));
    figures.filter(is_figure).skip_while(|&byte| byte == b'0')
}

/// A decimal text in units of `10^-scale`. `None`: it is none, or does not fit.
pub(super) fn units(text: &[u8], scale: u8) -> Option<i64> {
    if !is_plain(text) {
        return None;
    }
    let point = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
    let fraction = text.get(point + 1..).unwrap_or_default();
    let (kept, beyond) = fraction.split_at(fraction.len().min(usize::from(scale)));
    if beyond.iter().any(|&byte| byte != b'0') {
        return None;
    }
    let is_negative = text[0] == b'-';
    let digits = text[usize::from(is_negative)..point].iter().chain(kept);
    let zeros = usize::from(scale) - kept.len();
    let mut units: i64 = 0;
    for digit in digits.copied().chain(std::iter::repeat_n(b'0', zeros)) {
        let digit = i64::from(digit - b'0');
        units = units.checked_mul(10)?.checked_add(if is_negative { -digit } else { digit })?;
    }
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: &[u8], scale: i32) -> String {
        let mut out = Vec::new();
        write(value, scale, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_read_as_postgres_prints_them() {
        for (value, scale, expected) in [
            (&[0x04, 0xce][..], 2, "12.30"),
            (&[100], 2, "1.00"),
            (&[0xff], 2, "-0.01"),
            (&[0], 3, "0.000"),
            (&[5], -3, "5000"),
            (&[0], -3, "0"),
            (&[0x80], 0, "-128"),
            (&[0x01, 0x16, 0x42], 2, "712.34"),
            (&[0x11, 0x07, 0xd5, 0xeb, 0x5b, 0x5b, 0xa4, 0xd7, 0xc6], 20, "3.14159265358979323846"),
        ] {
            assert_eq!(text(value, scale), expected);
        }
        assert_eq!(text(&i128::MIN.to_be_bytes(), 0), i128::MIN.to_string());
        let wide = [&[0][..], &u128::MAX.to_be_bytes()].concat();
        assert_eq!(text(&wide, 0), u128::MAX.to_string());
        assert_eq!(
            text(&[&[0xff][..], &[0; 16]].concat(), 0),
            format!("-{}", "340282366920938463463374607431768211456")
        );
        assert!(write(&[], 2, &mut Vec::new()).is_err());
    }

    #[test]
    fn exponents_become_digits() {
        for (number, expected) in [
            ("1.5e3", "1500"),
            ("-1.5E-3", "-0.0015"),
            ("12", "12"),
            ("1e0", "1"),
            ("1.25e1", "12.5"),
        ] {
            let mut out = Vec::new();
            write_plain(number.as_bytes(), &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        assert!(write_plain(b"1e999999999", &mut Vec::new()).is_none());
        assert!(write_plain(b"1e99999999999999", &mut Vec::new()).is_none());
    }

    #[test]
    fn a_float_that_would_bend_a_number_is_told() {
        for text in [
            "0.30000000000000004",
            "9007199254740992",
            "1.5e300",
            "1.0E23",
            "5.6843418860808015E-14",
            "-0.1",
            "0",
            "Infinity",
            "not a number of any kind 1234567890123456",
        ] {
            assert!(is_exact_float(text.as_bytes(), FLOAT8), "{text}");
        }
        for text in ["9007199254740993", "3.14159265358979323846", "1e999", "-1e400"] {
            assert!(!is_exact_float(text.as_bytes(), FLOAT8), "{text}");
        }
        assert!(is_exact_float(b"0.12345679", FLOAT4) && is_exact_float(b"16777216", FLOAT4));
        assert!(!is_exact_float(b"16777217", FLOAT4) && !is_exact_float(b"0.1234567891", FLOAT4));
        assert!(!is_exact_float(b"1e39", FLOAT4));
    }

    #[test]
    fn units_are_exact() {
        assert_eq!(units(b"-1234.5", 2), Some(-123_450));
        assert_eq!(units(b"1.005", 2), None);
        assert_eq!(units(b"92233720368547758.07", 2), Some(i64::MAX));
        assert_eq!(units(b"92233720368547758.08", 2), None);
        assert_eq!(units(b"", 2), None);
    }

    proptest! {
        #[test]
        fn every_number_of_128_bits(number in any::<i128>(), shift in 0u32..128) {
            let number = number >> shift;
            prop_assert_eq!(text(&number.to_be_bytes(), 0), number.to_string());
            let short: Vec<u8> = number.to_be_bytes()[8..].to_vec();
            prop_assert_eq!(text(&short, 0), (number as i64).to_string());
        }
    }
}
