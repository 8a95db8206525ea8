//! The second fence: roles of the engine's own, which it enforces by itself.
//!
//! The engine reads `users.xml` once, when it opens. Measured: `CREATE USER` and `GRANT` there are
//! refused (514, 495), `SYSTEM RELOAD USERS` does nothing, `SYSTEM RELOAD CONFIG` is refused (1), and
//! a changed file is not noticed. But `SET ROLE` takes any list of the roles that the file names. So
//! each *grant* is a role there, and a request takes on the roles of its user's grants:
//!
//! ```text
//! GRANT SELECT ON shop.* TO ann ──▶ role g_51c2…  ┐
//! GRANT SELECT(id) ON hr.people … ▶ role g_90aa…  ┴▶ SET ROLE limited, g_51c2…, g_90aa…
//! ```
//!
//! - Revoked: from the next request on it is not taken.
//! - Granted after the start, and so unknown to the engine: the narrowest role that covers it (the
//!   whole database, or all data) until the next start. The gate in front knows the exact grant.
//! - Columns granted after the start are not readable before the next one, and names not shown: only the
//!   engine tells those apart. So whoever has a grant of columns gets nothing that it does not know yet:
//!   what covers that may cover the other columns, too.
//!
//! What such a role shows of names is cut down to the grants ([`super::names`]).
//!
//! `SELECT … ON *.*` never holds `millrace` and `default`. Scalar `file()`, INTO OUTFILE and system
//! tables are not the engine's to fence; they are the gate's.

use super::book::{Book, Rights};
use super::grant::{Grant, Grants};
use super::password::hex;
use super::privilege;
use crate::clickhouse::error::Failure;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use store::embedded::{EngineRoles, Session};

/// The engine works out what each combination may; beyond this many roles that is felt.
const ROLES_MAX: usize = 256;
/// There nothing is granted.
const OWN: [&str; 5] =
    ["millrace", "default", "system", "information_schema", "INFORMATION_SCHEMA"];
const LIMITED: &str = "limited";
const READ_ALL: &str = "read_all";
const SHOW_ALL: &str = "show_all";
const DICTIONARIES_ALL: &str = "dictionaries_all";
const WRITE_ALL: &str = "write_all";
const TEMPORARY: &str = "temporary";

/// Those that are always there.
fn base() -> EngineRoles {
    const WRITES: &str = "INSERT, ALTER TABLE, ALTER VIEW, CREATE DATABASE, CREATE TABLE, \
                          CREATE VIEW, DROP DATABASE, DROP TABLE, DROP VIEW, DROP DICTIONARY, \
                          TRUNCATE, OPTIMIZE, CHECK, SYSTEM VIEWS";
    let but = |what: &str, databases: &[&str]| -> Vec<String> {
        let revoked = databases.iter().map(|name| format!("REVOKE {what} ON {name}.*"));
        std::iter::once(format!("GRANT {what} ON *.*")).chain(revoked).collect()
    };
    EngineRoles::from([
        (LIMITED.to_owned(), vec!["GRANT NONE ON *.*".to_owned()]),
        (READ_ALL.to_owned(), but("SELECT", &["millrace", "default"])),
        (SHOW_ALL.to_owned(), but("SHOW", &["millrace", "default"])),
        (DICTIONARIES_ALL.to_owned(), but("dictGet", &["millrace", "default"])),
        (WRITE_ALL.to_owned(), but(WRITES, &["millrace", "default", "system"])),
        (TEMPORARY.to_owned(), vec!["GRANT CREATE TEMPORARY TABLE ON *.*".to_owned()]),
    ])
}

/// The name of a grant's role; `None`: it is covered by one that is always there.
fn role(grant: &Grant) -> Option<String> {
    grant.database.as_ref()?;
    let hash = Sha256::digest(grant.to_string());
    Some(format!("g_{}", hex(&hash[..8])))
}

fn of_database(privilege: &'static str, database: &str) -> Grant {
    Grant::new(privilege, Some(database))
}

fn of_all(grant: &Grant) -> &'static str {
    match grant.privilege {
        "dictGet" => DICTIONARIES_ALL,
        shows if privilege::covers("SHOW", shows) => SHOW_ALL,
        reads if privilege::only_reads(reads) => READ_ALL,
        _ => WRITE_ALL,
    }
}

/// Puts down the roles for the engine's next start. `databases` are those that exist: what is granted
/// in them later has at least their own role. `before` is what may be granted besides.
pub(super) fn remember(
    data_dir: &Path,
    book: &Book,
    before: &Grants,
    databases: &[String],
) -> std::io::Result<()> {
    let holders = book.users.values().chain(book.roles.values());
    let granted: BTreeSet<&Grant> = holders.flat_map(|holder| &holder.grants).collect();
    // What is granted goes before what may be.
    let spare = databases
        .iter()
        .filter(|name| !OWN.contains(&name.as_str()))
        .flat_map(|name| [of_database("SELECT", name), of_database("ALL", name)]);
    let mut roles = base();
    for grant in granted.into_iter().chain(before).cloned().chain(spare) {
        let plain = !grant.to_string().chars().any(char::is_control);
        if let Some(name) = role(&grant)
            && plain
            && roles.len() < ROLES_MAX
        {
            roles.insert(name, vec![format!("GRANT {grant}")]);
        }
    }
    store::embedded::remember_roles(data_dir, &roles)
}

