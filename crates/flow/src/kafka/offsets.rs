//! Offsets, named by what is promised of them, and where a partition is read from.
//!
//! ```text
//! received  ≥  applied  ≥  recorded  ≥  committed
//! read         durable     in millrace   in the group,
//! from the     in the      .kafka_       for others
//! topic        store       offsets       to see
//! ```
//!
//! The store knows best: a folder that was set back to an older state reads again what it lacks, and a group whose
//! offsets have expired goes on. Offsets of the group that are smaller were set back by a person, who wants it
//! all again.

use bus::consume::{Assigned, Begin, FIRST_EPOCH, Place};
use model::{Error, Result};
use std::collections::BTreeMap;
use store::{Rows, Store, ddl};

/// One partition, while it is ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position {
    pub(super) epoch: u16,
    pub(super) applied: i64,
    pub(super) recorded: i64,
    /// Rows from here on belong to a table that stopped: they are read again when it goes on.
    pub(super) held: Option<i64>,
}

impl Position {
    pub(super) fn start(begin: Begin) -> Position {
        let Begin { epoch, offset } = begin;
        Position { epoch, applied: offset, recorded: offset, held: None }
    }

    /// How far it may be recorded.
    pub(super) fn recordable(&self) -> i64 {
        self.held.map_or(self.applied, |held| held.min(self.applied))
    }

    pub(super) fn is_due(&self) -> bool {
        self.recordable() > self.recorded
    }
}

/// How a group is called among slots.
pub(super) fn name(group: &str) -> String {
    format!("kafka {group}")
}

pub(super) const OFFSETS: &str =
    "millrace.kafka_offsets (consumer, topic, partition, epoch, next, version)";

pub(super) fn row(consumer: &str, place: &Place, epoch: u16, next: i64) -> Vec<Option<String>> {
    let (topic, partition) = (place.topic.to_string(), place.partition.to_string());
    let version = crate::status::now_us().to_string();
    [consumer.to_owned(), topic, partition, epoch.to_string(), next.to_string(), version]
        .map(Some)
        .to_vec()
}

/// What the store holds of the group's topics.
pub(super) async fn read(store: &dyn Store, consumer: &str) -> Result<BTreeMap<Place, Begin>> {
    let sql = format!(
        "SELECT topic, partition, epoch, next FROM millrace.kafka_offsets FINAL WHERE consumer = {}",
        ddl::literal(consumer)
    );
    let rows: Rows = store.query(&sql).await?;
    let unreadable = || Error::bug("a row of millrace.kafka_offsets does not read back");
    let read = |row: Vec<Option<String>>| {
        let [topic, partition, epoch, next] = <[Option<String>; 4]>::try_from(row).ok()?;
        let place = Place { topic: topic?.into(), partition: partition?.parse().ok()? };
        Some((place, Begin { epoch: epoch?.parse().ok()?, offset: next?.parse().ok()? }))
    };
    rows.into_iter().map(|row| read(row).ok_or_else(unreadable)).collect()
}

/// Where a partition is read from, and what is to be said about it.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum From {
    There(Begin),
    /// The topic was made anew since: its offsets begin again.
    Anew(Begin),
    /// Messages in between were removed before anybody read them.
    Expired {
        begin: Begin,
        missed: i64,
    },
}

/// `known`: of all partitions of the group's topics.
pub(super) fn from(found: &Assigned, known: &BTreeMap<Place, Begin>) -> From {
    let Some(recorded) = known.get(&found.place) else {
        // Keys of other partitions may come to one that is new: they win over what those had of them.
        let others = known.iter().filter(|(place, _)| place.topic == found.place.topic);
        let last = others.map(|(_, begin)| begin.epoch).max();
        let epoch = last.map_or(FIRST_EPOCH, |last| last.saturating_add(1));
        return From::There(Begin { epoch, offset: found.low });
    };
    if recorded.offset > found.high {
        let epoch = recorded.epoch.saturating_add(1);
        return From::Anew(Begin { epoch, offset: found.low });
    }
    let wanted =
        found.committed.map_or(recorded.offset, |committed| committed.min(recorded.offset));
    let begin = Begin { epoch: recorded.epoch, offset: wanted.max(found.low) };
    match recorded.offset < found.low {
        true => From::Expired { begin, missed: found.low - recorded.offset },
        false => From::There(begin),
    }
}

/// How a person has a topic read again.
pub(super) fn to_earliest(brokers: &str, group: &str, topic: &str) -> String {
    format!(
        "millrace pause; kafka-consumer-groups.sh --bootstrap-server {brokers} --group {group} --topic {topic} \
         --reset-offsets --to-earliest --execute; millrace resume"
    )
}

/// Nothing is passed over without a word.
pub(super) fn expired(place: &Place, missed: i64, begin: i64, group: &str) -> Error {
    Error::definite(format!("cannot read on in {place}: its messages expired"))
        .detail(format!(
            "The broker has removed {} that group {group} has not read; the first one there is {begin}.",
            model::words::counted(missed.unsigned_abs(), "message")
        ))
        .hint(
            "what they said is lost to the topic: have Debezium send its tables again (a signal execute-snapshot), \
             and pass over the gap with [source.kafka] expired = \"skip\"; then keep messages for longer: \
             retention.ms of the topic",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> Place {
        Place { topic: "shop.public.orders".into(), partition }
    }

    fn found(partition: i32, low: i64, high: i64, committed: Option<i64>) -> Assigned {
        Assigned { place: place(partition), low, high, committed }
    }

    fn begin(epoch: u16, offset: i64) -> Begin {
        Begin { epoch, offset }
    }

    #[test]
    fn the_store_says_where_a_partition_goes_on() {
        let known = BTreeMap::from([(place(0), begin(3, 50))]);
        let from = |found: Assigned| from(&found, &known);
        assert_eq!(from(found(0, 0, 90, Some(50))), From::There(begin(3, 50)));
        assert_eq!(from(found(0, 0, 90, None)), From::There(begin(3, 50)));
        // An older store, and a group that was set back.
        assert_eq!(from(found(0, 0, 90, Some(80))), From::There(begin(3, 50)));
        assert_eq!(from(found(0, 10, 90, Some(0))), From::There(begin(3, 10)));
        assert_eq!(from(found(0, 50, 50, None)), From::There(begin(3, 50)));
        assert_eq!(
            from(found(0, 60, 90, Some(50))),
            From::Expired { begin: begin(3, 60), missed: 10 }
        );
        assert_eq!(from(found(0, 0, 7, None)), From::Anew(begin(4, 0)));
        // One that is new holds newer rows of keys that were elsewhere.
        assert_eq!(from(found(1, 0, 7, None)), From::There(begin(4, 0)));
        let none = BTreeMap::new();
        assert_eq!(super::from(&found(0, 5, 7, Some(6)), &none), From::There(begin(1, 5)));
    }

    #[test]
    fn what_a_stopped_table_lacks_is_not_passed() {
        let mut at = Position::start(begin(1, 10));
        assert!(!at.is_due());
        at.applied = 20;
        assert!(at.is_due() && at.recordable() == 20);
        at.held = Some(10);
        assert!(!at.is_due());
    }
}
