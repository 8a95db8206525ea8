//! Where each marked value of a block comes from, and which rows of the block share it.

use crate::keys::key_bytes;
use model::{Block, Error, Op, Result, Version};
use std::collections::HashMap;

/// Where a marked value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A row of the same block.
    Row(usize),
    /// The store, as of before this row; the source where it has not got it.
    Store(usize),
    /// The source alone: a row before it went to quarantine, so that the store's is an older one.
    Source,
}

/// (row, column) of the block.
pub(super) type Place = (usize, usize);

/// A row whose value of the column is the one that was there before the root. Those of a root and a column
/// are a chain: from its first to its last row nobody set the value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Link {
    pub(super) root: usize,
    pub(super) column: usize,
    pub(super) row: usize,
}

impl Link {
    pub(super) fn chain(&self) -> Place {
        (self.root, self.column)
    }
}

/// What the block says of a key so far.
#[derive(Clone, Copy)]
struct Last {
    row: usize,
    is_gone: bool,
    /// The first row that has the key.
    first: usize,
}

#[derive(Debug)]
pub(super) struct Origins {
    pub(super) of: HashMap<Place, Origin>,
    /// For each row, the first one of the block with its key.
    pub(super) first: Vec<usize>,
    /// For each row, the next one of the block that says something of its key.
    next: Vec<Option<usize>>,
    /// Rows of several partitions of a topic are in the order of each alone.
    newest: Version,
}

impl Origins {
    /// By the last earlier row of the same key.
    pub(super) fn of(block: &Block) -> Result<Origins> {
        let key = &block.table.key;
        if key.iter().any(|&at| !block.columns[at].kind().may_be_nullable()) {
            let name = &block.table.name;
            return Err(Error::definite(format!("cannot fill unchanged values of {name}"))
                .detail("Its key holds an array, a map, a range or a shape.")
                .hint(format!("ALTER TABLE {name} REPLICA IDENTITY FULL")));
        }
        let mut marked: HashMap<usize, Vec<usize>> = HashMap::new();
        for mark in &block.unchanged {
            marked.entry(mark.row as usize).or_default().push(mark.column as usize);
        }
        let rows = block.rows();
        let mut origins = Origins {
            of: HashMap::new(),
            first: (0..rows).collect(),
            next: vec![None; rows],
            newest: block.versions.iter().copied().max().unwrap_or(Version(0)),
        };
        let mut last: HashMap<Vec<u8>, Last> = HashMap::new();
        let mut deleted_just_now: Option<Last> = None;
        for row in 0..rows {
            let own = key_bytes(block, row);
            let before = last.get(&own).copied();
            let earlier = match before_key_change(block, row) == row {
                true => before,
                false => deleted_just_now,
            };
            for &column in marked.get(&row).into_iter().flatten() {
                let origin = match earlier {
                    Some(Last { is_gone: true, .. }) => Origin::Source,
                    Some(Last { row: earlier, .. }) => {
                        *origins.of.get(&(earlier, column)).unwrap_or(&Origin::Row(earlier))
                    }
                    None => Origin::Store(row),
                };
                origins.of.insert((row, column), origin);
            }
            deleted_just_now = None;
            if block.ops[row] == Op::Truncate {
                for (_, one) in last.drain() {
                    origins.next[one.row] = Some(row);
                }
                continue;
            }
            if let Some(before) = before {
                origins.first[row] = before.first;
                origins.next[before.row] = Some(row);
            }
            let is_gone = matches!(block.ops[row], Op::Delete | Op::Refused);
            let told = last.insert(own, Last { row, is_gone, first: origins.first[row] });
            if block.ops[row] == Op::Delete {
                deleted_just_now = told;
            }
        }
        Ok(origins)
    }

    /// The first version that says something else of the row's key than the row does.
    pub(super) fn ends(&self, block: &Block, row: usize) -> Version {
        match self.next[row] {
            Some(next) => block.versions[next],
            // A replay of the last one is newer by one.
            None => Version(self.newest.0 + 2),
        }
    }

    /// Whether an UPDATE of the block leaves another row in the place of all that have this one's key.
    pub(super) fn is_replaced(&self, block: &Block, row: usize) -> bool {
        let later = std::iter::successors(self.next[row], |&row| self.next[row]);
        let mut said = later.map(|row| block.ops[row]).skip_while(|op| *op == Op::Insert);
        matches!(said.next(), Some(Op::Update | Op::Delete))
    }
}

