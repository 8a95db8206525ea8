//! A row that is kept aside: as JSON of texts that Postgres reads. One that was decoded is as it was
//! decoded: what a documented rule altered stays so.

use super::Field;
use super::row::Kept;
use crate::lookup;
use model::{Block, Op, Reject, Table, Version};
use std::fmt::Write;

/// A row that the decoder refused, in the forms in which it came.
pub(super) fn of_fields(
    table: &Table,
    fields: &[Field<'_>],
    column: usize,
    reason: String,
    op: Op,
    version: Version,
) -> Reject {
    let kept = |at: usize| fields[at].kept(&table.columns[at]);
    let (row, key) = (json(table, kept), key(table, kept));
    Reject { version, op, column: table.columns[column].name.clone(), reason, row, key }
}

/// A row that was decoded and that the store refused. `column` may be empty: not known.
pub fn of_row(block: &Block, row: usize, column: &str, reason: &str) -> Reject {
    let text = |at: usize| decoded(block, row, at);
    let (row_text, key) = (json(&block.table, text), key(&block.table, text));
    let (version, op) = (block.versions[row], block.ops[row]);
    let (column, reason) = (column.to_owned(), reason.to_owned());
    Reject { version, op, column, reason, row: row_text, key }
}

/// A row that was decoded but for the values that its block has not, which the source refused to give:
/// `looked_up` holds them.
pub fn of_incomplete_row(block: &Block, row: usize, looked_up: &Reject) -> Reject {
    let lacks = |at: usize| {
        let is_it =
            |mark: &model::Unchanged| mark.row as usize == row && mark.column as usize == at;
        block.unchanged.iter().any(is_it)
    };
    let text = |at: usize| match lacks(at) {
        true => Kept::Nothing,
        false => decoded(block, row, at),
    };
    let (known, key) = (json(&block.table, text), key(&block.table, text));
    let row_text = match (known.strip_suffix('}'), looked_up.row.strip_prefix('{')) {
        (Some("{"), Some(rest)) => format!("{{{rest}"),
        (Some(known), Some(rest)) if rest != "}" => format!("{known},{rest}"),
        _ => known,
    };
    let (version, op) = (block.versions[row], block.ops[row]);
    Reject { version, op, row: row_text, key, ..looked_up.clone() }
}

fn decoded(block: &Block, row: usize, at: usize) -> Kept {
    let cells = &block.columns[at];
    match cells.is_null(row) {
        true => Kept::Null,
        false => Kept::Text(lookup::text_of(&block.table.columns[at].pg, cells, row)),
    }
}

/// A text of every column of the key, or nothing.
fn key(table: &Table, kept: impl Fn(usize) -> Kept) -> String {
    let mut key = String::from("[");
    for &at in &table.key {
        let Kept::Text(text) = kept(at) else { return String::new() };
        if key.len() > 1 {
            key.push(',');
        }
        json_string(&text, &mut key);
    }
    match key.len() {
        1 => String::new(),
        _ => key + "]",
    }
}

/// What is kept of each column, but of excluded ones. Bytes stand under a name that is no column's.
fn json(table: &Table, kept: impl Fn(usize) -> Kept) -> String {
    let mut row = String::from("{");
    for (at, column) in table.columns.iter().enumerate() {
        if table.excluded.contains(&at) {
            continue;
        }
        let (name, text) = match kept(at) {
            Kept::Nothing => continue,
            Kept::Null => (column.name.clone(), None),
            Kept::Text(text) => (column.name.clone(), Some(text)),
            Kept::Bytes(hex) => (format!("{} in hex, not printed", column.name), Some(hex)),
        };
        if row.len() > 1 {
            row.push(',');
        }
        json_string(&name, &mut row);
        row.push(':');
        match text {
            Some(text) => json_string(&text, &mut row),
            None => row.push_str("null"),
        }
    }
    row.push('}');
    row
}

fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            ..' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            _ => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Column, Lsn, PgType, TableId, TableName};
    use std::sync::Arc;

    #[test]
    fn a_decoded_row_reads_as_postgres_takes_it() {
        let column = |name: &str, pg: PgType| Column::new(name, pg);
        let grid = PgType::Array(Box::new(PgType::Text), 2);
        let table = Arc::new(Table {
            key: vec![0],
            ..Table::new(
                TableId(1),
                TableName::new("public", "t"),
                vec![
                    column("id", PgType::Int4),
                    column("say \"hi\"", PgType::Text),
                    column("grid", grid),
                    column("none", PgType::Uuid),
                ],
            )
        });
        let mut block = Block::new(table);
        for id in [7i32, 8] {
            block.columns[0].push_fixed(id.to_le_bytes());
            block.columns[1].push_text(b"a\nb");
            for texts in [[Some("x"), None], [Some("a,b"), Some("null")]] {
                let inner = &mut block.columns[2].parts_mut()[0];
                for text in texts {
                    match text {
                        Some(text) => inner.parts_mut()[0].push_text(text.as_bytes()),
                        None => inner.parts_mut()[0].push_null(),
                    }
                }
                inner.end_parts();
            }
            block.columns[2].end_parts();
            block.columns[3].push_null();
            block.end_row(Op::Update, Version::of_copy(Lsn(9)));
        }
        let reject = of_row(&block, 1, "grid", "why");
        assert_eq!(
            reject.row,
            r#"{"id":"8","say \"hi\"":"a\nb","grid":"{{x,NULL},{\"a,b\",\"null\"}}","none":null}"#
        );
        assert_eq!((reject.op, reject.column.as_str()), (Op::Update, "grid"));
        assert_eq!(reject.key, r#"["8"]"#);
        block.unchanged.push(model::Unchanged { row: 1, column: 2 });
        let looked_up = Reject { row: r#"{"grid":"{{Infinity}}"}"#.into(), ..reject };
        let whole = of_incomplete_row(&block, 1, &looked_up);
        assert_eq!(
            whole.row,
            r#"{"id":"8","say \"hi\"":"a\nb","none":null,"grid":"{{Infinity}}"}"#
        );
    }
}
