//! An answer on its way out, written by the worker, sent by the connection's task.
//!
//! ```text
//! write ─▶ held (memory, then a file) ─▶ status and headers ─▶ encoder ─▶ pieces ─▶ connection
//!          until it is clear that the answer begins well
//! ```
//!
//! As long as nothing was sent an error has its true status. Afterwards it is written behind the
//! rows in ClickHouse's frame, and the connection is broken off so that nobody takes the rows for all.

use super::coding::{Encoder, frames::Method};
use super::error::Failure;
use super::held::{self, Held, Shelf};
use super::statement::Statement;
use super::turns::Turn;
use super::{format, in_format, progress};
use crate::net::WRITE_TIMEOUT;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::embedded::Stats;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;

pub(super) const PIECES_MAX: usize = 4;
const PIECE_BYTES: usize = 2 << 20;
/// How long a statement that waits for its client keeps its turn: one that takes its rows as fast as it can
/// is not sent to the end of the queue for every piece.
const TURN_KEPT: Duration = Duration::from_millis(20);
/// What is held back of an answer so that an early error has its status.
const HELD_BYTES_DEFAULT: usize = 1 << 20;
const HELD_TIME_MAX: Duration = Duration::from_millis(500);

pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The client took no more.
#[derive(Debug)]
pub(super) struct Gone;

/// What every answer tells about itself.
pub(super) struct Labels {
    pub(super) statement: Arc<Statement>,
    pub(super) server_name: String,
    pub(super) version: String,
    pub(super) timezone: String,
    pub(super) tag: String,
}

pub(super) struct Answer {
    labels: Labels,
    /// `None` for a statement without an answer, such as SET: clients tell by the header whether there are rows.
    format: Option<String>,
    /// Until it is sent.
    head: Option<oneshot::Sender<Head>>,
    pieces: mpsc::Sender<io::Result<Bytes>>,
    encoder: Encoder,
    held: Held,
    /// `None`: to the end.
    hold_bytes: Option<u64>,
    since: Instant,
    /// The last piece goes out only after the session is free again.
    last: Option<Bytes>,
    runtime: tokio::runtime::Handle,
    turn: Arc<Turn>,
    errors_in_format: bool,
    /// Of a document that failed under way.
    unsent_end: Bytes,
    pub(super) stats: Stats,
}

pub(super) struct Options<'a> {
    pub(super) wait_end_of_query: bool,
    pub(super) buffer_bytes: Option<usize>,
    pub(super) frames: Option<Method>,
    pub(super) accept_encoding: Option<&'a str>,
    pub(super) errors_in_format: bool,
    pub(super) shelf: Arc<Shelf>,
    pub(super) turn: Arc<Turn>,
}

impl Answer {
    pub(super) fn new(
        labels: Labels,
        head: oneshot::Sender<Head>,
        pieces: mpsc::Sender<io::Result<Bytes>>,
        options: Options<'_>,
    ) -> Answer {
        let hold = options.buffer_bytes.unwrap_or(HELD_BYTES_DEFAULT).min(held::MEMORY_BYTES_MAX);
        Answer {
            labels,
            format: None,
            head: Some(head),
            pieces,
            encoder: Encoder::choose(options.frames, options.accept_encoding),
            held: Held::new(options.shelf),
            hold_bytes: (!options.wait_end_of_query).then_some(hold as u64),
            since: Instant::now(),
            last: None,
            runtime: tokio::runtime::Handle::current(),
            turn: options.turn,
            errors_in_format: options.errors_in_format,
            unsent_end: Bytes::new(),
            stats: Stats::default(),
        }
    }

    pub(super) fn set_format(&mut self, format: &str) {
        self.format = Some(format.to_owned());
    }

    /// It has been written as if it were the end of all rows; an error may have its place there.
    pub(super) fn keep_end(&mut self, end: Bytes) {
        self.unsent_end = end;
    }

