//! Types that take every value of another one, as the engine itself converts a column: what was kept
//! of rows stays what it is.

/// Whether `now` holds all that `before` does, NULL too where it had it.
pub(super) fn is_wider(now: &str, before: &str) -> bool {
    let ((now, takes_null), (before, had_null)) = (plain(now), plain(before));
    (takes_null || !had_null) && (now == before || holds(now, before))
}

/// Without `Nullable`, and whether it was there. A dictionary changes no value.
fn plain(ty: &str) -> (&str, bool) {
    let inner = |ty: &str, outer: &str| Some((ty.strip_prefix(outer)?.strip_suffix(')')?).len());
    let ty = match inner(ty, "LowCardinality(") {
        Some(len) => &ty["LowCardinality(".len()..][..len],
        None => ty,
    };
    match inner(ty, "Nullable(") {
        Some(len) => (&ty["Nullable(".len()..][..len], true),
        None => (ty, false),
    }
}

fn holds(now: &str, before: &str) -> bool {
    if let (Some(now), Some(before)) = (integer_bits(now), integer_bits(before)) {
        return now >= before;
    }
    if (now, before) == ("Float64", "Float32") {
        return true;
    }
    let Some((digits, scale)) = decimal(now) else { return false };
    match (decimal(before), integer_bits(before)) {
        (Some((digits_before, scale_before)), _) => {
            scale >= scale_before && digits - scale >= digits_before - scale_before
        }
        // The digits of the largest one.
        (_, Some(16)) => digits - scale >= 5,
        (_, Some(32)) => digits - scale >= 10,
        (_, Some(_)) => digits - scale >= 19,
        _ => false,
    }
}

/// Of the signed ones.
fn integer_bits(ty: &str) -> Option<u32> {
    ["Int16", "Int32", "Int64"].contains(&ty).then(|| ty[3..].parse().ok())?
}

fn decimal(ty: &str) -> Option<(i32, i32)> {
    let (digits, scale) = ty.strip_prefix("Decimal(")?.strip_suffix(')')?.split_once(',')?;
    Some((digits.trim().parse().ok()?, scale.trim().parse().ok()?))
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
