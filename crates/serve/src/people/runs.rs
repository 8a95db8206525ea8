//! `GET /api/runs`: the last runs of dbt with their nodes, and what each node is made of.

use super::guard::Who;
use super::{Page, Role};
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const RUNS_SQL: &str = "SELECT id, schedule, command, status, toUnixTimestamp64Milli(started), seconds, sla_seconds, error \
     FROM millrace.runs FINAL ORDER BY started DESC LIMIT 50";
const NODES_SQL: &str = "SELECT run, node, kind, status, seconds, error, relation, row_count, bytes FROM millrace.run_nodes \
     WHERE run IN (SELECT id FROM millrace.runs FINAL ORDER BY started DESC LIMIT 50) ORDER BY run, seconds DESC LIMIT 20000";
/// Of a manifest; a larger one is not looked at.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;

type Row = Vec<Option<String>>;

/// dbt's errors may quote rows, which viewers may not all see.
pub(super) async fn runs(
    State(page): State<Page>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refusal> {
    let runs = page.ops.store.query(RUNS_SQL).await?;
    let nodes = page.ops.store.query(NODES_SQL).await?;
    let compiled = page.compiled.clone();
    let parents = tokio::task::spawn_blocking(move || compiled.newest().map(|path| parents(&path)));
    let parents = parents.await.ok().flatten().unwrap_or_default();
    let mut of_run: HashMap<String, Vec<Value>> = HashMap::new();
    for row in nodes {
        let run = text(&row, 0);
        of_run.entry(run).or_default().push(node(&row, &parents));
    }
    let mut runs: Vec<Value> = runs.iter().map(|row| run(row, &mut of_run)).collect();
    if who.visitor.role == Role::Viewer {
        runs.iter_mut().for_each(without_errors);
    }
    Ok(Json(runs).into_response())
}

fn without_errors(run: &mut Value) {
    let told = |error: &Value| error.as_str().is_some_and(|text| !text.is_empty());
    let nodes =
        run.get_mut("nodes").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
    let mut all = nodes;
    for each in all.iter_mut().chain([&mut *run]) {
        if told(&each["error"]) {
            each["error"] = "editors see what it was".into();
        }
    }
    run["nodes"] = all.into();
}

fn run(row: &Row, nodes: &mut HashMap<String, Vec<Value>>) -> Value {
    let id = text(row, 0);
    let sla = number(row, 6).filter(|seconds| *seconds > 0.0);
    json!({
        "nodes": nodes.remove(&id).unwrap_or_default(),
        "id": id,
        "schedule": text(row, 1),
        "command": text(row, 2),
        "status": text(row, 3),
        "started_ms": number(row, 4),
        "seconds": number(row, 5),
        "sla_seconds": sla,
        "error": text(row, 7),
    })
}

fn node(row: &Row, parents: &HashMap<String, Vec<String>>) -> Value {
    let name = text(row, 1);
    json!({
        "depends_on": parents.get(&name).cloned().unwrap_or_default(),
        "node": name,
        "kind": text(row, 2),
        "status": text(row, 3),
        "seconds": number(row, 4),
        "error": text(row, 5),
        "relation": text(row, 6),
        "rows": number(row, 7),
        "bytes": number(row, 8),
    })
}

fn text(row: &Row, at: usize) -> String {
    row.get(at).cloned().flatten().unwrap_or_default()
}

fn number(row: &Row, at: usize) -> Option<f64> {
    row.get(at)?.as_ref()?.parse().ok()
}

/// Where dbt keeps what it has compiled.
#[derive(Clone)]
pub struct Compiled {
    /// By hand.
    pub target: PathBuf,
    /// A folder for each schedule, with a target in it.
    pub schedules: PathBuf,
}

impl Compiled {
    fn newest(&self) -> Option<PathBuf> {
        let of_schedules = std::fs::read_dir(&self.schedules).into_iter().flatten();
        let of_schedules = of_schedules.filter_map(|entry| Some(entry.ok()?.path().join("target")));
        let targets = std::iter::once(self.target.clone()).chain(of_schedules);
        let manifests = targets.map(|target| target.join("manifest.json"));
        let of_when = |path: &PathBuf| path.metadata().and_then(|found| found.modified()).ok();
        manifests.filter_map(|path| Some((of_when(&path)?, path))).max().map(|(_, path)| path)
    }
}

/// What each node reads, by dbt's own names. Nothing, where dbt has not compiled the project yet.
fn parents(manifest: &Path) -> HashMap<String, Vec<String>> {
    let is_fit = manifest.metadata().is_ok_and(|found| found.len() <= MANIFEST_BYTES_MAX);
    let read = is_fit.then(|| std::fs::read(manifest).ok()).flatten();
    let whole: Value = read.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let all = whole.get("parent_map").and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    let names = |value: Value| serde_json::from_value(value).unwrap_or_default();
    all.into_iter().map(|(node, of)| (node, names(of))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_manifest_says_what_reads_what() {
        let folder = tempfile::tempdir().unwrap();
        let compiled = Compiled {
            target: folder.path().join("dbt/target"),
            schedules: folder.path().join("transform"),
        };
        assert_eq!(compiled.newest(), None);
        let write = |place: &str, parent: &str, seconds: u64| {
            let target = folder.path().join(place);
            std::fs::create_dir_all(&target).unwrap();
            let text = json!({"parent_map": {"model.a": [parent]}}).to_string();
            std::fs::write(target.join("manifest.json"), text).unwrap();
            let file = std::fs::File::options().write(true).open(target.join("manifest.json"));
            let when = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            file.unwrap().set_modified(when).unwrap();
        };
        write("dbt/target", "old", 1000);
        write("transform/fast/target", "new", 2000);
        let newest = compiled.newest().unwrap();
        assert_eq!(parents(&newest)["model.a"], ["new"]);
        write("dbt/target", "newer", 3000);
        assert_eq!(parents(&compiled.newest().unwrap())["model.a"], ["newer"]);
    }
}
