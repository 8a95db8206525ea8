//! numeric: any number of base-10000 digits, into an integer of 32 to 256 bits with a fixed scale.

use super::{Pushed, Refusal, bad_form};
use model::{Cells, Kind};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

pub(super) fn push_binary(value: &[u8], cells: &mut Cells) -> Pushed {
    // More digits than any Decimal has: as text, NaN and Infinity too.
    if *cells.kind() == Kind::Text {
        let text = text_of_binary(value).ok_or_else(bad_form)?;
        cells.push_text(text.as_bytes());
        return Ok(0);
    }
    let Some((header, digits)) = value.split_at_checked(8) else { return Err(bad_form()) };
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign) = (usize::from(field(0)), i32::from(field(2) as i16), field(4));
    if digits.len() != count * 2 {
        return Err(bad_form());
    }
    match sign {
        POSITIVE | NEGATIVE => {}
        0xC000 => return Err(Refusal::new("NaN has no place in a Decimal")),
        0xD000 | 0xF000 => return Err(Refusal::new("Infinity has no place in a Decimal")),
        _ => return Err(bad_form()),
    }
    let digit = |at: usize| u16::from_be_bytes([digits[2 * at], digits[2 * at + 1]]);
    match *cells.kind() {
        Kind::Decimal { precision, scale } => {
            let scale = i32::from(scale);
            if precision <= 38 {
                let number = narrow(count, weight, scale, digit)?;
                return push_narrow(number, precision, sign == NEGATIVE, cells);
            }
            let mut number = Wide::default();
            // The groups of four digits from the first one down to the last that the scale needs.
            let last = -(scale + 3) / 4;
            let mut group = weight;
            while group >= last {
                let at = (weight - group) as usize;
                let value = if at < count { digit(at) } else { 0 };
                let keep = if group == last { scale + 4 * (group + 1) } else { 4 };
                let (power, drop) = (POWERS[keep as usize], POWERS[4 - keep as usize]);
                if value > 9999 {
                    return Err(bad_form());
                }
                if u64::from(value) % drop != 0 {
                    return Err(too_fine(scale));
                }
                if !number.mul_add(power, u64::from(value) / drop) {
                    return Err(too_large(precision, scale));
                }
                group -= 1;
            }
            check_below(count, weight, last, scale, digit)?;
            push_wide(number, precision, scale, sign == NEGATIVE, cells)
        }
        _ => Err(bad_form()),
    }
}

const POWERS: [u64; 5] = [1, 10, 100, 1000, 10_000];

/// One more than the largest number of so many digits.
const LIMITS: [u128; 39] = {
    let mut limits = [1; 39];
    let mut digits = 1;
    while digits < limits.len() {
        limits[digits] = limits[digits - 1] * 10;
        digits += 1;
    }
    limits
};

/// Groups whose digits surely fit in 64 bits.
const SHORT_GROUPS: i32 = 4;

fn too_fine(scale: i32) -> Refusal {
    Refusal::new(format!("more than {scale} digits after the point"))
}

fn too_large(precision: u8, scale: i32) -> Refusal {
    let before = i32::from(precision) - scale;
    Refusal::new(format!("more than {before} digits before the point"))
}

/// Whatever lies below the last group must be zero.
fn check_below(
    count: usize,
    weight: i32,
    last: i32,
    scale: i32,
    digit: impl Fn(usize) -> u16,
) -> Result<(), Refusal> {
    let first_below = (weight - last + 1).max(0) as usize;
    match (first_below..count).any(|at| digit(at) != 0) {
        true => Err(too_fine(scale)),
        false => Ok(()),
    }
}

/// As in the wide form, in 128 bits; `None` inside: too large.
fn narrow(
    count: usize,
    weight: i32,
    scale: i32,
    digit: impl Fn(usize) -> u16,
) -> Result<Option<u128>, Refusal> {
    let last = -(scale + 3) / 4;
    if weight - last < SHORT_GROUPS {
        return short(count, weight, scale, digit);
    }
    let mut number: u128 = 0;
    let mut group = weight;
    while group >= last {
        let at = (weight - group) as usize;
        let value = if at < count { u64::from(digit(at)) } else { 0 };
        let keep = if group == last { (scale + 4 * (group + 1)) as usize } else { 4 };
        let (power, drop) = (POWERS[keep], POWERS[4 - keep]);
        if value > 9999 {
            return Err(bad_form());
        }
        if value % drop != 0 {
            return Err(too_fine(scale));
        }
        let grown = number.checked_mul(u128::from(power));
        match grown.and_then(|grown| grown.checked_add(u128::from(value / drop))) {
            Some(grown) => number = grown,
            None => return Ok(None),
        }
        group -= 1;
    }
    check_below(count, weight, last, scale, digit)?;
    Ok(Some(number))
}

/// The same where nothing can overflow: money, quantities, most of what there is.
#[inline]
fn short(
    count: usize,
    weight: i32,
    scale: i32,
    digit: impl Fn(usize) -> u16,
) -> Result<Option<u128>, Refusal> {
    let last = -(scale + 3) / 4;
    let mut number: u64 = 0;
    for group in (last..=weight).rev() {
        let at = (weight - group) as usize;
        let value = if at < count { u64::from(digit(at)) } else { 0 };
        if value > 9999 {
            return Err(bad_form());
        }
        number = number * 10_000 + value;
    }
    // The last group may have digits that the scale has not.
    let beyond = POWERS[(-4 * last - scale) as usize];
    if !number.is_multiple_of(beyond) {
        return Err(too_fine(scale));
    }
    check_below(count, weight, last, scale, digit)?;
    Ok(Some(u128::from(number / beyond)))
}

