//! The stream as Debezium would send it: read by our own consumer, by the real JDBC sink, and compared with
//! what a real Debezium says of the same changes.

use super::support::{start as start_topics, stored};
use crate::support::{World, home, wait_until};
use bus::consume::ConsumerOptions;
use bus::read::{Format as Reads, ReaderOptions};
use bus::registry::RegistryOptions;
use bus::write::{Delivery, Format, SinkOptions};
use flow::Pipeline;
use flow::kafka::KafkaOptions;
use flow::sinks::SinkPlan;
use flow::status::SinkReport;
use kafka_cluster::{Broker, Connect, ConnectOptions, Message, Registry, debezium};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const TABLES: &str = "
    create table users (id bigint primary key, name text not null, balance numeric(10,2), born date, seen timestamptz,
        tags text[], extra jsonb, ok boolean, ref uuid, ratio double precision, big text);
    alter table users alter column big set storage external;
    create table events (id bigserial primary key, kind text not null, n int);";

/// Every message has all values: who changes a key tells of none of the large ones otherwise, and the JDBC sink
/// writes the placeholder where they are left out.
const FULL: &str = "alter table users replica identity full;";

pub(super) fn plan(world: &World, broker: &Broker, format: Format) -> SinkPlan {
    let mut options = SinkOptions::new(broker.bootstrap(), world.schema);
    options.format = format;
    let name = world.schema.to_owned();
    let (is_required, takes_snapshot) = (true, true);
    SinkPlan { name, options, is_required, queue_bytes_max: 16 << 20, spool: None, takes_snapshot }
}

pub(super) fn pipeline(world: &World, plan: &SinkPlan) -> Pipeline {
    let options = flow::Options { sinks: vec![plan.clone()], ..world.options() };
    Pipeline::start(options, home())
}

fn change(world: &World, round: i64) {
    world.sql(&format!(
        "insert into users select i, 'u' || i, i * 1.25, '2000-01-01'::date + i::int, now(), array['a', null, 'b' || i], \
             jsonb_build_object('i', i), i % 2 = 0, gen_random_uuid(), i / 8.0, repeat('x' || i, 800) \
             from generate_series({0}::int, {0}::int + 9) i; \
         insert into events (kind, n) select 'k' || i, i from generate_series(1, 20) i; \
         update users set balance = balance + 1, name = name || '!' where id % 3 = {1}; \
         delete from users where id % 10 = 7 and id < {0}; \
         update users set id = id + 100000 where id % 10 = 5 and id >= {0} and id < 100000;",
        round * 10,
        round % 3
    ));
}

/// Everything that is committed is in the store, and acknowledged by the sink.
pub(super) async fn settle(world: &World, pipeline: &Pipeline) {
    world.settle(pipeline).await;
    let handle = pipeline.handle();
    wait_until("the sinks have it all", || {
        let report = handle.report();
        let applied: model::Lsn = report.source.applied_lsn.parse().unwrap();
        let lacks = |sink: &&SinkReport| {
            let there: model::Lsn = sink.acknowledged_lsn.parse().unwrap();
            let is_behind = there < applied || sink.queued_bytes > 0;
            is_behind || !sink.connected || sink.in_snapshot
        };
        match report.sinks.iter().find(lacks) {
            None => Ok(()),
            Some(sink) => Err(format!("{sink:#?} wanted {applied}")),
        }
    })
    .await;
}

/// The log is read from where the topics end. The store was further, and takes none of it again: not the rows of
/// before a TRUNCATE, which would be back if the next session began behind it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_is_not_taken_again_for_a_sink() {
    let world = World::new("oagain", "create table items (id bigint primary key, v text);");
    let mut broker = Broker::start();
    let plan = plan(&world, &broker, Format::Json { with_schemas: false });
    let first = pipeline(&world, &plan);
    settle(&world, &first).await;
    broker.stop();
    world.sql("insert into items select i, 'old' from generate_series(1, 40) i");
    world.sql("truncate items");
    world.sql("insert into items select i, 'new' from generate_series(1, 20) i");
    world.settle(&first).await;
    let end: model::Lsn = first.handle().report().source.applied_lsn.parse().unwrap();
    let recorded = "SELECT confirmed FROM millrace.checkpoints FINAL WHERE slot = 'slot_oagain'";
    let is_recorded = async {
        while world.stored(recorded).await.trim().parse::<u64>().unwrap() < end.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), is_recorded).await.expect("it is recorded");
    drop(first);
    broker.start_again();
    let second = pipeline(&world, &plan);
    settle(&world, &second).await;
    world.assert_mirror("items", "id, v", "id").await;
    assert_eq!(second.handle().report().tables[0].streamed_rows, 0);
    let ops: Vec<String> = broker
        .wait_for("oagain.oagain.items", 61)
        .iter()
        .map(|message| message.value_json()["op"].as_str().unwrap().to_owned())
        .collect();
    let wanted = [["c"; 40].as_slice(), &["t"], &["c"; 20]].concat();
    assert_eq!(ops, wanted);
    second.shutdown().await.unwrap();
}

