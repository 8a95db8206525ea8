//! Tables that get other names keep what they are: their rows move, and nothing is copied again.

use crate::passing::passes_on;
use crate::support::{Mortal, World, assert_equal, home, wait_until};
use flow::Pipeline;
use flow::resync::ResyncOptions;
use flow::status::State;
use model::{ColumnOptions, Mode, Result, Rule, TableName, TableOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{BoxFuture, Rows, Store};

/// Rows that only a copy brings: where there are none, nothing was copied since.
async fn copied_again(pipeline: &Pipeline, table: &str) -> u64 {
    let report = pipeline.handle().report();
    report.tables.iter().find(|shown| shown.name == table).unwrap().copied_rows
}

async fn places(world: &World, like: &str) -> String {
    let sql = format!(
        "select database || '.' || name from system.tables
         where database || '.' || name like '%{like}%' and not startsWith(name, 'scratch_')
         and not endsWith(database, '_shard') order by 1"
    );
    world.stored(&sql).await.replace('\n', " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_table_moves_with_its_rows() {
    let mut world = World::new(
        "r_one",
        "create table m (id int primary key, v text); create table e (id int primary key, v text);
         insert into m select i, 'm' || i from generate_series(1, 50) i;
         insert into e select i, 'e' || i from generate_series(1, 50) i;
         create publication p for table m, e with (publish = 'insert, update, delete, truncate')",
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // Purged: only the store has it.
    world.sql("delete from e where id <= 10");
    world.sql(
        "insert into m values (100, 'before'); update m set v = 'x' where id = 1;
         alter table m rename to m2; alter table e rename to e2;
         insert into m2 values (101, 'after'); update m2 set v = 'y' where id = 2;
         insert into e2 values (101, 'after')",
    );
    assert_equal(&world, &pipeline, "renamed while it is up").await;
    assert_eq!(places(&world, "r_one").await, "r_one.e2 r_one.m2 r_one_raw.m2");
    assert_eq!(world.stored("select count(), min(id) from {s}.e2").await, "51|1");
    world.assert_mirror("m2", "id, v", "id").await;
    assert_eq!(copied_again(&pipeline, "r_one.m2").await, 50, "what its first copy brought");
    let followed = "select change, before, now, followed_by from millrace.schema_changes final
                    where source_table = '{s}.m2'";
    assert_eq!(world.stored(followed).await, "rename table|r_one.m|r_one.m2|in place");
    let names: Vec<String> =
        pipeline.handle().report().tables.into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["r_one.e2", "r_one.m2"]);

    // While it is down, with rows on both sides of it; its section still has the first name.
    pipeline.shutdown().await.unwrap();
    world.sql(
        "insert into e2 values (102, 'before'); alter table e2 rename to e3;
         insert into e3 values (103, 'after'); alter table m2 rename to m;
         insert into m values (103, 'after')",
    );
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "renamed while it was down").await;
    assert_eq!(places(&world, "r_one").await, "r_one.e3 r_one.m r_one_raw.m");
    assert_eq!(world.stored("select count(), min(id) from {s}.e3").await, "53|1");
    assert_eq!(copied_again(&pipeline, "r_one.m").await, 0);
    pipeline.shutdown().await.unwrap();

    // The section follows.
    let (_, options) = world.tables.pop_first().unwrap();
    world.tables.insert("r_one.e3".into(), options);
    let pipeline = world.start();
    world.sql("insert into e3 values (104, 'configured')");
    assert_equal(&world, &pipeline, "configured by the new name").await;
    assert_eq!(world.stored("select count(), min(id) from {s}.e3").await, "54|1");

    // Another schema, and a schema of another name.
    world.sql("create schema r_one_other; alter table m set schema r_one_other");
    world.sql("insert into r_one_other.m values (105, 'moved')");
    assert_equal(&world, &pipeline, "another schema").await;
    world.sql("alter schema r_one_other rename to r_one_last");
    world.sql("insert into r_one_last.m values (106, 'moved')");
    assert_equal(&world, &pipeline, "a schema of another name").await;
    assert_eq!(places(&world, "r_one").await, "r_one.e3 r_one_last.m r_one_last_raw.m");
    pipeline.shutdown().await.unwrap();
}

/// A new table takes the name of one that is renamed or dropped, in one transaction.
#[tokio::test(flavor = "multi_thread")]
async fn names_pass_on() {
    let world = World::new(
        "r_pass",
        "create table orders (id int primary key, v text); create table next (id int primary key, w int);
         create table left_over (id int primary key);
         insert into orders select i, 'o' || i from generate_series(1, 40) i;
         insert into next select i, i from generate_series(1, 30) i;
         insert into left_over select generate_series(1, 20);
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let changes = [
        // They change places.
        "alter table orders rename to t; alter table next rename to orders; alter table t rename to next",
        // One goes, another takes its name.
        "drop table orders; alter table next rename to orders",
        // One makes room for a new one.
        "alter table orders rename to orders_old; create table orders (id int primary key, z int);
         insert into orders select i, -i from generate_series(1, 25) i",
        // In a circle.
        "alter table orders rename to t; alter table orders_old rename to orders;
         alter table left_over rename to orders_old; alter table t rename to left_over",
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let id = 1000 + 2 * n;
        world.sql(&format!(
            "insert into orders (id) values ({id}); begin; {change};
             insert into orders (id) values ({}); delete from orders where id = 3 + {n}; commit",
            id + 1
        ));
        assert_equal(&world, &pipeline, change).await;
    }
    assert_eq!(
        places(&world, "r_pass").await,
        "r_pass.left_over r_pass.orders r_pass.orders_old r_pass_raw.left_over r_pass_raw.orders \
         r_pass_raw.orders_old"
    );
    pipeline.shutdown().await.unwrap();
    let sql = "alter table orders rename to t; alter table orders_old rename to orders;
               alter table t rename to orders_old; insert into orders values (5000)";
    world.sql(&format!("begin; {sql}; commit"));
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "while it was down").await;
    pipeline.shutdown().await.unwrap();
}

/// Facts that were kept under a name stay there; who gets the name is copied beside them or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn facts_give_no_room() {
    let mut world = World::new(
        "r_facts",
        "create table e (id int primary key, v text); create table f (id int primary key, v text);
         insert into e select i, 'e' || i from generate_series(1, 20) i;
         insert into f select i, 'f' || i from generate_series(101, 120) i;
         create publication p for all tables with (publish = 'insert, update, delete, truncate')",
    )
    .append("e")
    .append("f");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // Its section goes with the one, and holds for the other.
    world.sql(
        "alter table e rename to e_old; create table e (id int primary key, v text);
         insert into e_old values (21, 'old'); insert into e values (1, 'new')",
    );
    assert_equal(&world, &pipeline, "rotated").await;
    let count = "select count() from {s}.";
    assert_eq!(world.stored(&format!("{count}e_old")).await, "21");
    assert_eq!(world.stored(&format!("{count}e")).await, "1");
    pipeline.shutdown().await.unwrap();
    world.tables.remove("r_facts.f");
    world.sql("drop table e; alter table f rename to e; insert into e values (121, 'f')");
    let pipeline = world.start();
    assert_equal(&world, &pipeline, "a name with facts").await;
    assert_eq!(world.stored("select count(), min(id) from {s}.e").await, "22|1");
    let modes: Vec<&str> =
        pipeline.handle().report().tables.into_iter().map(|table| table.mode).collect();
    assert!(modes.iter().all(|mode| *mode == "append"), "{modes:?}");
    pipeline.shutdown().await.unwrap();
}

