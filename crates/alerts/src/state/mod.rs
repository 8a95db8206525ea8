//! What an evaluation makes of the instances of a rule. Pure: the clock is an argument.
//!
//! ```text
//!            breached              `for` is over
//!  Normal ───────────▶ Pending ───────────────────▶ Alerting ◀──── breached again ───┐
//!    ▲ ▲                  │                            │                             │
//!    │ └──── not breached ┘             not breached, `keepFiringFor` > 0 ──▶ Recovering
//!    └───────────────────────────── not breached ──────┴──── `keepFiringFor` is over ┘
//! ```
//!
//! - An evaluation without any data, and one that fails, are what `noDataState` and `execErrState` say. `NoData` and `Error` are an
//!   instance of the rule's own, after `for`; its alert is called `DatasourceNoData` or `DatasourceError`. It ends with the
//!   first evaluation that has data.
//! - `Alerting`, `OK` and `KeepLast` are of the instances that there are. What was measured is -1 then. If there are none,
//!   `Alerting` makes one for the rule.
//! - An instance whose labels are no longer in the answer keeps its state for `missing_series_evals_to_resolve` evaluations, and
//!   is then resolved (`MissingSeries`) and forgotten. An evaluation that fails says nothing of who is missing.
//! - An instance that fires stays firing when it comes to have no data; one that has no data becomes Pending when it breaches.

mod step;
mod text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use step::{retire, step};

use crate::Labels;
use crate::file::Rule;
use crate::route::Alert;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum State {
    Normal,
    Pending,
    Alerting,
    Recovering,
    NoData,
    Error,
}

impl State {
    /// Those that people are told of.
    pub fn fires(self) -> bool {
        matches!(self, State::Alerting | State::Recovering | State::NoData | State::Error)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// One label set of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Those of the answer, without the rule's.
    pub labels: Labels,
    pub state: State,
    /// What Pending waits for: Alerting, NoData or Error.
    pub toward: State,
    /// Why, when it is not the evaluation itself: `NoData`, `Error`, `KeepLast`, `MissingSeries`, …
    pub reason: String,
    pub since_ms: i64,
    /// Since when it fires.
    pub starts_ms: i64,
    pub missing: u32,
    /// Of the rule itself: no data, or an error.
    pub special: bool,
    pub values: BTreeMap<String, Option<f64>>,
    pub value_text: String,
    /// With the rule's labels, as it is routed.
    pub full: Labels,
    pub annotations: Labels,
}

/// By fingerprint.
pub type Instances = BTreeMap<String, Instance>;

/// A line of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub at_ms: i64,
    /// The uid.
    pub rule: String,
    pub title: String,
    pub labels: Labels,
    pub from: String,
    pub to: String,
    pub values: BTreeMap<String, Option<f64>>,
}

/// What comes of an evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stepped {
    pub changes: Vec<Change>,
    /// Alerts that fired before and do no more, with their last words.
    pub ended: Vec<Alert>,
    /// Annotations and labels that could not be written.
    pub warnings: Vec<String>,
}

impl Instance {
    /// `Normal (MissingSeries)`
    pub fn shown(&self) -> String {
        if self.reason.is_empty() {
            self.state.to_string()
        } else {
            format!("{} ({})", self.state, self.reason)
        }
    }

    /// Whether the threshold was crossed when it was last looked at, for recovery thresholds.
    pub fn is_active(&self) -> bool {
        // Told to alert by the lack of data, it has crossed nothing.
        !self.special
            && !matches!(self.reason.as_str(), "NoData" | "Error")
            && match self.state {
                State::Alerting => true,
                State::Pending => self.toward == State::Alerting,
                _ => false,
            }
    }

    /// The alert that is told of; without an end.
    pub fn alert(&self, rule: &Rule) -> Alert {
        let mut labels = self.full.clone();
        let kind = if self.state == State::Pending { self.toward } else { self.state };
        if matches!(kind, State::NoData | State::Error) {
            let name = if kind == State::NoData { "DatasourceNoData" } else { "DatasourceError" };
            labels.insert("alertname".to_owned(), name.to_owned());
            labels.insert("rulename".to_owned(), rule.title.clone());
        }
        let mut annotations = self.annotations.clone();
        if !self.reason.is_empty() {
            annotations.insert("grafana_state_reason".to_owned(), self.reason.clone());
        }
        Alert {
            rule: rule.uid.clone(),
            labels,
            annotations,
            starts_ms: self.starts_ms,
            ends_ms: None,
            values: self.values.clone(),
            value_text: self.value_text.clone(),
            dashboard: rule.dashboard.clone(),
            panel: rule.panel,
        }
    }
}

#[cfg(test)]
mod tests;
