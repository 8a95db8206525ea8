//! From commit to visible, when a topic lies between.

use super::{broker, worker};
use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::latency::{Load, WARM_UP, create, delays, watch, write};
use crate::record::{Also, BarOn, Record, percentile};
use cluster::Cluster;
use harness::{Project, Up, config};
use kafka_cluster::Broker;
use kafka_cluster::debezium::{Database, Format, source};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const SECONDS: u64 = 20;
const LOAD: Load = Load { tables: 1, transactions_a_second: 100, rows_a_transaction: 10 };
const P99_MOST_MS: f64 = 500.0;

/// The second half, the same for both: our consumer, and its table.
fn consumer(plan: &Plan, broker: &Broker, prefix: &str, tables: &str) -> (Project, Up) {
    let text = format!(
        "[source.kafka]\nbrokers = \"{}\"\ntopics = [\"{prefix}.public.t0\"]\n{tables}\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n",
        broker.bootstrap()
    );
    let project = Project::new(&plan.binary, &text);
    let up = project.up();
    (project, up)
}

/// The delays in ms, sorted.
fn run(cluster: &Cluster, consumer: &Up) -> Vec<f64> {
    // The table is there with its first row.
    cluster.sql("insert into t0 (id, user_id, name) values (0, 0, 'first')");
    consumer.wait_for("SELECT count() FROM public.t0", "1");
    let is_over = AtomicBool::new(false);
    let began = Instant::now();
    let (commits, sightings) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| watch(consumer.door(), &is_over));
        let total = LOAD.transactions_a_second * SECONDS;
        let commits = write(&cluster.url(), &LOAD, |written| written < total);
        let last = commits.last().map_or(0, |commit| commit.last_id);
        consumer.wait_for("SELECT max(id) FROM public.t0", &last.to_string());
        is_over.store(true, Ordering::Relaxed);
        (commits, reader.join().expect("the reader works"))
    });
    let mut millis = delays(&commits, &sightings, began + WARM_UP, None);
    assert!(millis.len() > 50, "too few commits were seen: {}", millis.len());
    millis.sort_by(f64::total_cmp);
    millis
}

fn ours(plan: &Plan, delivery: &str) -> Vec<f64> {
    let (cluster, broker) = (quiet_source(), broker());
    let tables = create(&cluster, &LOAD);
    let sink = format!(
        "{tables}\n[[sink.kafka]]\nbrokers = \"{}\"\ntopic_prefix = \"ours\"\n\
         delivery = \"{delivery}\"\n",
        broker.bootstrap()
    );
    let producer = Project::new(&plan.binary, &config(&cluster.url(), &sink));
    let mut sends = producer.up();
    sends.wait_ready();
    let (_project, reads) = consumer(plan, &broker, "ours", &tables);
    let millis = run(&cluster, &reads);
    finish(reads);
    finish(sends);
    millis
}

fn theirs(plan: &Plan) -> Vec<f64> {
    let (cluster, broker) = (quiet_source(), broker());
    let tables = create(&cluster, &LOAD);
    let mut worker = worker(&broker);
    let database = Database::from(&cluster);
    let overrides = [("snapshot.mode", "no_data")];
    worker.put_connector("dbz", source(&database, "dbz", "public.t0", Format::Json, &overrides));
    worker.wait_running("dbz");
    let slot = "select count(*) from pg_replication_slots where slot_name = 'dbz' and active";
    harness::wait_until("its slot is read", || cluster.sql(slot) == "1");
    let (_project, reads) = consumer(plan, &broker, "dbz", &tables);
    let millis = run(&cluster, &reads);
    finish(reads);
    worker.delete_connector("dbz");
    millis
}

pub(crate) fn through_a_topic(plan: &Plan) -> Record {
    let [mut fast, mut slow, mut late, mut once, mut once_late] = [const { Vec::new() }; 5];
    let mut beside = Vec::new();
    for _ in 0..plan.rounds {
        let (mut our, mut their) = (ours(plan, "at-least-once"), theirs(plan));
        let mut exactly = ours(plan, "exactly-once");
        fast.push(percentile(&mut our, 50));
        late.push(percentile(&mut our, 99));
        once.push(percentile(&mut exactly, 50));
        once_late.push(percentile(&mut exactly, 99));
        slow.push(percentile(&mut their, 50));
        beside.push(format!("{:.0}", percentile(&mut their, 99)));
    }
    let also = |name, ours, below| Also { name, unit: "ms", ours, below };
    Record {
        measure: "kafka_latency",
        what: "commit to visible at 1,000 rows/s, by a topic between two Millraces, p50",
        unit: "ms",
        higher_is_better: false,
        ours: fast,
        peer: Some("Debezium with poll.interval.ms=10 for the first of them"),
        theirs: slow,
        bar: 1.0,
        bar_on: BarOn::Ratio,
        notes: vec![format!(
            "Both at least once, as a Debezium has it; exactly once, our default, stands beside it. p99 of theirs: {} ms.",
            beside.join(", ")
        )],
        rows: LOAD.transactions_a_second * LOAD.rows_a_transaction * SECONDS,
        also: vec![
            also("p99", late, Some(P99_MOST_MS)),
            also("p50 exactly once", once, None),
            also("its p99", once_late, None),
        ],
    }
}
