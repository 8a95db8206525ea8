//! The engine for people: the document of `GET api/alerts`, and numbers for metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use super::core::{Core, Watched};
use crate::Labels;
use crate::route::Silence;
use crate::state::{Instance, State};

/// A page shows some hundreds; what fires comes first.
const INSTANCES_SHOWN_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    pub groups: Vec<GroupShown>,
    pub contact_points: Vec<PointShown>,
    pub silences: Vec<SilenceShown>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupShown {
    pub folder: String,
    pub name: String,
    pub interval_s: f64,
    pub rules: Vec<RuleShown>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleShown {
    pub uid: String,
    pub title: String,
    /// The gravest of its instances.
    pub state: String,
    /// `ok`, `nodata`, `error`, `unknown` before the first evaluation.
    pub health: &'static str,
    pub labels: Labels,
    pub annotations: Labels,
    pub for_s: f64,
    pub last_evaluation_ms: Option<i64>,
    pub next_evaluation_ms: Option<i64>,
    pub missed: u64,
    pub error: Option<String>,
    pub paused: bool,
    pub dashboard: Option<String>,
    pub panel: Option<i64>,
    pub instances: Vec<InstanceShown>,
    pub instances_total: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstanceShown {
    pub labels: Labels,
    pub state: String,
    pub since_ms: i64,
    pub values: BTreeMap<String, Option<f64>>,
    pub annotations: Labels,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PointShown {
    pub name: String,
    pub kinds: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SilenceShown {
    #[serde(flatten)]
    pub silence: Silence,
    /// `active`, `pending`, `expired`.
    pub state: &'static str,
}

/// Since the start, other than the states.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Instances by state.
    pub states: BTreeMap<&'static str, u64>,
    pub rules: u64,
    pub evaluations: u64,
    pub evaluations_failed: u64,
    /// Over all rules and starts.
    pub missed: u64,
    pub sent: u64,
    pub failed: u64,
    /// Messages that were on the wire when the engine ended before.
    pub in_doubt: u64,
    pub sending: u64,
}

impl Core {
    pub(super) fn snapshot(&self, now_ms: i64) -> Snapshot {
        let group = |group: &crate::file::Group| GroupShown {
            folder: group.folder.clone(),
            name: group.name.clone(),
            interval_s: group.interval_ms as f64 / 1_000.0,
            rules: group
                .rules
                .iter()
                .filter_map(|rule| self.rules.get(&rule.uid))
                .map(|watched| watched.shown(now_ms))
                .collect(),
        };
        let point = |point: &crate::file::ContactPoint| PointShown {
            name: point.name.clone(),
            kinds: point.receivers.iter().map(|receiver| receiver.kind.clone()).collect(),
        };
        Snapshot {
            groups: self.files.groups.iter().map(group).collect(),
            contact_points: self.files.contact_points.iter().map(point).collect(),
            silences: self.silences_shown(now_ms),
        }
    }

    pub(super) fn silences_shown(&self, now_ms: i64) -> Vec<SilenceShown> {
        let state = |silence: &Silence| {
            if now_ms < silence.starts_ms {
                "pending"
            } else if now_ms < silence.ends_ms {
                "active"
            } else {
                "expired"
            }
        };
        let shown =
            |silence: &Silence| SilenceShown { silence: silence.clone(), state: state(silence) };
        let mut all: Vec<SilenceShown> = self.silences.values().map(shown).collect();
        all.sort_by_key(|shown| std::cmp::Reverse(shown.silence.ends_ms));
        all
    }

    pub(super) fn metrics(&self) -> Metrics {
        let mut states: BTreeMap<&'static str, u64> =
            ["normal", "pending", "alerting", "recovering", "nodata", "error"]
                .map(|name| (name, 0))
                .into();
        for instance in self.rules.values().flat_map(|watched| watched.instances.values()) {
            *states.entry(name(instance.state)).or_default() += 1;
        }
        Metrics {
            states,
            rules: self.rules.len() as u64,
            evaluations: self.counts.evaluations,
            evaluations_failed: self.counts.evaluations_failed,
            missed: self.rules.values().map(|watched| watched.kept.missed).sum(),
            sent: self.counts.sent,
            failed: self.counts.failed,
            in_doubt: self.counts.in_doubt,
            sending: self.sending() as u64,
        }
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Normal => "normal",
        State::Pending => "pending",
        State::Alerting => "alerting",
        State::Recovering => "recovering",
        State::NoData => "nodata",
        State::Error => "error",
    }
}

fn gravity(state: State) -> u8 {
    match state {
        State::Alerting => 5,
        State::Error => 4,
        State::NoData => 3,
        State::Recovering => 2,
        State::Pending => 1,
        State::Normal => 0,
    }
}

impl Watched {
    fn shown(&self, now_ms: i64) -> RuleShown {
        let rule = &self.rule;
        let mut instances: Vec<&Instance> = self.instances.values().collect();
        instances.sort_by_key(|instance| {
            (std::cmp::Reverse(gravity(instance.state)), instance.since_ms)
        });
        let worst = instances.first().map_or(State::Normal, |instance| instance.state);
        let next = now_ms - now_ms.rem_euclid(rule.interval_ms) + rule.interval_ms;
        RuleShown {
            uid: rule.uid.clone(),
            title: rule.title.clone(),
            state: worst.to_string(),
            health: match &self.error {
                _ if rule.plan.is_err() => "error",
                Some(_) => "error",
                None if self.no_data => "nodata",
                None if self.kept.last_ms.is_none() => "unknown",
                None => "ok",
            },
            labels: rule.own_labels(),
            annotations: rule.annotations.clone(),
            for_s: rule.for_ms as f64 / 1_000.0,
            last_evaluation_ms: self.kept.last_ms,
            next_evaluation_ms: (!rule.paused).then_some(next),
            missed: self.kept.missed,
            error: self.error.clone().or_else(|| rule.plan.as_ref().err().cloned()),
            paused: rule.paused,
            dashboard: rule.dashboard.clone(),
            panel: rule.panel,
            instances: instances
                .iter()
                .take(INSTANCES_SHOWN_MAX)
                .map(|instance| shown(instance))
                .collect(),
            instances_total: instances.len(),
        }
    }
}

fn shown(instance: &Instance) -> InstanceShown {
    InstanceShown {
        labels: instance.full.clone(),
        state: instance.shown(),
        since_ms: instance.since_ms,
        // JSON has no NaN.
        values: instance
            .values
            .iter()
            .map(|(name, value)| (name.clone(), value.filter(|v| v.is_finite())))
            .collect(),
        annotations: instance.annotations.clone(),
    }
}
