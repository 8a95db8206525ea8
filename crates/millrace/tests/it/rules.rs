//! What becomes of a value that ClickHouse cannot carry is for each column to say: in the copy and in
//! the stream, of mirrors and of append tables, and verify knows of it.

use crate::{project, take_way_back, wait_for_state};
use cluster::Cluster;
use harness::{Project, config};
use serde_json::{Value, json};

const COLUMNS: &str = r#"
amount = { on_unrepresentable = "null" }
kind = { type = "LowCardinality(Nullable(String))" }
level = { type = "Nullable(Enum8('low' = 1, 'high' = 2))", on_unrepresentable = "null" }
seen = { on_unrepresentable = "null" }
until = { on_unrepresentable = "clamp" }
place = { default = "'nowhere'" }
size = { type = "Int32", default = "0", on_unrepresentable = "null" }
score = { default = "-1" }
"#;

fn both(columns: &str) -> String {
    format!(
        "[tables.\"public.orders\".columns]\n{columns}\n[tables.\"public.facts\"]\nmode = \"append\"\n\
         order_by = [\"id\"]\n[tables.\"public.facts\".columns]\n{columns}\n"
    )
}

const TABLES: &str = "
    (id int primary key, amount numeric, kind text, level text, seen timestamptz, until date,
     place text, size text, score int)";

/// Of six rows only the first and the last are as ClickHouse takes them.
fn rows(from: u32) -> String {
    let rows = [
        "1.5, 'a', 'low', '2026-01-01 00:00:00+00', '2026-01-01', 'here', '7', 5",
        "'NaN', null, 'middle', 'infinity', 'infinity', null, 'large', null",
        "1e60, 'a', '', '-infinity', '1800-01-01', null, null, null",
        "2, 'a', 'middle', '2026-01-01 00:00:00+00', '2026-01-01', 'here', 'large', 0",
        "null, null, null, null, null, null, null, null",
        "3, 'b', 'high', '2026-01-01 00:00:00+00', '2026-01-01', '', '9', 6",
    ];
    let mut sql = String::new();
    for table in ["orders", "facts"] {
        for (id, row) in (from..).zip(rows) {
            sql += &format!("insert into {table} values ({id}, {row});");
        }
    }
    sql
}

const SHOWN: [&str; 6] = [
    "1.5\ta\tlow\t2026-01-01\t2026-01-01\there\t7\t5",
    "\\N\t\\N\t\\N\t\\N\t2299-12-31\tnowhere\t0\t-1",
    "\\N\ta\t\\N\t\\N\t1900-01-01\tnowhere\t0\t-1",
    "2\ta\t\\N\t2026-01-01\t2026-01-01\there\t0\t0",
    "\\N\t\\N\t\\N\t\\N\t\\N\tnowhere\t0\t-1",
    "3\tb\thigh\t2026-01-01\t2026-01-01\t\t9\t6",
];

