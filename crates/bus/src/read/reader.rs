//! The reader: a message in, what it is out.

use super::change::{Aside, Change, KeyChange, Odd, Read};
use super::json::Scan;
use super::keys::{Held, Keys};
use super::message::{self, Envelope, Parsed};
use super::options::{Format, Numbers, ReaderOptions};
use super::origin::{self, Sequence};
use super::plain;
use super::registry::Registry;
use super::row::Row;
use super::shape::{Plan, Tables};
use super::topic::{KnownSchemas, Topic};
use super::tuples::{Out, Slots, write_key};
use super::value::{Placeholder, Rules, Writer, refuses};
use crate::Message;
use model::{Error, Fate, Lsn, Op, Result, Table, TableName};
use source::decode::tuple::Tuple;
use std::collections::HashMap;
use std::sync::Arc;

pub struct Reader {
    format: Format,
    pub(super) registry: Option<Registry>,
    plain: HashMap<String, Arc<plain::Plan>>,
    pub(super) tables: Tables,
    pub(super) topics: Vec<Topic>,
    topic_of: HashMap<String, usize>,
    last_topic: usize,
    schemas: KnownSchemas,
    /// The last id that a schema was given.
    pub(super) next: u64,
    tuples: Tuples,
}

/// What the last message became.
struct Tuples {
    writer: Writer,
    slots: Slots,
    new: Tuple,
    old: Tuple,
    key: Tuple,
    odd: Option<Odd>,
}

/// A change, its tuples aside.
struct Found {
    table: usize,
    op: Op,
    is_snapshot: bool,
    is_tombstone: bool,
    has_old: bool,
    has_new: bool,
    key: Option<Moved>,
    lsn: Lsn,
    sequence: Option<Sequence>,
    commit_us: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    To,
    From,
}

enum Outcome {
    Change(Found),
    Truncate { table: usize, lsn: Lsn, sequence: Option<Sequence>, commit_us: i64 },
    Aside(Aside),
}

/// A message with its keys read.
struct Keyed<'m, 'a> {
    message: &'m Message<'a>,
    topic: usize,
    key: Option<Row<'m>>,
    moved: Option<(Moved, Row<'m>)>,
}

impl Reader {
    /// `known`: the raw tables as they were seen last.
    pub fn new(options: ReaderOptions, known: Vec<Table>) -> Result<Reader> {
        let mut tables = Tables::new(&options.schema, &options.declared)?;
        let mut plain = HashMap::new();
        for (topic, columns) in &options.plain {
            plain.insert(topic.clone(), Arc::new(plain::Plan::new(columns, &mut tables)?));
        }
        tables.know(known);
        let registry = options.registry.as_ref().map(Registry::new);
        if options.format == Format::DebeziumAvro && registry.is_none() {
            return Err(Error::definite("cannot read Avro without a schema registry")
                .hint("set the registry's URL"));
        }
        let rules = Rules {
            placeholder: Placeholder::new(&options.placeholder),
            decimals: options.decimals,
            binary: options.binary,
        };
        let tuples = Tuples {
            writer: Writer::new(rules),
            slots: Slots::default(),
            new: Tuple::default(),
            old: Tuple::default(),
            key: Tuple::default(),
            odd: None,
        };
        Ok(Reader {
            format: options.format,
            registry,
            plain,
            tables,
            topics: Vec::new(),
            topic_of: HashMap::new(),
            last_topic: 0,
            schemas: KnownSchemas::default(),
            next: 0,
            tuples,
        })
    }

    /// The tables so far, for who keeps them.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.list.iter().map(|shape| &shape.table)
    }

