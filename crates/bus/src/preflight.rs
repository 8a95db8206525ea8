//! What would keep topics from being read, all of it at once. Nothing is changed, and no group is joined.
//!
//! ```text
//! columns ─▶ client ─▶ brokers ─┬─▶ topics    there, and their ends are let be fetched
//!                               └─▶ group     its offsets are let be asked for
//! registry
//! ```

use crate::consume::ConsumerOptions;
use crate::read::{Reader, reach_registry};
use crate::trouble::Doing;
use model::{Error, Fate};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::Message as _;
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};
use regex::Regex;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who has not let us in by then is away.
const REACH_MOST: Duration = Duration::from_secs(5);
/// Between two looks at why.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// For one question.
const ANSWER_MOST: Duration = Duration::from_secs(5);
/// An end that has not come by then may yet come: nothing is said of it.
const ENDS_MOST: Duration = Duration::from_secs(5);

/// What was found.
#[derive(Debug, Default)]
pub struct Preflight {
    /// Those that would be read.
    pub topics: Vec<String>,
    pub partitions: usize,
    pub troubles: Vec<Trouble>,
}

#[derive(Debug)]
pub struct Trouble {
    /// What it is about, for programs.
    pub code: &'static str,
    /// Otherwise what is missing is waited for.
    pub stops: bool,
    pub error: Error,
}

/// Looks at everything. It takes seconds, and blocks.
pub fn run(options: &ConsumerOptions) -> Preflight {
    let mut found = Preflight::default();
    if let Err(error) = Reader::new(options.reader.clone(), Vec::new()) {
        found.add("kafka_columns", true, error);
    }
    match Asking::connect(options) {
        Ok((asking, metadata)) => {
            asking.topics(&metadata, &mut found);
            asking.group(&mut found);
            asking.rights(&mut found);
        }
        Err(error) => found.add("kafka_brokers", true, error),
    }
    if let Some(registry) = &options.reader.registry
        && let Err(error) = reach_registry(registry)
    {
        found.add("kafka_registry", true, error);
    }
    found
}

impl Preflight {
    fn add(&mut self, code: &'static str, stops: bool, error: Error) {
        self.troubles.push(Trouble { code, stops, error });
    }
}

/// What the client says by the way.
#[derive(Default)]
struct Told(Mutex<Vec<(Code, String)>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, Vec<(Code, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Told {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.lock().push((code, reason.to_owned()));
        }
    }
}

impl ConsumerContext for Told {}

struct Asking<'a> {
    options: &'a ConsumerOptions,
    consumer: BaseConsumer<Told>,
}

