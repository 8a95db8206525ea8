//! Users and roles of `millrace.toml`. SQL neither changes nor drops them.

use super::book::{Book, Holder, LIMITS, Origin, Policy, Quota, To};
use super::cursor::Cursor;
use super::filter;
use super::grant;
use super::password::Password;
use super::statement;
use crate::clickhouse::error::Failure;
use model::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;

/// `[serve.users.*]` and `[serve.roles.*]`, as written.
#[derive(Clone, Debug, Default)]
pub struct File {
    pub users: BTreeMap<String, FileHolder>,
    pub roles: BTreeMap<String, FileHolder>,
}

#[derive(Clone, Debug, Default)]
pub struct FileHolder {
    /// Every user has one, no role has.
    pub password: Option<FilePassword>,
    pub roles: Vec<String>,
    /// `SELECT ON shop.*`
    pub grants: Vec<String>,
    /// By `database.table`, a condition.
    pub filters: BTreeMap<String, String>,
    /// `FOR INTERVAL 1 hour MAX queries = 100`
    pub quotas: Vec<String>,
    /// `max_threads` and the like.
    pub limits: BTreeMap<String, u64>,
}

#[derive(Clone)]
pub enum FilePassword {
    Plain(String),
    Sha256Hex(String),
    DoubleSha1Hex(String),
    Bcrypt(String),
}

impl fmt::Debug for FilePassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl FilePassword {
    fn hashed(&self) -> Result<Password, Failure> {
        match self {
            FilePassword::Plain(plain) => Ok(Password::new(plain)),
            FilePassword::Sha256Hex(hash) => Password::of_hash("sha256_hash", hash, ""),
            FilePassword::DoubleSha1Hex(hash) => Password::of_hash("double_sha1_hash", hash, ""),
            FilePassword::Bcrypt(hash) => Password::of_hash("bcrypt_hash", hash, ""),
        }
    }
}

impl File {
    /// Whether everything in it can be used.
    pub fn check(&self) -> Result<()> {
        self.book().map(drop)
    }

    pub(super) fn book(&self) -> Result<Book> {
        let mut book = Book::new();
        if self.users.is_empty() {
            // As a fresh ClickHouse: the address is loopback then.
            let mut default = Holder::new("default", Origin::BuiltIn);
            default.roles.insert(super::book::ADMIN.into());
            book.users.insert("default".into(), default);
        }
        for (name, written) in &self.roles {
            let mut holder =
                book.roles.remove(name).unwrap_or_else(|| Holder::new(name, Origin::File));
            if holder.origin == Origin::BuiltIn
                && !(written.grants.is_empty() && written.roles.is_empty())
            {
                return Err(cannot("roles", name, "grants")
                    .detail("What a built-in role gives is fixed; its limits are not.")
                    .hint("make a role of another name"));
            }
            written.fill("roles", name, &mut holder, &mut book)?;
            book.roles.insert(name.clone(), holder);
        }
        for (name, written) in &self.users {
            let mut holder = Holder::new(name, Origin::File);
            let password = written.password.as_ref().ok_or_else(|| {
                cannot("users", name, "password")
                    .detail("A user of the file needs a password.")
                    .hint("password = \"${file:/run/secrets/…}\", or password_sha256_hex = \"…\"")
            })?;
            let hashed = password.hashed();
            holder.password = Some(hashed.map_err(|why| because("users", name, "password", &why))?);
            written.fill("users", name, &mut holder, &mut book)?;
            book.users.insert(name.clone(), holder);
        }
        for (kind, holders) in [("users", &book.users), ("roles", &book.roles)] {
            for holder in holders.values() {
                if let Some(role) = holder.roles.iter().find(|role| !book.roles.contains_key(*role))
                {
                    let error = cannot(kind, &holder.name, "role");
                    return Err(error
                        .detail(format!("There is no role {role}."))
                        .hint(format!("admin, editor, viewer, or make it: [serve.roles.{role}]")));
                }
            }
        }
        Ok(book)
    }
}

fn cannot(kind: &str, name: &str, key: &str) -> Error {
    Error::definite(format!("cannot use serve.{kind}.{name}.{key}"))
}

