//! How far exactly-once delivery got: the last record of a small compacted topic, written in the
//! transaction of the messages that it speaks of. (Offsets of a consumer group would do as well, but
//! the broker forgets those of a group that nobody is in.)

use super::encoded::Position;
use super::options::SinkOptions;
use super::producer::Producer;
use crate::trouble::Doing;
use model::{Error, Lsn, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::{Value, json};
use source::timeline::Server;
use std::time::{Duration, Instant};

/// Records and marks of transactions that are read at first, from the end.
const WINDOW: i64 = 64;
const TRY: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(100);

/// What a record says, and of whose log: places in another server's log have the same numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded<T> {
    pub what: T,
    /// `None`: a version wrote it that did not say.
    pub server: Option<Server>,
}

pub(super) fn record(position: Position, server: Option<&Server>) -> String {
    let within = position.within.map(
        |(commit, change)| json!({"commit": commit.to_string(), "change": change.to_string()}),
    );
    let record = json!({"through": position.through.to_string(), "within": within});
    with_server(record, server)
}

pub(super) fn with_server(mut record: Value, server: Option<&Server>) -> String {
    if let Some(Server { system, timeline }) = server {
        record["system"] = system.as_str().into();
        record["timeline"] = (*timeline).into();
    }
    record.to_string()
}

pub(super) fn server(record: &Value) -> Option<Server> {
    let timeline = record["timeline"].as_u64().and_then(|timeline| timeline.try_into().ok())?;
    Some(Server { system: record["system"].as_str()?.to_owned(), timeline })
}

pub(super) fn parse(record: &[u8]) -> Option<Recorded<Position>> {
    let record: Value = serde_json::from_slice(record).ok()?;
    let lsn = |value: &Value| value.as_str().and_then(|text| text.parse::<Lsn>().ok());
    let within = match &record["within"] {
        Value::Null => None,
        within => Some((lsn(&within["commit"])?, lsn(&within["change"])?)),
    };
    let what = Position { through: lsn(&record["through"])?, within };
    Some(Recorded { what, server: server(&record) })
}

impl Producer {
    /// Whose log is sent from here on: what is recorded is of its places.
    pub fn set_server(&mut self, server: Server) {
        self.server = Some(server);
    }

    /// Claims that the topics have everything up to there, if positions are kept at all.
    pub fn claim(&mut self, position: Position) -> Result<()> {
        let record = self.record(position);
        self.deliver(&mut [], &Vec::from_iter(record))
    }

    pub(super) fn record(&self, position: Position) -> Option<(String, String)> {
        let id = self.transactional_id.clone()?;
        Some((id, record(position, self.server.as_ref())))
    }
}

/// The position of that transactional id. `None`: it has none, or what it had counts no more.
pub(super) fn last(options: &SinkOptions, id: &str) -> Result<Option<Recorded<Position>>> {
    let last = read(options, id, parse)?;
    Ok(last.filter(|recorded| recorded.what != Position::default()))
}

/// The last record of that key: the position of a transactional id, or what [`super::before`] marks.
pub(super) fn read<T>(
    options: &SinkOptions,
    id: &str,
    parse: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>> {
    let topic = options.position_topic();
    let doing = Doing::new("read the position", &options.brokers).topic(&topic);
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "millrace")
        // librdkafka wants a name; nobody joins a group or commits to one.
        .set("group.id", format!("{}.millrace", options.topic_prefix))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "10")
        .set("auto.offset.reset", "earliest");
    options.security.apply(&mut config);
    let failed = |error: &KafkaError| doing.failed(error);
    let consumer: BaseConsumer<Quiet> =
        config.create_with_context(Quiet).map_err(|error| failed(&error))?;
    let (low, high) =
        consumer.fetch_watermarks(&topic, 0, options.timeout).map_err(|error| failed(&error))?;
    let mut window = WINDOW;
    loop {
        let from = high.saturating_sub(window).max(low);
        if let Some(found) = last_from(options, &consumer, &topic, from, (id, &parse), doing)? {
            return Ok(Some(found));
        }
        if from <= low {
            return Ok(None);
        }
        window = window.saturating_mul(16);
    }
}

