//! A row that was set aside, from the texts in which it was kept, as a row of a block again.

use super::Field;
use super::rule::Altered;
use model::{Block, Op, Table, Unchanged, Version};
use std::collections::BTreeMap;

/// Texts by the column's name; `None` is NULL. What is missing was not sent.
pub type Texts = BTreeMap<String, Option<String>>;

/// Why a row is refused again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub column: String,
    pub reason: String,
}

fn field<'a>(table: &Table, at: usize, texts: &'a Texts) -> Field<'a> {
    match texts.get(&table.columns[at].name) {
        None => Field::Unchanged,
        Some(None) => Field::Null,
        Some(Some(text)) => Field::Text(text.as_bytes()),
    }
}

/// Pushes the row. What is not known of it is marked as unchanged.
pub fn push_row(block: &mut Block, texts: &Texts, op: Op, version: Version) -> Result<(), Refused> {
    let row = block.rows();
    let Block { table, columns, unchanged, .. } = &mut *block;
    let mut altered = Altered::default();
    for (at, (column, cells)) in table.columns.iter().zip(columns).enumerate() {
        let field = field(table, at, texts);
        if field == Field::Unchanged && !table.excluded.contains(&at) {
            unchanged.push(Unchanged { row: row as u32, column: at as u16 });
        }
        let pushed = field.push_as(table, at, column, cells);
        if pushed == Ok(0) {
            continue;
        }
        let is_null = field == Field::Null;
        if let Err(refusal) = altered.settle(table, at, cells, row, is_null, pushed) {
            let column = column.name.clone();
            block.abandon_row();
            return Err(Refused { column, reason: refusal.0 });
        }
    }
    altered.count(block);
    block.end_row(op, version);
    Ok(())
}

/// Pushes the key with defaults beside it. `false`: it is no key that could be carried.
pub fn push_key(block: &mut Block, key: &[String], version: Version) -> bool {
    let Block { table, columns, .. } = &mut *block;
    if key.len() != table.key.len() {
        return false;
    }
    for (at, (column, cells)) in table.columns.iter().zip(columns).enumerate() {
        let text = table.key.iter().position(|&part| part == at).map(|part| key[part].as_bytes());
        let field = text.map_or(Field::Unchanged, Field::Text);
        if field.push_as(table, at, column, cells).is_err() {
            block.abandon_row();
            return false;
        }
    }
    block.end_row(Op::Delete, version);
    true
}
