//! Messages in one piece of memory, ready to be sent.

use model::Lsn;
use std::sync::Arc;

/// How far messages go: what is at or before it was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// Transactions that commit before.
    pub through: Lsn,
    /// Of the transaction that commits there, the changes up to the second.
    pub within: Option<(Lsn, Lsn)>,
}

impl Position {
    /// What one or the other has sent. A part of a transaction is not forgotten before the whole is sent.
    pub fn join(self, other: Position) -> Position {
        let through = self.through.max(other.through);
        let is_open = |&(commit, _): &(Lsn, Lsn)| commit >= through;
        let within = [self.within, other.within].into_iter().flatten().filter(is_open).max();
        Position { through, within }
    }

    /// Whether that change was sent, of the transaction that commits there.
    pub(super) fn covers(self, (commit, change): (Lsn, Lsn)) -> bool {
        let is_within = |(of, through)| of == commit && change <= through;
        commit < self.through || self.within.is_some_and(is_within)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub from: usize,
    pub to: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Into the topics.
    pub topic: u32,
    pub key: Option<Span>,
    pub value: Option<Span>,
    /// The other key of a key that changed.
    pub other_key: Option<(KeyHeader, Span)>,
    pub has_context: bool,
    pub dress: Dress,
    /// Where its transaction commits, and the change in it.
    pub at: (Lsn, Lsn),
}

/// What goes around a topic's keys and values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dress {
    /// Stands before each, in the arena.
    pub head: &'static [u8],
    /// Into the frames.
    pub frame: Option<u32>,
    /// Whose ids are in the heads of key and value.
    pub schemas: Option<[u32; 2]>,
}

/// JSON's schemas: they are longer than what they speak of, and always the same, so that each
/// message gets its own when it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub end: &'static [u8],
}

impl Frame {
    fn size_bytes(&self) -> usize {
        self.key.len() + self.value.len() + 2 * self.end.len()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyHeader {
    /// Of a delete whose row has another key from now on.
    New,
    Old,
}

impl KeyHeader {
    pub fn name(self) -> &'static str {
        match self {
            KeyHeader::New => "__debezium.newkey",
            KeyHeader::Old => "__debezium.oldkey",
        }
    }
}

/// A schema that has an id in the registry once it is known there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Subject {
    pub name: String,
    pub schema: String,
}

/// Topics and schemas of all relations so far; each batch has the same unless one came.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub topics: Vec<String>,
    pub frames: Vec<Frame>,
    pub subjects: Vec<Subject>,
}

impl Names {
    pub(super) fn topic(&mut self, name: &str) -> u32 {
        index(&mut self.topics, |one| one == name, || name.to_owned())
    }

    pub(super) fn frame(&mut self, frame: Frame) -> u32 {
        index(&mut self.frames, |one| *one == frame, || frame.clone())
    }

    pub(super) fn subject(&mut self, subject: Subject) -> u32 {
        index(&mut self.subjects, |one| *one == subject, || subject.clone())
    }
}

fn index<T>(all: &mut Vec<T>, is: impl Fn(&T) -> bool, new: impl Fn() -> T) -> u32 {
    let at = all.iter().position(is).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    });
    at as u32
}

/// Of lengths, times and numbers that a message has beside its key, value and headers.
const AROUND_BYTES: usize = 64;

/// What a batch of the log became. A clone has the same memory.
#[derive(Clone, Debug)]
pub struct Encoded {
    pub(super) arena: Arc<Vec<u8>>,
    pub(super) entries: Arc<Vec<Entry>>,
    pub(super) names: Arc<Names>,
    pub(super) context: Arc<Vec<(String, String)>>,
    pub position: Position,
    /// Values that Debezium has no form for, which are NULL.
    pub lost: u64,
}

/// A key or a value: the same for all of a topic, its own, and the same for all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part<'a> {
    pub open: &'a [u8],
    pub body: &'a [u8],
    pub end: &'a [u8],
}

impl<'a> Part<'a> {
    pub fn size_bytes(&self) -> usize {
        self.open.len() + self.body.len() + self.end.len()
    }

