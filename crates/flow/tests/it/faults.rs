//! Whatever dies, nothing is lost and nothing doubled.

use crate::dice::Dice;
use crate::support::{Home, Mortal, World, assert_same, home, wait_until};
use flow::Pipeline;
use model::{Cells, Kind, Mode, OnUpdate, Result, TableOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{Beside, BoxFuture, Insert, Receipt, Rows, Store};

/// Runs `sql` with `{n}` counting up and `{r}` random until it is dropped.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    fn start(world: &Arc<World>, seed: u64, sql: &'static str) -> Writer {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, world) = (stop.clone(), world.clone());
        let thread = std::thread::spawn(move || {
            let mut dice = Dice(seed | 1);
            for n in 0.. {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let sql = sql.replace("{n}", &n.to_string());
                world.sql(&sql.replace("{r}", &dice.below(1000).to_string()));
            }
        });
        Writer { stop, thread: Some(thread) }
    }

    fn stop(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// Starts and kills `rounds` times, then lets it finish while the writer still runs, and settles.
async fn torment(
    world: &Arc<World>,
    dice: &mut Dice,
    rounds: u32,
    writes: &'static str,
) -> Pipeline {
    let writer = Writer::start(world, dice.below(u64::MAX), writes);
    for _ in 0..rounds {
        let store = Mortal::new(Duration::from_millis(dice.below(150)));
        let pipeline = Pipeline::start(world.options(), store.clone());
        tokio::time::sleep(Duration::from_millis(50 + dice.below(900))).await;
        store.kill(pipeline).await;
    }
    let details =
        "select name, state, detail from millrace.tables final where startsWith(name, '{s}.')";
    println!("before the last start:\n{}", world.stored(details).await);
    let pipeline = world.start();
    let handle = pipeline.handle();
    wait_until("every table streams", || match handle.is_ready() {
        true => Ok(()),
        false => Err(format!("{:#?}", handle.report())),
    })
    .await;
    writer.stop();
    world.settle(&pipeline).await;
    pipeline
}

/// Every row of the source once, and beyond them only rows that were deleted there.
async fn assert_facts(world: &World, table: &str, key: &str) {
    let doubled = format!(
        "select {key}, count() from {{s}}.{table} group by {key} having count() > 1 limit 5"
    );
    assert_eq!(world.stored(&doubled).await, "", "{table}: doubled rows");
    let source = world.sql(&format!("select {key}::text from {table}"));
    let gone = world.sql(&format!("select key from gone where of = '{table}'"));
    let stored = world.stored(&format!("select toString({key}) from {{s}}.{table}")).await;
    let set = |text: &str| -> std::collections::HashSet<String> {
        text.lines().map(str::to_owned).collect()
    };
    let (source, gone, stored) = (set(&source), set(&gone), set(&stored));
    let missing: Vec<_> = source.difference(&stored).take(5).collect();
    let extra: Vec<_> = stored
        .iter()
        .filter(|key| !source.contains(*key) && !gone.contains(*key))
        .take(5)
        .collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{table}: missing {missing:?}, extra {extra:?}"
    );
}

const TABLES: &str = "
    create table gone (of text, key text);
    create function note() returns trigger language plpgsql as $$ begin
      insert into gone values (tg_table_name, to_jsonb(old) ->> tg_argv[0]); return old; end $$;
    create table m (id int primary key, v int, u int) with (fillfactor = 10);
    create table e (id int primary key, v int, u int) with (fillfactor = 10);
    create table r (id int primary key, v int, u int) with (fillfactor = 10);
    create table k (id int, v int);
    create table w (id int primary key, v int);
    insert into m select n, 0, n from generate_series(1, 90000) n;
    insert into e select n, 0, n from generate_series(1, 90000) n;
    insert into r select n, 0, n from generate_series(1, 90000) n;
    insert into k select n, 0 from generate_series(1, 300000) n;
    insert into w select n, 0 from generate_series(1, 600000) n;
    create trigger note after delete on e for each row execute function note('id');
    create trigger note after delete on w for each row execute function note('id');
    create trigger note after delete on r for each row execute function note('u');
    create publication p for table m, e, r, k, w with (publish = 'insert, update, delete, truncate');";

