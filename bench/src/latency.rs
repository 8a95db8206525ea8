//! From commit to visible: what a dashboard lags behind the app.
//!
//! ```text
//! writer: n rows a transaction at a fixed pace, notes when each commit was answered
//! reader: asks the door for the newest row every few ms, notes when each answer came
//! ```
//!
//! A row counts as visible when the answer that shows it has come, so the reader's own pace and time
//! are in the figure.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::process::cpu_seconds;
use crate::record::{Also, BarOn, Record, percentile};
use cluster::Cluster;
use harness::{Door, Project, Session, config};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Of one run, after the first seconds that warm it up.
const SECONDS: u64 = 20;
pub(crate) const WARM_UP: Duration = Duration::from_secs(3);
/// Often enough to add little to the figure, seldom enough not to be the load.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// A row that is not there by then will not come.
const LAST_ROW_MAX: Duration = Duration::from_secs(60);

pub(crate) struct Load {
    pub(crate) tables: u64,
    pub(crate) transactions_a_second: u64,
    pub(crate) rows_a_transaction: u64,
}

struct Latency {
    p50: f64,
    p99: f64,
    cores: f64,
}

pub(crate) fn at_1k(plan: &Plan) -> Record {
    let load = Load { tables: 1, transactions_a_second: 100, rows_a_transaction: 10 };
    let runs = runs(plan, &load);
    record(
        "latency_1k",
        "commit to visible at 1,000 rows/s, p99",
        &runs,
        &load,
        200.0,
        Some(80.0),
        None,
    )
}

pub(crate) fn at_10k(plan: &Plan) -> Record {
    let load = Load { tables: 1, transactions_a_second: 500, rows_a_transaction: 20 };
    let runs = runs(plan, &load);
    record(
        "latency_10k",
        "commit to visible at 10,000 rows/s, p99",
        &runs,
        &load,
        200.0,
        Some(80.0),
        None,
    )
}

pub(crate) fn of_50_tables(plan: &Plan) -> Record {
    let load = Load { tables: 50, transactions_a_second: 200, rows_a_transaction: 10 };
    let runs = runs(plan, &load);
    let what = "commit to visible with 50 tables busy at once, 2,000 rows/s in all, p99";
    record("latency_50_tables", what, &runs, &load, 1000.0, None, Some(1.0))
}

fn record(
    measure: &'static str,
    what: &'static str,
    runs: &[Latency],
    load: &Load,
    bar: f64,
    p50_below: Option<f64>,
    cores_below: Option<f64>,
) -> Record {
    Record {
        measure,
        what,
        unit: "ms",
        higher_is_better: false,
        ours: runs.iter().map(|run| run.p99).collect(),
        peer: None,
        theirs: Vec::new(),
        bar,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: load.transactions_a_second * load.rows_a_transaction * SECONDS,
        also: vec![
            Also {
                name: "p50",
                unit: "ms",
                ours: runs.iter().map(|run| run.p50).collect(),
                below: p50_below,
            },
            Also {
                // The whole process: engine, reader and the door that is asked all the time.
                name: "CPU",
                unit: "cores",
                ours: runs.iter().map(|run| run.cores).collect(),
                below: cores_below,
            },
        ],
    }
}

fn runs(plan: &Plan, load: &Load) -> Vec<Latency> {
    (0..plan.rounds).map(|_| run(plan, load)).collect()
}

fn run(plan: &Plan, load: &Load) -> Latency {
    let cluster = quiet_source();
    let tables = create(&cluster, load);
    let project = Project::new(&plan.binary, &config(&cluster.url(), &tables));
    let mut up = project.up();
    up.wait_ready();
    let is_over = AtomicBool::new(false);
    let (cpu_before, began) = (cpu_seconds(up.pid()), Instant::now());
    let (commits, sightings) = std::thread::scope(|scope| {
        let door = up.door();
        let reader = scope.spawn(|| watch(door, &is_over));
        let total = load.transactions_a_second * SECONDS;
        let commits = write(&cluster.url(), load, |written| written < total);
        // The reader ends with the last row of the table that it watches.
        let last = commits.iter().rev().find(|commit| commit.table == 0).map_or(0, |c| c.last_id);
        up.wait_for("SELECT max(id) FROM public.t0", &last.to_string());
        is_over.store(true, Ordering::Relaxed);
        (commits, reader.join().expect("the reader works"))
    });
    let cores = (cpu_seconds(up.pid()) - cpu_before) / began.elapsed().as_secs_f64();
    finish(up);
    let mut millis = delays(&commits, &sightings, began + WARM_UP, None);
    assert!(millis.len() > 50, "too few commits were seen: {}", millis.len());
    Latency { p50: percentile(&mut millis, 50), p99: percentile(&mut millis, 99), cores }
}

