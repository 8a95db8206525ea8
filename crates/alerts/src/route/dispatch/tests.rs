//! Group times, news, silence and restart.

use super::*;
use crate::labels::of;
use crate::route::{Matcher, Policy, Silence};

const WAIT: i64 = 30_000;
const INTERVAL: i64 = 300_000;
const REPEAT: i64 = 4 * 3_600_000;

#[derive(Default)]
struct Bench {
    dispatcher: Dispatcher,
    firing: Vec<Alert>,
    muted: bool,
    silences: Vec<Silence>,
    no_resolved: bool,
    unsettled: bool,
}

fn alert(host: &str, starts_ms: i64) -> Alert {
    Alert {
        rule: "u1".to_owned(),
        labels: of(&[("alertname", "Latency"), ("host", host)]),
        annotations: Labels::new(),
        starts_ms,
        ends_ms: None,
        values: BTreeMap::new(),
        value_text: String::new(),
        dashboard: None,
        panel: None,
    }
}

impl Bench {
    fn fire(&mut self, host: &str, at_ms: i64) {
        self.firing.push(alert(host, at_ms));
    }

    fn resolve(&mut self, host: &str) {
        self.firing.retain(|alert| alert.labels["host"] != host);
    }

    fn due(&mut self, now_ms: i64) -> Vec<Due> {
        let policy = Policy::new("all");
        let routes = |alert: &Alert| policy.routes_of(&alert.labels);
        let settled = !self.unsettled;
        self.dispatcher.offer(&self.firing, &[], &routes, &|_| settled, now_ms);
        let target = Target {
            receiver: "all".to_owned(),
            index: 0,
            uid: "r1".to_owned(),
            no_resolved: self.no_resolved,
        };
        let targets = [("all".to_owned(), vec![target])].into();
        let (muted, silences) = (self.muted, self.silences.clone());
        let silenced =
            |labels: &Labels| silences.iter().any(|silence| silence.silences(labels, now_ms));
        self.dispatcher.due(now_ms, &targets, &|_| muted, &silenced)
    }

    /// What is sent at that time, and arrives: `a+` fires, `a-` is resolved.
    fn at(&mut self, now_ms: i64) -> String {
        let due = self.due(now_ms);
        assert!(due.len() <= 1);
        due.first().map_or(String::new(), |due| {
            self.dispatcher.sent(due, now_ms);
            shown(due)
        })
    }

    fn restarted(&mut self) {
        let mut log: BTreeMap<String, Entry> = BTreeMap::new();
        for (key, entry) in &self.dispatcher.log {
            log.insert(
                key.clone(),
                serde_json::from_str(&serde_json::to_string(entry).unwrap()).unwrap(),
            );
        }
        self.dispatcher = Dispatcher::default();
        self.dispatcher.restore(log);
    }
}

fn shown(due: &Due) -> String {
    let one = |alert: &Alert| {
        format!("{}{}", alert.labels["host"], if alert.ends_ms.is_none() { '+' } else { '-' })
    };
    due.alerts.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_group_waits_then_looks_at_its_interval_then_repeats() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    assert_eq!(bench.at(0), "", "group_wait");
    bench.fire("b", 10_000);
    assert_eq!(bench.at(10_000), "");
    assert_eq!(bench.at(WAIT), "a+ b+", "what came within group_wait is told together");
    bench.fire("c", 40_000);
    assert_eq!(bench.at(40_000), "", "group_interval");
    assert_eq!(bench.at(WAIT + INTERVAL), "a+ b+ c+");
    bench.resolve("a");
    assert_eq!(bench.at(WAIT + INTERVAL + 1), "");
    assert_eq!(bench.at(WAIT + 2 * INTERVAL), "b+ c+ a-");
    assert_eq!(bench.at(WAIT + 3 * INTERVAL), "", "no news");
    let told = WAIT + 2 * INTERVAL;
    assert_eq!(bench.at(told + REPEAT - 1), "");
    assert_eq!(bench.at(told + REPEAT + INTERVAL), "b+ c+", "repeat_interval");
    bench.resolve("b");
    bench.resolve("c");
    assert_eq!(bench.at(told + REPEAT + 2 * INTERVAL), "b- c-");
    assert_eq!(bench.at(told + 3 * REPEAT), "");
    assert!(
        bench.dispatcher.changed().iter().any(|(_, entry)| entry.is_none()),
        "what is over is forgotten"
    );
    assert!(bench.dispatcher.groups.is_empty() && bench.dispatcher.log.is_empty());
}

