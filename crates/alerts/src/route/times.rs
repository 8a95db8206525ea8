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
        (self.times.is_empty() || self.times.iter().any(|span| span.from <= minute && minute < span.to))
            && within(&self.weekdays, i32::from(at.weekday().to_sunday_zero_offset()))
            && within(&self.months, i32::from(at.month()))
            && within(&self.years, i32::from(at.year()))
            && self.is_day(i32::from(at.day()), i32::from(at.days_in_month()))
    }

    fn is_day(&self, day: i32, days: i32) -> bool {
        let from_start = |at: i32| if at < 0 { days + at + 1 } else { at };
        // What a short month lacks is cut off: 31 of February is its last day's end, not March.
        let holds = |span: &Span| from_start(span.from).max(1) <= day && day <= from_start(span.to).min(days);
        self.days_of_month.is_empty() || self.days_of_month.iter().any(holds)
    }
}
