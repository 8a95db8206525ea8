//! Sends what was encoded, and knows how far it got.
//!
//! ```text
//! exactly once    begin ─▶ messages ─▶ position ─▶ commit      one transaction of Kafka's a batch
//! at least once            messages ─▶ acknowledged
//! ```
//!
//! # Contract
//! - [`Producer::send`] returns once all brokers that must have the messages have them: then the log
//!   may be confirmed up to there.
//! - Exactly once: the position is in the same transaction as the messages. After a crash, tell
//!   [`super::Encoder::resume`] what [`Producer::last_position`] says, and who reads
//!   `read_committed` sees no message twice.
//! - A failed batch may be sent again. At least once, some of it may come twice then.
//! - It blocks: never call it on a thread of an async runtime.

use super::client::{ByKey, Context};
use super::drained::is_drained;
use super::encoded::{Encoded, Message, Part, Position};
use super::options::{Format, SinkOptions};
use super::position::{self, Recorded};
use super::registry;
use super::transaction;
use crate::trouble::Doing;
use model::{Error, Result};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, PurgeConfig};
use source::timeline::Server;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Between two looks at how many messages were answered.
const LOOK_UP: Duration = Duration::from_micros(300);
/// Between two looks at what went wrong, while the last messages are on their way.
const DRAIN_MOST: Duration = Duration::from_millis(50);
/// A broker ends a transaction some ms after it has answered. Who begins the next one before that is refused, and
/// librdkafka then waits for 20 ms.
const AFTER_COMMIT: Duration = Duration::from_millis(5);
/// A try to begin, after which a refusal is looked for.
const TRY: Duration = Duration::from_secs(1);
/// What librdkafka holds at most; a batch of the log is smaller.
const QUEUE_KIB: usize = 256 << 10;
const QUEUE_MESSAGES: usize = 1_000_000;
const LINGER_MS: usize = 5;
const BATCH_BYTES: usize = 1 << 20;
const BATCH_MESSAGES: usize = 1000;

pub struct Producer {
    pub(super) options: SinkOptions,
    client: BaseProducer<Context, ByKey>,
    pub(super) transactional_id: Option<String>,
    pub(super) server: Option<Server>,
    registry: Option<registry::Ids>,
    /// Topics that are there.
    topics: HashSet<String>,
    /// Of the session's rows.
    context: Option<OwnedHeaders>,
    is_open: bool,
    committed: Option<Instant>,
}

impl Producer {
    /// Connects, and throws out whoever sends with the same transactional id.
    pub fn open(options: &SinkOptions) -> Result<Producer> {
        let transactional_id = options.transactional_id();
        let config = config(options, transactional_id.as_deref());
        let client: BaseProducer<Context, ByKey> =
            config.create_with_context(Context::default()).map_err(|error| {
                Doing::new("open the producer", &options.brokers).failed(&error)
            })?;
        let registry = match &options.format {
            Format::Avro { registry } => Some(registry::Ids::new(registry)),
            Format::Json { .. } => None,
        };
        let mut producer = Producer {
            options: options.clone(),
            client,
            transactional_id,
            server: None,
            registry,
            topics: HashSet::new(),
            context: None,
            is_open: false,
            committed: None,
        };
        producer.reach()?;
        if producer.transactional_id.is_some() {
            producer.init()?;
        }
        producer.is_open = true;
        Ok(producer)
    }

    /// A broker answers.
    fn reach(&mut self) -> Result<()> {
        let brokers = self.options.brokers.clone();
        let doing = Doing::new("reach the brokers", &brokers);
        let topic = match self.transactional_id {
            Some(_) => Some(self.options.position_topic()),
            None => None,
        };
        let begun = Instant::now();
        loop {
            let client = self.client.client();
            let failed = match client.fetch_metadata(topic.as_deref(), TRY) {
                Ok(_) => break,
                Err(error) => error,
            };
            self.check_refused(doing)?;
            if begun.elapsed() >= self.options.timeout {
                let words = self.client.context().told().last_words.take();
                let error = self.failed(doing, &failed);
                return Err(match words {
                    Some(words) => error.detail(crate::trouble::sentence(&words)),
                    None => error,
                });
            }
        }
        match topic {
            Some(topic) => self.ensure(&topic, true),
            None => Ok(()),
        }
    }

