//! What Debezium tells beside rows: where transactions begin and end, messages of
//! `pg_logical_emit_message`, heartbeats.

use super::encoded::{Dress, Encoded, Entry, Names, Position, Span};
use super::encoder::Encoder;
use super::envelope::{Block, Envelope, Event, Said};
use super::options::{Format, SinkOptions};
use super::schema::{self, Kind, Schema};
use super::table::{Sheet, source_names};
use super::value::Json;
use super::value::out::{avro_bytes, zigzag};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Lsn;
use serde_json::{Value, json};
use source::stream::tap::{Begin, LogicalMessage};
use std::sync::Arc;

/// The events of a transaction so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    /// Which transaction of this session it is.
    number: u64,
    events: u64,
    is_begun: bool,
}

impl Totals {
    pub(super) fn begin(&mut self) {
        *self = Totals { number: self.number + 1, events: 0, is_begun: false };
    }

    #[inline]
    pub(super) fn count(&mut self, sheet: &mut Sheet) {
        self.events += 1;
        if sheet.transaction != self.number {
            (sheet.transaction, sheet.rows) = (self.number, 0);
        }
        sheet.rows += 1;
    }

    /// An event of no table.
    fn add(&mut self) {
        self.events += 1;
    }

    /// Whether it is the first that is told of.
    fn starts(&mut self) -> bool {
        !std::mem::replace(&mut self.is_begun, true)
    }

    #[inline]
    pub(super) fn block(
        &self,
        options: &SinkOptions,
        transaction: Option<Begin>,
        collection_order: u64,
    ) -> Option<Block> {
        let begin = transaction.filter(|_| options.transaction_metadata)?;
        Some(Block { xid: begin.xid, total_order: self.events, collection_order })
    }
}

/// A topic without a table: their messages are few, so they are put together as JSON first.
struct Special<'a> {
    at: (Lsn, Lsn),
    topic: &'a str,
    schemas: [Schema; 2],
    key: Value,
    value: Value,
}

impl Special<'_> {
    fn write(self, options: &SinkOptions, names: &mut Names, arena: &mut Vec<u8>) -> Entry {
        let dress = Dress::new(&options.format, self.topic, &self.schemas, names);
        let [key_schema, value_schema] = &self.schemas;
        let mut write = |schema: &Schema, value: &Value| {
            let from = arena.len();
            arena.extend_from_slice(dress.head);
            match options.format {
                Format::Json { .. } => arena.extend_from_slice(value.to_string().as_bytes()),
                Format::Avro { .. } => avro_value(schema, value, arena),
            }
            Span { from, to: arena.len() }
        };
        let key = write(key_schema, &self.key);
        let value = write(value_schema, &self.value);
        Entry {
            topic: names.topic(self.topic),
            key: Some(key),
            value: Some(value),
            other_key: None,
            has_context: false,
            dress,
            at: self.at,
        }
    }
}

/// Of JSON that is of that schema.
fn avro_value(schema: &Schema, value: &Value, out: &mut Vec<u8>) {
    if schema.optional {
        // The type of the default is the union's first.
        let null = i64::from(schema.default.is_some());
        if value.is_null() {
            return zigzag(null, out);
        }
        zigzag(1 - null, out);
    }
    match &schema.kind {
        Kind::Boolean => out.push(u8::from(value.as_bool().unwrap_or(false))),
        Kind::Int16 | Kind::Int32 | Kind::Int64 => zigzag(value.as_i64().unwrap_or(0), out),
        Kind::Float => {
            let single = value.as_f64().unwrap_or(0.0) as f32;
            out.extend_from_slice(&single.to_le_bytes());
        }
        Kind::Double => out.extend_from_slice(&value.as_f64().unwrap_or(0.0).to_le_bytes()),
        Kind::String => avro_bytes(value.as_str().unwrap_or_default().as_bytes(), out),
        Kind::Bytes => {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default());
            avro_bytes(&bytes.unwrap_or_default(), out);
        }
        Kind::Array(items) => {
            let values = value.as_array().map(Vec::as_slice).unwrap_or_default();
            if !values.is_empty() {
                zigzag(values.len() as i64, out);
            }
            for value in values {
                avro_value(items, value, out);
            }
            zigzag(0, out);
        }
        Kind::Struct(fields) => {
            for (name, schema) in fields {
                avro_value(schema, &value[name], out);
            }
        }
    }
}

