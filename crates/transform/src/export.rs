//! The schedules as files for who else keeps time: cron, GitHub Actions, Airflow, Dagster.
//!
//! Cron, Airflow and Dagster run `millrace transform …` on the machine of the project. A runner of GitHub's is another
//! one: there it is the stock dbt, which reaches the store over the network.
//!
//! None of them knows all that a schedule says. What would run at other times, or fail each time, is an error. What
//! else they do not keep is named in a comment of the file.

mod cron;
mod python;
mod workflow;

use crate::schedule::{Pace, Schedule};
use model::{Error, Result};
use std::collections::BTreeSet;

pub use cron::crontab;
pub use python::{airflow, dagster};
pub use workflow::github_actions;

/// What does not end by then, once it was told to stop.
const KILLED_AFTER: u32 = 15;

/// Where the project is, and how it is run there.
pub struct Place {
    /// Absolute.
    pub millrace: String,
    pub config: String,
    pub data_dir: String,
    /// Of the time zone database.
    pub zone: String,
}

impl Place {
    /// The words of a command, each as it is.
    fn words(&self, schedule: &Schedule) -> Vec<String> {
        let ours = [&self.millrace, "--config", &self.config, "transform"].map(str::to_owned);
        ours.into_iter().chain(schedule.words()).collect()
    }

    /// For a shell: what hangs is ended. `timeout` leaves the signal to us to pass on (`--foreground`): it would send
    /// it to us twice otherwise, and the second one ends dbt in the middle of stopping.
    fn command(&self, schedule: &Schedule) -> String {
        let words: Vec<String> = self.words(schedule).iter().map(|word| quoted(word)).collect();
        let (most, words) = (schedule.max_runtime, words.join(" "));
        format!("timeout --foreground --signal=INT -k {KILLED_AFTER}s {most} {words}")
    }
}

/// For a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:+@,=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The five fields that mean the same.
fn fields(schedule: &Schedule) -> Result<String> {
    let cannot = |why: &str| {
        Error::definite(format!("cannot export the schedule {}", schedule.name))
            .detail(why.to_owned())
            .hint("cron = \"*/5 22-23,0-4 * * *\" says it for everybody")
    };
    let every = match &schedule.pace {
        Pace::Cron(fields, _) if schedule.window.is_none() => return Ok(fields.clone()),
        Pace::Cron(..) => {
            return Err(cannot("It has cron and a window, and cron's fields say both."));
        }
        Pace::Every(seconds) => *seconds,
    };
    let hours = match &schedule.window {
        None => None,
        Some(window) => {
            let why = "Its window does not open and close with an hour.";
            Some(window.hours().ok_or_else(|| cannot(why))?)
        }
    };
    let open: Vec<i64> = match &hours {
        None => (0..24).collect(),
        Some(hours) => hours.iter().map(|hour| i64::from(*hour)).collect(),
    };
    let listed = |hours: Vec<i64>| match hours.len() {
        24 => "*".to_owned(),
        _ => hours.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
    };
    let (minutes, rest) = (every / 60, every % 60);
    match (rest, minutes) {
        (0, 1) => Ok(format!("* {} * * *", listed(open))),
        (0, 2..60) if 60 % minutes == 0 => Ok(format!("*/{minutes} {} * * *", listed(open))),
        (0, 60..=1440) if minutes % 60 == 0 && 1440 % minutes == 0 => {
            let (first, step) = (open[0], minutes / 60);
            let due = open.into_iter().filter(|hour| (hour - first).rem_euclid(24) % step == 0);
            Ok(format!("0 {} * * *", listed(due.collect())))
        }
        _ => Err(cannot("Its pace does not come out even in an hour or a day.")),
    }
}

/// What it says and none of them keeps, each a comment. What they do not keep of any schedule stands at the top of each
/// file.
fn not_kept(schedule: &Schedule, indent: &str) -> String {
    let sla = schedule.sla.map(|sla| format!("sla = {sla} s: nobody counts what takes longer"));
    let window = "window: a run that has begun in it goes on when it ends";
    let said = [
        schedule.after_copied.then(|| "after: it begins before every table streams".to_owned()),
        sla,
        schedule.window.is_some().then(|| window.to_owned()),
    ];
    said.into_iter().flatten().map(|said| format!("{indent}# Not kept: {said}.\n")).collect()
}

/// Whether each has a name of its own there.
pub fn check_names(schedules: &[Schedule]) -> Result<()> {
    let mut names = BTreeSet::new();
    match schedules.iter().map(identifier).find(|name| !names.insert(name.clone())) {
        None => Ok(()),
        Some(twice) => Err(Error::definite("cannot export two schedules under one name")
            .detail(format!("Both would be called {twice}."))
            .hint("give one of them another name")),
    }
}

