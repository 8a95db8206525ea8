//! A real Debezium, or our own sink, between a real Postgres and the engine: in the end both sides are equal.

use super::project;
use crate::BINARY;
use cluster::Cluster;
use harness::{Dice, Project, Up, wait_until};
use kafka_cluster::{Broker, BrokerOptions, Connect, ConnectOptions, Registry, debezium};

const TABLES: &str = "
    create table orders (id bigint primary key, customer text not null, total numeric(10,2), placed timestamptz,
        paid boolean not null default false, ref uuid, extra jsonb, quantities int[]);
    create table prices (sku text, region text, price numeric(12,4) not null, day date, free numeric, seen timestamp,
        clock time, labels text[], many numeric(10,2)[], primary key (sku, region));";

const TYPES: &str = "
    [source.kafka.types.\"public.orders\"]
    total = \"numeric(10,2)\"
    placed = \"timestamptz\"
    ref = \"uuid\"
    extra = \"jsonb\"
    quantities = \"int[]\"
    [source.kafka.types.\"public.prices\"]
    price = \"numeric(12,4)\"
    day = \"date\"
    free = \"numeric\"
    seen = \"timestamp\"
    clock = \"time\"
    labels = \"text[]\"
    many = \"numeric(10,2)[]\"
";

/// What psql and the door print alike.
const ORDERS: [&str; 2] = [
    "select concat_ws('|', id, customer, coalesce(total::text, '-'), \
     coalesce(extract(epoch from placed)::numeric(20,6)::text, '-'), paid::int, coalesce(ref::text, '-'), \
     coalesce(extra::text, '-'), coalesce(array_to_string(quantities, ',', '-'), '')) from orders order by id",
    "SELECT concat_ws('|', toString(id), customer, ifNull(toDecimalString(total, 2), '-'), \
     ifNull(toDecimalString(toDecimal64(placed, 6), 6), '-'), toString(toUInt8(assumeNotNull(paid))), ifNull(toString(ref), '-'), \
     ifNull(extra, '-'), arrayStringConcat(arrayMap(n -> ifNull(toString(n), '-'), quantities), ',')) \
     FROM public.orders ORDER BY id FORMAT TSVRaw",
];
const PRICES: [&str; 2] = [
    "select concat_ws('|', sku, region, price, day, trim_scale(free), to_char(seen, 'YYYY-MM-DD HH24:MI:SS.US'), \
     to_char(clock, 'HH24:MI:SS.US'), array_to_string(labels, ',', '-'), array_to_string(many, ',', '-')) \
     from prices order by sku, region",
    "SELECT concat_ws('|', sku, region, toDecimalString(price, 4), toString(day), toString(free), toString(seen), \
     toString(clock), arrayStringConcat(arrayMap(l -> ifNull(l, '-'), labels), ','), \
     arrayStringConcat(arrayMap(m -> ifNull(toDecimalString(m, 2), '-'), many), ',')) \
     FROM public.prices ORDER BY sku, region FORMAT TSVRaw",
];

struct Shop {
    postgres: Cluster,
    dice: Dice,
    next: u64,
}

impl Shop {
    fn change(&mut self, transactions: u32) {
        for _ in 0..transactions {
            let mut sql = String::from("begin;");
            for _ in 0..self.dice.within(1, 8) {
                let (id, n) = (self.dice.below(self.next + 1), self.dice.below(1000));
                sql += &match self.dice.below(10) {
                    0..=3 => {
                        self.next += 1;
                        let id = self.next;
                        format!(
                            "insert into orders values ({id}, 'naïve \"q\" \\ {n}', {}{n}.25, now() - interval '{n} min', {}, \
                             gen_random_uuid(), '{{\"k\": [{n}, 1.50]}}', '{{{n},null,-3}}');",
                            if n % 3 == 0 { "-" } else { "" },
                            n % 2 == 0
                        )
                    }
                    4 => {
                        self.next += 1;
                        format!("insert into orders (id, customer) values ({}, '');", self.next)
                    }
                    5..=6 => {
                        format!("update orders set total = {n}.5, paid = not paid where id = {id};")
                    }
                    7 => format!("delete from orders where id = {id};"),
                    8 => format!(
                        "insert into prices values ('s{}', 'r{}', {n}.1234, date '2026-01-01' + {n}, -{n} / 8.0, now(), \
                         '10:11:12.{n:06}', array['a,{n}', null, 'q\"'], array[{n}.5, null, -0.07]) on conflict (sku, region) do update set price = excluded.price;",
                        n % 20,
                        n % 3
                    ),
                    // Another key, which nobody had.
                    _ => format!(
                        "update prices set sku = 'k{}' where sku = 's{}';",
                        self.dice.draw(),
                        n % 20
                    ),
                };
            }
            self.postgres.sql(&(sql + "commit;"));
        }
    }

    #[track_caller]
    fn assert_equal(&self, up: &Up, project: &Project) {
        for [source, kept] in [ORDERS, PRICES] {
            let mut last = String::new();
            let (wanted, of_last) = (self.postgres.sql(source), &mut last);
            let there = harness::poll(harness::PATIENCE, || {
                *of_last = up.door().try_query(kept).unwrap_or_else(|refused| refused.to_string());
                (of_last.trim_end() == wanted.trim_end()).then_some(())
            });
            if there.is_none() {
                let differs = wanted.lines().zip(last.lines()).find(|(one, other)| one != other);
                let errors =
                    up.query("SELECT topic, offset, reason FROM kafka_engine.errors LIMIT 5");
                panic!(
                    "{} lines, {} kept, {differs:#?}\n{errors}\n{}\n{}",
                    wanted.lines().count(),
                    last.lines().count(),
                    project.status()["kafka"],
                    up.log()
                );
            }
        }
    }
}

fn sinks(broker: &Broker, registry: &Registry) -> String {
    let brokers = format!("[[sink.kafka]]\nbrokers = \"{}\"\n", broker.bootstrap());
    let avro = format!("format = \"debezium-avro\"\nregistry = \"{}\"", registry.ccompat_url());
    format!("{brokers}topic_prefix = \"our\"\n{brokers}topic_prefix = \"our-avro\"\n{avro}\n")
}

/// Killed while it reads, and while nobody does; a column comes while it is away.
#[test]
fn the_tables_equal_postgres_in_each_format() {
    let postgres = Cluster::start_with(&["max_wal_senders=20", "max_replication_slots=20"]);
    postgres.sql(TABLES);
    let seed = Dice::fresh_seed();
    eprintln!("seed {seed}");
    let mut shop = Shop { postgres, dice: Dice::new(seed), next: 0 };
    shop.change(5);
    let broker = Broker::with(BrokerOptions { partitions: 3, ..BrokerOptions::default() });
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let registry = Registry::start();
    let formats = [
        ("bare", debezium::Format::Json),
        ("schemas", debezium::Format::JsonWithSchemas),
        ("avro", debezium::Format::Avro(&registry)),
    ];
    let database = (&shop.postgres).into();
    for (prefix, format) in formats {
        let of = debezium::source(&database, prefix, "public.*", format, &[]);
        connect.put_connector(prefix, of);
    }
    formats.iter().for_each(|(prefix, _)| connect.wait_running(prefix));
    let sender =
        Project::new(BINARY, &harness::config(&shop.postgres.url(), &sinks(&broker, &registry)));
    let mut sends = sender.up();
    sends.wait_ready();
    shop.change(20);
    let formats = formats
        .into_iter()
        .chain([("our", debezium::Format::Json), ("our-avro", debezium::Format::Avro(&registry))])
        .collect::<Vec<_>>();
    let projects: Vec<Project> = formats
        .iter()
        .map(|&(prefix, format)| {
            let more = match format {
                debezium::Format::Avro(registry) => {
                    format!("format = \"debezium-avro\"\nregistry = \"{}\"", registry.ccompat_url())
                }
                debezium::Format::Json => TYPES.to_owned(),
                debezium::Format::JsonWithSchemas => String::new(),
            };
            let of_kafka = format!("engine = \"clickhouse\"\ngroup = \"engine\"\n{more}");
            let topics = format!("\"^{prefix}\\\\.public\\\\..*\"");
            project(&broker.bootstrap(), &topics, &of_kafka)
        })
        .collect();
    for (project, (prefix, _)) in projects.iter().zip(formats) {
        eprintln!("{prefix}");
        let mut up = project.up();
        up.wait_ready();
        shop.change(10);
        shop.assert_equal(&up, project);
        shop.change(30);
        up.kill();
        shop.change(10);
        let mut up = project.up();
        up.wait_ready();
        shop.assert_equal(&up, project);
        let kafka = project.status()["kafka"].clone();
        assert_eq!(
            (&kafka["engine"], &kafka["poison_messages"]),
            (&"clickhouse".into(), &0.into())
        );
        wait_until("the lag is none", || {
            let kafka = project.status()["kafka"].clone();
            kafka["lag_messages"] == 0
                && kafka["partitions"].as_array().is_some_and(|p| p.len() == 6)
        });
        assert_eq!(up.query("SELECT count() FROM kafka_engine.errors"), "0");
        assert_eq!(up.stop(), Some(0));
        let left =
            project.run(&["sql", "SELECT name FROM system.tables WHERE database = 'kafka_engine'"]);
        assert_eq!(left.stdout, "errors\n", "{}", left.talk());
    }
    shop.postgres.sql("alter table orders add column coupon text; update orders set coupon = 'c' || id where id % 2 = 0");
    shop.change(5);
    for project in &projects {
        let mut up = project.up();
        up.wait_ready();
        shop.assert_equal(&up, project);
        let coupons = "SELECT count() FROM public.orders WHERE coupon IS NOT NULL";
        up.wait_for(
            coupons,
            &shop.postgres.sql("select count(*) from orders where coupon is not null"),
        );
        assert_eq!(up.query("SELECT count() FROM kafka_engine.errors"), "0");
        assert_eq!(up.stop(), Some(0));
    }
    assert_eq!(sends.stop(), Some(0));
}