#[test]
fn a_clock_that_is_set_back_silences_nobody() {
    const AHEAD: i64 = 400 * 86_400_000;
    let mut bench = Bench::default();
    bench.fire("a", AHEAD);
    bench.at(AHEAD);
    assert_eq!(bench.at(AHEAD + WAIT), "a+");
    bench.fire("b", 0);
    assert_eq!(bench.at(0), "");
    assert_eq!(bench.at(INTERVAL), "a+ b+");
    assert_eq!(bench.at(INTERVAL + REPEAT + INTERVAL), "a+ b+", "repeat_interval");
}

#[test]
fn what_resolves_before_it_is_told_is_not_told() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    bench.resolve("a");
    assert_eq!(bench.at(WAIT), "");
    assert!(bench.dispatcher.groups.is_empty());
    // One that resolved and fires again in between is no news either.
    bench.fire("b", 100_000);
    bench.at(100_000);
    assert_eq!(bench.at(100_000 + WAIT), "b+");
    bench.resolve("b");
    bench.at(140_000);
    bench.fire("b", 150_000);
    assert_eq!(bench.at(100_000 + WAIT + INTERVAL), "");
}

#[test]
fn a_message_that_failed_is_news_still() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    let due = bench.due(WAIT);
    assert_eq!(bench.due(WAIT + INTERVAL), [], "it is on its way");
    bench.dispatcher.failed(&due[0], false, WAIT + INTERVAL);
    let again = bench.due(WAIT + 2 * INTERVAL);
    assert_eq!(shown(&again[0]), "a+");
    assert_eq!(again[0].id, due[0].id, "the same message has the same id");
}

/// Its first message takes longer than the alert.
#[test]
fn who_is_being_told_of_an_alert_hears_of_its_end() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    let due = bench.due(WAIT);
    bench.resolve("a");
    assert_eq!(bench.due(WAIT + INTERVAL), [], "it is on its way");
    bench.dispatcher.sent(&due[0], WAIT + INTERVAL + 1);
    assert_eq!(bench.at(WAIT + 2 * INTERVAL), "a-");
    bench.fire("a", WAIT + 2 * INTERVAL + 1);
    let next = bench.at(WAIT + 3 * INTERVAL) + &bench.at(2 * WAIT + 3 * INTERVAL);
    assert_eq!(next, "a+", "it fires anew");
}

/// It was on the wire when the process ended, and the alert is over by the next start.
#[test]
fn what_was_on_the_wire_has_an_end_after_a_restart() {
    for repeats in [true, false] {
        let mut bench = Bench::default();
        bench.fire("a", 0);
        bench.at(0);
        let due = bench.due(WAIT);
        let entry = bench.dispatcher.trying(&due[0], true, false);
        bench.dispatcher.log.insert(due[0].log_key.clone(), entry);
        bench.resolve("a");
        bench.restarted();
        let target = due[0].target.clone();
        let (again, _) =
            bench.dispatcher.in_doubt(&|_, _, _| repeats.then(|| target.clone()), 60_000);
        for due in &again {
            bench.due(61_000);
            bench.dispatcher.sent(due, 62_000);
        }
        assert_eq!(bench.at(70_000), "a-", "tells repeats {repeats}");
    }
}

/// No answer came: who took it all the same must hear of its end.
#[test]
fn what_was_perhaps_taken_has_an_end() {
    for perhaps in [true, false] {
        let mut bench = Bench::default();
        bench.fire("a", 0);
        bench.at(0);
        let due = bench.due(WAIT);
        bench.resolve("a");
        bench.due(WAIT + 1);
        bench.dispatcher.failed(&due[0], perhaps, WAIT + 2);
        let then = bench.at(WAIT + INTERVAL);
        assert_eq!(then, if perhaps { "a-" } else { "" });
        assert!(bench.at(WAIT + 2 * INTERVAL).is_empty());
        bench.dispatcher.changed();
        assert!(bench.dispatcher.log.is_empty() && bench.dispatcher.groups.is_empty());
    }
    // While it fires it is news still; a receiver that never answers is not owed for ever.
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    let due = bench.due(WAIT);
    bench.dispatcher.failed(&due[0], true, WAIT);
    let first = due[0].id.clone();
    let due = bench.due(WAIT + INTERVAL);
    assert_eq!(
        (shown(&due[0]), &due[0].id),
        ("a+".to_owned(), &first),
        "it can be told from a second one"
    );
    bench.dispatcher.failed(&due[0], true, WAIT + INTERVAL);
    bench.resolve("a");
    assert_eq!(bench.at(WAIT + PERHAPS_KEPT_MS + INTERVAL), "");
}

