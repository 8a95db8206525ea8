//! One connection to the server: a request at a time, its answer whole.
//!
//! The answer comes only when the statement is through (`wait_end_of_query`), so its status is true.
//! While a statement runs the server sends progress headers, which keep balancers from taking the
//! connection for an idle one. Text travels in bodies: what stands in a URL, proxies write down.

use super::address::{Address, Hidden};
use super::tls::Tls;
use super::upload::Upload;
use crate::exception::Exception;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::{Error, Result};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that is gone without a word is noticed after about a minute, as at the source.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_PROBES: u32 = 3;
const UNACKNOWLEDGED_MOST: Duration = Duration::from_secs(60);
/// So many may come before an answer.
const HEADERS_MAX: usize = 4096;
/// An exception's text that is longer says nothing more.
const EXCEPTION_BYTES_MAX: usize = 64 << 10;

/// As whom we come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Login {
    Nobody,
    User(String, Hidden),
    /// A JSON web token.
    Token(Hidden),
    /// The certificate says it; the user's name.
    Certificate(String),
}

/// What is asked.
pub(super) struct Ask {
    pub(super) body: Upload,
    pub(super) format: String,
    /// Beside those that every request has.
    pub(super) settings: Vec<(&'static str, String)>,
    /// An answer that takes longer is none.
    pub(super) patience: Duration,
    /// An answer that is larger is none; 0: it has to be empty.
    pub(super) bytes_max: usize,
    /// What only the process may do that has the slot.
    pub(super) writes: bool,
}

impl Ask {
    pub(super) fn text(sql: String, patience: Duration, bytes_max: usize) -> Ask {
        let settings = Vec::new();
        let format = "TabSeparated".to_owned();
        Ask { body: Upload::text(sql), format, settings, patience, bytes_max, writes: false }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was not asked.
    Ours(Error),
    /// The server says so.
    Exception(Exception),
    /// Somebody says so who does not speak as ClickHouse does.
    Status(StatusCode),
    /// The connection broke or was given up. What was asked may have been done, or go on.
    Lost(Box<dyn std::error::Error + Send + Sync>),
    TooLarge(usize),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Failed {
        Failed::Ours(error)
    }
}

impl Failed {
    /// Whether it is about who we are.
    pub(super) fn is_of_login(&self) -> bool {
        match self {
            Failed::Exception(exception) => exception.is_of_login(),
            Failed::Status(status) => is_of_login(*status),
            _ => false,
        }
    }

    /// Whether it may be of the way to the server.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self, Failed::Exception(exception) if exception.is_doubtful())
    }

    /// What the server says, unless it may be of the way to it.
    pub(super) fn exception(&self) -> Option<&Exception> {
        match self {
            Failed::Exception(exception) if !exception.is_doubtful() => Some(exception),
            _ => None,
        }
    }

    /// Whether it may be of a replica that has not heard of a table or column yet.
    pub(super) fn is_of_names(&self) -> bool {
        matches!(self, Failed::Exception(exception) if exception.is_of_missing_names())
    }

    /// Whether what was asked may go on all the same. Who stands between us answers when his patience ends,
    /// or sends it a second time, and the first one still runs.
    pub(super) fn leaves_it_running(&self) -> bool {
        match self {
            Failed::Lost(_) => true,
            // Who is not let in runs nothing.
            Failed::Status(_) => !self.is_of_login(),
            Failed::Exception(exception) => exception.code == RUNS_ALREADY,
            Failed::Ours(_) | Failed::TooLarge(_) => false,
        }
    }

    /// As an error of ours, of a server that has answered before: `doing` is a verb with its object. What comes
    /// between it and us passes, whatever it says.
    pub(super) fn error(self, doing: &str, place: &str) -> Error {
        let could_not = || Error::transient(format!("could not {doing}"));
        match self {
            Failed::Ours(error) => error,
            Failed::Exception(exception) => exception.error_from_afar(doing),
            Failed::Status(status) if is_of_login(status) => could_not()
                .detail(format!("{place} answered {status}."))
                .hint("correct the user and password in store.url, or store.token"),
            Failed::Status(StatusCode::OK) => could_not()
                .detail(format!("{place} answered 200, but nothing says that it was ClickHouse."))
                .hint("a proxy in front of it has to pass its headers on, X-ClickHouse-Query-Id above all"),
            Failed::Status(status) if is_of_trouble(status) => {
                could_not().detail(format!("{place} answered {status}."))
            }
            Failed::Status(status) => could_not()
                .detail(format!("{place} answered {status}, and not as ClickHouse does."))
                .hint("store.url names ClickHouse's HTTP port: 8123, or 8443 for https, as a rule"),
            Failed::Lost(error) => {
                could_not().detail(format!("The connection to {place} broke.")).source(error)
            }
            Failed::TooLarge(bytes) => Error::definite(format!("cannot {doing}"))
                .detail(format!("The answer of {place} has more than {bytes} bytes.")),
        }
    }

