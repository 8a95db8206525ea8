//! pgoutput's messages, protocol version 1
//! (<https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>).

use super::{Relation, RelationColumn};
use crate::decode::{Cursor, Field, Malformed, Old};
use model::{Lsn, TableId};

/// 1970-01-01 to 2000-01-01, from which Postgres counts.
const EPOCH_US: i64 = 946_684_800_000_000;

/// One message; tuples are read where they lie.
pub(super) enum Message<'a> {
    /// `commit`: where the commit record lies; `commit_us`: µs since 1970.
    Begin {
        commit: Lsn,
        commit_us: i64,
        xid: u32,
    },
    /// `end`: the first position after the transaction.
    Commit {
        end: Lsn,
    },
    Relation(Relation),
    Insert {
        relation: TableId,
        tuple: Cursor<'a>,
    },
    Update {
        relation: TableId,
        old: Option<Old<'a>>,
        tuple: Cursor<'a>,
    },
    Delete {
        relation: TableId,
        old: Old<'a>,
    },
    Truncate {
        relations: Vec<TableId>,
    },
    Logical {
        prefix: String,
        content: &'a [u8],
        lsn: Lsn,
        is_transactional: bool,
    },
    /// Types and origins, which we have from the catalog or do not need.
    Other,
}

impl<'a> Message<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Message<'a>, Malformed> {
        let mut cursor = Cursor::new(body);
        Ok(match cursor.u8()? {
            b'I' => {
                let relation = TableId(cursor.u32()?);
                expect(&mut cursor, b'N')?;
                Message::Insert { relation, tuple: cursor }
            }
            b'U' => {
                let relation = TableId(cursor.u32()?);
                let old = match cursor.u8()? {
                    b'N' => None,
                    kind => {
                        let old = Old::read(kind, &mut cursor)?;
                        expect(&mut cursor, b'N')?;
                        Some(old)
                    }
                };
                Message::Update { relation, old, tuple: cursor }
            }
            b'D' => {
                let relation = TableId(cursor.u32()?);
                let kind = cursor.u8()?;
                Message::Delete { relation, old: Old::read(kind, &mut cursor)? }
            }
            b'B' => Message::Begin {
                commit: Lsn(cursor.u64()?),
                commit_us: cursor.i64()?.saturating_add(EPOCH_US),
                xid: cursor.u32()?,
            },
            b'C' => {
                let (_flags, _commit) = (cursor.u8()?, cursor.u64()?);
                Message::Commit { end: Lsn(cursor.u64()?) }
            }
            b'R' => Message::Relation(relation(&mut cursor)?),
            b'T' => {
                let (count, _options) = (cursor.u32()?, cursor.u8()?);
                let ids = (0..count).map(|_| cursor.u32().map(TableId));
                Message::Truncate { relations: ids.collect::<Result<_, _>>()? }
            }
            b'M' => {
                let is_transactional = cursor.u8()? & 1 == 1;
                let (lsn, prefix) = (Lsn(cursor.u64()?), cursor.text()?);
                let length = cursor.u32()? as usize;
                Message::Logical { prefix, content: cursor.bytes(length)?, lsn, is_transactional }
            }
            b'Y' | b'O' => Message::Other,
            _ => return Err(Malformed("pgoutput sent an unknown message")),
        })
    }
}

impl<'a> Old<'a> {
    fn read(kind: u8, cursor: &mut Cursor<'a>) -> Result<Old<'a>, Malformed> {
        let is_whole = match kind {
            b'O' => true,
            b'K' => false,
            _ => return Err(Malformed("an old row is neither a key nor whole")),
        };
        Ok(Old { is_whole, fields: Field::tuple(cursor)? })
    }
}

fn expect(cursor: &mut Cursor<'_>, tag: u8) -> Result<(), Malformed> {
    match cursor.u8()? == tag {
        true => Ok(()),
        false => Err(Malformed("a new row is missing")),
    }
}

fn relation(cursor: &mut Cursor<'_>) -> Result<Relation, Malformed> {
    let id = TableId(cursor.u32()?);
    let (schema, table) = (cursor.text()?, cursor.text()?);
    let replica_identity = cursor.u8()?;
    let count = cursor.u16()?;
    let column = |_| {
        let flags = cursor.u8()?;
        let name = cursor.text()?;
        let (type_oid, typmod) = (cursor.u32()?, cursor.i32()?);
        Ok(RelationColumn { name, in_identity: flags & 1 == 1, type_oid, typmod })
    };
    let columns = (0..count).map(column).collect::<Result<_, Malformed>>()?;
    // pg_catalog's schema is sent as an empty text.
    let schema = if schema.is_empty() { "pg_catalog".to_owned() } else { schema };
    Ok(Relation { id, schema, table, replica_identity, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(tag in "[IUDBCRTMYO]", bytes: Vec<u8>) {
            let _ = Message::read(&bytes);
            let _ = Message::read(&[tag.as_bytes(), &bytes].concat());
        }
    }

    #[test]
    fn begin_and_commit_carry_positions_and_time() {
        let begin = [&b"B"[..], &7u64.to_be_bytes(), &1i64.to_be_bytes(), &9u32.to_be_bytes()];
        match Message::read(&begin.concat()) {
            Ok(Message::Begin { commit, commit_us, xid }) => {
                assert_eq!((commit, commit_us, xid), (Lsn(7), EPOCH_US + 1, 9));
            }
            _ => panic!("not a Begin"),
        }
        let commit = [&b"C\0"[..], &7u64.to_be_bytes(), &8u64.to_be_bytes(), &1i64.to_be_bytes()];
        assert!(matches!(Message::read(&commit.concat()), Ok(Message::Commit { end: Lsn(8) })));
    }
}
