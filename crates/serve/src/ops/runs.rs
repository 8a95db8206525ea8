//! What dbt did: kept in `millrace.runs` and `millrace.run_nodes`, and summed up for `status` and `/metrics`.
//!
//! A run is told as it begins and as it ends: the later record takes the place of the earlier one.

use model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, ddl};
use tokio::sync::Mutex;

/// A summary is not asked of the store more often.
const KEPT_FOR: Duration = Duration::from_secs(2);
const RUNS: &str = "millrace.runs (id, schedule, command, status, started, seconds, sla_seconds, nodes, failed, \
     error, version)";
const NODES: &str = "millrace.run_nodes (run, started, node, kind, status, seconds, error, relation, row_count, \
     bytes)";
/// By schedule, of a week.
const SUMMARY: &str = "SELECT schedule, argMax(status, started) AS last, toUnixTimestamp64Milli(max(started)), \
       argMaxIf(seconds, started, status != 'running'), countIf(status = 'success') AS good, \
       countIf(status != 'running') AS ended, countIf(sla_seconds > 0 AND seconds > sla_seconds), \
       toUnixTimestamp64Milli(maxIf(started, status = 'success')), argMax(sla_seconds, started), \
       argMax(error, started), argMax(command, started) \
     FROM (SELECT * FROM millrace.runs FINAL WHERE started > now() - INTERVAL 7 DAY) \
     GROUP BY schedule ORDER BY schedule";

/// One run of dbt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub id: String,
    /// Empty: by hand.
    pub schedule: String,
    pub command: String,
    /// `running`, `success`, `failed`, `error`, `timeout`, `interrupted`
    pub status: String,
    /// Milliseconds since 1970.
    pub started: i64,
    pub seconds: f64,
    pub sla_seconds: Option<f64>,
    pub error: String,
    pub nodes: Vec<RunNode>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunNode {
    pub node: String,
    pub kind: String,
    pub status: String,
    pub failed: bool,
    pub seconds: f64,
    pub error: String,
    /// Database and name of what was built.
    pub relation: Option<(String, String)>,
}

/// What a schedule came to in a week.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    /// Empty: by hand.
    pub(super) schedule: String,
    pub(super) command: String,
    pub(super) last_status: String,
    /// Milliseconds since 1970.
    pub(super) last_started: i64,
    pub(super) last_seconds: f64,
    pub(super) last_success: Option<i64>,
    pub(super) last_error: String,
    pub(super) sla_seconds: Option<f64>,
    pub(super) ended: u64,
    pub(super) good: u64,
    pub(super) over_sla: u64,
}

#[derive(Clone)]
pub(super) struct Runs {
    store: Arc<dyn Store>,
    kept: Arc<Mutex<Option<Kept>>>,
}

struct Kept {
    at: Instant,
    summaries: Vec<Summary>,
}

impl Runs {
    pub(super) fn new(store: Arc<dyn Store>) -> Runs {
        Runs { store, kept: Arc::default() }
    }

    pub(super) async fn record(&self, run: &Run) -> Result<()> {
        let started = time(run.started)?;
        if !run.nodes.is_empty() {
            let sizes = self.sizes(&run.nodes).await?;
            let rows = run.nodes.iter().zip(sizes);
            let rows = rows.map(|(node, size)| node_row(run, &started, node, size)).collect();
            self.store.record(NODES, rows).await?;
        }
        let failed = run.nodes.iter().filter(|node| node.failed).count();
        // The beginning comes before any end.
        let version = if run.status == "running" { run.started } else { run.started + 1 };
        let row = [
            run.id.clone(),
            run.schedule.clone(),
            run.command.clone(),
            run.status.clone(),
            started,
            run.seconds.to_string(),
            run.sla_seconds.unwrap_or_default().to_string(),
            run.nodes.len().to_string(),
            failed.to_string(),
            run.error.clone(),
            version.to_string(),
        ];
        self.store.record(RUNS, vec![row.map(Some).to_vec()]).await?;
        *self.kept.lock().await = None;
        Ok(())
    }

    /// Rows and bytes of what each node built, as it is now.
    async fn sizes(&self, nodes: &[RunNode]) -> Result<Vec<Option<(String, String)>>> {
        let places: Vec<String> = nodes
            .iter()
            .filter_map(|node| node.relation.as_ref())
            .map(|(database, name)| format!("({}, {})", ddl::literal(database), ddl::literal(name)))
            .collect();
        if places.is_empty() {
            return Ok(vec![None; nodes.len()]);
        }
        let sql = format!(
            "SELECT database, name, total_rows, total_bytes FROM system.tables \
             WHERE total_rows IS NOT NULL AND (database, name) IN ({})",
            places.join(", ")
        );
        let found = self.store.query(&sql).await?;
        let size = |node: &RunNode| {
            let (database, name) = node.relation.as_ref()?;
            let is_it = |row: &&Vec<Option<String>>| {
                row[0].as_ref() == Some(database) && row[1].as_ref() == Some(name)
            };
            let row = found.iter().find(is_it)?;
            Some((row[2].clone()?, row[3].clone()?))
        };
        Ok(nodes.iter().map(size).collect())
    }

    /// Nothing, where the store does not answer.
    pub(super) async fn summaries(&self) -> Vec<Summary> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.at.elapsed() < KEPT_FOR) {
            return kept.summaries.clone();
        }
        let rows = self.store.query(SUMMARY).await.unwrap_or_default();
        let summaries: Vec<Summary> = rows.into_iter().filter_map(summary).collect();
        *kept = Some(Kept { at: Instant::now(), summaries: summaries.clone() });
        summaries
    }
}

fn node_row(
    run: &Run,
    started: &str,
    node: &RunNode,
    size: Option<(String, String)>,
) -> Vec<Option<String>> {
    let place = node.relation.as_ref();
    let (rows, bytes) = size.unzip();
    let fields = [
        run.id.clone(),
        started.to_owned(),
        node.node.clone(),
        node.kind.clone(),
        node.status.clone(),
        node.seconds.to_string(),
        node.error.clone(),
        place.map_or(String::new(), |(database, name)| format!("{database}.{name}")),
    ];
    fields.map(Some).into_iter().chain([rows, bytes]).collect()
}

fn summary(row: Vec<Option<String>>) -> Option<Summary> {
    let mut fields = row.into_iter();
    let mut next = || fields.next().flatten();
    let schedule = next()?;
    let last_status = next()?;
    let last_started = next()?.parse().ok()?;
    let last_seconds = next()?.parse().ok()?;
    let good = next()?.parse().ok()?;
    let ended = next()?.parse().ok()?;
    let over_sla = next()?.parse().ok()?;
    let last_success = next()?.parse().ok().filter(|at| *at > 0);
    let sla_seconds = next()?.parse().ok().filter(|seconds| *seconds > 0.0);
    let last_error = next()?;
    let command = next()?;
    Some(Summary {
        schedule,
        command,
        last_status,
        last_started,
        last_seconds,
        last_success,
        last_error,
        sla_seconds,
        ended,
        good,
        over_sla,
    })
}

/// As ClickHouse reads it.
fn time(milliseconds: i64) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(milliseconds)
        .map_err(|error| Error::definite("cannot read when a run began").source(error))?;
    Ok(at.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string())
}
