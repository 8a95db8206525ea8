//! `[[sink.kafka]]`.

#[cfg(feature = "kafka")]
mod options;

use super::login::{Login, LoginSection};
use super::one_of;
use crate::config::Raw;
use model::{Error, Result};
use serde::Deserialize;
use std::path::Path;

pub(crate) const DEFAULT_QUEUE_MIB: u64 = 64;
/// Of a sink that is not required.
pub(crate) const DEFAULT_SPOOL_MIB: u64 = 1024;
pub(crate) const DEFAULT_MESSAGE_BYTES: u64 = 1_000_000;
const FORMATS: [&str; 3] = ["debezium-json", "debezium-json-schema", "debezium-avro"];
const DELIVERIES: [&str; 2] = ["exactly-once", "at-least-once"];
const SNAPSHOTS: [&str; 2] = ["initial", "never"];
const COMPRESSIONS: [&str; 4] = ["lz4", "zstd", "gzip", "none"];

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SinkSection {
    pub(crate) kafka: Vec<KafkaSinkSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct KafkaSinkSection {
    name: Option<String>,
    brokers: Option<String>,
    topic_prefix: Option<String>,
    format: Option<String>,
    registry: Option<String>,
    delivery: Option<String>,
    snapshot: Option<String>,
    required: Option<bool>,
    compression: Option<String>,
    tables: Vec<String>,
    tables_exclude: Vec<String>,
    columns_exclude: Vec<String>,
    routes: Vec<RouteSection>,
    tombstones: Option<bool>,
    truncates: Option<bool>,
    messages: bool,
    transaction_metadata: bool,
    heartbeat_ms: Option<u64>,
    message_bytes_max: Option<u64>,
    queue_mib: Option<u64>,
    spool_mib: Option<u64>,
    protocol: Option<String>,
    sasl_mechanism: Option<String>,
    user: Option<String>,
    password: Option<String>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
}

#[derive(Deserialize, Default, Clone, Debug)]
#[serde(deny_unknown_fields, default)]
struct RouteSection {
    from: String,
    to: String,
}

/// As written, checked; secrets are looked up by those who connect.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code))]
pub(crate) struct Sink {
    name: String,
    brokers: Raw,
    topic_prefix: String,
    format: String,
    registry: Option<Raw>,
    is_exactly_once: bool,
    takes_snapshot: bool,
    is_required: bool,
    compression: String,
    tables: Vec<String>,
    tables_exclude: Vec<String>,
    columns_exclude: Vec<String>,
    routes: Vec<RouteSection>,
    tombstones: bool,
    truncates: bool,
    messages: bool,
    transaction_metadata: bool,
    heartbeat_ms: u64,
    message_bytes_max: u64,
    queue_mib: u64,
    spool_mib: u64,
    pub(crate) login: Login,
}

impl SinkSection {
    pub(crate) fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Vec<Sink>> {
        let mut sinks: Vec<Sink> = Vec::new();
        for section in self.kafka {
            let sink = section.resolve(folder, warnings)?;
            if sinks.iter().any(|other| other.name == sink.name) {
                return Err(Error::definite(format!("cannot tell two sinks {} apart", sink.name))
                    .hint("give each a name: name = \"…\" under [[sink.kafka]]"));
            }
            if sinks.iter().any(|other| {
                other.topic_prefix == sink.topic_prefix && other.brokers == sink.brokers
            }) {
                return Err(Error::definite(format!(
                    "cannot use sink.kafka.topic_prefix {} twice",
                    sink.topic_prefix
                ))
                .detail("Both would write the same topics.")
                .hint("topic_prefix = \"…\" under [[sink.kafka]]"));
            }
            sinks.push(sink);
        }
        Ok(sinks)
    }
}

impl KafkaSinkSection {
    fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Sink> {
        let missing = |key: &str, hint: &str| {
            Error::definite(format!("cannot find sink.kafka.{key}"))
                .hint(format!("{hint} under [[sink.kafka]]"))
        };
        let brokers = self.brokers.ok_or_else(|| missing("brokers", "brokers = \"kafka:9092\""))?;
        let topic_prefix =
            self.topic_prefix.ok_or_else(|| missing("topic_prefix", "topic_prefix = \"shop\""))?;
        let format = one_of("sink.kafka.format", self.format, &FORMATS, FORMATS[0])?;
        let registry = self.registry.map(|url| Raw::new("sink.kafka.registry", url)).transpose()?;
        if format == "debezium-avro" && registry.is_none() {
            return Err(missing("registry", "registry = \"http://registry:8081\""));
        }
        let delivery = one_of("sink.kafka.delivery", self.delivery, &DELIVERIES, DELIVERIES[0])?;
        let snapshot = one_of("sink.kafka.snapshot", self.snapshot, &SNAPSHOTS, SNAPSHOTS[0])?;
        let compression =
            one_of("sink.kafka.compression", self.compression, &COMPRESSIONS, COMPRESSIONS[0])?;
        let is_required = self.required.unwrap_or(true);
        let spool_mib = match (self.spool_mib, is_required) {
            (Some(_), true) => {
                return Err(Error::definite(
                    "cannot use sink.kafka.spool_mib for a sink that is required",
                )
                .detail("The log waits for such a sink at the source; nothing of it is kept here.")
                .hint("required = false under [[sink.kafka]], or without spool_mib"));
            }
            (None, true) => 0,
            (said, false) => said.unwrap_or(DEFAULT_SPOOL_MIB).min(1 << 20),
        };
        let login = LoginSection {
            protocol: self.protocol,
            sasl_mechanism: self.sasl_mechanism,
            user: self.user,
            password: self.password,
            ca_file: self.ca_file,
            cert_file: self.cert_file,
            key_file: self.key_file,
        };
        Ok(Sink {
            name: self.name.unwrap_or_else(|| topic_prefix.clone()),
            brokers: Raw::new("sink.kafka.brokers", brokers)?,
            topic_prefix,
            format,
            registry,
            is_exactly_once: delivery == DELIVERIES[0],
            takes_snapshot: snapshot == SNAPSHOTS[0],
            is_required,
            compression,
            tables: self.tables,
            tables_exclude: self.tables_exclude,
            columns_exclude: self.columns_exclude,
            routes: self.routes,
            tombstones: self.tombstones.unwrap_or(true),
            truncates: self.truncates.unwrap_or(true),
            messages: self.messages,
            transaction_metadata: self.transaction_metadata,
            heartbeat_ms: self.heartbeat_ms.unwrap_or(0),
            message_bytes_max: self.message_bytes_max.unwrap_or(DEFAULT_MESSAGE_BYTES),
            queue_mib: self.queue_mib.unwrap_or(DEFAULT_QUEUE_MIB).clamp(1, 1 << 20),
            spool_mib,
            login: login.resolve("sink.kafka", folder, warnings)?,
        })
    }
}
