//! A sink that is not required: its broker may be away or slow, the stream goes on, and what waits on disk comes
//! once and in order when the broker is back.

use crate::support::{World, home, wait_until};
use bus::write::SinkOptions;
use flow::Pipeline;
use flow::sinks::{SinkPlan, SpoolPlan};
use flow::status::SinkReport;
use kafka_cluster::Broker;
use model::Lsn;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const TABLE: &str = "create table events (id bigserial primary key, note text not null);";

fn plan(world: &World, broker: &Broker, folder: &Path, spool_mib: u64) -> SinkPlan {
    let mut options = SinkOptions::new(broker.bootstrap(), world.schema);
    // A broker that is away is noticed soon.
    options.timeout = Duration::from_secs(3);
    SinkPlan {
        name: world.schema.to_owned(),
        options,
        is_required: false,
        queue_bytes_max: 64 << 10,
        spool: Some(SpoolPlan { folder: folder.join("sink"), bytes_max: spool_mib << 20 }),
        takes_snapshot: true,
    }
}

/// What was committed before is sent.
async fn begun(schema: &'static str, spool_mib: u64, transactions: u32) -> Begun {
    let (world, broker) = (World::new(schema, TABLE), Broker::start());
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&world, &broker, folder.path(), spool_mib);
    let pipeline = pipeline(&world, &plan);
    world.wait_for_slot().await;
    insert(&world, transactions);
    world.settle(&pipeline).await;
    wait_for_all_sent(&pipeline).await;
    Begun { world, broker, folder, plan, pipeline }
}

struct Begun {
    world: World,
    broker: Broker,
    /// Of the spool.
    folder: TempDir,
    plan: SinkPlan,
    pipeline: Pipeline,
}

fn pipeline(world: &World, plan: &SinkPlan) -> Pipeline {
    Pipeline::start(flow::Options { sinks: vec![plan.clone()], ..world.options() }, home())
}

/// Rows that do not pack well, in transactions of a hundred.
fn insert(world: &World, transactions: u32) {
    for _ in 0..transactions {
        world.sql("insert into events (note) select string_agg(md5(random()::text), '') from generate_series(1, 100) i, generate_series(1, 10) group by i");
    }
}

fn sink(pipeline: &Pipeline) -> SinkReport {
    pipeline.handle().report().sinks.remove(0)
}

async fn wait_for(what: &str, pipeline: &Pipeline, is_so: impl Fn(&SinkReport) -> bool) {
    wait_until(what, || {
        let sink = sink(pipeline);
        if is_so(&sink) { Ok(()) } else { Err(format!("{sink:#?}")) }
    })
    .await;
}

/// Postgres may forget all that is committed now.
async fn wait_for_confirmed(world: &World, pipeline: &Pipeline) {
    let end: Lsn = world.sql("select pg_current_wal_lsn()").parse().unwrap();
    let handle = pipeline.handle();
    wait_until("the slot is confirmed", || {
        let report = handle.report();
        let confirmed: Lsn = report.source.confirmed_lsn.parse().unwrap();
        if confirmed >= end { Ok(()) } else { Err(format!("{report:#?} wanted {end}")) }
    })
    .await;
}

async fn wait_for_all_sent(pipeline: &Pipeline) {
    let applied: Lsn = pipeline.handle().report().source.applied_lsn.parse().unwrap();
    wait_for("all is sent", pipeline, |sink| {
        let there: Lsn = sink.acknowledged_lsn.parse().unwrap();
        sink.connected && there >= applied && sink.queued_bytes + sink.spooled_bytes == 0
    })
    .await;
}

/// Who reads committed messages sees the last of them a little after the commit was answered.
fn ids(world: &World, broker: &Broker, count: u64) -> Vec<i64> {
    let events = broker.wait_for(&format!("{0}.{0}.events", world.schema), count as usize);
    events.iter().map(|event| event.value_json()["after"]["id"].as_i64().unwrap()).collect()
}

