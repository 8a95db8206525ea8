//! Intervals: `P1Y2M3DT4H5M6.789S`, and the way Postgres prints them.

use std::io::Write;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Interval {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) us: i64,
}

/// `None`: it is none.
pub(super) fn parse(text: &[u8]) -> Option<Interval> {
    let (is_negative, text) = match text.strip_prefix(b"-") {
        Some(text) => (true, text),
        None => (false, text),
    };
    let mut rest = text.strip_prefix(b"P")?;
    let mut found = Interval::default();
    let (mut is_clock, mut is_empty) = (false, true);
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b"T") {
            if is_clock {
                return None;
            }
            (is_clock, rest) = (true, behind);
            continue;
        }
        let length = rest.iter().position(u8::is_ascii_alphabetic)?;
        let (number, unit) = (&rest[..length], rest[length]);
        rest = &rest[length + 1..];
        is_empty = false;
        if is_clock && unit == b'S' {
            found.us = found.us.checked_add(micros(number)?)?;
            continue;
        }
        let number: i64 = std::str::from_utf8(number).ok()?.parse().ok()?;
        let (part, factor) = match (is_clock, unit) {
            (false, b'Y') => (&mut found.months, 12),
            (false, b'M') => (&mut found.months, 1),
            (false, b'W') => (&mut found.days, 7),
            (false, b'D') => (&mut found.days, 1),
            (true, b'H') => (&mut found.us, 3_600_000_000),
            (true, b'M') => (&mut found.us, 60_000_000),
            _ => return None,
        };
        *part = part.checked_add(number.checked_mul(factor)?)?;
    }
    if is_empty {
        return None;
    }
    if is_negative {
        found.months = found.months.checked_neg()?;
        found.days = found.days.checked_neg()?;
        found.us = found.us.checked_neg()?;
    }
    let fits = i32::try_from(found.months).is_ok() && i32::try_from(found.days).is_ok();
    fits.then_some(found)
}

/// `-6.789` seconds. Digits below a microsecond are 0 or it is none.
fn micros(seconds: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(seconds).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 12 {
        return None;
    }
    let (kept, beyond) = fraction.split_at(fraction.len().min(6));
    if beyond.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let fraction = format!("{kept:0<6}").parse::<i64>().ok()?;
    let seconds = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    let is_negative = whole.starts_with('-');
    seconds.checked_add(if is_negative { -fraction } else { fraction })
}

impl Interval {
    /// `1 year 2 mons 3 days 04:05:06.789`
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let begin = out.len();
        let mut was_negative = false;
        let units = [(self.months / 12, "year"), (self.months % 12, "mon"), (self.days, "day")];
        for (count, unit) in units {
            if count != 0 {
                let space = if out.len() > begin { " " } else { "" };
                let plus = if was_negative && count > 0 { "+" } else { "" };
                let plural = if count == 1 { "" } else { "s" };
                let _ = write!(out, "{space}{plus}{count} {unit}{plural}");
                was_negative = count < 0;
            }
        }
        if self.us != 0 || out.len() == begin {
            let space = if out.len() > begin { " " } else { "" };
            let sign = match self.us {
                ..0 => "-",
                _ if was_negative => "+",
                _ => "",
            };
            let us = self.us.unsigned_abs();
            let (seconds, us) = (us / 1_000_000, us % 1_000_000);
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let _ = write!(out, "{space}{sign}{hours:02}:{minutes:02}:{seconds:02}");
            if us != 0 {
                let fraction = format!(".{us:06}");
                out.extend_from_slice(fraction.trim_end_matches('0').as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_read_as_postgres_prints_them() {
        for (iso, expected) in [
            ("P1Y2M3DT4H5M6.789S", "1 year 2 mons 3 days 04:05:06.789"),
            ("P0Y0M0DT0H0M0S", "00:00:00"),
            ("PT-1.5S", "-00:00:01.5"),
            ("PT-0.5S", "-00:00:00.5"),
            ("P-1Y-2M3DT-4H", "-1 years -2 mons +3 days -04:00:00"),
            ("-P1D", "-1 days"),
            ("PT100H", "100:00:00"),
        ] {
            let mut out = Vec::new();
            parse(iso.as_bytes()).unwrap_or_else(|| panic!("{iso}")).write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        for iso in ["", "P", "PT", "P1", "1Y", "P1YT1Y", "PT1.0000001S", "P99999999999Y", "PTT1S"] {
            assert_eq!(parse(iso.as_bytes()), None, "{iso}");
        }
    }
}
