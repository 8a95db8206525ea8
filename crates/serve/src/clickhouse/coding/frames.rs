//! ClickHouse's own coding, `compress=1` and `decompress=1`: frames with a hash, one behind the other.
//! Columns of a MergeTree lie on disk in the same form, so that the engine's files test this.
//!
//! ```text
//! 16 bytes  CityHash128 (v1.0.2) of all that follows, low half first
//!  1        method: 0x82 LZ4, 0x90 ZSTD, 0x02 none
//!  4        bytes from the method on
//!  4        bytes of the data
//!  …        the data, compressed
//! ```
//!
//! The hash is verified before anything is decompressed. Sizes come from outside: what arrives is
//! kept as it arrives, never what was announced; an LZ4 frame that promises more than LZ4 can hold is
//! refused unread; ZSTD is decoded in pieces; large frames share a most ([`large`]).

use super::large::{self, Room, Taken};
use crate::clickhouse::error::Failure;
use std::io::{self, Read};

/// In one frame of an answer.
const FRAME_BYTES: usize = 256 << 10;
/// clickhouse-go reads no larger ones either; the engine's own limit, a gigabyte, is for its files.
const FRAME_BYTES_MAX: usize = 128 << 20;
const HASH_BYTES: usize = 16;
/// The method and both sizes, which the hash covers.
const HEAD_BYTES: usize = 9;
/// A byte of LZ4 stands for so many at most.
const LZ4_RATIO_MAX: usize = 255;
const ZSTD_LEVEL: i32 = 1;
/// As for bodies in HTTP's own coding.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Method {
    Lz4,
    Zstd,
    None,
}

impl Method {
    /// `network_compression_method`, which says what an answer is compressed with.
    pub(in super::super) fn parse(name: &str) -> Result<Method, Failure> {
        match name.to_ascii_lowercase().as_str() {
            "" | "lz4" | "lz4hc" => Ok(Method::Lz4),
            "zstd" => Ok(Method::Zstd),
            "none" => Ok(Method::None),
            _ => Err(unknown(format!(
                "Unknown codec family: {name}: network_compression_method may be lz4, zstd or none"
            ))),
        }
    }

    fn byte(self) -> u8 {
        match self {
            Method::Lz4 => 0x82,
            Method::Zstd => 0x90,
            Method::None => 0x02,
        }
    }

    fn of_byte(byte: u8) -> Result<Method, Failure> {
        match byte {
            0x82 => Ok(Method::Lz4),
            0x90 => Ok(Method::Zstd),
            0x02 => Ok(Method::None),
            _ => Err(unknown(format!(
                "Unknown codec family code: {byte}: the body of a request with decompress=1 is not \
                 in ClickHouse's frames of LZ4, ZSTD or none"
            ))),
        }
    }
}

fn unknown(text: String) -> Failure {
    Failure::new(432, "UNKNOWN_CODEC", text).caused_by_client()
}

fn broken(text: &str) -> Failure {
    Failure::new(271, "CANNOT_DECOMPRESS", text).caused_by_client()
}

/// Makes frames of whatever it is given.
pub(in super::super) struct Writer {
    method: Method,
    pending: Vec<u8>,
    out: Vec<u8>,
}

impl Writer {
    pub(super) fn new(method: Method) -> Writer {
        Writer { method, pending: Vec::new(), out: Vec::new() }
    }

    pub(super) fn method(&self) -> Method {
        self.method
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.pending.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == FRAME_BYTES {
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        push(&mut self.out, self.method, &self.pending);
        self.pending.clear();
    }

    /// What is ready.
    pub(super) fn get_mut(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.pending.is_empty() {
            self.frame();
        }
        self.out
    }
}

/// A short text as frames.
pub(in super::super) fn whole(method: Method, text: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new(method);
    writer.write(text);
    writer.finish()
}

/// Puts one frame behind what is there.
fn push(out: &mut Vec<u8>, method: Method, data: &[u8]) {
    let start = out.len();
    let head = start + HASH_BYTES;
    let body = head + HEAD_BYTES;
    out.resize(body, 0);
    let used = match method {
        Method::Lz4 => {
            out.resize(body + lz4_flex::block::get_maximum_output_size(data.len()), 0);
            let size = lz4_flex::block::compress_into(data, &mut out[body..]);
            size.map(|size| out.truncate(body + size)).is_ok().then_some(method)
        }
        Method::Zstd => {
            let packed = zstd::bulk::compress(data, ZSTD_LEVEL);
            packed.map(|packed| out.extend_from_slice(&packed)).is_ok().then_some(method)
        }
        Method::None => None,
    };
    // Also where the compressor had no memory: clients take any method.
    let method = used.unwrap_or(Method::None);
    if method == Method::None {
        out.truncate(body);
        out.extend_from_slice(data);
    }
    let size = (out.len() - head) as u32;
    out[head] = method.byte();
    out[head + 1..head + 5].copy_from_slice(&size.to_le_bytes());
    out[head + 5..body].copy_from_slice(&(data.len() as u32).to_le_bytes());
    let hash = hash(&out[head..]);
    out[start..head].copy_from_slice(&hash);
}

/// The crate gives the low half in the upper bits.
fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Reads frames as the data in them.
pub(in super::super) struct Reader<R> {
    from: R,
    data: Data,
    taken: Taken,
}

enum Data {
    Whole(io::Cursor<Vec<u8>>),
    Zstd { decoder: Box<Unzstd>, left: usize },
}

type Unzstd = zstd::stream::read::Decoder<'static, io::BufReader<io::Cursor<Vec<u8>>>>;

impl<R: Read> Reader<R> {
    pub(in super::super) fn new(from: R) -> Reader<R> {
        Reader::within(from, &large::ROOM)
    }

