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
mod behind;
mod book;
mod caller;
mod calls;
mod change;
mod clauses;
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
mod names;
mod needs;
mod parsers;
mod passed;
mod password;
mod privilege;
mod quota;
mod reads;
mod settings;
mod show;
mod statement;
mod tables;
mod words;
mod writes;

pub(crate) use caller::{Caller, Done, current_database};
pub(crate) use fence::leave;
pub use file::{File, FileHolder, FilePassword};
pub(crate) use login::Credentials;
pub use privilege::privileges;

use crate::clickhouse::error::Failure;
use book::{Book, EDITOR};
use functions::Functions;
use grant::{Grant, Grants};
use login::Logins;
use model::{Error, Result};
use parsers::Parsers;
use quota::Quotas;
pub(crate) use statement::Statement;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use store::Engine;
use store::embedded::databases_on_disk;

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
    parsers: Parsers,
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
            parsers: Parsers::default(),
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

    /// Somebody who has come in before, or for whom somebody else vouches. `is_same`: whether the password is
    /// still the one of then, told by what it is kept as.
    pub(crate) fn recall(
        self: &Arc<Self>,
        user: &str,
        is_same: impl FnOnce(&str) -> bool,
    ) -> Result<Caller, Failure> {
        let holder = self.book().users.get(user).cloned();
        let open = holder.as_ref().is_some_and(is_open);
        let password = holder.and_then(|holder| holder.password);
        let rights = Arc::default();
        let caller = Caller {
            user: user.to_owned(),
            open,
            password,
            chosen: None,
            rights,
            access: self.clone(),
        };
        if !is_same(&caller.password_mark()) {
            let text = format!("{user}: Authentication failed: the password has changed meanwhile");
            return Err(Failure::new(516, "AUTHENTICATION_FAILED", text));
        }
        caller.renewed()
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
