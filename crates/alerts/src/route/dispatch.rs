//! Groups of alerts, when each is due, and what was told already.
//!
//! A group waits `group_wait` after its first alert, then looks every `group_interval`; something is sent when there is news,
//! or `repeat_interval` has passed. What was told is one entry a group and receiver: an alert that is told as firing is told
//! as resolved, once, also after a restart, and also when it resolved while it was muted or silenced (then as soon as that
//! is over; an alert that fired and resolved unheard is never mentioned).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Route;
use crate::labels::{Labels, fingerprint};

/// What was told to a receiver that files name no longer is forgotten at last; no repeat_interval is that long.
const LOG_KEPT_MS: i64 = 90 * 86_400_000;
/// A receiver that has answered nothing for so long has heard nothing.
const PERHAPS_KEPT_MS: i64 = 86_400_000;

/// One alert as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The uid of its rule.
    pub rule: String,
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_ms: i64,
    /// None while it fires.
    pub ends_ms: Option<i64>,
    pub values: BTreeMap<String, Option<f64>>,
    pub value_text: String,
    #[serde(default)]
    pub dashboard: Option<String>,
    #[serde(default)]
    pub panel: Option<i64>,
}

impl Alert {
    /// Of its labels and its rule, which is one of them in Grafana: two rules of one title are two.
    pub fn fingerprint(&self) -> String {
        let mut labels = self.labels.clone();
        labels.insert("__alert_rule_uid__".to_owned(), self.rule.clone());
        fingerprint(&labels)
    }
}

/// A receiver of a contact point.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub receiver: String,
    pub index: usize,
    pub uid: String,
    pub no_resolved: bool,
}

impl Target {
    /// What it was told of a group is kept under this.
    pub(crate) fn key(&self, group_key: &str) -> String {
        let own = if self.uid.is_empty() { self.index.to_string() } else { self.uid.clone() };
        format!("{group_key}|{}|{own}", self.receiver)
    }
}

/// What one receiver was told of one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub group_key: String,
    /// By which it went there: it hears of the end also when no policy leads there any more.
    #[serde(default)]
    pub route: Option<Route>,
    pub sent_ms: i64,
    /// What fired in the last message; anything else that fires is news.
    #[serde(default)]
    pub last: BTreeSet<String>,
    /// Told as firing, and not yet as resolved.
    pub firing: BTreeMap<String, Alert>,
    /// Nothing was taken for certain; perhaps something was whose answer did not come.
    #[serde(default)]
    pub perhaps: bool,
    /// The message that is being sent.
    #[serde(default)]
    pub trying: Option<Trying>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trying {
    pub id: String,
    /// Whether the request may have left us; between two tries it has not.
    pub on_wire: bool,
    /// A try before this moment may have been taken.
    #[serde(default)]
    pub perhaps: bool,
    pub receiver: String,
    pub index: usize,
    pub group_labels: Labels,
    pub alerts: Vec<Alert>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    pub log_key: String,
    pub group_key: String,
    pub group_labels: Labels,
    pub route: Option<Route>,
    /// A try of before may have been taken.
    pub perhaps: bool,
    pub target: Target,
    /// The same for each try of the same message.
    pub id: String,
    /// Firing ones first.
    pub alerts: Vec<Alert>,
}

#[derive(Debug)]
struct Group {
    route: Route,
    labels: Labels,
    alerts: BTreeMap<String, Alert>,
    next_ms: i64,
}

#[derive(Debug)]
struct Orphan {
    group_key: String,
    route: Option<Route>,
    alert: Alert,
}

#[derive(Default, Debug)]
pub struct Dispatcher {
    groups: BTreeMap<String, Group>,
    log: BTreeMap<String, Entry>,
    /// What is on its way, and the firing alerts in it.
    sending: BTreeMap<String, BTreeSet<String>>,
    /// Told as firing, and in no group: of before a restart, or of a group that went while it was told.
    orphans: Vec<Orphan>,
    dirty: BTreeSet<String>,
}

