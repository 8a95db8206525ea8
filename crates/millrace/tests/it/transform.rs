//! The shop's dbt project, built by the stock dbt through `millrace transform`; its numbers are those that Postgres
//! finds by plain SQL.

use crate::{BINARY, project, says};
use cluster::Cluster;
use harness::{Project, Up, config, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shop");
const CHECKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/shop");
const PARTING: &str = "-- ClickHouse\n";

/// The demo's shop with fewer people and visits.
fn shop() -> Cluster {
    let cluster = Cluster::start();
    cluster.sql(&read("schema.sql"));
    cluster
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(SHOP).join(name)).unwrap()
}

fn fill(cluster: &Cluster) {
    cluster.sql(&read("seed.sql").replace("25000", "1500").replace("round(159 ", "round(6 "));
    // For the definitions in plain SQL, which look every user up.
    cluster.sql("create index on events (user_id, event_name, occurred_at); analyze");
}

/// With the example's tables and models.
fn shop_project(cluster: &Cluster, more: &str) -> Project {
    let tables = std::fs::read_to_string(Path::new(SHOP).join("millrace.toml")).unwrap();
    let from = tables.find("[tables.").unwrap();
    let to = tables.find("[serve]").unwrap();
    let project = project(cluster, &format!("{}{more}", &tables[from..to]));
    copy(&Path::new(SHOP).join("dbt"), &project.path().join("dbt"));
    project
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// The definition in Postgres, and the mart.
fn checks() -> Vec<(String, String, String)> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(CHECKS).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (postgres, clickhouse) = text.split_once(PARTING).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, postgres.to_owned(), clickhouse.trim().to_owned())
    };
    files.iter().map(read).collect()
}

#[track_caller]
fn assert_numbers(cluster: &Cluster, up: &Up) {
    for (name, postgres, clickhouse) in checks() {
        let sorted = |text: String| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let expected = sorted(cluster.sql(&postgres));
        let sql = format!("{clickhouse} SETTINGS output_format_decimal_trailing_zeros = 1");
        let found = sorted(up.query(&sql).replace('\t', "|"));
        assert!(expected.len() > 2, "{name}: {expected:?}");
        let differ = expected.iter().zip(&found).find(|(expected, found)| expected != found);
        assert!(differ.is_none() && expected.len() == found.len(), "{name}: {differ:?}");
    }
}

