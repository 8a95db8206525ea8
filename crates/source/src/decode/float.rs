//! Floats as Postgres prints them: the shortest digits that read back as the number.
//!
//! Rust's shortest digits are Postgres's but for two rules of its own
//! (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/common/d2s.c>): it keeps away from
//! the very border of what reads back, where a reader might round the other way, and of two
//! spellings that are equally near it takes the even one.

use std::io::Write;

/// An exponent is spelt from 10^15 on.
pub(super) fn write_f64(number: f64, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return special(number, out);
    }
    let bits = number.to_bits();
    let parts = Parts::new(bits & ((1 << 52) - 1), (bits >> 52 & 0x7ff) as i32, 52, 1075);
    layout(&format!("{number:e}"), |n| format!("{number:.n$e}"), &parts, 15, out);
}

/// From 10^6 on.
pub(super) fn write_f32(number: f32, out: &mut Vec<u8>) {
    if !number.is_finite() {
        return special(number.into(), out);
    }
    let bits = u64::from(number.to_bits());
    let parts = Parts::new(bits & ((1 << 23) - 1), (bits >> 23 & 0xff) as i32, 23, 150);
    layout(&format!("{number:e}"), |n| format!("{number:.n$e}"), &parts, 6, out);
}

fn special(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(match number {
        f64::INFINITY => b"Infinity",
        f64::NEG_INFINITY => b"-Infinity",
        _ => b"NaN",
    });
}

/// The number is `mantissa` · 2^`exponent`.
struct Parts {
    mantissa: u128,
    exponent: i32,
    /// The next smaller number is only half as far as the next larger one.
    is_uneven: bool,
}

impl Parts {
    fn new(fraction: u64, biased: i32, width: u32, bias: i32) -> Parts {
        let hidden = if biased == 0 { 0 } else { 1 << width };
        Parts {
            mantissa: u128::from(fraction | hidden),
            exponent: biased.max(1) - bias,
            is_uneven: fraction == 0 && biased > 1,
        }
    }

    /// Whether the decimal lies exactly between this number and a neighbour.
    fn is_border(&self, decimal: Decimal) -> bool {
        let (m, e) = (self.mantissa, self.exponent);
        let below = match self.is_uneven {
            true => (4 * m - 1, e - 2),
            false => (2 * m).checked_sub(1).map_or((1, e - 1), |below| (below, e - 1)),
        };
        decimal.is(2 * m + 1, e - 1) || decimal.is(below.0, below.1)
    }
}

/// `digits` · 10^`exponent`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Of `-1.25e-7`.
    fn parse(scientific: &str) -> Decimal {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let (whole, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let after = after.trim_end_matches('0');
        let digits = format!("{}{after}", whole.trim_start_matches('-'));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let exponent = exponent - after.len() as i32;
        Decimal { digits: digits.parse().unwrap_or(0), exponent }
    }

    /// Whether it is exactly `mantissa` · 2^`exponent`: its factors of 2 and of 5 are.
    fn is(self, mantissa: u128, exponent: i32) -> bool {
        if self.digits == 0 || mantissa == 0 {
            return self.digits == mantissa;
        }
        let (twos, others) = (self.digits.trailing_zeros(), mantissa.trailing_zeros());
        if twos as i32 + self.exponent != others as i32 + exponent {
            return false;
        }
        let (mine, theirs) = (self.digits >> twos, mantissa >> others);
        let fives = 5u128.checked_pow(self.exponent.unsigned_abs());
        let times = |number: u128| fives.and_then(|fives| fives.checked_mul(number));
        match self.exponent >= 0 {
            true => times(mine) == Some(theirs),
            false => times(theirs) == Some(mine),
        }
    }

    /// The even one of two that are as near to the number.
    fn even(self, parts: &Parts) -> Decimal {
        let half = |doubled: u128| Decimal { digits: doubled * 5, exponent: self.exponent - 1 };
        let is_half = |doubled| half(doubled).is(parts.mantissa, parts.exponent);
        match self.digits {
            0 => self,
            digits if digits % 2 == 1 && is_half(2 * digits + 1) => {
                Decimal { digits: digits + 1, ..self }
            }
            digits if digits % 2 == 1 && is_half(2 * digits - 1) => {
                Decimal { digits: digits - 1, ..self }
            }
            _ => self,
        }
    }
}

/// So many digits tell any two doubles apart.
const DIGITS_MAX: usize = 17;

fn layout(
    shortest: &str,
    longer: impl Fn(usize) -> String,
    parts: &Parts,
    digits: i32,
    out: &mut Vec<u8>,
) {
    let mut decimal = Decimal::parse(shortest);
    let mut after_point = decimal.digits.to_string().len();
    while parts.is_border(decimal) && after_point < DIGITS_MAX {
        decimal = Decimal::parse(&longer(after_point));
        after_point += 1;
    }
    let decimal = decimal.even(parts);
    if shortest.starts_with('-') {
        out.push(b'-');
    }
    let figures = decimal.digits.to_string();
    // What is rounded up to a power of ten ends in zeros.
    let kept = figures.trim_end_matches('0');
    let exponent = if kept.is_empty() { 0 } else { decimal.exponent + figures.len() as i32 - 1 };
    let figures = if kept.is_empty() { "0" } else { kept };
    if exponent < -4 || exponent >= digits {
        let (first, after) = figures.split_at(1);
        let point = if after.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{first}{point}{after}e{sign}{:02}", exponent.abs());
        return;
    }
    let Ok(before) = usize::try_from(exponent + 1) else {
        let _ = write!(out, "0.{}{figures}", "0".repeat((-exponent - 1) as usize));
        return;
    };
    let _ = match figures.split_at_checked(before) {
        Some(("", after)) => write!(out, "0.{after}"),
        Some((whole, "")) => write!(out, "{whole}"),
        Some((whole, after)) => write!(out, "{whole}.{after}"),
        None => write!(out, "{figures}{}", "0".repeat(before - figures.len())),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(number: f64) -> String {
        let mut out = Vec::new();
        write_f64(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// What `select x::float8` prints.
    #[test]
    fn floats_are_spelt_as_postgres_spells_them() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (-1234.5, "-1234.5"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            // Both digits are as near, or the shortest lies on the border.
            (9007199254740993.0, "9.007199254740992e+15"),
            (2f64.powi(-44), "5.684341886080802e-14"),
            (9.5367431640625e-7, "9.5367431640625e-07"),
            (1e23, "9.999999999999999e+22"),
        ] {
            assert_eq!(double(number), text);
        }
    }
}
