//! `POST /api/query`: what panels, variables and annotations ask. Variables and macros are put in here, so that
//! the page only ever sends the text of the file and the values that were chosen.

use super::desk::{Asking, RESULT_ROWS_MAX};
use super::guard::Who;
use super::{Page, dashboards};
use crate::refusal::Refusal;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, response::Json};
use futures_util::future::join_all;
use grafana::{Range, Value, Variables};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::net::SocketAddr;

const QUERIES_MAX: usize = 26;
const SQL_BYTES_MAX: usize = 64 << 10;
/// Of all answers of a request; what is larger is no picture.
const ANSWERS_BYTES_MAX: usize = 64 << 20;

#[derive(Deserialize)]
struct Asked {
    dashboard: Option<String>,
    panel: Option<serde_json::Value>,
    from_ms: i64,
    to_ms: i64,
    interval_ms: Option<u64>,
    max_points: Option<u64>,
    timezone: Option<String>,
    queries: Vec<Query>,
    #[serde(default)]
    variables: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Query {
    #[serde(rename = "refId")]
    ref_id: String,
    #[serde(rename = "rawSql")]
    raw_sql: String,
}

impl Asked {
    fn range(&self) -> Range {
        let length = self.to_ms.saturating_sub(self.from_ms).max(0) as u64;
        let interval_ms =
            self.interval_ms.unwrap_or(length / self.max_points.unwrap_or(500).max(1));
        Range { from_ms: self.from_ms, to_ms: self.to_ms, interval_ms: interval_ms.max(1) }
    }

    /// Where on the page it stands, as its address is.
    fn place(&self) -> String {
        match (&self.dashboard, &self.panel) {
            (Some(uid), Some(panel)) => format!("/d/{uid}?viewPanel={panel}"),
            (Some(uid), None) => format!("/d/{uid}"),
            (None, _) => "/sql".to_owned(),
        }
    }
}

/// How fresh all data is: nothing older than this is missing.
#[derive(Serialize)]
struct Fresh {
    at_ms: i64,
    lag_seconds: Option<f64>,
    p50_ms: Option<u32>,
    p99_ms: Option<u32>,
}

pub(super) async fn query(
    State(page): State<Page>,
    Extension(who): Extension<Who>,
    peer: Option<Extension<SocketAddr>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "cannot read the query").detail(error.to_string())
    })?;
    if asked.queries.len() > QUERIES_MAX {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "a panel has 26 queries at most"));
    }
    let range = asked.range();
    let place = asked.place();
    let mut variables = Variables { chosen: asked.variables.clone(), authored: BTreeMap::new() };
    if let Some(uid) = &asked.dashboard
        && let Some(around) = dashboards::around(&page, uid).await?
    {
        variables.authored.clone_from(&around.authored);
        variables.chosen.insert("__dashboard".into(), Value::one(&around.title));
    }
    let own = [
        ("__user", who.visitor.name.as_str()),
        ("__timezone", asked.timezone.as_deref().unwrap_or("browser")),
        ("__org", "1"),
    ];
    variables.chosen.extend(own.map(|(name, value)| (name.to_owned(), Value::one(value))));
    let peer = peer.map(|Extension(peer)| peer);
    // Long texts take their time, and others wait for this thread.
    let texts: Vec<String> = asked.queries.iter().map(|query| query.raw_sql.clone()).collect();
    let expand =
        move || -> Vec<_> { texts.iter().map(|text| expanded(text, &range, &variables)).collect() };
    let expanded = tokio::task::spawn_blocking(expand).await.map_err(|_| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the query was not read to its end")
    })?;
    let by_others = asked.dashboard.is_some();
    let bytes_max = ANSWERS_BYTES_MAX / asked.queries.len().max(1);
    let answers = asked.queries.iter().zip(expanded).map(|(query, sql)| {
        let (page, who, place) = (&page, &who, place.clone());
        async move {
            match sql {
                Err(refusal) => result(query, "", Err(refusal)),
                Ok(sql) => {
                    let asked = Asking { place, peer, bytes_max, by_others };
                    let answer = page.desk.ask(&who.visitor, sql.clone(), asked).await;
                    result(query, &sql, answer)
                }
            }
        }
    });
    // Before the answers: they are no fresher than when they began.
    let report = page.ops.handle.report();
    let at_ms = jiff::Timestamp::now().as_millisecond();
    let results = join_all(answers).await.join(",");
    let fresh = Fresh {
        at_ms,
        lag_seconds: report.behind_seconds(),
        p50_ms: report.freshness_ms.p50,
        p99_ms: report.freshness_ms.p99,
    };
    let body = format!("{{\"results\":[{results}],\"fresh\":{}}}", json(&fresh));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn expanded(text: &str, range: &Range, variables: &Variables) -> Result<String, Refusal> {
    match text.len() <= SQL_BYTES_MAX {
        true => Ok(grafana::expand(text, range, variables)?),
        false => Err(Refusal::new(StatusCode::BAD_REQUEST, "a query has 64 KiB at most")),
    }
}

