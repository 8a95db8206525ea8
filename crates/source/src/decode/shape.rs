//! Points, polygons and vectors: nothing but floats.

use super::{Cursor, Pushed, Refusal, bad_form, printed};
use model::Cells;

/// Postgres has one NaN and prints it without its sign and payload; so do we.
pub(super) fn push_f64(number: f64, cells: &mut Cells) {
    cells.push_fixed(if number.is_nan() { f64::NAN } else { number }.to_le_bytes());
}

pub(super) fn push_f32(number: f32, cells: &mut Cells) {
    cells.push_fixed(if number.is_nan() { f32::NAN } else { number }.to_le_bytes());
}

fn push_pair(x: f64, y: f64, cells: &mut Cells) {
    push_f64(x, &mut cells.parts_mut()[0]);
    push_f64(y, &mut cells.parts_mut()[1]);
    cells.end_parts();
}

pub(super) fn push_point(value: &[u8], cells: &mut Cells) -> Pushed {
    let mut cursor = Cursor::new(value);
    let (x, y) = (cursor.f64()?, cursor.f64()?);
    if !cursor.rest().is_empty() {
        return Err(bad_form());
    }
    push_pair(x, y, cells);
    Ok(0)
}

pub(super) fn push_polygon(value: &[u8], cells: &mut Cells) -> Pushed {
    let mut cursor = Cursor::new(value);
    let count = printed::count(&mut cursor, 16)?;
    if count == 0 || cursor.rest().len() != count * 16 {
        return Err(bad_form());
    }
    for _ in 0..count {
        let (x, y) = (cursor.f64()?, cursor.f64()?);
        push_pair(x, y, &mut cells.parts_mut()[0]);
    }
    cells.end_parts();
    Ok(0)
}

/// A count of 16 bits, 16 that are not used, and the numbers
/// (<https://github.com/pgvector/pgvector/blob/v0.8.0/src/vector.c>, `vector_send`).
pub(super) fn push_vector(value: &[u8], is_half: bool, cells: &mut Cells) -> Pushed {
    let mut cursor = Cursor::new(value);
    let (count, _unused) = (usize::from(cursor.u16()?), cursor.u16()?);
    if count == 0 || cursor.rest().len() != count * if is_half { 2 } else { 4 } {
        return Err(bad_form());
    }
    let numbers = &mut cells.parts_mut()[0];
    for _ in 0..count {
        push_f32(if is_half { half(cursor.u16()?) } else { cursor.f32()? }, numbers);
    }
    cells.end_parts();
    Ok(0)
}

/// IEEE 754's binary16.
pub(super) fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (fraction + 1024.0) * 2f32.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

pub(super) fn push_point_text(value: &[u8], cells: &mut Cells) -> Pushed {
    match numbers(value)?[..] {
        [x, y] => push_pair(x, y, cells),
        _ => return Err(bad_form()),
    }
    Ok(0)
}

pub(super) fn push_polygon_text(value: &[u8], cells: &mut Cells) -> Pushed {
    let numbers = numbers(value)?;
    if numbers.len() % 2 != 0 {
        return Err(bad_form());
    }
    for pair in numbers.chunks_exact(2) {
        push_pair(pair[0], pair[1], &mut cells.parts_mut()[0]);
    }
    cells.end_parts();
    Ok(0)
}

/// `[1,2.5]`
pub(super) fn push_vector_text(value: &[u8], cells: &mut Cells) -> Pushed {
    let inside = value.strip_prefix(b"[").and_then(|value| value.strip_suffix(b"]"));
    for item in inside.ok_or_else(bad_form)?.split(|&byte| byte == b',') {
        let text = std::str::from_utf8(item).map_err(|_| bad_form())?;
        push_f32(text.parse().map_err(|_| bad_form())?, &mut cells.parts_mut()[0]);
    }
    cells.end_parts();
    Ok(0)
}

/// The numbers of `((1,2),(3,4))`: brackets only group what is in pairs anyway.
fn numbers(value: &[u8]) -> Result<Vec<f64>, Refusal> {
    let text = std::str::from_utf8(value).map_err(|_| bad_form())?;
    let number = |item: &str| item.trim_matches(['(', ')']).parse().map_err(|_| bad_form());
    text.split(',').map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::PgType;

    fn vector(value: &[u8], is_half: bool) -> Option<Cells> {
        let mut cells = Cells::new(PgType::Vector.kind());
        push_vector(value, is_half, &mut cells).ok().map(|_| cells)
    }

    /// pgvector is not here to ask: its documented forms, and its texts.
    #[test]
    fn vectors_in_both_forms() {
        let numbers = [1.5f32, -0.25, 3e38];
        let mut bytes = vec![0, 3, 0, 0];
        bytes.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        let cells = vector(&bytes, false).unwrap();
        let mut from_text = Cells::new(PgType::Vector.kind());
        push_vector_text(b"[1.5,-0.25,3e+38]", &mut from_text).unwrap();
        assert_eq!(cells, from_text);
        assert_eq!(cells.ends(), [3]);
        assert!(vector(&bytes[..15], false).is_none() && vector(&bytes, true).is_none());
        let cells = vector(&[0, 2, 0, 0, 0x3c, 0, 0xc0, 0], true).unwrap();
        assert_eq!(cells.parts()[0].value(1), (-2f32).to_le_bytes());
    }

    #[test]
    fn halves_are_exact() {
        for (bits, number) in [
            (0x0001, 2f32.powi(-24)),
            (0x03ff, 1023.0 * 2f32.powi(-24)),
            (0x0400, 2f32.powi(-14)),
            (0x3555, 0.333_251_95),
            (0x7bff, 65504.0),
            (0xfc00, f32::NEG_INFINITY),
            (0x8000, -0.0),
        ] {
            assert_eq!(half(bits).to_bits(), number.to_bits(), "{bits:04x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
