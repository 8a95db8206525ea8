//! Who may do what.
//!
//! ```text
//! request ─▶ login ─▶ Caller ──┬─ admin ───────────────▶ the engine, as it is
//!                              └─ limited ─▶ settings ─▶ fence ─▶ gate ─▶ the engine, in its roles
//!                                            refused,    SET      EXPLAIN  and readonly for those
//!                                            lowered     ROLE     AST      who only read
//! CREATE USER, GRANT … ─▶ statement ─▶ change ─▶ Book ─▶ tables, fence of the next start
//! ```
//!
//! - **Twice.** The gate decides from the engine's parse what a statement may be and touch; the
//!   engine's own roles decide again when it runs. What each of them cannot see stands in
//!   [`gate`] and [`fence`].
//! - **Lists of what is allowed**, for statements, functions, table functions, engines, settings and
//!   system tables. What a newer engine brings is refused until it is on a list.
//! - **Passwords are hashes** from the moment they arrive, and no error, log or `Debug` has one.
//! - To the engine everybody is `default`: `currentUser()` says that.

mod ast;
mod book;
mod change;
mod cursor;
mod fence;
mod file;
mod filter;
mod functions;
mod gate;
mod grant;
mod known;
mod later;
mod lists;
mod login;
mod needs;
mod passed;
mod password;
mod privilege;
mod quota;
mod settings;
mod statement;
mod tables;
mod words;

pub(crate) use fence::leave;
pub use file::{File, FileHolder, FilePassword};
pub(crate) use login::Credentials;
pub use privilege::privileges;

use crate::clickhouse::error::Failure;
use crate::clickhouse::plain::is_plain;
use crate::clickhouse::settings::Settings;
use crate::clickhouse::sql::{Kind as TokenKind, Tokens};
use book::{Book, Rights};
use functions::Functions;
use gate::Gate;
use grant::{Grant, Grants};
use known::Known;
use login::Logins;
use model::{Error, Result};
use password::Password;
use quota::Quotas;
pub(crate) use statement::Statement;
use statement::{Roles, Show};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};
use store::Engine;
use store::embedded::{Exception, Session, Stats, databases_on_disk};

/// Puts down what the engine has to know of users before it opens, in a data directory that is this process's. Without it everybody but admins is
/// kept out.
pub fn prepare(data_dir: &Path, file: &File) -> Result<()> {
    let cannot = |error| Error::definite("cannot put down the engine's roles").source(error);
    let book = file.book()?;
    // What SQL granted before is in the store; what came of it stands beside.
    let roles = store::embedded::remembered_roles(data_dir);
    let texts = roles.values().flatten().filter_map(|text| text.strip_prefix("GRANT "));
    let mut before = Grants::new();
    for text in texts {
        let read = cursor::Cursor::new(text).and_then(|mut cursor| grant::read(&mut cursor, ""));
        before.extend(read.unwrap_or_default());
    }
    fence::remember(data_dir, &book, &before, &databases_on_disk(data_dir)).map_err(cannot)
}

/// What is the server's own is nobody's to be granted.
pub(super) fn check_places(grants: &Grants) -> Result<(), Failure> {
    let own = |grant: &&Grant| matches!(grant.database.as_deref(), Some("millrace" | "default"));
    match grants.iter().find(own) {
        None => Ok(()),
        Some(grant) => {
            let text = format!("{grant} cannot be granted: it belongs to the server");
            Err(Failure::new(497, "ACCESS_DENIED", text))
        }
    }
}

/// The engine's `max_query_size`.
const LIMITED_SQL_BYTES_MAX: usize = 256 << 10;

/// Errors that are about the statement alone: its syntax and names, rights, limits, cancelling.
const WITHOUT_VALUES: [u32; 26] = [
    42, 46, 47, 48, 60, 62, 73, 81, 115, 158, 159, 160, 164, 179, 184, 201, 202, 215, 241, 307,
    394, 396, 452, 497, 512, 1001,
];

/// Held through a change. There is one engine a process, and doors on it share its tables and files.
static CHANGING: Mutex<()> = Mutex::new(());

fn change_alone() -> MutexGuard<'static, ()> {
    CHANGING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(crate) struct Access {
    engine: Engine,
    book: RwLock<Arc<Book>>,
    /// The last one written.
    version: AtomicU64,
    functions: Functions,
    logins: Logins,
    quotas: Quotas,
}

