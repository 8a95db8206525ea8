//! `make demo-kafka`: one shop, on its way straight and by way of Debezium and Kafka, side by side.
//!
//! ```text
//! Postgres ─┬─────────────────────────▶ millrace   direct
//!           └─▶ Debezium ─▶ Kafka ────▶ millrace   by Kafka
//! ```

use cluster::Cluster;
use harness::{Project, Traffic, config, poll, shop_config, shop_schema};
use kafka_cluster::debezium::{Database, Format, source};
use kafka_cluster::{Broker, Connect, ConnectOptions};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const ROWS: u32 = 10_000;
const SHOWN_EVERY: Duration = Duration::from_secs(5);
/// Until the last change is there.
const PATIENCE: Duration = Duration::from_secs(120);

/// `demo MILLRACE [SECONDS]`
fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let Some(binary) = args.next() else {
        eprintln!("error: which millrace? `make demo-kafka` says it");
        return ExitCode::from(2);
    };
    let binary = std::fs::canonicalize(&binary).expect("a binary");
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(60);

    say("Postgres with a shop");
    let cluster = Cluster::start_with(&["max_replication_slots = 10", "max_wal_senders = 10"]);
    cluster.sql(&shop_schema(ROWS));
    cluster.sql("create publication millrace for all tables");
    say("Kafka, and Debezium on that Postgres");
    let broker = Broker::start();
    let mut connect = Connect::start(&broker, ConnectOptions::default());
    let database = Database::from(&cluster);
    // By default it does not tell of a TRUNCATE.
    let overrides = [("skipped.operations", "none")];
    let connector = source(&database, "shop", "public.*", Format::JsonWithSchemas, &overrides);
    connect.put_connector("shop", connector);
    connect.wait_running("shop");
    say("Millrace, twice");
    let straight = Project::new(&binary, &config(&cluster.url(), shop_config()));
    let by_topics = format!(
        "[source.kafka]\nbrokers = \"{}\"\ntopics = [\"^shop\\\\.public\\\\..*\"]\npostgres = \"{}\"\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n\n{}",
        broker.bootstrap(),
        cluster.url(),
        shop_config()
    );
    let by_kafka = Project::new(&binary, &by_topics);
    let ups = [straight.up(), by_kafka.up()];
    println!("\nPostgres  {}", cluster.url());
    println!("direct    http://{}", ups[0].ui());
    println!("by Kafka  http://{}", ups[1].ui());
    println!(
        "\nseconds   transactions   direct is late by   by Kafka is late by   messages waiting"
    );
    let traffic = Traffic::start(&cluster.url(), 1);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(SHOWN_EVERY);
        let (one, other) = (straight.status(), by_kafka.status());
        let late = |status: &serde_json::Value| match status["freshness_ms"]["p50"].as_u64() {
            Some(ms) => format!("{ms} ms"),
            None => "…".to_owned(),
        };
        println!(
            "{:>7}   {:>12}   {:>17}   {:>19}   {:>16}",
            begun.elapsed().as_secs(),
            traffic.committed(),
            late(&one),
            late(&other),
            other["kafka"]["lag_messages"].as_u64().unwrap_or_default(),
        );
    }
    let equal = traffic.paused(|| {
        println!("\nNothing is written any more. Is each what Postgres is?");
        ["direct", "by Kafka"].map(|name| {
            let at = usize::from(name != "direct");
            let project = [&straight, &by_kafka][at];
            // Debezium does not say that it has told all.
            let told = poll(PATIENCE, || {
                let ran = project.run(&["verify"]);
                (ran.code == Some(0)).then_some(ran.stdout)
            });
            let text = told.unwrap_or_else(|| project.run(&["verify"]).talk());
            println!("\n{name}\n{}", text.trim_end());
            text.contains("equal") && !text.contains("not equal")
        })
    });
    for up in ups {
        up.stop();
    }
    ExitCode::from(u8::from(equal.contains(&false)))
}

fn say(what: &str) {
    eprintln!("starting  {what}");
}
