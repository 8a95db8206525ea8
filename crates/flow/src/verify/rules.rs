//! Rules of a column, stated in Postgres's SQL: what becomes NULL there, and what a NULL becomes.

use super::decimal::amount;
use model::{Kind, PgType};
use source::client::literal;
use store::{Texts, Type, Way, way};

/// The years that ClickHouse's times have.
pub(super) const FIRST: &str = "1900-01-01";
pub(super) const LAST: &str = "2299-12-31";

/// Whether the column can carry `from`, where some values are known that it cannot.
pub(super) fn carries(pg: &PgType, ty: &Type, from: &str) -> Option<String> {
    let way = way(&pg.kind(), ty);
    let within = match way {
        Some(Way::Within(least, most)) => Some((least, most)),
        _ => None,
    };
    match pg {
        PgType::Numeric(_) if matches!(pg.kind(), Kind::Decimal { .. }) => {
            Some(carries_number(pg, ty, from))
        }
        PgType::Money(scale) => {
            Some(carries_number(pg, ty, &format!("({})", amount(*scale, from))))
        }
        // Of what an oid can be cast to, a text can be cast on.
        PgType::Int2 | PgType::Int4 | PgType::Int8 | PgType::Oid | PgType::Xid8 => {
            within.map(|range| between(&format!("({from})::text::numeric"), range))
        }
        PgType::Float4 | PgType::Float8 => match way? {
            Way::Whole(least, most) => Some(format!(
                "CASE WHEN abs({from}) <= 2 ^ 53 THEN {from} = trunc({from}) AND {} ELSE false END",
                between(&format!("({from})::int8"), (least, most))
            )),
            Way::Single => Some(is_single(from)),
            _ => None,
        },
        PgType::Timestamp | PgType::Timestamptz => {
            let (pg, zone) = match pg {
                PgType::Timestamp => ("timestamp", ""),
                _ => ("timestamptz", "+00"),
            };
            let last = format!("{LAST} 23:59:59.999999{zone}");
            let micros = format!("extract(epoch from {from}) * 1000000");
            Some(of_years(from, pg, &format!("{FIRST}{zone}"), &last, &micros, within))
        }
        PgType::Date => {
            let days = format!("({from} - date '1970-01-01')");
            Some(of_years(from, "date", FIRST, LAST, &days, within))
        }
        _ => match way? {
            Way::Texts(Texts::Labels(labels)) => {
                let labels: Vec<String> = labels.iter().map(|label| literal(label)).collect();
                Some(format!("({from})::text IN ({})", labels.join(", ")))
            }
            Way::Texts(Texts::Fixed(length)) => {
                Some(format!("octet_length(convert_to(format('%s', {from}), 'UTF8')) = {length}"))
            }
            _ => None,
        },
    }
}

/// Whether a `float4` is near: what is beyond is nearer to the next one than to the largest.
pub(super) fn is_single(from: &str) -> String {
    format!("({from} IN ('NaN', 'Infinity', '-Infinity') OR abs({from}) < 3.4028235677973366e38)")
}

fn between(number: &str, (least, most): (i128, i128)) -> String {
    format!("{number} BETWEEN {least} AND {most}")
}

/// Infinity has no number of days: conditions are looked at in this order.
fn of_years(
    from: &str,
    pg: &str,
    first: &str,
    last: &str,
    number: &str,
    within: Option<(i128, i128)>,
) -> String {
    let has_year = format!("{from} >= {pg} '{first}' AND {from} <= {pg} '{last}'");
    match within {
        None => has_year,
        Some(range) => {
            format!("CASE WHEN {has_year} THEN {} ELSE false END", between(number, range))
        }
    }
}

fn carries_number(pg: &PgType, ty: &Type, from: &str) -> String {
    // NaN is equal to itself there, and larger than everything; so is Infinity.
    let mut conditions = vec![format!("{from} <> 'NaN'")];
    if let Kind::Decimal { precision, scale } = pg.kind() {
        let dropped = match way(&pg.kind(), ty) {
            Some(Way::Decimal { zeros, .. }) => zeros as u8,
            _ => 0,
        };
        let digits = precision - scale;
        conditions.push(format!("abs({from}) < 1e{digits}"));
        conditions.push(format!("scale(trim_scale({from})) <= {}", scale - dropped));
    }
    if let Some((precision, scale)) = ty.decimal() {
        conditions.push(format!("abs({from}) < 1e{}", precision.saturating_sub(scale)));
    } else if let Some((is_signed, width)) = ty.integer() {
        conditions.push(format!("{from} BETWEEN {}", integers(is_signed, width)));
    }
    // Infinity has no scale to ask for: conditions are looked at in this order.
    let all = conditions.split_off(1);
    format!(
        "CASE WHEN {} AND abs({from}) < 1e76 THEN {} ELSE false END",
        conditions[0],
        all.join(" AND ")
    )
}

/// The least and the most of an integer type, as numbers of Postgres's.
pub(super) fn integers(is_signed: bool, width: u32) -> String {
    match is_signed {
        true => format!("-(2::numeric ^ {0}) AND 2::numeric ^ {0} - 1", width - 1),
        false => format!("0 AND 2::numeric ^ {width} - 1"),
    }
}

/// `expression` with a text in the place of NULL, as the type prints it.
pub(super) fn with_default(expression: &str, text: &str) -> String {
    format!(
        "CASE WHEN ({expression}) IS DISTINCT FROM NULL THEN format('%s', {expression}) ELSE {} END",
        literal(text)
    )
}
