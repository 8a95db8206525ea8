//! One request from its text to its answer, on a thread that may block.
//!
//! ```text
//! text ─▶ sql::start ─┬─ INSERT with data ─▶ Session::insert   the body as it arrives
//!                     └─ statement ─▶ sql::outline, classify
//!                          ├─ SELECT, format of rows ─▶ Session::select   block by block
//!                          ├─ SELECT, document ─▶ Session::query into a pipe   as it is made
//!                          └─ SHOW, DDL … ─▶ Session::query   whole
//! ```

use super::answer::{Answer, WriteError};
use super::error::Failure;
use super::format::{self, Cutter, Way};
use super::lane::Lane;
use super::own_settings::{ARRAY_OF_ROWS, REMEMBERED};
use super::processes::Place;
use super::request::Request;
use super::sql::{self, Outline, Start, ValuesEnd};
use super::statement::Statement;
use super::text::{Text, utf8};
use super::turns::Turn;
use super::zones::{self, Zones};
use super::{Door, hello, house, kill, log, processes};
use crate::access::Caller;
use bytes::Bytes;
use std::io::Read;
use std::sync::Arc;
use std::time::Instant;
use store::embedded::{HOME_DATABASE, Session};

const READ_BYTES: usize = 256 << 10;
/// Of `max_query_size`, for the text of an admin's statement.
pub(super) const SQL_BYTES_MAX: usize = 16 << 20;
/// The engine's own default of it.
const QUERY_BYTES_DEFAULT: usize = 256 << 10;
/// A setting that puts the least and the largest values behind the rows.
pub(super) const EXTREMES: &str = "extremes";
/// Losing them loses the pipeline or the door; the engine does not survive the loss of `default`.
const PROTECTED: [&str; 3] = ["default", HOME_DATABASE, "millrace"];

pub(super) struct Work {
    pub(super) door: Arc<Door>,
    pub(super) request: Request,
    pub(super) caller: Caller,
    pub(super) upload: Box<dyn Read + Send>,
    pub(super) statement: Arc<Statement>,
    pub(super) turn: Arc<Turn>,
    /// Among those that run; none yet.
    pub(super) place: Option<Place>,
    /// The house is full: it may only look at others and end them.
    pub(super) is_extra: bool,
}

/// Why there is no whole answer.
pub(super) enum Stop {
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
            WriteError::Held(failure) => Stop::Failed(failure),
        }
    }
}

/// What is done to the blocks of a stream on their way.
enum Filter {
    Nothing,
    Header(Cutter),
    Zones(Zones),
}

impl Filter {
    fn pieces<'a>(&'a mut self, block: &'a [u8]) -> Result<Vec<&'a [u8]>, Failure> {
        match self {
            Filter::Nothing => Ok(vec![block]),
            Filter::Header(cutter) => Ok(vec![cutter.cut(block)?]),
            Filter::Zones(zones) => Ok(zones.put_back(block)),
        }
    }
}

