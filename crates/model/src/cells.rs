//! A column of values, as they lie in memory.
//!
//! ```text
//! fixed    bytes  ▪▪▪▪        text   bytes  ▪▪▪▪▪▪  ends  2 5 6
//! run      ends   2 2 5       array, map, ring, vector: rows of the parts
//! tuple    nothing            range, point: a row of each part
//! ```

use crate::types::Kind;

/// A column of values in the layout that its [`Kind`] names.
#[derive(Clone, Debug, PartialEq)]
pub struct Cells {
    kind: Kind,
    /// Fixed kinds: the values. Text: the bytes of all values.
    bytes: Vec<u8>,
    /// Text: where each value ends in `bytes`. Runs (arrays, maps, …): where each ends in the parts.
    ends: Vec<u64>,
    /// 1 where NULL. Empty until the first NULL comes.
    nulls: Vec<u8>,
    /// An array's elements, a map's keys and values, a range's bounds.
    parts: Vec<Cells>,
    rows: usize,
}

impl Cells {
    pub fn new(kind: Kind) -> Cells {
        let parts = kind.parts().into_iter().map(Cells::new).collect();
        Cells { kind, bytes: Vec::new(), ends: Vec::new(), nulls: Vec::new(), parts, rows: 0 }
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

    pub fn parts(&self) -> &[Cells] {
        &self.parts
    }

    /// The rows of the parts that a run (array, map, ring, vector) has at `row`.
    pub fn run(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        start..self.ends[row] as usize
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
            None => &self.bytes[self.run(row)],
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

    /// A value of a fixed kind, in its layout, or a text.
    #[inline]
    pub fn push_value(&mut self, value: &[u8]) {
        debug_assert!(self.kind == Kind::Text || self.kind.width() == Some(value.len()));
        self.bytes.extend_from_slice(value);
        if self.kind == Kind::Text {
            self.ends.push(self.bytes.len() as u64);
        }
        self.count_row();
    }

    /// A text that is written where it will lie; what was written before an error goes again.
    pub fn write_text<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        debug_assert_eq!(self.kind, Kind::Text);
        let start = self.bytes.len();
        if let Err(error) = write(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.ends.push(self.bytes.len() as u64);
        self.count_row();
        Ok(())
    }

    /// Opens a value that has parts: push as many rows as it has into each of them (one into those of
    /// a tuple), then [`Cells::end_parts`].
    pub fn parts_mut(&mut self) -> &mut [Cells] {
        &mut self.parts
    }

    pub fn end_parts(&mut self) {
        if !self.kind.is_tuple() {
            self.ends.push(self.parts[0].rows as u64);
        }
        self.count_row();
        debug_assert!(
            self.parts.iter().all(|part| part.rows == self.parts[0].rows)
                && (!self.kind.is_tuple() || self.parts[0].rows == self.rows)
        );
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
        match (&self.kind, self.kind.width()) {
            (_, Some(width)) => self.bytes.resize(self.bytes.len() + width, 0),
            (Kind::Range(_), _) => {
                self.parts[0].push_null();
                self.parts[1].push_null();
                self.parts[2].push_text(b"");
            }
            // Not where the axes cross, which is a place.
            (Kind::Point, _) => {
                self.parts.iter_mut().for_each(|part| part.push_fixed(f64::NAN.to_le_bytes()));
            }
            _ => self.ends.push(self.ends.last().copied().unwrap_or(0)),
        }
    }

    /// Takes back the rows from `rows` on, complete or half-pushed.
    pub fn truncate(&mut self, rows: usize) {
        match self.kind.width() {
            Some(width) => self.bytes.truncate(rows * width),
            None if self.kind.is_tuple() => {
                self.parts.iter_mut().for_each(|part| part.truncate(rows));
            }
            None => {
                self.ends.truncate(rows);
                let end = self.ends.last().copied().unwrap_or(0) as usize;
                self.bytes.truncate(if self.kind == Kind::Text { end } else { 0 });
                self.parts.iter_mut().for_each(|part| part.truncate(end));
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
        let parts = self.parts.iter_mut().zip(&other.parts);
        match self.kind.width() {
            Some(width) => self.bytes.extend_from_slice(&other.bytes[from * width..to * width]),
            None if self.kind.is_tuple() => {
                parts.for_each(|(mine, theirs)| mine.extend_from(theirs, from, to));
            }
            None => {
                let start = if from == 0 { 0 } else { other.ends[from - 1] };
                let end = if to == 0 { 0 } else { other.ends[to - 1] };
                let base = self.ends.last().copied().unwrap_or(0);
                self.ends.extend(other.ends[from..to].iter().map(|&e| e - start + base));
                let (start, end) = (start as usize, end as usize);
                if self.kind == Kind::Text {
                    self.bytes.extend_from_slice(&other.bytes[start..end]);
                }
                parts.for_each(|(mine, theirs)| mine.extend_from(theirs, start, end));
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
            + self.parts.iter().map(Cells::size_bytes).sum::<usize>()
    }

    pub fn clear(&mut self) {
        self.truncate(0);
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
        cells.parts_mut()[0].push_fixed(7i32.to_le_bytes());
        cells.end_parts();
        let whole = cells.clone();
        cells.parts_mut()[0].push_fixed(8i32.to_le_bytes());
        cells.parts_mut()[0].push_null();
        cells.truncate(1);
        assert_eq!(cells.parts()[0].bytes(), whole.parts()[0].bytes());
        assert_eq!(cells.parts()[0].rows(), 1);
        assert_eq!(cells.ends(), [1]);
    }

    #[test]
    fn what_stands_for_null_is_no_value_of_a_range() {
        let kind = PgType::Multirange(Box::new(PgType::Int4)).kind();
        let mut cells = Cells::new(kind);
        let ranges = &mut cells.parts_mut()[0];
        ranges.push_null();
        let [lower, upper, bounds] = ranges.parts_mut() else { panic!("three parts") };
        lower.push_fixed(1i32.to_le_bytes());
        upper.push_null();
        bounds.push_text(b"[)");
        ranges.end_parts();
        cells.end_parts();
        let bounds = &cells.parts()[0].parts()[2];
        assert_eq!((bounds.value(0), bounds.value(1)), (&b""[..], &b"[)"[..]));
        let mut twice = cells.clone();
        twice.extend_from(&cells, 0, 1);
        assert_eq!((twice.ends(), twice.parts()[0].rows()), (&[2u64, 4][..], 4));
        cells.parts_mut()[0].parts_mut()[0].push_null();
        cells.truncate(1);
        assert_eq!(cells.parts()[0].parts()[0].rows(), 2);
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
