//! A look into topics, for who has to know what is in them and does not read them: a few messages of each
//! partition, by nobody's group. Nothing is committed, and no topic comes to be.

use crate::Message;
use crate::read::Reader;
use crate::security::Security;
use crate::trouble::Doing;
use model::{Error, Fate, Result};
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use regex::RegexSet;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Of each partition, from its beginning: a column that is NULL at first is seen all the same.
const FIRST_MOST: i64 = 1000;
/// And at its end, where the newest shape is.
const LAST_MOST: i64 = 200;
/// For an answer of the broker's, and between two messages.
const ANSWER_MOST: Duration = Duration::from_secs(10);
const POLL_MOST: Duration = Duration::from_millis(100);

#[derive(Clone, Copy)]
pub struct SampleOptions<'a> {
    pub brokers: &'a str,
    pub security: &'a Security,
    /// Names; one that begins with `^` is a pattern.
    pub topics: &'a [String],
}

/// Shows the reader messages of each topic. Returns the topics' names, with how many partitions each has.
pub fn sample(options: SampleOptions<'_>, reader: &mut Reader) -> Result<BTreeMap<String, usize>> {
    let failed =
        |error: KafkaError| Doing::new("look into the topics", options.brokers).failed(&error);
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", options.brokers)
        .set("client.id", "millrace")
        // The client wants one, and takes part in none.
        .set("group.id", "millrace-looks")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false")
        .set("fetch.wait.max.ms", "10")
        .set_log_level(RDKafkaLogLevel::Error);
    options.security.apply(&mut config);
    let consumer: BaseConsumer = config.create().map_err(failed)?;
    let topics = find(&consumer, options)?;
    for (topic, partitions) in &topics {
        reader.expect(topic);
        let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
        for partition in 0..*partitions as i32 {
            let marks = consumer.fetch_watermarks(topic, partition, ANSWER_MOST);
            let (low, high) = marks.map_err(failed)?;
            let middle = high.min(low + FIRST_MOST);
            first.insert(partition, low..middle);
            last.insert(partition, middle.max(high - LAST_MOST)..high);
        }
        show(&consumer, topic, first, reader, failed)?;
        show(&consumer, topic, last, reader, failed)?;
    }
    Ok(topics)
}

/// What names and patterns mean.
fn find(consumer: &BaseConsumer, options: SampleOptions<'_>) -> Result<BTreeMap<String, usize>> {
    let failed =
        |error: KafkaError| Doing::new("look into the topics", options.brokers).failed(&error);
    let (patterns, names): (Vec<&String>, Vec<&String>) =
        options.topics.iter().partition(|topic| topic.starts_with('^'));
    let patterns = RegexSet::new(&patterns)
        .map_err(|error| Error::definite("cannot read a pattern of topics").source(error))?;
    let known = consumer.fetch_metadata(None, ANSWER_MOST).map_err(failed)?;
    let wanted = |name: &str| {
        names.iter().any(|wanted| *wanted == name)
            || patterns.is_match(name) && !name.starts_with("__")
    };
    let topics = known.topics().iter().filter(|topic| wanted(topic.name()));
    let topics: BTreeMap<String, usize> =
        topics.map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect();
    if let Some(missing) = names.iter().find(|name| !topics.contains_key(**name)) {
        return Err(Error::transient(format!(
            "could not find topic {missing} on {}",
            options.brokers
        ))
        .hint("Debezium makes a topic with its first message; a pattern begins with ^"));
    }
    if topics.is_empty() {
        return Err(Error::transient(format!("could not find a topic on {}", options.brokers))
            .detail(format!("None there is like {}.", options.topics.join(", "))));
    }
    Ok(topics)
}

/// Reads these offsets of each partition. A message that nobody can read tells nothing.
fn show(
    consumer: &BaseConsumer,
    topic: &str,
    mut ranges: BTreeMap<i32, Range<i64>>,
    reader: &mut Reader,
    failed: impl Fn(KafkaError) -> Error,
) -> Result<()> {
    ranges.retain(|_, range| !range.is_empty());
    let mut from = TopicPartitionList::new();
    for (partition, range) in &ranges {
        let at = Offset::Offset(range.start);
        from.add_partition_offset(topic, *partition, at).map_err(&failed)?;
    }
    consumer.assign(&from).map_err(&failed)?;
    let mut heard = Instant::now();
    while !ranges.is_empty() {
        match consumer.poll(POLL_MOST) {
            None if heard.elapsed() < ANSWER_MOST => continue,
            None => {
                return Err(Error::transient(format!(
                    "could not look into {topic}: nothing comes"
                )));
            }
            // Behind the last message there may be marks of transactions.
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(ranges.remove(&partition)),
            Some(Err(error)) => return Err(failed(error)),
            Some(Ok(message)) => {
                let Some(range) = ranges.get(&message.partition()) else { continue };
                let (is_in, is_last) =
                    (range.contains(&message.offset()), message.offset() + 1 >= range.end);
                if is_in {
                    read(&message, reader)?;
                }
                if is_last {
                    ranges.remove(&message.partition());
                }
            }
        }
        heard = Instant::now();
    }
    consumer.unassign().map_err(failed)
}

fn read(message: &BorrowedMessage<'_>, reader: &mut Reader) -> Result<()> {
    let plain = Message {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis().unwrap_or(0),
        key: message.key(),
        value: message.payload(),
        new_key: None,
        old_key: None,
    };
    match reader.read(&plain) {
        Err(error) if error.fate() != Fate::Refused => Err(error),
        _ => Ok(()),
    }
}
