//! Messages as Debezium sends them, and as nobody should.

mod evolution;
mod registry;
mod round_trip;
mod samples;
mod traps;
mod types;

use super::*;
use crate::Message;
use crate::registry::RegistryOptions;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Block, Lsn, Table, Version};
use serde_json::Value as Json;
use std::fmt::Write;

pub(super) const JSON: &str = include_str!("../../../tests/data/debezium.jsonl");
pub(super) const AVRO: &str = include_str!("../../../tests/data/debezium-avro.jsonl");

/// A message that owns what it says.
#[derive(Clone, Debug, Default)]
pub(super) struct Owned {
    pub(super) topic: String,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) new_key: Option<Vec<u8>>,
    pub(super) old_key: Option<Vec<u8>>,
}

impl Owned {
    pub(super) fn new(topic: &str, key: &str, value: &str) -> Owned {
        let bytes = |text: &str| (!text.is_empty()).then(|| text.as_bytes().to_vec());
        Owned { topic: topic.into(), key: bytes(key), value: bytes(value), ..Owned::default() }
    }

    pub(super) fn message(&self) -> Message<'_> {
        Message {
            topic: &self.topic,
            partition: 0,
            offset: 7,
            timestamp_ms: 1_000,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            new_key: self.new_key.as_deref(),
            old_key: self.old_key.as_deref(),
        }
    }
}

pub(super) fn reader(format: Format) -> Reader {
    Reader::new(ReaderOptions::new(format), Vec::new()).unwrap()
}

/// A reader that has the registry's schemas, and the messages.
pub(super) fn avro() -> (Reader, Vec<Owned>) {
    let registry = Some(RegistryOptions::new("http://127.0.0.1:9"));
    let options = ReaderOptions { registry, ..ReaderOptions::new(Format::DebeziumAvro) };
    let mut reader = Reader::new(options, Vec::new()).unwrap();
    let mut messages = Vec::new();
    for line in AVRO.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        match line["schema_id"].as_u64() {
            Some(id) => reader.registry.as_mut().unwrap().insert(
                id as u32,
                &line["schema"].to_string(),
                &mut reader.next,
            ),
            None => {
                let bytes =
                    |name: &str| line[name].as_str().map(|text| STANDARD.decode(text).unwrap());
                let topic = line["topic"].as_str().unwrap().to_owned();
                let (key, value) = (bytes("key"), bytes("value"));
                messages.push(Owned { topic, key, value, ..Owned::default() });
            }
        }
    }
    (reader, messages)
}

pub(super) fn samples() -> Vec<Owned> {
    let message = |line: &str| {
        let line: Json = serde_json::from_str(line).unwrap();
        let bytes = |name: &str| match &line[name] {
            Json::Null => None,
            Json::String(text) => Some(text.clone().into_bytes()),
            json => Some(json.to_string().into_bytes()),
        };
        Owned {
            topic: line["topic"].as_str().unwrap().to_owned(),
            key: bytes("key"),
            value: bytes("value"),
            new_key: bytes("newkey"),
            old_key: bytes("oldkey"),
        }
    };
    JSON.lines().map(message).collect()
}

/// The rows of one change, as Postgres prints them: `insert {…}`, `refused {…} column: reason`.
pub(super) fn rows_of(change: &Change<'_>) -> String {
    let mut block = Block::new(change.table.clone());
    change.push(&mut block, Version::of_change(Lsn(2), Lsn(3))).unwrap();
    let mut text = String::new();
    for row in 0..block.rows() {
        let reject = source::decode::reject::of_row(&block, row, "", "");
        let _ = write!(text, "{:?} {}", block.ops[row], reject.row);
        for mark in block.unchanged.iter().filter(|mark| mark.row as usize == row) {
            let column = &block.table.columns[usize::from(mark.column)].name;
            let _ = write!(text, " unchanged {column}");
        }
    }
    for reject in &block.rejects {
        let _ = write!(text, " refused {} {}: {}", reject.row, reject.column, reject.reason);
    }
    if let Some(old) = change.old.filter(|_| change.new.is_some()) {
        let mut block = Block::new(change.table.clone());
        source::decode::tuple::push_new(old, &mut block, Version(1)).unwrap();
        let _ = write!(text, " before {}", source::decode::reject::of_row(&block, 0, "", "").row);
    }
    let mut key = |word: &str, tuple: &[u8]| {
        let mut block = Block::new(change.table.clone());
        source::decode::tuple::push_delete(tuple, &mut block, Version(1)).unwrap();
        let _ = write!(text, " {word} {}", source::decode::reject::of_row(&block, 0, "", "").key);
    };
    match change.key_change {
        Some(KeyChange::To(tuple)) => key("moves to", tuple),
        Some(KeyChange::From(tuple)) => key("comes from", tuple),
        None => {}
    }
    text
}

/// All that a message says, on one line.
pub(super) fn told(reader: &mut Reader, message: &Owned) -> String {
    match reader.read(&message.message()) {
        Err(error) => format!("{error:?}").replace('\n', " | "),
        Ok(Read::Aside(aside)) => format!("{aside:?}"),
        Ok(Read::Truncate { table, lsn, .. }) => format!("truncate {} at {lsn}", table.name),
        Ok(Read::Change(change)) => {
            let mut text = format!("{} ", change.table.name);
            for (is_so, word) in
                [(change.is_snapshot, "snapshot "), (change.is_tombstone, "tombstone ")]
            {
                text += if is_so { word } else { "" };
            }
            text + &rows_of(&change)
        }
    }
}

/// `id integer!, v text`: `!` where it is never NULL, the key in front.
pub(super) fn shape_of(table: &Table) -> String {
    let columns = table.columns.iter().map(|column| {
        let sign = if column.not_null { "!" } else { "" };
        format!("{} {}{sign}", column.name, column.type_name)
    });
    let key: Vec<&str> = table.key.iter().map(|&at| table.columns[at].name.as_str()).collect();
    format!("({}) {}", key.join(","), columns.collect::<Vec<_>>().join(", "))
}
