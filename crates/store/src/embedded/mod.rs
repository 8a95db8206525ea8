//! ClickHouse in this process: one [`Engine`] a process, a [`Session`] a request.
//!
//! ```text
//! Engine ──▶ Session ──┬─ set, query ─▶ Answer        DDL, SHOW, documents; materialised
//!  (keeper)            ├─ select ─────▶ Rows of bytes  the only way of a large SELECT
//!                      └─ insert ─────▶ Body           the only way of data
//! ```
//!
//! Sessions are cheap (0.2 ms) and used once: a failed `query` leaves its partial output behind for
//! the next one on the same connection, so a session that failed is closed.
//!
//! Every call blocks; asynchronous callers go through `spawn_blocking`.

mod abi;
mod exception;
mod library;
mod room;

pub use exception::Exception;
pub use library::ENGINE_VERSION;

use crate::{BoxFuture, Insert, Receipt, Rows, Store, ddl, native, tsv};
use abi::{Abi, Connection, Feed, Output, Select};
use model::{Error, Mode, Result};
use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What the engine counted for a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    pub result_rows: u64,
    pub result_bytes: u64,
    pub read_rows: u64,
    pub read_bytes: u64,
    pub written_rows: u64,
    pub written_bytes: u64,
    pub elapsed_seconds: f64,
}

#[derive(Clone, Debug)]
pub struct EngineOptions {
    pub data_dir: PathBuf,
    /// The most memory that the engine's own allocations may take together.
    pub memory_bytes: u64,
}

/// Where statements that name no database work. The engine's own `default` lays the server's
/// files open as tables, so nobody is ever there.
pub const HOME_DATABASE: &str = "main";

/// The engine, open on one data directory. Clones share it; it closes with the last one.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    abi: &'static Abi,
    args: Vec<CString>,
    /// Keeps the engine open while no session is; also where KILL comes from.
    keeper: Mutex<Option<Connection>>,
    data_dir: PathBuf,
    /// Opened so far.
    sessions: AtomicU64,
    /// Dropped last: the next process may open the directory.
    _lock: File,
}

