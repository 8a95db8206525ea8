//! Numbers with digits behind a point.

use super::canon::{Pair, bits, text, word};
use super::spelt;
use model::{Kind, PgType};
use store::Type;

/// Doubles hold this many decimal digits whatever they are.
const FLOAT64_DIGITS: u8 = 15;

pub(super) fn numeric(pg: &PgType, ty: &Type, from: &str, value: &str) -> Option<Pair> {
    let Kind::Decimal { precision, .. } = pg.kind() else {
        // Wider than any Decimal: Postgres's text of it.
        return spelt::pair(&format!("({from})::text"), ty, value);
    };
    let printed = format!("toString({value})");
    match ty.base.as_str() {
        "String" => text(format!("trim_scale({from})::text"), value),
        // Beyond that the engine's way from Decimal to Float64 may round otherwise than Postgres's.
        "Float64" if precision <= FLOAT64_DIGITS => bits(&format!("({from})::float8"), value, 64),
        _ if ty.integer().is_some() || ty.decimal().is_some() => {
            word(format!("trim_scale({from})"), printed)
        }
        _ => None,
    }
}

/// Our sessions count in hundredths, the column in what the database's own `lc_monetary` says.
pub(super) fn money(scale: u8, ty: &Type, from: &str, value: &str) -> Option<Pair> {
    ty.decimal()?;
    let amount = amount(scale, from);
    word(format!("trim_scale({amount})"), format!("toString({value})"))
}

/// What money is as a number.
pub(super) fn amount(scale: u8, from: &str) -> String {
    format!("(({from})::numeric * 100) * 1e-{scale}")
}
