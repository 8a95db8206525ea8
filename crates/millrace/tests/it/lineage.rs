//! From a column of Postgres to a number of a mart and back, by `millrace lineage`, and who reads what a migration
//! drops: the shop's models, built by the stock dbt, and some that are hard.

use crate::remote::{section, server};
use crate::transform::{SHOP, add_model, shop, shop_project, small, write_model};
use crate::{project, says, wait_for_state};
use harness::{Project, Ran, wait_until};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// `from how to`.
fn links(project: &Project, args: &[&str]) -> BTreeSet<String> {
    let json = json(project, args);
    let text = |link: &Value, key: &str| link[key].as_str().unwrap().to_owned();
    let links = json["links"].as_array().unwrap().iter();
    links.map(|link| ["from", "how", "to"].map(|key| text(link, key)).join(" ")).collect()
}

fn json(project: &Project, args: &[&str]) -> Value {
    let ran = lineage(project, &[args, &["--json"]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    serde_json::from_str(&ran.stdout).unwrap()
}

fn lineage(project: &Project, args: &[&str]) -> Ran {
    project.run(&[&["lineage"], args].concat())
}

fn node<'a>(json: &'a Value, name: &str) -> &'a Value {
    let mut nodes = json["nodes"].as_array().unwrap().iter();
    nodes.find(|node| node["name"] == name).unwrap_or_else(|| panic!("{name}: {json}"))
}

/// The columns of Postgres that a column is made of.
fn sources(project: &Project, column: &str) -> Vec<String> {
    let json = json(project, &[column, "--up"]);
    let names = json["nodes"].as_array().unwrap().iter();
    let names = names.filter(|node| node["place"] == "postgres");
    names
        .map(|node| {
            format!("{}.{}", node["table"].as_str().unwrap(), node["column"].as_str().unwrap())
        })
        .collect()
}

const HARD: [(&str, &str); 8] = [
    ("everything", "select * from {{ source('public', 'orders') }}"),
    (
        "priced",
        "with items as (select product_id, quantity * unit_price as price from {{ source('public', 'order_items') }})
         select i.price as price, p.sku as sku, p.price - i.price as margin
         from items as i join {{ source('public', 'products') }} as p on p.id = i.product_id where p.active",
    ),
    ("above", "select sku as code, sum(margin) as margin from {{ ref('priced') }} group by sku"),
    ("through", "{{ config(materialized='ephemeral') }} select id, name as called from {{ source('public', 'users') }}"),
    (
        "looked_up",
        "select called, dictGet('extra.d', 'name', toUInt64(t.id)) as country, n.note as note
         from {{ ref('through') }} as t left join extra.notes as n on n.id = t.id",
    ),
    ("by_view", "select mail from extra.v"),
    ("untold", "select * from {{ ref('above') }}"),
    // Where a mirror's rows lie, with those that are gone.
    ("below", "select id, channel as way from public_raw.users"),
];

