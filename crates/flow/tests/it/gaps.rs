//! A stretch of the log that cannot be read: what was missed is copied, and rows of before serve meanwhile.

use crate::support::{World, assert_equal, assert_same, wait_until};
use cluster::NO_ARCHIVE;
use flow::Pipeline;

const TABLES: &str =
    "create table m (id int primary key, v text); create table e (id int primary key, v text);
     create table keyless (v text);
     insert into m select i, 'v' || i from generate_series(1, 100) i;
     insert into e select i, 'e' || i from generate_series(1, 100) i;
     insert into keyless select 'k' || i from generate_series(1, 100) i;
     create publication p for table m, e, keyless";
/// Every kind of change, and a purge of facts.
const MISSED: &str =
    "insert into m values (1001, 'missed'); update m set v = 'changed' where id = 7;
     delete from m where id = 8; insert into e values (1001, 'missed'); delete from e where id < 50;
     insert into keyless values ('missed')";

fn world(schema: &'static str, settings: &[&str]) -> World {
    World::with(schema, TABLES, settings).append("e").append("keyless")
}

/// The mirror is what the source has; a table with a key has every fact of before and since, and of one
/// without a key those of before are kept beside.
async fn assert_whole(world: &World, pipeline: &Pipeline, last: u32) {
    world.sql(&format!("insert into m values ({last}, 'l'); insert into e values ({last}, 'l')"));
    world.settle(pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    let facts = world.stored("select id, v from {s}.e order by id").await;
    let purged: Vec<String> = (1..50).map(|i| format!("{i}|e{i}")).collect();
    let source = format!("{}\n{}", purged.join("\n"), world.sql("select id, v from e order by id"));
    assert_same("e", &source, &facts);
    let source = world.sql("select v from keyless order by v");
    assert_same("keyless", &source, &world.stored("select v from {s}.keyless order by v").await);
}

/// docs/pains.md 12
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_somebody_dropped_or_moved_is_made_up_for() {
    let world = world("g_slot", &[]);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.sql(MISSED);
    world.sql("select pg_drop_replication_slot('slot_g_slot')");
    let pipeline = world.start();
    assert_whole(&world, &pipeline, 2001).await;
    pipeline.shutdown().await.unwrap();
    world.sql("insert into m values (1002, 'skipped'); update m set v = 'again' where id = 7; select pg_switch_wal()");
    world.sql("select pg_replication_slot_advance('slot_g_slot', pg_current_wal_lsn())");
    let pipeline = world.start();
    assert_whole(&world, &pipeline, 2002).await;
    // And while it runs.
    let gone = "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'slot_g_slot' and active";
    wait_until("the slot is gone", || {
        let _ = world.postgres.try_sql(gone);
        world.postgres.try_sql("select pg_drop_replication_slot('slot_g_slot')").map(drop)
    })
    .await;
    world.sql("delete from m where id = 9");
    assert_whole(&world, &pipeline, 2003).await;
    let place =
        "select count() from system.tables where database = '{s}' and name like 'keyless_before_%'";
    assert_eq!(world.stored(place).await, "3");
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 12
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_server_gave_up_is_made_up_for() {
    let world = world(
        "g_lost",
        &["max_slot_wal_keep_size = '1MB'", "min_wal_size = '32MB'", "checkpoint_timeout = '1h'"],
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.sql(MISSED);
    let lost = "select wal_status from pg_replication_slots where slot_name = 'slot_g_lost'";
    wait_until("the slot is lost", || {
        world.sql("insert into m select i, 'x' from generate_series(5000, 9000) i; delete from m where id >= 5000");
        world.sql("select pg_switch_wal(); checkpoint");
        match world.sql(lost) {
            status if status == "lost" => Ok(()),
            status => Err(status),
        }
    })
    .await;
    let pipeline = world.start();
    assert_whole(&world, &pipeline, 2001).await;
    pipeline.shutdown().await.unwrap();
}

/// The server stands before what the store holds, on a history of its own, and goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_takes_the_place_of_what_never_was() {
    set_back("g_restored", true).await;
}

/// The same from a snapshot of its disk: it does not know that it was set back.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_set_back_takes_the_place_of_what_never_was() {
    set_back("g_disk", false).await;
}

async fn set_back(schema: &'static str, begins_a_timeline: bool) {
    let world = World::with(
        schema,
        "create table m (id int primary key, v text); create table e (id int primary key, v text);
         insert into m select i, 'v' || i from generate_series(1, 100) i; insert into e values (1, 'e');
         create publication p for table m, e",
        &[NO_ARCHIVE],
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.postgres.stop("fast");
    world.postgres.back_up();
    world.postgres.resume();
    let pipeline = world.start();
    world.sql("insert into m values (200, 'never'); update m set v = 'never' where id = 3; delete from m where id = 4; insert into e values (2, 'never')");
    world.sql("insert into m select i, 'never' from generate_series(300, 3000) i");
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.postgres.stop("fast");
    world.postgres.set_back();
    match begins_a_timeline {
        true => world.postgres.promote(),
        false => world.postgres.resume(),
    }
    world.sql("insert into m values (201, 'since'); insert into e values (3, 'since')");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "a restored backup").await;
    world.sql("insert into m values (202, 'later'); update m set v = 'later' where id = 300; delete from m where id = 5");
    assert_equal(&world, &pipeline, "a restored backup goes on").await;
    assert_eq!(world.stored("select count() from {s}.m where v = 'never'").await, "0");
    pipeline.shutdown().await.unwrap();
    // Once is enough.
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_eq!(pipeline.handle().report().tables[0].copied_rows, 0);
    pipeline.shutdown().await.unwrap();
}

/// A new timeline whose history has all that the store holds: nothing was missed.
///
/// docs/pains.md 12
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_goes_on_where_the_other_ended() {
    let world = world("g_promoted", &[NO_ARCHIVE]);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let copied = || -> Vec<u64> {
        pipeline.handle().report().tables.iter().map(|table| table.copied_rows).collect()
    };
    let before = copied();
    world.sql(MISSED);
    world.postgres.stop("fast");
    world.postgres.promote();
    assert_eq!(world.sql("select timeline_id from pg_control_checkpoint()"), "2");
    assert_whole(&world, &pipeline, 2001).await;
    assert_eq!(copied(), before);
    let place =
        "select count() from system.tables where database = '{s}' and name like '%_before_%'";
    assert_eq!(world.stored(place).await, "0");
    pipeline.shutdown().await.unwrap();
}

/// Facts that are gone at the source are nowhere else, whatever happened to keys.
///
/// docs/pains.md 16
#[tokio::test(flavor = "multi_thread")]
async fn facts_that_the_source_has_purged_outlive_a_repair() {
    let world = world("g_repair", &[]);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("delete from e where id < 50; update e set id = id + 5000 where id = 60");
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.sql("insert into e values (1001, 'missed')");
    world.drop_slot().await;
    let pipeline = world.start();
    world.sql("update e set id = id + 5000 where id = 61");
    world.settle(&pipeline).await;
    let facts = "select countIf(id < 50), countIf(id = 1001), countIf(id = 70) from {s}.e";
    assert_eq!(world.stored(facts).await, "49|1|1");
    pipeline.shutdown().await.unwrap();
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_eq!(world.stored(facts).await, "49|1|1");
    pipeline.shutdown().await.unwrap();
}
