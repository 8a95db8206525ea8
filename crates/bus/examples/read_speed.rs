//! How many messages a second of one core become tuples, and rows of a block. Time on the core counts,
//! not the clock: others may be at work.
//! `cargo run --release -p bus --features fuzzing --example read_speed`

use bus::Message;
use bus::read::{Format, Read, Reader, ReaderOptions, fuzzing};
use bus::registry::RegistryOptions;
use model::{Block, Lsn, Version};

const MESSAGES: usize = 400_000;
/// As many as a batch has.
const BLOCK_ROWS: usize = 100_000;
const RUNS: usize = 5;

fn main() {
    let columns = [
        ("id", "bigint"),
        ("customer", "text"),
        ("amount", "numeric(10,2)"),
        ("paid", "boolean"),
        ("created_at", "timestamptz"),
    ];
    let declared = columns.map(|(name, pg)| (name.to_owned(), pg.to_owned()));
    let name = model::TableName::new("public", "orders");
    let json = ReaderOptions::new(Format::DebeziumJson);
    let registry = RegistryOptions::new("http://127.0.0.1:9");
    let avro =
        ReaderOptions { registry: Some(registry), ..ReaderOptions::new(Format::DebeziumAvro) };
    let told = ReaderOptions { declared: [(name, declared.into())].into(), ..json.clone() };
    for (what, options, messages) in [
        ("JSON, no schema", json.clone(), fuzzing::speed::plain_json(MESSAGES)),
        ("JSON, declared", told, fuzzing::speed::plain_json(MESSAGES)),
        ("JSON, schema", json, fuzzing::speed::schema_json(MESSAGES / 4)),
        ("Avro", avro, fuzzing::speed::avro(MESSAGES)),
    ] {
        measure(what, &options, &messages);
    }
}

fn measure(what: &str, options: &ReaderOptions, messages: &[(Vec<u8>, Vec<u8>)]) {
    let bytes: usize = messages.iter().map(|(_, value)| value.len()).sum();
    let (mut read_only, mut whole) = (f64::MAX, f64::MAX);
    for run in 0..2 * RUNS {
        let is_whole = run % 2 == 0;
        let mut reader = Reader::new(options.clone(), Vec::new()).expect("options");
        fuzzing::speed::know(&mut reader);
        let begin = on_core();
        let mut block: Option<Block> = None;
        for (offset, (key, value)) in messages.iter().enumerate() {
            let message = Message {
                topic: "shop.public.orders",
                partition: 0,
                offset: offset as i64,
                timestamp_ms: 0,
                key: Some(key),
                value: Some(value),
                new_key: None,
                old_key: None,
            };
            let Read::Change(change) = reader.read(&message).expect("a message") else {
                panic!("not a change")
            };
            if !is_whole {
                std::hint::black_box(change.new);
                continue;
            }
            let full = block.as_ref().is_none_or(|block| {
                block.rows() >= BLOCK_ROWS || !std::sync::Arc::ptr_eq(&block.table, change.table)
            });
            if full {
                block = Some(Block::new(change.table.clone()));
            }
            let version = Version::of_change(change.lsn, Lsn(offset as u64));
            change.push(block.as_mut().expect("a block"), version).expect("a row");
        }
        assert!(block.is_none_or(|block| block.rejects.is_empty()));
        let best = if is_whole { &mut whole } else { &mut read_only };
        *best = best.min(on_core() - begin);
    }
    let count = messages.len() as f64;
    println!(
        "{what:16} {:4} bytes: {:5.0} k messages/s as tuples, {:5.0} k as rows ({:.0} MB/s), best of {RUNS}",
        bytes / messages.len(),
        count / read_only / 1e3,
        count / whole / 1e3,
        bytes as f64 / whole / 1e6,
    );
}

/// Seconds that this thread has had a core.
fn on_core() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let ns: f64 = stat.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number");
    ns / 1e9
}
