//! The ClickHouse door: ClickHouse's HTTP protocol in front of the embedded engine, so that its
//! clients work unchanged. A dialect of its own: errors, headers and statuses are ClickHouse's.
//!
//! ```text
//! connection's task                          a worker's thread (blocking)
//!   request ─▶ Request ─▶ login ─▶ house ─▶ run: read text, turn, session, settings, gate
//!   body ─── upload (4 pieces) ────────────▶      decode, split, insert; a form: external tables
//!   status ◀─────────────────────────────────     select, query
//!   body ◀── answer (4 pieces) ──────────────     encode
//!   gone? it reads ─▶ KILL by log_comment
//! ```
//!
//! - **A connection of the engine's per request**, new or made in the same way for another, or the one of
//!   the session that the client names.
//! - **Nothing is slurped but statements.** Uploads and answers travel in pieces.
//! - **An upload that breaks off is not inserted** (of a large one, blocks before the last may be, as
//!   at ClickHouse).
//! - **A client that goes away ends what only reads** ([`statement`]).
//! - **GET changes nothing**; pages of other sites reach nothing ([`crate::origin`]).
//! - `default` as a database name means `main`: the engine's own `default` is never used.
//!
//! Who comes in, and what they may do there: [`crate::access`].

mod answer;
mod around;
mod binary;
mod body;
mod client;
mod coding;
mod document;
pub(crate) mod error;
mod external;
mod format;
mod held;
mod hello;
mod house;
mod in_format;
mod inside;
mod kill;
mod lane;
pub(crate) mod log;
mod multipart;
pub(crate) mod native;
mod not_utf8;
mod own_settings;
pub(crate) mod plain;
mod processes;
mod progress;
mod projections;
mod reply;
mod request;
mod run;
mod secrets;
mod sessions;
pub(crate) mod settings;
mod spare;
pub(crate) mod sql;
mod statement;
mod structure;
mod text;
mod touched;
mod turns;
mod upload;
mod users;
mod zones;

use crate::access::{Access, Caller, File};
use crate::early::Early;
use crate::{Port, origin};
use answer::{Answer, Head, Labels};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use coding::frames;
use error::Failure;
use held::Shelf;
use house::{Guest, House};
use hyper::body::{Body as _, Incoming};
use hyper::{Request as HttpRequest, Response};
pub use inside::Inside;
pub(crate) use inside::Question;
use log::Log;
use model::{Error, Result};
use processes::Processes;
use projections::Projections;
use request::Request;
use sessions::Sessions;
use spare::Spares;
use statement::Statement;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::Engine;
use store::embedded::Stats;
use tokio::sync::{mpsc, oneshot};
use turns::{Turn, Turns};

const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// What all requests share.
struct Door {
    engine: Engine,
    access: Arc<Access>,
    version: String,
    timezone: String,
    server_name: String,
    sessions: Sessions,
    spares: Spares,
    house: Arc<House>,
    turns: Arc<Turns>,
    /// Tells statements of one `query_id` apart.
    count: AtomicU64,
    /// For answers that wait for their end.
    shelf: Arc<Shelf>,
    log: Log,
    processes: Arc<Processes>,
    projections: Projections,
}

/// A request that came in.
struct Admitted {
    request: Request,
    caller: Caller,
    guest: Guest,
}

/// Serves until `shutdown`, then lets statements under way end. `cores`: how many their turns are counted for.
pub async fn serve(
    ports: Vec<Port>,
    engine: Engine,
    users: File,
    cores: usize,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    Inside::open(engine, users, cores).await?.serve(ports, shutdown).await
}

async fn sweep(door: Arc<Door>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let ended = (door.sessions.sweep(), door.spares.sweep(spare::IDLE_MAX));
        let _ = tokio::task::spawn_blocking(move || drop(ended)).await;
    }
}

