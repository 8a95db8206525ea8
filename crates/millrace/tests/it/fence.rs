//! Two processes of one slot and a server as their store: only the one that has the slot writes.

use crate::BINARY;
use crate::remote::{section, server};
use clickhouse::Server;
use cluster::Cluster;
use harness::{Project, Proxy, config, wait_until};

const FACTS: &str = "[tables.\"public.f\"]\nmode = \"append\"\ntruncate = \"apply\"\n";
const TAKEN: &str = "another process has taken the slot over";

fn source() -> Cluster {
    let cluster = Cluster::start();
    cluster.sql(
        "create table m (id int primary key); insert into m values (1);
         create table f (id int primary key); insert into f values (1)",
    );
    cluster
}

fn insert(cluster: &Cluster, id: u32) {
    cluster.sql(&format!("insert into m values ({id}); insert into f values ({id})"));
}

fn has(server: &Server, ids: &str) -> bool {
    let ask = |table: &str| {
        let sql = format!("SELECT arrayStringConcat(arraySort(groupArray(id)), ' ') FROM {table}");
        server.door().query(&sql)
    };
    ask("public.m") == ids && ask("public.f") == ids
}

/// What was read and not written when the slot was lost, and the store came back too late for it.
#[test]
fn late_batches_of_who_lost_the_slot_stay_away() {
    late_batches_stay_away(|_, to_source| to_source.cut());
}

/// The same of one that believes to have it still.
#[test]
fn late_batches_of_who_does_not_know_that_the_slot_is_lost_stay_away() {
    late_batches_stay_away(|cluster, to_source| {
        to_source.hold_up();
        // The network has it, and so does not hear that the server hangs up.
        let at = cluster.sql("select pg_logical_emit_message(false, 'test', 'on its way')");
        let is_sent = format!("select bool_or(sent_lsn >= '{at}') from pg_stat_replication");
        wait_until("it is sent", || cluster.sql(&is_sent) == "t");
        cluster.sql("select pg_terminate_backend(active_pid) from pg_replication_slots");
    });
}

fn late_batches_stay_away(lose: fn(&Cluster, &Proxy)) {
    let (cluster, server) = (source(), server());
    let (to_source, to_store) = (Proxy::start(cluster.port()), Proxy::start(server.port()));
    let url = cluster.url().replace(&cluster.port().to_string(), &to_source.port().to_string());
    let first = Project::new(BINARY, &config(&url, &(section(to_store.port()) + FACTS)));
    let mut one = first.up();
    one.wait_ready();
    insert(&cluster, 2);
    wait_until("it streams", || has(&server, "1 2"));
    to_store.cut();
    insert(&cluster, 3);
    let lag = || first.status()["source"]["lag_seconds"].as_f64();
    wait_until("it has read that, and it is on its way", || lag().is_some_and(|lag| lag > 0.0));
    lose(&cluster, &to_source);
    let second = Project::new(BINARY, &config(&cluster.url(), &(section(server.port()) + FACTS)));
    let mut other = second.up();
    other.wait_ready();
    assert!(other.log().contains("taken over from another process"), "{}", other.log());
    wait_until("the other one goes on", || has(&server, "1 2 3"));
    cluster.sql("truncate m, f");
    insert(&cluster, 4);
    wait_until("what was truncated is gone", || has(&server, "4"));
    to_store.open();
    wait_until("the first one stops", || one.log().contains(TAKEN) || !has(&server, "4"));
    assert!(has(&server, "4") && one.log().contains(TAKEN), "{}", one.log());
    second.verify();
    // It waits for the slot, and hurts nobody.
    to_source.open();
    wait_until("it waits", || first.run(&["status"]).talk().contains("could not use slot"));
    insert(&cluster, 5);
    wait_until("the other one goes on", || has(&server, "4 5"));
    assert!(!other.log().contains(TAKEN), "{}", other.log());
    assert_eq!(other.stop(), Some(0));
    insert(&cluster, 6);
    wait_until("the first one has it again", || has(&server, "4 5 6"));
    first.verify();
    // The other one has said that it ends.
    assert!(!one.log().contains("taken over from another process"), "{}", one.log());
    assert_eq!(one.stop(), Some(0));
}

/// Two that run, and a source that ends what both have there. The first one is told of the other's claim while that
/// one still waits, and could have the slot back if that one had let it go.
#[test]
fn two_that_run_settle_on_one_when_the_source_restarts() {
    let (cluster, server) = (source(), server());
    let (to_source, to_store) = (Proxy::start(cluster.port()), Proxy::start(server.port()));
    let url = cluster.url().replace(&cluster.port().to_string(), &to_source.port().to_string());
    let first = Project::new(BINARY, &config(&url, &(section(to_store.port()) + FACTS)));
    let mut one = first.up();
    one.wait_ready();
    let second = Project::new(BINARY, &config(&cluster.url(), &(section(server.port()) + FACTS)));
    let mut other = second.up();
    wait_until("it waits", || other.log().contains("could not use slot"));
    to_store.cut();
    insert(&cluster, 2);
    let lag = || first.status()["source"]["lag_seconds"].as_f64();
    wait_until("it has read that, and it is on its way", || lag().is_some_and(|lag| lag > 0.0));
    to_source.cut();
    cluster.stop("fast");
    cluster.resume();
    wait_until("the other one has it", || other.log().contains("taken over from another process"));
    to_source.open();
    to_store.open();
    wait_until("the first one stops", || one.log().contains(TAKEN));
    other.wait_ready();
    for id in 3..5 {
        insert(&cluster, id);
        let all: Vec<String> = (1..=id).map(|id| id.to_string()).collect();
        wait_until("the other one goes on", || has(&server, &all.join(" ")));
    }
    wait_until("the first one waits", || {
        first.run(&["status"]).talk().contains("could not use slot")
    });
    let claims = server.door().query("SELECT groupArray(number) FROM millrace.claims");
    assert_eq!(claims, "[1,2,3]", "{}{}", one.log(), other.log());
    assert!(!other.log().contains(TAKEN), "{}", other.log());
    second.verify();
    assert_eq!((other.stop(), one.stop()), (Some(0), Some(0)));
}

