//! A client that costs little: one connection, requests and answers as bytes. What it does not look at
//! costs the measured side nothing, on a machine that both share.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const BUFFER_BYTES: usize = 1 << 20;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// Of an answer.
const SHOWN_BYTES: usize = 2000;
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

pub(crate) struct Client {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Client {
        let stream = TcpStream::connect(address).expect("the door listens");
        stream.set_nodelay(true).expect("a TCP stream");
        stream.set_read_timeout(Some(ANSWER_TIMEOUT)).expect("a TCP stream");
        Client { stream, address: address.to_owned(), buffer: vec![0; BUFFER_BYTES] }
    }

    /// Reads a chunked answer to its end; the connection goes on. Its size on the wire, and its first bytes.
    pub(crate) fn ask(&mut self, target: &str, sql: &str) -> (u64, String) {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n{sql}",
            self.address,
            sql.len()
        );
        self.stream.write_all(request.as_bytes()).expect("the door takes the request");
        let (mut bytes, mut first, mut last) = (0, Vec::new(), Vec::new());
        while last != LAST_CHUNK {
            let count = self.stream.read(&mut self.buffer).expect("the door answers");
            assert!(count > 0, "the answer breaks off after {bytes} bytes: {}", text(&first));
            let piece = &self.buffer[..count];
            if first.len() < SHOWN_BYTES {
                first.extend_from_slice(&piece[..count.min(SHOWN_BYTES)]);
                assert!(first.starts_with(b"HTTP/1.1 200"), "{sql}: {}", text(&first));
            }
            bytes += count as u64;
            // The end may come in two pieces.
            last.extend_from_slice(&piece[count.saturating_sub(LAST_CHUNK.len())..]);
            last.drain(..last.len().saturating_sub(LAST_CHUNK.len()));
        }
        (bytes, text(&first))
    }

    /// An answer of the page's API, whose length is said before it.
    pub(crate) fn post(&mut self, target: &str, document: &str) -> String {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{document}",
            self.address,
            document.len()
        );
        self.stream.write_all(request.as_bytes()).expect("the page takes the request");
        let mut answer = Vec::new();
        let mut whole = None;
        while whole.is_none_or(|whole| answer.len() < whole) {
            let count = self.stream.read(&mut self.buffer).expect("the page answers");
            assert!(count > 0, "the answer breaks off: {}", text(&answer));
            answer.extend_from_slice(&self.buffer[..count]);
            whole = whole.or_else(|| whole_length(&answer));
        }
        let answer = text(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{document}: {answer}");
        body.to_owned()
    }
}

/// Of head and body, as soon as the head is there.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = text(&answer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).expect("a length");
    Some(end + 4 + length)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
