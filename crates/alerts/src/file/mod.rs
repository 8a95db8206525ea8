//! Grafana's alert provisioning files, read as they are: several files of a folder make one picture.
//!
//! ```text
//! *.yaml, *.yml, *.json ─▶ YAML ─▶ nodes (path, $VAR) ─▶ groups, contact points, policy, mute times, templates
//! ```
//!
//! What a file says wrongly is an error with file and path. What it says in vain is a note: keys that nobody reads, `delete…`
//! sections (nothing is kept that could be deleted), recording rules, kinds of receivers that are not sent to. A rule whose
//! expressions cannot be evaluated is kept, is noted, and fails at each evaluation with that reason: the others go on.

pub mod duration;
mod env;
mod node;
mod points;
mod policies;
mod rules;
mod times;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use model::{Error, Result};
use serde_json::Value;

use crate::route::{Interval, Policy};
use crate::template;
pub use env::Surroundings;
use node::{Node, Reading};
pub use points::{ContactPoint, Receiver};
pub use rules::{Group, NoDataState, OnError, Rule, Settings};

/// A file with hundreds of rules has some 500 kB.
const FILE_BYTES_MAX: u64 = 16 << 20;
const FILES_MAX: usize = 1_000;

/// What Grafana calls the receiver of those who configured none.
const DEFAULT_RECEIVER: &str = "grafana-default-email";

/// All that the files of a folder say.
#[derive(Clone, Debug)]
pub struct Files {
    pub groups: Vec<Group>,
    pub contact_points: Vec<ContactPoint>,
    pub policy: Policy,
    /// Mute timings by name.
    pub intervals: BTreeMap<String, Vec<Interval>>,
    /// Names and texts of notification templates.
    pub templates: Vec<(String, String)>,
    /// What was read and has no effect, for the log and `check`.
    pub notes: Vec<String>,
}

