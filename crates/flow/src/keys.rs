//! Keys that go with a question to the store, so that it can be asked about many of them at once.
//!
//! A list in a statement is limited by the longest statement that the engine takes; a table of keys, which is
//! there for the question alone, is not. `_lsn` says which row was asked about.

use model::{Block, Error, Lsn, Mode, OnUpdate, Op, Result, Table, TableName, Version};
#[cfg(feature = "kafka")]
use model::{Cells, Column, PgType, TableId};
use std::sync::Arc;
use store::{Beside, Target, TargetColumn, ddl};

/// The keys of some rows, and how a question names them.
pub(crate) struct Staged {
    pub(crate) beside: Beside,
    /// Of rows that have one of the keys.
    pub(crate) of_keys: String,
    /// What such rows, as `r`, are joined with: `l._lsn` is the place of their key.
    pub(crate) joined: String,
}

impl Staged {
    /// The keys of `rows`; the answers name them by their place in `rows`.
    pub(crate) fn new(target: &Target, block: &Block, rows: &[usize]) -> Result<Staged> {
        let key = key_tuple(target).ok_or_else(|| Error::bug("a lookup needs the key"))?;
        let staging = Arc::new(staging(&target.table));
        let mut keys = Block::new(staging.table.clone());
        for (n, &row) in rows.iter().enumerate() {
            for (cells, &at) in keys.columns.iter_mut().zip(&target.table.key) {
                cells.extend_from(&block.columns[at], row, row + 1);
            }
            keys.end_row(Op::Insert, Version::of_change(Lsn(n as u64), Lsn::ZERO));
        }
        let names: Vec<&str> = staging.columns.iter().map(|c| c.name.as_str()).collect();
        let kept = target.table.key.iter().filter_map(|&at| target.column_of(at));
        let pairs = kept.zip(&names).map(|(c, k)| format!("r.{} = l.{k}", ddl::ident(&c.name)));
        let (name, pairs) = (Beside::TABLE, pairs.collect::<Vec<_>>().join(" AND "));
        let of_keys = format!("{key} IN (SELECT ({}) FROM {name})", names.join(", "));
        let joined = format!("{name} AS l ON {pairs}");
        let beside = Beside { block: Arc::new(keys), target: staging };
        Ok(Staged { beside, of_keys, joined })
    }
}

/// The target's key columns, quoted, as a tuple. `None`: some are not kept.
pub(crate) fn key_tuple(target: &Target) -> Option<String> {
    let names: Option<Vec<String>> = target
        .table
        .key
        .iter()
        .map(|&at| target.column_of(at).map(|column| ddl::ident(&column.name)))
        .collect();
    names.filter(|names| !names.is_empty()).map(|names| format!("({})", names.join(", ")))
}

/// What tells the key of a row from others.
pub(crate) fn key_bytes(block: &Block, row: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &at in &block.table.key {
        let cells = &block.columns[at];
        bytes.push(u8::from(cells.is_null(row)));
        let value = cells.value(row);
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    bytes
}

/// As a UUID, which ClickHouse has as two halves.
#[cfg(feature = "kafka")]
pub(crate) fn push_hash(cells: &mut Cells, hash: u128) {
    let (upper, lower) = ((hash >> 64) as u64, hash as u64);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&upper.to_le_bytes());
    bytes[8..].copy_from_slice(&lower.to_le_bytes());
    cells.push_fixed(bytes);
}

/// Hashes that go with a question, as its `k0`.
#[cfg(feature = "kafka")]
pub(crate) fn hashes(hashes: impl Iterator<Item = u128>) -> Beside {
    let column = Column { not_null: true, ..Column::new("k0", PgType::Uuid) };
    let name = TableName::new("", Beside::TABLE);
    let table = Table { key: vec![0], ..Table::new(TableId(0), name, vec![column]) };
    let target = Arc::new(staging(&table));
    let mut block = Block::new(target.table.clone());
    for hash in hashes {
        push_hash(&mut block.columns[0], hash);
        block.end_row(Op::Insert, Version(0));
    }
    Beside { block: Arc::new(block), target }
}

fn staging(source: &Table) -> Target {
    let place = TableName::new("", Beside::TABLE);
    let columns: Vec<_> = source.key.iter().map(|&at| source.columns[at].clone()).collect();
    let kept = columns.iter().enumerate().map(|(n, column)| TargetColumn {
        source: n,
        name: format!("k{n}"),
        clickhouse: column.pg.kind().clickhouse(false),
        nullable: false,
        default: None,
        rule: None,
    });
    let kept = kept.collect();
    let table =
        Table { identity: source.identity, ..Table::new(source.id, source.name.clone(), columns) };
    Target {
        table: Arc::new(table),
        mode: Mode::Append,
        name: place.clone(),
        rows: place,
        columns: kept,
        order_by: Vec::new(),
        partition_by: None,
        ttl: None,
        extra_columns: Vec::new(),
        keeps_deletes: false,
        keeps_truncated: true,
        on_update: OnUpdate::Ignore,
    }
}
