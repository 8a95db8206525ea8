//! A request's body on its way out: a text, or data that is made while it is sent.
//!
//! ```text
//! a thread that may block                               the connection's task
//! native::encode ─▶ LZ4 frame ─▶ pieces of 256 KiB ─▶ a short queue ─▶ Upload ─▶ socket
//! ```
//!
//! Memory stays flat: who encodes waits for who sends. The body ends only with the mark that says so;
//! one whose maker has gone is broken off, and the server runs nothing of it.

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Pieces between the two.
const PIECES_MAX: usize = 4;
const PIECE_BYTES: usize = 256 << 10;

type Piece = io::Result<Bytes>;

/// A form that is made already: see [`super::form`].
pub(super) struct Form {
    pub(super) boundary: String,
    pub(super) body: Option<Bytes>,
}

pub(super) enum Upload {
    Text(Option<Bytes>),
    Form(Form),
    /// An empty piece is the end.
    Pieces(mpsc::Receiver<Piece>),
    Ended,
}

impl Upload {
    pub(super) fn text(text: String) -> Upload {
        Upload::Text(Some(text.into()))
    }

    /// A body, and what fills it.
    pub(super) fn filled() -> (Packer, Upload) {
        let (to, pieces) = mpsc::channel(PIECES_MAX);
        let outlet = Outlet { gathered: Vec::with_capacity(PIECE_BYTES), to };
        let mut frame = FrameInfo::new();
        frame.block_size = BlockSize::Max256KB;
        // What arrives is what was sent, or the server refuses it.
        frame.content_checksum = true;
        (Packer(FrameEncoder::with_frame_info(frame, outlet)), Upload::Pieces(pieces))
    }

    pub(super) fn boundary(&self) -> Option<&str> {
        match self {
            Upload::Form(form) => Some(&form.boundary),
            _ => None,
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self, Upload::Pieces(_))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = match &mut *self {
            Upload::Text(text) => text.take().map(Ok),
            Upload::Form(form) => form.body.take().map(Ok),
            Upload::Pieces(pieces) => match std::task::ready!(pieces.poll_recv(context)) {
                Some(Ok(end)) if end.is_empty() => None,
                Some(piece) => Some(piece),
                None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
            },
            Upload::Ended => None,
        };
        if !matches!((&piece, &*self), (Some(Ok(_)), Upload::Pieces(_))) {
            *self = Upload::Ended;
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Upload::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Upload::Text(Some(bytes)) | Upload::Form(Form { body: Some(bytes), .. }) => {
                SizeHint::with_exact(bytes.len() as u64)
            }
            Upload::Text(None) | Upload::Form(_) | Upload::Ended => SizeHint::with_exact(0),
            Upload::Pieces(_) => SizeHint::new(),
        }
    }
}

/// Takes the data. Dropped before [`Packer::finish`], it breaks the body off.
pub(super) struct Packer(FrameEncoder<Outlet>);

impl Packer {
    /// An error: nobody takes it any more.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let mut outlet = self.0.finish().map_err(io::Error::other)?;
        outlet.pass()?;
        outlet.send(Bytes::new())
    }
}

struct Outlet {
    gathered: Vec<u8>,
    to: mpsc::Sender<Piece>,
}

impl Outlet {
    fn send(&self, piece: Bytes) -> io::Result<()> {
        self.to.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn pass(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        self.send(piece.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + bytes.len() > PIECE_BYTES {
            self.pass()?;
        }
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    async fn received(mut upload: Upload) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut upload).poll_frame(context));
            match frame.await {
                None => return Ok(bytes),
                Some(frame) => bytes.extend_from_slice(&frame?.into_data().unwrap()),
            }
        }
    }

    #[tokio::test]
    async fn what_is_packed_arrives_whole() {
        let data: Vec<u8> = (0..700_000u32).flat_map(|n| (n / 50).to_le_bytes()).collect();
        let sent = data.clone();
        let (mut packer, upload) = Upload::filled();
        let filling = tokio::task::spawn_blocking(move || {
            sent.chunks(99_991).try_for_each(|piece| packer.write(piece))?;
            packer.finish()
        });
        let bytes = received(upload).await.unwrap();
        filling.await.unwrap().unwrap();
        assert!(bytes.len() < data.len());
        let mut decoder = lz4_flex::frame::FrameDecoder::new(bytes.as_slice());
        let mut read = Vec::new();
        decoder.read_to_end(&mut read).unwrap();
        assert!(read == data);
    }

    #[tokio::test]
    async fn a_body_without_its_end_is_broken_off() {
        let (mut packer, upload) = Upload::filled();
        let filling = tokio::task::spawn_blocking(move || packer.write(&[7; 600_000]));
        let error = received(upload).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        filling.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_packs_for_nobody_is_told() {
        let (mut packer, upload) = Upload::filled();
        drop(upload);
        let noise: Vec<u8> = (0..400_000u64)
            .map(|n| (n.wrapping_pow(5).wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let packed = tokio::task::spawn_blocking(move || {
            (0..8).try_for_each(|_| packer.write(&noise))?;
            packer.finish()
        });
        assert_eq!(packed.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
