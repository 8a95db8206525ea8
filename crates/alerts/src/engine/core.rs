//! What the engine knows, without any waiting: rules with their instances, silences, what was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{INSTANCES, RULES, Rows, SENDS_QUEUED_MAX, SILENCES, TOLD};
use crate::expr::Evaluated;
use crate::file::{Files, Receiver, Rule};
use crate::labels::Labels;
use crate::route::{Alert, Dispatcher, Due, Entry, Route, Silence, Target};
use crate::send::Context;
use crate::state::{Change, Instance, Instances, Stepped, retire, step};
use crate::template::Set;

/// Memory that does not answer for long must not fill ours.
const HISTORY_WAITING_MAX: usize = 10_000;

pub(super) struct Core {
    pub(super) files: Arc<Files>,
    pub(super) context: Context,
    pub(super) rules: BTreeMap<String, Watched>,
    pub(super) silences: BTreeMap<String, Silence>,
    pub(super) dispatcher: Dispatcher,
    pub(super) targets: BTreeMap<String, Vec<Target>>,
    pub(super) counts: Counts,
    /// Messages, by contact point.
    on_their_way: BTreeMap<String, usize>,
    /// Whether alerts are others than the dispatcher knows.
    moved: bool,
    /// Last words that the dispatcher has not heard yet.
    ended: Vec<Alert>,
    history: Vec<Change>,
    dirty: BTreeMap<&'static str, BTreeMap<String, Option<String>>>,
    /// Of messages that were on the wire when we ended.
    pub(super) again: Vec<Due>,
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) evaluations: u64,
    pub(super) evaluations_failed: u64,
    pub(super) sent: u64,
    pub(super) failed: u64,
    pub(super) in_doubt: u64,
}

/// A rule and what is known of it.
pub(super) struct Watched {
    pub(super) rule: Arc<Rule>,
    pub(super) instances: Instances,
    pub(super) kept: Kept,
    /// The moment of the last evaluation that began.
    started_ms: Option<i64>,
    running: bool,
    /// Evaluated since the start.
    pub(super) settled: bool,
    pub(super) error: Option<String>,
    pub(super) no_data: bool,
}

/// The row of a rule.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The moment of the last evaluation.
    pub(super) last_ms: Option<i64>,
    pub(super) missed: u64,
}

/// What an evaluation begins with; the rule's next one begins when it has ended.
pub(super) struct Before {
    instances: Instances,
    templates: Arc<Set>,
}

/// What it comes to.
pub(super) struct Turned {
    pub(super) outcome: Result<Evaluated, String>,
    instances: Instances,
    stepped: Stepped,
}

impl Before {
    pub(super) fn turn(mut self, job: &Job, outcome: Result<Evaluated, String>) -> Turned {
        let stepped = step(&job.rule, &mut self.instances, &outcome, &self.templates, job.at_ms);
        Turned { outcome, instances: self.instances, stepped }
    }
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    Taken,
    /// `perhaps`: it may have been taken all the same.
    Failed {
        perhaps: bool,
    },
}

/// An evaluation to be made.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) rule: Arc<Rule>,
    pub(super) at_ms: i64,
    pub(super) active: BTreeSet<Labels>,
}

impl Core {
    pub(super) fn load(
        files: Files,
        external_url: &str,
        rows: Vec<(&'static str, Vec<(String, String)>)>,
        now_ms: i64,
    ) -> Core {
        let mut core = Core {
            context: context(&files, external_url),
            targets: targets(&files),
            files: Arc::new(files),
            rules: BTreeMap::new(),
            silences: BTreeMap::new(),
            dispatcher: Dispatcher::default(),
            counts: Counts::default(),
            on_their_way: BTreeMap::new(),
            moved: true,
            ended: Vec::new(),
            history: Vec::new(),
            dirty: BTreeMap::new(),
            again: Vec::new(),
        };
        for rule in core.files.groups.iter().flat_map(|group| &group.rules) {
            core.rules.insert(rule.uid.clone(), Watched::new(rule));
        }
        let mut told = BTreeMap::new();
        for (kind, rows) in rows {
            for (key, text) in rows {
                if !core.adopt(kind, &key, &text, &mut told) {
                    core.mark(kind, key, None);
                }
            }
        }
        core.dispatcher.restore(told);
        core.doubt(now_ms);
        core.pause(now_ms);
        core
    }

    /// A row of before. What cannot be read, or is of no rule any more, goes.
    fn adopt(
        &mut self,
        kind: &str,
        key: &str,
        text: &str,
        told: &mut BTreeMap<String, Entry>,
    ) -> bool {
        fn read<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
            let read = serde_json::from_str(text);
            if read.is_err() {
                tracing::warn!("a row of the state of alerts cannot be read and is dropped");
            }
            read.ok()
        }
        match kind {
            INSTANCES => {
                let Some((uid, print)) = key.rsplit_once('/') else { return false };
                let (Some(watched), Some(instance)) =
                    (self.rules.get_mut(uid), read::<Instance>(text))
                else {
                    return false;
                };
                watched.instances.insert(print.to_owned(), instance);
            }
            RULES => {
                let (Some(watched), Some(kept)) = (self.rules.get_mut(key), read(text)) else {
                    return false;
                };
                watched.kept = kept;
                watched.started_ms = watched.kept.last_ms;
            }
            SILENCES => {
                let Some(silence) = read(text) else { return false };
                self.silences.insert(key.to_owned(), silence);
            }
            _ => {
                let Some(entry) = read(text) else { return false };
                told.insert(key.to_owned(), entry);
            }
        }
        true
    }