fn users(sql_of: &str) -> String {
    format!(
        "select id, name, balance::text, born, md5(big), ok::int, ref, ratio::text, array_to_string(tags, ',') \
         from {sql_of} order by id"
    )
}

/// Kills in between: who reads committed messages has every change once.
#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_sent_once_whatever_dies() {
    let world = World::new("wo", &format!("{TABLES}{FULL}"));
    let mut broker = Broker::start();
    let plan = plan(&world, &broker, Format::Json { with_schemas: false });
    // Of empty tables the snapshot is over before the first kill.
    let first = pipeline(&world, &plan);
    settle(&world, &first).await;
    drop(first);
    for round in 0..10 {
        let pipeline = pipeline(&world, &plan);
        for step in 0..3 {
            change(&world, round * 3 + step);
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
        match round {
            4 => {
                broker.kill9();
                broker.start_again();
            }
            7 => {
                // It is away for a while: Postgres keeps the log.
                broker.stop();
                change(&world, 100);
                tokio::time::sleep(Duration::from_millis(500)).await;
                drop(pipeline);
                broker.start_again();
                continue;
            }
            _ => {}
        }
        if round % 2 == 0 { pipeline.shutdown().await.unwrap() } else { drop(pipeline) }
    }
    let last = pipeline(&world, &plan);
    settle(&world, &last).await;
    // It does not forget in quiet times.
    let policy = broker.config_of("wo.millrace.position", "cleanup.policy");
    assert_eq!(policy.as_deref(), Some("compact"));
    let events = broker.dump("wo.wo.events");
    let mut ids: Vec<i64> = events
        .iter()
        .map(|message| message.value_json()["after"]["id"].as_i64().unwrap())
        .collect();
    let sent = ids.len();
    ids.sort_unstable();
    ids.dedup();
    let rows: usize = world.sql("select count(*) from events").parse().unwrap();
    assert_eq!((sent, ids.len()), (rows, rows), "each once");
    // Our own consumer makes of them what Postgres has.
    let mut reader = ReaderOptions::new(Reads::DebeziumJson);
    reader.schema = "{schema}_back".to_owned();
    let types = [
        ("balance", "numeric(10,2)"),
        ("born", "date"),
        ("tags", "text[]"),
        ("ref", "uuid"),
        ("ratio", "float8"),
        ("seen", "timestamptz"),
        ("extra", "jsonb"),
    ];
    let types = types.map(|(column, of)| (column.to_owned(), of.to_owned()));
    reader.declared.insert(model::TableName::new("wo_back", "users"), types.into());
    assert_back(&world, &broker, reader).await;
    last.shutdown().await.unwrap();
}