fn last_from<T>(
    options: &SinkOptions,
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    from: i64,
    (id, parse): (&str, &impl Fn(&[u8]) -> Option<T>),
    doing: Doing<'_>,
) -> Result<Option<T>> {
    let mut at = TopicPartitionList::new();
    at.add_partition_offset(topic, 0, Offset::Offset(from))
        .and_then(|()| consumer.assign(&at))
        .map_err(|error| doing.failed(&error))?;
    let (mut last, begun) = (None, Instant::now());
    loop {
        match consumer.poll(POLL) {
            Some(Ok(message)) if message.key() == Some(id.as_bytes()) => {
                let position = message.payload().and_then(parse).ok_or_else(|| {
                    Error::definite(format!("cannot read the position in topic {topic}"))
                        .detail("Its last record is none of ours.")
                        .hint(format!("kafka-topics.sh --delete --topic {topic}, then resync"))
                })?;
                last = Some(position);
            }
            Some(Ok(_)) | None => {}
            // No right to a group that we have no use for.
            Some(Err(error))
                if error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed) => {}
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(last),
            Some(Err(error)) => return Err(doing.failed(&error)),
        }
        if begun.elapsed() >= options.timeout {
            return Err(doing.coded(Code::OperationTimedOut, "its end did not come"));
        }
    }
}

/// Makes a topic that is not there, if that is wished.
pub(super) fn ensure_topic<C: ClientContext>(
    options: &SinkOptions,
    client: &Client<C>,
    topic: &str,
    is_compacted: bool,
) -> Result<()> {
    let doing = Doing::new("send the changes", &options.brokers).topic(topic);
    let begun = Instant::now();
    let mut is_made = false;
    loop {
        let metadata = client.fetch_metadata(Some(topic), TRY);
        let metadata = metadata.map_err(|error| doing.failed(&error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let code = match found.map(|found| (found.error(), found.partitions().is_empty())) {
            Some((None, false)) => return Ok(()),
            Some((Some(error), _)) => Code::from(error),
            Some((None, true)) | None => Code::UnknownTopicOrPartition,
        };
        let is_missing = matches!(code, Code::UnknownTopicOrPartition | Code::UnknownTopic);
        if is_missing && options.creates_topics && !is_made {
            create(options, topic, is_compacted, doing)?;
            is_made = true;
            continue;
        }
        // One that was just made has no leader yet.
        let is_coming = is_made || matches!(code, Code::LeaderNotAvailable);
        if !is_coming || begun.elapsed() >= options.timeout {
            return Err(doing.coded(code, &code.to_string()));
        }
        std::thread::sleep(POLL);
    }
}

fn create(options: &SinkOptions, topic: &str, is_compacted: bool, doing: Doing<'_>) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &options.brokers).set("client.id", "millrace");
    options.security.apply(&mut config);
    let admin: AdminClient<Quiet> =
        config.create_with_context(Quiet).map_err(|error| doing.failed(&error))?;
    // As many partitions and replicas as the broker gives one that says nothing.
    let mut new = NewTopic::new(topic, -1, TopicReplication::Fixed(-1));
    if is_compacted {
        new.num_partitions = 1;
        new = new.set("cleanup.policy", "compact");
    }
    let limits = AdminOptions::new().operation_timeout(Some(TRY)).request_timeout(Some(TRY));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Error::transient("could not wait for a topic").source(error))?;
    let made = runtime.block_on(admin.create_topics([&new], &limits));
    for made in made.map_err(|error| doing.failed(&error))? {
        match made {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(doing.coded(code, &code.to_string())),
        }
    }
    Ok(())
}

/// What matters comes as an error of a call.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "librdkafka: {reason}");
    }
}

impl ConsumerContext for Quiet {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_back() {
        let server = Server { system: "7123456789012345678".into(), timeline: 3 };
        for within in [None, Some((Lsn(1 << 40), Lsn(9)))] {
            let what = Position { through: Lsn(0x16_B374_D848), within };
            for server in [None, Some(server.clone())] {
                let recorded = record(what, server.as_ref());
                assert_eq!(parse(recorded.as_bytes()), Some(Recorded { what, server }));
            }
        }
        assert_eq!(parse(b"{}"), None);
        assert_eq!(parse(b"\xff"), None);
    }

    /// As it was written before there was a server in it, and what says half of one.
    #[test]
    fn a_record_without_a_server_reads() {
        let what = Position { through: Lsn(0x500), within: None };
        let records = [
            r#"{"through": "0/500", "within": null}"#,
            r#"{"through": "0/500", "within": null, "system": "7"}"#,
            r#"{"through": "0/500", "within": null, "system": "7", "timeline": -1}"#,
        ];
        for record in records {
            assert_eq!(parse(record.as_bytes()), Some(Recorded { what, server: None }), "{record}");
        }
    }
}
