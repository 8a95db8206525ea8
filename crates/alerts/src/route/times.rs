//! When a mute timing holds.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Both ends belong to it; of times of day, the first one alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    pub from: i32,
    pub to: i32,
}

/// What is empty holds always.
#[derive(Clone, PartialEq, Debug)]
pub struct Interval {
    /// Minutes of a day.
    pub times: Vec<Span>,
    /// 0 is Sunday.
    pub weekdays: Vec<Span>,
    /// -1 is the last day of a month.
    pub days_of_month: Vec<Span>,
    pub months: Vec<Span>,
    pub years: Vec<Span>,
    pub zone: TimeZone,
}

impl Interval {
    pub fn holds(&self, now_ms: i64) -> bool {
        let Ok(at) = Timestamp::from_millisecond(now_ms) else { return false };
        let at = at.to_zoned(self.zone.clone());
        let minute = i32::from(at.hour()) * 60 + i32::from(at.minute());
        let within = |spans: &[Span], value: i32| {
            spans.is_empty() || spans.iter().any(|span| span.from <= value && value <= span.to)
        };
        (self.times.is_empty()
            || self.times.iter().any(|span| span.from <= minute && minute < span.to))
            && within(&self.weekdays, i32::from(at.weekday().to_sunday_zero_offset()))
            && within(&self.months, i32::from(at.month()))
            && within(&self.years, i32::from(at.year()))
            && self.is_day(i32::from(at.day()), i32::from(at.days_in_month()))
    }

    fn is_day(&self, day: i32, days: i32) -> bool {
        let from_start = |at: i32| if at < 0 { days + at + 1 } else { at };
        // What a short month lacks is cut off: 31 of February is its last day's end, not March.
        let holds = |span: &Span| {
            from_start(span.from).max(1) <= day && day <= from_start(span.to).min(days)
        };
        self.days_of_month.is_empty() || self.days_of_month.iter().any(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(interval: &Interval, at: &str) -> bool {
        interval.holds(at.parse::<Timestamp>().unwrap().as_millisecond())
    }

    fn spans(all: &[(i32, i32)]) -> Vec<Span> {
        all.iter().map(|(from, to)| Span { from: *from, to: *to }).collect()
    }

    fn always() -> Interval {
        Interval {
            times: vec![],
            weekdays: vec![],
            days_of_month: vec![],
            months: vec![],
            years: vec![],
            zone: TimeZone::UTC,
        }
    }

    #[test]
    fn times_of_day_end_before_their_end() {
        let interval = Interval { times: spans(&[(9 * 60, 17 * 60)]), ..always() };
        for (at, is_in) in [
            ("2026-11-30T08:59:59Z", false),
            ("2026-11-30T09:00:00Z", true),
            ("2026-11-30T16:59:59Z", true),
            ("2026-11-30T17:00:00Z", false),
        ] {
            assert_eq!(holds(&interval, at), is_in, "{at}");
        }
        let whole = Interval { times: spans(&[(0, 24 * 60)]), ..always() };
        assert!(holds(&whole, "2026-11-30T23:59:59Z") && holds(&always(), "2026-11-30T00:00:00Z"));
    }

    #[test]
    fn days_are_those_of_the_place() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // 2026-11-30 is a Monday.
        let monday = Interval { weekdays: spans(&[(1, 1)]), zone: berlin, ..always() };
        for (at, is_in) in [
            ("2026-11-29T22:59:59Z", false),
            ("2026-11-29T23:00:00Z", true),
            ("2026-11-30T22:59:59Z", true),
            ("2026-11-30T23:00:00Z", false),
        ] {
            assert_eq!(holds(&monday, at), is_in, "{at}");
        }
    }

    #[test]
    fn days_of_a_month_count_from_its_end_too() {
        for (span, at, is_in) in [
            ((-1, -1), "2026-02-28T12:00:00Z", true),
            ((-1, -1), "2026-02-27T12:00:00Z", false),
            ((-1, -1), "2028-02-29T12:00:00Z", true),
            ((-3, -1), "2026-04-28T12:00:00Z", true),
            ((-3, -1), "2026-04-27T12:00:00Z", false),
            ((1, 5), "2026-04-05T12:00:00Z", true),
            ((1, 5), "2026-04-06T12:00:00Z", false),
            ((20, -1), "2026-04-30T12:00:00Z", true),
            ((29, 31), "2026-02-28T12:00:00Z", false),
            ((28, 31), "2026-02-28T12:00:00Z", true),
        ] {
            let interval = Interval { days_of_month: spans(&[span]), ..always() };
            assert_eq!(holds(&interval, at), is_in, "{span:?} {at}");
        }
    }

    #[test]
    fn months_and_years() {
        let interval = Interval {
            months: spans(&[(1, 3), (12, 12)]),
            years: spans(&[(2020, 2022), (2026, 2026)]),
            ..always()
        };
        for (at, is_in) in [
            ("2026-12-30T00:00:00Z", true),
            ("2026-11-30T00:00:00Z", false),
            ("2023-01-30T00:00:00Z", false),
            ("2022-03-31T00:00:00Z", true),
        ] {
            assert_eq!(holds(&interval, at), is_in, "{at}");
        }
    }
}
