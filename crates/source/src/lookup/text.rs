//! A cell as Postgres reads it: the way back, for keys.

use model::{Cells, Kind, PgType};
use std::fmt::Write;

/// The text form of a value that is neither NULL nor an array.
pub(crate) fn of(pg: &PgType, cells: &Cells, row: usize) -> String {
    let value = cells.value(row);
    match cells.kind() {
        Kind::Bool => if value[0] == 0 { "f" } else { "t" }.into(),
        Kind::Int16 => i16::from_le_bytes(fixed(value)).to_string(),
        Kind::Int32 => i32::from_le_bytes(fixed(value)).to_string(),
        Kind::Int64 => i64::from_le_bytes(fixed(value)).to_string(),
        Kind::UInt32 => u32::from_le_bytes(fixed(value)).to_string(),
        Kind::Float32 => f32::from_le_bytes(fixed(value)).to_string(),
        Kind::Float64 => f64::from_le_bytes(fixed(value)).to_string(),
        Kind::Decimal { scale, .. } => decimal(value, usize::from(*scale)),
        Kind::Uuid => uuid(value),
        Kind::Timestamp => timestamp(i64::from_le_bytes(fixed(value)), *pg == PgType::Timestamptz),
        Kind::Date => date(i64::from(i32::from_le_bytes(fixed(value)))),
        Kind::Time => time(i64::from_le_bytes(fixed(value))),
        Kind::Text if *pg == PgType::Bytea => bytea(value),
        // Postgres sent it as UTF-8.
        Kind::Text | Kind::Array(_) => String::from_utf8_lossy(value).into_owned(),
    }
}

fn fixed<const N: usize>(value: &[u8]) -> [u8; N] {
    value.try_into().expect("as wide as its kind")
}

/// A two's complement integer of 4 to 32 bytes, with a point before its last `scale` digits.
fn decimal(value: &[u8], scale: usize) -> String {
    let negative = value[value.len() - 1] & 0x80 != 0;
    let mut limbs: Vec<u32> =
        value.chunks_exact(4).map(|limb| u32::from_le_bytes(fixed(limb))).collect();
    if negative {
        let mut carry = true;
        for limb in &mut limbs {
            let (negated, over) = (!*limb).overflowing_add(u32::from(carry));
            (*limb, carry) = (negated, over);
        }
    }
    let mut digits = Vec::new();
    while limbs.iter().any(|&limb| limb != 0) || digits.len() <= scale {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let wide = rest << 32 | u64::from(*limb);
            (*limb, rest) = ((wide / 10) as u32, wide % 10);
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    let mut text = String::from(if negative { "-" } else { "" });
    text.extend(digits[scale..].iter().rev());
    if scale > 0 {
        text.push('.');
        text.extend(digits[..scale].iter().rev());
    }
    text
}

fn uuid(value: &[u8]) -> String {
    let (high, low) = value.split_at(8);
    let high = u64::from_le_bytes(fixed(high));
    format!("{high:016x}{:016x}", u64::from_le_bytes(fixed(low)))
}

pub(crate) fn bytea(value: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in value {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

const DAY_US: i64 = 86_400_000_000;

fn timestamp(us: i64, zoned: bool) -> String {
    let zone = if zoned { "+00" } else { "" };
    format!("{} {}{zone}", date(us.div_euclid(DAY_US)), time(us.rem_euclid(DAY_US)))
}

fn time(us: i64) -> String {
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    format!("{:02}:{:02}:{:02}.{us:06}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Days since 1970-01-01 in the Gregorian calendar, by whole eras of 400 years that start in March
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_every_width() {
        assert_eq!(decimal(&12345i32.to_le_bytes(), 2), "123.45");
        assert_eq!(decimal(&(-5i64).to_le_bytes(), 3), "-0.005");
        assert_eq!(decimal(&0i64.to_le_bytes(), 0), "0");
        assert_eq!(decimal(&i128::MIN.to_le_bytes(), 0), i128::MIN.to_string());
        let mut wide = [0xff; 32];
        assert_eq!(decimal(&wide, 38), format!("-0.{}1", "0".repeat(37)));
        wide[..16].copy_from_slice(&i128::MIN.to_le_bytes());
        assert_eq!(decimal(&wide, 0), i128::MIN.to_string());
    }

    #[test]
    fn dates_and_times() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(120_529), "2299-12-31");
        assert_eq!(timestamp(-1, true), "1969-12-31 23:59:59.999999+00");
        assert_eq!(timestamp(DAY_US + 3_661_000_002, false), "1970-01-02 01:01:01.000002");
        assert_eq!(time(DAY_US), "24:00:00.000000");
    }

    #[test]
    fn uuids_and_bytes() {
        let mut value = 0x0011_2233_4455_6677u64.to_le_bytes().to_vec();
        value.extend(0x8899_aabb_ccdd_eeffu64.to_le_bytes());
        assert_eq!(uuid(&value), "00112233445566778899aabbccddeeff");
        assert_eq!(bytea(&[0, 255, 39]), "\\x00ff27");
    }
}
