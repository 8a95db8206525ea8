//! Types that were chosen: what they have no place for is never bent, and verify knows of it.

use crate::support::{World, assert_equal};
use flow::verify::VerifyOptions;
use model::{ColumnOptions, Mode, OnUpdate, Rule, TableOptions};

const MOST: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

/// Of each column: its type, the one that was chosen, a value that has a place there, what that is to
/// the engine, and values that have none.
const COLUMNS: [(&str, &str, &str, &str, &[&str]); 34] = [
    (
        "timestamptz",
        "DateTime('UTC')",
        "2026-01-01 00:00:00+00",
        "2026-01-01 00:00:00",
        &["1960-01-01 00:00:00+00", "2150-01-01 00:00:00+00", "infinity"],
    ),
    (
        "timestamp",
        "Date",
        "2149-06-06 23:59:59.999999",
        "2149-06-06",
        &["1969-12-31 23:59:59", "2149-06-07", "-infinity"],
    ),
    (
        "timestamp",
        "DateTime64(9, 'UTC')",
        "2262-04-11 23:47:16.854775",
        "2262-04-11 23:47:16.854775000",
        &["2262-04-11 23:47:16.854776"],
    ),
    ("date", "Date", "2149-06-06", "2149-06-06", &["1960-01-01", "2150-01-01", "infinity"]),
    ("date", "DateTime('UTC')", "2106-02-06", "2106-02-06 00:00:00", &["2106-02-07", "1969-12-31"]),
    (
        "date",
        "DateTime64(9, 'UTC')",
        "1900-01-01",
        "1900-01-01 00:00:00.000000000",
        &["2262-04-12"],
    ),
    ("time", "Time64(3)", "12:00:00.1239", "12:00:00.123", &[]),
    ("numeric", "Decimal(10, 2)", "1.230", "1.23", &["1.234", "123456789", "NaN", "-Infinity"]),
    ("numeric(10,4)", "Decimal(6, 2)", "-9999.99", "-9999.99", &["0.001", "10000"]),
    ("numeric(10,4)", "UInt8", "255", "255", &["0.5", "256", "-1"]),
    ("int8", "DateTime('UTC')", "4294967295", "2106-02-07 06:28:15", &["4294967296", "-1"]),
    ("int8", "Decimal(9, 2)", "9999999", "9999999", &["10000000"]),
    ("int4", "Bool", "1", "true", &["2", "-1"]),
    ("int4", "Float32", "16777217", "16777216", &[]),
    ("oid", "Int8", "127", "127", &["128"]),
    ("float8", "Int16", "-32768", "-32768", &["0.5", "32768", "NaN", "Infinity"]),
    ("float8", "Int64", "9007199254740992", "9007199254740992", &["1e16"]),
    ("float8", "Float32", "1e-300", "0", &["1e300"]),
    ("float4", "UInt64", "5", "5", &["-5", "5.5"]),
    ("text", "FixedString(3)", "gü", "", &["ab", "abcd", ""]),
    ("text", "Enum8('a b' = 1, '2' = 5)", "2", "2", &["1", "5", ""]),
    ("varchar(9)", "LowCardinality(String)", "", "", &[]),
    ("money", "Decimal(9, 1)", "12.5", "12.5", &["12.34", "123456789.5"]),
    ("xid8", "Int64", "9223372036854775807", "9223372036854775807", &["9223372036854775808"]),
    ("numeric(99,3)", "Decimal(9, 2)", "1.250", "1.25", &["1.125", "NaN", "12345678"]),
    (
        "numeric(99,0)",
        "UInt256",
        MOST,
        MOST,
        &["-1", "1157920892373161954235709850086879078532699846656405640394575840079131296399360"],
    ),
    ("text", "Int32", "007", "7", &["9999999999", "-2147483649", "x", "", "1.0"]),
    ("text", "Int256", "-0", "0", &["+1"]),
    ("text", "Decimal(9, 2)", "-01.50", "-1.5", &["1.239", "12345678", ".5", "1e2"]),
    (
        "text",
        "UUID",
        "61F0C404-5cb3-11e7-907b-a6006ad3dba0",
        "61f0c404-5cb3-11e7-907b-a6006ad3dba0",
        &["x"],
    ),
    (
        "text",
        "Date",
        "2149-06-06",
        "2149-06-06",
        &["2149-06-07", "2023-02-30", "2026-1-01", "0000-01-01", "2026-01-00", "2026-13-01"],
    ),
    ("text", "Date32", "2024-02-29", "2024-02-29", &["1899-12-31", "2300-01-01"]),
    ("inet", "IPv4", "127.0.0.1", "127.0.0.1", &["10.0.0.0/8", "::1"]),
    ("text", "Bool", "yes", "true", &["2", "TRUE"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_place_is_refused_or_null_and_compared() {
    let names: Vec<String> = (0..COLUMNS.len()).map(|at| format!("c{at}")).collect();
    let (mut fit, mut rows) = (Vec::new(), Vec::new());
    for (_, _, value, ..) in COLUMNS {
        fit.push(format!("'{value}'"));
    }
    for (at, (.., refused)) in COLUMNS.iter().enumerate() {
        for value in *refused {
            let mut row = fit.clone();
            row[at] = format!("'{value}'");
            rows.push(row.join(", "));
        }
    }
    let unfit = rows.len();
    rows.push(fit.join(", "));
    rows.push(vec!["null"; fit.len()].join(", "));
    let insert = |table: &str, from: usize| -> String {
        let rows = rows.iter().enumerate();
        let rows: Vec<String> = rows.map(|(at, row)| format!("({}, {row})", from + at)).collect();
        format!("insert into {table} values {};", rows.join(", "))
    };
    let types: Vec<String> =
        names.iter().zip(COLUMNS).map(|(name, (pg, ..))| format!("{name} {pg}")).collect();
    let options = |rule: Option<Rule>| {
        let column = |ty: &str| {
            let clickhouse_type = Some(match ty.strip_prefix("LowCardinality(") {
                Some(inner) => format!("LowCardinality(Nullable({inner})"),
                None => format!("Nullable( {ty} )"),
            });
            ColumnOptions { clickhouse_type, on_unrepresentable: rule, ..Default::default() }
        };
        let columns = names.iter().zip(COLUMNS);
        let columns = columns.map(|(name, (_, ty, ..))| (name.clone(), column(ty))).collect();
        TableOptions { columns, ..TableOptions::default() }
    };
    let world = World::new(
        "t_chosen",
        &format!(
            "create table nulled (id int primary key, {0}); create table aside (id int primary key, {0});
             {1} {2} create publication p for table nulled, aside",
            types.join(", "),
            insert("nulled", 100),
            insert("aside", 100)
        ),
    )
    .kept_as("nulled", options(Some(Rule::Null)))
    .kept_as("aside", options(None));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(&(insert("nulled", 1000) + &insert("aside", 1000)));
    // What had no place has one, and the other way round.
    world.sql(&format!(
        "delete from nulled where id = 100; delete from aside where id in (100, {0});
         update nulled set c0 = '1960-01-01' where id = {0}; update nulled set c0 = '2026-01-01' where id = 1000;
         update aside set c0 = '2026-01-01' where id = 1000",
        100 + unfit
    ));
    world.settle(&pipeline).await;
    let mut wanted = Vec::new();
    for (at, (_, _, _, shown, refused)) in COLUMNS.iter().enumerate() {
        if !shown.is_empty() {
            let sql =
                format!("select toString(c{at}) from {{s}}.aside where id = {}", 1000 + unfit);
            assert_eq!(world.stored(&sql).await, *shown, "c{at}");
        }
        wanted.push(2 * (unfit + 1 - refused.len()));
    }
    // A deleted row and one that was updated had a NULL in the first column, and another has one now.
    for (at, wanted) in wanted.iter_mut().enumerate() {
        *wanted -= usize::from(at != 0);
    }
    let counts: Vec<String> = names.iter().map(|name| format!("count({name})")).collect();
    let counts = world.stored(&format!("select {} from {{s}}.nulled", counts.join(", "))).await;
    let wanted: Vec<String> = wanted.iter().map(usize::to_string).collect();
    assert_eq!(counts, wanted.join("|"));
    let aside = world.stored("select arraySort(groupArray(id)) from {s}.aside").await;
    assert_eq!(aside, format!("[{},1000,{},{}]", 101 + unfit, 1000 + unfit, 1001 + unfit));
    let kept = "select count() from millrace.quarantine final where source_table = '{s}.aside'";
    assert_eq!(world.stored(kept).await, (2 * unfit).to_string());
    // Each row is what it was, or set aside, which verify tells.
    let verdict = pipeline.handle().verify(VerifyOptions { tables: vec![], keys_max: 5 }).await;
    let differing = verdict.unwrap().tables.into_iter().map(|table| {
        assert!(table.columns_not_compared.is_empty() && table.skipped.is_none(), "{table:#?}");
        (table.name, table.differing_keys)
    });
    let waiting = 2 * unfit as u64 - 2;
    let wanted = [("t_chosen.aside".to_owned(), waiting), ("t_chosen.nulled".to_owned(), 0)];
    assert_eq!(differing.collect::<Vec<_>>(), wanted);
    pipeline.shutdown().await.unwrap();
}

/// Infinity and the year 9999 would be one time in ClickHouse, and two facts one.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_fact_takes_no_other_away() {
    let options =
        TableOptions { mode: Mode::Append, on_update: OnUpdate::Apply, ..Default::default() };
    let world = World::new(
        "t_until",
        "create table m (id int, until timestamptz, v text, primary key (id, until));
         insert into m values (1, '2026-01-01', 'a'), (1, '9999-12-31', 'b'), (1, 'infinity', 'c');
         create publication p for table m",
    )
    .kept_as("m", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into m select 2, until, v from m");
    world.sql("update m set v = 'x' where until = '9999-12-31'; update m set v = 'y' where until = '2026-01-01'");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select id, v from {s}.m order by id").await, "1|y\n2|y");
    let kept = "select count() from millrace.quarantine final where source_table = '{s}.m' and column = 'until'";
    assert_eq!(world.stored(kept).await, "6");
    pipeline.shutdown().await.unwrap();
}

/// A key that has no place was never there; cut to what has one, it would be another row's.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_before_that_has_no_place_takes_no_other_away() {
    let narrow = |ty: &str| {
        let chosen = ColumnOptions { clickhouse_type: Some(ty.into()), ..Default::default() };
        TableOptions {
            mode: Mode::History,
            columns: [("id".to_owned(), chosen)].into(),
            ..TableOptions::default()
        }
    };
    let world = World::new(
        "t_before",
        "create table n (id int8 primary key, v text); create table f (id text primary key, v text);
         insert into n values (1410065407, 'a'), (9999999999, 'b');
         insert into f values ('1', 'a'), ('', 'b'); create publication p for table n, f",
    )
    .kept_as("n", narrow("Int32"))
    .kept_as("f", narrow("Enum8('b' = 1, '1' = 5, 'c' = 7)"));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update n set id = 5 where v = 'b'; update f set id = 'c' where v = 'b'");
    world.settle(&pipeline).await;
    world.sql("insert into n values (9999999998, 'c'); insert into f values ('5', 'd')");
    world.sql("update n set id = 6 where v = 'c'; update f set id = 'b' where v = 'd'");
    world.settle(&pipeline).await;
    assert_equal(&world, &pipeline, "keys that were nowhere").await;
    let before = "select groupArray(isNull(_key_before.1)) from {s}.n where _op = 'update'";
    assert_eq!(world.stored(before).await, "[1,1]");
    pipeline.shutdown().await.unwrap();
}

/// What rows of before show in a new column is a value like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_default_of_the_source_that_has_no_place_is_refused() {
    let mut world = World::new(
        "t_added",
        "create table m (id int primary key); insert into m values (1), (2); create publication p for table m",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world
        .sql("alter table m add a int8 not null default 9999999999, add b int8 not null default 7");
    world.sql("insert into m values (3, 5, 6)");
    let columns = ["a", "b"].map(|name| {
        let clickhouse_type = Some("Int32".to_owned());
        (name.to_owned(), ColumnOptions { clickhouse_type, ..ColumnOptions::default() })
    });
    world = world.kept_as("m", TableOptions { columns: columns.into(), ..TableOptions::default() });
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select * from {s}.m order by id").await, "3|5|6");
    let kept = "select count() from millrace.quarantine final where source_table = '{s}.m' and column = 'a'";
    assert_eq!(world.stored(kept).await, "2");
    pipeline.shutdown().await.unwrap();
}
