//! When a subscription ended, of several times that may say so: what happened comes before what was planned.

use super::quoting::ident;
use super::recognise::{Look, Part, is_time, said};

/// Set when it is over, and NULL until then.
const HAPPENED: [&str; 8] = [
    "ended_on",
    "ended_at",
    "cancelled_on",
    "cancelled_at",
    "canceled_on",
    "canceled_at",
    "expired_at",
    "deleted_at",
];
/// Set while it goes on: it may end before.
const PLANNED: [&str; 5] = ["end_date", "ends_at", "ends_on", "expires_at", "expires_on"];
/// What goes on after it is a subscription.
const TRIALS: [&str; 3] = ["trial_ends_at", "trial_ends_on", "trial_end"];

pub(in crate::cli::init) struct Ends<'a> {
    happened: Vec<Part<'a>>,
    planned: Vec<Part<'a>>,
    trial: Option<Part<'a>>,
}

impl<'a> Ends<'a> {
    pub(super) fn find(look: &Look<'a>) -> Option<Ends<'a>> {
        let times = |names| look.named(names).filter(is_time);
        // What every one of them has was known before it happened.
        let (happened, always): (Vec<_>, Vec<_>) =
            times(&HAPPENED).partition(|part| store::takes_null(part.clickhouse));
        let planned: Vec<Part<'a>> = always.into_iter().chain(times(&PLANNED)).collect();
        let trial = times(&TRIALS).next();
        let has_one = !happened.is_empty() || !planned.is_empty();
        has_one.then_some(Ends { happened, planned, trial })
    }

    pub(super) fn evidence(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.happened.iter().map(|part| said(part, "its end")).collect();
        lines.extend(self.planned.iter().map(|part| said(part, "its planned end")));
        let (happened, planned) = (names(&self.happened), names(&self.planned));
        lines.extend(match (self.happened.len(), self.planned.len()) {
            (0, 1) | (1, 0) => None,
            (_, 0) => Some(format!("it ended at {happened}")),
            (0, _) => Some(format!("it ends at {planned}")),
            _ => Some(format!("it ended at {happened}; where none is set, at {planned}")),
        });
        let trial = self.trial.iter();
        lines.extend(trial.map(|part| said(part, "the end of a trial, which is not its end")));
        lines
    }

    /// The day of it, of a subscription `t`.
    pub(super) fn sql(&self) -> String {
        let first = [&self.happened, &self.planned];
        let first: Vec<String> =
            first.into_iter().filter(|ends| !ends.is_empty()).map(|ends| earliest(ends)).collect();
        match &first[..] {
            [one] => one.clone(),
            several => format!("coalesce({})", several.join(", ")),
        }
    }
}

/// Those that are NULL left out, which `least` does in some versions of ClickHouse only.
fn earliest(ends: &[Part<'_>]) -> String {
    let days: Vec<String> =
        ends.iter().map(|end| format!("toDate32(t.{})", ident(&end.name))).collect();
    match &days[..] {
        [day] => day.clone(),
        days => format!("arrayReduce('min', [{}])", days.join(", ")),
    }
}

fn names(ends: &[Part<'_>]) -> String {
    let names: Vec<&str> = ends.iter().map(|end| end.name.as_str()).collect();
    match names[..] {
        [name] => name.to_owned(),
        _ => format!("the earliest of {}", names.join(", ")),
    }
}
