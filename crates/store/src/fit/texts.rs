//! Texts that go into a type which is none: the engine reads them, and wraps what is too large, drops
//! digits, and makes NULL or rubbish of what it cannot read. So a text has to say a value of the type
//! as the type itself would write it, but for zeros and a sign that say nothing.

use super::Way;
use crate::types::Type;
use std::cmp::Ordering;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a text has to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Texts {
    /// `-12`
    Integer {
        is_signed: bool,
        width: u32,
    },
    /// `-1.50`, with so many digits before the point and behind it.
    Decimal {
        before: usize,
        behind: usize,
    },
    /// `1.5e3`
    Float {
        is_single: bool,
    },
    /// As Postgres prints one, or as its users write one.
    Bool,
    /// `61f0c404-5cb3-11e7-907b-a6006ad3dba0`
    Uuid,
    Ipv4,
    Ipv6,
    /// `2026-01-31`, in days since 1970.
    Date {
        first: i64,
        last: i64,
    },
    /// `2026-01-31 12:00:00.5`, in seconds since 1970, with so many digits behind them.
    Time {
        first: i64,
        last: i64,
        behind: usize,
    },
    /// One of these, in order: the engine would take the number of one as well.
    Labels(Vec<String>),
    /// Of this length: a shorter one would be filled up with zeros.
    Fixed(usize),
}

/// How texts go into the type.
pub(super) fn of(ty: &Type) -> Option<Way> {
    let (first, last) = (days(1900, 1, 1), days(2299, 12, 31));
    Some(Way::Texts(match ty.name() {
        "String" | "JSON" => return Some(Way::Any),
        "Enum" | "Enum8" | "Enum16" => {
            let mut labels = ty.labels()?;
            labels.sort_unstable();
            Texts::Labels(labels)
        }
        "Float32" => Texts::Float { is_single: true },
        "Float64" => Texts::Float { is_single: false },
        "Bool" => Texts::Bool,
        "UUID" => Texts::Uuid,
        "IPv4" => Texts::Ipv4,
        "IPv6" => Texts::Ipv6,
        "Date" => Texts::Date { first: 0, last: u16::MAX.into() },
        "Date32" => Texts::Date { first, last },
        // A zone with a summer time has hours twice, and hours that are not.
        "DateTime" if ty.is_in_utc() => Texts::Time { first: 0, last: u32::MAX.into(), behind: 0 },
        "DateTime64" if ty.is_in_utc() => {
            let behind = ty.time_digits()?.into();
            let most = 10i64.checked_pow(behind as u32).map_or(0, |one| i64::MAX / one - 1);
            let last = (last * DAY + DAY - 1).min(most);
            Texts::Time { first: first * DAY, last, behind }
        }
        "FixedString" => Texts::Fixed(ty.arguments().first()?.parse().ok()?),
        _ => match (ty.integer(), ty.decimal()) {
            (Some((is_signed, width)), _) => Texts::Integer { is_signed, width },
            (_, Some((digits, scale))) => {
                Texts::Decimal { before: digits.checked_sub(scale)?.into(), behind: scale.into() }
            }
            _ => return None,
        },
    }))
}

