//! A socket under TLS that is read in large pieces: rustls asks for a few kilobytes at a time.

use rustls::{ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::TcpStream;

const READ_BYTES: usize = 512 << 10;

pub(super) struct Gathered {
    socket: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether an empty buffer may wait for the socket.
    may_wait: bool,
}

impl Gathered {
    pub(super) fn new(socket: TcpStream) -> Gathered {
        Gathered { socket, buffer: vec![0; READ_BYTES], start: 0, end: 0, may_wait: true }
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }
}

impl Read for Gathered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end {
            if !self.may_wait {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            (self.start, self.end) = (0, self.socket.read(&mut self.buffer)?);
        }
        let count = buffer.len().min(self.end - self.start);
        buffer[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
        self.start += count;
        Ok(count)
    }
}

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Waits for the first record only, then takes all whose bytes are here.
pub(super) fn read(
    stream: &mut StreamOwned<ClientConnection, Gathered>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    stream.sock.may_wait = true;
    let mut taken = stream.read(buffer)?;
    stream.sock.may_wait = false;
    while taken > 0 && taken < buffer.len() {
        match stream.read(&mut buffer[taken..]) {
            // The end or a fault; the next read tells.
            Ok(0) | Err(_) => break,
            Ok(count) => taken += count,
        }
    }
    stream.sock.may_wait = true;
    Ok(taken)
}
