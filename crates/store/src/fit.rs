//! What a type can hold: asked of the type when it is chosen, and of every value when it comes.
//!
//! The engine takes nearly anything into anything, and what does not fit it cuts, wraps, rounds or pads
//! without a word. So only pairs of types are taken of which is known what the engine does ([`way`]),
//! and a value that it would bend is refused here, like what it refuses itself: in arrays and maps
//! too. What a type is chosen for is no bending: a `Float64` holds the nearest number that it has, a
//! `DateTime64(3)` the milliseconds of a time.

mod texts;

use crate::target::{Target, TargetColumn};
use crate::types::Type;
use model::{Block, Cells, Error, Kind, Op, Result};
pub use texts::Texts;

/// An error if a column of the target cannot hold what the block has for it.
pub(crate) fn check(target: &Target, block: &Block) -> Result<()> {
    for column in &target.columns {
        let cells = &block.columns[column.source];
        if lacks_null(column) && cells.nulls().contains(&1) {
            return refuse(target, column, "NULL");
        }
        let is_key = target.table.key.contains(&column.source);
        // Of what is gone there is the key, and zeros.
        let is_there = |row: usize| match block.ops[row] {
            Op::Truncate => false,
            op => is_key || !op.is_keys_only(),
        };
        let found = match way(cells.kind(), &Type::parse(&column.clickhouse)) {
            None => Some("the value"),
            Some(way) => way.misfit(cells, &is_there),
        };
        if let Some(what) = found {
            return refuse(target, column, what);
        }
    }
    // Of another key the engine would make one that has a place, and may be a row's.
    for (&at, cells) in target.table.key.iter().zip(&block.before) {
        let Some(column) = target.column_of(at) else { continue };
        let way = way(cells.kind(), &column.ty());
        if way.is_some_and(|way| way.misfit(cells, &|_| true).is_some()) {
            return refuse(target, column, "the key before");
        }
    }
    Ok(())
}

fn refuse(target: &Target, column: &TargetColumn, what: &str) -> Result<()> {
    let why = format!("{what} has no place in {}", column.clickhouse);
    Err(Error::refused(format!("cannot write {}", target.table.name)).detail(why))
}

fn lacks_null(column: &TargetColumn) -> bool {
    column.nullable && column.default.is_none() && !column.takes_null()
}

/// How values of a kind go into a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// As they are, or the engine refuses them.
    Any,
    /// Numbers of the kind's own (whole ones, microseconds, days) from here to there.
    Within(i128, i128),
    /// Floats that are whole numbers from here to there.
    Whole(i128, i128),
    /// Doubles that stay what they are but for their last digits.
    Single,
    /// Decimals that end in so many zeros, and have so many digits before those.
    Decimal { zeros: u32, digits: u32 },
    /// Texts that say a value of the type.
    Texts(Texts),
    /// What is in arrays, or the values of maps: whether NULL has a place, and how others go.
    Parts(bool, Box<Way>),
}