impl Dispatcher {
    /// After a restart: what was told before it.
    pub fn restore(&mut self, mut log: BTreeMap<String, Entry>) {
        for entry in log.values_mut() {
            // What names an alert may have changed with the version.
            let firing = std::mem::take(&mut entry.firing).into_values();
            entry.firing = firing.map(|alert| (alert.fingerprint(), alert)).collect();
            self.orphans.extend(entry.firing.values().map(|alert| orphan(entry, alert)));
        }
        self.log = log;
    }

    /// All that fires now, and the last words of what did. `settled` says whether the rule of that uid was evaluated since the start, or is no more.
    pub fn offer(
        &mut self,
        firing: &[Alert],
        ended: &[Alert],
        routes_of: &dyn Fn(&Alert) -> Vec<Route>,
        settled: &dyn Fn(&str) -> bool,
        now_ms: i64,
    ) {
        let mut present: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for alert in firing {
            let print = alert.fingerprint();
            let places = present.entry(print.clone()).or_default();
            for route in routes_of(alert) {
                let labels = route.group_of(&alert.labels);
                let key = group_key(&route, &labels);
                places.insert(key.clone());
                let group = self.groups.entry(key).or_insert_with(|| Group {
                    next_ms: now_ms + route.group_wait_ms,
                    route: route.clone(),
                    labels,
                    alerts: BTreeMap::new(),
                });
                group.route = route;
                // One that fires for longer than the wait has waited: after a restart nobody waits twice.
                if alert.starts_ms + group.route.group_wait_ms < now_ms && group.alerts.is_empty() {
                    group.next_ms = group.next_ms.min(now_ms);
                }
                group.alerts.insert(print.clone(), alert.clone());
            }
        }
        let mut words: BTreeMap<String, &Alert> = BTreeMap::new();
        words.extend(ended.iter().map(|alert| (alert.fingerprint(), alert)));
        let orphans = &mut self.orphans;
        for (key, group) in &mut self.groups {
            let route = &group.route;
            group.alerts.retain(|print, alert| {
                match present.get(print) {
                    Some(places) if places.contains(key) => return true,
                    // It moved to another group with new files. Who was told of it here hears of its end.
                    Some(_) => {
                        let (group_key, route) = (key.clone(), Some(route.clone()));
                        orphans.push(Orphan { group_key, route, alert: alert.clone() });
                        return false;
                    }
                    None if alert.ends_ms.is_none() => {
                        if let Some(last) = words.get(print) {
                            *alert = Alert { starts_ms: alert.starts_ms, ..(*last).clone() };
                        }
                        alert.ends_ms.get_or_insert(now_ms);
                    }
                    None => {}
                }
                true
            });
        }
        self.adopt(&present, routes_of, settled, now_ms);
    }

    /// What was told as firing and is no more: its group says so.
    fn adopt(
        &mut self,
        present: &BTreeMap<String, BTreeSet<String>>,
        routes_of: &dyn Fn(&Alert) -> Vec<Route>,
        settled: &dyn Fn(&str) -> bool,
        now_ms: i64,
    ) {
        let orphans = std::mem::take(&mut self.orphans);
        for orphan in orphans {
            if let Some(places) = present.get(&orphan.alert.fingerprint()) {
                if !places.contains(&orphan.group_key) {
                    self.orphans.push(orphan);
                }
                continue;
            }
            if !settled(&orphan.alert.rule) {
                self.orphans.push(orphan);
                continue;
            }
            let Orphan { group_key: key, route, mut alert } = orphan;
            let known = route.into_iter().chain(routes_of(&alert));
            let mut placed = known.map(|route| (route.group_of(&alert.labels), route));
            let Some((labels, route)) =
                placed.find(|(labels, route)| group_key(route, labels) == key)
            else {
                continue;
            };
            alert.ends_ms.get_or_insert(now_ms);
            let group = self.groups.entry(key).or_insert_with(|| Group {
                next_ms: now_ms,
                route,
                labels,
                alerts: BTreeMap::new(),
            });
            group.alerts.insert(alert.fingerprint(), alert);
        }
    }

