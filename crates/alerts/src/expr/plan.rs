//! A rule's `data` in the order in which it is computed.

use std::collections::{BTreeMap, BTreeSet};

use model::{Error, Result};
use serde_json::Value as Json;

use super::classic::Classic;
use super::frame::{self, Answer, Item, Value};
use super::math::Math;
use super::reduce::{self, Mode, Reducer};
use super::resample::{Upsample, resample};
use super::threshold::{Evaluator, Threshold};
use crate::file::duration;
use crate::labels::{Labels, contains};

const NODES_MAX: usize = 100;
const EXPRESSION: &str = "__expr__";
/// Grafana's own name of its expressions before they had one.
const EXPRESSION_OLD: &str = "-100";
const INTERVAL_DEFAULT_MS: i64 = 1_000;
const MAX_POINTS_DEFAULT: i64 = 43_200;

/// One entry of `data` as the file has it.
#[derive(Clone, Debug)]
pub struct Source {
    pub ref_id: String,
    pub datasource: String,
    /// Seconds before now.
    pub from_s: i64,
    pub to_s: i64,
    pub model: Json,
}

/// A query to be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Instant {
    pub ref_id: String,
    pub datasource: String,
    pub sql: String,
    pub from_s: i64,
    pub to_s: i64,
    pub interval_ms: i64,
    pub max_points: i64,
}

#[derive(Clone, Debug)]
enum Node {
    Query(Instant),
    Math(Math),
    Reduce(String, Reducer, Mode),
    Resample(String, i64, Reducer, Upsample, (i64, i64)),
    Threshold(String, Threshold),
    Classic(Classic),
}

/// Checked once: the names are known, there is no cycle, every expression can be read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In the order of evaluation.
    nodes: Vec<(String, Node)>,
    condition: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Normal,
    Alerting,
    NoData,
}

/// What an evaluation says of one label set.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub labels: Labels,
    pub verdict: Verdict,
    /// By refId: every number that belongs to these labels.
    pub values: BTreeMap<String, (Labels, Option<f64>)>,
}

/// Empty: no data at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    pub samples: Vec<Sample>,
}

impl Plan {
    pub fn new(data: &[Source], condition: &str) -> Result<Plan> {
        let cannot = |ref_id: &str, why: String| {
            Error::definite(format!("cannot evaluate {ref_id}")).detail(why)
        };
        if data.len() > NODES_MAX {
            return Err(cannot(
                condition,
                format!("A rule has {NODES_MAX} queries and expressions at most."),
            ));
        }
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for source in data {
            let node = Node::read(source, data).map_err(|why| cannot(&source.ref_id, why))?;
            if nodes.insert(source.ref_id.clone(), node).is_some() {
                return Err(cannot(
                    &source.ref_id,
                    "two entries of data have this refId".to_owned(),
                ));
            }
        }
        if !nodes.contains_key(condition) {
            return Err(cannot(
                condition,
                "it is the condition, and no entry of data has this refId".to_owned(),
            ));
        }
        for (name, node) in &nodes {
            for other in node.refs() {
                if !nodes.contains_key(&other) {
                    return Err(cannot(
                        name,
                        format!("it takes {other}, and no entry of data has this refId"),
                    ));
                }
            }
        }
        let mut ordered: Vec<(String, Node)> = Vec::new();
        while !nodes.is_empty() {
            let is_ready = |node: &Node| node.refs().iter().all(|other| !nodes.contains_key(other));
            let ready = nodes.iter().find(|(_, node)| is_ready(node)).map(|(name, _)| name.clone());
            let Some(name) = ready else {
                let names: Vec<&str> = nodes.keys().map(String::as_str).collect();
                return Err(cannot(
                    condition,
                    format!("{} take each other in a circle", names.join(", ")),
                ));
            };
            if let Some(node) = nodes.remove(&name) {
                ordered.push((name, node));
            }
        }
        Ok(Plan { nodes: ordered, condition: condition.to_owned() })
    }

    pub fn queries(&self) -> impl Iterator<Item = &Instant> {
        self.nodes
            .iter()
            .filter_map(|(_, node)| if let Node::Query(query) = node { Some(query) } else { None })
    }

    /// The data source that a failure is blamed on: the first query's.
    pub fn blamed(&self) -> (String, String) {
        let first =
            self.queries().next().map(|query| (query.datasource.clone(), query.ref_id.clone()));
        first.unwrap_or_else(|| (EXPRESSION.to_owned(), self.condition.clone()))
    }

