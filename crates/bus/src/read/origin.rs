//! Where a change comes from: the few fields of `source` that are looked at.

use super::value::Value;
use model::{Lsn, TableName};
use std::borrow::Cow;

/// What a field of an envelope or of its `source` is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Before,
    After,
    Source,
    Op,
    Message,
    Schema,
    Table,
    Db,
    Collection,
    Connector,
    Lsn,
    Sequence,
    TsUs,
    TsNs,
    TsMs,
    Nothing,
}

impl Role {
    #[inline]
    pub(super) fn of(name: &[u8]) -> Role {
        match name {
            b"before" => Role::Before,
            b"after" => Role::After,
            b"source" => Role::Source,
            b"op" => Role::Op,
            b"message" => Role::Message,
            b"schema" => Role::Schema,
            b"table" => Role::Table,
            b"db" => Role::Db,
            b"collection" => Role::Collection,
            b"connector" => Role::Connector,
            b"lsn" => Role::Lsn,
            b"sequence" => Role::Sequence,
            b"ts_us" => Role::TsUs,
            b"ts_ns" => Role::TsNs,
            b"ts_ms" => Role::TsMs,
            _ => Role::Nothing,
        }
    }
}

/// The two positions of a change: the last commit before it (absent in a snapshot), and its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sequence {
    pub last_commit: Option<Lsn>,
    pub lsn: Lsn,
}

#[derive(Debug, Default)]
pub(super) struct Origin<'a> {
    pub(super) schema: Option<Cow<'a, str>>,
    pub(super) table: Option<Cow<'a, str>>,
    pub(super) db: Option<Cow<'a, str>>,
    pub(super) collection: Option<Cow<'a, str>>,
    pub(super) is_postgres: bool,
    lsn: Option<u64>,
    sequence: Option<Sequence>,
    ts_us: Option<i64>,
    ts_ns: Option<i64>,
    ts_ms: Option<i64>,
}

impl<'a> Origin<'a> {
    #[inline]
    pub(super) fn set(&mut self, role: Role, value: Value<'a>) {
        match role {
            Role::Schema => self.schema = text(&value),
            Role::Table => self.table = text(&value),
            Role::Db => self.db = text(&value),
            Role::Collection => self.collection = text(&value),
            Role::Connector => self.is_postgres = value.text() == Some(b"postgresql"),
            Role::Lsn => self.lsn = number(&value),
            Role::Sequence => self.sequence = text(&value).and_then(|text| sequence(&text)),
            Role::TsUs => self.ts_us = value.int(),
            Role::TsNs => self.ts_ns = value.int(),
            Role::TsMs => self.ts_ms = value.int(),
            _ => {}
        }
    }

    /// `None`: it is of no table, as a message of `pg_logical_emit_message` is.
    pub(super) fn table_name(&self) -> Option<(&str, &str)> {
        let named =
            |name: &'_ Option<Cow<'a, str>>| name.as_ref().is_some_and(|name| !name.is_empty());
        let table = if named(&self.collection) { &self.collection } else { &self.table };
        let schema = if named(&self.schema) { &self.schema } else { &self.db };
        match (schema, table) {
            (Some(schema), Some(table)) if !table.is_empty() => Some((schema, table)),
            _ => None,
        }
    }

    pub(super) fn lsn(&self) -> Lsn {
        let own = self.lsn.map(Lsn);
        own.or(self.sequence.map(|sequence| sequence.lsn)).unwrap_or(Lsn::ZERO)
    }

    pub(super) fn sequence(&self) -> Option<Sequence> {
        self.sequence
    }

    pub(super) fn commit_us(&self, produced_ms: i64) -> i64 {
        let ms = |ms: i64| ms.saturating_mul(1000);
        let of_source = self.ts_us.or(self.ts_ns.map(|ns| ns.div_euclid(1000)));
        of_source.or(self.ts_ms.map(ms)).unwrap_or_else(|| ms(produced_ms))
    }
}

pub(super) fn text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(text) if !text.is_escaped => {
            std::str::from_utf8(text.raw).ok().map(Cow::Borrowed)
        }
        Value::Text(text) => String::from_utf8(text.owned().ok()?).ok().map(Cow::Owned),
        _ => None,
    }
}

fn number(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Text(text) => std::str::from_utf8(text.raw).ok()?.parse().ok(),
        _ => value.int().and_then(|number| u64::try_from(number).ok()),
    }
}

/// Of `["27265136","27265192"]`, `[null,"27238448"]`.
fn sequence(text: &str) -> Option<Sequence> {
    let inside = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let (commit, lsn) = inside.split_once(',')?;
    let number = |text: &str| text.trim().trim_matches('"').parse().ok().map(Lsn);
    Some(Sequence { last_commit: number(commit), lsn: number(lsn)? })
}

/// The table of a topic whose messages do not name it: the last two parts of its name, in `public`
/// where there is but one.
pub(super) fn of_topic(topic: &str) -> TableName {
    let mut parts = topic.rsplit('.');
    let table = parts.next().unwrap_or(topic);
    TableName::new(parts.next().unwrap_or("public"), table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_is_a_text() {
        let both = Sequence { last_commit: Some(Lsn(27_303_200)), lsn: Lsn(27_303_201) };
        assert_eq!(sequence(r#"["27303200","27303201"]"#), Some(both));
        assert_eq!(sequence(r#"[null,"7"]"#).unwrap().last_commit, None);
        for text in ["", "[]", "[null,null]", "7", r#"["1"]"#] {
            assert_eq!(sequence(text), None, "{text}");
        }
    }

    #[test]
    fn a_topic_names_its_table() {
        for (topic, schema, table) in [
            ("shop.public.orders", "public", "orders"),
            ("orders", "public", "orders"),
            ("a.b.c.d", "c", "d"),
        ] {
            assert_eq!(of_topic(topic), TableName::new(schema, table));
        }
    }
}