    /// The same where nothing of ours has ever answered: what does not look like a server that lets us in
    /// needs somebody's help.
    pub(super) fn error_at_first(self, doing: &str, place: &str) -> Error {
        let is_definite = match &self {
            Failed::Exception(exception) => exception.is_of_login(),
            Failed::Status(StatusCode::OK) => false,
            Failed::Status(status) => !is_of_trouble(*status),
            Failed::Ours(_) | Failed::Lost(_) | Failed::TooLarge(_) => false,
        };
        let error = self.error(doing, place);
        if is_definite { error.lasting() } else { error }
    }
}

fn is_of_login(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403)
}

/// Somebody between us says that it passes.
fn is_of_trouble(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING
const RUNS_ALREADY: u32 = 216;

pub(super) struct Line {
    sender: SendRequest<Upload>,
    head: Head,
    /// The UUID of who is at its end, once it was asked.
    pub(super) server: String,
    /// As each answer says it, by default its host.
    server_name: Option<String>,
    /// Answers came from more than one server.
    pub(super) is_of_several: bool,
}

/// What every request of the connection has.
struct Head {
    path: String,
    headers: HeaderMap,
}

impl Line {
    pub(super) async fn open(
        address: &Address,
        place: SocketAddr,
        tls: Option<&Tls>,
        login: &Login,
    ) -> Result<Line> {
        let head = Head::new(address, login)?;
        let unreachable = |error: io::Error| {
            Error::transient(format!("could not reach ClickHouse at {}", address.place()))
                .hint("check that it listens there and that the network lets us through")
                .source(error)
        };
        let opening = async {
            let socket = TcpStream::connect(place).await.map_err(unreachable)?;
            keep_alive(&socket).map_err(unreachable)?;
            match tls {
                None => shake_hands(socket, address).await,
                Some(tls) => {
                    let secured = tls.connector()?.connect(tls.name.clone(), socket).await;
                    let secured = secured.map_err(|error| not_secured(address, error))?;
                    shake_hands(secured, address).await
                }
            }
        };
        let sender = match tokio::time::timeout(CONNECT_TIMEOUT, opening).await {
            Ok(opened) => opened?,
            Err(_) => return Err(unreachable(io::ErrorKind::TimedOut.into())),
        };
        let (server, server_name) = (String::new(), None);
        Ok(Line { sender, head, server, server_name, is_of_several: false })
    }

    /// Whether there may be another request.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Whether the server still has it open, as far as it has said.
    pub(super) async fn is_ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) async fn ask(&mut self, query_id: &str, ask: Ask) -> Result<Vec<u8>, Failed> {
        let (patience, bytes_max) = (ask.patience, ask.bytes_max);
        let request = self.head.request(query_id, ask);
        if !self.is_ready().await {
            return Err(Failed::Ours(Error::transient(
                "could not ask on a connection that closed",
            )));
        }
        let answered = async {
            let response = self.sender.send_request(request).await.map_err(lost)?;
            let said = response.headers().get("x-clickhouse-server-display-name");
            if let Some(name) = said.and_then(|value| value.to_str().ok()) {
                let known = self.server_name.get_or_insert_with(|| name.to_owned());
                self.is_of_several |= known != name;
            }
            read(response, query_id, bytes_max).await
        };
        match tokio::time::timeout(patience, answered).await {
            Ok(answered) => answered,
            Err(late) => Err(lost(late)),
        }
    }
}

fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failed {
    Failed::Lost(error.into())
}

fn keep_alive(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let options = SockRef::from(socket);
    options.set_tcp_keepalive(&keepalive)?;
    options.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MOST))
}

async fn shake_hands(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    address: &Address,
) -> Result<SendRequest<Upload>> {
    let shaken = Builder::new().max_headers(HEADERS_MAX).handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|error| {
        Error::transient(format!("could not reach ClickHouse at {}", address.place())).source(error)
    })?;
    // Ends with the sender, and its errors are those of requests.
    tokio::spawn(connection);
    Ok(sender)
}

fn not_secured(address: &Address, error: io::Error) -> Error {
    let what = format!("agree with {} on TLS", address.place());
    let is_of_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    match is_of_tls {
        true => Error::definite(format!("cannot {what}"))
            .hint("check the port and, for a private authority, store.ca_file")
            .source(error),
        false => Error::transient(format!("could not {what}")).source(error),
    }
}

