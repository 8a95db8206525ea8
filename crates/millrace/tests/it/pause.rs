//! `pause` and `resume`, seen from outside.

use crate::{project, says};
use cluster::Cluster;
use harness::{Session, wait_until};
use std::process::Command;

/// The body of a `GET`, whatever its status.
pub(crate) fn get(ui: &str, path: &str) -> String {
    let out = Command::new("curl").args(["-s", &format!("http://{ui}{path}")]).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_paused_pipeline_answers_and_reads_nothing_until_it_goes_on() {
    let cluster = Cluster::start_with(&["max_slot_wal_keep_size = '1GB'"]);
    cluster.sql("create table orders (id int primary key); insert into orders values (1)");
    let project = project(&cluster, "");
    says(&project.run(&["pause"]), 2, &["it is not running", "millrace up"]);
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["resume"]), 0, &["it was not paused"]);
    let paused = ["paused: what was read is durable", "of its log", "max_slot_wal_keep_size"];
    says(&project.run(&["pause"]), 0, &paused);
    assert_eq!(cluster.sql("select active from pg_replication_slots"), "f");
    says(&project.run(&["pause"]), 0, &["it was paused already, since 2"]);
    cluster.sql("insert into orders values (2)");
    assert_eq!(up.query("SELECT count() FROM public.orders"), "1");
    assert!(!up.is_ready());
    let index = get(up.ui(), "/");
    assert!(index.lines().all(|line| !line.starts_with(' ')), "{index}");
    let ready = get(up.ui(), "/readyz");
    assert!(ready.contains("paused since 2") && ready.contains("millrace resume"), "{ready}");
    assert!(!ready.contains("not connected"), "{ready}");
    assert!(get(up.ui(), "/metrics").contains("millrace_paused 1\n"));
    says(
        &project.run(&["status"]),
        0,
        &["PAUSED since 2", "log kept", "given up after", "streaming"],
    );
    for verb in ["verify", "resync"] {
        let ran = project.run(&[verb, "public.orders"]);
        says(
            &ran,
            2,
            &[&format!("cannot {verb}: the pipeline is paused"), "hint: millrace resume"],
        );
    }
    up.kill();
    // Nobody's to end but a person's.
    says(&project.run(&["verify"]), 2, &["cannot verify: the pipeline is paused"]);
    let mut up = project.up();
    wait_until("it is paused again, and knows its table", || {
        let status = project.status();
        status["paused_since"].is_i64() && status["tables"][0]["rows"] == 1
    });
    wait_until("the slot is looked at", || {
        project.status()["source"]["retained_bytes"].as_u64() > Some(0)
    });
    assert!(up.log().contains("nothing is read until `millrace resume`"), "{}", up.log());
    says(&project.run(&["resume"]), 0, &["it goes on; it was paused since 2"]);
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.orders", "2");
    assert!(get(up.ui(), "/metrics").contains("millrace_paused 0\n"));
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// It waits for a transaction of the source that may last for hours.
#[test]
fn it_pauses_and_stops_while_a_copy_waits_for_its_snapshot() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key); insert into orders values (1);
         create table others (id int primary key)",
    );
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    let mut older = Session::open(&cluster.url()).unwrap();
    older.run("begin; create table held (id int)").unwrap();
    assert_eq!(project.run(&["resync", "public.orders"]).code, Some(0));
    says(&project.run(&["pause"]), 0, &["paused: "]);
    assert_eq!(
        cluster.sql("select active from pg_replication_slots where slot_name = 'millrace'"),
        "f"
    );
    assert_eq!(up.stop(), Some(0));
    let mut up = project.up();
    older.run("commit").unwrap();
    cluster.sql("insert into orders values (2); insert into others values (1)");
    says(&project.run(&["resume"]), 0, &["it goes on"]);
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.orders", "2");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// So may the slot itself, before there is anything to pause.
#[test]
fn it_pauses_while_its_first_slot_waits() {
    let cluster = Cluster::start();
    cluster.sql("create table orders (id int primary key); insert into orders values (1)");
    let mut older = Session::open(&cluster.url()).unwrap();
    older.run("begin; create table held (id int)").unwrap();
    let project = project(&cluster, "");
    let up = project.up();
    wait_until("it waits", || !project.status()["source"]["waiting_for"].is_null());
    says(&project.run(&["pause"]), 0, &["paused: "]);
    assert_eq!(cluster.sql("select count(*) from pg_replication_slots"), "0");
    says(&project.run(&["status"]), 0, &["PAUSED since"]);
    assert_eq!(up.stop(), Some(0));
    older.run("rollback").unwrap();
    let mut up = project.up();
    says(&project.run(&["resume"]), 0, &["it goes on"]);
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.orders", "1");
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}
