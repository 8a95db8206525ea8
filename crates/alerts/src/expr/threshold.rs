//! Threshold: 1 where it is crossed, 0 where not. With a recovery threshold, who is over it already stays so until the
//! second one is crossed.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::frame::Item;
use crate::Labels;

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Evaluator {
    Gt(f64),
    Lt(f64),
    Eq(f64),
    Ne(f64),
    Gte(f64),
    Lte(f64),
    Within(f64, f64),
    Outside(f64, f64),
    WithinIncluded(f64, f64),
    OutsideIncluded(f64, f64),
    /// Of classic conditions alone.
    NoValue,
}

impl Evaluator {
    /// `{type: gt, params: [5]}`
    pub(crate) fn read(json: &Json) -> Result<Evaluator, String> {
        let kind = json.get("type").and_then(Json::as_str).unwrap_or_default();
        let number = |value: &Json| {
            value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        };
        let params =
            json.get("params").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let params: Vec<Option<f64>> = params.iter().map(number).collect();
        let param = |index: usize| {
            let found = params.get(index).copied().flatten();
            found.ok_or_else(|| format!("the evaluator {kind} lacks its number {}", index + 1))
        };
        Ok(match kind {
            "gt" => Evaluator::Gt(param(0)?),
            "lt" => Evaluator::Lt(param(0)?),
            "eq" => Evaluator::Eq(param(0)?),
            "ne" => Evaluator::Ne(param(0)?),
            "gte" => Evaluator::Gte(param(0)?),
            "lte" => Evaluator::Lte(param(0)?),
            "within_range" => Evaluator::Within(param(0)?, param(1)?),
            "outside_range" => Evaluator::Outside(param(0)?, param(1)?),
            "within_range_included" => Evaluator::WithinIncluded(param(0)?, param(1)?),
            "outside_range_included" => Evaluator::OutsideIncluded(param(0)?, param(1)?),
            "no_value" => Evaluator::NoValue,
            other => {
                return Err(format!(
                    "{other:?} is no evaluator; there are gt, lt, eq, ne, gte, lte, within_range, outside_range and their _included"
                ));
            }
        })
    }

    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Evaluator::Gt(than) => value > than,
            Evaluator::Lt(than) => value < than,
            Evaluator::Eq(to) => value == to,
            Evaluator::Ne(to) => value != to,
            Evaluator::Gte(than) => value >= than,
            Evaluator::Lte(than) => value <= than,
            Evaluator::Within(low, high) => value > low && value < high,
            Evaluator::Outside(low, high) => value < low || value > high,
            Evaluator::WithinIncluded(low, high) => value >= low && value <= high,
            Evaluator::OutsideIncluded(low, high) => value <= low || value >= high,
            Evaluator::NoValue => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Threshold {
    pub(crate) over: Evaluator,
    /// Crossed, it ends what `over` began.
    pub(crate) recovered: Option<Evaluator>,
}

impl Threshold {
    /// `active` are the labels of those that were over it at the last evaluation.
    pub(crate) fn apply(&self, items: &[Item], active: &BTreeSet<Labels>) -> Vec<Item> {
        let one = |item: &Item| {
            let recovered = self.recovered.filter(|_| active.contains(&item.labels));
            let holds = |value: f64| match recovered {
                Some(recovered) => !recovered.holds(value),
                None => self.over.holds(value),
            };
            item.map(|value| value.map(|value| f64::from(u8::from(holds(value)))))
        };
        items.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::frame::Value;
    use crate::labels::of;
    use serde_json::json;

    #[test]
    fn each_evaluator_at_its_edges() {
        for (kind, below, at_low, within, at_high, above) in [
            ("gt", false, false, true, true, true),
            ("gte", false, true, true, true, true),
            ("lt", true, false, false, false, false),
            ("lte", true, true, false, false, false),
            ("eq", false, true, false, false, false),
            ("ne", true, false, true, true, true),
            ("within_range", false, false, true, false, false),
            ("within_range_included", false, true, true, true, false),
            ("outside_range", true, false, false, false, true),
            ("outside_range_included", true, true, false, true, true),
        ] {
            let evaluator = Evaluator::read(&json!({"type": kind, "params": [1, "3"]})).unwrap();
            let got = [0.0, 1.0, 2.0, 3.0, 4.0].map(|value| evaluator.holds(value));
            assert_eq!(got, [below, at_low, within, at_high, above], "{kind}");
            assert!(!evaluator.holds(f64::NAN) || matches!(kind, "ne"), "{kind}");
        }
        assert!(Evaluator::read(&json!({"type": "within_range", "params": [1]})).is_err());
        assert!(Evaluator::read(&json!({"type": "near", "params": [1]})).is_err());
        assert!(Evaluator::read(&json!(null)).is_err());
    }

    /// Grafana's page: latency around 1000 ms, and 900 to recover.
    #[test]
    fn who_is_over_stays_until_the_recovery_threshold() {
        let threshold =
            Threshold { over: Evaluator::Gt(1000.0), recovered: Some(Evaluator::Lt(900.0)) };
        let (a, b) = (of(&[("host", "a")]), of(&[("host", "b")]));
        let mut active = BTreeSet::new();
        for (value, over) in [
            (980.0, 0.0),
            (1010.0, 1.0),
            (990.0, 1.0),
            (1020.0, 1.0),
            (900.0, 1.0),
            (899.0, 0.0),
            (990.0, 0.0),
        ] {
            let items =
                [Item::number(a.clone(), Some(value)), Item::number(b.clone(), Some(990.0))];
            let found = threshold.apply(&items, &active);
            assert_eq!(found[0].value, Value::Number(Some(over)), "{value}");
            assert_eq!(
                found[1].value,
                Value::Number(Some(0.0)),
                "the other instance has its own state"
            );
            active.clear();
            if over == 1.0 {
                active.insert(a.clone());
            }
        }
    }

    #[test]
    fn what_has_no_value_gets_none() {
        let threshold = Threshold { over: Evaluator::Gt(1.0), recovered: None };
        let items = [
            Item::number(Labels::new(), None),
            Item {
                labels: of(&[("a", "b")]),
                value: Value::Series(vec![(1, Some(2.0)), (2, None)]),
            },
        ];
        let found = threshold.apply(&items, &BTreeSet::new());
        assert_eq!(found[0].value, Value::Number(None));
        assert_eq!(found[1].value, Value::Series(vec![(1, Some(1.0)), (2, None)]));
    }
}
