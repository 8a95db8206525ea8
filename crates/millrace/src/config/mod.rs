//! `millrace.toml`: what was written, and what it means.
//!
//! ```text
//! text ─▶ toml::Table ─▶ keys::check ─▶ sections ─▶ validated Config ─▶ url resolved when needed
//! ```
//!
//! [`keys`] is the one list of what may be written; the reference in `docs/configuration.md` is
//! made from it. The source's URL holds a secret, so it is resolved last and only by those who
//! connect: `status` works on a machine without the password.

mod alerts;
pub(crate) mod kafka;
pub(crate) mod keys;
pub(crate) mod near;
#[cfg(test)]
mod reference;
mod remote;
mod schedule;
mod secret;
mod serve;
mod tables;
mod transform;
mod users;
mod written;

pub(crate) use alerts::Alerts;
pub(crate) use secret::{Raw, Secret};
pub(crate) use serve::Serve;
pub(crate) use transform::{DEFAULT_PROJECT, DEFAULT_SCHEMA, DbtLogin, Transform};
pub(crate) use written::Written;

use model::{Error, Result, TableOptions};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const DEFAULT_FILE: &str = "millrace.toml";
pub(crate) const DEFAULT_PUBLICATION: &str = "millrace";
pub(crate) const DEFAULT_SLOT: &str = "millrace";
pub(crate) const DEFAULT_DATA_DIR: &str = ".millrace";
pub(crate) const DEFAULT_CLICKHOUSE: &str = "127.0.0.1:8123";
pub(crate) const DEFAULT_UI: &str = "127.0.0.1:3000";
/// Rows on their way. Enough for seconds of a fast stream, little beside the engine's own.
pub(crate) const DEFAULT_STREAM_MEMORY_MIB: u64 = 256;
/// Below this the engine cannot merge.
const ENGINE_MEMORY_LEAST_MIB: u64 = 1024;
/// In the folder of the data.
const SPOOL: &str = "spool";
/// With less it would stop at every larger transaction.
const SPOOL_BYTES_LEAST: u64 = 1 << 20;
/// A file that is larger is no configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What the user wrote, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Where it was read from.
    pub(crate) file: PathBuf,
    pub(crate) written: Written,
    pub(crate) source: Source,
    pub(crate) store: Store,
    pub(crate) sinks: Vec<kafka::sink::Sink>,
    pub(crate) tables: BTreeMap<String, TableOptions>,
    pub(crate) serve: Serve,
    pub(crate) limits: Limits,
    /// Bytes on disk for the time that the store is away.
    pub(crate) spool_bytes_max: Option<u64>,
    pub(crate) transform: Transform,
    pub(crate) alerts: Alerts,
    /// Remarks that stop nothing.
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `None`: there is no direct stream.
    url: Option<Raw>,
    pub(crate) kafka: Option<kafka::Kafka>,
    pub(crate) publication: String,
    pub(crate) slot: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// `shop_{schema}`.
    pub(crate) database: Option<String>,
    /// Absolute, or relative to where we run.
    pub(crate) data_dir: PathBuf,
    /// A server, instead of the embedded engine.
    pub(crate) remote: Option<remote::RemoteStore>,
    /// Of that server; only for [`crate::cli`]'s `ddl` so far.
    pub(crate) cluster: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) stream_memory_bytes: usize,
    pub(crate) engine_memory_bytes: u64,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct File {
    source: SourceSection,
    store: StoreSection,
    sink: kafka::sink::SinkSection,
    tables: BTreeMap<String, tables::TableSection>,
    serve: serve::ServeSection,
    limits: LimitsSection,
    spool: SpoolSection,
    transform: transform::TransformSection,
    alerts: alerts::AlertsSection,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SourceSection {
    url: Option<String>,
    publication: Option<String>,
    slot: Option<String>,
    kafka: Option<kafka::KafkaSection>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct StoreSection {
    url: Option<String>,
    token: Option<String>,
    ca_file: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    cluster: Option<String>,
    insert_quorum: Option<toml::Value>,
    database: Option<String>,
    data_dir: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    stream_memory_mib: Option<u64>,
    engine_memory_mib: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct SpoolSection {
    max_bytes: Option<u64>,
}

impl Config {
    /// The project's: `dashboards/` and `alerting/` are there.
    pub(crate) fn folder(&self) -> &Path {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new("."))
    }

    /// Reads the file; relative paths in it start at its own folder.
    pub(crate) fn load(path: &Path) -> Result<Config> {
        let text = read(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let config = Config::parse(&text, folder.unwrap_or(Path::new(".")))
            .map_err(|error| error.context(path.display()))?;
        Ok(Config { file: path.to_owned(), ..config })
    }

    pub(crate) fn parse(text: &str, folder: &Path) -> Result<Config> {
        let table: toml::Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        keys::check(&table)?;
        let written = Written::new(&table);
        let file: File = table.try_into().map_err(|error: toml::de::Error| {
            // The keys and their types were right; this is ours.
            Error::bug(format!("cannot read the configuration: {}", error.message()))
        })?;
        Ok(Config { written, ..file.resolve(folder)? })
    }

    /// Where the source is, with its secrets in place.
    pub(crate) fn source_url(&self) -> Result<Secret> {
        let no_url = || {
            Error::definite("cannot find source.url")
                .detail(
                    "The project reads topics alone; this needs the Postgres that they come from.",
                )
                .hint("[source] url = \"${DATABASE_URL}\"")
        };
        self.source.url.as_ref().ok_or_else(no_url)?.resolve("source.url")
    }

    /// Whether a Postgres is read, and not topics alone.
    pub(crate) fn has_stream(&self) -> bool {
        self.source.url.is_some()
    }

    pub(crate) fn address(&self) -> Result<source::Address> {
        let parsed = self.source_url()?.expose().parse();
        parsed.map_err(|error: Error| error.context("[source] url"))
    }

    /// The direct stream, where there is one.
    pub(crate) fn pipeline(&self) -> Result<Option<flow::Options>> {
        if !self.has_stream() {
            return Ok(None);
        }
        Ok(Some(flow::Options {
            address: self.address()?,
            publication: self.source.publication.clone(),
            slot: self.source.slot.clone(),
            database_pattern: self.store.database.clone(),
            tables: self.tables.clone(),
            memory_bytes: self.limits.stream_memory_bytes,
            spool: self.spool(),
            #[cfg(feature = "kafka")]
            sinks: self
                .sinks
                .iter()
                .map(|sink| sink.plan(&self.store.data_dir))
                .collect::<Result<_>>()?,
            #[cfg(not(feature = "kafka"))]
            sinks: Vec::new(),
        }))
    }

    /// The topics, where some are read.
    #[cfg(feature = "kafka")]
    pub(crate) fn topics(&self) -> Result<Option<flow::kafka::KafkaOptions>> {
        let Some(kafka) = &self.source.kafka else { return Ok(None) };
        let is_history = |table: &TableOptions| table.mode == model::Mode::History;
        let key_changes = self.tables.values().any(is_history);
        Ok(Some(flow::kafka::KafkaOptions {
            consumer: kafka.consumer(self.limits.stream_memory_bytes, key_changes)?,
            by: match kafka.is_by_clickhouse {
                true => flow::kafka::By::ClickHouse,
                false => flow::kafka::By::Millrace,
            },
            database_pattern: self.store.database.clone(),
            tables: self.tables.clone(),
            skips_expired: kafka.skips_expired,
            postgres: kafka.postgres()?,
            is_alone: !self.has_stream(),
        }))
    }

    fn spool(&self) -> Option<Arc<source::spool::Spool>> {
        let folder = self.store.data_dir.join(SPOOL);
        self.spool_bytes_max.map(|bytes| source::spool::Spool::new(folder, bytes))
    }

    /// A store that is a server; `slot`: of the pipeline that writes there.
    pub(crate) fn remote(
        &self,
        slot: Option<&str>,
    ) -> Result<Option<store::remote::RemoteOptions>> {
        let cluster = self.store.cluster.as_deref();
        self.store.remote.as_ref().map(|remote| remote.options(cluster, slot)).transpose()
    }

    pub(crate) fn engine(&self) -> store::EngineOptions {
        store::EngineOptions {
            data_dir: self.store.data_dir.clone(),
            memory_bytes: self.limits.engine_memory_bytes,
        }
    }

    /// How the engine reaches the topics that it reads itself, as librdkafka calls it.
    pub(crate) fn engine_kafka(&self) -> Result<Vec<(&'static str, String)>> {
        match &self.source.kafka {
            #[cfg(feature = "kafka")]
            Some(kafka) if kafka.is_by_clickhouse => Ok(kafka.login.security()?.settings()),
            _ => Ok(Vec::new()),
        }
    }
}

fn read(path: &Path) -> Result<String> {
    let cannot = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let made = Error::definite(format!("cannot read {}", path.display())).source(error);
        match missing {
            true => {
                made.hint("make one with `millrace init postgres://…`, or name it: --config FILE")
            }
            false => made,
        }
    };
    let length = std::fs::metadata(path).map_err(cannot)?.len();
    if length > FILE_BYTES_MAX {
        return Err(Error::definite(format!("cannot read {}: it is too large", path.display()))
            .detail(format!(
                "It has {length} bytes, a configuration has at most {FILE_BYTES_MAX}."
            )));
    }
    std::fs::read_to_string(path).map_err(cannot)
}

/// The parser would show the line itself, and that may hold a password.
fn syntax(text: &str, error: &toml::de::Error) -> Error {
    let line = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or("");
        format!("line {}: ", before.matches('\n').count() + 1)
    });
    Error::definite(format!("{}cannot read it as TOML", line.unwrap_or_default()))
        .detail(error.message().to_owned())
}

