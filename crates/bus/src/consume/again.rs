//! Messages that could not be read, once more: by the reader of the topics, so that nobody else comes to other
//! shapes of their tables.
//!
//! What was too large to be kept is asked of its topic, by a client of its own: the group's place stays.

use super::open::Open;
use super::thread::{ANSWER_MOST, End, Thread, config, key_changes};
use super::{ConsumerOptions, Delivery, Part, Place, Poison};
use crate::message::Message;
use crate::read::Read;
use crate::trouble::Doing;
use model::{Error, Fate, Result, Version};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Somebody wants these messages read.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) messages: Vec<Poison>,
    pub(super) reply: oneshot::Sender<Result<Reread>>,
}

/// What messages came to.
#[derive(Debug, Default)]
pub struct Reread {
    pub parts: Vec<Part>,
    /// Those that cannot be read now either, by their place among the others, and why.
    pub refused: Vec<(usize, String)>,
}

impl Thread {
    /// Between two messages of the topics.
    pub(super) fn again(&mut self) -> Result<(), End> {
        let Some(Again { messages, reply }) = self.control.take_again() else { return Ok(()) };
        let mut reread = Reread::default();
        let mut open = Open::default();
        for (at, message) in messages.iter().enumerate() {
            match self.read_again(message, &mut open, &mut reread.parts)? {
                Ok(()) => {}
                Err(error) if error.fate() == Fate::Refused => {
                    reread.refused.push((at, error.report()));
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                    return Ok(());
                }
            }
        }
        reread.parts.extend(open.cut().parts);
        let _ = reply.send(Ok(reread));
        Ok(())
    }

    fn read_again(
        &mut self,
        poison: &Poison,
        open: &mut Open,
        parts: &mut Vec<Part>,
    ) -> Result<Result<()>, End> {
        let Poison { place, offset, timestamp_ms, .. } = poison;
        let message = Message {
            topic: &place.topic,
            partition: place.partition,
            offset: *offset,
            timestamp_ms: *timestamp_ms,
            key: poison.key.as_deref(),
            value: poison.value.as_deref(),
            new_key: poison.new_key.as_deref(),
            old_key: poison.old_key.as_deref(),
        };
        let number = open.place(&place.topic, place.partition);
        loop {
            let table = match self.reader.read(&message) {
                Ok(Read::Change(change)) => match open.settled(change.table) {
                    Some(None) => {
                        let table = &change.table.name;
                        return Ok(Err(Error::refused(format!("its table {table} stopped"))));
                    }
                    Some(Some(_)) => {
                        let version = Version::of_change(poison.version.commit(), change.lsn);
                        return Ok(open.take(&change, number, version));
                    }
                    None => change.table.clone(),
                },
                Ok(Read::Truncate { .. }) => {
                    return Ok(Err(Error::refused("it is a TRUNCATE, and rows came behind it")));
                }
                Ok(Read::Aside(_)) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            // Blocks of the shape of before would go with it.
            parts.extend(open.cut().parts);
            let (reply, answer) = sync_channel(1);
            let topic = place.topic.clone();
            self.send(Delivery::Shape { table: table.clone(), topic, reply })?;
            open.settle(table, self.wait_for(&answer)?);
        }
    }
}

/// Fills in what was not kept of a message.
pub fn fetch(options: &ConsumerOptions, poison: &mut Poison) -> Result<()> {
    let doing = || Doing::new("read a message again", &options.brokers);
    let failed = |error| doing().topic(&poison.place.topic).failed(&error);
    let consumer: BaseConsumer =
        config(options).set("enable.partition.eof", "true").create().map_err(failed)?;
    let Place { topic, partition } = &poison.place;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, *partition, Offset::Offset(poison.offset)).map_err(failed)?;
    consumer.assign(&from).map_err(failed)?;
    let begun = Instant::now();
    while begun.elapsed() < ANSWER_MOST {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(Code::AutoOffsetReset | Code::PartitionEOF | Code::OffsetOutOfRange) => {
                    return Err(expired(poison));
                }
                _ if failed(error.clone()).fate() == Fate::Transient => {}
                _ => return Err(failed(error)),
            },
            Some(Ok(message)) => {
                // A topic that was made anew has another message there.
                let is_it = message.offset() == poison.offset
                    && message.timestamp().to_millis().unwrap_or(0) == poison.timestamp_ms;
                if !is_it {
                    return Err(expired(poison));
                }
                let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                let (new_key, old_key) = key_changes(&message);
                (poison.new_key, poison.old_key) = (owned(new_key), owned(old_key));
                (poison.key, poison.value) = (owned(message.key()), owned(message.payload()));
                return Ok(());
            }
        }
    }
    Err(Error::transient(format!("could not read a message of {} again", poison.place))
        .detail(format!("{} did not answer in {} s.", options.brokers, ANSWER_MOST.as_secs())))
}

fn expired(poison: &Poison) -> Error {
    let Poison { place, offset, .. } = poison;
    Error::refused(format!("it has expired: {place} does not have offset {offset} any more"))
        .detail("It was too large to be kept here, so nobody has it.")
        .hint("have its source send the row again; then: millrace quarantine drop")
}