impl Head {
    fn new(address: &Address, login: &Login) -> Result<Head> {
        let plain = |text: &str| HeaderValue::from_str(text).map_err(|_| unfit("the host"));
        let secret = |text: &str, what: &str| {
            let mut value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| unfit(what))?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        };
        let (user, key) = (name("x-clickhouse-user"), name("x-clickhouse-key"));
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, plain(&address.place())?);
        headers.insert(header::USER_AGENT, plain(concat!("millrace/", env!("CARGO_PKG_VERSION")))?);
        headers.insert(header::ACCEPT_ENCODING, plain("lz4")?);
        match login {
            Login::Nobody => {}
            Login::User(who, password) => {
                headers.insert(user, secret(who, "the user")?);
                headers.insert(key, secret(password.expose(), "the password")?);
            }
            Login::Token(token) => {
                let bearer = format!("Bearer {}", token.expose());
                headers.insert(header::AUTHORIZATION, secret(&bearer, "store.token")?);
            }
            Login::Certificate(who) => {
                headers.insert(user, secret(who, "the user")?);
                headers.insert(name("x-clickhouse-ssl-certificate-auth"), plain("on")?);
            }
        }
        Ok(Head { path: address.path.clone(), headers })
    }

    fn request(&self, query_id: &str, ask: Ask) -> Request<Upload> {
        let own = [("query_id", query_id.to_owned()), ("default_format", ask.format)];
        let ever = super::profile::AS_EVER.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let pairs = own.into_iter().chain(ever).chain(ask.settings);
        let pairs: Vec<String> =
            pairs.map(|(name, value)| format!("{name}={}", escaped(&value))).collect();
        let mut request = Request::new(ask.body);
        *request.method_mut() = Method::POST;
        let uri = format!("{}?{}", self.path, pairs.join("&"));
        *request.uri_mut() = uri.parse().expect("a path and parameters, escaped");
        *request.headers_mut() = self.headers.clone();
        if let Some(boundary) = request.body().boundary() {
            let kind = format!("multipart/form-data; boundary={boundary}");
            let kind = HeaderValue::try_from(kind).expect("letters and digits");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        if request.body().is_packed() {
            let packed = HeaderValue::from_static("lz4");
            request.headers_mut().insert(header::CONTENT_ENCODING, packed);
        }
        request
    }
}

fn unfit(what: &str) -> Error {
    Error::definite(format!("cannot log in: {what} does not fit into a header"))
        .detail("A control character is in it.")
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte.into());
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// The answer, whole. It is the server's if it names the statement that was asked: a maintenance page, or an
/// answer that somebody has kept, is none, whatever its status.
async fn read(
    response: Response<Incoming>,
    query_id: &str,
    bytes_max: usize,
) -> Result<Vec<u8>, Failed> {
    let (head, body) = response.into_parts();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_packed = match text("content-encoding") {
        None | Some("identity") => false,
        Some("lz4") => true,
        Some(_) => return Err(Failed::Status(head.status)),
    };
    // Where progress was sent before, the status is that of a good beginning.
    let code = text("x-clickhouse-exception-code");
    if code.is_some() || head.status != StatusCode::OK {
        let said = collect(body, EXCEPTION_BYTES_MAX).await;
        let said = said.and_then(|said| unpacked(said, is_packed, EXCEPTION_BYTES_MAX));
        let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
        return Err(match (said.contains("DB::Exception"), code) {
            (true, _) => Failed::Exception(Exception::parse(said)),
            (false, Some(code)) => {
                Failed::Exception(Exception::new(code.parse().unwrap_or(1001), "", ""))
            }
            (false, None) => Failed::Status(head.status),
        });
    }
    let is_of_server = match text("x-clickhouse-query-id") {
        Some(id) => id == query_id,
        // Progress may be sent before the server has come to that header.
        None => head.headers.contains_key("x-clickhouse-progress"),
    };
    if !is_of_server {
        return Err(Failed::Status(head.status));
    }
    let most = bytes_max.max(EXCEPTION_BYTES_MAX);
    let answer = unpacked(collect(body, most).await?, is_packed, most)?;
    let is_out_of_place = bytes_max == 0 && !answer.is_empty();
    if is_out_of_place { Err(Failed::Status(head.status)) } else { Ok(answer) }
}

async fn collect(mut body: Incoming, bytes_max: usize) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let Some(frame) = frame else { return Ok(bytes) };
        let piece: Bytes = frame.map_err(lost)?.into_data().unwrap_or_default();
        if bytes.len() + piece.len() > bytes_max {
            return Err(Failed::TooLarge(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
}

fn unpacked(bytes: Vec<u8>, is_packed: bool, bytes_max: usize) -> Result<Vec<u8>, Failed> {
    if !is_packed {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    let decoder = lz4_flex::frame::FrameDecoder::new(bytes.as_slice());
    let count = decoder.take(bytes_max as u64 + 1).read_to_end(&mut plain).map_err(lost)?;
    if count > bytes_max { Err(Failed::TooLarge(bytes_max)) } else { Ok(plain) }
}
