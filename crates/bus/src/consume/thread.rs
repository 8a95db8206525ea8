//! The thread's loop: messages one after the other, and what the group, the clock and the receiver want
//! between them.

use super::context::{Context, Rebalance, list};
use super::open::Open;
use super::{Assigned, Begin, ConsumerOptions, Control, Delivery, Place, Poison};
use crate::message::Message;
use crate::read::{Read, Reader};
use crate::trouble::Doing;
use model::{Error, Fate, Lsn, Result, Table};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use source::stream::Budget;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// What the client may hold of messages that nobody has read yet.
const QUEUED_KIB: u32 = 32 << 10;
/// Between two looks at the clock while nothing comes.
const POLL_MOST: Duration = Duration::from_millis(50);
/// A receiver that takes nothing for this long: the broker is told to send nothing meanwhile.
const PAUSE_AFTER: Duration = Duration::from_secs(5);
/// A registry that is away is asked again after this.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A broker that has just come back may not know all that it has.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// For questions to the broker.
pub(super) const ANSWER_MOST: Duration = Duration::from_secs(10);

/// Why the loop ended.
pub(super) enum End {
    /// Nobody listens any more, or the receiver asked for it.
    Gone,
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Failed(error)
    }
}

pub(super) fn run(
    options: ConsumerOptions,
    known: Vec<Table>,
    control: &Arc<Control>,
    out: Sender<Delivery>,
) {
    let ended = Thread::connect(options, known, control.clone(), out.clone())
        .map_err(End::from)
        .and_then(|mut thread| {
            let ended = thread.go();
            thread.leave();
            ended
        });
    if let Err(End::Failed(error)) = ended {
        let _ = out.blocking_send(Delivery::Ended(error));
    }
    control.close();
}

pub(super) struct Thread {
    options: ConsumerOptions,
    consumer: Arc<BaseConsumer<Context>>,
    pub(super) control: Arc<Control>,
    out: Sender<Delivery>,
    pub(super) reader: Reader,
    open: Open,
    /// By the number of the partition; `None`: it is not ours.
    epochs: Vec<Option<u16>>,
    budget: Budget,
    /// Nothing has come from a broker yet: what fails now is the configuration.
    is_new: bool,
}

pub(super) fn config(options: &ConsumerOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "millrace")
        .set("group.id", &options.group)
        .set("partition.assignment.strategy", "cooperative-sticky")
        // Who was killed is waited for that long. The client tells of us by itself, whatever the thread does.
        .set("session.timeout.ms", "10000")
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Where to begin is the store's to say.
        .set("auto.offset.reset", "error")
        // The default sleeps for a second whenever enough messages are queued.
        .set("fetch.queue.backoff.ms", "10")
        .set("fetch.wait.max.ms", "100")
        .set("queued.max.messages.kbytes", QUEUED_KIB.to_string())
        .set("statistics.interval.ms", "1000")
        .set("topic.metadata.refresh.interval.ms", "10000")
        .set("allow.auto.create.topics", "false")
        .set_log_level(RDKafkaLogLevel::Error);
    options.security.apply(&mut config);
    config
}

/// What the headers say of a key that changed: what it is then, and what it was.
pub(super) fn key_changes<'a>(
    message: &'a BorrowedMessage<'_>,
) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let value = |name| {
        let headers = message.headers()?;
        headers.iter().filter(|header| header.key == name).last()?.value
    };
    (value("__debezium.newkey"), value("__debezium.oldkey"))
}

impl Thread {
    fn connect(
        options: ConsumerOptions,
        known: Vec<Table>,
        control: Arc<Control>,
        out: Sender<Delivery>,
    ) -> Result<Thread> {
        let context = Context::new(control.clone());
        let failed = |error: KafkaError| trouble(&options, &error);
        let consumer: BaseConsumer<Context> =
            config(&options).create_with_context(context).map_err(failed)?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(failed)?;
        Ok(Thread {
            reader: Reader::new(options.reader.clone(), known)?,
            budget: Budget::new(options.memory_bytes),
            options,
            consumer: Arc::new(consumer),
            control,
            out,
            open: Open::default(),
            epochs: Vec::new(),
            is_new: true,
        })
    }

    fn go(&mut self) -> Result<(), End> {
        loop {
            if self.control.is_stopped() {
                return Err(End::Gone);
            }
            self.rebalance()?;
            self.commit(CommitMode::Async)?;
            self.again()?;
            let age = Duration::from_micros(self.control.age_us());
            let mut wait = POLL_MOST;
            match self.open.remaining(age) {
                Some(left) if left.is_zero() => self.cut()?,
                Some(left) => wait = wait.min(left),
                None => {}
            }
            self.poll(wait)?;
        }
    }

