//! A value of any kind, from dice. (The encoder's own tests include this file: they cannot link this crate.)

use model::{Cells, Kind};

/// A value of any kind, from some bytes.
pub(crate) fn push(cells: &mut Cells, may_be_null: bool, dice: &mut impl FnMut() -> u8) {
    if may_be_null && cells.kind().may_be_nullable() && dice().is_multiple_of(4) {
        return cells.push_null();
    }
    let kind = cells.kind().clone();
    match (kind.width(), &kind) {
        (_, Kind::Bool) => cells.push_value(&[dice() % 2]),
        // No more digits than there may be.
        (Some(width), Kind::Decimal { .. }) => {
            let value = i64::from(dice() as i8) * 0x0102_0304;
            let sign = [if value < 0 { 0xff } else { 0 }; 32];
            cells.push_value(&[&value.to_le_bytes()[..], &sign].concat()[..width]);
        }
        (Some(width), _) => {
            let value: Vec<u8> = (0..width).map(|_| dice()).collect();
            cells.push_value(&value);
        }
        (None, Kind::Text) => {
            let value: Vec<u8> = (0..dice() % 200).map(|_| dice()).collect();
            cells.push_value(&value);
        }
        _ => {
            let is_tuple = matches!(kind, Kind::Range(_) | Kind::Point);
            let run = if is_tuple { 1 } else { dice() % 4 };
            for (at, part) in cells.parts_mut().iter_mut().enumerate() {
                (0..run).for_each(|_| push(part, kind.part_may_be_null(at), dice));
            }
            cells.end_parts();
        }
    }
}
