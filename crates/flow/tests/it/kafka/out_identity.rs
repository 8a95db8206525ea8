//! What the topics have is of one server's log, and of a slot's: where either is another one, nothing is skipped in
//! silence, and where both are the same, nothing is sent again.

use super::out::{plan, settle};
use crate::spool::Leaving;
use crate::support::{World, home, wait_until};
use bus::write::{Delivery, Format};
use cluster::NO_ARCHIVE;
use flow::Pipeline;
use flow::sinks::SinkPlan;
use flow::status::SinkReport;
use kafka_cluster::Broker;
use model::Lsn;
use serde_json::Value;
use source::spool::Spool;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

const ITEMS: &str = "
    create table items (id int primary key, v text);
    create table quiet (id int primary key);
    insert into items select i, 'old' from generate_series(1, 50) i;
    create publication p for table items, quiet;";

const SINKS: [&str; 4] = ["once", "least", "once-never", "least-never"];

/// Of each delivery one that sends the rows of before, and one that does not.
fn plans(world: &World, broker: &Broker) -> Vec<SinkPlan> {
    let of = |name: &&str| {
        let mut plan = plan(world, broker, Format::Json { with_schemas: false });
        plan.name = (*name).to_owned();
        plan.options.topic_prefix = (*name).to_owned();
        plan.options.tables.exclude = vec!["*.quiet".to_owned()];
        if name.starts_with("least") {
            plan.options.delivery = Delivery::AtLeastOnce;
        }
        plan.takes_snapshot = !name.ends_with("never");
        plan
    };
    SINKS.iter().map(of).collect()
}

fn start(world: &World, plans: &[SinkPlan]) -> Pipeline {
    Pipeline::start(flow::Options { sinks: plans.to_vec(), ..world.options() }, home())
}

/// What the messages of the topic come to, and how many there are.
fn folded(world: &World, broker: &Broker, prefix: &str) -> (BTreeMap<i64, String>, usize) {
    let messages = broker.dump(&format!("{prefix}.{}.items", world.schema));
    let mut rows = BTreeMap::new();
    for message in messages.iter().filter(|message| message.value.is_some()) {
        let id = message.key_json()["id"].as_i64().unwrap();
        match &message.value_json()["after"] {
            Value::Null => rows.remove(&id),
            after => rows.insert(id, after["v"].as_str().unwrap().to_owned()),
        };
    }
    (rows, messages.len())
}

fn rows(world: &World) -> BTreeMap<i64, String> {
    let lines = world.sql("select id, v from items order by id");
    let row = |line: &str| {
        let (id, v) = line.split_once('|').unwrap();
        (id.parse().unwrap(), v.to_owned())
    };
    lines.lines().map(row).collect()
}

/// All rows that are there are in the topic as they are; those that went unseen may be there, too.
fn assert_has_all(world: &World, broker: &Broker, prefix: &str, gone: &[i64]) {
    let (mut sent, _) = folded(world, broker, prefix);
    sent.retain(|id, _| !gone.contains(id));
    assert_eq!(sent, rows(world), "{prefix}");
}

fn sinks(pipeline: &Pipeline) -> BTreeMap<String, SinkReport> {
    let sinks = pipeline.handle().report().sinks;
    sinks.into_iter().map(|sink| (sink.name.clone(), sink)).collect()
}

/// Those that send rows of before have done so, and the others say what is missing.
fn assert_told(pipeline: &Pipeline, are_missing: bool) {
    for (name, sink) in sinks(pipeline) {
        let (takes_snapshot, said) = (!name.ends_with("never"), sink.last_error.clone());
        let says = said.is_some_and(|said| said.contains("missing in the topics"));
        assert_eq!(says, are_missing && !takes_snapshot, "{sink:#?}");
        assert_eq!(sink.snapshot_rows > 0, are_missing && takes_snapshot, "{sink:#?}");
    }
}

