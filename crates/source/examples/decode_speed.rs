//! How long a row of the stream takes into columns:
//! `cargo run --release -p source --features fuzzing --example decode_speed`

use model::{
    Block, Cells, Column, Lsn, Op, PgType, ReplicaIdentity, Table, TableId, TableName, Version,
};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

const ROWS: u32 = 2_000_000;
/// As many as a batch has.
const BLOCK_ROWS: usize = 100_000;
const RUNS: usize = 7;

fn main() {
    let types = [
        PgType::Uuid,
        PgType::Int8,
        PgType::Text,
        PgType::Timestamptz,
        PgType::Numeric(Some((10, 2))),
        PgType::Text,
    ];
    let column = |(at, pg)| Column {
        name: format!("c{at}"),
        attnum: at as i16 + 1,
        type_oid: 0,
        typmod: -1,
        pg,
        type_name: String::new(),
        not_null: true,
    };
    let table = Arc::new(Table {
        key: vec![0],
        ..Table::new(
            TableId(1),
            TableName::new("public", "events"),
            types.into_iter().enumerate().map(column).collect(),
        )
    });
    let stream = tuples();
    println!("into new memory, as a batch has it:");
    runs(&stream, || Block::new(table.clone()), drop);
    println!("into memory that is there:");
    let kept = RefCell::new(Block::new(table.clone()));
    let clear = |mut block: Block| {
        block.ops.clear();
        block.versions.clear();
        block.columns.iter_mut().for_each(Cells::clear);
        kept.replace(block);
    };
    runs(&stream, || kept.replace(Block::new(table.clone())), clear);
}

fn runs(stream: &[u8], open: impl Fn() -> Block, close: impl Fn(Block)) {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let begin = Instant::now();
        let (mut rest, mut rows) = (stream, 0);
        while !rest.is_empty() {
            let mut block = open();
            while !rest.is_empty() && block.rows() < BLOCK_ROWS {
                let version = Version::of_change(Lsn(7), Lsn(rows));
                source::fuzzing::push(&mut rest, &mut block, Op::Insert, version);
                rows += 1;
            }
            close(std::hint::black_box(block));
        }
        assert_eq!(rows, u64::from(ROWS));
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(ROWS));
    }
    let row_bytes = stream.len() as f64 / f64::from(ROWS);
    println!("{best:.1} ns/row, {:.0} MB/s, best of {RUNS}", row_bytes / best * 1e3);
}

fn tuples() -> Vec<u8> {
    let mut stream = Vec::new();
    for row in 0..ROWS {
        let mut uuid = [0u8; 16];
        uuid[..4].copy_from_slice(&row.wrapping_mul(2_654_435_761).to_be_bytes());
        let name = ["page_view", "add_to_cart", "checkout", "sign_up"][row as usize % 4];
        let properties = format!("{{\"path\": \"/products/{}\", \"n\": {row}}}", row % 977);
        let time = 846_000_000_000_000 + i64::from(row) * 1000;
        // 12,345.67 and the like: three groups of four decimal digits.
        let words =
            [3u16, 1, 0, 2, (row % 9) as u16 + 1, (row % 9999) as u16, (row % 100 * 100) as u16];
        let amount: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let id = i64::from(row).to_be_bytes();
        let time = time.to_be_bytes();
        let fields: [&[u8]; 6] =
            [&uuid, &id, name.as_bytes(), &time, &amount, properties.as_bytes()];
        stream.extend((fields.len() as u16).to_be_bytes());
        for field in fields {
            stream.push(b'b');
            stream.extend((field.len() as i32).to_be_bytes());
            stream.extend_from_slice(field);
        }
    }
    stream
}
