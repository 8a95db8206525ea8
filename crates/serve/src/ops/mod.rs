//! For probes, scrapers and the command line: is it alive, is it ready, how far is it, is it right.
//!
//! | path | answer |
//! | --- | --- |
//! | `GET /healthz` | 200 as long as the process answers |
//! | `GET /readyz` | 200 once every table streams, else 503 with the tables that do not |
//! | `GET /metrics` | Prometheus text |
//! | `GET /api/status` | the pipeline's report with the rows of each table, JSON |
//! | `GET /api/tables` | where each table of Postgres is kept, and under which names its columns, JSON |
//! | `POST /api/verify` | `VerifyOptions` in, `Verdict` out, JSON |
//! | `POST /api/verify/piece` | `PieceOptions` in, `Piece` out, JSON |
//! | `POST /api/resync` | `ResyncOptions` in, what has begun out, JSON |
//! | `POST /api/pause`, `/api/resume` | nothing in, what was and what is out, JSON |
//! | `POST /api/reload` | nothing in, the tables whose options changed out, JSON |
//! | `POST /api/transform/run` | a [`Run`] of dbt in, as it begins and as it ends |
//! | `POST /api/quarantine/list`, `show`, `drop` | `Filter` in, what is or was there out, JSON |
//! | `POST /api/quarantine/replay` | `ReplayOptions` in, what became of each table out, JSON |
//!
//! Who may ask for what: [`crate::people`].

mod metrics;
mod rows;
mod runs;
mod samples;

pub use runs::{Run, RunNode};

use crate::alerts::Alerts;
use crate::refusal::Refusal;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use flow::held;
use flow::quarantine::{self, Filter, ReplayOptions};
use flow::reload::Reloaded;
use flow::resync::ResyncOptions;
use flow::status::{Report, State as TableState};
use flow::verify::{PieceOptions, VerifyOptions};
use model::Result;
use rows::Rows;
use runs::{Runs, Summary};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use store::{BoxFuture, Store};
use tokio::task::JoinHandle;

const BODY_BYTES_MAX: usize = 1 << 20;
/// Of tens of thousands of nodes.
const RUN_BYTES_MAX: usize = 64 << 20;
/// For what is superseded in the quarantine to be found.
const LOOK_MOST: Duration = Duration::from_secs(10);

/// Reads the configuration again, which only the binary can.
pub type Reload = Arc<dyn Fn() -> BoxFuture<'static, Result<Reloaded>> + Send + Sync>;

#[derive(Clone)]
pub struct Ops {
    pub handle: flow::Handle,
    pub reload: Reload,
    pub store: Arc<dyn Store>,
    /// Whether the kernel keeps the engine to its files; `None`: it was not asked to, or there is no engine here.
    pub confined: Option<bool>,
    pub version: &'static str,
}

#[derive(Clone)]
struct Shared {
    ops: Ops,
    rows: Rows,
    runs: Runs,
    alerts: Alerts,
}

/// Takes samples until it is aborted.
pub(crate) fn sampling(ops: Ops) -> JoinHandle<()> {
    tokio::spawn(samples::take(ops))
}

