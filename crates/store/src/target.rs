//! Where a table lives in ClickHouse: its names, columns and types there.

use model::{Mode, Table, TableName};
use std::sync::Arc;

/// A table of the source as ClickHouse keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub table: Arc<Table>,
    pub mode: Mode,
    /// What readers query: the table of an append target, the view of a mirror.
    pub name: TableName,
    /// Where rows are written: the same as `name` for append, `<database>_raw.<table>` for a mirror.
    pub rows: TableName,
    pub columns: Vec<TargetColumn>,
    pub order_by: Vec<String>,
    pub partition_by: Option<String>,
    pub ttl: Option<String>,
    /// Columns that the engine fills itself: name and `TYPE DEFAULT expression`.
    pub extra_columns: Vec<(String, String)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TargetColumn {
    /// Index into `Table::columns` and `Block::columns`.
    pub source: usize,
    pub name: String,
    /// The column's type in ClickHouse.
    pub clickhouse: String,
    /// Whether the encoder sends a null map.
    pub nullable: bool,
}
