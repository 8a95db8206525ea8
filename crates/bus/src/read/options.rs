//! What the messages do not say of themselves.

use crate::registry::RegistryOptions;
use model::TableName;
use std::collections::BTreeMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Debezium's, with `schemas.enable` or without.
    DebeziumJson,
    /// Debezium's behind a schema registry that speaks as Confluent's does.
    DebeziumAvro,
    /// Objects of anybody's.
    Json,
}

/// What a text in a column of decimals is, where no schema says it (`decimal.handling.mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decimals {
    /// `precise`: base64 of two's complement, with the scale that the column was declared with.
    Precise,
    /// `string`
    Text,
}

/// What a text in a column of bytes is (`binary.handling.mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// `bytes` and `base64`
    Base64,
    /// `base64-url-safe`
    Base64Url,
    /// `hex`
    Hex,
}

/// What a number in a column of times is, where no schema says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Numbers {
    /// As `time.precision.mode = adaptive` sends a type of so many digits.
    OfDebezium,
    /// Seconds, ms, µs or ns: its size tells.
    BySize,
}

/// Names of columns to names of Postgres's types.
pub type DeclaredColumns = BTreeMap<String, String>;

#[derive(Clone, Debug)]
pub struct ReaderOptions {
    pub format: Format,
    /// Of `DebeziumAvro`.
    pub registry: Option<RegistryOptions>,
    /// Topics of plain objects, in whatever format the others are. Under [`Format::Json`] those that
    /// are not named here are plain as well.
    pub plain: BTreeMap<String, PlainTopic>,
    /// What the schema of a table is called here: `kafka_{schema}`.
    pub schema: String,
    /// What columns are whose messages come without a schema: `numeric(10,2)`. By the table's name here.
    pub declared: BTreeMap<TableName, DeclaredColumns>,
    /// Debezium's `unavailable.value.placeholder`.
    pub placeholder: String,
    /// Absent: as they look; where that tells nothing, the row is refused.
    pub decimals: Option<Decimals>,
    /// Likewise.
    pub binary: Option<Binary>,
}

impl ReaderOptions {
    pub fn new(format: Format) -> ReaderOptions {
        ReaderOptions {
            format,
            registry: None,
            plain: BTreeMap::new(),
            schema: "{schema}".to_owned(),
            declared: BTreeMap::new(),
            placeholder: super::value::DEFAULT_PLACEHOLDER.to_owned(),
            decimals: None,
            binary: None,
        }
    }
}

/// A topic of plain objects: each is a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainTopic {
    pub table: TableName,
    /// Empty: every field of the object is a column, of a type that its first value tells.
    pub columns: BTreeMap<String, PlainColumn>,
    /// A column of jsonb for what no column took.
    pub rest: Option<String>,
    /// Where the time of the event stands.
    pub time: Option<String>,
    /// Where stands what tells rows apart. Absent: nothing does.
    pub id: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlainColumn {
    /// `user.id`
    pub path: String,
    /// One of Postgres's types.
    pub type_name: String,
}
