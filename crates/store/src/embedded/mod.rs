//! ClickHouse in this process: one [`Engine`] a process, a [`Session`] a request.
//!
//! ```text
//! Engine ──▶ Session ──┬─ set, query ─▶ Answer        DDL, SHOW, documents; materialised
//!  (keeper)            ├─ select ─────▶ Rows of bytes  the only way of a large SELECT
//!                      └─ insert ─────▶ Body           the only way of data
//! ```
//!
//! A session costs 0.2 ms. A failed `query` leaves its partial output behind for the next one on the same
//! connection, so a session that failed is closed; one that did not may go on.
//!
//! Every call blocks; asynchronous callers go through `spawn_blocking`.

mod abi;
mod config;
mod library;
mod roles;
mod room;
mod session;
mod tokens;

pub use crate::exception::Exception;
pub use library::{ENGINE_VERSION, find as library};
pub use roles::{EngineRoles, databases_on_disk, remember_roles, remembered_roles};
pub use session::{Answer, Body, Chunks, Class, Session, Stats};

use crate::{
    Beside, BoxFuture, DataDir, Insert, Reader, Receipt, Rows, Store, ddl, insert, native, tsv,
};
use abi::{Abi, Connection};
use model::{Cells, Error, Kind, Result};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

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
    /// Roles that `SET ROLE` knows.
    roles: BTreeSet<String>,
    /// Opened so far.
    sessions: AtomicU64,
    /// Dropped last: the next process may open the directory.
    data_dir: DataDir,
}

impl Engine {
    /// Opens or creates the data directory, and our own tables in it.
    pub fn open(options: &EngineOptions) -> Result<Engine> {
        Engine::open_in(DataDir::take(&options.data_dir)?, options.memory_bytes, &[])
    }