/// A section goes with its table, and holds for another one that takes the name later.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_in_two_steps_is_configured_at_each() {
    let mut world = World::new(
        "r_rotate",
        "create table events (id int primary key, v text, secret text);
         create table people (id int primary key, v text, secret text);
         insert into events select i, 'e' || i, 's' from generate_series(1, 20) i;
         insert into people select i, 'p' || i, 's' from generate_series(1, 20) i;
         create publication p for all tables with (publish = 'insert, update, delete, truncate')",
    )
    .append("events");
    let hidden = ColumnOptions { exclude: true, ..ColumnOptions::default() };
    let people = TableOptions {
        columns: [("secret".to_owned(), hidden.clone())].into(),
        ..TableOptions::default()
    };
    world.tables.insert("r_rotate.people".into(), people);
    let events = world.tables.get_mut("r_rotate.events").unwrap();
    events.columns.insert("secret".into(), hidden);
    let mut pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table events rename to events_2025; alter table people rename to persons");
    assert_equal(&world, &pipeline, "renamed").await;
    world.sql(
        "create table events (id int primary key, v text, secret text);
         insert into events values (1, 'new', 's'); insert into events_2025 values (21, 'late', 's')",
    );
    // Its copy begins anew, and what it was called stays known.
    let options = ResyncOptions { tables: vec!["r_rotate.persons".into()], rows_per_second_max: 0 };
    pipeline.handle().resync(options).await.unwrap();
    for what in ["the name is taken again", "after a start"] {
        assert_equal(&world, &pipeline, what).await;
        assert_eq!(world.stored("select count() from {s}.events").await, "1", "{what}");
        assert_eq!(world.stored("select count() from {s}.events_2025").await, "21", "{what}");
        let secrets =
            "select count() from system.columns where database = '{s}' and name = 'secret'";
        assert_eq!(world.stored(secrets).await, "0", "{what}");
        let report = pipeline.handle().report();
        let modes: Vec<&str> = report.tables.iter().map(|table| table.mode).collect();
        assert_eq!(modes, ["append", "append", "mirror"], "{what}");
        pipeline.shutdown().await.unwrap();
        pipeline = world.start();
    }
    pipeline.shutdown().await.unwrap();
}

