//! The smallest question, as often as the door can take it: what a statement costs that costs nothing.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::client::Client;
use crate::record::{Also, BarOn, Record, percentile};
use harness::{Project, config};
use std::time::Instant;

const CONNECTIONS: u64 = 8;
/// In all, after as many that warm it up as a tenth of them.
const QUERIES: u64 = 40_000;

struct Run {
    a_second: f64,
    p50: f64,
    p99: f64,
}

pub(crate) fn queries(plan: &Plan) -> Record {
    let runs: Vec<Run> = (0..plan.rounds).map(|_| run(plan)).collect();
    let all = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    Record {
        measure: "small_queries",
        what: "SELECT 1 through the door, 8 connections that stay open",
        unit: "queries/s",
        higher_is_better: true,
        ours: all(|run| run.a_second),
        peer: None,
        theirs: Vec::new(),
        bar: 3000.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: plan.rows(QUERIES),
        also: vec![
            Also { name: "p50", unit: "ms", ours: all(|run| run.p50), below: None },
            Also { name: "p99", unit: "ms", ours: all(|run| run.p99), below: Some(20.0) },
        ],
    }
}

fn run(plan: &Plan) -> Run {
    let cluster = quiet_source();
    let project = Project::new(&plan.binary, &config(&cluster.url(), ""));
    cluster.sql("create publication millrace for all tables");
    let mut up = project.up();
    up.wait_ready();
    let address = up.door().address();
    let each = plan.rows(QUERIES).div_ceil(CONNECTIONS);
    many(address, each / 10 + 1);
    let began = Instant::now();
    let mut millis = many(address, each);
    let seconds = began.elapsed().as_secs_f64();
    finish(up);
    Run {
        a_second: millis.len() as f64 / seconds,
        p50: percentile(&mut millis, 50),
        p99: percentile(&mut millis, 99),
    }
}

/// So many on each connection; the milliseconds of every one.
fn many(address: &str, each: u64) -> Vec<f64> {
    std::thread::scope(|scope| {
        let clients = (0..CONNECTIONS).map(|_| scope.spawn(|| ask(address, each)));
        let clients: Vec<_> = clients.collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client works")).collect()
    })
}

fn ask(address: &str, count: u64) -> Vec<f64> {
    let mut client = Client::connect(address);
    let ask = |_| {
        let asked = Instant::now();
        let (_, answer) = client.ask("/", "SELECT 1");
        assert!(answer.contains("\r\n1\n\r\n"), "{answer}");
        asked.elapsed().as_secs_f64() * 1000.0
    };
    (0..count).map(ask).collect()
}