/// `None`: not at all, or in no way that is known to bend nothing.
pub fn way(kind: &Kind, ty: &Type) -> Option<Way> {
    let is_natural = ty.base == kind.clickhouse(false);
    if is_natural || ty.is_string() && kind.width().is_some() {
        return Some(Way::Any);
    }
    match kind {
        Kind::Bool => ty.integer().map(|_| Way::Any),
        Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::UInt32 | Kind::UInt64 => whole(kind, ty),
        Kind::Float32 | Kind::Float64 => match (ty.integer(), ty.base.as_str()) {
            (Some(of), _) => Some(within(of)).map(|(least, most)| Way::Whole(least, most)),
            (None, "Float64") => Some(Way::Any),
            (None, "Float32") => Some(Way::Single),
            _ => None,
        },
        Kind::Decimal { precision, scale } => {
            if is_float(ty) {
                return Some(Way::Any);
            }
            // The engine refuses a number that is too large for an integer.
            let (digits, kept) =
                ty.integer().map_or_else(|| ty.decimal(), |_| Some((u8::MAX, 0)))?;
            let (zeros, more) = (scale.saturating_sub(kept), kept.saturating_sub(*scale));
            let digits = digits.saturating_sub(more);
            Some(match zeros == 0 && digits >= *precision {
                true => Way::Any,
                false => Way::Decimal { zeros: zeros.into(), digits: digits.into() },
            })
        }
        Kind::Text => texts::of(ty),
        Kind::Timestamp => Some(match (ty.name(), ty.time_digits()) {
            ("DateTime", _) => Way::Within(0, SECOND_US * (SECONDS_MOST + 1) - 1),
            ("Date", _) => Way::Within(0, DAY_US * (DAYS_MOST + 1) - 1),
            ("DateTime64", Some(9)) => Way::Within(NANOS.0 / 1000, NANOS.1 / 1000),
            ("DateTime64", Some(_)) | ("Date32", _) => Way::Any,
            _ => return None,
        }),
        // Midnight of which zone only UTC says.
        Kind::Date => Some(match (ty.name(), ty.time_digits()) {
            ("Date", _) => Way::Within(0, DAYS_MOST),
            // Of the last day the engine makes the one before.
            ("DateTime", _) if ty.is_in_utc() => Way::Within(0, SECONDS_MOST / DAY_S - 1),
            ("DateTime64", Some(9)) if ty.is_in_utc() => {
                Way::Within(NANOS.0 / 1000 / DAY_US, NANOS.1 / 1000 / DAY_US)
            }
            ("DateTime64", Some(_)) if ty.is_in_utc() => Way::Any,
            _ => return None,
        }),
        Kind::Time => (ty.name() == "Time64").then_some(Way::Any),
        Kind::Array(_) | Kind::Vector => {
            let (of, element) = (kind.parts().remove(0), ty.element()?);
            Some(Way::Parts(element.nullable, Box::new(way(&of, &element)?)))
        }
        Kind::Map if ty.name() == "Map" => {
            let arguments = ty.arguments();
            let [key, value] = arguments.as_slice() else { return None };
            let (key, value) = (Type::parse(key), Type::parse(value));
            let value_way =
                way(&Kind::Text, &value).filter(|_| key.is_string() && !key.nullable)?;
            Some(Way::Parts(value.nullable, Box::new(value_way)))
        }
        _ => None,
    }
}

/// Whether a text says a value of the type.
pub fn says(text: &str, ty: &Type) -> bool {
    let mut cells = Cells::new(Kind::Text);
    cells.push_text(text.as_bytes());
    way(&Kind::Text, ty).is_some_and(|way| way.misfit(&cells, &|_| true).is_none())
}

fn whole(kind: &Kind, ty: &Type) -> Option<Way> {
    let own = match kind {
        Kind::Int16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Kind::Int32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Kind::Int64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Kind::UInt32 => (0, i128::from(u32::MAX)),
        _ => (0, i128::from(u64::MAX)),
    };
    let (least, most) = match (ty.integer(), ty.decimal(), ty.name()) {
        (Some(of), ..) => within(of),
        (_, Some((digits, scale)), _) => {
            let most = 10i128.checked_pow(u32::from(digits.saturating_sub(scale)));
            most.map_or((i128::MIN, i128::MAX), |end| (1 - end, end - 1))
        }
        (.., "Bool") => (0, 1),
        (.., "DateTime") => (0, SECONDS_MOST),
        _ if is_float(ty) => own,
        _ => return None,
    };
    Some(if least > own.0 || most < own.1 { Way::Within(least, most) } else { Way::Any })
}

fn is_float(ty: &Type) -> bool {
    matches!(ty.name(), "Float32" | "Float64")
}

/// The least and the most of an integer type, as far as numbers of the source reach.
fn within((is_signed, width): (bool, u32)) -> (i128, i128) {
    match (is_signed, width) {
        (true, ..=64) => (-(1i128 << (width - 1)), (1i128 << (width - 1)) - 1),
        (false, ..=64) => (0, (1i128 << width) - 1),
        (true, _) => (i128::MIN, i128::MAX),
        (false, _) => (0, i128::MAX),
    }
}