    /// The same for whoever had something to do there before. `kafka`: how its own Kafka engine reaches brokers, as
    /// librdkafka calls it.
    pub fn open_in(owned: DataDir, memory_bytes: u64, kafka: &[(&str, String)]) -> Result<Engine> {
        let data_dir = owned.path();
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot use the data directory {}", data_dir.display()))
                .source(error)
        };
        let abi = library::get()?;
        let config = data_dir.join("engine.xml");
        let text = config::xml(memory_bytes, &data_dir.join("users.xml"), kafka);
        config::write(&config, &text).map_err(cannot)?;
        let (users, roles) = roles::users(data_dir);
        std::fs::write(data_dir.join("users.xml"), users).map_err(cannot)?;
        let path = |flag: &str, path: &Path| {
            CString::new([flag.as_bytes(), path.as_os_str().as_encoded_bytes()].concat())
                .expect("a path holds no NUL")
        };
        let args = vec![
            c"clickhouse".to_owned(),
            path("--path=", &data_dir.join("engine")),
            path("--config-file=", &config),
        ];
        let folder = data_dir.join("engine");
        tokens::forget_lost(&folder).map_err(cannot)?;
        room::watch(&folder);
        let keeper = Connection::open(abi, &args).ok_or_else(|| {
            Error::definite(format!("cannot open the engine in {}", data_dir.display()))
                .detail("The engine wrote its reason on stderr, above.")
        })?;
        let keeper = Mutex::new(Some(keeper));
        let sessions = AtomicU64::new(0);
        let inner = Inner { abi, args, keeper, roles, sessions, data_dir: owned };
        let engine = Engine { inner: Arc::new(inner) };
        engine.set_up()?;
        Ok(engine)
    }

    /// Our own tables.
    fn set_up(&self) -> Result<()> {
        const DOING: &str = "set up our own tables";
        let has = |engine: &Engine, sql: &str| -> Result<bool> {
            let rows = engine.read(sql)?;
            Ok(rows.iter().flatten().flatten().any(|field| field == "1"))
        };
        let of_before = "SELECT count() > 0 AND countIf(name = 'id') = 0 FROM system.columns \
                         WHERE database = 'millrace' AND table = 'quarantine'";
        if has(self, of_before)? {
            let rename = format!("RENAME TABLE millrace.quarantine TO {}", ddl::QUARANTINE_BEFORE);
            self.statement(&rename, DOING)?;
        }
        let home = format!("CREATE DATABASE IF NOT EXISTS {HOME_DATABASE}");
        for statement in ddl::system().into_iter().chain([home]) {
            self.statement(&statement, DOING)?;
        }
        let left_over = "SELECT count() FROM system.tables \
                         WHERE database = 'millrace' AND name = 'quarantine_before'";
        if has(self, left_over)? {
            for statement in ddl::take_over_quarantine() {
                self.statement(&statement, DOING)?;
            }
        }
        Ok(())
    }

    pub fn data_dir(&self) -> &Path {
        self.inner.data_dir.path()
    }

    /// Roles of the engine's own that a session may be put into.
    pub fn roles(&self) -> &BTreeSet<String> {
        &self.inner.roles
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
        Ok(Session::new(connection))
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
        Ok(tsv::read(&self.answer(sql, "TabSeparated")?))
    }

    fn answer(&self, sql: &str, format: &str) -> Result<Vec<u8>> {
        self.answer_in(self.session()?, sql, format)
    }

    /// The rows are a temporary table of the session.
    fn answer_beside_rows(&self, sql: &str, format: &str, beside: &Beside) -> Result<Vec<u8>> {
        let failed = |error: Exception| error.error("lay out keys");
        let (name, columns) = (Beside::TABLE, insert::columns_beside(&beside.target));
        let mut session = self.session()?;
        let create = format!("CREATE TEMPORARY TABLE {name} ({columns}) ENGINE = Memory");
        drop(session.query(&create, "Null", &[]).map_err(failed)?);
        let insert = format!("INSERT INTO {name}");
        let mut body = session.insert_and_keep(&insert, "Native", &[]).map_err(failed)?;
        native::encode(&beside.target, &beside.block, &mut |bytes| {
            body.append(bytes).map_err(failed)
        })?;
        body.finish_and_keep().map_err(failed)?;
        self.answer_in(body.into_session(), sql, format)
    }

    fn answer_in(&self, session: Session, sql: &str, format: &str) -> Result<Vec<u8>> {
        let failed = |error: Exception| error.error("read from the store");
        let mut select = session.select(sql, format, &[]).map_err(failed)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = select.next().map_err(failed)? {
            bytes.extend_from_slice(chunk.bytes());
        }
        Ok(bytes)
    }

    fn write_rows(&self, into: &str, rows: &Rows) -> Result<()> {
        let doing = insert::doing(into);
        let failed = |error: Exception| error.error(&doing);
        let sql = insert::of_record(into);
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
        crate::fit::check(target, &insert.block)?;
        let doing = format!("write {}", target.table.name);
        let failed =
            |error: Exception| error.refusal_of_rows(&doing).unwrap_or_else(|| error.error(&doing));
        let sql = insert::of_block(insert);
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

impl Drop for Inner {
    fn drop(&mut self) {
        room::close();
        // Before the lock: fields drop only after this.
        self.keeper.lock().unwrap_or_else(|p| p.into_inner()).take();
    }
}

impl Reader for Engine {
    fn document<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        settings: Vec<(&'static str, String)>,
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        let sql = sql.to_owned();
        Box::pin(self.work(move |engine| {
            let failed = |error: Exception| error.error("answer the query");
            let mut session = engine.session()?;
            for (name, value) in &settings {
                session.set(name, value).map_err(failed)?;
            }
            session.set("readonly", "1").map_err(failed)?;
            Ok(session.query(&sql, format, &[]).map_err(failed)?.bytes().to_vec())
        }))
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

    fn cells<'a>(&'a self, sql: &'a str, kinds: Vec<Kind>) -> BoxFuture<'a, Result<Vec<Cells>>> {
        let sql = sql.to_owned();
        Box::pin(self.work(move |engine| native::cells(&engine.answer(&sql, "Native")?, &kinds)))
    }

    fn answer_beside<'a>(
        &'a self,
        sql: &'a str,
        format: &'static str,
        beside: Beside,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let sql = sql.to_owned();
        Box::pin(
            self.work(move |engine| engine.answer_beside_rows(&sql, format, &beside).map(Some)),
        )
    }

    fn is_out_of_room(&self) -> bool {
        room::waiting() > 0
    }
}

#[cfg(test)]
mod tests;
