//! What `up` has dbt build by itself: as it runs, as it fails, hangs, and is ended.

use crate::project;
use crate::transform::{is_at_work, small, write_model};
use harness::{Project, Up, poll};
use std::time::Duration;

const LONG: &str = "{{ config(materialized='table') }} select sum(sleepEachRow(1)) as s from numbers(600) \
     settings max_block_size = 1, function_sleep_max_microseconds_per_block = 3000000";
/// dbt begins slowly beside other tests.
const PATIENCE: Duration = Duration::from_secs(150);

fn schedule(name: &str, more: &str) -> String {
    format!("[[transform.schedule]]\nname = \"{name}\"\nselect = \"{name}\"\n{more}\n")
}

/// Statuses of the runs of a schedule, oldest first, with the first word of what dbt was told.
fn runs(up: &Up, schedule: &str) -> String {
    up.query(&format!(
        "SELECT arrayStringConcat(groupArray(concat(splitByChar(' ', command)[1], ' ', status)), ', ') FROM
         (SELECT * FROM millrace.runs FINAL WHERE schedule = '{schedule}' ORDER BY started)"
    ))
}

#[track_caller]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    assert!(
        poll(PATIENCE, || is_so().then_some(())).is_some(),
        "waited {PATIENCE:?} in vain: {what}"
    );
}

fn metric(up: &Up, line: &str) -> bool {
    crate::pause::get(up.ui(), "/metrics").lines().any(|found| found.starts_with(line))
}

#[test]
fn what_is_due_is_built_and_what_fails_is_told_and_tried_again() {
    let cluster = small();
    let schedules = schedule("good", "every = \"10s\"\nafter = \"copied\"\nsla = \"1s\"")
        + &schedule("bad", "every = \"1d\"");
    let project = project(&cluster, &schedules);
    write_model(
        &project,
        "good",
        "{{ config(materialized='table') }} select id, 7 as x from public.t",
    );
    write_model(&project, "bad", "select nothing from public.t");
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is built twice", || runs(&up, "good").starts_with("build success, build success"));
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    let node = up.query(
        "SELECT DISTINCT node, kind, status, relation, row_count FROM millrace.run_nodes
         WHERE node LIKE '%good' ORDER BY ALL",
    );
    assert_eq!(node, "model.small.good\tmodel\tsuccess\tmarts.good\t1");
    wait_for("the failed one is tried again", || runs(&up, "bad") == "build failed, retry failed");
    let error = up.query("SELECT any(error) FROM millrace.runs FINAL WHERE schedule = 'bad'");
    assert!(error.contains("UNKNOWN_IDENTIFIER") && error.contains("nothing"), "{error}");
    let status = project.run(&["status"]).talk();
    assert!(
        status.contains("dbt        good") && status.contains("took more than 1 s"),
        "{status}"
    );
    assert!(status.contains("bad   failed"), "{status}");
    assert!(metric(&up, "millrace_transform_last_run_success{schedule=\"bad\"} 0"));
    assert!(metric(&up, "millrace_transform_sla_seconds{schedule=\"good\"} 1"));
    // By hand it is told, too.
    let ran = project.run(&["transform", "run", "--select", "good"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_eq!(runs(&up, ""), "run success");
    assert_eq!(up.stop(), Some(0));
    assert!(!is_at_work(&project));
}

fn is_long_built(up: &Up) -> bool {
    up.query("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%LIKE%'") == "1"
}

/// The store lets go of what it was asked only when it is told to.
fn wait_until_gone(project: &Project) {
    wait_for("dbt is gone", || !is_at_work(project));
}

#[test]
fn what_hangs_is_ended_and_what_is_ended_is_told() {
    let cluster = small();
    let project = project(&cluster, &schedule("long", "every = \"10s\"\nmax_runtime = \"12s\""));
    write_model(&project, "long", LONG);
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is ended in time", || runs(&up, "long").starts_with("build timeout"));
    wait_for("the next one runs", || is_long_built(&up) && runs(&up, "long").ends_with("running"));
    // With `up`, however that ends.
    up.kill();
    wait_until_gone(&project);
    let mut up = project.up();
    up.wait_ready();
    wait_for("it is told", || runs(&up, "long").contains("build interrupted"));
    wait_for("the next one runs", || is_long_built(&up) && runs(&up, "long").ends_with("running"));
    assert_eq!(up.stop(), Some(0));
    wait_until_gone(&project);
    let up = project.up();
    wait_for("it was told", || runs(&up, "long").matches("interrupted").count() == 2);
}