impl Door {
    fn open(engine: Engine, users: &File, cores: usize) -> Result<Door> {
        let mut session = engine.session()?;
        let sql = "SELECT version(), timezone(), displayName()";
        let answer = session.query(sql, "TSV", &[]).map_err(|e| e.error("ask the engine"))?;
        let text = String::from_utf8_lossy(answer.bytes()).into_owned();
        let mut fields = text.trim_end().split('\t').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        session.query(processes::VIEW, "Null", &[]).map_err(|e| e.error("show what runs"))?;
        let processes = Arc::<Processes>::default();
        let folder = engine.data_dir().join("answers");
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|e| Error::definite(format!("cannot make {}", folder.display())).source(e))?;
        Ok(Door {
            version: next(),
            timezone: next(),
            server_name: next(),
            access: Arc::new(Access::open(&engine, users)?),
            log: Log::open(&engine, &processes)?,
            processes,
            engine,
            sessions: Sessions::default(),
            spares: Spares::default(),
            projections: Projections::default(),
            house: Arc::default(),
            turns: Arc::new(Turns::new(cores)),
            count: AtomicU64::new(0),
            shelf: Arc::new(Shelf::new(folder)),
        })
    }

    async fn handle(self: Arc<Self>, request: HttpRequest<Incoming>) -> Response<Body> {
        if let Some(why) = origin::refuse(request.headers(), self.access.is_open()) {
            return (StatusCode::FORBIDDEN, format!("{why}\n")).into_response();
        }
        let around = reply::Around::of(&request);
        let mut response = self.route(request).await;
        around.add(response.headers_mut());
        response
    }

    async fn route(self: Arc<Self>, request: HttpRequest<Incoming>) -> Response<Body> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/ping" | "/replicas_status" if reads => "Ok.\n".into_response(),
            "/" if reads && request.uri().query().is_none_or(str::is_empty) => {
                "Ok.\n".into_response()
            }
            "/" | "/query" if reads || request.method() == Method::POST => {
                self.answer(request).await
            }
            "/" | "/query" if request.method() == Method::OPTIONS => reply::preflight(),
            "/play" | "/dashboard" if reads => reply::page(),
            "/" | "/query" => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            path => reply::no_such_path(path),
        }
    }

    async fn answer(self: Arc<Self>, request: HttpRequest<Incoming>) -> Response<Body> {
        let early = request.extensions().get::<Early>().cloned();
        let mut response = self.run(request, early.clone()).await;
        if early.is_some_and(|early| early.has_begun()) {
            *response.status_mut() = StatusCode::OK;
        }
        response
    }

    async fn run(
        self: Arc<Self>,
        request: HttpRequest<Incoming>,
        early: Option<Early>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let wanted =
            check(&parts.headers, &parts.method, &body).and_then(|()| Request::parse(&parts));
        let admitted = match wanted {
            Ok(request) => self.admit(&parts.extensions, request).await,
            Err(failure) => Err(failure),
        };
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(failure) => return self.refuse(failure, &parts, body).await,
        };
        let (to_worker, upload) = mpsc::channel(upload::PIECES_MAX);
        let (send_head, mut head) = oneshot::channel();
        let (send_pieces, pieces) = mpsc::channel(answer::PIECES_MAX);
        let interval = progress::interval(&admitted.request).filter(|_| can_begin_early(&parts));
        let body_timeout = admitted.guest.body_timeout();
        let guard = self.clone().start(admitted, upload, send_head, send_pieces);
        let watch = interval.zip(early.clone()).map(|(interval, early)| progress::Watch {
            engine: self.engine.clone(),
            statement: guard.statement.clone(),
            early,
            interval,
        });
        let pump = body::pump(body, to_worker, body_timeout, || guard.statement.has_come());
        let mut pump = Box::pin(pump);
        let head = tokio::select! {
            biased;
            head = &mut head => {
                // An early answer is a refusal, as a rule.
                let _ = tokio::time::timeout(body::TIMEOUT, &mut pump).await;
                head
            }
            () = &mut pump => tokio::select! {
                biased;
                head = progress::until(&mut head, watch) => head,
                // The answer is nobody's.
                () = gone(early.as_ref(), &guard.statement) => return StatusCode::BAD_REQUEST.into_response(),
            },
        };
        drop(pump);
        match head {
            Ok(head) => respond(head, pieces, guard, early),
            Err(_) => {
                let text = "the statement's worker ended without an answer";
                self.refusal(&Failure::new(49, "LOGICAL_ERROR", text), &parts)
            }
        }
    }

    /// Sets a worker to work; the guard is what its client's life hangs on.
    fn start(
        self: Arc<Self>,
        Admitted { request, caller, guest }: Admitted,
        upload: upload::Pieces,
        head: oneshot::Sender<Head>,
        pieces: mpsc::Sender<io::Result<Bytes>>,
    ) -> Guard {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let statement = Arc::new(Statement::new(&request, caller.home(), number));
        statement.set_caller(&caller);
        let guard = Guard { engine: self.engine.clone(), statement: statement.clone() };
        let timezone = request.setting("session_timezone").filter(|zone| !zone.is_empty());
        let labels = Labels {
            statement: statement.clone(),
            server_name: self.server_name.clone(),
            version: self.version.clone(),
            timezone: timezone.unwrap_or(&self.timezone).to_owned(),
            tag: request::random_tag(),
        };
        tokio::task::spawn_blocking(move || {
            let turn = Arc::new(Turn::new(&self.turns, &statement));
            let is_extra = guest.is_extra;
            let options = answer::Options {
                wait_end_of_query: request.wait_end_of_query,
                buffer_bytes: request.buffer_bytes,
                frames: request.answer_frames,
                accept_encoding: request.accept_encoding.as_deref(),
                errors_in_format: request.is_set("http_write_exception_in_output_format"),
                shelf: self.shelf.clone(),
                turn: turn.clone(),
            };
            let answer = Answer::new(labels, head, pieces, options);
            let door = self.clone();
            match upload::reader(request.coding, request.in_frames, upload, turn.clone()) {
                Ok(upload) => {
                    let place = None;
                    let work = run::Work {
                        door,
                        request,
                        caller,
                        upload,
                        statement,
                        turn,
                        place,
                        is_extra,
                    };
                    run::run(work, answer);
                }
                Err(error) => {
                    statement.end();
                    answer.fail(Failure::of_upload(&error));
                }
            }
            drop(guest);
        });
        guard
    }

    /// Lets a request in whose sender may come in and finds room; strangers take none of it.
    async fn admit(&self, of: &Extensions, request: Request) -> Result<Admitted, Failure> {
        let peer = of.get::<SocketAddr>().map_or(Ipv4Addr::UNSPECIFIED.into(), SocketAddr::ip);
        let caller = self.access.login(&request.credentials, &request.roles, peer).await?;
        let guest = self.house.enter(request.user())?;
        Ok(Admitted { request, caller, guest })
    }

    async fn refuse(&self, failure: Failure, parts: &Parts, body: Incoming) -> Response<Body> {
        let (nobody, _) = mpsc::channel(1);
        let pump = body::pump(body, nobody, body::TIMEOUT, || {});
        let _ = tokio::time::timeout(body::TIMEOUT, pump).await;
        self.refusal(&failure, parts)
    }

    /// The answer to a request that never became a statement.
    fn refusal(&self, failure: &Failure, parts: &Parts) -> Response<Body> {
        let (code, tag) = (failure.exception.code.to_string(), request::random_tag());
        let query_id = request::query_id(parts);
        let summary = progress::json(&Stats::default(), &progress::Seen::default());
        let headers = [
            ("x-clickhouse-exception-code", code.as_str()),
            ("x-clickhouse-query-id", &query_id),
            ("x-clickhouse-server-display-name", &self.server_name),
            ("x-clickhouse-timezone", &self.timezone),
            ("x-clickhouse-exception-tag", &tag),
            ("x-clickhouse-summary", &summary),
            ("content-type", "text/plain; charset=UTF-8"),
        ];
        let text = failure.text(&self.version).into_bytes();
        let text = match request::answer_frames(parts.uri.query().unwrap_or_default()) {
            Some(method) => frames::whole(method, &text),
            None => text,
        };
        let mut response = (failure.status, headers, text).into_response();
        if failure.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"ClickHouse server HTTP API\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

fn check(headers: &HeaderMap, method: &Method, body: &Incoming) -> Result<(), Failure> {
    let has_length = headers.contains_key(header::CONTENT_LENGTH) || !body.is_end_stream();
    if method == Method::POST && !has_length {
        let text = "The Transfer-Encoding is not chunked and there is no Content-Length header for POST request";
        return Err(Failure::new(381, "HTTP_LENGTH_REQUIRED", text));
    }
    Ok(())
}

/// A client of an older protocol is answered in that, and HEAD with a head that has no body to be 200 for.
fn can_begin_early(parts: &Parts) -> bool {
    parts.version == axum::http::Version::HTTP_11 && parts.method != Method::HEAD
}

/// Comes back when the client goes away in the middle of its answer. What is behind an unread body is not looked at.
async fn gone(early: Option<&Early>, statement: &Statement) {
    match early {
        Some(early) if statement.is_here() => early.gone().await,
        _ => std::future::pending().await,
    }
}

fn respond(
    head: Head,
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    guard: Guard,
    early: Option<Early>,
) -> Response<Body> {
    let state = Some((pieces, guard, early));
    // Ends well only with the worker's own mark; everything else breaks the connection off.
    let stream = futures_util::stream::unfold(state, |state| async move {
        let (mut pieces, guard, early) = state?;
        let piece = tokio::select! {
            biased;
            piece = pieces.recv() => piece,
            () = gone(early.as_ref(), &guard.statement) => return Some((Err(io::ErrorKind::BrokenPipe.into()), None)),
        };
        match piece {
            Some(Ok(piece)) if piece.is_empty() => None,
            Some(Ok(piece)) => Some((Ok(piece), Some((pieces, guard, early)))),
            Some(Err(error)) => {
                // An error drops what is still unsent, and that is the exception's text.
                if let Some(early) = &early {
                    early.drained().await;
                }
                Some((Err(error), None))
            }
            None => Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = head.status;
    response.headers_mut().extend(head.headers);
    response
}

/// Dropped before the statement is done: the client has gone away, which ends what only reads.
struct Guard {
    engine: Engine,
    statement: Arc<Statement>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.statement.give_up() {
            kill::cancel_later(&self.engine, &self.statement);
        }
    }
}
