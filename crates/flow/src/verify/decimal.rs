//! Numbers with digits behind a point.

use super::canon::{Pair, bits, is_integer, string, text, word};
use model::{Kind, PgType};

/// Doubles hold this many decimal digits whatever they are.
const FLOAT64_DIGITS: u8 = 15;

pub(super) fn numeric(pg: &PgType, base: &str, from: &str, value: &str) -> Option<Pair> {
    let Kind::Decimal { precision, scale } = pg.kind() else {
        // Wider than any Decimal: Postgres's text of it.
        return string(format!("({from})::text"), base, value);
    };
    let printed = format!("toString({value})");
    match base {
        "String" => text(format!("trim_scale({from})::text"), value),
        // Beyond that the engine's way from Decimal to Float64 may round otherwise than Postgres's.
        "Float64" if precision <= FLOAT64_DIGITS => bits(&format!("({from})::float8"), value, 64),
        _ if is_integer(base) && scale == 0 => word(format!("trim_scale({from})"), printed),
        _ => {
            let kept = decimal_scale(base)?;
            match kept < scale {
                true => word(format!("trim_scale(trunc({from}, {kept}))"), printed),
                false => word(format!("trim_scale({from})"), printed),
            }
        }
    }
}

/// Our sessions count in hundredths, the column in what the database's own `lc_monetary` says.
pub(super) fn money(scale: u8, base: &str, from: &str, value: &str) -> Option<Pair> {
    decimal_scale(base).filter(|&kept| kept >= scale)?;
    let hundredths = format!("({from})::numeric * 100");
    let amount = format!("({hundredths}) * 1e-{scale}");
    word(format!("trim_scale({amount})"), format!("toString({value})"))
}

/// `Decimal(10,2)`, `Decimal(10)`, `Decimal64(2)`.
pub(super) fn decimal_scale(base: &str) -> Option<u8> {
    let (name, arguments) = base.strip_suffix(')')?.split_once('(')?;
    let scale = match (name, arguments.split_once(',')) {
        ("Decimal", Some((_, scale))) => scale,
        ("Decimal", None) => "0",
        ("Decimal32" | "Decimal64" | "Decimal128" | "Decimal256", None) => arguments,
        _ => return None,
    };
    scale.parse().ok()
}
