//! What is sent where, and how. Names and defaults are Debezium's where it has them.

use super::route::Route;
use crate::registry::RegistryOptions;
use crate::security::Security;
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// `host:port`, several with commas between.
    pub brokers: String,
    pub security: Security,
    /// `topic.prefix`: the first part of topic names, and `source.name`.
    pub topic_prefix: String,
    pub format: Format,
    pub delivery: Delivery,
    pub compression: Compression,
    pub forms: Forms,
    pub tables: Tables,
    /// Columns that are never sent: `schema.table.column`, `*` for any part.
    pub columns_exclude: Vec<String>,
    /// The first that fits a topic's name names another.
    pub routes: Vec<Route>,
    /// Zero: none.
    pub heartbeat: Duration,
    /// A null value behind each delete, for topics that are compacted.
    pub tombstones: bool,
    /// `op` `t`, which Debezium skips unless it is told not to.
    pub truncates: bool,
    /// `pg_logical_emit_message` as `op` `m` of `PREFIX.message`.
    pub messages: bool,
    /// `PREFIX.transaction`, and a `transaction` block in each row.
    pub transaction_metadata: bool,
    /// `__debezium.context.*`.
    pub context_headers: bool,
    /// Topics that are not there are made, with the broker's partitions and replicas.
    pub creates_topics: bool,
    /// `max.request.size` of other producers: the largest message that we send.
    pub message_bytes_max: usize,
    /// How long an acknowledgement or a commit is waited for.
    pub timeout: Duration,
    /// More settings of librdkafka's, by their own names.
    pub client: Vec<(String, String)>,
}

pub const DEFAULT_MESSAGE_BYTES_MAX: usize = 1_000_000;
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

impl SinkOptions {
    pub fn new(brokers: impl Into<String>, topic_prefix: impl Into<String>) -> SinkOptions {
        SinkOptions {
            brokers: brokers.into(),
            security: Security::default(),
            topic_prefix: topic_prefix.into(),
            format: Format::Json { with_schemas: false },
            delivery: Delivery::ExactlyOnce { transactional_id: None },
            compression: Compression::Lz4,
            forms: Forms::default(),
            tables: Tables::default(),
            columns_exclude: Vec::new(),
            routes: Vec::new(),
            heartbeat: Duration::ZERO,
            tombstones: true,
            truncates: true,
            messages: false,
            transaction_metadata: false,
            context_headers: true,
            creates_topics: true,
            message_bytes_max: DEFAULT_MESSAGE_BYTES_MAX,
            timeout: DEFAULT_TIMEOUT,
            client: Vec::new(),
        }
    }

    /// The topic that knows how far exactly-once delivery got, and whether rows of before were sent.
    pub fn position_topic(&self) -> String {
        format!("{}.millrace.position", self.topic_prefix)
    }

    pub fn transactional_id(&self) -> Option<String> {
        match &self.delivery {
            Delivery::ExactlyOnce { transactional_id: Some(id) } => Some(id.clone()),
            Delivery::ExactlyOnce { transactional_id: None } => {
                Some(self.default_transactional_id())
            }
            Delivery::AtLeastOnce => None,
        }
    }

    pub(super) fn default_transactional_id(&self) -> String {
        format!("{}.millrace", self.topic_prefix)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    Json {
        with_schemas: bool,
    },
    /// With Confluent's framing.
    Avro {
        registry: RegistryOptions,
    },
}

impl Format {
    pub(crate) fn has_schemas(&self) -> bool {
        !matches!(self, Format::Json { with_schemas: false })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Who reads `read_committed` sees every change once, whatever happens to us.
    ExactlyOnce {
        /// `None`: `PREFIX.millrace`.
        transactional_id: Option<String>,
    },
    /// After a crash some changes come again, in order.
    AtLeastOnce,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Lz4,
    Zstd,
}

impl Compression {
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }
}

/// The forms that Debezium leaves to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    pub decimal: DecimalMode,
    pub time: TimeMode,
    pub interval: IntervalMode,
}

/// `decimal.handling.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalMode {
    #[default]
    Precise,
    Double,
    String,
}

/// `time.precision.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeMode {
    #[default]
    Adaptive,
    AdaptiveTimeMicroseconds,
    Connect,
    Isostring,
}

/// `interval.handling.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntervalMode {
    #[default]
    Numeric,
    String,
}

/// Patterns of `schema.table`, in which `*` stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// Empty: all that the stream has.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

/// Of the reader's session, for `source`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub database: String,
}