    pub(super) fn set_timezone(&mut self, timezone: String) {
        self.labels.timezone = timezone;
    }

    pub(super) fn add(&mut self, stats: Stats) {
        let sum = &mut self.stats;
        sum.result_rows += stats.result_rows;
        sum.result_bytes += stats.result_bytes;
        sum.read_rows += stats.read_rows;
        sum.read_bytes += stats.read_bytes;
        sum.written_rows += stats.written_rows;
        sum.written_bytes += stats.written_bytes;
        sum.elapsed_seconds += stats.elapsed_seconds;
    }

    pub(super) fn write(&mut self, bytes: Bytes) -> Result<(), WriteError> {
        if self.head.is_none() {
            return Ok(self.send(bytes)?);
        }
        self.hold(&bytes)?;
        self.go_on()
    }

    /// Nothing of it is sent yet: what it was made of may go first.
    pub(super) fn hold(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.held.write(bytes).map_err(WriteError::Held)
    }

    /// Sends what was held back, if that is enough of it.
    pub(super) fn go_on(&mut self) -> Result<(), WriteError> {
        match self.hold_bytes {
            Some(most) if self.held.len() >= most || self.since.elapsed() >= HELD_TIME_MAX => {
                self.start()
            }
            _ => Ok(()),
        }
    }

    /// The answer is whole.
    pub(super) fn finish(mut self) {
        let written = match self.head.is_some() {
            true => self.start(),
            false => Ok(()),
        };
        match written {
            Ok(()) => {}
            Err(WriteError::Held(failure)) => return self.fail(failure),
            Err(WriteError::Gone) => return,
        }
        let rest = self.encoder.finish();
        let _ = self.pass(rest.into()).and_then(|()| self.end(Ok(Bytes::new())));
    }

    /// The answer is an error, or ends in one.
    pub(super) fn fail(mut self, failure: Failure) {
        let text = failure.text(&self.labels.version);
        let is_begun = self.head.is_none();
        let in_format = self.format.as_deref().filter(|_| self.errors_in_format);
        let in_format = in_format.and_then(|format| {
            let text = match is_begun {
                true => in_format::error_behind(format, &text, &self.unsent_end)?,
                false => in_format::error(format, &text)?,
            };
            Some((text, format::content_type(format)))
        });
        let Some(head) = self.head.take() else {
            if let Some((text, _)) = in_format {
                // Who reads the format is told, so it ends well.
                let sent = self.send(text.into()).and_then(|()| {
                    let rest = self.encoder.finish();
                    self.pass(rest.into())
                });
                let _ = sent.and_then(|()| self.end(Ok(Bytes::new())));
                return;
            }
            let frame = exception_frame(&self.labels.tag, &text);
            let sent = self.send(frame.into()).and_then(|()| {
                let rest = self.encoder.finish();
                self.pass(rest.into())
            });
            let broken = io::Error::other("the statement failed under way");
            let _ = sent.and_then(|()| self.end(Err(broken)));
            return;
        };
        let mut headers = self.headers(None);
        let code = failure.exception.code.to_string();
        headers.push(("x-clickhouse-exception-code", code));
        let (text, content_type) = in_format.unwrap_or((text, "text/plain; charset=UTF-8"));
        headers.push(("content-type", content_type.to_owned()));
        if head.send(Head { status: failure.status, headers: pairs(headers) }).is_ok() {
            let text = self.encoder.error(text);
            let _ = self.pass(text.into()).and_then(|()| self.end(Ok(Bytes::new())));
        }
    }

