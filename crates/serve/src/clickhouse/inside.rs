//! The door from inside the process. The page's questions go the way of any client's: the same fences, turns,
//! limits and log; only that who asks is known already.

use super::client::Client;
use super::error::Failure;
use super::request::{self, Request};
use super::{Admitted, Door, answer, kill, sweep, upload};
use crate::access::{Caller, Credentials, File};
use crate::{Port, net};
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use hyper::Response;
use model::{Error, Result};
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use store::Engine;
use tokio::sync::{mpsc, oneshot};

/// What the log of statements calls the page.
const USER_AGENT: &str = "millrace-page";

/// The door, open, whether or not it has a port.
#[derive(Clone)]
pub struct Inside {
    door: Arc<Door>,
}

/// One statement that only reads.
pub(crate) struct Question {
    pub(crate) sql: String,
    pub(crate) format: &'static str,
    pub(crate) settings: Vec<(String, String)>,
    /// Where on the page it was asked.
    pub(crate) referer: String,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) answer_bytes_max: usize,
    /// Its text is not of who asks.
    pub(crate) by_others: bool,
}

impl Inside {
    pub async fn open(engine: Engine, users: File, cores: usize) -> Result<Inside> {
        let opened = tokio::task::spawn_blocking(move || Door::open(engine, &users, cores)).await;
        let opened = opened.map_err(|error| Error::bug("the door did not open").source(error));
        Ok(Inside { door: Arc::new(opened??) })
    }

    /// Serves until `shutdown`, then lets statements under way end.
    pub async fn serve(
        self,
        ports: Vec<Port>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        let door = self.door;
        let sweeper = tokio::spawn(sweep(door.clone()));
        let shared = door.clone();
        let service = hyper::service::service_fn(move |request| {
            let door = shared.clone();
            async move { Ok::<Response<_>, Infallible>(door.handle(request).await) }
        });
        let shutdown = shutdown.shared();
        let ports =
            ports.into_iter().map(|port| net::serve(port, service.clone(), shutdown.clone()));
        let served = futures_util::future::try_join_all(ports).await.map(drop);
        sweeper.abort();
        // Those that went on without their clients.
        let left = door.processes.all();
        left.iter().for_each(|statement| kill::cancel_later(&door.engine, statement));
        let closed = tokio::task::spawn_blocking(move || door.log.close()).await;
        closed.map_err(|error| Error::bug("the log of statements did not close").source(error))?;
        served
    }

    /// Whether whoever comes is an admin.
    pub(crate) fn is_open(&self) -> bool {
        self.door.access.is_open()
    }

    pub(crate) async fn login(
        &self,
        credentials: &Credentials,
        address: IpAddr,
    ) -> std::result::Result<Caller, Failure> {
        self.door.access.login(credentials, &[], address).await
    }

    pub(crate) fn recall(
        &self,
        user: &str,
        is_same: impl FnOnce(&str) -> bool,
    ) -> std::result::Result<Caller, Failure> {
        self.door.access.recall(user, is_same)
    }

    /// The whole answer. Who stops waiting ends the statement.
    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        question: Question,
    ) -> std::result::Result<Bytes, Failure> {
        let caller = caller.renewed()?;
        if question.by_others {
            caller.check_reach(&question.sql)?;
        }
        let guest = self.door.house.enter(&caller.user)?;
        let answer_bytes_max = question.answer_bytes_max;
        let request = Request {
            credentials: Credentials::new(&caller.user, None),
            query: Some(question.sql),
            query_id: request::usable_id(String::new()),
            default_format: Some(question.format.to_owned()),
            settings: question.settings,
            wait_end_of_query: true,
            reads_only: true,
            client: Client {
                address: question.address,
                // ClickHouse's number of POST.
                method: 2,
                path: "/".into(),
                user_agent: USER_AGENT.into(),
                referer: question.referer,
                ..Client::default()
            },
            ..Request::default()
        };
        let (to_worker, upload) = mpsc::channel(upload::PIECES_MAX);
        // There is no body: it ends at once.
        let _ = to_worker.try_send(Ok(Bytes::new()));
        let (send_head, head) = oneshot::channel();
        let (send_pieces, mut pieces) = mpsc::channel(answer::PIECES_MAX);
        let admitted = Admitted { request, caller, guest };
        let _guard = self.door.clone().start(admitted, upload, send_head, send_pieces);
        let broken = || Failure::new(49, "LOGICAL_ERROR", "the statement ended without an answer");
        let head = head.await.map_err(|_| broken())?;
        let mut body = BytesMut::new();
        loop {
            match pieces.recv().await {
                Some(Ok(piece)) if piece.is_empty() => break,
                Some(Ok(piece)) => body.extend_from_slice(&piece),
                Some(Err(_)) | None => return Err(broken()),
            }
            if body.len() > answer_bytes_max {
                let text = format!("the answer is larger than {answer_bytes_max} bytes");
                return Err(Failure::new(396, "TOO_MANY_ROWS_OR_BYTES", text));
            }
        }
        if head.status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(store::embedded::Exception::parse(text).into());
        }
        Ok(body.freeze())
    }
}
