//! The shop's dbt project, built by the stock dbt through `millrace transform`; its numbers are those that Postgres
//! finds by plain SQL.

use crate::{BINARY, project, says, wait_for_state};
use cluster::Cluster;
use harness::{Project, Up, config, wait_until};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shop");
const CHECKS: &str = "shop";
const PARTING: &str = "-- ClickHouse\n";

/// The demo's shop, which is empty.
pub(crate) fn shop() -> Cluster {
    let cluster = Cluster::start();
    cluster.sql(&read("schema.sql"));
    cluster
}

fn read(name: &str) -> String {
    std::fs::read_to_string(Path::new(SHOP).join(name)).unwrap()
}

/// With fewer people and visits than in the demo.
pub(crate) fn fill(cluster: &Cluster) {
    cluster.sql(&read("seed.sql").replace("25000", "1500").replace("round(159 ", "round(6 "));
    // For the definitions in plain SQL, which look every user up.
    cluster.sql("create index on events (user_id, event_name, occurred_at); analyze");
}

/// With the example's tables and models.
pub(crate) fn shop_project(cluster: &Cluster) -> Project {
    let tables = std::fs::read_to_string(Path::new(SHOP).join("millrace.toml")).unwrap();
    let from = tables.find("[tables.").unwrap();
    let to = tables.find("[serve]").unwrap();
    let project = project(cluster, &tables[from..to]);
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(Path::new(SHOP).join("dbt")).arg(project.path());
    assert!(copy.status().unwrap().success());
    project
}

/// A table of one row, for dbt projects of a model or two.
pub(crate) fn small() -> Cluster {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key); insert into t values (1)");
    cluster
}

/// Into the project's own dbt project, which is made.
pub(crate) fn write_model(project: &Project, name: &str, sql: &str) {
    let dbt = project.path().join("dbt");
    std::fs::create_dir_all(dbt.join("models")).unwrap();
    std::fs::write(dbt.join("dbt_project.yml"), "name: small\nprofile: any\n").unwrap();
    add_model(project, name, sql);
}

/// Into one that is there.
pub(crate) fn add_model(project: &Project, name: &str, sql: &str) {
    std::fs::write(project.path().join(format!("dbt/models/{name}.sql")), sql).unwrap();
}

/// The definition in Postgres, and the mart.
fn checks(folder: &str) -> Vec<(String, String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let (postgres, clickhouse) = text.split_once(PARTING).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, postgres.to_owned(), clickhouse.trim().to_owned())
    };
    files.iter().map(read).collect()
}

