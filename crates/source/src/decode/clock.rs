//! Dates and times: Postgres counts from 2000-01-01, ClickHouse from 1970-01-01.

use super::{Pushed, Refusal, bad_form};
use model::Cells;
use std::fmt::Write;

const DAY_US: i64 = 86_400_000_000;
/// 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i64 = 10_957;
/// 1900-01-01 and 2299-12-31: what DateTime64 and Date32 hold.
const FIRST_DAY: i64 = -25_567;
const LAST_DAY: i64 = 120_529;
/// No zone is 16 hours from Greenwich
/// (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/datatype/timestamp.h>).
const ZONE_LIMIT: i64 = 16 * 3600;

/// µs since 2000, ±infinity included.
#[inline]
pub(super) fn push_timestamp(us: i64, cells: &mut Cells) -> Pushed {
    let wanted = us.saturating_add(EPOCH_DAYS * DAY_US);
    let (first, last) = (FIRST_DAY * DAY_US, (LAST_DAY + 1) * DAY_US - 1);
    let carried = wanted.clamp(first, last);
    cells.push_fixed(carried.to_le_bytes());
    Ok(u64::from(carried != wanted))
}

/// Days since 2000, ±infinity included.
pub(super) fn push_date(days: i32, cells: &mut Cells) -> Pushed {
    let wanted = i64::from(days) + EPOCH_DAYS;
    let carried = wanted.clamp(FIRST_DAY, LAST_DAY);
    cells.push_fixed((carried as i32).to_le_bytes());
    Ok(u64::from(carried != wanted))
}

/// µs since midnight.
pub(super) fn push_time(us: i64, cells: &mut Cells) -> Pushed {
    if !is_in_day(us) {
        return Err(bad_form());
    }
    cells.push_fixed(us.to_le_bytes());
    Ok(0)
}

/// As `time_recv` has it: 24:00:00 is a time.
fn is_in_day(us: i64) -> bool {
    (0..=DAY_US).contains(&us)
}

/// `12:30:00.5`; `None`: more than a day has.
pub(super) fn time_text(us: i64) -> Option<String> {
    is_in_day(us).then(|| clock_text(us))
}

/// `12:30:00.5+02`
pub(super) fn timetz_text(value: [u8; 12]) -> Option<String> {
    let us = i64::from_be_bytes(value[..8].try_into().expect("8 bytes"));
    // Postgres keeps seconds west of Greenwich.
    let zone = -i64::from(i32::from_be_bytes(value[8..].try_into().expect("4 bytes")));
    if zone.abs() >= ZONE_LIMIT {
        return None;
    }
    let mut text = time_text(us)?;
    let _ = write!(text, "{}{:02}", if zone < 0 { '-' } else { '+' }, zone.abs() / 3600);
    if zone % 3600 != 0 {
        let _ = write!(text, ":{:02}", zone.abs() / 60 % 60);
    }
    if zone % 60 != 0 {
        let _ = write!(text, ":{:02}", zone.abs() % 60);
    }
    Some(text)
}

/// `hh:mm:ss` with the fraction's trailing zeros left out.
pub(super) fn clock_text(us: i64) -> String {
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if us != 0 {
        let fraction = format!(".{us:06}");
        text += fraction.trim_end_matches('0');
    }
    text
}

/// `1 year 2 mons 3 days 04:05:06` (IntervalStyle `postgres`).
pub(super) fn interval_text(value: [u8; 16]) -> String {
    let us = i64::from_be_bytes(value[..8].try_into().expect("8 bytes"));
    let days = i64::from(i32::from_be_bytes(value[8..12].try_into().expect("4 bytes")));
    let months = i64::from(i32::from_be_bytes(value[12..].try_into().expect("4 bytes")));
    // Postgres 17 calls these infinite; before, they were lengths that nobody has.
    const MIN: i64 = i32::MIN as i64;
    const MAX: i64 = i32::MAX as i64;
    match (us, days, months) {
        (i64::MIN, MIN, MIN) => return "-infinity".into(),
        (i64::MAX, MAX, MAX) => return "infinity".into(),
        _ => {}
    }
    let mut text = String::new();
    let mut negative = false;
    for (value, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if value != 0 {
            let space = if text.is_empty() { "" } else { " " };
            // A sign is spelt out again after a negative part.
            let plus = if negative && value > 0 { "+" } else { "" };
            let plural = if value == 1 { "" } else { "s" };
            let _ = write!(text, "{space}{plus}{value} {unit}{plural}");
            negative = value < 0;
        }
    }
    if us != 0 || text.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        let sign = match us {
            ..0 => "-",
            _ if negative => "+",
            _ => "",
        };
        // `unsigned_abs`: the least i64 has no positive counterpart.
        let us = us.unsigned_abs();
        let (seconds, fraction) = (us / 1_000_000, us % 1_000_000);
        let _ = write!(
            text,
            "{space}{sign}{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        if fraction != 0 {
            let fraction = format!(".{fraction:06}");
            text += fraction.trim_end_matches('0');
        }
    }
    text
}