    /// `answers` by refId; `active` are the labels whose last verdict was alerting, for recovery thresholds.
    pub fn evaluate(
        &self,
        answers: &BTreeMap<String, Answer>,
        active: &BTreeSet<Labels>,
        now_ms: i64,
    ) -> Result<Evaluated> {
        let mut frames: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        let mut matches = Vec::new();
        for (name, node) in &self.nodes {
            let cannot =
                |why: String| Error::definite(format!("cannot evaluate {name}")).detail(why);
            let none = Vec::new();
            let of = |other: &String| frames.get(other).unwrap_or(&none);
            let found = match node {
                Node::Query(_) => {
                    let answer =
                        answers.get(name).ok_or_else(|| cannot("it was not asked".to_owned()))?;
                    frame::items(answer).map_err(cannot)?
                }
                Node::Math(math) => math.evaluate(&frames).map_err(cannot)?,
                Node::Reduce(other, reducer, mode) => reduce::reduce(of(other), *reducer, *mode),
                Node::Threshold(other, threshold) => threshold.apply(of(other), active),
                Node::Resample(other, window_ms, down, up, range_s) => {
                    let range = (now_ms - range_s.0 * 1_000, now_ms - range_s.1 * 1_000);
                    let each = ((range.1 - range.0) / (*window_ms).max(1)).unsigned_abs() as usize;
                    if each.saturating_mul(of(other).len()) > frame::POINTS_MAX {
                        return Err(cannot(format!(
                            "it makes more than {} points; widen the window",
                            frame::POINTS_MAX
                        )));
                    }
                    let one = |item: &Item| resample(item, *window_ms, *down, *up, range);
                    of(other).iter().map(one).collect::<Result<_, _>>().map_err(cannot)?
                }
                Node::Classic(classic) => {
                    let (verdict, found) = classic.evaluate(&frames);
                    for (index, found) in found.into_iter().enumerate() {
                        matches.push((format!("{name}{index}"), (found.labels, found.value)));
                    }
                    vec![Item::number(
                        Labels::new(),
                        verdict.map(|holds| f64::from(u8::from(holds))),
                    )]
                }
            };
            frame::unique(&found).map_err(cannot)?;
            frames.insert(name.clone(), found);
        }
        self.judge(&frames, &matches)
    }

    fn judge(
        &self,
        frames: &BTreeMap<String, Vec<Item>>,
        matches: &[(String, (Labels, Option<f64>))],
    ) -> Result<Evaluated> {
        let mut samples = Vec::new();
        let numbers: Vec<(&String, Numbers<'_>)> =
            frames.iter().map(|(name, items)| (name, Numbers::of(items))).collect();
        for item in frames.get(&self.condition).map(Vec::as_slice).unwrap_or_default() {
            let Value::Number(value) = item.value else {
                return Err(Error::definite(format!("cannot alert on {}", self.condition))
                    .detail("It is a time series, and a condition is one number for each label set.")
                    .hint("Put a reduce between the query and the condition, or select no time in SQL."));
            };
            let verdict = match value {
                None => Verdict::NoData,
                Some(0.0) => Verdict::Normal,
                Some(_) => Verdict::Alerting,
            };
            let mut values: BTreeMap<_, _> = numbers
                .iter()
                .filter_map(|(name, numbers)| {
                    Some(((*name).clone(), numbers.captured(&item.labels)?))
                })
                .collect();
            values.extend(matches.iter().cloned());
            samples.push(Sample { labels: item.labels.clone(), verdict, values });
        }
        Ok(Evaluated { samples })
    }
}

/// The numbers of a frame, by their labels.
struct Numbers<'a> {
    all: Vec<(&'a Labels, Option<f64>)>,
    by_labels: BTreeMap<&'a Labels, Option<f64>>,
}

impl<'a> Numbers<'a> {
    fn of(items: &'a [Item]) -> Numbers<'a> {
        let number = |item: &'a Item| match item.value {
            Value::Number(value) => Some((&item.labels, value)),
            Value::Series(_) => None,
        };
        let all: Vec<_> = items.iter().filter_map(number).collect();
        Numbers { by_labels: all.iter().copied().collect(), all }
    }