impl Access {
    /// Blocks.
    pub(crate) fn open(engine: &Engine, file: &File) -> Result<Access> {
        let _alone = change_alone();
        let mut book = file.book()?;
        // One of them leaves the stream, and the others, half of the engine's memory.
        book.memory_most = memory(engine)? / 2;
        let version = tables::load(engine, &mut book)?;
        tables::show(engine, &book)?;
        tables::replace_system_tables(engine)?;
        let access = Access {
            engine: engine.clone(),
            book: RwLock::new(Arc::new(book)),
            version: AtomicU64::new(version),
            functions: Functions::read(engine)?,
            logins: Logins::new(),
            quotas: Quotas::default(),
        };
        access.remember(&access.book())?;
        Ok(access)
    }

    fn book(&self) -> Arc<Book> {
        self.book.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether whoever reaches the port comes in as `default`.
    pub(crate) fn is_open(&self) -> bool {
        self.book().users.get("default").is_some_and(is_open)
    }

    fn remember(&self, book: &Book) -> Result<()> {
        let mut session = self.engine.session()?;
        let sql = "SELECT name FROM system.databases ORDER BY name";
        let answer = session.query(sql, "TSVRaw", &[]).map_err(|e| e.error("list databases"))?;
        let names = String::from_utf8_lossy(answer.bytes()).into_owned();
        let names: Vec<String> = names.lines().map(str::to_owned).collect();
        fence::remember(self.engine.data_dir(), book, &Grants::new(), &names)
            .map_err(|error| Error::definite("cannot put down the engine's roles").source(error))
    }

    pub(crate) async fn login(
        self: &Arc<Self>,
        credentials: &Credentials,
        roles: &[String],
        address: IpAddr,
    ) -> Result<Caller, Failure> {
        let name = credentials.user();
        let holder = self.book().users.get(name).cloned();
        let open = holder.as_ref().is_some_and(is_open);
        let password = holder.and_then(|holder| holder.password);
        if !(open && credentials.has_no_password()) {
            let passwords = |book: &Book| -> Option<u32> {
                book.users.values().filter_map(|user| user.password.as_ref()?.cost()).max()
            };
            let slow = passwords(&self.book());
            self.logins.check(credentials, password.clone(), slow, address).await?;
        }
        let chosen = (!roles.is_empty()).then(|| roles.to_vec());
        let rights = Arc::default();
        Caller { user: name.to_owned(), open, password, chosen, rights, access: self.clone() }
            .renewed()
    }

    /// Runs a statement about users that somebody may run.
    fn change(&self, statement: Statement) -> Result<(), Failure> {
        let failed = |error: Error| Failure::new(1001, "STD_EXCEPTION", error.report());
        let _alone = change_alone();
        if let Statement::CreatePolicy { filter, .. } = &statement {
            let mut session = self.engine.session().map_err(failed)?;
            session.query(&format!("EXPLAIN AST SELECT 1 WHERE ({filter})"), "Null", &[])?;
        }
        let mut book = Book::clone(&self.book());
        let changed = change::apply(&mut book, statement)?;
        if changed.is_empty() {
            return Ok(());
        }
        let version = self.version.fetch_add(changed.len() as u64, Ordering::Relaxed) + 1;
        tables::keep(&self.engine, &book, &changed, version).map_err(failed)?;
        // In force from here on, also if it cannot be shown: so it would be after a restart.
        let book = Arc::new(book);
        *self.book.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = book.clone();
        tables::show(&self.engine, &book).map_err(failed)?;
        self.remember(&book).map_err(failed)
    }
}

/// What the engine may take altogether.
fn memory(engine: &Engine) -> Result<u64> {
    let sql = "SELECT value FROM system.server_settings WHERE name = 'max_server_memory_usage'";
    let answer = engine.session()?.query(sql, "TSVRaw", &[]);
    let answer = answer.map_err(|error| error.error("ask for the engine's memory"))?;
    Ok(String::from_utf8_lossy(answer.bytes()).trim().parse().unwrap_or(0))
}

/// `default` of a project that has no users.
fn is_open(holder: &book::Holder) -> bool {
    holder.origin == book::Origin::BuiltIn && holder.password.is_none()
}

fn only_admins() -> Failure {
    let text = "Not enough privileges. Users are made and granted to by admins.";
    Failure::new(497, "ACCESS_DENIED", text)
}

/// What the door does with a statement about users.
pub(crate) enum Done {
    /// It answers nothing.
    Quietly,
    /// It answers what this SELECT answers.
    Select(String),
    /// The session goes on with these of the user's roles; `None`: all.
    Roles(Option<Vec<String>>),
}

/// Somebody who came in.
#[derive(Clone)]
pub(crate) struct Caller {
    access: Arc<Access>,
    pub(crate) user: String,
    /// Nobody was asked for a password.
    open: bool,
    /// By which she came in. Another user of that name has another.
    password: Option<Password>,
    /// Of her roles, only these; `None`: all.
    chosen: Option<Vec<String>>,
    rights: Arc<Rights>,
}

impl Caller {
    /// The same one with what has changed since.
    pub(crate) fn renewed(&self) -> Result<Caller, Failure> {
        let book = self.access.book();
        let known = book.users.get(&self.user);
        if known.is_none_or(|holder| holder.password != self.password) {
            let text = format!(
                "{}: Authentication failed: the user or the password has changed meanwhile",
                self.user
            );
            return Err(Failure::new(516, "AUTHENTICATION_FAILED", text));
        }
        let rights = Arc::new(book.rights(&self.user, self.chosen.as_deref())?);
        Ok(Caller { rights, ..self.clone() })
    }

