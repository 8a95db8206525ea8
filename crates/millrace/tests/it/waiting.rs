//! A source that lets us wait: patience where it is a transaction's turn, an end where nobody
//! answers, and in either case an orderly stop.

use crate::{BINARY, project, says};
use cluster::Cluster;
use harness::{Project, Session, config, wait_until};
use std::net::TcpListener;
use std::time::Duration;

/// Longer than any timeout of a login.
const LONG: Duration = Duration::from_secs(12);

/// Its slot is there, and a transaction that the copy's snapshot must wait for is open.
fn busy_source() -> (Cluster, Session) {
    let cluster = Cluster::start();
    cluster.sql(
        "create table t (id int primary key); insert into t values (1);
         create publication millrace for table t;
         select pg_create_logical_replication_slot('millrace', 'pgoutput')",
    );
    let mut older = Session::open(&cluster.url()).unwrap();
    older.run("begin; create table other (id int primary key)").unwrap();
    (cluster, older)
}

fn wait_for_the_wait(cluster: &Cluster) {
    let sql = "select count(*) from pg_stat_activity where wait_event = 'transactionid'";
    wait_until("the snapshot waits", || cluster.sql(sql) != "0");
}

#[test]
fn the_first_copy_waits_for_older_transactions_however_long() {
    let (cluster, mut older) = busy_source();
    let project = project(&cluster, "");
    let mut up = project.up();
    wait_for_the_wait(&cluster);
    std::thread::sleep(LONG);
    older.run("commit").unwrap();
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.t", "1");
    assert!(!up.log().contains("interrupted"), "{}", up.log());
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn it_stops_while_the_snapshot_waits() {
    let (cluster, _older) = busy_source();
    let project = Project::new(BINARY, &config(&cluster.socket_url(), ""));
    let up = project.up();
    wait_for_the_wait(&cluster);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_told() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let project = Project::new(BINARY, &config(&url, ""));
    let up = project.up();
    wait_until("status tells it", || {
        project.status()["source"]["last_error"].to_string().contains("did not answer within")
    });
    up.stop();
}

#[test]
fn verify_by_itself_does_not_wait_for_a_source_that_is_away() {
    let cluster = Cluster::start();
    let project = project(&cluster, "");
    cluster.stop("fast");
    says(&project.run(&["verify"]), 2, &["could not reach", "check that Postgres listens"]);
}