    fn within(from: R, room: &'static Room) -> Reader<R> {
        Reader { from, data: Data::Whole(io::Cursor::default()), taken: Taken::of(room) }
    }

    /// `false`: there is none.
    fn next(&mut self) -> io::Result<bool> {
        let mut start = Vec::with_capacity(HASH_BYTES + HEAD_BYTES);
        if fill(&mut self.from, &mut start, HASH_BYTES + HEAD_BYTES)? == 0 {
            return Ok(false);
        }
        let Some((expected, head)) = start.split_at_checked(HASH_BYTES) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let (Some(size), Some(length), Some(method)) = (word(head, 1), word(head, 5), head.first())
        else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let method = Method::of_byte(*method)?;
        check_sizes(method, size, length)?;
        // What the one before had is free.
        self.data = Data::Whole(io::Cursor::default());
        self.taken.clear();
        let mut frame = head.to_vec();
        while frame.len() < size {
            let count = (size - frame.len()).min(large::FREE_BYTES);
            self.taken.add(count)?;
            if fill(&mut self.from, &mut frame, count)? < count {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let found = hash(&frame);
        if found != expected {
            return Err(mismatch(expected, &found, size).into());
        }
        if method == Method::Lz4 {
            self.taken.add(length)?;
        }
        self.data = unpack(method, frame, length)?;
        Ok(true)
    }
}

/// Reads `count` bytes behind those that are there, or as many as come.
fn fill(from: &mut impl Read, into: &mut Vec<u8>, count: usize) -> io::Result<usize> {
    from.take(count as u64).read_to_end(into)
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

fn check_sizes(method: Method, size: usize, length: usize) -> Result<(), Failure> {
    if size.max(length) > FRAME_BYTES_MAX {
        let text = format!(
            "Too large size of a compressed block: {size} bytes for {length}; the most is \
             {FRAME_BYTES_MAX}: send smaller blocks"
        );
        return Err(Failure::new(271, "CANNOT_DECOMPRESS", text).caused_by_client());
    }
    let body = size.checked_sub(HEAD_BYTES);
    let body = body.ok_or_else(|| broken("Cannot decompress: a block smaller than its head"))?;
    let fits = match method {
        Method::None => length == body,
        Method::Lz4 => length <= body.saturating_mul(LZ4_RATIO_MAX),
        Method::Zstd => true,
    };
    if !fits {
        return Err(broken("Cannot decompress: a block that cannot hold the size that it names"));
    }
    Ok(())
}

/// The frame without its hash, which was right.
fn unpack(method: Method, mut frame: Vec<u8>, length: usize) -> io::Result<Data> {
    match method {
        Method::None => {
            let mut data = io::Cursor::new(frame);
            data.set_position(HEAD_BYTES as u64);
            Ok(Data::Whole(data))
        }
        Method::Lz4 => {
            let mut data = vec![0; length];
            let found = lz4_flex::block::decompress_into(&frame[HEAD_BYTES..], &mut data);
            if found.ok() != Some(length) {
                return Err(broken("Cannot decompress LZ4-encoded data").into());
            }
            Ok(Data::Whole(io::Cursor::new(data)))
        }
        Method::Zstd => {
            frame.drain(..HEAD_BYTES);
            let mut decoder = zstd::stream::read::Decoder::new(io::Cursor::new(frame))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Ok(Data::Zstd { decoder: Box::new(decoder), left: length })
        }
    }
}

impl Data {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (decoder, left) = match self {
            Data::Whole(data) => return data.read(into),
            Data::Zstd { decoder, left } => (decoder, left),
        };
        let failed = || broken("Cannot decompress ZSTD-encoded data");
        let count = decoder.read(into).map_err(|_| failed())?;
        if count > *left || count == 0 && *left > 0 {
            return Err(failed().into());
        }
        *left -= count;
        Ok(count)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let count = self.data.read(into)?;
            if count > 0 || !self.next()? {
                return Ok(count);
            }
        }
    }
}

fn mismatch(expected: &[u8], found: &[u8], size: usize) -> Failure {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = format!(
        "Checksum doesn't match: corrupted data. Reference: {}. Actual: {}. \
         Size of compressed block: {size}",
        hex(expected),
        hex(found),
    );
    Failure::new(40, "CHECKSUM_DOESNT_MATCH", text).caused_by_client()
}

#[cfg(test)]
#[path = "frames_tests.rs"]
mod tests;
