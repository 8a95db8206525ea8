//! `[source.kafka]`.

mod login;
#[cfg(feature = "kafka")]
mod options;
pub(crate) mod sink;
#[cfg(all(test, feature = "kafka"))]
mod tests;

use super::Raw;
use super::near::nearest;
use login::{Login, LoginSection};
use model::{Error, Result, TableName};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const DEFAULT_GROUP: &str = "millrace";
pub(crate) const DEFAULT_SCHEMA: &str = "{schema}";

const FORMATS: [&str; 3] = ["debezium-json", "debezium-avro", "json"];
const EXPIRED: [&str; 2] = ["stop", "skip"];
const ENGINES: [&str; 2] = ["millrace", "clickhouse"];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KafkaSection {
    engine: Option<String>,
    brokers: Option<String>,
    topics: Vec<String>,
    group: Option<String>,
    format: Option<String>,
    registry: Option<String>,
    postgres: Option<String>,
    schema: Option<String>,
    expired: Option<String>,
    placeholder: Option<String>,
    protocol: Option<String>,
    sasl_mechanism: Option<String>,
    user: Option<String>,
    password: Option<String>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    types: BTreeMap<String, BTreeMap<String, String>>,
    plain: BTreeMap<String, PlainSection>,
}

#[derive(Deserialize, Default, Clone, Debug)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PlainSection {
    table: Option<String>,
    id: Option<String>,
    time: Option<String>,
    rest: Option<String>,
    columns: BTreeMap<String, PlainColumnSection>,
}

#[derive(Deserialize, Default, Clone, Debug)]
#[serde(deny_unknown_fields, default)]
struct PlainColumnSection {
    path: Option<String>,
    r#type: Option<String>,
}

/// As written, checked; secrets are looked up by those who connect.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code))]
pub(crate) struct Kafka {
    /// ClickHouse reads, not we.
    pub(crate) is_by_clickhouse: bool,
    brokers: Raw,
    topics: Vec<String>,
    pub(crate) group: String,
    format: String,
    registry: Option<Raw>,
    postgres: Option<Raw>,
    schema: String,
    pub(crate) skips_expired: bool,
    placeholder: Option<String>,
    pub(crate) login: Login,
    types: BTreeMap<TableName, BTreeMap<String, String>>,
    plain: BTreeMap<String, (TableName, PlainSection)>,
}

impl KafkaSection {
    pub(super) fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Kafka> {
        let raw = |key: &str, text: Option<String>| {
            text.map(|text| Raw::new(&format!("source.kafka.{key}"), text)).transpose()
        };
        let brokers = raw("brokers", self.brokers)?.ok_or_else(|| {
            Error::definite("cannot find source.kafka.brokers")
                .hint("brokers = \"kafka:9092\" under [source.kafka]")
        })?;
        if self.topics.is_empty() && self.plain.is_empty() {
            return Err(Error::definite("cannot find source.kafka.topics")
                .hint("topics = [\"^shop\\\\.public\\\\..*\"] under [source.kafka]"));
        }
        let login = LoginSection {
            protocol: self.protocol,
            sasl_mechanism: self.sasl_mechanism,
            user: self.user,
            password: self.password,
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
        };
        let login = login.resolve("source.kafka", folder, warnings)?;
        let registry = raw("registry", self.registry)?;
        if registry.as_ref().is_some_and(Raw::has_literal_password) {
            warnings.push("source.kafka.registry holds a password in plain text; better: ${REGISTRY_PASSWORD} in its place".to_owned());
        }
        let postgres = raw("postgres", self.postgres)?;
        if postgres.as_ref().is_some_and(Raw::has_literal_password) {
            warnings.push(
                "source.kafka.postgres holds a password in plain text; better: ${DATABASE_URL}"
                    .to_owned(),
            );
        }
        let format = one_of("source.kafka.format", self.format, &FORMATS, FORMATS[0])?;
        if format == "debezium-avro" && registry.is_none() {
            return Err(Error::definite("cannot read debezium-avro without source.kafka.registry")
                .hint("registry = \"http://registry:8081\" under [source.kafka]"));
        }
        let schema = self.schema.unwrap_or_else(|| DEFAULT_SCHEMA.to_owned());
        if !schema.contains("{schema}") {
            return Err(Error::definite(format!("cannot use source.kafka.schema: {schema:?}"))
                .detail("Tables of one name in two schemas would be one.")
                .hint("schema = \"kafka_{schema}\""));
        }
        let types = self.types.into_iter().map(|(table, columns)| {
            let key = format!("source.kafka.types.\"{table}\"");
            Ok((table_name(&key, &table)?, columns))
        });
        let plain = self.plain.into_iter().map(|(topic, section)| {
            let key = format!("source.kafka.plain.{topic}.table");
            let table = match &section.table {
                Some(table) => table_name(&key, table)?,
                None => TableName::new("public", &topic),
            };
            Ok((topic, (table, section)))
        });
        let engine = one_of("source.kafka.engine", self.engine, &ENGINES, ENGINES[0])?;
        let is_by_clickhouse = engine == ENGINES[1];
        if is_by_clickhouse && !login.is_plain() {
            return Err(Error::definite(
                "cannot use source.kafka.engine \"clickhouse\" with TLS or SCRAM",
            )
            .detail("The Kafka client inside of libchdb was built without both: it knows PLAIN alone.")
            .hint("engine = \"millrace\"; or ClickHouse as a server, which knows them: millrace kafka ddl"));
        }
        Ok(Kafka {
            is_by_clickhouse,
            brokers,
            group: super::name("source.kafka.group", self.group, DEFAULT_GROUP)?,
            format,
            registry,
            postgres,
            schema,
            skips_expired: one_of("source.kafka.expired", self.expired, &EXPIRED, "stop")?
                == "skip",
            placeholder: self.placeholder,
            login,
            types: types.collect::<Result<_>>()?,
            plain: plain.collect::<Result<_>>()?,
            topics: self.topics,
        })
    }
}

impl Kafka {
    /// Tables that take facts unless somebody says otherwise.
    pub(crate) fn plain_tables(&self) -> impl Iterator<Item = String> + '_ {
        self.plain.values().map(|(table, _)| table.to_string())
    }
}

fn table_name(key: &str, text: &str) -> Result<TableName> {
    let parts =
        text.split_once('.').filter(|(schema, table)| !schema.is_empty() && !table.is_empty());
    let no_table = || {
        Error::definite(format!("cannot use {key}: {text:?} is no table")).hint("\"schema.table\"")
    };
    parts.map(|(schema, table)| TableName::new(schema, table)).ok_or_else(no_table)
}

/// `key`: with its section.
fn one_of(key: &str, text: Option<String>, known: &[&str], default: &str) -> Result<String> {
    let Some(text) = text else { return Ok(default.to_owned()) };
    if known.contains(&text.as_str()) {
        return Ok(text);
    }
    let error = Error::definite(format!("cannot use {key}: {text:?}"));
    match nearest(&text, known) {
        Some(near) => Err(error.hint(format!("did you mean {near:?}?"))),
        None => Err(error.hint(format!("known: {}", known.join(", ")))),
    }
}
