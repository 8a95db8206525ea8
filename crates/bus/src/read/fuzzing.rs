//! What must hold for any bytes. The fuzz targets and the property tests only bring the bytes; what
//! `examples/read_speed.rs` reads is made here as well.

use super::{Change, Format, Read, Reader, ReaderOptions};
use crate::Message;
use crate::registry::RegistryOptions;
use model::{Block, Fate, Lsn, Version};

pub mod speed;

/// The samples that the tests have, for schemas.
const AVRO: &str = include_str!("../../tests/data/debezium-avro.jsonl");

/// A reader of Avro that has the schemas of the samples.
pub(super) fn avro_reader() -> Reader {
    let registry = Some(RegistryOptions::new("http://127.0.0.1:9"));
    let options = ReaderOptions { registry, ..ReaderOptions::new(Format::DebeziumAvro) };
    let mut reader = Reader::new(options, Vec::new()).expect("options");
    know_samples(&mut reader);
    reader
}

pub(super) fn know_samples(reader: &mut Reader) {
    for line in AVRO.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if let (Some(id), Some(registry)) = (line["schema_id"].as_u64(), &mut reader.registry) {
            registry.insert(id as u32, &line["schema"].to_string(), &mut reader.next);
        }
    }
}

/// Whatever a message is, the reader survives it, and what it gives can be pushed.
fn check(reader: &mut Reader, key: Option<&[u8]>, value: Option<&[u8]>) {
    let message = Message {
        topic: "shop.public.orders",
        partition: 0,
        offset: 0,
        timestamp_ms: 0,
        key,
        value,
        new_key: None,
        old_key: key,
    };
    match reader.read(&message) {
        Ok(Read::Change(change)) => push(&change),
        Ok(_) => {}
        // Nothing answers where the registry is said to be.
        Err(error) => assert_ne!(error.fate(), Fate::Bug, "{error:?}"),
    }
}

fn push(change: &Change<'_>) {
    let mut block = Block::new(change.table.clone());
    let version = Version::of_change(Lsn(1), Lsn(2));
    change.push(&mut block, version).expect("a tuple of its table");
    assert!(block.columns.iter().all(|column| column.rows() == block.rows()));
}

/// Two messages of JSON, parted by a line's end: what the first one leaves must not hurt the second.
pub fn json(bytes: &[u8]) {
    for format in [Format::DebeziumJson, Format::Json] {
        let mut reader = Reader::new(ReaderOptions::new(format), Vec::new()).expect("options");
        for line in bytes.splitn(3, |&byte| byte == b'\n') {
            check(&mut reader, None, Some(line));
            check(&mut reader, Some(br#"{"id":1}"#), Some(line));
            check(&mut reader, Some(line), Some(br#"{"op":"d","before":null,"after":null}"#));
            check(&mut reader, Some(line), None);
        }
    }
}

/// A message of Avro; the first byte chooses its schema.
pub fn avro(bytes: &[u8]) {
    let Some((&first, rest)) = bytes.split_first() else { return };
    let mut reader = avro_reader();
    let framed = [&[0, 0, 0, 0, [1, 2, 4, 8, 9][usize::from(first) % 5]], rest].concat();
    check(&mut reader, None, Some(&framed));
    check(&mut reader, Some(&[0, 0, 0, 0, 3, 2]), Some(&framed));
    check(&mut reader, Some(&framed), None);
    check(&mut reader, None, Some(rest));
}

/// A schema of Connect's or of Avro's, of any content.
pub fn schema(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let wrapped =
        format!(r#"{{"schema":{text},"payload":{{"op":"c","after":{{"id":1}},"before":null}}}}"#);
    json(wrapped.as_bytes());
    let _ = super::avro::Schema::parse(&text, &mut 0);
}
