//! Values of every type out of a real Postgres, through the stream and its tap: what was sent in
//! binary form is written as what was sent as text, and a batch's messages are of its own rows.
//!
//! `MILLRACE_SEED` replays a run.

use bus::registry::RegistryOptions;
use bus::write::{Encoded, Encoder, Format, Message, Origin, Part, SinkOptions};
use cluster::Cluster;
use cluster::values::{self, EXTENSIONS, Rng};
use model::{Lsn, Table, TableId};
use serde_json::Value;
use source::stream::tap::Tapped;
use source::stream::{Control, Delivery, StreamOptions, start_tapped};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

const VALUES_EACH: usize = 40;
/// `op` and three times, of which the first two bytes are the same.
const AVRO_TIMES_BYTES: usize = 26;

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let given = std::env::var("MILLRACE_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or(now.as_nanos() as u64);
    println!("MILLRACE_SEED={seed}");
    seed
}

fn tables(url: &str) -> Vec<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = source::client::connect(&url.parse().unwrap()).await.unwrap();
        source::catalog::published_tables(&client, "p").await.unwrap()
    })
}

/// Tables `(id int8 primary key, v TYPE)` with values, and rows that change.
fn fill(cluster: &Cluster, rng: &mut Rng) -> usize {
    let sql = "select string_agg(name::text, ' ') from pg_available_extensions";
    let available: Vec<String> = cluster.sql(sql).split(' ').map(String::from).collect();
    cluster.sql(&values::setup(&available));
    let mut types = values::types(&available);
    for &(extension, its) in EXTENSIONS {
        if available.iter().any(|name| name == extension) {
            cluster.sql(&format!("create extension {extension}"));
            types.extend(its);
        }
    }
    let xml = cluster::is_built_with("libxml");
    types.retain(|(sql, ..)| *sql != "xml" || xml);
    cluster.sql("create publication p for all tables");
    let mut cases = Vec::new();
    for (sql, shape, borders) in types {
        for dimensions in 0..3u64 {
            let name = format!("t{:04}", cases.len());
            let sql = sql.to_owned() + &"[]".repeat(dimensions as usize);
            cluster.sql(&format!("create table {name} (id int8 primary key, v {sql})"));
            cases.push((name, sql, shape, borders, dimensions));
        }
    }
    // Their binary form is not read: the stream would have to ask for text for all.
    for table in tables(&cluster.url()) {
        if table.columns.iter().any(|column| column.pg.needs_text()) {
            cluster.sql(&format!("drop table if exists {}", table.name));
            cases.retain(|(name, ..)| *name != table.name.table);
        }
    }
    cluster.sql("select pg_create_logical_replication_slot('s', 'pgoutput')");
    for (name, sql, shape, borders, dimensions) in &cases {
        let mut insert = format!("insert into {name} values ");
        let mut values: Vec<Option<String>> = Vec::new();
        match dimensions {
            0 => {
                values.extend((0..VALUES_EACH).map(|_| values::scalar(rng, *shape)));
                values.extend(borders.iter().map(|border| Some(border.to_string())));
            }
            _ => {
                values.extend((0..VALUES_EACH).map(|_| {
                    values::array(rng, *shape, borders, *dimensions, values::delimiter(sql))
                }))
            }
        }
        for (id, value) in values.iter().enumerate() {
            let value = match value {
                Some(value) => format!("'{}'", value.replace('\'', "''")),
                None => "null".into(),
            };
            let _ = write!(insert, "{}({id}, {value})", if id == 0 { "" } else { "," });
        }
        cluster.sql(&format!("set standard_conforming_strings = on; {insert}"));
        cluster.sql(&format!(
            "delete from {name} where id = 0; update {name} set id = -1 where id = 1"
        ));
    }
    cases.len()
}

struct Taken {
    messages: Vec<Encoded>,
    rows: usize,
}

