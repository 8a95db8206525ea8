//! What must hold for any one value; [`crate::fuzzing`] and the property tests ask.

use super::{Pushed, binary, numeric, print, text};
use model::{Cells, Kind, PgType};

/// Decodes both ways. Whatever Postgres would print, its text must be read as its binary form is.
pub(crate) fn value(pg: &PgType, value: &[u8]) {
    let _ = pushed(pg, |cells| text::push(pg, value, cells));
    let (from_binary, ok) = pushed(pg, |cells| binary::push(pg, value, cells));
    let printed = print::text(pg, value);
    let element = match pg {
        PgType::Array(element, _) => element,
        _ => pg,
    };
    // Forms of which every binary value has a text and every text is read exactly.
    let exact = matches!(
        element,
        PgType::Bool
            | PgType::Int2
            | PgType::Int4
            | PgType::Int8
            | PgType::Oid
            | PgType::Uuid
            | PgType::Float4
            | PgType::Float8
            | PgType::Bytea
    );
    if let (true, true, Some(printed)) = (ok, exact, printed) {
        let (again, ok) = pushed(pg, |cells| text::push(pg, printed.as_bytes(), cells));
        assert!(ok && again == from_binary, "{pg:?}: read otherwise than printed");
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
    assert_eq!(cells.ends().len(), rows);
    assert!(cells.ends().is_sorted());
    let end = cells.ends().last().map_or(0, |&end| end as usize);
    match (cells.kind(), cells.items()) {
        (Kind::Array(_), Some(items)) => check(items, end),
        _ => assert_eq!(cells.bytes().len(), end),
    }
}