/// The process ended between two tries of which the first had no answer, and the alert is over by the next start.
#[test]
fn what_was_perhaps_taken_before_a_restart_has_an_end() {
    for (perhaps, then) in [(true, "a-"), (false, "")] {
        let mut bench = Bench::default();
        bench.fire("a", 0);
        bench.at(0);
        let due = bench.due(WAIT);
        let entry = bench.dispatcher.trying(&due[0], false, perhaps);
        bench.dispatcher.log.insert(due[0].log_key.clone(), entry);
        bench.resolve("a");
        bench.restarted();
        assert_eq!(bench.dispatcher.in_doubt(&|_, _, _| None, 60_000), (Vec::new(), 0));
        assert_eq!(bench.at(70_000), then);
    }
}

/// The last message said that all is well: PagerDuty closes the incident with it.
#[test]
fn one_that_fires_on_behind_a_silence_is_told_when_that_is_over() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.fire("b", 0);
    bench.at(0);
    assert_eq!(bench.at(WAIT), "a+ b+");
    bench.silences.push(Silence {
        id: "s".to_owned(),
        matchers: vec![Matcher::new("host", "=", "a").unwrap()],
        starts_ms: 0,
        ends_ms: WAIT + 2 * INTERVAL,
        comment: String::new(),
        author: String::new(),
    });
    bench.resolve("b");
    assert_eq!(bench.at(WAIT + INTERVAL), "b-");
    assert_eq!(bench.at(WAIT + 2 * INTERVAL), "a+");
    assert_eq!(bench.at(WAIT + 3 * INTERVAL), "");
}

/// By other files no policy leads to who was told.
#[test]
fn who_was_told_hears_of_the_end_also_by_other_files() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    assert_eq!(bench.at(WAIT), "a+");
    bench.restarted();
    bench.resolve("a");
    let other = Policy { group_by: Some(vec!["...".to_owned()]), ..Policy::new("all") };
    let routes = |alert: &Alert| other.routes_of(&alert.labels);
    bench.dispatcher.offer(&[], &[], &routes, &|_| true, 50_000);
    assert_eq!(bench.at(50_000), "a-");
    // While it fires it is told by its new way; the old one hears when it is over.
    for restarts in [false, true] {
        let mut bench = Bench::default();
        bench.fire("a", 0);
        bench.at(0);
        assert_eq!(bench.at(WAIT), "a+");
        if restarts {
            bench.restarted();
        }
        bench.dispatcher.offer(&bench.firing, &[], &routes, &|_| true, 50_000);
        bench.resolve("a");
        bench.dispatcher.offer(&[], &[], &routes, &|_| true, 51_000);
        assert_eq!(bench.at(WAIT + INTERVAL), "a-", "restarted {restarts}");
    }
}

#[test]
fn two_rules_of_one_title_are_two_alerts() {
    let (one, mut other) = (alert("a", 0), alert("a", 0));
    other.rule = "u2".to_owned();
    assert_ne!(one.fingerprint(), other.fingerprint());
}

/// What is kept of a first message says that it is on the wire, until it says that it is not.
#[test]
fn a_first_message_that_failed_is_put_down_as_that() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    let due = bench.due(WAIT);
    bench.dispatcher.changed();
    bench.dispatcher.failed(&due[0], false, WAIT);
    assert_eq!(bench.dispatcher.changed(), [(due[0].log_key.clone(), None)]);
}

