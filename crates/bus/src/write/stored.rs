//! A batch as it waits on a disk: with the names that it uses, so that it needs nothing of the process that wrote it.
//! Whether it is what was written is told by what is around it ([`source::spool::put_record`]).
//!
//! ```text
//! position │ lost │ context │ topics │ frames │ subjects │ entries │ arena
//! ```

use super::encoded::{Dress, Encoded, Entry, Frame, KeyHeader, Names, Position, Span, Subject};
use super::table::{AVRO_HEAD, FRAME_END};
use model::Lsn;
use std::sync::Arc;

const HAS_KEY: u8 = 1;
const HAS_VALUE: u8 = 2;
const HAS_OTHER_KEY: u8 = 4;
const OTHER_IS_OLD: u8 = 8;
const HAS_CONTEXT: u8 = 16;
const HAS_FRAME: u8 = 32;
const HAS_SCHEMAS: u8 = 64;

impl Encoded {
    pub fn stored(&self) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(self.arena.len() + self.entries.len() * 64));
        let Position { through, within } = self.position;
        let (commit, change) = within.unwrap_or_default();
        out.0.push(u8::from(within.is_some()));
        [through, commit, change].into_iter().for_each(|lsn| out.u64(lsn.0));
        out.u64(self.lost);
        out.list(&self.context, |out, (name, value)| out.texts([name, value]));
        // Of all tables so far it has names; most batches are of few.
        let mut used = Used::default();
        let entries: Vec<Entry> = self.entries.iter().map(|entry| used.renumbered(entry)).collect();
        let of = &*self.names;
        out.list(&used.topics, |out, &at| out.bytes(of.topics[at as usize].as_bytes()));
        out.list(&used.frames, |out, &at| {
            let Frame { key, value, .. } = &of.frames[at as usize];
            out.bytes(key);
            out.bytes(value);
        });
        out.list(&used.subjects, |out, &at| {
            let Subject { name, schema } = &of.subjects[at as usize];
            out.texts([name, schema]);
        });
        out.list(&entries, |out, entry| out.entry(entry));
        out.0.extend_from_slice(&self.arena);
        out.0
    }

    /// `None`: that is not what [`Encoded::stored`] wrote.
    pub fn restored(bytes: &[u8]) -> Option<Encoded> {
        let mut read = In(bytes);
        let is_within = read.u8()? == 1;
        let (through, within) = (read.lsn()?, (read.lsn()?, read.lsn()?));
        let position = Position { through, within: is_within.then_some(within) };
        let lost = read.u64()?;
        let context = read.list(|read| Some((read.text()?, read.text()?)))?;
        let topics = read.list(In::text)?;
        let frames = read.list(|read| {
            let (key, value) = (read.bytes()?.to_vec(), read.bytes()?.to_vec());
            Some(Frame { key, value, end: FRAME_END })
        })?;
        let subjects =
            read.list(|read| Some(Subject { name: read.text()?, schema: read.text()? }))?;
        let names = Names { topics, frames, subjects };
        let entries = read.list(In::entry)?;
        let arena = read.0.to_vec();
        let is_whole = |entry: &Entry| {
            let other = entry.other_key.map(|(_, span)| span);
            let mut spans = [entry.key, entry.value, other].into_iter().flatten();
            let mut schemas = entry.dress.schemas.into_iter().flatten();
            (entry.topic as usize) < names.topics.len()
                && entry.dress.frame.is_none_or(|at| (at as usize) < names.frames.len())
                && schemas.all(|at| (at as usize) < names.subjects.len())
                && spans.all(|span| span.from <= span.to && span.to <= arena.len())
        };
        entries.iter().all(is_whole).then(|| Encoded {
            arena: Arc::new(arena),
            entries: Arc::new(entries),
            names: Arc::new(names),
            context: Arc::new(context),
            position,
            lost,
        })
    }
}

/// Names by the numbers that they had.
#[derive(Default)]
struct Used {
    topics: Vec<u32>,
    frames: Vec<u32>,
    subjects: Vec<u32>,
}

