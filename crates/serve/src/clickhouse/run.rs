//! One request from its text to its answer, on a thread that may block.
//!
//! ```text
//! text ─▶ sql::start ─┬─ INSERT with data ─▶ Session::insert   the body as it arrives
//!                     └─ statement ─▶ sql::outline, classify
//!                          ├─ SELECT, format of rows ─▶ Session::select   block by block
//!                          └─ SELECT, document; SHOW, DDL … ─▶ Session::query   whole, limited
//! ```

use super::answer::{Answer, WriteError, spool_failure};
use super::error::Failure;
use super::format::{self, Cutter, Way};
use super::request::Request;
use super::sessions::{Kept, Lease};
use super::sql::{self, Outline, Start, ValuesEnd};
use super::{Door, hello, settings};
use crate::access::{self, Caller, Done, Statement};
use std::borrow::Cow;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use store::embedded::{HOME_DATABASE, Session};

const READ_BYTES: usize = 256 << 10;
/// The text of a statement. The engine has a limit of its own, `max_query_size`, 256 KiB by default.
const SQL_BYTES_MAX: usize = 16 << 20;
/// A document is made whole in memory; this is the limit of its rows there.
const DOCUMENT_BYTES_MAX: &str = "268435456";
/// Losing them loses the pipeline or the door; the engine does not survive the loss of `default`.
const PROTECTED: [&str; 3] = ["default", HOME_DATABASE, "millrace"];

pub(super) struct Work {
    pub(super) door: Arc<Door>,
    pub(super) request: Request,
    pub(super) caller: Caller,
    pub(super) upload: Box<dyn Read + Send>,
    /// What this statement is killed by.
    pub(super) key: String,
    pub(super) gone: Arc<AtomicBool>,
    /// The engine has no more to do for it.
    pub(super) done: Arc<AtomicBool>,
}

/// Why there is no whole answer.
enum Stop {
    Failed(Failure),
    /// Nobody is there to be told.
    Gone,
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failed(error.into())
    }
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Stop {
        match error {
            WriteError::Gone => Stop::Gone,
            WriteError::Spool(error) => Stop::Failed(spool_failure(&error)),
        }
    }
}

/// A text, split.
enum Text {
    Statement(String),
    Insert { head: String, format: String, data: Vec<u8> },
}

impl Text {
    /// As a statement of its own.
    fn sql(&self) -> Cow<'_, str> {
        match self {
            Text::Statement(sql) => sql.into(),
            Text::Insert { head, format, .. } if format == "Values" => {
                format!("{head} VALUES").into()
            }
            Text::Insert { head, format, .. } => format!("{head} FORMAT {format}").into(),
        }
    }
}

/// A session, and where it goes afterwards.
struct Lane {
    kept: Kept,
    lease: Option<Lease>,
    is_new: bool,
}

impl Lane {
    fn close(self) {
        if let Some(lease) = self.lease {
            lease.give_back(self.kept);
        }
    }
}

pub(super) fn run(mut work: Work, mut answer: Answer) {
    let since = Instant::now();
    let result = work.execute(&mut answer);
    work.caller.end(&answer.stats, since.elapsed(), result.is_err());
    work.done.store(true, Ordering::SeqCst);
    match result {
        Ok(()) => answer.finish(),
        Err(Stop::Failed(failure)) => {
            tracing::debug!(
                query_id = work.request.query_id,
                code = failure.exception.code,
                "a statement failed"
            );
            answer.fail(failure);
        }
        Err(Stop::Gone) => {}
    }
}