/// Makes the session one of somebody with these rights. Nothing that she can send takes it back: the
/// gate lets no SET ROLE through.
pub(super) fn enter(
    session: &mut Session,
    rights: &Rights,
    known: &BTreeSet<String>,
) -> Result<(), Failure> {
    let sql = format!("SET ROLE {}", roles(&rights.grants, known).join(", "));
    session.query_and_keep(&sql, "Null", &[])?;
    Ok(())
}

/// Makes the session the server's own again, for what is to be done in it for its user.
pub(crate) fn leave(session: &mut Session) -> Result<(), Failure> {
    session.query_and_keep("SET ROLE all", "Null", &[])?;
    Ok(())
}

pub(super) fn roles(grants: &Grants, known: &BTreeSet<String>) -> Vec<String> {
    let mut roles = BTreeSet::from([LIMITED.to_owned()]);
    let has_columns = grants.iter().any(|grant| !grant.columns.is_empty());
    for grant in grants {
        let exact = role(grant);
        let chosen = match (&exact, &grant.database) {
            (Some(exact), _) if known.contains(exact) => exact.clone(),
            // What is wider could be all columns.
            (Some(_), _) if has_columns => continue,
            (Some(_), Some(database)) => {
                match of_all(grant) {
                    // What it shows only the engine tells apart.
                    SHOW_ALL => continue,
                    // The gate reads the dictionary's name; a table of the database is another matter.
                    DICTIONARIES_ALL => {
                        roles.insert(DICTIONARIES_ALL.to_owned());
                        continue;
                    }
                    _ => {}
                }
                let reads = privilege::only_reads(grant.privilege);
                let wide = of_database(if reads { "SELECT" } else { "ALL" }, database);
                let wide = role(&wide).filter(|name| known.contains(name));
                wide.unwrap_or_else(|| of_all(grant).to_owned())
            }
            _ => of_all(grant).to_owned(),
        };
        roles.insert(chosen);
        if !privilege::only_reads(grant.privilege) {
            roles.insert(TEMPORARY.into());
        }
    }
    roles.into_iter().collect()
}

/// Whether these roles show names that the grants do not.
pub(super) fn is_widened(grants: &Grants, known: &BTreeSet<String>) -> bool {
    let shows_all = |grant: &Grant| grant.database.is_none() && grant.privilege != "dictGet";
    let has_columns = |grant: &Grant| !grant.columns.is_empty();
    if grants.iter().any(|grant| shows_all(grant) || has_columns(grant)) {
        return false;
    }
    let is_exact = |grant: &Grant| {
        role(grant).is_none_or(|exact| known.contains(&exact))
            || roles(&[grant.clone()].into(), known) == [LIMITED]
    };
    !grants.iter().all(is_exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_takes_its_own_role_or_the_narrowest_that_covers_it() {
        let table = Grant { table: Some("t".into()), ..of_database("SELECT", "shop") };
        let column = Grant { columns: vec!["a".into()], ..table.clone() };
        let write = of_database("INSERT", "shop");
        let all = Grant::new("SELECT", None);
        let own = |grant: &Grant| role(grant).unwrap();
        let given = |grant: &Grant, known: &[&Grant]| {
            let known = known.iter().map(|grant| own(grant)).collect();
            roles(&[grant.clone()].into(), &known)
        };
        assert_eq!(given(&table, &[&table]), [own(&table), LIMITED.into()]);
        let database = of_database("SELECT", "shop");
        assert_eq!(given(&table, &[&database]), [own(&database), LIMITED.into()]);
        assert_eq!(given(&table, &[]), [LIMITED, READ_ALL]);
        assert_eq!(given(&column, &[&database]), [LIMITED]);
        assert_eq!(given(&column, &[&column]), [own(&column), LIMITED.into()]);
        let late = of_database("ALL", "shop");
        let known = [own(&column), own(&database), own(&late)].into();
        let both = [column.clone(), table.clone(), write.clone()].into();
        assert_eq!(roles(&both, &known), [own(&column), LIMITED.into()]);
        assert_eq!(given(&write, &[]), [LIMITED, TEMPORARY, WRITE_ALL]);
        assert_eq!(given(&all, &[]), [LIMITED, READ_ALL]);
        let dictionary = Grant { table: Some("d".into()), ..of_database("dictGet", "shop") };
        assert_eq!(given(&dictionary, &[&database]), [DICTIONARIES_ALL, LIMITED]);
        assert_eq!(given(&of_database("SHOW TABLES", "shop"), &[&database]), [LIMITED]);
        assert_ne!(own(&table), own(&column));
    }
}