fn because(kind: &str, name: &str, key: &str, why: &Failure) -> Error {
    let text = &why.exception.text;
    let text = text.split_once("DB::Exception: ").map_or(text.as_str(), |(_, text)| text);
    cannot(kind, name, key).detail(text.to_owned())
}

impl FileHolder {
    fn fill(&self, kind: &str, name: &str, holder: &mut Holder, book: &mut Book) -> Result<()> {
        holder.roles.extend(self.roles.iter().cloned());
        for (key, value) in &self.limits {
            let known = LIMITS.iter().find(|known| *known == key);
            let known = known.ok_or_else(|| cannot(kind, name, key))?;
            holder.limits.insert(known, *value);
        }
        for text in &self.grants {
            let read = Cursor::new(text).and_then(|mut cursor| {
                let grants = grant::read(&mut cursor, "main")?;
                cursor.end()?;
                super::check_places(&grants)?;
                Ok(grants)
            });
            let grants = read.map_err(|why| because(kind, name, "grants", &why))?;
            holder.grants.extend(grants);
        }
        let to = To::Names([name.to_owned()].into());
        for (place, filter) in &self.filters {
            let place = place.split_once('.').ok_or_else(|| {
                cannot(kind, name, "filters").hint("\"database.table\" = \"condition\"")
            })?;
            filter::check(filter).map_err(|why| because(kind, name, "filters", &why))?;
            let policy = Policy {
                origin: Origin::File,
                name: name.to_owned(),
                database: place.0.to_owned(),
                table: place.1.to_owned(),
                filter: filter.clone(),
                restrictive: false,
                to: to.clone(),
            };
            book.policies.insert(policy.key(), policy);
        }
        for (at, text) in self.quotas.iter().enumerate() {
            let read = Cursor::new(text).and_then(|mut cursor| {
                let (intervals, _) = statement::quota(&mut cursor)?;
                cursor.end()?;
                Ok(intervals)
            });
            let intervals = read.map_err(|why| because(kind, name, "quotas", &why))?;
            let name = format!("{name} {}", at + 1);
            let quota =
                Quota { origin: Origin::File, name: name.clone(), intervals, to: to.clone() };
            book.quotas.insert(name, quota);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(change: impl FnOnce(&mut FileHolder)) -> File {
        let password = Some(FilePassword::Plain("topsecret".into()));
        let mut user = FileHolder { password, ..FileHolder::default() };
        change(&mut user);
        File { users: [("ann".to_owned(), user)].into(), ..File::default() }
    }

    #[test]
    fn a_file_makes_users_roles_filters_and_quotas() {
        let file = user(|user| {
            user.roles = vec!["viewer".into()];
            user.grants = vec!["SELECT ON shop.*".into(), "SELECT(id) ON hr.people".into()];
            user.filters.insert("shop.orders".into(), "region = 'EU'".into());
            user.quotas = vec!["FOR INTERVAL 1 hour MAX queries = 100".into()];
            user.limits.insert("max_threads".into(), 2);
        });
        let book = file.book().unwrap();
        assert!(!book.users.contains_key("default"));
        let rights = book.rights("ann", None).unwrap();
        assert_eq!(rights.filters["shop.orders"], "((region = 'EU'))");
        assert_eq!((rights.quotas.len(), rights.grants.len()), (1, 2));
        assert!(book.users["ann"].password.as_ref().unwrap().is("topsecret"));
        assert!(!format!("{file:?} {book:?}").contains("topsecret"));
        assert!(File::default().book().unwrap().users.contains_key("default"));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let report = |change: fn(&mut FileHolder)| user(change).check().unwrap_err().report();
        let text = report(|user| user.grants = vec!["READ ON shop.*".into()]);
        assert!(text.contains("cannot use serve.users.ann.grants"), "{text}");
        assert!(report(|user| user.password = None).contains("password"));
        assert!(report(|user| user.roles = vec!["nosuch".into()]).contains("no role nosuch"));
        assert!(report(|user| user.quotas = vec!["whatever".into()]).contains("quotas"));
        assert!(
            report(|user| user.grants = vec!["SELECT ON millrace.*".into()]).contains("grants")
        );
        let bad = FilePassword::Sha256Hex("nothex".into());
        let text = user(|user| user.password = Some(bad)).check().unwrap_err().report();
        assert!(!text.contains("nothex"), "{text}");
    }
}
