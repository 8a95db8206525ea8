//! What must hold for any one value; [`crate::fuzzing`] and the property tests ask.

use super::{Pushed, binary, numeric, print, text};
use model::{Cells, Kind, PgType};

/// Decodes both ways. Whatever Postgres would print, its text must be read as its binary form is.
pub(crate) fn value(pg: &PgType, value: &[u8]) {
    let _ = pushed(pg, |cells| text::push(pg, value, cells));
    let (from_binary, ok) = pushed(pg, |cells| binary::push(pg, value, cells));
    let mut printed = Vec::new();
    if print::write(pg, value, &mut printed).is_some() && ok && is_exact(pg) {
        let (again, ok) = pushed(pg, |cells| text::push(pg, &printed, cells));
        assert!(ok && again == from_binary, "{pg:?}: read otherwise than printed");
    }
}

/// The way back: a value that was read is written as Postgres reads it, and reads as it was.
pub(crate) fn way_back(pg: &PgType, value: &[u8]) {
    for (cells, ok) in [
        pushed(pg, |cells| binary::push(pg, value, cells)),
        pushed(pg, |cells| text::push(pg, value, cells)),
    ] {
        if !ok || cells.nulls().contains(&1) {
            continue;
        }
        let written = crate::lookup::text_of(pg, &cells, 0);
        // Postgres sends UTF-8 alone; what is none was written with a mark in its place.
        if !written.contains(char::REPLACEMENT_CHARACTER) {
            let (again, ok) = pushed(pg, |cells| text::push(pg, written.as_bytes(), cells));
            assert!(ok && again == cells, "{pg:?}: read otherwise than written");
        }
    }
}

/// Every binary value has a text, and every text is read exactly.
fn is_exact(pg: &PgType) -> bool {
    match pg {
        PgType::Array(inner, _) | PgType::Range(inner) | PgType::Multirange(inner) => {
            is_exact(inner)
        }
        PgType::Composite(composite) => composite.fields.iter().all(|field| is_exact(&field.pg)),
        // The very ends of i64 are no timestamps of Postgres's, which its text has no room for.
        PgType::Timestamp | PgType::Timestamptz => false,
        _ => true,
    }
}

/// A numeric that has a text is read from it as from its binary form, or refused as well.
pub(crate) fn numeric(pg: &PgType, value: &[u8]) {
    let (from_binary, ok) = pushed(pg, |cells| numeric::push_binary(value, cells));
    // It has none with digits behind those that it shows, which are carried exactly all the same.
    if let Some(text) = numeric::text_of_binary(value) {
        let (from_text, text_ok) = pushed(pg, |cells| numeric::push_text(text.as_bytes(), cells));
        assert_eq!(ok, text_ok, "{pg:?} {text}");
        assert!(from_binary == from_text, "{pg:?} {text}");
    }
    let _ = pushed(pg, |cells| numeric::push_text(value, cells));
}

/// A column with one value, or none where it was refused.
fn pushed(pg: &PgType, push: impl FnOnce(&mut Cells) -> Pushed) -> (Cells, bool) {
    let mut cells = Cells::new(pg.kind());
    let pushed = push(&mut cells);
    if pushed.is_err() {
        cells.truncate(0);
    }
    check(&cells, usize::from(pushed.is_ok()));
    (cells, pushed.is_ok())
}

/// The parts of a column agree on how many values it has.
pub(crate) fn check(cells: &Cells, rows: usize) {
    assert_eq!(cells.rows(), rows);
    assert!(cells.nulls().is_empty() || cells.nulls().len() == rows);
    if let Some(width) = cells.kind().width() {
        assert_eq!(cells.bytes().len(), rows * width);
        return;
    }
    if matches!(cells.kind(), Kind::Range(_) | Kind::Point) {
        cells.parts().iter().for_each(|part| check(part, rows));
        return;
    }
    assert_eq!(cells.ends().len(), rows);
    assert!(cells.ends().is_sorted());
    let end = cells.ends().last().map_or(0, |&end| end as usize);
    match cells.kind() {
        Kind::Text => assert_eq!(cells.bytes().len(), end),
        _ => cells.parts().iter().for_each(|part| check(part, end)),
    }
}
