//! What streaming costs the app: its transactions a second while we read its log, against the same
//! while `pg_recvlogical` does.

use crate::Plan;
use crate::backlog::{drop_slot, finish, quiet_source};
use crate::record::{BarOn, Record};
use cluster::{Cluster, program};
use harness::{Pgbench, Project, config};
use std::process::{Child, Command, Stdio};

const SCALE: u32 = 10;
const SECONDS: u32 = 20;

const HISTORY: &str = "[tables.\"public.pgbench_history\"]\nmode = \"append\"\n\
    order_by = [\"tid\", \"mtime\"]\n";

pub(crate) fn cost(plan: &Plan) -> Record {
    let cluster = quiet_source();
    Pgbench::init(&cluster, SCALE);
    cluster.sql("create publication millrace for all tables");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        ours.push(with_ours(plan, &cluster));
        theirs.push(with_drain(&cluster));
    }
    Record {
        measure: "oltp_cost",
        what: "pgbench's transactions a second while its changes are streamed",
        unit: "tps",
        higher_is_better: true,
        ours,
        peer: Some("the same with pg_recvlogical to /dev/null on the slot"),
        theirs,
        bar: 0.97,
        bar_on: BarOn::Ratio,
        notes: Vec::new(),
        rows: 0,
        also: Vec::new(),
    }
}

fn with_ours(plan: &Plan, cluster: &Cluster) -> f64 {
    let project = Project::new(&plan.binary, &config(&cluster.url(), HISTORY));
    let mut up = project.up();
    up.wait_ready();
    let tps = pgbench(cluster);
    finish(up);
    drop_slot(cluster, "millrace");
    tps
}

fn with_drain(cluster: &Cluster) -> f64 {
    cluster.sql("select pg_create_logical_replication_slot('drain', 'pgoutput')");
    let mut drain = drain(cluster);
    let tps = pgbench(cluster);
    let _ = drain.kill();
    let _ = drain.wait();
    drop_slot(cluster, "drain");
    tps
}

fn drain(cluster: &Cluster) -> Child {
    Command::new(program("pg_recvlogical"))
        .args(["-h", "127.0.0.1", "-p", &cluster.port().to_string(), "-U", "postgres"])
        .args(["-d", "postgres", "--slot", "drain", "--start", "-f", "/dev/null", "-n"])
        .args(["-o", "proto_version=1", "-o", "binary=true", "-o", "publication_names=millrace"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pg_recvlogical runs")
}

fn pgbench(cluster: &Cluster) -> f64 {
    // The tables' bloat of the last run is not this one's burden.
    cluster.sql("vacuum pgbench_branches");
    cluster.sql("checkpoint");
    let output = Command::new(program("pgbench"))
        .args(["-n", "-c", "4", "-j", "1", "-T", &SECONDS.to_string()])
        .args(["-h", "127.0.0.1", "-p", &cluster.port().to_string(), "-U", "postgres", "postgres"])
        .output()
        .expect("pgbench runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let tps = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
    tps.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}
