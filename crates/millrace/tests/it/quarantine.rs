//! What was set aside is there once, can be looked at, and comes back once it can be carried.

use crate::{project, says, wait_for_state};
use cluster::Cluster;
use harness::{Project, config};
use serde_json::{Value, json};

fn list(project: &Project, tables: &[&str]) -> Vec<String> {
    let ran = project.run(&[&["quarantine", "list", "--json"], tables].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.talk());
    let groups: Value = serde_json::from_str(&ran.stdout).unwrap();
    let group = |group: &Value| {
        let text =
            |key: &str| group[key].as_str().unwrap().trim_start_matches("public.").to_owned();
        let (rows, superseded) = (&group["rows"], &group["superseded"]);
        format!("{}.{} {rows} {superseded}", text("table"), text("column"))
    };
    groups.as_array().unwrap().iter().map(group).collect()
}

fn replay(project: &Project, args: &[&str]) -> (Option<i32>, Value) {
    let ran = project.run(&[&["quarantine", "replay", "--json"], args].concat());
    assert!(ran.code != Some(2), "{}", ran.talk());
    (ran.code, serde_json::from_str(&ran.stdout).unwrap())
}

const FACTS: &str = "[tables.\"public.facts\"]\nmode = \"append\"\norder_by = [\"n\"]\n\
                     [tables.\"public.facts\".columns]\nn = { type = \"Decimal(76, 38)\" }\n";

/// Rows that are equal to the last digit are not one row, in a copy and in the stream, whatever was
/// killed in between.
#[test]
fn equal_rows_of_a_table_without_a_key_are_counted_each() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table facts (n numeric); create publication millrace for table facts with (publish = 'insert');
         insert into facts select 'NaN' from generate_series(1, 5)",
    );
    let project = project(&cluster, FACTS);
    let mut up = project.up();
    up.wait_ready();
    // One record of the log for all of them, and one for each.
    cluster.sql(&format!("copy facts from stdin;\n{}\\.\n", "NaN\n".repeat(7)));
    for _ in 0..3 {
        cluster.sql(
            "insert into facts values ('NaN'), ('Infinity'); insert into facts values ('NaN')",
        );
    }
    let count = "SELECT count(), countIf(row LIKE '%Inf%') FROM millrace.quarantine FINAL";
    up.wait_for(count, "21\t3");
    for _ in 0..3 {
        up.kill();
        up = project.up();
        up.wait_ready();
    }
    cluster.sql("insert into facts values (1)");
    up.wait_for("SELECT count() FROM public.facts", "1");
    assert_eq!(up.query(count), "21\t3");
    assert_eq!(list(&project, &[]), ["facts.n 3 0", "facts.n 18 0"]);
    assert_eq!(up.stop(), Some(0));
}

const COLUMNS: &str = "amount = { }\nsize = { type = \"Nullable(Int32)\" }\n";
const NULLS: &str = "amount = { on_unrepresentable = \"null\" }\n\
                     size = { type = \"Nullable(Int32)\", on_unrepresentable = \"null\" }\n";

fn tables(columns: &str) -> String {
    format!(
        "[tables.\"public.orders\".columns]\n{columns}\n[tables.\"public.facts\"]\nmode = \"append\"\n\
         order_by = [\"id\"]\npartition_by = \"id % 3\"\n[tables.\"public.facts\".columns]\n{columns}\n"
    )
}

