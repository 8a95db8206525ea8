//! One store for the process, a Postgres a test; each test keeps to a schema of its own.

use cluster::Cluster;
use flow::status::State;
use flow::verify::VerifyOptions;
use flow::{Options, Pipeline};
use model::{Cells, Kind, Lsn, Mode, Result, TableName, TableOptions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::{Beside, BoxFuture, Insert, Layout, Receipt, Rows, Store};

pub(crate) use crate::home::{Home, home};

/// Only so that a hanging test ends.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct World {
    pub(crate) postgres: Cluster,
    pub(crate) schema: &'static str,
    pub(crate) tables: BTreeMap<String, TableOptions>,
}

impl World {
    pub(crate) fn new(schema: &'static str, sql: &str) -> World {
        World::with(schema, sql, &[])
    }

    /// With lines for postgresql.conf. The SQL runs with the schema in front of the path.
    pub(crate) fn with(schema: &'static str, sql: &str, settings: &[&str]) -> World {
        let postgres = Cluster::start_with(settings);
        postgres.sql(&format!("create schema {schema}; set search_path = {schema}; {sql}"));
        World { postgres, schema, tables: BTreeMap::new() }
    }

    pub(crate) fn append(self, table: &str) -> World {
        self.kept_as(table, TableOptions { mode: Mode::Append, ..TableOptions::default() })
    }

    pub(crate) fn history(self, table: &str) -> World {
        self.kept_as(table, TableOptions { mode: Mode::History, ..TableOptions::default() })
    }

    pub(crate) fn archive(self, table: &str) -> World {
        self.kept_as(table, TableOptions { keeps_deletes: true, ..TableOptions::default() })
    }

