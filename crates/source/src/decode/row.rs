//! A tuple of the stream as a row of a block.

use super::binary;
use super::rule::{self, Altered};
use super::{
    Cursor, Malformed, Pushed, Refusal, check_object, print, push_no_object, push_null, reject,
    text,
};
use model::{Block, Cells, Column, Op, Rule, Table, Unchanged, Version};

/// One column of a tuple, still in Postgres's form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field<'a> {
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
        let mut fields = Vec::new();
        Field::tuple_into(cursor, &mut fields)?;
        Ok(fields)
    }

    pub(super) fn tuple_into(
        cursor: &mut Cursor<'a>,
        fields: &mut Vec<Field<'a>>,
    ) -> Result<(), Malformed> {
        let count = cursor.u16()?;
        fields.clear();
        // Each takes a byte at least: what cannot be there takes no memory.
        fields.reserve(usize::from(count).min(cursor.rest().len()));
        for _ in 0..count {
            fields.push(Field::read(cursor)?);
        }
        Ok(())
    }

    #[inline]
    fn push(self, column: &Column, cells: &mut Cells) -> Pushed {
        match self {
            Field::Binary(value) => binary::push(&column.pg, value, cells),
            Field::Text(value) => text::push(&column.pg, value, cells),
            Field::Null => Ok(push_null(cells)),
            Field::Unchanged => {
                cells.push_default();
                Ok(0)
            }
        }
    }

    #[inline]
    pub(super) fn push_as(
        self,
        table: &Table,
        at: usize,
        column: &Column,
        cells: &mut Cells,
    ) -> Pushed {
        match table.objects.contains(&at) {
            true => self.push_object(column, cells),
            false => self.push(column, cells),
        }
    }

    /// The same where ClickHouse takes nothing but JSON objects.
    #[inline]
    fn push_object(self, column: &Column, cells: &mut Cells) -> Pushed {
        match self {
            Field::Null => push_no_object(cells),
            Field::Unchanged => self.push(column, cells),
            Field::Binary(value) | Field::Text(value) => {
                check_object(&column.pg, value)?;
                self.push(column, cells)
            }
        }
    }

    /// For the quarantine.
    pub(super) fn kept(self, column: &Column) -> Kept {
        match self {
            Field::Unchanged => Kept::Nothing,
            Field::Null => Kept::Null,
            Field::Text(value) => Kept::Text(String::from_utf8_lossy(value).into_owned()),
            Field::Binary(value) => match print::text(&column.pg, value) {
                Some(text) => Kept::Text(text),
                None => Kept::Bytes(crate::lookup::bytea_text(value)),
            },
        }
    }
}

/// What is kept of a value.
pub(super) enum Kept {
    Nothing,
    Null,
    Text(String),
    /// In hex: a form that we cannot print, which must never be taken for the value's text.
    Bytes(String),
}

/// The row of before.
pub(crate) struct Old<'a> {
    /// All columns (replica identity FULL), not the key's alone.
    pub(crate) is_whole: bool,
    pub(crate) fields: Vec<Field<'a>>,
}

impl<'a> Old<'a> {
    /// What it says of a column. A key-only one says nothing of the others.
    fn known(&self, table: &Table, at: usize) -> Option<Field<'a>> {
        let says = self.is_whole || table.key.contains(&at);
        self.fields.get(at).copied().filter(|&field| says && field != Field::Unchanged)
    }
}