#[test]
fn rows_come_back_once_they_can_be_carried() {
    let cluster = Cluster::start();
    for table in ["orders", "facts"] {
        cluster.sql(&format!(
            "create table {table} (id int primary key, amount numeric, size text, body text, seen timestamptz);
             alter table {table} alter body set storage external;
             insert into {table} select n, case n % 3 when 0 then 'NaN'::numeric else n end, case n % 4 when 0 then 'x' end,
               repeat('body' || n, 1000), '2026-01-01' from generate_series(1, 24) n"
        ));
    }
    let project = project(&cluster, &tables(COLUMNS));
    let mut up = project.up();
    up.wait_ready();
    for table in ["orders", "facts"] {
        cluster.sql(&format!(
            "insert into {table} select n, 'NaN', n, E'\\\\ \"\\n' || n, '2026-01-02' from generate_series(31, 34) n;
             insert into {table} values (40, 1, 'secret\x1b[31m', null, null)"
        ));
    }
    // In quarantine, and then: changed to what can be carried, deleted, changed and refused again
    // without its body being sent.
    cluster.sql(
        "update orders set amount = 7 where id = 31; delete from orders where id = 32;
         update orders set amount = 'Infinity' where id = 3; insert into orders values (50)",
    );
    up.wait_for("SELECT count() FROM public.orders WHERE id = 50", "1");
    up.wait_for(
        "SELECT count() FROM millrace.quarantine FINAL WHERE source_table = 'public.facts'",
        "17",
    );
    assert_eq!(
        list(&project, &[]),
        [
            "facts.amount 12 0",
            "facts.size 5 0",
            // Infinity is another reason than NaN.
            "orders.amount 1 0",
            "orders.amount 9 2",
            "orders.size 5 0"
        ]
    );
    assert_eq!(list(&project, &["public.orders"]).len(), 3);
    let shown =
        project.run(&["quarantine", "show", "public.orders", "--column", "size", "--limit", "1"]);
    says(&shown, 0, &["public.orders insert at ", "size: ", "secret\\u001b[31m"]);
    assert!(!shown.stdout.contains('\x1b'), "{shown:?}");
    assert!(
        project.run(&["verify"]).stdout.contains("rows in quarantine: millrace quarantine list")
    );
    // Nothing changed: all are refused again.
    let (code, answer) = replay(&project, &["--all"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        answer,
        json!([
            {"table": "public.facts", "replayed": 0, "refused": 17, "superseded": 0, "skipped": null},
            {"table": "public.orders", "replayed": 0, "refused": 15, "superseded": 0, "skipped": null}
        ])
    );
    assert_eq!(up.stop(), Some(0));
    // Without a pipeline the store answers.
    assert_eq!(
        list(&project, &["public.orders"]),
        ["orders.amount 1 0", "orders.amount 9 2", "orders.size 5 0"]
    );

    project.configure(&config(&cluster.url(), &tables(NULLS)));
    up = project.up();
    up.wait_ready();
    for replayed in [true, false] {
        let (code, answer) = replay(&project, &["public.facts", "public.orders"]);
        let count = |rows: u64| if replayed { rows } else { 0 };
        assert_eq!(code, Some(0));
        assert_eq!(
            (&answer[0]["replayed"], &answer[1]["replayed"]),
            (&json!(count(17)), &json!(count(15)))
        );
        assert_eq!((&answer[0]["refused"], &answer[1]["refused"]), (&json!(0), &json!(0)));
        assert!(project.verify() > 0);
        assert_eq!(up.query("SELECT count(), uniqExact(id) FROM public.facts"), "29\t29");
        let orders =
            "SELECT count(), countIf(isNull(amount)), sum(length(body)) FROM public.orders";
        let theirs = cluster.sql("select count(*), count(*) filter (where amount is null or abs(amount) > 1000), sum(length(body)) from orders");
        assert_eq!(up.query(orders), theirs.replace('|', "\t"));
    }
    assert_eq!(list(&project, &[]), ["orders.amount 0 2"], "what is superseded is no waiting row");
    // A log that is read again brings nothing back.
    up.kill();
    up = project.up();
    up.wait_ready();
    assert!(project.verify() > 0);
    let status = project.status()["tables"].to_string();
    assert!(!status.contains("secret"), "{status}");
    assert_eq!(up.stop(), Some(0));
}

/// The copies and TRUNCATEs of a table end what waited from before.
#[test]
fn what_a_newer_copy_or_a_truncate_took_waits_no_more() {
    let cluster = Cluster::start();
    for table in ["orders", "facts"] {
        cluster
            .sql(&format!("create table {table} (id int primary key, amount numeric, size text)"));
        cluster.sql(&format!("insert into {table} values (1, 'NaN', '1'), (2, 2, '2')"));
    }
    let project = project(&cluster, &tables(COLUMNS));
    let mut up = project.up();
    up.wait_ready();
    cluster
        .sql("insert into orders values (3, 'NaN'); insert into facts values (3, 'NaN'), (4, 4)");
    up.wait_for("SELECT count() FROM public.facts", "2");
    up.wait_for("SELECT count() FROM millrace.quarantine FINAL", "4");
    let resync = project.run(&["resync", "public.orders", "public.facts"]);
    assert_eq!(resync.code, Some(0), "{}", resync.talk());
    up.wait_ready();
    // Facts of before are kept, those that were refused too: the stream's record of it beside the copy's.
    assert_eq!(list(&project, &[]), ["facts.amount 2 1", "orders.amount 2 0"]);
    cluster.sql("truncate orders; insert into orders values (5, 5)");
    up.wait_for("SELECT groupArray(id) FROM public.orders", "[5]");
    assert_eq!(list(&project, &["public.orders"]), Vec::<String>::new());
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn dropping_asks_first_and_says_how_many() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, amount numeric, size text);
         create table facts (id int primary key, amount numeric, size text);
         insert into orders values (1, 'NaN', '1'), (2, 2, 'x'), (3, 'NaN', 'x')",
    );
    let project = project(&cluster, &tables(COLUMNS));
    says(&project.run(&["quarantine", "list"]), 2, &["there is no store yet"]);
    let mut up = project.up();
    up.wait_ready();
    let drop =
        |args: &[&str]| project.run(&[&["quarantine", "drop", "public.orders"], args].concat());
    says(&drop(&[]), 2, &["hint: --yes"]);
    assert_eq!(list(&project, &[]), ["orders.amount 2 0", "orders.size 1 0"]);
    says(&drop(&["--column", "size", "--yes"]), 0, &["public.orders: 1 row forgotten"]);
    assert_eq!(list(&project, &[]), ["orders.amount 2 0"]);
    assert_eq!(up.stop(), Some(0));
    says(&drop(&["--yes"]), 0, &["public.orders: 2 rows forgotten"]);
    says(&drop(&["--yes"]), 0, &["nothing to forget"]);
    up = project.up();
    up.wait_ready();
    says(&project.run(&["quarantine", "list"]), 0, &["nothing is in quarantine"]);
    let unknown = project.run(&["quarantine", "replay", "public.order"]);
    says(&unknown, 2, &["cannot replay public.order: it does not stream here"]);
    says(&project.run(&["quarantine", "replay"]), 2, &["--all"]);
    assert_eq!(up.stop(), Some(0));
}

