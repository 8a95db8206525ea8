//! Where the server is and as whom we come, as one URL says it.
//!
//! ```text
//! https://user:password@host:8443/path
//! ```

use model::{Error, Result};
use std::fmt;
use std::str::FromStr;

const PLAIN_PORT: u16 = 8123;
const TLS_PORT: u16 = 8443;

/// What must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    pub fn new(text: impl Into<String>) -> Hidden {
        Hidden(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A parsed URL. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub tls: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
    /// Of a server behind a path of its proxy; `/` as a rule.
    pub path: String,
    pub user: Option<String>,
    pub password: Option<Hidden>,
}

impl Address {
    /// `host:port`, as a person reads it and the `Host` header wants it.
    pub fn place(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Whether only this machine hears what is said.
    pub fn is_loopback(&self) -> bool {
        let by_number = self.host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        by_number || self.host == "localhost"
    }
}

impl FromStr for Address {
    type Err = Error;

    /// No part of the text is ever in the error: it may be the password.
    fn from_str(url: &str) -> Result<Address> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| cannot("it has no scheme"))?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(cannot("its scheme is neither http nor https")),
        };
        if rest.contains(['?', '#']) {
            return Err(cannot("it has parameters"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            None => (None, None),
            Some((user, password)) => (part(user)?, part(password)?.map(Hidden)),
        };
        let (host, port) = host_and_port(place)?;
        let is_plain = |byte: u8| byte.is_ascii_graphic();
        if !path.bytes().all(is_plain) {
            return Err(cannot("its path is not plain ASCII"));
        }
        let port = port.unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT });
        let path = if path.is_empty() { "/" } else { path };
        Ok(Address { tls, host, port, path: path.to_owned(), user, password })
    }
}

fn cannot(why: &str) -> Error {
    Error::definite(format!("cannot read the address: {why}"))
        .hint("it looks like https://user:${PASSWORD}@host:8443")
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(|| cannot("a [ has no ]"))?;
            let port = after.strip_prefix(':').or(after.is_empty().then_some(after));
            (host, port.ok_or_else(|| cannot("something stands behind a ]"))?)
        }
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let number = || port.parse().ok().filter(|port| *port != 0);
    let port = match port {
        "" => None,
        _ => Some(number().ok_or_else(|| cannot("its port is no number from 1 to 65535"))?),
    };
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_of_name) {
        return Err(cannot("it has no host"));
    }
    Ok((host.to_owned(), port))
}

/// A part of the login, decoded; an empty one is none.
fn part(text: &str) -> Result<Option<String>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        match digit().zip(digit()) {
            Some((high, low)) => bytes.push((high << 4 | low) as u8),
            None => {
                return Err(cannot("a % in its login is not followed by two digits")
                    .hint("write a % of a password as %25"));
            }
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| cannot("its login is not UTF-8"))?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> Address {
        url.parse().unwrap_or_else(|error: Error| panic!("{url}: {}", error.report()))
    }

    #[test]
    fn a_url_says_where_and_who() {
        let address = parsed("https://ann:p%40ss%25@ch.example:9440/proxy/");
        assert_eq!((address.tls, address.place().as_str()), (true, "ch.example:9440"));
        assert_eq!(address.user.as_deref(), Some("ann"));
        assert_eq!(address.password, Some(Hidden::new("p@ss%")));
        assert_eq!(address.path, "/proxy/");
        let address = parsed("http://localhost");
        assert_eq!((address.port, address.path.as_str()), (8123, "/"));
        assert_eq!((address.user, address.password), (None, None));
        assert_eq!(parsed("https://[::1]").place(), "[::1]:8443");
        assert!(parsed("http://[::1]:1").is_loopback() && parsed("http://127.0.0.1").is_loopback());
        assert!(!parsed("http://10.0.0.1").is_loopback());
        assert_eq!(parsed("http://u:a:b@h").password, Some(Hidden::new("a:b")));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_text() {
        for url in [
            "secret",
            "ftp://secret",
            "http://",
            "http://secret@",
            "http://u:secret@h:0",
            "http://u:secret@h:99999",
            "http://u:secret%@h",
            "http://u:secret%f@h",
            "http://h?password=secret",
            "http://[secret",
            "http://[::1]secret",
            "http://secret host",
            "http://h/secret\n",
            "http://u:%ff@h",
        ] {
            let error = url.parse::<Address>().unwrap_err();
            assert!(!error.report().contains("secret"), "{}", error.report());
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let address = parsed("https://ann:topsecret@h");
        assert!(!format!("{address:?}").contains("topsecret"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(url in "https?://[ -~]{0,40}") {
            let _ = url.parse::<Address>();
        }
    }
}