/// A first process has sent all there was, and some changes.
async fn begun(schema: &'static str) -> (World, Broker, Vec<SinkPlan>) {
    let world = World::with(schema, ITEMS, &[NO_ARCHIVE]);
    let broker = Broker::start();
    let plans = plans(&world, &broker);
    first(&world, &plans).await;
    (world, broker, plans)
}

async fn first(world: &World, plans: &[SinkPlan]) {
    let pipeline = start(world, plans);
    settle(world, &pipeline).await;
    world.sql("update items set v = 'sent' where id <= 10; delete from items where id = 11");
    settle(world, &pipeline).await;
    pipeline.shutdown().await.unwrap();
}

const TOLD: &str = "update items set v = 'told' where id = 5; delete from items where id = 6";

/// It settles, and what is changed then is told as well.
async fn go_on(world: &World, pipeline: Pipeline, change: &str, are_missing: bool) {
    settle(world, &pipeline).await;
    world.sql(change);
    settle(world, &pipeline).await;
    assert_told(&pipeline, are_missing);
    pipeline.shutdown().await.unwrap();
}

/// A restart sends nothing again, and says nothing.
async fn assert_quiet_restart(world: &World, broker: &Broker, plans: &[SinkPlan]) {
    let counts = || SINKS.map(|prefix| folded(world, broker, prefix).1);
    let before = counts();
    let pipeline = start(world, plans);
    settle(world, &pipeline).await;
    assert_told(&pipeline, false);
    pipeline.shutdown().await.unwrap();
    assert_eq!(counts(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_went_with_a_slot_are_made_up_for_or_said_to_be_missing() {
    let (world, broker, plans) = begun("ig").await;
    world.sql("update items set v = 'missed' where id in (2, 20); delete from items where id in (3, 30); insert into items values (60, 'missed')");
    world.drop_slot().await;
    let pipeline = start(&world, &plans);
    go_on(&world, pipeline, TOLD, true).await;
    for prefix in ["once", "least"] {
        assert_has_all(&world, &broker, prefix, &[3, 30]);
    }
    for prefix in ["once-never", "least-never"] {
        let (sent, _) = folded(&world, &broker, prefix);
        let of = |id| sent.get(&id).map(String::as_str);
        assert_eq!([of(2), of(5), of(6), of(60)], [Some("sent"), Some("told"), None, None]);
    }
    assert_quiet_restart(&world, &broker, &plans).await;
}

/// The same while we live, and the broker is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_goes_while_we_live_is_made_up_for() {
    let (world, mut broker, mut plans) = begun("il").await;
    plans.iter_mut().for_each(|plan| plan.options.timeout = std::time::Duration::from_secs(3));
    let pipeline = start(&world, &plans);
    settle(&world, &pipeline).await;
    broker.stop();
    world.sql("update items set v = 'waits' where id = 1");
    // Another one is made once this is committed.
    let missed = "begin; update items set v = 'missed' where id in (2, 20); delete from items where id = 30; \
        select pg_terminate_backend(active_pid) from pg_replication_slots where active; \
        select pg_sleep(0.1); select pg_drop_replication_slot('slot_il'); commit";
    let missed = format!("set search_path = {}; {missed}", world.schema);
    wait_until("the slot is gone", || world.postgres.try_sql(&missed).map(std::mem::drop)).await;
    broker.start_again();
    go_on(&world, pipeline, TOLD, true).await;
    for prefix in ["once", "least"] {
        assert_has_all(&world, &broker, prefix, &[30]);
    }
    assert_quiet_restart(&world, &broker, &plans).await;
}

/// Its log ends before what the topics have of the other one.
#[tokio::test(flavor = "multi_thread")]
async fn another_servers_changes_are_sent_though_its_log_is_shorter() {
    let world = World::new("io", ITEMS);
    let broker = Broker::start();
    let plans = plans(&world, &broker);
    for _ in 0..4 {
        world.sql("insert into quiet values (1); delete from quiet; select pg_switch_wal()");
    }
    first(&world, &plans).await;
    let other = World::new("io", ITEMS);
    let end = |world: &World| world.sql("select pg_current_wal_lsn()").parse::<Lsn>().unwrap();
    assert!(end(&other) < end(&world));
    other.sql("delete from items where id = 40");
    let pipeline = start(&other, &plans);
    settle(&other, &pipeline).await;
    other.sql("update items set v = 'other' where id = 5; delete from items where id = 6");
    settle(&other, &pipeline).await;
    assert!(end(&other) < end(&world));
    assert_told(&pipeline, true);
    pipeline.shutdown().await.unwrap();
    for prefix in ["once", "least"] {
        assert_has_all(&other, &broker, prefix, &[40]);
    }
    for prefix in ["once-never", "least-never"] {
        let (sent, _) = folded(&other, &broker, prefix);
        assert_eq!((sent.get(&5).map(String::as_str), sent.get(&6)), (Some("other"), None));
    }
    assert_quiet_restart(&other, &broker, &plans).await;
}

/// Behind the same address, while we live: neither its name nor its timeline say that it is another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_was_set_back_is_another_server() {
    set_back("ib", false).await;
}

/// Its timeline left that of the topics before they end.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_that_lacks_the_end_is_another_one() {
    set_back("it", true).await;
}

