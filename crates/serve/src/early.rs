//! The beginning of an answer before there is one. ClickHouse tells how far a statement is in headers
//! that it sends while the statement runs, and clients and proxies wait longer for a server that says something.
//! hyper writes an answer's head in one go and knows no other way (1xx answers are not sent by its
//! server, and clients of ClickHouse do not read any). So the first lines go past it:
//!
//! ```text
//! handler ─▶ Early::send ─▶ HTTP/1.1 200 OK⏎ X-ClickHouse-Progress: …⏎ ──┐
//!    │                      X-ClickHouse-Progress: …⏎                    ├─▶ connection
//!    ▼                                                                   │
//! hyper ─▶ HTTP/1.1 200 OK⏎ Content-Type: …⏎ ⏎ body ─▶ less its first line ─┘
//! ```
//!
//! From then on the answer's status is 200 whatever comes, as at ClickHouse: the handler sees to that. It
//! runs inside of the connection's own task, so that the two never write at once; and nothing is sent
//! early while hyper has anything of its own on the way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// As hyper writes it.
const STATUS_LINE: &[u8] = b"HTTP/1.1 200 OK\r\n";

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

struct Shared {
    stream: Box<dyn Stream>,
    /// All that hyper has written is out.
    idle: bool,
    /// An answer has begun early: its first line is still to come from hyper.
    begun: bool,
}

/// A connection whose answers may begin early.
pub(crate) struct Connection(Arc<Mutex<Shared>>);

/// The handler's side of it, an extension of each of its requests.
#[derive(Clone)]
pub(crate) struct Early(Arc<Mutex<Shared>>);

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(crate) fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> (Connection, Early) {
    let shared = Shared { stream: Box::new(stream), idle: true, begun: false };
    let shared = Arc::new(Mutex::new(shared));
    (Connection(shared.clone()), Early(shared))
}

impl Early {
    /// Whether the status of the answer is settled.
    pub(crate) fn has_begun(&self) -> bool {
        lock(&self.0).begun
    }

    /// Sends a header line, behind the answer's first line if it is the first one. To be awaited to its
    /// end: half a line would take the next one for its other half.
    pub(crate) async fn send(&self, name: &str, value: &str) -> io::Result<()> {
        let mut line = format!("{name}: {value}\r\n").into_bytes();
        {
            let mut shared = lock(&self.0);
            if !shared.begun {
                if !shared.idle {
                    return Ok(());
                }
                line = [STATUS_LINE, &line].concat();
                shared.begun = true;
            }
        }
        let mut sent = 0;
        std::future::poll_fn(|context| {
            let mut shared = lock(&self.0);
            while sent < line.len() {
                let stream = Pin::new(&mut shared.stream);
                match ready!(stream.poll_write(context, &line[sent..]))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    count => sent += count,
                }
            }
            Pin::new(&mut shared.stream).poll_flush(context)
        })
        .await
    }
}

impl Shared {
    /// How much of what hyper writes is out already.
    fn skip(&mut self, first: &[u8]) -> Option<io::Result<usize>> {
        self.idle = false;
        if !std::mem::take(&mut self.begun) {
            return None;
        }
        Some(match first.starts_with(STATUS_LINE) {
            true => Ok(STATUS_LINE.len()),
            false => Err(io::Error::other("an answer began early and goes on with another status")),
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        match shared.skip(bytes) {
            Some(skipped) => Poll::Ready(skipped),
            None => Pin::new(&mut shared.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.0);
        match shared.skip(pieces.first().map_or(&[], |piece| piece)) {
            Some(skipped) => Poll::Ready(skipped),
            None => Pin::new(&mut shared.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        lock(&self.0).stream.is_write_vectored()
    }

    /// hyper comes here when it has nothing more to write.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.0);
        ready!(Pin::new(&mut shared.stream).poll_flush(context))?;
        shared.idle = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut lock(&self.0).stream).poll_shutdown(context)
    }
}
