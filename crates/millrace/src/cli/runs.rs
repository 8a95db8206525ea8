//! A run of dbt as `up` is told of it.

use ::transform::{Event, Node, Outcome, Results};
use serve::ops::{Run, RunNode};
use std::process::ExitStatus;

pub(super) const RUNNING: &str = "running";
/// Somebody told it to stop.
pub(super) const INTERRUPTED: &str = "interrupted";
pub(super) const PATH: &str = "/api/transform/run";

/// By hand; `started`: milliseconds since 1970.
pub(super) fn begun(id: String, command: String, started: i64) -> Run {
    Run {
        id,
        schedule: String::new(),
        command,
        status: RUNNING.into(),
        started,
        seconds: 0.0,
        sla_seconds: None,
        error: String::new(),
        nodes: Vec::new(),
    }
}

/// Its status, and what dbt said where that is not a good one.
pub(super) fn outcome(status: ExitStatus, said: String) -> (&'static str, String) {
    match status.code() {
        Some(0) => ("success", String::new()),
        Some(1) => ("failed", short(&said)),
        _ if said.is_empty() => ("error", format!("dbt ended with {status}")),
        _ => ("error", short(&said)),
    }
}

/// What went wrong, of an event that says so.
pub(super) fn complaint(event: &Event) -> Option<String> {
    match event {
        Event::Said { is_error: true, text } => Some(text.clone()),
        Event::Ended { name, outcome: Outcome::Failed, status, .. } => {
            Some(format!("{name}: {status}"))
        }
        _ => None,
    }
}

pub(super) fn nodes(results: Option<&Results>) -> Vec<RunNode> {
    results.iter().flat_map(|results| &results.nodes).map(node).collect()
}

/// As much as a person reads.
fn short(text: &str) -> String {
    const BYTES_MAX: usize = 2 << 10;
    match text.len() > BYTES_MAX {
        true => format!("{}…", &text[..text.floor_char_boundary(BYTES_MAX)]),
        false => text.to_owned(),
    }
}

fn node(node: &Node) -> RunNode {
    let failed = node.is_failed();
    RunNode {
        node: node.unique_id.clone(),
        kind: node.kind().to_owned(),
        status: node.status.clone(),
        failed,
        seconds: node.seconds,
        error: node.message.as_deref().filter(|_| failed).map(short).unwrap_or_default(),
        relation: node.relation(),
    }
}
