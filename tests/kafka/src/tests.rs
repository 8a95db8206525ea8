//! The harness itself: what other tests build on is there, and is what it says.

use crate::debezium::{Database, Format, sink, source};
use crate::{
    Broker, BrokerOptions, Connect, ConnectOptions, Mechanism, Message, Producer, Record, Registry,
    Sasl,
};
use cluster::Cluster;
use harness::{Authority, PATIENCE, poll, wait_until};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{ClientConfig, ClientContext};
use serde_json::Value;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

fn write(producer: &Producer, topic: &str, partition: i32, value: &str) {
    let (partition, value) = (Some(partition), Some(value.as_bytes()));
    producer.send(Record { topic, partition, value, ..Record::default() });
    producer.flush();
}

fn values(messages: &[Message]) -> Vec<(i32, i64, &str)> {
    messages
        .iter()
        .map(|message| {
            let value = message.value.as_deref().unwrap_or_default();
            (message.partition, message.offset, std::str::from_utf8(value).expect("text"))
        })
        .collect()
}

#[test]
#[should_panic(expected = "run `make setup-kafka`")]
fn without_its_files_it_says_how_to_get_them() {
    crate::jvm::in_cache(Path::new("/no/such/cache"));
}

#[test]
fn a_topic_is_filled_cut_grown_and_survives_kill_9_and_a_stop() {
    let mut broker = Broker::start();
    broker.create_topic("t", 2, &[("retention.ms", "-1")]);
    let producer = broker.producer();
    for value in ["a", "b"] {
        write(&producer, "t", 1, value);
    }
    let headers = [("h", Some(&b"1"[..])), ("none", None)];
    let key = Some(&b"k"[..]);
    let tombstone = Record { topic: "t", key, partition: Some(0), headers: &headers, value: None };
    producer.send(tombstone);
    producer.flush();
    let dumped = broker.dump("t");
    assert_eq!(values(&dumped), [(0, 0, ""), (1, 0, "a"), (1, 1, "b")]);
    assert_eq!((dumped[0].key.as_deref(), &dumped[0].value), (key, &None));
    let named = headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
    assert_eq!(dumped[0].headers, named);

    broker.kill9();
    broker.start_again();
    assert_eq!(broker.dump("t"), dumped);
    broker.delete_records("t", 1, 1);
    broker.add_partitions("t", 3);
    // A client asks how many there are now and then only.
    write(&broker.producer(), "t", 2, "c");
    assert_eq!(broker.offsets("t", 1), (1, 2));

    broker.stop();
    broker.start_again();
    assert_eq!(values(&broker.dump("t")), [(0, 0, ""), (1, 1, "b"), (2, 0, "c")]);
    broker.delete_topic("t");
    assert_eq!(broker.dump("t"), []);
}

/// The operation of each, with the key of its row; `-` is a tombstone.
fn changes(messages: &[Message]) -> Vec<(String, i64)> {
    let change = |message: &Message| {
        let op = message.value_json()["op"].as_str().unwrap_or("-").to_owned();
        (op, message.key_json()["id"].as_i64().expect("a key"))
    };
    messages.iter().map(change).collect()
}

#[test]
fn debezium_delivers_every_change_as_json_and_goes_on_after_kill_9() {
    let postgres = Cluster::start();
    postgres.sql("create table t (id int primary key, v text); insert into t values (1, 'one')");
    let broker = Broker::start();
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let database = Database::from(&postgres);
    connect.put_connector("shop", source(&database, "shop", "public.t", Format::Json, &[]));
    connect.wait_running("shop");
    broker.wait_for("shop.public.t", 1);
    postgres.sql("insert into t values (2, 'two')");
    postgres.sql("update t set v = 'zwei' where id = 2");
    postgres.sql("delete from t where id = 2");
    let messages = broker.wait_for("shop.public.t", 5);
    let expected = [("r", 1), ("c", 2), ("u", 2), ("d", 2), ("-", 2)];
    assert_eq!(changes(&messages), expected.map(|(op, id)| (op.to_owned(), id)));
    assert_eq!(messages[2].value_json()["after"]["v"], "zwei");

    connect.kill9();
    postgres.sql("insert into t values (3, 'three')");
    connect.start_again();
    // `c`, or `r` when not even the snapshot's offset was written down: then there is another snapshot.
    wait_until("the row from meanwhile", || {
        changes(&broker.dump("shop.public.t")).iter().any(|(_, id)| *id == 3)
    });

    let same_slot = [("slot.name", "shop"), ("slot.max.retries", "0"), ("errors.max.retries", "0")];
    let wrong = source(&database, "other", "public.t", Format::Json, &same_slot);
    connect.put_connector("other", wrong);
    assert!(connect.wait_failed("other").contains("slot"), "one slot has one reader");
    connect.delete_connector("other");
    assert_eq!(connect.status("other")["error_code"], 404);
}