    pub(crate) fn kept_as(mut self, table: &str, options: TableOptions) -> World {
        self.tables.insert(format!("{}.{table}", self.schema), options);
        self
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        self.postgres.sql(&format!("set search_path = {}; {sql}", self.schema))
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            address: self.postgres.url().parse().unwrap(),
            publication: "p".into(),
            slot: format!("slot_{}", self.schema),
            database_pattern: None,
            tables: self.tables.clone(),
            memory_bytes: 64 << 20,
            spool: None,
            sinks: Vec::new(),
        }
    }

    pub(crate) fn start(&self) -> Pipeline {
        Pipeline::start(self.options(), home())
    }

    /// Waits until the slot is there: every change from now on is in its log.
    pub(crate) async fn wait_for_slot(&self) {
        let made = format!(
            "select count(*) from pg_replication_slots
              where slot_name = 'slot_{}' and confirmed_flush_lsn is not null",
            self.schema
        );
        wait_until("the slot is there", || match self.sql(&made).as_str() {
            "1" => Ok(()),
            other => Err(other.to_owned()),
        })
        .await;
    }

    /// Once the walsender of a pipeline that ended is gone, too.
    pub(crate) async fn drop_slot(&self) {
        let drop = format!("select pg_drop_replication_slot('slot_{}')", self.schema);
        wait_until("nobody uses the slot", || self.postgres.try_sql(&drop).map(std::mem::drop))
            .await;
    }

    /// Rows of the store as psql prints them.
    pub(crate) async fn stored(&self, sql: &str) -> String {
        let rows = home().query(&sql.replace("{s}", self.schema)).await.unwrap();
        let line = |row: &Vec<Option<String>>| {
            let fields = row.iter().map(|field| field.clone().unwrap_or_default());
            fields.collect::<Vec<_>>().join("|")
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Waits until everything that is committed now is durable, and every table streams.
    pub(crate) async fn settle(&self, pipeline: &Pipeline) {
        self.settle_to(pipeline, true).await;
    }

    pub(crate) async fn settle_to(&self, pipeline: &Pipeline, ready: bool) {
        let end: Lsn = self.postgres.sql("select pg_current_wal_lsn()").parse().unwrap();
        let handle = pipeline.handle();
        wait_until("the pipeline settles", || {
            let report = handle.report();
            let applied: Lsn = report.source.applied_lsn.parse().unwrap();
            let failed = report.tables.iter().find(|table| table.state == State::Failed);
            assert!(!ready || failed.is_none(), "{failed:#?}");
            let there = applied >= end && (!ready || handle.is_ready());
            if there { Ok(()) } else { Err(format!("{report:#?} wanted {end}")) }
        })
        .await;
    }

    /// The mirror shows what the source has.
    pub(crate) async fn assert_mirror(&self, table: &str, columns: &str, key: &str) {
        let schema = self.schema;
        let sql = |as_text: &str| format!("select {as_text} from {schema}.{table} order by {key}");
        let source = self.postgres.sql(&sql(columns));
        let stored = self.stored(&sql(columns)).await;
        assert_same(table, &source, &stored);
    }
}

/// A change that no row tells of is seen by verify's own look at the catalog, and may begin a copy.
pub(crate) async fn assert_equal(world: &World, pipeline: &Pipeline, what: &str) {
    for attempt in 0..60 {
        if attempt > 0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        world.settle(pipeline).await;
        let options = VerifyOptions { tables: Vec::new(), keys_max: 5 };
        match pipeline.handle().verify(options).await {
            Ok(verdict) if verdict.tables.iter().any(|table| table.skipped.is_some()) => {}
            Ok(verdict) => return assert!(verdict.is_equal(), "{what}: {verdict:#?}"),
            Err(error) => assert_eq!(error.fate(), model::Fate::Transient, "{error:?}"),
        }
    }
    panic!("{what}: it cannot be compared");
}

pub(crate) fn assert_same(what: &str, source: &str, stored: &str) {
    if source != stored {
        let (source, stored): (Vec<_>, Vec<_>) =
            (source.lines().collect(), stored.lines().collect());
        let mine: std::collections::HashSet<_> = source.iter().collect();
        let theirs: std::collections::HashSet<_> = stored.iter().collect();
        let missing: Vec<_> = source.iter().filter(|row| !theirs.contains(row)).take(10).collect();
        let extra: Vec<_> = stored.iter().filter(|row| !mine.contains(row)).take(10).collect();
        panic!(
            "{what}: {} rows at the source, {} in the store; missing {missing:?}, extra {extra:?}",
            source.len(),
            stored.len()
        );
    }
}

/// The database where a server keeps the rows of that one's tables.
pub(crate) fn holder(database: &str) -> String {
    crate::home::layout().holder(&TableName::new(database, "")).schema
}

/// Rows go behind the pipeline's back.
pub(crate) async fn delete(database: &str, table: &str, which: &str) {
    let rows = TableName::new(database, table);
    let sql = crate::home::layout().delete(&rows, |_| which.to_owned());
    home().mutate(&rows, &sql).await.unwrap();
}

pub(crate) async fn wait_until(what: &str, mut check: impl FnMut() -> Result<(), String>) {
    let begun = Instant::now();
    loop {
        match check() {
            Ok(()) => return,
            Err(state) if begun.elapsed() > PATIENCE => panic!("{what}: {state}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// A store whose calls finish although nobody waits for them any more, as far as they were begun:
/// what a process leaves behind that is killed at a call's border.
pub(crate) struct Mortal {
    inner: Home,
    dead: AtomicBool,
    running: Arc<AtomicUsize>,
    /// Each insert takes so much longer, so that a copy has a middle; so does its begin.
    pause: Duration,
    /// Copied blocks of the table of that name that are let through; everything else is.
    limited: Option<(String, AtomicUsize)>,
    /// Streamed rows of the table of that name are taken, and nobody learns of it.
    silent: Option<(String, Arc<AtomicBool>)>,
    /// Or are they dropped before they are taken?
    is_deaf: bool,
    /// What a copy did not bring does not go.
    unswept: Option<AtomicBool>,
}

impl Mortal {
    pub(crate) fn new(pause: Duration) -> Arc<Mortal> {
        let (dead, running) = (AtomicBool::new(false), Arc::default());
        let (inner, limited, silent, unswept) = (home(), None, None, None);
        let is_deaf = false;
        Arc::new(Mortal { inner, dead, running, pause, limited, silent, is_deaf, unswept })
    }

    /// The copy hangs once it has taken so many blocks of the table.
    pub(crate) fn limited(table: &str, blocks: usize) -> Arc<Mortal> {
        let mut mortal = Mortal::new(Duration::ZERO);
        let limited = Some((table.to_owned(), AtomicUsize::new(blocks)));
        Arc::get_mut(&mut mortal).expect("new").limited = limited;
        mortal
    }

    /// Nobody learns that streamed rows of the table are taken; or, if it is deaf, they are not taken.
    pub(crate) fn silent(table: &str, is_deaf: bool) -> Arc<Mortal> {
        let mut mortal = Mortal::new(Duration::ZERO);
        let inner = Arc::get_mut(&mut mortal).expect("new");
        inner.silent = Some((table.to_owned(), Arc::default()));
        inner.is_deaf = is_deaf;
        mortal
    }

    /// A copy hangs when it is about to sweep.
    pub(crate) fn unswept() -> Arc<Mortal> {
        let mut mortal = Mortal::new(Duration::ZERO);
        Arc::get_mut(&mut mortal).expect("new").unswept = Some(AtomicBool::default());
        mortal
    }

    pub(crate) async fn wait_for_sweep(&self) {
        let is_there = || self.unswept.as_ref().is_some_and(|there| there.load(Ordering::SeqCst));
        wait_until("it is to sweep", || if is_there() { Ok(()) } else { Err(String::new()) }).await;
    }

    pub(crate) async fn wait_for_silence(&self) {
        let is_taken =
            || self.silent.as_ref().is_some_and(|(_, taken)| taken.load(Ordering::SeqCst));
        wait_until("the rows are taken", || if is_taken() { Ok(()) } else { Err(String::new()) })
            .await;
    }

    pub(crate) async fn wait_for_limit(&self) {
        wait_until("the blocks are taken", || {
            let left = self.limited.as_ref().map_or(0, |limit| limit.1.load(Ordering::SeqCst));
            let running = self.running.load(Ordering::SeqCst);
            if left == 0 && running == 0 { Ok(()) } else { Err(format!("{left} left")) }
        })
        .await;
    }

    /// Drops the pipeline in the middle of whatever it does.
    pub(crate) async fn kill<T>(&self, pipeline: T) {
        self.dead.store(true, Ordering::SeqCst);
        drop(pipeline);
        wait_until("calls end", || match self.running.load(Ordering::SeqCst) {
            0 => Ok(()),
            some => Err(format!("{some} calls run")),
        })
        .await;
    }

    fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(Home) -> BoxFuture<'static, T> + Send + 'static,
    ) -> BoxFuture<'_, T> {
        Box::pin(async move {
            self.running.fetch_add(1, Ordering::SeqCst);
            if self.dead.load(Ordering::SeqCst) {
                self.running.fetch_sub(1, Ordering::SeqCst);
                return std::future::pending().await;
            }
            let (inner, running) = (self.inner.clone(), self.running.clone());
            let task = tokio::spawn(async move {
                let answer = call(inner).await;
                running.fetch_sub(1, Ordering::SeqCst);
                answer
            });
            let answer = task.await.unwrap();
            if self.dead.load(Ordering::SeqCst) {
                return std::future::pending().await;
            }
            answer
        })
    }
}

/// Copied rows carry the snapshot's position and no change's.
pub(crate) fn is_copied(insert: &Insert) -> bool {
    insert.block.versions.first().is_some_and(|version| version.0 as u64 == 0)
}

impl Store for Mortal {
    fn layout(&self) -> &Layout {
        crate::home::layout()
    }

    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        if let Some(there) = &self.unswept
            && sql.contains("FINAL WHERE `_version` <")
        {
            there.store(true, Ordering::SeqCst);
            return Box::pin(std::future::pending());
        }
        let sql = sql.to_owned();
        self.run(|engine| Box::pin(async move { engine.execute(&sql).await }))
    }

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        if let Some((table, left)) = &self.limited
            && insert.target.name.table == *table
            && is_copied(&insert)
        {
            let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if taken.is_err() {
                return Box::pin(std::future::pending());
            }
        }
        if let Some((table, taken)) = &self.silent
            && insert.target.name.table == *table
            && !is_copied(&insert)
        {
            let (inner, taken) = (self.inner.clone(), taken.clone());
            return Box::pin(async move {
                if !self.is_deaf {
                    let _taken = inner.insert(insert).await?;
                }
                taken.store(true, Ordering::SeqCst);
                std::future::pending().await
            });
        }
        let pause = self.pause;
        self.run(move |engine| {
            Box::pin(async move {
                tokio::time::sleep(pause).await;
                engine.insert(insert).await
            })
        })
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        let into = into.to_owned();
        self.run(|engine| Box::pin(async move { engine.record(&into, rows).await }))
    }

    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows>> {
        let sql = sql.to_owned();
        // Between a snapshot and the begin of its copies.
        let pause = if sql.contains("millrace.copy_ranges") { self.pause } else { Duration::ZERO };
        self.run(move |engine| {
            Box::pin(async move {
                tokio::time::sleep(pause).await;
                engine.query(&sql).await
            })
        })
    }

    fn cells<'a>(&'a self, sql: &'a str, kinds: Vec<Kind>) -> BoxFuture<'a, Result<Vec<Cells>>> {
        let sql = sql.to_owned();
        self.run(|engine| Box::pin(async move { engine.cells(&sql, kinds).await }))
    }

    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let sql = sql.to_owned();
        self.run(move |engine| {
            Box::pin(async move { engine.answer_beside(&sql, format, beside).await })
        })
    }
}
