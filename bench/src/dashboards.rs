//! Many dashboards while an app writes: how long their panels take, and what that costs the stream.
//!
//! ```text
//! 64 clients: panel after panel, as fast as they are answered ─▶ door ─▶ p95
//! 1 writer:   5,000 rows/s ─▶ Postgres ─▶ stream ─▶ engine         ─▶ freshness p99
//! ```
//!
//! Freshness is what `status` says, since a question to the door would wait for its turn like the panels.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::client::Client;
use crate::door;
use crate::latency::{Load, create, write};
use crate::record::{Also, BarOn, Record, percentile};
use harness::{Project, config};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const CLIENTS: usize = 64;
const LOAD: Load = Load { tables: 1, transactions_a_second: 250, rows_a_transaction: 20 };
const SECONDS: u64 = 20;
/// Of the table that is there already.
const ROWS: u64 = 2_000_000;

/// Panels: over time, by kind, one kind, users, a percentile, the newest rows.
const PANELS: [&str; 6] = [
    "SELECT toStartOfHour(at) AS time, count() FROM bench.events WHERE name = 'event_3' \
     GROUP BY time ORDER BY time",
    "SELECT name, count() AS n, sum(amount) FROM bench.events \
     WHERE at >= '2026-01-02 00:00:00' GROUP BY name ORDER BY n DESC",
    "SELECT uniq(user_id) FROM bench.events WHERE name = 'event_7'",
    "SELECT toDate(at) AS day, quantile(0.95)(amount) FROM bench.events \
     WHERE name IN ('event_1', 'event_2') GROUP BY day ORDER BY day",
    "SELECT user_id, count() AS n FROM bench.events WHERE name = 'event_5' \
     GROUP BY user_id ORDER BY n DESC LIMIT 10",
    "SELECT name, count(), max(at) FROM public.t0 WHERE id > (SELECT max(id) FROM public.t0) - 10000 \
     GROUP BY name",
];

struct Run {
    p50: f64,
    p95: f64,
    a_second: f64,
    freshness_p99: f64,
    behind: f64,
}

pub(crate) fn beside_a_stream(plan: &Plan) -> Record {
    let runs: Vec<Run> = (0..plan.rounds).map(|_| run(plan)).collect();
    let all = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    let also = |name, unit, ours, below| Also { name, unit, ours, below };
    Record {
        measure: "dashboards",
        what: "a panel's answer with 64 dashboards while 5,000 rows/s stream in, p95",
        unit: "ms",
        higher_is_better: false,
        ours: all(|run| run.p95),
        peer: None,
        theirs: Vec::new(),
        bar: 2000.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: LOAD.transactions_a_second * LOAD.rows_a_transaction * SECONDS,
        also: vec![
            also("p50", "ms", all(|run| run.p50), None),
            also("panels", "1/s", all(|run| run.a_second), None),
            also("freshness p99", "ms", all(|run| run.freshness_p99), Some(1000.0)),
            also("all there after", "s", all(|run| run.behind), Some(2.0)),
        ],
    }
}

fn run(plan: &Plan) -> Run {
    let cluster = quiet_source();
    let tables = create(&cluster, &LOAD);
    let project = Project::new(&plan.binary, &config(&cluster.url(), &tables));
    let mut up = project.up();
    up.wait_ready();
    for statement in door::fill(plan.rows(ROWS)) {
        up.query(&statement);
    }
    let (address, url) = (up.door().address(), cluster.url());
    let is_over = AtomicBool::new(false);
    let (mut millis, seconds, last) = std::thread::scope(|scope| {
        let is_over = &is_over;
        let began = Instant::now();
        let clients = (0..CLIENTS).map(|number| scope.spawn(move || ask(address, number, is_over)));
        let clients: Vec<_> = clients.collect();
        let total = LOAD.transactions_a_second * SECONDS;
        let commits = write(&url, &LOAD, |written| written < total);
        let seconds = began.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Relaxed);
        let millis = clients.into_iter().flat_map(|client| client.join().expect("a client works"));
        (millis.collect::<Vec<f64>>(), seconds, commits.last().map_or(0, |commit| commit.last_id))
    });
    let freshness_p99 = project.status()["freshness_ms"]["p99"].as_f64();
    let began = Instant::now();
    up.wait_for("SELECT max(id) FROM public.t0", &last.to_string());
    let behind = began.elapsed().as_secs_f64();
    finish(up);
    Run {
        p50: percentile(&mut millis, 50),
        p95: percentile(&mut millis, 95),
        a_second: millis.len() as f64 / seconds,
        freshness_p99: freshness_p99.expect("status says how fresh rows are"),
        behind,
    }
}

/// The milliseconds of each panel, beginning with another one for each client.
fn ask(address: &str, number: usize, is_over: &AtomicBool) -> Vec<f64> {
    let (mut client, mut millis) = (Client::connect(address), Vec::new());
    for panel in PANELS.iter().cycle().skip(number % PANELS.len()) {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let asked = Instant::now();
        client.ask("/?default_format=JSONCompactEachRow", panel);
        millis.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    millis
}