/// One partition: the order of the topic is that of the log.
fn assert_each_once_in_order(world: &World, broker: &Broker) {
    let rows: u64 = world.sql("select count(*) from events").parse().unwrap();
    let ids = ids(world, broker, rows);
    let first_wrong = ids.iter().zip(1..).find(|(id, wanted)| **id != *wanted);
    assert_eq!((ids.len() as u64, first_wrong), (rows, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_for_a_while_holds_nothing_and_misses_nothing() {
    let Begun { world, mut broker, folder, pipeline, .. } = begun("oa", 64, 2).await;
    broker.stop();
    insert(&world, 20);
    world.settle(&pipeline).await;
    world.assert_mirror("events", "id, note", "id").await;
    wait_for_confirmed(&world, &pipeline).await;
    let waiting = sink(&pipeline);
    assert!(waiting.spooled_bytes > 100 << 10 && waiting.dropped_messages == 0, "{waiting:#?}");
    broker.start_again();
    insert(&world, 5);
    world.settle(&pipeline).await;
    wait_for_all_sent(&pipeline).await;
    assert_each_once_in_order(&world, &broker);
    assert_eq!(sink(&pipeline).sent_messages, 2700);
    // What was sent is gone.
    assert_eq!(std::fs::read_dir(folder.path().join("sink")).unwrap().count(), 0);
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_by_the_next_process_after_a_kill_and_after_an_orderly_end() {
    let Begun { world, mut broker, folder: _folder, mut plan, pipeline: first } =
        begun("ork", 64, 2).await;
    broker.stop();
    insert(&world, 8);
    // With some of it in memory, some on disk, and some in neither.
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(first);
    insert(&world, 4);
    let second = pipeline(&world, &plan);
    insert(&world, 4);
    world.settle(&second).await;
    wait_for_confirmed(&world, &second).await;
    insert(&world, 3);
    second.shutdown().await.unwrap();
    // With room for all of it in memory.
    plan.queue_bytes_max = 64 << 20;
    let third = pipeline(&world, &plan);
    insert(&world, 3);
    world.settle(&third).await;
    third.shutdown().await.unwrap();
    broker.start_again();
    let last = pipeline(&world, &plan);
    insert(&world, 2);
    world.settle(&last).await;
    wait_for_all_sent(&last).await;
    assert_each_once_in_order(&world, &broker);
    last.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_is_full_drops_with_a_count() {
    let Begun { world, mut broker, pipeline, folder: _folder, .. } = begun("of", 1, 1).await;
    broker.stop();
    insert(&world, 60);
    world.settle(&pipeline).await;
    wait_for_confirmed(&world, &pipeline).await;
    let full = sink(&pipeline);
    assert!(full.spooled_bytes <= 1 << 20 && full.dropped_messages > 0, "{full:#?}");
    assert!(full.last_error.as_ref().unwrap().contains("spool_mib"), "{full:#?}");
    broker.start_again();
    wait_for("what waited is sent", &pipeline, |sink| {
        sink.connected && sink.queued_bytes + sink.spooled_bytes == 0
    })
    .await;
    insert(&world, 1);
    world.settle(&pipeline).await;
    wait_for_all_sent(&pipeline).await;
    let sent = 6_200 - sink(&pipeline).dropped_messages;
    let ids = ids(&world, &broker, sent);
    assert!(ids.is_sorted_by(|one, next| one < next), "in order, and each once");
    assert_eq!((ids.len() as u64, ids.last()), (sent, Some(&6_200)));
    pipeline.shutdown().await.unwrap();
}

/// What was sent before is not known as long as its broker says nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_at_the_start_loses_nothing_and_repeats_nothing() {
    let world = World::new("ob", TABLE);
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&world, &broker, folder.path(), 64);
    let first = pipeline(&world, &plan);
    world.wait_for_slot().await;
    insert(&world, 5);
    wait_for("some is sent", &first, |sink| sink.sent_messages > 0).await;
    // The store may lack what the topics have, and the other way round.
    drop(first);
    broker.stop();
    insert(&world, 3);
    let second = pipeline(&world, &plan);
    insert(&world, 3);
    world.settle(&second).await;
    wait_for_confirmed(&world, &second).await;
    assert!(!sink(&second).connected);
    broker.start_again();
    wait_for_all_sent(&second).await;
    assert_each_once_in_order(&world, &broker);
    second.shutdown().await.unwrap();
}

/// A file stands where the folder would be.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_disk_it_goes_on_and_says_so() {
    let world = World::new("od", TABLE);
    let mut broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let plan = plan(&world, &broker, folder.path(), 64);
    std::fs::write(folder.path().join("sink"), "").unwrap();
    let pipeline = pipeline(&world, &plan);
    world.wait_for_slot().await;
    insert(&world, 1);
    world.settle(&pipeline).await;
    wait_for_all_sent(&pipeline).await;
    broker.stop();
    insert(&world, 10);
    world.settle(&pipeline).await;
    wait_for_confirmed(&world, &pipeline).await;
    let told = sink(&pipeline);
    assert!(told.dropped_messages > 0 && told.spooled_bytes == 0, "{told:#?}");
    assert!(told.last_error.as_ref().unwrap().contains("could not write"), "{told:#?}");
    broker.start_again();
    wait_for("what waited is sent", &pipeline, |sink| sink.connected && sink.queued_bytes == 0)
        .await;
    let sent = 1100 - sink(&pipeline).dropped_messages;
    assert_eq!(ids(&world, &broker, sent).len() as u64, sent);
    pipeline.shutdown().await.unwrap();
}
