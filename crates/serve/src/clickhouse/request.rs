//! What a request asks for, read from its URL and headers. Every parameter that is not the
//! protocol's own is a setting, as at ClickHouse.

use super::client::Client;
use super::coding::{Coding, frames};
use super::error::Failure;
use super::{external, multipart, not_utf8};
use crate::access::Credentials;
use axum::http::{HeaderMap, Method, header, request::Parts};
use std::time::Duration;

/// Of a `query_id`; a longer one is replaced.
const ID_BYTES_MAX: usize = 1 << 10;
const SESSION_TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
const SESSION_TIMEOUT_MAX_SECONDS: u64 = 3600;
const COMPRESSION_METHOD: &str = "network_compression_method";

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Request {
    pub(super) credentials: Credentials,
    /// Of the user's roles, only these; none: all.
    pub(super) roles: Vec<String>,
    /// The text in the URL; the body is appended to it.
    pub(super) query: Option<String>,
    pub(super) query_id: String,
    pub(super) database: Option<String>,
    pub(super) default_format: Option<String>,
    /// `{name:Type}` in the text; values in the form of TabSeparated.
    pub(super) params: Vec<(String, String)>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) session: Option<SessionRequest>,
    /// The answer starts when it is complete.
    pub(super) wait_end_of_query: bool,
    pub(super) buffer_bytes: Option<usize>,
    /// GET and HEAD change nothing.
    pub(super) reads_only: bool,
    /// The body is a form, with this between its parts.
    pub(super) boundary: Option<String>,
    /// What describes the form's tables.
    pub(super) external: Vec<(String, String)>,
    /// How the body comes: in a coding of HTTP's, and inside it in ClickHouse's frames.
    pub(super) coding: Coding,
    pub(super) in_frames: bool,
    /// How the answer may go.
    pub(super) answer_frames: Option<frames::Method>,
    pub(super) accept_encoding: Option<String>,
    pub(super) client_protocol_version: u64,
    pub(super) client: Client,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct SessionRequest {
    pub(super) id: String,
    pub(super) timeout: Duration,
    pub(super) must_exist: bool,
    pub(super) close: bool,
}

impl Request {
    pub(super) fn parse(parts: &Parts) -> Result<Request, Failure> {
        let pairs = pairs(parts.uri.query().unwrap_or_default())?;
        let mut request = Request {
            credentials: Credentials::read(&parts.headers, &pairs)?,
            reads_only: parts.method == Method::GET || parts.method == Method::HEAD,
            coding: Coding::parse(&text(&parts.headers, "content-encoding")?.unwrap_or_default())?,
            client: Client::of(parts, &pairs),
            ..Request::default()
        };
        let (mut compress, mut http_compress) = (false, true);
        let mut session = SessionParams::default();
        for (name, value) in pairs {
            match name.as_str() {
                "query" => request.query = Some(value),
                "query_id" => request.query_id = value,
                "database" => request.database = Some(value),
                "default_format" => request.default_format = Some(value),
                "wait_end_of_query" => request.wait_end_of_query = flag(&value),
                "buffer_size" => request.buffer_bytes = Some(number(&name, &value)?),
                "client_protocol_version" => {
                    request.client_protocol_version = number(&name, &value)?;
                }
                "session_id" => session.id = value,
                "session_timeout" => session.timeout = Some(number(&name, &value)?),
                "session_check" => session.check = flag(&value),
                "close_session" => session.close = flag(&value),
                // Who asks was settled above; stack traces do not exist here.
                "" | "user" | "password" | "quota_key" | "stacktrace" => {}
                "compress" => compress = flag(&value),
                "decompress" => request.in_frames = flag(&value),
                "role" => request.roles.push(value),
                "enable_http_compression" => http_compress = flag(&value),
                _ => match name.strip_prefix("param_") {
                    Some(param) => request.params.push((param.to_owned(), value)),
                    None => request.settings.push((name, value)),
                },
            }
        }
        request.session = session.read()?;
        let content_type = text(&parts.headers, "content-type")?.unwrap_or_default();
        request.boundary = multipart::boundary(&content_type)?;
        if request.boundary.is_some() {
            request.external = external::take_described(&mut request.settings);
        }
        if compress {
            let method = request.setting(COMPRESSION_METHOD).unwrap_or_default();
            request.answer_frames = Some(frames::Method::parse(method)?);
        }
        request.read_headers(&parts.headers, http_compress)?;
        Ok(request)
    }

    fn read_headers(&mut self, headers: &HeaderMap, compress: bool) -> Result<(), Failure> {
        if let Some(database) = text(headers, "x-clickhouse-database")? {
            self.database = Some(database);
        }
        if let Some(format) = text(headers, "x-clickhouse-format")? {
            self.default_format = Some(format);
        }
        if self.query_id.is_empty() {
            self.query_id = text(headers, "x-clickhouse-query-id")?.unwrap_or_default();
        }
        self.query_id = usable_id(std::mem::take(&mut self.query_id));
        if compress {
            self.accept_encoding = text(headers, "accept-encoding")?;
        }
        Ok(())
    }