/// Its timeline has all that the topics have: nothing comes again, and nothing is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_server_goes_on_where_the_topics_end() {
    let (world, broker, plans) = begun("iw").await;
    let counts = || SINKS.map(|prefix| folded(&world, &broker, prefix).1);
    let before = counts();
    let pipeline = start(&world, &plans);
    settle(&world, &pipeline).await;
    world.postgres.stop("fast");
    world.postgres.promote();
    assert_eq!(world.sql("select timeline_id from pg_control_checkpoint()"), "2");
    settle(&world, &pipeline).await;
    assert_eq!(counts(), before);
    world.sql("update items set v = 'later' where id = 9; delete from items where id = 8");
    settle(&world, &pipeline).await;
    assert_told(&pipeline, false);
    pipeline.shutdown().await.unwrap();
    for prefix in SINKS {
        let (sent, _) = folded(&world, &broker, prefix);
        assert_eq!((sent.get(&9).map(String::as_str), sent.get(&8)), (Some("later"), None));
    }
    assert_quiet_restart(&world, &broker, &plans).await;
}

async fn set_back(schema: &'static str, begins_a_timeline: bool) {
    let (world, broker, plans) = begun(schema).await;
    world.postgres.stop("fast");
    world.postgres.back_up();
    world.postgres.resume();
    let pipeline = start(&world, &plans);
    world.sql("update items set v = 'never' where id = 20; insert into items values (70, 'never')");
    world.sql("insert into quiet select generate_series(1, 5000)");
    settle(&world, &pipeline).await;
    world.postgres.stop("fast");
    world.postgres.set_back();
    match begins_a_timeline {
        true => world.postgres.promote(),
        false => world.postgres.resume(),
    }
    world.sql("update items set v = 'since' where id = 5");
    // Until then it holds more of the log than there is.
    let is_noticed = |sink: &SinkReport| match sink.name.ends_with("never") {
        true => sink.last_error.is_some(),
        false => sink.snapshot_rows > 0 && !sink.in_snapshot,
    };
    wait_until("it is noticed", || match sinks(&pipeline) {
        sinks if sinks.values().all(is_noticed) => Ok(()),
        sinks => Err(format!("{sinks:#?}")),
    })
    .await;
    assert_told(&pipeline, true);
    pipeline.shutdown().await.unwrap();
    let pipeline = start(&world, &plans);
    go_on(
        &world,
        pipeline,
        "update items set v = 'since' where id = 7; delete from items where id = 8",
        false,
    )
    .await;
    for prefix in ["once", "least"] {
        assert_has_all(&world, &broker, prefix, &[70]);
    }
    let (sent, _) = folded(&world, &broker, "once-never");
    assert_eq!((sent.get(&7).map(String::as_str), sent.get(&8)), (Some("since"), None));
    assert_quiet_restart(&world, &broker, &plans).await;
}

