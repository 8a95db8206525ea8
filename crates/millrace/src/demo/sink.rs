//! Where the demo's alerts go: a webhook of its own, which tells each notice in a line.

use crate::talk::{self, Paint};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use model::{Error, Result};
use serde::Deserialize;
use std::net::SocketAddr;
use tokio::task::JoinHandle;

const BODY_BYTES_MAX: usize = 1 << 20;
/// Of one notice, whatever it says.
const LINES_MAX: usize = 5;

/// Listens until it is dropped.
pub(super) struct Sink {
    pub(super) place: SocketAddr,
    server: JoinHandle<()>,
}

/// In so far as it is told.
#[derive(Deserialize)]
struct Notice {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    status: String,
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    labels: Labels,
}

#[derive(Deserialize, Default)]
struct Annotations {
    summary: Option<String>,
}

#[derive(Deserialize, Default)]
struct Labels {
    alertname: Option<String>,
}

impl Sink {
    pub(super) async fn start() -> Result<Sink> {
        let cannot = |error| Error::definite("cannot listen for the demo's alerts").source(error);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(cannot)?;
        let place = listener.local_addr().map_err(cannot)?;
        let router = Router::new()
            .fallback(post(async |body: String| lines(&body).into_iter().for_each(talk::say)))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Sink { place, server })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lines(body: &str) -> Vec<String> {
    let Ok(notice) = serde_json::from_str::<Notice>(body) else {
        return vec!["an alert came that is no notice of Grafana's form".to_owned()];
    };
    let told = notice.alerts.into_iter().take(LINES_MAX).map(|alert| {
        let name = alert.labels.alertname.unwrap_or_default();
        let summary = alert.annotations.summary.unwrap_or_default();
        let mark = talk::words(format!("alert {}", alert.status), Paint::Bold);
        format!("{mark}  {name}: {summary}")
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_a_line_an_alert() {
        let body = r#"{"receiver": "x", "alerts": [{"status": "firing", "labels": {"alertname": "Stock"},
            "annotations": {"summary": "3 left"}, "values": {"B": 3}}, {"status": "resolved"}]}"#;
        let lines = lines(body);
        assert!(
            lines[0].contains("alert firing") && lines[0].ends_with("Stock: 3 left"),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(super::lines("{}").len(), 1);
    }
}
