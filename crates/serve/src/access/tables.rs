//! Where users made by SQL are kept, and the tables in which ClickHouse shows users.
//!
//! ```text
//! CREATE USER … ─▶ millrace.access        the statements, over a restart
//!          Book ─▶ millrace.shown_users …  made anew with each change
//!                         ▲
//!                  system.users, system.grants …   views: the engine's own know nobody
//! ```

use super::book::{Book, DefaultRoles, Holder, Origin, To};
use super::change::{self, Changed};
use super::cursor::BETWEEN;
use super::grant::ident;
use super::statement::{self, Kind, Statement};
use crate::clickhouse::error::Failure;
use model::{Error, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use store::{Engine, Store};

const KEPT: &str = "CREATE TABLE IF NOT EXISTS millrace.access (kind LowCardinality(String), \
    name String, statements String, dropped UInt8, version UInt64) \
    ENGINE = ReplacingMergeTree(version) ORDER BY (kind, name) \
    SETTINGS fsync_after_insert = 1, fsync_part_directory = 1";

/// That somebody has the name, and that SQL does not change her: what the file has by now goes before.
const OF_FILE: [u32; 2] = [493, 495];
/// An error to whoever reads the table, also through a view.
const CLOSED: &str = "throwIf(1, 'a row policy of this table could not be taken up at the start: an admin \
                      has to make it anew with CREATE OR REPLACE ROW POLICY, or to drop it') = 0";

/// A statement that names everybody.
const LARGE: &str =
    "SET max_query_size = 1000000000, max_ast_elements = 100000000, max_parser_backtracks = 0";

const SHOWN: [(&str, &str); 5] = [
    (
        "users",
        "name String, id UUID, storage String, auth_type Array(String), \
         auth_params Array(String), host_ip Array(String), host_names Array(String), \
         host_names_regexp Array(String), host_names_like Array(String), \
         default_roles_all UInt8, default_roles_list Array(String), \
         default_roles_except Array(String), grantees_any UInt8, grantees_list Array(String), \
         grantees_except Array(String), default_database String",
    ),
    ("roles", "name String, id UUID, storage String"),
    (
        "grants",
        "user_name Nullable(String), role_name Nullable(String), access_type String, \
         database Nullable(String), table Nullable(String), column Nullable(String), \
         is_partial_revoke UInt8, grant_option UInt8",
    ),
    (
        "role_grants",
        "user_name Nullable(String), role_name Nullable(String), granted_role_name String, \
         granted_role_id UUID, granted_role_is_default UInt8, with_admin_option UInt8",
    ),
    (
        "row_policies",
        "name String, short_name String, database String, table String, id UUID, \
         storage String, select_filter Nullable(String), is_restrictive UInt8, \
         apply_to_all UInt8, apply_to_list Array(String), apply_to_except Array(String)",
    ),
];

fn run(engine: &Engine, sql: &str, doing: &str) -> Result<()> {
    engine.session()?.query(sql, "Null", &[]).map(drop).map_err(|error| error.error(doing))
}

/// Makes what is missing and adds what was kept to the book; answers the last version written.
pub(super) fn load(engine: &Engine, book: &mut Book) -> Result<u64> {
    run(engine, KEPT, "make the table of users")?;
    const SQL: &str = "SELECT kind, name, statements, dropped, version FROM millrace.access FINAL \
                       ORDER BY version";
    let mut session = engine.session()?;
    let answer = session.query(SQL, "JSONCompactStringsEachRow", &[]);
    let answer = answer.map_err(|error| error.error("read the users"))?;
    let mut last = 0;
    let (mut makes, mut gives) = (Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(answer.bytes()).lines() {
        let row: [String; 5] = serde_json::from_str(line)
            .map_err(|error| Error::bug("a row of users cannot be read").source(error))?;
        let [kind, name, statements, dropped, version] = row;
        last = last.max(version.parse().unwrap_or(0));
        if dropped != "0" {
            continue;
        }
        let of_holder = matches!(kind.as_str(), "user" | "role");
        for (at, text) in statements.split(BETWEEN).enumerate() {
            let made = if of_holder && at == 0 { &mut makes } else { &mut gives };
            made.push((kind.clone(), name.clone(), text.to_owned()));
        }
    }
    // Whoever gets something has to be there, and what she gets.
    for (kind, name, text) in makes.into_iter().chain(gives) {
        let of = match kind.as_str() {
            "user" => Some(Kind::User),
            "role" => Some(Kind::Role),
            _ => None,
        };
        let Err(failure) = replay(book, of, &text) else { continue };
        if OF_FILE.contains(&failure.exception.code) {
            continue;
        }
        let error = Error::definite(format!("cannot take up {kind} {name}"));
        let error = error.detail(failure.exception.name().to_owned());
        tracing::warn!(error = error.report(), "what was made by SQL is not there as it was");
        match kind.as_str() {
            "user" => drop(book.broken.insert((Kind::User, name))),
            "role" => drop(book.broken.insert((Kind::Role, name))),
            "policy" => close(book, &name)?,
            _ => {}
        }
    }
    Ok(last)
}

/// In the place of a policy that cannot be read: for nobody but admins there are rows then.
fn close(book: &mut Book, key: &str) -> Result<()> {
    let text = format!("CREATE ROW POLICY {key} USING {CLOSED} AS restrictive TO ALL");
    replay(book, None, &text).map_err(|failure| {
        let error = Error::definite(format!("cannot take up the row policy {key}"));
        error.detail(failure.exception.name().to_owned())
    })
}

/// `of`: whose it is, of a user and a role that have one name.
fn replay(book: &mut Book, of: Option<Kind>, text: &str) -> Result<(), Failure> {
    let done = match statement::parse(text, "main")? {
        Some(Statement::Grant { given, to }) => change::give(book, given, to, of),
        Some(Statement::CreatePolicy { mode, mut name, place, filter, restrictive, to }) => {
            // The file's has come after it. Both hold.
            let key =
                |name: &str| format!("{} ON {}.{}", ident(name), ident(&place.0), ident(&place.1));
            if book.policies.get(&key(&name)).is_some_and(|policy| policy.origin != Origin::Sql) {
                tracing::warn!(
                    policy = key(&name),
                    "the file has a row policy of the name of one that was made by SQL, which is called `… by SQL` \
                     until the file has none"
                );
                name.push_str(" by SQL");
            }
            let policy = Statement::CreatePolicy { mode, name, place, filter, restrictive, to };
            change::apply_kept(book, policy)
        }
        Some(statement) => change::apply_kept(book, statement),
        None => return Err(Failure::syntax("Syntax error")),
    };
    done.map(drop)
}

/// Keeps entries as they are in the book now, or that they are gone: in one insert, which is one part
/// that is synced, so all of them or none. The first is of `version`, the next ones count on.
pub(super) fn keep(engine: &Engine, book: &Book, entries: &Changed, version: u64) -> Result<()> {
    let entry = |(number, (kind, name)): (u64, &(Kind, String))| {
        let statements = match kind {
            Kind::User => book.users.get(name).map(|holder| holder.statements(true)),
            Kind::Role => book.roles.get(name).map(|holder| holder.statements(false)),
            Kind::Policy => book.policies.get(name).map(|policy| vec![policy.statement()]),
            Kind::Quota => book.quotas.get(name).map(|quota| vec![quota.statement()]),
        };
        let dropped = u8::from(statements.is_none());
        let row = [
            format!("{kind:?}").to_ascii_lowercase(),
            name.clone(),
            statements.unwrap_or_default().join(BETWEEN),
            dropped.to_string(),
            (version + number).to_string(),
        ];
        row.into_iter().map(Some).collect()
    };
    let rows = (0..).zip(entries).map(entry).collect();
    let into = "millrace.access (kind, name, statements, dropped, version)";
    tokio::runtime::Handle::current().block_on(engine.record(into, rows))
}

/// Makes the tables anew that show the book.
pub(super) fn show(engine: &Engine, book: &Book) -> Result<()> {
    for (name, columns) in SHOWN {
        let rows = rows(name, book);
        let literal = rows.iter().map(|row| format!("({row})")).collect::<Vec<_>>().join(", ");
        let structure = store::ddl::literal(columns);
        let source = match rows.is_empty() {
            true => format!("null({structure})"),
            false => format!("values({structure}, {literal})"),
        };
        let sql = format!(
            "CREATE OR REPLACE TABLE millrace.shown_{name} ({columns}) ENGINE = Memory \
             AS SELECT * FROM {source}"
        );
        let mut session = engine.session()?;
        let query = session
            .query(LARGE, "Null", &[])
            .and_then(|_| session.query(&sql, "Null", &[]).map(drop));
        query.map_err(|error| error.error("show the users"))?;
    }
    Ok(())
}

/// Puts our views in the place of the engine's tables. That database is made anew with each start.
pub(super) fn replace_system_tables(engine: &Engine) -> Result<()> {
    for (name, _) in SHOWN {
        let sql = format!(
            "SELECT engine FROM system.tables WHERE database = 'system' AND name = '{name}'"
        );
        let mut session = engine.session()?;
        let found =
            session.query(&sql, "TSV", &[]).map_err(|e| e.error("look at system tables"))?;
        if found.bytes() == b"View\n" {
            continue;
        }
        run(engine, &format!("DROP TABLE IF EXISTS system.{name}"), "replace a system table")?;
        let view = format!(
            "CREATE VIEW IF NOT EXISTS system.{name} SQL SECURITY DEFINER \
             AS SELECT * FROM millrace.shown_{name}"
        );
        run(engine, &view, "replace a system table")?;
    }
    Ok(())
}

fn rows(table: &str, book: &Book) -> Vec<String> {
    let users = || book.users.values().map(|holder| (true, holder));
    let both = || users().chain(book.roles.values().map(|holder| (false, holder)));
    match table {
        "users" => users().map(|(_, user)| user_row(user)).collect(),
        "roles" => book.roles.values().map(role_row).collect(),
        "grants" => both().flat_map(|(is_user, holder)| grant_rows(is_user, holder)).collect(),
        "role_grants" => both().flat_map(|(is_user, holder)| role_rows(is_user, holder)).collect(),
        _ => book.policies.values().map(policy_row).collect(),
    }
}

fn user_row(user: &Holder) -> String {
    let method = match (&user.password, user.origin) {
        (Some(password), _) => text(password.method()),
        (None, Origin::BuiltIn) => text("no_password"),
        // Cannot come in.
        (None, _) => String::new(),
    };
    let params = if method.is_empty() { "" } else { "'{}'" };
    let list = |names: &BTreeSet<String>| {
        names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")
    };
    let default = match &user.default_roles {
        DefaultRoles::Only(names) => format!("0, [{}], []", list(names)),
        DefaultRoles::AllBut(names) => format!("1, [], [{}]", list(names)),
    };
    format!(
        "{}, {}, {}, [{method}], [{params}], ['::/0'], [], [], [], {default}, 1, [], [], {}",
        text(&user.name),
        id("user", &user.name),
        text(user.origin.storage()),
        text(user.database.as_deref().unwrap_or_default())
    )
}

fn role_row(role: &Holder) -> String {
    format!("{}, {}, {}", text(&role.name), id("role", &role.name), text(role.origin.storage()))
}

fn whose(is_user: bool, name: &str) -> String {
    if is_user { format!("{}, NULL", text(name)) } else { format!("NULL, {}", text(name)) }
}

fn grant_rows(is_user: bool, holder: &Holder) -> Vec<String> {
    let rows = holder.grants.iter().flat_map(|grant| {
        let columns = match grant.columns.is_empty() {
            true => vec!["NULL".to_owned()],
            false => grant.columns.iter().map(|name| text(name)).collect(),
        };
        let part = |name: &Option<String>| name.as_deref().map_or("NULL".into(), text);
        let head = format!(
            "{}, {}, {}, {}",
            whose(is_user, &holder.name),
            text(grant.privilege),
            part(&grant.database),
            part(&grant.table)
        );
        columns.into_iter().map(move |column| format!("{head}, {column}, 0, 0"))
    });
    rows.collect()
}

fn role_rows(is_user: bool, holder: &Holder) -> Vec<String> {
    let rows = holder.roles.iter().map(|role| {
        let whose = whose(is_user, &holder.name);
        let is_default = u8::from(holder.default_roles.has(role));
        format!("{whose}, {}, {}, {is_default}, 0", text(role), id("role", role))
    });
    rows.collect()
}

fn policy_row(policy: &super::book::Policy) -> String {
    let (all, list) = match &policy.to {
        To::All => (1, String::new()),
        To::Nobody => (0, String::new()),
        To::Names(names) => (0, names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")),
    };
    let key = policy.key();
    format!(
        "{}, {}, {}, {}, {}, {}, {}, {}, {all}, [{list}], []",
        text(&key),
        text(&policy.name),
        text(&policy.database),
        text(&policy.table),
        id("policy", &key),
        text(policy.origin.storage()),
        text(&policy.filter),
        u8::from(policy.restrictive)
    )
}

fn text(text: &str) -> String {
    store::ddl::literal(text)
}

/// The same for the same name, as the engine does for users of its file.
fn id(kind: &str, name: &str) -> String {
    let hash = super::password::hex(&Sha256::digest(format!("{kind} {name}"))[..16]);
    let parts = [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..]];
    format!("'{}'", parts.join("-"))
}
