//! Statements about who may do what, in ClickHouse's words. They never reach the engine: it keeps
//! users in a file that it reads once.

use super::book::{DefaultRoles, Interval, LIMITS, Limits, READONLY, To};
use super::cursor::Cursor;
use super::grant::{self, Grants};
use super::password::Password;
use crate::clickhouse::error::Failure;
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, Failure>;

/// What a quota may count.
const METRICS: [&str; 6] =
    ["queries", "errors", "result_rows", "read_rows", "read_bytes", "execution_time"];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    User,
    Role,
    Policy,
    Quota,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Plain,
    IfNotExists,
    OrReplace,
}

/// What is said of a user or a role; `None`: nothing.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Change {
    /// `Some(None)`: none is needed.
    pub(super) password: Option<Option<Password>>,
    pub(super) limits: Option<Limits>,
    pub(super) default_roles: Option<DefaultRoles>,
    /// `Some(None)`: none.
    pub(super) database: Option<Option<String>>,
}

/// Which of a user's roles are meant.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Roles {
    Default,
    All,
    None,
    Named(Vec<String>),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Given {
    Grants(Grants),
    Roles(Vec<String>),
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Show {
    /// Of this user or role, or of who asks.
    Grants(Option<String>),
    CreateUser(Option<String>),
    CreateRole(String),
    Users,
    Roles,
    CurrentRoles,
    /// All of them, or those of one table.
    Policies(Option<(String, String)>),
    Quotas,
    Access,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Statement {
    Create {
        kind: Kind,
        mode: Mode,
        names: Vec<String>,
        change: Change,
    },
    Alter {
        kind: Kind,
        if_exists: bool,
        names: Vec<String>,
        change: Change,
    },
    Drop {
        kind: Kind,
        if_exists: bool,
        names: Vec<String>,
    },
    CreatePolicy {
        mode: Mode,
        name: String,
        place: (String, String),
        filter: String,
        restrictive: bool,
        to: To,
    },
    DropPolicy {
        if_exists: bool,
        name: String,
        place: (String, String),
    },
    CreateQuota {
        mode: Mode,
        name: String,
        intervals: Vec<Interval>,
        to: To,
    },
    Grant {
        given: Given,
        to: Vec<String>,
    },
    Revoke {
        given: Given,
        from: Vec<String>,
    },
    SetRole(Roles),
    SetDefaultRoles {
        roles: DefaultRoles,
        to: Vec<String>,
    },
    Show(Show),
}

/// `None`: the statement is about something else.
pub(crate) fn parse(text: &str, current: &str) -> Result<Option<Statement>> {
    // Most statements begin otherwise; their text need not be one that the cursor can read.
    let verb = text.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or("");
    const VERBS: [&str; 7] = ["CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "SET", "SHOW"];
    let begins = VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb));
    if !begins && !text.trim_start().starts_with(['-', '/', '#']) {
        return Ok(None);
    }
    let Ok(mut cursor) = Cursor::new(text) else { return Ok(None) };
    let parsed = statement(&mut cursor, current)?;
    if parsed.is_some() {
        cursor.end()?;
    }
    Ok(parsed)
}

/// Whether it makes, changes or drops a user and what belongs to one.
pub(super) fn changes_users(text: &str) -> bool {
    let Ok(mut cursor) = Cursor::new(text) else { return false };
    if cursor.takes("GRANT") || cursor.takes("REVOKE") || cursor.takes("SET DEFAULT ROLE") {
        return true;
    }
    if cursor.takes("CREATE") {
        cursor.takes("OR REPLACE");
    } else if !(cursor.takes("ALTER") || cursor.takes("DROP")) {
        return false;
    }
    kind(&mut cursor).is_some()
}

fn statement(cursor: &mut Cursor, current: &str) -> Result<Option<Statement>> {
    if cursor.takes("GRANT") {
        return grants(cursor, current).map(Some);
    }
    if cursor.takes("REVOKE") {
        return revoke(cursor, current).map(Some);
    }
    if cursor.takes("SET ROLE") {
        return Ok(Some(Statement::SetRole(roles(cursor)?)));
    }
    if cursor.takes("SET DEFAULT ROLE") {
        let roles = default_roles(cursor)?;
        cursor.expect("TO")?;
        return Ok(Some(Statement::SetDefaultRoles { roles, to: cursor.names()? }));
    }
    if cursor.takes("SHOW") {
        return Ok(show(cursor, current)?.map(Statement::Show));
    }
    if cursor.takes("CREATE") {
        let replace = cursor.takes("OR REPLACE");
        let Some(kind) = kind(cursor) else { return Ok(None) };
        let mode = match (replace, cursor.takes("IF NOT EXISTS")) {
            (true, _) => Mode::OrReplace,
            (false, true) => Mode::IfNotExists,
            (false, false) => Mode::Plain,
        };
        let mode = if cursor.takes("OR REPLACE") { Mode::OrReplace } else { mode };
        return create(cursor, kind, mode, current).map(Some);
    }
    if cursor.takes("ALTER") {
        let Some(kind) = kind(cursor) else { return Ok(None) };
        if matches!(kind, Kind::Policy | Kind::Quota) {
            let text = "change it with CREATE OR REPLACE";
            return Err(Failure::not_implemented(text));
        }
        let if_exists = cursor.takes("IF EXISTS");
        let names = cursor.names()?;
        let change = change(cursor, kind)?;
        return Ok(Some(Statement::Alter { kind, if_exists, names, change }));
    }
    if cursor.takes("DROP") {
        let Some(kind) = kind(cursor) else { return Ok(None) };
        let if_exists = cursor.takes("IF EXISTS");
        if kind == Kind::Policy {
            let name = cursor.name()?;
            let place = place(cursor, current)?;
            return Ok(Some(Statement::DropPolicy { if_exists, name, place }));
        }
        let names = cursor.names()?;
        not_on_cluster(cursor)?;
        return Ok(Some(Statement::Drop { kind, if_exists, names }));
    }
    Ok(None)
}

fn kind(cursor: &mut Cursor) -> Option<Kind> {
    let kinds = [
        ("USER", Kind::User),
        ("ROLE", Kind::Role),
        ("ROW POLICY", Kind::Policy),
        ("POLICY", Kind::Policy),
        ("QUOTA", Kind::Quota),
    ];
    kinds.into_iter().find(|(words, _)| cursor.takes(words)).map(|(_, kind)| kind)
}

fn create(cursor: &mut Cursor, kind: Kind, mode: Mode, current: &str) -> Result<Statement> {
    match kind {
        Kind::User | Kind::Role => {
            let names = cursor.names()?;
            let change = change(cursor, kind)?;
            Ok(Statement::Create { kind, mode, names, change })
        }
        Kind::Policy => policy(cursor, mode, current),
        Kind::Quota => {
            let name = cursor.name()?;
            let (intervals, to) = quota(cursor)?;
            Ok(Statement::CreateQuota { mode, name, intervals, to })
        }
    }
}

/// The clauses behind the names.
fn change(cursor: &mut Cursor, kind: Kind) -> Result<Change> {
    let mut change = Change::default();
    not_on_cluster(cursor)?;
    while !cursor.is_at_end() {
        let of_user = kind == Kind::User;
        if change.password.is_some()
            && (cursor.takes("IDENTIFIED") || cursor.takes("NOT IDENTIFIED"))
        {
            return Err(Failure::syntax("Syntax error: a user has one password"));
        }
        if of_user && cursor.takes("NOT IDENTIFIED") {
            change.password = Some(None);
        } else if of_user && cursor.takes("IDENTIFIED") {
            change.password = Some(identified(cursor)?);
        } else if of_user && (cursor.takes("HOST ANY") || cursor.takes("GRANTEES ANY")) {
            // So it is.
        } else if of_user && cursor.takes("DEFAULT ROLE") {
            change.default_roles = Some(default_roles(cursor)?);
        } else if of_user && cursor.takes("DEFAULT DATABASE") {
            let none = cursor.takes("NONE");
            change.database = Some(if none { None } else { Some(cursor.name()?) });
        } else if cursor.takes("SETTINGS") {
            change.limits = Some(limits(cursor)?);
        } else if ["HOST", "GRANTEES", "VALID UNTIL", "RENAME TO", "IN"]
            .iter()
            .any(|words| cursor.takes(words))
        {
            let text = "of a user there are IDENTIFIED, DEFAULT ROLE, DEFAULT DATABASE, HOST ANY and \
                        SETTINGS here";
            return Err(Failure::not_implemented(text));
        } else {
            return Err(cursor.expected("the end or a clause"));
        }
    }
    Ok(change)
}

fn default_roles(cursor: &mut Cursor) -> Result<DefaultRoles> {
    if cursor.takes("NONE") {
        return Ok(DefaultRoles::Only(BTreeSet::new()));
    }
    if cursor.takes("ALL EXCEPT") {
        return Ok(DefaultRoles::AllBut(cursor.names()?.into_iter().collect()));
    }
    if cursor.takes("ALL") {
        return Ok(DefaultRoles::default());
    }
    Ok(DefaultRoles::Only(cursor.names()?.into_iter().collect()))
}

fn not_on_cluster(cursor: &mut Cursor) -> Result<()> {
    match cursor.takes("ON CLUSTER") {
        true => Err(Failure::not_implemented("there is no cluster here: leave ON CLUSTER out")),
        false => Ok(()),
    }
}

fn identified(cursor: &mut Cursor) -> Result<Option<Password>> {
    let method = match cursor.takes("WITH") {
        true => cursor.any_word().unwrap_or_default().to_ascii_lowercase(),
        false => "sha256_password".into(),
    };
    if method == "no_password" {
        return Ok(None);
    }
    const METHODS: [&str; 7] = [
        "plaintext_password",
        "sha256_password",
        "sha256_hash",
        "double_sha1_password",
        "double_sha1_hash",
        "bcrypt_password",
        "bcrypt_hash",
    ];
    if !METHODS.contains(&method.as_str()) {
        let text = "users are known by sha256_password, sha256_hash, double_sha1_password, \
                    double_sha1_hash, bcrypt_password or bcrypt_hash here";
        return Err(Failure::not_implemented(text));
    }
    cursor.expect("BY")?;
    let secret = cursor.text()?;
    let salt = if cursor.takes("SALT") { cursor.text()? } else { String::new() };
    let password = match method.as_str() {
        "double_sha1_password" => Password::of_double_sha1(&secret),
        "bcrypt_password" => Password::bcrypt(&secret)?,
        // Plain text is not kept as such, whatever it is called.
        "sha256_password" | "plaintext_password" => Password::new(&secret),
        _ => Password::of_hash(&method, &secret, &salt)?,
    };
    Ok(Some(password))
}

fn limits(cursor: &mut Cursor) -> Result<Limits> {
    let mut limits = Limits::new();
    loop {
        if cursor.takes("NONE") {
            return Ok(limits);
        }
        let name = cursor.name()?;
        let known = LIMITS.iter().find(|known| **known == name).ok_or_else(|| {
            let text = format!(
                "a user or role is limited by {} here; there are no profiles, and other settings come \
                 with the request",
                LIMITS.join(", ")
            );
            Failure::not_implemented(text)
        })?;
        let mut most = None;
        if cursor.takes_mark(b'=') {
            most = Some(cursor.number()?);
        }
        if cursor.takes("MIN") {
            let text = "a limit has no MIN: a request may ask for less";
            return Err(Failure::not_implemented(text));
        }
        if most.is_none() || cursor.is_before(0, "MAX") {
            cursor.takes("MAX");
            cursor.takes_mark(b'=');
            most = Some(cursor.number()?);
        }
        let most = most.unwrap_or_default();
        if *known == READONLY && most > 2 {
            return Err(Failure::bad_argument("readonly is 0, 1 or 2"));
        }
        limits.insert(known, most);
        // A limit is one in any case.
        let _ = cursor.takes("READONLY") || cursor.takes("CONST");
        if !cursor.takes_mark(b',') {
            return Ok(limits);
        }
    }
}

fn place(cursor: &mut Cursor, current: &str) -> Result<(String, String)> {
    cursor.expect("ON")?;
    let first = cursor.name()?;
    match cursor.takes_mark(b'.') {
        true if cursor.takes_mark(b'*') => {
            Err(Failure::not_implemented("a row policy is of one table: ON database.table"))
        }
        true => Ok((first, cursor.name()?)),
        false => Ok((current.to_owned(), first)),
    }
}

fn policy(cursor: &mut Cursor, mode: Mode, current: &str) -> Result<Statement> {
    let name = cursor.name()?;
    let place = place(cursor, current)?;
    let (mut filter, mut restrictive, mut target) = (None, false, To::Nobody);
    while !cursor.is_at_end() {
        if cursor.takes("FOR SELECT") || cursor.takes("AS PERMISSIVE") {
        } else if cursor.takes("AS RESTRICTIVE") {
            restrictive = true;
        } else if cursor.takes("USING") {
            filter = Some(cursor.expression(&["AS", "TO", "FOR"])?);
        } else if cursor.takes("TO") {
            target = to(cursor)?;
        } else {
            return Err(cursor.expected("USING, AS or TO"));
        }
    }
    let filter = filter.ok_or_else(|| Failure::syntax("Syntax error: USING expression lacks"))?;
    Ok(Statement::CreatePolicy { mode, name, place, filter, restrictive, to: target })
}

fn to(cursor: &mut Cursor) -> Result<To> {
    if cursor.takes("ALL") {
        return match cursor.takes("EXCEPT") {
            true => Err(Failure::not_implemented("TO ALL EXCEPT is not supported: name them")),
            false => Ok(To::All),
        };
    }
    if cursor.takes("NONE") {
        return Ok(To::Nobody);
    }
    Ok(To::Names(cursor.names()?.into_iter().collect()))
}

/// `FOR INTERVAL 1 hour MAX queries = 100, read_rows = 1e9 TO ann`; also what the file has.
pub(super) fn quota(cursor: &mut Cursor) -> Result<(Vec<Interval>, To)> {
    let _ = cursor.takes("NOT KEYED") || cursor.takes("KEYED BY user_name");
    let mut intervals = Vec::new();
    loop {
        cursor.takes("FOR");
        if !cursor.takes("INTERVAL") {
            break;
        }
        let count = cursor.number()?.max(1);
        let unit = cursor.any_word().unwrap_or_default();
        let seconds = match unit.trim_end_matches('S') {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3600,
            "DAY" => 86_400,
            "WEEK" => 7 * 86_400,
            _ => return Err(Failure::syntax("Syntax error: second, minute, hour, day or week")),
        };
        let mut most = BTreeMap::new();
        // What follows a comma is another metric, or another interval.
        loop {
            cursor.takes("MAX");
            let word = cursor.any_word().unwrap_or_default().to_ascii_lowercase();
            let metric = METRICS.iter().find(|metric| **metric == word).ok_or_else(|| {
                Failure::syntax(format!("Syntax error: a quota counts {}", METRICS.join(", ")))
            })?;
            cursor.takes_mark(b'=');
            most.insert(*metric, cursor.number()?);
            let comma = cursor.takes_mark(b',');
            if !comma || cursor.is_before(0, "FOR") || cursor.is_before(0, "INTERVAL") {
                break;
            }
        }
        let seconds = count.checked_mul(seconds);
        let seconds =
            seconds.ok_or_else(|| Failure::bad_argument("such an interval has no end"))?;
        intervals.push(Interval { seconds, most });
    }
    if intervals.is_empty() {
        return Err(cursor.expected("FOR INTERVAL"));
    }
    let to = if cursor.takes("TO") { to(cursor)? } else { To::Nobody };
    Ok((intervals, to))
}

fn grants(cursor: &mut Cursor, current: &str) -> Result<Statement> {
    not_on_cluster(cursor)?;
    let given = given(cursor, current, "TO")?;
    cursor.expect("TO")?;
    let to = cursor.names()?;
    for option in ["GRANT OPTION", "ADMIN OPTION", "REPLACE OPTION"] {
        if cursor.takes(&format!("WITH {option}")) {
            let text = format!("WITH {option} is not supported: only admins grant here");
            return Err(Failure::not_implemented(text));
        }
    }
    Ok(Statement::Grant { given, to })
}

fn revoke(cursor: &mut Cursor, current: &str) -> Result<Statement> {
    not_on_cluster(cursor)?;
    let _ = cursor.takes("GRANT OPTION FOR") || cursor.takes("ADMIN OPTION FOR");
    let given = given(cursor, current, "FROM")?;
    cursor.expect("FROM")?;
    let from = cursor.names()?;
    Ok(Statement::Revoke { given, from })
}

/// Roles have no place, so what comes first tells: ON, or the end of the list.
fn given(cursor: &mut Cursor, current: &str, end: &str) -> Result<Given> {
    if cursor.comes_first("ON", end) {
        return Ok(Given::Grants(grant::read(cursor, current)?));
    }
    Ok(Given::Roles(cursor.names()?))
}

fn roles(cursor: &mut Cursor) -> Result<Roles> {
    if cursor.takes("DEFAULT") {
        return Ok(Roles::Default);
    }
    if cursor.takes("ALL") {
        return Ok(Roles::All);
    }
    if cursor.takes("NONE") {
        return Ok(Roles::None);
    }
    Ok(Roles::Named(cursor.names()?))
}

fn show(cursor: &mut Cursor, current: &str) -> Result<Option<Show>> {
    let one_or_own =
        |cursor: &mut Cursor| match cursor.is_at_end() || cursor.is_before(b';', "FORMAT") {
            true => Ok(None),
            false if cursor.takes("CURRENT_USER") => Ok(None),
            false => cursor.name().map(Some),
        };
    let show = if cursor.takes("GRANTS FOR") {
        Show::Grants(one_or_own(cursor)?)
    } else if cursor.takes("GRANTS") {
        Show::Grants(None)
    } else if cursor.takes("CREATE USER") {
        Show::CreateUser(one_or_own(cursor)?)
    } else if cursor.takes("CREATE ROLE") {
        Show::CreateRole(cursor.name()?)
    } else if cursor.takes("USERS") {
        Show::Users
    } else if cursor.takes("ROLES") {
        Show::Roles
    } else if cursor.takes("CURRENT ROLES") || cursor.takes("ENABLED ROLES") {
        Show::CurrentRoles
    } else if cursor.takes("ROW POLICIES") || cursor.takes("POLICIES") {
        Show::Policies(
            cursor.comes_first("ON", "FORMAT").then(|| place(cursor, current)).transpose()?,
        )
    } else if cursor.takes("QUOTAS") {
        Show::Quotas
    } else if cursor.takes("ACCESS") {
        Show::Access
    } else {
        return Ok(None);
    };
    if cursor.takes("FORMAT") {
        // Read by the door.
        cursor.name()?;
    }
    Ok(Some(show))
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
