//! Texts, also in a type that is none: where they say a value of the type, as it is written there.
//! Any other is refused by the store, and NULL here, as it is there where that is the column's rule.

use super::canon::{Pair, text};
use super::rules::integers;
use model::Kind;
use store::{Texts, Type, Way, way};

/// `None`: no way is known to compare them. `from` is a text or NULL.
pub(super) fn pair(from: &str, ty: &Type, value: &str) -> Option<Pair> {
    let printed = format!("toString({value})");
    let spelt = match way(&Kind::Text, ty)? {
        Way::Any if ty.is_string() => return text(from, value),
        Way::Texts(Texts::Labels(_)) => from.to_owned(),
        Way::Texts(Texts::Fixed(_)) => return text(from, value),
        Way::Texts(Texts::Integer { is_signed, width }) => {
            let range = format!("BETWEEN {}", integers(is_signed, width));
            let digits = if is_signed { "^-?[0-9]+$" } else { "^[0-9]+$" };
            number(from, digits, |number| format!("{number} {range}"))
        }
        Way::Texts(Texts::Decimal { before, behind }) => {
            number(from, "^-?[0-9]+([.][0-9]+)?$", |number| {
                format!("abs({number}) < 1e{before} AND scale(trim_scale({number})) <= {behind}")
            })
        }
        Way::Texts(Texts::Bool) => format!(
            "CASE WHEN {from} IN ('true', 't', 'yes', '1') THEN 'true' \
             WHEN {from} IN ('false', 'f', 'no', '0') THEN 'false' END"
        ),
        Way::Texts(Texts::Uuid) => format!(
            "CASE WHEN {from} ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' THEN lower({from}) END"
        ),
        Way::Texts(Texts::Ipv4) => {
            let part = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
            format!("CASE WHEN {from} ~ '^({part}[.]){{3}}{part}$' THEN {from} END")
        }
        Way::Texts(Texts::Date { first, last }) => {
            // 30 February is a day in March, and then not what was written.
            let day = format!("(left({from}, 8) || '01')::date + (right({from}, 2)::int - 1)");
            format!(
                "CASE WHEN {from} ~ '^[1-9][0-9]{{3}}-(0[1-9]|1[0-2])-[0-3][0-9]$' \
                 THEN CASE WHEN to_char({day}, 'YYYY-MM-DD') = {from} \
                 AND {day} - date '1970-01-01' BETWEEN {first} AND {last} THEN {from} END END"
            )
        }
        _ => return None,
    };
    text(spelt, printed)
}

/// Postgres's own numbers have an end, so that longer texts are none.
fn number(from: &str, pattern: &str, has_place: impl Fn(&str) -> String) -> String {
    let number = format!("({from})::numeric");
    format!(
        "CASE WHEN octet_length({from}) < 1000 AND {from} ~ '{pattern}' \
         THEN CASE WHEN {} THEN trim_scale({number})::text END END",
        has_place(&number)
    )
}