/// For whoever has been let in, and whoever need not be.
pub(crate) fn routes(ops: Ops, alerts: Alerts) -> Router {
    let rows = Rows::new(ops.store.clone());
    let runs = Runs::new(ops.store.clone());
    let shared = Shared { ops, rows, runs, alerts };
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route("/api/tables", get(tables))
        .route("/api/verify", post(verify))
        .route("/api/verify/piece", post(verify_piece))
        .route("/api/resync", post(resync))
        .route("/api/pause", post(pause))
        .route("/api/resume", post(resume))
        .route("/api/reload", post(reload))
        .route(
            "/api/transform/run",
            post(transform_run).layer(DefaultBodyLimit::max(RUN_BYTES_MAX)),
        )
        .route("/api/quarantine/list", post(quarantine_list))
        .route("/api/quarantine/show", post(quarantine_show))
        .route("/api/quarantine/drop", post(quarantine_drop))
        .route("/api/quarantine/replay", post(quarantine_replay))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

async fn ready(State(shared): State<Shared>) -> Response {
    if shared.ops.handle.is_ready() {
        return "ready\n".into_response();
    }
    let report = shared.ops.handle.report();
    (StatusCode::SERVICE_UNAVAILABLE, not_ready(&report)).into_response()
}

fn not_ready(report: &Report) -> String {
    let mut text = "not ready\n".to_owned();
    match report.paused_since {
        Some(since) => {
            let since = jiff::Timestamp::from_second(since).map(|at| at.to_string());
            text +=
                &format!("paused since {}; to go on: millrace resume\n", since.unwrap_or_default());
        }
        None if !report.source.connected => text += "source: not connected\n",
        None => {}
    }
    if let Some(what) = &report.source.waiting_for {
        text += &format!("source: waits for {what}\n");
    }
    for table in report.tables.iter().filter(|table| table.state != TableState::Streaming) {
        text += &format!("{}: {}", table.name, table.state.name());
        if table.state == TableState::Copying {
            text += &format!(", {:.1} %", table.copied_ratio * 100.0);
        }
        text.push('\n');
    }
    text
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let report = report(&shared).await;
    let ready = shared.ops.handle.is_ready();
    let process = metrics::Process::read();
    let mut text = metrics::text(&report, shared.ops.version, ready, process);
    text += &metrics::runs(&shared.runs.summaries().await);
    text += &shared.alerts.metrics().map_or(String::new(), |counts| metrics::alerts(&counts));
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[derive(Serialize)]
struct Status {
    #[serde(flatten)]
    report: Report,
    confined: Option<bool>,
    /// Of the dbt project.
    runs: Vec<Summary>,
}

async fn status(State(shared): State<Shared>) -> Json<Status> {
    let report = report(&shared).await;
    let runs = shared.runs.summaries().await;
    Json(Status { report, confined: shared.ops.confined, runs })
}

async fn tables(State(shared): State<Shared>) -> Result<Response, Refusal> {
    Ok(Json(held::tables(shared.ops.store.as_ref()).await?).into_response())
}

async fn report(shared: &Shared) -> Report {
    let mut report = shared.ops.handle.report();
    shared.rows.fill(&mut report.tables).await;
    report
}

async fn verify(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let asked: Asked = match body.is_empty() {
        true => Asked::default(),
        false => options(&body, "{\"tables\": [\"public.orders\"], \"keys_max\": 10}")?,
    };
    let keys_max = asked.keys_max.unwrap_or(KEYS_DEFAULT);
    let options = VerifyOptions { tables: asked.tables, keys_max };
    Ok(Json(shared.ops.handle.verify(options).await?).into_response())
}

async fn verify_piece(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let options: PieceOptions = options(&body, "{\"table\": \"public.orders\", \"percent\": 1}")?;
    Ok(Json(shared.ops.handle.verify_piece(&options).await?).into_response())
}

async fn resync(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let options: ResyncOptions = options(&body, "{\"tables\": [\"public.orders\"]}")?;
    Ok(Json(shared.ops.handle.resync(options).await?).into_response())
}

async fn pause(State(shared): State<Shared>) -> Result<Response, Refusal> {
    Ok(Json(shared.ops.handle.pause().await?).into_response())
}

async fn resume(State(shared): State<Shared>) -> Result<Response, Refusal> {
    Ok(Json(shared.ops.handle.resume().await?).into_response())
}

async fn transform_run(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let run: Run = options(&body, "a run of dbt")?;
    shared.runs.record(&run).await?;
    Ok("recorded\n".into_response())
}

async fn reload(State(shared): State<Shared>) -> Result<Response, Refusal> {
    Ok(Json((shared.ops.reload)().await?).into_response())
}

/// What is superseded is looked for first, so that nobody takes it for missing. A pipeline that waits
/// for its source, or has ended, keeps nobody from seeing what is there.
async fn filter(shared: &Shared, body: &[u8]) -> Result<Filter, Refusal> {
    let filter: Filter = match body.is_empty() {
        true => Filter::default(),
        false => options(body, "{\"tables\": [\"public.orders\"]}")?,
    };
    let look = shared.ops.handle.look_for_newer(filter.tables.clone());
    match tokio::time::timeout(LOOK_MOST, look).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %error.report(), "not looked for newer rows"),
        Err(_) => tracing::debug!("not looked for newer rows in time"),
    }
    Ok(filter)
}

async fn quarantine_list(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let filter = filter(&shared, &body).await?;
    Ok(Json(quarantine::list(shared.ops.store.as_ref(), &filter).await?).into_response())
}

async fn quarantine_show(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let filter = filter(&shared, &body).await?;
    Ok(Json(quarantine::show(shared.ops.store.as_ref(), &filter).await?).into_response())
}

/// An empty filter drops everything, so it has to be sent.
async fn quarantine_drop(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let filter: Filter = options(&body, "{\"tables\": [\"public.orders\"]}")?;
    Ok(Json(quarantine::drop_rows(shared.ops.store.as_ref(), &filter).await?).into_response())
}

async fn quarantine_replay(State(shared): State<Shared>, body: Bytes) -> Result<Response, Refusal> {
    let options: ReplayOptions = options(&body, "{\"tables\": [\"public.orders\"]}")?;
    Ok(Json(shared.ops.handle.replay(options).await?).into_response())
}

fn options<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "cannot read the options")
            .detail(error.to_string())
            .hint(format!("send {example}"))
    })
}

/// `VerifyOptions`, of which each may be missing.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    tables: Vec<String>,
    keys_max: Option<usize>,
}

const KEYS_DEFAULT: usize = 10;
