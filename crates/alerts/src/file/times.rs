//! Mute timings: Prometheus's time intervals.

use jiff::tz::TimeZone;
use model::Result;

use super::node::Node;
use crate::route::{Interval, Span};

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

pub(super) fn mute_time(node: &Node<'_>) -> Result<(String, Vec<Interval>)> {
    let _ = node.raw("orgId");
    let name = node.needed("name")?;
    let mut intervals = Vec::new();
    for node in node.nodes("time_intervals")? {
        intervals.push(interval(&node)?);
    }
    node.done();
    Ok((name, intervals))
}

fn interval(node: &Node<'_>) -> Result<Interval> {
    let mut times = Vec::new();
    for time in node.nodes("times")? {
        let (from, to) = (minute(&time, "start_time")?, minute(&time, "end_time")?);
        if from >= to {
            return Err(
                time.wrong("end_time", "it comes after start_time; over midnight are two spans")
            );
        }
        times.push(Span { from, to });
        time.done();
    }
    let months = |text: &str| {
        let at = MONTHS.iter().position(|name| *name == text);
        at.and_then(|at| i32::try_from(at + 1).ok()).or_else(|| text.parse().ok())
    };
    let weekdays = |text: &str| {
        WEEKDAYS.iter().position(|name| *name == text).and_then(|at| i32::try_from(at).ok())
    };
    let whole = |text: &str| text.parse().ok();
    let found = Interval {
        times,
        weekdays: spans(node, "weekdays", (0, 6), weekdays)?,
        days_of_month: spans(node, "days_of_month", (-31, 31), whole)?,
        months: spans(node, "months", (1, 12), months)?,
        years: spans(node, "years", (1, 9999), whole)?,
        zone: zone(node)?,
    };
    node.done();
    Ok(found)
}

/// `HH:MM`, up to `24:00`.
fn minute(node: &Node<'_>, key: &'static str) -> Result<i32> {
    let text = node.needed(key)?;
    let wrong = || node.wrong(key, "a time is wanted here, as 09:30");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u8>().ok()).flatten();
    let (hour, minute) = (two(hour).ok_or_else(wrong)?, two(minute).ok_or_else(wrong)?);
    let at = i32::from(hour) * 60 + i32::from(minute);
    (minute < 60 && at <= 24 * 60).then_some(at).ok_or_else(wrong)
}

/// `a:b` or `a`. Days of a month count from its end when they are negative.
fn spans(
    node: &Node<'_>,
    key: &'static str,
    most: (i32, i32),
    read: impl Fn(&str) -> Option<i32>,
) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for text in node.texts(key)?.unwrap_or_default() {
        let lower = text.trim().to_lowercase();
        let (from, to) = lower.split_once(':').unwrap_or((&lower, &lower));
        let wrong = || node.wrong(key, format!("{text} is no span of {key}, as a:b or a"));
        let (from, to) = (read(from.trim()).ok_or_else(wrong)?, read(to.trim()).ok_or_else(wrong)?);
        let is_day = key == "days_of_month";
        let fits = |at: i32| at >= most.0 && at <= most.1 && !(is_day && at == 0);
        // `20:-1` is from the 20th to the last one, of however long a month.
        let in_order = from <= to || (is_day && from > 0 && to < 0);
        if !fits(from) || !fits(to) || !in_order || (is_day && from < 0 && to > 0) {
            return Err(wrong());
        }
        spans.push(Span { from, to });
    }
    Ok(spans)
}

fn zone(node: &Node<'_>) -> Result<TimeZone> {
    match node.text("location")?.as_deref() {
        None | Some("" | "UTC") => Ok(TimeZone::UTC),
        Some("Local") => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).map_err(|_| {
            node.wrong("location", format!("{name} is no time zone that this machine knows"))
                .hint("Europe/Berlin is one; the list comes with the package tzdata.")
        }),
    }
}
