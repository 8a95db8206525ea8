//! A real Debezium between a real Postgres and us: random changes, everything is killed now and then, and in the
//! end both sides are equal.

use super::support::{start, stored, try_stored};
use crate::support::{World, home};
use bus::consume::ConsumerOptions;
use bus::read::{Format, ReaderOptions};
use bus::registry::RegistryOptions;
use bus::security::{Mechanism, Protocol, Sasl, Security};
use flow::Handle;
use flow::kafka::{Kafka, KafkaOptions};
use flow::status::State;
use flow::verify::VerifyOptions;
use harness::Dice;
use kafka_cluster::Mechanism::ScramSha512;
use kafka_cluster::{Broker, BrokerOptions, Connect, ConnectOptions, Registry, debezium};
use model::{Mode, TableOptions};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const TABLES: &str = "
    create type mood as enum ('sad', 'ok', 'happy');
    create table orders (id bigint primary key, customer text not null, total numeric(10,2), placed timestamptz,
        paid boolean, note text, tags text[], extra jsonb, ref uuid, mood mood, due date, small smallint,
        rate double precision, at_day time, seen timestamp);
    create table events (id bigint primary key, order_id bigint, kind varchar(20) not null, at timestamptz not null);
    create table prices (sku text, region text, price numeric(12,4) not null, primary key (sku, region));
    alter table orders alter column note set storage external;";

/// What psql and the engine print alike.
const ORDERS: [&str; 2] = [
    "select id, customer, total::text, extract(epoch from placed)::numeric(20,6)::text, paid::int, md5(note), \
     array_to_string(tags, ','), extra->>'k', ref, mood, due, small, rate::text, to_char(at_day, 'HH24:MI:SS.US'), \
     to_char(seen, 'YYYY-MM-DD HH24:MI:SS.US') from {s}.orders order by id",
    "SELECT id, customer, toDecimalString(total, 2), toDecimalString(toDecimal64(placed, 6), 6), toUInt8(paid), lower(hex(MD5(note))), \
     arrayStringConcat(arrayFilter(x -> x IS NOT NULL, tags), ','), JSONExtractString(ifNull(extra, ''), 'k'), ref, mood, due, small, \
     toString(rate), toString(at_day), toString(seen) FROM {s}.orders ORDER BY id",
];

struct Bus {
    broker: Broker,
    connect: Connect,
    registry: Option<Registry>,
    world: World,
}

impl Bus {
    fn new(schema: &'static str, is_avro: bool, schemas: bool) -> Bus {
        let world =
            World::with(schema, TABLES, &["max_wal_senders=20", "max_replication_slots=20"]);
        // Avro comes over TLS with SCRAM, plain JSON in many partitions.
        let sasl = is_avro.then(|| kafka_cluster::Sasl::new(ScramSha512, "ann", "secret"));
        let partitions = if is_avro || schemas { 3 } else { 12 };
        let broker = Broker::with(BrokerOptions {
            partitions,
            tls: is_avro,
            sasl,
            ..BrokerOptions::default()
        });
        let mut connect = Connect::start(&broker, ConnectOptions::default());
        let registry = is_avro.then(Registry::start);
        let format = match (&registry, schemas) {
            (Some(registry), _) => debezium::Format::Avro(registry),
            (None, true) => debezium::Format::JsonWithSchemas,
            (None, false) => debezium::Format::Json,
        };
        let tables = format!("{schema}.*");
        let overrides =
            [("heartbeat.interval.ms", "500"), ("producer.override.compression.type", "zstd")];
        let source =
            debezium::source(&(&world.postgres).into(), schema, &tables, format, &overrides);
        connect.put_connector("source", source);
        Bus { broker, connect, registry, world }
    }

    fn options(&self) -> KafkaOptions {
        let schema = self.world.schema;
        let format =
            if self.registry.is_some() { Format::DebeziumAvro } else { Format::DebeziumJson };
        let mut reader = ReaderOptions::new(format);
        reader.registry =
            self.registry.as_ref().map(|registry| RegistryOptions::new(&registry.ccompat_url()));
        let types = [
            ("total", "numeric(10,2)"),
            ("placed", "timestamptz"),
            ("extra", "jsonb"),
            ("ref", "uuid"),
            ("due", "date"),
            ("at_day", "time"),
            ("seen", "timestamp"),
            ("small", "smallint"),
            ("tags", "text[]"),
            ("rate", "float8"),
        ];
        let types: BTreeMap<String, String> =
            types.map(|(column, of)| (column.to_owned(), of.to_owned())).into();
        reader.declared.insert(model::TableName::new(schema, "orders"), types);
        let price = BTreeMap::from([("price".to_owned(), "numeric(12,4)".to_owned())]);
        reader.declared.insert(model::TableName::new(schema, "prices"), price);
        let time = BTreeMap::from([("at".to_owned(), "timestamptz".to_owned())]);
        reader.declared.insert(model::TableName::new(schema, "events"), time);
        let facts = TableOptions { mode: Mode::Append, ..TableOptions::default() };
        KafkaOptions {
            consumer: ConsumerOptions {
                brokers: self.broker.bootstrap(),
                security: self.security(),
                topics: vec![format!("^{schema}\\..*")],
                group: format!("group_{schema}"),
                reader,
                key_changes: false,
                memory_bytes: 64 << 20,
            },
            by: Default::default(),
            database_pattern: None,
            tables: BTreeMap::from([(format!("{schema}.events"), facts)]),
            skips_expired: false,
            postgres: Some(self.world.postgres.url().parse().unwrap()),
            is_alone: false,
        }
    }

