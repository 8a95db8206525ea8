//! Changes as a history keeps them: one row each, with the key that it had before.
//!
//! ```text
//! of the stream            kept
//! Delete 7 ┐ one version   Update 9, before 7
//! Insert 9 ┘
//! Update 9                 Update 9, before 9
//! Delete 9                 Delete 9, before 9; NULL wherever there may be one
//! ```

use model::{Block, Cells, Op};
use store::{Target, TargetColumn};

/// The block as the rows of a history, once its values are whole.
pub(crate) fn changes(block: &Block, target: &Target) -> Block {
    let is_first_half = |row: usize| row + 1 < block.rows() && block.changes_key(row + 1);
    let rows: Vec<usize> = (0..block.rows()).filter(|&row| !is_first_half(row)).collect();
    let mut changes = block.only(&rows);
    changes.rejects.clone_from(&block.rejects);
    (changes.clamped, changes.nulled) = (block.clamped.clone(), block.nulled.clone());
    for (at, &row) in rows.iter().enumerate() {
        if block.changes_key(row) && changes.ops[at] == Op::Insert {
            changes.ops[at] = Op::Update;
        }
    }
    let key = &block.table.key;
    changes.before = key.iter().map(|&at| before(block, &rows, &block.columns[at])).collect();
    let dead: Vec<usize> =
        (0..changes.rows()).filter(|&row| changes.ops[row].is_keys_only()).collect();
    if !dead.is_empty() {
        let unknown = target.columns.iter().filter(|column| !key.contains(&column.source));
        for column in unknown.filter(|column| may_be_null(column)) {
            changes.columns[column.source] = changes.columns[column.source].with_nulls(&dead);
        }
    }
    changes
}

/// A part of the key that these rows had before.
fn before(block: &Block, rows: &[usize], cells: &Cells) -> Cells {
    let mut before = Cells::new(cells.kind().clone());
    for &row in rows {
        match block.ops[row] {
            _ if block.changes_key(row) => before.extend_from(cells, row - 1, row),
            Op::Update | Op::Delete => before.extend_from(cells, row, row + 1),
            Op::Insert | Op::Refused | Op::Truncate => before.push_null(),
        }
    }
    before
}

/// Whether NULL can be written there, or becomes what is shown for it.
fn may_be_null(column: &TargetColumn) -> bool {
    column.nullable && (column.takes_null() || column.default.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intervals::tests::block;
    use model::{Mode, TableOptions};

    #[test]
    fn a_changed_key_is_one_row_with_the_key_before() {
        let mut of_stream = block(&[
            (Op::Insert, 10, 1),
            (Op::Update, 10, 2),
            (Op::Delete, 10, 3),
            (Op::Insert, 10, 3),
            (Op::Delete, 20, 4),
            (Op::Delete, 20, 5),
            (Op::Refused, 20, 5),
            (Op::Truncate, 20, 6),
        ]);
        (of_stream.commits, of_stream.columns[0]) = (vec![(model::Lsn(10), 7)], {
            let mut cells = Cells::new(of_stream.columns[0].kind().clone());
            (1..=8i64).for_each(|id| cells.push_fixed(id.to_le_bytes()));
            cells
        });
        let options = TableOptions { mode: Mode::History, ..TableOptions::default() };
        let target = Target::resolve(of_stream.table.clone(), &options, None).unwrap();
        let kept = changes(&of_stream, &target);
        use Op::{Delete, Insert, Refused, Truncate, Update};
        assert_eq!(kept.ops, [Insert, Update, Update, Delete, Refused, Truncate]);
        let ids = |cells: &Cells| -> Vec<Option<i64>> {
            let id = |row| i64::from_le_bytes(cells.value(row).try_into().unwrap());
            (0..cells.rows()).map(|row| (!cells.is_null(row)).then(|| id(row))).collect()
        };
        assert_eq!(ids(&kept.columns[0]), [1, 2, 4, 5, 7, 8].map(Some));
        assert_eq!(ids(&kept.before[0]), [None, Some(2), Some(3), Some(5), Some(6), None]);
        assert_eq!((kept.committed_us(0), kept.committed_us(4)), (7, 0));
        // Parts of it keep what belongs to their rows.
        assert_eq!(ids(&kept.only(&[2, 4]).before[0]), [Some(3), Some(6)]);
    }
}