/// What the folder's files ask of both is the same.
#[track_caller]
pub(crate) fn assert_numbers(cluster: &Cluster, up: &Up, folder: &str) {
    for (name, postgres, clickhouse) in checks(folder) {
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
    let project = shop_project(&cluster);
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
    assert_numbers(&cluster, &up, CHECKS);
    // Days of before are made anew, and the rest is added.
    cluster.sql(
        "insert into events select gen_random_uuid(), 1 + i % 5, 'session_start', now() - interval '1 hour' * i,
             '{\"device\": \"mobile\"}' from generate_series(1, 60) i;
         update orders set status = 'cancelled' where id % 5 = 0; delete from refunds where id % 2 = 0",
    );
    project.verify();
    // By the schedules alone, once they are made.
    for select in ["tag:fast", "tag:heavy"] {
        says(&project.run(&["transform", "build", "--select", select]), 0, &["Done."]);
    }
    assert_numbers(&cluster, &up, CHECKS);
    // What is left of a run that was ended between its DELETE and its INSERT: the next one brings it back.
    up.query("DELETE FROM staging.stg_events WHERE ingest_ts + INTERVAL 1 HOUR >= (SELECT max(ingest_ts) FROM staging.stg_events)");
    up.query("DELETE FROM marts.sessions_daily WHERE session_day >= today() - 3");
    for select in ["tag:fast", "tag:heavy"] {
        says(&project.run(&["transform", "build", "--select", select]), 0, &["Done."]);
    }
    assert_numbers(&cluster, &up, CHECKS);
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
    assert_numbers(&cluster, &up, CHECKS);
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
    assert_numbers(&cluster, &up, CHECKS);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_fails_is_told_in_dbts_own_words() {
    let cluster = small();
    let project = project(&cluster, "");
    says(&project.run(&["transform", "run"]), 2, &["dbt_project.yml", "transform"]);
    write_model(&project, "good", "select 7 as x");
    says(&project.run(&["transform", "run"]), 2, &["not running", "millrace up"]);
    // What needs no store needs no `up`.
    says(&project.run(&["transform", "ls", "--quiet"]), 0, &["small.good"]);
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["ok", "marts.good"]);
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    says(&project.run(&["transform", "run", "--target=dev"]), 2, &["cannot give --target=dev"]);
    // Nothing in it makes a day anew.
    let backfill = ["transform", "backfill", "good", "--from", "2026-01-01", "--to", "2026-01-03"];
    says(&project.run(&backfill), 2, &["1/2", "cannot backfill good", "millrace_from"]);
    write_model(&project, "bad", "select nothing from {{ ref('good') }}");
    write_model(&project, "worse", "select * from {{ ref('bad') }}");
    let ran = project.run(&["transform", "build", "--select", "bad+"]);
    says(&ran, 1, &["FAILED", "marts.bad", "UNKNOWN_IDENTIFIER", "skipped", "marts.worse"]);
    write_model(&project, "bad", "select {{ nothing");
    says(&project.run(&["transform", "build"]), 2, &["Compilation Error"]);
    assert_eq!(up.query("SELECT x FROM marts.good"), "7");
    // A dbt of another version than the project wants.
    let asks = "name: small\nprofile: any\nrequire-dbt-version: '>=9.0.0'\n";
    std::fs::write(project.path().join("dbt/dbt_project.yml"), asks).unwrap();
    says(&project.run(&["transform", "run"]), 2, &["This version of dbt is not supported"]);
    write_model(&project, "good", "select 7 as x");
    assert_waits_for_its_window(&project);
    assert_eq!(up.stop(), Some(0));
}

/// A backfill whose hours are others begins nothing, and ends when it is told to.
fn assert_waits_for_its_window(project: &Project) {
    let backfill = ["transform", "backfill", "good", "--from", "2026-01-01", "--to", "2026-01-03"];
    let with = |window| [&backfill[..], &["--window", window]].concat();
    says(&project.run(&with("night")), 2, &["no part of a day"]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let hour = now.as_secs() / 3_600 % 24;
    let later = format!("{:02}:00-{:02}:00", (hour + 2) % 24, (hour + 3) % 24);
    let mut waiting = project.command(&with(&later));
    let mut waiting = waiting.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waiting.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(line.contains("waits until"), "{line}");
    let told = Command::new("kill").args(["-s", "INT", &waiting.id().to_string()]).status();
    assert!(told.unwrap().success());
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
}

/// Whether a dbt that was started in that folder is among the machine's processes.
pub(crate) fn is_at_work(project: &Project) -> bool {
    let folder = project.path().canonicalize().unwrap();
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let (place, line) = (entry.path().join("cwd"), entry.path().join("cmdline"));
        let is_there = std::fs::read_link(place).is_ok_and(|place| place == folder);
        let line = std::fs::read(line).unwrap_or_default();
        is_there && String::from_utf8_lossy(&line).contains("--profiles-dir")
    })
}

/// A second run by hand waits for the end of the first.
fn assert_one_at_a_time(project: &Project) {
    let mut second = project.command(&["transform", "run"]);
    let mut second = second.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("this one waits"), "{said}");
    second.kill().unwrap();
    second.wait().unwrap();
}

