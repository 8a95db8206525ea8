//! One evaluation, instance by instance.

use std::collections::BTreeMap;

use super::text::{self, Values};
use super::{Change, Instance, Instances, State, Stepped};
use crate::Labels;
use crate::expr::{Evaluated, Verdict};
use crate::file::{NoDataState, OnError, Rule};
use crate::labels::fingerprint;
use crate::route::Alert;
use crate::template::Set;

/// What is shown for a value that was not measured, as in Grafana.
const NOT_MEASURED: f64 = -1.0;

/// What an instance is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// By an evaluation with data.
    Fine,
    /// By `OK`.
    Quiet,
    /// It is there no longer: nothing is kept firing.
    Gone,
    Breached,
    NoData,
    Error,
    Keep,
}

struct Stepping<'a> {
    rule: &'a Rule,
    set: &'a Set,
    now_ms: i64,
    out: Stepped,
}

/// The outcome of an evaluation; an error is its text.
pub fn step(
    rule: &Rule,
    instances: &mut Instances,
    outcome: &Result<Evaluated, String>,
    set: &Set,
    now_ms: i64,
) -> Stepped {
    let mut stepping = Stepping { rule, set, now_ms, out: Stepped::default() };
    match outcome {
        Err(error) => stepping.failed(instances, error),
        Ok(evaluated) if evaluated.samples.is_empty() => stepping.empty(instances),
        Ok(evaluated) => stepping.data(instances, evaluated),
    }
    stepping.out
}

/// The rule is paused, or gone: what fires is resolved, and all is forgotten.
pub fn retire(rule: &Rule, instances: &mut Instances, reason: &str, now_ms: i64) -> Stepped {
    let set = Set::default();
    let mut stepping = Stepping { rule, set: &set, now_ms, out: Stepped::default() };
    for (_, mut instance) in std::mem::take(instances) {
        let before = stepping.fired(&instance);
        stepping.turn(&mut instance, before, Told::Gone, reason);
    }
    stepping.out
}

impl Stepping<'_> {
    fn data(&mut self, instances: &mut Instances, evaluated: &Evaluated) {
        let mut seen = std::collections::BTreeSet::new();
        for sample in &evaluated.samples {
            let print = fingerprint(&sample.labels);
            seen.insert(print.clone());
            let (told, reason) = match sample.verdict {
                Verdict::Normal => (Told::Fine, String::new()),
                Verdict::Alerting => (Told::Breached, String::new()),
                Verdict::NoData => self.no_data(),
            };
            let now_ms = self.now_ms;
            let instance =
                instances.entry(print).or_insert_with(|| new(&sample.labels, false, now_ms));
            let before = self.fired(instance);
            instance.missing = 0;
            instance.special = false;
            self.write(instance, &sample.values);
            self.turn(instance, before, told, &reason);
        }
        self.missing(instances, &seen);
    }

    /// Those that are there no longer; a rule's own instance ends with the first data.
    fn missing(&mut self, instances: &mut Instances, seen: &std::collections::BTreeSet<String>) {
        let most = self.rule.missing_evals_max;
        instances.retain(|print, instance| {
            if seen.contains(print) {
                return true;
            }
            let before = self.fired(instance);
            if instance.special {
                self.turn(instance, before, Told::Gone, "");
                return false;
            }
            instance.missing += 1;
            if instance.missing < most {
                return true;
            }
            self.turn(instance, before, Told::Gone, "MissingSeries");
            false
        });
    }

    fn no_data(&self) -> (Told, String) {
        match self.rule.no_data {
            NoDataState::NoData => (Told::NoData, String::new()),
            NoDataState::Alerting => (Told::Breached, "NoData".to_owned()),
            NoDataState::Ok => (Told::Quiet, "NoData".to_owned()),
            NoDataState::KeepLast => (Told::Keep, "NoData, KeepLast".to_owned()),
        }
    }

    fn empty(&mut self, instances: &mut Instances) {
        let (told, reason) = self.no_data();
        if told == Told::NoData {
            let print = self.own(instances, told, &reason, None);
            // The query was answered: who was there before is missing.
            self.missing(instances, &[print].into());
        } else {
            self.all(instances, told, &reason, None);
        }
    }

    fn failed(&mut self, instances: &mut Instances, error: &str) {
        let (told, reason) = match self.rule.on_error {
            OnError::Error => (Told::Error, ""),
            OnError::Alerting => (Told::Breached, "Error"),
            OnError::Ok => (Told::Quiet, "Error"),
            OnError::KeepLast => (Told::Keep, "Error, KeepLast"),
        };
        if told == Told::Error {
            self.own(instances, told, reason, Some(error));
        } else {
            self.all(instances, told, reason, Some(error));
        }
    }

    /// The instance of the rule itself.
    fn own(
        &mut self,
        instances: &mut Instances,
        told: Told,
        reason: &str,
        error: Option<&str>,
    ) -> String {
        let datasource =
            self.rule.plan.as_ref().map_or_else(|_| String::new(), |plan| plan.blamed().0);
        let labels: Labels = [("datasource_uid".to_owned(), datasource)].into();
        let print = fingerprint(&labels);
        let now_ms = self.now_ms;
        let instance = instances.entry(print.clone()).or_insert_with(|| new(&labels, true, now_ms));
        let before = self.fired(instance);
        self.write(instance, &Values::new());
        if let Some(error) = error {
            instance.annotations.insert("Error".to_owned(), error.to_owned());
        }
        self.turn(instance, before, told, reason);
        print
    }

    /// Every instance is told the same; their values were not measured.
    fn all(&mut self, instances: &mut Instances, told: Told, reason: &str, error: Option<&str>) {
        if !instances.values().any(|instance| !instance.special) && told == Told::Breached {
            self.own(instances, told, reason, error);
            return;
        }
        for instance in instances.values_mut() {
            let before = self.fired(instance);
            if told != Told::Keep {
                for value in instance.values.values_mut() {
                    *value = Some(NOT_MEASURED);
                }
                let values: Values = instance
                    .values
                    .iter()
                    .map(|(name, value)| (name.clone(), (Labels::new(), *value)))
                    .collect();
                self.write(instance, &values);
            }
            if let Some(error) = error {
                instance.annotations.insert("Error".to_owned(), error.to_owned());
            }
            self.turn(instance, before, told, reason);
        }
    }

    fn write(&mut self, instance: &mut Instance, values: &Values) {
        let written = text::write(self.rule, &instance.labels, values, self.set);
        instance.values = values.iter().map(|(name, (_, value))| (name.clone(), *value)).collect();
        instance.value_text = text::value_text(values);
        instance.full = written.full;
        instance.annotations = written.annotations;
        self.out.warnings.extend(written.warnings);
    }

    /// The alert that it is, to be compared with what it becomes.
    fn fired(&self, instance: &Instance) -> Option<Alert> {
        instance.state.fires().then(|| instance.alert(self.rule))
    }

    fn turn(&mut self, instance: &mut Instance, fired: Option<Alert>, told: Told, reason: &str) {
        let before = instance.shown();
        // A clock that was set back keeps nothing waiting.
        instance.since_ms = instance.since_ms.min(self.now_ms);
        instance.starts_ms = instance.starts_ms.min(self.now_ms);
        let (state, toward) = next(instance, told, self.rule, self.now_ms);
        let waits_anew = state == State::Pending && toward != instance.toward;
        if state != instance.state || waits_anew {
            instance.since_ms = self.now_ms;
        }
        (instance.state, instance.toward) = (state, toward);
        reason.clone_into(&mut instance.reason);
        let now = instance.alert(self.rule);
        match fired {
            None if state.fires() => instance.starts_ms = self.now_ms,
            None => {}
            // Its labels are its name: what gets others (a label made of a value, NoData after Alerting) is another alert.
            Some(was) if state.fires() && now.labels != was.labels => {
                instance.starts_ms = self.now_ms;
                self.out.ended.push(Alert { ends_ms: Some(self.now_ms), ..was });
            }
            Some(_) if state.fires() => {}
            Some(was) => {
                let (labels, starts_ms) = (was.labels, was.starts_ms);
                let ended = Alert { labels, starts_ms, ends_ms: Some(self.now_ms), ..now };
                self.out.ended.push(ended);
            }
        }
        let after = instance.shown();
        if before != after {
            self.out.changes.push(Change {
                at_ms: self.now_ms,
                rule: self.rule.uid.clone(),
                title: self.rule.title.clone(),
                labels: instance.full.clone(),
                from: before,
                to: after,
                values: instance.values.clone(),
            });
        }
    }
}