/// What the page reads of an answer; what it is made of is its own.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, rename = "meta")]
    _meta: &'a RawValue,
    #[serde(borrow, rename = "data")]
    _data: &'a RawValue,
}

/// The answer is a document already, and goes in as it is, if it is one.
fn result(query: &Query, sql: &str, answer: Result<Bytes, Refusal>) -> String {
    let read = answer.and_then(|answer| match serde_json::from_slice::<Document<'_>>(&answer) {
        Ok(_) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Err(_) => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "the answer has another format than the page reads",
        )
        .hint("take FORMAT away from the query")),
    });
    let (document, error) = match &read {
        Ok(document) => (document.trim(), "null".to_owned()),
        Err(refusal) => ("null", json(refusal)),
    };
    format!(
        "{{\"refId\":{},\"sql\":{},\"answer\":{document},\"error\":{error},\"limited\":{}}}",
        json(&query.ref_id),
        json(&sql),
        rows(document) >= RESULT_ROWS_MAX,
    )
}

/// As a document of ClickHouse's says at its end.
fn rows(document: &str) -> u64 {
    let found = document.rfind("\"rows\":").map(|at| &document[at + "\"rows\":".len()..]);
    let digits = found.map(str::trim_start).unwrap_or_default();
    let end = digits.bytes().take_while(u8::is_ascii_digit).count();
    digits[..end].parse().unwrap_or(0)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

const SCHEMA: &str = "SELECT database, table, any(engine), groupArray(name), groupArray(type), groupArray(comment) FROM \
     (SELECT c.database AS database, c.table AS table, t.engine AS engine, c.name AS name, c.type AS type, \
       c.comment AS comment, c.position AS position FROM system.columns AS c \
     INNER JOIN system.tables AS t ON t.database = c.database AND t.name = c.table \
     WHERE c.database NOT IN ('system', 'INFORMATION_SCHEMA', 'information_schema', 'default') \
       AND NOT startsWith(c.table, '.inner') ORDER BY database, table, position) \
     GROUP BY database, table ORDER BY database, table LIMIT 5000";

#[derive(Deserialize)]
struct Tables {
    data: Vec<Table>,
}

/// Database, name, engine; and of each column the name, the type and the comment.
#[derive(Deserialize)]
struct Table(String, String, String, Vec<String>, Vec<String>, Vec<String>);

/// `GET /api/schema`: what this user sees, for completion.
pub(super) async fn schema(
    State(page): State<Page>,
    Extension(who): Extension<Who>,
) -> Result<Response, Refusal> {
    let asking = Asking {
        place: "/api/schema".into(),
        peer: None,
        bytes_max: ANSWERS_BYTES_MAX,
        by_others: false,
    };
    let answer = page.desk.ask(&who.visitor, SCHEMA.into(), asking).await?;
    let read: Tables = serde_json::from_slice(&answer).map_err(|error| {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the schema")
            .detail(error.to_string())
    })?;
    let mut databases: Vec<serde_json::Value> = Vec::new();
    for Table(database, table, engine, names, types, comments) in read.data {
        let columns: Vec<_> = names
            .into_iter()
            .zip(types)
            .zip(comments)
            .map(|((name, kind), comment)| serde_json::json!({"name": name, "type": kind, "comment": comment}))
            .collect();
        let table = serde_json::json!({"name": table, "engine": engine, "columns": columns});
        match databases.last_mut().filter(|last| last["name"] == database.as_str()) {
            Some(last) => {
                last["tables"].as_array_mut().into_iter().for_each(|t| t.push(table.clone()))
            }
            None => databases.push(serde_json::json!({"name": database, "tables": [table]})),
        }
    }
    Ok(Json(serde_json::json!({ "databases": databases })).into_response())
}
