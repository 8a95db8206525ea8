//! `/metrics`: Prometheus text. Every name that Millrace exports is in this file.

use super::runs::Summary;
use flow::status::{Report, SinkReport};
use std::fmt::Write;

const TABLE: &[(&str, &str, &str)] = &[
    ("millrace_table_rows", "gauge", "Rows that a reader of the table sees"),
    ("millrace_table_copied_ratio", "gauge", "How much of the copy is done, 0 to 1"),
    ("millrace_table_copied_rows_total", "counter", "Rows that the copy has written"),
    ("millrace_table_streamed_rows_total", "counter", "Changes that the stream has written"),
    ("millrace_table_rows_per_second", "gauge", "Rows that became visible, over 10 seconds"),
    ("millrace_table_rejected_rows_total", "counter", "Rows in quarantine"),
    ("millrace_table_clamped_values_total", "counter", "Values that were bent to their range"),
    (
        "millrace_table_nulled_values_total",
        "counter",
        "Values that became NULL by their column's rule",
    ),
    (
        "millrace_table_defaulted_values_total",
        "counter",
        "NULLs that became their column's default",
    ),
    ("millrace_table_ignored_updates_total", "counter", "Updates that an append table left out"),
    ("millrace_table_ignored_deletes_total", "counter", "Deletes that were not followed"),
    (
        "millrace_table_taken_updates_total",
        "counter",
        "Updates whose rows an append table took (on_update)",
    ),
    (
        "millrace_table_duplicate_rows_total",
        "counter",
        "Facts of topics whose keys came before: left out",
    ),
    ("millrace_table_verified_rows_total", "counter", "Rows that were compared beside the stream"),
    ("millrace_table_verified_differences_total", "counter", "Keys of them that differed"),
    (
        "millrace_table_verified_timestamp_seconds",
        "gauge",
        "When all of the table, or a sample of it, had last been compared",
    ),
];

/// The process as the kernel sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) resident_bytes: Option<u64>,
}

impl Process {
    /// `None` where there is no /proc.
    pub(super) fn read() -> Process {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Process { resident_bytes: kilobytes.map(|kilobytes| kilobytes * 1024) }
    }
}

pub(super) fn text(report: &Report, version: &str, ready: bool, process: Process) -> String {
    let mut out = String::new();
    one(&mut out, "millrace_info", "gauge", "Always 1", &[("version", version)], Some(1.0));
    one(&mut out, "millrace_ready", "gauge", "1: every table streams", &[], Some(flag(ready)));
    let help = "1: nothing is read until `millrace resume`";
    let paused = Some(flag(report.paused_since.is_some()));
    one(&mut out, "millrace_paused", "gauge", help, &[], paused);
    for (index, (name, kind, help)) in TABLE.iter().enumerate() {
        header(&mut out, name, kind, help);
        for table in &report.tables {
            let value = match index {
                0 => table.rows.map(|rows| rows as f64),
                1 => Some(table.copied_ratio),
                2 => Some(table.copied_rows as f64),
                3 => Some(table.streamed_rows as f64),
                4 => Some(table.rows_per_second),
                5 => Some(table.rejected_rows as f64),
                6 => Some(table.clamped_values as f64),
                7 => Some(table.nulled_columns.values().sum::<u64>() as f64),
                8 => Some(table.defaulted_columns.values().sum::<u64>() as f64),
                9 => Some(table.ignored_updates as f64),
                10 => Some(table.ignored_deletes as f64),
                11 => Some(table.taken_updates as f64),
                12 => Some(table.duplicate_rows as f64),
                13 => Some(table.verified.rows as f64),
                14 => Some(table.verified.differences as f64),
                _ => table.verified.at.map(|at| at as f64),
            };
            sample(&mut out, name, &[("table", &table.name), ("mode", table.mode)], value);
        }
    }
    header(&mut out, "millrace_table_state", "gauge", "1 for the state that the table is in");
    for table in &report.tables {
        let labels = [("table", table.name.as_str()), ("state", table.state.name())];
        sample(&mut out, "millrace_table_state", &labels, Some(1.0));
    }
    source(&mut out, report);
    spool(&mut out, report);
    topics(&mut out, report);
    sinks(&mut out, report);
    let help = "Statements at the door that are missing in system.query_log";
    let dropped = Some(crate::clickhouse::log::dropped() as f64);
    one(&mut out, "millrace_query_log_dropped_total", "counter", help, &[], dropped);
    let resident = process.resident_bytes.map(|bytes| bytes as f64);
    one(&mut out, "process_resident_memory_bytes", "gauge", "Resident memory", &[], resident);
    out
}

