//! A large answer through the door, against the engine's own stream in a process of its own.
//!
//! ```text
//! ours:   millrace ─ door ─ HTTP ─▶ a client that counts bytes
//! theirs: bench engine ─ stream call ─▶ the same, without HTTP
//! ```
//!
//! Both read the same table, made by the same statements in engines of their own.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::client::Client;
use crate::host::Host;
use crate::record::{BarOn, Record};
use harness::{Project, config};
use std::time::Instant;

const ROWS: u64 = 20_000_000;
const SELECT: &str = "SELECT * FROM bench.events";

pub(crate) fn native(plan: &Plan) -> Record {
    measure(plan, "door_native", "SELECT of 20 M rows through the door, Native", "Native")
}

pub(crate) fn json(plan: &Plan) -> Record {
    let what = "SELECT of 20 M rows through the door, JSONEachRow";
    measure(plan, "door_json", what, "JSONEachRow")
}

/// What an app's events look like, in order, as one part.
pub(crate) fn fill(rows: u64) -> [String; 4] {
    [
        "CREATE DATABASE bench".into(),
        "CREATE TABLE bench.events (id UInt64, user_id UInt32, name LowCardinality(String), \
         at DateTime64(3, 'UTC'), amount Float64, note String) \
         ENGINE = MergeTree ORDER BY (name, at)"
            .into(),
        format!(
            "INSERT INTO bench.events SELECT number, number * 7919 % 100000, \
             concat('event_', toString(number % 20)), \
             toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + number / 10, number % 1000 / 10, \
             concat('note ', toString(number % 1000)) FROM numbers({rows})"
        ),
        "OPTIMIZE TABLE bench.events FINAL".into(),
    ]
}

fn measure(plan: &Plan, measure: &'static str, what: &'static str, format: &str) -> Record {
    let rows = plan.rows(ROWS);
    let cluster = quiet_source();
    let project = Project::new(&plan.binary, &config(&cluster.url(), ""));
    cluster.sql("create publication millrace for all tables");
    let mut up = project.up();
    up.wait_ready();
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut host = Host::start(folder.path());
    for statement in fill(rows) {
        up.query(&statement);
        host.query(&statement);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let target = format!("/?default_format={format}");
    // Both have read it once.
    let (sent, made) = (through(up.door().address(), &target), host.stream(format, SELECT));
    assert!(is_all(sent, made), "the door sends {sent} bytes of {made}");
    for _ in 0..plan.rounds {
        let began = Instant::now();
        let sent = through(up.door().address(), &target);
        assert!(is_all(sent, made), "the door sends {sent} bytes of {made}");
        ours.push(rows as f64 / began.elapsed().as_secs_f64());
        let began = Instant::now();
        assert_eq!(host.stream(format, SELECT), made);
        theirs.push(rows as f64 / began.elapsed().as_secs_f64());
    }
    finish(up);
    Record {
        measure,
        what,
        unit: "rows/s",
        higher_is_better: true,
        ours,
        peer: Some("the engine's stream call in a process of its own"),
        theirs,
        bar: 0.85,
        bar_on: BarOn::Ratio,
        notes: Vec::new(),
        rows,
        also: Vec::new(),
    }
}

/// The door's blocks are larger, so there are fewer heads of them.
fn is_all(sent: u64, made: u64) -> bool {
    sent > made / 100 * 99
}

fn through(address: &str, target: &str) -> u64 {
    Client::connect(address).ask(target, SELECT).0
}
