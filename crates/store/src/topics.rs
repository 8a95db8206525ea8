//! What makes the engine read a topic by itself.
//!
//! ```text
//! topic ─▶ Kafka ─pump▶ Null ─┬─ rows ──▶ where the rows of a table are
//!                             └─ errors ▶ what could not be read, as it came
//! ```
//!
//! The engine begins to read as soon as the first view hangs on a Kafka table, and gives what it has read to the
//! views that hang there then. So there is but one, the pump: it comes last and goes first.

use crate::cluster::OF_ALL;
use crate::ddl::{self, More, literal};
use crate::layout::Layout;
use model::TableName;

/// By which a database of such tables is known as ours.
pub const COMMENT: &str = "topics that ClickHouse reads, made by millrace";
/// What could not be read, of all topics.
const ERRORS: &str = "errors";

/// The tables and views of a topic.
#[derive(Clone, Debug)]
pub struct Topic {
    /// Where messages come in.
    pub source: TableName,
    /// What they are, once they are taken apart.
    pub decoded: TableName,
    pub pump: TableName,
    pub rows: TableName,
    pub errors: TableName,
}

impl Topic {
    pub fn new(database: &str, topic: &str) -> Topic {
        let of = |what: &str| TableName::new(database, format!("{topic}__{what}"));
        Topic {
            source: TableName::new(database, topic),
            decoded: of("decoded"),
            pump: of("pump"),
            rows: of("rows"),
            errors: of("errors"),
        }
    }
}

pub fn errors_table(database: &str) -> TableName {
    TableName::new(database, ERRORS)
}

impl Layout {
    pub fn database_of_topics(&self, database: &str) -> String {
        format!("{} COMMENT {}", ddl::database(database, self.more()), literal(COMMENT))
    }

    /// A message that comes twice stands there once.
    pub fn errors_of_topics(&self, database: &str) -> String {
        let keeper = self.cluster().map(|_| OF_ALL);
        let engine = More { keeper, ..self.more() }.engine("ReplacingMergeTree", "");
        let (name, on) = (ddl::name(&errors_table(database)), self.more().on);
        format!(
            "CREATE TABLE IF NOT EXISTS {name}{on} (\n  \
             topic LowCardinality(String),\n  partition UInt64,\n  offset UInt64,\n  \
             timestamp Nullable(DateTime64(3)),\n  key String,\n  message String,\n  reason String,\n  \
             at DateTime64(3) DEFAULT now64(3)\n) ENGINE = {engine}\n\
             ORDER BY (topic, partition, offset)"
        )
    }

    /// Where messages come in; nothing is read yet. `settings`: names and what they are.
    pub fn topic(
        &self,
        place: &TableName,
        columns: &[String],
        settings: &[(&str, String)],
    ) -> String {
        let settings = settings.iter().map(|(name, value)| format!("{name} = {value}"));
        let settings = settings.collect::<Vec<_>>().join(",\n  ");
        format!("{} ENGINE = Kafka\nSETTINGS\n  {settings}", self.columns(place, columns))
    }

    /// Keeps nothing: what is written to it goes to its views.
    pub fn passage(&self, place: &TableName, columns: &[String]) -> String {
        format!("{} ENGINE = Null", self.columns(place, columns))
    }

    fn columns(&self, place: &TableName, columns: &[String]) -> String {
        let (name, on, columns) = (ddl::name(place), self.more().on, columns.join(",\n  "));
        format!("CREATE TABLE {name}{on} (\n  {columns}\n)")
    }

    /// What the SELECT makes of rows that are written to its table goes to another one.
    pub fn passes(&self, view: &TableName, to: &TableName, select: &str) -> String {
        let (view, on, to) = (ddl::name(view), self.more().on, ddl::name(to));
        format!("CREATE MATERIALIZED VIEW {view}{on} TO {to} AS\n{select}")
    }

    /// In this order; what is read meanwhile, is written before.
    pub fn drop_topic(&self, topic: &Topic) -> Vec<String> {
        let Topic { source, decoded, pump, rows, errors } = topic;
        let on = self.more().on;
        let drop = |place| format!("DROP TABLE IF EXISTS {}{on} SYNC", ddl::name(place));
        [pump, source, rows, errors, decoded].map(drop).to_vec()
    }
}