#[test]
fn a_number_is_followed_to_postgres_and_back() {
    let cluster = shop();
    let project = shop_project(&cluster);
    HARD.iter().for_each(|(name, sql)| add_model(&project, name, sql));
    let mut up = project.up();
    up.wait_ready();
    says(
        &lineage(&project, &["marts.orders_daily"]),
        2,
        &["manifest.json", "millrace transform compile"],
    );
    up.query("CREATE DATABASE extra");
    up.query("CREATE VIEW extra.inner AS SELECT id, upper(email) AS mail FROM public.users");
    up.query("CREATE VIEW extra.v AS SELECT mail FROM extra.inner");
    up.query("CREATE TABLE extra.notes (id Int64, note String) ENGINE = Memory");
    up.query(
        "CREATE DICTIONARY extra.d (id UInt64, name String) PRIMARY KEY id LIFETIME(0) LAYOUT(flat()) \
         SOURCE(CLICKHOUSE(QUERY 'SELECT 1 AS id, toString(2) AS name'))",
    );
    says(&project.run(&["transform", "run"]), 0, &["marts.orders_daily", "marts.looked_up"]);
    // Incremental models read what they have, from now on.
    says(&project.run(&["transform", "compile", "--quiet"]), 0, &[]);

    for (column, expected) in [
        ("marts.sessions_daily.starts", &["public.events.event_name"][..]),
        (
            "marts.sessions_daily.session_day_user",
            &["public.events.occurred_at", "public.events.user_id"],
        ),
        // A window, CTEs, a scalar subquery; the column has another name in between.
        (
            "marts.mrr_movements.mrr",
            &[
                "public.subscriptions.cancelled_at",
                "public.subscriptions.mrr",
                "public.subscriptions.started_on",
            ],
        ),
        ("marts.mrr_movements.refunds", &["public.refunds.amount"]),
        // An expression of two columns, over a join of a CTE.
        (
            "marts.orders_daily.net_revenue",
            &["public.orders.status", "public.orders.total", "public.refunds.amount"],
        ),
        ("marts.dau_wau_mau.wau", &["public.events.user_id"]),
        (
            "marts.funnel_signup_to_purchase.purchased",
            &["public.events.event_name", "public.events.occurred_at", "public.users.created_at"],
        ),
        // Millrace has it under another name, and dbt in parts of it.
        ("marts.latency_by_endpoint.p95_ms", &["public.events.properties"]),
        ("marts.everything.placed_at", &["public.orders.placed_at"]),
        (
            "marts.above.margin",
            &[
                "public.order_items.quantity",
                "public.order_items.unit_price",
                "public.products.price",
            ],
        ),
        ("marts.looked_up.called", &["public.users.name"]),
        // Where the rows of a mirror lie.
        ("marts.below.way", &["public.users.channel"]),
        // Through views that dbt did not make.
        ("marts.by_view.mail", &["public.users.email"]),
        ("marts.orders_daily.orders", &[]),
        ("analytics.events.ingest_ts", &[]),
    ] {
        assert_eq!(sources(&project, column), expected, "{column}");
    }
    what_the_links_say(&project);
    what_is_not_known(&project);
    down_from_postgres(&project);
    who_reads_what_a_migration_drops(&project);
    who_reads_what_a_type_or_a_publication_takes(&project);
    // And once it has run.
    cluster.sql("alter table products rename column price to asked");
    crate::wait_for_change(&project, "public.products", "in place");
    let expected = "models     marts.priced, staging.stg_products read it; through them: marts.above, marts.untold\n";
    let status = project.run(&["status"]).stdout;
    assert!(status.ends_with(expected), "{status}");
    cluster.sql(
        "alter table products rename column asked to price; alter table events rename to facts",
    );
    wait_for_state(&project, "public.facts", "streaming");
    // It is parked while names change places.
    wait_until("it is back", || up.query("EXISTS TABLE analytics.events") == "1");
    // Its section in millrace.toml has the name of before.
    assert_eq!(sources(&project, "analytics.events.properties_json"), ["public.facts.properties"]);
    wait_until("it has its name again", || {
        up.query("SELECT count() FROM system.columns WHERE database = 'public' AND table = 'products' AND name = 'price'") == "1"
    });

    assert_eq!(up.stop(), Some(0));
    // The store is asked in this process.
    assert_eq!(sources(&project, "marts.looked_up.called"), ["public.users.name"]);
    // What has changed since it was compiled is known by its tables alone.
    add_model(&project, "above", "select price from {{ ref('priced') }}");
    let ran = lineage(&project, &["marts.above.margin"]);
    says(&ran, 0, &["its file has changed since", "marts.priced", "not known which column"]);
    std::fs::remove_dir_all(project.state()).unwrap();
    let ran = lineage(&project, &["marts.mrr_movements.refunds"]);
    says(
        &ran,
        0,
        &["there is none yet", "this is what was known before", "postgres: public.refunds.amount"],
    );
    // It was kept that the facts are where they were under the name of before.
    std::fs::write(project.path().join("3.sql"), "alter table facts drop column properties")
        .unwrap();
    let expected = "marts.requests_per_minute, staging.stg_events read it; through them: marts.latency_by_endpoint, marts.error_rate_by_version";
    assert_eq!(models(&project, &["3.sql"]), [expected]);
}

/// What is said of them for each finding that has some.
fn models(project: &Project, args: &[&str]) -> Vec<String> {
    let ran = project.run(&[&["lint-migration", "--against", "millrace.toml"], args].concat());
    let lines = ran.stdout.lines().filter_map(|line| line.trim().strip_prefix("models: "));
    lines.map(str::to_owned).collect()
}

fn what_the_links_say(project: &Project) {
    let links = links(project, &["marts.latency_by_endpoint.p95_ms", "--up"]);
    let expected = [
        "analytics.events.properties_json computed staging.stg_events.ms",
        "postgres: public.events.properties same analytics.events.properties_json",
        "staging.stg_events.ms computed marts.latency_by_endpoint.p95_ms",
    ];
    assert_eq!(links, expected.map(str::to_owned).into());
    let json = json(project, &["marts.priced.price"]);
    let rows = node(&json, "marts.priced.price")["rows"].as_array().unwrap();
    let expected =
        ["public.order_items.product_id", "public.products.active", "public.products.id"];
    assert_eq!(*rows, expected);
}