    fn init(&self) -> Result<()> {
        let doing = Doing::new("begin to send in transactions", &self.options.brokers);
        let begun = Instant::now();
        loop {
            let Err(error) = self.client.init_transactions(TRY) else { return Ok(()) };
            self.check_refused(doing)?;
            let is_passing = match &error {
                KafkaError::Transaction(error) => error.is_retriable(),
                _ => false,
            };
            if !is_passing || begun.elapsed() >= self.options.timeout {
                return Err(self.failed(doing, &error));
            }
        }
    }

    /// How far the last session got, if it sent exactly once. `None`: it sent nothing, or that is
    /// the caller's to know.
    pub fn last_position(&self) -> Result<Option<Recorded<Position>>> {
        match &self.transactional_id {
            Some(id) => position::last(&self.options, id),
            None => Ok(None),
        }
    }

    /// Returns when all is acknowledged, or the one transaction that has all of them is committed. Ids of
    /// schemas are put into them; they may be sent again.
    pub fn send(&mut self, batches: &mut [Encoded]) -> Result<()> {
        if batches.iter().all(Encoded::is_empty) {
            return Ok(());
        }
        let all = batches.iter().map(|encoded| encoded.position);
        let position = all.fold(Position::default(), Position::join);
        let record = self.record(position);
        self.deliver(batches, &Vec::from_iter(record))
    }

    /// With records of the position topic behind them, in the same transaction if there is one.
    pub(super) fn deliver(
        &mut self,
        batches: &mut [Encoded],
        records: &[(String, String)],
    ) -> Result<()> {
        for encoded in batches.iter_mut() {
            if let Some(registry) = &mut self.registry {
                let ids = registry.of(&encoded.names.subjects)?;
                encoded.set_ids(&ids);
            }
            let used: HashSet<u32> = encoded.entries.iter().map(|entry| entry.topic).collect();
            for topic in used {
                self.ensure(&encoded.names.topics[topic as usize], false)?;
            }
        }
        if self.transactional_id.is_some() {
            return self.within_transaction(|producer| {
                producer.produce_all(batches)?;
                producer.produce_records(records)
            });
        }
        self.produce_all(batches).and_then(|()| self.flush())?;
        if records.is_empty() {
            return Ok(());
        }
        // What they speak of is there by now.
        self.produce_records(records).and_then(|()| self.flush())
    }

    /// Tells that we live, where nothing else does.
    pub fn heartbeat(&mut self, now_ms: i64) -> Result<()> {
        let mut encoded = transaction::heartbeat(&self.options, now_ms);
        let id = self.transactional_id.clone();
        if let Some(registry) = &mut self.registry {
            let ids = registry.of(&encoded.names.subjects)?;
            encoded.set_ids(&ids);
        }
        self.ensure(&encoded.names.topics[0], false)?;
        match id {
            Some(_) => self.within_transaction(|producer| producer.produce(&encoded)),
            None => self.produce(&encoded).and_then(|()| self.flush()),
        }
    }

    fn produce_records(&self, records: &[(String, String)]) -> Result<()> {
        let topic = self.options.position_topic();
        records.iter().try_for_each(|(key, value)| {
            let record = BaseRecord::to(&topic).key(key).payload(value).partition(0);
            self.enqueue(record, &topic, key.len() + value.len())
        })
    }

    fn produce_all(&mut self, batches: &[Encoded]) -> Result<()> {
        batches.iter().try_for_each(|encoded| {
            self.context = headers(&encoded.context, self.options.context_headers);
            self.produce(encoded)
        })
    }

    fn within_transaction(&mut self, send: impl FnOnce(&mut Producer) -> Result<()>) -> Result<()> {
        let brokers = self.options.brokers.clone();
        let doing = Doing::new("send the changes", &brokers);
        self.client.context().told().undelivered = None;
        let since = self.committed.map_or(AFTER_COMMIT, |committed| committed.elapsed());
        std::thread::sleep(AFTER_COMMIT.saturating_sub(since));
        self.client.begin_transaction().map_err(|error| self.failed(doing, &error))?;
        let sent = send(self).and_then(|()| self.commit(doing));
        match sent {
            Ok(()) => self.committed = Some(Instant::now()),
            Err(_) => self.abort(),
        }
        sent
    }