    /// What a message is. It is valid until the next one is read.
    pub fn read(&mut self, message: &Message<'_>) -> Result<Read<'_>> {
        let outcome = self.outcome(message).map_err(|error| {
            let Message { topic, partition, offset, .. } = message;
            error.context(format_args!("read offset {offset} of {topic}[{partition}]"))
        })?;
        let tuples = &self.tuples;
        let table = |at: usize| &self.tables.list[at].table;
        Ok(match outcome {
            Outcome::Change(found) => Read::Change(Change {
                table: table(found.table),
                op: found.op,
                is_snapshot: found.is_snapshot,
                is_tombstone: found.is_tombstone,
                old: found.has_old.then_some(tuples.old.bytes()),
                new: found.has_new.then_some(tuples.new.bytes()),
                key_change: found.key.map(|moved| match moved {
                    Moved::To => KeyChange::To(tuples.key.bytes()),
                    Moved::From => KeyChange::From(tuples.key.bytes()),
                }),
                lsn: found.lsn,
                sequence: found.sequence,
                commit_us: found.commit_us,
                odd: tuples.odd.as_ref(),
            }),
            Outcome::Truncate { table: at, lsn, sequence, commit_us } => {
                Read::Truncate { table: table(at), lsn, sequence, commit_us }
            }
            Outcome::Aside(aside) => Read::Aside(aside),
        })
    }

    #[inline]
    pub(super) fn topic(&mut self, name: &str) -> usize {
        if self.topics.get(self.last_topic).is_some_and(|topic| topic.name == name) {
            return self.last_topic;
        }
        self.last_topic = match self.topic_of.get(name) {
            Some(&at) => at,
            None => {
                let plain = self.plain.get(name).cloned().or_else(|| {
                    let is_plain = self.format == Format::Json;
                    let table = || self.tables.here(&origin::of_topic(name));
                    is_plain.then(|| Arc::new(plain::Plan::of_all(table())))
                });
                self.topics.push(Topic { name: name.to_owned(), plain, ..Topic::default() });
                self.topic_of.insert(name.to_owned(), self.topics.len() - 1);
                self.topics.len() - 1
            }
        };
        self.last_topic
    }

    fn outcome(&mut self, message: &Message<'_>) -> Result<Outcome> {
        let topic = self.topic(message.topic);
        self.tuples.odd = None;
        if let Some(plan) = &self.topics[topic].plain {
            let plan = plan.clone();
            return self.plain(message, topic, &plan);
        }
        match (message.value, self.format) {
            (None, _) => self.tombstone(message, topic),
            (Some(value), Format::DebeziumAvro) => self.avro(message, topic, value),
            (Some(value), _) => self.json(message, topic, value),
        }
    }

    fn json(&mut self, message: &Message<'_>, topic: usize, value: &[u8]) -> Result<Outcome> {
        if value.first() == Some(&0) {
            return Err(Error::refused("it is no JSON")
                .detail("It begins with the byte 0, as what a schema registry frames does.")
                .hint("set the format to Avro, if that is what the topic has"));
        }
        if std::str::from_utf8(value).is_err() {
            return Err(Error::refused("it is no JSON").detail("It is no UTF-8."));
        }
        let mut scan = Scan::new(value);
        let last = &mut self.topics[topic].value_schema;
        let wrapped = self.schemas.unwrap(&mut scan, last, &mut self.next)?;
        let is_wrapped = wrapped.is_some();
        self.topics[topic].is_wrapped = is_wrapped;
        let known = wrapped.flatten();
        if is_wrapped && scan.peek() == Some(b'n') {
            return self.tombstone(message, topic);
        }
        let parsed = message::of_json(&mut scan, known.as_deref().map(|known| &known.schemas))?;
        if is_wrapped && !scan.eat(b'}') {
            return Err(Error::refused("it is no JSON").detail("Something follows its payload."));
        }
        scan.end()?;
        self.keyed(message, topic, parsed)
    }

    fn avro(&mut self, message: &Message<'_>, topic: usize, value: &[u8]) -> Result<Outcome> {
        let (id, body) = super::avro::framed(value).map_err(|why| {
            Error::refused("it is not framed by a schema registry")
                .detail(format!("What is wrong: {}.", why.0))
                .hint("set the format to JSON, if that is what the topic has")
        })?;
        let registry = self.registry.as_mut().expect("it was asked for");
        let schema = registry.schema(id, &mut self.next)?;
        let parsed = message::of_avro(&schema, body)?;
        self.keyed(message, topic, parsed)
    }

    fn keyed(
        &mut self,
        message: &Message<'_>,
        topic: usize,
        parsed: Parsed<'_>,
    ) -> Result<Outcome> {
        let (mut held, mut other) = (Held::default(), Held::default());
        let of = &mut self.topics[topic];
        of.is_flat = matches!(parsed, Parsed::Flat(_));
        let mut keys = Keys {
            schemas: &mut self.schemas,
            registry: self.registry.as_mut(),
            next: &mut self.next,
        };
        let key = keys.row(message.key, &mut of.key_schema, &mut held);
        let key = match (key, &parsed) {
            // A key of another kind has nothing to do with a row without an envelope.
            (Err(error), Parsed::Flat(_)) if error.fate() == Fate::Refused => None,
            (key, _) => key?,
        };
        let header = match (message.new_key, message.old_key) {
            (Some(bytes), _) => Some((Moved::To, bytes)),
            (None, Some(bytes)) => Some((Moved::From, bytes)),
            (None, None) => None,
        };
        let mut moved = None;
        if let Some((way, bytes)) = header {
            match keys.row(Some(bytes), &mut None, &mut other) {
                Ok(row) => moved = row.map(|row| (way, row)),
                // As if nothing were told: a delete and an insert, which is what they are.
                Err(error) if error.fate() == Fate::Refused => {}
                Err(error) => return Err(error),
            }
        }
        let keyed = Keyed { message, topic, key, moved };
        match parsed {
            Parsed::Envelope(envelope) => self.envelope(keyed, envelope),
            Parsed::Flat(row) => self.flat(keyed, row),
        }
    }

    fn envelope(&mut self, keyed: Keyed<'_, '_>, envelope: Envelope<'_>) -> Result<Outcome> {
        if envelope.op == b'm' {
            return Ok(Outcome::Aside(Aside::LogicalMessage));
        }
        let origin = &envelope.origin;
        let table = self.table_of(keyed.topic, origin.table_name());
        let (lsn, sequence) = (origin.lsn(), origin.sequence());
        let commit_us = origin.commit_us(keyed.message.timestamp_ms);
        if envelope.op == b't' {
            if let Some(schema) = envelope.schema {
                self.tables.list[table].plan(schema, origin.is_postgres)?;
            }
            return Ok(match self.tables.list[table].table.columns.is_empty() {
                true => Outcome::Aside(Aside::UnknownTable),
                false => Outcome::Truncate { table, lsn, sequence, commit_us },
            });
        }
        if keyed.key.is_none() && keyed.message.key.is_some() {
            return Err(Error::refused("its key is no object").hint(
                "let the key converter of the connector be of the kind that its value converter is",
            ));
        }
        let is_document = origin.collection.is_some();
        let mut key = keyed.key;
        let after = match (envelope.after, is_document) {
            (after, false) => after,
            (_, true) => {
                self.tables.list[table].be_documents();
                let id = key.as_ref().and_then(|key| key.get("id", 0));
                let document = envelope.document;
                key = id.map(|id| message::of_id(Some(id)));
                document.map(|document| message::of_document(id, document))
            }
        };
        let mut moved = keyed.moved;
        if is_document {
            moved = None;
        }
        let rows = Rows {
            table,
            is_postgres: origin.is_postgres,
            numbers: Numbers::OfDebezium,
            key: key.as_ref(),
            moved: moved.as_ref(),
        };
        let mut found = match envelope.op {
            b'd' => self.delete(&rows, envelope.before.as_ref())?,
            op => {
                let Some(after) = after else {
                    return Err(Error::refused("its `after` is missing")
                        .hint("of MongoDB, set `capture.mode` to one that sends whole documents"));
                };
                let op = if op == b'u' { Op::Update } else { Op::Insert };
                self.change(&rows, op, &after, envelope.before.as_ref())?
            }
        };
        found.is_snapshot = envelope.op == b'r';
        (found.lsn, found.sequence, found.commit_us) = (lsn, sequence, commit_us);
        Ok(Outcome::Change(found))
    }

    /// The place of a table by the name that its message says, or else its topic.
    #[inline]
    fn table_of(&mut self, topic: usize, name: Option<(&str, &str)>) -> usize {
        let of = &mut self.topics[topic];
        let table = match (name, of.table) {
            (Some((schema, table)), last) => {
                let is_it = |at: &usize| {
                    let name = &self.tables.list[*at].source;
                    name.table == table && name.schema == schema
                };
                last.filter(is_it)
                    .unwrap_or_else(|| self.tables.find_or_add(&TableName::new(schema, table)))
            }
            (None, Some(last)) if !of.is_shared => last,
            (None, _) => self.tables.find_or_add(&origin::of_topic(&of.name)),
        };
        of.is_of(table);
        table
    }

    /// A row whose envelope was taken off (`ExtractNewRecordState`).
    fn flat(&mut self, keyed: Keyed<'_, '_>, mut row: Row<'_>) -> Result<Outcome> {
        if let Some(aside) = message::aside(keyed.message.topic, &row) {
            return Ok(Outcome::Aside(aside));
        }
        let about = message::About::of(&mut row);
        let by_topic = origin::of_topic(keyed.message.topic);
        let name = about.table.as_deref().map(|table| {
            let schema = about.schema.as_deref().or(about.db.as_deref());
            (schema.unwrap_or(&by_topic.schema), table)
        });
        let table = self.table_of(keyed.topic, name);
        let rows = Rows {
            table,
            is_postgres: about.is_postgres,
            numbers: Numbers::OfDebezium,
            key: keyed.key.as_ref(),
            moved: keyed.moved.as_ref(),
        };
        let mut found = match (about.is_deleted, about.op) {
            (true, _) | (_, b'd') => self.delete(&rows, Some(&row))?,
            (_, b'u') => self.change(&rows, Op::Update, &row, None)?,
            _ => self.change(&rows, Op::Insert, &row, None)?,
        };
        found.is_snapshot = about.op == b'r';
        found.lsn = about.lsn;
        found.commit_us =
            about.commit_us.unwrap_or(keyed.message.timestamp_ms.saturating_mul(1000));
        Ok(Outcome::Change(found))
    }

    fn tombstone(&mut self, message: &Message<'_>, topic: usize) -> Result<Outcome> {
        let of = &mut self.topics[topic];
        let (mut held, mut other) = (Held::default(), Held::default());
        let mut keys = Keys {
            schemas: &mut self.schemas,
            registry: self.registry.as_mut(),
            next: &mut self.next,
        };
        let key = keys.row(message.key, &mut of.key_schema, &mut held)?;
        let moved = keys.row(message.new_key, &mut None, &mut other).ok().flatten();
        let (Some(key), false) = (key, of.is_shared) else {
            return Ok(Outcome::Aside(Aside::Tombstone));
        };
        let table = of.table.or_else(|| self.tables.find(&origin::of_topic(&of.name)));
        let Some(table) = table else { return Ok(Outcome::Aside(Aside::UnknownTable)) };
        let key = match self.tables.list[table].is_of_documents() {
            true => message::of_id(key.get("id", 0)),
            false => key,
        };
        let moved = moved.map(|moved| (Moved::To, moved));
        let rows = Rows {
            table,
            is_postgres: false,
            numbers: Numbers::OfDebezium,
            key: Some(&key),
            moved: moved.as_ref(),
        };
        let mut found = self.delete(&rows, None)?;
        found.is_tombstone = true;
        found.commit_us = message.timestamp_ms.saturating_mul(1000);
        Ok(Outcome::Change(found))
    }

    fn plain(
        &mut self,
        message: &Message<'_>,
        topic: usize,
        plan: &plain::Plan,
    ) -> Result<Outcome> {
        let Some(value) = message.value else { return Ok(Outcome::Aside(Aside::Tombstone)) };
        if std::str::from_utf8(value).is_err() {
            return Err(Error::refused("it is no JSON").detail("It is no UTF-8."));
        }
        let mut rest = Vec::new();
        let (row, time) = plan.row(value, &mut rest)?;
        let last = self.topics[topic].table;
        let table = last.unwrap_or_else(|| self.tables.find_or_add_here(&plan.table));
        self.topics[topic].is_of(table);
        self.tables.list[table].be_declared()?;
        let numbers = Numbers::BySize;
        let rows = Rows { table, is_postgres: false, numbers, key: None, moved: None };
        if let Some(key) = plan.key() {
            self.tables.list[table].key_is(key, &row)?;
        }
        let mut found = self.change(&rows, Op::Insert, &row, None)?;
        found.commit_us = time.unwrap_or(message.timestamp_ms.saturating_mul(1000));
        Ok(Outcome::Change(found))
    }

    /// An insert or an update.
    fn change(
        &mut self,
        rows: &Rows<'_, '_>,
        op: Op,
        after: &Row<'_>,
        before: Option<&Row<'_>>,
    ) -> Result<Found> {
        let shape = &mut self.tables.list[rows.table];
        let Tuples { writer, slots, new, old, odd, .. } = &mut self.tuples;
        // Of an insert there is none.
        let before = before.filter(|_| op == Op::Update);
        if let Some(before) = before {
            slots.place(shape, before, rows.is_postgres)?;
        }
        slots.place(shape, after, rows.is_postgres)?;
        let plan = match rows.key {
            Some(key) => shape.learn_key(key, rows.is_postgres)?,
            None => None,
        };
        if before.is_some() && rows.key.is_none() && rows.numbers == Numbers::OfDebezium {
            shape.be_its_own_key();
        }
        slots.settle(shape, after);
        let key = rows.key.map(|key| (key, plan.as_deref()));
        let mut out = Out { tuple: new, writer, odd, numbers: rows.numbers };
        slots.write(shape, after, key, &mut out);
        if let Some(before) = before {
            slots.place(shape, before, rows.is_postgres)?;
            out.tuple = old;
            slots.write(shape, before, None, &mut out);
        }
        self.check(rows.table)?;
        let key = self.moved(rows, plan.as_deref());
        Ok(Found { has_new: true, has_old: before.is_some(), key, ..rows.found(op) })
    }

    fn delete(&mut self, rows: &Rows<'_, '_>, before: Option<&Row<'_>>) -> Result<Found> {
        let shape = &mut self.tables.list[rows.table];
        let Tuples { writer, slots, old, odd, .. } = &mut self.tuples;
        if let Some(before) = before {
            slots.place(shape, before, rows.is_postgres)?;
        }
        let plan = match (rows.key, before) {
            (Some(key), _) => shape.learn_key(key, rows.is_postgres)?,
            (None, Some(_)) => {
                shape.be_its_own_key();
                None
            }
            (None, None) => {
                return Err(Error::refused("its key is missing")
                    .detail("A delete without a key and without the row of before is of no row."));
            }
        };
        let mut out = Out { tuple: old, writer, odd, numbers: rows.numbers };
        match (rows.key, before) {
            (Some(key), _) => write_key(shape, key, plan.as_deref(), &mut out),
            (None, Some(before)) => slots.write(shape, before, None, &mut out),
            (None, None) => {}
        }
        self.check(rows.table)?;
        let key = self.moved(rows, plan.as_deref());
        Ok(Found { has_old: true, key, ..rows.found(Op::Delete) })
    }

    /// What would be taken for a value of its column is no row at all.
    fn check(&self, table: usize) -> Result<()> {
        let Some(odd) = &self.tuples.odd else { return Ok(()) };
        let column = &self.tables.list[table].table.columns[odd.column];
        match refuses(&column.pg) {
            true => Ok(()),
            false => Err(Error::refused(format!("its {} cannot be read", column.name))
                .detail(format!("Of column {}: {}.", column.name, odd.reason))),
        }
    }

    /// The other key of a row whose key changed.
    fn moved(&mut self, rows: &Rows<'_, '_>, plan: Option<&Plan>) -> Option<Moved> {
        let (way, row) = rows.moved?;
        let shape = &self.tables.list[rows.table];
        let Tuples { writer, key, .. } = &mut self.tuples;
        let mut odd = None;
        let mut out = Out { tuple: key, writer, odd: &mut odd, numbers: rows.numbers };
        write_key(shape, row, plan, &mut out);
        // A header is serialized in its own way: what cannot be read tells nothing.
        odd.is_none().then_some(*way)
    }
}

/// What the rows of a message share.
struct Rows<'r, 'a> {
    table: usize,
    is_postgres: bool,
    numbers: Numbers,
    key: Option<&'r Row<'a>>,
    moved: Option<&'r (Moved, Row<'a>)>,
}

impl Rows<'_, '_> {
    fn found(&self, op: Op) -> Found {
        Found {
            table: self.table,
            op,
            is_snapshot: false,
            is_tombstone: false,
            has_old: false,
            has_new: false,
            key: None,
            lsn: Lsn::ZERO,
            sequence: None,
            commit_us: 0,
        }
    }
}
