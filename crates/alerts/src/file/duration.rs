//! Durations as Prometheus writes them: `1h30m`, `45s`, `250ms`, `2d`, `1w`, `1y`; `0` needs no unit.

const UNITS_MS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Milliseconds. Units come once each, the largest first.
pub fn parse(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(0);
    }
    let (mut total, mut units) = (0_i64, UNITS_MS.as_slice());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let at = units.iter().position(|(name, _)| *name == &rest[..end])?;
        total = total.checked_add(number.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = &rest[end..];
    }
    (!text.trim().is_empty()).then_some(total)
}

/// `1h30m`, as `parse` reads it.
pub fn shown(mut ms: i64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (name, unit) in UNITS_MS {
        // Weeks and years only where they are exact: 90d is no week's business.
        if ms >= unit && (ms % unit == 0 || !matches!(name, "y" | "w")) {
            text.push_str(&format!("{}{name}", ms / unit));
            ms %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_prometheus_does() {
        for (text, ms) in [
            ("0", Some(0)),
            ("0s", Some(0)),
            ("30s", Some(30_000)),
            ("1m", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("1w", Some(604_800_000)),
            ("250ms", Some(250)),
            ("1s500ms", Some(1_500)),
            ("30m1h", None),
            ("1m1m", None),
            ("", None),
            ("5", None),
            ("-5m", None),
            ("1.5h", None),
            ("5 m", None),
            ("99999999999999999999s", None),
            ("99999999999y", None),
        ] {
            assert_eq!(parse(text), ms, "{text}");
        }
        for ms in [0, 1, 999, 30_000, 5_400_000, 86_400_000, 7_776_000_000] {
            assert_eq!(parse(&shown(ms)), Some(ms), "{ms}");
        }
    }
}
