//! What is said of topics: one line, and one for each partition that is behind; and of sinks, a line each.

use crate::talk::{self, Paint};
use model::words::counted;
use serde::Deserialize;

/// The farthest behind; more say nothing more to a person.
const SHOWN_MOST: usize = 8;

#[derive(Deserialize)]
pub(super) struct Kafka {
    engine: String,
    brokers: String,
    group: String,
    connected: bool,
    lag_messages: u64,
    lag_seconds: f64,
    partitions: Vec<Partition>,
    poison_messages: u64,
    missed_messages: u64,
    last_error: Option<String>,
}

#[derive(Deserialize)]
struct Partition {
    topic: String,
    partition: i32,
    lag_messages: u64,
    lag_seconds: f64,
}

/// `is_alone`: the stream's own lines do not say it.
pub(super) fn render(kafka: &Kafka, is_alone: bool) -> String {
    let Kafka { brokers, group, partitions, .. } = kafka;
    let by_clickhouse = kafka.engine == "clickhouse";
    let state = match kafka.connected {
        true => talk::data("connected", Paint::Green),
        false => talk::data("not connected", Paint::Red),
    };
    let mut text = format!(
        "topics     {state}; {brokers}, group {group}, {}{}\n",
        counted(partitions.len() as u64, "partition"),
        if by_clickhouse { ", read by ClickHouse" } else { "" }
    );
    let behind = match kafka.lag_messages {
        0 => "none".to_owned(),
        messages => format!("{}, {:.1} s", counted(messages, "message"), kafka.lag_seconds),
    };
    text += &format!("topics lag {behind}\n");
    let mut late: Vec<&Partition> = partitions.iter().filter(|p| p.lag_messages > 0).collect();
    late.sort_by_key(|partition| std::cmp::Reverse(partition.lag_messages));
    for Partition { topic, partition, lag_messages, lag_seconds } in late.iter().take(SHOWN_MOST) {
        let messages = counted(*lag_messages, "message");
        text += &format!("           {topic}/{partition}  {messages}, {lag_seconds:.1} s\n");
    }
    if late.len() > SHOWN_MOST {
        text += &format!("           and {} more\n", late.len() - SHOWN_MOST);
    }
    let kept = match by_clickhouse {
        true => format!("could not be read: SELECT * FROM `kafka_{group}`.errors"),
        false => "could not be read: millrace quarantine list".to_owned(),
    };
    let expired = "expired before they were read".to_owned();
    for (count, what) in [(kafka.poison_messages, kept), (kafka.missed_messages, expired)] {
        if count > 0 {
            let what = format!("{} {what}", counted(count, "message"));
            text += &format!("           {}\n", talk::data(what, Paint::Yellow));
        }
    }
    if let Some(error) = kafka.last_error.as_ref().filter(|_| !is_alone) {
        text += &super::of_error(error);
    }
    text
}

#[derive(Deserialize)]
pub(super) struct Sink {
    name: String,
    required: bool,
    connected: bool,
    acknowledged_lsn: String,
    queued_bytes: u64,
    spooled_bytes: u64,
    sent_messages: u64,
    dropped_messages: u64,
    lost_values: u64,
    snapshot_rows: u64,
    in_snapshot: bool,
    last_error: Option<String>,
}

pub(super) fn sink(sink: &Sink) -> String {
    let state = match (sink.connected, sink.required) {
        (true, _) => talk::data("connected", Paint::Green),
        (false, true) => talk::data("not connected, Postgres keeps the log", Paint::Red),
        (false, false) => talk::data("not connected", Paint::Yellow),
    };
    let on_disk = match sink.spooled_bytes {
        0 => String::new(),
        bytes => format!(", and {} on disk", talk::bytes(bytes)),
    };
    let mut text = format!(
        "sink       {}: {state}; {} sent, acknowledged {}, {} wait{on_disk}\n",
        sink.name,
        counted(sink.sent_messages, "message"),
        sink.acknowledged_lsn,
        talk::bytes(sink.queued_bytes)
    );
    if sink.in_snapshot {
        let what = format!(
            "snapshot: {} of before are sent, what streams waits",
            counted(sink.snapshot_rows, "row")
        );
        text += &format!("           {}\n", talk::data(what, Paint::Yellow));
    }
    for (count, what) in [(sink.dropped_messages, "message"), (sink.lost_values, "value")] {
        let why = match what {
            "message" => "dropped for want of room",
            _ => "became NULL: Debezium has no form for them",
        };
        if count > 0 {
            let what = format!("{} {why}", counted(count, what));
            text += &format!("           {}\n", talk::data(what, Paint::Yellow));
        }
    }
    if let Some(error) = &sink.last_error {
        text += &super::of_error(error);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_sink_on_disk_is_told_where_something_does() {
        let mut waits = Sink {
            name: "shop".into(),
            required: false,
            connected: false,
            acknowledged_lsn: "0/7".into(),
            queued_bytes: 0,
            spooled_bytes: 0,
            sent_messages: 6,
            dropped_messages: 0,
            lost_values: 0,
            snapshot_rows: 0,
            in_snapshot: false,
            last_error: None,
        };
        assert!(!sink(&waits).contains("disk"));
        waits.spooled_bytes = 3 << 20;
        assert_eq!(
            sink(&waits),
            "sink       shop: not connected; 6 messages sent, acknowledged 0/7, 0 B wait, and 3.0 MiB on disk\n"
        );
    }

    #[test]
    fn partitions_that_are_behind_are_told_the_farthest_first() {
        let partition = |partition, lag_messages| {
            let topic = "shop.public.orders".to_owned();
            Partition { topic, partition, lag_messages, lag_seconds: 1.5 }
        };
        let mut kafka = Kafka {
            engine: "millrace".into(),
            brokers: "k:9092".into(),
            group: "millrace".into(),
            connected: true,
            lag_messages: 1205,
            lag_seconds: 1.5,
            partitions: vec![partition(0, 5), partition(1, 0), partition(2, 1200)],
            poison_messages: 1,
            missed_messages: 0,
            last_error: None,
        };
        assert_eq!(
            render(&kafka, false),
            "topics     connected; k:9092, group millrace, 3 partitions\n\
             topics lag 1,205 messages, 1.5 s\n           \
             shop.public.orders/2  1,200 messages, 1.5 s\n           \
             shop.public.orders/0  5 messages, 1.5 s\n           \
             1 message could not be read: millrace quarantine list\n"
        );
        kafka.engine = "clickhouse".into();
        let text = render(&kafka, false);
        assert!(text.contains("3 partitions, read by ClickHouse"), "{text}");
        assert!(text.contains("SELECT * FROM `kafka_millrace`.errors"), "{text}");
    }
}