async fn assert_back(world: &World, broker: &Broker, reader: ReaderOptions) {
    let schema = world.schema;
    let topics = start_topics(&KafkaOptions {
        consumer: ConsumerOptions {
            brokers: broker.bootstrap(),
            security: Default::default(),
            topics: vec![format!("{schema}.{schema}.users"), format!("{schema}.{schema}.events")],
            group: format!("back_{schema}"),
            reader,
            key_changes: false,
            memory_bytes: 64 << 20,
        },
        by: Default::default(),
        database_pattern: None,
        tables: BTreeMap::new(),
        skips_expired: false,
        postgres: None,
        is_alone: true,
    });
    let wanted = world.sql(&users("users"));
    let sql = format!(
        "SELECT id, name, toDecimalString(balance, 2), born, lower(hex(MD5(big))), toUInt8(ok), ref, toString(ratio), \
         arrayStringConcat(arrayFilter(x -> x IS NOT NULL, tags), ',') FROM {schema}_back.users ORDER BY id"
    );
    let begun = std::time::Instant::now();
    loop {
        let kept = super::support::try_stored(&sql).await.unwrap_or_default();
        if kept == wanted {
            break;
        }
        if begun.elapsed() > Duration::from_secs(30) {
            let quarantine = stored(
                "SELECT source_table, column, reason FROM millrace.quarantine FINAL LIMIT 5",
            )
            .await;
            let differing = wanted.lines().zip(kept.lines()).find(|(one, other)| one != other);
            panic!(
                "{differing:#?} {} {}\n{quarantine}",
                wanted.lines().count(),
                kept.lines().count()
            );
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    topics.shutdown().await.unwrap();
}

/// A second Postgres, filled by software that nobody here wrote.
async fn jdbc(schema: &'static str, is_avro: bool) {
    let world = World::new(schema, &format!("{TABLES}{FULL}"));
    let other = cluster::Cluster::start();
    let broker = Broker::start();
    let registry = is_avro.then(Registry::start);
    let format = match &registry {
        Some(registry) => Format::Avro { registry: RegistryOptions::new(&registry.ccompat_url()) },
        None => Format::Json { with_schemas: true },
    };
    let plan = plan(&world, &broker, format);
    let pipeline = pipeline(&world, &plan);
    world.wait_for_slot().await;
    world.settle(&pipeline).await;
    for round in 0..12 {
        change(&world, round);
    }
    settle(&world, &pipeline).await;
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let topics = format!("{schema}.{schema}.users,{schema}.{schema}.events");
    let reads = match &registry {
        Some(registry) => debezium::Format::Avro(registry),
        None => debezium::Format::JsonWithSchemas,
    };
    let unwrapped = [
        ("transforms", "unwrap"),
        ("transforms.unwrap.type", "io.debezium.transforms.ExtractNewRecordState"),
        ("transforms.unwrap.drop.tombstones", "false"),
    ];
    let overrides: &[(&str, &str)] = if is_avro { &[] } else { &unwrapped };
    let sink = debezium::sink(&(&other).into(), &topics, reads, overrides);
    connect.put_connector("sink", sink);
    let wanted = world.sql(&users("users"));
    let events = world.sql("select id, kind, n from events order by id");
    wait_until("the second Postgres equals the first", || {
        let read = |sql: &str| other.try_sql(sql).unwrap_or_default();
        let there = read(&users(&format!("{schema}_{schema}_users")));
        let there_events =
            read(&format!("select id, kind, n from {schema}_{schema}_events order by id"));
        let differing = wanted.lines().zip(there.lines()).find(|(one, other)| one != other);
        match there == wanted && events == there_events {
            true => Ok(()),
            false => Err(format!(
                "{differing:#?}\n{}\n{}",
                connect.status("sink"),
                there_events.lines().count()
            )),
        }
    })
    .await;
    if let Some(registry) = &registry {
        let mut reader = ReaderOptions::new(Reads::DebeziumAvro);
        reader.schema = "{schema}_back".to_owned();
        reader.registry = Some(RegistryOptions::new(&registry.ccompat_url()));
        assert_back(&world, &broker, reader).await;
    }
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jdbc_sink_makes_a_second_postgres_of_our_json() {
    jdbc("wj", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jdbc_sink_makes_a_second_postgres_of_our_avro() {
    jdbc("wa", true).await;
}

/// What a message says, without what differs from run to run.
fn said(message: &Message, prefix: &str, topic: &str) -> String {
    let mut value = message.value_json();
    let op = value["op"].take();
    let topic = topic.strip_prefix(prefix).unwrap_or(topic);
    format!(
        "{topic} {} {op} {} {}",
        message.key_json(),
        value["before"].take(),
        value["after"].take()
    )
}

/// By key, in their order.
fn sequences(broker: &Broker, prefix: &str, tables: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in tables {
        let topic = format!("{prefix}.{table}");
        for message in broker.dump(&topic) {
            let key = format!("{table} {}", message.key_json());
            all.entry(key).or_default().push(said(&message, prefix, &topic));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_changes_are_told_as_a_real_debezium_tells_them() {
    let world = World::with("wd", TABLES, &["max_wal_senders=20", "max_replication_slots=20"]);
    let broker = Broker::start();
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let overrides = [("snapshot.mode", "no_data"), ("skipped.operations", "none")];
    let source = debezium::source(
        &(&world.postgres).into(),
        "dbz",
        "wd.*",
        debezium::Format::Json,
        &overrides,
    );
    connect.put_connector("source", source);
    connect.wait_running("source");
    let slot = "select count(*) from pg_replication_slots where slot_name = 'dbz' and active";
    wait_until("Debezium's slot is read", || match world.sql(slot).as_str() {
        "1" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
    let mut plan = plan(&world, &broker, Format::Json { with_schemas: false });
    plan.options.topic_prefix = "ours".to_owned();
    plan.options.delivery = Delivery::AtLeastOnce;
    plan.takes_snapshot = false;
    let pipeline = pipeline(&world, &plan);
    world.wait_for_slot().await;
    world.settle(&pipeline).await;
    for round in 0..6 {
        change(&world, round);
    }
    world.sql("alter table events add column note text; insert into events (kind, n, note) values ('new', 1, 'n')");
    world.sql("update users set big = 'small', seen = 'infinity' where id = 1; truncate events; delete from users where id = 2");
    settle(&world, &pipeline).await;
    let tables = ["wd.users".to_owned(), "wd.events".to_owned()];
    let ours = sequences(&broker, "ours", &tables);
    let mut theirs = BTreeMap::new();
    wait_until("Debezium has sent as much", || {
        theirs = sequences(&broker, "dbz", &tables);
        let count = |all: &BTreeMap<String, Vec<String>>| all.values().map(Vec::len).sum::<usize>();
        match count(&theirs) >= count(&ours) {
            true => Ok(()),
            false => Err(format!("{} of {}", count(&theirs), count(&ours))),
        }
    })
    .await;
    for (key, sequence) in &theirs {
        assert_eq!(ours.get(key), Some(sequence), "{key}");
    }
    assert_eq!(ours.len(), theirs.len());
    // A source block has the same fields.
    let fields = |topic: &str| -> Vec<String> {
        let message = broker.dump(topic).into_iter().find(|m| m.value.is_some()).unwrap();
        let value: Value = message.value_json();
        let mut names: Vec<String> = value["source"].as_object().unwrap().keys().cloned().collect();
        names.extend(value.as_object().unwrap().keys().cloned());
        names.sort();
        names
    };
    assert_eq!(fields("ours.wd.users"), fields("dbz.wd.users"));
    pipeline.shutdown().await.unwrap();
}
