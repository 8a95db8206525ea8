//! When a part of the project is built by itself.
//!
//! What was missed is made up for once, however much it was. Runs that were missed do not begin at the same moment: each
//! schedule has an offset of its own, out of its name.

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use model::{Error, Result};
use sha2::{Digest, Sha256};

/// The offset is no longer, nor longer than a tenth of the pace.
const OFFSET_MOST: i64 = 30;

#[derive(Clone, Debug)]
pub struct Schedule {
    pub name: String,
    /// dbt's: `build`, `test`, `source freshness`, …
    pub command: Vec<String>,
    pub select: Option<String>,
    pub pace: Pace,
    /// A run begins in it, and ends when it ends.
    pub window: Option<Window>,
    /// Seconds, as all spans here.
    pub max_runtime: i64,
    /// Not before every table streams.
    pub after_copied: bool,
    pub sla: Option<i64>,
}

#[derive(Clone, Debug)]
pub enum Pace {
    Every(i64),
    /// As it was written, and what it means.
    Cron(String, Box<cronexpr::Crontab>),
}

impl Pace {
    /// Five fields, as `cron` reads them.
    pub fn cron(text: &str, zone: &TimeZone) -> Result<Pace> {
        let zone = zone.iana_name().unwrap_or("UTC");
        let parsed = cronexpr::parse_crontab(&format!("{} {zone}", text.trim()));
        let cannot = |error: cronexpr::Error| {
            Error::definite(format!("cannot read {text:?} as cron's"))
                .detail(error.to_string().lines().last().unwrap_or_default().trim().to_owned())
                .hint("minute, hour, day, month, weekday: cron = \"15 4 * * *\"")
        };
        parsed.map(|crontab| Pace::Cron(text.trim().to_owned(), Box::new(crontab))).map_err(cannot)
    }
}

/// A part of each day, over midnight too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    from: Time,
    to: Time,
    zone: TimeZone,
}

impl Window {
    /// `22:00-05:30`
    pub fn parse(text: &str, zone: &TimeZone) -> Option<Window> {
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let (from, to) = text.split_once('-')?;
        let (from, to) = (time(from)?, time(to)?);
        (from != to).then(|| Window { from, to, zone: zone.clone() })
    }

    /// The hours in which it is open, if it opens and closes with one.
    pub(crate) fn hours(&self) -> Option<Vec<i8>> {
        let is_whole = |time: Time| time == Time::constant(time.hour(), 0, 0, 0);
        let (from, to) = (self.from.hour(), self.to.hour());
        let hours = (0..24).filter(|hour| match from < to {
            true => (from..to).contains(hour),
            false => *hour >= from || *hour < to,
        });
        (is_whole(self.from) && is_whole(self.to)).then(|| hours.collect())
    }

    pub fn holds(&self, at: Timestamp) -> bool {
        let time = at.to_zoned(self.zone.clone()).time();
        match self.from < self.to {
            true => self.from <= time && time < self.to,
            false => self.from <= time || time < self.to,
        }
    }

    /// That moment, or when it opens next.
    pub fn next(&self, at: Timestamp) -> Timestamp {
        match self.holds(at) {
            true => at,
            false => self.next_time(self.from, at),
        }
    }

    /// When it opened, of a moment in it.
    fn start(&self, at: Timestamp) -> Timestamp {
        let today = at.to_zoned(self.zone.clone()).date();
        let days = std::iter::successors(Some(today), |day| day.yesterday().ok());
        let mut times = days.filter_map(|day| self.moment(day, self.from));
        times.find(|opened| *opened <= at).unwrap_or(at)
    }

    /// When it closes, of a moment in it.
    pub fn end(&self, at: Timestamp) -> Timestamp {
        self.next_time(self.to, at)
    }

    fn next_time(&self, time: Time, after: Timestamp) -> Timestamp {
        let today = after.to_zoned(self.zone.clone()).date();
        let days = std::iter::successors(Some(today), |day| day.tomorrow().ok());
        let mut times = days.filter_map(|day| self.moment(day, time));
        times.find(|at| *at > after).unwrap_or(Timestamp::MAX)
    }

    fn moment(&self, day: Date, time: Time) -> Option<Timestamp> {
        day.to_datetime(time).to_zoned(self.zone.clone()).ok().map(|at| at.timestamp())
    }
}

