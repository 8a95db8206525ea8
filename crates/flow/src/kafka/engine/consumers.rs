//! How far the engine's own consumers are, as it and librdkafka say themselves in `system.kafka_consumers`.

use super::script::{database, group_of};
use crate::kafka::report::Shows;
use crate::status::{KafkaReport, PartitionReport, Status};
use bus::consume::ConsumerOptions;
use model::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};
use store::embedded::Exception;
use store::topics::errors_table;
use store::{Rows, Store, ddl};

/// A block is written within the flush interval, and rarely takes longer than this.
const DONE_AFTER: Duration = Duration::from_secs(5);

/// What is asked of the engine.
fn question(group: &str) -> String {
    format!(
        "SELECT table, num_messages_read, num_rebalance_assignments + num_rebalance_revocations, \
         if(empty(exceptions.time) OR exceptions.time[-1] < last_commit_time, '', \
         splitByString(', Stack trace', exceptions.text[-1])[1]), rdkafka_stat FROM system.kafka_consumers WHERE database = {} ORDER BY table",
        ddl::literal(&database(group))
    )
}

/// Of librdkafka's statistics, what is looked at
/// (<https://github.com/confluentinc/librdkafka/blob/master/STATISTICS.md>).
#[derive(Deserialize)]
struct Statistics {
    brokers: BTreeMap<String, BrokerStatistics>,
    topics: BTreeMap<String, TopicStatistics>,
}

#[derive(Deserialize)]
struct BrokerStatistics {
    /// -1: none that a client was told of.
    nodeid: i64,
    state: String,
}

#[derive(Deserialize)]
struct TopicStatistics {
    partitions: BTreeMap<i32, PartitionStatistics>,
}

#[derive(Deserialize)]
struct PartitionStatistics {
    desired: bool,
    /// This and the others below zero: not known.
    committed_offset: i64,
    /// Behind what the engine has taken.
    app_offset: i64,
    lo_offset: i64,
    /// Behind the last message that a reader of committed ones sees.
    ls_offset: i64,
}

/// Written by who asks the engine, read by whoever asks us.
pub(in crate::kafka) struct Seen {
    brokers: String,
    group: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    partitions: BTreeMap<(String, i32), Partition>,
    connected: bool,
    messages_read: u64,
    rebalances: u64,
    poison_before: u64,
    poison: u64,
    trouble: Option<String>,
}

struct Partition {
    offset: i64,
    end: i64,
    /// What is committed, and what was taken, and since when that is so.
    at: (i64, i64),
    at_since: Instant,
    /// When nothing lay before it for the last time.
    done_at: Instant,
}

