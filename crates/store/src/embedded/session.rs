//! What one request does with the engine, and the forms that answers and inserts have.

use super::Exception;
use super::abi::{Connection, Feed, Output, Select};
use crate::ddl;
use model::Result;

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

/// One request's connection.
pub struct Session {
    /// `None` after a failure.
    connection: Option<Connection>,
}

type Params<'a> = &'a [(String, String)];

impl Session {
    pub(super) fn new(connection: Connection) -> Session {
        Session { connection: Some(connection) }
    }

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
        Some(Class {
            statements: class.statement_count,
            reads_only: class.class == 0,
            has_secrets: class.flags & 1 != 0,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    pub statements: u32,
    pub reads_only: bool,
    /// A password or a key stands in it, as far as the engine knows.
    pub has_secrets: bool,
}

/// Bytes in the engine's memory. They are theirs alone: they may outlive the stream that they come from, its
/// session and the engine.
pub struct Answer(Output);

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

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