impl File {
    fn resolve(self, folder: &Path) -> Result<Config> {
        let mut warnings = Vec::new();
        let kafka = self.source.kafka;
        let kafka = kafka.map(|kafka| kafka.resolve(folder, &mut warnings)).transpose()?;
        if self.source.url.is_none() && kafka.is_none() {
            return Err(Error::definite("cannot find source.url")
                .hint("[source] url = \"${DATABASE_URL}\", or topics under [source.kafka]"));
        }
        let sinks = self.sink.resolve(folder, &mut warnings)?;
        if !sinks.is_empty() && self.source.url.is_none() {
            return Err(Error::definite("cannot use sink.kafka without source.url")
                .detail("What goes out is the stream of a Postgres.")
                .hint("[source] url = \"${DATABASE_URL}\""));
        }
        if (kafka.is_some() || !sinks.is_empty()) && cfg!(not(feature = "kafka")) {
            return Err(Error::definite("cannot use Kafka: this millrace was built without it")
                .hint("cargo build --release -p millrace, without --no-default-features"));
        }
        let url = self.source.url.map(|url| Raw::new("source.url", url)).transpose()?;
        if url.as_ref().is_some_and(Raw::has_literal_password) {
            warnings.push(
                "source.url holds a password in plain text; better: url = \"${DATABASE_URL}\", \
                 or ${file:/run/secrets/…} in its place"
                    .to_owned(),
            );
        }
        let plain: Vec<String> = kafka.iter().flat_map(kafka::Kafka::plain_tables).collect();
        let mode = |name: &String| match plain.contains(name) {
            true => model::Mode::Append,
            false => model::Mode::Mirror,
        };
        let source = Source {
            url,
            kafka,
            publication: name("source.publication", self.source.publication, DEFAULT_PUBLICATION)?,
            slot: slot(self.source.slot)?,
        };
        let mut tables: BTreeMap<String, TableOptions> = self
            .tables
            .into_iter()
            .map(|(name, section)| Ok((name.clone(), section.resolve(&name, mode(&name))?)))
            .collect::<Result<_>>()?;
        for name in plain.iter().cloned() {
            let facts = || TableOptions { mode: model::Mode::Append, ..TableOptions::default() };
            tables.entry(name).or_insert_with(facts);
        }
        let store = self.store.resolve(folder, &mut warnings)?;
        let serve = self.serve.resolve(folder, &mut warnings)?;
        if store.remote.is_some() && serve.clickhouse_tls.is_some() {
            return Err(Error::definite("cannot use serve.clickhouse_tls beside store.url")
                .detail("The rows are on a server, and that has a door of its own.")
                .hint("remove serve.clickhouse_tls, cert_file, key_file and client_ca_file"));
        }
        if store.remote.is_some() && !serve.users.is_empty() {
            return Err(Error::definite("cannot keep users of serve.users beside store.url")
                .detail("The rows are on a server, and who may read them there is the server's to know.")
                .hint("make them there: CREATE USER …, GRANT …; and remove [serve.users] and [serve.roles]"));
        }
        if store.remote.is_some()
            && source.kafka.as_ref().is_some_and(|kafka| kafka.is_by_clickhouse)
        {
            return Err(Error::definite(
                "cannot use source.kafka.engine \"clickhouse\" beside store.url",
            )
            .detail("What reads the topics on a server is the server's, and goes on without us.")
            .hint("millrace kafka ddl | clickhouse-client, without source.kafka.engine"));
        }
        let transform = self.transform.resolve(folder, &mut warnings)?;
        let alerts = self.alerts.resolve(&mut warnings)?;
        let spool_bytes_max = self.spool.resolve(store.remote.is_some())?;
        Ok(Config {
            file: PathBuf::new(),
            written: Written::default(),
            source,
            store,
            sinks,
            tables,
            serve,
            limits: self.limits.resolve()?,
            spool_bytes_max,
            transform,
            alerts,
            warnings,
        })
    }
}