/// Of the dbt project, by schedule; those by hand have none. Counts are of the last seven days.
pub(super) fn alerts(counts: &::alerts::Metrics) -> String {
    let mut out = String::new();
    let name = "millrace_alert_instances";
    header(&mut out, name, "gauge", "Instances of alert rules, by state");
    for (state, count) in &counts.states {
        sample(&mut out, name, &[("state", state)], Some(*count as f64));
    }
    let measures = [
        ("alert_rules", "gauge", "Alert rules", counts.rules),
        ("alert_evaluations_total", "counter", "Rules evaluated", counts.evaluations),
        (
            "alert_evaluations_failed_total",
            "counter",
            "Those that failed",
            counts.evaluations_failed,
        ),
        ("alert_evaluations_missed_total", "counter", "Those that did not happen", counts.missed),
        ("alert_notices_sent_total", "counter", "Messages that were taken", counts.sent),
        ("alert_notices_failed_total", "counter", "Messages given up", counts.failed),
    ];
    for (name, kind, help, value) in measures {
        one(&mut out, &format!("millrace_{name}"), kind, help, &[], Some(value as f64));
    }
    out
}

pub(super) fn runs(summaries: &[Summary]) -> String {
    let mut out = String::new();
    type Value = fn(&Summary) -> Option<f64>;
    let measures: [(&str, &str, Value); 8] = [
        ("last_run_success", "1: the last run went well; none while it runs", |run| {
            (run.last_status != "running").then(|| flag(run.last_status == "success"))
        }),
        ("last_run_timestamp_seconds", "When the last run began", |run| {
            Some(run.last_started as f64 / 1_000.0)
        }),
        ("last_success_timestamp_seconds", "When the last run that went well began", |run| {
            run.last_success.map(|at| at as f64 / 1_000.0)
        }),
        ("last_run_seconds", "How long the last run that ended took", |run| Some(run.last_seconds)),
        ("sla_seconds", "How long a run should take at most", |run| run.sla_seconds),
        ("runs_7d", "Runs that ended in seven days", |run| Some(run.ended as f64)),
        ("successes_7d", "Those of them that went well", |run| Some(run.good as f64)),
        ("over_sla_7d", "Those of them that took longer than they should", |run| {
            Some(run.over_sla as f64)
        }),
    ];
    for (name, help, value) in measures {
        let name = format!("millrace_transform_{name}");
        header(&mut out, &name, "gauge", help);
        for run in summaries {
            sample(&mut out, &name, &[("schedule", &run.schedule)], value(run));
        }
    }
    out
}

fn source(out: &mut String, report: &Report) {
    let source = &report.source;
    let slot = [("slot", source.slot.as_str())];
    let connected = Some(flag(source.connected));
    one(out, "millrace_source_connected", "gauge", "1: the stream is open", &slot, connected);
    let bytes = Some(source.lag_bytes as f64);
    let help = "Log that the server has written and the store does not hold";
    one(out, "millrace_source_lag_bytes", "gauge", help, &slot, bytes);
    let kept = source.retained_bytes.map(|bytes| bytes as f64);
    let help = "Log that the server keeps for the slot";
    one(out, "millrace_source_retained_bytes", "gauge", help, &slot, kept);
    let left = source.until_lost_bytes.map(|bytes| bytes as f64);
    let help =
        "Log that may still be written before the server may give the slot up; none: no limit";
    one(out, "millrace_source_until_lost_bytes", "gauge", help, &slot, left);
    let seconds = Some(source.lag_seconds);
    let help = "Age of the oldest commit on its way";
    one(out, "millrace_source_lag_seconds", "gauge", help, &slot, seconds);
    let status = source.wal_status.as_deref().unwrap_or_default();
    let labels = [slot[0], ("wal_status", status)];
    let known = source.wal_status.is_some().then_some(1.0);
    let help = "1 for the slot's wal_status";
    one(out, "millrace_source_slot_wal_status", "gauge", help, &labels, known);
    let help = "Commit to visible over the latest batches";
    header(out, "millrace_freshness_milliseconds", "gauge", help);
    for (quantile, value) in [("0.5", report.freshness_ms.p50), ("0.99", report.freshness_ms.p99)] {
        let labels = [("quantile", quantile)];
        sample(out, "millrace_freshness_milliseconds", &labels, value.map(f64::from));
    }
}

