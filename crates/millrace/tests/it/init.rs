//! The dbt project that `init` writes is built by the stock dbt as it was written, and its tests can fail.

use crate::transform::{assert_numbers, fill, shop, small};
use crate::{BINARY, says};
use cluster::Cluster;
use harness::{Project, Ran, Up, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
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
        &["./dbt/", "27 staging models", "and 21 marts", "orders_daily ", "of public.orders"],
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
    let answered = assert_boards(&project, &up);
    for (uid, panels) in [
        ("money", vec![1, 3, 4, 6, 7, 8, 9, 10]),
        ("pipe", vec![5, 6, 7, 16, 19, 20, 21]),
        ("product", vec![1, 2, 3, 4, 7, 8, 9, 10, 12, 13]),
        ("pulse", vec![2, 3, 4]),
    ] {
        assert_answered(&answered, uid, &panels);
    }
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

/// Tables that SQL, Jinja and Grafana would misread, and nothing in the shop's.
#[test]
fn panels_of_odd_tables_answer() {
    let cluster = shop();
    cluster.sql(include_str!("init/odd.sql"));
    let told = [
        "dashboards: pipe, pulse (of Odd `{{ schema }}`.Tracked_events, Odd `{{ schema }}`.Purchases), \
         product (of Odd `{{ schema }}`.Tracked_events), money (of Odd `{{ schema }}`.Purchases, Odd `{{ schema }}`.",
        "alerting: 11 rules",
    ];
    let answered = built(&cluster, &told);
    for (uid, panels) in [
        ("money", vec![1, 3, 4, 7, 8, 9]),
        ("pipe", vec![20, 21]),
        ("product", vec![1, 7, 8, 9, 10, 12, 13]),
        ("pulse", vec![2, 3, 4]),
    ] {
        assert_answered(&answered, uid, &panels);
    }
}

#[test]
fn panels_of_days_and_cents_answer() {
    let cluster = Cluster::start();
    cluster.sql(include_str!("init/days.sql"));
    // Of a day nobody knows how much of it is over: no pulse, and no rule about revenue so far.
    let told =
        ["dashboards: pipe, money (of public.sales, public.memberships)\n", "alerting: 9 rules"];
    let answered = built(&cluster, &told);
    assert_answered(&answered, "money", &[1, 3, 4, 7, 8, 9]);
    assert!(!answered.contains(&("money".to_owned(), 10)), "{answered:?}");
}

/// By hand, of what `init` has told. Panels that had rows to show.
#[track_caller]
fn built(cluster: &Cluster, told: &[&str]) -> Answered {
    let (project, ran) = init(cluster);
    says(&ran, 0, told);
    let written = std::fs::read_to_string(project.path().join("millrace.toml")).unwrap();
    project.configure(written.split_once("\n[[transform.schedule]]").unwrap().0);
    let mut up = project.up();
    up.wait_ready();
    project.verify();
    says(&project.run(&["transform", "build"]), 0, &["ERROR=0"]);
    let answered = assert_boards(&project, &up);
    assert_eq!(up.stop(), Some(0));
    answered
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

/// Uids of dashboards, and panels.
type Answered = BTreeSet<(String, u64)>;

#[track_caller]
fn assert_answered(answered: &Answered, uid: &str, panels: &[u64]) {
    for panel in panels {
        assert!(answered.contains(&(uid.to_owned(), *panel)), "{uid} {panel}: {answered:?}");
    }
}

/// Every panel, variable and rule that was written asks for what is there. Panels that had rows to show.
#[track_caller]
fn assert_boards(project: &Project, up: &Up) -> Answered {
    let mut answered = BTreeSet::new();
    for file in std::fs::read_dir(project.path().join("dashboards")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let uid = dashboard["uid"].as_str().unwrap();
        // One variable may ask for what is chosen in another.
        let mut chosen = json!({});
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = variable["query"].as_str().filter(|_| variable["type"] == "query")
            else {
                continue;
            };
            let answer =
                &ask(up, uid, &chosen, &json!([{"refId": "A", "rawSql": query, "format": 1}]))[0];
            // There may be nothing to choose, as of a third kind where there are two.
            let values = answer["data"][0].as_array().cloned().unwrap_or_default();
            let first = values.first().cloned().unwrap_or_else(|| json!(""));
            let value = if variable["multi"] == true { json!(values) } else { first };
            chosen[variable["name"].as_str().unwrap()] = json!({"value": value});
        }
        for panel in dashboard["panels"].as_array().unwrap() {
            let Some(targets) = panel["targets"].as_array() else { continue };
            let answers = ask(up, uid, &chosen, &json!(targets));
            if answers.iter().all(|answer| answer["rows"].as_u64() > Some(0)) {
                answered.insert((uid.to_owned(), panel["id"].as_u64().unwrap()));
            }
        }
    }
    let text = std::fs::read_to_string(project.path().join("alerting/rules.yaml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let rules = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap());
    for rule in rules {
        ask(up, "pipe", &json!({}), &json!([rule["data"][0]["model"]]));
    }
    answered
}

/// As the page does, of the last 90 days.
#[track_caller]
fn ask(up: &Up, uid: &str, variables: &Value, queries: &Value) -> Vec<Value> {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let asked = json!({"dashboard": uid, "from_ms": now - 90 * 86_400_000, "to_ms": now, "interval_ms": 3_600_000,
        "queries": queries, "variables": variables});
    let url = format!("http://{}/api/query", up.ui());
    let agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
    let mut reply =
        agent.post(url).header("Content-Type", "application/json").send(asked.to_string()).unwrap();
    let text = reply.body_mut().read_to_string().unwrap();
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let results = value["results"].as_array().unwrap_or_else(|| panic!("{text}"));
    let answer = |result: &Value| {
        assert!(
            result["error"].is_null(),
            "{uid}: {}\n{}",
            result["error"],
            result["sql"].as_str().unwrap()
        );
        result["answer"].clone()
    };
    results.iter().map(answer).collect()
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
    let rules = project.path().join("alerting/rules.yaml");
    std::fs::create_dir(project.path().join("alerting")).unwrap();
    std::fs::write(&rules, "apiVersion: 1\n").unwrap();
    let ran = project.run(&["init", &cluster.url()]);
    // Of marts that are not ours nothing is known.
    let told = [
        "dbt is there, and stays as it is",
        "rules.yaml is there, and stays",
        "dashboards: pipe\n",
    ];
    says(&ran, 0, &told);
    assert_eq!(std::fs::read_dir(project.path().join("dashboards")).unwrap().count(), 1);
    assert_eq!(std::fs::read_to_string(&rules).unwrap(), "apiVersion: 1\n");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "name: mine\n");
    assert_eq!(std::fs::read_dir(own.parent().unwrap()).unwrap().count(), 1);
}
