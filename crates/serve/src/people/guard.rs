//! Who comes to the port of people, and what for.
//!
//! | comes with | is |
//! | --- | --- |
//! | the token of `up.json`, which only the owner of the data directory reads | one of our own verbs: an admin |
//! | `Authorization: Basic`, or ClickHouse's headers | a user of the door |
//! | the header of a proxy that is trusted | the user whom it names |
//! | a session's cookie | the user who logged in |
//! | nothing, where there are no users | an admin: the port is this machine's alone |
//!
//! What a browser sends and changes something has to carry the session's token, too: pages of other sites can
//! make a browser send its cookie, and cannot read that ([`crate::origin`] keeps them out already).

use super::desk::{Role, Visitor};
use super::session::COOKIE;
use super::{Page, login};
use crate::access::Credentials;
use crate::origin;
use crate::refusal::Refusal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use subtle::ConstantTimeEq;

pub const TOKEN_HEADER: &str = "x-millrace-token";
pub(crate) const CSRF_HEADER: &str = "x-millrace-csrf";

/// Who sent a request.
#[derive(Clone)]
pub(super) struct Who {
    pub(super) visitor: Visitor,
    /// What the token against other sites' pages is made of; `None`: no browser comes so.
    pub(super) session: Option<String>,
}

/// What a path asks for at least; `None`: nothing.
fn least(method: &Method, path: &str) -> Option<Role> {
    let rest = path.strip_prefix("/api/")?;
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match rest.trim_start_matches('/') {
        "session" => None,
        "query" => Some(Role::Viewer),
        _ if reads => Some(Role::Viewer),
        _ if rest.starts_with("dashboards/") || rest.starts_with("alerts/") => Some(Role::Editor),
        _ => Some(Role::Admin),
    }
}

pub(super) async fn admit(State(page): State<Page>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<SocketAddr>().map(SocketAddr::ip);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let checked =
        check(&page, &method, (page.inside(&path), &path), request.headers().clone(), peer);
    match checked.await {
        Ok(who) => {
            if let Some(who) = who {
                request.extensions_mut().insert(who);
            }
            let mut response = next.run(request).await;
            let headers = response.headers_mut();
            headers.insert(
                header::X_CONTENT_TYPE_OPTIONS,
                header::HeaderValue::from_static("nosniff"),
            );
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

async fn check(
    page: &Page,
    method: &Method,
    (path, whole): (&str, &str),
    headers: HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Option<Who>, Refusal> {
    let headers = &headers;
    let is_open = page.desk.is_open();
    let refused = match is_link(method, path, headers) {
        true => origin::refuse_host(headers, is_open),
        false => origin::refuse(headers, is_open),
    };
    if let Some(why) = refused {
        return Err(Refusal::new(StatusCode::FORBIDDEN, why));
    }
    // As it is routed, and as it is written: who knows both ways asks for more.
    let Some(least) = least(method, path).max(least(method, whole)) else { return Ok(None) };
    let who = who(page, headers, peer.unwrap_or(Ipv4Addr::UNSPECIFIED.into())).await?;
    let who = who.ok_or_else(|| {
        Refusal::new(StatusCode::UNAUTHORIZED, "log in first")
            .hint("on the page; or send a name and a password by Authorization: Basic")
    })?;
    if who.visitor.role < least {
        let text = format!("{} is not for {:?}s", path, who.visitor.role).to_lowercase();
        return Err(Refusal::new(StatusCode::FORBIDDEN, &text));
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if !reads && !is_open && !origin::is_own(headers) {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "a page of another site sent this request",
        ));
    }
    if !reads && let Some(session) = &who.session {
        let given = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        if is_of_browser(headers) && !given.is_some_and(|given| page.keys.is_csrf(session, given)) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "the page is not the one of this session",
            )
            .hint("load the page again"));
        }
    }
    Ok(Some(who))
}

/// Somebody follows a link of another site to the page, as from a message about an alert: it shows her nothing
/// that she could not see, and nothing to that site.
fn is_link(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    *method == Method::GET
        && !path.starts_with("/api/")
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
}

/// Browsers tell where a request that changes something comes from.
fn is_of_browser(headers: &HeaderMap) -> bool {
    [header::ORIGIN.as_str(), "sec-fetch-site", header::COOKIE.as_str()]
        .iter()
        .any(|name| headers.contains_key(*name))
}

/// `None`: nobody that we know.
pub(super) async fn who(
    page: &Page,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<Option<Who>, Refusal> {
    if let Some(token) = headers.get(TOKEN_HEADER) {
        let is_own: bool = token.as_bytes().ct_eq(page.token.as_bytes()).into();
        return match is_own {
            true => Ok(Some(Who { visitor: Visitor::own(), session: None })),
            false => {
                Err(Refusal::new(StatusCode::UNAUTHORIZED, "the token is not the one of up.json"))
            }
        };
    }
    if let Some(visitor) = page.desk.anybody() {
        return Ok(Some(Who { visitor, session: Some("open".into()) }));
    }
    if let Some(name) = login::named_by_proxy(page, headers, peer)? {
        let visitor = page.desk.recall(&name, |_| true)?;
        return Ok(Some(Who { visitor, session: Some(format!("proxy {name}")) }));
    }
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-clickhouse-user") {
        let visitor = page.desk.login(&Credentials::read(headers, &[])?, peer).await?;
        return Ok(Some(Who { visitor, session: None }));
    }
    let Some(cookie) = cookie(headers) else { return Ok(None) };
    let Some(session) = page.keys.read(&cookie) else { return Ok(None) };
    let is_same = |mark: &str| page.keys.is_of(&session, mark);
    let visitor = page.desk.recall(&session.user, is_same).ok();
    Ok(visitor.map(|visitor| Who { visitor, session: Some(cookie) }))
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE);
    let pairs = all.iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_ask_for_roles() {
        for (method, path, role) in [
            (Method::GET, "/", None),
            (Method::GET, "/metrics", None),
            (Method::POST, "/api/session", None),
            (Method::GET, "/api/status", Some(Role::Viewer)),
            (Method::POST, "/api/query", Some(Role::Viewer)),
            (Method::PUT, "/api/dashboards/x", Some(Role::Editor)),
            (Method::POST, "/api/alerts/silences", Some(Role::Editor)),
            (Method::POST, "/api/resync", Some(Role::Admin)),
            (Method::POST, "/api/quarantine/show", Some(Role::Admin)),
            (Method::POST, "/api/anything/new", Some(Role::Admin)),
        ] {
            assert_eq!(least(&method, path), role, "{method} {path}");
        }
    }
}
