//! Keeps web pages out. The ports listen on loopback and trust whoever reaches them; a browser on
//! the same machine reaches them too, on behalf of any page it shows.
//!
//! - A page of another site may *send* requests: those carry `Origin` (or `Sec-Fetch-Site`).
//! - A page whose name was pointed at 127.0.0.1 (DNS rebinding) may also *read* answers: its
//!   requests carry the page's own name as `Host`.

use axum::http::{HeaderMap, HeaderValue, header};

/// Why a request is refused, if it is.
/// `trusting`: whoever reaches the port comes in. Where a password is asked for, the port has whatever
/// name its machine has, and a page gains nothing by having it pointed there.
pub(crate) fn refuse(headers: &HeaderMap, trusting: bool) -> Option<&'static str> {
    if let Some(why) = refuse_host(headers, trusting) {
        return Some(why);
    }
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str());
    let site = headers.get("sec-fetch-site").map(|value| value.as_bytes());
    if site == Some(b"cross-site") {
        return Some("a page of another site sent this request");
    }
    match text(header::ORIGIN) {
        None => None,
        Some(Ok(origin)) => {
            let host = origin.split_once("://").map_or("", |(_, host)| host);
            let same =
                headers.get(header::HOST).is_some_and(|own| own.as_bytes() == host.as_bytes());
            let trusted = !host.is_empty() && (is_local(host) || (same && !trusting));
            (!trusted).then_some("a page of another site sent this request")
        }
        Some(Err(_)) => Some("the Origin header is not text"),
    }
}

/// The half of [`refuse`] that is about the name by which we were reached.
pub(crate) fn refuse_host(headers: &HeaderMap, trusting: bool) -> Option<&'static str> {
    match headers.get(header::HOST).map(|value| value.to_str()) {
        Some(Ok(host)) if trusting && !is_local(host) => Some("the Host header names another site"),
        Some(Err(_)) => Some("the Host header is not text"),
        _ => None,
    }
}

/// Whether it was sent by a page of ours, or by no page.
pub(crate) fn is_own(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    let own = headers.get(header::HOST).map(HeaderValue::as_bytes);
    host.is_some_and(|(_, host)| own == Some(host.as_bytes()))
}

/// The page that sent a request, if it is one of this machine's: whoever may show pages here may read here. Others
/// that come in, of a device in the house, may send and not read.
pub(crate) fn of_this_machine(headers: &HeaderMap) -> Option<&HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let (_, authority) = origin.to_str().ok()?.split_once("://")?;
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    let is_loopback = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    };
    is_loopback.then_some(origin)
}

/// A name that nobody can register: an address, a single label, or a private suffix.
fn is_local(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some((v6, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<std::net::Ipv4Addr>().is_ok()
        || !host.contains('.')
        || [".localhost", ".internal", ".local", ".lan"].iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(pairs: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        refuse(&headers, true).is_some()
    }

    #[test]
    fn only_local_names_and_local_pages_come_in() {
        assert!(!refused(&[]));
        assert!(!refused(&[("host", "127.0.0.1:8123")]));
        assert!(!refused(&[("host", "[::1]:8123"), ("origin", "http://localhost:3000")]));
        assert!(!refused(&[("host", "host.docker.internal:8123")]));
        assert!(!refused(&[("host", "clickhouse")]));
        assert!(refused(&[("host", "evil.example:8123")]));
        assert!(refused(&[("host", "127.0.0.1.evil.example")]));
        assert!(refused(&[("host", "127.0.0.1:8123"), ("origin", "https://evil.example")]));
        assert!(refused(&[("host", "localhost"), ("origin", "null")]));
        assert!(refused(&[("host", "localhost"), ("sec-fetch-site", "cross-site")]));
        assert!(refused(&[("host", "[evil.example]")]));
    }

    #[test]
    fn pages_of_this_machine_may_read() {
        for (origin, may_read) in [
            ("http://localhost:3000", true),
            ("http://127.0.0.1", true),
            ("http://[::1]:3000", true),
            ("http://app.localhost", true),
            ("http://192.168.0.1", false),
            ("http://printer", false),
            ("http://localhost.evil.example", false),
            ("http://127.0.0.1.evil.example", false),
            ("null", false),
        ] {
            let headers = [(header::ORIGIN, origin.parse().unwrap())].into_iter().collect();
            assert_eq!(of_this_machine(&headers).is_some(), may_read, "{origin}");
        }
    }

    #[test]
    fn behind_passwords_the_port_has_any_name() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "db.example:8123".parse().unwrap());
        assert!(refuse(&headers, false).is_none() && refuse(&headers, true).is_some());
        headers.insert("origin", "https://db.example:8123".parse().unwrap());
        assert!(refuse(&headers, false).is_none());
        headers.insert("origin", "https://evil.example".parse().unwrap());
        assert!(refuse(&headers, false).is_some());
    }
}
