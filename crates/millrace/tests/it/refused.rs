//! Values that a chosen type cannot hold: their rows go to quarantine, in the copy and in the stream,
//! and everything else goes on.

use crate::{project, take_way_back, wait_for_state};
use cluster::Cluster;
use harness::config;
use std::time::Duration;

const TABLES: &str = r#"
[tables."public.orders".columns]
status = { type = "Enum8('new' = 1, 'paid' = 2)" }
extra = { type = "JSON" }
[tables."public.facts"]
mode = "append"
order_by = ["id"]
partition_by = "toYYYYMMDD(day)"
[tables."public.facts".columns]
amount = { type = "Int32" }
extra = { type = "JSON" }
"#;

/// Five rows of each table, of which the second to the fourth are refused.
fn rows(from: u32) -> String {
    let wide = format!("{{\"a\": {}}}", "9".repeat(60));
    let orders = [("new", "{}"), ("lost", "{}"), ("new", &wide), ("", "{}"), ("paid", "{}")];
    let facts = [("1", "{}"), ("1", r#"{"a": 1, "a": 2}"#), ("x", "{}"), ("1", &wide), ("2", "{}")];
    let mut sql = String::new();
    for (id, ((status, extra), (amount, fact))) in (from..).zip(orders.iter().zip(&facts)) {
        sql += &format!("insert into orders values ({id}, '{status}', '{extra}');");
        sql += &format!("insert into facts values ({id}, '2026-01-01', '{amount}', '{fact}');");
    }
    sql
}

#[test]
fn refused_rows_are_set_aside_and_the_others_arrive() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, status text not null, extra json);
         create table facts (id int primary key, day date not null, amount text not null, extra json)",
    );
    cluster.sql(&rows(1));
    // More days than the engine takes partitions of one block, if it is left to itself.
    cluster.sql(
        "insert into facts select 1000 + n, date '2025-01-01' + n, '7', '{}' from generate_series(1, 300) n",
    );
    let project = project(&cluster, TABLES);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(&rows(11));
    // In one transaction, and so most likely in one block: deletes among refused rows, a row that
    // becomes one, and one that does no more.
    cluster.sql(
        "begin; delete from orders where id = 1; update orders set status = 'gone' where id = 5;
         update orders set status = 'paid' where id = 2; insert into orders values (20, 'new', '{}');
         insert into facts values (20, '2026-01-02', '3', '{}'); commit",
    );
    for table in ["orders", "facts"] {
        up.wait_for(&format!("SELECT count() FROM public.{table} WHERE id = 20"), "1");
    }
    let orders = up.query("SELECT id, status FROM public.orders ORDER BY id");
    assert_eq!(orders, "2\tpaid\n11\tnew\n15\tpaid\n20\tnew");
    let facts = up.query("SELECT id, amount FROM public.facts WHERE id < 1000 ORDER BY id");
    assert_eq!(facts, "1\t1\n5\t2\n11\t1\n15\t2\n20\t3");
    assert_eq!(up.query("SELECT count() FROM public.facts"), "305");

    let kept = up.query(
        "SELECT source_table, column, count(), uniq(reason) FROM millrace.quarantine FINAL \
         GROUP BY source_table, column ORDER BY source_table, column",
    );
    assert_eq!(
        kept,
        "public.facts\tamount\t2\t1\npublic.facts\textra\t4\t1\n\
         public.orders\textra\t2\t1\npublic.orders\tstatus\t5\t1"
    );
    let row = up.query(
        "SELECT row FROM millrace.quarantine FINAL WHERE source_table = 'public.orders' \
         AND op = 'update' FORMAT TSVRaw",
    );
    assert_eq!(row, r#"{"id":"5","status":"gone","extra":"{}"}"#);
    let tables = project.status()["tables"].clone();
    let tables = tables.as_array().unwrap();
    assert!(tables.iter().all(|table| table["state"] == "streaming"), "{tables:?}");
    let rejected: Vec<_> = tables.iter().map(|t| t["rejected_rows"].as_u64().unwrap()).collect();
    assert_eq!(rejected, [6, 7]);
    assert_eq!(up.stop(), Some(0));
}