impl Schedule {
    /// When it begins next, in its window. `last`: when it began last; `born`: since when anybody looks.
    pub fn due(&self, last: Option<Timestamp>, born: Timestamp, now: Timestamp) -> Timestamp {
        let due = match &self.pace {
            Pace::Every(span) => match last.map(|last| later(last, *span)) {
                Some(due) if due >= born => due,
                Some(_) => later(born, self.offset(*span)),
                // In the order in which they stand: the first may make what the others read.
                None => born,
            },
            Pace::Cron(_, crontab) => next(crontab, last.unwrap_or(born)).max(born),
        };
        let Some(window) = &self.window else { return due };
        let due = window.next(due.max(now));
        let Pace::Cron(_, crontab) = &self.pace else { return due };
        // A time of this opening makes up for those of before, too.
        let before = later(window.start(due), -1);
        let own = next(crontab, last.unwrap_or(born).max(before));
        if own < window.end(due) { own } else { due }
    }

    /// How long a run may take that begins then.
    pub fn patience(&self, begins: Timestamp) -> SignedDuration {
        let most = SignedDuration::from_secs(self.max_runtime);
        let window = self.window.as_ref().map(|window| begins.duration_until(window.end(begins)));
        window.map_or(most, |left| left.min(most))
    }

    /// As the name of a folder: another one for another name.
    pub fn plain_name(&self) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if self.name.len() <= 64 && self.name.chars().all(is_plain) && !self.name.is_empty() {
            return self.name.clone();
        }
        let plain = self.name.chars().map(|c| if is_plain(c) { c } else { '-' });
        let digest = Sha256::digest(self.name.as_bytes());
        format!("{}-{:02x}{:02x}", plain.take(64).collect::<String>(), digest[0], digest[1])
    }

    /// What dbt is told.
    pub fn words(&self) -> Vec<String> {
        let select = self.select.iter().flat_map(|select| ["--select", select]);
        self.command.iter().map(String::as_str).chain(select).map(str::to_owned).collect()
    }

    fn offset(&self, span: i64) -> i64 {
        let digest = Sha256::digest(self.name.as_bytes());
        let number = i64::from(u16::from_be_bytes([digest[0], digest[1]]));
        number % ((span / 10).min(OFFSET_MOST) + 1)
    }
}

