//! The store's disk is full: nothing is lost, the lag is shown, and it goes on by itself.

use crate::transform::{small, write_model};
use crate::{project, says};
use cluster::Cluster;
use harness::{Project, Tmpfs, wait_until};

/// `None`: not on this machine.
fn small_disk(project: &Project) -> Option<Tmpfs> {
    match Tmpfs::mount(&project.state(), 256) {
        Ok(disk) => Some(disk),
        Err(why) => {
            eprintln!("SKIPPED: the store's disk cannot be made small here: {why}");
            assert!(std::env::var_os("CI").is_none(), "CI must be able to mount a tmpfs: {why}");
            None
        }
    }
}

#[test]
fn a_full_disk_pauses_the_stream_until_there_is_room() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id bigint primary key, note text);
         create table events (id bigint primary key, name text not null);
         insert into orders select i, md5(i::text) from generate_series(1, 1000) i;
         insert into events select i, 'old' from generate_series(1, 1000) i",
    );
    let project =
        project(&cluster, "[tables.\"public.events\"]\nmode = \"append\"\norder_by = [\"name\"]");
    let Some(disk) = small_disk(&project) else { return };
    let mut up = project.up();
    up.wait_ready();
    disk.fill();
    cluster.sql(
        "insert into orders select i, md5(i::text) from generate_series(1001, 60000) i;
         insert into events select i, 'new' from generate_series(1001, 60000) i;
         update orders set note = 'changed' where id <= 500",
    );
    wait_until("status shows the full disk and the lag", || {
        let source = &project.status()["source"];
        is_full(source) && source["lag_bytes"].as_u64().unwrap() > 0
    });
    assert!(up.is_running(), "a full disk must not end it:\n{}", up.log());
    assert!(!up.is_ready() || project.status()["source"]["lag_bytes"].as_u64() > Some(0));
    disk.free();
    up.wait_for("SELECT count() FROM public.orders WHERE note = 'changed'", "500");
    up.wait_for("SELECT count(), uniqExact(id) FROM public.events", "60000\t60000");
    wait_until("status shows the full disk no longer", || !is_full(&project.status()["source"]));
    project.verify();
    // Asked to end while an insert waits, it does not wait for ever.
    disk.fill();
    cluster.sql("insert into events select i, 'last' from generate_series(60001, 120000) i");
    wait_until("the disk is full again", || is_full(&project.status()["source"]));
    assert_eq!(up.stop(), Some(2));
    disk.free();
    let mut up = project.up();
    up.wait_ready();
    up.wait_for("SELECT count(), uniqExact(id) FROM public.events", "120000\t120000");
    project.verify();
    assert_eq!(up.stop(), Some(0));
    drop(disk);
}

/// A model that does not fit is told in the store's words; its table stays as it was, and the stream goes on.
#[test]
fn a_model_that_does_not_fit_leaves_the_one_of_before() {
    let cluster = small();
    let project = project(&cluster, "");
    let Some(disk) = small_disk(&project) else { return };
    let model = |x: u32, rows: u32| {
        format!(
            "{{{{ config(materialized='table') }}}} select {x} as x, randomString(1000) as s from numbers({rows})"
        )
    };
    write_model(&project, "m", &model(7, 1));
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    write_model(&project, "m", &model(8, 600_000));
    says(&project.run(&["transform", "run"]), 1, &["FAILED", "marts.m", "NOT_ENOUGH_SPACE"]);
    assert_eq!(up.query("SELECT DISTINCT x FROM marts.m"), "7");
    cluster.sql("insert into t values (2)");
    up.wait_for("SELECT count() FROM public.t", "2");
    write_model(&project, "m", &model(9, 1));
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    assert_eq!(up.query("SELECT DISTINCT x FROM marts.m"), "9");
    assert_eq!(up.stop(), Some(0));
    drop(disk);
}

/// Whether it refused or waits is the engine's choice; what helps is the same.
fn is_full(source: &serde_json::Value) -> bool {
    let error = source["last_error"].as_str().unwrap_or_default();
    error.contains("hint: free space on the disk of the data directory")
}
