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
//! The other way round, hyper does not read while bytes of a next request lie before it, and so does not see that
//! a client is gone. [`Early::gone`] reads on in its place, and keeps what it read for it.
//!
//! From then on the answer's status is 200 whatever comes, as at ClickHouse: the handler sees to that. It
//! runs inside of the connection's own task, so that the two never write at once; and nothing is sent
//! early while hyper has anything of its own on the way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Of next requests, while one is answered; behind more nothing is seen.
const AHEAD_BYTES_MAX: usize = 64 << 10;
/// How often it is looked whether all is out.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

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
    /// Read before hyper asked for it.
    ahead: Vec<u8>,
    /// The client sends no more.
    ended: bool,
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
    let shared = Shared {
        stream: Box::new(stream),
        idle: true,
        begun: false,
        ahead: Vec::new(),
        ended: false,
    };
    let shared = Arc::new(Mutex::new(shared));
    (Connection(shared.clone()), Early(shared))
}

impl Early {
    /// Whether the status of the answer is settled.
    pub(crate) fn has_begun(&self) -> bool {
        lock(&self.0).begun
    }

    /// Comes back when the client has gone away. For while an answer is made whose request has come whole.
    pub(crate) async fn gone(&self) {
        std::future::poll_fn(|context| {
            let mut shared = lock(&self.0);
            let mut bytes = [0; 4 << 10];
            while shared.ahead.len() < AHEAD_BYTES_MAX {
                let mut into = ReadBuf::new(&mut bytes);
                match ready!(Pin::new(&mut shared.stream).poll_read(context, &mut into)) {
                    Ok(()) if !into.filled().is_empty() => {
                        shared.ahead.extend_from_slice(into.filled());
                        // Who waits for them may be hyper.
                        context.waker().wake_by_ref();
                    }
                    _ => return Poll::Ready(()),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Comes back when all that hyper was given is on its way.
    pub(crate) async fn drained(&self) {
        loop {
            // hyper takes a piece before it writes it.
            tokio::time::sleep(LOOK_INTERVAL).await;
            if lock(&self.0).idle {
                return;
            }
        }
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
        let mut shared = lock(&self.0);
        if shared.ahead.is_empty() {
            let before = into.filled().len();
            ready!(Pin::new(&mut shared.stream).poll_read(context, into))?;
            // hyper drops a request at its client's end. One that has just come is let in before it is told.
            if into.filled().len() == before && !std::mem::replace(&mut shared.ended, true) {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Ok(()));
        }
        let count = shared.ahead.len().min(into.remaining());
        into.put_slice(&shared.ahead[..count]);
        shared.ahead.drain(..count);
        Poll::Ready(Ok(()))
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
