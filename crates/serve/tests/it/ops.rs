//! The ops port: health, status, metrics, verify.

use crate::http::{get, post, post_with};
use crate::ports;
use std::sync::{Arc, LazyLock};
use store::Engine;

/// A pipeline whose source is not there: nothing listens at this address.
pub(crate) fn ops(engine: Engine) -> serve::ops::Ops {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _inside = RUNTIME.enter();
    let options = flow::Options {
        address: format!("postgres://nobody@127.0.0.1:{nobody}/none").parse().unwrap(),
        publication: "millrace".into(),
        slot: "millrace".into(),
        database_pattern: None,
        tables: Default::default(),
        memory_bytes: 64 << 20,
        spool: None,
        sinks: Vec::new(),
    };
    let pipeline = flow::Pipeline::start(options, Arc::new(engine.clone()));
    let handle = pipeline.handle();
    // It runs as long as the process.
    std::mem::forget(pipeline);
    let nothing = || async { Err(model::Error::definite("cannot reload: there is no file")) };
    let reload: serve::ops::Reload = Arc::new(move || Box::pin(nothing()));
    serve::ops::Ops {
        handle,
        reload,
        store: Arc::new(engine),
        confined: None,
        version: "0.0.0-test",
    }
}

#[test]
fn alive_but_not_ready_without_a_source() {
    let port = ports().ops;
    assert_eq!(get(port, "/healthz").status, 200);
    let ready = get(port, "/readyz");
    assert_eq!(ready.status, 503);
    let why = ready.text();
    assert!(why.contains("source: not connected") || why.contains("paused"), "{why}");
    let reply = get(port, "/api/nowhere");
    assert_eq!(reply.status, 404);
    assert!(reply.text().starts_with("{\"error\":"), "{}", reply.text());
}

#[test]
fn status_is_json_and_metrics_are_prometheus() {
    let port = ports().ops;
    let status: serde_json::Value = serde_json::from_str(&get(port, "/api/status").text()).unwrap();
    assert!(status["tables"].is_array());
    assert_eq!(status["source"]["connected"], false);
    assert!(status["freshness_ms"]["p50"].is_null());
    let metrics = get(port, "/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    assert!(metrics.text().contains("millrace_ready 0\n"));
    let resident = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes ")?.parse::<u64>().ok());
    assert!(resident.unwrap() > 1 << 20);
}

/// Without a source, as it may be when somebody wants it. Other tests look at the same pipeline, so it
/// does not stay so.
#[test]
fn pause_and_resume_answer_and_strangers_cannot_ask() {
    let port = ports().ops;
    for path in ["/api/pause", "/api/resume", "/api/reload"] {
        let reply = post_with(port, path, &[("Origin", "https://evil.example")], b"");
        assert_eq!(reply.status, 403, "{path}");
        assert_eq!(get(port, path).status, 405, "{path}");
    }
    let answer = |path: &str| -> serde_json::Value {
        let reply = post(port, path, "");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        serde_json::from_str(&reply.text()).unwrap()
    };
    assert_eq!(answer("/api/pause")["was_paused"], false);
    let again = answer("/api/pause");
    assert_eq!(again["was_paused"], true);
    assert!(again["slot"].is_null());
    assert!(get(port, "/readyz").text().contains("to go on: millrace resume"));
    assert!(get(port, "/metrics").text().contains("millrace_paused 1\n"));
    let verify = post(port, "/api/verify", "{}");
    assert_eq!(verify.status, 409);
    assert!(verify.text().contains("the pipeline is paused"), "{}", verify.text());
    assert_eq!(answer("/api/resume")["paused_since"], again["since"]);
    assert!(answer("/api/resume")["paused_since"].is_null());
    assert_eq!(post(port, "/api/reload", "").status, 409);
}

#[test]
fn verify_refuses_what_it_cannot_read_and_strangers() {
    let port = ports().ops;
    let reply = post(port, "/api/verify", "{\"tabels\": []}");
    assert_eq!(reply.status, 400);
    let error: serde_json::Value = serde_json::from_str(&reply.text()).unwrap();
    assert!(error["detail"].as_str().unwrap().contains("tabels"), "{error}");
    let reply = post_with(port, "/api/verify", &[("Origin", "https://evil.example")], b"{}");
    assert_eq!(reply.status, 403);
    let reply = get(port, "/api/verify");
    assert_eq!(reply.status, 405);
}
