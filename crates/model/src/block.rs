//! A run of changes of one table, as columns: the only form in which rows travel.
//!
//! ```text
//!            ops        versions    columns[0]  columns[1] …
//! row 0      Insert     16/A0,16/9  Cells       Cells
//! row 1      Delete     16/A0,16/9  (key)       (default)
//! ```
//!
//! Decoders push values straight into [`Cells`]; there is no value object per cell.

use crate::lsn::Version;
use crate::table::Table;
use crate::types::Kind;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happened to the row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Op {
    Insert = 0,
    Update = 1,
    /// Only the key columns carry values; the others hold defaults.
    Delete = 2,
}

/// A column of values in the layout that its [`Kind`] names.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    kind: Kind,
    /// Fixed kinds: the values. Text: the bytes of all values. Arrays: nothing.
    bytes: Vec<u8>,
    /// Text: where each value ends in `bytes`. Arrays: where each ends in `items`.
    ends: Vec<u64>,
    /// 1 where NULL. Empty until the first NULL comes.
    nulls: Vec<u8>,
    items: Option<Box<Cells>>,
    rows: usize,
}

impl Cells {
    pub fn new(kind: Kind) -> Cells {
        let items = match &kind {
            Kind::Array(element) => Some(Box::new(Cells::new((**element).clone()))),
            _ => None,
        };
        Cells { kind, bytes: Vec::new(), ends: Vec::new(), nulls: Vec::new(), items, rows: 0 }
    }

    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    pub fn items(&self) -> Option<&Cells> {
        self.items.as_deref()
    }

    /// One byte a row, or empty when no row is NULL.
    pub fn nulls(&self) -> &[u8] {
        &self.nulls
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row).is_some_and(|&null| null == 1)
    }

    /// The bytes of a fixed or text value (a NULL has its placeholder).
    pub fn value(&self, row: usize) -> &[u8] {
        match self.kind.width() {
            Some(width) => &self.bytes[row * width..(row + 1) * width],
            None => {
                let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
                &self.bytes[start..self.ends[row] as usize]
            }
        }
    }

    #[inline]
    fn count_row(&mut self) {
        if !self.nulls.is_empty() {
            self.nulls.push(0);
        }
        self.rows += 1;
    }

    /// A value of a fixed kind, already in its little-endian layout.
    #[inline]
    pub fn push_fixed<const N: usize>(&mut self, value: [u8; N]) {
        debug_assert_eq!(self.kind.width(), Some(N));
        self.bytes.extend_from_slice(&value);
        self.count_row();
    }

    #[inline]
    pub fn push_text(&mut self, value: &[u8]) {
        debug_assert_eq!(self.kind, Kind::Text);
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u64);
        self.count_row();
    }

    /// Opens an array value: push its elements into the returned cells, then [`Cells::end_array`].
    pub fn array_items(&mut self) -> &mut Cells {
        self.items.as_deref_mut().expect("only arrays have items")
    }

    pub fn end_array(&mut self) {
        let end = self.items.as_deref().expect("only arrays have items").rows as u64;
        self.ends.push(end);
        self.count_row();
    }

    /// The kind's zero: 0, empty text, empty array.
    pub fn push_default(&mut self) {
        self.extend_with_zero();
        self.count_row();
    }

    pub fn push_null(&mut self) {
        self.nulls.resize(self.rows, 0);
        self.extend_with_zero();
        self.nulls.push(1);
        self.rows += 1;
    }

    fn extend_with_zero(&mut self) {
        match self.kind.width() {
            Some(width) => self.bytes.resize(self.bytes.len() + width, 0),
            None => self.ends.push(self.ends.last().copied().unwrap_or(0)),
        }
    }

    /// Takes back the rows from `rows` on, complete or half-pushed.
    pub fn truncate(&mut self, rows: usize) {
        match self.kind.width() {
            Some(width) => self.bytes.truncate(rows * width),
            None => {
                self.ends.truncate(rows);
                let end = self.ends.last().copied().unwrap_or(0) as usize;
                match &mut self.items {
                    Some(items) => items.truncate(end),
                    None => self.bytes.truncate(end),
                }
            }
        }
        self.nulls.truncate(rows);
        self.rows = rows.min(self.rows);
    }

    /// Appends rows `from..to` of another column of the same kind.
    pub fn extend_from(&mut self, other: &Cells, from: usize, to: usize) {
        debug_assert_eq!(self.kind, other.kind);
        if !other.nulls.is_empty() || !self.nulls.is_empty() {
            self.nulls.resize(self.rows, 0);
            if other.nulls.is_empty() {
                self.nulls.resize(self.rows + (to - from), 0);
            } else {
                self.nulls.extend_from_slice(&other.nulls[from..to]);
            }
        }
        match self.kind.width() {
            Some(width) => self.bytes.extend_from_slice(&other.bytes[from * width..to * width]),
            None => {
                let start = if from == 0 { 0 } else { other.ends[from - 1] };
                let end = if to == 0 { 0 } else { other.ends[to - 1] };
                let base = self.ends.last().copied().unwrap_or(0);
                self.ends.extend(other.ends[from..to].iter().map(|&e| e - start + base));
                match (&mut self.items, &other.items) {
                    (Some(mine), Some(theirs)) => {
                        mine.extend_from(theirs, start as usize, end as usize);
                    }
                    _ => self.bytes.extend_from_slice(&other.bytes[start as usize..end as usize]),
                }
            }
        }
        self.rows += to - from;
    }

    /// The same with NULL in these rows, which are in order.
    pub fn with_nulls(&self, rows: &[usize]) -> Cells {
        let mut cells = Cells::new(self.kind.clone());
        let mut next = 0;
        for &row in rows {
            cells.extend_from(self, next, row);
            cells.push_null();
            next = row + 1;
        }
        cells.extend_from(self, next, self.rows);
        cells
    }

    /// Memory held by the values.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
            + self.ends.len() * 8
            + self.nulls.len()
            + self.items.as_ref().map_or(0, |items| items.size_bytes())
    }

    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