    /// Messages until the batch is full, the time is over or the client has something else to say.
    fn poll(&mut self, most: Duration) -> Result<(), End> {
        let begun = Instant::now();
        let consumer = self.consumer.clone();
        let mut left = most;
        for taken in 1u32.. {
            match consumer.poll(left) {
                None => return self.errors(),
                Some(Err(error)) => return self.failed(error),
                Some(Ok(message)) => self.take(&message)?,
            }
            if self.open.is_full() {
                return self.cut();
            }
            // The clock is looked at now and then.
            if taken.is_multiple_of(64) {
                left = most.saturating_sub(begun.elapsed());
                if left.is_zero() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), End> {
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        let place = self.open.place(topic, partition);
        let Some(epoch) = self.epochs.get(place).copied().flatten() else { return Ok(()) };
        let timestamp_ms = message.timestamp().to_millis().unwrap_or(0);
        let mut plain = Message {
            topic,
            partition,
            offset,
            timestamp_ms,
            key: message.key(),
            value: message.payload(),
            new_key: None,
            old_key: None,
        };
        if self.options.key_changes {
            (plain.new_key, plain.old_key) = key_changes(message);
        }
        self.read(&plain, place, epoch)?;
        if self.is_new {
            self.is_new = false;
            self.control.set_trouble(None);
        }
        let bytes = plain.key.map_or(0, <[u8]>::len) + plain.value.map_or(0, <[u8]>::len);
        self.open.pass(place, offset, bytes, timestamp_ms);
        self.control.note_filling();
        Ok(())
    }

    /// Reads until the message is done: in a table, aside, or set aside.
    fn read(&mut self, message: &Message<'_>, place: usize, epoch: u16) -> Result<(), End> {
        let mut told = false;
        loop {
            let asked = match self.reader.read(message) {
                Ok(Read::Change(change)) => match self.open.settled(change.table) {
                    Some(_) => {
                        let version = super::version(epoch, message.offset, change.lsn);
                        return Ok(self.open.take(&change, place, version)?);
                    }
                    None => change.table.clone(),
                },
                Ok(Read::Truncate { table, lsn, commit_us, .. }) => {
                    let table = table.clone();
                    let version = super::version(epoch, message.offset, lsn);
                    self.cut()?;
                    let place = self.open.name(place).clone();
                    let (done, answer) = sync_channel(1);
                    self.send(Delivery::Truncate { table, place, version, lsn, commit_us, done })?;
                    return self.wait_for(&answer);
                }
                Ok(Read::Aside(_)) => return Ok(()),
                Err(error) if error.fate() == Fate::Refused => {
                    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                    self.open.poison(Poison {
                        place: self.open.name(place).clone(),
                        offset: message.offset,
                        version: super::version(epoch, message.offset, Lsn::ZERO),
                        timestamp_ms: message.timestamp_ms,
                        key: owned(message.key),
                        value: owned(message.value),
                        new_key: owned(message.new_key),
                        old_key: owned(message.old_key),
                        reason: error.report(),
                    });
                    return Ok(());
                }
                // The registry is away.
                Err(error) if error.fate() == Fate::Transient => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(error = %error.report(), "could not read on; trying again");
                        self.control.set_trouble(Some(error.report()));
                        self.cut()?;
                    }
                    self.rest(ASK_AGAIN_AFTER)?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if std::mem::take(&mut told) {
                self.control.set_trouble(None);
            }
            self.settle(asked, place)?;
        }
    }

    /// Asks how the receiver keeps a table.
    fn settle(&mut self, table: Arc<Table>, place: usize) -> Result<(), End> {
        self.cut()?;
        let (reply, answer) = sync_channel(1);
        let topic = self.open.name(place).topic.clone();
        self.send(Delivery::Shape { table: table.clone(), topic, reply })?;
        let settled = self.wait_for(&answer)?;
        self.open.settle(table, settled);
        Ok(())
    }

    /// Hands over what was read.
    fn cut(&mut self) -> Result<(), End> {
        let bytes = self.open.size_bytes();
        let mut batch = self.open.cut();
        if batch.through.is_empty() {
            return Ok(());
        }
        self.control.note_read(&batch.through);
        let begun = Instant::now();
        let mut calm = Calm::default();
        batch.permit = loop {
            match self.budget.take(bytes) {
                Some(permit) => break permit,
                None => self.meanwhile(begun, &mut calm)?,
            }
        };
        self.resume(calm);
        self.send(Delivery::Batch(batch))
    }

    pub(super) fn send(&mut self, delivery: Delivery) -> Result<(), End> {
        let begun = Instant::now();
        let (mut delivery, mut calm) = (delivery, Calm::default());
        loop {
            match self.out.try_send(delivery) {
                Ok(()) => break,
                Err(TrySendError::Closed(_)) => return Err(End::Gone),
                Err(TrySendError::Full(back)) => delivery = back,
            }
            self.meanwhile(begun, &mut calm)?;
        }
        self.resume(calm);
        Ok(())
    }

    pub(super) fn wait_for<T>(&mut self, answer: &Receiver<T>) -> Result<T, End> {
        let begun = Instant::now();
        let mut calm = Calm::default();
        let answer = loop {
            match answer.recv_timeout(Duration::from_millis(20)) {
                Ok(answer) => break answer,
                Err(RecvTimeoutError::Disconnected) => return Err(End::Gone),
                Err(RecvTimeoutError::Timeout) => self.meanwhile(begun, &mut calm)?,
            }
        };
        self.resume(calm);
        Ok(answer)
    }

    fn rest(&mut self, pause: Duration) -> Result<(), End> {
        let begun = Instant::now();
        let mut calm = Calm::default();
        // The group has to hear of us, however long it takes.
        self.pause(&mut calm);
        while begun.elapsed() < pause {
            self.meanwhile(begun, &mut calm)?;
        }
        self.resume(calm);
        Ok(())
    }

    /// A moment of waiting for the receiver: the group still hears of us.
    fn meanwhile(&mut self, begun: Instant, calm: &mut Calm) -> Result<(), End> {
        if self.control.is_stopped() || self.out.is_closed() {
            return Err(End::Gone);
        }
        if begun.elapsed() >= PAUSE_AFTER {
            self.pause(calm);
        }
        if calm.paused.is_none() {
            std::thread::sleep(Duration::from_millis(1));
            return Ok(());
        }
        self.commit(CommitMode::Async)?;
        let consumer = self.consumer.clone();
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(20)) {
            // It was on its way as we paused: it comes again.
            let at = Offset::Offset(message.offset());
            let _ = consumer.seek(message.topic(), message.partition(), at, ANSWER_MOST);
        }
        Ok(())
    }

    fn pause(&self, calm: &mut Calm) {
        if calm.paused.is_none()
            && let Ok(partitions) = self.consumer.assignment()
        {
            let _ = self.consumer.pause(&partitions);
            calm.paused = Some(partitions);
        }
    }

    fn resume(&self, calm: Calm) {
        if let Some(partitions) = calm.paused {
            let _ = self.consumer.resume(&partitions);
        }
    }

    /// What the group gave and took since.
    fn rebalance(&mut self) -> Result<(), End> {
        for wanted in self.consumer.context().take_rebalances() {
            match wanted {
                Rebalance::Assign(places) => self.assigned(places)?,
                Rebalance::Revoke(places) => self.revoked(places)?,
                Rebalance::Failed(code) => {
                    tracing::warn!(%code, "the group could not be balanced");
                    self.consumer.unassign().map_err(|error| self.trouble(&error))?;
                }
            }
        }
        Ok(())
    }

    fn assigned(&mut self, places: Vec<Place>) -> Result<(), End> {
        let begun = Instant::now();
        let begins: Vec<Begin> = loop {
            let partitions = self.look(&places).map_err(|error| self.trouble(&error))?;
            self.control.note_reached();
            let (reply, answer) = sync_channel(1);
            let looked_for = begun.elapsed();
            self.send(Delivery::Assigned { partitions, looked_for, reply })?;
            match self.wait_for(&answer)? {
                Some(begins) => break begins,
                None => self.rest(LOOK_AGAIN_AFTER)?,
            }
        };
        let mut offsets = Vec::with_capacity(places.len());
        for (place, begin) in places.into_iter().zip(begins) {
            let number = self.open.place(&place.topic, place.partition);
            if self.epochs.len() <= number {
                self.epochs.resize(number + 1, None);
            }
            self.epochs[number] = Some(begin.epoch);
            self.control.note_assigned(&place, begin.offset);
            offsets.push((place, Offset::Offset(begin.offset)));
        }
        let assigned = self.consumer.incremental_assign(&list(offsets));
        Ok(assigned.map_err(|error| self.trouble(&error))?)
    }

    fn look(&self, places: &[Place]) -> Result<Vec<Assigned>, KafkaError> {
        let all = list(places.iter().map(|place| (place.clone(), Offset::Invalid)));
        let committed = self.consumer.committed_offsets(all, ANSWER_MOST)?;
        let look = |place: &Place| {
            let (topic, partition) = (&place.topic, place.partition);
            let (low, high) = self.consumer.fetch_watermarks(topic, partition, ANSWER_MOST)?;
            let committed = committed.find_partition(topic, partition);
            let committed = committed.and_then(|found| found.offset().to_raw());
            let committed = committed.filter(|offset| *offset >= 0);
            Ok(Assigned { place: place.clone(), low, high, committed })
        };
        places.iter().map(look).collect()
    }

    /// What was read of them becomes durable and is committed before anybody else has them.
    fn revoked(&mut self, places: Vec<Place>) -> Result<(), End> {
        // Somebody has them already: what is not durable is read there.
        let are_lost = self.consumer.assignment_lost();
        if are_lost {
            tracing::warn!("the group has given our partitions to others: it heard nothing of us");
            self.open.forget(&places);
        }
        self.cut()?;
        let (done, answer) = sync_channel(1);
        self.send(Delivery::Revoked { partitions: places.clone(), are_lost, done })?;
        self.wait_for(&answer)?;
        self.commit(CommitMode::Sync)?;
        for place in &places {
            let number = self.open.place(&place.topic, place.partition);
            if let Some(epoch) = self.epochs.get_mut(number) {
                *epoch = None;
            }
        }
        self.control.forget(&places);
        // The next owner may see other shapes, and so may we when they are ours again.
        self.open.unsettle();
        let all = list(places.into_iter().map(|place| (place, Offset::Invalid)));
        let given = self.consumer.incremental_unassign(&all);
        Ok(given.map_err(|error| self.trouble(&error))?)
    }

    /// Tells the group what is durable. One that goes astray is told again with the next.
    fn commit(&self, mode: CommitMode) -> Result<(), End> {
        let durable = self.control.take_durable();
        if durable.is_empty() {
            return Ok(());
        }
        let offsets = durable.into_iter().map(|(place, next)| (place, Offset::Offset(next)));
        match self.consumer.commit(&list(offsets), mode) {
            Err(error) if self.is_fatal(&error) => Err(self.trouble(&error).into()),
            Err(error) => {
                tracing::warn!(%error, "offsets were not committed; they will be with the next");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// What the client says of itself.
    fn errors(&mut self) -> Result<(), End> {
        for error in self.consumer.context().take_errors() {
            self.failed(error)?;
        }
        Ok(())
    }

    fn trouble(&self, error: &KafkaError) -> Error {
        trouble(&self.options, error)
    }

    fn is_fatal(&self, error: &KafkaError) -> bool {
        self.trouble(error).fate() != Fate::Transient
    }

    /// The client goes on by itself after most of what fails.
    fn failed(&mut self, error: KafkaError) -> Result<(), End> {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::PartitionEOF) {
            return Ok(());
        }
        let is_unknown = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)
        );
        let told = match is_unknown {
            true => {
                self.control.note_reached();
                no_topic(&self.options)
            }
            false => self.trouble(&error),
        };
        // Where a partition is read from is found anew with its assignment, and nowhere else.
        let is_astray = matches!(
            error.rdkafka_error_code(),
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::LogTruncation)
        );
        if told.fate() != Fate::Transient || is_astray {
            return Err(told.into());
        }
        if self.control.trouble().is_none() {
            tracing::warn!(error = %told.report(), "could not read from Kafka; trying again");
        }
        self.control.set_trouble(Some(told.report()));
        self.is_new = true;
        Ok(())
    }

    /// What is durable by now is told to the group, which need not wait for us.
    fn leave(&mut self) {
        let _ = self.commit(CommitMode::Sync);
        self.consumer.context().leave();
        let _ = self.consumer.unassign();
        self.consumer.unsubscribe();
    }
}

fn trouble(options: &ConsumerOptions, error: &KafkaError) -> Error {
    Doing::new("read the topics", &options.brokers).group(&options.group).failed(error)
}

/// Debezium makes a topic with its first message: it is waited for.
fn no_topic(options: &ConsumerOptions) -> Error {
    let topics = options.topics.join(", ");
    Error::transient(format!("could not find all of the topics {topics} on {}", options.brokers))
        .detail("They are read as soon as they are there.")
        .hint("see that [source.kafka] topics names them: kafka-topics.sh --list; a pattern begins with ^")
}

/// Partitions that were told to rest while nobody takes what they bring.
#[derive(Default)]
struct Calm {
    paused: Option<TopicPartitionList>,
}
