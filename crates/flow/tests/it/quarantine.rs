//! What was set aside is there once and comes back once, wherever the process dies.

use crate::passing::passes_on;
use crate::support::{Mortal, World, home, wait_until};
use flow::quarantine::ReplayOptions;
use model::{ColumnOptions, Result, Rule};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{BoxFuture, Insert, Receipt, Rows, Store};

/// A store that stops answering at one border of a replay: before or after one of its writes.
pub(crate) struct Border {
    pub(crate) schema: &'static str,
    /// Borders that are still passed.
    pub(crate) left: AtomicI64,
}

impl Border {
    fn passes(&self) -> bool {
        self.left.fetch_sub(1, Ordering::SeqCst) > 0
    }

    pub(crate) fn is_reached(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }

    async fn between<T>(&self, call: impl Future<Output = T>) -> T {
        if !self.passes() {
            std::future::pending::<()>().await;
        }
        let answer = call.await;
        if !self.passes() {
            std::future::pending::<()>().await;
        }
        answer
    }
}

impl Store for Border {
    passes_on!(self => home(); execute, query, cells, answer_beside);

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        let is_ours = insert.target.rows.schema.starts_with(self.schema);
        Box::pin(async move {
            match is_ours {
                true => self.between(async { home().insert(insert).await }).await,
                false => home().insert(insert).await,
            }
        })
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        let is_ours = into.starts_with("millrace.quarantine");
        let into = into.to_owned();
        Box::pin(async move {
            match is_ours {
                true => self.between(async { home().record(&into, rows).await }).await,
                false => home().record(&into, rows).await,
            }
        })
    }
}

const NULL: ColumnOptions = ColumnOptions {
    name: None,
    clickhouse_type: None,
    exclude: false,
    on_unrepresentable: Some(Rule::Null),
    default: None,
};

/// Equal rows without a key, of which each has to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_dies_anywhere_brings_every_row_once() {
    // Every border of an append table's replay has its turn (intent, block, mark), and of a mirror's.
    const FACTS: usize = 6;
    const MIRRORS: usize = 4;
    let mut sql = String::new();
    for n in 0..FACTS {
        sql += &format!(
            "create table f{n} (v numeric, k int); alter table f{n} replica identity full;
             create table m{n} (id int primary key, v numeric);
             insert into f{n} select case n % 2 when 0 then 'NaN'::numeric else n end, n % 3
               from generate_series(1, 40) n;
             insert into m{n} select n, case n % 2 when 0 then 'NaN'::numeric else n end
               from generate_series(1, 40) n;"
        );
    }
    let mut world = World::new("qk", &format!("{sql} create publication p for all tables"));
    for n in 0..FACTS {
        world = world.append(&format!("f{n}"));
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for n in 0..FACTS {
        world.sql(&format!(
            "insert into f{n} select 'NaN', 7 from generate_series(1, 10);
             insert into m{n} select n, 'NaN' from generate_series(101, 110) n"
        ));
    }
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let left =
        "select count() from millrace.quarantine final where startsWith(source_table, 'qk.')";
    assert_eq!(world.stored(left).await, (60 * FACTS).to_string());
    for n in 0..FACTS {
        for name in [format!("qk.f{n}"), format!("qk.m{n}")] {
            world.tables.entry(name).or_default().columns.insert("v".into(), NULL);
        }
    }
    let facts = (0..FACTS).map(|n| (n, format!("qk.f{n}"), "sum(k)", "50|30|110"));
    let mirrors = (0..MIRRORS).map(|n| (n, format!("qk.m{n}"), "uniqExact(id)", "50|30|50"));
    for (n, name, key, once) in facts.chain(mirrors) {
        let border = Arc::new(Border { schema: "qk", left: AtomicI64::new(i64::MAX / 2) });
        let pipeline = flow::Pipeline::start(world.options(), border.clone());
        world.settle(&pipeline).await;
        border.left.store(n as i64, Ordering::SeqCst);
        let options = ReplayOptions { tables: vec![name.clone()] };
        let handle = pipeline.handle();
        let reached = wait_until("a border", || match border.is_reached() {
            true => Ok(()),
            false => Err("it goes on".into()),
        });
        tokio::select! {
            answer = handle.replay(options.clone()) => panic!("it came to its end: {answer:?}"),
            () = reached => {}
        }
        drop(pipeline);
        tokio::time::sleep(Duration::from_millis(50)).await;
        let pipeline = world.start();
        world.settle(&pipeline).await;
        let again = pipeline.handle().replay(options).await.unwrap();
        assert!(
            again.iter().all(|table| table.refused == 0 && table.skipped.is_none()),
            "{again:?}"
        );
        pipeline.shutdown().await.unwrap();
        let rows = format!("select count(), countIf(isNull(v)), {key} from {name}");
        assert_eq!(world.stored(&rows).await, once, "{name}, border {n}");
    }
    let rest = world.start();
    world.settle(&rest).await;
    let answer = rest.handle().replay(ReplayOptions::default()).await.unwrap();
    let replayed: u64 = answer.iter().map(|table| table.replayed).sum();
    assert_eq!(replayed, 60, "m4 and m5: {answer:?}");
    rest.shutdown().await.unwrap();
    assert_eq!(world.stored(left).await, "0");
}

/// Copied under several snapshots, and brought by the stream meanwhile.
async fn is_set_aside_once(schema: &'static str, table: &str, is_append: bool) {
    let sql = format!(
        "create table {table} with (fillfactor = 10); alter table t replica identity full;
         insert into t select n, case n % 1000 when 0 then 'NaN'::numeric else n end
           from generate_series(1, 300000) n;
         create publication p for all tables"
    );
    let mut world = World::new(schema, &sql);
    if is_append {
        world = world.append("t");
    }
    let store = Mortal::limited("t", 1);
    let pipeline = flow::Pipeline::start(world.options(), store.clone());
    store.wait_for_limit().await;
    // Rows that both the stream and the next snapshot see, ones that are others then, and one that can be
    // carried then.
    world.sql(
        "insert into t select max(id) + 1, 'NaN' from t; update t set v = v where id % 50000 = 2000; update t set v = 7 where id in (1000, 299000)",
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    store.kill(pipeline).await;
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.handle().look_for_newer(Vec::new()).await.unwrap();
    pipeline.shutdown().await.unwrap();
    let kept = "select count(), uniqExact(row) from millrace.quarantine final \
                where source_table = '{s}.t' and state = 'waiting'";
    let theirs = world.sql("select count(*), count(*) from t where v = 'NaN'");
    assert_eq!(world.stored(kept).await, theirs, "{table}");
    let stored = world.stored("select count() from {s}.t").await;
    assert_eq!(stored, world.sql("select count(*) from t where v <> 'NaN'"), "{table}");
    // Whatever else can be carried one day comes back beside it, and not for a second time.
    world.tables.entry(format!("{schema}.t")).or_default().columns.insert("v".into(), NULL);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.handle().replay(ReplayOptions::default()).await.unwrap();
    pipeline.shutdown().await.unwrap();
    let all = world.stored("select count(), uniqExact(id) from {s}.t").await;
    assert_eq!(all, world.sql("select count(*), count(distinct id) from t"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_several_snapshots_see_are_set_aside_once() {
    let keyed = "t (id int primary key, v numeric)";
    is_set_aside_once("qsm", keyed, false).await;
    is_set_aside_once("qse", keyed, true).await;
    is_set_aside_once("qsk", "t (id int, v numeric)", true).await;
}