impl StoreSection {
    fn resolve(self, folder: &Path, warnings: &mut Vec<String>) -> Result<Store> {
        let remote = remote::RemoteStore::resolve(&self, folder, warnings)?;
        if let Some(pattern) = &self.database
            && pattern.is_empty()
        {
            return Err(Error::definite("cannot use an empty store.database")
                .hint("database = \"shop_{schema}\""));
        }
        let data_dir = match self.data_dir {
            Some(text) => Raw::new("store.data_dir", text)?.resolve("store.data_dir")?.into_plain(),
            None => DEFAULT_DATA_DIR.to_owned(),
        };
        if data_dir.is_empty() {
            return Err(Error::definite("cannot use an empty store.data_dir"));
        }
        let (database, cluster) = (self.database, self.cluster);
        Ok(Store { database, data_dir: folder.join(data_dir), remote, cluster })
    }
}

impl SpoolSection {
    fn resolve(self, is_remote: bool) -> Result<Option<u64>> {
        match self.max_bytes {
            Some(bytes) if bytes < SPOOL_BYTES_LEAST => {
                Err(Error::definite("cannot use spool.max_bytes")
                    .detail(format!("{bytes} is less than {SPOOL_BYTES_LEAST}.")))
            }
            Some(_) if !is_remote => {
                Err(Error::definite("cannot use spool.max_bytes without store.url")
                    .detail("The embedded store is never away.")
                    .hint("remove [spool]"))
            }
            bytes => Ok(bytes),
        }
    }
}