pub(super) fn run(mut work: Work, mut answer: Answer) {
    let since = Instant::now();
    let result = match work.execute(&mut answer) {
        // It has no rows to miss, and is done.
        Err(Stop::Gone) if work.statement.goes_on_alone() => Ok(()),
        result => result,
    };
    work.statement.end();
    work.caller.end(&answer.stats, since.elapsed(), result.is_err());
    work.log(&result, &answer);
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
        let mut lane = None;
        let result = self.execute_in(&mut lane, answer);
        // Before the last bytes go out: the client's next request may be here at once. And the place last:
        // who waits for it wants the session.
        if let Some(lane) = lane {
            let is_left_alone = self.statement.leave();
            lane.close(&self.door, is_left_alone && result.is_ok() && self.statement.is_wanted());
        }
        self.turn.give_back();
        self.place = None;
        result
    }

    /// Whatever lane it opened is the caller's to close.
    fn execute_in(&mut self, lane: &mut Option<Lane>, answer: &mut Answer) -> Result<(), Stop> {
        let mut text = match self.request.boundary.take() {
            Some(_) if self.is_extra => return Err(house::full().into()),
            Some(boundary) => self.read_form(&boundary, lane)?,
            None => self.read_text()?,
        };
        let mut outline = text.outline();
        if self.is_extra && !is_about_others(&text) {
            return Err(house::full().into());
        }
        let tables = lane.as_ref().map_or(&[][..], |lane| &lane.tables);
        self.take_place(text.shown(), &outline.verb, tables)?;
        self.renew()?;
        self.caller.check_text(text.shown())?;
        self.check(&outline)?;
        let about_users = self.about_users(&text)?;
        match about_users {
            // Nothing of the engine's: it needs no turn.
            Some(_) => self.statement.begin(),
            None => self.wait_for_turn(&outline)?,
        }
        if lane.is_none() {
            *lane = self.named()?;
        }
        if let Text::Statement(sql) = &mut text
            && about_users.is_none()
            && let Some(instead) = self.instead(sql, &outline)?
        {
            *sql = instead;
            outline = Outline { format: outline.format, ..sql::outline(sql) };
        }
        let format = outline.format.clone().or_else(|| self.request.default_format.clone());
        let format = format.filter(|format| !format.is_empty());
        let format = format.unwrap_or_else(|| "TabSeparated".into());
        if !is_silent(&outline) {
            answer.set_format(&format);
        }
        let way = self.way(lane.as_ref(), &text, &outline, &format);
        let lane = match lane {
            Some(lane) => {
                self.prepare(lane, &outline)?;
                lane
            }
            None => {
                let may_share = about_users.is_none() && self.may_share(text.shown(), &outline);
                let lane = lane.insert(self.plain(may_share)?);
                if let Some(comment) = &lane.comment {
                    self.statement.set_comment(comment.clone());
                }
                lane
            }
        };
        if let Some(statement) = about_users {
            let statement = self.where_it_is(lane, &text, statement)?;
            return self.answer_about_users(&mut lane.kept, statement, &format, answer);
        }
        let named = self.database().unwrap_or(self.caller.home());
        let current = (!lane.is_named()).then(|| named.to_owned());
        self.caller.check(&mut lane.kept.session, current, &text.sql(), &self.request.params)?;
        if let Some(zone) = self.zone(lane, &text)? {
            answer.set_timezone(zone);
        }
        if let Text::Statement(sql) = &text {
            self.set_before(lane, sql, &outline)?;
        }
        self.seal(lane)?;
        let result = match text {
            Text::Insert { text, head, format, data } => {
                self.insert(&mut lane.kept.session, &text[..head], &format, data, answer)
            }
            Text::Statement(sql) => {
                let result = self.statement(lane, &sql, &outline, way, &format, answer);
                let is_own = !leaves_nothing(&outline);
                lane.kept.is_own |= is_own;
                if outline.verb == "USE" && result.is_ok() {
                    lane.kept.moved_from = None;
                }
                match is_select(&outline) {
                    true if result.is_ok() => {
                        self.note_projections(&mut lane.kept.session, &sql, &outline);
                    }
                    true => {}
                    false => self.door.projections.follow(&outline.verb),
                }
                if is_own {
                    lane.kept.has_set.extend(REMEMBERED.iter().filter(|name| sql.contains(**name)));
                }
                result
            }
        };
        result.map_err(|stop| match stop {
            Stop::Failed(failure) => Stop::Failed(self.caller.told(failure)),
            Stop::Gone => Stop::Gone,
        })
    }

    fn read_text(&mut self) -> Result<Text, Failure> {
        let mut text = self.request.query.take().unwrap_or_default().into_bytes();
        let mut joined = text.is_empty();
        let mut buffer = vec![0; READ_BYTES];
        let mut look_at = 0;
        loop {
            let count =
                self.upload.read(&mut buffer).map_err(|error| Failure::of_upload(&error))?;
            if count > 0 && !joined {
                text.push(b'\n');
                joined = true;
            }
            text.extend_from_slice(&buffer[..count]);
            let complete = count == 0;
            if complete || text.len() >= look_at {
                match sql::start(&text, complete) {
                    Start::Insert { head, data, format } => {
                        return Text::insert(text, head, data, format);
                    }
                    _ if complete => return Ok(Text::Statement(utf8(text)?)),
                    Start::Statement => look_at = usize::MAX,
                    // Not every piece again: a long head would be read once a piece.
                    Start::More => look_at = text.len() * 2,
                }
            }
            if self.is_extra && text.len() > house::EXTRA_TEXT_BYTES_MAX {
                return Err(house::full());
            }
            self.check_size(text.len())?;
        }
    }

    /// ClickHouse's limit, before the text costs more than its bytes. A session may have another one, which then
    /// the engine knows.
    pub(super) fn check_size(&self, bytes: usize) -> Result<(), Failure> {
        let asked = self.request.setting("max_query_size").and_then(|asked| asked.parse().ok());
        let most = match asked {
            Some(0) => SQL_BYTES_MAX,
            Some(asked) => asked,
            None if self.request.session.is_some() => SQL_BYTES_MAX,
            None => QUERY_BYTES_DEFAULT,
        };
        let most = most.min(self.caller.text_bytes_max(SQL_BYTES_MAX));
        if bytes <= most {
            return Ok(());
        }
        Err(Failure::syntax(format!(
            "Max query size exceeded (can be increased with the `max_query_size` setting): the text of \
             this statement may have {most} bytes; data has no limit: INSERT … FORMAT"
        )))
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
            let name = match param {
                Some(param) => self.given(param)?,
                None => name,
            };
            if PROTECTED.contains(&name) {
                let text = format!("The database {name} belongs to the server");
                return Err(Failure::new(497, "ACCESS_DENIED", text));
            }
        }
        Ok(())
    }

    /// The value of a parameter, as the request gives it: not known are one of the session (`SET param_x`), and
    /// what escapes in it stand for.
    fn given(&self, param: &str) -> Result<&str, Failure> {
        let mut values = self.request.params.iter().filter(|(name, _)| name == param);
        match (values.next(), values.next()) {
            (Some((_, value)), None) if !value.contains('\\') => Ok(value),
            _ => {
                let text = format!(
                    "Query parameter `{param}` was not set: the name of a database comes with the \
                     request, as param_{param} in its URL, once and without a backslash"
                );
                Err(Failure::new(456, "UNKNOWN_QUERY_PARAMETER", text))
            }
        }
    }

    fn way(&self, lane: Option<&Lane>, text: &Text, outline: &Outline, format: &str) -> Way {
        if !is_select(outline) {
            return Way::Document;
        }
        let native = format.eq_ignore_ascii_case("Native");
        // Set in the URL, in the text, or in the session before.
        let is_set = |name: &str| {
            let in_text = matches!(text, Text::Statement(sql) if sql.contains(name));
            let in_url = self.request.settings.iter().any(|(found, _)| found.contains(name));
            in_text || in_url || lane.is_some_and(|lane| lane.kept.has_set.contains(name))
        };
        if (outline.totals || is_set(EXTREMES)) && !native {
            return Way::Document;
        }
        if is_set(ARRAY_OF_ROWS) && format.to_ascii_lowercase().starts_with("json") {
            return Way::Document;
        }
        let way = format::way(format);
        // The types in such a header are not text, so its end cannot be told.
        match way {
            Way::Header(_) if is_set("encode_types_in_binary_format") => Way::Document,
            way => way,
        }
    }

    pub(super) fn may_write(&self, verb: &str) -> bool {
        let readonly = self.request.setting("readonly").is_some_and(|value| value != "0");
        !(self.request.reads_only || readonly || self.caller.is_readonly())
            || matches!(verb, "SET" | "USE")
    }

    fn statement(
        &self,
        lane: &mut Lane,
        sql: &str,
        outline: &Outline,
        way: Way,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let is_alone = lane.is_alone();
        let session = &mut lane.kept.session;
        let class = session.classify(sql, HOME_DATABASE);
        let (statements, reads) = class.map_or((0, false), |c| (c.statements, c.reads_only));
        if class.is_some_and(|class| class.has_secrets) {
            self.statement.has_secrets();
        }
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
        if statements == 1 && !reads {
            self.statement.writes();
        }
        if self.statement.is_given_up() {
            return Err(Stop::Gone);
        }
        self.statement.may_go_on()?;
        if log::is_flush(sql) {
            self.door.log.flush()?;
        }
        if hello::is_asked(sql, format, self.request.client_protocol_version) {
            let door = &self.door;
            let block = hello::block(&door.server_name, &door.version, &door.timezone);
            return Ok(answer.write(block.into())?);
        }
        // The engine does not take it for a statement: the stream call runs nothing but a SELECT,
        // and says what is wrong with this.
        let way = if statements == 0 { Way::Rows } else { way };
        match way {
            // `WITH … INSERT`
            _ if statements == 1 && !reads => self.whole(session, sql, format, answer),
            Way::Document if is_select(outline) && !outline.one_row && format::is_name(format) => {
                self.document(session, sql, outline, format, answer)
            }
            Way::Document => self.whole(session, sql, format, answer),
            Way::Rows => {
                let native = statements == 1 && format.eq_ignore_ascii_case("Native");
                let filter = match (native, is_alone) {
                    (false, _) => Filter::Nothing,
                    (true, true) => Filter::Zones(self.zones_before(session, sql, outline)),
                    (true, false) => Filter::Zones(Zones::Beside),
                };
                self.stream(session, sql, outline, format, filter, answer)
            }
            Way::Header(header) => {
                let filter = Filter::Header(Cutter::new(header));
                self.stream(session, sql, outline, format, filter, answer)
            }
        }
    }

    pub(super) fn whole(
        &self,
        session: &mut Session,
        sql: &str,
        format: &str,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        let output = session.query_and_keep(sql, format, &self.request.params)?;
        answer.add(output.stats());
        answer.hold(output.bytes())?;
        // The engine's memory does not wait for the client, and the engine has no more to do.
        drop(output);
        self.turn.give_back();
        Ok(answer.go_on()?)
    }

    fn stream(
        &self,
        session: &mut Session,
        sql: &str,
        outline: &Outline,
        format: &str,
        mut filter: Filter,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        if outline.one_row {
            // The threads that a stream needs cost more than such a statement.
            let output = session.query_and_keep(sql, format, &self.request.params)?;
            return self.pass(output, sql, outline, &mut filter, answer);
        }
        let mut chunks = session.select_and_keep(sql, format, &self.request.params)?;
        let result = loop {
            let chunk = match chunks.next() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            };
            if let Err(failure) = self.statement.may_go_on() {
                break Err(failure.into());
            }
            if let Err(stop) = self.pass(chunk, sql, outline, &mut filter, answer) {
                break Err(stop);
            }
        };
        *session = chunks.into_session();
        result
    }

    /// Passes a chunk on, as the client is to see it.
    fn pass(
        &self,
        chunk: store::embedded::Answer,
        sql: &str,
        outline: &Outline,
        filter: &mut Filter,
        answer: &mut Answer,
    ) -> Result<(), Stop> {
        answer.add(chunk.stats());
        if let Filter::Zones(zones @ Zones::Beside) = filter {
            *zones = match zones::may_lack(chunk.bytes()) {
                true => self.zones_beside(sql, outline),
                false => Zones::none(),
            };
        }
        let chunk = Bytes::from_owner(chunk);
        for piece in filter.pieces(&chunk)? {
            answer.write(part(&chunk, piece))?;
        }
        Ok(())
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
        let mut buffer = data;
        let mut filled = buffer.len();
        let result = loop {
            let piece = &buffer[..filled];
            if end.as_mut().is_some_and(|end| !end.follow(piece)) {
                let text = "Syntax error (Multi-statements are not allowed): text behind the data";
                break Err(Stop::from(Failure::syntax(text)));
            }
            if let Err(error) = body.append(piece) {
                break Err(error.into());
            }
            // Once: what is read over it needs no zeros.
            buffer.resize(READ_BYTES, 0);
            let read = self.upload.read(&mut buffer);
            if let Err(failure) = self.statement.may_go_on() {
                break Err(failure.into());
            }
            match read {
                Ok(0) => break body.finish_and_keep().map_err(Stop::from),
                Ok(count) => filled = count,
                // Not finished: nothing of the open block is inserted.
                Err(error) => break Err(Failure::of_upload(&error).into()),
            }
        };
        *session = body.into_session();
        answer.add(result?);
        Ok(())
    }
}