/// Without an `up`: a pipeline for the moment.
#[test]
fn a_replay_runs_a_pipeline_of_its_own() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, amount numeric, size text);
         create table facts (id int primary key, amount numeric, size text);
         insert into orders values (1, 'NaN', '1'), (2, 2, 'x'); create table broken (id int primary key, n numeric)",
    );
    let project = project(&cluster, &tables(COLUMNS));
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.stop(), Some(0));
    let stop = "[tables.\"public.broken\".columns]\nn = { on_unrepresentable = \"stop\" }\n";
    project.configure(&config(&cluster.url(), &(tables(NULLS) + stop)));
    cluster.sql("insert into broken values (1, 'NaN')");
    up = project.up();
    wait_for_state(&project, "public.broken", "failed");
    assert_eq!(up.stop(), Some(0));
    let (code, answer) = replay(&project, &["--all"]);
    assert_eq!(code, Some(1), "{answer}");
    let tables: Vec<_> = answer.as_array().unwrap().iter().collect();
    let replayed = tables.iter().map(|t| (t["table"].as_str().unwrap(), t["replayed"].as_u64()));
    let expected =
        [("public.broken", Some(0)), ("public.facts", Some(0)), ("public.orders", Some(2))];
    assert_eq!(Vec::from_iter(replayed), expected);
    assert!(
        answer[0]["skipped"].as_str().unwrap().contains("cannot replay public.broken: it stopped")
    );
    up = project.up();
    up.wait_for("SELECT count() FROM public.orders", "2");
    assert_eq!(up.stop(), Some(0));
}