/// Nothing of theirs was sent for a while, and the slot is further by now: it is not told of less.
#[tokio::test(flavor = "multi_thread")]
async fn after_quiet_tables_a_restart_sends_nothing_again_and_takes_nothing_back() {
    let (world, broker, plans) = begun("iq").await;
    let pipeline = start(&world, &plans);
    world.sql("insert into quiet select generate_series(1, 5000)");
    settle(&world, &pipeline).await;
    pipeline.shutdown().await.unwrap();
    let confirmed = || {
        let slot =
            "select confirmed_flush_lsn from pg_replication_slots where slot_name = 'slot_iq'";
        world.sql(slot).parse::<Lsn>().unwrap()
    };
    let before = confirmed();
    for _ in 0..2 {
        let counts = SINKS.map(|prefix| folded(&world, &broker, prefix).1);
        let pipeline = start(&world, &plans);
        let handle = pipeline.handle();
        wait_until("it streams", || match handle.report().source {
            source if source.connected => Ok(()),
            source => Err(format!("{source:#?}")),
        })
        .await;
        assert!(confirmed() >= before);
        let told: Lsn = handle.report().source.confirmed_lsn.parse().unwrap();
        assert!(told == Lsn::ZERO || told >= before, "{told} {before}");
        settle(&world, &pipeline).await;
        assert!(confirmed() >= before);
        assert_told(&pipeline, false);
        pipeline.shutdown().await.unwrap();
        assert_eq!(SINKS.map(|prefix| folded(&world, &broker, prefix).1), counts);
    }
    let pipeline = start(&world, &plans);
    world.sql("update items set v = 'later' where id = 9");
    settle(&world, &pipeline).await;
    pipeline.shutdown().await.unwrap();
    SINKS.iter().for_each(|prefix| {
        let (sent, _) = folded(&world, &broker, prefix);
        assert_eq!(sent[&9], "later", "{prefix}");
    });
}

/// What the store lacks is in the spool alone, and what the sinks have last is older.
#[tokio::test(flavor = "multi_thread")]
async fn a_spool_is_read_though_the_sinks_have_heard_of_nothing_for_long() {
    let (world, broker, plans) = begun("ip").await;
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::new(folder.path().to_owned(), 1 << 30);
    let options = flow::Options { sinks: plans, spool: Some(spool.clone()), ..world.options() };
    let pipeline = Pipeline::start(options.clone(), home());
    world.sql("insert into quiet select generate_series(1, 5000)");
    settle(&world, &pipeline).await;
    pipeline.shutdown().await.unwrap();
    // Something to do for the next start.
    world.sql("create table more (id int primary key); alter publication p add table more");
    let store = Leaving::new();
    let pipeline = Pipeline::start(options.clone(), store.clone());
    wait_until("the log goes to the spool", || match spool.held().is_filled {
        true => Ok(()),
        false => Err(format!("{:#?}", pipeline.handle().report())),
    })
    .await;
    assert!(store.is_gone.load(Ordering::SeqCst));
    world.sql("update items set v = 'spooled' where id = 9; delete from items where id = 10");
    wait_until("it is there", || match spool.held().bytes {
        0 => Err("nothing".to_owned()),
        _ => Ok(()),
    })
    .await;
    drop(pipeline);
    let pipeline = Pipeline::start(options, home());
    settle(&world, &pipeline).await;
    assert_told(&pipeline, false);
    for prefix in ["once", "least"] {
        assert_has_all(&world, &broker, prefix, &[]);
    }
    let (sent, _) = folded(&world, &broker, "once-never");
    assert_eq!((sent.get(&9).map(String::as_str), sent.get(&10)), (Some("spooled"), None));
    pipeline.shutdown().await.unwrap();
}