fn spool(out: &mut String, report: &Report) {
    let Some(spool) = &report.spool else { return };
    let slot = [("slot", report.source.slot.as_str())];
    let help = "Log on our own disk, for the store to take";
    one(out, "millrace_spool_bytes", "gauge", help, &slot, Some(spool.bytes as f64));
    let help = "How much of it there may be";
    one(out, "millrace_spool_max_bytes", "gauge", help, &slot, Some(spool.max_bytes as f64));
    let help = "1: the log goes there, the store is away";
    one(out, "millrace_spool_filled", "gauge", help, &slot, Some(flag(spool.is_filled)));
    let help = "1: nothing more fits, Postgres keeps the log";
    one(out, "millrace_spool_full", "gauge", help, &slot, Some(flag(spool.is_full)));
    let since = spool.since.map(|since| since as f64);
    let help = "When the oldest of what is in it began to come";
    one(out, "millrace_spool_since_timestamp_seconds", "gauge", help, &slot, since);
}

fn topics(out: &mut String, report: &Report) {
    let Some(kafka) = &report.kafka else { return };
    let group = [("group", kafka.group.as_str())];
    let connected = Some(flag(kafka.connected));
    one(out, "millrace_kafka_connected", "gauge", "1: the topics are read", &group, connected);
    let help = "Messages that could not be read and wait in the quarantine, since the start";
    let poison = Some(kafka.poison_messages as f64);
    one(out, "millrace_kafka_poison_messages_total", "counter", help, &group, poison);
    let help = "Messages that expired before they were read, since the start";
    let missed = Some(kafka.missed_messages as f64);
    one(out, "millrace_kafka_missed_messages_total", "counter", help, &group, missed);
    let help = "Messages that ClickHouse's own consumers have read since they were made";
    let read = kafka.messages_read.map(|messages| messages as f64);
    one(out, "millrace_kafka_engine_messages_total", "counter", help, &group, read);
    let help = "Partitions that they were given, and that they were taken, since then";
    let rebalances = kafka.rebalances.map(|rebalances| rebalances as f64);
    one(out, "millrace_kafka_engine_rebalances_total", "counter", help, &group, rebalances);
    let of = [
        ("offset", "The next message to apply"),
        ("end_offset", "Behind the last message of the partition"),
        ("lag_messages", "Messages that are not applied yet"),
        ("lag_seconds", "Age of the newest message that was read, where others wait behind it"),
    ];
    for (at, (name, help)) in of.into_iter().enumerate() {
        let name = format!("millrace_kafka_{name}");
        header(out, &name, "gauge", help);
        for partition in &kafka.partitions {
            let number = partition.partition.to_string();
            let labels = [group[0], ("topic", partition.topic.as_str()), ("partition", &number)];
            let values = [
                partition.offset as f64,
                partition.end as f64,
                partition.lag_messages as f64,
                partition.lag_seconds,
            ];
            sample(out, &name, &labels, Some(values[at]));
        }
    }
}

fn sinks(out: &mut String, report: &Report) {
    if report.sinks.is_empty() {
        return;
    }
    type Value = fn(&SinkReport) -> f64;
    let of: [(&str, &str, &str, Value); 8] = [
        ("connected", "gauge", "1: its brokers take what comes", |sink| flag(sink.connected)),
        ("queued_bytes", "gauge", "What waits for its brokers", |sink| sink.queued_bytes as f64),
        ("spooled_bytes", "gauge", "The same on disk, where it is not required", |sink| {
            sink.spooled_bytes as f64
        }),
        ("sent_messages_total", "counter", "Acknowledged since the start", |sink| {
            sink.sent_messages as f64
        }),
        ("dropped_messages_total", "counter", "For want of room, since the start", |sink| {
            sink.dropped_messages as f64
        }),
        (
            "lost_values_total",
            "counter",
            "Values that Debezium has no form for, since the start",
            |sink| sink.lost_values as f64,
        ),
        (
            "snapshot_rows_total",
            "counter",
            "Rows that were there before it, sent since the start",
            |sink| sink.snapshot_rows as f64,
        ),
        ("in_snapshot", "gauge", "1: these are being sent, and what streams waits", |sink| {
            flag(sink.in_snapshot)
        }),
    ];
    for (name, kind, help, value) in of {
        let name = format!("millrace_sink_{name}");
        header(out, &name, kind, help);
        for sink in &report.sinks {
            sample(out, &name, &[("sink", &sink.name)], Some(value(sink)));
        }
    }
}

fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}

fn one(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    labels: &[(&str, &str)],
    value: Option<f64>,
) {
    header(out, name, kind, help);
    sample(out, name, labels, value);
}

