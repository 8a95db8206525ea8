//! The port of people: the page, its sessions, and what it asks; beside it what probes and our own verbs ask
//! ([`crate::ops`]).
//!
//! ```text
//! browser ─▶ guard ─┬─ assets             the page, out of the binary
//!                   ├─ login ─▶ session   a signed cookie
//!                   ├─ query ─▶ grafana ─▶ desk ─▶ the door, as who is logged in
//!                   ├─ dashboards ─▶ the project's files
//!                   ├─ alerts ─▶ the engine of the project's rules
//!                   └─ ops
//! ```

mod alerts;
mod assets;
mod dashboards;
mod desk;
mod guard;
mod login;
mod query;
mod runs;
mod session;

pub use desk::Desk;
use desk::Role;
pub use guard::TOKEN_HEADER;
pub use login::Proxy;
pub use runs::Compiled;
pub use session::Keys;

use crate::net;
use crate::ops::{self, Ops};
use crate::refusal::Refusal;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use hyper_util::service::TowerToHyperService;
use model::Result;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const QUERY_BYTES_MAX: usize = 4 << 20;

/// What the page is made from.
pub struct Options {
    pub ops: Ops,
    pub desk: Desk,
    /// The project: `dashboards/` is in it.
    pub folder: PathBuf,
    pub compiled: Compiled,
    pub keys: Keys,
    /// Where a reverse proxy has us, as `/millrace`; empty: at its root.
    pub prefix: String,
    pub proxy: Option<Proxy>,
    /// By which our own verbs come in.
    pub token: String,
    pub alerts: crate::alerts::Options,
}

#[derive(Clone)]
pub(crate) struct Page {
    ops: Ops,
    desk: Desk,
    dashboards: Arc<Path>,
    known: dashboards::Known,
    /// One saves at a time.
    saving: Arc<Mutex<()>>,
    compiled: Compiled,
    prefix: Arc<str>,
    proxy: Option<Proxy>,
    token: Arc<str>,
    keys: Keys,
    alerts: crate::alerts::Alerts,
}

/// A token that nobody guesses.
pub fn token() -> String {
    session::random().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Serves until `shutdown`, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let samples = ops::sampling(options.ops.clone());
    let (alerts, rules) = crate::alerts::start(options.alerts);
    let page = Page {
        keys: options.keys,
        alerts: alerts.clone(),
        ops: options.ops,
        desk: options.desk,
        dashboards: options.folder.join("dashboards").into(),
        known: dashboards::Known::default(),
        saving: Arc::default(),
        compiled: options.compiled,
        prefix: options.prefix.trim_end_matches('/').into(),
        proxy: options.proxy,
        token: options.token.into(),
    };
    let own = Router::new()
        .route("/api/session", get(login::show).post(login::log_in).delete(login::log_out))
        .route("/api/dashboards", get(dashboards::list))
        .route(
            "/api/dashboards/{uid}",
            get(dashboards::show)
                .put(dashboards::save)
                .layer(DefaultBodyLimit::max(dashboards::FILE_BYTES_MAX as usize)),
        )
        .route("/api/query", post(query::query).layer(DefaultBodyLimit::max(QUERY_BYTES_MAX)))
        .route("/api/schema", get(query::schema))
        .route("/api/runs", get(runs::runs))
        .route("/api/alerts", get(alerts::show))
        .route("/api/alerts/history", get(alerts::history))
        .route("/api/alerts/silences", post(alerts::silence))
        .route("/api/alerts/silences/{id}", delete(alerts::unsilence))
        .route("/api/alerts/test", post(alerts::test))
        .with_state(page.clone());
    let routes = own.merge(ops::routes(page.ops.clone(), alerts));
    let all = match &*page.prefix {
        "" => routes,
        prefix => Router::new().nest(prefix, routes.clone()).merge(routes),
    };
    let shown = page.clone();
    let router = all
        .fallback(async move |method: Method, uri: Uri, headers: HeaderMap| {
            asset(&shown, &method, uri.path(), &headers)
        })
        .layer(middleware::from_fn_with_state(page, guard::admit));
    let router = router.into_service::<hyper::body::Incoming>();
    let served = net::serve(listener.into(), TowerToHyperService::new(router), shutdown).await;
    samples.abort();
    let _ = samples.await;
    rules.stop().await;
    served
}

fn asset(page: &Page, method: &Method, path: &str, headers: &HeaderMap) -> Response {
    let path = page.inside(path);
    if !matches!(*method, Method::GET | Method::HEAD) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if path.starts_with("/api/") {
        return Refusal::new(StatusCode::NOT_FOUND, "there is nothing at this path")
            .into_response();
    }
    assets::file(path, &page.prefix, headers)
}

impl Page {
    /// A path without the prefix, if it has it.
    fn inside<'a>(&self, path: &'a str) -> &'a str {
        let rest = path.strip_prefix(&*self.prefix);
        rest.filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path)
    }
}
