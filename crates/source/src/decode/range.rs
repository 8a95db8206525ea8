//! Ranges and multiranges: two bounds, and brackets that say how they are meant.
//!
//! ```text
//! [1,4)      lower 1     upper 4     bounds [)
//! (,4]       lower NULL  upper 4     bounds (]
//! empty      lower NULL  upper NULL  bounds empty
//! NULL       lower NULL  upper NULL  bounds
//! ```

use super::{Cursor, Malformed, Pushed, Refusal, bad_form, binary, printed, record, text};
use model::{Cells, PgType};

pub(crate) const EMPTY: &[u8] = b"empty";

/// A range whose bounds are still in Postgres's form.
pub(crate) struct Range<'a> {
    pub(super) bounds: &'static [u8],
    pub(super) lower: Option<&'a [u8]>,
    pub(super) upper: Option<&'a [u8]>,
}

fn brackets(is_lower_in: bool, is_upper_in: bool) -> &'static [u8] {
    match (is_lower_in, is_upper_in) {
        (true, true) => b"[]",
        (true, false) => b"[)",
        (false, true) => b"(]",
        (false, false) => b"()",
    }
}

impl<'a> Range<'a> {
    /// Flags, then the bounds that there are
    /// (<https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/utils/rangetypes.h>).
    pub(super) fn read(value: &'a [u8]) -> Result<Range<'a>, Malformed> {
        let mut cursor = Cursor::new(value);
        let flags = cursor.u8()?;
        let has = |flag: u8| flags & flag != 0;
        let is_empty = has(0x01);
        let mut bound = |absent: u8| match is_empty || has(absent) {
            true => Ok(None),
            false => cursor.value(),
        };
        let (lower, upper) = (bound(0x08 | 0x20)?, bound(0x10 | 0x40)?);
        let bounds = if is_empty { EMPTY } else { brackets(has(0x02), has(0x04)) };
        match cursor.rest() {
            [] => Ok(Range { bounds, lower, upper }),
            _ => Err(Malformed("a range goes on after its end")),
        }
    }
}

pub(super) fn push_binary(bound: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let range = Range::read(value)?;
    push(range.bounds, range.lower, range.upper, cells, |value, cells| {
        binary::push(bound, value, cells)
    })
}

fn push<T>(
    bounds: &[u8],
    lower: Option<T>,
    upper: Option<T>,
    cells: &mut Cells,
    push_bound: impl Fn(T, &mut Cells) -> Pushed,
) -> Pushed {
    let mut altered = 0;
    for (value, at) in [(lower, 0), (upper, 1)] {
        let part = &mut cells.parts_mut()[at];
        match value {
            Some(value) => altered += push_bound(value, part)?,
            None => part.push_null(),
        }
    }
    cells.parts_mut()[2].push_text(bounds);
    cells.end_parts();
    Ok(altered)
}

pub(super) fn push_text(bound: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let mut rest = value;
    let altered = push_one_text(bound, &mut rest, cells)?;
    match rest {
        [] => Ok(altered),
        _ => Err(bad_form()),
    }
}

fn push_one_text(bound: &PgType, rest: &mut &[u8], cells: &mut Cells) -> Pushed {
    let text = Text::read(rest)?;
    push(text.bounds, text.lower, text.upper, cells, |value, cells| {
        text::push(bound, &value, cells)
    })
}

struct Text {
    bounds: &'static [u8],
    lower: Option<Vec<u8>>,
    upper: Option<Vec<u8>>,
}

impl Text {
    fn read(rest: &mut &[u8]) -> Result<Text, Refusal> {
        if let Some(after) = rest.strip_prefix(EMPTY) {
            *rest = after;
            return Ok(Text { bounds: EMPTY, lower: None, upper: None });
        }
        let mut byte = || {
            let (&byte, after) = rest.split_first().ok_or_else(bad_form)?;
            *rest = after;
            Ok::<u8, Refusal>(byte)
        };
        let first = byte()?;
        let lower = record::item(rest, b",")?;
        *rest = rest.strip_prefix(b",").ok_or_else(bad_form)?;
        let upper = record::item(rest, b"])")?;
        let (&last, after) = rest.split_first().ok_or_else(bad_form)?;
        *rest = after;
        match (first, last) {
            (b'[' | b'(', b']' | b')') => {
                Ok(Text { bounds: brackets(first == b'[', last == b']'), lower, upper })
            }
            _ => Err(bad_form()),
        }
    }
}

/// Each range behind its length.
pub(super) fn each_binary<'a>(
    value: &'a [u8],
    mut take: impl FnMut(&'a [u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut cursor = Cursor::new(value);
    for _ in 0..printed::count(&mut cursor, 4)? {
        take(cursor.value()?.ok_or_else(bad_form)?)?;
    }
    match cursor.rest() {
        [] => Ok(()),
        _ => Err(bad_form()),
    }
}

pub(super) fn push_multi_binary(bound: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let mut altered = 0;
    let ranges = &mut cells.parts_mut()[0];
    each_binary(value, |range| {
        altered += push_binary(bound, range, ranges)?;
        Ok(())
    })?;
    cells.end_parts();
    Ok(altered)
}

/// `{[1,3),[5,7)}`
pub(super) fn push_multi_text(bound: &PgType, value: &[u8], cells: &mut Cells) -> Pushed {
    let mut altered = 0;
    let mut rest = value.strip_prefix(b"{").ok_or_else(bad_form)?;
    while rest != b"}" {
        altered += push_one_text(bound, &mut rest, &mut cells.parts_mut()[0])?;
        match rest {
            b"}" => {}
            _ => {
                rest = rest.strip_prefix(b",").filter(|rest| *rest != b"}").ok_or_else(bad_form)?
            }
        }
    }
    cells.end_parts();
    Ok(altered)
}

/// Writes a range whose bounds `write` prints.
pub(crate) fn print<T>(
    bounds: &[u8],
    lower: Option<T>,
    upper: Option<T>,
    out: &mut Vec<u8>,
    write: impl Fn(T, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let &[first, last] = bounds else {
        out.extend_from_slice(bounds);
        return Some(());
    };
    let item = |value: Option<T>, out: &mut Vec<u8>| {
        let Some(value) = value else { return Some(()) };
        let mut text = Vec::new();
        write(value, &mut text)?;
        record::print_item(&text, b"\"\\()[],", out);
        Some(())
    };
    out.push(first);
    item(lower, out)?;
    out.push(b',');
    item(upper, out)?;
    out.push(last);
    Some(())
}