/// A value that a row of the block does not carry because the source said "unchanged" (TOAST).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unchanged {
    pub row: u32,
    pub column: u16,
}

/// A row that ClickHouse cannot carry exactly. It is kept aside with its reason, never bent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    pub version: Version,
    pub op: Op,
    /// The column that could not be carried.
    pub column: String,
    pub reason: String,
    /// The row as JSON of Postgres's text forms.
    pub row: String,
    /// Its key as a JSON list of the same texts. Empty: none, or not known.
    pub key: String,
}

/// Changes of one table in log order.
#[derive(Clone, Debug)]
pub struct Block {
    pub table: Arc<Table>,
    pub ops: Vec<Op>,
    pub versions: Vec<Version>,
    pub columns: Vec<Cells>,
    pub unchanged: Vec<Unchanged>,
    pub rejects: Vec<Reject>,
    /// Values that a documented rule altered (timestamps outside ClickHouse's range), by the
    /// column's place.
    pub clamped: BTreeMap<usize, u64>,
    /// Values that became NULL because ClickHouse cannot carry them, likewise.
    pub nulled: BTreeMap<usize, u64>,
}

impl Block {
    pub fn new(table: Arc<Table>) -> Block {
        let columns = table.columns.iter().map(|column| Cells::new(column.pg.kind())).collect();
        Block {
            table,
            ops: Vec::new(),
            versions: Vec::new(),
            columns,
            unchanged: Vec::new(),
            rejects: Vec::new(),
            clamped: BTreeMap::new(),
            nulled: BTreeMap::new(),
        }
    }

    /// Without its rows; their memory stays for others.
    pub fn emptied(mut self) -> Block {
        self.ops.clear();
        self.versions.clear();
        self.columns.iter_mut().for_each(|column| column.truncate(0));
        self.unchanged.clear();
        self.rejects.clear();
        self.clamped.clear();
        self.nulled.clear();
        self
    }

    pub fn rows(&self) -> usize {
        self.ops.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ops.is_empty() && self.rejects.is_empty()
    }

    pub fn size_bytes(&self) -> usize {
        self.rows() * 17 + self.columns.iter().map(Cells::size_bytes).sum::<usize>()
    }

    /// Closes a row whose cells have all been pushed.
    #[inline]
    pub fn end_row(&mut self, op: Op, version: Version) {
        self.ops.push(op);
        self.versions.push(version);
        debug_assert!(self.columns.iter().all(|column| column.rows() == self.ops.len()));
    }

    /// Most rows have none.
    #[inline]
    pub fn count_clamped(&mut self, values: impl IntoIterator<Item = (usize, u64)>) {
        for (column, values) in values {
            *self.clamped.entry(column).or_default() += values;
        }
    }

    /// The same for values that became NULL.
    #[inline]
    pub fn count_nulled(&mut self, values: impl IntoIterator<Item = (usize, u64)>) {
        for (column, values) in values {
            *self.nulled.entry(column).or_default() += values;
        }
    }