/// `2026-11-24 12:00:00.5+02`, `0044-03-15 00:00:00 BC`, `infinity`: µs since 2000.
pub(super) fn push_timestamp_text(value: &[u8], cells: &mut Cells) -> Pushed {
    match value {
        b"infinity" => return push_timestamp(i64::MAX, cells),
        b"-infinity" => return push_timestamp(i64::MIN, cells),
        _ => {}
    }
    let (value, before_christ) = era(value);
    let split = value.iter().position(|&byte| byte == b' ').ok_or_else(bad_form)?;
    let (date, time) = (&value[..split], &value[split + 1..]);
    let zone = time.iter().position(|byte| matches!(byte, b'+' | b'-'));
    let (time, zone) = time.split_at(zone.unwrap_or(time.len()));
    let days = days(date, before_christ)? - EPOCH_DAYS;
    let us = days
        .checked_mul(DAY_US)
        .and_then(|us| us.checked_add(time_us(time).ok()?))
        .and_then(|us| us.checked_sub(zone_seconds(zone).ok()? * 1_000_000));
    push_timestamp(us.ok_or_else(bad_form)?, cells)
}

pub(super) fn push_date_text(value: &[u8], cells: &mut Cells) -> Pushed {
    match value {
        b"infinity" => return push_date(i32::MAX, cells),
        b"-infinity" => return push_date(i32::MIN, cells),
        _ => {}
    }
    let (value, before_christ) = era(value);
    let days = days(value, before_christ)? - EPOCH_DAYS;
    push_date(i32::try_from(days).map_err(|_| bad_form())?, cells)
}

pub(super) fn push_time_text(value: &[u8], cells: &mut Cells) -> Pushed {
    push_time(time_us(value)?, cells)
}

fn era(value: &[u8]) -> (&[u8], bool) {
    match value.strip_suffix(b" BC") {
        Some(value) => (value, true),
        None => (value, false),
    }
}

fn number(digits: &[u8]) -> Result<i64, Refusal> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(bad_form());
    }
    Ok(digits.iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0')))
}

/// Days since 1970 (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
fn days(date: &[u8], before_christ: bool) -> Result<i64, Refusal> {
    let mut parts = date.splitn(3, |&byte| byte == b'-');
    let mut next = || number(parts.next().unwrap_or_default());
    let (year, month, day) = (next()?, next()?, next()?);
    let year = if before_christ { 1 - year } else { year };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(bad_form());
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// `12:30:00.5`; `24:00:00` is one.
fn time_us(time: &[u8]) -> Result<i64, Refusal> {
    let mut parts = time.splitn(3, |&byte| byte == b':');
    let mut next = || parts.next().ok_or_else(bad_form);
    let (hours, minutes, seconds) = (number(next()?)?, number(next()?)?, next()?);
    let point = seconds.iter().position(|&byte| byte == b'.').unwrap_or(seconds.len());
    let fraction = seconds.get(point + 1..).unwrap_or_default();
    let us = match fraction.len() {
        0 => 0,
        length @ 1..=6 => number(fraction)? * 10i64.pow(6 - length as u32),
        _ => return Err(bad_form()),
    };
    let seconds = number(&seconds[..point])?;
    if hours > 24 || minutes > 59 || seconds > 60 {
        return Err(bad_form());
    }
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + us)
}

/// `+02`, `-03:30`, `+00:19:32`, or nothing: seconds east of Greenwich.
fn zone_seconds(zone: &[u8]) -> Result<i64, Refusal> {
    let Some((sign, digits)) = zone.split_first() else { return Ok(0) };
    let mut seconds = 0;
    for (part, unit) in digits.splitn(3, |&byte| byte == b':').zip([3600, 60, 1]) {
        seconds += number(part)? * unit;
    }
    Ok(if *sign == b'-' { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::super::{binary, print, text};
    use super::*;
    use model::PgType;

    fn is_read(pg: &PgType, value: &[u8]) -> bool {
        let is_read = binary::push(pg, value, &mut Cells::new(pg.kind())).is_ok();
        assert_eq!(is_read, print::text(pg, value).is_some(), "{pg:?} {value:?}");
        is_read
    }

    /// What no server sends is refused in both forms alike, not carried as a time of no clock.
    #[test]
    fn a_time_lies_within_a_day() {
        let time = |us: i64| is_read(&PgType::Time, &us.to_be_bytes());
        assert!(time(0) && time(DAY_US));
        assert!(!time(-1) && !time(DAY_US + 1) && !time(i64::MIN) && !time(i64::MAX));
        // What the fuzzer found.
        assert!(!is_read(&PgType::Time, &[58, 0, 140, 0, 140, 115, 113, 3]));

        let mut cells = Cells::new(PgType::Time.kind());
        for (value, is_one) in [(&b"24:00:00"[..], true), (b"24:00:00.000001", false)] {
            assert_eq!(text::push(&PgType::Time, value, &mut cells).is_ok(), is_one);
        }
    }

    #[test]
    fn a_time_of_a_zone_lies_within_a_day_and_a_zone() {
        let timetz = |us: i64, zone: i32| {
            is_read(&PgType::Timetz, &[&us.to_be_bytes()[..], &zone.to_be_bytes()].concat())
        };
        assert!(timetz(DAY_US, 57_599) && timetz(0, -57_599));
        assert!(!timetz(DAY_US + 1, 0) && !timetz(-1, 0));
        assert!(!timetz(0, 57_600) && !timetz(0, i32::MIN));
    }
}