impl Texts {
    pub(super) fn hold(&self, text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return matches!(self, Texts::Fixed(length) if *length == text.len());
        };
        match *self {
            Texts::Fixed(length) => text.len() == length,
            Texts::Labels(ref labels) => {
                labels.binary_search_by(|label| label.as_str().cmp(text)).is_ok()
            }
            Texts::Integer { is_signed, width } => is_integer(text, is_signed, width),
            Texts::Decimal { before, behind } => is_decimal(text, before, behind),
            Texts::Float { is_single } => is_float(text, is_single),
            Texts::Bool => matches!(text, "true" | "false" | "t" | "f" | "yes" | "no" | "1" | "0"),
            Texts::Uuid => is_uuid(text),
            Texts::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Texts::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Texts::Date { first, last } => {
                date(text).is_some_and(|days| (first..=last).contains(&days))
            }
            Texts::Time { first, last, behind } => {
                time(text, behind).is_some_and(|seconds| (first..=last).contains(&seconds))
            }
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The digits, and whether a minus is before them.
fn signed(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    }
}

fn is_integer(text: &str, is_signed: bool, width: u32) -> bool {
    /// 2^255
    const HALF: &str =
        "57896044618658097711785492504343953926634992332820282019728792003956564819968";
    /// 2^256 - 1
    const MOST: &str =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let (is_negative, digits) = signed(text);
    if !is_digits(digits) {
        return false;
    }
    let digits = digits.trim_start_matches('0');
    let compared = |most: &str| digits.len().cmp(&most.len()).then_with(|| digits.cmp(most));
    match (is_signed, width) {
        // Not -0 either: the engine does not read it.
        (false, _) if is_negative => false,
        (false, 256) => compared(MOST).is_le(),
        (false, _) => magnitude(digits).is_some_and(|value| value <= u128::MAX >> (128 - width)),
        (true, 256) => match compared(HALF) {
            Ordering::Equal => is_negative,
            order => order.is_lt(),
        },
        (true, _) => {
            let most = (1u128 << (width - 1)) - u128::from(!is_negative);
            magnitude(digits).is_some_and(|value| value <= most)
        }
    }
}

/// Of digits without the zeros before them.
fn magnitude(digits: &str) -> Option<u128> {
    if digits.is_empty() { Some(0) } else { digits.parse().ok() }
}

fn is_decimal(text: &str, before: usize, behind: usize) -> bool {
    let (_, number) = signed(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    is_digits(whole)
        && is_digits(fraction)
        && whole.trim_start_matches('0').len() <= before
        && fraction.trim_end_matches('0').len() <= behind
}

fn is_float(text: &str, is_single: bool) -> bool {
    let (_, number) = signed(text);
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_finite = || match is_single {
        true => text.parse().is_ok_and(f32::is_finite),
        false => text.parse().is_ok_and(f64::is_finite),
    };
    [whole, fraction, exponent].into_iter().all(is_digits) && is_finite()
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

const DAY: i64 = 86_400;

fn date(text: &str) -> Option<i64> {
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..)?);
    if text.get(4..5)? != "-" || text.get(7..8)? != "-" {
        return None;
    }
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        1..=12 => 31,
        _ => return None,
    };
    (1..=length).contains(&day).then(|| days(year, month, day))
}

fn time(text: &str, behind: usize) -> Option<i64> {
    let (day, clock) = text.split_once(' ')?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (clock, "0"),
    };
    // The engine reads no more than nine, and drops those that the type has not.
    let has_place = fraction.len() <= 9 && fraction.trim_end_matches('0').len() <= behind;
    let mut parts = clock.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let is_clock = parts.next().is_none() && hour < 24 && minute < 60 && second < 60;
    let seconds = date(day)? * DAY + hour * 3600 + minute * 60 + second;
    (is_clock && is_digits(fraction) && has_place).then_some(seconds)
}

fn number(digits: &str, length: usize) -> Option<i64> {
    (digits.len() == length && is_digits(digits)).then(|| digits.parse().ok())?
}

