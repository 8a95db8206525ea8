//! The stream to a topic: changes that wait in a slot, until the broker has acknowledged the last of them.

use super::{broker, worker};
use crate::Plan;
use crate::backlog::{self, BACKLOG, Backlog, quiet_source};
use crate::process::cpu_seconds;
use crate::record::{Also, Record};
use crate::stream;
use kafka_cluster::debezium::{Database, Format, source};
use kafka_cluster::{Broker, Connect, Ends};
use std::time::{Duration, Instant};

const ROWS: u64 = 1_000_000;
/// How often the topic is asked for its end.
const ASK_EVERY: Duration = Duration::from_millis(10);
const RUN_MAX: Duration = Duration::from_secs(600);
/// Of Debezium's CPU.
const CPU_MOST: f64 = 0.2;

/// What a run took.
struct Run {
    followed: Followed,
    cpu_seconds: f64,
}

/// What a topic was seen to have, and when, in seconds.
struct Followed {
    first: f64,
    /// Messages by then.
    at_first: i64,
    last: f64,
}

impl Run {
    /// Of what came behind its first messages: what either needs to start is not in it.
    fn rate(&self, rows: u64) -> f64 {
        let Followed { first, at_first, last } = self.followed;
        (rows as f64 - at_first as f64) / (last - first)
    }
}

fn prepare(plan: &Plan, rows: u64) -> Backlog {
    let cluster = quiet_source();
    cluster.sql(stream::TABLE);
    let url = cluster.url();
    Backlog::prepare(&plan.binary, cluster, &url, stream::APPEND, |cluster| {
        stream::inserts(cluster, rows);
    })
}

fn follow(start: Instant, ends: &Ends, rows: u64, mut is_over: impl FnMut() -> bool) -> Followed {
    let (mut end, mut at_first) = (0, 0);
    let (mut first, mut last) = (0.0, 0.0);
    loop {
        let asked = start.elapsed();
        let now = ends.now();
        if now > end {
            last = asked.as_secs_f64();
            if end == 0 {
                (first, at_first) = (last, now);
            }
            end = now;
        } else if end >= rows as i64 && is_over() && ends.now() == end {
            return Followed { first, at_first, last };
        }
        assert!(asked < RUN_MAX, "{end} of {rows} messages came");
        std::thread::sleep(ASK_EVERY);
    }
}

/// A whole Millrace: the rows go into its store as well.
fn ours(backlog: &Backlog, broker: &Broker, round: usize, rows: u64) -> Run {
    let sink = format!(
        "{}\n[[sink.kafka]]\nbrokers = \"{}\"\ntopic_prefix = \"r{round}\"\nsnapshot = \"never\"\n",
        stream::APPEND,
        broker.bootstrap()
    );
    backlog.configure(&sink);
    let ends = broker.ends(&format!("r{round}.public.events"));
    let (start, up) = backlog.begin();
    let followed = follow(start, &ends, rows, || backlog.is_confirmed());
    let cpu_seconds = cpu_seconds(up.pid());
    backlog.end(up);
    Run { followed, cpu_seconds }
}

fn theirs(backlog: &Backlog, broker: &Broker, worker: &mut Connect, name: &str, rows: u64) -> Run {
    backlog::copy_slot(&backlog.cluster, BACKLOG, name);
    let overrides = [
        ("publication.name", "millrace"),
        ("publication.autocreate.mode", "disabled"),
        ("snapshot.mode", "no_data"),
        ("max.batch.size", "8192"),
        ("max.queue.size", "32768"),
        ("producer.override.compression.type", "lz4"),
        ("producer.override.linger.ms", "10"),
        ("producer.override.batch.size", "262144"),
    ];
    let database = Database::from(&backlog.cluster);
    let config = source(&database, name, "public.events", Format::Json, &overrides);
    let ends = broker.ends(&format!("{name}.public.events"));
    let pid = worker.pid().expect("it runs");
    let before = cpu_seconds(pid);
    worker.put_connector(name, config);
    let followed = follow(Instant::now(), &ends, rows, || true);
    let cpu_seconds = cpu_seconds(pid) - before;
    worker.delete_connector(name);
    backlog::drop_slot(&backlog.cluster, name);
    Run { followed, cpu_seconds }
}

pub(crate) fn debezium(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let (backlog, broker) = (prepare(plan, rows), broker());
    let mut worker = worker(&broker);
    theirs(&backlog, &broker, &mut worker, "warm", rows);
    let [mut fast, mut slow, mut cpu, mut whole] = [const { Vec::new() }; 4];
    for round in 0..plan.rounds {
        let our = ours(&backlog, &broker, round, rows);
        let their = theirs(&backlog, &broker, &mut worker, &format!("d{round}"), rows);
        fast.push(our.rate(rows));
        slow.push(their.rate(rows));
        whole.push(our.followed.last);
        cpu.push(our.cpu_seconds / their.cpu_seconds);
    }
    let peer = "Debezium, warm and tuned (larger batches, lz4)";
    let also = Also { name: "CPU of theirs", unit: "x", ours: cpu, below: Some(CPU_MOST) };
    let whole = Also { name: "from the start of the process", unit: "s", ours: whole, below: None };
    let note = "Both from their first messages to their last one. Ours: a whole Millrace, exactly once, which writes the \
                rows into its store too; its CPU is of all that, from the start of the process. Theirs: a connector in \
                a worker that has done the same before, at least once.";
    let what = "waiting single-row inserts until the broker has them (JSON without schemas, lz4)";
    let record = stream::record("kafka_out", what, fast, peer, slow, 3.0, rows);
    Record { notes: vec![note.to_owned()], also: vec![also, whole], ..record }
}

pub(crate) fn slot(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let (backlog, broker) = (prepare(plan, rows), broker());
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    for round in 0..plan.rounds {
        fast.push(rows as f64 / ours(&backlog, &broker, round, rows).followed.last);
        slow.push(rows as f64 / backlog.drained("127.0.0.1"));
    }
    let note = "Ours from the start of its process; it writes the rows into its store too.";
    let record =
        stream::record("kafka_out_slot", "the same", fast, stream::RECV_TCP, slow, 0.9, rows);
    Record { notes: vec![note.to_owned()], ..record }
}
