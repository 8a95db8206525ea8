//! Avro by the schema it was written with, straight from its bytes: no tree of values.
//!
//! ```text
//! 0x00  u32 id (big-endian)  body        a message, as Confluent frames it
//! schema    the writer's schema, nodes in a list, names resolved to places in it
//! decode    one value off the body, or its length without a look inside
//! ```

mod decode;
mod schema;

pub(super) use decode::{Decode, Part};
pub(super) use schema::{Node, Schema};

/// Why it is no Avro of its schema.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotAvro(pub(super) &'static str);

/// The id of the schema, and what was written with it.
pub(super) fn framed(bytes: &[u8]) -> Result<(u32, &[u8]), NotAvro> {
    let (&magic, rest) = bytes.split_first().ok_or(NotAvro("it is empty"))?;
    if magic != 0 {
        return Err(NotAvro("it does not begin with the byte 0 of a schema registry's framing"));
    }
    let (id, body) =
        rest.split_first_chunk::<4>().ok_or(NotAvro("it ends within its schema's id"))?;
    Ok((u32::from_be_bytes(*id), body))
}
