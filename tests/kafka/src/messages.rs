//! All that is in a topic.

use crate::Broker;
use harness::{PATIENCE, poll};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use std::collections::HashSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    #[track_caller]
    pub fn key_json(&self) -> Value {
        json(self.key.as_deref())
    }

    /// A tombstone's is null.
    #[track_caller]
    pub fn value_json(&self) -> Value {
        json(self.value.as_deref())
    }
}

#[track_caller]
fn json(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| serde_json::from_slice(bytes).expect("JSON"))
}

impl From<&BorrowedMessage<'_>> for Message {
    fn from(message: &BorrowedMessage<'_>) -> Message {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Message {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
                .collect(),
        }
    }
}

impl Broker {
    /// Every committed message, by partition and offset; nothing when there is no such topic.
    #[track_caller]
    pub fn dump(&self, topic: &str) -> Vec<Message> {
        let mut config = self.internal_client();
        config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
        config.set("group.id", "harness");
        // By default the broker holds back its word that this is all for 500 ms, and a client whose queue is full
        // sleeps 1 s.
        config.set("fetch.wait.max.ms", "10").set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config.create().expect("a client");
        let mut open = assign(&consumer, topic);
        let mut messages = Vec::new();
        while !open.is_empty() {
            match consumer.poll(PATIENCE) {
                Some(Ok(message)) => messages.push(Message::from(&message)),
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Err(error)) => panic!("{topic}: {error}"),
                None => panic!("{topic}: nothing came in {PATIENCE:?}"),
            }
        }
        messages.sort_by_key(|message| (message.partition, message.offset));
        messages
    }

    /// Waits until so many are there, and has them all.
    #[track_caller]
    pub fn wait_for(&self, topic: &str, count: usize) -> Vec<Message> {
        let mut last = Vec::new();
        let there = poll(PATIENCE, || {
            last = self.dump(topic);
            (last.len() >= count).then_some(())
        });
        assert!(there.is_some(), "{topic} has {} messages, not {count}", last.len());
        last
    }
}

/// Every partition from its start.
#[track_caller]
fn assign(consumer: &BaseConsumer, topic: &str) -> HashSet<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).expect("the broker answers");
    let [topic] = metadata.topics() else { panic!("not one topic {topic}") };
    let unknown = RDKafkaErrorCode::UnknownTopicOrPartition;
    match topic.error().map(RDKafkaErrorCode::from) {
        Some(error) if error == unknown => return HashSet::new(),
        Some(error) => panic!("{}: {error}", topic.name()),
        None => {}
    }
    let mut all = TopicPartitionList::new();
    for partition in topic.partitions() {
        all.add_partition_offset(topic.name(), partition.id(), Offset::Beginning)
            .expect("an offset that there can be");
    }
    consumer.assign(&all).expect("partitions that there are");
    topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id).collect()
}
