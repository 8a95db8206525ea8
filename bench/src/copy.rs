//! The first copy of a table.

use crate::Plan;
use crate::backlog::{self, Goal, drop_slot, quiet_source, reach};
use crate::peers;
use crate::record::{BarOn, Record};
use cluster::{Cluster, program};
use harness::{Project, config};
use std::process::{Command, Stdio};
use std::time::Instant;

pub(crate) const ROWS: u64 = 4_000_000;

fn source(rows: u64) -> Cluster {
    let cluster = quiet_source();
    fill(&cluster, rows);
    cluster.sql("create publication millrace for table events");
    cluster
}

/// The table that is copied.
pub(crate) fn fill(cluster: &Cluster, rows: u64) {
    cluster.sql(&format!(
        "create table events (id bigint primary key, user_id bigint not null, name text not null,
             occurred_at timestamptz not null, amount numeric(10,2), note text);
         insert into events select i, i % 100000, 'view', now() - i * interval '1 second',
             i % 1000 * 1.25, 'note ' || i from generate_series(1, {rows}) i;
         vacuum analyze events"
    ));
}

fn goal(cluster: &Cluster, counted: &str, shown: &str) -> Goal {
    let theirs = cluster.sql("select count(*), sum(user_id) from events").replace('|', "\t");
    let rows = theirs.split('\t').next().unwrap_or_default().to_owned();
    Goal {
        sign: (format!("SELECT count() FROM {counted}"), rows),
        whole: (format!("SELECT count(), sum(user_id) FROM {shown}"), theirs),
    }
}

/// Seconds of our copy, with everything that a first start does: engine, slot, tables.
fn ours(plan: &Plan, cluster: &Cluster, goal: &Goal) -> f64 {
    let project = Project::new(&plan.binary, &config(&cluster.url(), ""));
    backlog::sync();
    let start = Instant::now();
    let up = project.up();
    let seconds = reach(start, goal, |sql| up.door().try_query(sql).unwrap_or_default());
    backlog::finish(up);
    drop_slot(cluster, "millrace");
    seconds
}

fn to_null(cluster: &Cluster) -> f64 {
    backlog::sync();
    let start = Instant::now();
    let status = Command::new(program("psql"))
        .args(["-X", "-q", "-d", &cluster.url()])
        .args(["-c", "copy events to stdout (format binary)"])
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "psql cannot copy");
    start.elapsed().as_secs_f64()
}

fn measure(
    plan: &Plan,
    names: (&'static str, &'static str),
    peer: &'static str,
    bar: f64,
    mut theirs_of: impl FnMut(&Cluster) -> f64,
) -> Record {
    let rows = plan.rows(ROWS);
    let cluster = source(rows);
    let goal = goal(&cluster, "public_raw.events", "public.events");
    let (mut ours_all, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours_all.push(rows as f64 / ours(plan, &cluster, &goal));
        theirs.push(rows as f64 / theirs_of(&cluster));
    }
    Record {
        measure: names.0,
        what: names.1,
        unit: "rows/s",
        higher_is_better: true,
        ours: ours_all,
        peer: Some(peer),
        theirs,
        bar,
        bar_on: BarOn::Ratio,
        notes: Vec::new(),
        rows,
        also: Vec::new(),
    }
}

pub(crate) fn psql(plan: &Plan) -> Record {
    let names = ("copy_psql", "the first copy of a table into a mirror");
    let peer = "psql COPY … TO STDOUT (FORMAT binary) to /dev/null, one connection";
    measure(plan, names, peer, 0.9, to_null)
}

pub(crate) fn engine(plan: &Plan) -> Record {
    let names = ("copy_engine", "the same, against ClickHouse's own reader");
    let peer = "libchdb's INSERT INTO … SELECT * FROM postgresql(…)";
    // What a mirror of ours is, without our two columns.
    let create = "CREATE TABLE t.events (id Int64, user_id Int64, name String, \
        occurred_at DateTime64(6, 'UTC'), amount Nullable(Decimal(10, 2)), note Nullable(String)) \
        ENGINE = ReplacingMergeTree ORDER BY id \
        SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";
    measure(plan, names, peer, 1.5, |cluster| {
        let goal = goal(cluster, "t.events", "t.events");
        peers::insert_select(cluster, create, "events", &goal)
    })
}
