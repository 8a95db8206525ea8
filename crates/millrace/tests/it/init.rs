//! The dbt project that `init` writes is built by the stock dbt as it was written, and its tests can fail.

use crate::transform::{assert_numbers, fill, shop, small};
use crate::{BINARY, says};
use cluster::Cluster;
use harness::{Project, Ran, wait_until};
use serde_json::Value;
use std::process::Command;

const MARTS: &str = "init/marts";

/// In a folder of its own, on free ports.
fn init(cluster: &Cluster) -> (Project, Ran) {
    let project = Project::new(BINARY, "");
    std::fs::remove_file(project.path().join("millrace.toml")).unwrap();
    let ran = project.run(&["init", &cluster.url()]);
    let written = std::fs::read_to_string(project.path().join("millrace.toml")).unwrap();
    project.configure(&written.replace(":8123", ":0").replace(":3000", ":0"));
    (project, ran)
}

fn json(project: &Project, file: &str) -> Value {
    let path = project.path().join("dbt/target").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Of the last run, whose names begin so: how many there were, and which of them did not pass.
fn tests(project: &Project, prefix: &str) -> (usize, Vec<String>) {
    let results = json(project, "run_results.json");
    let of_run = results["results"].as_array().unwrap().iter();
    let is_one = |result: &&Value| {
        let name = result["unique_id"].as_str().unwrap().split('.').nth(2).unwrap();
        name.starts_with(prefix) && result["unique_id"].as_str().unwrap().starts_with("test.")
    };
    let found: Vec<&Value> = of_run.filter(is_one).collect();
    let failed = found.iter().filter(|result| result["status"] != "pass");
    let failed = failed.map(|result| result["unique_id"].as_str().unwrap().to_owned());
    (found.len(), failed.collect())
}

#[test]
fn the_project_for_dbt_is_built_as_it_was_written() {
    let cluster = shop();
    fill(&cluster);
    cluster.sql(include_str!("init/odd.sql"));
    cluster.sql(include_str!("init/retail.sql"));
    let (project, ran) = init(&cluster);
    says(
        &ran,
        0,
        &["./dbt/", "27 staging models", "and 15 marts", "orders_daily ", "of public.orders"],
    );
    // By hand here.
    let written = std::fs::read_to_string(project.path().join("millrace.toml")).unwrap();
    project.configure(written.split_once("\n[[transform.schedule]]").unwrap().0);
    let mut up = project.up();
    up.wait_ready();
    project.verify();
    // A warning would be one of dbt's about what was written.
    let ran = project.run(&["transform", "build", "--warn-error"]);
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    assert_numbers(&cluster, &up, MARTS);
    for (test, least) in [
        ("unique_stg", 14),
        ("not_null_stg", 25),
        ("unique_together", 8),
        ("relationships", 7),
        ("related_together", 1),
    ] {
        let (count, failed) = tests(&project, test);
        assert!(count >= least && failed.is_empty(), "{test}: {count}, {failed:?}");
    }
    assert_words(&cluster, &project);
    assert_evidence(&project);
    // Rows come, and two of them point to nothing.
    cluster.sql(
        "set session_replication_role = replica;
         insert into order_items values (999999, 1, 1, 1, 1);
         insert into billing.lines values (9, 9, 9, 9);
         insert into events select gen_random_uuid(), i, 'late', now() - interval '1 day' * i, '{}'
           from generate_series(1, 20) i;
         update orders set status = 'cancelled' where id % 5 = 0",
    );
    project.verify();
    let ran = project.run(&["transform", "build"]);
    says(&ran, 0, &["WARN=2", "ERROR=0"]);
    assert_numbers(&cluster, &up, MARTS);
    for (test, failed) in [("relationships", 1), ("related_together", 1), ("unique", 0)] {
        assert_eq!(tests(&project, test).1.len(), failed, "{}", ran.talk());
    }
    // The stock dbt, with the profile that was written.
    let (host, port) = up.door().address().split_once(':').unwrap();
    let dbt = project.run(&["transform", "setup"]).stderr;
    let broken = "relationships_stg_order_items_order_id__id__ref_stg_orders_";
    let alone = Command::new(dbt.trim().rsplit(' ').next().unwrap())
        .args(["test", "--warn-error", "--profiles-dir", ".", "--select", broken])
        .current_dir(project.path().join("dbt"))
        .env("CLICKHOUSE_HOST", host)
        .env("CLICKHOUSE_PORT", port)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&alone.stdout);
    assert!(alone.status.code() == Some(1) && said.contains("Got 1 result"), "{said}");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_was_written_is_built_by_up_alone() {
    let cluster = small();
    let (project, ran) = init(&cluster);
    says(&ran, 0, &["millrace transform setup", "millrace up"]);
    let up = project.up();
    wait_until("its models are built", || {
        up.door().try_query("SELECT id FROM staging.stg_t").is_ok_and(|answer| answer == "1")
    });
    let ran = project.run(&["transform", "source", "freshness"]);
    says(&ran, 0, &["ok", "source    t"]);
    assert_eq!(up.stop(), Some(0));
}

/// What Postgres's comments say, to the letter.
#[track_caller]
fn assert_words(cluster: &Cluster, project: &Project) {
    let manifest = json(project, "manifest.json");
    let orders = &manifest["nodes"]["model.postgres_analytics.stg_orders"];
    let comment = "select obj_description('orders'::regclass)";
    assert_eq!(orders["description"], cluster.sql(comment));
    let comment = "select col_description('orders'::regclass, 5)";
    assert_eq!(orders["columns"]["total"]["description"], cluster.sql(comment));
    assert!(cluster.sql(comment).contains("{{ total }}"));
}

/// What a mart's first lines say of money that was not earned, and of which end is the end.
#[track_caller]
fn assert_evidence(project: &Project) {
    for (mart, expected) in [
        (
            "web_orders_daily",
            "\
--   unitPrice (numeric) says what one costs
--   qty (numeric(8,3)) says how many
--   no column is called total or amount, so revenue is unit_price x qty
--   ordered_at (timestamp with time zone) says when
--   customer_id (integer) says who
--   status (retail.progress) says how it stands, which may be Canceled
--   refundedOn (date) says when it was refunded: where it is set, the order brings nothing
select
",
        ),
        (
            "sales_daily",
            "\
--   cancelled_at (timestamp with time zone) says when it was cancelled: where it is set, the order brings nothing
--   deleted_at (timestamp without time zone) says when it was deleted: where it is set, the order brings nothing
select
",
        ),
        (
            "gym_memberships_mrr_monthly",
            "\
--   ended_at (timestamp with time zone) says its end
--   cancelled_at (timestamp with time zone) says its end
--   ends_at (timestamp with time zone) says its planned end
--   expires_at (date) says its planned end
--   it ended at the earliest of ended_at, cancelled_at; where none is set, at the earliest of ends_at, expires_at
--   trial_ends_at (timestamp with time zone) says the end of a trial, which is not its end
--   monthly_price (integer) says what it brings a month
",
        ),
    ] {
        let path = project.path().join(format!("dbt/models/marts/{mart}.sql"));
        let sql = std::fs::read_to_string(path).unwrap();
        assert!(sql.contains(expected), "{sql}");
    }
}

#[test]
fn a_project_for_dbt_that_is_there_stays() {
    let cluster = Cluster::start();
    cluster.sql("create table t (id int primary key)");
    let project = Project::new(BINARY, "");
    std::fs::remove_file(project.path().join("millrace.toml")).unwrap();
    let own = project.path().join("dbt/dbt_project.yml");
    std::fs::create_dir(project.path().join("dbt")).unwrap();
    std::fs::write(&own, "name: mine\n").unwrap();
    let ran = project.run(&["init", &cluster.url()]);
    says(&ran, 0, &["dbt is there, and stays as it is"]);
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "name: mine\n");
    assert_eq!(std::fs::read_dir(own.parent().unwrap()).unwrap().count(), 1);
}
