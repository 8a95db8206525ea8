//! What must hold for any bytes. The fuzz targets and the property tests only bring the bytes.
//!
//! The first bytes choose among the types and the ways in; the rest is what a server would send.

use crate::decode::{CopyDecoder, Cursor, Field, Old, invariants, push_delete, push_new};
use crate::wire::Inbox;
use model::{
    Block, Column, Composite, CompositeField, Op, PgType, Printed, Table, TableId, TableName,
    Version,
};
use std::cell::RefCell;
use std::sync::Arc;

fn numeric(precision: u16, scale: i16) -> PgType {
    PgType::Numeric(Some((precision, scale)))
}

fn row(fields: impl IntoIterator<Item = PgType>) -> PgType {
    let field = |(at, pg)| CompositeField { name: format!("f{at}"), type_oid: at as u32, pg };
    let fields = fields.into_iter().enumerate().map(field).collect();
    PgType::Composite(Arc::new(Composite::new(fields)))
}

fn range(bound: PgType) -> PgType {
    PgType::Range(Box::new(bound))
}

fn array(element: PgType) -> PgType {
    PgType::Array(Box::new(element), 1)
}

const PRINTED: [Printed; 20] = [
    Printed::Inet,
    Printed::Macaddr,
    Printed::Bits,
    Printed::Lseg,
    Printed::Path,
    Printed::Box,
    Printed::Line,
    Printed::Circle,
    Printed::Char,
    Printed::Tid,
    Printed::Lsn,
    Printed::Snapshot,
    Printed::Int2Vector,
    Printed::OidVector,
    Printed::Tsvector,
    Printed::Tsquery,
    Printed::Versioned,
    Printed::Cube,
    Printed::Sparsevec,
    Printed::Ewkb,
];

/// Types of no dimension.
fn scalars() -> Vec<PgType> {
    let mut types = vec![
        PgType::Int8,
        PgType::Text,
        PgType::Numeric(None),
        numeric(9, 2),
        PgType::Timestamptz,
        PgType::Uuid,
        PgType::Bool,
        PgType::Int2,
        PgType::Int4,
        PgType::Oid,
        PgType::Xid8,
        PgType::Float4,
        PgType::Float8,
        numeric(18, 0),
        numeric(38, 38),
        numeric(76, 3),
        numeric(100, 50),
        numeric(5, -2),
        PgType::Money(2),
        PgType::Enum,
        PgType::Bytea,
        PgType::Timestamp,
        PgType::Date,
        PgType::Time,
        PgType::Timetz,
        PgType::Interval,
        PgType::Json,
        PgType::Jsonb,
        PgType::Point,
        PgType::Polygon,
        PgType::Vector,
        PgType::Halfvec,
        PgType::Hstore,
        range(PgType::Int4),
        range(PgType::Text),
        range(PgType::Numeric(None)),
        PgType::Multirange(Box::new(PgType::Timestamptz)),
        row([PgType::Int4, PgType::Text]),
        row([array(PgType::Float8), PgType::Jsonb, row([PgType::Hstore, PgType::Bool])]),
        row([]),
        row([PgType::Int4, PgType::Other]),
        PgType::AsText(Box::new(array(range(PgType::Int8)))),
        PgType::Other,
        PgType::Unread,
    ];
    types.extend(PRINTED.map(PgType::Printed));
    types
}

fn types() -> Vec<PgType> {
    let scalars = scalars();
    let arrays = (1..=3).flat_map(|dimensions| {
        scalars.iter().map(move |pg| PgType::Array(Box::new(pg.clone()), dimensions))
    });
    scalars.iter().cloned().chain(arrays).collect()
}

/// `width` columns from the `first` type on; the first two are the key.
fn table(first: u8, width: usize) -> Arc<Table> {
    let types = types();
    let chosen = types.iter().cycle().skip(usize::from(first)).take(width);
    let column = |(at, pg): (usize, &PgType)| Column {
        name: format!("c{at}"),
        attnum: at as i16 + 1,
        type_oid: 0,
        typmod: -1,
        pg: pg.clone(),
        type_name: String::new(),
        not_null: false,
    };
    Arc::new(Table {
        key: (0..width.min(2)).collect(),
        ..Table::new(
            TableId(1),
            TableName::new("public", "t"),
            chosen.enumerate().map(column).collect(),
        )
    })
}

/// A numeric of 10 bytes may have 131,072 digits, and Postgres prints them as well.
const BYTES_OF_A_BYTE: usize = 20_000;

fn check(block: &Block, bytes: usize) {
    for column in &block.columns {
        invariants::check(column, block.rows());
    }
    assert_eq!(block.versions.len(), block.rows());
    assert!(block.unchanged.iter().all(|mark| (mark.row as usize) < block.rows()));
    // What a row holds beside its values.
    let rows = (block.rows() + 1) * block.columns.len() * 64;
    assert!(block.size_bytes() <= rows + bytes * BYTES_OF_A_BYTE, "{}", block.size_bytes());
}

fn split(bytes: &[u8]) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(&first, rest)| (first, rest))
}