impl Engine {
    /// Opens or creates the data directory, and our own tables in it.
    pub fn open(options: &EngineOptions) -> Result<Engine> {
        let data_dir = &options.data_dir;
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot use the data directory {}", data_dir.display()))
                .source(error)
        };
        std::fs::create_dir_all(data_dir).map_err(cannot)?;
        let data_dir = data_dir.canonicalize().map_err(cannot)?;
        let lock = lock(&data_dir)?;
        let abi = library::get()?;
        let config = data_dir.join("engine.xml");
        std::fs::write(&config, config_xml(options)).map_err(cannot)?;
        let path = |flag: &str, path: &Path| {
            CString::new([flag.as_bytes(), path.as_os_str().as_encoded_bytes()].concat())
                .expect("a path holds no NUL")
        };
        let args = vec![
            c"clickhouse".to_owned(),
            path("--path=", &data_dir.join("engine")),
            path("--config-file=", &config),
        ];
        room::watch(&data_dir.join("engine"));
        let keeper = Connection::open(abi, &args).ok_or_else(|| {
            Error::definite(format!("cannot open the engine in {}", data_dir.display()))
                .detail("The engine wrote its reason on stderr, above.")
        })?;
        let keeper = Mutex::new(Some(keeper));
        let sessions = AtomicU64::new(0);
        let engine = Engine {
            inner: Arc::new(Inner { abi, args, keeper, data_dir, sessions, _lock: lock }),
        };
        for statement in ddl::system() {
            engine.statement(&statement, "set up our own tables")?;
        }
        Ok(engine)
    }

    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// The process is about to end: from now on nothing waits for room on the disk for long. Without
    /// it a waiting insert, which has the engine open, would keep the process for ever.
    pub fn close_soon(&self) {
        room::close();
    }

    /// A fresh connection: settings, temporary tables and the current database are its own.
    pub fn session(&self) -> Result<Session> {
        // Seldom as the process grows old: by then the library has made its statics.
        let before = self.inner.sessions.fetch_add(1, Ordering::Relaxed);
        if before.is_power_of_two() {
            abi::leave_before_destructors();
        }
        let open = Connection::open(self.inner.abi, &self.inner.args);
        let connection =
            open.ok_or_else(|| Error::transient("could not open a session of the engine"))?;
        Ok(Session { connection: Some(connection) })
    }

    /// Ends statements that run under this `log_comment`. Never waits for them: an entry that
    /// ended in an error stays listed until its connection closes.
    pub fn kill(&self, log_comment: &str) -> Result<()> {
        let comment = ddl::literal(log_comment);
        let sql = format!("KILL QUERY WHERE Settings['log_comment'] = {comment} ASYNC");
        let mut keeper = self.inner.keeper.lock().unwrap_or_else(|p| p.into_inner());
        let Some(connection) = keeper.as_mut() else {
            return Err(Error::bug("the engine is closed"));
        };
        match connection.query(&sql, "Null", &[]).error() {
            None => Ok(()),
            Some(text) => Err(Exception::parse(text).error("cancel a query")),
        }
    }

    fn statement(&self, sql: &str, doing: &str) -> Result<()> {
        self.session()?.query(sql, "Null", &[]).map_err(|error| error.error(doing)).map(drop)
    }

    fn read(&self, sql: &str) -> Result<Rows> {
        let failed = |error: Exception| error.error("read from the store");
        let mut select = self.session()?.select(sql, "TabSeparated", &[]).map_err(failed)?;
        let mut text = Vec::new();
        while let Some(chunk) = select.next().map_err(failed)? {
            text.extend_from_slice(chunk.bytes());
        }
        Ok(tsv::read(&text))
    }

    fn write_rows(&self, into: &str, rows: &Rows) -> Result<()> {
        let doing = format!("write {}", into.split(' ').next().unwrap_or(into));
        let failed = |error: Exception| error.error(&doing);
        let sql = format!("INSERT INTO {into} SETTINGS async_insert = 0");
        let mut body = self.session()?.insert(&sql, "TabSeparated", &[]).map_err(failed)?;
        body.append(&tsv::write(rows)).map_err(failed)?;
        body.finish().map_err(failed).map(drop)
    }

    fn write_block(&self, insert: &Insert) -> Result<Receipt> {
        let rows = insert.block.rows() as u64;
        if rows == 0 {
            return Ok(Receipt { rows });
        }
        let target = &insert.target;
        let failed = |error: Exception| error.error(&format!("write {}", target.table.name));
        let sql = insert_statement(insert);
        let mut body = self.session()?.insert(&sql, "Native", &[]).map_err(failed)?;
        native::encode(target, &insert.block, &mut |bytes| body.append(bytes).map_err(failed))?;
        body.finish().map_err(failed)?;
        Ok(Receipt { rows })
    }

    /// Runs blocking work of the engine beside the asynchronous world.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(Engine) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let engine = self.clone();
        let done = tokio::task::spawn_blocking(move || work(engine)).await;
        done.map_err(|error| Error::bug("the engine's worker ended early").source(error))?
    }
}

/// One block stays one part a partition, whatever its size.
const ONE_BLOCK: &str = "async_insert = 0, max_insert_block_size = 100000000, \
    min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 4000000000";

fn insert_statement(insert: &Insert) -> String {
    let target = &insert.target;
    let mode = match target.mode {
        // Duplicates wait for the merge: nearly twice the rate, and FINAL gives the same result.
        Mode::Mirror => "optimize_on_insert = 0",
        Mode::Append => "insert_allow_materialized_columns = 1",
    };
    let token = insert.token.as_ref().map_or(String::new(), |token| {
        format!(", insert_deduplication_token = {}", ddl::literal(token))
    });
    let columns = native::column_names(target).join(", ");
    format!(
        "INSERT INTO {} ({columns}) SETTINGS {ONE_BLOCK}, {mode}{token}",
        ddl::name(&target.rows)
    )
}

/// Smaller parts keep their columns in one file: an insert of a large block makes and syncs two
/// files, not two a column.
const WIDE_PART_BYTES: u64 = 64 << 20;
/// So many parts of a size are merged at once, twice the engine's default: a stream makes parts all
/// the time, and half as many merges leave a third more CPU to everything else.
const MERGE_BASE: u32 = 10;
/// Merges give way to the stream, to queries and to a Postgres on the same machine.
const MERGE_NICE: u32 = 10;