/// The whole slot, from its beginning.
fn stream(cluster: &Cluster, binary: bool, format: Format) -> Taken {
    let known: HashMap<TableId, Arc<Table>> =
        tables(&cluster.url()).into_iter().map(|table| (table.id, Arc::new(table))).collect();
    let end: Lsn = cluster.sql("select pg_current_wal_lsn()").parse().unwrap();
    let options = SinkOptions { format, ..SinkOptions::new("localhost:9092", "shop") };
    let encoder = Encoder::new(options, Origin { database: "postgres".into() });
    let options = StreamOptions {
        address: cluster.url().parse().unwrap(),
        slot: "s".into(),
        publication: "p".into(),
        from: Lsn::ZERO,
        binary,
        memory_bytes: 64 << 20,
        spool: None,
    };
    let control = Arc::new(Control::new(Lsn::ZERO));
    let mut deliveries = start_tapped(options, control.clone(), Some(Box::new(encoder)));
    let (mut taken, begun) = (Taken { messages: Vec::new(), rows: 0 }, Instant::now());
    loop {
        assert!(begun.elapsed() < Duration::from_secs(120), "the log did not end");
        match deliveries.blocking_recv().expect("the stream ended") {
            Delivery::Relation { relation, reply, .. } => {
                reply.send(known.get(&relation.id).cloned()).unwrap();
            }
            Delivery::Batch(batch) => {
                let through = batch.through;
                taken.rows += batch.blocks.iter().map(|block| block.ops.len()).sum::<usize>();
                taken.messages.extend(batch.tapped.map(encoded));
                // A tap is cut more often than a batch, but never later.
                let sent = taken.messages.last().map(Encoded::through);
                assert!(sent <= Some(through), "{sent:?} is ahead of {through}");
                assert!(batch.blocks.is_empty() || sent.is_some());
                if through >= end {
                    break;
                }
            }
            Delivery::Tapped(tapped) => taken.messages.push(encoded(tapped)),
            Delivery::Ended(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    control.stop();
    drop(deliveries);
    while !control.is_closed() {
        std::thread::sleep(Duration::from_millis(5));
    }
    taken
}

fn encoded(tapped: Tapped) -> Encoded {
    *tapped.0.downcast().expect("ours")
}

fn bytes(part: Option<Part<'_>>) -> Vec<u8> {
    part.map(|part| part.joined(&mut Vec::new()).to_vec()).unwrap_or_default()
}

/// But for when it was written.
fn shown(message: Message<'_>, is_avro: bool) -> String {
    let (key, value) = (bytes(message.key), bytes(message.value));
    let value = match (is_avro, value.is_empty()) {
        (_, true) => "(none)".into(),
        (true, false) => format!("{:?}", &value[..value.len() - AVRO_TIMES_BYTES]),
        (false, false) => {
            let mut value: Value = serde_json::from_slice(&value).expect("JSON");
            value["ts_ms"] = Value::Null;
            value["ts_us"] = Value::Null;
            value["ts_ns"] = Value::Null;
            value.to_string()
        }
    };
    format!("{} {key:?} {:?} {value}", message.topic, message.other_key)
}

#[test]
fn both_forms_of_every_type_are_written_alike() {
    let cluster = Cluster::start();
    let count = fill(&cluster, &mut Rng(seed()));
    let registry = RegistryOptions::new("http://localhost");
    for format in [Format::Json { with_schemas: false }, Format::Avro { registry }] {
        let is_avro = !matches!(format, Format::Json { .. });
        let [binary, text] = [true, false].map(|binary| stream(&cluster, binary, format.clone()));
        let lost = |taken: &Taken| taken.messages.iter().map(|one| one.lost).sum::<u64>();
        let all = |taken: &Taken| {
            let messages = taken.messages.iter().flat_map(Encoded::messages);
            messages.map(|message| shown(message, is_avro)).collect::<Vec<_>>()
        };
        let (left, right) = (all(&binary), all(&text));
        assert_eq!(left.len(), right.len());
        for (left, right) in left.iter().zip(&right) {
            assert!(left == right, "\nbinary {left}\ntext   {right}");
        }
        // A delete and the delete of a key that changes have a message without a value each.
        assert_eq!(left.len(), binary.rows + 2 * count, "every row once");
        assert_eq!(lost(&binary), lost(&text));
        println!("{count} types, {} messages, {} values lost", left.len(), lost(&binary));
    }
}