    fn doubt(&mut self, now_ms: i64) {
        let files = self.files.clone();
        let targets = &self.targets;
        let repeats = |log_key: &str, group_key: &str, trying: &crate::route::Trying| {
            let point = files.contact_points.iter().find(|point| point.name == trying.receiver)?;
            let mut targets = targets.get(&trying.receiver)?.iter();
            let target = targets.find(|target| target.key(group_key) == log_key)?;
            let kind = point.receivers.get(target.index)?.send.as_ref().ok()?;
            kind.tells_repeats().then(|| target.clone())
        };
        let (again, taken_as_sent) = self.dispatcher.in_doubt(&repeats, now_ms);
        self.counts.in_doubt = (again.len() + taken_as_sent) as u64;
        for due in &again {
            *self.on_their_way.entry(due.target.receiver.clone()).or_default() += 1;
        }
        self.again = again;
        if taken_as_sent > 0 {
            tracing::warn!(
                count = taken_as_sent,
                "messages were on the wire when the engine ended; they are taken as sent"
            );
        }
    }

    pub(super) fn reload(&mut self, files: Files, external_url: &str, now_ms: i64) {
        let mut before = std::mem::take(&mut self.rules);
        for rule in files.groups.iter().flat_map(|group| &group.rules) {
            let mut watched = Watched::new(rule);
            if let Some(old) = before.remove(&rule.uid) {
                watched.instances = old.instances;
                // One that runs now is of another rule: it is made again. Pauses are meant, nothing is missed in them.
                watched.started_ms = old.kept.last_ms.filter(|_| !old.rule.paused);
                watched.kept = old.kept;
                watched.settled = old.settled;
            }
            self.rules.insert(rule.uid.clone(), watched);
        }
        for (uid, mut watched) in before {
            let prints: Vec<String> = watched.instances.keys().cloned().collect();
            let stepped = retire(&watched.rule, &mut watched.instances, "RuleDeleted", now_ms);
            self.forget(&uid, &prints);
            self.mark(RULES, uid, None);
            self.take(stepped);
        }
        self.context = context(&files, external_url);
        self.targets = targets(&files);
        self.files = Arc::new(files);
        self.moved = true;
        self.pause(now_ms);
    }

    fn pause(&mut self, now_ms: i64) {
        let mut all = Vec::new();
        for (uid, watched) in &mut self.rules {
            if watched.rule.paused && !watched.instances.is_empty() {
                let prints: Vec<String> = watched.instances.keys().cloned().collect();
                all.push((
                    uid.clone(),
                    prints,
                    retire(&watched.rule, &mut watched.instances, "Paused", now_ms),
                ));
            }
        }
        for (uid, prints, stepped) in all {
            self.forget(&uid, &prints);
            self.take(stepped);
        }
    }

    fn forget(&mut self, uid: &str, prints: &[String]) {
        for print in prints {
            self.mark(INSTANCES, format!("{uid}/{print}"), None);
        }
    }

    /// The rules whose moment has come.
    pub(super) fn jobs(&mut self, now_ms: i64) -> Vec<Job> {
        let mut jobs = Vec::new();
        for watched in self.rules.values_mut() {
            let every = watched.rule.interval_ms;
            let at_ms = now_ms - now_ms.rem_euclid(every);
            let is_done = watched.started_ms.is_some_and(|last| at_ms <= last && last <= now_ms);
            if watched.rule.paused || is_done {
                continue;
            }
            // A clock that was set back has missed nothing.
            let skipped = watched.started_ms.map_or(0, |last| ((at_ms - last) / every - 1).max(0));
            watched.kept.missed += u64::try_from(skipped).unwrap_or(0);
            watched.started_ms = Some(at_ms);
            if watched.running {
                watched.kept.missed += 1;
                continue;
            }
            watched.running = true;
            let active = watched.instances.values().filter(|instance| instance.is_active());
            let active = active.map(|instance| instance.labels.clone()).collect();
            jobs.push(Job { rule: watched.rule.clone(), at_ms, active });
        }
        jobs
    }

