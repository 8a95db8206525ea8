//! What lies in a segment: what Postgres sent, as it was sent, in records that tell whether they are whole.
//!
//! ```text
//! magic  version │ record: head │ record: messages │ record: messages …
//! messages  length │ CopyData's content, over and over
//! ```

use super::record::{LZ4_GROWS_MOST, LZ4_MORE_MOST, RECORD_HEAD_BYTES, put_record};
use crate::decode::{Cursor, Malformed};
use bytes::BufMut;
use model::Lsn;

/// Another number where a segment of before cannot be read.
pub(super) const VERSION: u8 = 2;
pub(super) const MAGIC: &[u8; 7] = b"mrspool";
/// Of [`MAGIC`] and the version.
pub(super) const PREFIX_BYTES: u64 = 8;
/// Of CopyData with a change: tag, two positions, a time.
pub(crate) const CHANGE_HEAD_BYTES: usize = 1 + 3 * 8;

/// How a segment begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) number: u64,
    /// Whole transactions up to here are in the segments before, or in the store.
    pub(super) from: Lsn,
    /// It begins within the one that commits there.
    pub(super) within: Option<Lsn>,
    /// In microseconds since 1970.
    pub(super) begun_us: i64,
    /// What the server said of relations before, and does not say again: their latest messages.
    pub(super) relations: Vec<Vec<u8>>,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        plain.put_u64(self.number);
        plain.put_u64(self.from.0);
        plain.put_u64(self.within.unwrap_or(Lsn::ZERO).0);
        plain.put_i64(self.begun_us);
        for relation in &self.relations {
            put_message(relation, &mut plain);
        }
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        put_record(&plain, &mut bytes);
        bytes
    }

    pub(super) fn decode(plain: &[u8]) -> Result<Head, Malformed> {
        let mut cursor = Cursor::new(plain);
        let (number, from) = (cursor.u64()?, Lsn(cursor.u64()?));
        let within = Some(Lsn(cursor.u64()?)).filter(|commit| *commit > Lsn::ZERO);
        let begun_us = cursor.i64()?;
        let mut relations = Vec::new();
        let mut rest = Messages::new(cursor.rest());
        while let Some(relation) = rest.next()? {
            relations.push(relation.to_vec());
        }
        Ok(Head { number, from, within, begun_us, relations })
    }
}

/// Of a head and two records with so many bytes together that do not pack.
pub(super) fn packed_bytes_most(plain: u64) -> u64 {
    let head = PREFIX_BYTES + 4 * 8;
    let each = RECORD_HEAD_BYTES as u64 + LZ4_MORE_MOST;
    head + 3 * each + plain + plain / LZ4_GROWS_MOST as u64
}

pub(super) fn put_message(message: &[u8], out: &mut Vec<u8>) {
    out.put_u32(message.len() as u32);
    out.extend_from_slice(message);
}

/// The messages of a record.
pub(super) struct Messages<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Messages<'a> {
    pub(super) fn new(plain: &'a [u8]) -> Messages<'a> {
        Messages { cursor: Cursor::new(plain) }
    }

    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        if self.cursor.rest().is_empty() {
            return Ok(None);
        }
        let length = self.cursor.u32()? as usize;
        self.cursor.bytes(length).map(Some)
    }
}

/// What a message means to whoever keeps it.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// A transaction that commits there.
    Begins(Lsn),
    /// A transaction is whole; the position behind it.
    Ends(Lsn),
    /// The server has sent everything before, outside of a transaction.
    Stands(Lsn),
    Relation(u32),
    /// A row of that relation.
    Row(u32),
    Other,
}

impl Said {
    pub(crate) fn of(message: &[u8]) -> Result<Said, Malformed> {
        let mut cursor = Cursor::new(message);
        match cursor.u8()? {
            b'k' => return Ok(Said::Stands(Lsn(cursor.u64()?))),
            b'w' => {}
            _ => return Ok(Said::Other),
        }
        cursor.bytes(CHANGE_HEAD_BYTES - 1)?;
        Ok(match cursor.u8()? {
            b'B' => Said::Begins(Lsn(cursor.u64()?)),
            b'C' => {
                let (_flags, _commit) = (cursor.u8()?, cursor.u64()?);
                Said::Ends(Lsn(cursor.u64()?))
            }
            b'R' => Said::Relation(cursor.u32()?),
            b'I' | b'U' | b'D' => Said::Row(cursor.u32()?),
            _ => Said::Other,
        })
    }
}

/// A whole segment of any bytes: an error, or it is what [`put_record`] wrote.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn any_segment(bytes: &[u8]) {
    use super::record::{Record, read_record};
    let (mut left, mut plains) = (bytes, Vec::new());
    while let Ok(Record::Whole(plain, length)) = read_record(&mut { left }, left.len() as u64) {
        left = &left[length as usize..];
        plains.push(plain);
    }
    for plain in &plains {
        any_record(plain);
    }
    // As if their sum were right.
    any_record(bytes);
}

#[cfg(any(test, feature = "fuzzing"))]
fn any_record(plain: &[u8]) {
    use super::record::{Record, read_record};
    if let Ok(head) = Head::decode(plain) {
        let mut again = &head.encode()[PREFIX_BYTES as usize..];
        let length = again.len() as u64;
        let Ok(Record::Whole(plain, _)) = read_record(&mut again, length) else {
            panic!("a head does not read back");
        };
        assert_eq!(Head::decode(&plain).ok(), Some(head));
    }
    let mut messages = Messages::new(plain);
    while let Ok(Some(message)) = messages.next() {
        let _ = Said::of(message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Record, read_record};
    use super::*;
    use proptest::collection::vec;

    proptest::proptest! {
        #[test]
        fn messages_read_back(records in vec(vec(vec(0u8.., 0..200), 0..9), 0..5), cut in 0usize..3000) {
            let mut bytes = Vec::new();
            for messages in &records {
                let mut plain = Vec::new();
                messages.iter().for_each(|message| put_message(message, &mut plain));
                put_record(&plain, &mut bytes);
            }
            let mut left = &bytes[..];
            for messages in &records {
                let most = left.len() as u64;
                let Record::Whole(plain, _) = read_record(&mut left, most).unwrap() else { panic!() };
                let mut read = Messages::new(&plain);
                for message in messages {
                    proptest::prop_assert_eq!(read.next().unwrap(), Some(&message[..]));
                }
                proptest::prop_assert_eq!(read.next().unwrap(), None);
            }
            proptest::prop_assert_eq!(read_record(&mut left, 0).unwrap(), Record::End);
            // However it is cut, nothing is read that was not written.
            let mut left = &bytes[..cut.min(bytes.len())];
            let mut seen = 0;
            loop {
                let most = left.len() as u64;
                let Record::Whole(..) = read_record(&mut left, most).unwrap() else { break };
                seen += 1;
            }
            proptest::prop_assert!(seen <= records.len());
        }

        #[test]
        fn any_bytes_are_taken(bytes: Vec<u8>) {
            any_segment(&bytes);
        }

        #[test]
        fn heads_read_back(number: u64, from: u64, within in proptest::option::of(1u64..), begun_us: i64, relations in vec(vec(0u8.., 0..50), 0..5)) {
            let head = Head { number, from: Lsn(from), within: within.map(Lsn), begun_us, relations };
            let bytes = head.encode();
            let mut rest = &bytes[PREFIX_BYTES as usize..];
            let most = rest.len() as u64;
            let Record::Whole(plain, _) = read_record(&mut rest, most).unwrap() else { panic!() };
            proptest::prop_assert_eq!(Head::decode(&plain).ok(), Some(head));
        }
    }
}
