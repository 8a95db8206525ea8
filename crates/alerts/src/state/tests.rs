//! The tables of Grafana's pages: state of instances, no data and errors, stale instances.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::expr::{Evaluated, Plan, Sample, Source, Verdict};
use crate::file::{NoDataState, OnError};
use crate::labels::of;
use crate::template::Set;

fn rule() -> Rule {
    let source = Source {
        ref_id: "A".to_owned(),
        datasource: "ch".to_owned(),
        from_s: 600,
        to_s: 0,
        model: json!({"rawSql": "SELECT 1"}),
    };
    Rule {
        uid: "u1".to_owned(),
        title: "Latency".to_owned(),
        folder: "Shop".to_owned(),
        group: "g".to_owned(),
        interval_ms: 30_000,
        plan: Ok(Arc::new(Plan::new(&[source], "A").unwrap())),
        for_ms: 0,
        keep_firing_ms: 0,
        no_data: NoDataState::NoData,
        on_error: OnError::Error,
        missing_evals_max: 2,
        annotations: of(&[
            ("summary", "{{ $labels.host }} at {{ $values.A }}"),
            ("broken", "{{ $nope }}"),
        ]),
        labels: of(&[("team", "shop"), ("tier", "{{ if gt $values.A.Value 50.0 }}high{{ end }}")]),
        paused: false,
        dashboard: None,
        panel: None,
        settings: None,
    }
}

struct Bench {
    rule: Rule,
    instances: Instances,
    now_ms: i64,
    last: Stepped,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Rule)) -> Bench {
        let mut rule = rule();
        change(&mut rule);
        Bench { rule, instances: Instances::new(), now_ms: 0, last: Stepped::default() }
    }

    fn tell(&mut self, outcome: Result<Evaluated, String>) -> String {
        self.now_ms += 30_000;
        self.last = step(&self.rule, &mut self.instances, &outcome, &Set::default(), self.now_ms);
        let shown = |instance: &Instance| {
            let host = instance.labels.get("host").map_or("*", String::as_str);
            format!("{host}={}", instance.shown())
        };
        self.instances
            .values()
            .map(shown)
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// `a!` breaches, `a.` does not, `a?` has no value; nothing is no data; `error` fails.
    fn run(&mut self, what: &str) -> String {
        if what == "error" {
            return self.tell(Err("cannot ask".to_owned()));
        }
        let sample = |text: &str| {
            let (host, verdict) = text.split_at(text.len() - 1);
            let (verdict, value) = match verdict {
                "!" => (Verdict::Alerting, Some(60.0)),
                "." => (Verdict::Normal, Some(10.0)),
                _ => (Verdict::NoData, None),
            };
            let labels = of(&[("host", host)]);
            Sample {
                labels: labels.clone(),
                verdict,
                values: [("A".to_owned(), (labels, value))].into(),
            }
        };
        self.tell(Ok(Evaluated { samples: what.split_whitespace().map(sample).collect() }))
    }
}

fn check(change: impl FnOnce(&mut Rule), rows: &[(&str, &str)]) {
    let mut bench = Bench::new(change);
    for (index, (what, states)) in rows.iter().enumerate() {
        assert_eq!(bench.run(what), *states, "row {index} of {rows:?}");
    }
}

/// The example of the page on evaluation: every 30 s, `for` 90 s.
#[test]
fn pending_until_for_is_over() {
    check(
        |rule| rule.for_ms = 90_000,
        &[
            ("a.", "a=Normal"),
            ("a!", "a=Pending"),
            ("a!", "a=Pending"),
            ("a!", "a=Pending"),
            ("a!", "a=Alerting"),
            ("a.", "a=Normal"),
            ("a.", "a=Normal"),
            ("a!", "a=Pending"),
            ("a.", "a=Normal"),
            ("a!", "a=Pending"),
        ],
    );
    check(|_| {}, &[("a!", "a=Alerting"), ("a.", "a=Normal"), ("a! b.", "a=Alerting b=Normal")]);
}

#[test]
fn recovering_until_keep_firing_is_over() {
    check(
        |rule| rule.keep_firing_ms = 60_000,
        &[
            ("a!", "a=Alerting"),
            ("a.", "a=Recovering"),
            ("a.", "a=Recovering"),
            ("a!", "a=Alerting"),
            ("a.", "a=Recovering"),
            ("a.", "a=Recovering"),
            ("a.", "a=Normal"),
        ],
    );
}

