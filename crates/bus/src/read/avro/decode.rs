//! Values off a body.

use super::{Node, NotAvro, Schema};
use crate::read::json::Text;
use crate::read::value::Value;

/// As deep as records may nest in records.
const DEPTH_MAX: usize = 64;

type Result<T> = std::result::Result<T, NotAvro>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Decode<'a> {
    schema: &'a Schema,
    rest: &'a [u8],
}

/// A record, an array or a map that has been stepped over once: it is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    schema: &'a Schema,
    node: usize,
    bytes: &'a [u8],
}

impl<'a> Decode<'a> {
    pub(crate) fn new(schema: &'a Schema, body: &'a [u8]) -> Decode<'a> {
        Decode { schema, rest: body }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(NotAvro("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(NotAvro("it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Seven bits a byte, zigzag.
    #[inline]
    fn long(&mut self) -> Result<i64> {
        let (mut number, mut shift) = (0u64, 0);
        loop {
            let (&byte, rest) = self.rest.split_first().ok_or(NotAvro("it ends too early"))?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
            shift += 7;
            if shift > 63 {
                return Err(NotAvro("a number goes on beyond 64 bits"));
            }
        }
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = usize::try_from(self.long()?).map_err(|_| NotAvro("a negative length"))?;
        self.take(length)
    }

    #[inline]
    fn text(&mut self) -> Result<Text<'a>> {
        let raw = self.bytes()?;
        match std::str::from_utf8(raw) {
            Ok(_) => Ok(Text { raw, is_escaped: false }),
            Err(_) => Err(NotAvro("a text is no UTF-8")),
        }
    }

    /// The branch of a union that follows.
    #[inline]
    pub(crate) fn branch(&mut self, node: usize) -> Result<usize> {
        match &self.schema.nodes[node] {
            Node::Union(branches) => {
                let at = usize::try_from(self.long()?).ok();
                let branch = at.and_then(|at| branches.get(at));
                branch.copied().ok_or(NotAvro("a branch that its union has not"))
            }
            _ => Ok(node),
        }
    }

    #[inline]
    pub(crate) fn value(&mut self, node: usize) -> Result<Value<'a>> {
        let node = self.branch(node)?;
        Ok(match &self.schema.nodes[node] {
            Node::Null => Value::Null,
            Node::Bool => match self.array()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                _ => return Err(NotAvro("a truth that is neither")),
            },
            Node::Int => Value::Int(self.long()?),
            Node::Float => Value::Float(f32::from_le_bytes(self.array()?)),
            Node::Double => Value::Double(f64::from_le_bytes(self.array()?)),
            Node::Bytes => Value::Bytes(self.bytes()?),
            Node::Text => Value::Text(self.text()?),
            Node::Fixed(size) => Value::Bytes(self.take(*size)?),
            Node::Enum(symbols) => {
                let at = usize::try_from(self.long()?).ok();
                let symbol = at.and_then(|at| symbols.get(at));
                let raw = symbol.ok_or(NotAvro("a symbol that its enum has not"))?.as_bytes();
                Value::Text(Text { raw, is_escaped: false })
            }
            // A union inside a union is none of Avro's.
            Node::Union(_) => return Err(NotAvro("a union within a union")),
            Node::Record(_) | Node::Array(_) | Node::Map(_) => {
                let from = self.rest;
                self.skip(node, 0)?;
                let bytes = &from[..from.len() - self.rest.len()];
                Value::Avro(Part { schema: self.schema, node, bytes })
            }
        })
    }

    /// Steps over a value.
    fn skip(&mut self, node: usize, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(NotAvro("it nests too deep"));
        }
        let node = self.branch(node)?;
        match &self.schema.nodes[node] {
            Node::Record(fields) => {
                for field in fields {
                    self.skip(field.node, depth + 1)?;
                }
            }
            Node::Array(items) => {
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        self.skip(*items, depth + 1)?;
                    }
                }
            }
            Node::Map(values) => {
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        self.text()?;
                        self.skip(*values, depth + 1)?;
                    }
                }
            }
            Node::Union(_) => return Err(NotAvro("a union within a union")),
            _ => {
                self.value(node)?;
            }
        }
        Ok(())
    }

    /// How many elements the next block has; `None`: there is no other one.
    fn block(&mut self) -> Result<Option<usize>> {
        let count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        if count < 0 {
            let _bytes = self.long()?;
        }
        // Nothing that is sent takes no room at all: what cannot be there is not tried.
        let count = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        if count > self.rest.len() {
            return Err(NotAvro("more elements than it has bytes"));
        }
        Ok(Some(count))
    }
}

impl<'a> Part<'a> {
    pub(crate) fn is_array(&self) -> bool {
        matches!(self.schema.nodes[self.node], Node::Array(_))
    }

    fn decode(&self) -> Decode<'a> {
        Decode { schema: self.schema, rest: self.bytes }
    }

    /// Whether its first block has as many elements as one of the counts; records always do.
    pub(crate) fn has_elements(&self, counts: &[usize]) -> bool {
        match self.schema.nodes[self.node] {
            Node::Record(_) => false,
            _ => matches!(self.decode().block(), Ok(Some(count)) if counts.contains(&count)),
        }
    }

    pub(crate) fn each_element(
        &self,
        take: &mut dyn FnMut(Value<'a>) -> std::result::Result<(), String>,
    ) -> std::result::Result<(), String> {
        let Node::Array(items) = self.schema.nodes[self.node] else { return Ok(()) };
        let mut decode = self.decode();
        while let Ok(Some(count)) = decode.block() {
            for _ in 0..count {
                let Ok(value) = decode.value(items) else { return Ok(()) };
                take(value)?;
            }
        }
        Ok(())
    }

    pub(crate) fn each_field(&self, take: &mut dyn FnMut(Text<'a>, Value<'a>)) {
        let mut decode = self.decode();
        match &self.schema.nodes[self.node] {
            Node::Record(fields) => {
                for field in fields {
                    let Ok(value) = decode.value(field.node) else { return };
                    take(Text { raw: field.name.as_bytes(), is_escaped: false }, value);
                }
            }
            Node::Map(values) => {
                while let Ok(Some(count)) = decode.block() {
                    for _ in 0..count {
                        let Ok(name) = decode.text() else { return };
                        let Ok(value) = decode.value(*values) else { return };
                        take(name, value);
                    }
                }
            }
            _ => {}
        }
    }
}
