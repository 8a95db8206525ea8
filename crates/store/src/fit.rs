//! What the engine would take without a word and change: refused here, like what it refuses itself.
//!
//! - NULL in a column whose type has none, which would become the type's zero
//! - a whole number in a narrower type, which would be cut to its lower bits
//! - a time outside those of a chosen `DateTime`, `Date` or `DateTime64(9)`, which would wrap
//! - a number with digits behind the point that the type has no place for, which would be cut
//!
//! The same holds for the elements of arrays.

use crate::alias::own_name;
use crate::target::{Target, TargetColumn};
use model::{Block, Cells, Error, Kind, Result};
use std::borrow::Cow;

/// An error if a column of the target cannot hold what the block has for it.
pub(crate) fn check(target: &Target, block: &Block) -> Result<()> {
    for column in &target.columns {
        let cells = &block.columns[column.source];
        if lacks_null(column) && cells.nulls().contains(&1) {
            return refuse(target, &format!("NULL has no place in {}", column.clickhouse));
        }
        if let Some(what) = misfit(cells, &column.clickhouse) {
            return refuse(target, &format!("the {what} has no place in {}", column.clickhouse));
        }
    }
    Ok(())
}

fn refuse(target: &Target, why: &str) -> Result<()> {
    Err(Error::refused(format!("cannot write {}", target.table.name)).detail(why))
}

/// What of the cells the type would bend.
fn misfit(cells: &Cells, clickhouse: &str) -> Option<&'static str> {
    if let Some(element) = inside(clickhouse.trim(), "Array(") {
        return cells.parts().first().and_then(|elements| misfit(elements, element));
    }
    if !has_place(cells, clickhouse) {
        return Some("value");
    }
    let range = narrower(cells.kind(), clickhouse)?;
    (!holds(cells, range)).then_some("number")
}

fn lacks_null(column: &TargetColumn) -> bool {
    column.nullable && column.default.is_none() && !column.takes_null()
}

/// The least and the most of an integer type that does not hold all of an integer `kind`.
fn narrower(kind: &Kind, clickhouse: &str) -> Option<(i128, i128)> {
    let own = match kind {
        Kind::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Kind::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Kind::UInt32 => (0, i128::from(u32::MAX)),
        Kind::UInt64 => (0, i128::from(u64::MAX)),
        _ => return None,
    };
    range(&base(clickhouse)).filter(|range| range.0 > own.0 || range.1 < own.1)
}

/// The least and the most of an integer type, as far as numbers of the source reach.
fn range(base: &str) -> Option<(i128, i128)> {
    let (signed, width) = match base.strip_prefix('U') {
        Some(rest) => (false, rest),
        None => (true, base),
    };
    let width: u32 = width.strip_prefix("Int")?.parse().ok()?;
    Some(match (signed, width) {
        (true, 8 | 16 | 32 | 64) => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        (false, 8 | 16 | 32 | 64) => (0, (1i128 << width) - 1),
        (false, _) => (0, i128::MAX),
        (true, _) => (i128::MIN, i128::MAX),
    })
}

/// What is inside of others, under its own name.
fn base(clickhouse: &str) -> Cow<'_, str> {
    let mut base = clickhouse.trim();
    for outer in ["LowCardinality(", "Nullable("] {
        base = inside(base, outer).unwrap_or(base);
    }
    own_name(base)
}

fn inside<'a>(clickhouse: &'a str, outer: &str) -> Option<&'a str> {
    clickhouse.strip_prefix(outer)?.strip_suffix(')').map(str::trim)
}

/// The scale of a decimal type: `Decimal(9)` is one of whole numbers, `Decimal32(9)` is not.
fn scale(base: &str) -> Option<u32> {
    let of = base.strip_prefix("Decimal")?;
    if of.is_empty() {
        return Some(0);
    }
    let (width, inner) = of.strip_suffix(')')?.split_once('(')?;
    match (width.trim(), inner.split_once(',')) {
        ("", None) => Some(0),
        ("", Some((_, scale))) => scale.trim().parse().ok(),
        _ => inner.trim().parse().ok(),
    }
}

