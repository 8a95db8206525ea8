//! The tree of policies, and which of its leaves an alert comes to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Matcher;
use crate::Labels;
use crate::file::Settings;

const GROUP_WAIT_MS: i64 = 30_000;
const GROUP_INTERVAL_MS: i64 = 300_000;
const REPEAT_INTERVAL_MS: i64 = 4 * 3_600_000;

/// What a rule with a receiver of its own, and the tree of a project without one, is grouped by.
const GROUP_BY_DEFAULT: [&str; 2] = ["grafana_folder", "alertname"];

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    pub receiver: Option<String>,
    pub group_by: Option<Vec<String>>,
    pub matchers: Vec<Matcher>,
    /// `continue`: the ones after it are asked too.
    pub goes_on: bool,
    pub group_wait_ms: Option<i64>,
    pub group_interval_ms: Option<i64>,
    pub repeat_interval_ms: Option<i64>,
    /// Not inherited, other than the rest.
    pub mute: Vec<String>,
    pub active: Vec<String>,
    pub routes: Vec<Policy>,
}

/// A place where alerts are gathered, with all that it inherited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// The way through the tree, so that two places with one receiver are two.
    pub key: String,
    pub receiver: String,
    pub group_by: Vec<String>,
    pub group_wait_ms: i64,
    pub group_interval_ms: i64,
    pub repeat_interval_ms: i64,
    pub mute: Vec<String>,
    pub active: Vec<String>,
}

impl Policy {
    pub fn new(receiver: &str) -> Policy {
        let group_by = GROUP_BY_DEFAULT.map(str::to_owned).to_vec();
        Policy {
            receiver: Some(receiver.to_owned()),
            group_by: Some(group_by),
            ..Policy::default()
        }
    }

    /// The deepest policies that match; of brothers the first one, and those after it if it says `continue`.
    pub fn routes_of(&self, labels: &Labels) -> Vec<Route> {
        let root = Route {
            key: "{}".to_owned(),
            receiver: String::new(),
            group_by: Vec::new(),
            group_wait_ms: GROUP_WAIT_MS,
            group_interval_ms: GROUP_INTERVAL_MS,
            repeat_interval_ms: REPEAT_INTERVAL_MS,
            mute: Vec::new(),
            active: Vec::new(),
        };
        let mut found = Vec::new();
        self.walk(&self.on_top_of(&root, None), labels, &mut found);
        found
    }

    fn walk(&self, here: &Route, labels: &Labels, found: &mut Vec<Route>) {
        let before = found.len();
        for (index, child) in self.routes.iter().enumerate() {
            if child.matchers.iter().all(|matcher| matcher.matches(labels)) {
                let alike = |other: &&Policy| other.matchers == child.matchers;
                let before = self.routes[..index].iter().filter(alike).count();
                child.walk(&child.on_top_of(here, Some(before)), labels, found);
                if !child.goes_on {
                    break;
                }
            }
        }
        if found.len() == before {
            found.push(here.clone());
        }
    }

    /// `alike_before`: siblings before it with the same matchers; the root has none. The place among the others is not in
    /// the key: what was told under it would be told again after a policy is put in above.
    fn on_top_of(&self, parent: &Route, alike_before: Option<usize>) -> Route {
        let matchers: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        let matchers = matchers.join(",");
        let key = match alike_before {
            None => parent.key.clone(),
            Some(0) => format!("{}/{{{matchers}}}", parent.key),
            Some(count) => format!("{}/{{{matchers}}}#{count}", parent.key),
        };
        Route {
            key,
            receiver: self.receiver.clone().unwrap_or_else(|| parent.receiver.clone()),
            group_by: self.group_by.clone().unwrap_or_else(|| parent.group_by.clone()),
            group_wait_ms: self.group_wait_ms.unwrap_or(parent.group_wait_ms),
            group_interval_ms: self.group_interval_ms.unwrap_or(parent.group_interval_ms),
            repeat_interval_ms: self.repeat_interval_ms.unwrap_or(parent.repeat_interval_ms),
            mute: self.mute.clone(),
            active: self.active.clone(),
        }
    }

    /// The receivers and mute timings that the tree names.
    pub(crate) fn names(
        &self,
        receivers: &mut BTreeMap<String, String>,
        intervals: &mut BTreeSet<String>,
    ) {
        if let Some(receiver) = &self.receiver {
            receivers.insert(receiver.clone(), "a notification policy".to_owned());
        }
        intervals.extend(self.mute.iter().chain(&self.active).cloned());
        for route in &self.routes {
            route.names(receivers, intervals);
        }
    }
}

