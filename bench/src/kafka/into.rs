//! Topics into tables: the same messages by our consumer, and by ClickHouse's own Kafka engine.

use super::avro::{self, Datum};
use super::broker;
use crate::Plan;
use crate::backlog::{self, Goal, reach, sync};
use crate::host::Host;
use crate::process::resident_bytes;
use crate::record::{Also, BarOn, Record};
use harness::Project;
use kafka_cluster::{Broker, Record as Sent, Registry};
use std::time::Instant;
use tempfile::TempDir;

const ROWS: u64 = 2_000_000;
const PARTITIONS: u32 = 4;
const TOPIC: &str = "shop.public.orders";

/// The messages of a topic, and how each side is told to read them.
enum Form {
    Json,
    Avro(Registry),
    /// The first, and each message is a row of a key of its own.
    Facts,
}

/// A change of `public.orders`: of every five one is an update.
struct Change {
    row: u64,
    id: u64,
}

impl Change {
    fn of(form: &Form, row: u64) -> Change {
        let is_update = !matches!(form, Form::Facts) && row % 5 == 4;
        Change { row, id: if is_update { row / 5 } else { row } }
    }

    fn op(&self) -> &'static str {
        if self.row == self.id { "c" } else { "u" }
    }

    fn lsn(&self) -> u64 {
        26_000_000 + self.row * 120
    }

    fn micros(&self) -> u64 {
        1_795_416_346_000_000 + self.row
    }

    fn customer(&self) -> String {
        format!("customer {}", self.id % 1000)
    }

    fn note(&self) -> String {
        format!("note of row {}", self.row)
    }

    fn total(&self) -> f64 {
        (self.row % 5000) as f64 + 0.25
    }

    fn transaction(&self) -> u64 {
        700 + self.row / 1000
    }

    /// As Debezium writes it without a schema.
    fn json(&self) -> String {
        let (us, lsn, ms) = (self.micros(), self.lsn(), self.micros() / 1000);
        format!(
            "{{\"before\":null,\"after\":{{\"id\":{},\"customer\":\"{}\",\"total\":{},\"placed_at\":{us},\
             \"note\":\"{}\"}},\"source\":{{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"shop\",\
             \"ts_ms\":{ms},\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":\"[\\\"{lsn}\\\",\\\"{lsn}\\\"]\",\"ts_us\":{us},\
             \"ts_ns\":{us}000,\"schema\":\"public\",\"table\":\"orders\",\"txId\":{},\"lsn\":{lsn},\"xmin\":null,\"origin\":null,\
             \"origin_lsn\":null}},\"transaction\":null,\"op\":\"{}\",\"ts_ms\":{ms},\"ts_us\":{us},\"ts_ns\":{us}000}}",
            self.id,
            self.customer(),
            self.total(),
            self.note(),
            self.transaction(),
            self.op()
        )
    }

    fn avro(&self, schema: u32) -> Vec<u8> {
        let (us, lsn) = (self.micros() as i64, self.lsn() as i64);
        let row =
            Datum::new(schema).null().some().long(self.id as i64).some().text(&self.customer());
        let row = row.some().double(self.total()).some().long(us).some().text(&self.note());
        let source = row.text("3.7.0.Final").text("postgresql").text("shop").long(us / 1000);
        let source = source.some().text("false").text("shop").some();
        let source =
            source.text(&format!("[\"{lsn}\",\"{lsn}\"]")).some().long(us).some().long(us * 1000);
        let source = source.text("public").text("orders").some().long(self.transaction() as i64);
        let source = source.some().long(lsn).null().null().null();
        let ended = source.null().text(self.op()).some().long(us / 1000).some().long(us);
        ended.some().long(us * 1000).bytes()
    }
}

fn fill(broker: &Broker, form: &Form, rows: u64) {
    broker.create_topic(TOPIC, PARTITIONS, &[]);
    let schemas = match form {
        Form::Json | Form::Facts => None,
        Form::Avro(registry) => Some((
            registry.register(&format!("{TOPIC}-key"), &avro::key_schema()),
            registry.register(&format!("{TOPIC}-value"), &avro::value_schema()),
        )),
    };
    let producer = broker.producer();
    for change in (0..rows).map(|row| Change::of(form, row)) {
        let id = change.id;
        let (key, value) = match schemas {
            None => (format!("{{\"id\":{id}}}").into_bytes(), change.json().into_bytes()),
            Some((key, value)) => (Datum::new(key).long(id as i64).bytes(), change.avro(value)),
        };
        let (key, value) = (Some(key.as_slice()), Some(value.as_slice()));
        producer.send(Sent { topic: TOPIC, key, value, ..Sent::default() });
    }
    producer.flush();
    // The topic of the groups' offsets comes to be with the first one, which is nobody's measure.
    broker.set_offsets("somebody", TOPIC, &[0]);
}

