//! Types that take every value of another one, as the engine itself converts a column: what was kept
//! of rows stays what it is.

use store::Type;

/// Whether `now` holds all that `before` does, NULL too where it had it. A dictionary changes no value.
pub(super) fn is_wider(now: &str, before: &str) -> bool {
    let (now, before) = (Type::parse(now), Type::parse(before));
    (now.nullable || !before.nullable) && (now.base == before.base || holds(&now, &before))
}

fn holds(now: &Type, before: &Type) -> bool {
    if let (Some(now), Some(before)) = (signed_bits(now), signed_bits(before)) {
        return now >= before;
    }
    if (now.base.as_str(), before.base.as_str()) == ("Float64", "Float32") {
        return true;
    }
    let Some((digits, scale)) = now.decimal() else { return false };
    let whole = digits.saturating_sub(scale);
    match (before.decimal(), signed_bits(before)) {
        (Some((digits_before, scale_before)), _) => {
            scale >= scale_before && whole >= digits_before.saturating_sub(scale_before)
        }
        // The digits of the largest one.
        (_, Some(16)) => whole >= 5,
        (_, Some(32)) => whole >= 10,
        (_, Some(64)) => whole >= 19,
        _ => false,
    }
}

fn signed_bits(ty: &Type) -> Option<u32> {
    ty.integer().filter(|(is_signed, _)| *is_signed).map(|(_, bits)| bits)
}

#[cfg(test)]
mod tests {
    use super::is_wider;

    #[test]
    fn only_what_keeps_every_value_is_wider() {
        for (now, before) in [
            ("Int64", "Int32"),
            ("Nullable(Int64)", "Int16"),
            ("Nullable(String)", "String"),
            ("LowCardinality(Nullable(String))", "LowCardinality(String)"),
            ("Float64", "Float32"),
            ("Decimal(12, 2)", "Decimal(10, 2)"),
            ("Decimal(76, 38)", "Decimal(10, 2)"),
            ("Decimal(76, 38)", "Int64"),
        ] {
            assert!(is_wider(now, before), "{now} {before}");
        }
        for (now, before) in [
            ("Int32", "Int64"),
            ("Int64", "Nullable(Int32)"),
            ("String", "Int32"),
            ("Float64", "Int64"),
            ("Decimal(10, 3)", "Decimal(10, 2)"),
            ("Decimal(12, 1)", "Decimal(10, 2)"),
            ("Decimal(10, 2)", "Int32"),
            ("Array(Nullable(Int64))", "Array(Nullable(Int32))"),
            ("DateTime64(6, 'UTC')", "Date32"),
        ] {
            assert!(!is_wider(now, before), "{now} {before}");
        }
    }
}