/// The types that values of the kind may be kept in, for a person.
pub(crate) fn places(kind: &Kind) -> String {
    const WHOLE: &str = "Int8 to UInt256, Bool, Decimal(…), Float64, DateTime";
    let others = match kind {
        Kind::Bool => "Int8 to UInt256",
        Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::UInt32 | Kind::UInt64 => WHOLE,
        Kind::Float32 | Kind::Float64 => "Float32, Float64, Int8 to UInt256",
        Kind::Decimal { .. } => "Decimal(…), Int8 to UInt256, Float64",
        Kind::Text => {
            "FixedString(…), Enum8(…), JSON, UUID, IPv4, IPv6, Bool, Int8 to UInt256, Decimal(…), Float64, \
             Date, Date32, DateTime('UTC'), DateTime64(6, 'UTC')"
        }
        Kind::Timestamp => "DateTime64(…), DateTime, Date, Date32",
        Kind::Date => "Date, Date32, DateTime('UTC'), DateTime64(0, 'UTC')",
        Kind::Time => "Time64(…)",
        Kind::Array(_) => "Array(…)",
        Kind::Map => "Map(String, …)",
        Kind::Uuid | Kind::Range(_) | Kind::Point | Kind::Ring | Kind::Vector => "",
    };
    let natural = kind.clickhouse(false);
    let others = if others.is_empty() { others.into() } else { format!("; {others}") };
    match *kind {
        Kind::Text => natural + &others,
        _ => format!("{natural}, String{others}"),
    }
}

/// Whether each value of a key is another one in the type that was chosen for it: two keys that became
/// one would be one row. What it does not hold at all is refused when it comes.
pub(crate) fn keeps_apart(kind: &Kind, ty: &Type) -> bool {
    let is_whole = ty.integer().is_some();
    let is_time = |least: u8| ty.name() == "DateTime64" && ty.time_digits() >= Some(least);
    ty.base == kind.clickhouse(false)
        || ty.is_string()
        || match kind {
            Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::UInt32 | Kind::UInt64 => {
                is_whole || ty.decimal().is_some()
            }
            Kind::Bool => is_whole,
            Kind::Decimal { scale: own, .. } => {
                is_whole || ty.decimal().is_some_and(|(_, scale)| scale >= *own)
            }
            Kind::Text => ty.name() == "FixedString" || ty.labels().is_some(),
            Kind::Timestamp => is_time(6),
            Kind::Date => is_time(0) || ty.name().starts_with("Date"),
            Kind::Float32 => ty.base == "Float64" || is_whole,
            Kind::Float64 => is_whole,
            Kind::Time => ty.name() == "Time64" && ty.time_digits() >= Some(6),
            _ => false,
        }
}

const SECOND_US: i128 = 1_000_000;
const DAY_S: i128 = 86_400;
const DAY_US: i128 = DAY_S * SECOND_US;
/// The last second of a `DateTime`, the last day of a `Date`, the nanoseconds of a `DateTime64(9)`.
const SECONDS_MOST: i128 = u32::MAX as i128;
const DAYS_MOST: i128 = u16::MAX as i128;
const NANOS: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);
/// Beyond, doubles have gaps, and the engine's way to whole numbers its own ideas.
const EXACT_MOST: f64 = 9_007_199_254_740_992.0;

impl Way {
    /// What of the cells has no place, in the rows that are there.
    fn misfit(&self, cells: &Cells, is_there: &dyn Fn(usize) -> bool) -> Option<&'static str> {
        let holds = match self {
            Way::Any => true,
            Way::Within(least, most) => {
                numbers(cells).all(|value| (*least..=*most).contains(&value))
            }
            Way::Whole(least, most) => floats(cells).all(|value| {
                let is_exact = value.fract() == 0.0 && value.abs() <= EXACT_MOST;
                is_exact && (*least..=*most).contains(&(value as i128))
            }),
            Way::Single => {
                floats(cells).all(|value| !value.is_finite() || (value as f32).is_finite())
            }
            Way::Decimal { zeros, digits } => {
                values(cells).all(|value| Amount::of(value).has_place(*zeros, *digits))
            }
            Way::Texts(texts) => (0..cells.rows())
                .filter(|&row| is_there(row) && !cells.is_null(row))
                .all(|row| texts.hold(cells.value(row))),
            Way::Parts(takes_null, way) => {
                let parts = cells.parts().last()?;
                if !takes_null && parts.nulls().contains(&1) {
                    return Some("the NULL of an element");
                }
                return way.misfit(parts, &|_| true);
            }
        };
        (!holds).then_some("the value")
    }
}