    /// Whether its last evaluation failed for the same reason.
    pub(super) fn is_known(&self, uid: &str, error: &str) -> bool {
        self.rules.get(uid).is_some_and(|watched| watched.error.as_deref() == Some(error))
    }

    pub(super) fn before(&self, job: &Job) -> Before {
        let instances = self.rules.get(&job.rule.uid).map(|watched| watched.instances.clone());
        Before {
            instances: instances.unwrap_or_default(),
            templates: self.context.templates.clone(),
        }
    }

    /// An evaluation has ended. One of a rule that changed meanwhile says nothing.
    pub(super) fn evaluated(&mut self, job: &Job, turned: Turned) {
        let Turned { outcome, instances, stepped } = turned;
        self.counts.evaluations += 1;
        self.counts.evaluations_failed += u64::from(outcome.is_err());
        let Some(watched) = self.rules.get_mut(&job.rule.uid) else { return };
        if !Arc::ptr_eq(&watched.rule, &job.rule) {
            return;
        }
        watched.running = false;
        watched.settled = true;
        // Kept when it is done: one that is cut off is made again at the next start.
        watched.kept.last_ms = Some(job.at_ms);
        let kept = row(&watched.kept);
        watched.error = outcome.as_ref().err().cloned();
        watched.no_data = outcome.as_ref().is_ok_and(|evaluated| evaluated.samples.is_empty());
        let before = std::mem::replace(&mut watched.instances, instances);
        let mut rows = Vec::new();
        for (print, instance) in &watched.instances {
            if before.get(print).is_none_or(|old| is_news(old, instance)) {
                rows.push((format!("{}/{print}", job.rule.uid), row(instance)));
            }
        }
        for print in before.keys().filter(|print| !watched.instances.contains_key(*print)) {
            rows.push((format!("{}/{print}", job.rule.uid), None));
        }
        for (key, row) in rows {
            self.mark(INSTANCES, key, row);
        }
        self.mark(RULES, job.rule.uid.clone(), kept);
        self.take(stepped);
    }

    fn take(&mut self, stepped: Stepped) {
        self.moved = true;
        for warning in &stepped.warnings {
            tracing::debug!(%warning, "a label or annotation could not be written");
        }
        self.ended.extend(stepped.ended);
        self.history.extend(stepped.changes);
        let over = self.history.len().saturating_sub(HISTORY_WAITING_MAX);
        self.history.drain(..over);
    }

    /// What is to be sent now.
    pub(super) fn due(&mut self, now_ms: i64) -> Vec<Due> {
        if !std::mem::take(&mut self.moved)
            && self.dispatcher.next_ms().is_none_or(|at| now_ms < at)
        {
            return Vec::new();
        }
        let rules = &self.rules;
        let files = &self.files;
        let firing: Vec<Alert> = rules
            .values()
            .flat_map(|watched| {
                let fires = watched.instances.values().filter(|instance| instance.state.fires());
                fires.map(|instance| instance.alert(&watched.rule))
            })
            .collect();
        let routes_of = |alert: &Alert| -> Vec<Route> {
            let settings =
                rules.get(&alert.rule).and_then(|watched| watched.rule.settings.as_ref());
            settings.map_or_else(
                || files.policy.routes_of(&alert.labels),
                |settings| vec![Route::of_settings(settings)],
            )
        };
        let settled =
            |uid: &str| rules.get(uid).is_none_or(|watched| watched.settled || watched.rule.paused);
        self.dispatcher.offer(
            &firing,
            &std::mem::take(&mut self.ended),
            &routes_of,
            &settled,
            now_ms,
        );
        let holds = |name: &String| {
            files
                .intervals
                .get(name)
                .is_some_and(|intervals| intervals.iter().any(|interval| interval.holds(now_ms)))
        };
        let muted = |route: &Route| {
            route.mute.iter().any(holds)
                || (!route.active.is_empty() && !route.active.iter().any(holds))
        };
        let silences = &self.silences;
        let silenced =
            |labels: &Labels| silences.values().any(|silence| silence.silences(labels, now_ms));
        let mut due = self.dispatcher.due(now_ms, &self.targets, &muted, &silenced);
        let (on_their_way, dispatcher) = (&mut self.on_their_way, &mut self.dispatcher);
        due.retain(|due| {
            let count = on_their_way.entry(due.target.receiver.clone()).or_default();
            let has_room = *count < SENDS_QUEUED_MAX;
            if has_room {
                *count += 1;
            } else {
                tracing::warn!(contact_point = %due.target.receiver, "too many messages are on their way; this one waits for its group's next turn");
                dispatcher.failed(due, false, now_ms);
            }
            has_room
        });
        due
    }

