//! What is remembered of a topic, so that its next message is read faster.

use super::connect::{self, Schemas};
use super::json::{Scan, Token};
use super::plain::Plan;
use model::Result;
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Topic {
    pub(super) name: String,
    /// The table of its last message.
    pub(super) table: Option<usize>,
    /// It has brought rows of several tables: a tombstone does not say whose.
    pub(super) is_shared: bool,
    /// Its last message had no envelope.
    pub(super) is_flat: bool,
    /// Its last message was `{"schema":…,"payload":…}`.
    pub(super) is_wrapped: bool,
    pub(super) plain: Option<Arc<Plan>>,
    pub(super) value_schema: Option<Arc<KnownSchema>>,
    pub(super) key_schema: Option<Arc<KnownSchema>>,
}

impl Topic {
    pub(super) fn is_of(&mut self, table: usize) {
        self.is_shared |= self.table.is_some_and(|last| last != table);
        self.table = Some(table);
    }
}

pub(super) struct KnownSchema {
    bytes: Box<[u8]>,
    pub(super) schemas: Schemas,
}

/// Connect's schemas by their bytes.
#[derive(Default)]
pub(super) struct KnownSchemas(HashMap<Box<[u8]>, Arc<KnownSchema>>);

/// More than all topics have: a producer that writes another one into each message shall not fill the
/// memory.
const KNOWN_MAX: usize = 10_000;

impl KnownSchemas {
    /// Steps to the payload of `{"schema":…,"payload":…}`. `None`: it is no such pair, and nothing was
    /// stepped over. `last`: the schema of the message before, which is told by its bytes alone.
    pub(super) fn unwrap(
        &mut self,
        scan: &mut Scan<'_>,
        last: &mut Option<Arc<KnownSchema>>,
        next: &mut u64,
    ) -> Result<Option<Option<Arc<KnownSchema>>>> {
        let mut inner = scan.clone();
        let mut is_first = true;
        if !inner.eat(b'{') || inner.peek() != Some(b'"') {
            return Ok(None);
        }
        match inner.name(&mut is_first)? {
            Some(name) if name.raw == b"schema" => {}
            _ => return Ok(None),
        }
        inner.peek();
        let known = last.as_ref().filter(|known| inner.rest().starts_with(&known.bytes)).cloned();
        let found = match known {
            Some(known) => {
                inner.step_over(known.bytes.len());
                Ok(Some(known))
            }
            None => match inner.value()? {
                Token::Null => Ok(None),
                Token::Object(bytes) => Err(bytes),
                _ => return Ok(None),
            },
        };
        match inner.name(&mut is_first)? {
            Some(name) if name.raw == b"payload" => {}
            _ => return Ok(None),
        }
        let found = match found {
            Ok(found) => found,
            Err(bytes) => Some(self.parsed(bytes, next)?),
        };
        if let Some(found) = &found {
            *last = Some(found.clone());
        }
        *scan = inner;
        Ok(Some(found))
    }

    fn parsed(&mut self, bytes: &[u8], next: &mut u64) -> Result<Arc<KnownSchema>> {
        if let Some(known) = self.0.get(bytes) {
            return Ok(known.clone());
        }
        let schemas = connect::parse(bytes, next)?;
        let known = Arc::new(KnownSchema { bytes: bytes.into(), schemas });
        if self.0.len() >= KNOWN_MAX {
            self.0.clear();
        }
        self.0.insert(bytes.into(), known.clone());
        Ok(known)
    }
}
