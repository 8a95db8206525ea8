//! `COPY … TO STDOUT (FORMAT binary)`: a header, tuples of length-prefixed values, a trailer.

use super::row::{Field, reject};
use super::{Cursor, Malformed, Refusal, binary};
use model::{Block, Op, Result, Table, Version};
use std::sync::Arc;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Decodes the pieces of one COPY, wherever they are cut.
pub struct CopyDecoder {
    version: Version,
    block: Block,
    /// The begin of a tuple whose end has not come yet.
    partial: Vec<u8>,
    in_header: bool,
    ended: bool,
}

impl CopyDecoder {
    pub fn new(table: Arc<Table>, version: Version) -> CopyDecoder {
        let block = Block::new(table);
        CopyDecoder { version, block, partial: Vec::new(), in_header: true, ended: false }
    }

    /// After an error the rest of the COPY cannot be read; the rows before it can be taken.
    pub fn push(&mut self, piece: &[u8]) -> Result<()> {
        if self.partial.is_empty() {
            let used = self.whole_tuples(piece)?;
            self.partial.extend_from_slice(&piece[used..]);
            return Ok(());
        }
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(piece);
        let used = self.whole_tuples(&bytes)?;
        bytes.drain(..used);
        self.partial = bytes;
        Ok(())
    }

    /// Rows that [`CopyDecoder::take`] would give, rejected ones included.
    pub fn rows(&self) -> usize {
        self.block.rows() + self.block.rejects.len()
    }

    pub fn take(&mut self) -> Block {
        let next = Block::new(self.block.table.clone());
        std::mem::replace(&mut self.block, next)
    }

    fn whole_tuples(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut cursor = Cursor::new(bytes);
        while !cursor.rest().is_empty() && !self.ended {
            let before = cursor;
            let whole = if self.in_header { header(&mut cursor)? } else { is_whole(cursor)? };
            if !whole {
                cursor = before;
                break;
            }
            if self.in_header {
                self.in_header = false;
            } else {
                self.tuple(&mut cursor)?;
            }
        }
        if self.ended && !cursor.rest().is_empty() {
            return Err(Malformed("a COPY goes on after its end"));
        }
        Ok(bytes.len() - cursor.rest().len())
    }

    fn tuple(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let start = *cursor;
        let count = cursor.u16()?;
        if count == u16::MAX {
            self.ended = true;
            return Ok(());
        }
        let Block { table, columns, .. } = &mut self.block;
        if usize::from(count) != table.columns.len() {
            return Err(Malformed("a tuple has not the columns of its table"));
        }
        let mut altered = 0;
        for (at, (column, cells)) in table.columns.iter().zip(columns).enumerate() {
            let pushed = match value(cursor)? {
                None => {
                    cells.push_null();
                    Ok(u64::from(!cells.kind().may_be_nullable()))
                }
                Some(value) => binary::push(&column.pg, value, cells),
            };
            match pushed {
                Ok(more) => altered += more,
                Err(refusal) => {
                    *cursor = start;
                    return self.reject(cursor, at, refusal);
                }
            }
        }
        self.block.clamped += altered;
        self.block.end_row(Op::Insert, self.version);
        Ok(())
    }

    #[cold]
    fn reject(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: usize,
        refusal: Refusal,
    ) -> Result<(), Malformed> {
        let mut fields = Vec::new();
        for _ in 0..cursor.u16()? {
            fields.push(value(cursor)?.map_or(Field::Null, Field::Binary));
        }
        self.block.abandon_row();
        let table = &self.block.table;
        let rejected = reject(table, &fields, column, refusal.0, Op::Insert, self.version);
        self.block.rejects.push(rejected);
        Ok(())
    }
}

fn value<'a>(cursor: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match cursor.i32()? {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| Malformed("a negative length"))?;
            cursor.bytes(length).map(Some)
        }
    }
}

/// Signature, flags, and an extension of a given length.
fn header(cursor: &mut Cursor<'_>) -> Result<bool, Malformed> {
    let known = cursor.rest().len().min(SIGNATURE.len());
    if cursor.rest()[..known] != SIGNATURE[..known] {
        return Err(Malformed("a COPY does not begin like one"));
    }
    if cursor.rest().len() < SIGNATURE.len() + 8 {
        return Ok(false);
    }
    cursor.bytes(SIGNATURE.len() + 4)?;
    let extension = cursor.u32()? as usize;
    Ok(cursor.bytes(extension).is_ok())
}

/// Whether all of a tuple has come.
fn is_whole(mut cursor: Cursor<'_>) -> Result<bool, Malformed> {
    let Ok(count) = cursor.u16() else { return Ok(false) };
    if count == u16::MAX {
        return Ok(true);
    }
    for _ in 0..count {
        let Ok(length) = cursor.i32() else { return Ok(false) };
        if length < -1 {
            return Err(Malformed("a negative length"));
        }
        if length > 0 && cursor.bytes(length as usize).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}
