//! Values of every kind, on their way in and out.

use crate::any::push;
use crate::{Home, column, table};
use model::{Block, ColumnOptions, Kind, Lsn, Op, PgType, Table, TableOptions, Version};
use std::sync::Arc;
use store::Target;

/// Whatever a kind holds goes into the engine and comes out of it as it was.
pub fn values_of_every_kind_read_back(home: &Home) {
    let texts = || PgType::Array(Box::new(PgType::Text), 2);
    let plain = [
        PgType::Bool,
        PgType::Numeric(None),
        PgType::Numeric(Some((30, 4))),
        PgType::Bytea,
        PgType::Timestamptz,
        PgType::Time,
        PgType::Uuid,
        texts(),
        PgType::Array(Box::new(PgType::Numeric(Some((50, 3)))), 1),
        PgType::Array(Box::new(PgType::Hstore), 1),
        PgType::Array(Box::new(PgType::Point), 1),
        PgType::Hstore,
        PgType::Range(Box::new(PgType::Timestamptz)),
        PgType::Multirange(Box::new(PgType::Int8)),
        PgType::Polygon,
        PgType::Vector,
    ];
    let chosen = [
        (PgType::Jsonb, "LowCardinality(Nullable(String))"),
        (PgType::Array(Box::new(PgType::Text), 1), "Array(LowCardinality(Nullable(String)))"),
        (PgType::Numeric(None), "Nullable(String)"),
    ];
    let plain = plain.into_iter().map(|pg| (pg, None));
    let chosen = chosen.into_iter().map(|(pg, ty)| (pg, Some(ty.to_owned())));
    let (mut columns, mut options) =
        (vec![column("id", PgType::Int8, true)], TableOptions::default());
    for (at, (pg, clickhouse_type)) in plain.chain(chosen).enumerate() {
        let name = format!("c{at}");
        let of_column = ColumnOptions { clickhouse_type, ..ColumnOptions::default() };
        options.columns.insert(name.clone(), of_column);
        columns.push(column(&name, pg, false));
    }
    let table = Table { columns, ..Table::clone(&table("back")) };
    let target = Arc::new(Target::resolve(Arc::new(table), &options, None).unwrap());
    home.make(&target);
    let mut block = Block::new(target.table.clone());
    let mut state = 88172645463325252u64;
    let mut dice = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    for id in 0..300i64 {
        block.columns[0].push_fixed(id.to_le_bytes());
        for cells in &mut block.columns[1..] {
            push(cells, true, &mut dice);
        }
        block.end_row(Op::Insert, Version::of_change(Lsn(1), Lsn(id as u64)));
    }
    let sent = block.columns.clone();
    assert_eq!(home.insert(&target, block, None).unwrap(), 300);
    let read = (1..sent.len()).map(|at| target.read_back(at, &format!("c{}", at - 1)).unwrap());
    let read: Vec<String> = read.collect();
    let sql = format!("SELECT id, {} FROM back_raw.t ORDER BY id", read.join(", "));
    let kinds: Vec<Kind> = sent.iter().map(|cells| cells.kind().clone()).collect();
    let answer = home.wait(home.store.cells(&sql, kinds)).unwrap();
    for ((sent, answer), column) in sent.iter().zip(&answer).zip(&target.table.columns) {
        assert!(sent == answer, "{:?}: {sent:?} {answer:?}", column.pg);
    }
}
