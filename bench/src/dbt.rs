//! dbt beside the stream: what a build of the whole shop costs the freshness of rows, and what watching dbt costs a run.

use crate::Plan;
use crate::backlog::finish;
use crate::latency::{Load, create, delays, watch, write};
use crate::record::{Also, BarOn, Record, percentile};
use crate::shop;
use cluster::Cluster;
use harness::Project;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

const LOAD: Load = Load { tables: 1, transactions_a_second: 100, rows_a_transaction: 10 };
const EVENTS: u64 = 5_000_000;
/// Where dbt itself is what takes time.
const FEW_EVENTS: u64 = 20_000;

struct Build {
    p50: f64,
    p99: f64,
    seconds: f64,
}

/// Of a table that streams meanwhile.
pub(crate) fn beside_a_build(plan: &Plan) -> Record {
    let events = plan.rows(EVENTS);
    let runs: Vec<Build> = (0..plan.rounds).map(|_| build(plan, events)).collect();
    let all = |figure: fn(&Build) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
    Record {
        measure: "dbt_build",
        what: "commit to visible at 1,000 rows/s while dbt builds the whole shop at 5 M events, p99",
        unit: "ms",
        higher_is_better: false,
        ours: all(|run| run.p99),
        peer: None,
        theirs: Vec::new(),
        bar: 1000.0,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: events,
        also: vec![
            Also { name: "p50", unit: "ms", ours: all(|run| run.p50), below: None },
            Also { name: "the build", unit: "s", ours: all(|run| run.seconds), below: None },
        ],
    }
}

fn build(plan: &Plan, events: u64) -> Build {
    let (cluster, project) = shop(plan, events);
    let mut up = project.up();
    up.wait_ready();
    let (is_over, built) = (AtomicBool::new(false), AtomicBool::new(false));
    let url = cluster.url();
    let ((commits, sightings), (from, until)) = std::thread::scope(|scope| {
        let (is_over, built) = (&is_over, &built);
        let door = up.door();
        let reader = scope.spawn(move || watch(door, is_over));
        let writer = scope.spawn(|| write(&url, &LOAD, |_| !built.load(Ordering::Relaxed)));
        let from = Instant::now();
        let ran = project.run(&["transform", "build"]);
        assert_eq!(ran.code, Some(0), "{}", ran.talk());
        let until = Instant::now();
        built.store(true, Ordering::Relaxed);
        let commits = writer.join().expect("the writer works");
        let last = commits.last().map_or(0, |commit| commit.last_id);
        up.wait_for("SELECT max(id) FROM public.t0", &last.to_string());
        is_over.store(true, Ordering::Relaxed);
        ((commits, reader.join().expect("the reader works")), (from, until))
    });
    finish(up);
    let mut millis = delays(&commits, &sightings, from, Some(until));
    assert!(millis.len() > 50, "too few commits were seen: {}", millis.len());
    Build {
        p50: percentile(&mut millis, 50),
        p99: percentile(&mut millis, 99),
        seconds: until.duration_since(from).as_secs_f64(),
    }
}

/// The example with so many events, and the table of the load.
fn shop(plan: &Plan, events: u64) -> (Cluster, Project) {
    let cluster = shop::source(events);
    let of_load = create(&cluster, &LOAD);
    let project = shop::project(plan, &cluster, &of_load);
    (cluster, project)
}

/// The same run of the shop by the stock dbt alone, with a profile of its own; and once a model has changed, when what
/// it is made of is asked about.
pub(crate) fn watched(plan: &Plan) -> Record {
    let events = plan.rows(FEW_EVENTS);
    let (_cluster, project) = shop(plan, events);
    let dbt = project.path().join("dbt");
    let mut up = project.up();
    up.wait_ready();
    let set_up = project.run(&["transform", "setup"]).stderr;
    let program = set_up.trim().rsplit(' ').next().expect("it says where dbt is").to_owned();
    let (host, port) = up.door().address().split_once(':').expect("a port");
    let alone = || {
        let began = Instant::now();
        let ran = Command::new(&program)
            .args(["run", "--profiles-dir", ".", "--threads", "1", "--log-format", "json"])
            .current_dir(&dbt)
            .env("CLICKHOUSE_HOST", host)
            .env("CLICKHOUSE_PORT", port)
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            .output();
        assert!(ran.is_ok_and(|ran| ran.status.success()));
        began.elapsed().as_secs_f64()
    };
    let ours = || {
        let began = Instant::now();
        let ran = project.run(&["transform", "run", "--threads", "1"]);
        assert_eq!(ran.code, Some(0), "{}", ran.talk());
        began.elapsed().as_secs_f64()
    };
    let change = |mark: &str| {
        let path = dbt.join("models/staging/stg_users.sql");
        let text = std::fs::read_to_string(&path).expect("the example is there");
        std::fs::write(&path, format!("{text}-- {mark}\n")).expect("a folder of ours");
    };
    // Each parses the project anew where the other one's profile was the last.
    let side = |run: &dyn Fn() -> f64, mark: &str| {
        run();
        let same = run();
        change(mark);
        [same, run()]
    };
    let pair = |round: usize| {
        let sides: [(&dyn Fn() -> f64, &str); 2] = [(&ours, "watched"), (&alone, "by hand")];
        let mut found = [[0.0; 2]; 2];
        for at in [round % 2, (round + 1) % 2] {
            found[at] = side(sides[at].0, &format!("{}, {round}", sides[at].1));
        }
        let [watched, by_hand] = found;
        [watched[0], by_hand[0], watched[1], by_hand[1]]
    };
    let rounds: Vec<[f64; 4]> = (0..plan.rounds).map(pair).collect();
    finish(up);
    let all = |figure: usize| rounds.iter().map(|round| round[figure]).collect::<Vec<f64>>();
    // What else a machine does only adds to a run, and to some more than what is measured.
    let quickest = |figure: usize| all(figure).into_iter().fold(f64::INFINITY, f64::min);
    let also = |name, figure| Also { name, unit: "s", ours: all(figure), below: None };
    Record {
        measure: "dbt_watched",
        what: "what `millrace transform run` of the shop adds to the same dbt by hand, of the quickest runs",
        unit: "s",
        higher_is_better: false,
        ours: vec![quickest(0) - quickest(1)],
        peer: None,
        theirs: Vec::new(),
        bar: 0.3,
        bar_on: BarOn::Ours,
        notes: Vec::new(),
        rows: events,
        also: vec![
            also("watched", 0),
            also("by hand", 1),
            also("after a change of a model, watched", 2),
            also("after a change of a model, by hand", 3),
        ],
    }
}
