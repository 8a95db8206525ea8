//! A tuple of the stream as a row of a block.

use super::{Cursor, Malformed, Pushed, binary, text};
use model::{Block, Cells, Column, Op, Reject, Table, Unchanged, Version};

/// One column of a tuple, still in Postgres's form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Null,
    /// A large value that the UPDATE did not touch.
    Unchanged,
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

impl<'a> Field<'a> {
    #[inline]
    fn read(cursor: &mut Cursor<'a>) -> Result<Field<'a>, Malformed> {
        let kind = cursor.u8()?;
        if let b'n' | b'u' = kind {
            return Ok(if kind == b'n' { Field::Null } else { Field::Unchanged });
        }
        let length = usize::try_from(cursor.i32()?).map_err(|_| Malformed("a negative length"))?;
        let bytes = cursor.bytes(length)?;
        match kind {
            b'b' => Ok(Field::Binary(bytes)),
            b't' => Ok(Field::Text(bytes)),
            _ => Err(Malformed("an unknown kind of column")),
        }
    }

    /// A whole tuple, for the places that need it twice.
    pub(crate) fn tuple(cursor: &mut Cursor<'a>) -> Result<Vec<Field<'a>>, Malformed> {
        let count = cursor.u16()?;
        (0..count).map(|_| Field::read(cursor)).collect()
    }

    fn push(self, column: &Column, cells: &mut Cells) -> Pushed {
        match self {
            Field::Binary(value) => binary::push(&column.pg, value, cells),
            Field::Text(value) => text::push(&column.pg, value, cells),
            Field::Null => {
                cells.push_null();
                // ClickHouse has no NULL there: it becomes empty, which is counted.
                Ok(u64::from(!cells.kind().may_be_nullable()))
            }
            Field::Unchanged => {
                cells.push_default();
                Ok(0)
            }
        }
    }

    /// For the quarantine.
    fn text(self, column: &Column) -> Option<String> {
        match self {
            Field::Null | Field::Unchanged => None,
            Field::Text(value) => Some(String::from_utf8_lossy(value).into_owned()),
            Field::Binary(value) => Some(binary::to_text(&column.pg, value)),
        }
    }
}

/// Pushes the new row of an INSERT or UPDATE. `old` is the whole old row where the replica identity
/// is FULL: it has the values that the new one calls unchanged.
#[inline]
pub(crate) fn push_new(
    cursor: &mut Cursor<'_>,
    block: &mut Block,
    old: Option<&[Field<'_>]>,
    op: Op,
    version: Version,
) -> Result<(), Malformed> {
    let tuple = *cursor;
    let table = block.table.clone();
    if usize::from(cursor.u16()?) != table.columns.len() {
        return Err(Malformed("a tuple has not the columns of its table"));
    }
    let row = block.rows() as u32;
    for (at, column) in table.columns.iter().enumerate() {
        let mut field = Field::read(cursor)?;
        if field == Field::Unchanged {
            match old.and_then(|old| old.get(at)) {
                Some(&known) if known != Field::Unchanged => field = known,
                _ => block.unchanged.push(Unchanged { row, column: at as u16 }),
            }
        }
        match field.push(column, &mut block.columns[at]) {
            Ok(altered) => block.clamped += altered,
            Err(refusal) => {
                *cursor = tuple;
                let fields = Field::tuple(cursor)?;
                block.abandon_row();
                block.rejects.push(reject(&table, &fields, at, refusal.0, op, version));
                // The row of before must not stay visible as if it were current.
                push_key(&fields, block, version);
                return Ok(());
            }
        }
    }
    block.end_row(op, version);
    Ok(())
}

/// Pushes a DELETE: the key's values, and defaults.
pub(crate) fn push_delete(
    fields: &[Field<'_>],
    block: &mut Block,
    version: Version,
) -> Result<(), Malformed> {
    if fields.len() != block.table.columns.len() {
        return Err(Malformed("a tuple has not the columns of its table"));
    }
    push_key(fields, block, version);
    Ok(())
}

/// A tombstone. A key that cannot be carried has never been in the store.
fn push_key(fields: &[Field<'_>], block: &mut Block, version: Version) {
    let table = block.table.clone();
    for (at, column) in table.columns.iter().enumerate() {
        if !table.key.contains(&at) {
            block.columns[at].push_default();
        } else if fields[at].push(column, &mut block.columns[at]).is_err() {
            block.abandon_row();
            return;
        }
    }
    block.end_row(Op::Delete, version);
}

/// Whether two rows of a table have the same key; "unchanged" is.
pub(crate) fn same_key(table: &Table, old: &[Field<'_>], new: &[Field<'_>]) -> bool {
    table.key.iter().all(|&at| match (old.get(at), new.get(at)) {
        (_, Some(Field::Unchanged)) => true,
        (old, new) => old == new,
    })
}

pub(super) fn reject(
    table: &Table,
    fields: &[Field<'_>],
    column: usize,
    reason: String,
    op: Op,
    version: Version,
) -> Reject {
    let mut row = String::from("{");
    for (column, field) in table.columns.iter().zip(fields) {
        if *field == Field::Unchanged {
            continue;
        }
        if row.len() > 1 {
            row.push(',');
        }
        json_string(&column.name, &mut row);
        row.push(':');
        match field.text(column) {
            Some(text) => json_string(&text, &mut row),
            None => row.push_str("null"),
        }
    }
    row.push('}');
    Reject { version, op, column: table.columns[column].name.clone(), reason, row }
}

fn json_string(text: &str, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            ..' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}