/// The rows of the table that they lie in, and those that a reader sees: of every version of a key the last.
fn goal(form: &Form, rows: u64, lie: &str, shown: &str) -> Goal {
    let mut last = std::collections::BTreeMap::new();
    last.extend((0..rows).map(|row| Change::of(form, row)).map(|change| (change.id, change.row)));
    let notes: u64 = last.values().sum();
    let count = last.len();
    let shown = format!("SELECT count(), sum(toUInt64(extract(note, '[0-9]+$'))) FROM {shown}");
    Goal {
        sign: (format!("SELECT count() >= {count} FROM {lie}"), "1".into()),
        whole: (shown, format!("{count}\t{notes}")),
    }
}

/// Rows a second, and what it held at most. `group`: of readers; `table`: what its configuration says beyond the rest.
fn ours(
    plan: &Plan,
    broker: &Broker,
    form: &Form,
    group: &str,
    table: &str,
    rows: u64,
) -> (f64, f64) {
    let (format, types) = match form {
        // What a message without a schema does not tell.
        Form::Json | Form::Facts => (
            "debezium-json".to_owned(),
            "[source.kafka.types.\"public.orders\"]\nplaced_at = \"timestamp\"\ntotal = \"float8\"\n",
        ),
        Form::Avro(registry) => {
            (format!("debezium-avro\"\nregistry = \"{}", registry.ccompat_url()), "")
        }
    };
    let text = format!(
        "[source.kafka]\nbrokers = \"{}\"\ntopics = [\"{TOPIC}\"]\ngroup = \"{group}\"\nformat = \"{format}\"\n\n\
         {types}\n{table}\n[serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n",
        broker.bootstrap()
    );
    let project = Project::new(&plan.binary, &text);
    let place = if matches!(form, Form::Facts) { "public.orders" } else { "public_raw.orders" };
    let goal = goal(form, rows, place, "public.orders");
    sync();
    let start = Instant::now();
    let up = project.up();
    let mut most = 0;
    let seconds = reach(start, &goal, |sql| {
        most = most.max(resident_bytes(up.pid()));
        up.door().try_query(sql).unwrap_or_default()
    });
    backlog::finish(up);
    (rows as f64 / seconds, most as f64 / 1e6)
}