    /// What is to be sent now. Each of it is in flight until `sent` or `failed`.
    pub fn due(
        &mut self,
        now_ms: i64,
        targets: &BTreeMap<String, Vec<Target>>,
        muted: &dyn Fn(&Route) -> bool,
        silenced: &dyn Fn(&Labels) -> bool,
    ) -> Vec<Due> {
        // A clock that was set back keeps nobody waiting for the moments that it took back.
        for entry in self.log.values_mut() {
            entry.sent_ms = entry.sent_ms.min(now_ms);
        }
        for group in self.groups.values_mut() {
            let longest = group.route.group_wait_ms.max(group.route.group_interval_ms);
            group.next_ms = group.next_ms.min(now_ms.saturating_add(longest));
        }
        let old = |entry: &Entry| {
            let kept_ms = if entry.perhaps { PERHAPS_KEPT_MS } else { LOG_KEPT_MS };
            now_ms - entry.sent_ms > kept_ms
        };
        self.dirty
            .extend(self.log.iter().filter(|(_, entry)| old(entry)).map(|(key, _)| key.clone()));
        self.log.retain(|_, entry| !old(entry));
        let mut due = Vec::new();
        for (key, group) in &mut self.groups {
            if group.next_ms > now_ms {
                continue;
            }
            group.next_ms = now_ms + group.route.group_interval_ms;
            let receivers =
                targets.get(&group.route.receiver).map(Vec::as_slice).unwrap_or_default();
            if !muted(&group.route) {
                for target in receivers {
                    let log_key = target.key(key);
                    if target.no_resolved && forget_resolved(self.log.get_mut(&log_key), group) {
                        self.dirty.insert(log_key.clone());
                    }
                    if self.sending.contains_key(&log_key) {
                        continue;
                    }
                    if let Some(alerts) = news(group, self.log.get(&log_key), silenced, now_ms) {
                        let id = id_of(&log_key, &alerts, self.log.get(&log_key));
                        self.sending.insert(log_key.clone(), firing_of(&alerts));
                        due.push(Due {
                            log_key,
                            group_key: key.clone(),
                            group_labels: group.labels.clone(),
                            route: Some(group.route.clone()),
                            perhaps: false,
                            target: target.clone(),
                            id,
                            alerts,
                        });
                    }
                }
            }
            // A resolved alert that nobody heard of as firing has nothing to say any more.
            // Who is being told of it will have to hear of its end.
            let keys: Vec<String> = receivers.iter().map(|target| target.key(key)).collect();
            let heard = keys.iter().filter_map(|key| self.log.get(key));
            let on_their_way = keys.iter().filter_map(|key| self.sending.get(key)).flatten();
            let told: BTreeSet<&String> =
                heard.flat_map(|entry| entry.firing.keys()).chain(on_their_way).collect();
            group.alerts.retain(|print, alert| alert.ends_ms.is_none() || told.contains(print));
        }
        self.groups.retain(|_, group| !group.alerts.is_empty());
        due
    }

    /// The message has arrived.
    pub fn sent(&mut self, due: &Due, now_ms: i64) {
        self.sending.remove(&due.log_key);
        let entry = self.told(due, now_ms);
        self.log.insert(due.log_key.clone(), entry);
        self.dirty.insert(due.log_key.clone());
        self.orphan(due);
    }

    /// It has not, and is news still when its group is due again. `perhaps` it was taken all the same, and only the answer
    /// did not come: then its end is told.
    pub fn failed(&mut self, due: &Due, perhaps: bool, now_ms: i64) {
        self.sending.remove(&due.log_key);
        // Also where it was the first message: what is kept of it may say that it is on the wire.
        self.dirty.insert(due.log_key.clone());
        if perhaps {
            let entry = self.log.entry(due.log_key.clone()).or_default();
            due.group_key.clone_into(&mut entry.group_key);
            entry.route.clone_from(&due.route);
            // Those that are in its group still are no orphans.
            owe(entry, &due.alerts, &mut Vec::new(), now_ms);
            self.orphan(due);
        }
        if let Some(entry) = self.log.get_mut(&due.log_key) {
            entry.trying = None;
        }
    }

