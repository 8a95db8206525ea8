//! Times: out of both of Postgres's forms, and as ISO 8601 has them.

use super::Lost;
use std::fmt::Write as _;

pub(crate) const DAY_US: i64 = 86_400_000_000;
/// 1970-01-01 to 2000-01-01, from which Postgres counts.
const EPOCH_DAYS: i64 = 10_957;
const EPOCH_US: i64 = EPOCH_DAYS * DAY_US;
/// A year of 365.25 days has twelve.
const MONTH_US: i128 = 2_629_800_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// µs since 2000, so that all of Postgres's are one; of a date, days since 1970.
    At(i64),
    Infinity,
    NegativeInfinity,
}

pub(crate) fn timestamp(value: &[u8], is_binary: bool) -> Result<Moment, Lost> {
    if !is_binary {
        return timestamp_of_text(value);
    }
    Ok(match i64::from_be_bytes(value.try_into().map_err(|_| Lost)?) {
        i64::MAX => Moment::Infinity,
        i64::MIN => Moment::NegativeInfinity,
        us => Moment::At(us),
    })
}

/// `2026-11-23 01:02:03.456789+05:30 BC`
fn timestamp_of_text(text: &[u8]) -> Result<Moment, Lost> {
    match text {
        b"infinity" => return Ok(Moment::Infinity),
        b"-infinity" => return Ok(Moment::NegativeInfinity),
        _ => {}
    }
    let (text, is_before_christ) = before_christ(text);
    let space = text.iter().position(|&byte| byte == b' ').ok_or(Lost)?;
    let days = day_of_text(&text[..space], is_before_christ)?;
    let (us, zone) = clock_of_text(&text[space + 1..])?;
    let us = (days - EPOCH_DAYS)
        .checked_mul(DAY_US)
        .and_then(|day| day.checked_add(us - zone.unwrap_or(0)));
    us.map(Moment::At).ok_or(Lost)
}

/// µs since 1970: the last 30 years that Postgres has are beyond.
pub(crate) fn micros(us: i64) -> Result<i64, Lost> {
    us.checked_add(EPOCH_US).ok_or(Lost)
}

pub(crate) fn millis(us: i64) -> i64 {
    us.div_euclid(1000) + EPOCH_US / 1000
}

/// Days since 1970 in place of µs.
pub(crate) fn date(value: &[u8], is_binary: bool) -> Result<Moment, Lost> {
    if is_binary {
        return Ok(match i32::from_be_bytes(value.try_into().map_err(|_| Lost)?) {
            i32::MAX => Moment::Infinity,
            i32::MIN => Moment::NegativeInfinity,
            days => Moment::At(i64::from(days) + EPOCH_DAYS),
        });
    }
    match value {
        b"infinity" => return Ok(Moment::Infinity),
        b"-infinity" => return Ok(Moment::NegativeInfinity),
        _ => {}
    }
    let (text, is_before_christ) = before_christ(value);
    day_of_text(text, is_before_christ).map(Moment::At)
}

/// µs since midnight.
pub(crate) fn time(value: &[u8], is_binary: bool) -> Result<i64, Lost> {
    let us = match is_binary {
        true => i64::from_be_bytes(value.try_into().map_err(|_| Lost)?),
        false => clock_of_text(value)?.0,
    };
    (0..=DAY_US).contains(&us).then_some(us).ok_or(Lost)
}