const WRITES: &str = "
    update m set v = v + 1 where id % 1000 = {r}; delete from m where id % 5003 = {r};
    update m set id = -id where id % 7001 = {r} and id > 0;
    insert into m select 1000000 + {n} * 20 + x, 0, 0 from generate_series(1, 20) x;
    update e set v = v + 1 where id % 1000 = {r}; delete from e where id % 5003 = {r};
    begin; insert into e select 1000000 + {n} * 20 + x, 0, 0 from generate_series(1, 20) x;
    update e set v = v + 1 where id > 1000000 + {n} * 20; commit;
    update r set v = v + 1 where id % 1000 = {r}; delete from r where id % 5003 = {r};
    update r set id = -id where id % 6007 = {r} and id > 0;
    insert into r select 1000000 + {n} * 20 + x, 0, 1000000 + {n} * 20 + x from generate_series(1, 20) x;
    insert into k select 1000000 + {n} * 20 + x, 0 from generate_series(1, 20) x;
    update w set v = v + 1 where id % 10007 = {r}; delete from w where id % 20011 = {r};
    insert into w select 1000000 + {n} * 20 + x, 0 from generate_series(1, 20) x;";

/// docs/pains.md 13
#[tokio::test(flavor = "multi_thread")]
async fn kills_during_the_copy_lose_and_double_nothing() {
    let mut dice = Dice::new("kills_during_the_copy_lose_and_double_nothing");
    let world = World::new("f_kill", TABLES).append("e").append("r").append("k").append("w");
    let world = Arc::new(world);
    let pipeline = torment(&world, &mut dice, 8, WRITES).await;
    world.assert_mirror("m", "id, v, u", "id").await;
    assert_facts(&world, "e", "id").await;
    // The key of `r` changes; `u` does not.
    assert_facts(&world, "r", "u").await;
    assert_facts(&world, "k", "id").await;
    assert_facts(&world, "w", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_while_streaming_lose_and_double_nothing() {
    let mut dice = Dice::new("kills_while_streaming_lose_and_double_nothing");
    let small = TABLES.replace("90000", "900").replace("300000", "900").replace("600000", "900");
    let world = World::new("f_stream", &small).append("e").append("r").append("k").append("w");
    let world = Arc::new(world);
    let pipeline = world.start();
    world.settle(&pipeline).await;
    pipeline.shutdown().await.unwrap();
    let pipeline = torment(&world, &mut dice, 10, WRITES).await;
    world.assert_mirror("m", "id, v, u", "id").await;
    assert_facts(&world, "e", "id").await;
    assert_facts(&world, "k", "id").await;
    assert_facts(&world, "w", "id").await;
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_recovers_from_restarts_and_terminations_by_itself() {
    let world = World::new(
        "f_server",
        "create table m (id int primary key, v int); create table e (id int primary key, v int);
         insert into m select n, 0 from generate_series(1, 1000) n; create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for round in 0..4 {
        let from = round * 100;
        world.sql(&format!(
            "update m set v = v + 1; insert into e select n, 0 from generate_series({from} + 1, {from} + 100) n;"
        ));
        match round {
            1 => {
                world.postgres.stop("fast");
                world.postgres.resume();
            }
            2 => {
                world.postgres.stop("immediate");
                world.postgres.resume();
            }
            _ => {
                drop(world.sql("select pg_terminate_backend(active_pid) from pg_replication_slots"))
            }
        }
    }
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    assert_same(
        "e",
        &world.sql("select id, v from e order by id"),
        &world.stored("select id, v from {s}.e order by id").await,
    );
    pipeline.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_is_in_use_names_the_process_and_is_waited_for() {
    let world = World::new(
        "f_busy",
        "create table m (id int primary key); create publication p for table m",
    );
    let first = world.start();
    world.settle(&first).await;
    let second = world.start();
    let handle = second.handle();
    let pid = world.sql("select active_pid from pg_replication_slots where not temporary");
    wait_until("the second one says why it waits", || {
        let error = handle.report().source.last_error.unwrap_or_default();
        if error.contains(&pid) { Ok(()) } else { Err(error) }
    })
    .await;
    first.shutdown().await.unwrap();
    world.sql("insert into m values (1)");
    world.settle(&second).await;
    world.assert_mirror("m", "id", "id").await;
    second.shutdown().await.unwrap();
}

/// 40,000 rows in five ranges of the heap; two are copied, then everything changes, then it goes on.
async fn interrupt(schema: &'static str, meanwhile: &str) {
    let world = World::new(
        schema,
        "create table gone (of text, key text);
         create function note() returns trigger language plpgsql as $$ begin
           insert into gone values (tg_table_name, old.id::text); return old; end $$;
         create table e (id int primary key, v int, pad char(300)) with (fillfactor = 10);
         insert into e select n, 0, '' from generate_series(1, 40000) n;
         create trigger note after delete on e for each row execute function note();
         create publication p for table e",
    )
    .append("e");
    for blocks in [2, 1] {
        let store = Mortal::limited("e", blocks);
        let pipeline = Pipeline::start(world.options(), store.clone());
        store.wait_for_limit().await;
        world.sql(
            "update e set v = v + 1 where id % 100 = 0; delete from e where id % 77 = 0;
             insert into e select (select max(id) from e) + n, 0, '' from generate_series(1, 500) n;",
        );
        store.kill(pipeline).await;
        world.sql(meanwhile);
    }
    let pipeline = world.start();
    world.settle(&pipeline).await;
    assert_facts(&world, "e", "id").await;
    pipeline.shutdown().await.unwrap();
}

/// docs/pains.md 13
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_copy_of_facts_goes_on_with_what_is_missing() {
    interrupt("f_ranges", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_copy_survives_a_rewrite_of_the_table() {
    interrupt("f_rewrite", "vacuum full f_rewrite.e").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_copy_starts_over_when_keys_changed() {
    // The keys are moved where they cannot meet others.
    interrupt(
        "f_rekey",
        "insert into gone select 'e', id::text from e where id % 100 = 1;
         update e set id = -1000000 + id where id % 100 = 1 and id > 0",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_commit_while_the_snapshot_is_made_are_read_again() {
    let world = World::new(
        "f_rewind",
        "create table e (id int primary key); create table m (id int primary key);
         create procedure write() language plpgsql as $$ begin
           for n in 1..6000 loop insert into e values (n); insert into m values (n); commit; end loop;
         end $$;
         create publication p for table e, m",
    )
    .append("e");
    let world = Arc::new(world);
    // Rows come by from the start on; the first snapshot is made among them, and long before its
    // position is known here they are delivered.
    let writing = {
        let world = world.clone();
        std::thread::spawn(move || world.sql("call write()"))
    };
    let store = Mortal::new(Duration::from_millis(700));
    let pipeline = Pipeline::start(world.options(), store);
    tokio::task::spawn_blocking(move || writing.join().unwrap()).await.unwrap();
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id", "id").await;
    world.assert_mirror("e", "id", "id").await;
    pipeline.shutdown().await.unwrap();
}

/// The COPY's own sessions end in the middle of their rows, again and again.
///
/// docs/pains.md 13
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_breaks_off_goes_on() {
    let world = World::new(
        "f_cut",
        "create table m (id int primary key, pad text); create table e (id int primary key, pad text);
         insert into m select n, repeat('m', 300) from generate_series(1, 60000) n;
         insert into e select n, repeat('e', 300) from generate_series(1, 60000) n;
         create publication p for table m, e",
    )
    .append("e");
    let pipeline = world.start();
    let mut cut = 0;
    for _ in 0..400 {
        let ended = world.sql(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
              where query like 'COPY (SELECT%f_cut%' and state = 'active' and pid <> pg_backend_pid()",
        );
        cut += ended.parse::<u32>().unwrap();
        if cut >= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.settle(&pipeline).await;
    assert!(cut > 0, "no COPY was ever met, so nothing was tested");
    for (table, pad) in [("m", "m"), ("e", "e")] {
        let sql = format!(
            "select count(), uniqExact(id), uniqExact(pad), any(pad) = repeat('{pad}', 300) \
             from {{s}}.{table}"
        );
        let stored = world.stored(&sql).await;
        assert_eq!(stored, "60000|60000|1|1");
    }
    pipeline.shutdown().await.unwrap();
}

/// A store that does what it is asked and then says that it could not, or does not even do it.
struct Flaky {
    inner: Home,
    dice: std::sync::Mutex<Dice>,
    /// Of a thousand calls, so many fail; as many again are done first.
    failing: std::sync::atomic::AtomicU64,
    failed_after: std::sync::atomic::AtomicU64,
}

impl Flaky {
    fn new(failing: u64) -> Arc<Flaky> {
        let (inner, dice) = (home(), std::sync::Mutex::new(Dice::new("flaky")));
        Arc::new(Flaky { inner, dice, failing: failing.into(), failed_after: 0.into() })
    }

    fn run<'a, T: Send + 'a>(&'a self, call: BoxFuture<'a, Result<T>>) -> BoxFuture<'a, Result<T>> {
        let (drawn, failing) =
            (self.dice.lock().unwrap().below(1000), self.failing.load(Ordering::SeqCst));
        let lost = || model::Error::transient("could not reach the store");
        Box::pin(async move {
            if drawn < failing {
                return Err(lost());
            }
            let answer = call.await;
            if answer.is_ok() && drawn < 2 * failing {
                self.failed_after.fetch_add(1, Ordering::SeqCst);
                return Err(lost());
            }
            answer
        })
    }
}

impl Store for Flaky {
    fn layout(&self) -> &store::Layout {
        crate::home::layout()
    }

    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        self.run(self.inner.execute(sql))
    }

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        self.run(self.inner.insert(insert))
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        self.run(self.inner.record(into, rows))
    }

    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows>> {
        self.run(self.inner.query(sql))
    }

    fn cells<'a>(&'a self, sql: &'a str, kinds: Vec<Kind>) -> BoxFuture<'a, Result<Vec<Cells>>> {
        self.run(self.inner.cells(sql, kinds))
    }

    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        self.run(self.inner.answer_beside(sql, format, beside))
    }
}

/// What was written and not acknowledged is written again, and is there once.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_after_it_has_written_doubles_nothing() {
    let world = Arc::new(
        World::new(
            "f_flaky",
            "create table m (id int primary key, v text); create table e (id int primary key, v text);
             create table loose (v text); create table h (id int primary key, v text); create table u (like h including all);
             insert into u select i, 'u' || i from generate_series(1, 2000) i;
             insert into m select i, 'v' || i from generate_series(1, 20000) i;
             insert into e select i, 'e' || i from generate_series(1, 20000) i;
             insert into loose select i from generate_series(1, 20000) i;
             create publication p for table m, e, loose, h, u",
        )
        .append("e")
        .append("loose")
        .history("h")
        .kept_as(
            "u",
            TableOptions { mode: Mode::Append, on_update: OnUpdate::Apply, ..Default::default() },
        ),
    );
    let flaky = Flaky::new(25);
    let pipeline = Pipeline::start(world.options(), flaky.clone());
    let handle = pipeline.handle();
    world.wait_for_slot().await;
    let writer = Writer::start(
        &world,
        7,
        "begin; insert into e values (100000 + {n}, 'n{n}'); insert into loose values ('n{n}'); update m set v = 'w{n}' where id = {r};
         insert into m values (100000 + {n}, 'new'); delete from m where id = 100000 + {n} - 3; commit;
         insert into h values ({n} + 1, 'n'); update h set v = 'u' where id = {n} + 1; update h set id = -id where id = {n};
         update u set v = 'v{n}' where id = {r}; update u set v = v || '!' where id % 500 = {r};",
    );
    wait_until("enough has failed", || match flaky.failed_after.load(Ordering::SeqCst) {
        8.. => Ok(()),
        failed => Err(format!("{failed} calls; {:#?}", handle.report())),
    })
    .await;
    writer.stop();
    flaky.failing.store(0, Ordering::SeqCst);
    world.settle(&pipeline).await;
    world.assert_mirror("m", "id, v", "id").await;
    let doubled =
        "select id, _op, count() from {s}.h group by id, _op, v having count() > 1 limit 5";
    assert_eq!(world.stored(doubled).await, "");
    let changes = "select countIf(_op = 'insert') - countIf(v = 'u' and _key_before.1 = id), \
        countIf(_op = 'insert') - countIf(_key_before.1 = -id) from {s}.h";
    assert_eq!(world.stored(changes).await, "0|1");
    crate::support::assert_equal(&world, &pipeline, "flaky").await;
    for (table, columns) in [("e", "id, v"), ("loose", "v"), ("u", "id, v")] {
        let sql = |of: &str| format!("select {columns} from {of} order by {columns}");
        let stored = world.stored(&sql(&format!("{{s}}.{table}"))).await;
        assert_same(table, &world.sql(&sql(table)), &stored);
    }
    pipeline.shutdown().await.unwrap();
}

/// What is read again may end between rows and the TRUNCATE that took them, and again behind it.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_before_a_truncate_stay_away_however_often_the_log_is_read() {
    let world = World::new(
        "f_truncate",
        "create table t (id int primary key); create table other (id int primary key);
         create publication p for all tables",
    );
    let pipeline = world.start();
    world.settle(&pipeline).await;
    for round in 0..12 {
        // Rows, a stretch of the log, and what takes them.
        world.sql(&format!(
            "insert into t select generate_series(1, 50);
             insert into other select {round} * 20000 + n from generate_series(1, 20000) n;
             truncate t; insert into t values (1000 + {round})"
        ));
        world.settle(&pipeline).await;
        for pause_ms in [0, 60 + 15 * round, 30, 200] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            drop(world.sql(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where active",
            ));
        }
        world.settle(&pipeline).await;
        let rows = world.stored("select id from {s}.t").await;
        assert_eq!(rows, (1000 + round).to_string(), "round {round}");
    }
    pipeline.shutdown().await.unwrap();
}
