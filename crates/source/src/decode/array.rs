//! Arrays, in both forms. A column has a fixed depth in ClickHouse; a Postgres array does not.

use super::{Cursor, Malformed, Pushed, Refusal, bad_form, binary, text};
use model::{Cells, Kind, PgType};

impl From<Malformed> for Refusal {
    fn from(_: Malformed) -> Refusal {
        bad_form()
    }
}

fn depth(kind: &Kind) -> usize {
    match kind {
        Kind::Array(inner) => 1 + depth(inner),
        _ => 0,
    }
}

fn wrong_depth(has: usize, takes: usize) -> Refusal {
    Refusal::new(format!("an array of {has} dimensions in a column declared with {takes}"))
}

pub(super) fn push_binary(element: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let mut cursor = Cursor::new(value);
    let dimensions = cursor.u32()? as usize;
    let (_has_nulls, _element_oid) = (cursor.u32()?, cursor.u32()?);
    if dimensions == 0 {
        cells.end_array();
        return Ok(0);
    }
    let declared = depth(cells.kind());
    if dimensions != declared {
        return Err(wrong_depth(dimensions, declared));
    }
    let mut lengths = [0u32; 8];
    let lengths = lengths.get_mut(..dimensions).ok_or_else(bad_form)?;
    for length in lengths.iter_mut() {
        *length = cursor.u32()?;
        let _lower_bound = cursor.u32()?;
    }
    // An outer length beside an inner one of 0 would only cost memory.
    if lengths.contains(&0) {
        cells.end_array();
        return Ok(0);
    }
    // Each element takes at least its length field: what cannot be there is not tried.
    let elements = lengths.iter().try_fold(1u64, |all, &length| all.checked_mul(u64::from(length)));
    if elements.is_none_or(|elements| elements > value.len() as u64 / 4) {
        return Err(bad_form());
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
    let items = cells.array_items();
    for _ in 0..lengths[0] {
        if lengths.len() > 1 {
            altered += push_level(element, &lengths[1..], cursor, items)?;
            continue;
        }
        match cursor.i32()? {
            -1 => items.push_null(),
            length => {
                let length = usize::try_from(length).map_err(|_| bad_form())?;
                altered += binary::push(element, cursor.bytes(length)?, items)?;
            }
        }
    }
    cells.end_array();
    Ok(altered)
}

/// `{1,NULL,"a \"b\""}`, `{{1},{2}}`, `[0:1]={1,2}`
pub(super) fn push_text(element: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let value = match value.first() {
        Some(b'[') => {
            let start = value.iter().position(|&byte| byte == b'=').ok_or_else(bad_form)?;
            &value[start + 1..]
        }
        _ => value,
    };
    let declared = depth(cells.kind());
    let has = value.iter().take_while(|&&byte| byte == b'{').count();
    if value == b"{}" {
        cells.end_array();
        return Ok(0);
    }
    if has != declared {
        return Err(wrong_depth(has, declared));
    }
    let mut rest = value;
    let altered = push_text_level(element, declared, &mut rest, cells)?;
    match rest {
        [] => Ok(altered),
        _ => Err(bad_form()),
    }
}

fn eat(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((&first, tail)) if first == byte => {
            *rest = tail;
            true
        }
        _ => false,
    }
}

fn push_text_level(element: &PgType, levels: usize, rest: &mut &[u8], cells: &mut Cells) -> Pushed {
    if !eat(rest, b'{') {
        return Err(bad_form());
    }
    let mut altered = 0;
    loop {
        let items = cells.array_items();
        if levels > 1 {
            altered += push_text_level(element, levels - 1, rest, items)?;
        } else {
            let (item, quoted) = item(rest)?;
            match item.as_slice() {
                b"NULL" if !quoted => items.push_null(),
                // Postgres quotes the empty text.
                b"" if !quoted => return Err(bad_form()),
                item => altered += text::push(element, item, items)?,
            }
        }
        if eat(rest, b'}') {
            cells.end_array();
            return Ok(altered);
        }
        if !eat(rest, b',') {
            return Err(bad_form());
        }
    }
}

/// One element without its quotes and escapes, and whether it had quotes.
fn item(rest: &mut &[u8]) -> Result<(Vec<u8>, bool), Refusal> {
    let mut bytes = Vec::new();
    let quoted = eat(rest, b'"');
    loop {
        let Some((&first, tail)) = rest.split_first() else { return Err(bad_form()) };
        match first {
            b'"' if quoted => {
                *rest = tail;
                return Ok((bytes, true));
            }
            b',' | b'}' if !quoted => return Ok((bytes, false)),
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
}
