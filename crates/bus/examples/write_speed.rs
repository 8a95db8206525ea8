//! How fast rows become Debezium's messages, from pgoutput's tuples to bytes that Kafka takes:
//! `cargo run --release -p bus --example write_speed`.

use bus::registry::RegistryOptions;
use bus::write::{Encoder, Format, Origin, SinkOptions};
use model::{Column, Lsn, PgType, Table, TableId, TableName};
use source::decode::tuple::Tuple;
use source::stream::tap::Begin;
use std::time::Instant;

const ROWS: u64 = 1_000_000;
const ROWS_A_TRANSACTION: u64 = 1000;
const ROWS_A_BATCH: u64 = 50_000;

fn main() {
    let registry = RegistryOptions::new("http://localhost");
    let formats = [
        ("JSON", Format::Json { with_schemas: false }),
        ("JSON with schemas", Format::Json { with_schemas: true }),
        ("Avro", Format::Avro { registry }),
    ];
    for (name, format) in formats {
        for form in ["binary", "text"] {
            let (seconds, bytes) = run(format.clone(), form == "binary");
            let (rate, ns) = (ROWS as f64 / seconds, seconds * 1e9 / ROWS as f64);
            let size = bytes / ROWS as usize;
            println!("{name:18} {form:7} {rate:10.0} messages/s {ns:6.0} ns {size:6} bytes each");
        }
    }
}

fn table() -> Table {
    let columns = [
        ("id", PgType::Int8),
        ("customer", PgType::Text),
        ("amount", PgType::Numeric(Some((10, 2)))),
        ("paid", PgType::Bool),
        ("created_at", PgType::Timestamptz),
    ];
    let column = |(name, pg)| Column { not_null: name != "amount", ..Column::new(name, pg) };
    let columns = columns.into_iter().map(column).collect();
    let name = TableName::new("public", "orders");
    Table { key: vec![0], ..Table::new(TableId(1), name, columns) }
}

fn tuple(row: u64, is_binary: bool, tuple: &mut Tuple) {
    tuple.begin(5);
    let us = 848_000_000_000_000 + row as i64;
    if is_binary {
        tuple.binary(&row.to_be_bytes());
        tuple.binary(b"customer of the shop");
        // 1234.56
        tuple.binary(&[0, 2, 0, 0, 0, 0, 0, 2, 4, 210, 21, 224]);
        tuple.binary(&[1]);
        tuple.binary(&us.to_be_bytes());
    } else {
        tuple.text(row.to_string().as_bytes());
        tuple.text(b"customer of the shop");
        tuple.text(b"1234.56");
        tuple.text(b"t");
        tuple.text(b"2026-11-15 03:33:20.123456+00");
    }
}

fn run(format: Format, is_binary: bool) -> (f64, usize) {
    let options = SinkOptions { format, ..SinkOptions::new("localhost:9092", "shop") };
    let mut encoder = Encoder::new(options, Origin { database: "shop".into() });
    encoder.relation(&table()).expect("a topic");
    let tuples: Vec<Vec<u8>> = (0..ROWS_A_TRANSACTION)
        .map(|row| {
            let mut written = Tuple::default();
            tuple(row, is_binary, &mut written);
            written.bytes().to_vec()
        })
        .collect();
    let (begun, mut bytes) = (Instant::now(), 0);
    for transaction in 0..ROWS / ROWS_A_TRANSACTION {
        let first = Lsn(16_000_000_000 + transaction * 200_000);
        let commit = Lsn(first.0 + 190_000);
        let xid = transaction as u32 + 700;
        encoder.begin(Begin { first, commit, commit_us: 1_795_416_346_580_174, xid });
        for (row, tuple) in tuples.iter().enumerate() {
            let lsn = Lsn(first.0 + 150 * row as u64);
            encoder.insert(TableId(1), tuple, lsn).expect("a message");
        }
        encoder.commit(Lsn(commit.0 + 40));
        if ((transaction + 1) * ROWS_A_TRANSACTION).is_multiple_of(ROWS_A_BATCH) {
            let encoded = encoder.take(Lsn(commit.0 + 40));
            // As the producer puts them together.
            let mut buffer = Vec::new();
            for message in encoded.messages() {
                let parts = [message.key, message.value];
                bytes += parts
                    .into_iter()
                    .flatten()
                    .map(|part| part.joined(&mut buffer).len())
                    .sum::<usize>();
            }
        }
    }
    (begun.elapsed().as_secs_f64(), bytes)
}