impl Work {
    fn execute(&mut self, answer: &mut Answer) -> Result<(), Stop> {
        let text = self.read_text()?;
        let outline = match &text {
            Text::Statement(sql) => sql::outline(sql),
            Text::Insert { .. } => Outline { verb: "INSERT".into(), ..Outline::default() },
        };
        self.check(&outline)?;
        self.caller.begin()?;
        let format = outline.format.clone().or_else(|| self.request.default_format.clone());
        let format = format.unwrap_or_else(|| "TabSeparated".into());
        answer.set_format(&format);
        let way = self.way(&text, &outline, &format);
        let about_users = self.about_users(&text)?;
        let mut lane = self.lane()?;
        let result = self
            .prepare(&mut lane, &outline, way, about_users.is_none().then_some(&text))
            .map_err(Stop::from)
            .and_then(|()| match (text, about_users) {
                (_, Some(statement)) => {
                    self.answer_about_users(&mut lane.kept, statement, &format, answer)
                }
                (Text::Insert { head, format, data }, _) => {
                    self.insert(&mut lane.kept.session, &head, &format, data, answer)
                }
                (Text::Statement(sql), _) => {
                    self.statement(&mut lane.kept.session, &sql, &outline, way, &format, answer)
                }
            });
        // Before the last bytes go out: the client's next request may be here at once.
        lane.close();
        result
    }

    fn read_text(&mut self) -> Result<Text, Failure> {
        let mut text = self.request.query.take().unwrap_or_default().into_bytes();
        let mut joined = text.is_empty();
        let mut buffer = vec![0; READ_BYTES];
        let mut look_at = 0;
        loop {
            let count = self.upload.read(&mut buffer).map_err(|error| upload_failure(&error))?;
            if count > 0 && !joined {
                text.push(b'\n');
                joined = true;
            }
            text.extend_from_slice(&buffer[..count]);
            let complete = count == 0;
            if complete || text.len() >= look_at {
                match sql::start(&text, complete) {
                    Start::Insert { head, data, format } => {
                        let head = utf8(text[..head].to_vec())?;
                        return Ok(Text::Insert { head, format, data: text.split_off(data) });
                    }
                    _ if complete => return Ok(Text::Statement(utf8(text)?)),
                    Start::Statement => look_at = usize::MAX,
                    // Not every piece again: a long head would be read once a piece.
                    Start::More => look_at = text.len() * 2,
                }
            }
            if text.len() > SQL_BYTES_MAX {
                return Err(Failure::syntax(format!(
                    "Max query size exceeded: the text of a statement may have {SQL_BYTES_MAX} \
                     bytes here; send data with INSERT … FORMAT"
                )));
            }
        }
    }

    /// What is refused by the text alone.
    fn check(&self, outline: &Outline) -> Result<(), Failure> {
        if outline.files {
            return Err(Failure::not_implemented(
                "INTO OUTFILE and FROM INFILE would reach files of the server: \
                 use FORMAT and save the answer",
            ));
        }
        for name in &outline.databases {
            let param = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
            let params = &self.request.params;
            let value = param.and_then(|param| params.iter().find(|(name, _)| name == param));
            let name = value.map_or(name.as_str(), |(_, value)| value.as_str());
            if PROTECTED.contains(&name) {
                let text = format!("The database {name} belongs to the server");
                return Err(Failure::new(497, "ACCESS_DENIED", text));
            }
        }
        Ok(())
    }

    fn way(&self, text: &Text, outline: &Outline, format: &str) -> Way {
        if !is_select(outline) {
            return Way::Document;
        }
        let native = format.eq_ignore_ascii_case("Native");
        let extremes = self.request.setting("extremes").is_some_and(|value| value != "0");
        if (outline.totals || extremes) && !native {
            return Way::Document;
        }
        let way = format::way(format);
        // The types in such a header are not text, so its end cannot be told.
        const BINARY_TYPES: &str = "encode_types_in_binary_format";
        let in_text = matches!(text, Text::Statement(sql) if sql.contains(BINARY_TYPES));
        let in_url = self.request.settings.iter().any(|(name, _)| name.contains(BINARY_TYPES));
        match way {
            Way::Header(_) if in_text || in_url => Way::Document,
            way => way,
        }
    }

