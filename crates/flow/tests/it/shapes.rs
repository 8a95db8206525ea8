//! What is remembered of a table's shape, and what happens where nobody remembers it.

use crate::support::{World, assert_equal, wait_until};
use flow::resync::ResyncOptions;
use flow::status::State;
use model::{Lsn, Mode, TableOptions};

/// Dropped columns stay in the store. A new one of the name is another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_never_shows_what_one_of_before_had() {
    let world = World::new(
        "x_left",
        "create table m (id int primary key, a int, b int not null);
         create table r (like m including all); create table h (like m including all);
         create table k (like m including all);
         insert into m select i, i, i from generate_series(1, 20) i; insert into r select * from m;
         insert into h select * from m; insert into k select * from m; create publication p for all tables",
    )
    .history("h")
    .archive("k");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table m drop b");
    assert_equal(&world, &pipeline, "dropped").await;
    let tables = vec!["x_left.m".into()];
    let options = ResyncOptions { tables, rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
    assert_equal(&world, &pipeline, "copied again").await;
    world.sql("insert into m values (100, 1); alter table m add b int default 5; insert into m values (101, 1, 6)");
    assert_equal(&world, &pipeline, "added again").await;
    let row = "select a, b from {s}.m where id = 7";
    assert_eq!(world.stored(row).await, "7|5");
    // Made anew without it, and then it comes.
    for table in ["r", "h", "k"] {
        world.sql(&format!("drop table {table}; create table {table} (id int primary key, a int); insert into {table} select i, -i from generate_series(1, 10) i"));
    }
    assert_equal(&world, &pipeline, "made anew").await;
    for table in ["r", "h", "k"] {
        world.sql(&format!("insert into {table} values (100, 1); alter table {table} add b int; insert into {table} values (101, 1, 6); alter table {table} alter b set default 5"));
    }
    assert_equal(&world, &pipeline, "added to the new ones").await;
    for table in ["r", "h", "k"] {
        let row = format!("select a, b from {{s}}.{table} where id = 7");
        assert_eq!(world.stored(&row).await, "-7|", "{table}");
    }
    pipeline.shutdown().await.unwrap();
}