    /// What has left its group while it was told of.
    fn orphan(&mut self, due: &Due) {
        let group = self.groups.get(&due.group_key);
        let is_there = |alert: &&Alert| {
            group.is_some_and(|group| group.alerts.contains_key(&alert.fingerprint()))
        };
        let gone = due.alerts.iter().filter(|alert| alert.ends_ms.is_none() && !is_there(alert));
        self.orphans.extend(gone.map(|alert| Orphan {
            group_key: due.group_key.clone(),
            route: due.route.clone(),
            alert: alert.clone(),
        }));
    }

    pub fn is_sending(&self, log_key: &str) -> bool {
        self.sending.contains_key(log_key)
    }

    /// The entry as it is to be kept once the message was taken.
    pub fn told(&self, due: &Due, now_ms: i64) -> Entry {
        let mut entry = self.log.get(&due.log_key).cloned().unwrap_or_default();
        due.group_key.clone_into(&mut entry.group_key);
        entry.route.clone_from(&due.route);
        entry.sent_ms = now_ms;
        entry.perhaps = false;
        entry.trying = None;
        settle(&mut entry, &due.alerts);
        entry
    }

    /// The entry as it is to be kept while a message is being sent.
    pub fn trying(&self, due: &Due, on_wire: bool, perhaps: bool) -> Entry {
        let mut entry = self.log.get(&due.log_key).cloned().unwrap_or_default();
        due.group_key.clone_into(&mut entry.group_key);
        entry.route.clone_from(&due.route);
        entry.trying = Some(Trying {
            id: due.id.clone(),
            on_wire,
            perhaps,
            receiver: due.target.receiver.clone(),
            index: due.target.index,
            group_labels: due.group_labels.clone(),
            alerts: due.alerts.clone(),
        });
        entry
    }

    /// After a restart: the messages that were on the wire. `repeats` says whether their receiver tells a second one from
    /// the first. Those go again under the same id; the others are taken as sent, and are counted in the second answer.
    pub fn in_doubt(
        &mut self,
        repeats: &dyn Fn(&str, &str, &Trying) -> Option<Target>,
        now_ms: i64,
    ) -> (Vec<Due>, usize) {
        let (mut again, mut taken_as_sent) = (Vec::new(), 0);
        for (log_key, entry) in &mut self.log {
            let Some(trying) = entry.trying.take() else { continue };
            self.dirty.insert(log_key.clone());
            if !trying.on_wire {
                if trying.perhaps {
                    owe(entry, &trying.alerts, &mut self.orphans, now_ms);
                }
                continue;
            }
            if let Some(target) = repeats(log_key, &entry.group_key, &trying) {
                self.sending.insert(log_key.clone(), firing_of(&trying.alerts));
                again.push(Due {
                    log_key: log_key.clone(),
                    group_key: entry.group_key.clone(),
                    group_labels: trying.group_labels,
                    route: entry.route.clone(),
                    perhaps: true,
                    target,
                    id: trying.id,
                    alerts: trying.alerts,
                });
            } else {
                taken_as_sent += 1;
                entry.sent_ms = now_ms;
                // Those of before are orphans already.
                let news = trying.alerts.iter().filter(|alert| {
                    alert.ends_ms.is_none() && !entry.firing.contains_key(&alert.fingerprint())
                });
                self.orphans.extend(news.map(|alert| orphan(entry, alert)));
                settle(entry, &trying.alerts);
            }
        }
        (again, taken_as_sent)
    }

    /// Entries that changed since the last call; None are gone.
    pub fn changed(&mut self) -> Vec<(String, Option<Entry>)> {
        let groups = &self.groups;
        let orphans = &self.orphans;
        let sending = &self.sending;
        let dirty = &mut self.dirty;
        self.log.retain(|key, entry| {
            let lives = !entry.firing.is_empty()
                || sending.contains_key(key)
                || groups.contains_key(&entry.group_key)
                || orphans.iter().any(|orphan| orphan.group_key == entry.group_key);
            if !lives {
                dirty.insert(key.clone());
            }
            lives
        });
        let keys = std::mem::take(&mut self.dirty);
        let keys = keys.into_iter().filter(|key| !self.sending.contains_key(key));
        keys.map(|key| (key.clone(), self.log.get(&key).cloned())).collect()
    }

