//! An answer in the coding that its client takes. Bytes go in as they are made, and come out when the
//! coder has some ready.

use super::Coding;
use super::frames::{self, Method};
use bytes::Bytes;
use std::io::{self, Write};

/// Fast ones: rows are made faster than a thorough coder could take them.
const GZIP_LEVEL: u32 = 1;
const ZSTD_LEVEL: i32 = 1;
const BROTLI_LEVEL: u32 = 1;
/// Its window, 1 MiB, as a power of two.
const BROTLI_WINDOW_LOG: u32 = 20;
const BROTLI_BUFFER_BYTES: usize = 64 << 10;

pub(in super::super) enum Encoder {
    /// What comes in goes out, without a copy.
    Plain,
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Deflate(flate2::write::ZlibEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    Frames(frames::Writer),
}

impl Encoder {
    /// ClickHouse's frames where the client asks for them, else what `Accept-Encoding` allows.
    pub(in super::super) fn choose(frames: Option<Method>, accept: Option<&str>) -> Encoder {
        match frames {
            Some(method) => Encoder::Frames(frames::Writer::new(method)),
            None => Encoder::of(accept.map_or(Coding::Identity, Coding::accepted)),
        }
    }

    pub(in super::super) fn of(coding: Coding) -> Encoder {
        let out = Vec::new();
        let level = flate2::Compression::new(GZIP_LEVEL);
        match coding {
            Coding::Identity => Encoder::Plain,
            Coding::Gzip => Encoder::Gzip(flate2::write::GzEncoder::new(out, level)),
            Coding::Deflate => Encoder::Deflate(flate2::write::ZlibEncoder::new(out, level)),
            Coding::Brotli => Encoder::Brotli(Box::new(brotli::CompressorWriter::new(
                out,
                BROTLI_BUFFER_BYTES,
                BROTLI_LEVEL,
                BROTLI_WINDOW_LOG,
            ))),
            Coding::Zstd => match zstd::stream::write::Encoder::new(out, ZSTD_LEVEL) {
                Ok(encoder) => Encoder::Zstd(encoder),
                // No memory for it.
                Err(_) => Encoder::Plain,
            },
            Coding::Lz4 => Encoder::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(out))),
        }
    }

    /// For the header; frames have none.
    pub(in super::super) fn name(&self) -> Option<&'static str> {
        match self {
            Encoder::Plain | Encoder::Frames(_) => None,
            Encoder::Gzip(_) => Coding::Gzip.name(),
            Encoder::Deflate(_) => Coding::Deflate.name(),
            Encoder::Brotli(_) => Coding::Brotli.name(),
            Encoder::Zstd(_) => Coding::Zstd.name(),
            Encoder::Lz4(_) => Coding::Lz4.name(),
        }
    }

    /// What is ready when these have come.
    pub(in super::super) fn code(&mut self, bytes: Bytes) -> Bytes {
        fn coded<W: Write>(
            encoder: &mut W,
            bytes: &[u8],
            out: fn(&mut W) -> &mut Vec<u8>,
        ) -> Bytes {
            let written = encoder.write_all(bytes);
            debug_assert!(written.is_ok(), "writing to memory");
            std::mem::take(out(encoder)).into()
        }
        match self {
            Encoder::Plain => bytes,
            Encoder::Gzip(encoder) => coded(encoder, &bytes, |encoder| encoder.get_mut()),
            Encoder::Deflate(encoder) => coded(encoder, &bytes, |encoder| encoder.get_mut()),
            Encoder::Brotli(encoder) => coded(encoder, &bytes, |encoder| encoder.get_mut()),
            Encoder::Zstd(encoder) => coded(encoder, &bytes, |encoder| encoder.get_mut()),
            Encoder::Lz4(encoder) => coded(encoder, &bytes, |encoder| encoder.get_mut()),
            Encoder::Frames(writer) => {
                writer.write(&bytes);
                std::mem::take(writer.get_mut()).into()
            }
        }
    }

    pub(in super::super) fn finish(&mut self) -> Vec<u8> {
        let finished = match std::mem::replace(self, Encoder::Plain) {
            Encoder::Plain => Ok(Vec::new()),
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Deflate(encoder) => encoder.finish(),
            Encoder::Brotli(encoder) => Ok(encoder.into_inner()),
            Encoder::Zstd(encoder) => encoder.finish(),
            Encoder::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Encoder::Frames(writer) => Ok(writer.finish()),
        };
        debug_assert!(finished.is_ok(), "writing to memory");
        finished.unwrap_or_default()
    }

    /// An error that stands alone: plain for HTTP, but a client that asked for frames reads nothing
    /// else.
    pub(in super::super) fn error(&mut self, text: String) -> Vec<u8> {
        match self {
            Encoder::Frames(writer) => frames::whole(writer.method(), text.as_bytes()),
            _ => text.into_bytes(),
        }
    }
}