/// A piece of a chunk, or one that was put between such.
fn part(chunk: &Bytes, piece: &[u8]) -> Bytes {
    match chunk.as_ptr_range().contains(&piece.as_ptr()) {
        true => chunk.slice_ref(piece),
        false => Bytes::copy_from_slice(piece),
    }
}

/// What comes into a full house.
fn is_about_others(text: &Text) -> bool {
    let Text::Statement(sql) = text else { return false };
    kill::is_asked(sql) || processes::list_instead_of_show(sql).is_some()
}

/// Behind it the session is as it was: nothing is set, made or moved in it.
fn leaves_nothing(outline: &Outline) -> bool {
    is_select(outline)
        || matches!(
            outline.verb.as_str(),
            "INSERT" | "SHOW" | "DESCRIBE" | "DESC" | "EXPLAIN" | "EXISTS"
        )
}

/// It never has rows for an answer.
fn is_silent(outline: &Outline) -> bool {
    const VERBS: [&str; 15] = [
        "SET", "USE", "INSERT", "CREATE", "ATTACH", "DETACH", "DROP", "UNDROP", "TRUNCATE",
        "RENAME", "EXCHANGE", "DELETE", "UPDATE", "GRANT", "REVOKE",
    ];
    VERBS.contains(&outline.verb.as_str())
}

pub(super) fn is_select(outline: &Outline) -> bool {
    matches!(outline.verb.as_str(), "SELECT" | "WITH" | "FROM")
}