    /// The one that belongs to these labels: that with the same ones, or of those that agree the first.
    fn captured(&self, labels: &Labels) -> Option<(Labels, Option<f64>)> {
        if let Some(value) = self.by_labels.get(labels) {
            return Some((labels.clone(), *value));
        }
        let agrees = |own: &Labels| contains(own, labels) || contains(labels, own);
        let (own, value) = self.all.iter().find(|(own, _)| agrees(own))?;
        Some(((*own).clone(), *value))
    }
}

impl Node {
    fn read(source: &Source, all: &[Source]) -> Result<Node, String> {
        let model = &source.model;
        let text = |path: &str| model.pointer(path).and_then(Json::as_str).unwrap_or_default();
        if source.datasource != EXPRESSION && source.datasource != EXPRESSION_OLD {
            return query(source).map(Node::Query);
        }
        // `$A` and `A` are both seen in files.
        let input = || {
            let name = text("/expression").trim().trim_start_matches('$');
            let name = name.trim_start_matches('{').trim_end_matches('}');
            if name.is_empty() {
                Err("it does not say which refId it takes".to_owned())
            } else {
                Ok(name.to_owned())
            }
        };
        match text("/type") {
            "math" => Math::parse(text("/expression")).map(Node::Math),
            "reduce" => {
                let mode = match text("/settings/mode") {
                    "" | "strict" => Mode::Strict,
                    "dropNN" => Mode::Drop,
                    "replaceNN" => {
                        let with =
                            model.pointer("/settings/replaceWithValue").and_then(Json::as_f64);
                        Mode::Replace(with.ok_or("replaceNN lacks its replaceWithValue")?)
                    }
                    other => {
                        return Err(format!(
                            "{other:?} is no mode; there are dropNN and replaceNN"
                        ));
                    }
                };
                Ok(Node::Reduce(input()?, Reducer::parse(text("/reducer"))?, mode))
            }
            "resample" => {
                let window = text("/window");
                let window_ms = duration::parse(window).filter(|ms| *ms > 0);
                let window_ms =
                    window_ms.ok_or_else(|| format!("{window:?} is no window, as 30s or 5m"))?;
                let widest = || {
                    all.iter()
                        .filter(|other| other.datasource != EXPRESSION)
                        .map(|o| (o.from_s, o.to_s))
                        .max()
                };
                let range = if source.from_s == source.to_s {
                    widest()
                } else {
                    Some((source.from_s, source.to_s))
                };
                let (down, up) =
                    (Reducer::parse(text("/downsampler"))?, Upsample::parse(text("/upsampler"))?);
                Ok(Node::Resample(input()?, window_ms, down, up, range.unwrap_or_default()))
            }
            "threshold" => {
                let condition = model
                    .pointer("/conditions/0")
                    .ok_or("a threshold has one condition, and there is none")?;
                let recovered = condition.get("unloadEvaluator").filter(|json| !json.is_null());
                let threshold = Threshold {
                    over: Evaluator::read(condition.get("evaluator").unwrap_or(&Json::Null))?,
                    recovered: recovered.map(Evaluator::read).transpose()?,
                };
                Ok(Node::Threshold(input()?, threshold))
            }
            "classic_conditions" => Classic::read(model).map(Node::Classic),
            "sql" => {
                Err("SQL expressions are not evaluated here; write the SQL into the query itself"
                    .to_owned())
            }
            other => Err(format!(
                "{other:?} is no expression; there are math, reduce, resample, threshold, classic_conditions"
            )),
        }
    }

    fn refs(&self) -> Vec<String> {
        let mut found = Vec::new();
        match self {
            Node::Query(_) => {}
            Node::Math(math) => math.refs(&mut found),
            Node::Classic(classic) => classic.refs(&mut found),
            Node::Reduce(other, ..) | Node::Resample(other, ..) | Node::Threshold(other, ..) => {
                found.push(other.clone())
            }
        }
        found
    }
}

fn query(source: &Source) -> Result<Instant, String> {
    let text = |key: &str| {
        source.model.get(key).and_then(Json::as_str).filter(|text| !text.trim().is_empty())
    };
    let sql = text("rawSql").or_else(|| text("query")).ok_or("its model has no rawSql")?;
    let whole = |key: &str, or: i64| {
        source.model.get(key).and_then(Json::as_i64).filter(|n| *n > 0).unwrap_or(or)
    };
    Ok(Instant {
        ref_id: source.ref_id.clone(),
        datasource: source.datasource.clone(),
        sql: sql.to_owned(),
        from_s: source.from_s,
        to_s: source.to_s,
        interval_ms: whole("intervalMs", INTERVAL_DEFAULT_MS),
        max_points: whole("maxDataPoints", MAX_POINTS_DEFAULT),
    })
}

#[cfg(test)]
mod tests;
