//! Facts of which the latest row stands: beside what was purged, and what was set aside.

use crate::passing::passes_on;
use crate::quarantine::Border;
use crate::support::{Home, World, assert_equal, home, is_copied, wait_until};
use flow::Pipeline;
use flow::quarantine::ReplayOptions;
use model::{ColumnOptions, Mode, OnUpdate, Result, Rule, TableName, TableOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use store::{BoxFuture, Insert, Receipt, Store};
use tokio::sync::watch;

fn facts(on_update: OnUpdate) -> TableOptions {
    TableOptions { mode: Mode::Append, on_update, ..TableOptions::default() }
}

/// From now on a NaN is NULL.
fn take_nan(world: &mut World) {
    let null = ColumnOptions { on_unrepresentable: Some(Rule::Null), ..ColumnOptions::default() };
    for options in world.tables.values_mut() {
        options.columns.insert("v".into(), null.clone());
    }
}

const REFUSED: &str = "
    insert into f select n, 'NaN' from generate_series(1, 6) n;
    update f set v = 10 where id = 1; update f set id = 20 where id = 2; update f set id = 30, v = 33 where id = 3;
    update f set v = 4 where id = 4; update f set v = 'NaN' where id = 4; delete from f where id = 5;
    insert into f values (5, 5);";

/// Keys that were refused, and are the newest of their kind no more, with the row that is.
const KEPT: &str = "1|10\n4|\n5|5\n5|\n6|\n20|\n30|33";

/// docs/quarantine.md: a row that an UPDATE has taken the place of is superseded as it is written.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_brings_no_fact_that_an_update_took_the_place_of() {
    let mut world = World::new(
        "l_replay",
        "create table f (id int primary key, v numeric); create publication p for table f",
    )
    .kept_as("f", facts(OnUpdate::Apply));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    world.sql(REFUSED);
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let waiting = "select state, count() from millrace.quarantine final where source_table = 'l_replay.f' group by 1 order by 1";
    assert_eq!(world.stored(waiting).await, "superseded|4\nwaiting|4");
    take_nan(&mut world);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let replayed = pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
    assert_eq!((replayed[0].replayed, replayed[0].refused), (4, 0), "{replayed:?}");
    assert_equal(&world, &pipeline, "replayed").await;
    assert_eq!(world.stored("select id, v from {s}.f order by id, v").await, KEPT);
    pipeline.shutdown().await.unwrap();
}

/// The same wherever the process dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_of_facts_that_dies_leaves_one_row_of_each() {
    let mut world = World::new(
        "l_dies",
        "create table f (id int primary key, v numeric); create publication p for table f",
    )
    .kept_as("f", TableOptions { keeps_truncated: Some(false), ..facts(OnUpdate::Apply) });
    for border in 0..6 {
        let pipeline = world.start();
        world.settle(&pipeline).await;
        world.sql(&format!("truncate f; {REFUSED}"));
        world.settle(&pipeline).await;
        pipeline.shutdown().await.unwrap();
        let before = world.tables.clone();
        take_nan(&mut world);
        let store = Arc::new(Border { schema: "l_dies", left: AtomicI64::new(i64::MAX / 2) });
        let pipeline = Pipeline::start(world.options(), store.clone());
        world.settle(&pipeline).await;
        store.left.store(border, Ordering::SeqCst);
        let handle = pipeline.handle();
        let reached = wait_until("a border", || match store.is_reached() {
            true => Ok(()),
            false => Err("it goes on".into()),
        });
        tokio::select! {
            answer = handle.replay(ReplayOptions::default()) => panic!("it came to its end: {answer:?}"),
            () = reached => {}
        }
        drop(pipeline);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pipeline = world.start();
        world.settle(&pipeline).await;
        pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
        let rows = world.stored("select id, v from {s}.f order by id, v").await;
        assert_eq!(rows, KEPT, "border {border}");
        pipeline.shutdown().await.unwrap();
        world.tables = before;
    }
}