/// Tuples of the stream, one after the other, as an UPDATE's rows and as a DELETE's.
pub fn tuple(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    const COLUMNS: usize = 3;
    let table = table(first, COLUMNS);
    let mut block = Block::new(table);
    // The count of columns is put in front, or hardly any input would get past it.
    let whole = [&(COLUMNS as u16).to_be_bytes(), rest].concat();
    let mut cursor = Cursor::new(&whole);
    if let Ok(old) = Field::tuple(&mut cursor) {
        push_delete(&old, &mut block, Version(1)).unwrap();
        let old = Old { is_whole: first % 2 == 0, fields: old };
        check(&block, bytes.len());
        let _ = push_new(&mut Cursor::new(&whole), &mut block, Some(&old), Op::Update, Version(2));
        check(&block, 2 * bytes.len());
        let next = [&whole[..2], cursor.rest()].concat();
        let _ = push_new(&mut Cursor::new(&next), &mut block, Some(&old), Op::Update, Version(3));
        check(&block, 3 * bytes.len());
    }
    let before = block.rows();
    let pushed = push_new(&mut Cursor::new(&whole), &mut block, None, Op::Insert, Version(4));
    check(&block, 4 * bytes.len());
    assert!(pushed.is_ok() || block.rows() == before);
    let _ = push_new(&mut Cursor::new(rest), &mut block, None, Op::Insert, Version(5));
    check(&block, 5 * bytes.len());
    let _ = Field::tuple(&mut Cursor::new(rest));
}

/// A COPY in messages of any content; whatever is wrong with one, the rows before it are whole.
pub fn copy(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let Some((cuts, rest)) = split(rest) else { return };
    let table = table(first, 2);
    let head: &[u8] = if cuts % 4 == 0 { b"" } else { b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0" };
    let whole = [head, rest].concat();
    let mut decoder = CopyDecoder::new(table, Version(1));
    let (message, next) = whole.split_at(whole.len().min(head.len() + usize::from(cuts)));
    if decoder.push(message).is_ok() {
        let _ = decoder.push(next);
    }
    check(&decoder.take(), whole.len());
}

/// A numeric that has a text is read from it as from its binary form.
pub fn numeric_forms(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let numerics: Vec<PgType> =
        types().into_iter().filter(|pg| matches!(pg, PgType::Numeric(_))).collect();
    invariants::numeric(&numerics[usize::from(first) % numerics.len()], rest);
}

/// One value of any type in either form, and what is printed of it.
pub fn value(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let types = types();
    invariants::value(&types[usize::from(first) % types.len()], rest);
}

/// What was read of any type, written as Postgres reads it.
pub fn way_back(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let types = types();
    invariants::way_back(&types[usize::from(first) % types.len()], rest);
}

/// The history of a server's timelines, of any content.
pub fn history(bytes: &[u8]) {
    let Some((before, rest)) = split(bytes) else { return };
    crate::timeline::any_history(&String::from_utf8_lossy(rest), u32::from(before));
}

/// A segment of the spool.
pub fn segment(bytes: &[u8]) {
    crate::spool::any_segment(bytes);
}

/// An array that has a text is read from it as from its binary form.
pub fn any_array(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let arrays = &types()[scalars().len()..];
    invariants::value(&arrays[usize::from(first) % arrays.len()], rest);
}

/// The same of a value of many parts: a range, a map, a row, a printed form.
pub fn parts(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let scalars = scalars();
    let from = scalars.iter().position(|pg| *pg == PgType::Money(2)).unwrap_or(0);
    let wanted = &scalars[from..];
    invariants::value(&wanted[usize::from(first) % wanted.len()], rest);
}

/// A message of pgoutput, and the rows that it brings.
pub fn message(bytes: &[u8]) {
    let Some((first, rest)) = split(bytes) else { return };
    let mut block = Block::new(table(first, 2));
    crate::stream::any_message(rest, &mut block);
    check(&block, 2 * bytes.len());
}

/// The server's bytes, read whole and read in pieces, are the same messages.
pub fn wire(bytes: &[u8]) {
    let Some((cut, rest)) = split(bytes) else { return };
    // It has room for a megabyte, which takes longer to make than any input takes to read.
    thread_local!(static INBOX: RefCell<Inbox> = RefCell::default());
    INBOX.with_borrow_mut(|inbox| {
        let whole = frames(inbox, rest, rest.len().max(1));
        let pieces = frames(inbox, rest, usize::from(cut).max(1));
        assert_eq!(whole, pieces);
    });
}

/// The messages, and whether an impossible one ended them.
fn frames(inbox: &mut Inbox, mut bytes: &[u8], piece: usize) -> (Vec<(u8, Vec<u8>)>, bool) {
    inbox.forget();
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut limited = std::io::Read::take(&mut bytes, piece as u64);
        inbox.fill(&mut limited).expect("memory does not fail");
        loop {
            match inbox.next() {
                Ok(Some(frame)) => frames.push((frame.tag, inbox.body(&frame).to_vec())),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

/// Takes one well-formed tuple off `bytes`, as the stream does: for `examples/decode_speed.rs`.
#[inline]
pub fn push(bytes: &mut &[u8], block: &mut Block, op: Op, version: Version) {
    let mut cursor = Cursor::new(bytes);
    push_new(&mut cursor, block, None, op, version).expect("a well-formed tuple");
    *bytes = cursor.rest();
}

#[test]
fn a_byte_chooses_among_all_types() {
    assert!(types().len() <= 1 + usize::from(u8::MAX), "{}: let two bytes choose", types().len());
}