    fn security(&self) -> Security {
        if self.registry.is_none() {
            return Security::default();
        }
        let sasl = Sasl {
            mechanism: Mechanism::ScramSha512,
            user: "ann".into(),
            password: "secret".into(),
        };
        Security {
            protocol: Protocol::SaslSsl,
            sasl: Some(sasl),
            ca_file: Some(self.broker.ca_pem().display().to_string()),
            ..Security::default()
        }
    }

    fn change(&self, dice: &mut Dice, next: &mut u64) {
        let mut sql = String::from("begin;");
        for _ in 0..dice.within(1, 12) {
            let id = dice.below(*next + 1);
            sql += &match dice.below(12) {
                0..=4 => {
                    *next += 1;
                    let (id, n) = (*next, dice.below(1000));
                    format!(
                        "insert into orders values ({id}, 'c{n}', {n}.25, now() - interval '{n} min', {}, repeat('n{n}', {}), \
                         array['a{n}', null, 'b'], '{{\"k\": \"v{n}\"}}', gen_random_uuid(), 'ok', '2026-01-{:02}', {n}, \
                         {n} / 8.0, '10:11:12.{n:06}', now()); \
                         insert into events values ({id}, {id}, 'placed', now());",
                        n % 2 == 0,
                        1 + dice.below(900),
                        1 + n % 28,
                    )
                }
                5..=8 => format!(
                    "update orders set total = {}.5, mood = 'happy', paid = not paid where id = {id};",
                    dice.below(9999)
                ),
                9 => format!("delete from orders where id = {id};"),
                10 => format!(
                    "insert into prices values ('s{}', 'r{}', {}.1234) on conflict (sku, region) do update set price = excluded.price;",
                    dice.below(20),
                    dice.below(3),
                    dice.below(500)
                ),
                // Another key, which nobody had.
                _ => format!(
                    "update prices set sku = 'k{}' where sku = 's{}' and region = 'r0';",
                    dice.draw(),
                    dice.below(20)
                ),
            };
        }
        self.world.sql(&(sql + "commit;"));
    }

    fn source(&self, sql: &str) -> String {
        self.world.postgres.sql(&sql.replace("{s}", self.world.schema))
    }

    /// The tables are made with their first rows.
    async fn kept(&self, sql: &str) -> String {
        let kept = try_stored(&sql.replace("{s}", self.world.schema)).await;
        kept.map_or_else(|error| error.report(), |kept| kept.replace("NULL", ""))
    }

