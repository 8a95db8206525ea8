//! The keys of messages, and those that their headers tell of a key that changed.

use super::avro::{self, Decode, Node, Schema};
use super::json::Scan;
use super::message;
use super::registry::Registry;
use super::row::Row;
use super::topic::{KnownSchema, KnownSchemas};
use model::{Error, Result};
use std::sync::Arc;

/// What keeps a key's schema while its row is in use.
#[derive(Default)]
pub(super) struct Held {
    connect: Option<Arc<KnownSchema>>,
    avro: Option<Arc<Schema>>,
}

/// What reads keys.
pub(super) struct Keys<'r> {
    pub(super) schemas: &'r mut KnownSchemas,
    pub(super) registry: Option<&'r mut Registry>,
    pub(super) next: &'r mut u64,
}

impl Keys<'_> {
    /// `None`: it is none, or no object.
    pub(super) fn row<'a>(
        &mut self,
        bytes: Option<&'a [u8]>,
        last: &mut Option<Arc<KnownSchema>>,
        held: &'a mut Held,
    ) -> Result<Option<Row<'a>>> {
        match (bytes, self.registry.is_some()) {
            (None, _) => Ok(None),
            (Some(bytes), true) if bytes.first() == Some(&0) => self.avro(bytes, held),
            (Some(bytes), _) => self.json(bytes, last, held),
        }
    }

    fn json<'a>(
        &mut self,
        bytes: &'a [u8],
        last: &mut Option<Arc<KnownSchema>>,
        held: &'a mut Held,
    ) -> Result<Option<Row<'a>>> {
        let wrong = |error: Error| error.context("its key");
        std::str::from_utf8(bytes)
            .map_err(|_| wrong(Error::refused("it is no JSON").detail("It is no UTF-8.")))?;
        let mut scan = Scan::new(bytes);
        let found = self.schemas.unwrap(&mut scan, last, self.next).map_err(wrong)?;
        let is_wrapped = found.is_some();
        held.connect = found.flatten();
        let schema = held.connect.as_deref().map(|known| &known.schemas.whole);
        let mut row = Row { schema, ..Row::default() };
        let is_object = scan.eat(b'{');
        match is_object {
            true => message::row(&mut scan, &mut row).map_err(|why| wrong(why.into()))?,
            false => {
                scan.value().map_err(|why| wrong(why.into()))?;
            }
        }
        let _ = is_wrapped && scan.eat(b'}');
        scan.end().map_err(|why| wrong(why.into()))?;
        Ok(is_object.then_some(row).filter(|row| !row.values.is_empty()))
    }

    fn avro<'a>(&mut self, bytes: &'a [u8], held: &'a mut Held) -> Result<Option<Row<'a>>> {
        let wrong = |error: Error| error.context("its key");
        let (id, body) = avro::framed(bytes).map_err(|why| wrong(why.into()))?;
        let registry = self.registry.as_mut().expect("it is there");
        let schema = &**held.avro.insert(registry.schema(id, self.next).map_err(wrong)?);
        let mut decode = Decode::new(schema, body);
        let Node::Record(fields) = &schema.nodes[schema.root] else { return Ok(None) };
        let mut row = Row { schema: schema.whole.as_ref(), ..Row::default() };
        for field in fields {
            row.values.push(decode.value(field.node).map_err(|why| wrong(why.into()))?);
        }
        match decode.is_at_end() {
            true => Ok(Some(row).filter(|row| !row.values.is_empty())),
            false => Err(wrong(avro::NotAvro("something follows its end").into())),
        }
    }
}