impl Default for Files {
    fn default() -> Files {
        Files {
            groups: Vec::new(),
            contact_points: Vec::new(),
            policy: Policy::new(DEFAULT_RECEIVER),
            intervals: BTreeMap::new(),
            templates: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Whether a file of that name in the folder is read.
pub fn is_read(path: &Path) -> bool {
    let ends = path.extension().and_then(|ext| ext.to_str());
    ends.is_some_and(|ext| matches!(ext, "yaml" | "yml" | "json"))
}

impl Files {
    /// Every `.yaml`, `.yml` and `.json` of the folder, in the order of their names. A folder that is not there is empty.
    pub fn of_folder(folder: &Path, around: &Surroundings<'_>) -> Result<Files> {
        let cannot = |path: &Path, error: std::io::Error| {
            Error::definite(format!("cannot read {}", path.display())).source(error)
        };
        let mut sources = Vec::new();
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Files::default());
            }
            Err(error) => return Err(cannot(folder, error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| cannot(folder, error))?.path();
            if is_read(&path) && path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.len() > FILES_MAX {
            return Err(Error::definite(format!("cannot read {}", folder.display()))
                .detail(format!("It has more than {FILES_MAX} files.")));
        }
        for path in paths {
            let bytes = std::fs::metadata(&path).map_err(|error| cannot(&path, error))?.len();
            if bytes > FILE_BYTES_MAX {
                return Err(Error::definite(format!("cannot read {}", path.display()))
                    .detail(format!("It has more than {} MB.", FILE_BYTES_MAX >> 20)));
            }
            let text = std::fs::read_to_string(&path).map_err(|error| cannot(&path, error))?;
            sources.push((path.display().to_string(), text));
        }
        Files::read(&sources, around)
    }

    /// Names and texts of files.
    pub fn read(sources: &[(String, String)], around: &Surroundings<'_>) -> Result<Files> {
        let notes = RefCell::new(Vec::new());
        let mut files = Files::default();
        let mut policy_in = None;
        for (name, text) in sources {
            let reading = Reading { file: name, around, notes: &notes };
            let document = yaml(name, text)?;
            if document.is_null() {
                continue;
            }
            files.add(&Node::new(&reading, String::new(), &document)?, &mut policy_in)?;
        }
        files.notes = notes.into_inner();
        files.agree(policy_in.is_some())?;
        Ok(files)
    }

    fn add(&mut self, root: &Node<'_>, policy_in: &mut Option<String>) -> Result<()> {
        if let Some(version) = root.whole("apiVersion")?
            && version != 1
        {
            return Err(root.wrong("apiVersion", "1 is the only version there is"));
        }
        for node in root.nodes("groups")? {
            rules::group(&node, &mut self.groups)?;
        }
        for node in root.nodes("contactPoints")? {
            points::point(&node, &mut self.contact_points)?;
        }
        for node in root.nodes("policies")? {
            // One tree a file of Grafana's; of several files the last one counts there, silently.
            if let Some(other) = policy_in.replace(root.reading.file.to_owned()) {
                return Err(root
                    .wrong("policies", format!("{other} has a notification policy already"))
                    .hint("There is one tree. Put the routes of both under one root."));
            }
            self.policy = policies::tree(&node)?;
        }
        for node in root.nodes("muteTimes")? {
            let (name, intervals) = times::mute_time(&node)?;
            if self.intervals.insert(name.clone(), intervals).is_some() {
                return Err(node.wrong("name", format!("{name} is there already")));
            }
        }
        for node in root.nodes("templates")? {
            let _ = (node.raw("orgId"), node.raw("orgID"));
            let (name, text) = (node.needed("name")?, node.needed("template")?);
            node.done();
            if self.templates.iter().any(|(other, _)| *other == name) {
                return Err(node.wrong("name", format!("{name} is there already")));
            }
            let mut set = template::Set::default();
            // A template that cannot be read is replaced when something is sent, so it is no reason to stop.
            if let Err(error) = set.add(&name, &text) {
                root.reading.note(&node.at("template"), error);
            }
            self.templates.push((name, text));
        }
        for key in [
            "deleteRules",
            "deleteContactPoints",
            "resetPolicies",
            "deleteTemplates",
            "deleteMuteTimes",
        ] {
            if !root.values(key)?.is_empty() {
                root.reading.note(key, "has no effect: nothing is kept beside the files");
            }
        }
        root.done();
        Ok(())
    }

    /// Names that one part says exist in another.
    fn agree(&mut self, has_policy: bool) -> Result<()> {
        let mut uids = BTreeSet::new();
        for rule in self.groups.iter().flat_map(|group| &group.rules) {
            if !uids.insert(rule.uid.as_str()) {
                return Err(Error::definite(format!("cannot read the rule {}", rule.uid))
                    .detail("Two rules have this uid.")
                    .hint("A uid stands once; the state of a rule is kept by it."));
            }
        }
        for point in &self.contact_points {
            let mut uids = BTreeSet::new();
            let named = point.receivers.iter().filter(|receiver| !receiver.uid.is_empty());
            if let Some(twice) = named.into_iter().find(|receiver| !uids.insert(&receiver.uid)) {
                return Err(Error::definite(format!(
                    "cannot read the contact point {}",
                    point.name
                ))
                .detail(format!("Two of its receivers have the uid {}.", twice.uid))
                .hint("Give one another uid: by it is known what each was told."));
            }
        }
        let points: BTreeSet<&str> = self.contact_points.iter().map(|p| p.name.as_str()).collect();
        let mut receivers = BTreeMap::new();
        let mut intervals = BTreeSet::new();
        if has_policy || points.contains(DEFAULT_RECEIVER) {
            self.policy.names(&mut receivers, &mut intervals);
        } else if !self.groups.is_empty() {
            self.notes.push("there is no notification policy: alerts of rules without a receiver of their own go nowhere".to_owned());
        }
        for rule in self.groups.iter().flat_map(|group| &group.rules) {
            if let Some(settings) = &rule.settings {
                receivers.insert(settings.receiver.clone(), format!("the rule {}", rule.uid));
                intervals.extend(settings.mute.iter().chain(&settings.active).cloned());
            }
        }
        for (receiver, by) in receivers {
            if receiver == DEFAULT_RECEIVER && !points.contains(DEFAULT_RECEIVER) {
                // Grafana has it without any file, and its mail goes to an example's address.
                self.notes.push(format!("{receiver} is no contact point of these files: what is routed to it goes nowhere"));
            } else if !points.contains(receiver.as_str()) {
                return Err(Error::definite(format!("cannot find the contact point {receiver}"))
                    .detail(format!("It is the receiver of {by}."))
                    .hint("Add it under contactPoints, or name another receiver."));
            }
        }
        for interval in intervals {
            if !self.intervals.contains_key(&interval) {
                return Err(Error::definite(format!("cannot find the mute timing {interval}"))
                    .hint("Add it under muteTimes, or take its name out of the policy."));
            }
        }
        Ok(())
    }

    /// The templates as one set; those that cannot be read are left out of it.
    pub fn template_set(&self) -> Arc<template::Set> {
        let mut set = template::Set::with_defaults();
        for (name, text) in &self.templates {
            if let Err(error) = set.add(name, text) {
                tracing::warn!(template = %name, %error, "a template cannot be read");
            }
        }
        Arc::new(set)
    }
}

/// The snippet that the parser would show is left out: it may hold a secret.
fn yaml(name: &str, text: &str) -> Result<Value> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|error| {
        Error::definite(format!("cannot read {name} as YAML"))
            .detail(error.without_snippet().to_string())
    })
}

#[cfg(test)]
mod tests;