/// Pushes the new row of an INSERT or UPDATE. `old` has values that the new row calls unchanged: a
/// key may be one of them.
#[inline]
pub(crate) fn push_new(
    cursor: &mut Cursor<'_>,
    block: &mut Block,
    old: Option<&Old<'_>>,
    op: Op,
    version: Version,
) -> Result<(), Malformed> {
    let tuple = *cursor;
    let row = block.rows() as u32;
    let Block { table, columns, unchanged, .. } = &mut *block;
    if usize::from(cursor.u16()?) != table.columns.len() {
        return Err(Malformed("a tuple has not the columns of its table"));
    }
    let mut altered = Altered::default();
    for (at, (column, cells)) in table.columns.iter().zip(columns).enumerate() {
        let mut field = match Field::read(cursor) {
            Ok(field) => field,
            Err(malformed) => {
                block.abandon_row();
                return Err(malformed);
            }
        };
        if field == Field::Unchanged {
            match old.and_then(|old| old.known(table, at)) {
                Some(known) => field = known,
                None => unchanged.push(Unchanged { row, column: at as u16 }),
            }
        }
        let pushed = field.push_as(table, at, column, cells);
        if pushed == Ok(0) {
            continue;
        }
        let is_null = field == Field::Null;
        let settled = altered.settle(table, at, cells, row as usize, is_null, pushed);
        if let Err(refusal) = settled {
            *cursor = tuple;
            return refuse(cursor, block, old, at, refusal, op, version);
        }
    }
    altered.count(block);
    block.end_row(op, version);
    Ok(())
}

/// The row goes to quarantine, and the row of before must not stay visible as if it were current.
#[cold]
fn refuse(
    cursor: &mut Cursor<'_>,
    block: &mut Block,
    old: Option<&Old<'_>>,
    column: usize,
    refusal: Refusal,
    op: Op,
    version: Version,
) -> Result<(), Malformed> {
    block.abandon_row();
    let mut fields = Field::tuple(cursor)?;
    for (at, field) in fields.iter_mut().enumerate() {
        if let (Field::Unchanged, Some(old)) = (*field, old) {
            *field = old.known(&block.table, at).unwrap_or(Field::Unchanged);
        }
    }
    let table = &block.table;
    let push =
        |at: usize, cells: &mut Cells| fields[at].push_as(table, at, &table.columns[at], cells);
    let (column, refusal) = rule::stopping(table, column, push).unwrap_or((column, refusal));
    let reject = reject::of_fields(table, &fields, column, refusal.0, op, version);
    block.rejects.push(reject);
    if block.table.has_key() {
        push_key(&fields, block, Op::Refused, version);
    }
    Ok(())
}

/// Pushes the new row of an UPDATE. A changed key is a delete of the old row and an insert of the new one,
/// of one version.
pub(crate) fn push_update(
    tuple: Cursor<'_>,
    block: &mut Block,
    old: Option<&Old<'_>>,
    version: Version,
) -> Result<(), Malformed> {
    let mut rest = tuple;
    let Some(old) = old else {
        return push_new(&mut rest, block, None, Op::Update, version);
    };
    let new = Field::tuple(&mut tuple.clone())?;
    let op = match same_key(&block.table, &old.fields, &new) {
        true => Op::Update,
        false => {
            push_delete(&old.fields, block, version)?;
            Op::Insert
        }
    };
    push_new(&mut rest, block, Some(old), op, version)
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
    push_key(fields, block, Op::Delete, version);
    Ok(())
}

/// A tombstone. A key that cannot be carried has never been in the store.
pub(super) fn push_key(fields: &[Field<'_>], block: &mut Block, op: Op, version: Version) {
    let row = block.rows() as u32;
    let Block { table, columns, unchanged, .. } = &mut *block;
    for (at, (column, cells)) in table.columns.iter().zip(columns).enumerate() {
        let field = if table.key.contains(&at) { fields[at] } else { Field::Unchanged };
        if field == Field::Unchanged && table.key.contains(&at) {
            unchanged.push(Unchanged { row, column: at as u16 });
        }
        let may_be = !column.pg.is_clamped() || matches!(table.rule(at), None | Some(Rule::Clamp));
        let is_bent = |more: u64| more > 0 && !may_be;
        if field.push(column, cells).map_or(true, is_bent) {
            block.abandon_row();
            return;
        }
    }
    block.end_row(op, version);
}

/// Whether two rows of a table have the same key; "unchanged" is.
pub(super) fn same_key(table: &Table, old: &[Field<'_>], new: &[Field<'_>]) -> bool {
    table.key.iter().all(|&at| match (old.get(at), new.get(at)) {
        (_, Some(Field::Unchanged)) => true,
        (old, new) => old == new,
    })
}