/// It ends in order when it is told to, and at once with who started it; two at a time are one too many.
#[test]
fn dbt_ends_with_who_started_it() {
    let cluster = small();
    let project = project(&cluster, "");
    let long = "{{ config(materialized='table') }} select sum(sleepEachRow(1)) as s from numbers(600) \
                settings max_block_size = 1, function_sleep_max_microseconds_per_block = 3000000";
    write_model(&project, "long", long);
    let mut up = project.up();
    up.wait_ready();
    let runs = |up: &Up| {
        up.query("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%LIKE%'") == "1"
    };
    for signal in ["INT", "KILL"] {
        let mut running = project.command(&["transform", "run"]);
        let mut running = running.stderr(std::process::Stdio::piped()).spawn().unwrap();
        wait_until("the model is built", || runs(&up));
        assert!(is_at_work(&project));
        assert_one_at_a_time(&project);
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

/// An editor builds; her password is in no file of the project, and whoever may only look builds nothing.
#[test]
fn dbt_comes_as_a_user_of_its_own() {
    let cluster = small();
    let users = "[serve.users.dbt]\npassword = \"${TEST_DBT_HASH}\"\nroles = [\"editor\"]\n\
                 grants = [\"SELECT ON public.*\", \"ALL ON marts.*\"]\n\
                 [serve.users.vera]\npassword = \"${TEST_DBT_HASH}\"\nroles = [\"viewer\"]\n\
                 grants = [\"SELECT ON public.*\", \"SELECT ON marts.*\"]\n\
                 [transform]\nuser = \"dbt\"\npassword = \"${TEST_DBT}\"\n";
    let project = Project::new(BINARY, &config(&cluster.url(), users));
    write_model(&project, "m", "{{ config(materialized='table') }} select id from public.t");
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

/// The store goes in the middle of a model: its table stays as it was, and the next run makes it.
#[test]
fn a_store_that_restarts_in_the_middle_leaves_nothing_half_done() {
    let cluster = small();
    let project = project(&cluster, "");
    let model =
        |x: u32, n: &str| format!("{{{{ config(materialized='table') }}}} select {x} as x, {n}");
    let slow = "sum(sleepEachRow(1)) as n from numbers(600) settings max_block_size = 1";
    write_model(&project, "m", &model(7, "count() as n from public.t"));
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    write_model(&project, "m", &model(8, slow));
    let mut running = project.command(&["transform", "run"]);
    let running = running.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let asked = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%LIKE%'";
    wait_until("the model is built", || up.query(asked) == "1");
    up.kill();
    let ended = running.wait_with_output().unwrap();
    assert!(matches!(ended.status.code(), Some(1 | 2)), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("FAILED") && said.contains("marts.m"), "{said}");
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT x FROM marts.m"), "7");
    write_model(&project, "m", &model(9, "count() as n from public.t"));
    says(&project.run(&["transform", "run"]), 0, &["ok", "marts.m"]);
    assert_eq!(up.query("SELECT x, n FROM marts.m"), "9\t1");
    assert_eq!(up.stop(), Some(0));
}

/// Of a table that nobody writes to, too, as long as the pipeline reads the source.
#[test]
fn freshness_is_the_pipelines_own() {
    let cluster = small();
    let project = project(&cluster, "");
    write_model(&project, "m", "select * from {{ source('public', 't') }}");
    let sources = "version: 2\nsources:\n  - name: public\n    tables: [{name: t}]\n    \
         loaded_at_query: select parseDateTimeBestEffort('{{ env_var(\"MILLRACE_FRESH_AT\", \"1970-01-02\") }}', 'UTC')\n    \
         freshness: {error_after: {count: 1, period: minute}}\n";
    std::fs::write(project.path().join("dbt/models/sources.yml"), sources).unwrap();
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "source", "freshness"]), 0, &["ok", "t"]);
    says(&project.run(&["pause"]), 0, &["paused"]);
    says(&project.run(&["transform", "source", "freshness"]), 1, &["FAILED", "t"]);
    says(&project.run(&["resume"]), 0, &[]);
    up.wait_ready();
    says(&project.run(&["transform", "source", "freshness"]), 0, &["ok", "t"]);
    // A stream that has nothing to do says nothing of a table that stopped.
    up.query("DROP TABLE public_raw.t");
    cluster.sql("insert into t values (2)");
    wait_for_state(&project, "public.t", "failed");
    says(&project.run(&["transform", "source", "freshness"]), 1, &["FAILED", "t"]);
    assert_eq!(up.stop(), Some(0));
}