#[test]
fn no_data_as_the_rule_says() {
    let with = |no_data| move |rule: &mut Rule| rule.no_data = no_data;
    check(
        with(NoDataState::NoData),
        &[("a!", "a=Alerting"), ("", "*=NoData a=Alerting"), ("", "*=NoData"), ("a.", "a=Normal")],
    );
    check(
        |rule| rule.for_ms = 60_000,
        &[("", "*=Pending"), ("", "*=Pending"), ("", "*=NoData"), ("a.", "a=Normal")],
    );
    check(
        with(NoDataState::Alerting),
        &[
            ("", "*=Alerting (NoData)"),
            ("a. b!", "a=Normal b=Alerting"),
            ("", "a=Alerting (NoData) b=Alerting (NoData)"),
            ("a. b.", "a=Normal b=Normal"),
        ],
    );
    check(
        with(NoDataState::Ok),
        &[("", ""), ("a! b.", "a=Alerting b=Normal"), ("", "a=Normal (NoData) b=Normal (NoData)")],
    );
    check(
        with(NoDataState::KeepLast),
        &[
            ("", ""),
            ("a! b.", "a=Alerting b=Normal"),
            ("", "a=Alerting (NoData, KeepLast) b=Normal (NoData, KeepLast)"),
            ("", "a=Alerting (NoData, KeepLast) b=Normal (NoData, KeepLast)"),
            ("a. b.", "a=Normal b=Normal"),
        ],
    );
    // One instance without a value, among others.
    check(
        |rule| rule.for_ms = 30_000,
        &[
            ("a. b.", "a=Normal b=Normal"),
            ("a? b.", "a=Pending b=Normal"),
            ("a? b.", "a=NoData b=Normal"),
            ("a! b.", "a=Pending b=Normal"),
            ("a! b.", "a=Alerting b=Normal"),
            ("a? b.", "a=NoData b=Normal"),
            ("a. b.", "a=Normal b=Normal"),
        ],
    );
}

#[test]
fn errors_as_the_rule_says() {
    let with = |on_error| move |rule: &mut Rule| rule.on_error = on_error;
    check(
        with(OnError::Error),
        &[
            ("a!", "a=Alerting"),
            ("error", "*=Error a=Alerting"),
            ("error", "*=Error a=Alerting"),
            ("error", "*=Error a=Alerting"),
            ("a.", "a=Normal"),
        ],
    );
    check(
        |rule| rule.for_ms = 60_000,
        &[("error", "*=Pending"), ("error", "*=Pending"), ("error", "*=Error"), ("", "*=NoData")],
    );
    check(
        with(OnError::Alerting),
        &[
            ("error", "*=Alerting (Error)"),
            ("a.", "a=Normal"),
            ("error", "a=Alerting (Error)"),
            ("a.", "a=Normal"),
        ],
    );
    check(with(OnError::Ok), &[("error", ""), ("a!", "a=Alerting"), ("error", "a=Normal (Error)")]);
    check(
        with(OnError::KeepLast),
        &[
            ("error", ""),
            ("a!", "a=Alerting"),
            ("error", "a=Alerting (Error, KeepLast)"),
            ("a!", "a=Alerting"),
        ],
    );
    // The time of `for` runs on, and what fires on for a while ends.
    check(
        |rule| {
            rule.on_error = OnError::KeepLast;
            rule.for_ms = 60_000;
        },
        &[
            ("a!", "a=Pending"),
            ("error", "a=Pending (Error, KeepLast)"),
            ("error", "a=Alerting (Error, KeepLast)"),
        ],
    );
    let mut bench = Bench::new(|rule| rule.on_error = OnError::Alerting);
    bench.run("a.");
    bench.run("error");
    let alert = bench.instances.values().next().unwrap().alert(&bench.rule);
    assert_eq!(alert.values, [("A".to_owned(), Some(-1.0))].into(), "what was not measured is -1");
    assert_eq!(alert.annotations["grafana_state_reason"], "Error");
    assert_eq!(alert.annotations["Error"], "cannot ask");
}

/// The table of the page on stale instances, and other numbers than 2.
#[test]
fn a_missing_series_is_resolved() {
    check(
        |_| {},
        &[
            ("a. b!", "a=Normal b=Alerting"),
            ("a.", "a=Normal b=Alerting"),
            ("a.", "a=Normal"),
            ("a.", "a=Normal"),
        ],
    );
    check(
        |rule| rule.missing_evals_max = 1,
        &[("a. b!", "a=Normal b=Alerting"), ("a.", "a=Normal")],
    );
    check(
        |rule| rule.missing_evals_max = 3,
        &[
            ("a. b!", "a=Normal b=Alerting"),
            ("a.", "a=Normal b=Alerting"),
            ("a. b!", "a=Normal b=Alerting"),
            ("a.", "a=Normal b=Alerting"),
            ("a.", "a=Normal b=Alerting"),
            ("a.", "a=Normal"),
        ],
    );
    let mut bench = Bench::new(|_| {});
    for what in ["a. b!", "a.", "a."] {
        bench.run(what);
    }
    assert_eq!(bench.last.ended.len(), 1);
    assert_eq!(bench.last.ended[0].annotations["grafana_state_reason"], "MissingSeries");
    assert_eq!(bench.last.ended[0].ends_ms, Some(90_000));
    assert_eq!(bench.last.changes[0].to, "Normal (MissingSeries)");
}

