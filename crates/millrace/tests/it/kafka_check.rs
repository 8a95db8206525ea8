//! `check` of topics: each trouble is found with what helps, and those of both ways in are told together.

use super::{BINARY, says};
use cluster::{Cluster, free_port};
use harness::{Project, config};
use kafka_cluster::{Broker, BrokerOptions, Mechanism, Registry, Sasl};
use serde_json::Value;

const TOPIC: &str = "shop.public.orders";

/// Of topics alone.
fn project(broker: &str, more: &str) -> Project {
    let text = format!(
        "[source.kafka]\nbrokers = \"{broker}\"\n{more}\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n"
    );
    Project::new(BINARY, &text)
}

fn topics(names: &str) -> String {
    format!("topics = [{names}]")
}

#[test]
fn what_keeps_topics_from_being_read_is_found_with_what_helps() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 3, &[]);
    let place = broker.bootstrap();
    let one = topics(&format!("\"{TOPIC}\""));
    let project_of = |more: &str| project(&place, more);

    let fine = project_of(&one);
    says(&fine.run(&["check"]), 0, &[&format!("ready: Kafka at {place}, 1 topic; 0 errors")]);
    says(&fine.run(&["config", "check"]), 0, &["is right"]);
    let ran = fine.run(&["check", "--json"]);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["topics"], serde_json::json!([TOPIC]), "{found}");
    let pattern = project_of(&topics("\"^shop\\\\..*\""));
    says(&pattern.run(&["check"]), 0, &["1 topic, 3 partitions"]);

    // One that is not there is waited for; where none is, nothing would be read.
    let beside = project_of(&topics(&format!("\"{TOPIC}\", \"shop.public.late\"")));
    says(
        &beside.run(&["check"]),
        0,
        &["warning: cannot read the topics: there is no topic shop.public.late", "--create"],
    );
    let none = project_of(&topics("\"shop.public.late\""));
    says(&none.run(&["check"]), 1, &["error:", "there is no topic shop.public.late", "not ready"]);
    let none = project_of(&topics("\"^nothing\\\\..*\""));
    says(&none.run(&["check"]), 1, &["cannot read the topics ^nothing", "kafka-topics.sh --list"]);

    // What is wrong in the file needs no broker.
    let types = "[source.kafka.types.\"public.orders\"]\ntotal = \"decimel\"";
    let wrong = project_of(&format!("{one}\n{types}"));
    says(&wrong.run(&["check"]), 1, &["total of public.orders", "decimel", "numeric(10,2)"]);
    says(&wrong.run(&["config", "check"]), 1, &["total of public.orders", "decimel"]);
    let secret = project_of(&format!("{one}\nuser = \"ann\"\npassword = \"${{TEST_NOTHING}}\""));
    says(&secret.run(&["config", "check"]), 0, &["warning", "TEST_NOTHING", "is right"]);

    let away = format!("127.0.0.1:{}", free_port());
    says(
        &project(&away, &one).run(&["check"]),
        1,
        &["could not read the topics", "refused", "advertised.listeners", "not ready"],
    );

    let avro = |registry: &str| {
        project_of(&format!("{one}\nformat = \"debezium-avro\"\nregistry = \"{registry}\""))
    };
    let nobody = format!("http://127.0.0.1:{}", free_port());
    says(&avro(&nobody).run(&["check"]), 1, &["could not reach the schema registry", &nobody]);
    let registry = Registry::start();
    says(&avro(&registry.ccompat_url()).run(&["check"]), 0, &["ready"]);
    let elsewhere = registry.ccompat_url().replace("/apis/ccompat/v7", "");
    says(&avro(&elsewhere).run(&["check"]), 1, &["is no schema registry", "/apis/ccompat/v7"]);
}

#[test]
fn who_is_not_let_in_or_may_not_read_is_told() {
    let sasl = Sasl::new(Mechanism::ScramSha512, "ann", "right");
    let options =
        BrokerOptions { tls: true, sasl: Some(sasl), acl: true, ..BrokerOptions::default() };
    let broker = Broker::with(options);
    broker.create_topic(TOPIC, 1, &[]);
    let ca = broker.ca_pem().display().to_string();
    let check = |more: &str, password: &str| {
        let more = format!(
            "topics = [\"{TOPIC}\"]\nuser = \"ann\"\npassword = \"${{TEST_PASSWORD}}\"\n{more}"
        );
        let project = project(&broker.bootstrap(), &more);
        project.run_with(&["check"], &[("TEST_PASSWORD", password)])
    };
    let ca = format!("ca_file = \"{ca}\"");
    let wrong = check(&ca, "wrong-secret");
    says(&wrong, 1, &["the broker refuses user or password", "sasl_mechanism", "not ready"]);
    assert!(!wrong.talk().contains("wrong-secret"), "{}", wrong.talk());
    says(
        &check(&format!("{ca}\nsasl_mechanism = \"PLAIN\""), "right"),
        1,
        &["does not offer this SASL mechanism"],
    );
    says(&check("protocol = \"sasl_ssl\"", "right"), 1, &["no TLS session", "ca_file"]);
    says(
        &check("ca_file = \"nowhere.pem\"", "right"),
        1,
        &["the client does not start", "ca_file"],
    );

    // Nothing is allowed; then to see, not to read; then all that is needed.
    let nothing = check(&ca, "right");
    says(
        &nothing,
        1,
        &["no right to topic shop.public.orders", "--operation Read", "kafka-acls.sh"],
    );
    says(&nothing, 1, &["no right to group millrace", "--group millrace"]);
    broker.allow(&["Read"], &["--group", "millrace"]);
    broker.allow(&["Describe"], &["--topic", TOPIC]);
    let seen = check(&ca, "right");
    says(&seen, 1, &["no right to topic shop.public.orders"]);
    assert!(!seen.talk().contains("right to group"), "{}", seen.talk());
    broker.allow(&["Read"], &["--topic", TOPIC]);
    says(&check(&ca, "right"), 0, &["ready", "0 errors"]);
}

#[test]
fn beside_a_postgres_both_are_looked_at() {
    let broker = Broker::start();
    broker.create_topic(TOPIC, 1, &[]);
    let cluster = Cluster::start();
    cluster.sql("create table orders (id int primary key)");
    let kafka = |brokers: &str| {
        format!(
            "[source.kafka]\nbrokers = \"{brokers}\"\ntopics = [\"{TOPIC}\"]\nschema = \"k_{{schema}}\""
        )
    };
    let project = |url: &str, brokers: &str| Project::new(BINARY, &config(url, &kafka(brokers)));
    let place = broker.bootstrap();
    says(
        &project(&cluster.url(), &place).run(&["check"]),
        0,
        &["publication millrace does not exist", &format!("Kafka at {place}, 1 topic")],
    );
    cluster.sql("create publication millrace for all tables");
    says(&project(&cluster.url(), &place).run(&["check"]), 0, &["1 table published; Kafka at"]);
    let away = format!("127.0.0.1:{}", free_port());
    says(
        &project(&cluster.url(), &away).run(&["check"]),
        1,
        &["could not read the topics", "1 table published"],
    );
    // A Postgres that is away does not hide what is wrong with the topics.
    let nowhere = format!("postgres://ann@127.0.0.1:{}/shop", free_port());
    says(&project(&nowhere, &away).run(&["check"]), 2, &["could not read the topics", "connect"]);
}
