//! Who asks, as far as HTTP tells: for the log of statements. Nothing here gives a right.

use super::secrets;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use std::net::SocketAddr;

/// A header that is longer is cut in the log.
const HEADER_BYTES_MAX: usize = 1024;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Client {
    pub(super) address: Option<SocketAddr>,
    /// ClickHouse's number of it.
    pub(super) method: u8,
    pub(super) path: String,
    pub(super) user_agent: String,
    pub(super) referer: String,
    pub(super) forwarded_for: String,
    pub(super) quota_key: String,
}

impl Client {
    pub(super) fn of(parts: &Parts, pairs: &[(String, String)]) -> Client {
        let quota = pairs.iter().rev().find(|(name, _)| name == "quota_key");
        let quota = quota.map(|(_, value)| cut(value, HEADER_BYTES_MAX).to_owned());
        let header = |name| header(&parts.headers, name);
        Client {
            address: parts.extensions.get::<SocketAddr>().copied(),
            method: match parts.method {
                Method::GET => 1,
                Method::POST => 2,
                Method::HEAD => 6,
                _ => 0,
            },
            path: cut(parts.uri.path(), HEADER_BYTES_MAX).to_owned(),
            user_agent: header(header::USER_AGENT.as_str()),
            referer: of_page(&header(header::REFERER.as_str())),
            forwarded_for: header("x-forwarded-for"),
            quota_key: quota.unwrap_or_else(|| header("x-clickhouse-quota")),
        }
    }
}

/// The address of a page without what may be a secret in it: a password, and all behind `?` or `#`.
fn of_page(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    secrets::hide_in_value(&address[..end])
}

fn header(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.map_or(String::new(), |value| cut(&value, HEADER_BYTES_MAX).to_owned())
}

/// The beginning of a text, in whole characters.
pub(super) fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_known_by_its_address_alone() {
        for (address, shown) in [
            ("https://grafana.example/d/1?token=abc#x", "https://grafana.example/d/1"),
            ("https://ann:secret@grafana.example/", "https://ann:[HIDDEN]@grafana.example/"),
            ("", ""),
        ] {
            assert_eq!(of_page(address), shown);
        }
    }
}