/// docs/modes.md: a key that is deleted and inserted again is another fact.
#[tokio::test(flavor = "multi_thread")]
async fn a_purged_fact_stays_beside_another_one_of_its_key() {
    let world = World::new(
        "l_purged",
        "create table ignored (id int primary key, v numeric); create table applied (like ignored including all);
         create table every (like ignored including all); create publication p for all tables",
    )
    .kept_as("ignored", facts(OnUpdate::Ignore))
    .kept_as("applied", facts(OnUpdate::Apply))
    .kept_as("every", facts(OnUpdate::Append));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    let each = |sql: &str| {
        for table in ["ignored", "applied", "every"] {
            world.sql(&sql.replace("{t}", table));
        }
    };
    each("insert into {t} select n, n from generate_series(1, 5) n");
    assert_equal(&world, &pipeline, "inserted").await;
    each(
        "delete from {t} where id < 5; insert into {t} select n, n * 10 from generate_series(1, 3) n",
    );
    each("insert into {t} values (4, 'NaN')");
    world.settle(&pipeline).await;
    let rows = "select groupArray((id, v)) from (select id, v from {s}.{t} order by id, v)";
    for table in ["ignored", "applied", "every"] {
        let kept = world.stored(&rows.replace("{t}", table)).await;
        assert_eq!(kept, "[(1,1),(1,10),(2,2),(2,20),(3,3),(3,30),(4,4),(5,5)]", "{table}");
    }
    each("delete from {t} where id = 4");
    assert_equal(&world, &pipeline, "inserted again").await;
    each(
        "update {t} set v = 11 where id = 1; delete from {t} where id = 2; update {t} set id = 2 where id = 3",
    );
    assert_equal(&world, &pipeline, "updated").await;
    let kept = world.stored(&rows.replace("{t}", "applied")).await;
    assert_eq!(kept, "[(1,11),(2,2),(2,20),(2,30),(4,4),(5,5)]");
    pipeline.shutdown().await.unwrap();
}

/// A store that takes copied blocks of `f` only once it is said so.
struct Held {
    inner: Home,
    waiting: AtomicU64,
    mutated: AtomicU64,
    open: watch::Receiver<bool>,
}

impl Store for Held {
    passes_on!(self => self.inner; execute, record, query, cells, answer_beside);

    fn mutate<'a>(&'a self, table: &'a TableName, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        self.mutated.fetch_add(1, Ordering::SeqCst);
        self.inner.mutate(table, sql)
    }

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        Box::pin(async move {
            if insert.target.rows.table == "f" && is_copied(&insert) {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                self.open.clone().wait_for(|open| *open).await.unwrap();
            }
            self.inner.insert(insert).await
        })
    }
}

impl Held {
    fn new(open: watch::Receiver<bool>) -> Arc<Held> {
        let (waiting, mutated) = (AtomicU64::new(0), AtomicU64::new(0));
        Arc::new(Held { inner: home(), waiting, mutated, open })
    }
}

/// However long it takes there, nobody between us and the store waits for an answer: see [`Store::mutate`].
#[tokio::test(flavor = "multi_thread")]
async fn a_truncate_is_a_mutation_of_the_stores() {
    let world = World::new(
        "l_emptied",
        "create table f (id int primary key, v int not null); insert into f values (1, 1);
         create publication p for table f",
    );
    let (_open, opened) = watch::channel(true);
    let store = Held::new(opened);
    let pipeline = Pipeline::start(world.options(), store.clone());
    world.settle(&pipeline).await;
    let before = store.mutated.load(Ordering::SeqCst);
    world.sql("truncate f");
    world.settle(&pipeline).await;
    assert_eq!(world.stored("select count() from {s}.f").await, "0");
    assert_eq!(store.mutated.load(Ordering::SeqCst) - before, 1);
    pipeline.shutdown().await.unwrap();
}