fn new(labels: &Labels, special: bool, now_ms: i64) -> Instance {
    Instance {
        labels: labels.clone(),
        state: State::Normal,
        toward: State::Alerting,
        reason: String::new(),
        since_ms: now_ms,
        starts_ms: now_ms,
        missing: 0,
        special,
        values: BTreeMap::new(),
        value_text: String::new(),
        full: Labels::new(),
        annotations: Labels::new(),
    }
}

/// Nothing is wrong: it fires on for `keepFiringFor`, if it did.
fn over(rule: &Rule, here: State, here_for_ms: i64) -> (State, State) {
    let keeps = match here {
        State::Alerting => rule.keep_firing_ms > 0,
        State::Recovering => here_for_ms < rule.keep_firing_ms,
        _ => false,
    };
    (if keeps { State::Recovering } else { State::Normal }, State::Alerting)
}

/// The state, and what Pending waits for.
fn next(instance: &Instance, told: Told, rule: &Rule, now_ms: i64) -> (State, State) {
    let here = instance.state;
    let here_for_ms = now_ms - instance.since_ms;
    let toward = match told {
        Told::Keep => match here {
            State::Normal | State::Alerting => return (here, instance.toward),
            // The time of `for` runs on.
            State::Pending => instance.toward,
            State::Recovering | State::NoData | State::Error => {
                return over(rule, here, here_for_ms);
            }
        },
        Told::Gone => return (State::Normal, State::Alerting),
        Told::Quiet | Told::Fine => return over(rule, here, here_for_ms),
        Told::Breached => State::Alerting,
        Told::NoData => State::NoData,
        Told::Error => State::Error,
    };
    let fires_on = match here {
        State::Alerting | State::Recovering => true,
        State::NoData | State::Error => toward != State::Alerting,
        State::Normal | State::Pending => false,
    };
    let waited = here == State::Pending && instance.toward == toward && here_for_ms >= rule.for_ms;
    if fires_on || waited || rule.for_ms == 0 { (toward, toward) } else { (State::Pending, toward) }
}