    /// The same with fewer roles.
    pub(crate) fn with_roles(&self, roles: Option<&[String]>) -> Result<Caller, Failure> {
        Caller { chosen: roles.map(<[String]>::to_vec), ..self.clone() }.renewed()
    }

    /// Whether all that was allowed to her still is.
    pub(crate) fn holds(&self) -> bool {
        self.renewed().is_ok_and(|now| now.rights.hold_all_of(&self.rights))
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.rights.admin
    }

    /// Whether nothing is theirs to change: then the engine is read-only to them, and a session has
    /// nothing to keep.
    pub(crate) fn only_reads(&self) -> bool {
        self.rights.only_reads()
    }

    /// What others have no use for only costs: limited users have what the engine reads by default.
    pub(crate) fn text_bytes_max(&self, of_admins: usize) -> usize {
        if self.is_admin() { of_admins } else { LIMITED_SQL_BYTES_MAX }
    }

    /// Before anything else looks at it. Its data, if it has any, is not a part of it.
    pub(crate) fn check_text(&self, text: &str) -> Result<(), Failure> {
        match self.is_admin() || (text.len() <= LIMITED_SQL_BYTES_MAX && is_plain(text)) {
            true => Ok(()),
            false => Err(Failure::syntax(
                "Syntax error: a text of limited users has 256 KiB at most, and outside of quotes and \
                 comments only ASCII without $ and \\ (put such a name into backticks)",
            )),
        }
    }

    /// Sessions are told apart by whose they are, too: not by the name alone, which another one may have
    /// by now.
    pub(crate) fn session_name(&self, id: &str) -> String {
        let password = self.password.as_ref().map_or_else(String::new, Password::definition);
        format!("{}\0{password}\0{id}", self.user)
    }

    /// Refuses and lowers settings of the request.
    pub(crate) fn settings(&self, wanted: &mut Settings) -> Result<(), Failure> {
        if self.is_admin() {
            return Ok(());
        }
        settings::allow(&self.rights, wanted)?;
        if !self.rights.filters.is_empty() {
            let pairs = self.rights.filters.iter().map(|(place, filter)| {
                format!("{}: {}", store::ddl::literal(place), store::ddl::literal(filter))
            });
            let filters = format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "));
            wanted.insert("additional_table_filters".into(), filters);
        }
        Ok(())
    }

    pub(crate) fn check_database(&self, database: &str) -> Result<(), Failure> {
        if self.is_admin() { Ok(()) } else { self.gate(String::new()).check_database(database) }
    }

    /// The engine's roles of the user; `None`: those that every session begins with.
    pub(crate) fn roles(&self) -> Option<Vec<String>> {
        let known = self.access.engine.roles();
        (!self.is_admin()).then(|| fence::roles(&self.rights.grants, known))
    }

    /// Puts the session into the engine's roles of the user.
    pub(crate) fn enter(&self, session: &mut Session, is_new: bool) -> Result<(), Failure> {
        match self.is_admin() {
            // What every session begins with.
            true if is_new || self.open => Ok(()),
            true => leave(session),
            false => fence::enter(session, &self.rights, self.access.engine.roles()),
        }
    }

    /// An error as the caller may read it: many quote the value that they are about, also of a row that
    /// a filter hides.
    pub(crate) fn told(&self, mut failure: Failure) -> Failure {
        let exception = &failure.exception;
        if !self.rights.filters.is_empty() && !WITHOUT_VALUES.contains(&exception.code) {
            let text = "The details are withheld: a row filter is in force, and they may quote rows \
                        that it hides";
            failure.exception = Exception::new(exception.code, exception.name(), text);
        }
        failure
    }

