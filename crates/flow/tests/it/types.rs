//! Shapes of tables and values at the edges of what Postgres has, by copy and by stream.

mod chosen;
mod texts;

use crate::support::{World, assert_same, wait_until};
use flow::Pipeline;
use flow::verify::VerifyOptions;
use model::{ColumnOptions, TableOptions};

/// Every table is compared whole and equal, but for columns that are named.
async fn verify(pipeline: &Pipeline) {
    let verdict = pipeline.handle().verify(VerifyOptions { tables: vec![], keys_max: 5 }).await;
    for table in verdict.unwrap().tables {
        let left_out = table.columns_not_compared.len();
        assert_eq!((table.differing_keys, &table.skipped, left_out), (0, &None, 0), "{table:#?}");
    }
}

/// Names that want quotes in one of the two, or in both.
const NAMES: [&str; 11] = [
    "order",
    "MixedCase",
    "with space",
    "dot.ted",
    "quote\"d",
    "back`tick",
    "back\\slash",
    "apo'strophe",
    "größe",
    "日本語",
    "{brace} $1 ?",
];

#[tokio::test(flavor = "multi_thread")]
async fn names_of_any_letters() {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let ticked = |name: &str| store::ddl::ident(name);
    let columns: Vec<String> =
        NAMES[1..].iter().map(|name| format!("{} text", quoted(name))).collect();
    let mut sql = String::new();
    for (at, name) in NAMES.iter().enumerate() {
        let schema = quoted(&format!("t_names {name}"));
        sql += &format!("create schema {schema};");
        let table = format!("{schema}.{}", quoted(NAMES[NAMES.len() - 1 - at]));
        sql += &format!(
            "create table {table} ({} int8 primary key, {});
             alter table {table} alter {} set storage external;
             insert into {table} select 1, repeat('x', 5000);",
            quoted(NAMES[0]),
            columns.join(", "),
            quoted(NAMES[1])
        );
    }
    let world = World::new("t_names", &(sql + "create publication p for all tables"));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for (at, name) in NAMES.iter().enumerate() {
        let table_name = NAMES[NAMES.len() - 1 - at];
        let table = format!("{}.{}", quoted(&format!("t_names {name}")), quoted(table_name));
        // The large value is not sent again, and is looked up by a quoted key.
        world.sql(&format!(
            "insert into {table} ({0}, {1}) values (2, 'streamed'); update {table} set {2} = 'ü' where {0} = 1;
             insert into {table} ({0}) values (3); delete from {table} where {0} = 3",
            quoted(NAMES[0]),
            quoted(NAMES[8]),
            quoted(NAMES[9])
        ));
        world.settle(&pipeline).await;
        let kept = format!("{}.{}", ticked(&format!("t_names {name}")), ticked(table_name));
        let rows = world
            .stored(&format!(
                "select {}, length({}), {}, {} from {kept} order by 1",
                ticked(NAMES[0]),
                ticked(NAMES[1]),
                ticked(NAMES[8]),
                ticked(NAMES[9])
            ))
            .await;
        assert_eq!(rows, "1|5000||ü\n2||streamed|", "{name}");
    }
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_one_column_and_of_1600() {
    const MOST: usize = 1600;
    let columns: Vec<String> = (2..=MOST).map(|at| format!("c{at} int2")).collect();
    let world = World::new(
        "t_wide",
        &format!(
            "create table one (id int primary key);
             create table wide (c1 int primary key, {});
             insert into one values (1), (2);
             insert into wide (c1, c2, c1600) values (1, 2, 1600), (2, null, null);
             create publication p for table one, wide",
            columns.join(", ")
        ),
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(
        "insert into one values (3); delete from one where id = 1; update one set id = 20 where id = 2;
         update wide set c800 = 800, c1600 = -1 where c1 = 1; insert into wide (c1, c3) values (3, 3)",
    );
    world.settle(&pipeline).await;
    world.assert_mirror("one", "id", "id").await;
    world.assert_mirror("wide", "c1, c2, c3, c800, c1600", "c1").await;
    let count = "select count() from system.columns where database = '{s}' and table = 'wide'";
    assert_eq!(world.stored(count).await, MOST.to_string());
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_50_megabytes() {
    let world = World::new(
        "t_large",
        "create table m (id int primary key, note text, body text, raw bytea, tags text[], doc json);
         create function fill(n int) returns void language sql as $$
             insert into m select n, 'small', repeat('grüße ', 50 * 1024 * 1024 / 8),
                 decode(repeat('00ff0a5c', 50 * 1024 * 1024 / 4), 'hex'),
                 array[repeat('a', 25 * 1024 * 1024), null, repeat('b', 25 * 1024 * 1024)],
                 json_build_object('k', repeat('j', 50 * 1024 * 1024)) $$;
         select fill(1);
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("select fill(2); update m set note = 'changed' where id = 1");
    world.settle(&pipeline).await;
    let sums = "id, note, length(body), md5(body), md5(raw), length(tags[1]), md5(tags[3]), md5(doc::text)";
    let source = world.sql(&format!(
        "select {} from m order by id",
        sums.replace("length(body)", "octet_length(body)")
    ));
    let stored = world
        .stored(
            "select id, note, length(body), lower(hex(MD5(body))), lower(hex(MD5(raw))), length(tags[1]),
                    lower(hex(MD5(assumeNotNull(tags[3])))), lower(hex(MD5(doc))) from {s}.m order by id",
        )
        .await;
    assert_same("m", &source, &stored);
    pipeline.shutdown().await.unwrap();
}

/// Letters that JSON has to escape or that some of its readers do not take, and what JSON can say that
/// no text can hold.
#[tokio::test(flavor = "multi_thread")]
async fn texts_that_json_finds_hard() {
    let mut world = World::new(
        "t_json",
        r#"create table m (id int primary key, t text, j json, o json);
           create function fill(n int) returns void language sql as $$
             insert into m values
               (n, (select string_agg(chr(c), '') from generate_series(1, 160) c),
                '{"a": "\u0000", "b": "\ud800\udc00", "a": 1e400, "c": "\"\\\/"}', '{"k": "\u0000x"}'),
               (n + 1, E'\u2028\u2029\uFEFF\uFFFE\uFFFF\U0010FFFF</script>', ' [ "\u0000" ] ', '{}'),
               (n + 2, E'\\u0000 \\x00 \\', '"\u0000"', '{"": {"\u0000": 1}}') $$;
           select fill(1);
           create publication p for table m"#,
    );
    let chosen = ColumnOptions { clickhouse_type: Some("JSON".into()), ..Default::default() };
    let options = TableOptions { columns: [("o".to_owned(), chosen)].into(), ..Default::default() };
    world.tables.insert("t_json.m".into(), options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("select fill(11)");
    world.settle(&pipeline).await;
    let source = world.sql(
        "select id, encode(convert_to(t, 'UTF8'), 'hex'), encode(convert_to(j::text, 'UTF8'), 'hex') \
         from m order by id",
    );
    let stored = "select id, lower(hex(t)), lower(hex(j)) from {s}.m order by id";
    assert_same("m", &source, &world.stored(stored).await);
    // What ClickHouse writes as JSON reads back as the text.
    let texts = world
        .stored("select toJSONString(groupArray(hex(t))), toJSONString(groupArray(t)) from {s}.m")
        .await;
    let (hex, texts) = texts.split_once('|').unwrap();
    let (hex, texts): (Vec<String>, Vec<String>) =
        (serde_json::from_str(hex).unwrap(), serde_json::from_str(texts).unwrap());
    for (hex, text) in hex.iter().zip(texts) {
        let bytes: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(*hex, bytes);
    }
    let objects = "select id, hex(o.k::String) from {s}.m order by id";
    assert_eq!(world.stored(objects).await, "1|0078\n2|\n3|\n11|0078\n12|\n13|");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_source_fills_and_labels_that_come_later() {
    let world = World::new(
        "t_filled",
        "create type mood as enum ('sad', 'ok');
         create domain feeling as mood;
         create table m (
             id bigint generated always as identity primary key,
             code int generated by default as identity,
             price numeric(10,2), qty int default 2,
             total numeric(12,2) generated always as (price * qty) stored,
             m mood, f feeling, ms mood[], fs feeling[]);
         insert into m (price, m, f, ms, fs) values (1.5, 'sad', 'ok', '{sad,NULL}', '{ok}'), (2, null, null, null, null);
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter type mood add value 'happy' before 'ok'; alter type mood add value 'a \"b\"'");
    world.sql(
        "insert into m (price, code, m, f, ms, fs)
             values (3, 77, 'happy', 'happy', '{happy,\"a \\\"b\\\"\"}', '{happy,NULL}');
         update m set price = price + 1, m = 'happy' where id = 1",
    );
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, code, qty, m, f", "id").await;
    assert_eq!(
        world.stored("select id, ms, fs from {s}.m order by id").await,
        "1|['sad',NULL]|['ok']\n2|[]|[]\n3|['happy','a \"b\"']|['happy',NULL]"
    );
    // Before 18 no publication sends what is computed.
    let columns = "select count() from system.columns where database = '{s}' and table = 'm' and name = 'total'";
    assert_eq!(world.stored(columns).await, "0");
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

/// A copied row and a streamed one that become what ClickHouse has no place for are no longer shown.
#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_unfit_is_no_longer_shown() {
    let world = World::new(
        "t_unfit",
        "create table m (id int primary key, r numrange, mr nummultirange, ps point[], rs int4range[]);
         insert into m values (1, '[1,2)', '{[1,2)}', '{\"(1,2)\"}', '{\"[1,2)\"}');
         create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into m select n, r, mr, ps, rs from m, generate_series(2, 5) n");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select count() from {s}.m").await, "5");
    world.sql(
        "update m set r = '[NaN,NaN]' where id = 1; update m set mr = '{[1,1e39)}' where id = 2;
         update m set ps = '{{\"(1,2)\"}}' where id = 3; update m set rs = '{{\"[1,2)\"}}' where id = 4;
         update m set r = '[1,3)' where id = 5",
    );
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select id, r from {s}.m").await, "5|(1,3,'[)')");
    let kept = "select column, op, row from millrace.quarantine final where source_table = '{s}.m' order by column, version";
    assert_eq!(
        world.stored(kept).await,
        r#"mr|update|{"id":"2","r":"[1,2)","mr":"{[1,1e39)}","ps":"{\"(1,2)\"}","rs":"{\"[1,2)\"}"}"#
            .replace("1e39", &format!("1{}", "0".repeat(39)))
            + "\n"
            + r#"ps|update|{"id":"3","r":"[1,2)","mr":"{[1,2)}","ps":"{{\"(1,2)\"}}","rs":"{\"[1,2)\"}"}"#
            + "\n"
            + r#"r|update|{"id":"1","r":"[NaN,NaN]","mr":"{[1,2)}","ps":"{\"(1,2)\"}","rs":"{\"[1,2)\"}"}"#
            + "\n"
            + r#"rs|update|{"id":"4","r":"[1,2)","mr":"{[1,2)}","ps":"{\"(1,2)\"}","rs":"{{\"[1,2)\"}}"}"#
    );
    world.sql("update m set r = null, mr = null, ps = null, rs = null");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select count() from {s}.m where r.bounds = ''").await, "5");
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

/// A type that Postgres itself has no binary form of does not make the stream text; an array of it,
/// which comes later, does.
#[tokio::test(flavor = "multi_thread")]
async fn types_without_a_binary_form() {
    let world = World::new(
        "t_unsent",
        "create extension isn;
         create table m (id int primary key, book isbn, grants aclitem);
         insert into m values (1, '0-19-853453-1', 'postgres=r/postgres'), (2, null, null);
         create publication p for tables in schema t_unsent",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let is_binary = || {
        let sql = "select bool_or(query like '%binary ''true''%') from pg_stat_activity where backend_type = 'walsender'";
        world.sql(sql)
    };
    assert_eq!(is_binary(), "t");
    world.sql("insert into m select id + 10, book, grants from m");
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, book, grants", "id").await;
    assert_eq!(is_binary(), "t");
    world.sql(
        "create table later (id int primary key, books isbn[], c regclass);
         insert into later values (1, '{0-19-853453-1,NULL}', 'm'), (2, null, null);
         insert into m values (20, '0-19-853453-1', null)",
    );
    wait_until("the new table is copied", || {
        let report = pipeline.handle().report();
        let tables = report.tables.iter().filter(|table| table.state.name() == "streaming");
        if tables.count() == 2 { Ok(()) } else { Err(format!("{report:#?}")) }
    })
    .await;
    world.sql("insert into later values (3, '{}', 'later')");
    world.settle(&pipeline).await;
    assert_eq!(is_binary(), "f");
    world.assert_mirror("m", "id, book, grants", "id").await;
    assert_eq!(
        world.stored("select id, books, c from {s}.later order by id").await,
        "1|['0-19-853453-1',NULL]|t_unsent.m\n2|[]|\n3|[]|t_unsent.later"
    );
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}

/// Domains over each kind of type, and over one another.
#[tokio::test(flavor = "multi_thread")]
async fn domains_are_what_they_are_of() {
    let world = World::new(
        "t_domains",
        "create extension hstore;
         create type pair as (a int, b text);
         create domain small as int2 check (value > 0); create domain smaller as small;
         create domain labels as hstore; create domain span as int4range; create domain spans as int4multirange;
         create domain couple as pair; create domain place as point; create domain words as text[];
         create domain amount as numeric(8,3); create domain fee as money;
         create table m (id int primary key, s smaller, l labels, r span, mr spans, c couple, p place, w words,
             n amount, f fee, ss smaller[], ls labels[], rs span[], mrs spans[], cs couple[], ps place[], ws words[],
             ns amount[], fs fee[]);
         create function fill(n int) returns void language sql as $$
             insert into m values
             (n, 1, 'a=>1', '[1,3)', '{[1,3)}', row(1, 'x'), '(1,2)', '{a}', 1.5, 12.34, '{1,2}',
              array['a=>1', null]::labels[], '{\"[1,2)\",NULL}', '{\"{[1,2)}\",NULL}', array[row(1, 'y')]::couple[],
              '{\"(1,2)\",NULL}', array['{a,b}', null]::words[], '{1.25,NULL}', '{1.00,NULL,-3.21}'),
             (n + 1) $$;
         create publication p for table m"
            .replace("(n + 1) $$", "(n + 1, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null) $$")
            .as_str(),
    );
    world.sql("select fill(1)");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("select fill(11)");
    world.settle(&pipeline).await;
    let first = "1|{'a':'1'}|(1,3,'[)')|[(1,3,'[)')]|{\"a\":1,\"b\":\"x\"}|(1,2)|['a']|1.5|12.34|[1,2]|[{'a':'1'},{}]|\
                 [(1,2,'[)'),(NULL,NULL,'')]|[[(1,2,'[)')],[]]|['{\"a\":1,\"b\":\"y\"}']|[(1,2),(nan,nan)]|[['a','b'],[]]|\
                 [1.25,NULL]|[1,NULL,-3.21]";
    let second = "|{}|(NULL,NULL,'')|[]||(nan,nan)|[]|||[]|[]|[]|[]|[]|[]|[]|[]|[]";
    let rows = world.stored("select * from {s}.m order by id").await;
    assert_same("m", &format!("1|{first}\n2|{second}\n11|{first}\n12|{second}"), &rows);
    let report = pipeline.handle().report();
    let counted = &report.tables[0].clamped_columns;
    // Twice: copied and streamed. What says itself that it is NULL is not counted.
    assert_eq!(counted.get("l"), Some(&2), "{counted:?}");
    assert_eq!(counted.get("p"), Some(&2), "{counted:?}");
    assert_eq!((counted.get("r"), counted.get("c")), (None, None), "{counted:?}");
    verify(&pipeline).await;
    pipeline.shutdown().await.unwrap();
}
