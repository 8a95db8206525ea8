//! `millrace kafka ddl`.

use super::{Topic, project};
use crate::{BINARY, says};
use harness::Project;
use kafka_cluster::{Broker, BrokerOptions, Mechanism, Sasl};
use serde_json::json;

const TYPES: &str = "[source.kafka.types.\"public.orders\"]\ntotal = \"numeric(10,2)\"\nplaced = \"timestamptz\"\n\
                     tags = \"int[]\"\n";

fn rows(topic: &Topic) {
    let row = json!({"id": 1, "total": "BM4=", "placed": "2026-01-02T03:04:05.678901Z", "tags": [1, null], "note": "n"});
    topic.send("c", 1, row, 8);
}

/// `MILLRACE_WRITE_DOCS=1 cargo test -p millrace --test it kafka_engine::printed` writes it anew.
#[test]
fn the_statements_are_these() {
    let broker = Broker::start();
    rows(&Topic::new(&broker, "shop.public.orders"));
    let project = project(&broker.bootstrap(), "\"^shop\\\\..*\"", TYPES);
    let printed = project.run(&["kafka", "ddl", "--engine", "kafka"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk());
    assert!(!project.state().exists(), "nothing is opened");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/kafka_engine/printed.sql");
    let text = printed.stdout.replace(&broker.bootstrap(), "kafka:9092");
    if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(text, std::fs::read_to_string(path).unwrap_or_default());

    // By hand in an empty store, twice: they run.
    std::fs::create_dir(project.state()).unwrap();
    for statement in
        printed.stdout.split_terminator(";\n\n").chain(printed.stdout.split_terminator(";\n\n"))
    {
        // What reads would go on reading as the engine closes.
        if statement.starts_with("CREATE TABLE `kafka_millrace`.`shop.public.orders` (") {
            continue;
        }
        if !statement.contains("__pump` TO") {
            let ran = project.run(&["sql", statement]);
            assert_eq!(ran.code, Some(0), "{statement}: {}", ran.talk());
        }
    }
}

#[test]
fn a_clusters_statements_are_for_all_of_its_servers() {
    let broker = Broker::start();
    rows(&Topic::new(&broker, "shop.public.orders"));
    let project = project(&broker.bootstrap(), "\"shop.public.orders\"", TYPES);
    let text = std::fs::read_to_string(project.path().join("millrace.toml")).unwrap();
    project.configure(&(text + "[store]\nurl = \"http://127.0.0.1:1\"\ncluster = \"prod\"\n"));
    let printed = project.run(&["kafka", "ddl"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk());
    assert!(printed.stderr.contains("the store was not asked"), "{}", printed.talk());
    for statement in printed.stdout.split_terminator(";\n\n") {
        assert!(statement.contains(" ON CLUSTER 'prod'"), "{statement}");
    }
    for part in [
        "`errors` ON CLUSTER 'prod' (",
        "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all'",
        "TO `public_raw`.`orders` AS",
        "Distributed('prod', 'public_raw_shard', 'orders', cityHash64(tuple(`id`)))",
    ] {
        assert!(printed.stdout.contains(part), "{part}\n{}", printed.stdout);
    }
}

/// Over TLS, and as somebody: what is printed has no password unless it is asked for.
#[test]
fn secrets_are_printed_on_request_alone() {
    let sasl = Sasl::new(Mechanism::ScramSha512, "ada", "hunter2");
    let broker =
        Broker::with(BrokerOptions { tls: true, sasl: Some(sasl), ..BrokerOptions::default() });
    rows(&Topic::new(&broker, "shop.public.orders"));
    let of_kafka = format!(
        "user = \"ada\"\npassword = \"hunter2\"\nca_file = \"{}\"\n",
        broker.ca_pem().display()
    );
    let topics = "\"shop.public.orders\"";
    let secured = project(&broker.bootstrap(), topics, &format!("{of_kafka}{TYPES}"));
    let printed = secured.run(&["kafka", "ddl"]);
    assert_eq!(printed.code, Some(0), "{}", printed.talk());
    for part in [
        "kafka_security_protocol = 'sasl_ssl'",
        "kafka_sasl_mechanism = 'SCRAM-SHA-512'",
        "kafka_sasl_password = '<password>'",
        "<ssl_ca_location>",
    ] {
        assert!(printed.stdout.contains(part), "{part}\n{}", printed.stdout);
    }
    assert!(!printed.stdout.contains("hunter2"));
    let printed = secured.run(&["kafka", "ddl", "--with-secrets"]);
    assert!(printed.stdout.contains("kafka_sasl_password = 'hunter2'"), "{}", printed.talk());
    // The client that is in the engine knows neither.
    let of_kafka = format!("engine = \"clickhouse\"\n{of_kafka}");
    let refused = project(&broker.bootstrap(), topics, &of_kafka).run(&["up"]);
    says(&refused, 2, &["source.kafka.engine", "TLS or SCRAM", "millrace kafka ddl"]);
}

#[test]
fn the_embedded_engine_says_who_it_is_and_shows_nobody_how() {
    let sasl = Sasl::new(Mechanism::Plain, "ada", "hunter2");
    let broker = Broker::with(BrokerOptions { sasl: Some(sasl), ..BrokerOptions::default() });
    rows(&Topic::new(&broker, "shop.public.orders"));
    let of_kafka = "engine = \"clickhouse\"\nuser = \"ada\"\npassword = \"hunter2\"\nsasl_mechanism = \"PLAIN\"\n";
    let project =
        project(&broker.bootstrap(), "\"shop.public.orders\"", &format!("{of_kafka}{TYPES}"));
    let up = project.up();
    up.wait_for("SELECT note FROM public.orders", "n");
    let made = "SELECT count() FROM system.tables WHERE create_table_query LIKE '%hunter2%'";
    assert_eq!(up.query(made), "0");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_is_missing_is_named() {
    let away = project("127.0.0.1:1", "\"shop.public.orders\"", "");
    says(&away.run(&["kafka", "ddl"]), 2, &["could not look into the topics", "127.0.0.1:1"]);
    let broker = Broker::start();
    let none = project(&broker.bootstrap(), "\"shop.public.orders\"", "");
    says(&none.run(&["kafka", "ddl"]), 2, &["could not find topic shop.public.orders", "hint:"]);
    let none = project(&broker.bootstrap(), "\"^shop.*\"", "");
    says(&none.run(&["kafka", "ddl"]), 2, &["could not find a topic", "^shop.*"]);
    broker.create_topic("shop.public.orders", 1, &[]);
    says(&none.run(&["kafka", "ddl"]), 0, &["shop.public.orders has no row yet"]);
    let topic = Topic { name: "shop.public.orders", producer: broker.producer() };
    topic.send_bytes(None, Some("{\"op\":\"c\",\"before\":null,\"after\":{\"a\":1},\"source\":{\"schema\":\"public\",\"table\":\"orders\"}}"));
    says(&none.run(&["kafka", "ddl"]), 1, &["topic shop.public.orders", "It has no key"]);

    let stream = Project::new(BINARY, "[source]\nurl = \"postgres://127.0.0.1:1/shop\"\n");
    says(&stream.run(&["kafka", "ddl"]), 2, &["cannot find [source.kafka]"]);
    let server = "engine = \"clickhouse\"\n[store]\nurl = \"http://127.0.0.1:1\"\n";
    let server = project("127.0.0.1:1", "\"t\"", server);
    says(
        &server.run(&["check"]),
        2,
        &["source.kafka.engine", "millrace kafka ddl | clickhouse-client"],
    );
}