    /// What there is of it is not visible to who reads committed messages.
    fn abort(&self) {
        // What the client tells of its messages has to be heard before it aborts.
        self.client.purge(PurgeConfig::default().queue().inflight());
        let flushed = self.client.flush(self.options.timeout);
        let aborted = flushed.and_then(|()| self.client.abort_transaction(self.options.timeout));
        if let Err(error) = aborted {
            tracing::debug!(%error, "the transaction was not aborted");
        }
        self.client.context().told().undelivered = None;
    }

    fn commit(&self, doing: Doing<'_>) -> Result<()> {
        self.drain()?;
        let begun = Instant::now();
        loop {
            let rest = self.options.timeout.saturating_sub(begun.elapsed()).max(TRY);
            let Err(error) = self.client.commit_transaction(rest) else { return Ok(()) };
            self.check_undelivered()?;
            let is_passing = match &error {
                KafkaError::Transaction(error) => {
                    error.is_retriable() && !error.txn_requires_abort()
                }
                _ => false,
            };
            if !is_passing || begun.elapsed() >= self.options.timeout {
                return Err(self.failed(doing, &error));
            }
        }
    }

    fn produce(&mut self, encoded: &Encoded) -> Result<()> {
        let (mut key_buffer, mut value_buffer) = (Vec::new(), Vec::new());
        let request = encoded.messages_in(BATCH_BYTES * 9 / 10).min(BATCH_MESSAGES);
        let mut room = 0;
        for Message { topic, key, value, other_key, has_context } in encoded.messages() {
            if room == 0 {
                room = 2 * request - 1 - self.settle(request - 1)?;
            }
            room -= 1;
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
            record.key = key.map(|key| key.joined(&mut key_buffer));
            record.payload = value.map(|value| value.joined(&mut value_buffer));
            let context = self.context.as_ref().filter(|_| has_context);
            record.headers = match (other_key, context) {
                (None, None) => None,
                (None, Some(context)) => Some(context.clone()),
                (Some((name, key)), context) => {
                    let header = Header { key: name.name(), value: Some(key) };
                    let first = OwnedHeaders::new_with_capacity(5).insert(header);
                    Some(match context.is_some() {
                        true => insert(first, &encoded.context),
                        false => first,
                    })
                }
            };
            let bytes = [key, value].iter().flatten().map(Part::size_bytes).sum();
            self.enqueue(record, topic, bytes)?;
        }
        Ok(())
    }