    /// Both sides, until they are equal.
    async fn assert_equal(&self, kafka: &Kafka) {
        let prices = "select sku, region, price::text from {s}.prices order by sku, region";
        let prices_kept =
            "SELECT sku, region, toDecimalString(price, 4) FROM {s}.prices ORDER BY sku, region";
        // What a killed worker sends again is again in the topic, and not in a table of facts.
        let events = "select count(*), coalesce(sum(id), 0) from {s}.events";
        let events_kept = "SELECT count(), sum(id) FROM {s}.events";
        let begun = Instant::now();
        loop {
            let mut unequal = None;
            for (sql, kept) in
                [(ORDERS[0], ORDERS[1]), (prices, prices_kept), (events, events_kept)]
            {
                let (source, kept) = (self.source(sql), self.kept(kept).await);
                if source != kept {
                    let differing =
                        source.lines().zip(kept.lines()).find(|(one, other)| one != other);
                    let lines = (source.lines().count(), kept.lines().count());
                    unequal = Some(format!("{sql}\n{lines:?} {differing:#?}"));
                    break;
                }
            }
            let Some(unequal) = unequal else { return };
            let (report, shown) = kafka.handle().report();
            let failed = report.tables.iter().find(|table| table.state == State::Failed);
            assert!(failed.is_none(), "{failed:#?}");
            assert!(
                begun.elapsed() < Duration::from_secs(90),
                "{unequal}\n{shown:#?}\n{}\n{}",
                self.connect.status("source"),
                stored(
                    "SELECT source_table, column, reason FROM millrace.quarantine FINAL LIMIT 5"
                )
                .await,
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Bus {
    async fn verify(&self, kafka: &Kafka, differences: &[&str]) {
        let options = VerifyOptions { tables: Vec::new(), keys_max: 20 };
        let verdict = Handle::of_topics(kafka.handle()).verify(options).await.unwrap();
        let shown = format!("{verdict:#?}");
        let mut found = Vec::new();
        for table in verdict.tables {
            assert!(table.skipped.is_none() && table.source_rows > 0, "{shown}");
            let is_same = differences.is_empty() || table.differing_keys == 0;
            assert!(!is_same || table.source_rows == table.store_rows, "{shown}");
            assert_eq!(table.notes, Vec::<String>::new(), "{shown}");
            found.extend(table.differences.iter().map(|one| format!("{} {}", one.kind, one.key)));
        }
        found.sort();
        assert_eq!(found, differences, "{shown}");
    }
}

fn rounds(short: u64) -> u64 {
    std::env::var("MILLRACE_KAFKA_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// A seed, and how many rounds: `MILLRACE_SEED`, `MILLRACE_KAFKA_ROUNDS`.
async fn go(mut bus: Bus, short: u64) {
    let seed = std::env::var("MILLRACE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(Dice::fresh_seed);
    println!("MILLRACE_SEED={seed}");
    let (mut dice, mut next) = (Dice::new(seed), 0);
    // A table is made with its first row, and a column with its first value.
    bus.world.sql(
        "insert into prices values ('first', 'r9', 1.5);
         insert into orders values (-1, 'first', 1.25, now(), true, 'n', array['a'], '{\"k\": \"v\"}',
            gen_random_uuid(), 'ok', '2026-01-01', 1, 0.5, '10:11:12.5', now());
         insert into events values (-1, -1, 'placed', now())",
    );
    bus.change(&mut dice, &mut next);
    bus.connect.wait_running("source");
    let options = bus.options();
    let mut kafka = Some(start(&options));
    bus.assert_equal(kafka.as_ref().unwrap()).await;
    // A worker that is killed before its offsets are on disk reads the tables anew, and never tells of rows that
    // were deleted meanwhile.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let begun = Instant::now();
    let (rounds, mut faults, mut compared) = (rounds(short), BTreeMap::<&str, u64>::new(), 1);
    for round in 0..rounds {
        for _ in 0..dice.within(5, 40) {
            bus.change(&mut dice, &mut next);
        }
        let fault = match dice.below(8) {
            0 => {
                drop(kafka.take());
                "we end anyhow"
            }
            1 => {
                if let Some(kafka) = kafka.take() {
                    kafka.shutdown().await.unwrap();
                }
                "we end in order"
            }
            2 => {
                bus.broker.kill9();
                bus.broker.start_again();
                "kill -9 of the broker"
            }
            3 => {
                bus.broker.stop();
                bus.broker.start_again();
                "restart of the broker"
            }
            4 => {
                bus.connect.kill9();
                bus.connect.start_again();
                "kill -9 of Debezium's worker"
            }
            5 => match bus.registry.as_ref().and_then(Registry::pid) {
                // Away, and back with all that it knew; one that is killed forgets.
                Some(pid) => {
                    harness::signal(pid, "STOP");
                    bus.change(&mut dice, &mut next);
                    tokio::time::sleep(dice.millis(0, 8000)).await;
                    harness::signal(pid, "CONT");
                    "the registry stands still"
                }
                None => "none",
            },
            _ => "none",
        };
        *faults.entry(fault).or_default() += 1;
        if kafka.is_none() {
            kafka = Some(start(&options));
        }
        if round % 5 == 4 {
            bus.assert_equal(kafka.as_ref().unwrap()).await;
            compared += 1;
        }
    }
    let kafka = kafka.unwrap();
    bus.assert_equal(&kafka).await;
    bus.verify(&kafka, &[]).await;
    println!(
        "{rounds} rounds of {} in {} s, compared {} times: {faults:?}",
        bus.world.schema,
        begun.elapsed().as_secs(),
        compared + 2
    );
    // What is here alone, there alone, and other than there.
    let rows = format!("{}_raw.orders", bus.world.schema);
    let extra = format!("INSERT INTO {rows} SELECT * REPLACE (-5 AS id) FROM {rows} FINAL LIMIT 1");
    home().execute(&extra).await.unwrap();
    home().execute(&format!("DELETE FROM {rows} WHERE id = -1")).await.unwrap();
    bus.verify(&kafka, &["extra -5", "missing -1"]).await;
    kafka.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_equals_postgres_whatever_dies() {
    go(Bus::new("dj", false, false), 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_with_schemas_equals_postgres_whatever_dies() {
    go(Bus::new("ds", false, true), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn avro_equals_postgres_whatever_dies() {
    go(Bus::new("da", true, false), 4).await;
}
