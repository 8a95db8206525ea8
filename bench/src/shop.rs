//! The example's shop in a source of its own, and a project on it.

use crate::Plan;
use crate::backlog::quiet_source;
use crate::record::root;
use cluster::Cluster;
use harness::{Project, config};
use std::path::PathBuf;
use std::process::Command;

/// What the seed writes.
pub(crate) const EVENTS_OF_SEED: u64 = 2_000_000;
const VISITS_AN_HOUR: u64 = 159;

pub(crate) fn folder() -> PathBuf {
    root().join("examples/shop")
}

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("the example is there")
}

/// A source with the shop's history, of so many events.
pub(crate) fn source(events: u64) -> Cluster {
    let visits = VISITS_AN_HOUR * events / EVENTS_OF_SEED;
    let seed =
        read("seed.sql").replace(&format!("round({VISITS_AN_HOUR} "), &format!("round({visits} "));
    let cluster = quiet_source();
    cluster.sql(&(read("schema.sql") + &seed));
    cluster
}

/// The example's tables and `more`, its dbt and its dashboards; its schedules not.
pub(crate) fn project(plan: &Plan, cluster: &Cluster, more: &str) -> Project {
    let example = read("millrace.toml");
    let (from, to) = (example.find("[tables."), example.find("[serve]"));
    let tables = &example[from.expect("tables")..to.expect("a door")];
    let project = Project::new(&plan.binary, &config(&cluster.url(), &(tables.to_owned() + more)));
    for part in ["dbt", "dashboards"] {
        let to = project.path().join(part);
        let copied = Command::new("cp").arg("-r").arg(folder().join(part)).arg(to).status();
        assert!(copied.is_ok_and(|status| status.success()));
    }
    project
}