fn table(project: &Project, name: &str) -> Value {
    let tables = project.status()["tables"].clone();
    let found = tables.as_array().unwrap().iter().find(|table| table["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("{tables}"))
}

/// docs/pains.md 7
#[test]
fn values_become_null_or_the_default_and_are_counted() {
    let cluster = Cluster::start();
    cluster.sql(&format!("create table orders {TABLES}; create table facts {TABLES};"));
    cluster.sql(&rows(1));
    let project = project(&cluster, &both(COLUMNS));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(&rows(11));
    cluster.sql("update orders set amount = 'NaN', size = 'huge' where id = 1; delete from orders where id = 6");
    for table in ["facts", "orders"] {
        up.wait_for(&format!("SELECT count() FROM public.{table} WHERE id = 16"), "1");
        up.wait_for("SELECT count() FROM public.orders WHERE id = 6", "0");
        let shown = |from: u32| {
            up.query(&format!(
                "SELECT amount, kind, level, toDate(seen), until, place, size, score \
                 FROM public.{table} WHERE id BETWEEN {from} AND {from} + 5 ORDER BY id"
            ))
        };
        assert_eq!(shown(11), SHOWN.join("\n"), "{table}");
        if table == "facts" {
            assert_eq!(shown(1), SHOWN.join("\n"));
        }
    }
    let changed = up.query("SELECT amount, size, place FROM public.orders WHERE id = 1");
    assert_eq!(changed, "\\N\t0\there");
    assert_eq!(up.query("SELECT count() FROM millrace.quarantine FINAL"), "0");
    assert!(project.verify() > 0);
    let facts = table(&project, "public.facts");
    assert_eq!(facts["clamped_columns"], json!({"until": 4}), "{facts}");
    assert_eq!(facts["nulled_columns"], json!({"amount": 4, "level": 6, "seen": 4, "size": 4}));
    assert_eq!(facts["defaulted_columns"], json!({"place": 6, "score": 6, "size": 4}));
    assert_eq!(facts["rejected_rows"], 0);
    assert_eq!(up.stop(), Some(0));
}

/// Dirt is not rare where this is the rule.
#[test]
fn a_column_of_nearly_nothing_but_dirt_becomes_null() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table facts (id int primary key, size text);
         insert into facts select n, case n % 3 when 0 then n::text when 1 then 'n/a' else '' end
         from generate_series(1, 60000) n",
    );
    let tables = "[tables.\"public.facts\"]\nmode = \"append\"\n[tables.\"public.facts\".columns]\n\
                  size = { type = \"Nullable(Int32)\", on_unrepresentable = \"null\" }\n";
    let project = project(&cluster, tables);
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(
        up.query("SELECT count(), count(size), sum(size) FROM public.facts"),
        "60000\t20000\t600030000"
    );
    assert_eq!(table(&project, "public.facts")["nulled_columns"], json!({"size": 40000}));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn times_may_be_set_aside_like_anything_else() {
    let cluster = Cluster::start();
    let made = "(id int primary key, seen timestamptz[], until date)";
    cluster.sql(&format!("create table orders {made}; create table facts {made};"));
    let rows = |from: u32| {
        let mut sql = String::new();
        for table in ["orders", "facts"] {
            for (id, row) in
                (from..).zip(["'{2026-01-01}', null", "'{infinity}', null", "null, 'infinity'"])
            {
                sql += &format!("insert into {table} values ({id}, {row});");
            }
        }
        sql + "insert into facts values (1000, null, null) on conflict do nothing;"
    };
    cluster.sql(&rows(1));
    let aside = "seen = { on_unrepresentable = \"quarantine\" }\nuntil = { on_unrepresentable = \"quarantine\" }\n";
    let project = project(&cluster, &both(aside));
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(&rows(11));
    cluster
        .sql("update orders set until = 'infinity' where id = 1; insert into orders values (20)");
    up.wait_for("SELECT count() FROM public.orders WHERE id = 20", "1");
    assert_eq!(up.query("SELECT groupArray(id) FROM public.orders"), "[11,20]");
    up.wait_for("SELECT arraySort(groupArray(id)) FROM public.facts", "[1,11,1000]");
    let kept = up.query(
        "SELECT source_table, column, count(), any(reason) FROM millrace.quarantine FINAL \
         GROUP BY ALL ORDER BY ALL",
    );
    let why = "it lies outside the years 1900 to 2299";
    let expected =
        [("facts\tseen", 2), ("facts\tuntil", 2), ("orders\tseen", 2), ("orders\tuntil", 3)];
    let expected = expected.map(|(what, rows)| format!("public.{what}\t{rows}\t{why}"));
    assert_eq!(kept, expected.join("\n"));
    assert_eq!(up.stop(), Some(0));
}

/// In the copy and in the stream, by the decoder and by the store.
#[test]
fn a_column_that_stops_its_table_says_why_and_how_to_go_on() {
    let cluster = Cluster::start();
    let made = "(id int primary key, amount numeric, level text)";
    cluster.sql(&format!(
        "create table orders {made}; create table facts {made}; create table others {made};
         insert into facts values (1, 'NaN', 'low'); insert into orders values (1, 1, 'low')"
    ));
    let stop = "amount = { on_unrepresentable = \"stop\" }\n\
                level = { type = \"Enum8('low' = 1)\", on_unrepresentable = \"stop\" }\n";
    let project = project(&cluster, &both(stop));
    let mut up = project.up();
    let failed = wait_for_state(&project, "public.facts", "failed");
    assert!(failed["last_error"].to_string().contains("NaN has no place in a Decimal"), "{failed}");
    wait_for_state(&project, "public.orders", "streaming");
    cluster
        .sql("insert into orders values (2, 2, 'secret'); insert into others values (1, 1, 'x')");
    let failed = wait_for_state(&project, "public.orders", "failed");
    let error = failed["last_error"].as_str().unwrap();
    for words in
        ["cannot carry a value of public.orders.level", "on_unrepresentable = \"stop\"", "hint: "]
    {
        assert!(error.contains(words), "{error}");
    }
    assert!(!error.contains("secret"), "{error}");
    up.wait_for("SELECT count() FROM public.others", "1");
    assert_eq!(up.query("SELECT count() FROM millrace.quarantine FINAL"), "2");
    assert_eq!(up.stop(), Some(0));
    let null = "amount = { on_unrepresentable = \"null\" }\n\
                level = { type = \"LowCardinality(String)\" }\n";
    project.configure(&config(&cluster.url(), &both(null)));
    up = project.up();
    for name in ["public.facts", "public.orders"] {
        take_way_back(&project, &wait_for_state(&project, name, "failed"));
    }
    up.wait_ready();
    assert!(project.verify() > 0);
    assert_eq!(up.query("SELECT groupArray(id) FROM public.orders"), "[1,2]");
    assert_eq!(
        up.query("SELECT count() FROM millrace.quarantine FINAL WHERE state = 'waiting'"),
        "0"
    );
    assert_eq!(up.stop(), Some(0));
}

/// The engine would keep the lower bits of them.
#[test]
fn numbers_that_a_narrower_type_cannot_hold_are_not_cut_in_silence() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id bigint primary key, small bigint not null, size int);
         insert into orders values (1, 1, 1), (2, 32768, 2), (3, -32768, 300)",
    );
    let tables = "[tables.\"public.orders\".columns]\nsmall = { type = \"Int16\" }\n\
                  size = { type = \"Nullable(UInt8)\", on_unrepresentable = \"null\" }\n";
    let project = project(&cluster, tables);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql("insert into orders values (4, 70000, 0), (5, 5, -1), (6, 6, 255)");
    up.wait_for("SELECT count() FROM public.orders WHERE id = 6", "1");
    assert_eq!(
        up.query("SELECT id, small, size FROM public.orders ORDER BY id"),
        "1\t1\t1\n3\t-32768\t\\N\n5\t5\t\\N\n6\t6\t255"
    );
    let kept = up.query("SELECT key, column, reason FROM millrace.quarantine FINAL ORDER BY key");
    let why = "small\tthe value has no place in Int16";
    assert_eq!(kept, format!("[\"2\"]\t{why}\n[\"4\"]\t{why}"));
    let verify = project.run(&["verify"]);
    assert!(
        verify.stdout.contains("2 differing keys") && !verify.stdout.contains("changed"),
        "{verify:?}"
    );
    assert_eq!(up.stop(), Some(0));
}

