//! One session: startup, statements, and then the log or the rows of a COPY.

use super::auth;
use super::inbox::{Frame, Inbox};
use super::transport::Transport;
use crate::client::{SESSION, login_error, refused};
use crate::decode::Cursor;
use crate::{Address, client};
use bytes::{BufMut, BytesMut};
use model::{Error, Lsn, Result};
use postgres_protocol::message::frontend;
use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A server that does not answer within this does not let us in.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// A goodbye is not waited for.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(50);
/// A server that sees that we left lets go of the slot within this.
const FREE_MOST: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A server that takes no bytes for this long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// 1970-01-01 to 2000-01-01, from which Postgres counts.
const EPOCH_US: i64 = 946_684_800_000_000;

pub(crate) struct Session {
    transport: Transport,
    inbox: Inbox,
    out: BytesMut,
    place: String,
    user: String,
}

/// An answer's rows as text; NULL is `None`.
pub(crate) type TextRows = Vec<Vec<Option<String>>>;

impl Session {
    /// For statements and COPY.
    pub(crate) fn connect(address: &Address) -> Result<Session> {
        Session::start(address, &[])
    }

    /// For the replication protocol, and statements in the simple form.
    pub(crate) fn connect_replicating(address: &Address) -> Result<Session> {
        Session::start(address, &[("replication", "database")])
    }

    fn start(address: &Address, more: &[(&str, &str)]) -> Result<Session> {
        let transport = Transport::connect(address)?;
        let mut session = Session {
            transport,
            inbox: Inbox::default(),
            out: BytesMut::new(),
            place: address.place(),
            user: address.user().to_owned(),
        };
        let timeout = session.transport.set_write_timeout(WRITE_TIMEOUT);
        timeout.map_err(|error| session.broken("log in", error))?;
        session.set_read_timeout(Some(LOGIN_TIMEOUT))?;
        let config = address.config();
        let mut parameters = vec![
            ("user", address.user()),
            ("database", address.database()),
            ("application_name", "millrace"),
            ("client_encoding", "UTF8"),
        ];
        parameters.extend_from_slice(more);
        if let Some(options) = config.get_options() {
            parameters.push(("options", options));
        }
        session.write(|out| frontend::startup_message(parameters, out))?;
        auth::log_in(&mut session, address.user(), config.get_password())?;
        while session.message("log in")?.0 != b'Z' {}
        session.simple_query(SESSION, "set up a session")?;
        // From here on a statement may take as long as it needs.
        session.set_read_timeout(None)?;
        Ok(session)
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn is_unix(&self) -> bool {
        self.transport.is_unix()
    }

    /// Runs one statement and returns its rows.
    pub(crate) fn simple_query(&mut self, sql: &str, doing: &str) -> Result<TextRows> {
        self.write(|out| frontend::query(sql, out))?;
        let mut rows = Vec::new();
        let mut failed = None;
        loop {
            match self.any_message(doing)? {
                (b'Z', _) => return failed.map_or(Ok(rows), Err),
                (b'D', body) => rows.push(data_row(&body)?),
                (b'E', body) => failed = Some(self.refusal(doing, &body)),
                _ => {}
            }
        }
    }

    /// Begins to stream what committed behind `from`, and behind what the slot has confirmed; from here on
    /// only the stream speaks.
    pub(crate) fn start_replication(&mut self, slot: &str, from: Lsn, options: &str) -> Result<()> {
        let slot = client::quoted(slot);
        let sql = format!("START_REPLICATION SLOT {slot} LOGICAL {from} ({options})");
        let begun = self.begin(&sql, b'W', &format!("read from slot {slot}"));
        // Of a standby (before 16). One that is being promoted is none in a moment.
        begun.map_err(|error| match client::code_of(&error) {
            Some("0A000") => Error::transient(format!(
                "could not read from slot {slot} of a standby"
            ))
            .hint("it goes on once the server is promoted; SELECT pg_is_in_recovery() asks it")
            .source(error),
            _ => error,
        })
    }

    /// A standby status update; `asks` has the server say where it stands.
    pub(crate) fn tell(&mut self, received: Lsn, confirmed: Lsn, asks: bool) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_us = since.as_micros() as i64 - EPOCH_US;
        self.write(|out| {
            out.put_u8(b'd');
            out.put_u32(4 + 1 + 3 * 8 + 8 + 1);
            out.put_u8(b'r');
            out.put_u64(received.0);
            out.put_u64(confirmed.0);
            out.put_u64(confirmed.0);
            out.put_i64(now_us);
            out.put_u8(u8::from(asks));
            Ok(())
        })
    }

