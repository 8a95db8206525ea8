//! The tree of notification policies.

use model::Result;
use serde_json::Value;

use super::node::Node;
use crate::route::{Matcher, Policy};

/// Grafana's page draws some ten levels; a tree is walked by recursion.
const DEPTH_MAX: usize = 50;

pub(super) fn tree(node: &Node<'_>) -> Result<Policy> {
    let _ = node.raw("orgId");
    node.needed("receiver")?;
    let root = policy(node, 0)?;
    if !root.matchers.is_empty() {
        return Err(node.wrong("object_matchers", "the root takes every alert and has no matchers"));
    }
    if !root.mute.is_empty() || !root.active.is_empty() {
        return Err(node.wrong(
            "mute_time_intervals",
            "the root has no mute timings; give them to a route below it",
        ));
    }
    Ok(root)
}

fn policy(node: &Node<'_>, depth: usize) -> Result<Policy> {
    if depth > DEPTH_MAX {
        return Err(node.wrong("routes", format!("a tree is {DEPTH_MAX} levels deep at most")));
    }
    let mut found = Policy {
        receiver: node.text("receiver")?.filter(|name| !name.is_empty()),
        group_by: node.texts("group_by")?,
        matchers: matchers(node)?,
        goes_on: node.flag("continue")?.unwrap_or(false),
        group_wait_ms: node.duration_ms("group_wait")?,
        group_interval_ms: node.pause_ms("group_interval")?,
        repeat_interval_ms: node.pause_ms("repeat_interval")?,
        mute: node.texts("mute_time_intervals")?.unwrap_or_default(),
        active: node.texts("active_time_intervals")?.unwrap_or_default(),
        routes: Vec::new(),
    };
    for child in node.nodes("routes")? {
        found.routes.push(policy(&child, depth + 1)?);
    }
    let _ = node.raw("provenance");
    node.done();
    Ok(found)
}

/// `object_matchers` are lists of three; `matchers` are Prometheus's texts; `match` and `match_re` are its old mappings.
fn matchers(node: &Node<'_>) -> Result<Vec<Matcher>> {
    let mut found = Vec::new();
    let wrong =
        |key: &str, index: usize, text: String| node.wrong(&format!("{key}[{index}]"), text);
    for (index, value) in node.values("object_matchers")?.iter().enumerate() {
        let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let [Value::String(name), Value::String(op), value] = parts else {
            return Err(wrong(
                "object_matchers",
                index,
                "[name, =, value] is wanted here".to_owned(),
            ));
        };
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        found.push(Matcher::new(name, op, &value).map_err(|e| wrong("object_matchers", index, e))?);
    }
    for (index, text) in node.texts("matchers")?.unwrap_or_default().iter().enumerate() {
        found.push(Matcher::parse(text).map_err(|error| wrong("matchers", index, error))?);
    }
    for (key, op) in [("match", "="), ("match_re", "=~")] {
        for (index, (name, value)) in node.pairs(key)?.iter().enumerate() {
            found.push(Matcher::new(name, op, value).map_err(|error| wrong(key, index, error))?);
        }
    }
    Ok(found)
}