#[test]
fn the_shops_numbers_are_those_of_postgres() {
    let cluster = shop();
    let project = shop_project(&cluster, "");
    let mut up = project.up();
    up.wait_ready();
    // A shop without a customer: nothing is there to look back from.
    let ran = project.run(&["transform", "build"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_eq!(up.query("SELECT count() FROM marts.sessions_daily"), "0");
    fill(&cluster);
    project.verify();
    let ran = project.run(&["transform", "build"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert!(ran.stderr.contains("marts.orders_daily"), "{}", ran.talk());
    assert!(!ran.stderr.contains("FAILED"), "{}", ran.talk());
    assert_numbers(&cluster, &up);
    // Days of before are made anew, and the rest is added.
    cluster.sql(
        "insert into events select gen_random_uuid(), 1 + i % 5, 'session_start', now() - interval '1 hour' * i,
             '{\"device\": \"mobile\"}' from generate_series(1, 60) i;
         update orders set status = 'cancelled' where id % 5 = 0; delete from refunds where id % 2 = 0",
    );
    project.verify();
    let ran = project.run(&["transform", "build"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_numbers(&cluster, &up);
    // Days that no incremental run looks at, made anew.
    cluster.sql(
        "insert into events select gen_random_uuid(), 3, 'session_end', now() - interval '1 day' * i, '{}'
           from generate_series(20, 40) i",
    );
    project.verify();
    let day = |back: u32| cluster.sql(&format!("select (now() at time zone 'UTC')::date - {back}"));
    let (from, to) = (day(41), day(19));
    for model in ["stg_events", "sessions_daily"] {
        let words = ["transform", "backfill", model, "--from", &from, "--to", &to, "--batch", "8d"];
        says(&project.run(&words), 0, &["3/3", &format!("{to} 00:00:00")]);
    }
    let ran = project.run(&["transform", "build"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_numbers(&cluster, &up);
    // The same project by dbt alone, with a profile of its own.
    let (host, port) = up.door().address().split_once(':').unwrap();
    let dbt = project.run(&["transform", "setup"]).stderr;
    let dbt = dbt.trim().rsplit(' ').next().unwrap();
    let folder = project.path().join("dbt");
    let alone = Command::new(dbt)
        .args(["build", "--profiles-dir", "."])
        .current_dir(&folder)
        .env("CLICKHOUSE_HOST", host)
        .env("CLICKHOUSE_PORT", port)
        .output()
        .unwrap();
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
    assert_numbers(&cluster, &up);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_fails_is_told_in_dbts_own_words() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let project = project(&cluster, "");
    says(&project.run(&["transform", "run"]), 2, &["dbt_project.yml", "transform"]);
    let models = project.path().join("dbt/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::write(project.path().join("dbt/dbt_project.yml"), "name: small\nprofile: any\n")
        .unwrap();
    std::fs::write(models.join("good.sql"), "select 7 as x").unwrap();
    says(&project.run(&["transform", "run"]), 2, &["not running", "millrace up"]);
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["ok", "marts.good"]);
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    // What is no run goes through as it is.
    says(&project.run(&["transform", "ls", "--quiet"]), 0, &["small.good"]);
    std::fs::write(models.join("bad.sql"), "select nothing from {{ ref('good') }}").unwrap();
    std::fs::write(models.join("worse.sql"), "select * from {{ ref('bad') }}").unwrap();
    let ran = project.run(&["transform", "build", "--select", "bad+"]);
    says(&ran, 1, &["FAILED", "marts.bad", "UNKNOWN_IDENTIFIER", "skipped", "marts.worse"]);
    std::fs::write(models.join("bad.sql"), "select {{ nothing").unwrap();
    says(&project.run(&["transform", "build"]), 2, &["Compilation Error"]);
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    assert_eq!(up.stop(), Some(0));
}

/// Whether a dbt of that project is among the machine's processes.
fn is_at_work(project: &Project) -> bool {
    let folder = project.path().display().to_string();
    let lines = std::fs::read_dir("/proc").unwrap().flatten();
    let mut lines = lines.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| {
        let line = String::from_utf8_lossy(&line);
        line.contains(&folder) && line.contains("--profiles-dir")
    })
}

/// It ends in order when it is told to, and at once with who started it; two at a time are one too many.
#[test]
fn dbt_ends_with_who_started_it() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let project = project(&cluster, "");
    let models = project.path().join("dbt/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::write(project.path().join("dbt/dbt_project.yml"), "name: small\nprofile: any\n")
        .unwrap();
    let long = "{{ config(materialized='table') }} select sum(sleepEachRow(1)) as s from numbers(600) \
                settings max_block_size = 1, function_sleep_max_microseconds_per_block = 3000000";
    std::fs::write(models.join("long.sql"), long).unwrap();
    let mut up = project.up();
    up.wait_ready();
    let runs = |up: &Up| {
        up.query("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%LIKE%'") == "1"
    };
    for signal in ["INT", "KILL"] {
        let mut running = project.command(&["transform", "run"]);
        let mut running = running.stderr(std::process::Stdio::piped()).spawn().unwrap();
        wait_until("the model is built", || runs(&up));
        says(&project.run(&["transform", "run"]), 2, &["another run of it is under way"]);
        let pid = running.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        wait_until("it has ended", || {
            if signal == "INT" {
                // dbt waits for the end of what it has asked for.
                up.query("KILL QUERY WHERE user = 'default' ASYNC");
            }
            running.try_wait().unwrap().is_some()
        });
        let ended = running.wait().unwrap();
        if signal == "INT" {
            assert_ne!(ended.code(), Some(0));
            let mut said = String::new();
            std::io::Read::read_to_string(&mut running.stderr.take().unwrap(), &mut said).unwrap();
            assert!(said.contains("stopping dbt"), "{said}");
        }
        wait_until("dbt is gone", || !is_at_work(&project));
        wait_until("the next one may run", || project.run(&["transform", "test"]).code == Some(0));
        up.query("KILL QUERY WHERE user = 'default' ASYNC");
        wait_until("the model is ended", || !runs(&up));
    }
    assert_eq!(up.stop(), Some(0));
}

/// An editor builds; the password is in no file, and whoever may only look builds nothing.
#[test]
fn dbt_comes_as_a_user_of_its_own() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    let users = "[serve.users.dbt]\npassword = \"${TEST_DBT_HASH}\"\nroles = [\"editor\"]\n\
                 grants = [\"SELECT ON public.*\", \"ALL ON marts.*\"]\n\
                 [serve.users.vera]\npassword = \"${TEST_DBT_HASH}\"\nroles = [\"viewer\"]\n\
                 grants = [\"SELECT ON public.*\", \"SELECT ON marts.*\"]\n\
                 [transform]\nuser = \"dbt\"\npassword = \"${TEST_DBT}\"\n";
    let project = Project::new(BINARY, &config(&cluster.url(), users));
    let models = project.path().join("dbt/models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::write(project.path().join("dbt/dbt_project.yml"), "name: small\nprofile: any\n")
        .unwrap();
    std::fs::write(
        models.join("m.sql"),
        "{{ config(materialized='table') }} select id from public.t",
    )
    .unwrap();
    let env = [("TEST_DBT", "hush-hush"), ("TEST_DBT_HASH", "hush-hush")];
    let mut up = project.try_up(&env).unwrap_or_else(|ran| panic!("{}", ran.talk()));
    up.wait_ready();
    let ran = project.run_with(&["transform", "run"], &env);
    says(&ran, 0, &["marts.m"]);
    let viewer = users.replace("user = \"dbt\"", "user = \"vera\"");
    project.configure(&config(&cluster.url(), &viewer));
    let ran = project.run_with(&["transform", "run"], &env);
    says(&ran, 2, &["readonly"]);
    project.configure(&config(&cluster.url(), users));
    let ran = project.run_with(&["transform", "run"], &[("TEST_DBT", "wrong"), env[1]]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.talk().contains("516"), "{}", ran.talk());
    let found =
        Command::new("grep").args(["-rl", "hush-hush"]).arg(project.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    assert_eq!(up.stop(), Some(0));
}