/// What is in it nobody else has; and nothing more is read into it once the slot is another's.
#[test]
fn the_spool_of_who_loses_the_slot_is_waited_for_and_left_alone() {
    let (cluster, server) = (source(), server());
    let (to_source, to_store) = (Proxy::start(cluster.port()), Proxy::start(server.port()));
    let url = cluster.url().replace(&cluster.port().to_string(), &to_source.port().to_string());
    let more = section(to_store.port()) + "[spool]\nmax_bytes = 100000000\n" + FACTS;
    let first = Project::new(BINARY, &config(&url, &more));
    let mut one = first.up();
    one.wait_ready();
    let before = cluster.sql("select confirmed_flush_lsn from pg_replication_slots");
    to_store.cut();
    insert(&cluster, 2);
    let is_moved = format!("select confirmed_flush_lsn > '{before}' from pg_replication_slots");
    let spool = |what: &str| first.status()["spool"][what].clone();
    wait_until("the spool has it", || spool("is_filled") == true && cluster.sql(&is_moved) == "t");
    to_source.cut();
    let second = Project::new(BINARY, &config(&cluster.url(), &(section(server.port()) + FACTS)));
    let mut other = second.up();
    wait_until("the spool is waited for", || other.log().contains("in its spool"));
    to_source.open();
    to_store.open();
    wait_until("the first one goes on", || has(&server, "1 2") && spool("since").is_null());
    to_source.cut();
    other.wait_ready();
    assert!(!first.run(&["pause"]).talk().is_empty());
    wait_until("the first one stops", || one.log().contains(TAKEN));
    let note = |name: &str| first.state().join("spool").join(name).exists();
    wait_until("the spool is left alone", || note("paused.toml") && !note("spool.toml"));
    assert_eq!(other.stop(), Some(0));
    to_source.open();
    insert(&cluster, 3);
    wait_until("the first one has it again", || has(&server, "1 2 3") && note("spool.toml"));
    first.verify();
    assert_eq!(one.stop(), Some(0));
}

#[test]
fn who_only_waits_for_the_slot_stops_nobody() {
    let (cluster, server) = (source(), server());
    let project =
        || Project::new(BINARY, &config(&cluster.url(), &(section(server.port()) + FACTS)));
    let (first, second) = (project(), project());
    let mut one = first.up();
    one.wait_ready();
    // The same folder is the same one: nobody has to be waited for.
    one.kill();
    one = first.up();
    one.wait_ready();
    assert!(!one.log().contains("taken over"), "{}", one.log());
    let other = second.up();
    wait_until("it waits", || other.log().contains("could not use slot"));
    for id in 2..5 {
        insert(&cluster, id);
        let tries = server.door().query("SELECT count() FROM millrace.claims");
        assert_eq!(tries, "2", "it claims nothing");
        let all: Vec<String> = (1..=id).map(|id| id.to_string()).collect();
        wait_until("the first one goes on", || has(&server, &all.join(" ")));
    }
    first.verify();
    assert!(!one.log().contains(TAKEN), "{}", one.log());
    one.kill();
    insert(&cluster, 5);
    wait_until("the other one has it", || has(&server, "1 2 3 4 5"));
    assert!(other.log().contains("taken over from another process"), "{}", other.log());
    second.verify();
    assert_eq!(other.stop(), Some(0));
}

/// To have a slot says nothing of one of the same name elsewhere.
#[test]
fn who_reads_another_server_takes_nothing_over() {
    let (cluster, elsewhere, server) = (source(), source(), server());
    let more = section(server.port()) + FACTS;
    let first = Project::new(BINARY, &config(&cluster.url(), &more));
    let second = Project::new(BINARY, &config(&elsewhere.url(), &more));
    let mut one = first.up();
    one.wait_ready();
    let other = second.up();
    wait_until("it is told", || other.log().contains("could not take over slot millrace"));
    assert!(other.log().contains("ALTER TABLE millrace.claims DELETE"), "{}", other.log());
    insert(&cluster, 2);
    wait_until("the first one goes on", || has(&server, "1 2"));
    assert!(!one.log().contains(TAKEN), "{}", one.log());
    assert_eq!((other.stop(), one.stop()), (Some(0), Some(0)));
}
