//! `millrace alerts`: what the rules say, and whether their notices arrive.

use super::Answer;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use clap::Subcommand;
use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Show the rules and what fires
    List(List),
    /// Send a test message to a contact point, or to all of them
    Test(Test),
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// The whole as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct Test {
    /// As alerting/*.yaml calls it
    #[arg(value_name = "CONTACT_POINT")]
    contact_point: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    groups: Vec<Group>,
    contact_points: Vec<Point>,
    files_error: Option<String>,
    notes: Vec<String>,
}

#[derive(Deserialize)]
struct Group {
    folder: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    title: String,
    state: String,
    health: String,
    missed: u64,
    error: Option<String>,
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    labels: BTreeMap<String, String>,
    state: String,
}

#[derive(Deserialize)]
struct Point {
    name: String,
}

#[derive(Serialize)]
struct Asked<'a> {
    contact_point: &'a str,
}

#[derive(Deserialize)]
struct Sent {
    sent: Vec<One>,
}

#[derive(Deserialize)]
struct One {
    kind: String,
    ok: bool,
    error: Option<String>,
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    let running = Running::need(&config.store.data_dir)?;
    match verb {
        Verb::List(args) => list(&args, &running),
        Verb::Test(args) => test(&args, &running),
    }
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::bug("cannot read what `up` says of alerts").source(error))
}

/// 1: something fires, or a rule cannot be evaluated.
fn list(args: &List, running: &Running) -> Result<Answer> {
    let text = running.get("/api/alerts")?;
    let shown: Shown = read(&text)?;
    let is_quiet = |rule: &Rule| rule.state == "Normal" && rule.health != "error";
    let quiet = shown.files_error.is_none()
        && shown.groups.iter().flat_map(|group| &group.rules).all(is_quiet);
    if args.json {
        talk::print(&format!("{text}\n"))?;
    } else {
        talk::print(&shown.text())?;
        if let Some(error) = &shown.files_error {
            talk::warning(&format!("alerting/ cannot be read, the rules of before go on: {error}"));
        }
        for note in &shown.notes {
            talk::warning(note);
        }
    }
    Ok(if quiet { Answer::Yes } else { Answer::No })
}

impl Shown {
    fn text(&self) -> String {
        let mut out = String::new();
        for (group, rule) in
            self.groups.iter().flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
        {
            out += &format!("{:<10}  {}/{}", rule.state, group.folder, rule.title);
            if rule.missed > 0 {
                out += &format!("  ({} evaluations missed)", rule.missed);
            }
            out.push('\n');
            for instance in rule.instances.iter().filter(|instance| instance.state != "Normal") {
                let labels: Vec<String> = (instance.labels.iter())
                    .filter(|(name, _)| !["alertname", "grafana_folder"].contains(&name.as_str()))
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                out += &format!("            {:<10}  {}\n", instance.state, labels.join(" "));
            }
            if let Some(error) = &rule.error {
                out += &format!("            {}\n", error.lines().next().unwrap_or_default());
            }
        }
        out
    }
}

fn test(args: &Test, running: &Running) -> Result<Answer> {
    let shown: Shown = read(&running.get("/api/alerts")?)?;
    let all = shown.contact_points.iter().map(|point| point.name.as_str());
    let wanted: Vec<&str> =
        all.filter(|name| args.contact_point.as_deref().is_none_or(|own| own == *name)).collect();
    if wanted.is_empty() {
        let known: Vec<&str> =
            shown.contact_points.iter().map(|point| point.name.as_str()).collect();
        let error = Error::definite("cannot find this contact point in alerting/*.yaml");
        return Err(match known.is_empty() {
            true => error.detail("There are none."),
            false => error.hint(format!("known: {}", known.join(", "))),
        });
    }
    let mut all_went = true;
    for name in wanted {
        let asked = serde_json::to_string(&Asked { contact_point: name })
            .map_err(|error| Error::bug("cannot ask for a test").source(error))?;
        let Sent { sent } = read(&running.post("/api/alerts/test", &asked)?)?;
        for one in sent {
            all_went &= one.ok;
            match one.error {
                None => talk::print(&format!("{name}: {} took it\n", one.kind))?,
                Some(error) => talk::print(&format!("{name}: {} failed: {error}\n", one.kind))?,
            }
        }
    }
    Ok(if all_went { Answer::Yes } else { Answer::No })
}