/// Whether each value of a key is another one in the type that was chosen for it: two keys that became
/// one would be one row. What it does not hold at all is refused when it comes.
pub(crate) fn keeps_apart(kind: &Kind, clickhouse: &str) -> bool {
    let base = &*base(clickhouse);
    let digits = |rest: &str| rest.parse::<u32>().is_ok();
    let is_whole = base.trim_start_matches('U').strip_prefix("Int").is_some_and(digits);
    let is_time = |least: u32| {
        let precision = base.strip_prefix("DateTime64(").map(|rest| rest.trim_end_matches(')'));
        let precision = precision.and_then(|rest| rest.split(',').next()?.trim().parse().ok());
        precision.is_some_and(|precision: u32| precision >= least)
    };
    let is_natural = base == kind.clickhouse(false);
    is_natural
        || base == "String"
        || match kind {
            Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::UInt32 | Kind::UInt64 => {
                is_whole || scale(base).is_some()
            }
            Kind::Bool => is_whole,
            Kind::Decimal { scale: own, .. } => {
                scale(base).is_some_and(|scale| scale >= u32::from(*own)) || is_whole
            }
            Kind::Text => base.starts_with("FixedString(") || base.starts_with("Enum"),
            Kind::Timestamp => is_time(6),
            Kind::Date => is_time(0) || base.starts_with("Date"),
            Kind::Float32 => base == "Float64" || is_whole,
            Kind::Float64 => is_whole,
            Kind::Time => base.starts_with("Time64(6"),
            _ => false,
        }
}

/// Of times in a chosen type that has fewer, of fractions in one that has none or shorter ones, and of
/// doubles in one of whole numbers. NULLs are zero.
fn has_place(cells: &Cells, clickhouse: &str) -> bool {
    let base = &*base(clickhouse);
    let name = base.split_once('(').map_or(base, |(name, _)| name);
    let whole = range(base);
    match cells.kind() {
        Kind::Timestamp => match name {
            "DateTime" => {
                all(cells, |us| (0..=i64::from(u32::MAX)).contains(&us.div_euclid(SECOND_US)))
            }
            "Date" => all(cells, |us| (0..=i64::from(u16::MAX)).contains(&us.div_euclid(DAY_US))),
            "DateTime64" if base.starts_with("DateTime64(9") => {
                all(cells, |us| us.checked_mul(1000).is_some())
            }
            _ => true,
        },
        Kind::Date if name == "Date" => {
            days(cells).all(|day| (0..=i32::from(u16::MAX)).contains(&day))
        }
        Kind::Date if name == "DateTime" => days(cells)
            .all(|day| (0..=i64::from(u32::MAX)).contains(&(i64::from(day) * DAY_US / SECOND_US))),
        Kind::Float32 => whole.is_none_or(|range| {
            let values =
                cells.bytes().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            values.map(f64::from).all(|value| is_whole_in(range, value))
        }),
        Kind::Float64 => whole
            .is_none_or(|range| all(cells, |bits| is_whole_in(range, f64::from_bits(bits as u64)))),
        Kind::Decimal { scale: own, .. } => {
            let kept = if whole.is_some() { Some(0) } else { scale(base) };
            let dropped = kept.map_or(0, |kept| u32::from(*own).saturating_sub(kept));
            let width = cells.kind().width().unwrap_or(1);
            dropped == 0 || cells.bytes().chunks_exact(width).all(|value| ends_in(value, dropped))
        }
        _ => true,
    }
}

const SECOND_US: i64 = 1_000_000;
const DAY_US: i64 = 86_400 * SECOND_US;
/// Beyond, doubles have gaps, and the engine's way to whole numbers its own ideas.
const EXACT_MOST: f64 = 9_007_199_254_740_992.0;

fn is_whole_in((least, most): (i128, i128), value: f64) -> bool {
    let is_whole = value.fract() == 0.0 && value.abs() <= EXACT_MOST;
    is_whole && (least..=most).contains(&(value as i128))
}

/// Whether the number, little-endian and of any width, ends in so many zeros.
fn ends_in(value: &[u8], mut zeros: u32) -> bool {
    let is_negative = value.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut borrow = is_negative;
    // Its amount, in what fits a division each.
    let limb = |bytes: &[u8]| {
        let limb = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let (limb, carries) =
            (if is_negative { !limb } else { limb }).overflowing_add(borrow.into());
        borrow = carries;
        u64::from(limb)
    };
    let mut limbs: Vec<u64> = value.chunks_exact(4).map(limb).collect();
    while zeros > 0 && limbs.iter().any(|limb| *limb != 0) {
        let some = zeros.min(9);
        let (one, mut rest) = (10u64.pow(some), 0);
        for limb in limbs.iter_mut().rev() {
            let value = rest << 32 | *limb;
            (*limb, rest) = (value / one, value % one);
        }
        if rest != 0 {
            return false;
        }
        zeros -= some;
    }
    true
}

