//! `millrace verify --sample`, `--continuous`, typed by a person.

use crate::{project, says};
use cluster::Cluster;
use harness::wait_until;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// docs/pains.md 17
#[test]
fn a_sample_and_rounds_until_they_are_interrupted() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, note text);
         create table facts (id int primary key);
         create table heap (v float8);
         insert into orders select n, 'note ' || n from generate_series(1, 3000) n; analyze orders",
    );
    let append = "[tables.\"public.facts\"]\nmode = \"append\"\n";
    let project = project(&cluster, append);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into facts select generate_series(1, 10)");
    says(
        &project.run(&["verify", "--sample", "5%", "public.orders", "public.facts"]),
        0,
        &["equal: "],
    );
    says(&project.run(&["verify", "--sample", "0%"]), 2, &["more than 0% and at most 100%"]);
    up.query("ALTER TABLE public_raw.orders DELETE WHERE id % 2 = 0 SETTINGS mutations_sync = 2");
    let sample = project.run(&["verify", "--sample", "5%", "--keys", "3", "public.orders"]);
    says(&sample, 1, &["differs  public.orders (mirror): missing ", "not equal: "]);
    assert_eq!(sample.stdout.lines().count(), 4, "{}", sample.talk());

    let mut rounds = project
        .command(&["verify", "--continuous", "--sample", "20%", "--json", "public.orders"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(rounds.stdout.take().unwrap()).lines().map(Result::unwrap);
    let json = |line: String| serde_json::from_str::<serde_json::Value>(&line).unwrap();
    let first = json(lines.next().unwrap());
    assert_eq!((&first["table"], &first["kind"]), (&"public.orders".into(), &"missing".into()));
    let round = lines.by_ref().map(json).find(|line| !line["rounds"].is_null()).unwrap();
    assert_eq!((&round["equal"], &round["rounds"]), (&false.into(), &1.into()), "{round}");
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &rounds.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let end = lines.map(json).last().unwrap();
    assert!(end["differences"].as_u64() >= round["differences"].as_u64(), "{end}");
    let mut code = None;
    wait_until("it ends", || {
        code = rounds.try_wait().unwrap();
        code.is_some()
    });
    assert_eq!(code.unwrap().code(), Some(1));
    let status = project.status();
    let tables = status["tables"].as_array().unwrap();
    let orders = tables.iter().find(|table| table["name"] == "public.orders").unwrap();
    assert!(orders["verified"]["at"].as_i64() > Some(0), "{orders}");
    assert_eq!(up.stop(), Some(0));
    // With a pipeline of its own.
    says(
        &project.run(&["verify", "--sample", "100%", "public.facts"]),
        0,
        &["equal: 10 rows of 1 table compared"],
    );
}
