//! What an answer of the door has of HTTP, whatever it answers: how long its connection is kept, which pages may
//! read it, and the few that are no statement's.

use crate::net::HEAD_TIMEOUT;
use crate::origin;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Version, header};
use axum::response::{Html, IntoResponse};
use hyper::{Request, Response};

/// A page reads no other headers than these.
const EXPOSED: &str = "X-ClickHouse-Query-Id, X-ClickHouse-Summary, X-ClickHouse-Server-Display-Name, \
                       X-ClickHouse-Format, X-ClickHouse-Timezone, X-ClickHouse-Exception-Code, \
                       X-ClickHouse-Exception-Tag, X-ClickHouse-Progress";
/// What a page may send.
const ALLOWED: &str = "Origin, X-Requested-With, Content-Type, Content-Encoding, Authorization, \
                       X-ClickHouse-User, X-ClickHouse-Key, X-ClickHouse-Database, X-ClickHouse-Format, \
                       X-ClickHouse-Query-Id";
const PREFLIGHT_SECONDS: &str = "86400";

/// ClickHouse has a page for queries here; ours are at another port.
const PAGE: &str = "<!doctype html>
<title>Millrace</title>
<p>This port answers ClickHouse's HTTP protocol and has no pages of its own.
<p>Millrace's pages are at <code>serve.ui</code>, by default
<a href=\"http://127.0.0.1:3000/\">http://127.0.0.1:3000/</a> on the machine that it runs on.
<p>A query: <code>curl 'http://127.0.0.1:8123/' --data-binary 'SHOW TABLES'</code>
";

/// What of a request its answer's headers hang on.
pub(super) struct Around {
    is_kept: bool,
    page: Option<HeaderValue>,
}

impl Around {
    pub(super) fn of<B>(request: &Request<B>) -> Around {
        let headers = request.headers();
        let says = |word: &str| {
            let values = headers.get_all(header::CONNECTION).iter();
            let words = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
            words.map(str::trim).any(|found| found.eq_ignore_ascii_case(word))
        };
        let is_kept = match request.version() {
            Version::HTTP_11 => !says("close"),
            _ => says("keep-alive"),
        };
        Around { is_kept, page: origin::of_this_machine(headers).cloned() }
    }

    pub(super) fn add(self, headers: &mut HeaderMap) {
        if self.is_kept {
            // Clients close the connection first then, and send nothing into one that is being closed.
            let timeout = HeaderValue::from_str(&format!("timeout={}", HEAD_TIMEOUT.as_secs()));
            headers.extend(timeout.ok().map(|timeout| (header_name("keep-alive"), timeout)));
        }
        if let Some(page) = self.page {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
            let exposed = HeaderValue::from_static(EXPOSED);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}

fn header_name(name: &'static str) -> header::HeaderName {
    header::HeaderName::from_static(name)
}

/// A browser asks so whether a page may send what it wants to.
pub(super) fn preflight() -> Response<Body> {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

pub(super) fn page() -> Response<Body> {
    Html(PAGE).into_response()
}

pub(super) fn no_such_path(path: &str) -> Response<Body> {
    let text = format!(
        "There is no handle {path}\n\nUse / or /ping for health checks.\n\
         Or /replicas_status for more sophisticated health checks.\n\n\
         Send queries from your program with POST method or GET /?query=...\n"
    );
    (StatusCode::NOT_FOUND, text).into_response()
}
