//! A transaction that is larger than any budget: memory must be bounded by the budget, not by it.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::process::resident_bytes;
use crate::record::{Also, BarOn, Record};
use cluster::Cluster;
use harness::{Project, Up, config};
use std::time::{Duration, Instant};

const ROWS: u64 = 5_000_000;
/// The smaller one that the large one is held against.
const SMALLER_BY: u64 = 5;
const MIB: f64 = 1024.0 * 1024.0;
const RUN_MAX: Duration = Duration::from_secs(900);

pub(crate) fn big_transaction(plan: &Plan) -> Record {
    let rows = plan.rows(ROWS);
    let (mut peaks, mut growths) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        // Each in a fresh process: an allocator that keeps what it had would hide growth.
        let small = peak(plan, rows / SMALLER_BY);
        let large = peak(plan, rows);
        peaks.push(large);
        growths.push(large / small);
    }
    Record {
        measure: "big_transaction",
        what: "resident memory at its highest during one transaction of 5 M rows",
        unit: "MiB",
        higher_is_better: false,
        ours: peaks,
        peer: None,
        theirs: Vec::new(),
        bar: 1.5 * 1024.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows,
        // Five times the transaction; what is not flat grows with it.
        also: vec![Also {
            name: "by the peak of a fifth of it",
            unit: "x",
            ours: growths,
            below: Some(1.35),
        }],
    }
}

fn peak(plan: &Plan, rows: u64) -> f64 {
    let cluster: Cluster = quiet_source();
    cluster.sql("create table events (id bigint primary key, name text not null, note text)");
    let capped = "[limits]\nengine_memory_mib = 1024\nstream_memory_mib = 256\n";
    let project = Project::new(&plan.binary, &config(&cluster.url(), capped));
    let mut up = project.up();
    up.wait_ready();
    let insert = format!(
        "insert into events select i, 'name ' || i % 100, repeat(md5(i::text), 3)
           from generate_series(1, {rows}) i"
    );
    let highest = std::thread::scope(|scope| {
        let writer = scope.spawn(|| cluster.sql(&insert));
        let highest = watch(&up, rows);
        writer.join().expect("the insert works");
        highest
    });
    finish(up);
    highest as f64 / MIB
}

/// The highest that was seen until every row was there.
fn watch(up: &Up, rows: u64) -> u64 {
    let (start, mut highest, mut asked) = (Instant::now(), 0, Instant::now());
    loop {
        highest = highest.max(resident_bytes(up.pid()));
        // Asking costs memory too; what a reader takes is part of the truth, but seldom.
        if asked.elapsed() > Duration::from_millis(500) {
            asked = Instant::now();
            let count = up.door().try_query("SELECT count() FROM public_raw.events");
            if count.is_ok_and(|count| count == rows.to_string()) {
                return highest;
            }
        }
        assert!(start.elapsed() < RUN_MAX, "the transaction does not arrive:\n{}", up.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}