/// The engine would wrap doubles, and leave digits behind the point away.
#[test]
fn numbers_with_a_point_are_not_bent_in_silence() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table nums (id bigint primary key, f float8, r real, n numeric(12,2), d numeric, b numeric(6,2));
         create table keyed (f float8 primary key); insert into keyed values (44), (300);
         insert into nums values (1, 100, 100, -1.5, 7, 100), (2, 300, 0, 0, 0, 0), (3, 0, -5, 0, 0, 0)",
    );
    let tables = "[tables.\"public.nums\".columns]\nf = { type = \"Nullable(Int8)\" }\n\
                  r = { type = \"Nullable(UInt32)\" }\nn = { type = \"Nullable(Decimal(12, 1))\" }\n\
                  d = { type = \"Nullable(Decimal(12))\" }\nb = { type = \"Nullable(Int8)\" }\n\
                  [tables.\"public.keyed\".columns]\nf = { type = \"Int8\" }\n";
    let project = project(&cluster, tables);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(
        "insert into nums values (4, 0, 0, 1.25, 0, 0), (5, 0, 0, 0, -7.5, 0), (6, 0, 0, 0, 0, 300), (7, -128, 16777216, 0.1, -8, -1)",
    );
    up.wait_for("SELECT count() FROM public.nums WHERE id = 7", "1");
    assert_eq!(
        up.query("SELECT * FROM public.nums ORDER BY id"),
        "1\t100\t100\t-1.5\t7\t100\n7\t-128\t16777216\t0.1\t-8\t-1"
    );
    assert_eq!(up.query("SELECT f FROM public.keyed"), "44");
    let kept = up
        .query("SELECT key, column FROM millrace.quarantine FINAL ORDER BY source_table DESC, key");
    let kept: Vec<&str> = kept.lines().collect();
    assert_eq!(kept.len(), 6, "{kept:?}");
    for (row, column) in kept.iter().zip(["f", "r", "n", "d", "b", "f"]) {
        assert!(row.ends_with(&format!("\t{column}")), "{kept:?}");
    }
    assert_eq!(up.stop(), Some(0));
}

