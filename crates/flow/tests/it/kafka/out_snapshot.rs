//! The rows that were there before a sink: as a real Debezium tells them, once, and in step with the stream behind
//! them, whatever dies.

use super::out::{pipeline, plan, settle};
use crate::support::{World, assert_same, home, wait_until};
use bus::write::{Delivery, Format};
use flow::Pipeline;
use kafka_cluster::{Broker, Connect, ConnectOptions, Message, debezium};
use serde_json::Value;
use std::collections::BTreeMap;

const JSON: Format = Format::Json { with_schemas: false };

/// Large enough for a middle: some batches of 4 MiB.
const ITEMS: &str = "
    create table items (id int primary key, n int, v text);
    alter table items replica identity full;
    insert into items select i, 0, repeat('v' || i, 60) from generate_series(1, 24000) i;";

const SMALL: &str = "
    create table items (id int primary key, n int, v text);
    alter table items replica identity full;
    insert into items select i, 0, 'v' from generate_series(1, 100) i;";

/// Changes of all kinds, in many transactions.
fn change(world: &World, round: usize) {
    let base = 100_000 + round * 10;
    world.sql(&format!(
        "insert into items select i, {round}, 'new' from generate_series({base}, {base} + 9) i; \
         update items set n = n + 1 where id % 400 = {round} % 400; \
         delete from items where id % 400 = ({round} + 7) % 400 and id < 24000; \
         update items set id = id + 1000000 where id = {base}; \
         insert into items select {round} + 7, -1, 'back' on conflict do nothing;"
    ));
}

/// What the topic's messages come to, and how many `r` there were.
struct Folded {
    rows: BTreeMap<i64, Value>,
    read: usize,
}

impl Folded {
    /// `is_exact`: each change meets the row as it left it.
    fn of(messages: &[Message], is_exact: bool) -> Folded {
        let mut folded = Folded { rows: BTreeMap::new(), read: 0 };
        for message in messages.iter().filter(|message| message.value.is_some()) {
            let id = message.key_json()["id"].as_i64().unwrap();
            let mut value = message.value_json();
            let (before, after) = (value["before"].take(), value["after"].take());
            folded.read += usize::from(value["op"] == "r");
            let had = match after.is_null() {
                true => folded.rows.remove(&id),
                false => folded.rows.insert(id, after),
            };
            if is_exact {
                assert_eq!(had.unwrap_or_default(), before, "{id} {}", value["op"]);
            }
        }
        folded
    }

    fn assert_is(&self, world: &World) {
        let line = |(id, row): (&i64, &Value)| {
            format!("{id}|{}|{}\n", row["n"], row["v"].as_str().unwrap())
        };
        let sent: String = self.rows.iter().map(line).collect();
        assert_same("items", &world.sql("select id, n, v from items order by id"), sent.trim());
    }
}

