//! A table as it is sent: its topic, its columns, and all of its messages that never changes.

use super::avro;
use super::encoded::{Dress, Frame, Names, Subject};
use super::known::Known;
use super::options::{Format, SinkOptions};
use super::schema::{self, Schema};
use super::types::Type;
use super::value::out::{Out, avro_bytes, json_text};
use super::value::{self};
use model::{Error, Result, Table, TableId};
use source::decode::Field;

/// A magic byte, and the schema's id once there is one.
pub(super) const AVRO_HEAD: &[u8] = &[0; 5];
/// Behind a message and its schema.
pub(super) const FRAME_END: &[u8] = b"}";

pub(super) struct Sheet {
    pub id: TableId,
    pub topic: u32,
    pub dress: Dress,
    /// `public.orders`
    pub collection: String,
    /// How many columns the log has of it.
    pub width: usize,
    columns: Vec<Sent>,
    /// Into `columns`, in the key's order.
    key: Vec<usize>,
    /// `"schema":"public","table":"orders",`, or Avro's form of the two.
    pub names: Vec<u8>,
    /// Rows of the transaction that it was told of last.
    pub rows: u64,
    pub transaction: u64,
}

struct Sent {
    /// Into a tuple.
    at: usize,
    ty: Type,
    /// `"name":`
    name: Vec<u8>,
    is_key: bool,
}

/// One side of a change.
#[derive(Clone, Copy)]
pub(super) enum Row<'a> {
    None,
    Whole(&'a [Field<'a>]),
    /// Of the others it says nothing.
    Key(&'a [Field<'a>]),
}

impl Dress {
    pub(super) fn new(
        format: &Format,
        topic: &str,
        [key, value]: &[Schema; 2],
        names: &mut Names,
    ) -> Dress {
        match format {
            Format::Json { with_schemas: false } => Dress::default(),
            Format::Json { with_schemas: true } => {
                let open = |schema: &Schema| {
                    format!("{{\"schema\":{},\"payload\":", schema.json(None)).into_bytes()
                };
                let frame = Frame { key: open(key), value: open(value), end: FRAME_END };
                Dress { frame: Some(names.frame(frame)), ..Dress::default() }
            }
            Format::Avro { .. } => {
                let mut subject = |schema: &Schema, of: &str| {
                    let schema = avro::avro(schema).to_string();
                    names.subject(Subject { name: format!("{topic}-{of}"), schema })
                };
                let schemas = Some([subject(key, "key"), subject(value, "value")]);
                Dress { head: AVRO_HEAD, frame: None, schemas }
            }
        }
    }
}

impl Sheet {
    pub(super) fn new(
        options: &SinkOptions,
        table: &Table,
        known: &Known,
        names: &mut Names,
    ) -> Result<Sheet> {
        let topic = options.topic(&table.name)?;
        let key = table.declared_key();
        let mut columns = Vec::new();
        for (at, column) in table.columns.iter().enumerate() {
            let is_key = key.contains(&at);
            let is_sent =
                !table.excluded.contains(&at) && options.sends_column(&table.name, &column.name);
            match (is_sent, is_key) {
                (false, true) => {
                    return Err(Error::definite(format!(
                        "cannot leave out column {} of {}: it is part of the key",
                        column.name, table.name
                    ))
                    .hint("leave the table out, or let the column be sent"));
                }
                (false, false) => continue,
                (true, _) => {}
            }
            let ty = Type::of(table.id, column, options.forms, known);
            let mut name = Vec::new();
            json_text(column.name.as_bytes(), &mut name);
            name.push(b':');
            columns.push((column.name.clone(), Sent { at, ty, name, is_key }));
        }
        let fields = |(name, sent): &(String, Sent)| (name.clone(), sent.ty.schema.clone());
        let key: Vec<usize> = key
            .iter()
            .filter_map(|at| columns.iter().position(|(_, sent)| sent.at == *at))
            .collect();
        let schemas = match options.format.has_schemas() {
            true => [
                schema::key(&topic, key.iter().map(|&at| fields(&columns[at])).collect()),
                schema::envelope(&topic, columns.iter().map(fields).collect()),
            ],
            false => [schema::key(&topic, Vec::new()), schema::envelope(&topic, Vec::new())],
        };
        let dress = Dress::new(&options.format, &topic, &schemas, names);
        Ok(Sheet {
            id: table.id,
            topic: names.topic(&topic),
            dress,
            collection: table.name.to_string(),
            width: table.columns.len(),
            columns: columns.into_iter().map(|(_, sent)| sent).collect(),
            key,
            names: source_names(&options.format, &table.name.schema, &table.name.table),
            rows: 0,
            transaction: 0,
        })
    }

    pub(super) fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    /// A struct of the key's columns; how many values were lost.
    pub(super) fn write_key<O: Out>(&self, fields: &[Field<'_>], out: &mut O) -> u64 {
        let mut lost = 0;
        out.open_struct();
        for (at, &column) in self.key.iter().enumerate() {
            let sent = &self.columns[column];
            out.member(at, &sent.name);
            lost += value::write(&sent.ty, fields[sent.at], out);
        }
        out.close_struct();
        lost
    }

    /// A row that may be NULL.
    #[inline]
    pub(super) fn write_row<O: Out>(&self, row: Row<'_>, out: &mut O) -> u64 {
        let (fields, is_whole) = match row {
            Row::None => {
                out.null();
                return 0;
            }
            Row::Whole(fields) => (fields, true),
            Row::Key(fields) => (fields, false),
        };
        let mut lost = 0;
        out.some();
        out.open_struct();
        for (at, sent) in self.columns.iter().enumerate() {
            out.member(at, &sent.name);
            let field = if is_whole || sent.is_key { fields[sent.at] } else { Field::Null };
            lost += value::write(&sent.ty, field, out);
        }
        out.close_struct();
        lost
    }
}

pub(super) fn source_names(format: &Format, schema: &str, table: &str) -> Vec<u8> {
    let mut out = Vec::new();
    if let Format::Avro { .. } = format {
        avro_bytes(schema.as_bytes(), &mut out);
        avro_bytes(table.as_bytes(), &mut out);
    } else {
        out.extend_from_slice(b"\"schema\":");
        json_text(schema.as_bytes(), &mut out);
        out.extend_from_slice(b",\"table\":");
        json_text(table.as_bytes(), &mut out);
        out.push(b',');
    }
    out
}