fn config_xml(options: &EngineOptions) -> String {
    let memory = options.memory_bytes;
    let marks = (memory / 16).min(1 << 30);
    format!(
        "<clickhouse>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <mark_cache_size>{marks}</mark_cache_size>
  <primary_index_cache_size>{marks}</primary_index_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <os_threads_nice_value_merge_mutate>{MERGE_NICE}</os_threads_nice_value_merge_mutate>
  <merge_tree>
    <min_bytes_for_wide_part>{WIDE_PART_BYTES}</min_bytes_for_wide_part>
    <merge_selector_base>{MERGE_BASE}</merge_selector_base>
  </merge_tree>
</clickhouse>
"
    )
}

/// Takes the directory for this process. The kernel lets go of it however we end.
fn lock(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot lock {}", path.display())).source(error)
    };
    let mut options = File::options();
    let open = options.read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(cannot)?;
            file.rewind().map_err(cannot)?;
            writeln!(file, "{}", std::process::id()).map_err(cannot)?;
            Ok(file)
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            let owner = match owner.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            Err(Error::definite(format!("cannot open {}: {owner} has it open", data_dir.display()))
                .hint("stop that process, or give this one another [store] data_dir"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        room::close();
        // Before the lock: fields drop only after this.
        self.keeper.lock().unwrap_or_else(|p| p.into_inner()).take();
    }
}

/// One request's connection.
pub struct Session {
    /// `None` after a failure.
    connection: Option<Connection>,
}

type Params<'a> = &'a [(String, String)];

impl Session {
    fn take(&mut self) -> Result<Connection, Exception> {
        self.connection
            .take()
            .ok_or_else(|| Exception::new(1001, "STD_EXCEPTION", "the session has failed before"))
    }

    /// A setting for the rest of the session; the engine refuses unknown names.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Exception> {
        let sql = format!("SET {} = {}", ddl::ident(name), ddl::literal(value));
        self.query(&sql, "Null", &[]).map(drop)
    }

    /// Any statement, its answer whole in memory.
    pub fn query(&mut self, sql: &str, format: &str, params: Params) -> Result<Answer, Exception> {
        let mut connection = self.take()?;
        let output = connection.query(sql, format, params);
        match output.error() {
            Some(text) => Err(Exception::parse(text)),
            None => {
                self.connection = Some(connection);
                Ok(Answer(output))
            }
        }
    }

    /// The same for a session that goes on after a failure, with its settings and temporary
    /// tables: the next statement may be given what the failed one had written, so a statement of
    /// our own goes first until its answer is its own.
    pub fn query_and_keep(
        &mut self,
        sql: &str,
        format: &str,
        params: Params,
    ) -> Result<Answer, Exception> {
        let mut connection = self.take()?;
        let output = connection.query(sql, format, params);
        let Some(text) = output.error() else {
            self.connection = Some(connection);
            return Ok(Answer(output));
        };
        drop(output);
        const PROBE: &str = "SELECT 'nothing of the last one'";
        const PROBES_MAX: usize = 3;
        for _ in 0..PROBES_MAX {
            let probe = connection.query(PROBE, "TabSeparated", &[]);
            if probe.error().is_none() && probe.bytes() == b"nothing of the last one\n" {
                drop(probe);
                self.connection = Some(connection);
                break;
            }
        }
        Err(Exception::parse(text))
    }

    /// Whether it failed in a way that ended it.
    pub fn is_open(&self) -> bool {
        self.connection.is_some()
    }

    /// A SELECT, in chunks as it runs. Anything else is refused.
    pub fn select(mut self, sql: &str, format: &str, params: Params) -> Result<Chunks, Exception> {
        self.select_and_keep(sql, format, params)
    }

    /// The same for a session that goes on: it is inside the answer until
    /// [`Chunks::into_session`], or still here when the statement was refused.
    pub fn select_and_keep(
        &mut self,
        sql: &str,
        format: &str,
        params: Params,
    ) -> Result<Chunks, Exception> {
        let select = self.take()?.select(sql, format, params);
        match select.error() {
            Some(text) => {
                self.connection = select.into_connection();
                Err(Exception::parse(text))
            }
            None => Ok(Chunks { select, ended: false }),
        }
    }

    /// An INSERT whose data follows; `sql` names no format.
    pub fn insert(mut self, sql: &str, format: &str, params: Params) -> Result<Body, Exception> {
        self.insert_and_keep(sql, format, params)
    }

    /// The same for a session that goes on: it is inside the body until [`Body::into_session`],
    /// or still here when the statement was refused.
    pub fn insert_and_keep(
        &mut self,
        sql: &str,
        format: &str,
        params: Params,
    ) -> Result<Body, Exception> {
        let feed = self.take()?.insert(sql, format, params);
        match feed.error() {
            Some(text) => {
                self.connection = feed.into_connection();
                Err(Exception::parse(text))
            }
            None => Ok(Body { feed }),
        }
    }

    /// What the engine makes of a text before it runs: statements in it, and what they touch.
    pub fn classify(&mut self, sql: &str, database: &str) -> Option<Class> {
        let class = self.connection.as_mut()?.classify(sql, database)?;
        Some(Class { statements: class.statement_count, reads_only: class.class == 0 })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    pub statements: u32,
    pub reads_only: bool,
}