    /// Takes back a row that was begun and not ended.
    pub fn abandon_row(&mut self) {
        let rows = self.rows();
        for column in &mut self.columns {
            column.truncate(rows);
        }
        // Marks lie in the order of their rows.
        let kept = self.unchanged.partition_point(|mark| (mark.row as usize) < rows);
        self.unchanged.truncate(kept);
    }

    /// The rows `from..to` as a block of their own; rejects and counters stay behind.
    pub fn slice(&self, from: usize, to: usize) -> Block {
        let mut part = Block::new(self.table.clone());
        part.ops.extend_from_slice(&self.ops[from..to]);
        part.versions.extend_from_slice(&self.versions[from..to]);
        for (mine, theirs) in part.columns.iter_mut().zip(&self.columns) {
            mine.extend_from(theirs, from, to);
        }
        part.unchanged = self
            .unchanged
            .iter()
            .filter(|mark| (from..to).contains(&(mark.row as usize)))
            .map(|mark| Unchanged { row: mark.row - from as u32, column: mark.column })
            .collect();
        part
    }

    /// These rows as a block of their own, in this order; rejects and counters stay behind.
    pub fn only(&self, rows: &[usize]) -> Block {
        let mut kept = Block::new(self.table.clone());
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            kept.append(&self.slice(run[0], run[run.len() - 1] + 1));
        }
        kept
    }

    /// Appends another block of the same table, rejects and counters included.
    pub fn append(&mut self, other: &Block) {
        let base = self.rows() as u32;
        self.ops.extend_from_slice(&other.ops);
        self.versions.extend_from_slice(&other.versions);
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.extend_from(theirs, 0, other.rows());
        }
        let moved = |mark: &Unchanged| Unchanged { row: mark.row + base, column: mark.column };
        self.unchanged.extend(other.unchanged.iter().map(moved));
        self.rejects.extend(other.rejects.iter().cloned());
        self.count_clamped(other.clamped.iter().map(|(column, values)| (*column, *values)));
        self.count_nulled(other.nulled.iter().map(|(column, values)| (*column, *values)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PgType;

    fn texts(values: &[Option<&str>]) -> Cells {
        let mut cells = Cells::new(Kind::Text);
        for value in values {
            match value {
                Some(text) => cells.push_text(text.as_bytes()),
                None => cells.push_null(),
            }
        }
        cells
    }

    #[test]
    fn nulls_are_masked_from_the_first_one_on() {
        let cells = texts(&[Some("a"), None, Some("bc")]);
        assert_eq!(cells.nulls(), [0, 1, 0]);
        assert_eq!(
            (cells.value(0), cells.value(1), cells.value(2)),
            (&b"a"[..], &b""[..], &b"bc"[..])
        );
        assert!(texts(&[Some("a")]).nulls().is_empty());
        assert_eq!(texts(&[None]).nulls(), [1]);
    }

    #[test]
    fn nulls_take_the_place_of_some_values() {
        let cells = texts(&[Some("a"), None, Some("bc"), Some("d")]);
        assert_eq!(cells.with_nulls(&[0, 3]), texts(&[None, None, Some("bc"), None]));
        assert_eq!(cells.with_nulls(&[]), cells);
    }

    #[test]
    fn truncate_takes_back_a_half_pushed_array() {
        let kind = PgType::Array(Box::new(PgType::Int4), 1).kind();
        let mut cells = Cells::new(kind);
        cells.array_items().push_fixed(7i32.to_le_bytes());
        cells.end_array();
        let whole = cells.clone();
        cells.array_items().push_fixed(8i32.to_le_bytes());
        cells.array_items().push_null();
        cells.truncate(1);
        assert_eq!(cells.items().unwrap().bytes(), whole.items().unwrap().bytes());
        assert_eq!(cells.items().unwrap().rows(), 1);
        assert_eq!(cells.ends(), [1]);
    }

    #[test]
    fn extending_keeps_values_and_masks() {
        let mut left = texts(&[Some("x")]);
        let right = texts(&[Some("a"), None, Some("bc")]);
        left.extend_from(&right, 1, 3);
        assert_eq!(left.nulls(), [0, 1, 0]);
        assert_eq!(left.value(2), b"bc");
        let mut nulls_first = texts(&[None]);
        nulls_first.extend_from(&texts(&[Some("q")]), 0, 1);
        assert_eq!(nulls_first.nulls(), [1, 0]);
        assert_eq!(nulls_first.value(1), b"q");
    }
}