const COUNTED: &str = r#"
[tables."public.facts"]
mode = "append"
order_by = ["id"]
[tables."public.facts".columns]
amount = { type = "Int32" }
"#;

/// An append table's interval is cut and sifted again after a crash, and comes to the same rows.
#[test]
fn refused_rows_and_crashes_double_and_lose_nothing() {
    let cluster = Cluster::start();
    cluster.sql("create table facts (id int primary key, amount text not null)");
    let project = project(&cluster, COUNTED);
    let mut up = project.up();
    up.wait_ready();
    for life in 0..6 {
        for part in 0..10 {
            let from = life * 1000 + part * 100;
            cluster.sql(&format!(
                "insert into facts select {from} + n, case n % 9 when 0 then 'x' else n::text end \
                 from generate_series(1, 100) n"
            ));
        }
        std::thread::sleep(Duration::from_millis(40 * life));
        up.kill();
        up = project.up();
    }
    cluster.sql("insert into facts values (1000000, '1')");
    up.wait_for("SELECT count() FROM public.facts WHERE id = 1000000", "1");
    let theirs = cluster.sql("select count(*), sum(id) from facts where amount <> 'x'");
    let ours = up.query("SELECT count(), sum(id) FROM public.facts");
    assert_eq!(ours, theirs.replace('|', "\t"));
    let refused = cluster.sql("select count(*) from facts where amount = 'x'");
    assert_eq!(up.query("SELECT count() FROM millrace.quarantine FINAL"), refused);
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_type_that_fits_nearly_nothing_stops_its_table_and_says_so() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table facts (id int primary key, amount text not null);
         insert into facts select n, 'secret' || n from generate_series(1, 5000) n",
    );
    let project = project(&cluster, COUNTED);
    let up = project.up();
    let table = wait_for_state(&project, "public.facts", "failed");
    let why = "the store refuses more than 1000 rows of one batch";
    assert!(table["last_error"].to_string().contains(why), "{table}");
    assert!(!table.to_string().contains("secret"), "{table}");
    assert_eq!(up.stop(), Some(0));
    project.configure(&config(&cluster.url(), &COUNTED.replace("Int32", "String")));
    let mut up = project.up();
    take_way_back(&project, &table);
    up.wait_ready();
    assert_eq!(up.query("SELECT count() FROM public.facts"), "5000");
    assert_eq!(up.stop(), Some(0));
}

const CHOSEN: &str = r#"
[tables."public.texts"]
[tables."public.texts".columns]
a = { type = "UUID" }
b = { type = "IPv4" }
c = { type = "Int32" }
d = { type = "FixedString(3)" }
e = { type = "Date" }
f = { type = "Bool" }
g = { type = "Decimal(9, 2)" }
h = { type = "IPv6" }
"#;

/// Each kind of refusal is known as one, and none of them tells the value.
#[test]
fn every_chosen_type_refuses_by_the_row_and_in_silence() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table texts (id int primary key, a text not null, b text not null, c text not null,
           d text not null, e text not null, f text not null, g text not null, h text not null)",
    );
    let fit = [
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        "127.0.0.1",
        "7",
        "abc",
        "2026-01-01",
        "true",
        "1.5",
        "::1",
    ];
    let unfit = "secret";
    for wrong in 0..=fit.len() {
        let values: Vec<String> = fit
            .iter()
            .enumerate()
            .map(|(at, value)| format!("'{}'", if at == wrong { unfit } else { value }))
            .collect();
        cluster.sql(&format!("insert into texts values ({wrong}, {})", values.join(", ")));
    }
    let project = project(&cluster, CHOSEN);
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT groupArray(id) FROM public.texts"), "[8]");
    let columns = up.query(
        "SELECT arrayStringConcat(arraySort(groupArray(column))) FROM millrace.quarantine FINAL",
    );
    assert_eq!(columns, "abcdefgh");
    assert!(!up.log().contains(unfit), "{}", up.log());
    assert!(!project.status().to_string().contains(unfit));
    assert_eq!(up.stop(), Some(0));
}
