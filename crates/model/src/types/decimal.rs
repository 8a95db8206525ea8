//! `numeric`'s modifier, and the Decimal that holds what it allows.

use super::Kind;

/// The largest precision that ClickHouse's Decimal has.
pub const DECIMAL_PRECISION_MAX: u16 = 76;
/// What an unbounded `numeric` becomes.
pub const DECIMAL_UNBOUNDED: (u8, u8) = (76, 38);

/// `numeric(3,5)` and `numeric(5,-2)` exist: digits before the point and after it are counted apart.
pub(super) fn kind(modifier: Option<(u16, i16)>) -> Kind {
    let Some((precision, scale)) = modifier else {
        return Kind::Decimal { precision: DECIMAL_UNBOUNDED.0, scale: DECIMAL_UNBOUNDED.1 };
    };
    let after = scale.max(0) as u16;
    let before = (i32::from(precision) - i32::from(scale)).max(0) as u16;
    let digits = (before + after).max(1);
    if digits > DECIMAL_PRECISION_MAX {
        return Kind::Text;
    }
    Kind::Decimal { precision: digits as u8, scale: after as u8 }
}

pub(super) fn modifier(typmod: i32) -> Option<(u16, i16)> {
    if typmod < 4 {
        return None;
    }
    let packed = typmod - 4;
    let precision = (packed >> 16) as u16;
    // 11 bits, signed, since Postgres 15; before that 16 bits of which only 0..1000 occur.
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    Some((precision, scale as i16))
}