    /// Lets a statement through the gate, or not. `current`: the session's database, where it is known.
    pub(crate) fn check(
        &self,
        session: &mut Session,
        current: Option<String>,
        text: &str,
        params: &[(String, String)],
    ) -> Result<(), Failure> {
        if self.is_admin() {
            return Ok(());
        }
        let (pairs, verb) = settings_in(text);
        let of_table = matches!(verb.as_str(), "CREATE" | "ALTER");
        settings::allow_in_text(&self.rights, &pairs, of_table)?;
        let current = match current {
            Some(current) => current,
            None => current_database(session)?,
        };
        // In a session of the gate's own: the user's limits are not for it.
        let own = self.access.engine.session();
        let mut own = own.map_err(|error| Failure::new(210, "NETWORK_ERROR", error.report()))?;
        own.query("SET implicit_select = 0", "Null", &[])?;
        self.gate(current).check(&mut own, text, params, !pairs.is_empty())
    }

    fn gate(&self, current: String) -> Gate<'_> {
        let access = &self.access;
        let known = Known::new(&access.engine);
        Gate { rights: &self.rights, functions: &access.functions, known, current }
    }

    pub(crate) fn begin(&self) -> Result<(), Failure> {
        self.access.quotas.begin(&self.user, &self.rights.quotas, Instant::now())
    }

    pub(crate) fn end(&self, stats: &Stats, took: Duration, failed: bool) {
        self.access.quotas.end(&self.user, &self.rights.quotas, stats, took, failed);
    }

    /// A statement about users; `None`: it is about something else. Whoever may not change them costs
    /// nothing: to read a password is to hash it.
    pub(crate) fn parse(&self, text: &str, current: &str) -> Result<Option<Statement>, Failure> {
        match !self.is_admin() && statement::changes_users(text) {
            true => Err(only_admins()),
            false => statement::parse(text, current),
        }
    }

    /// Answers a statement about users.
    pub(crate) fn answer(&self, statement: Statement, may_write: bool) -> Result<Done, Failure> {
        match statement {
            Statement::Show(show) => self.show(&show).map(Done::Select),
            Statement::SetRole(roles) => {
                let roles = match roles {
                    Roles::All => None,
                    Roles::None => Some(Vec::new()),
                    Roles::Named(names) => Some(names),
                };
                // Of all that the user has, not of what was chosen before.
                self.with_roles(roles.as_deref())?;
                Ok(Done::Roles(roles))
            }
            _ if !self.is_admin() => Err(only_admins()),
            _ if !may_write => {
                let text = "Cannot execute query in readonly mode";
                Err(Failure::new(164, "READONLY", text))
            }
            statement => self.access.change(statement).map(|()| Done::Quietly),
        }
    }

    /// As a SELECT, so that it comes in any format.
    fn show(&self, show: &Show) -> Result<String, Failure> {
        let book = self.access.book();
        let own = |name: &Option<String>| name.as_deref().is_none_or(|name| name == self.user);
        let allowed = match show {
            Show::Grants(name) | Show::CreateUser(name) => own(name),
            Show::CurrentRoles => true,
            _ => false,
        };
        if !allowed && !self.is_admin() {
            let text = "Not enough privileges. To see others needs an admin.";
            return Err(Failure::new(497, "ACCESS_DENIED", text));
        }
        let named = |name: &str, of: &'static str| -> Result<book::Holder, Failure> {
            let holders = if of == "USER" { &book.users } else { &book.roles };
            let unknown = if of == "USER" { book::unknown_user } else { book::unknown_role };
            holders.get(name).cloned().ok_or_else(|| unknown(name))
        };
        let (title, lines): (String, Vec<String>) = match show {
            Show::Grants(name) => {
                let name = name.as_deref().unwrap_or(&self.user);
                let holder =
                    named(name, "USER").or_else(|no| named(name, "ROLE").map_err(|_| no))?;
                let title =
                    if name == self.user { "GRANTS".into() } else { format!("GRANTS FOR {name}") };
                (title, holder.grant_statements())
            }
            Show::CreateUser(name) => {
                let name = name.as_deref().unwrap_or(&self.user);
                let user = named(name, "USER")?;
                let by = user.password.as_ref().map(|p| format!(" IDENTIFIED WITH {}", p.method()));
                let line = format!(
                    "CREATE USER {}{}{}",
                    grant::ident(name),
                    by.unwrap_or_default(),
                    user.settings_clause()
                );
                (format!("CREATE USER {name}"), vec![line])
            }
            Show::CreateRole(name) => {
                let role = named(name, "ROLE")?;
                let line = format!("CREATE ROLE {}{}", grant::ident(name), role.settings_clause());
                (format!("CREATE ROLE {name}"), vec![line])
            }
            Show::Users => ("name".into(), book.users.keys().cloned().collect()),
            Show::Roles => ("name".into(), book.roles.keys().cloned().collect()),
            Show::CurrentRoles => ("role_name".into(), self.rights.roles.iter().cloned().collect()),
            Show::Policies(None) => ("name".into(), book.policies.keys().cloned().collect()),
            Show::Policies(Some((database, table))) => {
                let of_it = |p: &&book::Policy| p.database == *database && p.table == *table;
                let found = book.policies.values().filter(of_it);
                ("name".into(), found.map(|policy| policy.name.clone()).collect())
            }
            Show::Quotas => ("name".into(), book.quotas.keys().cloned().collect()),
            Show::Access => {
                let holders = book.users.values().chain(book.roles.values());
                let grants = holders.flat_map(book::Holder::grant_statements);
                let policies = book.policies.values().map(book::Policy::statement);
                let quotas = book.quotas.values().map(book::Quota::statement);
                ("ACCESS".into(), grants.chain(policies).chain(quotas).collect())
            }
        };
        let lines: Vec<String> = lines.iter().map(|line| store::ddl::literal(line)).collect();
        let array = format!("CAST([{}], 'Array(String)')", lines.join(", "));
        Ok(format!("SELECT arrayJoin({array}) AS {}", store::ddl::ident(&title)))
    }
}

