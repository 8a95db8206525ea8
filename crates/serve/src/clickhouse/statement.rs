//! One statement at the door, from its admission to its end: what it is called, what it is killed
//! by, what others may see of it, and whether anybody still waits for it.
//!
//! A client that goes away ends what only reads, for nobody would get the rows. What writes goes on to its end, as
//! at ClickHouse, once its request has come whole: a client that sends a CREATE and leaves has it made, an
//! INSERT whose body broke off is not run. A shutdown ends all of them.

use super::client::{Client, cut};
use super::error::Failure;
use super::progress::Seen;
use super::request::Request;
use super::{secrets, touched};
use crate::access::Caller;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};
use store::embedded::HOME_DATABASE;

/// What is kept of a text, as at ClickHouse (`log_queries_cut_to_length`).
const TEXT_BYTES_MAX: usize = 100_000;
const SETTING_BYTES_MAX: usize = 4 << 10;

/// What has begun so only reads, unless the engine says otherwise (`WITH … INSERT`).
const READING: [&str; 11] = [
    "", "SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "KILL",
];

pub(super) struct Statement {
    /// Unlike its `query_id`, its own for the life of the process.
    pub(super) number: u64,
    pub(super) query_id: String,
    pub(super) user: String,
    pub(super) client: Client,
    /// Those of the request, without secrets.
    pub(super) settings: Vec<(String, String)>,
    /// Where it runs; empty: where its session is.
    pub(super) database: String,
    pub(super) seen: Seen,
    started: SystemTime,
    since: Instant,
    /// Whose rights it runs with, once it is admitted.
    caller: Mutex<Option<Caller>>,
    /// `None` until it has been read.
    text: Mutex<Option<Text>>,
    begun: AtomicBool,
    /// The request is here to its last byte.
    come: AtomicBool,
    /// As far as is known: it changes something.
    writes: AtomicBool,
    gone: AtomicBool,
    cancelled: AtomicBool,
    done: AtomicBool,
    start_logged: AtomicBool,
    listed: Mutex<Listed>,
}

/// How the engine's list has it. A connection keeps its name from one statement to the next, so nobody may be
/// ended by it once its statement has left.
struct Listed {
    /// The connection's `log_comment`.
    comment: String,
    /// It holds names of others, so the connection is its own.
    has_names: bool,
    is_killed: bool,
    has_left: bool,
}

/// What is known once the text has been read.
#[derive(Clone)]
pub(super) struct Text {
    /// As the client sent it, without data, secrets and what is too long.
    pub(super) shown: String,
    /// The first word of it.
    pub(super) verb: String,
    /// Those that it names.
    pub(super) tables: BTreeSet<String>,
    /// Those of them that it read, as `database.table.projection`.
    pub(super) projections: BTreeSet<String>,
    /// Something in it was hidden, so that an error that quotes it is hidden, too.
    pub(super) has_secrets: bool,
}

impl Statement {
    /// `home`: where it runs unless it is said otherwise.
    pub(super) fn new(request: &Request, home: &str, number: u64) -> Statement {
        let comment = comment(number, request.user(), &request.query_id);
        let comment = match request.setting("log_comment") {
            Some(own) => format!("{comment}|{own}"),
            None => comment,
        };
        let database = match request.database.as_deref() {
            None | Some("") if request.session.is_some() => "",
            None | Some("") => home,
            Some("default") => HOME_DATABASE,
            Some(database) => database,
        };
        Statement {
            number,
            query_id: request.query_id.clone(),
            user: request.user().to_owned(),
            client: request.client.clone(),
            settings: shown(&request.settings),
            database: database.to_owned(),
            seen: Seen::default(),
            started: SystemTime::now(),
            since: Instant::now(),
            caller: Mutex::default(),
            text: Mutex::default(),
            begun: AtomicBool::new(false),
            come: AtomicBool::new(false),
            writes: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            done: AtomicBool::new(false),
            start_logged: AtomicBool::new(false),
            listed: Mutex::new(Listed {
                comment,
                has_names: false,
                is_killed: false,
                has_left: false,
            }),
        }
    }

    pub(super) fn set_caller(&self, caller: &Caller) {
        *self.caller.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(caller.clone());
    }

