//! A message, once its format is undone and before it is a change of a table.

use super::change::Aside;
use super::json::{NotJson, Scan, Text};
use super::origin::{Origin, Role, text};
use super::row::{Row, RowSchema};
use super::value::Value;
use model::{Error, Lsn, Result};
use std::borrow::Cow;

#[derive(Debug, Default)]
pub(super) struct Envelope<'a> {
    pub(super) op: u8,
    pub(super) origin: Origin<'a>,
    pub(super) before: Option<Row<'a>>,
    pub(super) after: Option<Row<'a>>,
    /// Of `before` and `after`, whether there are any.
    pub(super) schema: Option<&'a RowSchema>,
    /// A document of MongoDB's.
    pub(super) document: Option<Value<'a>>,
}

#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum Parsed<'a> {
    Envelope(Envelope<'a>),
    /// A row without an envelope.
    Flat(Row<'a>),
}

impl From<NotJson> for Error {
    fn from(why: NotJson) -> Error {
        Error::refused("it is no JSON").detail(format!("JSON ends where {}.", why.0))
    }
}

/// The one letter of `op`.
fn letter(value: &Value<'_>) -> u8 {
    match value.text() {
        Some([letter @ (b'c' | b'r' | b'u' | b'd' | b't' | b'm')]) => *letter,
        _ => 0,
    }
}

/// The fields of an object.
pub(super) fn row<'a>(scan: &mut Scan<'a>, row: &mut Row<'a>) -> std::result::Result<(), NotJson> {
    let mut is_first = true;
    while let Some(name) = scan.name(&mut is_first)? {
        row.push(name, scan.value()?.into());
    }
    Ok(())
}

/// What a payload of JSON says.
pub(super) fn of_json<'a>(
    scan: &mut Scan<'a>,
    schema: Option<&'a super::connect::Schemas>,
) -> Result<Parsed<'a>> {
    if !scan.eat(b'{') {
        scan.value()?;
        return Err(Error::refused("it is no object").hint(
            "a change of Debezium's is one: is the topic another's, or a key converter at work?",
        ));
    }
    let row_schema = schema.and_then(|schema| schema.row.as_ref());
    let mut envelope = Envelope { schema: row_schema, ..Envelope::default() };
    let begin = scan.clone();
    let (mut has_before, mut has_after, mut has_source) = (false, false, false);
    let mut is_first = true;
    while let Some(name) = scan.name(&mut is_first)? {
        let role = if name.is_escaped { Role::Nothing } else { Role::of(name.raw) };
        let is_object = scan.peek() == Some(b'{');
        match role {
            Role::Before | Role::After if is_object => {
                scan.eat(b'{');
                let mut fields = Row::with_room(row_schema);
                row(scan, &mut fields)?;
                *(if role == Role::After { &mut envelope.after } else { &mut envelope.before }) =
                    Some(fields);
            }
            Role::Source if is_object => {
                scan.eat(b'{');
                has_source = true;
                source(scan, &mut envelope.origin)?;
            }
            _ => {
                let value = Value::from(scan.value()?);
                match role {
                    Role::Op => envelope.op = letter(&value),
                    Role::After => envelope.document = text(&value).map(|_| value),
                    _ => {}
                }
            }
        }
        has_before |= role == Role::Before;
        has_after |= role == Role::After;
    }
    if envelope.op != 0 && (has_source || has_before && has_after) {
        if let Some(schema) = schema {
            envelope.origin.is_postgres |= schema.is_postgres;
        }
        return Ok(Parsed::Envelope(envelope));
    }
    // Rarely: what is no envelope is read once more, as the row that it is.
    let mut flat = Row { schema: schema.map(|schema| &schema.whole), ..Row::default() };
    *scan = begin;
    row(scan, &mut flat)?;
    Ok(Parsed::Flat(flat))
}

fn source<'a>(scan: &mut Scan<'a>, origin: &mut Origin<'a>) -> std::result::Result<(), NotJson> {
    let mut is_first = true;
    while let Some(name) = scan.name(&mut is_first)? {
        let role = if name.is_escaped { Role::Nothing } else { Role::of(name.raw) };
        let value = scan.value()?;
        if role != Role::Nothing {
            origin.set(role, value.into());
        }
    }
    Ok(())
}

/// What a payload of Avro says.
pub(super) fn of_avro<'a>(schema: &'a super::avro::Schema, body: &'a [u8]) -> Result<Parsed<'a>> {
    use super::avro::{Decode, Node};
    let mut decode = Decode::new(schema, body);
    let Node::Record(fields) = &schema.nodes[schema.root] else {
        return Err(Error::refused("its schema is of no record"));
    };
    let Some(row_schema) = &schema.row else {
        let mut row = Row { schema: schema.whole.as_ref(), ..Row::default() };
        for field in fields {
            row.values.push(decode.value(field.node)?);
        }
        return end(&decode, Parsed::Flat(row));
    };
    let mut envelope = Envelope { schema: Some(row_schema), ..Envelope::default() };
    envelope.origin.is_postgres = schema.is_postgres;
    for field in fields {
        let node = decode.branch(field.node)?;
        match (field.role, &schema.nodes[node]) {
            (Role::Before | Role::After, Node::Record(columns)) => {
                let mut row = Row { schema: Some(row_schema), ..Row::default() };
                row.values.reserve(columns.len());
                for column in columns {
                    row.values.push(decode.value(column.node)?);
                }
                *(if field.role == Role::After {
                    &mut envelope.after
                } else {
                    &mut envelope.before
                }) = Some(row);
            }
            (Role::Source, Node::Record(parts)) => {
                for part in parts {
                    let value = decode.value(part.node)?;
                    envelope.origin.set(part.role, value);
                }
            }
            (Role::Op, _) => envelope.op = letter(&decode.value(node)?),
            _ => {
                let value = decode.value(node)?;
                if field.role == Role::After && text(&value).is_some() {
                    envelope.document = Some(value);
                }
            }
        }
    }
    if envelope.op == 0 {
        return Err(Error::refused("its `op` is none of c, r, u, d, t and m"));
    }
    end(&decode, Parsed::Envelope(envelope))
}

