//! Coming in and leaving: `/api/session`.

use super::guard::{self, Who};
use super::session::{COOKIE, LIFE_SECONDS};
use super::{Page, Role};
use crate::access::Credentials;
use crate::refusal::Refusal;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A reverse proxy that logs people in by itself, and names them in a header.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub header: HeaderName,
    /// Only what comes from there is believed.
    pub addresses: Vec<IpAddr>,
}

#[derive(Serialize)]
struct Shown<'a> {
    user: Option<User>,
    /// `open`: nobody is asked; `proxy`: somebody else asks; `password`
    login: &'static str,
    csrf: Option<String>,
    version: &'a str,
    /// For who is logged in.
    project: Option<Project>,
}

#[derive(Serialize)]
struct User {
    name: String,
    role: Role,
}

#[derive(Serialize)]
struct Project {
    name: String,
    writable: bool,
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    user: String,
    password: String,
}

type Peer = Option<Extension<SocketAddr>>;

fn address(peer: Peer) -> IpAddr {
    peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |Extension(peer)| peer.ip())
}

/// `None`: there is no such proxy, or it does not send this. An unknown one's header is not believed.
pub(super) fn named_by_proxy(
    page: &Page,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Option<String>, Refusal> {
    let Some(proxy) = &page.proxy else { return Ok(None) };
    let mut named = headers.get_all(&proxy.header).iter();
    let Some(name) = named.next() else { return Ok(None) };
    let peer = peer.to_canonical();
    let is_trusted = proxy.addresses.iter().any(|address| address.to_canonical() == peer);
    let once = named.next().is_none();
    match (is_trusted && once, name.to_str()) {
        (true, Ok(name)) if !name.is_empty() => Ok(Some(name.to_owned())),
        (true, _) => Ok(None),
        (false, _) => Err(Refusal::new(StatusCode::FORBIDDEN, "only the proxy names users")
            .hint("add its address to serve.ui_proxies")),
    }
}

pub(super) async fn show(
    State(page): State<Page>,
    peer: Peer,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let who = guard::who(&page, &headers, address(peer)).await?;
    Ok(document(&page, who).into_response())
}

fn document(page: &Page, who: Option<Who>) -> Response {
    let login = match (page.desk.is_open(), &page.proxy) {
        (true, _) => "open",
        (false, Some(_)) => "proxy",
        (false, None) => "password",
    };
    let csrf = who.as_ref().and_then(|who| who.session.as_ref()).map(|who| page.keys.csrf(who));
    let user = who.map(|who| User { name: who.visitor.name, role: who.visitor.role });
    let project = user.is_some().then(|| project(page));
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (headers, Json(Shown { user, login, csrf, version: page.ops.version, project })).into_response()
}

fn project(page: &Page) -> Project {
    let folder = page.dashboards.parent().and_then(|folder| folder.file_name());
    let name = folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let tried = tempfile::Builder::new().prefix(".saving-").tempfile_in(&page.dashboards);
    let reason =
        tried.err().map(|error| format!("dashboards/ cannot be written: {}", error.kind()));
    Project { name, writable: reason.is_none(), reason }
}

pub(super) async fn log_in(
    State(page): State<Page>,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked: Asked = serde_json::from_slice(&body).map_err(|_| {
        Refusal::new(StatusCode::BAD_REQUEST, "cannot read the name and the password")
            .hint("send {\"user\": \"…\", \"password\": \"…\"}")
    })?;
    let credentials = Credentials::new(&asked.user, Some(&asked.password));
    let visitor = page.desk.login(&credentials, address(peer)).await?;
    let cookie = page.keys.cookie(&visitor.name, &visitor.password_mark());
    let set = set_cookie(&page, &headers, &cookie, LIFE_SECONDS);
    let mut response = document(&page, Some(Who { visitor, session: Some(cookie) }));
    response.headers_mut().insert(header::SET_COOKIE, set);
    Ok(response)
}

/// The cookie is taken away; what it says is worth something until its time is over or the password changes.
pub(super) async fn log_out(State(page): State<Page>, headers: HeaderMap) -> Response {
    let mut response = document(&page, None);
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(&page, &headers, "", 0));
    response
}

fn set_cookie(page: &Page, headers: &HeaderMap, value: &str, seconds: i64) -> HeaderValue {
    let proto = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    let secure = if proto { "; Secure" } else { "" };
    let path = if page.prefix.is_empty() { "/" } else { &page.prefix };
    let text =
        format!("{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