    pub(super) fn sending(&self) -> usize {
        self.on_their_way.values().sum()
    }

    /// It was sent, or is given up for now.
    pub(super) fn ended(&mut self, due: &Due, sent: Sent, now_ms: i64) {
        if let Some(count) = self.on_their_way.get_mut(&due.target.receiver) {
            *count = count.saturating_sub(1);
        }
        match sent {
            Sent::Taken => {
                self.counts.sent += 1;
                self.dispatcher.sent(due, now_ms);
            }
            Sent::Failed { perhaps } => {
                self.counts.failed += 1;
                self.dispatcher.failed(due, perhaps, now_ms);
            }
        }
    }

    /// Who a message is for, as the files are now.
    pub(super) fn receiver(&self, due: &Due) -> Option<&Receiver> {
        let receiver = &due.target.receiver;
        let is_it = |target: &Target| target.key(&due.group_key) == due.log_key;
        let index = self.targets.get(receiver)?.iter().position(is_it)?;
        self.files.contact_points.iter().find(|point| point.name == *receiver)?.receivers.get(index)
    }

    pub(super) fn mark(&mut self, kind: &'static str, key: String, row: Option<String>) {
        self.dirty.entry(kind).or_default().insert(key, row);
    }

    /// Rows to be saved, and lines of the history.
    pub(super) fn unsaved(&mut self) -> (Vec<(&'static str, Rows)>, Vec<Change>) {
        for (key, entry) in self.dispatcher.changed() {
            let row = entry.as_ref().and_then(row);
            self.mark(TOLD, key, row);
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        // The row of a message that is on its way is its sender's.
        let told = dirty.remove(TOLD).unwrap_or_default();
        let (wait, ready): (BTreeMap<_, _>, BTreeMap<_, _>) =
            told.into_iter().partition(|(key, _)| self.dispatcher.is_sending(key));
        dirty.insert(TOLD, ready);
        self.dirty.insert(TOLD, wait);
        let rows = dirty.into_iter().filter(|(_, rows)| !rows.is_empty());
        let rows = rows.map(|(kind, rows)| (kind, rows.into_iter().collect())).collect();
        (rows, std::mem::take(&mut self.history))
    }

    /// They could not be saved, and have not changed meanwhile.
    pub(super) fn put_back(&mut self, kind: &'static str, rows: Rows) {
        let dirty = self.dirty.entry(kind).or_default();
        for (key, row) in rows {
            dirty.entry(key).or_insert(row);
        }
    }

    pub(super) fn put_back_history(&mut self, mut lines: Vec<Change>) {
        lines.append(&mut self.history);
        let over = lines.len().saturating_sub(HISTORY_WAITING_MAX);
        lines.drain(..over);
        self.history = lines;
    }
}

impl Watched {
    fn new(rule: &Rule) -> Watched {
        Watched {
            rule: Arc::new(rule.clone()),
            instances: Instances::new(),
            kept: Kept::default(),
            started_ms: None,
            running: false,
            settled: false,
            error: None,
            no_data: false,
        }
    }
}

/// Whether the row of an instance has to be written: of one that is well, its numbers are not worth it.
fn is_news(old: &Instance, new: &Instance) -> bool {
    let essence = |i: &Instance| (i.state, i.toward, i.since_ms, i.starts_ms, i.missing, i.special);
    essence(old) != essence(new) || old.full != new.full || (new.state.fires() && old != new)
}

pub(super) fn row<T: Serialize>(value: &T) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn context(files: &Files, external_url: &str) -> Context {
    let mut templates = (*files.template_set()).clone();
    external_url.clone_into(&mut templates.external_url);
    Context { templates: Arc::new(templates), external_url: external_url.to_owned() }
}

fn targets(files: &Files) -> BTreeMap<String, Vec<Target>> {
    let of = |point: &crate::file::ContactPoint| {
        let all = point.receivers.iter().enumerate().map(|(index, receiver)| Target {
            receiver: point.name.clone(),
            index,
            uid: receiver.uid.clone(),
            no_resolved: receiver.no_resolved,
        });
        (point.name.clone(), all.collect())
    };
    files.contact_points.iter().map(of).collect()
}
