//! The modes of docs/modes.md by the binary: what `millrace.toml` says of changes is what becomes of
//! them, also behind a kill, and the page's own queries answer.

use crate::{project, says, wait_for_state};
use cluster::Cluster;
use harness::config;

const PAGE: &str = include_str!("../../../../docs/modes.md");

const TABLES: &str = r#"
[tables."public.orders"]
mode = "history"
partition_by = "toYYYYMM(_commit_time)"
[tables."public.users"]
deletes = "keep"
[tables."public.events"]
mode = "append"
order_by = ["id"]
on_update = "append"
truncate = "apply"
"#;

/// The statements of the page, in their order.
fn queries() -> Vec<String> {
    let blocks = PAGE.split("```sql\n").skip(1);
    let sql = blocks.map(|block| block.split("```").next().unwrap().trim());
    sql.map(|sql| sql.trim_end_matches(';').to_owned()).collect()
}

#[test]
fn a_history_an_archive_and_facts_that_change() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, status text not null, note text);
         create table users (id int primary key, name text);
         create table events (id int primary key, what text);
         insert into orders values (1, 'new', null); insert into users values (1, 'ann'), (2, 'bob');
         insert into events values (1, 'seen')",
    );
    let project = project(&cluster, TABLES);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(
        "update orders set status = 'paid' where id = 1; insert into orders values (2, 'paid', 'x');
         update orders set id = 20 where id = 2; delete from users where id = 2;
         update events set what = 'heard' where id = 1",
    );
    up.wait_for("SELECT count() FROM public.events", "2");
    up.kill();
    cluster.sql("update orders set status = 'sent' where id = 1; delete from orders where id = 20");
    let mut up = project.up();
    up.wait_ready();
    up.wait_for("SELECT count() FROM public.orders WHERE _op = 'delete'", "1");
    // Counts are of this process.
    cluster.sql("insert into users values (3, 'cyd'); delete from users where id = 3; insert into events values (2, 'b')");
    up.wait_for("SELECT count() FROM public.events WHERE id = 2", "1");
    let queries = queries();
    let shown = up.query(&queries[0]);
    let rows = shown.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let rows: Vec<String> = rows.map(|row| [row[0], row[1], row[2], row[5]].join(" ")).collect();
    assert_eq!(
        rows,
        [
            "1 new snapshot (NULL)",
            "1 paid update (1)",
            "1 sent update (1)",
            "2 paid insert (NULL)",
            "20 paid update (2)",
            "20  delete (20)"
        ]
    );
    let seconds: f64 = up.query(&queries[1]).parse().unwrap();
    assert!((0.0..600.0).contains(&seconds), "{seconds}");
    let now = queries[2].replace("WHERE _commit_time <= '2026-11-01' ", "");
    assert_ne!(now, queries[2]);
    assert_eq!(
        up.query(&format!("SELECT groupArray((id, status)) FROM ({now})")),
        "[(1,'sent'),(2,'paid')]"
    );
    assert_eq!(up.query("SELECT groupArray(name) FROM public.users"), "['ann','bob','cyd']");
    let status = project.run(&["status"]).stdout;
    assert!(
        status.contains("public.users: ") && status.contains("not followed since start"),
        "{status}"
    );
    assert!(project.verify() > 0);
    cluster.sql("truncate events, users; insert into events values (7, 'after')");
    up.wait_for("SELECT groupArray(id) FROM public.events", "[7]");
    assert_eq!(up.query("SELECT count() FROM public.users"), "3");
    project.verify();
    says(&project.run(&["resync", "public.orders"]), 0, &[]);
    wait_for_state(&project, "public.orders", "streaming");
    project.verify();
    assert_eq!(up.stop(), Some(0));
}

/// What each table's identity allows is said before anything runs, and its cure is one.
#[test]
fn tables_without_a_primary_key_are_what_check_says() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table indexed (a int not null, v text); create unique index by_a on indexed (a);
         alter table indexed replica identity using index by_a;
         create table whole (a int, v text); alter table whole replica identity full;
         create table loose (a int, v text); alter table loose replica identity nothing;
         create publication millrace for all tables;
         insert into indexed values (1, 'x'); insert into whole values (1, 'x'), (2, 'x'); insert into loose values (1, 'x')",
    );
    let project = project(&cluster, "");
    says(
        &project.run(&["check"]),
        1,
        &[
            "public.whole has no key: the whole row is its key",
            "REPLICA IDENTITY USING INDEX",
            "public.loose cannot be mirrored: it has no key",
            "ALTER TABLE \"public\".\"loose\" REPLICA IDENTITY FULL",
        ],
    );
    cluster.sql("alter table loose replica identity full");
    says(&project.run(&["check"]), 0, &["public.loose has no key: the whole row is its key"]);
    let mut up = project.up();
    up.wait_ready();
    cluster
        .sql("update indexed set v = 'y'; update whole set v = 'y' where a = 1; delete from loose");
    up.wait_for(
        "SELECT groupArray((a, v)) FROM (SELECT * FROM public.whole ORDER BY a)",
        "[(1,'y'),(2,'x')]",
    );
    up.wait_for("SELECT count() FROM public.loose", "0");
    project.verify();
    assert_eq!(up.stop(), Some(0));
    project
        .configure(&config(&cluster.url(), "[tables.\"public.whole\"]\non_update = \"append\"\n"));
    says(
        &project.run(&["config", "check"]),
        1,
        &["on_update", "it is a setting of an append table"],
    );
}

/// Who keeps an UPDATE for good is told what it cannot have of it, and what cures that.
#[test]
fn large_values_that_do_not_read_back_are_what_check_says() {
    let cluster = Cluster::start();
    let made: Vec<String> = ["told", "added", "facts", "shown"]
        .map(|table| format!("create table {table} (id int primary key, doc jsonb, tags text[]);"))
        .into();
    cluster.sql(&(made.concat() + "create publication millrace for all tables"));
    let kept = [
        ("told", "mode = \"history\""),
        ("added", "mode = \"append\"\norder_by = [\"id\"]\non_update = \"append\""),
        ("facts", "mode = \"append\"\norder_by = [\"id\"]"),
        ("shown", ""),
    ];
    let tables = kept.map(|(table, mode)| {
        format!("[tables.\"public.{table}\"]\n{mode}\n[tables.\"public.{table}\".columns]\ndoc = {{ type = \"JSON\" }}\n")
    });
    let project = project(&cluster, &tables.concat());
    let said = project.run(&["check", "--json"]);
    says(
        &said,
        0,
        &[
            "large values of public.told may be later ones: doc\"",
            "large values of public.added may be later ones: doc\"",
            "ALTER TABLE \\\"public\\\".\\\"told\\\" REPLICA IDENTITY FULL;",
        ],
    );
    assert_eq!(said.stdout.matches("large_values").count(), 2, "{}", said.stdout);
    cluster.sql("alter table told replica identity full; alter table added replica identity full");
    let said = project.run(&["check", "--json"]);
    assert!(!said.stdout.contains("large_values"), "{}", said.stdout);
}
