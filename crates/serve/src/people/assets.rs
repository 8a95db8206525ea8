//! The page's own files, in the binary. `make web` builds them: texts are there compressed (`.br`) and nothing else,
//! and what has its hash in its name is kept by browsers for good.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;
use std::io::Read;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
#[allow_missing = true]
struct Dist;

/// Where the page has its files.
const FOLDERS: [&str; 2] = ["assets/", "public/"];
const INDEX: &str = "index.html";
/// In the page's head, where the place of everything is told.
const BASE: &str = "<base href=\"/\"";
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self' blob:; \
     object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
const NOT_BUILT: &str = "This millrace was built without its page: run make web, then make build.\n\
     The API is there: /api/status, /metrics, /readyz.\n";

/// The file at a path of the page, or the page itself for a path that only its script knows.
pub(super) fn file(path: &str, prefix: &str, headers: &HeaderMap) -> Response {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path == INDEX {
        return index(prefix);
    }
    let packed = Dist::get(&format!("{path}.br"));
    let is_packed = packed.is_some();
    let Some(found) = packed.or_else(|| Dist::get(path)) else {
        // A uid may have dots in it, and look like a file.
        return match FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            true => (StatusCode::NOT_FOUND, "there is nothing at this path\n").into_response(),
            false => index(prefix),
        };
    };
    let kept = match path.starts_with("assets/") {
        true => "public, max-age=31536000, immutable",
        false => "public, max-age=3600",
    };
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes_br =
        accepts.is_some_and(|value| value.split(',').any(|way| way.trim().starts_with("br")));
    let (data, encoding) = match (is_packed, takes_br) {
        (false, _) => (found.data, None),
        (true, true) => (found.data, Some("br")),
        (true, false) => (Cow::Owned(unpacked(&found.data)), None),
    };
    let mut response = (
        [
            (header::CONTENT_TYPE, kind(path)),
            (header::CACHE_CONTROL, kept),
            (header::VARY, "accept-encoding"),
        ],
        Body::from(data.into_owned()),
    )
        .into_response();
    if let Some(encoding) = encoding {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn index(prefix: &str) -> Response {
    let Some(page) = Dist::get(&format!("{INDEX}.br")) else { return NOT_BUILT.into_response() };
    let text = String::from_utf8_lossy(&unpacked(&page.data)).into_owned();
    let text = text.replacen(BASE, &format!("<base href=\"{prefix}/\""), 1);
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (headers, text).into_response()
}

fn unpacked(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // What `make web` has written.
    let _ = brotli_decompressor::Decompressor::new(data, 64 << 10).read_to_end(&mut out);
    out
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
