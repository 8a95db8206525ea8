//! `[[transform.schedule]]`: what is built by itself, and when.

use super::Transform;
use ::transform::{Pace, Schedule, Window, seconds};
use jiff::tz::TimeZone;
use model::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeSet;

pub(crate) const DEFAULT_COMMAND: &str = "build";
pub(crate) const DEFAULT_MAX_RUNTIME: &str = "1h";
pub(crate) const DEFAULT_ZONE: &str = "UTC";
const AFTER_COPY: &str = "copied";
/// dbt takes some seconds to begin.
const LEAST_SECONDS: i64 = 10;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ScheduleSection {
    name: Option<String>,
    select: Option<String>,
    command: Option<String>,
    every: Option<String>,
    cron: Option<String>,
    window: Option<String>,
    max_runtime: Option<String>,
    after: Option<String>,
    sla: Option<String>,
}

pub(super) fn resolve(sections: Vec<ScheduleSection>, zone: Option<&str>) -> Result<Vec<Schedule>> {
    let zone = time_zone(zone.unwrap_or(DEFAULT_ZONE))?;
    let schedules: Vec<Schedule> =
        sections.into_iter().map(|section| section.resolve(&zone)).collect::<Result<_>>()?;
    let mut names = BTreeSet::new();
    match schedules.iter().find(|schedule| !names.insert(&schedule.name)) {
        None => Ok(schedules),
        Some(twice) => {
            Err(Error::definite(format!("cannot have two schedules called {}", twice.name))
                .hint("name = \"…\" under [[transform.schedule]]"))
        }
    }
}

fn time_zone(name: &str) -> Result<TimeZone> {
    TimeZone::get(name).map_err(|error| {
        Error::definite(format!("cannot use transform.zone: {name:?}"))
            .hint("a name of the time zone database: zone = \"Europe/Berlin\"")
            .source(error)
    })
}

impl Transform {
    /// A part of each day, by its zone.
    pub(crate) fn window(&self, text: &str) -> Result<Window> {
        window(text, &time_zone(&self.zone)?)
    }
}

fn window(text: &str, zone: &TimeZone) -> Result<Window> {
    Window::parse(text, zone).ok_or_else(|| {
        Error::definite("cannot use the window")
            .detail(format!("{text:?} is no part of a day."))
            .hint("22:00-05:00")
    })
}

impl ScheduleSection {
    fn resolve(self, zone: &TimeZone) -> Result<Schedule> {
        let name = self.name.or_else(|| self.select.clone()).unwrap_or_else(|| "all".to_owned());
        let wrong = |key: &str, what: String| {
            Error::definite(format!("cannot use {key} of the schedule {name}")).detail(what)
        };
        let span = |key: &str, text: &str| {
            let wrong = || {
                wrong(key, format!("{text:?} is no span of time."))
                    .hint("\"30s\", \"5m\", \"1h\", \"1d\"")
            };
            seconds(text).ok_or_else(wrong)
        };
        let of_it = |error: Error| error.context(format!("schedule {name}"));
        let pace = match (self.every, self.cron) {
            (Some(every), None) => match span("every", &every)? {
                seconds if seconds < LEAST_SECONDS => {
                    return Err(wrong("every", format!("{every} is less than {LEAST_SECONDS} s."))
                        .hint(format!("every = \"{LEAST_SECONDS}s\" is the shortest")));
                }
                seconds => Pace::Every(seconds),
            },
            (None, Some(cron)) => Pace::cron(&cron, zone).map_err(of_it)?,
            (None, None) => {
                return Err(Error::definite(format!("cannot tell when the schedule {name} runs"))
                    .hint("every = \"5m\", or cron = \"15 4 * * *\""));
            }
            (Some(_), Some(_)) => {
                return Err(Error::definite(format!("cannot tell when the schedule {name} runs"))
                    .detail("It has every and cron.")
                    .hint("remove one of them"));
            }
        };
        let window = self.window.as_deref().map(|text| window(text, zone).map_err(of_it));
        let after_copied = match self.after.as_deref() {
            None => false,
            Some(AFTER_COPY) => true,
            Some(other) => {
                return Err(
                    wrong("after", format!("{other:?} is not known.")).hint("after = \"copied\"")
                );
            }
        };
        let command = self.command.unwrap_or_else(|| DEFAULT_COMMAND.to_owned());
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        if command.is_empty() {
            return Err(wrong("command", "It is empty.".to_owned()).hint("command = \"build\""));
        }
        let max_runtime = self.max_runtime.as_deref().unwrap_or(DEFAULT_MAX_RUNTIME);
        Ok(Schedule {
            window: window.transpose()?,
            max_runtime: span("max_runtime", max_runtime)?,
            sla: self.sla.map(|text| span("sla", &text)).transpose()?,
            select: self.select,
            name,
            command,
            pace,
            after_copied,
        })
    }
}