/// Bytes in the engine's memory.
pub struct Answer(Output);

impl Answer {
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    pub fn stats(&self) -> Stats {
        self.0.stats()
    }
}

/// A running SELECT.
pub struct Chunks {
    select: Select,
    ended: bool,
}

impl Chunks {
    /// The next bytes; the last ones may come with no rows (a header, the end of a document).
    /// (Not an iterator: an error ends it, and callers want `?`.)
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Answer>, Exception> {
        if self.ended {
            return Ok(None);
        }
        let output = self.select.fetch();
        if let Some(text) = output.error() {
            self.ended = true;
            return Err(Exception::parse(text));
        }
        if output.stats().result_rows == 0 {
            self.ended = true;
            self.select.ended();
            if output.bytes().is_empty() {
                return Ok(None);
            }
        }
        Ok(Some(Answer(output)))
    }
}

impl Chunks {
    /// Ends the SELECT and gives the session back. Errors of a stream leave nothing behind.
    pub fn into_session(self) -> Session {
        Session { connection: self.select.into_connection() }
    }
}

/// A running INSERT; dropped before `finish`, it inserts nothing of its open block.
pub struct Body {
    feed: Feed,
}

impl Body {
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Exception> {
        if bytes.is_empty() || self.feed.append(bytes) {
            return Ok(());
        }
        let text = self.feed.error().unwrap_or_default();
        match text.is_empty() {
            // The reason comes with the end.
            true => Err(self.finish_parts().err().unwrap_or_else(|| Exception::parse(text))),
            false => Err(Exception::parse(text)),
        }
    }

    pub fn finish(mut self) -> Result<Stats, Exception> {
        self.finish_parts()
    }

    /// Gives the session back. Without [`Body::finish_and_keep`] before it, nothing is inserted.
    pub fn into_session(self) -> Session {
        Session { connection: self.feed.into_connection() }
    }

    /// As [`Body::finish`], for a session that goes on: [`Body::into_session`] comes next.
    pub fn finish_and_keep(&mut self) -> Result<Stats, Exception> {
        self.finish_parts()
    }

    fn finish_parts(&mut self) -> Result<Stats, Exception> {
        let output = self.feed.finish();
        match output.error() {
            Some(text) => Err(Exception::parse(text)),
            None => Ok(output.stats()),
        }
    }
}

impl Store for Engine {
    fn execute<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<()>> {
        let sql = sql.to_owned();
        Box::pin(self.work(move |engine| engine.statement(&sql, "change the store")))
    }

    fn insert(&self, insert: Insert) -> BoxFuture<'_, Result<Receipt>> {
        Box::pin(self.work(move |engine| engine.write_block(&insert)))
    }

    fn record<'a>(&'a self, into: &'a str, rows: Rows) -> BoxFuture<'a, Result<()>> {
        let into = into.to_owned();
        Box::pin(self.work(move |engine| engine.write_rows(&into, &rows)))
    }

    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows>> {
        let sql = sql.to_owned();
        Box::pin(self.work(move |engine| engine.read(&sql)))
    }

    fn is_out_of_room(&self) -> bool {
        room::waiting() > 0
    }
}

#[cfg(test)]
mod tests;
