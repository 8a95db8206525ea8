//! Arrays, in both forms. A column has a fixed depth in ClickHouse; a Postgres array does not.

use super::{Cursor, Malformed, Pushed, Refusal, bad_form, binary, push_null, text};
use model::{Cells, PgType, Printed};

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Refusal {
        bad_form()
    }
}

/// The most dimensions that Postgres gives an array.
pub(super) const DIMENSIONS_MAX: usize = 6;

fn wrong_depth(has: usize, takes: usize) -> Refusal {
    Refusal::new(format!("an array of {has} dimensions in a column declared with {takes}"))
}

/// How long an array of the binary form is in each of its dimensions.
pub(super) struct Shape {
    dimensions: usize,
    lengths: [u32; DIMENSIONS_MAX],
}

impl Shape {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Shape, Refusal> {
        let dimensions = cursor.u32()? as usize;
        let (_has_nulls, _element_oid) = (cursor.u32()?, cursor.u32()?);
        let mut lengths = [0u32; DIMENSIONS_MAX];
        for length in lengths.get_mut(..dimensions).ok_or_else(bad_form)? {
            *length = cursor.u32()?;
            let _lower_bound = cursor.u32()?;
        }
        let shape = Shape { dimensions, lengths };
        // Each element takes at least its length field: what cannot be there is not tried.
        let lengths = shape.lengths().iter();
        let elements = lengths.fold(1u64, |all, &length| all.saturating_mul(u64::from(length)));
        match elements > cursor.rest().len() as u64 / 4 && !shape.lengths().is_empty() {
            true => Err(bad_form()),
            false => Ok(shape),
        }
    }

    /// None of an empty array: an outer length beside an inner one of 0 would only cost memory.
    pub(super) fn lengths(&self) -> &[u32] {
        let lengths = &self.lengths[..self.dimensions];
        if lengths.contains(&0) { &[] } else { lengths }
    }
}

pub(super) fn push_binary(
    element: &PgType,
    declared: u8,
    value: &[u8],
    cells: &mut Cells,
) -> Pushed {
    let mut cursor = Cursor::new(value);
    let shape = Shape::read(&mut cursor)?;
    let lengths = shape.lengths();
    if lengths.is_empty() {
        cells.end_parts();
        return Ok(0);
    }
    if lengths.len() != usize::from(declared) {
        return Err(wrong_depth(lengths.len(), declared.into()));
    }
    let altered = push_level(element, lengths, &mut cursor, cells)?;
    match cursor.rest() {
        [] => Ok(altered),
        _ => Err(bad_form()),
    }
}

fn push_level(
    element: &PgType,
    lengths: &[u32],
    cursor: &mut Cursor<'_>,
    cells: &mut Cells,
) -> Pushed {
    let mut altered = 0;
    let items = &mut cells.parts_mut()[0];
    for _ in 0..lengths[0] {
        if lengths.len() > 1 {
            altered += push_level(element, &lengths[1..], cursor, items)?;
            continue;
        }
        altered += match cursor.value()? {
            None => push_null(items),
            Some(value) => binary::push(element, value, items)?,
        };
    }
    cells.end_parts();
    Ok(altered)
}

/// What an array's start says of its lower bounds has no place in ClickHouse.
pub(super) fn without_bounds(value: &[u8]) -> Result<&[u8], Refusal> {
    if value.first() != Some(&b'[') {
        return Ok(value);
    }
    let start = value.iter().position(|&byte| byte == b'=').ok_or_else(bad_form)?;
    Ok(&value[start + 1..])
}

/// Between elements.
pub(crate) fn delimiter(element: &PgType) -> u8 {
    match element {
        PgType::Printed(Printed::Box) => b';',
        PgType::Printed(Printed::Ewkb) => b':',
        _ => b',',
    }
}

/// `{1,NULL,"a \"b\""}`, `{{1},{2}}`, `[0:1]={1,2}`
pub(super) fn push_text(element: &PgType, declared: u8, value: &[u8], cells: &mut Cells) -> Pushed {
    let value = without_bounds(value)?;
    let has = value.iter().take_while(|&&byte| byte == b'{').count();
    if value == b"{}" {
        cells.end_parts();
        return Ok(0);
    }
    if has != usize::from(declared) {
        return Err(wrong_depth(has, declared.into()));
    }
    let mut rest = value;
    let altered = push_text_level(element, declared, &mut rest, cells)?;
    match rest {
        [] => Ok(altered),
        _ => Err(bad_form()),
    }
}

pub(super) fn eat(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((&first, tail)) if first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

fn push_text_level(element: &PgType, levels: u8, rest: &mut &[u8], cells: &mut Cells) -> Pushed {
    if !eat(rest, b'{') {
        return Err(bad_form());
    }
    let mut altered = 0;
    let delimiter = delimiter(element);
    loop {
        let items = &mut cells.parts_mut()[0];
        altered += match levels {
            2.. => push_text_level(element, levels - 1, rest, items)?,
            _ => match item(rest, delimiter)? {
                None => push_null(items),
                Some(item) => text::push(element, &item, items)?,
            },
        };
        if eat(rest, b'}') {
            cells.end_parts();
            return Ok(altered);
        }
        if !eat(rest, delimiter) {
            return Err(bad_form());
        }
    }
}

/// One element without its quotes and escapes; `None` is NULL.
pub(super) fn item(rest: &mut &[u8], delimiter: u8) -> Result<Option<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    let quoted = eat(rest, b'"');
    loop {
        let Some((&first, tail)) = rest.split_first() else { return Err(bad_form()) };
        match first {
            b'"' if quoted => {
                *rest = tail;
                return Ok(Some(bytes));
            }
            b'}' if !quoted => break,
            _ if !quoted && first == delimiter => break,
            b'\\' => {
                let Some((&escaped, tail)) = tail.split_first() else { return Err(bad_form()) };
                bytes.push(escaped);
                *rest = tail;
            }
            _ => {
                bytes.push(first);
                *rest = tail;
            }
        }
    }
    match bytes.as_slice() {
        b"NULL" => Ok(None),
        // Postgres quotes the empty text.
        b"" => Err(bad_form()),
        _ => Ok(Some(bytes)),
    }
}
