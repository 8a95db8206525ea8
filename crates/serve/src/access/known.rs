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
        self.one(&format!("system.tables WHERE database = {database} AND name = {table}"))
    }

    pub(super) fn has_database(&self, name: &str) -> Result<bool> {
        Ok(self.one(&format!("system.databases WHERE name = {}", literal(name)))?.is_some())
    }

    /// The engine of the one that is meant.
    fn one(&self, of: &str) -> Result<Option<String>> {
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
        let answer = session.query_and_keep(&format!("SELECT engine FROM {of}"), "TSV", &[])?;
        Ok(String::from_utf8_lossy(answer.bytes()).lines().next().map(str::to_owned))
    }
}
