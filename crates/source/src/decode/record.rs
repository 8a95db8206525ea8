//! Values of row types, in both forms; and the way in which rows and ranges quote what is in them.

use super::{Cursor, Refusal, bad_form};
use model::Composite;

/// Calls `take` with each field of the binary form: a count, and of each field its type and value.
pub(super) fn of_binary<'a>(
    composite: &Composite,
    value: &'a [u8],
    mut take: impl FnMut(usize, Option<&'a [u8]>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(value);
    if usize::try_from(cursor.i32()?) != Ok(composite.fields.len()) {
        return Err(changed());
    }
    for (at, field) in composite.fields.iter().enumerate() {
        if cursor.u32()? != field.type_oid {
            return Err(changed());
        }
        take(at, cursor.value()?)?;
    }
    match cursor.rest() {
        [] => Ok(()),
        _ => Err(bad_form()),
    }
}

fn changed() -> Refusal {
    Refusal::new("its row type was changed since the start")
}

/// Of `(1,"a ""b""",)`.
pub(super) fn of_text(
    composite: &Composite,
    value: &[u8],
    mut take: impl FnMut(usize, Option<&[u8]>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut rest = value.strip_prefix(b"(").ok_or_else(bad_form)?;
    for at in 0..composite.fields.len() {
        if at > 0 {
            rest = rest.strip_prefix(b",").ok_or_else(changed)?;
        }
        take(at, item(&mut rest, b",)")?.as_deref())?;
    }
    match rest {
        b")" => Ok(()),
        [b',', ..] => Err(changed()),
        _ => Err(bad_form()),
    }
}

/// What stands before one of the `ends`, without its quotes and escapes. `None`: nothing stands
/// there, which is not the empty text.
pub(super) fn item(rest: &mut &[u8], ends: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
    let mut bytes = Vec::new();
    let (mut in_quotes, mut was_quoted) = (false, false);
    loop {
        let (&byte, tail) = rest.split_first().ok_or_else(bad_form)?;
        if !in_quotes && ends.contains(&byte) {
            return Ok((was_quoted || !bytes.is_empty()).then_some(bytes));
        }
        *rest = tail;
        match byte {
            b'"' if in_quotes && tail.first() == Some(&b'"') => {
                bytes.push(b'"');
                *rest = &tail[1..];
            }
            b'"' => (in_quotes, was_quoted) = (!in_quotes, true),
            b'\\' => {
                let (&escaped, tail) = tail.split_first().ok_or_else(bad_form)?;
                bytes.push(escaped);
                *rest = tail;
            }
            _ => bytes.push(byte),
        }
    }
}

/// In quotes where it is empty, or has one of the `special` letters or white space.
pub(super) fn print_item(item: &[u8], special: &[u8], out: &mut Vec<u8>) {
    let is_special = |byte: &u8| special.contains(byte) || matches!(byte, b' ' | 9..=13);
    if !item.is_empty() && !item.iter().any(is_special) {
        out.extend_from_slice(item);
        return;
    }
    out.push(b'"');
    for &byte in item {
        if let b'"' | b'\\' = byte {
            out.push(byte);
        }
        out.push(byte);
    }
    out.push(b'"');
}