/// The bytes of each value. NULLs are zero.
fn values(cells: &Cells) -> impl Iterator<Item = &[u8]> {
    cells.bytes().chunks_exact(cells.kind().width().unwrap_or(1))
}

fn numbers(cells: &Cells) -> impl Iterator<Item = i128> {
    let is_signed = !matches!(cells.kind(), Kind::UInt32 | Kind::UInt64);
    values(cells).map(move |value| {
        let is_negative = is_signed && value.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut bytes = [if is_negative { 0xff } else { 0 }; 16];
        bytes[..value.len()].copy_from_slice(value);
        i128::from_le_bytes(bytes)
    })
}

fn floats(cells: &Cells) -> impl Iterator<Item = f64> {
    values(cells).map(|value| match *value {
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => f64::NAN,
    })
}

/// Of a number, little-endian and of any width, without its sign: in what fits a division each.
struct Amount(Vec<u64>);

impl Amount {
    fn of(value: &[u8]) -> Amount {
        let is_negative = value.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut borrow = is_negative;
        let limb = |bytes: &[u8]| {
            let limb = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let (limb, carries) =
                (if is_negative { !limb } else { limb }).overflowing_add(borrow.into());
            borrow = carries;
            u64::from(limb)
        };
        Amount(value.chunks_exact(4).map(limb).collect())
    }

    /// Whether it ends in so many zeros, and has no more than so many digits before them.
    fn has_place(mut self, zeros: u32, digits: u32) -> bool {
        self.cut(zeros) && {
            self.cut(digits);
            self.0.iter().all(|limb| *limb == 0)
        }
    }

