//! What is shown of Kafka: how far each partition is that is read, and each sink; and what both ways in come to.

use super::Report;
use serde::Serialize;

/// How a table's rows come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    Stream,
    Topics,
}

impl Report {
    /// Nothing that is older is missing, whichever way it comes. `None`: a way in stands, and has nothing on its
    /// way although it is not up to date.
    pub fn behind_seconds(&self) -> Option<f64> {
        let topics = self.kafka.as_ref();
        let stands = self.paused_since.is_some()
            || !self.source.connected
            || topics.is_some_and(|topics| !topics.connected);
        let of_topics = topics.map_or(0.0, |topics| topics.lag_seconds);
        (!stands).then_some(self.source.lag_seconds.max(of_topics))
    }
}

/// Of `millrace status --json`: the consumer.
#[derive(Clone, Debug, Serialize)]
pub struct KafkaReport {
    /// Who reads: `millrace`, or `clickhouse`.
    pub engine: &'static str,
    pub brokers: String,
    pub group: String,
    pub connected: bool,
    /// Messages that nobody has applied yet, of the partitions that are ours.
    pub lag_messages: u64,
    pub lag_seconds: f64,
    pub partitions: Vec<PartitionReport>,
    /// Of ClickHouse's own consumers, since they were made.
    pub messages_read: Option<u64>,
    pub rebalances: Option<u64>,
    /// Messages that could not be read, since the start of the process.
    pub poison_messages: u64,
    /// Messages that expired before they were read, likewise.
    pub missed_messages: u64,
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PartitionReport {
    pub topic: String,
    pub partition: i32,
    /// The next message to apply, the end of the partition, and what lies between.
    pub offset: i64,
    pub end: i64,
    pub lag_messages: u64,
    /// Age of the newest message that was read, where others wait behind it; 0 otherwise. Where ClickHouse reads:
    /// for how long some have been waiting.
    pub lag_seconds: f64,
}

/// Of `millrace status --json`: topics that the stream goes to.
#[derive(Clone, Debug, Serialize)]
pub struct SinkReport {
    pub name: String,
    pub brokers: String,
    /// The log is confirmed only when it is there as well.
    pub required: bool,
    pub connected: bool,
    /// Its brokers have everything that was committed before.
    pub acknowledged_lsn: String,
    pub queued_bytes: u64,
    /// The same on disk, of one that is not required.
    pub spooled_bytes: u64,
    /// These since the start of the process.
    pub sent_messages: u64,
    /// For want of room; of one that is not required.
    pub dropped_messages: u64,
    /// Values that Debezium has no form for, which became NULL.
    pub lost_values: u64,
    /// Rows that were there before, as far as they are sent; again, where a snapshot began anew.
    pub snapshot_rows: u64,
    /// They are being sent: what streams waits.
    pub in_snapshot: bool,
    pub last_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    #[test]
    fn data_is_as_old_as_the_later_way_in() {
        let mut report = Status::default().report();
        assert_eq!(report.behind_seconds(), None, "nobody is connected");
        (report.source.connected, report.source.lag_seconds) = (true, 0.5);
        assert_eq!(report.behind_seconds(), Some(0.5));
        let topics = |connected, lag_seconds| KafkaReport {
            engine: "millrace",
            brokers: "k:9092".into(),
            group: "millrace".into(),
            connected,
            lag_messages: 3,
            lag_seconds,
            partitions: Vec::new(),
            messages_read: None,
            rebalances: None,
            poison_messages: 0,
            missed_messages: 0,
            last_error: None,
        };
        for (topics, wanted) in [
            (topics(true, 4.0), Some(4.0)),
            (topics(true, 0.0), Some(0.5)),
            (topics(false, 0.0), None),
        ] {
            report.kafka = Some(topics);
            assert_eq!(report.behind_seconds(), wanted);
        }
        report.kafka = None;
        report.paused_since = Some(7);
        assert_eq!(report.behind_seconds(), None);
    }
}