fn push_narrow(number: Option<u128>, precision: u8, negative: bool, cells: &mut Cells) -> Pushed {
    let scale = match cells.kind() {
        Kind::Decimal { scale, .. } => i32::from(*scale),
        _ => 0,
    };
    let limit = LIMITS[usize::from(precision)];
    let number =
        number.filter(|&number| number < limit).ok_or_else(|| too_large(precision, scale))?;
    let signed = if negative { -(number as i128) } else { number as i128 };
    match precision {
        0..=9 => cells.push_fixed((signed as i32).to_le_bytes()),
        10..=18 => cells.push_fixed((signed as i64).to_le_bytes()),
        _ => cells.push_fixed(signed.to_le_bytes()),
    }
    Ok(0)
}

fn push_wide(
    mut number: Wide,
    precision: u8,
    scale: i32,
    negative: bool,
    cells: &mut Cells,
) -> Pushed {
    if !number.is_below_power(precision) {
        return Err(too_large(precision, scale));
    }
    if negative {
        number.negate();
    }
    cells.push_fixed(number.to_le_bytes());
    Ok(0)
}

/// 256 bits, the low limb first.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Wide([u64; 4]);

impl Wide {
    /// `self * factor + more`; false on overflow.
    #[inline]
    fn mul_add(&mut self, factor: u64, more: u64) -> bool {
        let mut carry = u128::from(more);
        for limb in &mut self.0 {
            let wide = u128::from(*limb) * u128::from(factor) + carry;
            (*limb, carry) = (wide as u64, wide >> 64);
        }
        carry == 0
    }

    fn is_below_power(&self, power: u8) -> bool {
        let mut limit = Wide([1, 0, 0, 0]);
        for _ in 0..power {
            limit.mul_add(10, 0);
        }
        self.0.iter().rev().lt(limit.0.iter().rev())
    }

    fn negate(&mut self) {
        let mut carry = true;
        for limb in &mut self.0 {
            let (value, over) = (!*limb).overflowing_add(u64::from(carry));
            (*limb, carry) = (value, over);
        }
    }

    fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }
}

/// `-123.4500` as `numeric_out` writes it.
pub(super) fn text_of_binary(value: &[u8]) -> Option<String> {
    use std::fmt::Write;
    let (header, digits) = value.split_at_checked(8)?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight) = (usize::from(field(0)), i32::from(field(2) as i16));
    let scale = usize::from(field(6));
    let mut text = match field(4) {
        POSITIVE => String::new(),
        NEGATIVE => String::from("-"),
        0xC000 => return Some("NaN".into()),
        0xD000 => return Some("Infinity".into()),
        0xF000 => return Some("-Infinity".into()),
        _ => return None,
    };
    let well_formed =
        digits.chunks_exact(2).all(|digit| u16::from_be_bytes([digit[0], digit[1]]) < 10_000);
    if digits.len() != count * 2 || !well_formed {
        return None;
    }
    let group = |group: i32| -> u16 {
        let at = weight - group;
        match usize::try_from(at).ok().filter(|&at| at < count) {
            Some(at) => u16::from_be_bytes([digits[2 * at], digits[2 * at + 1]]),
            None => 0,
        }
    };
    if weight < 0 {
        text.push('0');
    }
    for at in (0..=weight).rev() {
        let value = group(at);
        let _ = if at == weight { write!(text, "{value}") } else { write!(text, "{value:04}") };
    }
    if scale > 0 {
        text.push('.');
        let end = text.len() + scale;
        let mut at = -1;
        while text.len() < end {
            let _ = write!(text, "{:04}", group(at));
            at -= 1;
        }
        if text[end..].bytes().any(|byte| byte != b'0') {
            return None;
        }
        text.truncate(end);
    }
    // Postgres never has digits that it does not show.
    let last = -(scale.div_ceil(4) as i32);
    check_below(count, weight, last, 0, |at| group(weight - at as i32)).ok()?;
    Some(text)
}

pub(super) fn push_text(value: &[u8], cells: &mut Cells) -> Pushed {
    let Kind::Decimal { precision, scale } = *cells.kind() else {
        cells.push_text(value);
        return Ok(0);
    };
    let negative = value.first() == Some(&b'-');
    let unsigned = if negative { &value[1..] } else { value };
    match unsigned {
        b"NaN" => return Err(Refusal::new("NaN has no place in a Decimal")),
        b"Infinity" => return Err(Refusal::new("Infinity has no place in a Decimal")),
        _ => {}
    }
    let point = unsigned.iter().position(|&byte| byte == b'.').unwrap_or(unsigned.len());
    let (before, after) = (&unsigned[..point], unsigned.get(point + 1..).unwrap_or_default());
    if before.is_empty() && after.is_empty() {
        return Err(bad_form());
    }
    let wanted = usize::from(scale);
    let (kept, beyond) = after.split_at(after.len().min(wanted));
    if beyond.iter().any(|&byte| byte != b'0') {
        return match beyond.iter().all(u8::is_ascii_digit) {
            true => Err(too_fine(i32::from(scale))),
            false => Err(bad_form()),
        };
    }
    let zeros = std::iter::repeat_n(&b'0', wanted - kept.len());
    let mut number = Wide::default();
    for byte in before.iter().chain(kept).chain(zeros) {
        if !byte.is_ascii_digit() {
            return Err(bad_form());
        }
        if !number.mul_add(10, u64::from(byte - b'0')) {
            return Err(too_large(precision, i32::from(scale)));
        }
    }
    if precision > 38 {
        return push_wide(number, precision, i32::from(scale), negative, cells);
    }
    let [low, high, ..] = number.0;
    let fits = number.0[2..] == [0, 0];
    let number = fits.then_some(u128::from(high) << 64 | u128::from(low));
    push_narrow(number, precision, negative, cells)
}