    /// After the session that streamed was dropped: asked to end, a server would first send the rest of a
    /// transaction, however large.
    pub(crate) fn wait_until_free(&mut self, slot: &str) -> Result<()> {
        let name = client::literal(slot);
        let sql = format!(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = {name} AND active_pid IS NOT NULL"
        );
        let begun = Instant::now();
        while !self.simple_query(&sql, "look at the slot")?.is_empty() {
            if begun.elapsed() >= FREE_MOST {
                let what = format!("could not read on: slot {slot} is in use still");
                return Err(Error::transient(what));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// Begins a `COPY … TO STDOUT`; its rows and its end are the next frames.
    pub(crate) fn start_copy(&mut self, sql: &str, doing: &str) -> Result<()> {
        self.begin(sql, b'H', doing)
    }

    /// Runs a statement up to the message that opens its stream.
    fn begin(&mut self, sql: &str, opens: u8, doing: &str) -> Result<()> {
        self.write(|out| frontend::query(sql, out))?;
        loop {
            match self.message(doing)? {
                (tag, _) if tag == opens => return Ok(()),
                (b'Z', _) => {
                    return Err(Error::bug(format!("cannot {doing}: no stream was begun")));
                }
                _ => {}
            }
        }
    }

    /// Waits for a message. The server's refusals are errors.
    pub(super) fn message(&mut self, doing: &str) -> Result<(u8, Vec<u8>)> {
        match self.any_message(doing)? {
            (b'E', body) => Err(self.refusal(doing, &body)),
            message => Ok(message),
        }
    }

    /// Waits for a message; notices, parameters and notifications are passed over.
    fn any_message(&mut self, doing: &str) -> Result<(u8, Vec<u8>)> {
        loop {
            while let Some(frame) = self.inbox.next()? {
                if !matches!(frame.tag, b'N' | b'S' | b'A') {
                    return Ok((frame.tag, self.inbox.body(&frame).to_vec()));
                }
            }
            if self.fill(doing)? == Filled::Nothing {
                return Err(self.broken(doing, ErrorKind::TimedOut.into()));
            }
        }
    }

    /// Reads once, waiting as long as the timeout says.
    pub(crate) fn fill(&mut self, doing: &str) -> Result<Filled> {
        match self.inbox.fill(&mut self.transport) {
            Ok(0) => Err(self.broken(doing, ErrorKind::UnexpectedEof.into())),
            Ok(count) => Ok(Filled::Bytes(count)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                    Ok(Filled::Nothing)
                }
                _ => Err(self.broken(doing, error)),
            },
        }
    }

    /// How many bytes the kernel holds for us.
    pub(crate) fn waiting(&self) -> io::Result<usize> {
        self.transport.waiting()
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>> {
        Ok(self.inbox.next()?)
    }

    /// Valid until the next [`Session::fill`].
    pub(crate) fn body(&self, frame: &Frame) -> &[u8] {
        self.inbox.body(frame)
    }

    /// `None`: as long as it takes.
    pub(crate) fn set_read_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        let set = self.transport.set_read_timeout(timeout);
        set.map_err(|error| self.broken("set up the socket", error))
    }

    /// Sends what `fill` puts into the buffer.
    pub(crate) fn write(
        &mut self,
        fill: impl FnOnce(&mut BytesMut) -> io::Result<()>,
    ) -> Result<()> {
        self.out.clear();
        let sent = fill(&mut self.out)
            .and_then(|()| self.transport.write_all(&self.out))
            .and_then(|()| self.transport.flush());
        sent.map_err(|error| self.broken("send to the server", error))
    }

    /// The server's ErrorResponse as an error of ours.
    pub(crate) fn refusal(&self, doing: &str, body: &[u8]) -> Error {
        let fields = Fields::read(body);
        if let Some(error) = login_error(&self.place, &self.user, &fields.code, &fields.message) {
            return error;
        }
        refused(doing, &fields.code, &fields.message, fields.hint.as_deref())
    }

    pub(crate) fn broken(&self, doing: &str, error: io::Error) -> Error {
        Error::transient(format!("could not {doing}"))
            .detail(format!("The connection to {} broke.", self.place))
            .source(error)
    }
}

impl Drop for Session {
    /// Says goodbye, or the server's log would tell of a client that broke off.
    fn drop(&mut self) {
        if self.transport.set_write_timeout(FAREWELL_TIMEOUT).is_ok() {
            let _ = self.write(|out| {
                frontend::terminate(out);
                Ok(())
            });
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    Bytes(usize),
    /// The timeout passed.
    Nothing,
}

/// What of an ErrorResponse we show.
#[derive(Default)]
struct Fields {
    code: String,
    message: String,
    hint: Option<String>,
}

impl Fields {
    fn read(body: &[u8]) -> Fields {
        let mut fields = Fields::default();
        let mut cursor = Cursor::new(body);
        while let Ok(kind) = cursor.u8() {
            let Ok(text) = cursor.text() else { break };
            match kind {
                b'C' => fields.code = text,
                b'M' => fields.message = text,
                b'H' => fields.hint = Some(text),
                _ => {}
            }
        }
        fields
    }
}

fn data_row(body: &[u8]) -> Result<Vec<Option<String>>> {
    let mut cursor = Cursor::new(body);
    let count = cursor.u16()?;
    let mut row = Vec::new();
    for _ in 0..count {
        row.push(match usize::try_from(cursor.i32()?) {
            Err(_) => None,
            Ok(length) => Some(String::from_utf8_lossy(cursor.bytes(length)?).into_owned()),
        });
    }
    Ok(row)
}