    /// Sends status and headers, and what was held back.
    fn start(&mut self) -> Result<(), WriteError> {
        let Some(head) = self.head.take() else { return Ok(()) };
        let mut headers = self.headers(Some(&self.stats));
        let content_type = match &self.format {
            Some(format) => {
                headers.push(("x-clickhouse-format", format.clone()));
                format::content_type(format)
            }
            None => "text/plain; charset=UTF-8",
        };
        headers.push(("content-type", content_type.to_owned()));
        if let Some(name) = self.encoder.name() {
            headers.push(("content-encoding", name.to_owned()));
        }
        let head = head.send(Head { status: StatusCode::OK, headers: pairs(headers) });
        head.map_err(|_| WriteError::Gone)?;
        self.held.rewind().map_err(WriteError::Held)?;
        loop {
            let piece = self.held.next(PIECE_BYTES).map_err(WriteError::Held)?;
            if piece.is_empty() {
                return Ok(());
            }
            self.send(piece.into())?;
        }
    }

    fn headers(&self, stats: Option<&Stats>) -> Vec<(&'static str, String)> {
        let labels = &self.labels;
        let summary = progress::json(stats.unwrap_or(&self.stats), &labels.statement.seen);
        vec![
            ("x-clickhouse-query-id", labels.statement.query_id.clone()),
            ("x-clickhouse-server-display-name", labels.server_name.clone()),
            ("x-clickhouse-timezone", labels.timezone.clone()),
            ("x-clickhouse-exception-tag", labels.tag.clone()),
            ("x-clickhouse-summary", summary),
        ]
    }

    fn send(&mut self, mut bytes: Bytes) -> Result<(), Gone> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(PIECE_BYTES.min(bytes.len()));
            let coded = self.encoder.code(piece);
            self.pass(coded)?;
        }
        Ok(())
    }

    fn pass(&mut self, bytes: Bytes) -> Result<(), Gone> {
        if bytes.is_empty() {
            return Ok(());
        }
        match self.last.replace(bytes) {
            Some(before) => self.push(Ok(before)),
            None => Ok(()),
        }
    }

    fn end(&mut self, mark: io::Result<Bytes>) -> Result<(), Gone> {
        if let Some(last) = self.last.take() {
            self.push(Ok(last))?;
        }
        self.push(mark)
    }

    fn push(&self, piece: io::Result<Bytes>) -> Result<(), Gone> {
        let piece = match self.pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(piece)) => piece,
            Err(TrySendError::Closed(_)) => return Err(Gone),
        };
        let room = |most| async move { tokio::time::timeout(most, self.pieces.reserve()).await };
        let room = match self.runtime.block_on(room(TURN_KEPT)) {
            Err(_) => self.turn.aside(|| self.runtime.block_on(room(WRITE_TIMEOUT))),
            room => room,
        };
        match room {
            Ok(Ok(room)) => {
                room.send(piece);
                Ok(())
            }
            _ => Err(Gone),
        }
    }
}

#[derive(Debug)]
pub(super) enum WriteError {
    Gone,
    /// It could not be held back.
    Held(Failure),
}

impl From<Gone> for WriteError {
    fn from(_: Gone) -> WriteError {
        WriteError::Gone
    }
}

/// Values that no header can carry are left out.
fn pairs(headers: Vec<(&'static str, String)>) -> Vec<(HeaderName, HeaderValue)> {
    let pairs = headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
    });
    pairs.collect()
}

const FRAME_TEXT_BYTES_MAX: usize = 16 << 10;

/// ClickHouse's frame for an exception behind rows.
fn exception_frame(tag: &str, text: &str) -> String {
    let mut end = text.len().min(FRAME_TEXT_BYTES_MAX - 256);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text[..end].trim_end();
    let length = text.len() + 1;
    format!("\r\n__exception__\r\n{tag}\r\n{text}\n{length} {tag}\r\n__exception__\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_says_its_length_and_its_tag() {
        let frame = exception_frame("abcdefghijklmnop", "Code: 395. oh\n");
        assert_eq!(
            frame,
            "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 395. oh\n14 abcdefghijklmnop\r\n__exception__\r\n"
        );
        assert!(exception_frame("t", &"é".repeat(20_000)).len() <= FRAME_TEXT_BYTES_MAX);
    }
}
