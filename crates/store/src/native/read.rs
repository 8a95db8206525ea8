//! Answers in the Native format as cells again: what is sent, on its way back.
//!
//! An answer is blocks, one behind the other. Each names the types of its columns: they have to be the
//! ones that the kinds have by themselves, so that nothing is converted here.

use model::{Cells, Error, Kind, Result};

/// The columns of all its blocks, of these kinds.
pub(crate) fn cells(mut bytes: &[u8], kinds: &[Kind]) -> Result<Vec<Cells>> {
    let mut columns: Vec<Cells> = kinds.iter().cloned().map(Cells::new).collect();
    while !bytes.is_empty() {
        block(&mut bytes, &mut columns)?;
    }
    Ok(columns)
}

fn block(from: &mut &[u8], columns: &mut [Cells]) -> Result<()> {
    let cut = || Error::bug("an answer of the engine does not read back");
    let (width, rows) = varint(from).zip(varint(from)).ok_or_else(cut)?;
    if width != columns.len() {
        return Err(Error::bug("the engine answers with another number of columns"));
    }
    for cells in columns {
        let (_name, ty) = text(from).zip(text(from)).ok_or_else(cut)?;
        let is_it = |nullable| cells.kind().clickhouse(nullable).as_bytes() == ty;
        let has_nulls = !is_it(false);
        if has_nulls && !is_it(true) {
            let ty = String::from_utf8_lossy(ty);
            let wanted = cells.kind().clickhouse(true);
            return Err(Error::bug(format!("the engine answers with {ty} instead of {wanted}")));
        }
        values(cells, rows, has_nulls, from).ok_or_else(cut)?;
    }
    Ok(())
}

fn values(cells: &mut Cells, rows: usize, has_nulls: bool, from: &mut &[u8]) -> Option<()> {
    let nulls = if has_nulls { take(from, rows)? } else { &[] };
    let push = |cells: &mut Cells, row: usize, value: &[u8]| match nulls.get(row) {
        Some(1) => cells.push_null(),
        _ => cells.push_value(value),
    };
    match (cells.kind().width(), cells.kind()) {
        (Some(width), _) => {
            let values = take(from, rows.checked_mul(width)?)?.chunks_exact(width);
            values.enumerate().for_each(|(row, value)| push(cells, row, value));
        }
        (None, Kind::Text) => {
            for row in 0..rows {
                push(cells, row, text(from)?);
            }
        }
        _ => parts(cells, rows, from)?,
    }
    Some(())
}

/// Where each value ends in the parts comes first, but for tuples, which have a row of each.
fn parts(cells: &mut Cells, rows: usize, from: &mut &[u8]) -> Option<()> {
    let kind = cells.kind().clone();
    let (ends, length) = match kind {
        Kind::Range(_) | Kind::Point => (Vec::new(), rows),
        _ => {
            let ends = take(from, rows.checked_mul(8)?)?.chunks_exact(8);
            let end = |end: &[u8]| u64::from_le_bytes(end.try_into().expect("8 bytes")) as usize;
            let ends: Vec<usize> = ends.map(end).collect();
            let length = ends.last().copied().unwrap_or(0);
            (ends, length)
        }
    };
    let mut read = Vec::new();
    for (at, part) in kind.parts().into_iter().enumerate() {
        let mut part = Cells::new(part);
        values(&mut part, length, kind.part_may_be_null(at), from)?;
        read.push(part);
    }
    let mut start = 0;
    for row in 0..rows {
        let end = ends.get(row).copied().unwrap_or(row + 1);
        if start > end || end > length {
            return None;
        }
        for (mine, theirs) in cells.parts_mut().iter_mut().zip(&read) {
            mine.extend_from(theirs, start, end);
        }
        cells.end_parts();
        start = end;
    }
    Some(())
}

fn take<'a>(from: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(count)?;
    *from = rest;
    Some(taken)
}

fn varint(from: &mut &[u8]) -> Option<usize> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(from, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return usize::try_from(value).ok();
        }
    }
    None
}

fn text<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = varint(from)?;
    take(from, length)
}

#[cfg(test)]
#[path = "../../../../tests/contract/src/any.rs"]
mod any;

#[cfg(test)]
mod tests {
    use super::any::push;
    use super::*;
    use crate::native::{Pieces, null_map};
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = Kind> {
        let fixed = prop_oneof![
            Just(Kind::Bool),
            Just(Kind::Int16),
            Just(Kind::UInt32),
            Just(Kind::Float64),
            Just(Kind::Uuid),
            Just(Kind::Decimal { precision: 76, scale: 38 }),
            Just(Kind::Text),
        ];
        let ranges = fixed.clone().prop_map(|bound| Kind::Range(Box::new(bound)));
        let leaf = prop_oneof![
            fixed,
            ranges,
            Just(Kind::Map),
            Just(Kind::Point),
            Just(Kind::Ring),
            Just(Kind::Vector)
        ];
        leaf.prop_recursive(2, 4, 1, |inner| inner.prop_map(|kind| Kind::Array(Box::new(kind))))
    }

    fn sent(columns: &[Cells], has_nulls: bool) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut sink = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        let mut out = Pieces { buffer: Vec::new(), sink: &mut sink };
        out.varint(columns.len() as u64);
        out.varint(columns[0].rows() as u64);
        for cells in columns {
            out.text("c");
            out.text(&cells.kind().clickhouse(has_nulls));
            if has_nulls && cells.kind().may_be_nullable() {
                null_map(cells, &mut out).unwrap();
            }
            crate::native::values(cells, &mut out).unwrap();
        }
        out.flush().unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn what_is_sent_reads_back(
            kinds in prop::collection::vec(kinds(), 1..4),
            has_nulls: bool,
            rows in 0usize..20,
            bytes: Vec<u8>,
        ) {
            let mut next = bytes.iter().copied().cycle();
            let mut salt = 0u8;
            let mut dice = || {
                salt = salt.wrapping_mul(31).wrapping_add(7);
                next.next().unwrap_or(0) ^ salt
            };
            let mut columns: Vec<Cells> = kinds.iter().cloned().map(Cells::new).collect();
            for cells in &mut columns {
                (0..rows).for_each(|_| push(cells, has_nulls, &mut dice));
            }
            let block = sent(&columns, has_nulls);
            prop_assert_eq!(cells(&block, &kinds).unwrap(), columns.clone());
            // A second block goes behind the first.
            for cells in &mut columns {
                let once = cells.clone();
                cells.extend_from(&once, 0, rows);
            }
            prop_assert_eq!(cells(&[&block[..], &block].concat(), &kinds).unwrap(), columns);
            for end in (1..block.len()).step_by(1 + block.len() / 10) {
                prop_assert!(cells(&block[..end], &kinds).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>, kinds in prop::collection::vec(kinds(), 1..3)) {
            let _ = cells(&bytes, &kinds);
        }
    }

    #[test]
    fn other_types_are_not_taken_for_the_wanted() {
        let mut whole = Cells::new(Kind::Int32);
        whole.push_value(&7i32.to_le_bytes());
        let error = cells(&sent(&[whole], false), &[Kind::UInt32]).unwrap_err();
        assert_eq!(error.what(), "the engine answers with Int32 instead of Nullable(UInt32)");
    }
}