/// The same in UTC.
pub(crate) fn timetz(value: &[u8], is_binary: bool) -> Result<i64, Lost> {
    let (us, east) = match is_binary {
        true => {
            let (us, zone) = value.split_at_checked(8).ok_or(Lost)?;
            let west = i32::from_be_bytes(zone.try_into().map_err(|_| Lost)?);
            let us = i64::from_be_bytes(us.try_into().map_err(|_| Lost)?);
            (us, -i64::from(west) * 1_000_000)
        }
        false => {
            let (us, zone) = clock_of_text(value)?;
            (us, zone.unwrap_or(0))
        }
    };
    if !(0..=DAY_US).contains(&us) {
        return Err(Lost);
    }
    // The last moment of a day is one that Debezium knows.
    Ok(if us == DAY_US && east == 0 { us } else { (us - east).rem_euclid(DAY_US) })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Interval {
    pub months: i64,
    pub days: i64,
    pub us: i64,
}

pub(crate) fn interval(value: &[u8], is_binary: bool) -> Result<Interval, Lost> {
    if !is_binary {
        return interval_of_text(value);
    }
    let us = value.first_chunk().ok_or(Lost)?;
    let rest: [u8; 8] = value[8..].try_into().map_err(|_| Lost)?;
    let ([days, months], _) = rest.as_chunks::<4>() else { return Err(Lost) };
    Ok(Interval {
        us: i64::from_be_bytes(*us),
        days: i32::from_be_bytes(*days).into(),
        months: i32::from_be_bytes(*months).into(),
    })
}

/// `1 year 2 mons -3 days +04:05:06.789` (IntervalStyle `postgres`).
fn interval_of_text(text: &[u8]) -> Result<Interval, Lost> {
    let text = std::str::from_utf8(text).map_err(|_| Lost)?;
    let mut interval = Interval { months: 0, days: 0, us: 0 };
    let mut words = text.split(' ');
    while let Some(word) = words.next() {
        if word.contains(':') {
            let (is_negative, clock) = match word.strip_prefix('-') {
                Some(clock) => (true, clock),
                None => (false, word.strip_prefix('+').unwrap_or(word)),
            };
            let us = clock_of_text(clock.as_bytes())?.0;
            interval.us = if is_negative { -us } else { us };
            continue;
        }
        let number: i64 = word.parse().map_err(|_| Lost)?;
        if number.unsigned_abs() > u64::from(u32::MAX) {
            return Err(Lost);
        }
        match words.next().ok_or(Lost)? {
            "year" | "years" => interval.months += 12 * number,
            "mon" | "mons" => interval.months += number,
            "day" | "days" => interval.days += number,
            _ => return Err(Lost),
        }
    }
    Ok(interval)
}

impl Interval {
    /// The nearest that an int64 holds.
    pub(crate) fn micros(self) -> i64 {
        let days = i128::from(self.days) * i128::from(DAY_US);
        let all = i128::from(self.months) * MONTH_US + days + i128::from(self.us);
        all.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }

    /// `P1Y2M3DT4H5M6.789S`
    pub(crate) fn iso(self, out: &mut String) {
        let Interval { months, days, us } = self;
        let (hours, minutes) = (us / 3_600_000_000, us / 60_000_000 % 60);
        let _ = write!(out, "P{}Y{}M{days}DT{hours}H{minutes}M", months / 12, months % 12);
        let us = us % 60_000_000;
        let _ = write!(out, "{}{}", if us < 0 { "-" } else { "" }, us.abs() / 1_000_000);
        let fraction = us.abs() % 1_000_000;
        if fraction != 0 {
            let digits = format!(".{fraction:06}");
            out.push_str(digits.trim_end_matches('0'));
        }
        out.push('S');
    }
}

fn before_christ(text: &[u8]) -> (&[u8], bool) {
    match text.strip_suffix(b" BC") {
        Some(text) => (text, true),
        None => (text, false),
    }
}

fn number(digits: &[u8]) -> Result<i64, Lost> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Lost);
    }
    Ok(digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')))
}

/// Days since 1970 of `2026-11-23`.
fn day_of_text(text: &[u8], is_before_christ: bool) -> Result<i64, Lost> {
    let mut parts = text.split(|&byte| byte == b'-');
    let mut part = || parts.next().ok_or(Lost).and_then(number);
    let (year, month, day) = (part()?, part()?, part()?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return Err(Lost);
    }
    let year = if is_before_christ { 1 - year } else { year };
    Ok(days(year, month, day))
}

/// µs of `hh:mm:ss.ffffff`, and µs east of Greenwich if it ends with a zone.
fn clock_of_text(text: &[u8]) -> Result<(i64, Option<i64>), Lost> {
    let zone = text.iter().position(|byte| matches!(byte, b'+' | b'-'));
    let (clock, zone) = text.split_at(zone.unwrap_or(text.len()));
    let point = clock.iter().position(|&byte| byte == b'.').unwrap_or(clock.len());
    let mut us = seconds(&clock[..point])?.checked_mul(1_000_000).ok_or(Lost)?;
    if let Some(fraction) = clock.get(point + 1..) {
        if fraction.len() > 6 {
            return Err(Lost);
        }
        us += number(fraction)? * 10i64.pow(6 - fraction.len() as u32);
    }
    let zone = match zone.split_first() {
        Some((sign, zone)) => {
            let us = seconds(zone)?.checked_mul(1_000_000).ok_or(Lost)?;
            Some(if *sign == b'-' { -us } else { us })
        }
        None => None,
    };
    Ok((us, zone))
}

/// Of `hh`, `hh:mm` or `hh:mm:ss`.
fn seconds(text: &[u8]) -> Result<i64, Lost> {
    let (mut all, mut unit) = (0, 3600);
    for part in text.split(|&byte| byte == b':') {
        if unit == 0 {
            return Err(Lost);
        }
        all += number(part)?.checked_mul(unit).ok_or(Lost)?;
        unit /= 60;
    }
    Ok(all)
}

/// Days since 1970 (<https://howardhinnant.github.io/date_algorithms.html>).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A text that is written without memory of its own.
pub(crate) struct Text {
    bytes: [u8; 40],
    length: usize,
}

impl Default for Text {
    fn default() -> Text {
        Text { bytes: [0; 40], length: 0 }
    }
}

impl Text {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    fn digits(&mut self, number: i64, count: u32) {
        let mut power = 10i64.pow(count.saturating_sub(1));
        while power > 0 {
            self.push(b'0' + (number / power % 10) as u8);
            power /= 10;
        }
    }

