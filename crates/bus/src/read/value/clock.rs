//! Times: ISO 8601 as Java prints it and Postgres's own forms, into microseconds and days since 1970,
//! and those as Postgres prints them.

use std::io::Write;

pub(super) const DAY_US: i64 = 86_400_000_000;
/// 1970-01-01 to 2000-01-01, from where Postgres counts.
pub(super) const EPOCH_DAYS: i64 = 10_957;
/// What Postgres's own types hold
/// (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/datatype/timestamp.h>).
const FIRST_DAY: i64 = -2_440_588;
const LAST_DAY: i64 = 2_145_042_905;
const FIRST_US: i64 = -211_813_488_000_000_000;
const END_US: i64 = 9_223_371_331_200_000_000;
/// What Postgres's JDBC driver has for infinity, in milliseconds, and what becomes of that as text
/// (<https://github.com/pgjdbc/pgjdbc/blob/REL42.7.4/pgjdbc/src/main/java/org/postgresql/PGStatement.java>).
pub(super) const DRIVER_INFINITY: i64 = 9_223_372_036_825_200_000;
pub(super) const DRIVER_MINUS_INFINITY: i64 = -9_223_372_036_832_400_000;

/// µs since 1970 as Postgres counts them; the ends of i64 are ±infinity. `None`: it has no such time.
pub(super) fn pg_timestamp(us: i64) -> Option<i64> {
    if us == i64::MAX || us == i64::MIN {
        return Some(us);
    }
    us.checked_sub(EPOCH_DAYS * DAY_US).filter(|us| (FIRST_US..END_US).contains(us))
}

pub(super) fn pg_date(days: i64) -> Option<i32> {
    let is_one = (FIRST_DAY..=LAST_DAY).contains(&days);
    is_one.then(|| (days - EPOCH_DAYS) as i32)
}

/// A moment as it was read: µs since 1970, and whether a zone was named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Moment {
    pub(super) us: i64,
    pub(super) has_zone: bool,
}

/// What is wrong with a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wrong {
    Form,
    /// It has digits below a microsecond.
    Finer,
}

/// `2026-01-02T03:04:05.678901Z`, `2026-01-02 03:04:05+02`, `infinity`
#[inline]
pub(super) fn moment(text: &[u8]) -> Result<Moment, Wrong> {
    match text {
        b"infinity" | b"+292278994-08-16T23:00:00Z" => {
            return Ok(Moment { us: i64::MAX, has_zone: true });
        }
        b"-infinity" | b"-292275055-05-16T23:00:00Z" => {
            return Ok(Moment { us: i64::MIN, has_zone: true });
        }
        _ => {}
    }
    let mut read = Read(text);
    let days = read.date()?;
    let mut us = 0;
    if read.eat(b'T') || read.eat(b' ') {
        us = read.clock()?;
    }
    let zone = read.zone()?;
    let is_before_christ = read.0 == b" BC";
    if !read.0.is_empty() && !is_before_christ {
        return Err(Wrong::Form);
    }
    let days = if is_before_christ { before_christ(text)? } else { days };
    let us = days.checked_mul(DAY_US).and_then(|day| day.checked_add(us));
    let us = us.and_then(|us| us.checked_sub(zone.unwrap_or(0) * 1_000_000));
    Ok(Moment { us: us.ok_or(Wrong::Form)?, has_zone: zone.is_some() })
}

/// The day of Postgres's `0044-03-15 … BC`.
fn before_christ(text: &[u8]) -> Result<i64, Wrong> {
    let mut read = Read(text);
    let (year, month, day) = read.ymd()?;
    Ok(days(1 - year, month, day))
}

/// `2026-11-23`, `2026-11-23Z`: days since 1970.
pub(super) fn date(text: &[u8]) -> Result<i64, Wrong> {
    let mut read = Read(text);
    let days = read.date()?;
    // A day of Java's may name a zone, which says nothing.
    let _ = read.zone()?;
    match read.0 {
        b"" => Ok(days),
        b" BC" => before_christ(text),
        _ => Err(Wrong::Form),
    }
}

