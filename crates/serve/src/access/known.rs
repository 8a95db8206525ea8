//! Which databases and tables there are, for the gate: what nobody has needs no right. One session for
//! all that a statement names, and a limit, as each name is a statement to the engine.

use crate::clickhouse::error::Failure;
use std::cell::{Cell, RefCell};
use store::Engine;
use store::ddl::literal;
use store::embedded::Session;

type Result<T> = std::result::Result<T, Failure>;

/// Names of one statement without a grant; some 0.3 s.
const ASKED_MAX: u32 = 1000;

pub(super) struct Known<'a> {
    engine: &'a Engine,
    session: RefCell<Option<Session>>,
    asked: Cell<u32>,
}

impl<'a> Known<'a> {
    pub(super) fn new(engine: &'a Engine) -> Known<'a> {
        Known { engine, session: RefCell::default(), asked: Cell::default() }
    }

    pub(super) fn has_table(&self, database: &str, table: &str) -> Result<bool> {
        Ok(self.engine_of(database, table)?.is_some())
    }

    /// What a table is; `None`: there is none.
    pub(super) fn engine_of(&self, database: &str, table: &str) -> Result<Option<String>> {
        let (database, table) = (literal(database), literal(table));
        self.one("engine", &format!("system.tables WHERE database = {database} AND name = {table}"))
    }

    /// The table that a materialized view fills.
    pub(super) fn target_of(
        &self,
        database: &str,
        table: &str,
    ) -> Result<Option<(String, String)>> {
        let of = format!(
            "system.tables WHERE database = {} AND name = {} AND target_table != ''",
            literal(database),
            literal(table)
        );
        let (database, table) = (self.one("target_database", &of)?, self.one("target_table", &of)?);
        Ok(database.zip(table))
    }

    pub(super) fn has_database(&self, name: &str) -> Result<bool> {
        Ok(self
            .one("engine", &format!("system.databases WHERE name = {}", literal(name)))?
            .is_some())
    }

    /// The SELECT that a view is; `None`: it is none.
    pub(super) fn text_of(&self, database: &str, table: &str) -> Result<Option<String>> {
        let of = format!(
            "system.tables WHERE database = {} AND name = {} AND as_select != ''",
            literal(database),
            literal(table)
        );
        self.one("as_select", &of)
    }

    /// What the engine's parser makes of it; `None`: nothing.
    pub(super) fn parsed(&self, select: &str) -> Result<Option<String>> {
        let explain = format!("EXPLAIN AST {select}");
        self.with_session(|session| match session.query_and_keep(&explain, "TSVRaw", &[]) {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(answer.bytes()).into_owned())),
            Err(_) => Ok(None),
        })
    }

    /// What is said of the one that is meant.
    fn one(&self, what: &str, of: &str) -> Result<Option<String>> {
        let select = format!("SELECT {what} FROM {of}");
        self.with_session(|session| {
            let answer = session.query_and_keep(&select, "TSVRaw", &[])?;
            Ok(String::from_utf8_lossy(answer.bytes()).lines().next().map(str::to_owned))
        })
    }

    fn with_session<T>(&self, ask: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        self.asked.set(self.asked.get() + 1);
        if self.asked.get() > ASKED_MAX {
            let text = format!(
                "Not enough privileges. The statement has more than {ASKED_MAX} names that may be of \
                 tables without a grant"
            );
            return Err(Failure::new(497, "ACCESS_DENIED", text));
        }
        let mut session = self.session.borrow_mut();
        let session = match session.as_mut() {
            Some(session) => session,
            None => {
                let opened = self.engine.session();
                session.insert(opened.map_err(|error| Failure::bad_argument(error.report()))?)
            }
        };
        ask(session)
    }
}