    /// `2026-11-23`; years beyond 9999 have a sign, as Java has it.
    pub(crate) fn day(&mut self, days: i64) {
        let (year, month, day) = civil(days);
        match year {
            0..=9999 => self.digits(year, 4),
            _ => {
                self.push(if year < 0 { b'-' } else { b'+' });
                let size = year.abs();
                self.digits(size, (size.max(1).ilog10() + 1).max(4));
            }
        }
        self.push(b'-');
        self.digits(month, 2);
        self.push(b'-');
        self.digits(day, 2);
    }

    /// `01:02:03.456789`; without a count as many digits as it needs.
    pub(crate) fn clock(&mut self, us: i64, digits: Option<u8>) {
        let seconds = us / 1_000_000;
        self.digits(seconds / 3600, 2);
        self.push(b':');
        self.digits(seconds / 60 % 60, 2);
        self.push(b':');
        self.digits(seconds % 60, 2);
        let mut fraction = us % 1_000_000;
        let mut count = 6;
        match digits {
            Some(digits) => {
                count = u32::from(digits);
                fraction /= 10i64.pow(6u32.saturating_sub(count));
            }
            None => {
                while count > 0 && fraction % 10 == 0 {
                    (fraction, count) = (fraction / 10, count - 1);
                }
            }
        }
        if count > 0 {
            self.push(b'.');
            self.digits(fraction, count);
        }
    }

    /// `2026-11-23T01:02:03.456789Z`, of µs since 2000.
    pub(crate) fn moment(&mut self, us: i64, digits: Option<u8>) {
        self.day(us.div_euclid(DAY_US) + EPOCH_DAYS);
        self.push(b'T');
        self.clock(us.rem_euclid(DAY_US), digits);
        self.utc();
    }

    pub(crate) fn utc(&mut self) {
        self.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(us: i64, digits: Option<u8>) -> String {
        let mut text = Text::default();
        text.moment(us - EPOCH_US, digits);
        String::from_utf8_lossy(text.bytes()).into_owned()
    }

    #[test]
    fn times_are_spelt_as_java_spells_them() {
        assert_eq!(moment(0, Some(6)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(moment(1_795_395_723_450_000, None), "2026-11-23T01:02:03.45Z");
        assert_eq!(moment(1_795_395_723_000_000, None), "2026-11-23T01:02:03Z");
        assert_eq!(moment(-1, Some(3)), "1969-12-31T23:59:59.999Z");
        assert_eq!(moment(i64::MAX, None), "+294247-01-10T04:00:54.775807Z");
        let mut last = Text::default();
        last.moment(9_223_371_331_199_999_999, Some(6));
        assert_eq!(last.bytes(), b"+294276-12-31T23:59:59.999999Z");
        assert_eq!(moment(-62_167_219_200_000_001, None), "-0001-12-31T23:59:59.999999Z");
    }

    #[test]
    fn texts_of_postgres_are_read() {
        let at = |text: &str| match timestamp(text.as_bytes(), false)? {
            Moment::At(us) => micros(us).map(Moment::At),
            moment => Ok(moment),
        };
        assert_eq!(at("1970-01-01 00:00:00.5"), Ok(Moment::At(500_000)));
        assert_eq!(at("1970-01-01 05:30:00+05:30"), Ok(Moment::At(0)));
        assert_eq!(at("1970-01-01 00:00:00-00:00:01"), Ok(Moment::At(1_000_000)));
        assert_eq!(at("0001-12-31 00:00:00 BC"), Ok(Moment::At(-719_163 * DAY_US)));
        assert_eq!(at("-infinity"), Ok(Moment::NegativeInfinity));
        assert_eq!(at("1970-01-01"), Err(Lost));
        assert_eq!(timetz(b"01:00:00+02", false), Ok(23 * 3_600_000_000));
        assert_eq!(timetz(b"24:00:00+00", false), Ok(DAY_US));
        let text = b"1 year 2 mons -3 days -04:05:06.789";
        let expected = Interval { months: 14, days: -3, us: -14_706_789_000 };
        assert_eq!(interval(text, false), Ok(expected));
        let mut iso = String::new();
        expected.iso(&mut iso);
        assert_eq!(iso, "P1Y2M-3DT-4H-5M-6.789S");
    }

    proptest::proptest! {
        #[test]
        fn days_are_what_they_are_made_of(day in -3_000_000i64..3_000_000) {
            let (year, month, of_month) = civil(day);
            proptest::prop_assert_eq!(days(year, month, of_month), day);
        }

        #[test]
        fn any_bytes_are_a_time_or_lost(bytes: Vec<u8>, text: String, is_binary: bool) {
            for value in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(Moment::At(us)) = timestamp(value, is_binary) {
                    Text::default().moment(us, None);
                }
                let _ = (date(value, is_binary), time(value, is_binary));
                let _ = (timetz(value, is_binary), interval(value, is_binary));
            }
        }
    }
}