    /// Waits while the client's queue is full.
    fn enqueue<K, V>(&self, record: BaseRecord<'_, K, V>, topic: &str, bytes: usize) -> Result<()>
    where
        K: rdkafka::message::ToBytes + ?Sized,
        V: rdkafka::message::ToBytes + ?Sized,
    {
        let doing = Doing::new("send the changes", &self.options.brokers).topic(topic);
        let mut record = record;
        let begun = Instant::now();
        loop {
            let (error, back) = match self.client.send(record) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            if error.rdkafka_error_code() != Some(Code::QueueFull) {
                let error = self.failed(doing, &error);
                return Err(match error.what().contains("larger than") {
                    true => error.detail(format!(
                        "It has {bytes} bytes; `message_bytes_max` is {}, and the topic's \
                         max.message.bytes must be as large.",
                        self.options.message_bytes_max
                    )),
                    false => error,
                });
            }
            record = back;
            std::thread::sleep(LOOK_UP);
            self.check_undelivered()?;
            if begun.elapsed() >= self.options.timeout {
                return Err(self.failed(doing, &error));
            }
        }
    }

    /// Nothing lingers, and nothing is on its way any more, unless that takes too long.
    fn drain(&self) -> Result<()> {
        let begun = Instant::now();
        while !is_drained(self.client.client(), DRAIN_MOST) {
            self.check_undelivered()?;
            if begun.elapsed() >= self.options.timeout {
                break;
            }
        }
        self.check_undelivered()
    }

    /// Waits until no more than so many messages are not answered, and says how many. The client's poll turns in a
    /// circle for the last millisecond that it was given.
    ///
    /// With exactly once librdkafka sends a partition one request at a time, and its thread turns in a circle while
    /// the next one is complete. So that one lacks a message until the first is answered.
    fn settle(&self, most: usize) -> Result<usize> {
        let begun = Instant::now();
        loop {
            let count = self.client.in_flight_count().max(0) as usize;
            if count <= most || begun.elapsed() >= self.options.timeout {
                return Ok(count.min(most));
            }
            std::thread::sleep(LOOK_UP);
            self.check_undelivered()?;
        }
    }

    /// All that was enqueued is acknowledged.
    fn flush(&self) -> Result<()> {
        self.drain()?;
        let doing = Doing::new("send the changes", &self.options.brokers);
        let flushed = self.client.flush(self.options.timeout);
        self.check_undelivered()?;
        flushed.map_err(|error| self.failed(doing, &error))
    }

    fn check_undelivered(&self) -> Result<()> {
        let undelivered = self.client.context().told().undelivered.take();
        match undelivered {
            None => self.check_refused(Doing::new("send the changes", &self.options.brokers)),
            Some((error, topic)) => {
                let doing = Doing::new("send the changes", &self.options.brokers);
                Err(self.failed(doing.topic(&topic), &error))
            }
        }
    }

    /// Errors that come on no call of ours.
    fn check_refused(&self, doing: Doing<'_>) -> Result<()> {
        self.client.poll(Duration::ZERO);
        match self.client.context().told().refused.take() {
            // Of a session that was let in it may be the broker's restart; a new one will see.
            Some((code, reason)) if self.is_open => Err(doing.coded(code, &reason).passing()),
            Some((code, reason)) => Err(doing.coded(code, &reason)),
            None => Ok(()),
        }
    }

    fn failed(&self, doing: Doing<'_>, error: &KafkaError) -> Error {
        match self.client.client().fatal_error() {
            Some((code, reason)) => doing.coded(code, &reason),
            None => doing.failed(error),
        }
    }

    /// The topic is there, or is made.
    pub(super) fn ensure(&mut self, topic: &str, is_compacted: bool) -> Result<()> {
        if self.topics.contains(topic) {
            return Ok(());
        }
        position::ensure_topic(&self.options, self.client.client(), topic, is_compacted)?;
        self.topics.insert(topic.to_owned());
        Ok(())
    }
}

fn headers(context: &[(String, String)], are_sent: bool) -> Option<OwnedHeaders> {
    let is_sent = are_sent && !context.is_empty();
    is_sent.then(|| insert(OwnedHeaders::new_with_capacity(context.len()), context))
}

fn insert(headers: OwnedHeaders, context: &[(String, String)]) -> OwnedHeaders {
    context.iter().fold(headers, |headers, (name, value)| {
        headers.insert(Header { key: name, value: Some(value) })
    })
}

fn config(options: &SinkOptions, transactional_id: Option<&str>) -> ClientConfig {
    let mut config = ClientConfig::new();
    let timeout_ms = options.timeout.as_millis().to_string();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "millrace")
        .set("enable.idempotence", "true")
        // Else a question makes the topic of positions, and one that forgets.
        .set("allow.auto.create.topics", "false")
        .set("acks", "all")
        // A report of each message costs as much as its way out.
        .set("delivery.report.only.error", "true")
        .set("compression.type", options.compression.name())
        .set("linger.ms", LINGER_MS.to_string())
        .set("batch.size", BATCH_BYTES.to_string())
        .set("batch.num.messages", BATCH_MESSAGES.to_string())
        .set("queue.buffering.max.messages", QUEUE_MESSAGES.to_string())
        .set("queue.buffering.max.kbytes", QUEUE_KIB.to_string())
        .set("message.max.bytes", options.message_bytes_max.to_string())
        .set("message.timeout.ms", &timeout_ms)
        // Else messages without a key go where the client likes.
        .set("sticky.partitioning.linger.ms", "0")
        .set("log_level", "4");
    options.security.apply(&mut config);
    if let Some(id) = transactional_id {
        config.set("transactional.id", id).set("transaction.timeout.ms", &timeout_ms);
    }
    for (name, value) in &options.client {
        config.set(name, value);
    }
    config
}