/// The world and its pipeline, whose copy was begun before `change` and ended behind it. `v` is an UInt8 there.
async fn changed_beside_a_copy(schema: &'static str, change: &str) -> (World, Pipeline) {
    let mut options = facts(OnUpdate::Apply);
    let small = ColumnOptions { clickhouse_type: Some("UInt8".into()), ..ColumnOptions::default() };
    options.columns.insert("v".into(), small);
    let world = World::new(
        schema,
        "create table f (id int primary key, v int not null); insert into f select n, n from generate_series(1, 8) n;
         insert into f values (9, 900); create publication p for table f",
    )
    .kept_as("f", options);
    let (open, opened) = watch::channel(false);
    let store = Held::new(opened);
    let pipeline = Pipeline::start(world.options(), store.clone());
    wait_until("the copy waits", || match store.waiting.load(Ordering::SeqCst) {
        0 => Err("it does not".into()),
        _ => Ok(()),
    })
    .await;
    world.sql(change);
    world.settle_to(&pipeline, false).await;
    open.send(true).unwrap();
    world.settle(&pipeline).await;
    (world, pipeline)
}

const WAITING: &str = "select count() from millrace.quarantine final where source_table = '{s}.f' and state = 'waiting'";

/// The store alone knows that it cannot carry the row after an UPDATE, and the one of before is copied behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_brings_no_row_whose_update_was_refused() {
    let change = "update f set v = 300 where id = 7; update f set v = 80 where id = 8";
    let (world, pipeline) = changed_beside_a_copy("l_beside", change).await;
    let rows = "select id, v from {s}.f where id > 5 order by id, v";
    assert_eq!(world.stored(rows).await, "6|6\n8|80");
    assert_eq!(world.stored(WAITING).await, "2");
    world.sql("update f set v = 70 where id = 7; update f set v = 90 where id = 9");
    assert_equal(&world, &pipeline, "they can be carried again").await;
    assert_eq!(world.stored(WAITING).await, "0");
    pipeline.shutdown().await.unwrap();
}

/// The row of before is refused behind its UPDATE.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_brings_no_row_of_a_copy_that_was_updated_beside_it() {
    let change = "update f set v = 90 where id = 9";
    let (world, pipeline) = changed_beside_a_copy("l_behind", change).await;
    assert_equal(&world, &pipeline, "copied").await;
    assert_eq!(world.stored(WAITING).await, "1");
    let replayed = pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
    assert_eq!((replayed[0].superseded, replayed[0].refused), (1, 0), "{replayed:?}");
    pipeline.shutdown().await.unwrap();
}

/// What a refused row brought is not what an earlier one had.
#[tokio::test(flavor = "multi_thread")]
async fn an_update_behind_a_refused_row_has_its_own_large_value() {
    let world = World::new(
        "l_large",
        "create table every (id int primary key, v numeric, body text); alter table every alter body set storage external;
         create table applied (like every including all); create publication p for all tables",
    )
    .kept_as("every", facts(OnUpdate::Append))
    .kept_as("applied", facts(OnUpdate::Apply));
    let pipeline = world.start();
    world.settle(&pipeline).await;
    // A batch for each of them.
    for change in [
        "insert into {t} select n, n, repeat('a', 5000) from generate_series(1, 3) n",
        "update {t} set v = 'NaN', body = repeat('b', 5000) where id = 1; delete from {t} where id = 2",
        "insert into {t} values (2, 'NaN', repeat('b', 5000))",
        "update {t} set v = 10",
    ] {
        for table in ["every", "applied"] {
            world.sql(&change.replace("{t}", table));
        }
        world.settle(&pipeline).await;
    }
    let rows = "select groupArray((id, v, b)) from (select id, v, left(body, 1) as b from {s}.{t} order by id, v)";
    let [every, applied] = ["every", "applied"].map(|table| rows.replace("{t}", table));
    assert_eq!(
        world.stored(&every).await,
        "[(1,1,'a'),(1,10,'b'),(2,2,'a'),(2,10,'b'),(3,3,'a'),(3,10,'a')]"
    );
    assert_eq!(world.stored(&applied).await, "[(1,10,'b'),(2,10,'b'),(3,10,'a')]");
    assert_equal(&world, &pipeline, "updated").await;
    pipeline.shutdown().await.unwrap();
}