    fn lane(&self) -> Result<Lane, Failure> {
        let open = || {
            let session = self.door.engine.session();
            session.map_err(|error| Failure::new(210, "NETWORK_ERROR", error.report()))
        };
        // Somebody who only reads has nothing to keep, and a read-only session takes no settings.
        let wanted = self.request.session.as_ref().filter(|_| !self.caller.only_reads());
        let Some(wanted) = wanted else {
            return Ok(Lane { kept: Kept::new(open()?), lease: None, is_new: true });
        };
        let (lease, kept) =
            self.door.sessions.take(wanted, self.caller.session_name(&wanted.id))?;
        let is_new = kept.is_none();
        let kept = match kept {
            Some(kept) => kept,
            None => Kept::new(open()?),
        };
        Ok(Lane { kept, lease: Some(lease), is_new })
    }

    fn prepare(
        &mut self,
        lane: &mut Lane,
        outline: &Outline,
        way: Way,
        for_the_engine: Option<&Text>,
    ) -> Result<(), Failure> {
        if let Some(roles) = &lane.kept.roles
            && self.request.roles.is_empty()
        {
            self.caller = self.caller.with_roles(Some(roles))?;
        }
        if lane.is_new {
            settings::begin(&mut lane.kept.session)?;
        }
        let database = self.request.database.as_deref().filter(|name| !name.is_empty());
        if let Some(database) = database.or(lane.is_new.then_some(HOME_DATABASE)) {
            let database = if database == "default" { HOME_DATABASE } else { database };
            self.caller.check_database(database)?;
            settings::use_database(&mut lane.kept.session, database)?;
        }
        let mut wanted = settings::wanted(&self.request, &self.key);
        self.caller.settings(&mut wanted)?;
        let readonly = wanted.remove("readonly");
        if way == Way::Document && is_select(outline) {
            let limit = || DOCUMENT_BYTES_MAX.to_owned();
            wanted.entry("max_result_bytes".into()).or_insert_with(limit);
        }
        match &lane.lease {
            // What a SET statement sets stays: nothing of ours may be restored over it.
            Some(_) if outline.verb == "SET" => settings::restore(&mut lane.kept)?,
            Some(_) => settings::lend(&mut lane.kept, wanted)?,
            None => settings::set(&mut lane.kept.session, &wanted)?,
        }
        let session = &mut lane.kept.session;
        self.caller.enter(session, lane.is_new)?;
        if let Some(text) = for_the_engine {
            self.caller.check(session, &text.sql(), &self.request.params)?;
        }
        // Last: nothing can be set after it, and it cannot be taken back, which is why sessions that
        // go on have only the door's own check.
        if lane.lease.is_none() {
            let readonly = readonly.filter(|value| value != "0");
            let readonly = readonly.or(self.request.reads_only.then(|| "2".into()));
            let readonly = if self.caller.only_reads() { Some("1".into()) } else { readonly };
            if let Some(level) = readonly {
                settings::set(session, &[("readonly".into(), level)].into())?;
            }
        }
        Ok(())
    }

    /// Statements about users are the door's own.
    fn about_users(&self, text: &Text) -> Result<Option<Statement>, Failure> {
        let Text::Statement(sql) = text else { return Ok(None) };
        let current = self.request.database.as_deref().filter(|name| !name.is_empty());
        let current = current.filter(|name| *name != "default").unwrap_or(HOME_DATABASE);
        access::parse(sql, current)
    }

    fn answer_about_users(
        &self,
        kept: &mut Kept,
        statement: Statement,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        match self.caller.answer(statement, self.may_write(""))? {
            Done::Quietly => {}
            Done::Roles(roles) => kept.roles = roles,
            Done::Select(sql) => self.whole(&mut kept.session, &sql, format, answer)?,
        }
        Ok(())
    }

    fn may_write(&self, verb: &str) -> bool {
        let readonly = self.request.setting("readonly").is_some_and(|value| value != "0");
        !(self.request.reads_only || readonly) || matches!(verb, "SET" | "USE")
    }