/// Some batches are sent, and others are not.
async fn wait_for_middle(pipeline: &Pipeline) {
    let handle = pipeline.handle();
    wait_until("the snapshot has a middle", || {
        let report = handle.report();
        let sink = report.sinks.first().filter(|sink| sink.snapshot_rows > 0);
        let Some(sink) = sink else { return Err(format!("{:#?}", report.sinks)) };
        assert!(sink.in_snapshot, "it was too quick");
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_first_and_every_change_behind_them_once() {
    let world = World::new("ws", ITEMS);
    let broker = Broker::start();
    let plan = plan(&world, &broker, JSON);
    // A slot that was there before the sink: the log that it keeps is in the rows.
    let before = world.start();
    world.settle(&before).await;
    before.shutdown().await.unwrap();
    (0..5).for_each(|round| change(&world, round));
    let pipeline = pipeline(&world, &plan);
    for round in 5..60 {
        change(&world, round);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    settle(&world, &pipeline).await;
    let messages = broker.dump("ws.ws.items");
    let folded = Folded::of(&messages, true);
    folded.assert_is(&world);
    let sent = pipeline.handle().report().sinks[0].snapshot_rows;
    assert_eq!(folded.read as u64, sent);
    assert!(sent > 20_000, "{sent}");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_dies_in_the_middle_of_a_snapshot_the_rows_come_right() {
    let world = World::new("wk", ITEMS);
    let mut broker = Broker::start();
    let mut plan = plan(&world, &broker, JSON);
    plan.options.timeout = std::time::Duration::from_secs(3);
    // Ours, and rows that were sent are gone before another snapshot.
    let first = pipeline(&world, &plan);
    wait_for_middle(&first).await;
    drop(first);
    world.sql("delete from items where id % 2 = 0");
    change(&world, 0);
    let second = pipeline(&world, &plan);
    wait_for_middle(&second).await;
    change(&world, 1);
    broker.kill9();
    world.sql("delete from items where id % 3 = 0");
    change(&world, 2);
    broker.start_again();
    change(&world, 3);
    settle(&world, &second).await;
    Folded::of(&broker.dump("wk.wk.items"), false).assert_is(&world);
    second.shutdown().await.unwrap();
}

/// Each begins with the rows once, or never.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_sends_no_rows_again_and_never_sends_none() {
    let world = World::new("wn", SMALL);
    let broker = Broker::start();
    let of = |prefix: &str, delivery, takes_snapshot| {
        let mut plan = plan(&world, &broker, JSON);
        plan.name = prefix.to_owned();
        plan.options.topic_prefix = prefix.to_owned();
        plan.options.delivery = delivery;
        plan.takes_snapshot = takes_snapshot;
        plan
    };
    let once = Delivery::ExactlyOnce { transactional_id: None };
    let plans = |delivery: [Delivery; 2]| {
        let [first, second] = delivery;
        vec![of("one", first, true), of("two", second, true), of("no", once.clone(), false)]
    };
    let start = |sinks| Pipeline::start(flow::Options { sinks, ..world.options() }, home());
    // From one delivery to the other and back, too.
    for delivery in [
        [once.clone(), Delivery::AtLeastOnce],
        [once.clone(), Delivery::AtLeastOnce],
        [Delivery::AtLeastOnce, once.clone()],
    ] {
        let pipeline = start(plans(delivery));
        world.settle(&pipeline).await;
        world.sql("update items set n = n + 1 where id < 10");
        settle(&world, &pipeline).await;
        pipeline.shutdown().await.unwrap();
    }
    for (prefix, read) in [("one", 100), ("two", 100)] {
        let folded = Folded::of(&broker.dump(&format!("{prefix}.wn.items")), false);
        assert_eq!(folded.read, read, "{prefix}");
        folded.assert_is(&world);
    }
    let folded = Folded::of(&broker.dump("no.wn.items"), false);
    assert_eq!((folded.read, folded.rows.len()), (0, 9));
}

/// What streamed until then waits, and what the rows of that moment have is left out of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_nothing_waits_for_begins_when_its_broker_comes() {
    let world = World::new("wy", SMALL);
    let mut broker = Broker::start();
    broker.stop();
    let mut plan = plan(&world, &broker, JSON);
    plan.is_required = false;
    plan.options.timeout = std::time::Duration::from_secs(2);
    let pipeline = pipeline(&world, &plan);
    world.settle(&pipeline).await;
    change(&world, 0);
    world.settle(&pipeline).await;
    broker.start_again();
    for round in 1..30 {
        change(&world, round);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    settle(&world, &pipeline).await;
    let folded = Folded::of(&broker.dump("wy.wy.items"), true);
    folded.assert_is(&world);
    assert!(folded.read >= 100, "{}", folded.read);
    pipeline.shutdown().await.unwrap();
}

/// A row that is not committed when the sink begins is there once.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_waits_for_who_writes_and_the_stream_for_it() {
    let world = World::new("wl", SMALL);
    let broker = Broker::start();
    let before = world.start();
    world.settle(&before).await;
    before.shutdown().await.unwrap();
    let writer = source::client::connect(&world.options().address).await.unwrap();
    writer.batch_execute("begin; insert into wl.items values (999, 0, 'late')").await.unwrap();
    let pipeline = pipeline(&world, &plan(&world, &broker, JSON));
    // Longer than a session waits at once.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    change(&world, 0);
    let report = pipeline.handle().report();
    assert_eq!((report.sinks[0].connected, report.source.connected), (false, false));
    writer.batch_execute("commit").await.unwrap();
    change(&world, 1);
    settle(&world, &pipeline).await;
    let folded = Folded::of(&broker.dump("wl.wl.items"), true);
    folded.assert_is(&world);
    assert!(folded.rows.contains_key(&999));
    pipeline.shutdown().await.unwrap();
}

/// The first and the last table by their names have rows, and have none.
const KINDS: &str = r#"
    create type feel as enum ('sad', 'o''k');
    create table a_first (id int primary key, v text);
    insert into a_first values (1, 'one');
    create table "b Odd" (id int, "Ke""y" int primary key, gone int, "as" feel, bytes bytea, note text default 'x',
        at timestamptz, price numeric(8,2), tags text[], doc jsonb, ok bool, c char(4), ip inet, span interval);
    alter table "b Odd" drop column gone;
    insert into "b Odd" values
        (1, 10, 'o''k', '\x00ff', '', '2026-01-01', 1.5, '{a,null,"q\"\\"}', '{"a": 1}', true, 'c', '10.0.0.1', '1 day'),
        (null, 20, null, null, 'y', null, null, null, null, null, null, null, null),
        (2, 30, 'sad', '', E'tab\tline\nback\\slash\\N', 'infinity', 0, '{}', '[]', false, '', '10.0.0.0/8', '-1 mon');
    create table c_empty (id int primary key);
    create table d_nokey (v text, n int);
    alter table d_nokey replica identity full;
    insert into d_nokey values ('x', 1), ('x', 1), (null, null);
    create table e_parts (id int primary key, v text) partition by range (id);
    create table e_parts_1 partition of e_parts for values from (0) to (10);
    create table e_parts_2 partition of e_parts for values from (10) to (20);
    insert into e_parts select i, 'p' || i from generate_series(8, 12) i;
    create table z_empty (id int primary key);"#;

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_told_as_a_real_debezium_tells_them() {
    let world = World::with("wr", KINDS, &["max_wal_senders=20", "max_replication_slots=20"]);
    world.sql("create publication p for all tables with (publish_via_partition_root = true)");
    let broker = Broker::start();
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let overrides = [
        ("snapshot.mode", "initial"),
        ("publication.autocreate.mode", "disabled"),
        ("publication.name", "p"),
        ("table.exclude.list", "wr.e_parts_.*"),
    ];
    let mut source =
        debezium::source(&(&world.postgres).into(), "dbz", "", debezium::Format::Json, &overrides);
    source.as_object_mut().unwrap().remove("table.include.list");
    connect.put_connector("source", source);
    let mut plan = plan(&world, &broker, JSON);
    plan.options.topic_prefix = "ours".to_owned();
    let pipeline = pipeline(&world, &plan);
    settle(&world, &pipeline).await;
    let wanted = [("a_first", 1), ("b_Odd", 3), ("d_nokey", 3), ("e_parts", 5)];
    for (table, count) in wanted {
        let theirs = broker.wait_for(&format!("dbz.wr.{table}"), count);
        let ours = broker.dump(&format!("ours.wr.{table}"));
        let told = |messages: &[Message]| messages.iter().map(told).collect::<Vec<_>>();
        assert_eq!(told(&ours), told(&theirs), "{table}");
    }
    let lasts: Vec<Value> = wanted
        .iter()
        .flat_map(|(table, _)| broker.dump(&format!("ours.wr.{table}")))
        .map(|message| message.value_json()["source"]["snapshot"].clone())
        .collect();
    assert_eq!((&lasts[0], lasts.last().unwrap()), (&"first".into(), &"last".into()));
    // Nothing of a table without rows.
    assert!(broker.dump("ours.wr.c_empty").is_empty());
    pipeline.shutdown().await.unwrap();
}

/// Without what differs from run to run; of that, that it is there.
fn told(message: &Message) -> (i32, Value, Value) {
    let mut value = message.value_json();
    let source = &mut value["source"];
    source["version"].take();
    source["name"].take();
    let sequence = source["sequence"].as_str().unwrap().replace(&source["lsn"].to_string(), "lsn");
    source["sequence"] = sequence.into();
    for field in ["ts_ms", "ts_us", "ts_ns", "lsn", "txId"] {
        source[field] = source[field].is_number().into();
    }
    for field in ["ts_ms", "ts_us", "ts_ns"] {
        value[field] = value[field].is_number().into();
    }
    (message.partition, message.key_json(), value)
}

/// A generated column is sent by the stream from Postgres 18 on alone, and by rows of before neither.
#[tokio::test(flavor = "multi_thread")]
async fn rows_have_the_columns_that_their_changes_have() {
    let world = World::new("wg", "
        create table items (id int primary key, secret text, n int, twice int generated always as (n * 2) stored, v text);
        create table other (id int primary key);
        insert into items (id, secret, n, v) select i, 's', i, 'v' from generate_series(1, 20) i;
        insert into other values (1);
        create publication p for table items (id, n, v) where (id <> 13), other;");
    let broker = Broker::start();
    let mut plan = plan(&world, &broker, JSON);
    plan.options.tables.exclude = vec!["*.other".to_owned()];
    let pipeline = pipeline(&world, &plan);
    settle(&world, &pipeline).await;
    world.sql("insert into items values (21, 's', 4, default, 'v')");
    settle(&world, &pipeline).await;
    let folded = Folded::of(&broker.dump("wg.wg.items"), false);
    assert_eq!((folded.read, folded.rows.len()), (19, 20));
    let columns = |id: i64| folded.rows[&id].as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(columns(1), ["id", "n", "v"]);
    assert_eq!(columns(1), columns(21));
    assert!(broker.dump("wg.wg.other").is_empty());
    pipeline.shutdown().await.unwrap();
}
