//! What a column becomes whose type changed at its source: wider, where no value of before is lost.

use model::PgType;
use model::types::{DECIMAL_PRECISION_MAX, DECIMAL_UNBOUNDED};

/// The type that holds the values of both exactly. `None`: the old one stays, and new values are taken
/// as far as they fit.
pub(super) fn widened(old: &PgType, new: &PgType) -> Option<PgType> {
    let whole = |pg: &PgType| match pg {
        PgType::Int2 => Some(5),
        PgType::Int4 => Some(10),
        PgType::Int8 => Some(19),
        _ => None,
    };
    let wider = match (old, new) {
        (PgType::Int2, PgType::Int4 | PgType::Int8) | (PgType::Int4, PgType::Int8) => new.clone(),
        (PgType::Int2, PgType::Float4 | PgType::Float8)
        | (PgType::Int4 | PgType::Float4, PgType::Float8) => new.clone(),
        (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Numeric(None)) => new.clone(),
        (PgType::Int2 | PgType::Int4 | PgType::Int8, PgType::Numeric(Some((precision, scale)))) => {
            let scale = (*scale).max(0);
            let before = (i32::from(*precision) - i32::from(scale)).max(whole(old)?);
            bounded(before, scale)?
        }
        (PgType::Numeric(Some((p, s))), PgType::Numeric(Some((q, t)))) => {
            let scale = (*s).max(*t).max(0);
            let before = (i32::from(*p) - i32::from(*s)).max(i32::from(*q) - i32::from(*t));
            bounded(before.max(0), scale)?
        }
        (PgType::Numeric(Some((p, s))), PgType::Numeric(None)) => {
            let (precision, scale) = DECIMAL_UNBOUNDED;
            let before = i32::from(*p) - i32::from(*s);
            let holds = before <= i32::from(precision - scale) && *s <= i16::from(scale);
            holds.then_some(PgType::Numeric(None))?
        }
        (PgType::Enum, PgType::Text) => PgType::Text,
        (PgType::Array(old, dimensions), PgType::Array(new, same)) if dimensions == same => {
            PgType::Array(Box::new(widened(old, new)?), *dimensions)
        }
        _ => return None,
    };
    (wider != *old).then_some(wider)
}

/// Of so many digits before and behind the point. `None`: more than a Decimal has.
fn bounded(before: i32, scale: i16) -> Option<PgType> {
    let precision = before + i32::from(scale);
    let fits = (1..=i32::from(DECIMAL_PRECISION_MAX)).contains(&precision);
    fits.then_some(PgType::Numeric(Some((precision as u16, scale))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_loses_nothing() {
        let numeric = |p, s| PgType::Numeric(Some((p, s)));
        for (old, new, wide) in [
            (PgType::Int2, PgType::Int8, Some(PgType::Int8)),
            (PgType::Int8, PgType::Int4, None),
            (PgType::Int8, PgType::Float8, None),
            (PgType::Int4, PgType::Float8, Some(PgType::Float8)),
            (PgType::Float4, PgType::Float8, Some(PgType::Float8)),
            (PgType::Int4, numeric(5, 2), Some(numeric(12, 2))),
            (PgType::Int8, PgType::Numeric(None), Some(PgType::Numeric(None))),
            (numeric(10, 2), numeric(14, 4), Some(numeric(14, 4))),
            (numeric(14, 4), numeric(10, 2), None),
            (numeric(10, 2), numeric(8, 6), Some(numeric(14, 6))),
            (numeric(60, 2), PgType::Numeric(None), None),
            (numeric(70, 2), numeric(40, 30), None),
            (PgType::Text, PgType::Int4, None),
            (PgType::Enum, PgType::Text, Some(PgType::Text)),
        ] {
            assert_eq!(widened(&old, &new), wide, "{old:?} {new:?}");
        }
    }
}