fn header(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// A value that is not known has no sample.
fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
    let Some(value) = value else { return };
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    let _ = match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    };
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::status::{
        Freshness, KafkaReport, PartitionReport, SourceReport, SpoolReport, State, TableReport,
        Verified, Way,
    };
    use model::TableName;

    #[test]
    fn every_measure_has_a_help_a_type_and_escaped_labels() {
        let table = TableReport {
            name: "public.a\"b".into(),
            way: Way::Stream,
            mode: "mirror",
            target: "public.a".into(),
            state: State::Copying,
            rows: Some(12),
            copied_ratio: 0.25,
            copied_rows: 3,
            streamed_rows: 4,
            rows_per_second: 0.5,
            rejected_rows: 1,
            clamped_values: 2,
            clamped_columns: Default::default(),
            nulled_columns: Default::default(),
            defaulted_columns: Default::default(),
            taken_updates: 0,
            ignored_updates: 0,
            ignored_deletes: 0,
            duplicate_rows: 0,
            last_error: None,
            schema_change: None,
            verified: Verified { rows: 70, differences: 2, at: None },
            rows_in: TableName::new("public_raw", "a"),
        };
        let source = SourceReport {
            slot: "millrace".into(),
            connected: true,
            waiting_for: None,
            received_lsn: "0/0".into(),
            applied_lsn: "0/0".into(),
            confirmed_lsn: "0/0".into(),
            lag_bytes: 77,
            retained_bytes: Some(99),
            until_lost_bytes: None,
            lag_seconds: 1.5,
            wal_status: Some("reserved".into()),
            last_error: None,
        };
        let freshness_ms = Freshness { p50: Some(40), p99: None };
        let paused_since = Some(1);
        let spool = Some(SpoolReport {
            bytes: 55,
            max_bytes: 1 << 20,
            since: None,
            is_filled: true,
            is_full: false,
            full_for: None,
        });
        let partition = PartitionReport {
            topic: "shop.public.a".into(),
            partition: 2,
            offset: 30,
            end: 37,
            lag_messages: 7,
            lag_seconds: 2.5,
        };
        let kafka = Some(KafkaReport {
            engine: "millrace",
            brokers: "kafka:9092".into(),
            group: "millrace".into(),
            connected: true,
            lag_messages: 7,
            lag_seconds: 2.5,
            partitions: vec![partition],
            messages_read: None,
            rebalances: None,
            poison_messages: 3,
            missed_messages: 0,
            last_error: None,
        });
        let tables = vec![table];
        let sinks = vec![SinkReport {
            name: "shop".into(),
            brokers: "k:9092".into(),
            required: true,
            connected: true,
            acknowledged_lsn: "0/7".into(),
            queued_bytes: 5,
            spooled_bytes: 9,
            sent_messages: 6,
            dropped_messages: 0,
            lost_values: 0,
            snapshot_rows: 8,
            in_snapshot: false,
            last_error: None,
        }];
        let report = Report { paused_since, tables, source, spool, kafka, sinks, freshness_ms };
        let text = text(&report, "0.1.0", false, Process { resident_bytes: None });
        for line in [
            "millrace_info{version=\"0.1.0\"} 1",
            "millrace_ready 0",
            "millrace_paused 1",
            "millrace_source_retained_bytes{slot=\"millrace\"} 99",
            "millrace_table_rows{table=\"public.a\\\"b\",mode=\"mirror\"} 12",
            "millrace_table_copied_ratio{table=\"public.a\\\"b\",mode=\"mirror\"} 0.25",
            "millrace_table_state{table=\"public.a\\\"b\",state=\"copying\"} 1",
            "millrace_table_verified_rows_total{table=\"public.a\\\"b\",mode=\"mirror\"} 70",
            "millrace_table_verified_differences_total{table=\"public.a\\\"b\",mode=\"mirror\"} 2",
            "millrace_spool_bytes{slot=\"millrace\"} 55",
            "millrace_kafka_connected{group=\"millrace\"} 1",
            "millrace_kafka_poison_messages_total{group=\"millrace\"} 3",
            "millrace_kafka_lag_messages{group=\"millrace\",topic=\"shop.public.a\",partition=\"2\"} 7",
            "millrace_kafka_end_offset{group=\"millrace\",topic=\"shop.public.a\",partition=\"2\"} 37",
            "millrace_sink_queued_bytes{sink=\"shop\"} 5",
            "millrace_sink_spooled_bytes{sink=\"shop\"} 9",
            "millrace_spool_filled{slot=\"millrace\"} 1",
            "millrace_source_lag_bytes{slot=\"millrace\"} 77",
            "millrace_source_slot_wal_status{slot=\"millrace\",wal_status=\"reserved\"} 1",
            "millrace_freshness_milliseconds{quantile=\"0.5\"} 40",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("0.99") && !text.contains("until_lost_bytes{"));
        assert_eq!(text.matches("# TYPE").count(), text.matches("# HELP").count());
    }
}
