//! Classic conditions: reducer and evaluator over every series at once, joined by and, or and logic-or. One number comes out,
//! whatever the series are.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::frame::{Item, Value};
use super::reduce::median;
use super::threshold::Evaluator;
use crate::Labels;

const CONDITIONS_MAX: usize = 100;

const REDUCERS: [&str; 12] = [
    "avg",
    "min",
    "max",
    "sum",
    "count",
    "last",
    "median",
    "diff",
    "diff_abs",
    "percent_diff",
    "percent_diff_abs",
    "count_non_null",
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Join {
    And,
    Or,
    LogicOr,
}

#[derive(Clone, Debug)]
struct Condition {
    of: String,
    reducer: &'static str,
    evaluator: Evaluator,
    join: Join,
}

#[derive(Clone, Debug)]
pub(crate) struct Classic(Vec<Condition>);

/// A series that made a condition true.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Match {
    pub(crate) labels: Labels,
    pub(crate) value: Option<f64>,
}

impl Classic {
    pub(crate) fn read(model: &Json) -> Result<Classic, String> {
        let conditions =
            model.get("conditions").and_then(Json::as_array).filter(|all| !all.is_empty());
        let conditions = conditions.ok_or("classic_conditions has no conditions")?;
        if conditions.len() > CONDITIONS_MAX {
            return Err(format!("classic_conditions has more than {CONDITIONS_MAX} conditions"));
        }
        conditions.iter().map(Condition::read).collect::<Result<_, _>>().map(Classic)
    }

    pub(crate) fn refs(&self, found: &mut Vec<String>) {
        found.extend(self.0.iter().map(|condition| condition.of.clone()));
    }

    /// None is no data. The matches are those of all conditions that hold.
    pub(crate) fn evaluate(
        &self,
        frames: &BTreeMap<String, Vec<Item>>,
    ) -> (Option<bool>, Vec<Match>) {
        let (mut firing, mut nothing) = (false, false);
        let mut matches = Vec::new();
        for (index, condition) in self.0.iter().enumerate() {
            if condition.join == Join::LogicOr && firing {
                break;
            }
            let items = frames.get(&condition.of).map(Vec::as_slice).unwrap_or_default();
            let (holds, empty) = condition.evaluate(items, &mut matches);
            (firing, nothing) = match condition.join {
                _ if index == 0 => (holds, empty),
                Join::And => (firing && holds, nothing && empty),
                Join::Or | Join::LogicOr => (firing || holds, nothing || empty),
            };
        }
        let verdict = if firing {
            Some(true)
        } else if nothing {
            None
        } else {
            Some(false)
        };
        (verdict, matches)
    }
}

impl Condition {
    fn read(json: &Json) -> Result<Condition, String> {
        let text = |path: &str| json.pointer(path).and_then(Json::as_str);
        let of = text("/query/params/0").ok_or("a classic condition names no query")?;
        let kind = text("/reducer/type").unwrap_or("last");
        let reducer = REDUCERS.into_iter().find(|known| *known == kind);
        let reducer = reducer
            .ok_or_else(|| format!("{kind:?} is no reducer; there are {}", REDUCERS.join(", ")))?;
        let evaluator = Evaluator::read(json.get("evaluator").unwrap_or(&Json::Null))?;
        let join = match text("/operator/type").unwrap_or("and") {
            "and" | "" => Join::And,
            "or" => Join::Or,
            "logic-or" => Join::LogicOr,
            other => return Err(format!("{other:?} is no operator; there are and, or, logic-or")),
        };
        Ok(Condition { of: of.to_owned(), reducer, evaluator, join })
    }

    fn evaluate(&self, items: &[Item], matches: &mut Vec<Match>) -> (bool, bool) {
        let (mut holds, mut empty) = (false, true);
        for item in items {
            let value = match &item.value {
                Value::Number(value) => *value,
                Value::Series(points) => reduce(self.reducer, points),
            };
            empty &= value.is_none();
            let matched = match (self.evaluator, value) {
                (Evaluator::NoValue, value) => value.is_none(),
                (evaluator, Some(value)) => evaluator.holds(value),
                (_, None) => false,
            };
            if matched {
                holds = true;
                matches.push(Match { labels: item.labels.clone(), value });
            }
        }
        if items.is_empty() && self.evaluator == Evaluator::NoValue {
            matches.push(Match { labels: Labels::new(), value: None });
            holds = true;
        }
        (holds, empty)
    }
}

