//! The listening side of every port. Everything that a stranger can make grow has a limit here:
//! connections, the size of a request's head, the time it takes.

use crate::early;
use crate::patient::Patient;
use crate::tls::Tls;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Result;
use socket2::{SockRef, TcpKeepalive};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

const CONNECTIONS_MAX: usize = 1024;
/// Of a request, or of a handshake; also how long an idle connection is kept.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than the URL that `http` accepts (64 KiB), so that the URL's own error is the one seen.
const HEAD_BYTES_MAX: usize = 256 << 10;
/// A client that takes nothing for so long is given up.
pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(300);
/// One whose machine is gone without a word: silent for so long, it is asked so often, so many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;
/// Requests under way get this long to end after a shutdown begins.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// After `accept` fails (out of file descriptors), before it is tried again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in.
pub struct Port {
    pub listener: TcpListener,
    /// None: what goes over it can be read on the way.
    pub tls: Option<Arc<Tls>>,
}

impl From<TcpListener> for Port {
    fn from(listener: TcpListener) -> Port {
        Port { listener, tls: None }
    }
}

/// Serves connections until `shutdown`, then lets requests under way end. A request carries the
/// address of its client (`SocketAddr`) in its extensions.
pub(crate) async fn serve<S>(
    Port { listener, tls }: Port,
    service: S,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()>
where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let may_accept = connections.len() < CONNECTIONS_MAX;
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if may_accept => match accepted {
                Ok((stream, peer)) => {
                    prepare(&stream);
                    let (tls, service, stopped) = (tls.clone(), service.clone(), stopped.clone());
                    connections.spawn(connection(stream, tls, peer, service, stopped));
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let _ = stop.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    // What is still running is cut off, which cancels its statement.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
    connections.shutdown().await;
    Ok(())
}

/// What a socket refuses of it changes no answer.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

async fn connection<S>(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    peer: SocketAddr,
    service: S,
    stopped: watch::Receiver<bool>,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let Some(tls) = tls else { return requests(stream, peer, service, stopped).await };
    match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, peer, service, stopped).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn requests<S>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    service: S,
    mut stopped: watch::Receiver<bool>,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
{
    let (stream, early) = early::connection(Patient::new(stream, WRITE_TIMEOUT));
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(early.clone());
        service.call(request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let stopping = async { drop(stopped.wait_for(|stopped| *stopped).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopping => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Malformed requests have had their 400; clients that go away are nobody's error.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_machine_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        prepare(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
    }
}