    /// In one piece, which is put together in the buffer if there are more.
    pub fn joined(self, buffer: &'a mut Vec<u8>) -> &'a [u8] {
        if self.open.is_empty() {
            return self.body;
        }
        buffer.clear();
        for part in [self.open, self.body, self.end] {
            buffer.extend_from_slice(part);
        }
        buffer
    }
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    pub topic: &'a str,
    pub key: Option<Part<'a>>,
    pub value: Option<Part<'a>>,
    pub other_key: Option<(KeyHeader, &'a [u8])>,
    pub has_context: bool,
}

impl Encoded {
    /// Where the transactions before were sent whole.
    pub fn through(&self) -> Lsn {
        self.position.through
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn size_bytes(&self) -> usize {
        self.arena.len()
    }

    /// About how many of them have so many bytes, with all that goes around them.
    pub(super) fn messages_in(&self, bytes: usize) -> usize {
        let frame = self.names.frames.iter().map(Frame::size_bytes).max().unwrap_or(0);
        let headers: usize =
            self.context.iter().map(|(name, value)| name.len() + value.len()).sum();
        let own = self.arena.len() / self.entries.len().max(1);
        (bytes / (own + frame + headers + AROUND_BYTES)).max(1)
    }

    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        let bytes = |span: Span| &self.arena[span.from..span.to];
        let names = &*self.names;
        self.entries.iter().map(move |entry| {
            let frame = entry.dress.frame.map(|frame| &names.frames[frame as usize]);
            let (key, value, end) = match frame {
                Some(frame) => (frame.key.as_slice(), frame.value.as_slice(), frame.end),
                None => (&[][..], &[][..], &[][..]),
            };
            Message {
                topic: &names.topics[entry.topic as usize],
                key: entry.key.map(|span| Part { open: key, body: bytes(span), end }),
                value: entry.value.map(|span| Part { open: value, body: bytes(span), end }),
                other_key: entry.other_key.map(|(name, span)| (name, bytes(span))),
                has_context: entry.has_context,
            }
        })
    }

    /// What is at or before the position is not sent; the batch goes as far as before.
    pub fn leave_out(&mut self, known: Position) {
        // They lie in the order of the log: behind a new one are only new ones.
        if self.entries.first().is_some_and(|entry| known.covers(entry.at)) {
            Arc::make_mut(&mut self.entries).retain(|entry| !known.covers(entry.at));
        }
    }

    /// What nobody sends takes no room.
    pub fn shed(&mut self) {
        if self.entries.is_empty() {
            self.arena = Arc::default();
        }
    }

    /// Puts the ids that the registry gave the schemas where they belong.
    pub(super) fn set_ids(&mut self, ids: &[u32]) {
        if !self.entries.iter().any(|entry| entry.dress.schemas.is_some()) {
            return;
        }
        let arena = Arc::make_mut(&mut self.arena);
        for entry in &*self.entries {
            let Some(schemas) = entry.dress.schemas else { continue };
            for (span, schema) in [entry.key, entry.value].into_iter().zip(schemas) {
                let (Some(span), Some(id)) = (span, ids.get(schema as usize)) else { continue };
                if let Some(place) = arena.get_mut(span.from + 1..span.from + 5) {
                    place.copy_from_slice(&id.to_be_bytes());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_transaction_is_not_forgotten_before_the_whole_is_sent() {
        let at = |through, within: Option<(u64, u64)>| Position {
            through: Lsn(through),
            within: within.map(|(commit, change)| (Lsn(commit), Lsn(change))),
        };
        let part = at(100, Some((200, 150)));
        for (other, joined) in [
            (at(120, None), at(120, Some((200, 150)))),
            (at(100, Some((200, 170))), at(100, Some((200, 170)))),
            (at(50, Some((90, 80))), part),
            (at(201, None), at(201, None)),
            (at(0, None), part),
        ] {
            assert_eq!((part.join(other), other.join(part)), (joined, joined), "{other:?}");
        }
    }
}
