//! Every type, both forms, with a real Postgres as the oracle; arbitrary bytes; rejected rows.

mod arbitrary;
mod oracle;
mod rows;

use model::{Column, PgType, Table, TableId, TableName};

fn column(name: &str, pg: PgType) -> Column {
    Column::new(name, pg)
}

/// The first column is the key.
fn table(types: impl IntoIterator<Item = PgType>) -> Table {
    let named = |(at, pg)| column(&format!("c{at}"), pg);
    Table {
        key: vec![0],
        ..Table::new(
            TableId(1),
            TableName::new("public", "t"),
            types.into_iter().enumerate().map(named).collect(),
        )
    }
}

/// A tuple as pgoutput sends it; `None` is NULL.
fn tuple(kind: u8, fields: &[Option<&[u8]>]) -> Vec<u8> {
    let mut bytes = (fields.len() as u16).to_be_bytes().to_vec();
    for field in fields {
        match field {
            None => bytes.push(b'n'),
            Some(value) => {
                bytes.push(kind);
                bytes.extend((value.len() as i32).to_be_bytes());
                bytes.extend_from_slice(value);
            }
        }
    }
    bytes
}