/// Nulls and NaN are passed over.
fn reduce(reducer: &str, points: &[(i64, Option<f64>)]) -> Option<f64> {
    let all: Vec<f64> =
        points.iter().filter_map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
    match reducer {
        "count" => return (!points.is_empty()).then_some(points.len() as f64),
        "count_non_null" => return (!all.is_empty()).then_some(all.len() as f64),
        _ => {}
    }
    let (first, last) = (*all.first()?, *all.last()?);
    Some(match reducer {
        "avg" => all.iter().sum::<f64>() / all.len() as f64,
        "min" => all.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "sum" => all.iter().sum(),
        "median" => median(all),
        "diff" => last - first,
        "diff_abs" => (last - first).abs(),
        "percent_diff" => (last - first) / first.abs() * 100.0,
        "percent_diff_abs" => ((last - first) / first * 100.0).abs(),
        _ => last,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::of;
    use serde_json::json;

    fn condition(of: &str, reducer: &str, evaluator: &str, param: f64, join: &str) -> Json {
        json!({"type": "query", "query": {"params": [of]}, "reducer": {"type": reducer},
            "evaluator": {"type": evaluator, "params": [param]}, "operator": {"type": join}})
    }

    fn series(host: &str, values: &[Option<f64>]) -> Item {
        let points = values.iter().enumerate().map(|(at, value)| (at as i64, *value)).collect();
        Item { labels: of(&[("host", host)]), value: Value::Series(points) }
    }

    #[test]
    fn each_reducer() {
        let points = [(0, Some(4.0)), (1, None), (2, Some(1.0)), (3, Some(7.0)), (4, Some(2.0))];
        for (reducer, value) in [
            ("avg", 3.5),
            ("min", 1.0),
            ("max", 7.0),
            ("sum", 14.0),
            ("count", 5.0),
            ("last", 2.0),
            ("median", 3.0),
            ("diff", -2.0),
            ("diff_abs", 2.0),
            ("percent_diff", -50.0),
            ("percent_diff_abs", 50.0),
            ("count_non_null", 4.0),
        ] {
            assert_eq!(reduce(reducer, &points), Some(value), "{reducer}");
            assert_eq!(reduce(reducer, &[]), None, "{reducer}");
        }
    }

    #[test]
    fn conditions_are_joined_from_left_to_right() {
        let frames: BTreeMap<String, Vec<Item>> = [
            ("A".to_owned(), vec![series("a", &[Some(1.0)]), series("b", &[Some(9.0)])]),
            ("E".to_owned(), vec![]),
            ("N".to_owned(), vec![series("a", &[None])]),
        ]
        .into();
        let (yes, no) = (("A", "gt", 5.0), ("A", "gt", 50.0));
        for (conditions, verdict) in [
            (vec![(yes, "and")], Some(true)),
            (vec![(no, "and")], Some(false)),
            (vec![(yes, "and"), (no, "and")], Some(false)),
            (vec![(yes, "and"), (no, "or")], Some(true)),
            (vec![(no, "and"), (yes, "or")], Some(true)),
            (vec![(yes, "and"), (yes, "and"), (no, "logic-or"), (no, "and")], Some(true)),
            (vec![(yes, "and"), (yes, "and"), (no, "or"), (no, "and")], Some(false)),
            (vec![(("E", "gt", 1.0), "and")], None),
            (vec![(("N", "gt", 1.0), "and")], None),
            (vec![(("E", "no_value", 1.0), "and")], Some(true)),
            (vec![(("N", "no_value", 1.0), "and")], Some(true)),
            (vec![(("A", "no_value", 1.0), "and")], Some(false)),
            (vec![(no, "and"), (("E", "gt", 1.0), "or")], None),
            (vec![(no, "and"), (("E", "gt", 1.0), "and")], Some(false)),
        ] {
            let model: Vec<Json> = conditions
                .iter()
                .map(|((r, e, p), join)| condition(r, "last", e, *p, join))
                .collect();
            let classic = Classic::read(&json!({"conditions": model})).unwrap();
            // `logic-or` stops what comes after it.
            assert_eq!(classic.evaluate(&frames).0, verdict, "{conditions:?}");
        }
    }

    #[test]
    fn what_matched_is_said() {
        let frames =
            [("A".to_owned(), vec![series("a", &[Some(1.0)]), series("b", &[Some(9.0)])])].into();
        let classic =
            Classic::read(&json!({"conditions": [condition("A", "last", "gt", 5.0, "and")]}))
                .unwrap();
        let matches = classic.evaluate(&frames).1;
        assert_eq!(matches, [Match { labels: of(&[("host", "b")]), value: Some(9.0) }]);
        for wrong in [
            json!({}),
            json!({"conditions": []}),
            json!({"conditions": [{}]}),
            json!({"conditions": [condition("A", "first", "gt", 1.0, "and")]}),
            json!({"conditions": [condition("A", "last", "gt", 1.0, "xor")]}),
        ] {
            assert!(Classic::read(&wrong).is_err(), "{wrong}");
        }
    }
}