/// The tables of the load, and what `millrace.toml` says of them.
pub(crate) fn create(cluster: &Cluster, load: &Load) -> String {
    let mut tables = String::new();
    for table in 0..load.tables {
        cluster.sql(&format!(
            "create table t{table} (id bigint primary key, user_id bigint not null,
                 name text not null, at timestamptz not null default clock_timestamp(), note text)"
        ));
        let _ = write!(
            tables,
            "[tables.\"public.t{table}\"]\nmode = \"append\"\norder_by = [\"id\"]\n"
        );
    }
    tables
}

/// A transaction of `table` whose highest row is `last_id`, and when its commit was answered.
pub(crate) struct Commit {
    pub(crate) table: u64,
    pub(crate) last_id: u64,
    at: Instant,
}

/// At a steady pace; a writer that falls behind catches up, as an app under load does.
pub(crate) fn write(url: &str, load: &Load, goes_on: impl Fn(u64) -> bool) -> Vec<Commit> {
    let mut session = Session::open(url).expect("the source answers");
    let start = Instant::now();
    let (mut commits, mut next_id) = (Vec::new(), 1);
    for number in (0..).take_while(|&number| goes_on(number)) {
        let due = Duration::from_micros(number * 1_000_000 / load.transactions_a_second);
        if let Some(early) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(early);
        }
        let (table, rows) = (number % load.tables, load.rows_a_transaction);
        let last_id = next_id + rows - 1;
        let insert = format!(
            "insert into t{table} (id, user_id, name, note)
             select i, i % 1000, 'view', 'note ' || i from generate_series({next_id}, {last_id}) i"
        );
        session.run(&insert).expect("the source takes the rows");
        commits.push(Commit { table, last_id, at: Instant::now() });
        next_id = last_id + 1;
    }
    commits
}

/// When which row of `t0` was the newest that the door showed.
pub(crate) fn watch(door: &Door, is_over: &AtomicBool) -> Vec<(Instant, u64)> {
    let (mut seen, mut newest) = (Vec::new(), 0);
    while !is_over.load(Ordering::Relaxed) {
        // The key's index keeps the question small however long the table is.
        let sql = format!("SELECT max(id) FROM public.t0 WHERE id > {newest}");
        let answer = door.try_query(&sql).expect("the door answers");
        let id: u64 = answer.parse().expect("a number");
        if id > newest {
            newest = id;
            seen.push((Instant::now(), id));
        }
        std::thread::sleep(ASK_EVERY);
    }
    seen
}

/// Of each commit to `t0` between these moments: until the first answer that shows its last row.
pub(crate) fn delays(
    commits: &[Commit],
    seen: &[(Instant, u64)],
    from: Instant,
    until: Option<Instant>,
) -> Vec<f64> {
    let (mut delays, mut at) = (Vec::new(), 0);
    for commit in commits.iter().filter(|commit| commit.table == 0) {
        while at < seen.len() && seen[at].1 < commit.last_id {
            at += 1;
        }
        // What came after the last answer that was noted has arrived: `run` has waited for it.
        let Some((when, _)) = seen.get(at) else { break };
        if commit.at > from && until.is_none_or(|until| commit.at < until) {
            let delay = when.saturating_duration_since(commit.at);
            assert!(delay < LAST_ROW_MAX, "a row took {delay:?}");
            delays.push(delay.as_secs_f64() * 1000.0);
        }
    }
    delays
}