#[test]
fn muted_and_silenced_alerts_wait() {
    let mut bench = Bench { muted: true, ..Bench::default() };
    bench.fire("a", 0);
    bench.at(0);
    assert_eq!(bench.at(WAIT), "");
    bench.muted = false;
    assert_eq!(bench.at(WAIT + INTERVAL), "a+", "it fires still when the mute timing is over");
    let silence = Silence {
        id: "s".to_owned(),
        matchers: vec![Matcher::new("host", "=", "a").unwrap()],
        starts_ms: 0,
        ends_ms: WAIT + 4 * INTERVAL,
        comment: String::new(),
        author: String::new(),
    };
    bench.silences.push(silence);
    bench.fire("b", 400_000);
    assert_eq!(bench.at(WAIT + 2 * INTERVAL), "b+", "the other one is heard");
    bench.resolve("a");
    assert_eq!(bench.at(WAIT + 3 * INTERVAL), "");
    assert_eq!(
        bench.at(WAIT + 4 * INTERVAL),
        "b+ a-",
        "it was told as firing, so it is told as resolved"
    );
}

#[test]
fn a_receiver_without_resolved_messages() {
    let mut bench = Bench { no_resolved: true, ..Bench::default() };
    bench.fire("a", 0);
    bench.at(0);
    assert_eq!(bench.at(WAIT), "a+");
    bench.resolve("a");
    assert_eq!(bench.at(WAIT + INTERVAL), "");
    bench.fire("a", 700_000);
    bench.at(700_000);
    assert_eq!(bench.at(700_000 + INTERVAL), "a+", "it fires anew");
}

#[test]
fn after_a_restart_nothing_is_told_twice_and_nothing_is_forgotten() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.fire("b", 0);
    bench.at(0);
    assert_eq!(bench.at(WAIT), "a+ b+");
    bench.restarted();
    bench.unsettled = true;
    assert_eq!(bench.at(50_000), "");
    assert_eq!(bench.at(50_000 + WAIT), "");
    // `b` was resolved while nobody was there; but its rule has to say so first.
    bench.restarted();
    bench.resolve("b");
    assert_eq!(bench.at(100_000), "");
    assert_eq!(bench.at(100_000 + INTERVAL), "");
    bench.unsettled = false;
    bench.at(100_000 + INTERVAL + 1);
    assert_eq!(bench.at(100_000 + 2 * INTERVAL + 1), "a+ b-");
    // The last one resolves while nobody is there.
    bench.restarted();
    bench.resolve("a");
    assert_eq!(bench.at(900_000), "a-");
}

#[test]
fn what_was_on_the_wire_is_decided_at_the_next_start() {
    for (on_wire, repeats, again, then) in [
        (true, true, "a+", ""),
        (true, false, "", ""),
        (false, true, "", "a+"),
        (false, false, "", "a+"),
    ] {
        let mut bench = Bench::default();
        bench.fire("a", 0);
        bench.at(0);
        let due = bench.due(WAIT);
        let entry = bench.dispatcher.trying(&due[0], on_wire, false);
        bench.dispatcher.log.insert(due[0].log_key.clone(), entry);
        bench.restarted();
        let target = due[0].target.clone();
        let (doubtful, counted) =
            bench.dispatcher.in_doubt(&|_, _, _| repeats.then(|| target.clone()), 60_000);
        assert_eq!(doubtful.first().map_or(String::new(), shown), again);
        assert_eq!(counted, usize::from(on_wire && !repeats));
        if let Some(doubtful) = doubtful.first() {
            assert_eq!(doubtful.id, due[0].id, "under the id of before");
            bench.dispatcher.sent(doubtful, 60_000);
        }
        assert_eq!(bench.at(70_000), then, "on the wire {on_wire}, tells repeats {repeats}");
    }
}

#[test]
fn an_alert_that_moves_leaves_its_group() {
    let mut bench = Bench::default();
    bench.fire("a", 0);
    bench.at(0);
    let other = Policy { group_by: Some(vec!["...".to_owned()]), ..Policy::new("all") };
    let routes = |alert: &Alert| other.routes_of(&alert.labels);
    bench.dispatcher.offer(&bench.firing, &[], &routes, &|_| true, 1);
    let alive: Vec<&String> = bench
        .dispatcher
        .groups
        .iter()
        .filter(|(_, group)| !group.alerts.is_empty())
        .map(|(key, _)| key)
        .collect();
    assert_eq!(alive, ["{}:{alertname=\"Latency\", host=\"a\"}"]);
}