pub(crate) fn current_database(session: &mut Session) -> Result<String, Failure> {
    let answer = session.query_and_keep("SELECT currentDatabase()", "TSVRaw", &[])?;
    Ok(String::from_utf8_lossy(answer.bytes()).trim_end_matches('\n').to_owned())
}

/// Settings that a statement names for itself, and its verb.
fn settings_in(text: &str) -> (Vec<(String, String)>, String) {
    let tokens: Vec<_> = Tokens::new(text.as_bytes()).collect();
    let at = |index: usize| tokens.get(index).map_or("", |token| &text[token.start..token.end]);
    let verb = at(0).to_ascii_uppercase();
    let mut pairs = Vec::new();
    for start in 0..tokens.len() {
        let word = at(start).to_ascii_uppercase();
        let begins =
            matches!(word.as_str(), "SETTINGS" | "SETTING") || (word == "SET" && start == 0);
        if !begins || tokens[start].kind != TokenKind::Word {
            continue;
        }
        let mut name = start + 1;
        while tokens
            .get(name)
            .is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
        {
            let mut bare = at(name).trim_matches(['`', '"']).to_owned();
            let mut next = name + 1;
            while at(next) == "." {
                bare = format!("{bare}.{}", at(next + 1));
                next += 2;
            }
            // `SET x` alone means 1.
            let value = if at(next) == "=" {
                next += 1;
                at(next).trim_matches('\'').to_owned()
            } else {
                "1".into()
            };
            let is_pair = at(next - 1) == "=" || verb == "SET";
            if !is_pair {
                break;
            }
            pairs.push((bare, value));
            // A value may be a map or a list.
            let mut depth = 0i32;
            while next < tokens.len() {
                match at(next) {
                    // Not of the value: looked at in its turn, so that a text is gone through once.
                    word if word.eq_ignore_ascii_case("SETTINGS") => break,
                    "(" | "[" | "{" => depth += 1,
                    ")" | "]" | "}" => depth -= 1,
                    "," if depth <= 0 => break,
                    _ => {}
                }
                if depth < 0 {
                    break;
                }
                next += 1;
            }
            if at(next) != "," {
                break;
            }
            name = next + 1;
        }
    }
    (pairs, verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_a_statement_are_found() {
        let named = |text: &str| -> Vec<String> {
            settings_in(text).0.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        assert_eq!(named("SELECT 1 SETTINGS max_threads = 2, readonly=0 FORMAT JSON").len(), 2);
        assert_eq!(named("SET a.b = 'x', `c` = 1"), ["a.b=x", "c=1"]);
        assert_eq!(
            named("SELECT (SELECT 1 SETTINGS x = 1) SETTINGS y = {'a': 'b, c'}, z = 2"),
            ["x=1", "y={", "z=2"]
        );
        assert_eq!(named("ALTER TABLE t MODIFY SETTING a = 1"), ["a=1"]);
        assert!(named("SELECT settings, x = 1 FROM t WHERE 'SETTINGS a = 1' = y").is_empty());
    }
}
