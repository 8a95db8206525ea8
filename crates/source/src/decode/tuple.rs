//! pgoutput's tuples, for who brings rows another way, or takes them further.
//!
//! ```text
//! u16 columns, then for each   'n'   NULL
//!                              'u'   a large value that the UPDATE did not touch
//!                              't' i32 length, bytes   Postgres's text form
//!                              'b' i32 length, bytes   its binary form
//! ```

use super::{Cursor, Field, Old, row};
use model::{Block, Op, PgType, Result, Version};

/// A tuple that is being written: as many values as were said.
#[derive(Debug, Default)]
pub struct Tuple {
    bytes: Vec<u8>,
}

impl Tuple {
    /// Begins anew; its memory stays.
    pub fn begin(&mut self, columns: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&(columns as u16).to_be_bytes());
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn null(&mut self) {
        self.bytes.push(b'n');
    }

    pub fn unchanged(&mut self) {
        self.bytes.push(b'u');
    }

    pub fn text(&mut self, value: &[u8]) {
        self.value(b't', |bytes| bytes.extend_from_slice(value));
    }

    pub fn binary(&mut self, value: &[u8]) {
        self.value(b'b', |bytes| bytes.extend_from_slice(value));
    }

    /// A text form that is written where it will lie.
    pub fn write_text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.value(b't', write);
    }

    pub fn write_binary(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.value(b'b', write);
    }

    fn value(&mut self, form: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(form);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(&mut self.bytes);
        let length = (self.bytes.len() - at - 4) as i32;
        self.bytes[at..at + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// The values of a tuple.
pub fn fields(tuple: &[u8]) -> Result<Vec<Field<'_>>> {
    Ok(Field::tuple(&mut Cursor::new(tuple))?)
}

/// The same into a list that was used before.
pub fn fields_into<'a>(tuple: &'a [u8], fields: &mut Vec<Field<'a>>) -> Result<()> {
    Ok(Field::tuple_into(&mut Cursor::new(tuple), fields)?)
}

/// A value's binary form as Postgres prints it. What was written before a `None` is no text.
pub fn print(pg: &PgType, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    super::print::write(pg, value, out)
}

/// Pushes the row of an INSERT.
pub fn push_new(tuple: &[u8], block: &mut Block, version: Version) -> Result<()> {
    Ok(row::push_new(&mut Cursor::new(tuple), block, None, Op::Insert, version)?)
}

/// Pushes the row of an UPDATE. `old`: the row of before, all of it.
pub fn push_update(
    tuple: &[u8],
    block: &mut Block,
    old: Option<&[u8]>,
    version: Version,
) -> Result<()> {
    let old = match old {
        Some(old) => Some(Old { is_whole: true, fields: fields(old)? }),
        None => None,
    };
    Ok(row::push_update(Cursor::new(tuple), block, old.as_ref(), version)?)
}

/// Pushes a DELETE: of the tuple only the key counts.
pub fn push_delete(tuple: &[u8], block: &mut Block, version: Version) -> Result<()> {
    Ok(row::push_delete(&fields(tuple)?, block, version)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Column, Lsn, Table, TableId, TableName};
    use std::sync::Arc;

    #[test]
    fn what_is_written_reads_back_as_pgoutput_sends_it() {
        let columns = [("id", PgType::Int4), ("name", PgType::Text), ("large", PgType::Text)];
        let columns = columns.map(|(name, pg)| Column::new(name, pg)).to_vec();
        let name = TableName::new("public", "t");
        let table = Table { key: vec![0], ..Table::new(TableId(1), name, columns) };
        let mut block = Block::new(Arc::new(table));
        let mut tuple = Tuple::default();
        tuple.begin(3);
        tuple.binary(&7i32.to_be_bytes());
        tuple.write_text(|bytes| bytes.extend_from_slice(b"a"));
        tuple.unchanged();
        let version = |change| Version::of_change(Lsn(1), Lsn(change));
        push_update(tuple.bytes(), &mut block, None, version(1)).unwrap();
        tuple.begin(3);
        tuple.text(b"8");
        tuple.null();
        tuple.null();
        push_delete(tuple.bytes(), &mut block, version(2)).unwrap();
        assert_eq!(block.ops, [Op::Update, Op::Delete]);
        assert_eq!(block.columns[0].bytes(), [7, 0, 0, 0, 8, 0, 0, 0]);
        assert_eq!((block.columns[1].value(0), block.unchanged.len()), (&b"a"[..], 1));
        assert!(fields(&tuple.bytes()[..7]).is_err());
    }
}
