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
