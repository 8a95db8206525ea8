//! A request's body as the worker reads it: pieces from the connection, decoded as they come.
//! An upload that breaks off is an error here, never an end.

use super::coding::{self, Coding, frames};
use super::turns::Turn;
use bytes::{Buf, Bytes};
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::mpsc::{self, error::TryRecvError};

/// Pieces between connection and worker.
pub(super) const PIECES_MAX: usize = 4;

pub(super) type Pieces = mpsc::Receiver<io::Result<Bytes>>;

/// Reads the pieces. Ends only with the request's own end: the connection's side sends an empty
/// piece for it, and a channel that closes without one is a broken upload.
struct Raw {
    pieces: Pieces,
    turn: Arc<Turn>,
    piece: Bytes,
    ended: bool,
}

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() && !self.ended {
            let piece = match self.pieces.try_recv() {
                Err(TryRecvError::Empty) => self.turn.aside(|| self.pieces.blocking_recv()),
                piece => piece.ok(),
            };
            match piece {
                Some(Ok(piece)) if piece.is_empty() => self.ended = true,
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Err(error),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.piece.len().min(into.len());
        self.piece.copy_to_slice(&mut into[..count]);
        Ok(count)
    }
}

/// The body as it was before it was coded. For the worker's thread: decoders read, and wait, as they
/// are made.
pub(super) fn reader(
    coding: Coding,
    in_frames: bool,
    pieces: Pieces,
    turn: Arc<Turn>,
) -> io::Result<Box<dyn Read + Send>> {
    let body = coding::reader(coding, Raw { pieces, turn, piece: Bytes::new(), ended: false })?;
    Ok(if in_frames { Box::new(frames::Reader::new(body)) } else { body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clickhouse::request::Request;
    use crate::clickhouse::statement::Statement;
    use crate::clickhouse::turns::Turns;

    #[test]
    fn a_body_ends_with_its_own_end_only() {
        for finished in [true, false] {
            let (send, pieces) = mpsc::channel(3);
            send.try_send(Ok(Bytes::from_static(b"SELECT"))).unwrap();
            send.try_send(Ok(Bytes::from_static(b" 1"))).unwrap();
            if finished {
                send.try_send(Ok(Bytes::new())).unwrap();
            }
            drop(send);
            let mut text = String::new();
            let statement = Arc::new(Statement::new(&Request::default(), "main", 1));
            let turn = Arc::new(Turn::new(&Arc::new(Turns::new(1)), &statement));
            let mut reader = reader(Coding::Identity, false, pieces, turn).unwrap();
            assert_eq!(reader.read_to_string(&mut text).is_ok(), finished);
        }
    }
}