/// Where the row's old key is.
pub(super) fn before_key_change(block: &Block, row: usize) -> usize {
    if block.changes_key(row) { row - 1 } else { row }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use model::{Column, Lsn, PgType, Table, TableId, TableName, Unchanged};
    use std::sync::Arc;

    pub(in crate::toast) fn block(rows: &[(Op, u64, i32, Option<&str>)]) -> Block {
        let column =
            |name: &str, oid, pg| Column { type_oid: oid, not_null: true, ..Column::new(name, pg) };
        let table = Arc::new(Table {
            key: vec![0],
            ..Table::new(
                TableId(1),
                TableName::new("public", "posts"),
                vec![column("id", 23, PgType::Int4), column("body", 25, PgType::Text)],
            )
        });
        let mut block = Block::new(table);
        for (row, &(op, version, id, body)) in rows.iter().enumerate() {
            block.columns[0].push_fixed(id.to_le_bytes());
            match body {
                Some(text) => block.columns[1].push_text(text.as_bytes()),
                None => block.columns[1].push_default(),
            }
            if body.is_none() && op != Op::Delete {
                block.unchanged.push(Unchanged { row: row as u32, column: 1 });
            }
            block.end_row(op, Version::of_change(Lsn(version), Lsn(version)));
        }
        block
    }

    #[test]
    fn earlier_rows_of_the_block_come_first_and_chains_lead_to_the_value() {
        let block = block(&[
            (Op::Insert, 1, 7, Some("text")),
            (Op::Update, 2, 7, None),
            (Op::Update, 3, 7, None),
            (Op::Update, 4, 8, None),
            (Op::Update, 5, 8, None),
        ]);
        let origins = Origins::of(&block).unwrap();
        assert_eq!(origins.of[&(1, 1)], Origin::Row(0));
        assert_eq!(origins.of[&(2, 1)], Origin::Row(0));
        assert_eq!(origins.of[&(3, 1)], Origin::Store(3));
        assert_eq!(origins.of[&(4, 1)], Origin::Store(3));
    }

    #[test]
    fn a_changed_key_keeps_its_values() {
        let block = block(&[
            (Op::Insert, 1, 7, Some("text")),
            (Op::Delete, 2, 7, None),
            (Op::Insert, 2, 9, None),
            (Op::Delete, 3, 5, None),
            (Op::Insert, 3, 6, None),
        ]);
        let origins = Origins::of(&block).unwrap();
        assert_eq!(origins.of[&(2, 1)], Origin::Row(0));
        assert_eq!(origins.of[&(4, 1)], Origin::Store(4));
        assert_eq!(before_key_change(&block, 4), 3);
    }

    #[test]
    fn behind_a_row_in_quarantine_the_store_is_not_asked() {
        let block = block(&[
            (Op::Delete, 1, 7, None),
            (Op::Update, 2, 7, None),
            (Op::Delete, 3, 7, None),
            (Op::Insert, 3, 8, None),
            (Op::Delete, 4, 5, None),
            (Op::Delete, 5, 5, None),
            (Op::Insert, 5, 6, None),
        ]);
        let origins = Origins::of(&block).unwrap();
        assert_eq!(origins.of[&(1, 1)], Origin::Source);
        assert_eq!(origins.of[&(3, 1)], Origin::Source);
        assert_eq!(origins.of[&(6, 1)], Origin::Source);
    }

    #[test]
    fn what_a_row_says_ends_with_the_next_one_of_its_key() {
        let block = block(&[
            (Op::Update, 1, 7, None),
            (Op::Update, 2, 8, None),
            (Op::Update, 3, 7, None),
            (Op::Delete, 4, 7, None),
            (Op::Insert, 4, 9, None),
            (Op::Truncate, 5, 0, None),
            (Op::Insert, 6, 8, Some("text")),
        ]);
        let origins = Origins::of(&block).unwrap();
        let ends = |row| origins.ends(&block, row);
        let at = |version| Version::of_change(Lsn(version), Lsn(version));
        assert_eq!([0, 1, 2, 4].map(ends), [3, 5, 4, 5].map(at));
        assert_eq!(ends(6), Version(at(6).0 + 2));
        assert_eq!(origins.first, [0, 1, 0, 0, 4, 5, 6]);
        let replaced: Vec<usize> = (0..7).filter(|&row| origins.is_replaced(&block, row)).collect();
        assert_eq!(replaced, [0, 2]);
        let again = super::tests::block(&[
            (Op::Update, 1, 7, None),
            (Op::Insert, 2, 7, Some("text")),
            (Op::Update, 3, 7, None),
            (Op::Insert, 4, 7, Some("text")),
        ]);
        let origins = Origins::of(&again).unwrap();
        let replaced: Vec<usize> = (0..4).filter(|&row| origins.is_replaced(&again, row)).collect();
        assert_eq!(replaced, [0, 1]);
    }
}
