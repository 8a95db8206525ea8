//! The slot in hand, and nothing read.

use cluster::Cluster;
use model::Fate;
use source::holding::hold;
use std::time::Duration;

#[tokio::test]
async fn a_slot_is_held_by_who_reads_nothing() {
    let cluster = Cluster::start_with(&["wal_sender_timeout = '4s'"]);
    cluster.sql(
        "create table t (id int primary key, v text); create publication p for table t;
         select pg_create_logical_replication_slot('s', 'pgoutput');
         insert into t select i, repeat(md5(i::text), 100) from generate_series(1, 10000) i",
    );
    let address = cluster.url().parse().unwrap();
    let state = || cluster.sql("select active, confirmed_flush_lsn from pg_replication_slots");
    let before = state();
    let held = hold(&address, "s", "p").await.unwrap();
    // More is sent than sockets hold, and the server would end one that says nothing.
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(held.is_held());
    assert_eq!(state(), before.replace("f|", "t|"), "nothing is confirmed");
    let other = hold(&address, "s", "p").await.err().unwrap();
    assert_eq!(other.fate(), Fate::Transient);
    held.let_go().await.unwrap();
    let held = hold(&address, "s", "p").await.unwrap();
    cluster.sql("select pg_terminate_backend(active_pid) from pg_replication_slots");
    while held.is_held() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