/// `01:02:03.456789`, `01:02:03Z`: µs since midnight, and seconds east of Greenwich.
pub(super) fn time(text: &[u8]) -> Result<(i64, Option<i64>), Wrong> {
    let mut read = Read(text);
    let us = read.clock()?;
    let zone = read.zone()?;
    if read.0.is_empty() { Ok((us, zone)) } else { Err(Wrong::Form) }
}

struct Read<'a>(&'a [u8]);

impl Read<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((&first, rest)) if first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digits(&mut self, least: usize, most: usize) -> Result<i64, Wrong> {
        let (mut number, mut count) = (0i64, 0);
        while let Some((&digit @ b'0'..=b'9', rest)) = self.0.split_first() {
            if count == most {
                return Err(Wrong::Form);
            }
            number = number * 10 + i64::from(digit - b'0');
            (count, self.0) = (count + 1, rest);
        }
        if count < least { Err(Wrong::Form) } else { Ok(number) }
    }

    fn ymd(&mut self) -> Result<(i64, i64, i64), Wrong> {
        let is_negative = self.eat(b'-');
        let _ = !is_negative && self.eat(b'+');
        let year = self.digits(4, 9)?;
        let parts = (self.eat(b'-'), self.digits(2, 2)?, self.eat(b'-'), self.digits(2, 2)?);
        let (true, month @ 1..=12, true, day @ 1..=31) = parts else { return Err(Wrong::Form) };
        Ok((if is_negative { -year } else { year }, month, day))
    }

    fn date(&mut self) -> Result<i64, Wrong> {
        let (year, month, day) = self.ymd()?;
        Ok(days(year, month, day))
    }

    fn clock(&mut self) -> Result<i64, Wrong> {
        let hours = self.digits(2, 2)?;
        if !self.eat(b':') {
            return Err(Wrong::Form);
        }
        let minutes = self.digits(2, 2)?;
        let seconds = if self.eat(b':') { self.digits(2, 2)? } else { 0 };
        if hours > 24 || minutes > 59 || seconds > 60 {
            return Err(Wrong::Form);
        }
        let mut us = 0;
        if self.eat(b'.') {
            let before = self.0.len();
            let digits = self.digits(1, 9)?;
            let ns = digits * 10i64.pow(9 - (before - self.0.len()) as u32);
            if ns % 1000 != 0 {
                return Err(Wrong::Finer);
            }
            us = ns / 1000;
        }
        Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + us)
    }

    /// Seconds east of Greenwich; `None`: it names no zone.
    fn zone(&mut self) -> Result<Option<i64>, Wrong> {
        if self.eat(b'Z') || self.eat(b'z') {
            return Ok(Some(0));
        }
        let is_west = self.eat(b'-');
        if !is_west && !self.eat(b'+') {
            return Ok(None);
        }
        let hours = self.digits(2, 4)?;
        // `+0530` is `+05:30`.
        let mut seconds =
            if hours > 99 { hours / 100 * 3600 + hours % 100 * 60 } else { hours * 3600 };
        if self.eat(b':') {
            seconds += self.digits(2, 2)? * 60;
            if self.eat(b':') {
                seconds += self.digits(2, 2)?;
            }
        }
        Ok(Some(if is_west { -seconds } else { seconds }))
    }
}

/// Days since 1970 (<https://howardhinnant.github.io/date_algorithms.html#days_from_civil>).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

pub(super) fn write_date(day: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(day);
    let (year, era) = if year <= 0 { (1 - year, " BC") } else { (year, "") };
    let _ = write!(out, "{year:04}-{month:02}-{day:02}{era}");
}

pub(super) fn write_time(us: i64, out: &mut Vec<u8>) {
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if us != 0 {
        let fraction = format!(".{us:06}");
        out.extend_from_slice(fraction.trim_end_matches('0').as_bytes());
    }
}

