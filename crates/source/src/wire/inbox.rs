//! Bytes from the server as whole messages: a tag, a length that counts itself, a body.
//!
//! One buffer is read into and parsed in place. What is left of a message that has not come whole
//! moves to the front before the next read.

use crate::decode::Malformed;
use std::io::{self, Read};
use std::ops::Range;

/// What one read asks for.
const READ_BYTES: usize = 1 << 20;
/// A row is one message, and Postgres's values end at 1 GB.
const MESSAGE_BYTES_MAX: usize = (1 << 30) + (1 << 20);
/// A buffer that grew for one large message is given back.
const KEEP_BYTES: usize = 8 << 20;

/// A message's tag and where its body lies in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) tag: u8,
    body: Range<usize>,
}

#[derive(Default)]
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Reads once. 0: the server closed the connection.
    pub(crate) fn fill(&mut self, from: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        let count = from.read(&mut self.buffer[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// The next whole message, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, Malformed> {
        let Some((header, rest)) = self.waiting().split_first_chunk::<5>() else { return Ok(None) };
        let length = body_length(header)?;
        if rest.len() < length {
            return Ok(None);
        }
        let body = self.start + 5..self.start + 5 + length;
        self.start = body.end;
        Ok(Some(Frame { tag: header_tag(&self.buffer, &body), body }))
    }

    /// Valid until the next [`Inbox::fill`].
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.body.clone()]
    }

    /// As new, but for its room.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn forget(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn make_room(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let message = match self.waiting().first_chunk::<5>() {
            Some(header) => 5 + body_length(header).unwrap_or(0),
            None => 0,
        };
        // A message that announces a gigabyte is believed as its bytes arrive, not before.
        let wanted = message.min(self.end * 2).max(self.end + READ_BYTES);
        if self.buffer.len() < wanted || (self.end == 0 && self.buffer.len() > KEEP_BYTES) {
            self.buffer.resize(wanted, 0);
            self.buffer.shrink_to(wanted);
        }
    }
}

fn header_tag(buffer: &[u8], body: &Range<usize>) -> u8 {
    buffer[body.start - 5]
}

fn body_length(header: &[u8; 5]) -> Result<usize, Malformed> {
    let [_, length @ ..] = header;
    let length = u32::from_be_bytes(*length) as usize;
    match length.checked_sub(4) {
        Some(body) if body <= MESSAGE_BYTES_MAX => Ok(body),
        _ => Err(Malformed("its length is impossible")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    /// Gives its bytes in pieces of the given sizes, over and over.
    struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::slice::Iter<'a, usize>>);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = (*self.1.next().unwrap()).min(self.0.len()).min(buffer.len());
            buffer[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    proptest::proptest! {
        #[test]
        fn messages_come_whole_however_they_are_cut(
            bodies in proptest::collection::vec(proptest::collection::vec(0u8.., 0..300), 0..20),
            cuts in proptest::collection::vec(1usize..700, 1..9),
        ) {
            let sent: Vec<u8> = bodies.iter().flat_map(|body| message(b'd', body)).collect();
            let mut from = Pieces(&sent, cuts.iter().cycle());
            let (mut inbox, mut got) = (Inbox::default(), Vec::new());
            while inbox.fill(&mut from).unwrap() > 0 {
                while let Some(frame) = inbox.next().unwrap() {
                    got.push(inbox.body(&frame).to_vec());
                }
            }
            proptest::prop_assert_eq!(got, bodies);
        }

        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            let mut inbox = Inbox::default();
            inbox.fill(&mut &bytes[..]).unwrap();
            while let Ok(Some(frame)) = inbox.next() {
                let _ = inbox.body(&frame);
            }
        }
    }

    #[test]
    fn a_large_message_grows_the_buffer_and_gives_it_back() {
        let body = vec![7; KEEP_BYTES * 2];
        let sent = message(b'd', &body);
        let (mut from, mut inbox) = (&sent[..], Inbox::default());
        let frame = loop {
            inbox.fill(&mut from).unwrap();
            if let Some(frame) = inbox.next().unwrap() {
                break frame;
            }
        };
        assert_eq!(inbox.body(&frame), body);
        inbox.fill(&mut &message(b'd', b"x")[..]).unwrap();
        assert!(inbox.buffer.len() < KEEP_BYTES);
    }

    #[test]
    fn an_impossible_length_is_an_error() {
        let mut inbox = Inbox::default();
        inbox.fill(&mut &[b'd', 0, 0, 0, 3, 0][..]).unwrap();
        assert!(inbox.next().is_err());
    }
}