/// The statements that its manual shows: what reads, a view that takes apart, a mirror.
fn theirs(broker: &Broker, form: &Form, rows: u64) -> (f64, f64) {
    let folder = TempDir::new().expect("a temporary directory");
    let goal = goal(form, rows, "k.orders", "k.orders FINAL");
    sync();
    let start = Instant::now();
    let mut host = Host::start(&backlog::place(&folder));
    let (columns, format, parts) = match form {
        Form::Json | Form::Facts => (
            "message String",
            "kafka_format = 'JSONAsString'".to_owned(),
            "SELECT JSONExtractInt(row, 'id') AS id, JSONExtract(row, 'customer', 'Nullable(String)') AS customer, \
             JSONExtract(row, 'total', 'Nullable(Float64)') AS total, \
             fromUnixTimestamp64Micro(JSONExtractInt(row, 'placed_at'), 'UTC') AS placed_at, \
             JSONExtract(row, 'note', 'Nullable(String)') AS note, JSONExtractUInt(message, 'source', 'lsn') AS version, \
             JSONExtractString(message, 'op') = 'd' AS deleted \
             FROM (SELECT message, JSONExtractRaw(message, if(JSONExtractString(message, 'op') = 'd', 'before', 'after')) AS row \
             FROM k.queue WHERE JSONExtractString(message, 'op') IN ('r', 'c', 'u', 'd'))",
        ),
        Form::Avro(registry) => (
            "op String, `source.lsn` Nullable(UInt64), `after.Value.id` Nullable(Int64), \
             `after.Value.customer` Nullable(String), `after.Value.total` Nullable(Float64), \
             `after.Value.placed_at` Nullable(Int64), `after.Value.note` Nullable(String)",
            format!(
                "kafka_format = 'AvroConfluent', format_avro_schema_registry_url = '{}'",
                registry.ccompat_url()
            ),
            "SELECT assumeNotNull(`after.Value.id`) AS id, `after.Value.customer` AS customer, \
             `after.Value.total` AS total, fromUnixTimestamp64Micro(`after.Value.placed_at`, 'UTC') AS placed_at, \
             `after.Value.note` AS note, assumeNotNull(`source.lsn`) AS version, op = 'd' AS deleted \
             FROM k.queue WHERE op IN ('r', 'c', 'u')",
        ),
    };
    for sql in [
        "CREATE DATABASE IF NOT EXISTS k".to_owned(),
        "CREATE TABLE k.orders (id Int64, customer Nullable(String), total Nullable(Float64), placed_at Nullable(DateTime64(6, 'UTC')), \
         note Nullable(String), version UInt64, deleted UInt8) ENGINE = ReplacingMergeTree(version, deleted) ORDER BY id"
            .to_owned(),
        format!(
            "CREATE TABLE k.queue ({columns}) ENGINE = Kafka SETTINGS kafka_broker_list = '{}', kafka_topic_list = '{TOPIC}', \
             kafka_group_name = 'theirs', {format}, kafka_num_consumers = 2, kafka_thread_per_consumer = 1, \
             kafka_flush_interval_ms = 500, kafka_max_block_size = 1048576",
            broker.bootstrap()
        ),
        format!("CREATE MATERIALIZED VIEW k.pump TO k.orders AS {parts}"),
    ] {
        host.query(&sql);
    }
    let mut most = 0;
    let seconds = reach(start, &goal, |sql| {
        most = most.max(resident_bytes(host.pid()));
        host.try_query(sql).unwrap_or_default()
    });
    host.query("DETACH TABLE k.pump");
    host.query("DETACH TABLE k.queue");
    host.stop();
    (rows as f64 / seconds, most as f64 / 1e6)
}

pub(crate) fn json(plan: &Plan) -> Record {
    let what = "Debezium's JSON without schemas, 4 partitions, into a mirror, until queryable";
    let mut record = measure(plan, "kafka_json", what, 1.5, || Form::Json);
    record.also.extend(facts(plan));
    record
}

/// What it costs that rows of a topic's facts come once.
fn facts(plan: &Plan) -> [Also; 2] {
    let rows = plan.rows(ROWS);
    let table = "[tables.\"public.orders\"]\nmode = \"append\"\n";
    let all = format!("{table}on_update = \"append\"\n");
    let (mut once, mut any) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (broker, form) = (broker(), Form::Facts);
        fill(&broker, &form, rows);
        once.push(ours(plan, &broker, &form, "once", table, rows).0);
        any.push(ours(plan, &broker, &form, "any", &all, rows).0);
    }
    let also = |name, ours| Also { name, unit: "rows/s", ours, below: None };
    [
        also("into an append table, each key once", once),
        also("the same with on_update = \"append\", which leaves none out", any),
    ]
}

pub(crate) fn avro(plan: &Plan) -> Record {
    let what = "the same as Avro, with a schema registry";
    measure(plan, "kafka_avro", what, 1.2, || Form::Avro(Registry::start()))
}

fn measure(
    plan: &Plan,
    measure: &'static str,
    what: &'static str,
    bar: f64,
    form: impl Fn() -> Form,
) -> Record {
    let rows = plan.rows(ROWS);
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    let (mut memory, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        // A broker a round: both groups begin at the same topic.
        let (broker, form) = (broker(), form());
        fill(&broker, &form, rows);
        let (rate, megabytes) = ours(plan, &broker, &form, "ours", "", rows);
        fast.push(rate);
        memory.push(megabytes);
        let (rate, megabytes) = theirs(&broker, &form, rows);
        slow.push(rate);
        beside.push(format!("{megabytes:.0}"));
    }
    Record {
        measure,
        what,
        unit: "rows/s",
        higher_is_better: true,
        ours: fast,
        peer: Some("ClickHouse's Kafka engine with a materialized view"),
        theirs: slow,
        bar,
        bar_on: BarOn::Ratio,
        notes: vec![format!(
            "The clock starts with the process. Memory is that of the whole process, the engine's too; the peer's: {} MB.",
            beside.join(", ")
        )],
        rows,
        also: vec![Also { name: "memory at most", unit: "MB", ours: memory, below: None }],
    }
}