fn next(crontab: &cronexpr::Crontab, after: Timestamp) -> Timestamp {
    crontab.find_next(after).map_or(Timestamp::MAX, |next| next.timestamp())
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(pace: Pace) -> Schedule {
        Schedule {
            name: "fast".into(),
            command: vec!["build".into()],
            select: Some("tag:fast".into()),
            pace,
            window: None,
            max_runtime: 3_600,
            after_copied: false,
            sla: None,
        }
    }

    fn cron(text: &str, zone: &str) -> Pace {
        Pace::cron(text, &TimeZone::get(zone).unwrap()).unwrap()
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let every = schedule(Pace::Every(300));
        let born = at("2026-01-01T12:00:00Z");
        assert_eq!(every.due(None, born, born), born);
        assert_eq!(
            every.due(Some(at("2026-01-01T11:58:00Z")), born, born),
            at("2026-01-01T12:03:00Z")
        );
        let missed = later(born, every.offset(300));
        assert_eq!(every.due(Some(at("2025-12-01T00:00:00Z")), born, born), missed);
        let hourly = schedule(cron("5 * * * *", "UTC"));
        assert_eq!(hourly.due(None, born, born), at("2026-01-01T12:05:00Z"));
        assert_eq!(
            hourly.due(Some(at("2026-01-01T11:05:00Z")), born, born),
            at("2026-01-01T12:05:00Z")
        );
        assert_eq!(hourly.due(Some(at("2026-01-01T04:05:00Z")), born, born), born);
    }

    #[test]
    fn same_paces_have_other_offsets() {
        let offset =
            |name: &str| Schedule { name: name.into(), ..schedule(Pace::Every(600)) }.offset(600);
        let offsets: std::collections::BTreeSet<i64> =
            ["a", "b", "c", "d", "e"].into_iter().map(offset).collect();
        assert!(offsets.len() > 2 && offsets.iter().all(|offset| (0..=30).contains(offset)));
    }

    #[test]
    fn cron_goes_by_the_zones_clock() {
        let nightly = schedule(cron("30 2 * * *", "Europe/Berlin"));
        let born = at("2026-01-01T00:00:00Z");
        let due = |last| nightly.due(Some(at(last)), born, born);
        assert_eq!(due("2026-06-30T12:00:00Z"), at("2026-07-01T00:30:00Z"));
        assert_eq!(due("2026-12-30T12:00:00Z"), at("2026-12-31T01:30:00Z"));
        for wrong in ["", "61 * * * *", "* * *", "every day"] {
            let error = Pace::cron(wrong, &TimeZone::UTC).unwrap_err();
            assert!(error.hint_text().is_some() && error.detail_text().is_some(), "{wrong}");
        }
    }

    #[test]
    fn a_window_holds_a_run() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let window = Window::parse("22:00-05:30", &berlin).unwrap();
        assert!(
            window.holds(at("2026-01-01T21:00:00Z")) && window.holds(at("2026-01-01T04:29:59Z"))
        );
        assert!(
            !window.holds(at("2026-01-01T04:30:00Z")) && !window.holds(at("2026-01-01T20:59:59Z"))
        );
        let nightly = Schedule { window: Some(window), ..schedule(Pace::Every(300)) };
        let now = at("2026-01-01T10:01:00Z");
        let due = nightly.due(Some(at("2026-01-01T10:00:00Z")), now, now);
        assert_eq!(due, at("2026-01-01T21:00:00Z"));
        assert_eq!(nightly.patience(due), SignedDuration::from_secs(3_600));
        assert_eq!(nightly.patience(at("2026-01-02T04:00:00Z")), SignedDuration::from_secs(1_800));
        let late = later(due, 7_200);
        assert_eq!(nightly.due(Some(due), now, late), late);
        for wrong in ["", "22:00", "22:00-22:00", "25:00-26:00", "a-b"] {
            assert_eq!(Window::parse(wrong, &berlin), None, "{wrong}");
        }
    }

    /// What is missed is made up for by the next time that the window holds, or as it opens where it holds none.
    #[test]
    fn a_night_has_one_run() {
        let night = "01:00-05:00";
        let cases = [
            // cron, window, the last run, since when anybody looks, now, due
            // Missed last night; `up` came by day, or was there (the pipeline was paused).
            ("15 1 * * *", night, "03T01:15", "05T12:00", "05T12:00", "06T01:15"),
            ("15 1 * * *", night, "03T01:15", "01T00:00", "04T12:00", "05T01:15"),
            // `up` comes before that time, at it, and after it.
            ("15 1 * * *", night, "03T01:15", "05T01:05", "05T01:05", "05T01:15"),
            ("15 1 * * *", night, "03T01:15", "05T02:00", "05T02:00", "05T01:15"),
            ("15 1 * * *", night, "04T01:15", "01T00:00", "05T01:00", "05T01:15"),
            ("15 1 * * *", night, "05T01:15", "01T00:00", "05T01:16", "06T01:15"),
            ("15 1 * * *", night, "05T02:00", "05T02:00", "05T02:01", "06T01:15"),
            ("15 * * * *", night, "05T04:15", "01T00:00", "05T05:15", "06T01:15"),
            ("*/30 * * * *", night, "05T04:30", "01T00:00", "05T05:00", "06T01:00"),
            ("*/30 * * * *", night, "05T01:00", "01T00:00", "05T01:40", "05T01:30"),
            // Over midnight.
            ("15 1 * * *", "22:00-05:00", "03T01:15", "05T12:00", "05T12:00", "06T01:15"),
            ("15 1 * * *", "22:00-05:00", "03T01:15", "05T23:00", "05T23:00", "06T01:15"),
            ("15 1 * * *", "22:00-05:00", "03T01:15", "05T02:00", "05T02:00", "05T01:15"),
            ("15 * * * *", night, "never", "05T01:20", "05T01:21", "05T02:15"),
            // No time of its own in there.
            ("0 12 * * *", night, "03T01:00", "01T00:00", "04T13:00", "05T01:00"),
            ("0 1 * * 1", night, "06T01:00", "13T12:00", "13T12:00", "14T01:00"),
        ];
        let of = |text: &str| at(&format!("2026-04-{text}:00Z"));
        for case @ (pace, window, last, born, now, due) in cases {
            let window = Window::parse(window, &TimeZone::UTC);
            let schedule = Schedule { window, ..schedule(cron(pace, "UTC")) };
            let last = (last != "never").then(|| of(last));
            assert_eq!(schedule.due(last, of(born), of(now)), of(due), "{case:?}");
        }
    }
}
