//! Somebody who came in: what she may, asked of the book, the gate and the fence.

use super::book::Rights;
use super::clauses::settings_in;
use super::gate::Gate;
use super::known::Known;
use super::lists::OWN;
use super::password::Password;
use super::reads::sees_database;
use super::statement::{Roles, Statement};
use super::{Access, fence, leave, names, settings, statement};
use crate::clickhouse::error::Failure;
use crate::clickhouse::native::Block;
use crate::clickhouse::plain::is_plain;
use crate::clickhouse::settings::Settings;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::embedded::{Exception, HOME_DATABASE, Session, Stats};

/// The engine's `max_query_size`.
const LIMITED_SQL_BYTES_MAX: usize = 256 << 10;

/// Errors that are about the statement alone: its syntax and names, rights, limits, cancelling.
const WITHOUT_VALUES: [u32; 26] = [
    42, 46, 47, 48, 60, 62, 73, 81, 115, 158, 159, 160, 164, 179, 184, 201, 202, 215, 241, 307,
    394, 396, 452, 497, 512, 1001,
];

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
    /// The session goes on with these of the user's roles; `None`: the default ones.
    Roles(Option<Vec<String>>),
}

/// Somebody who came in.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(super) access: Arc<Access>,
    pub(crate) user: String,
    /// Nobody was asked for a password.
    pub(super) open: bool,
    /// By which she came in. Another user of that name has another.
    pub(super) password: Option<Password>,
    /// Of her roles, only these; `None`: the default ones.
    pub(super) chosen: Option<Vec<String>>,
    pub(super) rights: Arc<Rights>,
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

    /// The same with those of the roles that she still has: what a session chose may be revoked since.
    pub(crate) fn with_roles_left(&self, roles: &[String]) -> Result<Caller, Failure> {
        let left = self.access.book().roles_left(&self.user, roles);
        self.with_roles(Some(&left))
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

    /// Nothing is changed, whatever is granted.
    pub(crate) fn is_readonly(&self) -> bool {
        self.rights.readonly
    }

    /// Where she is when nothing else is said. In a database that is not hers to see she would see nothing.
    pub(crate) fn home(&self) -> &str {
        let own = self.rights.database.as_deref().filter(|name| *name != "default");
        let may_see = |name: &&str| {
            self.is_admin() || (!OWN.contains(name) && sees_database(&self.rights, name))
        };
        let own = own.filter(may_see);
        own.unwrap_or(HOME_DATABASE)
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

    /// What her password is kept as; it changes with it.
    pub(crate) fn password_mark(&self) -> String {
        self.password.as_ref().map_or_else(String::new, Password::definition)
    }

    /// Whether she writes what others see: an admin does, and who has that role.
    pub(crate) fn is_editor(&self) -> bool {
        !self.is_readonly() && (self.is_admin() || self.rights.roles.contains(super::EDITOR))
    }

    /// Whether a text by somebody else may run as hers: it reads tables, and neither files nor other servers,
    /// whoever she is.
    pub(crate) fn check_reach(&self, text: &str) -> Result<(), Failure> {
        if !is_plain(text) {
            return Err(Failure::syntax(
                "Syntax error: a dashboard's query has only ASCII without $ and \\ outside of quotes and comments",
            ));
        }
        match self.access.functions.reaching_out(text) {
            None => Ok(()),
            Some(name) => {
                let text = format!(
                    "{name}() is not for dashboards: whoever opens one would run it. The SQL page takes it"
                );
                Err(Failure::new(497, "ACCESS_DENIED", text))
            }
        }
    }

    /// Sessions are told apart by whose they are, too: not by the name alone, which another one may have
    /// by now.
    pub(crate) fn session_name(&self, id: &str) -> String {
        format!("{}\0{}\0{id}", self.user, self.password_mark())
    }

    /// Refuses and lowers settings of the request.
    pub(crate) fn settings(&self, wanted: &mut Settings) -> Result<(), Failure> {
        if self.is_admin() {
            return Ok(());
        }
        settings::allow(&self.rights, wanted)?;
        let of_names = names::filters(&self.rights.grants, self.access.engine.roles());
        let filters: Vec<String> = (self.rights.filters.iter().chain(&of_names))
            .map(|(place, filter)| {
                format!("{}: {}", store::ddl::literal(place), store::ddl::literal(filter))
            })
            .collect();
        if !filters.is_empty() {
            let filters = format!("{{{}}}", filters.join(", "));
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
        let mut own = self.access.parsers.take(&self.access.engine)?;
        self.gate(current).check(&mut own, text, params, !pairs.is_empty())?;
        self.access.parsers.put(own);
        Ok(())
    }

    fn gate(&self, current: String) -> Gate<'_> {
        let access = &self.access;
        let known = Known::new(&access.engine);
        let hides_names = fence::is_widened(&self.rights.grants, access.engine.roles());
        Gate { rights: &self.rights, functions: &access.functions, known, current, hides_names }
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
                    Roles::Default => None,
                    Roles::All => Some(self.access.book().all_roles(&self.user)),
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
}

/// Settings of its user may be in force in the session. None of them may have a say in this: names are let through
/// by where they are.
pub(crate) fn current_database(session: &mut Session) -> Result<String, Failure> {
    const SQL: &str = "SELECT currentDatabase() SETTINGS limit = 0, offset = 0, extremes = 0";
    let answer = session.query_and_keep(SQL, "RowBinary", &[])?;
    let mut fields = Block::new(answer.bytes());
    let name = fields.text().and_then(|name| std::str::from_utf8(name).ok());
    match name.filter(|name| !name.is_empty()) {
        Some(name) if fields.text().is_none() => Ok(name.to_owned()),
        _ => Err(Failure::new(497, "ACCESS_DENIED", "It is not known in which database this is")),
    }
}
