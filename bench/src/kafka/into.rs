//! Topics into tables: the same messages by our consumer, and by ClickHouse's own Kafka engine.

use crate::Plan;
use crate::backlog::{self, Goal, reach, sync};
use crate::host::Host;
use crate::record::{Also, BarOn, Record};
use harness::Project;
use kafka_cluster::{Broker, BrokerOptions, Record as Sent};
use std::time::Instant;
use tempfile::TempDir;

const ROWS: u64 = 2_000_000;
const PARTITIONS: u32 = 4;
const TOPIC: &str = "shop.public.orders";
/// Beside the engine: what the consumer may hold, whatever waits.
const MEMORY_MAX_MB: f64 = 512.0;

/// An envelope as Debezium writes it without a schema: of every five one is an update.
fn envelope(row: u64, id: u64) -> String {
    let op = if row == id { "c" } else { "u" };
    let lsn = 26_000_000 + row * 120;
    let us = 1_795_416_346_000_000 + row;
    format!(
        "{{\"before\":null,\"after\":{{\"id\":{id},\"customer\":\"customer {}\",\"total\":{}.25,\"placed_at\":{us},\
         \"note\":\"note of row {row}\"}},\"source\":{{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"shop\",\
         \"ts_ms\":{},\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":\"[\\\"{lsn}\\\",\\\"{lsn}\\\"]\",\"ts_us\":{us},\
         \"ts_ns\":{us}000,\"schema\":\"public\",\"table\":\"orders\",\"txId\":{},\"lsn\":{lsn},\"xmin\":null,\"origin\":null,\
         \"origin_lsn\":null}},\"transaction\":null,\"op\":\"{op}\",\"ts_ms\":{},\"ts_us\":{us},\"ts_ns\":{us}000}}",
        id % 1000,
        row % 5000,
        us / 1000,
        700 + row / 1000,
        us / 1000
    )
}

/// Which row's key a message has.
fn key_of(row: u64) -> u64 {
    if row % 5 == 4 { row / 5 } else { row }
}

fn fill(broker: &Broker, rows: u64) {
    broker.create_topic(TOPIC, PARTITIONS, &[]);
    let producer = broker.producer();
    for row in 0..rows {
        let id = key_of(row);
        let (key, value) = (format!("{{\"id\":{id}}}"), envelope(row, id));
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer.send(Sent { topic: TOPIC, key, value, ..Sent::default() });
    }
    producer.flush();
}

/// What a reader sees in the end: the last message of each key.
fn goal(rows: u64, table: &str) -> Goal {
    let mut last = std::collections::BTreeMap::new();
    for row in 0..rows {
        last.insert(key_of(row), row);
    }
    let notes: u64 = last.values().sum();
    let count = last.len();
    let shown = format!("SELECT count(), sum(toUInt64(extract(note, '[0-9]+$'))) FROM {table}");
    Goal {
        sign: (format!("SELECT count() >= {count} FROM {table}"), "1".into()),
        whole: (shown, format!("{count}\t{notes}")),
    }
}

fn ours(plan: &Plan, broker: &Broker, rows: u64) -> (f64, f64) {
    let text = format!(
        "[source.kafka]\nbrokers = \"{}\"\ntopics = [\"{TOPIC}\"]\ngroup = \"ours\"\n\n\
         [source.kafka.types.\"public.orders\"]\nplaced_at = \"timestamp\"\ntotal = \"float8\"\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n",
        broker.bootstrap()
    );
    let project = Project::new(&plan.binary, &text);
    sync();
    let start = Instant::now();
    let up = project.up();
    let empty = crate::process::resident_bytes(up.pid());
    let mut most = empty;
    let seconds = reach(start, &goal(rows, "public.orders"), |sql| {
        most = most.max(crate::process::resident_bytes(up.pid()));
        up.door().try_query(sql).unwrap_or_default()
    });
    backlog::finish(up);
    (rows as f64 / seconds, most as f64 / 1e6)
}

/// The statements that its manual shows: an engine that reads texts, a view that takes them apart, a mirror.
fn theirs(broker: &Broker, rows: u64) -> f64 {
    let folder = TempDir::new().expect("a temporary directory");
    sync();
    let start = Instant::now();
    let mut host = Host::start(&backlog::place(&folder));
    for sql in [
        "CREATE DATABASE IF NOT EXISTS k".to_owned(),
        "CREATE TABLE k.orders (id Int64, customer Nullable(String), total Nullable(Float64), placed_at Nullable(DateTime64(6, 'UTC')), \
         note Nullable(String), version UInt64, deleted UInt8) ENGINE = ReplacingMergeTree(version, deleted) ORDER BY id"
            .to_owned(),
        format!(
            "CREATE TABLE k.queue (message String) ENGINE = Kafka SETTINGS kafka_broker_list = '{}', kafka_topic_list = '{TOPIC}', \
             kafka_group_name = 'theirs', kafka_format = 'JSONAsString', kafka_num_consumers = 2, kafka_thread_per_consumer = 1, \
             kafka_flush_interval_ms = 500, kafka_max_block_size = 1048576",
            broker.bootstrap()
        ),
        "CREATE MATERIALIZED VIEW k.pump TO k.orders AS SELECT JSONExtractInt(row, 'id') AS id, \
         JSONExtract(row, 'customer', 'Nullable(String)') AS customer, JSONExtract(row, 'total', 'Nullable(Float64)') AS total, \
         fromUnixTimestamp64Micro(JSONExtractInt(row, 'placed_at'), 'UTC') AS placed_at, \
         JSONExtract(row, 'note', 'Nullable(String)') AS note, JSONExtractUInt(message, 'source', 'lsn') AS version, \
         JSONExtractString(message, 'op') = 'd' AS deleted \
         FROM (SELECT message, JSONExtractRaw(message, if(JSONExtractString(message, 'op') = 'd', 'before', 'after')) AS row \
         FROM k.queue WHERE JSONExtractString(message, 'op') IN ('r', 'c', 'u', 'd'))"
            .to_owned(),
    ] {
        host.query(&sql);
    }
    let seconds =
        reach(start, &goal(rows, "k.orders FINAL"), |sql| host.try_query(sql).unwrap_or_default());
    host.query("DETACH TABLE k.pump");
    host.query("DETACH TABLE k.queue");
    host.stop();
    rows as f64 / seconds
}

pub(crate) fn json(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let (mut fast, mut slow, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        // A broker a round: both groups begin at the same topic.
        let broker = Broker::with(BrokerOptions::default());
        fill(&broker, rows);
        let (rate, megabytes) = ours(plan, &broker, rows);
        fast.push(rate);
        memory.push(megabytes);
        slow.push(theirs(&broker, rows));
    }
    Record {
        measure: "kafka_json",
        what: "Debezium's JSON without schemas, 4 partitions, into a mirror, until queryable",
        unit: "rows/s",
        higher_is_better: true,
        ours: fast,
        peer: Some("ClickHouse's Kafka engine with a materialized view"),
        theirs: slow,
        bar: 1.5,
        bar_on: BarOn::Ratio,
        notes: vec![format!(
            "The clock starts with the process. Memory is of the whole process, the engine's too; the consumer's own bar is {MEMORY_MAX_MB} MB beside it."
        )],
        rows,
        also: vec![Also { name: "memory at most", unit: "MB", ours: memory, below: None }],
    }
}