    fn statement(
        &self,
        session: &mut Session,
        sql: &str,
        outline: &Outline,
        way: Way,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let class = session.classify(sql, HOME_DATABASE);
        let (statements, reads) = class.map_or((0, false), |c| (c.statements, c.reads_only));
        if statements > 1 {
            return Err(Failure::syntax("Syntax error (Multi-statements are not allowed)").into());
        }
        if outline.verb.is_empty() && statements == 0 {
            return Err(Failure::syntax("Syntax error: Empty query").into());
        }
        if statements == 1 && !reads && !self.may_write(&outline.verb) {
            let text = "Cannot execute query in readonly mode";
            return Err(Failure::new(164, "READONLY", text).into());
        }
        if self.gone.load(Ordering::SeqCst) {
            return Err(Stop::Gone);
        }
        if hello::is_asked(sql, format, self.request.client_protocol_version) {
            let door = &self.door;
            return Ok(answer.write(&hello::block(
                &door.server_name,
                &door.version,
                &door.timezone,
            ))?);
        }
        // The engine does not take it for a statement: the stream call runs nothing but a SELECT,
        // and says what is wrong with this.
        let way = if statements == 0 { Way::Rows } else { way };
        match way {
            Way::Document => self.whole(session, sql, format, answer),
            // `WITH … INSERT`
            _ if statements == 1 && !reads => self.whole(session, sql, format, answer),
            Way::Rows => self.stream(session, sql, format, None, answer),
            Way::Header(header) => {
                self.stream(session, sql, format, Some(Cutter::new(header)), answer)
            }
        }
    }

    fn whole(
        &self,
        session: &mut Session,
        sql: &str,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let output = session.query_and_keep(sql, format, &self.request.params)?;
        answer.add(output.stats());
        Ok(answer.write(output.bytes())?)
    }

    fn stream(
        &self,
        session: &mut Session,
        sql: &str,
        format: &str,
        mut cutter: Option<Cutter>,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let mut chunks = session.select_and_keep(sql, format, &self.request.params)?;
        let result = loop {
            let chunk = match chunks.next() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            answer.add(chunk.stats());
            let bytes = match &mut cutter {
                None => Ok(chunk.bytes()),
                Some(cutter) => cutter.cut(chunk.bytes()),
            };
            let sent = bytes.map_err(Stop::from).and_then(|bytes| Ok(answer.write(bytes)?));
            if let Err(stop) = sent {
                break Err(stop);
            }
        };
        *session = chunks.into_session();
        result
    }

    fn insert(
        &mut self,
        session: &mut Session,
        head: &str,
        format: &str,
        data: Vec<u8>,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        if !self.may_write("INSERT") {
            let text = "Cannot execute query in readonly mode";
            return Err(Failure::new(164, "READONLY", text).into());
        }
        let mut body = session.insert_and_keep(head, format, &self.request.params)?;
        let mut end = format.eq_ignore_ascii_case("Values").then(ValuesEnd::default);
        let mut piece = data;
        let result = loop {
            if end.as_mut().is_some_and(|end| !end.follow(&piece)) {
                let text = "Syntax error (Multi-statements are not allowed): text behind the data";
                break Err(Stop::from(Failure::syntax(text)));
            }
            if let Err(error) = body.append(&piece) {
                break Err(error.into());
            }
            piece.resize(READ_BYTES, 0);
            match self.upload.read(&mut piece) {
                Ok(0) if self.gone.load(Ordering::SeqCst) => break Err(Stop::Gone),
                Ok(0) => break body.finish_and_keep().map_err(Stop::from),
                Ok(count) => piece.truncate(count),
                // Not finished: nothing of the open block is inserted.
                Err(error) => break Err(upload_failure(&error).into()),
            }
        };
        *session = body.into_session();
        answer.add(result?);
        Ok(())
    }
}

fn is_select(outline: &Outline) -> bool {
    matches!(outline.verb.as_str(), "SELECT" | "WITH" | "FROM")
}

fn upload_failure(error: &std::io::Error) -> Failure {
    let text = format!("Cannot read all data: the request's body is broken: {error}");
    let mut failure = Failure::new(33, "CANNOT_READ_ALL_DATA", text);
    failure.status = axum::http::StatusCode::BAD_REQUEST;
    failure
}

fn utf8(text: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(text).map_err(|_| Failure::syntax("Syntax error: the text is not UTF-8"))
}
