//! A pipeline that is paused: nothing is read, nobody is on the slot, and nothing is lost.

use crate::support::{Mortal, World, assert_equal, wait_until};
use flow::quarantine::ReplayOptions;
use flow::resync::ResyncOptions;
use flow::verify::VerifyOptions;
use flow::{Handle, Pipeline};
use std::time::Duration;

/// Of the stream; a snapshot's is temporary.
const SLOT_IS_FREE: &str =
    "select count(*) from pg_replication_slots where active and not temporary";
const SESSIONS: &str = "select count(*) from pg_stat_replication";

async fn pause(world: &World, handle: &Handle) {
    let paused = handle.pause().await.unwrap();
    assert!(!paused.was_paused && paused.slot.is_some(), "{paused:?}");
    assert_eq!(world.sql(SLOT_IS_FREE), "0");
    // A copy's snapshot goes with its connection, which the server notices a moment later.
    wait_until("no session of ours is left", || match world.sql(SESSIONS).as_str() {
        "0" => Ok(()),
        some => Err(some.to_owned()),
    })
    .await;
    assert!(!handle.is_ready() && handle.report().paused_since == Some(paused.since));
}

async fn resume(handle: &Handle) {
    assert!(handle.resume().await.unwrap().paused_since.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_while_paused_and_everything_after() {
    let world = World::new(
        "p_stream",
        "create table m (id int primary key, v int); create table e (id int primary key, v int);
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    world.sql("insert into m values (1, 1); insert into e values (1, 1)");
    world.settle(&pipeline).await;
    // What is committed is read or not; what was read is durable.
    world.sql("insert into m select n, 0 from generate_series(2, 5000) n");
    pause(&world, &handle).await;
    let shown = || async { world.stored("select count() from {s}.m").await };
    let before = shown().await;
    world.sql("update m set v = v + 1; delete from m where id = 1; insert into e values (2, 2)");
    world.sql("truncate e; insert into e values (3, 3); alter table m add more text default 'x'");
    let kept = handle.report().source.retained_bytes;
    wait_until("the look at the slot goes on", || {
        let now = handle.report().source.retained_bytes;
        if now > kept { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    assert_eq!(shown().await, before);
    // Twice is once.
    let again = handle.pause().await.unwrap();
    assert!(again.was_paused && Some(again.since) == handle.report().paused_since);
    assert_eq!(world.sql(SLOT_IS_FREE), "0");
    resume(&handle).await;
    assert_eq!(handle.resume().await.unwrap().paused_since, None);
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select count(), sum(id) from {s}.e").await, "3|6");
    world.assert_mirror("m", "id, v, more", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_the_stream_is_refused_while_paused() {
    let world = World::new(
        "p_refused",
        "create table m (id int primary key); create publication p for table m",
    );
    let pipeline = world.start();
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    pause(&world, &handle).await;
    let tables = vec!["p_refused.m".to_owned()];
    let verify = VerifyOptions { tables: tables.clone(), keys_max: 1 };
    let resync = ResyncOptions { tables: tables.clone(), rows_per_second_max: 0 };
    let replay = ReplayOptions { tables };
    let errors = [
        handle.verify(verify).await.map(drop).unwrap_err(),
        handle.resync(resync).await.map(drop).unwrap_err(),
        handle.replay(replay).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(error.report().contains("the pipeline is paused"), "{error:?}");
        assert_eq!(error.hint_text(), Some("millrace resume"));
    }
    resume(&handle).await;
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// Killed and stopped while paused, and while it comes to rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_outlives_the_process() {
    let world = World::new(
        "p_killed",
        "create table m (id int primary key, v int); insert into m values (1, 1);
         create publication p for table m",
    );
    let mortal = Mortal::new(Duration::ZERO);
    let pipeline = Pipeline::start(world.options(), mortal.clone());
    world.settle(&pipeline).await;
    pause(&world, &pipeline.handle()).await;
    let since = pipeline.handle().report().paused_since;
    mortal.kill(pipeline).await;
    world.sql("update m set v = 2; insert into m values (2, 2)");
    for _ in 0..2 {
        let pipeline = world.start();
        let handle = pipeline.handle();
        wait_until("it knows that it is paused", || match handle.report().tables.as_slice() {
            [table] if table.name == "p_killed.m" => Ok(()),
            tables => Err(format!("{tables:?}")),
        })
        .await;
        let report = handle.report();
        assert_eq!(report.paused_since, since);
        assert_eq!(report.tables[0].rows_in.to_string(), "p_killed_raw.m");
        assert_ne!(report.source.applied_lsn, "0/0");
        assert_eq!(world.sql(SLOT_IS_FREE), "0");
        assert_eq!(world.stored("select id, v from {s}.m").await, "1|1");
        pipeline.shutdown().await.unwrap();
    }
    let pipeline = world.start();
    resume(&pipeline.handle()).await;
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "after a restart").await;
    pipeline.shutdown().await.unwrap();
}

/// Each copy goes on from its ranges; what was changed meanwhile is not lost behind them.
#[tokio::test(flavor = "multi_thread")]
async fn copies_stop_where_they_are_and_go_on() {
    let world = World::new(
        "p_copy",
        "create table m (id int primary key, v int) with (fillfactor = 10);
         create table e (id int primary key, v int) with (fillfactor = 10);
         create table f (v int not null);
         insert into m select n, 0 from generate_series(1, 300000) n;
         insert into e select n, 0 from generate_series(1, 100000) n;
         insert into f select n from generate_series(1, 50000) n;
         create publication p for table m, e, f",
    )
    .append("e")
    .append("f");
    let mortal = Mortal::new(Duration::from_millis(30));
    let mut pipeline = Pipeline::start(world.options(), mortal.clone());
    let copied =
        "select count() from millrace.copy_ranges final where startsWith(target, '{s}.') and done";
    let mut in_copy = 0;
    for round in 1..=3 {
        let handle = pipeline.handle();
        wait_until("the copy has a middle", || {
            let rows: u64 = handle.report().tables.iter().map(|table| table.copied_rows).sum();
            if rows > 0 || handle.is_ready() { Ok(()) } else { Err(format!("{rows}")) }
        })
        .await;
        in_copy += usize::from(!handle.is_ready());
        pause(&world, &handle).await;
        let ranges = world.stored(copied).await;
        world.sql(&format!(
            "update m set v = {round} where id % 7 = {round}; delete from m where id % 100 = {round};
             insert into m values (1000000 + {round}, 0); insert into e values (1000000 + {round}, 0);
             insert into f values ({round})"
        ));
        assert_eq!(world.stored(copied).await, ranges, "a copy goes on while paused");
        if round == 2 {
            mortal.kill(pipeline).await;
            pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(30)));
        }
        resume(&pipeline.handle()).await;
    }
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    world.assert_mirror("e", "id, v", "id").await;
    world.assert_mirror("f", "v", "v").await;
    assert!(in_copy > 0, "no pause came into a copy");
    pipeline.shutdown().await.unwrap();
}

/// Its pieces that are there already come again.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_half_read_is_whole_after_it() {
    let world = World::new(
        "p_large",
        "create table m (id int primary key, v int, body text);
         create table e (id int primary key, v int);
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = Pipeline::start(world.options(), Mortal::new(Duration::from_millis(20)));
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    world.sql(
        "begin; insert into m select n, 0, repeat('x', 200) from generate_series(1, 300000) n;
         insert into e select n, 0 from generate_series(1, 300000) n;
         update m set v = 1 where id % 3 = 0; delete from m where id % 5 = 0; commit",
    );
    let streamed = || handle.report().tables.iter().map(|table| table.streamed_rows).sum::<u64>();
    for _ in 0..2 {
        let before = streamed();
        wait_until("a part of it is there", || {
            if streamed() > before { Ok(()) } else { Err(format!("{:#?}", handle.report())) }
        })
        .await;
        pause(&world, &handle).await;
        resume(&handle).await;
    }
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// What the log lacks then is found as at any start.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_dropped_while_paused_is_a_gap() {
    let world = World::new(
        "p_lost",
        "create table m (id int primary key, v int); insert into m select n, 0 from generate_series(1, 100) n;
         create publication p for table m",
    );
    let pipeline = world.start();
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    pause(&world, &handle).await;
    world.sql("select pg_drop_replication_slot('slot_p_lost'); delete from m where id > 50; update m set v = 1");
    assert!(handle.pause().await.unwrap().slot.is_none());
    resume(&handle).await;
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// A source that is away is a reason to pause.
#[tokio::test(flavor = "multi_thread")]
async fn it_pauses_and_resumes_without_its_source() {
    let world = World::new(
        "p_away",
        "create table m (id int primary key); create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.postgres.stop("fast");
    let paused = pipeline.handle().pause().await.unwrap();
    assert!(!paused.was_paused && paused.slot.is_none());
    resume(&pipeline.handle()).await;
    // Now it is the start that waits for it.
    let paused = pipeline.handle().pause().await.unwrap();
    assert!(!paused.was_paused);
    pipeline.shutdown().await.unwrap();
    let pipeline = world.start();
    wait_until("it is paused", || {
        if pipeline.handle().is_paused() { Ok(()) } else { Err(String::new()) }
    })
    .await;
    world.postgres.resume();
    world.sql("insert into m values (1)");
    resume(&pipeline.handle()).await;
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}
