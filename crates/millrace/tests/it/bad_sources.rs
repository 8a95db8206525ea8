//! What can be wrong with a source: each is told with what helps, and nothing is lost over it.

use crate::{BINARY, project, says};
use cluster::{Cluster, program};
use harness::{Project, config, wait_until};
use std::process::{Child, Command, Stdio};

#[test]
fn an_unreachable_source_is_named_and_tried_again() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    cluster.stop("fast");
    let project = project(&cluster, "");
    let place = format!("127.0.0.1:{}", cluster.port());
    says(&project.run(&["check"]), 2, &["could not", &place, "refused", "hint:"]);
    let mut up = project.up();
    wait_until("status says what is wrong", || {
        let error = project.status()["source"]["last_error"].to_string();
        error.contains("could not") && error.contains(&place)
    });
    assert!(!up.is_ready());
    // What is in the store can be asked meanwhile.
    assert_eq!(up.query("SELECT 1"), "1");
    cluster.resume();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.t"), "1");
}

fn hba(cluster: &Cluster, lines: &str) {
    let all = format!("local all all trust\nhost all postgres 127.0.0.1/32 trust\n{lines}\n");
    std::fs::write(cluster.data().join("pg_hba.conf"), all).unwrap();
    cluster.sql("select pg_reload_conf()");
}

#[test]
fn a_wrong_password_is_said_without_saying_it() {
    let cluster = Cluster::start();
    cluster.sql("create role app login replication password 'right'");
    hba(&cluster, "host all app 127.0.0.1/32 scram-sha-256");
    let url = format!("postgres://app:wr0ng-s3cret@127.0.0.1:{}/postgres", cluster.port());
    let project = Project::new(BINARY, &config(&url, ""));
    for ran in [project.run(&["check"]), project.up_ends()] {
        says(&ran, 2, &["password", "app", "hint:"]);
        assert!(!ran.talk().contains("wr0ng-s3cret"), "{}", ran.talk());
        assert_eq!(ran.talk().matches("cannot log in").count(), 1, "{}", ran.talk());
    }
}

#[test]
fn a_role_without_rights_hears_the_statements_that_grant_them() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key); create table hidden (id int primary key);
         create role app login; grant select on t to app;
         create publication millrace for table t, hidden",
    );
    let url = format!("postgres://app@127.0.0.1:{}/postgres", cluster.port());
    let project = Project::new(BINARY, &config(&url, ""));
    // All of it at once, each with its cure.
    let ran = project.run(&["check"]);
    says(&ran, 1, &["ALTER ROLE", "REPLICATION", "GRANT SELECT", "hidden"]);
    says(&project.up_ends(), 2, &["replication", "hint:", "millrace check"]);
    cluster.sql("alter role app replication; grant select on hidden to app");
    says(&project.run(&["check"]), 0, &[]);
    let mut up = project.up();
    up.wait_ready();
}

/// The rows between are copied.
#[test]
fn a_missing_slot_is_made_up_for_and_said() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    cluster.sql("select pg_drop_replication_slot('millrace'); insert into t values (2)");
    let up = project.up();
    up.wait_for("SELECT count() FROM public.t", "2");
    assert!(up.log().contains("Slot millrace does not exist any more"), "{}", up.log());
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn an_invalidated_slot_is_made_up_for_and_check_says_what_prevents_it() {
    let cluster = Cluster::start_with(&["max_slot_wal_keep_size = '1MB'", "max_wal_size = '32MB'"]);
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    let lost = "select wal_status from pg_replication_slots where slot_name = 'millrace'";
    wait_until("the slot is lost", || {
        cluster.sql(
            "create table if not exists filler (x text);
                     insert into filler select repeat('x', 1000) from generate_series(1, 20000)",
        );
        cluster.sql("select pg_switch_wal()");
        cluster.sql("checkpoint");
        cluster.sql(lost) == "lost"
    });
    says(&project.run(&["check"]), 1, &["slot millrace"]);
    let mut up = project.up();
    up.wait_for("SELECT count() FROM public.t", "1");
    up.wait_ready();
    assert!(up.log().contains("max_slot_wal_keep_size"), "{}", up.log());
    assert!(project.verify() > 0);
    assert_eq!(up.stop(), Some(0));
}

/// Holds a slot without confirming anything.
fn hold_slot(cluster: &Cluster) -> Child {
    Command::new(program("pg_recvlogical"))
        .args(["-h", "127.0.0.1", "-p", &cluster.port().to_string(), "-U", "postgres"])
        .args(["-d", "postgres", "--slot", "millrace", "--start", "-f", "/dev/null", "-n"])
        .args(["-s", "0", "-F", "0", "-o", "proto_version=1", "-o", "publication_names=millrace"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_slot_that_somebody_else_reads_is_waited_for() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key)");
    let project = project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    let mut other = hold_slot(&cluster);
    let active = "select active_pid from pg_replication_slots where slot_name = 'millrace'";
    wait_until("the other one reads", || !cluster.sql(active).is_empty());
    let pid = cluster.sql(active);
    cluster.sql("insert into t values (1)");
    up = project.up();
    wait_until("status names the slot and who has it", || {
        let error = project.status()["source"]["last_error"].to_string();
        error.contains("slot millrace") && error.contains(&pid)
    });
    assert!(!up.is_ready());
    // Killed, so that it confirms nothing at its end.
    other.kill().unwrap();
    other.wait().unwrap();
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.t", "1");
}

#[test]
fn a_table_that_is_not_published_is_named_with_its_cure() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table a (id int primary key); create table b (id int primary key);
         create publication millrace for table a",
    );
    let project =
        project(&cluster, "[tables.\"public.b\"]\nmode = \"append\"\norder_by = [\"id\"]");
    let ran = project.run(&["check"]);
    says(&ran, 1, &["public.b", "ALTER PUBLICATION", "ADD TABLE"]);
}

/// docs/pains.md 6
#[test]
fn a_table_without_a_key_stops_alone_and_hears_of_append() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table keyed (id int primary key); insert into keyed values (1);
         create table loose (x int); insert into loose values (1);
         create publication millrace for table keyed, loose with (publish = 'insert')",
    );
    let project = project(&cluster, "");
    says(&project.run(&["check"]), 1, &["public.loose", "key", "append"]);
    let mut up = project.up();
    up.wait_for("SELECT count() FROM public.keyed", "1");
    cluster.sql("insert into keyed values (2); insert into loose values (2)");
    up.wait_for("SELECT count() FROM public.keyed", "2");
    let status = project.status();
    let tables = status["tables"].as_array().unwrap();
    let loose = tables.iter().find(|table| table["name"] == "public.loose").unwrap();
    assert_eq!(loose["state"], "failed", "{status}");
    assert!(loose["last_error"].as_str().unwrap().contains("append"), "{status}");
    assert_eq!(up.stop(), Some(0));
    // As its own advice says.
    project.configure(&config(
        &cluster.url(),
        "[tables.\"public.loose\"]\nmode = \"append\"\norder_by = [\"x\"]",
    ));
    up = project.up();
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.loose", "2");
}

#[test]
fn a_source_that_keeps_no_logical_log_hears_of_wal_level() {
    let cluster = Cluster::start_with(&["wal_level = replica"]);
    cluster.sql("create table t (id int primary key)");
    let project = project(&cluster, "");
    says(&project.run(&["check"]), 1, &["wal_level", "ALTER SYSTEM SET wal_level"]);
    says(&project.up_ends(), 2, &["wal_level", "hint:"]);
}