impl Route {
    /// A rule that names its contact point.
    pub fn of_settings(settings: &Settings) -> Route {
        let mut group_by = GROUP_BY_DEFAULT.map(str::to_owned).to_vec();
        if let Some(wanted) = settings.group_by.as_ref().filter(|wanted| !wanted.is_empty()) {
            if wanted.iter().any(|name| name == "...") {
                group_by = wanted.clone();
            } else {
                group_by.extend(
                    wanted
                        .iter()
                        .filter(|name| !GROUP_BY_DEFAULT.contains(&name.as_str()))
                        .cloned(),
                );
            }
        }
        let mut route = Route {
            key: String::new(),
            receiver: settings.receiver.clone(),
            group_by,
            group_wait_ms: settings.group_wait_ms.unwrap_or(GROUP_WAIT_MS),
            group_interval_ms: settings.group_interval_ms.unwrap_or(GROUP_INTERVAL_MS),
            repeat_interval_ms: settings.repeat_interval_ms.unwrap_or(REPEAT_INTERVAL_MS),
            mute: settings.mute.clone(),
            active: settings.active.clone(),
        };
        // Rules with the same settings share their groups.
        let same = serde_json::to_string(&route).unwrap_or_default();
        route.key = format!("{{}}/settings:{}", crate::engine::digest(&same));
        route
    }

    /// The labels that an alert is gathered by.
    pub fn group_of(&self, labels: &Labels) -> Labels {
        if self.group_by.iter().any(|name| name == "...") {
            return labels.clone();
        }
        let pairs = self.group_by.iter().filter_map(|name| labels.get_key_value(name));
        pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::of;

    fn route(receiver: &str, matchers: &[&str], goes_on: bool, routes: Vec<Policy>) -> Policy {
        let matchers = matchers.iter().map(|text| Matcher::parse(text).unwrap()).collect();
        let receiver = (!receiver.is_empty()).then(|| receiver.to_owned());
        Policy { receiver, matchers, goes_on, routes, ..Policy::default() }
    }

    fn receivers(tree: &Policy, pairs: &[(&str, &str)]) -> Vec<String> {
        tree.routes_of(&of(pairs)).into_iter().map(|route| route.receiver).collect()
    }

    #[test]
    fn the_deepest_policy_that_matches_gets_the_alert() {
        let tree = Policy {
            routes: vec![
                route(
                    "shop",
                    &["team = shop"],
                    false,
                    vec![route("pager", &["severity = critical"], false, vec![])],
                ),
                route("audit", &["severity =~ .+"], true, vec![]),
                route("", &["severity = warning"], false, vec![]),
            ],
            ..Policy::new("all")
        };
        assert_eq!(receivers(&tree, &[]), ["all"]);
        assert_eq!(receivers(&tree, &[("team", "shop")]), ["shop"]);
        assert_eq!(receivers(&tree, &[("team", "shop"), ("severity", "critical")]), ["pager"]);
        assert_eq!(receivers(&tree, &[("severity", "critical")]), ["audit"]);
        // `continue`, and a policy without a receiver has its parent's.
        assert_eq!(receivers(&tree, &[("severity", "warning")]), ["audit", "all"]);
    }

    #[test]
    fn what_a_policy_does_not_say_it_inherits() {
        let child = Policy {
            group_wait_ms: Some(1),
            mute: vec!["night".into()],
            ..route("x", &["a = 1"], false, vec![route("", &["b = 1"], false, vec![])])
        };
        let tree =
            Policy { routes: vec![child], repeat_interval_ms: Some(7), ..Policy::new("all") };
        let found = &tree.routes_of(&of(&[("a", "1"), ("b", "1")]))[0];
        assert_eq!(
            (found.group_wait_ms, found.group_interval_ms, found.repeat_interval_ms),
            (1, 300_000, 7)
        );
        assert_eq!((found.receiver.as_str(), found.group_by.len()), ("x", 2));
        assert!(found.mute.is_empty(), "mute timings are not inherited");
        assert_eq!(found.key, "{}/{a=\"1\"}/{b=\"1\"}");
    }

    #[test]
    fn alerts_are_gathered_by_the_labels_they_have() {
        let labels = of(&[("alertname", "x"), ("host", "a")]);
        let mut route = Policy::new("all").routes_of(&labels).remove(0);
        assert_eq!(route.group_of(&labels), of(&[("alertname", "x")]));
        route.group_by = vec!["...".to_owned()];
        assert_eq!(route.group_of(&labels), labels);
        route.group_by.clear();
        assert_eq!(route.group_of(&labels), Labels::new());
    }

    #[test]
    fn a_rule_with_a_receiver_is_grouped_by_folder_and_name_first() {
        let settings = |group_by: &[&str]| Settings {
            receiver: "x".to_owned(),
            group_by: Some(group_by.iter().map(|name| (*name).to_owned()).collect()),
            ..Settings::default()
        };
        let route = Route::of_settings(&settings(&["host", "alertname"]));
        assert_eq!(route.group_by, ["grafana_folder", "alertname", "host"]);
        assert_eq!(Route::of_settings(&settings(&["..."])).group_by, ["..."]);
        assert_eq!(route.key, Route::of_settings(&settings(&["host"])).key);
        assert_ne!(route.key, Route::of_settings(&settings(&[])).key);
    }
}