/// What a table holds that stopped is read under its name of today, and a name says nothing of what
/// another table had set aside under it.
#[tokio::test(flavor = "multi_thread")]
async fn readers_find_rows_under_the_name_of_today() {
    let mut world = World::new(
        "r_read",
        "create table stopped (id int primary key, n numeric(10,2), gone int);
         create table shaped (id int primary key, v int) with (fillfactor = 10);
         create table other (id int primary key, v int);
         insert into stopped select i, i, i from generate_series(1, 20) i;
         insert into shaped select i, i from generate_series(1, 30000) i;
         insert into other select i, i from generate_series(1, 7) i;
         create publication p for all tables",
    );
    let stops = ColumnOptions { on_unrepresentable: Some(Rule::Stop), ..ColumnOptions::default() };
    let options =
        TableOptions { columns: [("n".to_owned(), stops)].into(), ..TableOptions::default() };
    world.tables.insert("r_read.stopped".into(), options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("alter table stopped drop gone; insert into stopped values (100, 1)");
    world.settle(&pipeline).await;
    world.sql("insert into stopped values (101, 'NaN')");
    let handle = pipeline.handle();
    wait_until("it stops", || {
        let report = handle.report();
        let failed = report.tables.iter().any(|table| table.state == State::Failed);
        if failed { Ok(()) } else { Err(format!("{report:#?}")) }
    })
    .await;
    pipeline.shutdown().await.unwrap();
    // Of `shaped` the rows of before serve, because a copy in another shape hangs.
    world.sql("alter table shaped alter v type text using 'v' || v");
    let hangs = Mortal::limited("shaped", 0);
    let pipeline = Pipeline::start(world.options(), hangs.clone());
    let aside = "select count() from system.tables where database = 'millrace' and name = 'before_{s}.shaped'";
    for _ in 0..600 {
        if world.stored(aside).await == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.stored(aside).await, "1");
    hangs.kill(pipeline).await;
    world.sql("alter table stopped rename to halted; drop table shaped; alter table other rename to shaped");
    let pipeline = world.start();
    world.settle_to(&pipeline, false).await;
    assert_eq!(world.stored("select count(), max(id) from {s}.halted").await, "21|100");
    let columns = "select name from system.columns where database = '{s}' and table = 'halted'";
    assert_eq!(world.stored(columns).await.replace('\n', " "), "id n");
    world.sql("insert into shaped values (8, 8)");
    world.settle_to(&pipeline, false).await;
    assert_eq!(world.stored("select count(), max(v) from {s}.shaped").await, "8|8");
    assert_eq!(world.stored(aside).await, "0");
    pipeline.shutdown().await.unwrap();
}

/// A copy that was begun under the old name goes on under the new one; rows that were set aside are
/// found, and come back.
#[tokio::test(flavor = "multi_thread")]
async fn copies_and_the_quarantine_move_too() {
    let mut world = World::new(
        "r_copy",
        "create table m (id int primary key, v int) with (fillfactor = 10);
         create table e (id int primary key, v int) with (fillfactor = 10);
         create table q (id int primary key, t timestamptz);
         insert into m select n, 0 from generate_series(1, 300000) n;
         insert into e select n, 0 from generate_series(1, 150000) n;
         insert into q values (1, '10000-01-01'), (2, '2020-01-01');
         create publication p for table m, e, q with (publish = 'insert, update, delete, truncate')",
    )
    .append("e");
    let refuses =
        ColumnOptions { on_unrepresentable: Some(Rule::Quarantine), ..ColumnOptions::default() };
    let options =
        TableOptions { columns: [("t".to_owned(), refuses)].into(), ..TableOptions::default() };
    world.tables.insert("r_copy.q".into(), options);
    let store = Mortal::limited("e", 1);
    let pipeline = Pipeline::start(world.options(), store.clone());
    store.wait_for_limit().await;
    store.kill(pipeline).await;
    world.sql("alter table e rename to e2; insert into e2 values (0, 1)");
    let slow = Mortal::new(Duration::from_millis(60));
    let pipeline = Pipeline::start(world.options(), slow.clone());
    let handle = pipeline.handle();
    wait_until("the copy is on its way", || {
        let report = handle.report();
        let table = report.tables.iter().find(|table| table.name == "r_copy.m");
        match table.is_some_and(|table| table.copied_rows > 0) || handle.is_ready() {
            true => Ok(()),
            false => Err(format!("{report:#?}")),
        }
    })
    .await;
    world.sql("alter table m rename to m2; update m2 set v = 1 where id % 1000 = 0");
    world.sql("alter table q rename to q2; insert into q2 values (3, '10000-01-01')");
    world.settle(&pipeline).await;
    world.assert_mirror("m2", "count(*), sum(v)", "1").await;
    let doubled = "select count() from (select id from {s}.e2 group by id having count() > 1)";
    assert_eq!(world.stored(doubled).await, "0");
    assert_eq!(world.stored("select count() from {s}.e2").await, "150001");
    let kept = "select source_table, count() from millrace.quarantine final
                where source_table like '{s}%' and state = 'waiting' group by 1";
    assert_eq!(world.stored(kept).await, "r_copy.q2|2");
    pipeline.shutdown().await.unwrap();
    let left =
        "select count() from millrace.copy_ranges where startsWith(target, 'moved slot_{s} ')";
    assert_eq!(world.stored(left).await, "0");
}

/// Stops answering before one of its writes.
struct Stops {
    left: AtomicI64,
}

impl Stops {
    async fn pass(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            std::future::pending::<()>().await;
        }
    }

    fn is_reached(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

impl Store for Stops {
    passes_on!(self => home(); insert, query, cells, answer_beside);

    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        let sql = sql.to_owned();
        Box::pin(async move {
            self.pass().await;
            home().execute(&sql).await
        })
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        let into = into.to_owned();
        Box::pin(async move {
            self.pass().await;
            home().record(&into, rows).await
        })
    }
}

/// Writes between two deaths: the first one is another in each run.
const STEP: u32 = 9;

/// Names change places again and again, and each time the process dies some writes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_dies_anywhere_is_finished() {
    let world = World::new(
        "r_dies",
        "create table a (id int primary key, v text); create table b (id int primary key, v text);
         create table e (id int primary key, v text); create table f (id int primary key, v text);
         insert into a select i, 'a' || i from generate_series(1, 20) i;
         insert into b select i, 'b' || i from generate_series(1, 30) i;
         insert into e select i, 'e' || i from generate_series(1, 20) i;
         insert into f select i, 'f' || i from generate_series(1, 30) i;
         create publication p for all tables with (publish = 'insert, update, delete, truncate')",
    )
    .append("e")
    .append("f");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let offset = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos() % STEP;
    println!("offset {offset}");
    let mut deaths = i64::from(offset);
    loop {
        world.sql(&format!(
            "begin; alter table a rename to t; alter table b rename to a; alter table t rename to b;
             alter table e rename to t; alter table f rename to e; alter table t rename to f;
             insert into a values (100 + {deaths}, 'new'); update b set v = 'n{deaths}' where id = 7;
             insert into e values (100 + {deaths}, 'new'); commit"
        ));
        let stops = Arc::new(Stops { left: AtomicI64::new(deaths) });
        let pipeline = Pipeline::start(world.options(), stops.clone());
        let handle = pipeline.handle();
        wait_until("it dies, or is done", || match stops.is_reached() || handle.is_ready() {
            true => Ok(()),
            false => Err(format!("{:#?}", handle.report())),
        })
        .await;
        let is_done = !stops.is_reached();
        drop(pipeline);
        let pipeline = world.start();
        assert_equal(&world, &pipeline, &format!("it died at write {deaths}")).await;
        for table in ["e", "f"] {
            let sql = format!("select count(), uniqExact(id) from {{s}}.{table}");
            let at_source = format!("select count(*), count(distinct id) from {table}");
            assert_eq!(world.stored(&sql).await, world.sql(&at_source), "{table} at {deaths}");
        }
        pipeline.shutdown().await.unwrap();
        if is_done {
            break;
        }
        deaths += i64::from(STEP);
    }
    assert!(deaths > 20, "only {deaths} writes");
    let moved = "select count() from system.tables where startsWith(name, 'moved_') and name like '%slot_{s} %'";
    assert_eq!(world.stored(moved).await, "0");
    let modes = world.tables.values().filter(|options| options.mode == Mode::Append).count();
    assert_eq!(modes, 2);
}

