//! hstore: keys to values or NULL, in the order in which Postgres keeps them.

use super::{Cursor, Refusal, bad_form, printed};
use model::Cells;

/// Calls `take` with each pair of the binary form.
pub(super) fn of_binary(
    value: &[u8],
    mut take: impl FnMut(&[u8], Option<&[u8]>),
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(value);
    for _ in 0..printed::count(&mut cursor, 8)? {
        let key = cursor.value()?.ok_or_else(bad_form)?;
        take(key, cursor.value()?);
    }
    match cursor.rest() {
        [] => Ok(()),
        _ => Err(bad_form()),
    }
}

/// Of `"a"=>"1", "b"=>NULL`.
pub(super) fn of_text(
    value: &[u8],
    mut take: impl FnMut(&[u8], Option<&[u8]>),
) -> Result<(), Refusal> {
    let mut rest = value;
    while !rest.is_empty() {
        let key = quoted(&mut rest)?;
        rest = rest.strip_prefix(b"=>").ok_or_else(bad_form)?;
        match rest.strip_prefix(b"NULL") {
            Some(after) => {
                take(&key, None);
                rest = after;
            }
            None => take(&key, Some(&quoted(&mut rest)?)),
        }
        if !rest.is_empty() {
            rest = rest.strip_prefix(b", ").filter(|rest| !rest.is_empty()).ok_or_else(bad_form)?;
        }
    }
    Ok(())
}

fn quoted(rest: &mut &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut tail = rest.strip_prefix(b"\"").ok_or_else(bad_form)?;
    loop {
        let (&byte, after) = tail.split_first().ok_or_else(bad_form)?;
        tail = after;
        match byte {
            b'"' => break,
            b'\\' => {
                let (&escaped, after) = tail.split_first().ok_or_else(bad_form)?;
                bytes.push(escaped);
                tail = after;
            }
            _ => bytes.push(byte),
        }
    }
    *rest = tail;
    Ok(bytes)
}

/// Takes pairs into a map's parts.
pub(super) fn into(cells: &mut Cells) -> impl FnMut(&[u8], Option<&[u8]>) {
    |key, value| {
        let [keys, values] = cells.parts_mut() else { unreachable!("a map has two parts") };
        keys.push_text(key);
        match value {
            Some(value) => values.push_text(value),
            None => values.push_null(),
        }
    }
}

/// Writes pairs as Postgres prints them.
pub(crate) fn print(out: &mut Vec<u8>) -> impl FnMut(&[u8], Option<&[u8]>) {
    let mut is_first = true;
    move |key, value| {
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
        print_quoted(key, out);
        out.extend_from_slice(b"=>");
        match value {
            Some(value) => print_quoted(value, out),
            None => out.extend_from_slice(b"NULL"),
        }
    }
}

fn print_quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        if let b'"' | b'\\' = byte {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