impl<'a> Asking<'a> {
    fn connect(options: &'a ConsumerOptions) -> Result<(Asking<'a>, Metadata), Error> {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &options.brokers)
            .set("client.id", "millrace-check")
            // To ask for its offsets. Only who subscribes is a member.
            .set("group.id", &options.group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "50")
            .set("allow.auto.create.topics", "false")
            .set_log_level(RDKafkaLogLevel::Error);
        options.security.apply(&mut config);
        let doing = doing(options);
        let consumer =
            config.create_with_context(Told::default()).map_err(|error| doing.failed(&error))?;
        let asking = Asking { options, consumer };
        let metadata = asking.reach()?;
        Ok((asking, metadata))
    }

    fn reach(&self) -> Result<Metadata, Error> {
        let begun = Instant::now();
        loop {
            let error = match self.consumer.fetch_metadata(None, LOOK_EVERY) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            if let Some(refused) = self.refused() {
                return Err(refused);
            }
            if begun.elapsed() > REACH_MOST {
                return Err(self.why(&error));
            }
        }
    }

    /// What no waiting helps.
    fn refused(&self) -> Option<Error> {
        while self.consumer.poll(Duration::ZERO).is_some() {}
        let told = self.consumer.context().lock();
        let errors = told.iter().map(|(code, words)| doing(self.options).coded(*code, words));
        errors.into_iter().find(|error| error.fate() != Fate::Transient)
    }

    /// In the client's own words, where it has said more than that nobody answers.
    fn why(&self, error: &KafkaError) -> Error {
        let told = self.consumer.context().lock();
        let said = told.iter().rev().find(|(code, _)| *code != Code::AllBrokersDown);
        match said {
            Some((code, words)) => doing(self.options).coded(*code, words),
            None => doing(self.options).failed(error),
        }
    }

    fn topics(&self, metadata: &Metadata, found: &mut Preflight) {
        let mut topics = BTreeSet::new();
        let mut missing = Vec::new();
        for wanted in &self.options.topics {
            match wanted.starts_with('^') {
                true => match matching(wanted, metadata) {
                    Ok(names) if names.is_empty() => missing.push(no_match(wanted)),
                    Ok(names) => topics.extend(names),
                    Err(error) => found.add("kafka_topics", true, error),
                },
                false => match self.partitions(wanted) {
                    Ok(_) => drop(topics.insert(wanted.clone())),
                    Err(error) => missing.push(error),
                },
            }
        }
        found.partitions = topics.iter().filter_map(|topic| self.partitions(topic).ok()).sum();
        // Debezium makes a topic with its first message: one that is not there yet is waited for.
        let stops = topics.is_empty();
        for error in missing {
            found.add("kafka_topics", stops, error);
        }
        found.topics = topics.into_iter().collect();
    }

    fn partitions(&self, topic: &str) -> Result<usize, Error> {
        let doing = doing(self.options).topic(topic);
        let metadata = self.consumer.fetch_metadata(Some(topic), ANSWER_MOST);
        let metadata = metadata.map_err(|error| doing.failed(&error))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Err(doing.coded(Code::UnknownTopicOrPartition, ""));
        };
        match found.error() {
            Some(error) => Err(doing.coded(error.into(), "The broker says so")),
            None => Ok(found.partitions().len()),
        }
    }

    /// Who may see a group may mostly join it, too; that is not tried.
    fn group(&self, found: &mut Preflight) {
        let named = self.options.topics.iter().find(|topic| !topic.starts_with('^'));
        let Some(topic) = found.topics.first().or(named) else { return };
        let begun = Instant::now();
        loop {
            let mut one = TopicPartitionList::new();
            one.add_partition(topic, 0);
            let Err(error) = self.consumer.committed_offsets(one, ANSWER_MOST) else { return };
            let error = self.refused().unwrap_or_else(|| doing(self.options).failed(&error));
            // Who coordinates the group may be about to change.
            if error.fate() != Fate::Transient || begun.elapsed() > ANSWER_MOST {
                return found.add("kafka_group", true, error);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Who may see a topic need not be let read it.
    fn rights(&self, found: &mut Preflight) {
        let all: Vec<&str> = found.topics.iter().map(String::as_str).collect();
        if self.ends(&all).is_ok() {
            return;
        }
        let refused = |topic: &&str| self.ends(&[topic]).err();
        let refused: Vec<Error> = all.iter().filter_map(refused).collect();
        for error in refused {
            found.add("kafka_topics", true, error);
        }
    }

    /// Whether the ends of the topics' first partitions are given out. Silence is no answer.
    fn ends(&self, topics: &[&str]) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        for topic in topics {
            // It only fails for an offset that is none.
            let _ = list.add_partition_offset(topic, 0, Offset::End);
        }
        if self.consumer.assign(&list).is_err() {
            return Ok(());
        }
        let (begun, mut ends, mut others) = (Instant::now(), 0, BTreeSet::new());
        let mut answer = Ok(());
        while ends + others.len() < topics.len() && begun.elapsed() < ENDS_MOST {
            match self.consumer.poll(LOOK_EVERY) {
                Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
                Some(Ok(message)) => drop(others.insert(message.topic().to_owned())),
                Some(Err(error)) => {
                    let doing = doing(self.options).topic(topics[0]);
                    let error = doing.failed(&error);
                    if error.fate() != Fate::Transient {
                        answer = Err(error);
                        break;
                    }
                }
                None => {}
            }
        }
        let _ = self.consumer.unassign();
        answer
    }
}

fn doing(options: &ConsumerOptions) -> Doing<'_> {
    Doing::new("read the topics", &options.brokers).group(&options.group)
}

fn matching(pattern: &str, metadata: &Metadata) -> Result<Vec<String>, Error> {
    let pattern = Regex::new(pattern).map_err(|error| {
        Error::definite(format!("cannot read the topics {pattern}: that is no pattern"))
            .source(error)
            .hint("a pattern is a regular expression that begins with ^: ^shop\\.public\\..*")
    })?;
    let names = metadata.topics().iter().map(|topic| topic.name());
    Ok(names.filter(|name| pattern.is_match(name)).map(str::to_owned).collect())
}

fn no_match(pattern: &str) -> Error {
    Error::definite(format!("cannot read the topics {pattern}: there is none"))
        .detail("Of those that the user may see. They are read as soon as they are there.")
        .hint("see what there is: kafka-topics.sh --list; Debezium makes a topic with its first message")
}
