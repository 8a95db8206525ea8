//! What a user waits for before anything is said.

use crate::Plan;
use crate::record::{BarOn, Record, median};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Starts of one run.
const STARTS: usize = 20;

pub(crate) fn help(plan: &Plan) -> Record {
    let ours = (0..plan.rounds).map(|_| {
        let starts: Vec<f64> = (0..STARTS).map(|_| one(plan)).collect();
        median(&starts).expect("there are some")
    });
    Record {
        measure: "startup",
        what: "`millrace --help`, without loading libchdb",
        unit: "ms",
        higher_is_better: false,
        ours: ours.collect(),
        peer: None,
        theirs: Vec::new(),
        bar: 30.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: 0,
        also: Vec::new(),
    }
}

fn one(plan: &Plan) -> f64 {
    let start = Instant::now();
    let status = Command::new(&plan.binary)
        .arg("--help")
        // A start that looked for the library would fail.
        .env("MILLRACE_LIBCHDB", "/nonexistent/libchdb.so")
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "--help fails");
    start.elapsed().as_secs_f64() * 1000.0
}
