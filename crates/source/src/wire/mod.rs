//! Sessions for the log and for COPY: plain sockets, blocking, ours from startup to CopyData.
//!
//! ```text
//! transport   TCP, TLS over TCP, Unix socket: bytes
//! gathered    what TLS reads from, in large pieces
//! inbox       bytes ─▶ whole messages, without a copy
//! auth        trust, password, md5, SCRAM-SHA-256
//! session     startup, statements, START_REPLICATION, COPY
//! ```
//!
//! `tokio-postgres` does not speak CopyBoth, and an async reader is woken once a row, which slows the
//! walsender down: how the socket is read decides what the server can send.

mod auth;
mod gathered;
mod inbox;
mod session;
mod transport;

pub(crate) use transport::{
    KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, UNACKNOWLEDGED_MOST,
};

pub(crate) use inbox::Frame;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use inbox::Inbox;
pub(crate) use session::{Filled, Session};
