//! A cell as Postgres reads it: the way back, for keys and for rows that are kept aside.

use crate::decode::{array_delimiter, hstore, print, range};
use model::{Cells, Kind, PgType};
use std::fmt::Write;

/// The text form of a value that is not NULL. Of a row type it is the JSON that we made of it.
pub(crate) fn of(pg: &PgType, cells: &Cells, row: usize) -> String {
    if !cells.parts().is_empty() {
        let mut out = Vec::new();
        write_parts(pg, cells, row, &mut out);
        return String::from_utf8_lossy(&out).into_owned();
    }
    let value = cells.value(row);
    match cells.kind() {
        Kind::Bool => if value[0] == 0 { "f" } else { "t" }.into(),
        Kind::Int16 => i16::from_le_bytes(fixed(value)).to_string(),
        Kind::Int32 => i32::from_le_bytes(fixed(value)).to_string(),
        Kind::Int64 => i64::from_le_bytes(fixed(value)).to_string(),
        Kind::UInt32 => u32::from_le_bytes(fixed(value)).to_string(),
        Kind::UInt64 => u64::from_le_bytes(fixed(value)).to_string(),
        Kind::Float32 => f32::from_le_bytes(fixed(value)).to_string(),
        Kind::Float64 => f64::from_le_bytes(fixed(value)).to_string(),
        Kind::Decimal { scale, .. } => decimal(value, usize::from(*scale)),
        Kind::Uuid => uuid(value),
        Kind::Timestamp => timestamp(i64::from_le_bytes(fixed(value)), *pg == PgType::Timestamptz),
        Kind::Date => date(i64::from(i32::from_le_bytes(fixed(value)))),
        Kind::Time => time(i64::from_le_bytes(fixed(value))),
        Kind::Text if *pg == PgType::Bytea => bytea(value),
        // Postgres sent it as UTF-8.
        _ => String::from_utf8_lossy(value).into_owned(),
    }
}

fn write_parts(pg: &PgType, cells: &Cells, row: usize, out: &mut Vec<u8>) {
    match (pg, cells.parts()) {
        (PgType::Array(element, dimensions), _) => array(element, *dimensions, cells, row, out),
        (PgType::Multirange(bound), [ranges]) => {
            list(cells, row, b"{}", out, |item, out| one_range(bound, ranges, item, out));
        }
        (PgType::Range(bound), _) => one_range(bound, cells, row, out),
        (PgType::Point, _) => point(cells, row, out),
        (PgType::Polygon, [points]) => {
            list(cells, row, b"()", out, |item, out| point(points, item, out));
        }
        (_, [numbers]) => list(cells, row, b"[]", out, |item, out| {
            out.extend_from_slice(of(&PgType::Float4, numbers, item).as_bytes());
        }),
        (_, [keys, values]) => {
            let mut pair = hstore::print(out);
            for item in cells.run(row) {
                let value = (!values.is_null(item)).then(|| values.value(item));
                pair(keys.value(item), value);
            }
        }
        _ => {}
    }
}

fn list(
    cells: &Cells,
    row: usize,
    brackets: &[u8; 2],
    out: &mut Vec<u8>,
    write: impl Fn(usize, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    let run = cells.run(row);
    for item in run.clone() {
        if item > run.start {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(brackets[1]);
}

fn array(element: &PgType, levels: u8, cells: &Cells, row: usize, out: &mut Vec<u8>) {
    let (delimiter, items) = (array_delimiter(element), &cells.parts()[0]);
    out.push(b'{');
    let run = cells.run(row);
    for item in run.clone() {
        if item > run.start {
            out.push(delimiter);
        }
        match levels {
            2.. => array(element, levels - 1, items, item, out),
            _ if items.is_null(item) => out.extend_from_slice(b"NULL"),
            _ => print::array_item(of(element, items, item).as_bytes(), delimiter, out),
        }
    }
    out.push(b'}');
}

fn one_range(bound: &PgType, cells: &Cells, row: usize, out: &mut Vec<u8>) {
    let [lower, upper, bounds] = cells.parts() else { return };
    let of_part = |part: &Cells| (!part.is_null(row)).then(|| of(bound, part, row));
    range::print(bounds.value(row), of_part(lower), of_part(upper), out, |text, out| {
        out.extend_from_slice(text.as_bytes());
        Some(())
    });
}

fn point(cells: &Cells, row: usize, out: &mut Vec<u8>) {
    let [x, y] = cells.parts() else { return };
    let (x, y) = (of(&PgType::Float8, x, row), of(&PgType::Float8, y, row));
    out.extend_from_slice(format!("({x},{y})").as_bytes());
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