    /// Something of its user's was taken away that it had when it was let through.
    pub(super) fn is_revoked(&self) -> bool {
        let caller = self.caller.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        caller.is_some_and(|caller| !caller.holds())
    }

    /// `own`: names of tables that it brings along.
    pub(super) fn set_text(&self, text: &str, verb: &str, own: &[String]) {
        self.writes.store(!READING.contains(&verb), Ordering::SeqCst);
        let hidden = secrets::hide(text);
        let has_secrets = hidden.is_some();
        let shown = cut(hidden.as_deref().unwrap_or(text), TEXT_BYTES_MAX).to_owned();
        let tables = touched::tables(text, verb, &self.database, own);
        let projections = BTreeSet::new();
        *self.lock() =
            Some(Text { shown, verb: verb.to_owned(), tables, projections, has_secrets });
    }

    pub(super) fn set_projections(&self, projections: BTreeSet<String>) {
        if let Some(text) = self.lock().as_mut() {
            text.projections = projections;
        }
    }

    /// The engine knows of a secret in it.
    pub(super) fn has_secrets(&self) {
        if let Some(text) = self.lock().as_mut().filter(|text| !text.has_secrets) {
            text.shown = secrets::hide_all(&text.shown);
            text.has_secrets = true;
        }
    }

    pub(super) fn text(&self) -> Option<Text> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Text>> {
        self.text.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn started(&self) -> SystemTime {
        self.started
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    fn listed(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn comment(&self) -> String {
        self.listed().comment.clone()
    }

    /// It runs in a connection that is shared.
    pub(super) fn set_comment(&self, comment: String) {
        self.listed().comment = comment;
    }

    /// What others are called goes with it to the engine, for the view of its list ([`super::processes`]).
    pub(super) fn learn(&self, names: &str) {
        let mut listed = self.listed();
        let end = listed.comment.find('|').unwrap_or(listed.comment.len());
        listed.comment.insert_str(end, &format!(".{names}"));
        listed.has_names = true;
    }

    pub(super) fn has_names(&self) -> bool {
        self.listed().has_names
    }

    /// In a shared connection: the number of that, and its own name.
    pub(super) fn name_there(&self) -> Option<(u64, String)> {
        let listed = self.listed();
        let number = listed.comment.split('.').nth(1)?.parse().ok()?;
        let is_there = number != self.number && !listed.has_left;
        is_there.then(|| (number, percent_encode(&self.query_id)))
    }

    /// What to end it by; `None`: it has left its connection. From here on that is nobody else's.
    pub(super) fn to_kill(&self) -> Option<String> {
        let mut listed = self.listed();
        listed.is_killed |= !listed.has_left;
        (!listed.has_left).then(|| listed.comment.clone())
    }

    /// The engine has no more to do for it. Whether the connection can be another's.
    pub(super) fn leave(&self) -> bool {
        let mut listed = self.listed();
        listed.has_left = true;
        !listed.is_killed
    }

    pub(super) fn has_left(&self) -> bool {
        self.listed().has_left
    }

    /// It has waited for its turn, and what the engine does now is the statement itself.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    pub(super) fn has_come(&self) {
        self.come.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_here(&self) -> bool {
        self.come.load(Ordering::SeqCst)
    }

    /// The engine says so of one that did not look like it.
    pub(super) fn writes(&self) {
        self.writes.store(true, Ordering::SeqCst);
    }

    pub(super) fn goes_on_alone(&self) -> bool {
        self.come.load(Ordering::SeqCst) && self.writes.load(Ordering::SeqCst)
    }

    /// Nobody waits for its answer any more. Whether the engine is to be told: of one that has come and is not
    /// read yet, who reads it decides.
    pub(super) fn give_up(&self) -> bool {
        self.gone.store(true, Ordering::SeqCst);
        let is_unread = self.lock().is_none() && self.come.load(Ordering::SeqCst);
        !(is_unread || self.goes_on_alone() || self.has_ended())
    }

    /// Its client is gone, and it has nothing to do without.
    pub(super) fn is_given_up(&self) -> bool {
        self.gone.load(Ordering::SeqCst) && !self.goes_on_alone()
    }

    /// It is to end with an error.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// An error once it is to end.
    pub(super) fn may_go_on(&self) -> Result<(), Failure> {
        match self.cancelled.load(Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Failure::new(394, "QUERY_WAS_CANCELLED", "Query was cancelled.")),
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        !self.is_given_up() && !self.cancelled.load(Ordering::SeqCst)
    }

    /// `true` for the one who is to log its start; that happens once.
    pub(super) fn takes_start(&self) -> bool {
        !self.start_logged.swap(true, Ordering::SeqCst)
    }

    /// The engine has no more to do for it.
    pub(super) fn end(&self) {
        self.done.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

fn shown(settings: &[(String, String)]) -> Vec<(String, String)> {
    let settings = settings.iter().map(|(name, value)| {
        let value = match secrets::is_name_of_secret(name) {
            true => "[HIDDEN]".to_owned(),
            false => secrets::hide_in_value(cut(value, SETTING_BYTES_MAX)),
        };
        (name.clone(), value)
    });
    settings.collect()
}

/// Names a statement for the engine, so that its own list can be shown with the client's names:
/// `door.17.default.report%201`, then `|` and what the client set as its comment. Connections that are shared have
/// numbers of their own, and no `query_id`.
pub(super) fn comment(number: u64, user: &str, query_id: &str) -> String {
    format!("door.{number}.{}.{}", percent_encode(user), percent_encode(query_id))
}

fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_holds_nothing_that_divides_it() {
        assert_eq!(comment(17, "default", "report 1|x.y"), "door.17.default.report%201%7Cx%2Ey");
    }

    #[test]
    fn nobody_is_killed_in_anothers_connection() {
        let statement = |number| Statement::new(&Request::default(), HOME_DATABASE, number);
        let (first, second) = (statement(1), statement(2));
        assert_eq!(first.name_there(), None);
        first.set_comment(comment(7, "ann", ""));
        assert!(first.leave());
        second.set_comment(first.comment());
        assert_eq!(first.to_kill(), None);
        assert_eq!(second.name_there().unwrap().0, 7);
        assert_eq!(second.to_kill(), Some("door.7.ann.".into()));
        assert!(!second.leave());
        let request =
            Request { settings: vec![("log_comment".into(), "mine".into())], ..Request::default() };
        let third = Statement::new(&request, HOME_DATABASE, 3);
        third.learn("1=a;2=b");
        assert!(third.comment().ends_with(".1=a;2=b|mine"));
    }

    #[test]
    fn what_writes_goes_on_without_its_client_once_it_has_come() {
        let statement = || Statement::new(&Request::default(), HOME_DATABASE, 1);
        // Its text, whether all of it came, whether the engine is told, whether it ends.
        for (verb, come, told, ends) in [
            ("SELECT", true, true, true),
            ("SELECT", false, true, true),
            ("CREATE", true, false, false),
            ("INSERT", true, false, false),
            ("INSERT", false, true, true),
        ] {
            let statement = statement();
            if come {
                statement.has_come();
            }
            statement.set_text(verb, verb, &[]);
            assert_eq!((statement.give_up(), statement.is_given_up()), (told, ends), "{verb}");
        }
        // One that is not read yet.
        let statement = statement();
        statement.has_come();
        assert!(!statement.give_up() && statement.is_given_up());
        statement.set_text("WITH x", "WITH", &[]);
        assert!(statement.is_given_up());
        statement.writes();
        assert!(!statement.is_given_up());
    }

    #[test]
    fn a_text_is_shown_without_secrets_and_not_whole_for_ever() {
        let request = Request { query_id: "q".into(), ..Request::default() };
        let statement = Statement::new(&request, HOME_DATABASE, 1);
        statement.set_text("  SELECT 1 ; ", "SELECT", &[]);
        assert_eq!(statement.text().unwrap().shown, "  SELECT 1 ; ");
        statement.has_secrets();
        statement.set_text("CREATE USER x IDENTIFIED BY 'oh'", "CREATE", &[]);
        assert!(statement.text().unwrap().has_secrets);
        assert!(!statement.text().unwrap().shown.contains("oh"));
        statement.set_text(&"é".repeat(TEXT_BYTES_MAX), "SELECT", &[]);
        assert!(statement.text().unwrap().shown.len() <= TEXT_BYTES_MAX);
    }
}