fn what_is_not_known(project: &Project) {
    let found = json(project, &["marts.looked_up.country", "--up"]);
    let gaps = node(&found, "marts.looked_up.country")["not_known"].as_array().unwrap();
    assert!(gaps[0].as_str().unwrap().starts_with("dictGet"), "{found}");
    let found = json(project, &["marts.looked_up.note", "--up"]);
    assert_eq!(node(&found, "extra.notes.note")["end"], "made by neither dbt nor millrace");
    says(&lineage(project, &["marts.looked_up.nothing"]), 2, &["called, country, note"]);
    says(&lineage(project, &["nowhere.t"]), 2, &["cannot find nowhere.t"]);
}

fn down_from_postgres(project: &Project) {
    let found = links(project, &["public.events.properties", "--down"]);
    for link in [
        "postgres: public.events.properties same analytics.events.properties_json",
        "analytics.events.properties_json computed staging.stg_events.version",
        "staging.stg_events.version computed marts.error_rate_by_version.app_version",
        "staging.stg_events.version rows marts.error_rate_by_version",
    ] {
        assert!(found.contains(link), "{link}: {found:#?}");
    }
    assert!(!found.iter().any(|link| link.contains("dau_wau_mau")), "{found:#?}");
    // A filter changes which rows there are, so it is not followed into what is made of them.
    let expected = [
        "public.products.active rows marts.priced",
        "public.products.active same staging.stg_products.active",
    ];
    let found = links(project, &["public.products.active", "--down"]);
    assert_eq!(found, expected.map(str::to_owned).into());
    let ran = lineage(project, &["public.products.price", "--down"]);
    assert_eq!(
        ran.stdout,
        "public.products.price  mirror\n\ngoes into\n  \
           ├─ marts.priced.margin         computed, view\n  \
           │  └─ marts.above.margin       computed, view\n  \
           │     └─ marts.untold.margin   as it is, view\n  \
           └─ staging.stg_products.price  as it is, view\n"
    );
    let tables = links(project, &["public.subscriptions"]);
    let expected = [
        "postgres: public.subscriptions same public.subscriptions",
        "public.subscriptions read staging.stg_subscriptions",
        "staging.stg_subscriptions read marts.mrr_movements",
    ];
    assert_eq!(tables, expected.map(str::to_owned).into());
}

fn who_reads_what_a_migration_drops(project: &Project) {
    let sql = "set lock_timeout = '1s'; alter table products drop column price; alter table events rename properties to p;
               alter table products drop column stock; drop table refunds;
               alter table users drop column email; alter table users drop column channel";
    std::fs::write(project.path().join("1.sql"), sql).unwrap();
    let told = || models(project, &["1.sql"]);
    // Nobody reads `stock`.
    let expected = [
        "marts.priced, staging.stg_products read it; through them: marts.above, marts.untold",
        "marts.requests_per_minute, staging.stg_events read it; through them: marts.latency_by_endpoint, marts.error_rate_by_version",
        "staging.stg_refunds reads it; through it: marts.mrr_movements, marts.orders_daily",
        "extra.inner, staging.stg_users read it; through them: extra.v, marts.by_view",
        "staging.stg_users, marts.below read it",
    ];
    assert_eq!(told(), expected);
    // Without columns by tables, and it says so; without a dbt project not at all.
    let target = project.path().join("dbt/target");
    std::fs::rename(target.join("millrace-lineage.json"), target.join("kept")).unwrap();
    let lines = told();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(lines[2].starts_with("marts.priced, staging.stg_products read the table"), "{lines:?}");
    std::fs::rename(&target, project.path().join("dbt/elsewhere")).unwrap();
    assert_eq!(told(), [""; 0]);
    std::fs::rename(project.path().join("dbt/elsewhere"), &target).unwrap();
    std::fs::rename(target.join("kept"), target.join("millrace-lineage.json")).unwrap();
}

fn who_reads_what_a_type_or_a_publication_takes(project: &Project) {
    let schema = std::fs::read_to_string(Path::new(SHOP).join("schema.sql")).unwrap();
    std::fs::write(project.path().join("schema.sql"), schema).unwrap();
    let sql = "alter type order_status rename value 'paid' to 'settled'; drop type order_status cascade;
               alter table subscriptions alter mrr set expression as (1);
               alter publication millrace drop table refunds;
               alter publication millrace set table users, products, orders, order_items, subscriptions, events";
    std::fs::write(project.path().join("2.sql"), sql).unwrap();
    let of_status = "marts.everything, staging.stg_orders read it; through them: marts.orders_daily, marts.product_sales_daily";
    let of_refunds =
        "staging.stg_refunds reads it; through it: marts.mrr_movements, marts.orders_daily";
    let of_mrr = "staging.stg_subscriptions reads it; through it: marts.mrr_movements";
    let expected = [of_status, of_status, of_mrr, of_refunds, of_refunds];
    assert_eq!(models(project, &["--schema", "schema.sql", "2.sql"]), expected);
    // Which columns have the type, nobody told.
    assert_eq!(models(project, &["2.sql"]), [of_mrr, of_refunds, of_refunds]);
}