/// A name in YAML and Python.
fn identifier(schedule: &Schedule) -> String {
    let plain = schedule.plain_name();
    let words = plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    format!("dbt_{}", words.collect::<Vec<_>>().join("_"))
}

/// A text of JSON's, which is one of Python's and of YAML's, too.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Window;
    use jiff::tz::TimeZone;

    pub(crate) fn schedule(pace: Pace, window: Option<&str>) -> Schedule {
        Schedule {
            name: "it's tag:fast".into(),
            command: vec!["build".into()],
            select: Some("tag:fast marts.o'neil+".into()),
            pace,
            window: window.map(|text| Window::parse(text, &TimeZone::UTC).unwrap()),
            max_runtime: 1_800,
            after_copied: false,
            sla: Some(60),
        }
    }

    #[test]
    fn what_cron_can_say_is_said_and_the_rest_refused() {
        let every = |seconds, window| fields(&schedule(Pace::Every(seconds), window));
        for (seconds, window, expected) in [
            (60, None, "* * * * *"),
            (300, None, "*/5 * * * *"),
            (3_600, None, "0 * * * *"),
            (21_600, None, "0 0,6,12,18 * * *"),
            (86_400, None, "0 0 * * *"),
            (86_400, Some("22:00-05:00"), "0 0 * * *"),
            (900, Some("22:00-02:00"), "*/15 0,1,22,23 * * *"),
            (7_200, Some("08:00-13:00"), "0 8,10,12 * * *"),
        ] {
            assert_eq!(every(seconds, window).unwrap(), expected, "{seconds} {window:?}");
        }
        for (seconds, window) in
            [(30, None), (420, None), (18_000, None), (300, Some("22:30-05:00"))]
        {
            assert!(every(seconds, window).unwrap_err().hint_text().is_some(), "{seconds}");
        }
        let cron = || Pace::cron("15 4 * * 1-5", &TimeZone::UTC).unwrap();
        assert_eq!(fields(&schedule(cron(), None)).unwrap(), "15 4 * * 1-5");
        fields(&schedule(cron(), Some("22:00-05:00"))).unwrap_err();
    }

    fn place() -> Place {
        Place {
            millrace: "/opt/millrace".into(),
            config: "/srv/millrace.toml".into(),
            data_dir: "/srv/.millrace".into(),
            zone: "UTC".into(),
        }
    }

    #[test]
    fn what_hangs_is_killed() {
        let (all, place) = ([schedule(Pace::Every(300), None)], place());
        let ended = "timeout --foreground --signal=INT -k 15s 1800 /opt/millrace";
        for text in [crontab(&all, &place).unwrap(), airflow(&all, &place).unwrap()] {
            assert!(text.contains(ended), "{text}");
        }
    }

    /// Nothing is left out without a word.
    #[test]
    fn what_is_not_kept_is_named() {
        let place = place();
        let plain =
            Schedule { sla: None, name: "plain".into(), ..schedule(Pace::Every(300), None) };
        let full = Schedule {
            after_copied: true,
            sla: Some(60),
            ..schedule(Pace::Every(300), Some("22:00-05:00"))
        };
        type Export<'a> = &'a dyn Fn(&[Schedule]) -> Result<String>;
        let exports: [(&str, Export); 4] = [
            ("cron", &|all| crontab(all, &place)),
            ("airflow", &|all| airflow(all, &place)),
            ("dagster", &|all| dagster(all, &place)),
            ("github", &|all| github_actions(all, &place, "dbt", "marts")),
        ];
        for (name, export) in exports {
            let text = export(std::slice::from_ref(&plain)).unwrap();
            assert!(!text.contains("# Not kept: "), "{name}: {text}");
            assert!(text.contains("failed nodes alone"), "{name}: {text}");
            let text = export(&[plain.clone(), full.clone()]).unwrap();
            for key in ["after", "sla = 60 s", "window"] {
                assert_eq!(
                    text.matches(&format!("# Not kept: {key}")).count(),
                    1,
                    "{name}: {text}"
                );
            }
        }
    }

    #[test]
    fn words_reach_a_shell_as_they_are() {
        assert_eq!(quoted("tag:fast"), "tag:fast");
        assert_eq!(quoted("o'neil $(x)"), r"'o'\''neil $(x)'");
        assert_eq!(quoted(""), "''");
    }
}
