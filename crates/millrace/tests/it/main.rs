//! End to end: the real binary against a real Postgres, seen from outside.
//!
//! These tests live here and not in a crate of their own because only tests of the package that
//! owns the binary are told where cargo put it (and have it built first). What they share with the
//! benches is the crate `harness`.

mod bad_places;
mod bad_sources;
mod beside;
mod bus;
mod cdnow;
mod clustered;
mod confined;
mod ddl;
mod demo;
mod disk_full;
mod fence;
mod generated;
mod holder;
mod init;
mod json;
mod kafka_check;
mod kafka_engine;
mod large_rows;
mod lineage;
mod modes;
mod page;
mod pause;
mod quarantine;
mod refused;
mod reload;
mod remote;
mod resync;
mod river;
mod rules;
mod schedules;
mod secured;
mod spool;
mod transform;
mod users;
mod waiting;
mod way_back;
mod ways_in;
mod workspace;

use cluster::Cluster;
use harness::{Project, Ran, config};
use serde_json::Value;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_millrace");

/// A project on that cluster; `tables` is the rest of its `millrace.toml`.
fn project(cluster: &Cluster, tables: &str) -> Project {
    Project::new(BINARY, &config(&cluster.url(), tables))
}

/// Waits until the table is in that state.
#[track_caller]
fn wait_for_state(project: &Project, name: &str, state: &str) -> Value {
    wait_for(project, name, state, |table| &table["state"])
}

/// Waits until the table's last change at the source was followed that way.
#[track_caller]
fn wait_for_change(project: &Project, name: &str, followed_by: &str) {
    wait_for(project, name, followed_by, |table| &table["schema_change"]["followed_by"]);
}

#[track_caller]
fn wait_for(project: &Project, name: &str, wanted: &str, of: fn(&Value) -> &Value) -> Value {
    let mut table = Value::Null;
    let there = harness::poll(Duration::from_secs(60), || {
        let tables = project.status()["tables"].clone();
        table = tables.as_array()?.iter().find(|table| table["name"] == name)?.clone();
        (of(&table) == wanted).then_some(())
    });
    assert!(there.is_some(), "{name} is not {wanted}: {table}");
    table
}

/// Types what its last error says.
fn take_way_back(project: &Project, table: &Value) {
    let error = table["last_error"].as_str().unwrap();
    let (_, rest) = error.split_once("millrace resync '").unwrap_or_else(|| panic!("{error}"));
    let name = rest.split_once('\'').unwrap().0;
    let ran = project.run(&["resync", name]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
}

/// It ended with this code, and said all of these words (in any case).
#[track_caller]
fn says(ran: &Ran, code: i32, words: &[&str]) {
    let talk = ran.talk();
    assert_eq!(ran.code, Some(code), "{talk}");
    let lower = talk.to_lowercase();
    for word in words {
        assert!(lower.contains(&word.to_lowercase()), "it does not say {word:?}:\n{talk}");
    }
}
