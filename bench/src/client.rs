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
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