    pub(super) fn user(&self) -> &str {
        self.credentials.user()
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.setting(name).is_some_and(flag)
    }

    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().rev().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct SessionParams {
    id: String,
    timeout: Option<u64>,
    check: bool,
    close: bool,
}

impl SessionParams {
    fn read(self) -> Result<Option<SessionRequest>, Failure> {
        if self.id.is_empty() {
            return Ok(None);
        }
        let timeout = match self.timeout {
            None => SESSION_TIMEOUT_DEFAULT,
            Some(seconds) if seconds <= SESSION_TIMEOUT_MAX_SECONDS => Duration::from_secs(seconds),
            Some(seconds) => {
                let text = format!(
                    "Session timeout '{seconds}' is larger than max_session_timeout: \
                     {SESSION_TIMEOUT_MAX_SECONDS}. Maximum session timeout could be modified in \
                     configuration file."
                );
                return Err(Failure::new(374, "INVALID_SESSION_TIMEOUT", text));
            }
        };
        let (id, must_exist, close) = (self.id, self.check, self.close);
        Ok(Some(SessionRequest { id, timeout, must_exist, close }))
    }
}

/// One that a header can carry, and a list of all that run.
pub(super) fn usable_id(id: String) -> String {
    let is_unusable = id.is_empty() || id.len() > ID_BYTES_MAX;
    match is_unusable || header::HeaderValue::from_str(&id).is_err() {
        true => random_id(),
        false => id,
    }
}

/// What a request that is refused before it is read is called.
pub(super) fn query_id(parts: &Parts) -> String {
    let pairs = pairs(parts.uri.query().unwrap_or_default()).unwrap_or_default();
    let in_url = pairs.into_iter().rev().find(|(name, id)| name == "query_id" && !id.is_empty());
    let in_headers = || text(&parts.headers, "x-clickhouse-query-id").ok().flatten();
    usable_id(in_url.map(|(_, id)| id).or_else(in_headers).unwrap_or_default())
}

/// The frames that the answer is to come in. A request that is refused before it is read has them, too.
pub(super) fn answer_frames(query: &str) -> Option<frames::Method> {
    let pairs = pairs(query).ok()?;
    let last = |name: &str| pairs.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let method = frames::Method::parse(last(COMPRESSION_METHOD).unwrap_or_default());
    last("compress").is_some_and(flag).then_some(method.unwrap_or(frames::Method::Lz4))
}

/// The pairs of a query string, decoded. Later pairs of a name win.
fn pairs(query: &str) -> Result<Vec<(String, String)>, Failure> {
    let text = |bytes: Vec<u8>, is_statement: bool| {
        let text = String::from_utf8(bytes).or_else(|error| match is_statement {
            true => not_utf8::escape(error.as_bytes()).ok_or(()),
            false => Err(()),
        });
        text.map_err(|()| Failure::bad_argument("A parameter of the URL is not UTF-8"))
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((text(percent_decode(name), false)?, text(percent_decode(value), name == "query")?))
    });
    pairs.collect()
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                match digit(high).zip(digit(low)) {
                    Some((high, low)) => {
                        bytes.push((high << 4 | low) as u8);
                        rest = after;
                    }
                    None => bytes.push(b'%'),
                }
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes());
    text.map(|text| Some(text.to_owned()))
        .map_err(|_| Failure::bad_argument(format!("The header {name} is not UTF-8")))
}

fn flag(value: &str) -> bool {
    matches!(value, "1" | "true" | "True" | "TRUE")
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, Failure> {
    let text = format!("Cannot parse {name} as a number");
    value.parse().map_err(|_| Failure::new(72, "CANNOT_PARSE_NUMBER", text))
}

fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

/// In the form of a UUID.
pub(super) fn random_id() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// What marks the end of an answer that failed under way; sixteen letters.
pub(super) fn random_tag() -> String {
    let (mut first, mut second) = (random(), random());
    let letter = |number: &mut u64| {
        let letter = char::from(b'a' + (*number % 26) as u8);
        *number /= 26;
        letter
    };
    (0..16).map(|at| letter(if at < 8 { &mut first } else { &mut second })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(uri: &str, headers: &[(&str, &str)]) -> Result<Request, Failure> {
        let mut request = axum::http::Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Request::parse(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn parameters_are_the_protocols_or_settings() {
        let uri = "/?query=SELECT+1%3B&param_x=a%5Ctb&max_threads=2&database=shop&query_id=q1&session_id=s&session_timeout=5";
        let request = parse(uri, &[("X-ClickHouse-Format", "JSON")]).unwrap();
        assert_eq!(request.query.as_deref(), Some("SELECT 1;"));
        assert_eq!(request.params, [("x".to_owned(), "a\\tb".to_owned())]);
        assert_eq!(request.settings, [("max_threads".to_owned(), "2".to_owned())]);
        assert_eq!(request.query_id, "q1");
        assert_eq!(request.default_format.as_deref(), Some("JSON"));
        assert_eq!(request.session.unwrap().timeout, Duration::from_secs(5));
        assert_eq!(parse("/?query_id=", &[]).unwrap().query_id.len(), 36);
        assert_eq!(
            parse("/?session_id=s&session_timeout=3601", &[]).unwrap_err().exception.code,
            374
        );
        assert_eq!(parse("/?query=%ff", &[]).unwrap_err().status, 400);
    }

    proptest! {
        #[test]
        fn any_query_string_and_header_is_read_without_panic(query in "[ -~]{0,80}", value in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = pairs(&query);
            let mut builder = axum::http::Request::builder().uri("/?query=x");
            if let Ok(value) = header::HeaderValue::from_bytes(&value) {
                for name in ["authorization", "x-clickhouse-user", "x-clickhouse-query-id", "accept-encoding"] {
                    builder = builder.header(name, value.clone());
                }
            }
            let _ = Request::parse(&builder.body(()).unwrap().into_parts().0);
        }
    }
}