    /// The moment at which something may be due, to sleep until then.
    pub fn next_ms(&self) -> Option<i64> {
        self.groups.values().map(|group| group.next_ms).min()
    }
}

fn firing_of(alerts: &[Alert]) -> BTreeSet<String> {
    let firing = alerts.iter().filter(|alert| alert.ends_ms.is_none());
    firing.map(Alert::fingerprint).collect()
}

fn orphan(entry: &Entry, alert: &Alert) -> Orphan {
    let (group_key, route) = (entry.group_key.clone(), entry.route.clone());
    Orphan { group_key, route, alert: alert.clone() }
}

/// The end of what was perhaps taken.
fn owe(entry: &mut Entry, alerts: &[Alert], orphans: &mut Vec<Orphan>, now_ms: i64) {
    if entry.sent_ms == 0 {
        (entry.sent_ms, entry.perhaps) = (now_ms, true);
    }
    for alert in alerts.iter().filter(|alert| alert.ends_ms.is_none()) {
        if entry.firing.insert(alert.fingerprint(), alert.clone()).is_none() {
            orphans.push(orphan(entry, alert));
        }
    }
}

fn settle(entry: &mut Entry, alerts: &[Alert]) {
    entry.last = firing_of(alerts);
    for alert in alerts {
        let print = alert.fingerprint();
        if alert.ends_ms.is_none() {
            entry.firing.insert(print, alert.clone());
        } else {
            entry.firing.remove(&print);
        }
    }
}

/// A receiver that wants no resolved messages: they are known without being sent.
fn forget_resolved(entry: Option<&mut Entry>, group: &Group) -> bool {
    let Some(entry) = entry else { return false };
    let before = entry.firing.len();
    let fires =
        |print: &String| group.alerts.get(print).is_some_and(|alert| alert.ends_ms.is_none());
    entry.firing.retain(|print, _| fires(print));
    entry.last.retain(fires);
    entry.firing.len() != before
}

/// The alerts of a message, if there is a reason for one.
fn news(
    group: &Group,
    entry: Option<&Entry>,
    silenced: &dyn Fn(&Labels) -> bool,
    now_ms: i64,
) -> Option<Vec<Alert>> {
    let told = |print: &String| entry.is_some_and(|entry| entry.firing.contains_key(print));
    let mut heard: Vec<(&String, &Alert)> =
        group.alerts.iter().filter(|(_, alert)| !silenced(&alert.labels)).collect();
    // As people read them, not as they hash.
    heard.sort_by_key(|(_, alert)| &alert.labels);
    let firing: Vec<_> = heard.iter().filter(|(_, alert)| alert.ends_ms.is_none()).collect();
    let resolved: Vec<_> =
        heard.iter().filter(|(print, alert)| alert.ends_ms.is_some() && told(print)).collect();
    let said = |print: &String| entry.is_some_and(|entry| entry.last.contains(print));
    let is_new = firing.iter().any(|(print, _)| !said(print));
    let is_old =
        entry.is_some_and(|entry| now_ms - entry.sent_ms >= group.route.repeat_interval_ms);
    let reason = is_new || !resolved.is_empty() || (!firing.is_empty() && is_old);
    reason.then(|| firing.into_iter().chain(resolved).map(|(_, alert)| (*alert).clone()).collect())
}

fn id_of(log_key: &str, alerts: &[Alert], entry: Option<&Entry>) -> String {
    // Who has perhaps heard it is to know it again.
    let sent_ms = entry.filter(|entry| !entry.perhaps).map_or(0, |entry| entry.sent_ms);
    let mut text = format!("{log_key}\n{sent_ms}\n");
    for alert in alerts {
        text.push_str(&format!(
            "{} {} {}\n",
            alert.fingerprint(),
            alert.starts_ms,
            alert.ends_ms.is_some()
        ));
    }
    crate::engine::digest(&text)
}

/// `{}/{team="shop"}:{alertname="x"}`
fn group_key(route: &Route, labels: &Labels) -> String {
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{}:{{{}}}", route.key, labels.join(", "))
}

#[cfg(test)]
mod tests;
