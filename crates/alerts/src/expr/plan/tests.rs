//! Plans: order, and the usual triple of query, reduce and threshold.

use serde_json::json;

use super::super::frame::{Cell, Column, Kind};
use super::*;
use crate::labels::of;

fn query(ref_id: &str) -> Source {
    Source {
        ref_id: ref_id.to_owned(),
        datasource: "ch".to_owned(),
        from_s: 600,
        to_s: 0,
        model: json!({"rawSql": "SELECT 1", "intervalMs": 5000}),
    }
}

fn expression(ref_id: &str, model: Json) -> Source {
    Source {
        ref_id: ref_id.to_owned(),
        datasource: EXPRESSION.to_owned(),
        from_s: 0,
        to_s: 0,
        model,
    }
}

fn reduce_of(ref_id: &str, of: &str) -> Source {
    expression(
        ref_id,
        json!({"type": "reduce", "expression": of, "reducer": "last", "settings": {"mode": "dropNN"}}),
    )
}

fn threshold_of(ref_id: &str, of: &str, over: f64) -> Source {
    expression(
        ref_id,
        json!({"type": "threshold", "expression": of, "conditions": [{"evaluator": {"type": "gt", "params": [over]}, "unloadEvaluator": {"type": "lt", "params": [over - 10.0]}}]}),
    )
}

fn answer(rows: &[(&str, i64, Option<f64>)]) -> Answer {
    let column = |name: &str, kind, cells| Column { name: name.to_owned(), kind, cells };
    Answer {
        columns: vec![
            column(
                "host",
                Kind::Text,
                rows.iter().map(|row| Cell::Text(row.0.to_owned())).collect(),
            ),
            column("time", Kind::Time, rows.iter().map(|row| Cell::Time(row.1)).collect()),
            column(
                "value",
                Kind::Number,
                rows.iter().map(|row| row.2.map_or(Cell::Null, Cell::Number)).collect(),
            ),
        ],
    }
}

fn evaluate(
    plan: &Plan,
    rows: &[(&str, i64, Option<f64>)],
    active: &[Labels],
) -> Result<Vec<Sample>> {
    let answers = plan.queries().map(|query| (query.ref_id.clone(), answer(rows))).collect();
    plan.evaluate(&answers, &active.iter().cloned().collect(), 1_000_000)
        .map(|evaluated| evaluated.samples)
}

#[test]
fn the_usual_triple() {
    let plan =
        Plan::new(&[threshold_of("C", "B", 50.0), query("A"), reduce_of("B", "A")], "C").unwrap();
    let asked: Vec<&Instant> = plan.queries().collect();
    assert_eq!(
        (asked.len(), asked[0].interval_ms, asked[0].max_points, asked[0].from_s),
        (1, 5_000, 43_200, 600)
    );
    let rows = [
        ("a", 1, Some(10.0)),
        ("a", 2, Some(60.0)),
        ("b", 1, Some(60.0)),
        ("b", 2, Some(45.0)),
        ("c", 1, None),
    ];
    let found = evaluate(&plan, &rows, &[]).unwrap();
    let verdicts: Vec<_> =
        found.iter().map(|sample| (sample.labels["host"].as_str(), sample.verdict)).collect();
    assert_eq!(
        verdicts,
        [("a", Verdict::Alerting), ("b", Verdict::Normal), ("c", Verdict::NoData)]
    );
    assert_eq!(found[0].values["B"], (of(&[("host", "a")]), Some(60.0)));
    assert_eq!(found[0].values["C"].1, Some(1.0));
    assert!(!found[0].values.contains_key("A"), "a series is no value");
    // 45 is below 50 and not below 40: who was over stays over.
    let found = evaluate(&plan, &rows, &[of(&[("host", "b")])]).unwrap();
    assert_eq!(found[1].verdict, Verdict::Alerting);
    assert_eq!(evaluate(&plan, &[], &[]).unwrap(), [], "no rows are no data");
}

#[test]
fn math_and_resample_and_classic_are_nodes_too() {
    let data = [
        query("A"),
        expression(
            "R",
            json!({"type": "resample", "expression": "A", "window": "5m", "downsampler": "mean", "upsampler": "pad"}),
        ),
        reduce_of("B", "$R"),
        expression("M", json!({"type": "math", "expression": "$B / 10 > 3"})),
    ];
    let plan = Plan::new(&data, "M").unwrap();
    // The window of the query: 600 s before now.
    let found =
        evaluate(&plan, &[("a", 950_000, Some(20.0)), ("a", 960_000, Some(60.0))], &[]).unwrap();
    assert_eq!((found[0].verdict, found[0].values["B"].1), (Verdict::Alerting, Some(40.0)));
    let classic = expression(
        "C",
        json!({"type": "classic_conditions", "conditions": [
        {"query": {"params": ["A"]}, "reducer": {"type": "max"}, "evaluator": {"type": "gt", "params": [50]}}]}),
    );
    let plan = Plan::new(&[query("A"), classic], "C").unwrap();
    let found = evaluate(&plan, &[("a", 1, Some(60.0)), ("b", 1, Some(70.0))], &[]).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].verdict, &found[0].labels), (Verdict::Alerting, &Labels::new()));
    assert_eq!(found[0].values["C1"], (of(&[("host", "b")]), Some(70.0)));
    assert_eq!(evaluate(&plan, &[], &[]).unwrap()[0].verdict, Verdict::NoData);
}

#[test]
fn what_cannot_be_computed_is_said_at_once() {
    let cases = [
        (vec![query("A")], "B", "no entry of data"),
        (vec![query("A"), query("A")], "A", "this refId"),
        (vec![reduce_of("B", "Z")], "B", "it takes Z"),
        (vec![reduce_of("B", "C"), reduce_of("C", "B")], "B", "in a circle"),
        (vec![reduce_of("B", "B")], "B", "in a circle"),
        (vec![reduce_of("B", "")], "B", "which refId"),
        (
            vec![expression("S", json!({"type": "sql", "expression": "SELECT 1"}))],
            "S",
            "SQL expressions are not evaluated",
        ),
        (vec![expression("S", json!({"type": "magic"}))], "S", "is no expression"),
        (
            vec![expression("S", json!({"type": "math", "expression": "1 +"}))],
            "S",
            "a value is wanted",
        ),
        (
            vec![expression("S", json!({"type": "threshold", "expression": "A"}))],
            "S",
            "one condition",
        ),
        (
            vec![expression(
                "S",
                json!({"type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "replaceNN"}}),
            )],
            "S",
            "replaceWithValue",
        ),
        (vec![Source { model: json!({}), ..query("A") }], "A", "no rawSql"),
    ];
    for (data, condition, why) in cases {
        let error = Plan::new(&data, condition).unwrap_err().report();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_series_is_no_condition() {
    let plan = Plan::new(&[query("A")], "A").unwrap();
    let error = evaluate(&plan, &[("a", 1, Some(1.0))], &[]).unwrap_err().report();
    assert!(error.contains("cannot alert on A") && error.contains("reduce"), "{error}");
    assert_eq!(plan.blamed(), ("ch".to_owned(), "A".to_owned()));
}