#[test]
fn avro_has_its_schema_in_the_registry_and_the_jdbc_sink_writes_it_to_postgres() {
    let mut registry = Registry::start();
    let postgres = Cluster::start();
    postgres.sql("create table t (id int primary key, v text); insert into t values (1, 'one')");
    let broker = Broker::start();
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let (database, avro) = (Database::from(&postgres), Format::Avro(&registry));
    connect.put_connector("shop", source(&database, "shop", "public.t", avro, &[]));
    let messages = broker.wait_for("shop.public.t", 1);
    let value = messages[0].value.as_deref().expect("a row");
    let (magic, id) = (value[0], u32::from_be_bytes(value[1..5].try_into().expect("four")));
    assert_eq!(magic, 0);
    let schema = registry.schema(id);
    assert_eq!(
        (&schema["name"], &schema["namespace"]),
        (&"Envelope".into(), &"shop.public.t".into())
    );

    connect.put_connector("copy", sink(&database, "shop.public.t", avro, &[]));
    connect.wait_running("copy");
    let copy = || postgres.try_sql("select id, v from shop_public_t").unwrap_or_default();
    wait_until("the copy has the row", || copy() == "1|one");
    postgres.sql("insert into t values (2, 'two'); delete from t where id = 1");
    wait_until("the copy has the changes", || copy() == "2|two");

    registry.kill9();
    registry.start_again();
    assert_eq!(registry.subjects(), Value::Array(Vec::new()));
}

/// Keeps the first error that the client was told beside its calls.
#[derive(Default)]
struct Told(Mutex<Option<RDKafkaErrorCode>>);

impl ClientContext for Told {
    fn error(&self, error: KafkaError, _: &str) {
        let mut first = self.0.lock().expect("nobody panics here");
        *first = first.or(error.rdkafka_error_code());
    }
}

impl ConsumerContext for Told {}

/// Whether the broker answers such a client; else the first that it was told.
fn enters(config: &ClientConfig) -> Result<(), RDKafkaErrorCode> {
    let consumer: BaseConsumer<Told> =
        config.create_with_context(Told::default()).expect("a client");
    let asked = poll(PATIENCE, || {
        let answer = consumer.fetch_metadata(None, Duration::from_millis(300));
        // What it was told is passed on when it is asked for messages.
        let _ = consumer.poll(Duration::ZERO);
        let told = *consumer.context().0.lock().expect("nobody panics here");
        answer.is_ok().then_some(Ok(())).or(told.map(Err))
    });
    asked.expect("an answer or an error")
}

#[test]
fn tls_and_scram_refuse_a_wrong_password_and_acls_what_was_not_allowed() {
    let sasl = Sasl::new(Mechanism::ScramSha512, "app", "right");
    let broker = Broker::with(BrokerOptions {
        tls: true,
        sasl: Some(sasl),
        acl: true,
        ..BrokerOptions::default()
    });
    broker.create_topic("mine", 1, &[]);
    broker.create_topic("theirs", 1, &[]);
    let client = broker.client();
    assert_eq!(enters(&client), Ok(()));
    let wrong = |key: &str, value: &str| enters(client.clone().set(key, value));
    assert_eq!(wrong("sasl.password", "wrong"), Err(RDKafkaErrorCode::Authentication));
    let stranger = Authority::new();
    let stranger = stranger.path("ca.pem").display().to_string();
    assert_eq!(wrong("ssl.ca.location", &stranger), Err(RDKafkaErrorCode::SSL));

    broker.allow(&["Write", "Describe"], &["--topic", "mine"]);
    let producer = Producer::with(&client);
    let value = Some(&b"1"[..]);
    producer.send(Record { topic: "mine", value, ..Record::default() });
    assert_eq!(producer.try_flush(), Ok(()));
    producer.send(Record { topic: "theirs", value, ..Record::default() });
    let refused = producer.try_flush().expect_err("not allowed").rdkafka_error_code();
    assert_eq!(refused, Some(RDKafkaErrorCode::TopicAuthorizationFailed));
    assert_eq!((broker.dump("mine").len(), broker.dump("theirs").len()), (1, 0));
}

#[test]
fn plain_refuses_a_wrong_password_and_a_topic_has_as_many_partitions_as_the_options_say() {
    let sasl = Some(Sasl::new(Mechanism::Plain, "app", "right"));
    let broker = Broker::with(BrokerOptions { sasl, partitions: 3, ..BrokerOptions::default() });
    let client = broker.client();
    let wrong = enters(client.clone().set("sasl.password", "wrong"));
    assert_eq!(wrong, Err(RDKafkaErrorCode::Authentication));
    let producer = Producer::with(&client);
    write(&producer, "t", 2, "a");
    assert_eq!(values(&broker.dump("t")), [(2, 0, "a")]);
}
