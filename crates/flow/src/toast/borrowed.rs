//! Values of the source's today, which are in the store under an earlier version.
//!
//! Whoever has a row's key today may be another row: then the one that the key was taken from goes on under
//! another key, later in the log, and must not take that value with it. Until the stream is past the
//! position of the look, the store's value counts for rows of that key alone. So does what the store has of
//! a key that nobody has today: the last of its rows was left out.

use model::{Block, Lsn, TableId, Version};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

#[derive(Default)]
pub(super) struct Borrowed {
    tables: HashMap<TableId, Marks>,
}

/// By hashes: of two that are the same the source is asked for nothing.
#[derive(Default)]
struct Marks {
    /// Of key, column and version: until when.
    values: HashMap<u64, Lsn>,
    /// Of keys: what is from before the version, and until when.
    absent: HashMap<u64, (Version, Lsn)>,
    order: VecDeque<(Lsn, Mark)>,
}

#[derive(Clone, Copy)]
enum Mark {
    Value(u64),
    Absent(u64),
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Borrowed {
    pub(super) fn add(
        &mut self,
        table: TableId,
        until: Lsn,
        (key, column): (&[u8], usize),
        version: Version,
    ) {
        let (marks, value) = (self.tables.entry(table).or_default(), hash((key, column, version)));
        let known = marks.values.entry(value).or_insert(until);
        *known = until.max(*known);
        marks.order.push_back((until, Mark::Value(value)));
    }

    /// Nobody had the key any more: its row of that version was left out.
    pub(super) fn add_absent(&mut self, table: TableId, until: Lsn, key: &[u8], version: Version) {
        let (marks, key) = (self.tables.entry(table).or_default(), hash(key));
        let known = marks.absent.entry(key).or_insert((version, until));
        *known = (version.max(known.0), until.max(known.1));
        marks.order.push_back((until, Mark::Absent(key)));
    }

    /// The stream is there; what was looked at before is what the log says by now.
    pub(super) fn pass(&mut self, block: &Block) {
        let Some(first) = block.versions.first() else { return };
        let Some(marks) = self.tables.get_mut(&block.table.id) else { return };
        let is_past = |until: Lsn| until < first.commit();
        while let Some((_, mark)) = marks.order.pop_front_if(|(until, _)| is_past(*until)) {
            match mark {
                Mark::Value(value) if marks.values.get(&value).is_some_and(|at| is_past(*at)) => {
                    marks.values.remove(&value);
                }
                Mark::Absent(key) if marks.absent.get(&key).is_some_and(|at| is_past(at.1)) => {
                    marks.absent.remove(&key);
                }
                Mark::Value(_) | Mark::Absent(_) => {}
            }
        }
        if marks.order.is_empty() {
            self.tables.remove(&block.table.id);
        }
    }

    /// Until when the store's value stands for rows of its key alone. `None`: it stands for whoever had it.
    pub(super) fn until(
        &self,
        table: TableId,
        (key, column): (&[u8], usize),
        version: Version,
    ) -> Option<Lsn> {
        let marks = self.tables.get(&table)?;
        let value = marks.values.get(&hash((key, column, version))).copied();
        let absent = marks.absent.get(&hash(key)).filter(|(since, _)| version < *since);
        value.max(absent.map(|(_, until)| *until))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toast::origins::tests::block;
    use model::Op;

    fn at(commit: u64) -> Version {
        Version::of_change(Lsn(commit), Lsn(commit))
    }

    fn stream(commit: u64) -> Block {
        block(&[(Op::Insert, commit, 1, Some("text"))])
    }

    const T: TableId = TableId(1);

    #[test]
    fn a_value_is_borrowed_until_the_stream_is_past_the_look() {
        let mut borrowed = Borrowed::default();
        borrowed.add(T, Lsn(100), (b"a", 1), at(10));
        borrowed.add(T, Lsn(120), (b"b", 1), at(20));
        // Looked at once more.
        borrowed.add(T, Lsn(120), (b"c", 1), at(10));
        borrowed.add(T, Lsn(110), (b"c", 1), at(10));
        let until = |borrowed: &Borrowed, key: &[u8], column, version| {
            borrowed.until(T, (key, column), at(version)).map(|until| until.0)
        };
        assert_eq!(until(&borrowed, b"a", 1, 10), Some(100));
        assert_eq!(until(&borrowed, b"a", 2, 10), None);
        assert_eq!(until(&borrowed, b"a", 1, 20), None);
        assert_eq!(borrowed.until(TableId(2), (b"a", 1), at(10)), None);
        borrowed.pass(&stream(100));
        assert_eq!(until(&borrowed, b"a", 1, 10), Some(100));
        borrowed.pass(&stream(101));
        assert_eq!(until(&borrowed, b"a", 1, 10), None);
        borrowed.pass(&stream(111));
        assert_eq!(until(&borrowed, b"b", 1, 20), Some(120));
        assert_eq!(until(&borrowed, b"c", 1, 10), Some(120));
        borrowed.pass(&stream(121));
        assert!(borrowed.is_empty());
    }

    #[test]
    fn what_is_older_than_a_row_that_was_left_out_is_another_rows() {
        let mut borrowed = Borrowed::default();
        borrowed.add_absent(T, Lsn(100), b"a", at(10));
        assert_eq!(borrowed.until(T, (b"a", 1), at(9)), Some(Lsn(100)));
        assert_eq!(borrowed.until(T, (b"a", 1), at(11)), None);
        borrowed.pass(&stream(101));
        assert!(borrowed.is_empty());
    }
}