#[test]
fn labels_and_annotations_are_written() {
    let mut bench = Bench::new(|_| {});
    bench.run("a!");
    assert_eq!(bench.last.warnings.len(), 1, "the broken one is said, and stays as it is");
    let alert = bench.instances.values().next().unwrap().alert(&bench.rule);
    assert_eq!(
        alert.labels,
        of(&[
            ("alertname", "Latency"),
            ("grafana_folder", "Shop"),
            ("host", "a"),
            ("team", "shop"),
            ("tier", "high")
        ])
    );
    assert_eq!(alert.annotations, of(&[("broken", "{{ $nope }}"), ("summary", "a at 60")]));
    assert_eq!(alert.value_text, "[ var='A' labels={host=a} value=60 ]");
    assert_eq!(alert.starts_ms, 30_000);
    // A label that is a value makes another alert when it changes: the first one has its end.
    bench.rule.keep_firing_ms = 60_000;
    bench.run("a.");
    assert_eq!(bench.last.ended[0].labels["tier"], "high");
    assert!(!bench.instances.values().next().unwrap().full.contains_key("tier"));
}

#[test]
fn no_data_and_errors_are_alerts_of_their_own() {
    for (what, name) in [("", "DatasourceNoData"), ("error", "DatasourceError")] {
        let mut bench = Bench::new(|rule| rule.labels.clear());
        bench.run(what);
        let alert = bench.instances.values().next().unwrap().alert(&bench.rule);
        let labels = of(&[
            ("alertname", name),
            ("datasource_uid", "ch"),
            ("grafana_folder", "Shop"),
            ("rulename", "Latency"),
        ]);
        assert_eq!(alert.labels, labels);
        bench.run("a.");
        assert_eq!(bench.last.ended[0].labels, labels, "with the first data it ends");
    }
    // An alert that comes to have no data ends, and the other begins.
    let mut bench = Bench::new(|_| {});
    bench.run("a!");
    bench.run("a?");
    assert_eq!(bench.last.ended.len(), 1);
    assert_eq!(bench.last.ended[0].labels["alertname"], "Latency");
    let alert = bench.instances.values().next().unwrap().alert(&bench.rule);
    assert_eq!((alert.labels["alertname"].as_str(), alert.starts_ms), ("DatasourceNoData", 60_000));
}

#[test]
fn a_rule_that_is_paused_lets_go() {
    let mut bench = Bench::new(|_| {});
    bench.run("a! b.");
    let stepped = retire(&bench.rule, &mut bench.instances, "Paused", 40_000);
    assert!(bench.instances.is_empty());
    assert_eq!((stepped.ended.len(), stepped.changes.len()), (1, 2));
    assert_eq!(stepped.ended[0].annotations["grafana_state_reason"], "Paused");
    assert_eq!(stepped.changes[0].from, "Alerting");
}

#[test]
fn changes_are_history_and_state_survives_as_text() {
    let mut bench = Bench::new(|rule| rule.for_ms = 30_000);
    bench.run("a.");
    assert!(bench.last.changes.is_empty(), "what begins as Normal is no news");
    bench.run("a!");
    let change = &bench.last.changes[0];
    assert_eq!(
        (change.from.as_str(), change.to.as_str(), change.at_ms),
        ("Normal", "Pending", 60_000)
    );
    assert_eq!(change.values["A"], Some(60.0));
    let text = serde_json::to_string(&bench.instances).unwrap();
    bench.instances = serde_json::from_str(&text).unwrap();
    assert_eq!(bench.run("a!"), "a=Alerting", "`for` goes on where it was");
    assert!(bench.instances.values().all(Instance::is_active));
}

#[test]
fn what_is_gone_is_not_kept_firing() {
    let mut bench = Bench::new(|rule| {
        rule.keep_firing_ms = 600_000;
        rule.missing_evals_max = 1;
    });
    bench.run("a! b.");
    assert_eq!(bench.run("b."), "b=Normal");
    assert_eq!(bench.last.ended[0].annotations["grafana_state_reason"], "MissingSeries");
    assert_eq!(bench.last.changes[0].to, "Normal (MissingSeries)");
    bench.run("b!");
    let stepped = retire(&bench.rule, &mut bench.instances, "Paused", bench.now_ms);
    assert_eq!(stepped.ended[0].annotations["grafana_state_reason"], "Paused");
    assert_eq!(stepped.changes[0].to, "Normal (Paused)");
}

#[test]
fn a_clock_that_is_set_back_keeps_nobody_pending() {
    let mut bench = Bench::new(|rule| rule.for_ms = 60_000);
    bench.now_ms = 400 * 86_400_000;
    assert_eq!(bench.run("a!"), "a=Pending");
    bench.now_ms = 0;
    assert_eq!(bench.run("a!"), "a=Pending");
    assert_eq!(bench.run("a!"), "a=Pending");
    assert_eq!(bench.run("a!"), "a=Alerting");
}
