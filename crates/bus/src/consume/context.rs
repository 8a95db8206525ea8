//! What the client calls back: rebalances are noted, and done by the thread itself between two messages.

use super::control::Ends;
use super::{Control, Place};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What the group wants of us.
pub(super) enum Rebalance {
    Assign(Vec<Place>),
    Revoke(Vec<Place>),
    Failed(RDKafkaErrorCode),
}

pub(super) struct Context {
    pub(super) control: Arc<Control>,
    wanted: Mutex<Vec<Rebalance>>,
    errors: Mutex<Vec<KafkaError>>,
    /// Nobody asks for rebalances any more: what the group takes, it has.
    is_leaving: AtomicBool,
}

impl Context {
    pub(super) fn new(control: Arc<Control>) -> Context {
        Context {
            control,
            wanted: Mutex::default(),
            errors: Mutex::default(),
            is_leaving: AtomicBool::new(false),
        }
    }

    pub(super) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Release);
    }

    pub(super) fn take_rebalances(&self) -> Vec<Rebalance> {
        take(&self.wanted)
    }

    /// Of the client as a whole: brokers that are away, a login that failed.
    pub(super) fn take_errors(&self) -> Vec<KafkaError> {
        take(&self.errors)
    }
}

fn take<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn push<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(item);
}

impl ClientContext for Context {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka");
        push(&self.errors, error);
    }

    fn stats(&self, statistics: Statistics) {
        let partitions = statistics.topics.iter().flat_map(|(topic, known)| {
            known.partitions.iter().map(move |(partition, now)| (topic.as_str(), *partition, now))
        });
        self.control.note_ends(partitions.map(|(topic, partition, now)| Ends {
            topic,
            partition,
            end: now.ls_offset,
            is_read: now.fetchq_cnt == 0 && now.next_offset >= now.ls_offset,
        }));
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.is_leaving.load(Ordering::Acquire) {
            let _ = consumer.unassign();
            return;
        }
        let places = || places(partitions);
        push(
            &self.wanted,
            match error {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assign(places()),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => Rebalance::Revoke(places()),
                other => Rebalance::Failed(other.into()),
            },
        );
    }
}

pub(super) fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    let place = |(topic, partition): &(String, i32)| Place {
        topic: topic.as_str().into(),
        partition: *partition,
    };
    partitions.to_topic_map().keys().map(place).collect()
}

pub(super) fn list(places: impl IntoIterator<Item = (Place, Offset)>) -> TopicPartitionList {
    let mut partitions = TopicPartitionList::new();
    for (place, offset) in places {
        // It only fails for an offset that is none.
        let _ = partitions.add_partition_offset(&place.topic, place.partition, offset);
    }
    partitions
}
