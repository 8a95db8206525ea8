//! The copy beside the stream, undisturbed.

use crate::support::{Mortal, World, assert_equal, home, wait_until};
use flow::Pipeline;
use flow::resync::ResyncOptions;
use model::{Lsn, TableName};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_under_load_equals_the_source() {
    let world = World::new(
        "c_load",
        "create table m (id int primary key, v int) with (fillfactor = 10);
         create table e (id int primary key, v int) with (fillfactor = 10);
         create table parted (id int primary key, v int) partition by range (id);
         create table parted_1 partition of parted for values from (0) to (5000);
         create table parted_2 partition of parted for values from (5000) to (1000000);
         insert into m select n, 0 from generate_series(1, 120000) n;
         insert into e select n, 0 from generate_series(1, 120000) n;
         insert into parted select n, 0 from generate_series(1, 10000) n;
         create publication p for table m, e, parted with (publish_via_partition_root = true)",
    )
    .append("e");
    let pipeline = world.start();
    for round in 0..30 {
        let id = 200_000 + round * 100;
        world.sql(&format!(
            "update m set v = v + 1 where id % 30 = {round}; delete from m where id % 400 = {round};
             insert into m select n, 1 from generate_series({id}, {id} + 99) n;
             insert into e select n, 0 from generate_series({id}, {id} + 99) n;
             update parted set v = v + 1 where id % 30 = {round};"
        ));
    }
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    world.assert_mirror("e", "id, v", "id").await;
    world.assert_mirror("parted", "id, v", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_row_filter_holds_for_the_copy_too() {
    let world = World::new(
        "c_filter",
        "create table m (id int primary key, v int);
         insert into m select n, n % 3 from generate_series(1, 3000) n;
         create publication p for table m where (id % 2 = 0)",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into m values (4001, 1), (4002, 2)");
    world.settle(&pipeline).await;
    let source = world.sql("select id, v from m where id % 2 = 0 order by id");
    assert_eq!(world.stored("select id, v from {s}.m order by id").await, source);
    pipeline.shutdown().await.unwrap();
}

/// What is left of one copy is to wait for the stream, which waits until another one begins.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_only_has_to_sweep_waits_for_nobody_who_waits_for_it() {
    let world = World::new(
        "c_sweep",
        "create table e (id int primary key, v int); create table m (like e including all);
         create table f (like e including all); insert into e select n, 0 from generate_series(1, 100) n;
         insert into m select * from e; insert into f select * from e; create publication p for all tables",
    )
    .append("e")
    .append("f");
    let store = Mortal::unswept();
    let pipeline = Pipeline::start(world.options(), store.clone());
    // The first copy has nothing to sweep.
    world.settle(&pipeline).await;
    let options = ResyncOptions { tables: vec!["c_sweep.m".into()], rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
    store.wait_for_sweep().await;
    store.kill(pipeline).await;
    // One of them is planned before the mirror, one after it.
    for table in ["e", "f"] {
        for drop in crate::home::layout().drop_table(&TableName::new("c_sweep", table)) {
            home().execute(&drop).await.unwrap();
        }
    }
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "swept").await;
    pipeline.shutdown().await.unwrap();
}

/// Rows of a table that waits for its copy are read once more: until then the store does not hold them.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_copy_is_not_said_to_be_there() {
    let world = World::with(
        "c_said",
        "create table blocker (id int primary key); create table m (id int primary key);
         create table e (id int primary key); create publication p for all tables",
        &["max_prepared_transactions = 2"],
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // A snapshot waits for it.
    world.sql("begin; insert into blocker values (1); prepare transaction 'older'");
    let options = ResyncOptions { tables: vec!["c_said.e".into()], rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
    let place = || world.sql("select pg_current_wal_lsn()").parse::<Lsn>().unwrap();
    let handle = pipeline.handle();
    let position = |text: String| text.parse::<Lsn>().unwrap();
    world.sql("insert into e values (1)");
    let waits = place();
    // What comes after it is there.
    world.sql("insert into m values (1)");
    let end = place();
    wait_until("the log is read", || {
        let received = position(handle.report().source.received_lsn);
        if received >= end { Ok(()) } else { Err(received.to_string()) }
    })
    .await;
    while world.stored("select count() from {s}.m").await != "1" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.sql("insert into m values (2)");
    let end = place();
    wait_until("the log is read on", || {
        let received = position(handle.report().source.received_lsn);
        if received >= end { Ok(()) } else { Err(received.to_string()) }
    })
    .await;
    assert!(position(handle.report().source.applied_lsn) < waits);
    world.sql("rollback prepared 'older'");
    assert_equal(&world, &pipeline, "copied").await;
    pipeline.shutdown().await.unwrap();
}
