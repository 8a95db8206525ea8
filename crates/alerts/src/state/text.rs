//! The labels and annotations of an instance: templates over `$labels`, `$values` and `$value`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Labels;
use crate::expr::Plan;
use crate::file::Rule;
use crate::labels::shown;
use crate::template::{Set, Value};

/// An annotation is read by people.
const ANNOTATION_BYTES_MAX: usize = 64 << 10;

pub(super) type Values = BTreeMap<String, (Labels, Option<f64>)>;

/// What a rule's texts come to for one label set. A text that cannot be written stays as it is, as in Grafana.
pub(super) struct Texts {
    pub(super) full: Labels,
    pub(super) annotations: Labels,
    pub(super) warnings: Vec<String>,
}

pub(super) fn write(rule: &Rule, labels: &Labels, values: &Values, set: &Set) -> Texts {
    let mut warnings = Vec::new();
    let variables = [
        ("labels", Value::from(labels)),
        ("values", Value::map(values.iter().map(|(name, value)| (name.clone(), measured(value))))),
        ("value", Value::from(value(rule, values))),
    ];
    let dot = Value::of_fields(vec![
        ("Labels", variables[0].1.clone()),
        ("Values", variables[1].1.clone()),
        ("Value", variables[2].1.clone()),
    ]);
    let mut expand = |what: &str, name: &str, text: &str| {
        let mut written =
            set.expand(&format!("{what} {name}"), text, &dot, &variables).unwrap_or_else(|error| {
                warnings.push(error);
                text.to_owned()
            });
        if written.len() > ANNOTATION_BYTES_MAX {
            let end = (0..=ANNOTATION_BYTES_MAX)
                .rev()
                .find(|at| written.is_char_boundary(*at))
                .unwrap_or(0);
            written.truncate(end);
        }
        written
    };
    let mut full = labels.clone();
    for (name, text) in &rule.labels {
        full.insert(name.clone(), expand("label", name, text));
    }
    // Reserved names win over what the rule and the answer say.
    full.insert("alertname".to_owned(), rule.title.clone());
    full.insert("grafana_folder".to_owned(), rule.folder.clone());
    // An empty label is none, as in Prometheus.
    full.retain(|_, value| !value.is_empty());
    let annotations = rule
        .annotations
        .iter()
        .map(|(name, text)| (name.clone(), expand("annotation", name, text)))
        .collect();
    Texts { full, annotations, warnings }
}

/// Prints as its number, and has it as `.Value`.
fn measured((labels, value): &(Labels, Option<f64>)) -> Value {
    // Without an exponent, however large it is.
    let text = value.map_or(Value::Nil, |value| Value::from(value.to_string()));
    let value = value.map_or(Value::Nil, Value::Float);
    let fields = vec![("Labels", Value::from(labels)), ("Value", value)];
    Value::Struct(Arc::new(crate::template::Struct { fields, shown: Some(text) }))
}

/// `$value`: with a single query that answers numbers, its number; else all of them.
fn value(rule: &Rule, values: &Values) -> String {
    if let Ok(plan) = &rule.plan
        && let Some(number) = single(plan, values)
    {
        return number.to_string();
    }
    value_text(values)
}

fn single(plan: &Plan, values: &Values) -> Option<f64> {
    let mut queries = plan.queries();
    let (first, None) = (queries.next()?, queries.next()) else { return None };
    values.get(&first.ref_id)?.1
}

/// `[ var='B' labels={host=a} value=1 ], [ … ]`
pub(super) fn value_text(values: &Values) -> String {
    let one = |(name, (labels, value)): (&String, &(Labels, Option<f64>))| {
        let value = value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        format!("[ var='{name}' labels={} value={value} ]", shown(labels))
    };
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}