impl Seen {
    pub(in crate::kafka) fn new(options: &ConsumerOptions) -> Seen {
        let (brokers, group) = (options.brokers.clone(), options.group.clone());
        Seen { brokers, group, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Before anything is read: what is kept aside already is of before.
    pub(super) async fn begin(&self, store: &dyn Store) -> Result<()> {
        let poison = self.count_poison(store).await?;
        self.lock().poison_before = poison;
        Ok(())
    }

    async fn count_poison(&self, store: &dyn Store) -> Result<u64> {
        let errors = ddl::name(&errors_table(&database(&self.group)));
        let counted = store.query(&format!("SELECT count() FROM {errors} FINAL")).await?;
        let counted = counted.into_iter().flatten().flatten().next();
        Ok(counted.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// Asks the engine. Returns whether it reads, and what keeps it from that.
    pub(super) async fn look(&self, store: &dyn Store) -> Result<(bool, Option<Error>)> {
        let consumers = store.query(&question(&self.group)).await?;
        let poison = self.count_poison(store).await?;
        self.take(consumers, poison)
    }

    fn take(&self, consumers: Rows, poison: u64) -> Result<(bool, Option<Error>)> {
        let unreadable = || Error::bug("a row of system.kafka_consumers does not read back");
        let mut inner = self.lock();
        let before = std::mem::take(&mut inner.partitions);
        (inner.messages_read, inner.rebalances, inner.connected) = (0, 0, !consumers.is_empty());
        let mut trouble = None;
        for row in consumers {
            let row: Option<Vec<String>> = row.into_iter().collect();
            let row: [String; 5] =
                row.and_then(|row| row.try_into().ok()).ok_or_else(unreadable)?;
            let [topic, read, rebalances, exception, statistics] = row;
            inner.messages_read += read.parse::<u64>().map_err(|_| unreadable())?;
            inner.rebalances += rebalances.parse::<u64>().map_err(|_| unreadable())?;
            let is_well = exception.is_empty();
            if !is_well {
                let error = Exception::parse(exception).error(&format!("read topic {topic}"));
                trouble.get_or_insert(error);
            }
            // There are none in its first second.
            let Ok(statistics) = serde_json::from_str::<Statistics>(&statistics) else {
                inner.connected = false;
                continue;
            };
            let is_up = |broker: &BrokerStatistics| broker.nodeid >= 0 && broker.state == "UP";
            inner.connected &= statistics.brokers.values().any(is_up);
            for (topic, known) in statistics.topics {
                for (partition, now) in known.partitions.into_iter().filter(|(_, now)| now.desired)
                {
                    let place = (topic.clone(), partition);
                    let seen = Partition::of(&now, before.get(&place), is_well);
                    inner.partitions.insert(place, seen);
                }
            }
        }
        inner.poison = poison;
        inner.trouble = trouble.as_ref().map(Error::report);
        Ok((inner.connected, trouble))
    }
}

impl Partition {
    fn of(now: &PartitionStatistics, before: Option<&Partition>, is_well: bool) -> Partition {
        let at = (now.committed_offset, now.app_offset);
        let at_since = match before {
            Some(before) if before.at == at => before.at_since,
            _ => Instant::now(),
        };
        // What is committed is in the table. Tombstones are taken and passed over, and not committed by themselves.
        let is_done = is_well && at_since.elapsed() > DONE_AFTER;
        let known =
            if is_done { now.committed_offset.max(now.app_offset) } else { now.committed_offset };
        let known = known.max(now.lo_offset).max(0);
        let offset = known.max(before.map_or(0, |before| before.offset));
        let end = now.ls_offset.max(offset);
        let done_at = match before {
            Some(before) if offset < end => before.done_at,
            _ => Instant::now(),
        };
        Partition { offset, end, at, at_since, done_at }
    }

    fn report(&self, topic: &str, partition: i32) -> PartitionReport {
        let lag_messages = (self.end - self.offset).max(0) as u64;
        let lag_seconds = match lag_messages {
            0 => 0.0,
            _ => self.done_at.elapsed().as_secs_f64(),
        };
        let (topic, offset, end) = (topic.to_owned(), self.offset, self.end);
        PartitionReport { topic, partition, offset, end, lag_messages, lag_seconds }
    }
}

impl Shows for Seen {
    fn to_earliest(&self) -> String {
        let group = group_of(&self.group, "TOPIC");
        format!(
            "stop it; kafka-consumer-groups.sh --bootstrap-server {} --group {group} --topic TOPIC --reset-offsets \
             --to-earliest --execute; millrace up",
            self.brokers
        )
    }

    fn report(&self, status: &Status) -> KafkaReport {
        let inner = self.lock();
        let partitions = inner.partitions.iter();
        let partitions: Vec<PartitionReport> =
            partitions.map(|((topic, partition), at)| at.report(topic, *partition)).collect();
        let of_status = status.report().source;
        KafkaReport {
            engine: "clickhouse",
            brokers: self.brokers.clone(),
            group: self.group.clone(),
            connected: of_status.connected && inner.connected,
            lag_messages: partitions.iter().map(|partition| partition.lag_messages).sum(),
            lag_seconds: partitions.iter().map(|p| p.lag_seconds).fold(0.0, f64::max),
            partitions,
            messages_read: Some(inner.messages_read),
            rebalances: Some(inner.rebalances),
            poison_messages: inner.poison.saturating_sub(inner.poison_before),
            missed_messages: 0,
            last_error: inner.trouble.clone().or(of_status.last_error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(committed: i64, end: i64) -> String {
        let partition = |desired: bool| {
            format!(
                r#"{{"desired":{desired},"committed_offset":{committed},"lo_offset":-1001,"ls_offset":{end},"app_offset":7}}"#
            )
        };
        format!(
            r#"{{"brokers":{{"k:9092/1":{{"nodeid":1,"state":"UP"}},"c":{{"nodeid":-1,"state":"DOWN"}}}},
                "topics":{{"shop.public.orders":{{"partitions":{{"0":{},"-1":{}}}}}}}}}"#,
            partition(true),
            partition(false)
        )
    }

    fn row(exception: &str, statistics: String) -> Rows {
        vec![
            ["shop.public.orders", "90", "2", exception, &statistics]
                .map(|field| Some(field.to_owned()))
                .to_vec(),
        ]
    }

    #[test]
    fn lag_is_what_is_not_committed_and_errors_quote_no_value() {
        let seen = Seen {
            brokers: "k:9092".to_owned(),
            group: "millrace".to_owned(),
            inner: Mutex::default(),
        };
        seen.lock().poison_before = 3;
        let (is_read, trouble) = seen.take(row("", statistics(-1001, 100)), 3).unwrap();
        assert!(is_read && trouble.is_none());
        assert_eq!(seen.report(&Status::default()).lag_messages, 100);
        let text = "Code: 349. DB::Exception: Cannot convert NULL value 'secret': while … (CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN)";
        let (_, trouble) = seen.take(row(text, statistics(90, 100)), 5).unwrap();
        assert!(trouble.is_some());
        let report = seen.report(&Status::default());
        assert_eq!((report.lag_messages, report.messages_read), (10, Some(90)));
        assert_eq!((report.poison_messages, report.partitions.len()), (2, 1));
        let error = report.last_error.unwrap();
        assert!(error.contains("349") && error.contains("shop.public.orders"), "{error}");
        let (is_read, _) = seen.take(row("", String::new()), 5).unwrap();
        assert!(!is_read);
    }
}
