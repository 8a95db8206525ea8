//! Bodies in HTTP's codings, decoded as they come. Decoders differ in what they take for an end, and
//! here there is one rule: the coding's own end mark and the end of the request must both have come,
//! and nothing between them. So a body that was cut is an error, wherever.

use super::Coding;
use std::io::{self, BufReader, Read};

/// Zstandard frames with a larger window are refused: it is memory, and RFC 9659 asks of nobody to
/// take more over HTTP.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const BUFFER_BYTES: usize = 32 << 10;

/// For the worker's thread: a decoder may read, and wait, as soon as it is made.
pub(in super::super) fn reader<R: Read + Send + 'static>(
    coding: Coding,
    body: R,
) -> io::Result<Box<dyn Read + Send>> {
    let body = Body { inner: body, ended: false };
    Ok(match coding {
        Coding::Identity => Box::new(body),
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(body)),
        Coding::Deflate => {
            let body = BufReader::with_capacity(BUFFER_BYTES, body);
            let decoder = flate2::bufread::ZlibDecoder::new(body);
            Box::new(Single { decoder, rest: flate2::bufread::ZlibDecoder::get_mut })
        }
        Coding::Brotli => {
            let mut decoder = brotli_decompressor::Decompressor::new(body, BUFFER_BYTES);
            // Windows of up to a gigabyte are an extension that no HTTP client may use.
            use brotli_decompressor::BrotliDecoderParameter as Parameter;
            decoder.set_parameter(Parameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
            Box::new(Single { decoder, rest: brotli_decompressor::Decompressor::get_mut })
        }
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(body)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Coding::Lz4 => {
            let decoder = lz4_flex::frame::FrameDecoder::new(body);
            Box::new(Lz4 { decoder, between_frames: true })
        }
    })
}

/// The body, and whether it has come to its end.
struct Body<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for Body<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.ended |= count == 0 && !into.is_empty();
        Ok(count)
    }
}

/// The decoder takes a missing end mark for an end; so this looks whether the input was over.
struct Lz4<R: Read> {
    decoder: lz4_flex::frame::FrameDecoder<Body<R>>,
    between_frames: bool,
}

impl<R: Read> Read for Lz4<R> {
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

/// A decoder that stops at its own end mark; the request's end comes after it.
struct Single<D, R> {
    decoder: D,
    rest: fn(&mut D) -> &mut R,
}

impl<D: Read, R: Read> Read for Single<D, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(into)?;
        if count == 0 && !into.is_empty() {
            // Asked once more, it says what it has read beyond its end.
            let more = self.decoder.read(into)?;
            let left = io::copy((self.rest)(&mut self.decoder), &mut io::sink())?;
            if more > 0 || left > 0 {
                return Err(io::Error::other("something follows the compressed data"));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Encoder;
    use super::*;
    use bytes::Bytes;

    const CODINGS: [Coding; 6] = [
        Coding::Identity,
        Coding::Gzip,
        Coding::Deflate,
        Coding::Brotli,
        Coding::Zstd,
        Coding::Lz4,
    ];

    /// Gives a few bytes at a time; without its end it breaks as a connection does.
    struct Trickle<'a> {
        bytes: &'a [u8],
        finished: bool,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.bytes.len().min(into.len()).min(7);
            if count == 0 && !into.is_empty() && !self.finished {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            into[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes = &self.bytes[count..];
            Ok(count)
        }
    }

    fn read(coding: Coding, bytes: &[u8], finished: bool) -> io::Result<Vec<u8>> {
        let bytes: &'static [u8] = bytes.to_vec().leak();
        let mut out = Vec::new();
        reader(coding, Trickle { bytes, finished })?.read_to_end(&mut out).map(|_| out)
    }

    fn encoded(coding: Coding, text: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::of(coding);
        let start = encoder.code(Bytes::copy_from_slice(text));
        [start, encoder.finish().into()].concat()
    }

    #[test]
    fn bodies_come_whole_or_not_at_all() {
        let text: Vec<u8> = (0..2000u32).flat_map(|n| n.to_le_bytes()).collect();
        for coding in CODINGS {
            let bytes = encoded(coding, &text);
            assert_eq!(read(coding, &bytes, true).unwrap(), text, "{coding:?}");
            assert!(read(coding, &bytes, false).is_err(), "{coding:?}: the channel broke");
            if coding != Coding::Identity {
                for cut in 1..bytes.len().min(400) {
                    let part = &bytes[..bytes.len() - cut];
                    assert!(read(coding, part, true).is_err(), "{coding:?}: {cut} bytes cut off");
                }
                let more = [&bytes[..], b"garbage"].concat();
                assert!(read(coding, &more, true).is_err(), "{coding:?}: garbage behind it");
            }
        }
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Lz4] {
            let twice = [encoded(coding, b"one"), encoded(coding, b"two")].concat();
            assert_eq!(read(coding, &twice, true).unwrap(), b"onetwo", "{coding:?}");
        }
    }

    #[test]
    fn a_bomb_is_read_in_pieces_and_large_windows_are_refused() {
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd, Coding::Lz4] {
            let mut encoder = Encoder::of(coding);
            let mut bytes = Vec::new();
            for _ in 0..16 {
                bytes.extend(encoder.code(vec![b'x'; 1 << 20].into()));
            }
            bytes.extend(encoder.finish());
            assert!(bytes.len() < 150 << 10, "{coding:?}: {}", bytes.len());
            let mut piece = vec![0; 64 << 10];
            let mut reader = reader(coding, io::Cursor::new(bytes)).unwrap();
            let mut total = 0;
            while let count @ 1.. = reader.read(&mut piece).unwrap() {
                total += count;
            }
            assert_eq!(total, 16 << 20, "{coding:?}");
        }
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(24).unwrap();
        io::Write::write_all(&mut encoder, &vec![b'x'; 1 << 25]).unwrap();
        assert!(read(Coding::Zstd, &encoder.finish().unwrap(), true).is_err());
        // A Brotli stream that says "large window": 0x11 in front.
        assert!(read(Coding::Brotli, &[0x11, 0x1e, 0x03, 0x00], true).is_err());
    }
}
