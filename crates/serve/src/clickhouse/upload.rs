//! A request's body as the worker reads it: pieces from the connection, decompressed as they come.
//! An upload that breaks off is an error here, never an end.

use super::error::Failure;
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

/// The decoder takes a missing end mark for an end; so this looks whether the input was over.
struct Lz4 {
    decoder: lz4_flex::frame::FrameDecoder<Raw>,
    between_frames: bool,
}

impl Read for Lz4 {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.decoder.read(into)?;
            if count > 0 {
                self.between_frames = false;
                return Ok(count);
            }
            match (self.decoder.get_ref().ended, self.between_frames) {
                // The frame's end mark; another frame may follow.
                (false, _) => self.between_frames = true,
                (true, true) => return Ok(0),
                // The last end mark may have come with the end.
                (true, false) => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}

/// The decoder stops at its own end mark; the request's end comes after it.
struct Deflate(flate2::read::ZlibDecoder<Raw>);

impl Read for Deflate {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(into)?;
        if count == 0 && !into.is_empty() {
            let left = io::copy(self.0.get_mut(), &mut io::sink())?;
            if left > 0 {
                return Err(io::Error::other("something follows the compressed data"));
            }
        }
        Ok(count)
    }
}

/// `Content-Encoding`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Lz4,
}

impl Encoding {
    pub(super) fn parse(name: &str) -> Result<Encoding, Failure> {
        Ok(match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Encoding::Identity,
            "gzip" | "x-gzip" => Encoding::Gzip,
            "deflate" => Encoding::Deflate,
            "lz4" => Encoding::Lz4,
            other => {
                let text = format!(
                    "Content-Encoding {other} is not supported: \
                     send gzip, deflate, lz4, or nothing"
                );
                let mut failure = Failure::not_implemented(text);
                failure.status = axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE;
                return Err(failure);
            }
        })
    }

    /// For the worker's thread: a decoder may read, and wait, as soon as it is made.
    pub(super) fn reader(self, pieces: Pieces, turn: Arc<Turn>) -> Box<dyn Read + Send> {
        let raw = Raw { pieces, turn, piece: Bytes::new(), ended: false };
        match self {
            Encoding::Identity => Box::new(raw),
            Encoding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(raw)),
            Encoding::Deflate => Box::new(Deflate(flate2::read::ZlibDecoder::new(raw))),
            Encoding::Lz4 => {
                let decoder = lz4_flex::frame::FrameDecoder::new(raw);
                Box::new(Lz4 { decoder, between_frames: true })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clickhouse::request::Request;
    use crate::clickhouse::statement::Statement;
    use crate::clickhouse::turns::Turns;
    use std::io::Write;

    fn read(encoding: &str, bytes: &[u8], finished: bool) -> io::Result<Vec<u8>> {
        let (send, pieces) = mpsc::channel(bytes.len() / 7 + 2);
        for piece in bytes.chunks(7) {
            send.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
        }
        if finished {
            send.try_send(Ok(Bytes::new())).unwrap();
        }
        drop(send);
        let mut out = Vec::new();
        let statement = Arc::new(Statement::new(&Request::default(), 1));
        let turn = Arc::new(Turn::new(&Arc::new(Turns::new()), &statement));
        let mut reader = Encoding::parse(encoding).unwrap().reader(pieces, turn);
        reader.read_to_end(&mut out).map(|_| out)
    }

    fn encoded(encoding: &str, text: &[u8]) -> Vec<u8> {
        match encoding {
            "gzip" => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "deflate" => {
                let mut encoder =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            "lz4" => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(text).unwrap();
                encoder.finish().unwrap()
            }
            _ => text.to_vec(),
        }
    }

    #[test]
    fn bodies_come_whole_or_not_at_all() {
        let text: Vec<u8> = (0..2000u32).flat_map(|n| n.to_le_bytes()).collect();
        for encoding in ["", "gzip", "deflate", "lz4"] {
            let bytes = encoded(encoding, &text);
            assert_eq!(read(encoding, &bytes, true).unwrap(), text, "{encoding}");
            assert!(read(encoding, &bytes, false).is_err(), "{encoding}: the channel broke");
            if !encoding.is_empty() {
                for cut in [1, 4, 8, bytes.len() / 2] {
                    let cut = &bytes[..bytes.len() - cut];
                    assert!(read(encoding, cut, true).is_err(), "{encoding}: cut body");
                }
            }
        }
        let twice = [encoded("lz4", b"one"), encoded("lz4", b"two")].concat();
        assert_eq!(read("lz4", &twice, true).unwrap(), b"onetwo");
        assert!(Encoding::parse("zstd").is_err());
    }
}