/// `2026-01-02 03:04:05.678901+00`
pub(super) fn write_timestamp(us: i64, has_zone: bool, out: &mut Vec<u8>) {
    match us {
        i64::MAX => return out.extend_from_slice(b"infinity"),
        i64::MIN => return out.extend_from_slice(b"-infinity"),
        _ => {}
    }
    let mut date = Vec::new();
    write_date(us.div_euclid(DAY_US), &mut date);
    let era = date.strip_suffix(b" BC").map(<[u8]>::len);
    out.extend_from_slice(&date[..era.unwrap_or(date.len())]);
    out.push(b' ');
    write_time(us.rem_euclid(DAY_US), out);
    if has_zone {
        out.extend_from_slice(b"+00");
    }
    if era.is_some() {
        out.extend_from_slice(b" BC");
    }
}

/// `12:30:00.5+02`
pub(super) fn write_timetz(us: i64, zone: i64, out: &mut Vec<u8>) {
    write_time(us, out);
    let _ = write!(out, "{}{:02}", if zone < 0 { '-' } else { '+' }, zone.abs() / 3600);
    if zone % 3600 != 0 {
        let _ = write!(out, ":{:02}", zone.abs() / 60 % 60);
    }
    if zone % 60 != 0 {
        let _ = write!(out, ":{:02}", zone.abs() % 60);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_are_read_in_both_spellings() {
        let us = 1_767_323_045_678_901;
        for text in [
            "2026-01-02T03:04:05.678901Z",
            "2026-01-02 03:04:05.678901+00",
            "2026-01-02T05:04:05.678901+02:00",
            "2026-01-01T21:34:05.678901-0530",
            "2026-01-02T03:04:05.678901000Z",
        ] {
            assert_eq!(moment(text.as_bytes()), Ok(Moment { us, has_zone: true }), "{text}");
        }
        assert_eq!(moment(b"2026-01-02T03:04:05.6789015Z"), Err(Wrong::Finer));
        assert_eq!(moment(b"2026-01-02T03:04Z").unwrap().us, us - us % 60_000_000);
        assert_eq!(moment(b"-0043-03-15T00:00:00Z"), moment(b"0044-03-15 00:00:00+00 BC"));
        assert_eq!(moment(b"infinity").unwrap().us, i64::MAX);
        for text in
            ["", "2026", "2026-13-01", "2026-01-02T", "2026-01-02T03", "x", "+5877611-06-21Q"]
        {
            assert_eq!(moment(text.as_bytes()), Err(Wrong::Form), "{text}");
        }
    }

    #[test]
    fn postgres_has_no_time_beyond_its_own() {
        assert_eq!(pg_date(-622_191_234), None);
        assert_eq!(pg_date(2_146_033_979), None);
        assert_eq!((pg_date(LAST_DAY), pg_date(LAST_DAY + 1)), (Some(2_145_031_948), None));
        assert_eq!(pg_timestamp(i64::MAX), Some(i64::MAX));
        assert_eq!(
            pg_timestamp(i64::MAX - 1),
            Some(i64::MAX - 1 - EPOCH_DAYS * DAY_US).filter(|&us| us < END_US)
        );
        assert_eq!(pg_timestamp(i64::MIN + 1), None);
        assert_eq!(date(b"5874897-12-31"), Ok(LAST_DAY));
        assert_eq!(date(b"-4713-11-24"), Ok(FIRST_DAY));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(us in FIRST_US..200_000_000_000_000_000) {
            let mut text = Vec::new();
            write_timestamp(us, true, &mut text);
            prop_assert_eq!(moment(&text), Ok(Moment { us, has_zone: true }));
            let mut text = Vec::new();
            write_date(us / DAY_US, &mut text);
            prop_assert_eq!(date(&text), Ok(us / DAY_US));
            let mut text = Vec::new();
            write_time(us.rem_euclid(DAY_US), &mut text);
            prop_assert_eq!(time(&text), Ok((us.rem_euclid(DAY_US), None)));
        }

        #[test]
        fn no_text_is_too_strange(text in any::<Vec<u8>>()) {
            let _ = (moment(&text), date(&text), time(&text));
        }
    }
}