fn end<'a>(decode: &super::avro::Decode<'_>, parsed: Parsed<'a>) -> Result<Parsed<'a>> {
    match decode.is_at_end() {
        true => Ok(parsed),
        false => Err(super::avro::NotAvro("something follows its end").into()),
    }
}

impl From<super::avro::NotAvro> for Error {
    fn from(why: super::avro::NotAvro) -> Error {
        Error::refused("it is no Avro of its schema").detail(format!("What is wrong: {}.", why.0))
    }
}

/// A row of MongoDB's: its key, and the document.
pub(super) fn of_document<'a>(id: Option<Value<'a>>, document: Value<'a>) -> Row<'a> {
    let mut row = of_id(id);
    row.push(Text { raw: b"document", is_escaped: false }, document);
    row
}

pub(super) fn of_id(id: Option<Value<'_>>) -> Row<'_> {
    let mut row = Row::default();
    row.push(Text { raw: b"_id", is_escaped: false }, id.unwrap_or(Value::Null));
    row
}

/// What is no row, among messages without an envelope.
pub(super) fn aside(topic: &str, row: &Row<'_>) -> Option<Aside> {
    if topic.starts_with("__debezium-heartbeat") {
        return Some(Aside::Heartbeat);
    }
    let has = |name: &str| row.get(name, 0).is_some();
    if topic.ends_with("transaction") && has("status") && has("event_count") {
        return Some(Aside::Transaction);
    }
    (has("ddl") && has("tableChanges")).then_some(Aside::SchemaChange)
}

/// What `ExtractNewRecordState` adds to a row: no columns.
#[derive(Debug, Default)]
pub(super) struct About<'a> {
    pub(super) is_deleted: bool,
    pub(super) op: u8,
    pub(super) table: Option<Cow<'a, str>>,
    pub(super) schema: Option<Cow<'a, str>>,
    pub(super) db: Option<Cow<'a, str>>,
    pub(super) is_postgres: bool,
    pub(super) lsn: Lsn,
    pub(super) commit_us: Option<i64>,
}

/// Whether a field of a row without an envelope is of the change, not of the row.
pub(super) fn is_about(name: &[u8]) -> bool {
    let Some(name) = name.strip_prefix(b"__") else { return false };
    let name = name.strip_prefix(b"source_").unwrap_or(name);
    const OTHERS: [&[u8]; 9] = [
        b"deleted",
        b"name",
        b"version",
        b"snapshot",
        b"txId",
        b"xmin",
        b"transaction_id",
        b"transaction_total_order",
        b"transaction_data_collection_order",
    ];
    !matches!(Role::of(name), Role::Nothing | Role::Before | Role::After | Role::Source)
        || OTHERS.contains(&name)
}

impl<'a> About<'a> {
    /// Takes it out of the row; what a schema has of it is no column there either.
    pub(super) fn of(row: &mut Row<'a>) -> About<'a> {
        let mut about = About::default();
        let mut at = 0;
        let mut ts = [None; 3];
        while at < row.values.len() {
            let name = match (row.names.get(at), row.schema) {
                (Some(name), _) => name.raw,
                (None, Some(schema)) => schema.fields[at].name.as_bytes(),
                (None, None) => b"",
            };
            if !is_about(name) {
                at += 1;
                continue;
            }
            let value = row.values[at];
            let name = &name[2..];
            let name = name.strip_prefix(b"source_").unwrap_or(name);
            match (Role::of(name), name) {
                (_, b"deleted") => {
                    about.is_deleted =
                        matches!(value, Value::Bool(true)) || value.text() == Some(b"true");
                }
                (Role::Op, _) => about.op = letter(&value),
                (Role::Table | Role::Collection, _) => about.table = text(&value),
                (Role::Schema, _) => about.schema = text(&value),
                (Role::Db, _) => about.db = text(&value),
                (Role::Connector, _) => about.is_postgres = value.text() == Some(b"postgresql"),
                (Role::Lsn, _) => {
                    let lsn = value.int().and_then(|lsn| u64::try_from(lsn).ok());
                    about.lsn = lsn.map_or(Lsn::ZERO, Lsn);
                }
                (Role::TsUs, _) => ts[0] = value.int(),
                (Role::TsNs, _) => ts[1] = value.int().map(|ns| ns.div_euclid(1000)),
                (Role::TsMs, _) => ts[2] = value.int().map(|ms| ms.saturating_mul(1000)),
                _ => {}
            }
            if row.names.is_empty() {
                at += 1;
            } else {
                row.names.remove(at);
                row.values.remove(at);
            }
        }
        about.commit_us = ts.into_iter().flatten().next();
        about
    }
}