/// Little-endian, of at most 16 bytes.
fn signed(value: &[u8]) -> i128 {
    let is_negative = value.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut bytes = [if is_negative { 0xff } else { 0 }; 16];
    bytes[..value.len()].copy_from_slice(value);
    i128::from_le_bytes(bytes)
}

fn all(cells: &Cells, is_held: impl Fn(i64) -> bool) -> bool {
    let values = cells.bytes().chunks_exact(8);
    values
        .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
        .all(is_held)
}

fn days(cells: &Cells) -> impl Iterator<Item = i32> {
    cells.bytes().chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

fn holds(cells: &Cells, (least, most): (i128, i128)) -> bool {
    let is_signed = !matches!(cells.kind(), Kind::UInt32 | Kind::UInt64);
    let width = cells.kind().width().unwrap_or(1);
    let number = |value: &[u8]| match is_signed {
        true => signed(value),
        false => value.iter().rev().fold(0, |sum, byte| sum << 8 | i128::from(*byte)),
    };
    cells.bytes().chunks_exact(width).map(number).all(|value| (least..=most).contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_looked_at_where_they_are_narrower() {
        assert_eq!(narrower(&Kind::Int64, "Int16"), Some((-32768, 32767)));
        assert_eq!(
            narrower(&Kind::Int32, "LowCardinality(Nullable(UInt64))"),
            Some((0, (1 << 64) - 1))
        );
        assert_eq!(narrower(&Kind::Int16, "UInt256"), Some((0, i128::MAX)));
        for (kind, wide) in
            [(Kind::Int32, "Int64"), (Kind::UInt32, "Int64"), (Kind::Int64, "Int128")]
        {
            assert_eq!(narrower(&kind, wide), None, "{wide}");
        }
        assert_eq!(narrower(&Kind::Int64, "Nullable(int)"), Some((-(1 << 31), (1 << 31) - 1)));
        for other in ["String", "Float64", "Interval", "Decimal(9, 2)"] {
            assert_eq!(narrower(&Kind::Int64, other), None, "{other}");
        }
    }

    #[test]
    fn times_and_fractions_are_looked_at_where_a_chosen_type_has_no_place_for_them() {
        let times = |us: i64| {
            let mut cells = Cells::new(Kind::Timestamp);
            cells.push_fixed(us.to_le_bytes());
            cells
        };
        let (before, of_2200) = (times(-1), times(7_258_118_400_000_000));
        for ty in ["DateTime", "Nullable(DateTime('UTC'))", "Date", "timestamp", "DATE"] {
            assert!(!has_place(&before, ty) && !has_place(&of_2200, ty), "{ty}");
            assert!(has_place(&times(1_800_000_000_000_000), ty), "{ty}");
        }
        assert!(!has_place(&times(9_300_000_000_000_000), "DateTime64(9, 'UTC')"));
        for ty in ["DateTime64(6, 'UTC')", "DateTime64(3)", "Date32", "String"] {
            assert!(has_place(&before, ty) && has_place(&of_2200, ty), "{ty}");
        }
        let mut doubles = Cells::new(Kind::Float64);
        doubles.push_fixed(5f64.to_le_bytes());
        assert!(has_place(&doubles, "Int32"));
        doubles.push_fixed(5.5f64.to_le_bytes());
        assert!(!has_place(&doubles, "Nullable(UInt64)") && has_place(&doubles, "Float32"));
        for (value, held, not_held) in [
            (300.0, "Int16", "Int8"),
            (-5.0, "Int64", "UInt32"),
            (-5.0, "Int256", "UInt256"),
            (f64::INFINITY, "Float64", "Int256"),
        ] {
            let (mut double, mut single) = (Cells::new(Kind::Float64), Cells::new(Kind::Float32));
            double.push_fixed(f64::to_le_bytes(value));
            single.push_fixed((value as f32).to_le_bytes());
            for cells in [double, single] {
                assert!(has_place(&cells, held) && !has_place(&cells, not_held), "{value}");
            }
        }
        let mut days = Cells::new(Kind::Date);
        days.push_fixed(70_000i32.to_le_bytes());
        assert!(!has_place(&days, "Date") && has_place(&days, "Date32"));
    }

    #[test]
    fn elements_and_decimals_are_looked_at_too() {
        let mut lists = Cells::new(Kind::Array(Box::new(Kind::Int64)));
        lists.parts_mut()[0].push_fixed(300i64.to_le_bytes());
        lists.end_parts();
        assert_eq!(misfit(&lists, "Array(Nullable(Int8))"), Some("number"));
        assert_eq!(misfit(&lists, "Array(Int16)"), None);
        assert_eq!(misfit(&lists, "String"), None);
        let decimals = |value: i64| {
            let mut cells = Cells::new(Kind::Decimal { precision: 12, scale: 2 });
            cells.push_fixed(value.to_le_bytes());
            cells
        };
        for (value, what) in [(-500, None), (-550, Some("value"))] {
            assert_eq!(misfit(&decimals(value), "Nullable(Int32)"), what);
            assert_eq!(misfit(&decimals(value), "Nullable(Decimal(9))"), what);
            for ty in ["Decimal(18, 4)", "Decimal64(2)", "Decimal(9, 1)", "Float64", "String"] {
                assert_eq!(misfit(&decimals(value), ty), None, "{ty}");
            }
        }
        assert_eq!(misfit(&decimals(-551), "Decimal(9, 1)"), Some("value"));
        assert_eq!(misfit(&decimals(-551), "Decimal32(1)"), Some("value"));
        assert_eq!(misfit(&decimals(-551), "NUMERIC(9,1)"), Some("value"));
        let wide = |value: i128, sign: u8| {
            let mut cells = Cells::new(Kind::Decimal { precision: 76, scale: 38 });
            let mut bytes = [sign; 32];
            bytes[..16].copy_from_slice(&value.to_le_bytes());
            cells.push_fixed(bytes);
            cells
        };
        let one = 10i128.pow(38);
        for (value, sign) in [(0, 0), (one, 0), (-one, 0xff)] {
            assert_eq!(misfit(&wide(value, sign), "Int64"), None);
        }
        for (value, sign) in [(1, 0), (-1, 0xff), (one + one / 1000, 0), (0, 1)] {
            assert_eq!(misfit(&wide(value, sign), "Decimal(18, 2)"), Some("value"));
        }
    }

    #[test]
    fn keys_stay_apart() {
        let decimal = Kind::Decimal { precision: 12, scale: 2 };
        for (kind, types) in [
            (Kind::Int64, ["Int64", "LowCardinality(UInt32)", "String", "Decimal(38, 0)"]),
            (decimal.clone(), ["Decimal(12, 2)", "Decimal128(3)", "String", "Int64"]),
            (Kind::Text, ["String", "LowCardinality(String)", "Enum8('a' = 1)", "FixedString(4)"]),
            (Kind::Timestamp, ["DateTime64(6)", "DateTime64(9, 'UTC')", "String", "DateTime64(7)"]),
            (Kind::Date, ["Date", "Date32", "DateTime", "DateTime64(3)"]),
        ] {
            for ty in types {
                assert!(keeps_apart(&kind, ty), "{ty}");
            }
        }
        for (kind, ty) in [
            (Kind::Int64, "Float64"),
            (Kind::Int32, "Bool"),
            (decimal.clone(), "Decimal(12, 1)"),
            (decimal, "Decimal(12)"),
            (Kind::Text, "UUID"),
            (Kind::Text, "Int64"),
            (Kind::Timestamp, "DateTime64(3)"),
            (Kind::Timestamp, "DateTime"),
            (Kind::Timestamp, "Date"),
        ] {
            assert!(!keeps_apart(&kind, ty), "{ty}");
        }
    }

    #[test]
    fn numbers_are_read_with_their_sign() {
        let mut cells = Cells::new(Kind::Int64);
        cells.push_fixed((-5i64).to_le_bytes());
        cells.push_fixed(200i64.to_le_bytes());
        assert!(holds(&cells, (-5, 200)) && !holds(&cells, (-4, 200)) && !holds(&cells, (-5, 199)));
        let mut cells = Cells::new(Kind::UInt32);
        cells.push_fixed(u32::MAX.to_le_bytes());
        assert!(holds(&cells, (0, i128::from(u32::MAX))) && !holds(&cells, (0, 7)));
    }
}
