//! Kafka, seen from outside: the stream goes out to topics and comes in again, over TLS and with a password; and
//! topics alone.

use crate::says;
use cluster::Cluster;
use harness::{Project, config, wait_until};
use kafka_cluster::{Broker, BrokerOptions, Mechanism, Record, Sasl};

const MILLRACE: &str = env!("CARGO_BIN_EXE_millrace");

fn login(broker: &Broker) -> String {
    format!(
        "user = \"ann\"\npassword = \"secret\"\nsasl_mechanism = \"SCRAM-SHA-512\"\nca_file = \"{}\"",
        broker.ca_pem().display()
    )
}

#[test]
fn the_stream_goes_out_to_topics_and_comes_in_again() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, customer text not null, total numeric(10,2), placed timestamptz)",
    );
    let sasl = Some(Sasl::new(Mechanism::ScramSha512, "ann", "secret"));
    let broker =
        Broker::with(BrokerOptions { tls: true, sasl, partitions: 3, ..BrokerOptions::default() });
    let (brokers, login) = (broker.bootstrap(), login(&broker));
    let more = format!(
        "[[sink.kafka]]\nbrokers = \"{brokers}\"\ntopic_prefix = \"shop\"\nformat = \"debezium-json-schema\"\n{login}\n\n\
         [source.kafka]\nbrokers = \"{brokers}\"\ntopics = [\"^shop\\\\.public\\\\..*\"]\nschema = \"kafka_{{schema}}\"\n{login}\n"
    );
    let project = Project::new(MILLRACE, &config(&cluster.url(), &more));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(
        "insert into orders select i, 'c' || i, i * 1.5, now() from generate_series(1, 500) i; \
         update orders set total = total + 1 where id <= 100; delete from orders where id > 450",
    );
    let of = |place: &str| {
        format!(
            "SELECT count(), sum(total), groupBitXor(cityHash64(id, customer, placed)) FROM {place}.orders"
        )
    };
    up.wait_for("SELECT count() FROM public.orders", "450");
    let direct = up.query(&of("public"));
    up.wait_for(&of("kafka_public"), &direct);
    assert_eq!(
        up.query("SELECT name, type FROM system.columns WHERE database = 'kafka_public' AND table = 'orders' ORDER BY position"),
        up.query("SELECT name, type FROM system.columns WHERE database = 'public' AND table = 'orders' ORDER BY position"),
    );
    cluster
        .sql("alter table orders add column note text; update orders set note = 'x' where id = 1");
    up.wait_for("SELECT id, note FROM kafka_public.orders WHERE note IS NOT NULL", "1\tx");
    let status = project.run(&["status"]);
    says(
        &status,
        0,
        &[
            "kafka_public.orders",
            "sink       shop: connected",
            "topics     connected",
            "3 partitions",
        ],
    );
    let metrics = crate::pause::get(up.ui(), "/metrics");
    for measure in [
        "millrace_kafka_lag_messages{",
        "millrace_sink_sent_messages_total{sink=\"shop\"}",
        "millrace_kafka_connected{",
    ] {
        assert!(metrics.contains(measure), "{measure}\n{metrics}");
    }
    // Nothing is lost where it ends at once.
    up.kill();
    cluster
        .sql("insert into orders select i, 'later', i, now() from generate_series(1001, 1200) i");
    let up = project.up();
    up.wait_for("SELECT count(), uniqExact(id) FROM kafka_public.orders", "650\t650");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn topics_are_read_without_a_postgres() {
    let broker = Broker::start();
    let producer = broker.producer();
    broker.create_topic("clicks", 2, &[]);
    for id in 0..100 {
        let value = format!(
            "{{\"event\": \"e{id}\", \"user\": {{\"id\": {id}, \"plan\": \"free\"}}, \"at\": \"2026-11-30T10:00:00.5Z\", \"page\": \"/p\"}}"
        );
        producer.send(Record {
            topic: "clicks",
            value: Some(value.as_bytes()),
            ..Record::default()
        });
    }
    producer.flush();
    let text = format!(
        "[source.kafka]\nbrokers = \"{}\"\nformat = \"json\"\n\n[source.kafka.plain.clicks]\ntable = \"events.clicks\"\n\
         id = \"event\"\ntime = \"at\"\nrest = \"rest\"\n\n[source.kafka.plain.clicks.columns]\nuser_id = {{ path = \"user.id\", type = \"bigint\" }}\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n",
        broker.bootstrap()
    );
    let project = Project::new(MILLRACE, &text);
    let up = project.up();
    up.wait_for("SELECT count(), sum(user_id) FROM events.clicks", "100\t4950");
    assert!(up.query("SELECT rest FROM events.clicks WHERE user_id = 7").contains("\"plan\""));
    wait_until("it is ready", || up.is_ready());
    says(&project.run(&["status"]), 0, &["events.clicks", "append", "topics     connected"]);
    assert_eq!(up.stop(), Some(0));
}