#[test]
fn who_may_read_may_ask_and_a_build_keeps_what_it_finds() {
    let cluster = small();
    let users = "[serve.users.ann]\npassword = \"${TEST_HASH}\"\nroles = [\"admin\"]\n\
                 [serve.users.dbt]\npassword = \"${TEST_HASH}\"\nroles = [\"editor\"]\n\
                 grants = [\"SELECT ON public.*\", \"ALL ON marts.*\"]\n\
                 [serve.users.vera]\npassword = \"${TEST_HASH}\"\nroles = [\"viewer\"]\n\
                 grants = [\"SELECT ON public.*\", \"SELECT ON marts.*\"]\n\
                 [serve.users.otto]\npassword = \"${TEST_HASH}\"\nroles = [\"viewer\"]\n\
                 grants = [\"SELECT ON elsewhere.*\"]\n\
                 [transform]\nuser = \"dbt\"\npassword = \"${TEST_HASH}\"\n";
    let project = project(&cluster, users);
    write_model(&project, "m", "select (select max(id) from public.t) + 1 as next from public.t");
    let env = [("TEST_HASH", "hush-hush")];
    let mut up = project.try_up(&env).unwrap_or_else(|ran| panic!("{}", ran.talk()));
    up.wait_ready();
    let kept = project.path().join("dbt/target/millrace-lineage.json");
    let ask = |user: &str, password: &str| {
        let login = [env[0], ("CLICKHOUSE_USER", user), ("CLICKHOUSE_PASSWORD", password)];
        project.run_with(&["lineage", "marts.m.next"], &login)
    };
    says(&project.run_with(&["transform", "run"], &env), 0, &["marts.m"]);
    // As dbt's user, who is an editor; without it there is nobody to ask.
    says(&ask("ann", "wrong"), 0, &["this is what was known before", "postgres: public.t.id"]);
    std::fs::remove_file(&kept).unwrap();
    says(&ask("ann", "wrong"), 2, &["CLICKHOUSE_USER="]);
    says(&ask("otto", "hush-hush"), 2, &["was refused for each", "CLICKHOUSE_USER="]);
    assert!(!kept.exists());
    for user in ["vera", "ann"] {
        says(&ask(user, "hush-hush"), 0, &["postgres: public.t.id"]);
    }
    // Another model is asked about by the next build; the same ones are not.
    let written = || std::fs::metadata(&kept).unwrap().modified().unwrap();
    let before = written();
    says(&project.run_with(&["transform", "run"], &env), 0, &["marts.m"]);
    assert_eq!(written(), before);
    write_model(&project, "m", "select id + 1 as after from public.t");
    says(&project.run_with(&["transform", "run"], &env), 0, &["marts.m"]);
    assert_ne!(written(), before);
    assert!(std::fs::read_to_string(&kept).unwrap().contains("after"));
    assert_eq!(up.stop(), Some(0));
}

/// Over HTTP, as Millrace's own user there.
#[test]
fn a_server_is_asked_as_well() {
    let (cluster, server) = (small(), server());
    let project = project(&cluster, &section(server.port()));
    write_model(&project, "m", "select id + 1 as next from public.t");
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    let expected = ["postgres: public.t.id same public.t.id", "public.t.id computed marts.m.next"];
    assert_eq!(links(&project, &["marts.m.next"]), expected.map(str::to_owned).into());
    assert_eq!(up.stop(), Some(0));
    // What is kept where is known to the server, too.
    assert_eq!(sources(&project, "marts.m.next"), ["public.t.id"]);
}

/// A compiled model that would leave its brackets is not run where no door is in front of the engine.
#[test]
fn a_model_is_one_query() {
    let cluster = small();
    let project = project(&cluster, "");
    write_model(&project, "m", "select 1 as x");
    let mut up = project.up();
    up.wait_ready();
    says(&project.run(&["transform", "run"]), 0, &["marts.m"]);
    up.query("CREATE TABLE marts.other (x Int8) ENGINE = MergeTree ORDER BY x");
    assert_eq!(up.stop(), Some(0));
    says(&lineage(&project, &["marts.m.x"]), 0, &["no column"]);
    let path = project.path().join("dbt/target/manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let beyond = "select 1 as x) ; drop table marts.other; select * from (select 1 as x";
    std::fs::write(&path, text.replace("select 1 as x", beyond)).unwrap();
    says(&lineage(&project, &["marts.m.x"]), 0, &["not known"]);
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM marts.other"), "0");
    assert_eq!(up.stop(), Some(0));
}
