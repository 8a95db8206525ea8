//! `/api/alerts`: rules and their instances, history, silences, tests of contact points.

use super::Page;
use super::guard::Who;
use crate::refusal::Refusal;
use alerts::{Matcher, Silence};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

const HISTORY_DEFAULT: usize = 200;

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    snapshot: alerts::Snapshot,
    /// Why the files are not those that are in force.
    files_error: Option<String>,
    /// What in them has no effect.
    notes: Vec<String>,
}

pub(super) async fn show(State(page): State<Page>) -> Result<Response, Refusal> {
    let told = page.alerts.told();
    let snapshot = page.alerts.engine()?.snapshot();
    Ok(Json(Shown { snapshot, files_error: told.error, notes: told.notes }).into_response())
}

#[derive(Deserialize)]
pub(super) struct Limit {
    limit: Option<usize>,
}

pub(super) async fn history(
    State(page): State<Page>,
    Query(asked): Query<Limit>,
) -> Result<Response, Refusal> {
    let limit = asked.limit.unwrap_or(HISTORY_DEFAULT);
    Ok(Json(page.alerts.engine()?.history(limit).await?).into_response())
}

#[derive(Deserialize)]
struct Wanted {
    matchers: Vec<Matcher>,
    starts_ms: i64,
    ends_ms: i64,
    #[serde(default)]
    comment: String,
}

pub(super) async fn silence(
    State(page): State<Page>,
    Extension(who): Extension<Who>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let Wanted { matchers, starts_ms, ends_ms, comment } = read(&body)?;
    let author = who.visitor.name;
    let silence = Silence { id: String::new(), matchers, starts_ms, ends_ms, comment, author };
    let id = page.alerts.engine()?.silence(silence).await?;
    Ok(Json(serde_json::json!({ "id": id })).into_response())
}

pub(super) async fn unsilence(
    State(page): State<Page>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    page.alerts.engine()?.unsilence(&id).await?;
    Ok(Json(serde_json::json!({ "id": id })).into_response())
}

#[derive(Deserialize)]
struct Point {
    contact_point: String,
}

pub(super) async fn test(State(page): State<Page>, body: Bytes) -> Result<Response, Refusal> {
    let Point { contact_point } = read(&body)?;
    let sent = page.alerts.engine()?.test(&contact_point).await?;
    Ok(Json(serde_json::json!({ "sent": sent })).into_response())
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "cannot read what is wanted")
            .detail(error.to_string())
    })
}