impl Encoder {
    /// Before the first event of a transaction. One that was begun before it was resumed was told of.
    pub(super) fn begin_transaction(&mut self) {
        let Some(begin) = self.transaction.filter(|_| self.options.transaction_metadata) else {
            return;
        };
        if !self.totals.starts() || self.skips.is_some() {
            return;
        }
        let value = json!({"status": "BEGIN", "event_count": null, "data_collections": null});
        self.boundary(begin, (begin.first, Lsn::ZERO), value);
    }

    pub(super) fn end_transaction(&mut self, end: Lsn) {
        let Some(begin) = self.transaction.filter(|_| self.options.transaction_metadata) else {
            return;
        };
        let Totals { number, events, is_begun } = self.totals;
        // One whose events were all sent before may have lacked its end.
        if !is_begun && self.skips.is_none_or(|skips| skips == Lsn::MAX) {
            return;
        }
        let touched = self.sheets.iter().filter(|sheet| sheet.transaction == number);
        let touched: Vec<Value> = touched
            .map(|sheet| json!({"data_collection": sheet.collection, "event_count": sheet.rows}))
            .collect();
        let value = json!({"status": "END", "event_count": events, "data_collections": touched});
        self.boundary(begin, (end, Lsn::MAX), value);
    }

    /// `change`: before or behind all others of the transaction.
    fn boundary(&mut self, begin: Begin, (lsn, change): (Lsn, Lsn), mut value: Value) {
        let id = format!("{}:{}", begin.xid, lsn.0);
        value["id"] = id.as_str().into();
        value["ts_ms"] = begin.commit_us.div_euclid(1000).into();
        let topic = format!("{}.transaction", self.options.topic_prefix);
        let schemas = schema::transaction();
        let at = (begin.commit, change);
        self.special(Special { at, topic: &topic, schemas, key: json!({"id": id}), value });
    }

    pub(super) fn logical(&mut self, message: LogicalMessage<'_>) {
        let LogicalMessage { prefix, content, lsn, is_transactional } = message;
        let begin = self.transaction.filter(|_| is_transactional);
        let is_new = match begin {
            Some(_) => {
                self.totals.add();
                self.passes(lsn)
            }
            None => lsn >= self.resumed().through,
        };
        if !is_new {
            return;
        }
        let now_ns = (self.clock)();
        let value = json!({
            "op": "m",
            "ts_ms": now_ns / 1_000_000,
            "source": self.source_of_message(begin, lsn),
            "transaction": self.totals.block(&self.options, begin, 1).map(|block| block.json(lsn)),
            "message": {"prefix": prefix, "content": STANDARD.encode(content)},
        });
        let topic = format!("{}.message", self.options.topic_prefix);
        let (schemas, key) = (schema::message(), json!({"prefix": prefix}));
        let at = begin.map_or((lsn, Lsn::ZERO), |begin| (begin.commit, lsn));
        self.special(Special { at, topic: &topic, schemas, key, value });
    }

    fn source_of_message(&self, begin: Option<Begin>, lsn: Lsn) -> Value {
        let said = Said {
            name: &self.options.topic_prefix,
            database: &self.origin.database,
            snapshot: "false",
            commit_us: self.commit_us,
            last_commit: self.last_commit,
            xid: begin.map(|begin| begin.xid),
        };
        let names = source_names(&Format::Json { with_schemas: false }, "", "");
        let event = Event { op: b'm', lsn, names: &names, block: None, now_ns: 0 };
        let mut out = Json::default();
        out.source(&Json::head(&said), &event);
        serde_json::from_slice(&out.into_bytes()).unwrap_or_default()
    }

    fn special(&mut self, special: Special<'_>) {
        let names = Arc::make_mut(&mut self.names);
        let entry = special.write(&self.options, names, &mut self.arena);
        self.entries.push(entry);
    }
}

/// A sign of life, which the producer sends between batches.
pub(super) fn heartbeat(options: &SinkOptions, now_ms: i64) -> Encoded {
    let topic = format!("__debezium-heartbeat.{}", options.topic_prefix);
    let special = Special {
        at: (Lsn::MAX, Lsn::MAX),
        topic: &topic,
        schemas: schema::heartbeat(),
        key: json!({"serverName": options.topic_prefix}),
        value: json!({"ts_ms": now_ms}),
    };
    let (mut names, mut arena) = (Names::default(), Vec::new());
    let entry = special.write(options, &mut names, &mut arena);
    Encoded {
        arena: Arc::new(arena),
        entries: Arc::new(vec![entry]),
        names: Arc::new(names),
        context: Arc::default(),
        position: Position::default(),
        lost: 0,
    }
}
