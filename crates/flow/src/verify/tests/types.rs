//! Every type has one text on both sides, and a change of any column is seen.

use super::*;
use model::ColumnOptions;

const TABLES: &str = r#"
create type mood as enum ('sad', 'it''s fine', '');
create domain amount as numeric(12,4);
create domain note as xml;
create domain padded as char(6);
create extension hstore;
create type pair as (a int, b text);
create type textrange as range (subtype = text, collation = "C");
create table kinds (
    id int8 primary key,
    b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8,
    n numeric(10,2), n0 numeric(20), small numeric(3,5), neg numeric(5,-2), n76 numeric(76,20),
    nx numeric, n99 numeric(99,3), am amount,
    t text, v varchar(20), c char(5), p padded, nm name, x xml, nt note, m mood, by bytea, u uuid,
    ts timestamp, tz timestamptz, d date, ti time, tt timetz, iv interval, j json, jb jsonb,
    ip inet, ci cidr, mo money, r int4range, pt point, bt bit(3),
    ab bool[], ai int4[], a8 int8[], au uuid[], af float8[], an numeric(10,2)[], at text[],
    av varchar(9)[], ac char(4)[], ax xml[], am2 mood[], aby bytea[], ats timestamptz[], ad date[],
    aj jsonb[], a2 int4[][], t2 text[][], a3 int4[][][]);
alter table kinds
    add hs hstore, add nr numrange, add tr textrange, add sr tstzrange, add mr int4multirange, add pr pair,
    add po polygon, add xi xid, add x8 xid8, add am8 macaddr8, add ln pg_lsn, add ph path, add tv tsvector,
    add ahs hstore[], add anr numrange[], add amr int4multirange[], add apt point[], add apo polygon[],
    add apr pair[], add amo money[], add ai2 inet[];
insert into kinds values
(1, true, -32768, -2147483648, -9223372036854775808, 4294967295, 'NaN', '-Infinity',
 -99999999.99, 12345678901234567890, 0.00999, -9999900, 1234567890.5, 0.00000000000000000000000000000000000001,
 99.990, -1.5, 'a''b"\ü€𝄞', 'x|y:z', 'pad', 'pa', 'name', '<?xml version="1.0"?><a>&amp;</a>', '<b/>', 'it''s fine', '\x00ff0a5c',
 '61f0c404-5cb3-11e7-907b-a6006ad3dba0', '2026-11-24 12:00:00.5', '1969-12-31 23:59:59.999999+00', '1969-12-31',
 '24:00:00', '12:30:00.5-03:30', '-1 year 2 mons -3 days 04:05:06.7', '{"b": 1,  "a": [1.0, null]}', '{"b": 1.50, "a": "\u00e9"}',
 '10.0.0.1', '10.0.0.0/8', 12.34, '[1,5)', '(1.5,-2)', B'101',
 '{t,NULL,f}', '{-1,NULL,2147483647}', '{1}', '{61f0c404-5cb3-11e7-907b-a6006ad3dba0,NULL}', '{NaN,-0,NULL,1e300}', '{1.50,NULL,-0.01}',
 '{"",NULL,"NULL","a\"b\\c","{x,y}","ü"}', '{a}', '{ab,NULL}', '{<q/>}', '{sad,NULL,""}', '{"\\x00","\\x",NULL}',
 '{2026-01-01 00:00:00.25+02,NULL,infinity}', '{1960-02-29,-infinity,NULL}', '{"{\"k\": 1}",null}', '{{1,2,NULL},{4,5,6}}', '{{a,""},{NULL,"x y"}}', '{{{1},{2}},{{3},{4}}}'),
