//! A large table copied again while another one is written to: what the copy costs the others' freshness.

use crate::Plan;
use crate::backlog::{finish, quiet_source};
use crate::copy;
use crate::latency::{Load, create, delays, watch, write};
use crate::record::{Also, BarOn, Record, percentile};
use harness::{Project, config, poll};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const LOAD: Load = Load { tables: 1, transactions_a_second: 250, rows_a_transaction: 20 };
const WARM_UP: Duration = Duration::from_secs(3);
const RESYNC_MAX: Duration = Duration::from_secs(600);

struct Run {
    p50: f64,
    p99: f64,
    seconds: f64,
}

pub(crate) fn beside_a_stream(plan: &Plan) -> Record {
    let rows = plan.rows(copy::ROWS);
    let runs: Vec<Run> = (0..plan.rounds).map(|_| run(plan, rows)).collect();
    let all = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    let also = |name, unit, ours| Also { name, unit, ours, below: None };
    Record {
        measure: "resync",
        what: "commit to visible at 5,000 rows/s while another table of 4 M rows is copied again, p99",
        unit: "ms",
        higher_is_better: false,
        ours: all(|run| run.p99),
        peer: None,
        theirs: Vec::new(),
        bar: 1000.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows,
        also: vec![
            also("p50", "ms", all(|run| run.p50)),
            also("the resync", "s", all(|run| run.seconds)),
        ],
    }
}

fn run(plan: &Plan, rows: u64) -> Run {
    let cluster = quiet_source();
    copy::fill(&cluster, rows);
    let tables = create(&cluster, &LOAD);
    let project = Project::new(&plan.binary, &config(&cluster.url(), &tables));
    let mut up = project.up();
    up.wait_ready();
    let url = cluster.url();
    let (is_written, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (began, ended, commits, sightings) = std::thread::scope(|scope| {
        let door = up.door();
        let reader = scope.spawn(|| watch(door, &is_over));
        let writer = scope.spawn(|| write(&url, &LOAD, |_| !is_written.load(Ordering::Relaxed)));
        std::thread::sleep(WARM_UP);
        let began = Instant::now();
        let ran = project.run(&["resync", "public.events"]);
        assert_eq!(ran.code, Some(0), "{}", ran.talk());
        let streams = poll(RESYNC_MAX, || is_streaming(&project).then_some(()));
        assert!(streams.is_some(), "the resync does not end:\n{}", up.log());
        let ended = Instant::now();
        is_written.store(true, Ordering::Relaxed);
        let commits = writer.join().expect("the writer works");
        let last = commits.last().map_or(0, |commit| commit.last_id);
        up.wait_for("SELECT max(id) FROM public.t0", &last.to_string());
        is_over.store(true, Ordering::Relaxed);
        (began, ended, commits, reader.join().expect("the reader works"))
    });
    assert_eq!(up.query("SELECT count() FROM public.events"), rows.to_string());
    finish(up);
    let mut millis = delays(&commits, &sightings, began, Some(ended));
    assert!(millis.len() > 50, "too few commits were seen: {}", millis.len());
    let seconds = (ended - began).as_secs_f64();
    Run { p50: percentile(&mut millis, 50), p99: percentile(&mut millis, 99), seconds }
}

fn is_streaming(project: &Project) -> bool {
    let status = project.status();
    let tables = status["tables"].as_array().expect("a list");
    let events = tables.iter().find(|table| table["name"] == "public.events");
    events.is_some_and(|table| table["state"] == "streaming")
}