/// What keeps a table out may be mended while it is out.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_gets_its_key_is_let_in() {
    let world = World::new(
        "x_late",
        "create table t (id int not null, v text); insert into t values (1, 'one');
         create table other (id int primary key); create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle_to(&pipeline, false).await;
    let handle = pipeline.handle();
    let state = |table: &str| {
        let report = handle.report();
        report.tables.iter().find(|shown| shown.name == table).map(|shown| shown.state)
    };
    wait_until("it is left out", || match state("x_late.t") {
        Some(State::Failed) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    world.sql(
        "insert into t values (2, 'two'); create table new (id int); insert into new values (1)",
    );
    wait_until("the new one is left out", || match state("x_late.new") {
        Some(State::Failed) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    world.sql("alter table t add primary key (id); alter table new add primary key (id); insert into t values (3, 'three')");
    wait_until("both stream", || match (state("x_late.t"), state("x_late.new")) {
        (Some(State::Streaming), Some(State::Streaming)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    world.sql(
        "insert into t values (4, 'four'); delete from t where id = 1; insert into new values (2)",
    );
    assert_equal(&world, &pipeline, "let in").await;
    assert_eq!(world.stored("select count() from {s}.t").await, "3");
    assert_eq!(world.stored("select count() from {s}.new").await, "2");
    pipeline.shutdown().await.unwrap();
}

/// An identity says how rows are told apart, and is no column.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_without_a_key_hears_of_its_identity() {
    let world = World::new(
        "x_identity",
        "create table h (a int, v text); insert into h values (1, 'one'), (2, 'two'); create publication p for table h",
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table h replica identity full; update h set v = 'x' where a = 1; delete from h where a = 2");
    assert_equal(&world, &pipeline, "full").await;
    world.sql("update h set v = 'y' where a = 1; insert into h values (3, 'three')");
    assert_equal(&world, &pipeline, "told apart").await;
    let last = "select _op, a, v, _key_before.2 from {s}.h order by _version desc limit 2";
    assert_eq!(world.stored(last).await, "insert|3|three|\nupdate|1|y|x");
    pipeline.shutdown().await.unwrap();
}

/// The row is the same one under another key, which is nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_keeps_no_row_of_a_key_that_was_changed_to_a_refused_one() {
    let archive =
        TableOptions { mode: Mode::Mirror, keeps_deletes: true, ..TableOptions::default() };
    let world = World::new(
        "x_refused",
        "create table m (a int, n numeric(8,2)); alter table m replica identity full;
         insert into m values (1, 5), (2, 6); create publication p for table m",
    )
    .kept_as("m", archive);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("update m set n = 'NaN' where a = 1; delete from m where a = 2");
    world.settle(&pipeline).await;
    world.sql("update m set n = 7 where a = 1");
    world.settle(&pipeline).await;
    let rows = "select a, n from {s}.m order by a, n";
    assert_eq!(world.stored(rows).await, "1|7\n2|6");
    pipeline.shutdown().await.unwrap();
}

/// A type gets other fields, and its columns say nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn row_types_may_change_their_fields() {
    let world = World::new(
        "x_fields",
        "create type place as (street text, zip int);
         create table m (id int primary key, at place, all_of place[]);
         create table e (like m including all); create table h (like m including all);
         insert into m select i, row('s' || i, i)::place, array[row('a', 1)::place] from generate_series(1, 10) i;
         insert into e select * from m; insert into h select * from m; create publication p for all tables",
    )
    .append("e")
    .history("h");
    let mut pipeline = world.start();
    world.settle(&pipeline).await;
    let changes = [
        ("alter type place add attribute city text", "row('s', 1, 'c')"),
        ("alter type place rename attribute zip to code cascade", "row('s', 2, 'd')"),
        ("alter type place drop attribute street", "row(3, 'e')"),
    ];
    for (n, (change, value)) in changes.into_iter().enumerate() {
        let is_down = n == 1;
        if is_down {
            pipeline.shutdown().await.unwrap();
            world.sql(change);
            pipeline = world.start();
        } else {
            world.sql(change);
        }
        assert_equal(&world, &pipeline, change).await;
        for table in ["m", "e", "h"] {
            world.sql(&format!(
                "insert into {table} values (100 + {n}, {value}, array[{value}::place]);
                 update {table} set at = {value} where id = 1 + {n}"
            ));
        }
        assert_equal(&world, &pipeline, change).await;
        let row = format!("select at from {{s}}.e where id = 100 + {n}");
        assert_eq!(
            world.stored(&row).await,
            world.sql(&format!("select to_json(at) from e where id = 100 + {n}"))
        );
    }
    let waiting = "select source_table, id, state, reason, row from millrace.quarantine final where startsWith(source_table, '{s}.')";
    assert_eq!(world.stored(waiting).await, "");
    pipeline.shutdown().await.unwrap();
}

/// What is read in a shape that nobody remembers is left to the copy, also that a row is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_went_in_a_forgotten_shape_is_gone() {
    let world = World::with(
        "x_went",
        "create table blocker (id int primary key); create table m (id int primary key, v text);
         create table h (like m including all); insert into m select i, i from generate_series(1, 10) i;
         insert into h select * from m; create publication p for all tables",
        &["max_prepared_transactions = 2"],
    )
    .history("h");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // A snapshot waits for it.
    world.sql("begin; insert into blocker values (1); prepare transaction 'older'");
    world.sql(
        "create table n (id int primary key, v text); insert into n values (1, 'one');
         alter table m alter v type int using v::int; alter table h alter v type int using v::int",
    );
    for table in ["m", "n", "h"] {
        world.sql(&format!(
            "begin; insert into {table} values (100, 1); alter table {table} add c int;
             delete from {table} where id = 100; alter table {table} drop c; commit;
             insert into {table} values (101, 1)"
        ));
    }
    let end: Lsn = world.sql("select pg_current_wal_lsn()").parse().unwrap();
    let handle = pipeline.handle();
    wait_until("the log is read", || {
        let received = handle.report().source.received_lsn;
        if received.parse::<Lsn>().unwrap() >= end { Ok(()) } else { Err(received) }
    })
    .await;
    world.sql("rollback prepared 'older'");
    assert_equal(&world, &pipeline, "copied").await;
    for table in ["m", "n"] {
        let rows = format!("select count(), countIf(id = 100) from {{s}}.{table}");
        let all = if table == "m" { "11|0" } else { "2|0" };
        assert_eq!(world.stored(&rows).await, all, "{table}");
    }
    pipeline.shutdown().await.unwrap();
}