(2, false, 32767, 2147483647, 9223372036854775807, 0, '-0', '-0',
 0.01, 0, -0.00001, 100, -99999999999999999999999999999999999999999999999999999999.00000000000000000001, -99999999999999999999999999999999999999.5,
 -0.001, 99999999.9999, 'plain', '', '', '', '', '<a/>', '<c>1</c>', 'sad', '\x',
 '00000000-0000-0000-0000-000000000000', 'infinity', '-infinity', 'infinity', '00:00:00', '00:00:00+14', '0', '[]', '"x"',
 '::1/64', '::1/128', -0.01, 'empty', '(0,0)', B'000',
 '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
(3, null, 0, 0, 0, 1, 3.4028235e38, 5e-324,
 0, -1, 0, 0, 0.00000000000000000001, 100, 5, 0, '', E'tab\tline\nend\\N', 'ab', 'full66', 'x', '<d e="f"/>', '<e/>', '', '\x6d',
 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0044-03-15 00:00:00 BC', '2300-01-01 00:00:00+00', '1899-12-31', '23:59:59.999999', '12:00:00.000001+00', '1 mon', 'null', 'null',
 '0.0.0.0/0', '0.0.0.0/0', 0, '(,)', '(1e300,1)', B'111',
 '{f}', '[0:1]={7,8}', '{0,-1}', '{ffffffff-ffff-ffff-ffff-ffffffffffff}', '{1.5}', '{0}', '{NULL}', '{"",""}', '{a,b}', '{<z/>,NULL}', '{NULL}', '{NULL}',
 '{1900-01-01 00:00:00+00}', '{2299-12-31}', '{"[]"}', '{{NULL}}', '{{"NULL"}}', '{{{NULL,1}}}'),
(4, false, 1, 1, 1, 1, 1.17549435e-38, 1.7976931348623157e308,
 7, 7, 0.00001, 200, 1, 1.10, 1, 1, 'u', 'v', 'w', 'x', 'y', '<y/>', '<z/>', 'sad', '\x01',
 '11111111-1111-1111-1111-111111111111', '1900-01-01', '2299-12-31 23:59:59.999999+00', '2299-12-31', '00:00:00.1', '00:00:00-12', '-00:00:01', '1', '1.0',
 '1.2.3.4/31', '1.2.3.4/32', 1, '[1,2)', '(1,1)', B'001',
 '{t}', '{5}', '{6}', '{11111111-1111-1111-1111-111111111111}', '{-1.5}', '{7}', '{a,b}', '{z}', '{q}', '{<w/>}', '{sad}', '{"\\x02"}',
 '{1999-01-01 00:00:00+00}', '{2000-01-01}', '{"1"}', '{{5},{6}}', '{{q}}', '{{{9}}}');
update kinds set hs = 'a=>"1\"", b=>NULL, "\\"=>"x, \"y"', nr = '[1.50,2)', tr = '["a,""b","c\\"]', sr = '[-infinity,2000-01-01)',
    mr = '{[1,3),[5,)}', pr = row(1, 'x'), po = '((0,0),(1,-0),(1.5,1e300))', xi = '4294967295', x8 = '18446744073709551615',
    am8 = '08:00:2b:01:02:03:04:05', ln = '16/B374D848', ph = '[(0,0),(1,1)]', tv = 'ab:1A c',
    ahs = array['a=>1', null, '']::hstore[], anr = '{"[1,2)",NULL,empty}', amr = '{"{[1,3)}",NULL,"{}"}',
    apt = '{"(1,2)",NULL,"(NaN,-0)"}', apo = '{"((0,0),(1,1))",NULL}', apr = array[row(1, 'x'), null, row(null, '')]::pair[],
    amo = '{12.34,NULL,-0.01}', ai2 = '{10.0.0.1/8,NULL,::1}' where id = 1;
update kinds set hs = '', nr = 'empty', tr = '(,)', sr = '(,infinity]', mr = '{}', pr = row(null, null), po = '((1,2))', xi = '0', x8 = '0',
    am8 = '00:00:00:00:00:00:00:00', ln = '0/0', ph = '((0,0))', tv = '', ahs = '{}', anr = '{}', amr = '{}', apt = '{}', apo = '{}',
    apr = '{}', amo = '{}', ai2 = '{}' where id = 2;
update kinds set hs = 'a=>"1"', nr = '[1.5,2.0]', tr = '["a,","b"]', sr = '[1900-01-02,2000-01-01)', mr = '{[1,4)}', pr = row(2, 'x'),
    po = '((0,0),(1,0),(1.5,1e300))', xi = '1', x8 = '1', am8 = '08:00:2b:01:02:03:04:06', ln = '16/B374D849', ph = '((0,0),(1,1))',
    tv = 'ab:1B c', ahs = array['a=>1', 'b=>1']::hstore[], anr = '{"[1,2]"}', amr = '{"{[1,2)}"}', apt = '{"(1,2)"}',
    apo = '{"((0,0),(1,2))"}', apr = array[row(1, 'y')]::pair[], amo = '{12.35}', ai2 = '{10.0.0.1/9}' where id = 4;
insert into kinds(id) values (5), (6);
create temp table twin as select * from kinds where id = 1;
update twin set id = 1001;
insert into kinds select * from twin;
update twin set id = 1002;
insert into kinds select * from twin;
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_is_equal_and_every_change_is_seen() {
    // Not every server reads xml: the values are ordinary texts then.
    let tables = match cluster::is_built_with("libxml") {
        true => TABLES.to_owned(),
        false => {
            cluster::skip("it is built without xml");
            TABLES.replace(" xml", " text")
        }
    };
    let pair = Pair::start("v_types", &tables).copied().await;
    let verdict = pair.one().await;
    assert_equal(&verdict);
    assert_eq!((verdict.source_rows, verdict.notes.len()), (8, 0), "{verdict:#?}");
    let columns = &pair.targets[0].columns[1..];
    let mut version = 0;
    for column in columns {
        let name = store::ddl::ident(&column.name);
        let of_row =
            |row: u32| format!("(SELECT {name} FROM v_types.kinds WHERE id = {row}) AS {name}");
        version += 1;
        // Another value in place of a value, NULL in place of a value, a value in place of NULL.
        replace(1001, &of_row(4), version).await;
        replace(5, &of_row(4), version).await;
        let mut expected = "changed 5, changed 1001".to_owned();
        // A NULL array is an empty one, and some of Postgres's row 1 are.
        let has_null = ["Nullable", "LowCardinality", "Tuple", "Ring", "Point", "Map"];
        if has_null.iter().any(|outer| column.clickhouse.starts_with(outer)) {
            replace(1002, &of_row(6), version).await;
            expected += ", changed 1002";
        }
        assert_eq!(listed(&pair.one().await), expected, "{name}");
        version += 1;
        replace(1001, &of_row(1), version).await;
        replace(1002, &of_row(1), version).await;
        replace(5, &of_row(6), version).await;
    }
    assert_equal(&pair.one().await);
}

/// Row `id` again with another value of one column.
async fn replace(id: u32, value: &str, version: u32) {
    replace_in("v_types_raw.kinds", id, value, version).await;
}

async fn replace_in(rows: &str, id: u32, value: &str, version: u32) {
    bend(&format!(
        "INSERT INTO {rows} SELECT * REPLACE ({value}, _version + {version} AS _version) \
         FROM (SELECT * FROM {rows} FINAL WHERE id = {id})"
    ))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configured_types_are_compared_or_named() {
    let tables = "
        create table chosen (
            id int8 primary key, a int8, u uuid, b bool, f float8, f4 float4, n numeric(10,4), nx numeric,
            ts timestamptz, ts3 timestamptz not null, ts9 timestamptz, dt timestamp, dd timestamp, d date, dm date,
            ti time, t text, e text, w int4, nf numeric(12,2), n2 numeric(10,4), o oid, g float4,
            j jsonb, ar text[], gone text, x1 text, x2 text, x3 text, x4 text, x5 inet, x6 text, x7 float8, x8 float8,
            x9 int8, y1 int4, y2 time, y3 text, y4 int4, y5 int4);
        insert into chosen select i, i * -7, md5(i::text)::uuid, i % 2 = 0, i / 7.0, -i / 3.0, i / 16.0, i / 8.0,
            '2026-01-01'::timestamptz + i * interval '1234567 us',
            '1960-01-01'::timestamptz + i * interval '98765432.1 s',
            '2026-01-01'::timestamptz + i * interval '1234567 us',
            '2001-01-01'::timestamp + i * interval '1234567 us', '1975-01-01'::timestamp + i * interval '1.5 days',
            '1990-01-01'::date + i, '1960-01-01'::date + i * 50, '00:00:00'::time + i * interval '1234567 us',
            case i % 3 when 0 then null when 1 then '' else 'text' || i end, 'ab'[i % 2], i, i * 1.25, i / 4.0, i, i / 3.0,
            jsonb_build_object('k', i), array['a', i::text], 'gone', i::text, (i / 4.0)::numeric(8,2)::text,
            md5(i::text)::uuid::text, ('2026-01-01'::date + i)::text, ('10.0.0.' || i)::inet, (i % 2 = 0)::text, i / 3.0,
            i, i, i % 2, '00:00:00'::time + i * interval '1234567 us', lpad(i::text, 3, '0'), i, i
        from generate_series(1, 60) i;";
    let tables = tables.replace("'ab'[i % 2]", "substr('ab', i % 2 + 1, 1)");
    let mut options = TableOptions::default();
    for (name, kind) in [
        ("a", "Nullable(String)"),
        ("u", "LowCardinality(Nullable(String))"),
        ("b", "Nullable(String)"),
        ("f", "Nullable(String)"),
        ("f4", "Nullable(Float64)"),
        ("n", "Nullable(String)"),
        ("nx", "Nullable(Decimal(30, 10))"),
        ("ts", "Nullable(String)"),
        ("ts3", "DateTime64(3, 'UTC')"),
        ("ts9", "Nullable(DateTime64(9, 'Europe/Berlin'))"),
        ("dt", "Nullable(DateTime('UTC'))"),
        ("dd", "Nullable(Date)"),
        ("d", "Nullable(String)"),
        ("dm", "Nullable(DateTime64(3, 'UTC'))"),
        ("ti", "Nullable(String)"),
        ("t", "LowCardinality(Nullable(String))"),
        ("e", "Nullable(Enum8('a' = 1, 'b' = 2))"),
        ("w", "Nullable(Int64)"),
        ("nf", "Nullable(Float64)"),
        ("n2", "Nullable(Decimal(10, 2))"),
        ("o", "Nullable(UInt64)"),
        ("g", "Nullable(String)"),
        ("j", "JSON"),
        ("ar", "Array(LowCardinality(String))"),
        ("x1", "Nullable(Int32)"),
        ("x2", "Nullable(Decimal(9, 2))"),
        ("x3", "Nullable(UUID)"),
        ("x4", "Nullable(Date)"),
        ("x5", "Nullable(IPv4)"),
        ("x6", "Nullable(Bool)"),
        ("x7", "Nullable(Float32)"),
        ("x8", "Nullable(Int64)"),
        ("x9", "Nullable(DateTime('UTC'))"),
        ("y1", "Nullable(Bool)"),
        ("y2", "Nullable(Time64(3))"),
        ("y3", "Nullable(FixedString(3))"),
        ("y4", "Nullable(Float32)"),
        ("y5", "Nullable(Decimal(9, 2))"),
    ] {
        let chosen = ColumnOptions { clickhouse_type: Some(kind.into()), ..Default::default() };
        options.columns.insert(name.into(), chosen);
    }
    let gone = ColumnOptions { exclude: true, ..ColumnOptions::default() };
    options.columns.insert("gone".into(), gone);
    let pair = Pair::start("v_chosen", &tables).with("public.chosen", options).copied().await;
    let verdict = pair.one().await;
    assert_equal(&verdict);
    assert_eq!(verdict.source_rows, 60);
    assert_eq!(verdict.columns_not_compared, ["j (JSON)"]);
    let raw = "v_chosen_raw.chosen";
    let mut version = 0;
    for column in pair.targets[0].columns[1..].iter().filter(|column| column.name != "j") {
        version += 1;
        let name = store::ddl::ident(&column.name);
        // A value of the column that differs from row 7's.
        bend(&format!(
            "INSERT INTO {raw} SELECT * REPLACE ((SELECT {name} FROM v_chosen.chosen WHERE id = 32) AS {name}, \
             _version + {version} AS _version) FROM {raw} WHERE id = 7 ORDER BY _version LIMIT 1"
        ))
        .await;
        assert_eq!(listed(&pair.one().await), "changed 7", "{name}");
        version += 1;
        pair.cluster.sql("update chosen set gone = 'other' where id = 7");
        refill(&pair).await;
        assert_equal(&pair.one().await);
    }
}

/// The first copy again, with a newer version.
async fn refill(pair: &Pair) {
    bend("TRUNCATE TABLE v_chosen_raw.chosen").await;
    let snapshot = Snapshot::open(&pair.address).await.unwrap();
    fill(&snapshot, &pair.targets[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_value_in_a_column_of_a_configured_type_is_a_difference() {
    let tables = "create table t (id int4 primary key, at timestamptz not null);
                  insert into t values (1, '2026-01-01'), (2, '2026-01-02'), (3, '2026-01-03')";
    let mut options = TableOptions::default();
    let chosen = ColumnOptions { clickhouse_type: Some("DateTime".into()), ..Default::default() };
    options.columns.insert("at".into(), chosen);
    let pair = Pair::start("v_bent", tables).with("public.t", options).copied().await;
    assert_equal(&pair.one().await);
    bend(
        "INSERT INTO v_bent_raw.t SELECT * REPLACE (at + 1 AS at, _version + 1 AS _version) \
         FROM (SELECT * FROM v_bent_raw.t FINAL WHERE id > 1)",
    )
    .await;
    assert_eq!(listed(&pair.one().await), "changed 2, changed 3");
}

/// A row with a NULL in it is neither "null" nor "not null" to Postgres.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_with_null_fields_are_values() {
    let tables = "
        create type pair as (a int, b text);
        create table t (id int primary key, p pair, ps pair[]);
        insert into t values
            (1, row(1, 'x'), array[row(1, 'x'), row(2, null)]::pair[]),
            (2, row(1, null), array[row(null, null), null, row(3, null)]::pair[]),
            (3, row(null, null), '{}'), (4, null, null);";
    let pair = Pair::start("v_rows", tables).copied().await;
    assert_equal(&pair.one().await);
    let bent = |id: u32, value: &str| {
        format!(
            "INSERT INTO v_rows_raw.t SELECT * REPLACE ({value}, _version + 1 AS _version) \
             FROM (SELECT * FROM v_rows_raw.t FINAL WHERE id = {id})"
        )
    };
    // What a field of them is, and whether there is a row at all, is seen.
    bend(&bent(1, "['{\"a\":1,\"b\":\"y\"}', '{\"a\":2,\"b\":null}'] AS ps")).await;
    bend(&bent(2, "NULL AS p")).await;
    bend(&bent(3, "NULL AS p")).await;
    bend(&bent(4, "'{\"a\":null,\"b\":null}' AS p")).await;
    assert_eq!(listed(&pair.one().await), "changed 1, changed 2, changed 3, changed 4");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_utf8_is_compared_in_utf8() {
    let mut pair = Pair::start(
        "v_latin",
        "create database latin encoding 'LATIN1' locale 'C' template template0",
    );
    let url = pair.cluster.url().replace("/postgres", "/latin").replace("postgres:///latin", "");
    let url = url.replace("postgres://latin", "postgres://postgres");
    pair.address = url.parse().unwrap();
    let client = source::client::connect(&pair.address).await.unwrap();
    client
        .batch_execute(
            "create type pair as (a int, b text);
             create table t (k text primary key, v char(4), a text[], p pair);
             insert into t values ('ä', 'öö', '{ü,NULL}', row(1, 'ü')),
                 ('', null, null, row(1, null)), ('plain', '', '{}', null);
             create publication everything for all tables",
        )
        .await
        .unwrap();
    let pair = pair.copied().await;
    assert_equal(&pair.one().await);
    bend("INSERT INTO v_latin_raw.t (k, v, a, p, _version, _deleted) VALUES ('ä', 'öö', ['ü','x'], '(1,ü)', 1 + toUInt128(pow(2, 120)), 0)").await;
    assert_eq!(listed(&pair.one().await), "changed ä");
}

/// What cannot be carried is NULL there, and a NULL is the default; neither hides another value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_of_columns_are_known() {
    let tables = "
        create table ruled (
            id int8 primary key, n numeric, n2 numeric(10,2), ts timestamptz, d date,
            b bool, i int4, t text, u uuid, e text, z numeric(8,3));
        insert into ruled values
        (1, 'NaN', 'NaN', 'infinity', '-infinity', null, null, null, null, null, null),
        (2, 1e60, 1.5, '2300-01-01 00:00:00+00', '1899-12-31', true, 7, 'x', '61f0c404-5cb3-11e7-907b-a6006ad3dba0', 'b c', 1.25),
        (3, '-Infinity', 0, '1900-01-01 00:00:00+00', '2299-12-31', false, -1, '', '00000000-0000-0000-0000-000000000000', 'none', 0),
        (4, 0.123456789012345678901234567890123456789, 0, '2299-12-31 23:59:59.999999+00', '1900-01-01', true, 0, 'none', null, null, -0.5),
        (5, 12345678901234567890123456789012345678.5, 0, null, null, null, null, null, null, null, null);";
    let mut options = TableOptions::default();
    for name in ["n", "n2", "ts", "d"] {
        let on_unrepresentable = Some(model::Rule::Null);
        options
            .columns
            .insert(name.into(), ColumnOptions { on_unrepresentable, ..Default::default() });
    }
    for (name, kind, default) in [
        ("b", None, "true"),
        ("i", None, "-1"),
        ("t", None, "'none'"),
        ("u", None, "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0')"),
        ("e", Some("Enum8('none' = 1, 'b c' = 2)"), "'none'"),
        ("z", Some("Decimal(9, 2)"), "-0.5"),
    ] {
        let clickhouse_type = kind.map(str::to_owned);
        let default = Some(default.to_owned());
        options
            .columns
            .insert(name.into(), ColumnOptions { clickhouse_type, default, ..Default::default() });
    }
    let pair = Pair::start("v_ruled", tables).with("public.ruled", options).copied().await;
    assert_equal(&pair.one().await);
    let engine = engine();
    let shown = engine.query("SELECT count(n), count(n2), count(ts), count(d) FROM v_ruled.ruled");
    let shown: Vec<_> = shown.await.unwrap().remove(0).into_iter().flatten().collect();
    assert_eq!(shown, ["1", "4", "2", "2"]);
    for (row, value, was) in [
        (2, "toDecimal256('1', 38) AS n", "NULL AS n"),
        (1, "toDateTime64('2299-12-31 23:59:59.999999', 6, 'UTC') AS ts", "NULL AS ts"),
        (5, "false AS b", "true AS b"),
        (5, "'' AS t", "'none' AS t"),
        (2, "'none' AS e", "'b c' AS e"),
        (1, "0 AS z", "-0.5 AS z"),
    ] {
        replace_in("v_ruled_raw.ruled", row, value, 1).await;
        assert_eq!(listed(&pair.one().await), format!("changed {row}"), "{value}");
        replace_in("v_ruled_raw.ruled", row, was, 1).await;
        assert_equal(&pair.one().await);
    }
}