impl Used {
    fn renumbered(&mut self, entry: &Entry) -> Entry {
        let Dress { head, frame, schemas } = entry.dress;
        Entry {
            topic: number(&mut self.topics, entry.topic),
            dress: Dress {
                head,
                frame: frame.map(|at| number(&mut self.frames, at)),
                schemas: schemas.map(|of| of.map(|at| number(&mut self.subjects, at))),
            },
            ..*entry
        }
    }
}

fn number(all: &mut Vec<u32>, wanted: u32) -> u32 {
    // Mostly it is of the same table as the one before.
    let at = all.iter().rposition(|&one| one == wanted).unwrap_or_else(|| {
        all.push(wanted);
        all.len() - 1
    });
    at as u32
}

struct Out(Vec<u8>);

impl Out {
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn texts(&mut self, texts: [&String; 2]) {
        texts.into_iter().for_each(|text| self.bytes(text.as_bytes()));
    }

    fn list<T>(&mut self, all: &[T], mut put: impl FnMut(&mut Out, &T)) {
        self.u32(all.len() as u32);
        all.iter().for_each(|one| put(self, one));
    }

    fn span(&mut self, span: Span) {
        self.u64(span.from as u64);
        self.u64((span.to - span.from) as u64);
    }

    fn entry(&mut self, entry: &Entry) {
        let Dress { frame, schemas, .. } = entry.dress;
        let is_old = entry.other_key.is_some_and(|(name, _)| name == KeyHeader::Old);
        let flags = [
            (entry.key.is_some(), HAS_KEY),
            (entry.value.is_some(), HAS_VALUE),
            (entry.other_key.is_some(), HAS_OTHER_KEY),
            (is_old, OTHER_IS_OLD),
            (entry.has_context, HAS_CONTEXT),
            (frame.is_some(), HAS_FRAME),
            (schemas.is_some(), HAS_SCHEMAS),
        ];
        self.0.push(flags.into_iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag));
        self.u32(entry.topic);
        let (commit, change) = entry.at;
        self.u64(commit.0);
        self.u64(change.0);
        let other = entry.other_key.map(|(_, span)| span);
        [entry.key, entry.value, other].into_iter().flatten().for_each(|span| self.span(span));
        frame.into_iter().chain(schemas.into_iter().flatten()).for_each(|at| self.u32(at));
    }
}

/// Of what the disk had to say: nothing in here may panic.
struct In<'a>(&'a [u8]);

impl<'a> In<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn lsn(&mut self) -> Option<Lsn> {
        self.u64().map(Lsn)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u64()?).ok()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut In<'a>) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()?;
        let mut all = Vec::new();
        for _ in 0..count {
            all.push(one(self)?);
        }
        Some(all)
    }

    fn span(&mut self) -> Option<Span> {
        let (from, length) = (self.u64()?, self.u64()?);
        let to = from.checked_add(length)?;
        Some(Span { from: usize::try_from(from).ok()?, to: usize::try_from(to).ok()? })
    }

    fn entry(&mut self) -> Option<Entry> {
        let flags = self.u8()?;
        let has = |flag: u8| flags & flag != 0;
        let (topic, at) = (self.u32()?, (self.lsn()?, self.lsn()?));
        let mut span = |flag| if has(flag) { self.span().map(Some) } else { Some(None) };
        let (key, value, other) = (span(HAS_KEY)?, span(HAS_VALUE)?, span(HAS_OTHER_KEY)?);
        let name = if has(OTHER_IS_OLD) { KeyHeader::Old } else { KeyHeader::New };
        let frame = if has(HAS_FRAME) { Some(self.u32()?) } else { None };
        let schemas = if has(HAS_SCHEMAS) { Some([self.u32()?, self.u32()?]) } else { None };
        let head: &[u8] = if schemas.is_some() { AVRO_HEAD } else { &[] };
        Some(Entry {
            topic,
            key,
            value,
            other_key: other.map(|span| (name, span)),
            has_context: has(HAS_CONTEXT),
            dress: Dress { head, frame, schemas },
            at,
        })
    }
}

#[cfg(test)]
mod tests;