impl LimitsSection {
    fn resolve(self) -> Result<Limits> {
        let stream = self.stream_memory_mib.unwrap_or(DEFAULT_STREAM_MEMORY_MIB);
        if !(16..=1 << 20).contains(&stream) {
            return Err(Error::definite("cannot use limits.stream_memory_mib")
                .detail(format!("{stream} is not between 16 and {}.", 1 << 20)));
        }
        let engine = self.engine_memory_mib.unwrap_or_else(half_of_memory_mib);
        if !(512..=1 << 24).contains(&engine) {
            return Err(Error::definite("cannot use limits.engine_memory_mib")
                .detail(format!("{engine} is not between 512 and {}.", 1 << 24)));
        }
        Ok(Limits {
            stream_memory_bytes: (stream << 20) as usize,
            engine_memory_bytes: engine << 20,
        })
    }
}

/// The machine has other things to do too.
fn half_of_memory_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    (kib.unwrap_or(0) / 1024 / 2).max(ENGINE_MEMORY_LEAST_MIB)
}

fn name(key: &str, value: Option<String>, default: &str) -> Result<String> {
    let value = match value {
        Some(text) => Raw::new(key, text)?.resolve(key)?.into_plain(),
        None => default.to_owned(),
    };
    if value.is_empty() || value.len() > 63 {
        return Err(Error::definite(format!("cannot use {key}: {value:?}"))
            .detail("A name in Postgres has 1 to 63 bytes."));
    }
    Ok(value)
}

/// A path as written; relative ones start at `folder`.
fn file(key: &str, value: Option<&String>, folder: &Path) -> Result<Option<PathBuf>> {
    let path = value.map(|text| Raw::new(key, text.clone())?.resolve(key)).transpose()?;
    Ok(path.map(|path| folder.join(path.into_plain())))
}

fn slot(value: Option<String>) -> Result<String> {
    let slot = name("source.slot", value, DEFAULT_SLOT)?;
    if !slot.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        return Err(Error::definite(format!("cannot use source.slot: {slot:?}"))
            .detail("A slot's name has lower-case letters, digits and underscores."));
    }
    Ok(slot)
}

#[cfg(test)]
mod tests;