/// A table that stopped has names as well, and each of them moves it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_table_moves_at_every_rename() {
    let mut options = TableOptions { mode: Mode::Append, ..TableOptions::default() };
    let stops = ColumnOptions { on_unrepresentable: Some(Rule::Stop), ..ColumnOptions::default() };
    options.columns.insert("n".into(), stops);
    let world = World::new(
        "r_stopped",
        "create table a (id int primary key, n numeric(8,2)); insert into a values (1, 1);
         create publication p for all tables",
    )
    .kept_as("a", options);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql("insert into a values (2, 'NaN')");
    world.settle_to(&pipeline, false).await;
    pipeline.shutdown().await.unwrap();
    for (before, now) in [("a", "b"), ("b", "c")] {
        world.sql(&format!("alter table {before} rename to {now}"));
        let pipeline = world.start();
        world.settle_to(&pipeline, false).await;
        let report = pipeline.handle().report();
        let [table] = &report.tables[..] else { panic!("{report:#?}") };
        assert_eq!(
            (table.name.as_str(), table.state),
            (format!("r_stopped.{now}").as_str(), State::Failed)
        );
        assert_eq!(world.stored(&format!("select id, n from {{s}}.{now}")).await, "1|1");
        assert_eq!(places(&world, "r_stopped").await, format!("r_stopped.{now}"));
        pipeline.shutdown().await.unwrap();
    }
}

/// Where two are to go into one place, the second one has none.
#[tokio::test(flavor = "multi_thread")]
async fn two_renames_into_one_place_mix_no_rows() {
    let place = |table: &str| TableOptions {
        target: Some(TableName::new("r_place", table)),
        ..TableOptions::default()
    };
    let mut world = World::new(
        "r_place",
        "create table a (id int primary key); create table c (id int primary key);
         insert into a values (1); insert into c values (2); create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    world.sql("alter table a rename to a2; alter table c rename to c2");
    world.tables.insert("r_place.a2".into(), place("one"));
    world.tables.insert("r_place.c2".into(), place("one"));
    let pipeline = world.start();
    world.settle_to(&pipeline, false).await;
    let failed: Vec<State> =
        pipeline.handle().report().tables.iter().map(|table| table.state).collect();
    assert!(failed.contains(&State::Failed) && failed.contains(&State::Streaming), "{failed:?}");
    let rows = world.stored("select id from {s}.one").await;
    assert!(["1", "2"].contains(&rows.as_str()), "{rows}");
    pipeline.shutdown().await.unwrap();
}