/// Days since 1970: <https://howardhinnant.github.io/date_algorithms.html>
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn holds(ty: &str, yes: &[&str], no: &[&str]) {
        let Some(Way::Texts(texts)) = of(&Type::parse(ty)) else { panic!("{ty}") };
        for text in yes {
            assert!(texts.hold(text.as_bytes()), "{ty} {text}");
        }
        for text in no.iter().chain(&[" ", "secret", "1 ", "é"]) {
            assert!(!texts.hold(text.as_bytes()), "{ty} {text}");
        }
    }

    #[test]
    fn numbers() {
        let half = "57896044618658097711785492504343953926634992332820282019728792003956564819968";
        holds(
            "Int32",
            &["0", "-0", "007", "2147483647", "-2147483648"],
            &["2147483648", "-2147483649", "+1", "--1", "1.0", "1e3", "9999999999"],
        );
        holds("Nullable(UInt8)", &["255", "0"], &["256", "-1", "-0"]);
        holds(
            "UInt128",
            &["340282366920938463463374607431768211455"],
            &["340282366920938463463374607431768211456"],
        );
        holds("Int256", &[&format!("-{half}"), "1"], &[half]);
        holds(
            "UInt256",
            &[half],
            &["115792089237316195423570985008687907853269984665640564039457584007913129639936"],
        );
        holds(
            "Decimal(9, 2)",
            &["1", "-1.5", "0001.5000", "1234567.89", "0.01"],
            &["1.005", "12345678", ".5", "1.", "1.5.5", "-.1", "1e2"],
        );
        holds("Decimal(2, 2)", &["0.25", "00"], &["1"]);
        holds("Float64", &["1", "-1.5e-3", "1e300", "0.1"], &["1e400", "1e", ".", "nan", "0x1"]);
        holds("Float32", &["1e38"], &["1e39"]);
    }

    #[test]
    fn names_and_addresses() {
        let uuid = "61F0C404-5cb3-11e7-907b-a6006ad3dba0";
        holds("UUID", &[uuid], &[&uuid.replace('F', "g"), &uuid.replace('-', ""), &uuid[1..]]);
        holds("IPv4", &["127.0.0.1"], &["127.0.0.1/8", "1.2.3", "01.2.3.4"]);
        holds("IPv6", &["::1", "::ffff:1.2.3.4"], &["::1/64", "1.2.3.4", "fe80::1%lo"]);
        holds("Bool", &["true", "f"], &["TRUE", "2"]);
        holds("FixedString(3)", &["abc", "\u{e9} "], &["ab", "abcd"]);
        holds("Enum8('a b' = 1, '2' = 5, '' = 7)", &["a b", "2"], &["1", "5", "a"]);
    }

    #[test]
    fn times() {
        holds(
            "Date",
            &["1970-01-01", "2149-06-06", "2024-02-29"],
            &[
                "1969-12-31",
                "2149-06-07",
                "2023-02-29",
                "2026-1-01",
                "2026-13-01",
                "2026-01-00",
                "2026-01-01 00:00:00",
                "20260101",
            ],
        );
        holds(
            "Date32",
            &["1900-01-01", "2299-12-31", "2000-02-29"],
            &["1899-12-31", "2300-01-01", "1900-02-29"],
        );
        holds(
            "DateTime('UTC')",
            &["1970-01-01 00:00:00", "2106-02-07 06:28:15"],
            &[
                "1969-12-31 23:59:59",
                "2106-02-07 06:28:16",
                "2026-01-01 24:00:00",
                "2026-01-01 00:00:00.5",
                "2026-01-01",
                "1234567890",
                "2026-01-01 00:00:60",
            ],
        );
        holds(
            "DateTime64(3, 'UTC')",
            &["1900-01-01 00:00:00.001", "2299-12-31 23:59:59.9990"],
            &["2026-01-01 00:00:00.0001", "2026-01-01 00:00:00.", "2026-01-01 00:00:00+00"],
        );
        holds("DateTime64(9, 'UTC')", &["2262-04-11 23:47:15.123456789"], &["2262-04-11 23:47:17"]);
    }

    #[test]
    fn what_is_no_place_for_texts_is_none() {
        for ty in [
            "DateTime",
            "DateTime64(3, 'Europe/Berlin')",
            "Array(Int32)",
            "Variant(String)",
            "Time64(6)",
            "Strin",
        ] {
            assert_eq!(of(&Type::parse(ty)), None, "{ty}");
        }
    }
}
