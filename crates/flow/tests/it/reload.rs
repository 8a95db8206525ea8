//! Other options for tables while the pipeline runs: what they come to is what a start comes to.

use crate::support::{World, assert_equal};
use flow::Handle;
use flow::reload::{ReloadOptions, Reloaded};
use model::{ColumnOptions, Fate, Mode, Result, TableName, TableOptions};
use std::collections::BTreeMap;

async fn reload(handle: &Handle, name: &str, options: TableOptions) -> Result<Reloaded> {
    let changed = BTreeMap::from([(name.to_owned(), vec!["key".to_owned()])]);
    let tables = BTreeMap::from([(name.to_owned(), options)]);
    handle.reload(ReloadOptions { tables, changed }).await
}

fn column(name: &str, options: ColumnOptions) -> TableOptions {
    let columns = BTreeMap::from([(name.to_owned(), options)]);
    TableOptions { columns, ..TableOptions::default() }
}

fn typed(name: &str, clickhouse: &str) -> TableOptions {
    column(name, ColumnOptions { clickhouse_type: Some(clickhouse.into()), ..Default::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_is_left_out_and_comes_back_whole() {
    let world = World::new(
        "r_exclude",
        "create table m (id int primary key, note text); insert into m values (1, 'one');
         create publication p for table m",
    );
    let (pipeline, name) = (world.start(), "r_exclude.m");
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    let excluded = column("note", ColumnOptions { exclude: true, ..Default::default() });
    let answer = reload(&handle, name, excluded).await.unwrap();
    assert_eq!(answer.tables[0].state.as_deref(), Some("streaming"));
    assert!(!answer.paused);
    world.sql("insert into m values (2, 'two')");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select * from {s}.m order by id").await, "1\n2");
    // Rows of that time lack it, so it has to be copied.
    let answer = reload(&handle, name, TableOptions::default()).await.unwrap();
    assert_eq!(answer.tables[0].state.as_deref(), Some("waiting"));
    assert_equal(&world, &pipeline, "after it").await;
    world.assert_mirror("m", "id, note", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_changes_nothing() {
    let world = World::new(
        "r_refused",
        "create table m (id int primary key, n int, note text); insert into m values (1, 1, 'one');
         create publication p for table m",
    );
    let (pipeline, name) = (world.start(), "r_refused.m");
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    let moved =
        TableOptions { target: Some(TableName::new("r_refused", "o")), ..Default::default() };
    let append = TableOptions { mode: Mode::Append, ..Default::default() };
    for (options, said) in [
        (moved, "cannot keep r_refused.m as mirror in r_refused.o"),
        (append, "cannot keep r_refused.m as append"),
        (typed("notes", "String"), "cannot find column notes"),
        (typed("note", "Strin"), "Strin"),
        (typed("id", "Array(String"), "r_refused.m"),
    ] {
        let error = reload(&handle, name, options).await.unwrap_err();
        assert!(error.report().contains(said), "{error:?}");
        assert_ne!(error.fate(), Fate::Transient, "{error:?}");
        assert!(handle.is_ready(), "{:#?}", handle.report());
    }
    assert_eq!(
        world.stored("select name from system.tables where database = 'r_refused'").await,
        "m"
    );
    world.sql("insert into m values (2, 2, 'two')");
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// Under load, with a copy that runs, a table that comes by the publication, and one in another shape.
#[tokio::test(flavor = "multi_thread")]
async fn tables_take_other_shapes_while_rows_come() {
    let world = World::new(
        "r_shape",
        "create table m (id int primary key, n int, note text);
         create table e (id int primary key, n int) with (fillfactor = 10);
         create table late (id int primary key);
         insert into m select n, n, n::text from generate_series(1, 5000) n;
         insert into e select n, n from generate_series(1, 60000) n;
         create publication p for table m, e",
    )
    .append("e");
    let (pipeline, name) = (world.start(), "r_shape.m");
    let handle = pipeline.handle();
    let append = world.tables["r_shape.e"].clone();
    let shapes = [
        typed("n", "Int64"),
        typed("n", "String"),
        column("note", ColumnOptions { name: Some("remark".into()), ..Default::default() }),
        TableOptions::default(),
    ];
    for (at, options) in shapes.into_iter().enumerate() {
        world.sql(&format!(
            "insert into m values (10000 + {at}, {at}, 'new'); update m set n = n + 1 where id % 3 = 0;
             insert into e values (100000 + {at}, {at}); insert into late values ({at})"
        ));
        if at == 1 {
            world.sql("alter publication p add table late");
        }
        let tables =
            BTreeMap::from([(name.to_owned(), options), ("r_shape.e".to_owned(), append.clone())]);
        let changed = BTreeMap::from([(name.to_owned(), vec![])]);
        handle.reload(ReloadOptions { tables, changed }).await.unwrap();
    }
    assert_equal(&world, &pipeline, "after it").await;
    world.assert_mirror("m", "id, n, note", "id").await;
    world.assert_mirror("e", "id, n", "id").await;
    world.assert_mirror("late", "id", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_pipeline_takes_it_and_stays_paused() {
    let world = World::new(
        "r_paused",
        "create table m (id int primary key, note text); insert into m values (1, 'one');
         create publication p for table m",
    );
    let (pipeline, name) = (world.start(), "r_paused.m");
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    handle.pause().await.unwrap();
    let error = reload(&handle, name, typed("notes", "String")).await.unwrap_err();
    assert!(error.report().contains("cannot find column notes"), "{error:?}");
    let excluded = column("note", ColumnOptions { exclude: true, ..Default::default() });
    assert!(reload(&handle, name, excluded).await.unwrap().paused);
    assert!(handle.is_paused());
    world.sql("insert into m values (2, 'two')");
    handle.resume().await.unwrap();
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select * from {s}.m order by id").await, "1\n2");
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_the_engine_fills_come_and_go() {
    let world = World::new(
        "r_extra",
        "create table m (id int primary key); create table e (id int primary key);
         insert into m values (1); insert into e values (1); create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    let twice = BTreeMap::from([("twice".to_owned(), "Int32 DEFAULT id * 2".to_owned())]);
    for extra_columns in [twice, BTreeMap::new()] {
        let append = TableOptions { mode: Mode::Append, ..Default::default() };
        let tables = BTreeMap::from([
            (
                "r_extra.m".to_owned(),
                TableOptions { extra_columns: extra_columns.clone(), ..Default::default() },
            ),
            (
                "r_extra.e".to_owned(),
                TableOptions { extra_columns: extra_columns.clone(), ..append },
            ),
        ]);
        let changed =
            BTreeMap::from(["r_extra.m", "r_extra.e"].map(|name| (name.to_owned(), vec![])));
        handle.reload(ReloadOptions { tables, changed }).await.unwrap();
        world.sql(
            "insert into m select max(id) + 1 from m; insert into e select max(id) + 1 from e",
        );
        world.settle(&pipeline).await;
        if !extra_columns.is_empty() {
            for table in ["m", "e"] {
                let sql = format!("select id, twice from {{s}}.{table} order by id");
                assert_eq!(world.stored(&sql).await, "1|2\n2|4");
            }
        }
    }
    assert_eq!(world.stored("select * from {s}.m order by id").await, "1\n2\n3");
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// What was kept of a column that is masked now is not what the mask shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_engine_fills_does_not_show_what_is_hidden() {
    let world = World::new(
        "r_mask",
        "create table m (id int primary key, note text); create table n (id int primary key, note text);
         insert into m values (1, 'secret'); insert into n values (1, 'secret');
         create publication p for table m, n",
    );
    let pipeline = world.start();
    let handle = pipeline.handle();
    world.settle(&pipeline).await;
    let excluded = column("note", ColumnOptions { exclude: true, ..Default::default() });
    let extra_columns = BTreeMap::from([("note".to_owned(), "String DEFAULT 'hidden'".to_owned())]);
    let masked = TableOptions { extra_columns, ..excluded.clone() };
    let keep = async |m: &TableOptions, n: &TableOptions| {
        let tables = [("r_mask.m".to_owned(), m.clone()), ("r_mask.n".to_owned(), n.clone())];
        let changed = ["r_mask.m", "r_mask.n"].map(|name| (name.to_owned(), vec![])).into();
        handle.reload(ReloadOptions { tables: tables.into(), changed }).await.unwrap()
    };
    // At once, and one after the other.
    keep(&TableOptions::default(), &excluded).await;
    keep(&masked, &masked).await;
    world.sql("insert into m values (2, 'secret'); insert into n values (2, 'secret')");
    world.settle(&pipeline).await;
    let shown = async |table: &str| {
        world.stored(&format!("select id, note from {{s}}.{table} order by id")).await
    };
    for table in ["m", "n"] {
        assert_eq!(shown(table).await, "1|hidden\n2|hidden", "{table}");
    }
    // From then on it is one like any other.
    let answer = keep(&masked, &masked).await;
    assert!(answer.tables.iter().all(|table| table.state.as_deref() == Some("streaming")));
    assert_equal(&world, &pipeline, "after it").await;
    pipeline.shutdown().await.unwrap();
}

/// The engine renames no column that says to which partition a row belongs.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_parts_the_rows_takes_another_name() {
    let world = World::new(
        "r_parts",
        "create table e (id int primary key, ts timestamptz not null); create publication p for table e;
         insert into e values (1, '2026-01-01'), (2, '2026-02-01')",
    );
    let parted = |name: &str| {
        let columns = ColumnOptions { name: Some(name.into()), ..Default::default() };
        let partition_by = Some(format!("toYYYYMM({name})"));
        TableOptions { mode: Mode::Append, partition_by, ..column("ts", columns) }
    };
    let world = world.kept_as("e", parted("ts"));
    let (pipeline, name) = (world.start(), "r_parts.e");
    world.settle(&pipeline).await;
    let answer = reload(&pipeline.handle(), name, parted("at")).await.unwrap();
    assert_eq!(answer.tables[0].last_error, None);
    world.sql("insert into e values (3, '2026-03-01')");
    world.settle(&pipeline).await;
    assert_eq!(
        world.stored("select id, toYYYYMM(at) from {s}.e order by id").await,
        "1|202601\n2|202602\n3|202603"
    );
    pipeline.shutdown().await.unwrap();
}
