//! A run of changes of one table, as columns: the only form in which rows travel.
//!
//! ```text
//!            ops        versions    columns[0]  columns[1] …
//! row 0      Insert     16/A0,16/9  Cells       Cells
//! row 1      Delete     16/A0,16/9  (key)       (default)
//! ```
//!
//! Decoders push values straight into [`Cells`]; there is no value object per cell.

use crate::cells::Cells;
use crate::lsn::{Lsn, Version};
use crate::table::Table;
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
    /// The new row was set aside. Only its key is here, so that the row of before does not stay as if
    /// it were current.
    Refused = 3,
    /// Every row went. No column carries a value.
    Truncate = 4,
}

impl Op {
    /// Whether only key columns carry values.
    pub fn is_keys_only(self) -> bool {
        matches!(self, Op::Delete | Op::Refused | Op::Truncate)
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

impl Reject {
    fn size_bytes(&self) -> usize {
        let Reject { column, reason, row, key, .. } = self;
        size_of::<Reject>() + [column, reason, row, key].map(String::len).iter().sum::<usize>()
    }
}

/// Changes of one table in log order.
#[derive(Clone, Debug)]
pub struct Block {
    pub table: Arc<Table>,
    pub ops: Vec<Op>,
    pub versions: Vec<Version>,
    pub columns: Vec<Cells>,
    /// When transactions with rows here committed, in microseconds since 1970, in log order.
    pub commits: Vec<(Lsn, i64)>,
    /// Of a history: the key that each row had before, a column for each of the key's. NULL: none.
    /// Empty: of no row.
    pub before: Vec<Cells>,
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
            commits: Vec::new(),
            before: Vec::new(),
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
        self.commits.clear();
        self.before.clear();
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

    /// Of rows that are refused, too.
    pub fn size_bytes(&self) -> usize {
        let rejects = self.rejects.iter().map(Reject::size_bytes).sum::<usize>();
        rejects + self.rows() * 17 + self.columns.iter().map(Cells::size_bytes).sum::<usize>()
    }

    /// Closes a row whose cells have all been pushed.
    #[inline]
    pub fn end_row(&mut self, op: Op, version: Version) {
        self.ops.push(op);
        self.versions.push(version);
        debug_assert!(self.columns.iter().all(|column| column.rows() == self.ops.len()));
    }

    /// The transaction of the rows to come committed then.
    #[inline]
    pub fn note_commit(&mut self, commit: Lsn, at_us: i64) {
        if self.commits.last().is_none_or(|last| last.0 != commit) {
            self.commits.push((commit, at_us));
        }
    }

    /// When the row's transaction committed; 0: that is not known.
    pub fn committed_us(&self, row: usize) -> i64 {
        let commit = self.versions[row].commit();
        let at = self.commits.binary_search_by_key(&commit, |known| known.0);
        at.map_or(0, |at| self.commits[at].1)
    }

    /// A changed key travels as a DELETE of the old one and the new row, of one version: whether the
    /// row is that new one.
    pub fn changes_key(&self, row: usize) -> bool {
        row > 0 && self.ops[row - 1] == Op::Delete && self.versions[row - 1] == self.versions[row]
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
        part.commits.extend_from_slice(self.commits_of(from, to));
        part.take_before(self, from, to);
        // Marks lie in the order of their rows.
        let place = |row| self.unchanged.partition_point(|mark| (mark.row as usize) < row);
        let marks = self.unchanged[place(from)..place(to)].iter();
        let moved = |mark: &Unchanged| Unchanged { row: mark.row - from as u32, ..*mark };
        part.unchanged = marks.map(moved).collect();
        part
    }

    /// Those of the rows `from..to`, which need not lie in the order of the log.
    fn commits_of(&self, from: usize, to: usize) -> &[(Lsn, i64)] {
        let versions = &self.versions[from..to];
        let Some((first, last)) = versions.iter().min().zip(versions.iter().max()) else {
            return &[];
        };
        let begin = self.commits.partition_point(|known| known.0 < first.commit());
        let end = self.commits.partition_point(|known| known.0 <= last.commit());
        &self.commits[begin..end]
    }

    fn take_before(&mut self, other: &Block, from: usize, to: usize) {
        if self.before.is_empty() {
            self.before =
                other.before.iter().map(|cells| Cells::new(cells.kind().clone())).collect();
        }
        for (mine, theirs) in self.before.iter_mut().zip(&other.before) {
            mine.extend_from(theirs, from, to);
        }
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
        let last = self.commits.last().map(|known| known.0);
        let is_later = other.commits.first().is_none_or(|known| Some(known.0) > last);
        self.commits.extend_from_slice(&other.commits);
        if !is_later {
            self.commits.sort_by_key(|known| known.0);
            self.commits.dedup_by_key(|known| known.0);
        }
        self.take_before(other, 0, other.rows());
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
    use crate::table::{TableId, TableName};

    #[test]
    fn parts_of_a_block_know_when_their_rows_were_committed() {
        let table = Table::new(TableId(1), TableName::new("public", "t"), Vec::new());
        let mut block = Block::new(Arc::new(table));
        for commit in [1, 1, 2, 3, 3, 4u64] {
            block.note_commit(Lsn(commit), 100 + commit as i64);
            block.end_row(Op::Insert, Version::of_change(Lsn(commit), Lsn(8)));
        }
        assert_eq!(block.commits.len(), 4);
        let times = |block: &Block| -> Vec<i64> {
            (0..block.rows()).map(|row| block.committed_us(row)).collect()
        };
        assert_eq!(times(&block), [101, 101, 102, 103, 103, 104]);
        let some = block.only(&[1, 4, 5]);
        assert_eq!((times(&some), some.commits.len()), (vec![101, 103, 104], 3));
        let middle = block.slice(2, 4);
        assert_eq!((times(&middle), middle.commits.len()), (vec![102, 103], 2));
        assert!(block.slice(3, 3).commits.is_empty());
        let mut both = block.slice(0, 4);
        both.append(&block.slice(4, 6));
        assert_eq!((times(&both), both.commits.len()), (times(&block), 4));
        // In another order than the log's.
        let mut turned = block.slice(4, 6);
        turned.append(&block.slice(0, 3));
        assert_eq!(times(&turned), [103, 104, 101, 101, 102]);
        assert_eq!(times(&turned.only(&[1, 2, 4])), [104, 101, 102]);
        assert_eq!(times(&turned.slice(1, 4)), [104, 101, 101]);
    }
}
