//! `COPY … TO STDOUT (FORMAT binary)`: a header, tuples of length-prefixed values, a trailer.

use super::rule::{self, Altered};
use super::{
    Cursor, Field, Malformed, Pushed, Refusal, binary, check_object, push_no_object, push_null,
    reject, row,
};
use model::{Block, Cells, Op, Result, Table, Version};
use std::sync::Arc;

const LOOK_ROWS: usize = 4096;
const LARGE_BYTES: usize = 64 << 20;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Decodes one COPY, message by message: the server never spreads a tuple over two.
pub struct CopyDecoder {
    version: Version,
    block: Block,
    /// In the block, refused ones included.
    rows: usize,
    in_header: bool,
    ended: bool,
}

impl CopyDecoder {
    pub fn new(table: Arc<Table>, version: Version) -> CopyDecoder {
        let block = Block::new(table);
        CopyDecoder { version, block, rows: 0, in_header: true, ended: false }
    }

    /// After an error the rest of the COPY cannot be read; the rows before it can be taken.
    pub fn push(&mut self, message: &[u8]) -> Result<()> {
        let mut cursor = Cursor::new(message);
        if self.in_header {
            header(&mut cursor)?;
            self.in_header = false;
        }
        while !cursor.rest().is_empty() {
            if self.ended {
                return Err(Malformed("a COPY goes on after its end").into());
            }
            self.tuple(&mut cursor)?;
        }
        Ok(())
    }

    /// Rows that [`CopyDecoder::take`] would give, rejected ones included.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the rows take much memory, seen every few thousand rows: an empty value is small on
    /// the wire and as large as any other in some columns.
    pub fn is_large(&self) -> bool {
        self.rows().is_multiple_of(LOOK_ROWS) && self.block.size_bytes() >= LARGE_BYTES
    }

    pub fn take(&mut self) -> Block {
        self.exchange(Block::new(self.block.table.clone()))
    }

    /// The same; the next rows go into `next`, an empty block of the table.
    pub fn exchange(&mut self, next: Block) -> Block {
        self.rows = 0;
        std::mem::replace(&mut self.block, next)
    }

    fn tuple(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let start = *cursor;
        let count = cursor.u16()?;
        if count == u16::MAX {
            self.ended = true;
            return Ok(());
        }
        self.rows += 1;
        let rows = self.block.rows();
        let Block { table, columns, .. } = &mut self.block;
        if usize::from(count) != table.columns.len() {
            return Err(Malformed("a tuple has not the columns of its table"));
        }
        let mut altered = Altered::default();
        for (at, cells) in columns.iter_mut().enumerate() {
            let value = match cursor.value() {
                Ok(value) => value,
                Err(malformed) => {
                    self.block.abandon_row();
                    return Err(malformed);
                }
            };
            let pushed = push(table, at, value, cells);
            if pushed == Ok(0) {
                continue;
            }
            let settled = altered.settle(table, at, cells, rows, value.is_none(), pushed);
            if let Err(refusal) = settled {
                *cursor = start;
                return self.reject(cursor, at, refusal);
            }
        }
        altered.count(&mut self.block);
        self.block.end_row(Op::Insert, self.version);
        Ok(())
    }

    /// Whether the COPY came to its end, as all that the server finishes do.
    pub fn end(&self) -> Result<()> {
        match self.ended {
            true => Ok(()),
            false => Err(Malformed("a COPY was cut short").into()),
        }
    }

    /// The row goes to quarantine, and one of before must not stay visible as if it were current.
    #[cold]
    fn reject(
        &mut self,
        cursor: &mut Cursor<'_>,
        column: usize,
        refusal: Refusal,
    ) -> Result<(), Malformed> {
        self.block.abandon_row();
        let mut values = Vec::new();
        for _ in 0..cursor.u16()? {
            values.push(cursor.value()?);
        }
        let table = &self.block.table;
        let again = |at: usize, cells: &mut Cells| push(table, at, values[at], cells);
        let (column, refusal) = rule::stopping(table, column, again).unwrap_or((column, refusal));
        let fields: Vec<Field<'_>> =
            values.iter().map(|value| value.map_or(Field::Null, Field::Binary)).collect();
        let rejected =
            reject::of_fields(table, &fields, column, refusal.0, Op::Insert, self.version);
        self.block.rejects.push(rejected);
        if self.block.table.has_key() {
            row::push_key(&fields, &mut self.block, Op::Refused, self.version);
        }
        Ok(())
    }
}

#[inline]
fn push(table: &Table, at: usize, value: Option<&[u8]>, cells: &mut Cells) -> Pushed {
    let pg = &table.columns[at].pg;
    let is_object = table.objects.contains(&at);
    match value {
        None if is_object => push_no_object(cells),
        None => Ok(push_null(cells)),
        Some(value) if is_object => {
            check_object(pg, value).and_then(|()| binary::push(pg, value, cells))
        }
        Some(value) => binary::push(pg, value, cells),
    }
}

/// Signature, flags, and an extension of a given length.
fn header(cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
    if cursor.bytes(SIGNATURE.len())? != SIGNATURE {
        return Err(Malformed("a COPY does not begin like one"));
    }
    let _flags = cursor.u32()?;
    let extension = cursor.u32()? as usize;
    cursor.bytes(extension).map(drop)
}