    /// Takes so many digits from its end. Whether all of them were zeros.
    fn cut(&mut self, mut digits: u32) -> bool {
        let mut are_zeros = true;
        while digits > 0 && self.0.iter().any(|limb| *limb != 0) {
            let some = digits.min(9);
            let (one, mut rest) = (10u64.pow(some), 0);
            for limb in self.0.iter_mut().rev() {
                let value = rest << 32 | *limb;
                (*limb, rest) = (value / one, value % one);
            }
            are_zeros &= rest == 0;
            digits -= some;
        }
        are_zeros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<const N: usize>(kind: &Kind, value: [u8; N]) -> Cells {
        let mut cells = Cells::new(kind.clone());
        cells.push_fixed(value);
        cells
    }

    #[track_caller]
    fn holds(cells: &Cells, ty: &str) -> bool {
        let way = way(cells.kind(), &Type::parse(ty)).unwrap_or_else(|| panic!("{ty}"));
        way.misfit(cells, &|_| true).is_none()
    }

    #[test]
    fn whole_numbers_are_looked_at_where_a_type_has_fewer() {
        let way = |kind: &Kind, ty: &str| way(kind, &Type::parse(ty));
        assert_eq!(way(&Kind::Int64, "Int16"), Some(Way::Within(-32768, 32767)));
        let wide = way(&Kind::Int32, "LowCardinality(Nullable(UInt64))");
        assert_eq!(wide, Some(Way::Within(0, (1 << 64) - 1)));
        assert_eq!(way(&Kind::Int16, "UInt256"), Some(Way::Within(0, i128::MAX)));
        assert_eq!(way(&Kind::Int64, "Nullable(int)"), way(&Kind::Int64, "Int32"));
        assert_eq!(way(&Kind::Int32, "Decimal(5, 2)"), Some(Way::Within(-999, 999)));
        assert_eq!(way(&Kind::Int16, "Bool"), Some(Way::Within(0, 1)));
        for (kind, wide) in [
            (Kind::Int32, "Int64"),
            (Kind::UInt32, "bigint"),
            (Kind::Int64, "Int128"),
            (Kind::Int64, "Decimal(76, 0)"),
            (Kind::Int64, "String"),
            (Kind::Int64, "Float64"),
        ] {
            assert_eq!(way(&kind, wide), Some(Way::Any), "{wide}");
        }
        let minus_five = cells(&Kind::Int64, (-5i64).to_le_bytes());
        assert!(holds(&minus_five, "Int8") && !holds(&minus_five, "UInt64"));
        let most = cells(&Kind::UInt32, u32::MAX.to_le_bytes());
        assert!(holds(&most, "DateTime") && !holds(&most, "Int32"));
    }

    #[test]
    fn times_are_looked_at_where_a_type_has_fewer() {
        let times = |us: i64| cells(&Kind::Timestamp, us.to_le_bytes());
        let (before, of_2200) = (times(-1), times(7_258_118_400_000_000));
        for ty in ["DateTime", "Nullable(DateTime('UTC'))", "Date", "timestamp", "DATE"] {
            assert!(!holds(&before, ty) && !holds(&of_2200, ty), "{ty}");
            assert!(holds(&times(1_800_000_000_000_000), ty), "{ty}");
        }
        assert!(!holds(&times(9_300_000_000_000_000), "DateTime64(9, 'UTC')"));
        for ty in ["DateTime64(6, 'UTC')", "DateTime64(3)", "Date32", "String"] {
            assert!(holds(&before, ty) && holds(&of_2200, ty), "{ty}");
        }
        let days = |day: i32| cells(&Kind::Date, day.to_le_bytes());
        assert!(!holds(&days(70_000), "Date") && holds(&days(70_000), "Date32"));
        assert!(!holds(&days(-1), "DateTime('UTC')") && holds(&days(49_709), "DateTime('UTC')"));
        assert!(!holds(&days(49_710), "DateTime('UTC')"));
        assert!(holds(&days(106_751), "DateTime64(9, 'UTC')"));
        assert!(!holds(&days(106_752), "DateTime64(9, 'UTC')"));
    }

    #[test]
    fn floats_are_whole_where_the_type_is() {
        for (value, held, not_held) in [
            (300.0, "Int16", "Int8"),
            (-5.0, "Int64", "UInt32"),
            (-5.0, "Int256", "UInt256"),
            (f64::INFINITY, "Float64", "Int256"),
            (5.5, "Float32", "Nullable(Int64)"),
        ] {
            let double = cells(&Kind::Float64, f64::to_le_bytes(value));
            let single = cells(&Kind::Float32, (value as f32).to_le_bytes());
            for cells in [double, single] {
                assert!(holds(&cells, held) && !holds(&cells, not_held), "{value}");
            }
        }
        for (value, is_held) in [(1e300, false), (-1e300, false), (f64::NAN, true), (0.1, true)] {
            assert_eq!(holds(&cells(&Kind::Float64, value.to_le_bytes()), "Float32"), is_held);
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        let kind = Kind::Decimal { precision: 12, scale: 2 };
        let decimals = |value: i64| cells(&kind, value.to_le_bytes());
        for ty in ["Nullable(Int32)", "Nullable(Decimal(9))", "Decimal(2, 1)"] {
            assert!(holds(&decimals(-500), ty) && !holds(&decimals(-551), ty), "{ty}");
        }
        for ty in ["Decimal(18, 4)", "Decimal64(2)", "Float64", "String"] {
            assert!(holds(&decimals(-551), ty), "{ty}");
        }
        for ty in ["Decimal(9, 1)", "Decimal32(1)", "NUMERIC(9,1)", "Decimal(3, 3)"] {
            assert!(!holds(&decimals(-551), ty), "{ty}");
        }
        assert!(
            holds(&decimals(99_999), "Decimal(5, 2)")
                && !holds(&decimals(100_000), "Decimal(5, 2)")
        );
        assert_eq!(way(&kind, &Type::parse("Decimal(14, 4)")), Some(Way::Any));
        let wide = |value: i128, sign: u8| {
            let mut bytes = [sign; 32];
            bytes[..16].copy_from_slice(&value.to_le_bytes());
            cells(&Kind::Decimal { precision: 76, scale: 38 }, bytes)
        };
        let one = 10i128.pow(38);
        for (value, sign) in [(0, 0), (one, 0), (-one, 0xff)] {
            assert!(holds(&wide(value, sign), "Int64"));
        }
        for (value, sign) in [(1, 0), (-1, 0xff), (one + one / 1000, 0), (0, 1)] {
            assert!(!holds(&wide(value, sign), "Decimal(18, 2)"));
        }
    }

    #[test]
    fn elements_are_looked_at_too() {
        let mut lists = Cells::new(Kind::Array(Box::new(Kind::Int64)));
        lists.parts_mut()[0].push_fixed(300i64.to_le_bytes());
        lists.end_parts();
        assert!(!holds(&lists, "Array(Nullable(Int8))") && holds(&lists, "Array(Int16)"));
        lists.parts_mut()[0].push_null();
        lists.end_parts();
        assert!(!holds(&lists, "Array(Int16)") && holds(&lists, "Array(Nullable(Int16))"));
        let mut nested = Cells::new(Kind::Array(Box::new(lists.kind().clone())));
        nested.parts_mut()[0].extend_from(&lists, 0, 2);
        nested.end_parts();
        assert!(!holds(&nested, "Array(Array(Int64))"));
        assert!(holds(&nested, "Array( Array(Nullable( Int64)))"));
        let mut map = Cells::new(Kind::Map);
        for (at, text) in [b"a", b"5"].into_iter().enumerate() {
            map.parts_mut()[at].push_text(text);
        }
        map.end_parts();
        assert!(
            holds(&map, "Map(String, String)") && holds(&map, "Map(LowCardinality(String), Int8)")
        );
        assert!(!holds(&map, "Map(String, Nullable(UUID))"));
        map.parts_mut()[0].push_text(b"b");
        map.parts_mut()[1].push_null();
        map.end_parts();
        assert!(
            !holds(&map, "Map(String, String)") && holds(&map, "Map(String, Nullable(String))")
        );
    }

    #[test]
    fn what_is_no_place_is_none() {
        let array = Kind::Array(Box::new(Kind::Text));
        for (kind, ty) in [
            (Kind::Int64, "Interval"),
            (Kind::Int64, "Enum8('a' = 1)"),
            (Kind::Int64, "IPv4"),
            (Kind::Float64, "DateTime"),
            (Kind::Bool, "Float64"),
            (Kind::Uuid, "Int128"),
            (Kind::Timestamp, "Int64"),
            (Kind::Date, "DateTime"),
            (Kind::Date, "DateTime64(3, 'Europe/Berlin')"),
            (Kind::Time, "DateTime"),
            (array.clone(), "Array(Array(String))"),
            (array, "Array(DateTime)"),
            (Kind::Map, "Map(Int32, String)"),
            (Kind::Point, "Tuple(Int8, Int8)"),
            (Kind::Int64, "Variant(Int64, String)"),
            (Kind::Text, "Dynamic"),
        ] {
            assert_eq!(way(&kind, &Type::parse(ty)), None, "{kind:?} {ty}");
        }
        let range = Kind::Range(Box::new(Kind::Int32));
        for kind in [range, Kind::Point, Kind::Ring, Kind::Vector, Kind::Map, Kind::Uuid] {
            let natural = kind.clickhouse(false).replace(", ", " ,  ");
            assert!(way(&kind, &Type::parse(&natural)).is_some(), "{natural}");
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
            (Kind::Date, ["Date", "Date32", "DateTime('UTC')", "DateTime64(3, 'UTC')"]),
        ] {
            for ty in types {
                assert!(keeps_apart(&kind, &Type::parse(ty)), "{ty}");
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
            (Kind::Time, "Time64(3)"),
        ] {
            assert!(!keeps_apart(&kind, &Type::parse(ty)), "{ty}");
        }
    }
}