/// Into a Nullable type the engine would make NULL of whatever it cannot read.
#[test]
fn a_text_that_a_nullable_type_cannot_hold_is_not_made_null_in_silence() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, size text, who text);
         insert into orders values (1, '1', null), (2, 'secret', null), (3, null, null)",
    );
    let tables = "[tables.\"public.orders\".columns]\nsize = { type = \"Nullable(Int32)\" }\n\
                  who = { type = \"Nullable(UUID)\" }\n";
    let project = project(&cluster, tables);
    let mut up = project.up();
    up.wait_ready();
    cluster.sql(
        "insert into orders values (4, '4', 'secret'); update orders set size = 'x' where id = 1;
         insert into orders values (5, '5', '61f0c404-5cb3-11e7-907b-a6006ad3dba0')",
    );
    up.wait_for("SELECT count() FROM public.orders WHERE id = 5", "1");
    assert_eq!(up.query("SELECT id, size FROM public.orders ORDER BY id"), "3\t\\N\n5\t5");
    let kept = up.query("SELECT column, key FROM millrace.quarantine FINAL ORDER BY key");
    assert_eq!(kept, "size\t[\"1\"]\nsize\t[\"2\"]\nwho\t[\"4\"]");
    assert!(!up.log().contains("secret"));
    assert_eq!(up.stop(), Some(0));
}

/// A NULL is not bent in silence, and another default is another shape.
#[test]
fn a_null_where_there_is_none_is_set_aside_until_it_has_a_default() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table orders (id int primary key, note text);
         insert into orders values (1, 'x'), (2, null)",
    );
    let with =
        |options: &str| format!("[tables.\"public.orders\".columns]\nnote = {{ {options} }}\n");
    let project = project(&cluster, &with("type = \"String\""));
    let mut up = project.up();
    up.wait_ready();
    assert_eq!(up.query("SELECT groupArray(id) FROM public.orders"), "[1]");
    assert_eq!(
        up.query("SELECT reason FROM millrace.quarantine FINAL"),
        "NULL has no place in String"
    );
    assert_eq!(up.stop(), Some(0));
    for (default, shown) in [("'none'", "none"), ("''", ""), ("concat( 'a','b' )", "ab")] {
        project.configure(&config(&cluster.url(), &with(&format!("default = \"{default}\""))));
        up = project.up();
        // It is another shape: copied again by itself.
        up.wait_ready();
        up.wait_for("SELECT note FROM public.orders WHERE id = 2", shown);
        assert!(project.verify() > 0);
        assert_eq!(up.stop(), Some(0));
        // The same one is the same.
        up = project.up();
        up.wait_ready();
        assert_eq!(up.stop(), Some(0));
    }
}
