//! What a statement changes in the book. Pure: nothing is kept or shown here.

use super::book::{
    Book, DefaultRoles, Holder, Origin, Policy, Quota, To, unknown_role, unknown_user,
};
use super::grant::{Grants, ident};
use super::statement::{Change, Given, Kind, Mode, Statement};
use super::{check_places, filter};
use crate::clickhouse::error::Failure;
use std::collections::BTreeMap;

type Result<T> = std::result::Result<T, Failure>;

/// Entries that are another now, or gone.
pub(super) type Changed = Vec<(Kind, String)>;

/// Changes the book, or leaves it half changed with an error: so it gets a copy.
pub(super) fn apply(book: &mut Book, statement: Statement) -> Result<Changed> {
    if let Statement::CreatePolicy { to, .. } | Statement::CreateQuota { to, .. } = &statement {
        check_to(book, to)?;
    }
    if let Statement::CreatePolicy { filter, .. } = &statement {
        filter::check(filter)?;
    }
    let changed = apply_kept(book, statement)?;
    // Said anew, so it is what it is to be.
    book.broken.retain(|entry| !changed.contains(entry));
    Ok(changed)
}

/// The same of what was kept. Whom a policy or a quota is for may have left the file meanwhile: it
/// stays one for the others, and for who comes back.
pub(super) fn apply_kept(book: &mut Book, statement: Statement) -> Result<Changed> {
    match statement {
        Statement::Create { kind, mode, names, change } => {
            if let Some(DefaultRoles::Only(roles)) = &change.default_roles {
                check_roles(book, roles)?;
            }
            let created = names.into_iter().map(|name| create(book, kind, mode, &name, &change));
            Ok(created.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        }
        Statement::Alter { kind, if_exists, names, change } => {
            let mut changed = Changed::new();
            for name in names {
                match changeable(book, kind, &name) {
                    Err(failure) if if_exists && is_unknown(&failure) => {}
                    Err(failure) => return Err(failure),
                    Ok(holder) => {
                        fill(holder, &change)?;
                        if let Some(roles) = &change.default_roles {
                            set_default(book, &name, roles)?;
                        }
                        changed.push((kind, name));
                    }
                }
            }
            Ok(changed)
        }
        Statement::Drop { kind, if_exists, names } => drop_entries(book, kind, if_exists, names),
        Statement::CreatePolicy {
            mode,
            name,
            place: (database, table),
            filter,
            restrictive,
            to,
        } => {
            let origin = Origin::Sql;
            let policy = Policy { origin, name, database, table, filter, restrictive, to };
            put(&mut book.policies, Kind::Policy, mode, policy.key(), policy, |p| p.origin)
        }
        Statement::DropPolicy { if_exists, name, place: (database, table) } => {
            let key = format!("{} ON {}.{}", ident(&name), ident(&database), ident(&table));
            match book.policies.get(&key).map(|policy| policy.origin) {
                None if if_exists => Ok(Changed::new()),
                None => {
                    let text = format!("There is no row policy `{key}` in `user directories`");
                    Err(Failure::new(523, "UNKNOWN_ROW_POLICY", text))
                }
                Some(Origin::Sql) => {
                    book.policies.remove(&key);
                    Ok(vec![(Kind::Policy, key)])
                }
                Some(_) => Err(of_file(&key)),
            }
        }
        Statement::CreateQuota { mode, name, intervals, to } => {
            let quota = Quota { origin: Origin::Sql, name: name.clone(), intervals, to };
            put(&mut book.quotas, Kind::Quota, mode, name, quota, |quota| quota.origin)
        }
        Statement::Grant { given, to } => give(book, given, to, None),
        Statement::Revoke { given, from } => revoke(book, given, from),
        Statement::SetDefaultRoles { roles, to } => {
            to.iter().try_for_each(|name| set_default(book, name, &roles))?;
            Ok(to.into_iter().map(|name| (Kind::User, name)).collect())
        }
        Statement::SetRole(_) | Statement::Show(_) => Ok(Changed::new()),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::User => "user",
        Kind::Role => "role",
        Kind::Policy => "row policy",
        Kind::Quota => "quota",
    }
}

fn exists(kind: Kind, name: &str) -> Failure {
    let text = format!("{} {} already exists", kind_name(kind), ident(name));
    Failure::new(493, "ACCESS_ENTITY_ALREADY_EXISTS", text)
}

fn of_file(name: &str) -> Failure {
    let text = format!(
        "Cannot change {} because it is readonly: it stands in millrace.toml or is built in",
        ident(name)
    );
    Failure::new(495, "ACCESS_STORAGE_READONLY", text)
}

fn is_unknown(failure: &Failure) -> bool {
    matches!(failure.exception.code, 192 | 511)
}

fn holders(book: &mut Book, kind: Kind) -> &mut BTreeMap<String, Holder> {
    if kind == Kind::User { &mut book.users } else { &mut book.roles }
}

fn changeable<'a>(book: &'a mut Book, kind: Kind, name: &str) -> Result<&'a mut Holder> {
    let unknown = if kind == Kind::User { unknown_user(name) } else { unknown_role(name) };
    let holder = holders(book, kind).get_mut(name).ok_or(unknown)?;
    if holder.origin == Origin::Sql { Ok(holder) } else { Err(of_file(name)) }
}

fn create(
    book: &mut Book,
    kind: Kind,
    mode: Mode,
    name: &str,
    change: &Change,
) -> Result<Option<(Kind, String)>> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::bad_argument("A name is some text without control characters"));
    }
    match holders(book, kind).get(name).map(|holder| holder.origin) {
        None => {}
        Some(_) if mode == Mode::IfNotExists => return Ok(None),
        Some(Origin::Sql) if mode == Mode::OrReplace => {}
        Some(_) if mode == Mode::OrReplace => return Err(of_file(name)),
        Some(_) => return Err(exists(kind, name)),
    }
    let mut holder = Holder::new(name, Origin::Sql);
    fill(&mut holder, change)?;
    if let Some(roles) = &change.default_roles {
        // Of a new user they are granted, too, as at ClickHouse.
        if let DefaultRoles::Only(names) = roles {
            holder.roles.extend(names.iter().cloned());
        }
        holder.default_roles = roles.clone();
    }
    holders(book, kind).insert(name.to_owned(), holder);
    Ok(Some((kind, name.to_owned())))
}

fn fill(holder: &mut Holder, change: &Change) -> Result<()> {
    match &change.password {
        None => {}
        Some(Some(password)) => holder.password = Some(password.clone()),
        Some(None) => {
            let text = "a user without a password is not made here: IDENTIFIED BY '…'";
            return Err(Failure::bad_argument(text));
        }
    }
    if let Some(limits) = &change.limits {
        holder.limits = limits.clone();
    }
    if let Some(database) = &change.database {
        holder.database = database.clone();
    }
    Ok(())
}

fn set_default(book: &mut Book, name: &str, roles: &DefaultRoles) -> Result<()> {
    let (DefaultRoles::Only(named) | DefaultRoles::AllBut(named)) = roles;
    check_roles(book, named)?;
    let holder = changeable(book, Kind::User, name)?;
    if let DefaultRoles::Only(names) = roles
        && let Some(role) = names.iter().find(|role| !holder.roles.contains(*role))
    {
        let text = format!("Role {} should be granted to set default", ident(role));
        return Err(Failure::new(512, "SET_NON_GRANTED_ROLE", text));
    }
    holder.default_roles = roles.clone();
    Ok(())
}

fn check_roles<'a>(book: &Book, roles: impl IntoIterator<Item = &'a String>) -> Result<()> {
    let unknown = roles.into_iter().find(|role| !book.roles.contains_key(*role));
    unknown.map_or(Ok(()), |role| Err(unknown_role(role)))
}

fn put<T>(
    entries: &mut BTreeMap<String, T>,
    kind: Kind,
    mode: Mode,
    key: String,
    entry: T,
    origin: impl Fn(&T) -> Origin,
) -> Result<Changed> {
    match entries.get(&key).map(origin) {
        Some(_) if mode == Mode::IfNotExists => return Ok(Changed::new()),
        Some(_) if mode == Mode::Plain => return Err(exists(kind, &key)),
        Some(Origin::Sql) | None => {}
        Some(_) => return Err(of_file(&key)),
    }
    entries.insert(key.clone(), entry);
    Ok(vec![(kind, key)])
}

fn check_to(book: &Book, to: &To) -> Result<()> {
    let To::Names(names) = to else { return Ok(()) };
    let unknown = names
        .iter()
        .find(|name| !book.users.contains_key(*name) && !book.roles.contains_key(*name));
    unknown.map_or(Ok(()), |name| Err(unknown_role(name)))
}

fn drop_entries(
    book: &mut Book,
    kind: Kind,
    if_exists: bool,
    names: Vec<String>,
) -> Result<Changed> {
    let mut changed = Changed::new();
    for name in names {
        if kind == Kind::Quota {
            match book.quotas.get(&name).map(|quota| quota.origin) {
                None if if_exists => continue,
                None => {
                    let text = format!("There is no quota {} in `user directories`", ident(&name));
                    return Err(Failure::new(199, "UNKNOWN_QUOTA", text));
                }
                Some(Origin::Sql) => drop(book.quotas.remove(&name)),
                Some(_) => return Err(of_file(&name)),
            }
            changed.push((kind, name));
            continue;
        }
        match changeable(book, kind, &name) {
            Err(failure) if if_exists && is_unknown(&failure) => continue,
            Err(failure) => return Err(failure),
            Ok(_) => {}
        }
        holders(book, kind).remove(&name);
        changed.extend(forget(book, kind, &name));
        changed.push((kind, name));
    }
    Ok(changed)
}

/// Another one of that name, made later, must not come into what this one had.
fn forget(book: &mut Book, kind: Kind, name: &str) -> Changed {
    let mut changed = Changed::new();
    if kind == Kind::Role {
        for (of, holders) in [(Kind::User, &mut book.users), (Kind::Role, &mut book.roles)] {
            for holder in holders.values_mut() {
                let entry = (of, holder.name.clone());
                let was_default = holder.default_roles.forget(name);
                // What is kept of a broken one stays as it is: it says what lacks.
                if (holder.roles.remove(name) || was_default) && !book.broken.contains(&entry) {
                    changed.push(entry);
                }
            }
        }
    }
    let also_other = book.users.contains_key(name) || book.roles.contains_key(name);
    let is_gone = |to: &mut To| match to {
        To::Names(names) => !also_other && names.remove(name),
        _ => false,
    };
    for (key, policy) in &mut book.policies {
        if is_gone(&mut policy.to) {
            changed.push((Kind::Policy, key.clone()));
        }
    }
    for (key, quota) in &mut book.quotas {
        if is_gone(&mut quota.to) {
            changed.push((Kind::Quota, key.clone()));
        }
    }
    changed
}

/// A user goes before a role of the same name, as at ClickHouse.
fn kind_of(book: &Book, name: &str) -> Result<Kind> {
    match (book.users.contains_key(name), book.roles.contains_key(name)) {
        (true, _) => Ok(Kind::User),
        (false, true) => Ok(Kind::Role),
        (false, false) => Err(unknown_role(name)),
    }
}

/// `of`: what they are, where that is known better than by their names.
pub(super) fn give(
    book: &mut Book,
    given: Given,
    to: Vec<String>,
    of: Option<Kind>,
) -> Result<Changed> {
    match &given {
        Given::Grants(grants) => check_places(grants)?,
        Given::Roles(roles) => check_roles(book, roles)?,
    }
    let mut changed = Changed::new();
    for name in to {
        let kind = of.map_or_else(|| kind_of(book, &name), Ok)?;
        if let (Given::Roles(roles), Kind::Role) = (&given, kind)
            && book.reached(&roles.iter().cloned().collect()).contains(&name)
        {
            let text = format!("the role {} would have itself", ident(&name));
            return Err(Failure::bad_argument(text));
        }
        let holder = changeable(book, kind, &name)?;
        match &given {
            Given::Grants(grants) => holder.grants.extend(grants.iter().cloned()),
            Given::Roles(roles) => holder.roles.extend(roles.iter().cloned()),
        }
        changed.push((kind, name));
    }
    Ok(changed)
}

fn revoke(book: &mut Book, given: Given, from: Vec<String>) -> Result<Changed> {
    if let Given::Roles(roles) = &given {
        check_roles(book, roles)?;
    }
    let mut changed = Changed::new();
    for name in from {
        let kind = kind_of(book, &name)?;
        let holder = changeable(book, kind, &name)?;
        match &given {
            Given::Roles(roles) => holder.roles.retain(|role| !roles.contains(role)),
            Given::Grants(grants) => take_away(&mut holder.grants, grants)?,
        }
        changed.push((kind, name));
    }
    Ok(changed)
}

fn take_away(of: &mut Grants, revoked: &Grants) -> Result<()> {
    for grant in revoked {
        of.retain(|held| !grant.takes_away(held));
        if let Some(wider) = of.iter().find(|held| grant.takes_a_part_of(held)) {
            let text = format!(
                "a part of a grant cannot be revoked: revoke {wider} and grant what shall stay"
            );
            return Err(Failure::not_implemented(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::statement::parse;
    use super::*;

    fn run(book: &mut Book, text: &str) -> Result<Changed> {
        let mut copy = book.clone();
        let changed = apply(&mut copy, parse(text, "main")?.unwrap())?;
        *book = copy;
        Ok(changed)
    }

    fn book(texts: &[&str]) -> Book {
        let mut book = Book::new();
        for text in texts {
            run(&mut book, text).unwrap();
        }
        book
    }

    fn code(book: &mut Book, text: &str) -> u32 {
        run(book, text).err().map_or(0, |failure| failure.exception.code)
    }

    #[test]
    fn entries_come_and_go_with_what_hangs_on_them() {
        let mut book = book(&[
            "CREATE USER ann IDENTIFIED BY 'x'",
            "CREATE ROLE r",
            "GRANT r TO ann",
            "CREATE ROW POLICY p ON a.b USING 1 TO ann, r",
        ]);
        assert_eq!(code(&mut book, "CREATE USER ann IDENTIFIED BY 'x'"), 493);
        assert_eq!(code(&mut book, "CREATE USER IF NOT EXISTS ann IDENTIFIED BY 'x'"), 0);
        assert_eq!(code(&mut book, "ALTER USER bob IDENTIFIED BY 'x'"), 192);
        assert_eq!(code(&mut book, "DROP USER IF EXISTS bob"), 0);
        assert_eq!(code(&mut book, "DROP ROLE bob"), 511);
        assert_eq!(code(&mut book, "DROP ROLE admin"), 495);
        assert_eq!(code(&mut book, "CREATE USER x NOT IDENTIFIED"), 36);
        let changed = run(&mut book, "DROP ROLE r").unwrap();
        assert_eq!(changed.len(), 3);
        assert!(book.users["ann"].roles.is_empty());
        run(&mut book, "CREATE ROLE r").unwrap();
        assert!(book.users["ann"].roles.is_empty());
        run(&mut book, "DROP USER ann").unwrap();
        assert_eq!(book.policies["p ON a.b"].to, To::Names(Default::default()));
    }

    #[test]
    fn default_roles_are_some_of_those_that_one_has() {
        let mut book = book(&[
            "CREATE ROLE r",
            "CREATE ROLE s",
            "GRANT SELECT ON a.* TO r",
            "GRANT SELECT ON b.* TO s",
            "CREATE USER ann IDENTIFIED BY 'x'",
            "GRANT r, s TO ann",
        ]);
        assert_eq!(code(&mut book, "SET DEFAULT ROLE nosuch TO ann"), 511);
        assert_eq!(code(&mut book, "CREATE USER bob IDENTIFIED BY 'x' DEFAULT ROLE nosuch"), 511);
        assert_eq!(code(&mut book, "SET DEFAULT ROLE r TO nobody"), 192);
        let grants = |book: &Book, chosen: Option<&[String]>| -> String {
            let rights = book.rights("ann", chosen).unwrap();
            rights.grants.iter().map(|grant| format!("{grant}; ")).collect()
        };
        for (text, wanted) in [
            ("SET DEFAULT ROLE NONE TO ann", ""),
            ("ALTER USER ann DEFAULT ROLE s", "SELECT ON b.*; "),
            ("SET DEFAULT ROLE ALL EXCEPT s TO ann", "SELECT ON a.*; "),
            ("ALTER USER ann DEFAULT ROLE ALL", "SELECT ON a.*; SELECT ON b.*; "),
            ("SET DEFAULT ROLE r TO ann", "SELECT ON a.*; "),
        ] {
            run(&mut book, text).unwrap();
            assert_eq!(grants(&book, None), wanted, "{text}");
            assert_eq!(grants(&book, Some(&["s".into()])), "SELECT ON b.*; ", "{text}");
            // What is kept makes the same again.
            let mut again = book.clone();
            let kept = book.users["ann"].statements(true);
            again.users.remove("ann");
            for text in &kept {
                run(&mut again, text).unwrap();
            }
            assert_eq!(grants(&again, None), wanted, "{kept:?}");
        }
        run(&mut book, "DROP ROLE r").unwrap();
        run(&mut book, "CREATE ROLE r").unwrap();
        assert_eq!(book.users["ann"].default_roles_text(), "NONE");
        // Who is made with them has them, too.
        run(&mut book, "CREATE USER eve IDENTIFIED BY 'x' DEFAULT ROLE s").unwrap();
        assert!(book.users["eve"].roles.contains("s"));
        assert_eq!(code(&mut book, "ALTER USER eve DEFAULT ROLE r"), 512);
    }

    #[test]
    fn a_policy_outlives_one_of_those_that_it_is_for() {
        let mut book = book(&["CREATE USER bob IDENTIFIED BY 'x'"]);
        for (text, wrong) in [
            ("CREATE ROW POLICY p ON a.b USING x = 1 TO ann, bob", 511),
            ("CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 1 TO ann, bob", 511),
        ] {
            assert_eq!(code(&mut book, text), wrong);
            apply_kept(&mut book, parse(text, "main").unwrap().unwrap()).unwrap();
        }
        let rights = book.rights("bob", None).unwrap();
        assert_eq!((rights.filters["a.b"].as_str(), rights.quotas.len()), ("((x = 1))", 1));
        run(&mut book, "CREATE USER ann IDENTIFIED BY 'x'").unwrap();
        assert_eq!(book.rights("ann", None).unwrap().filters.len(), 1);
    }

    #[test]
    fn grants_are_given_and_taken() {
        let mut book =
            book(&["CREATE USER ann IDENTIFIED BY 'x'", "CREATE ROLE r", "CREATE ROLE s"]);
        run(&mut book, "GRANT SELECT ON a.*, INSERT ON a.b TO ann").unwrap_err();
        run(&mut book, "GRANT SELECT, INSERT ON a.b TO ann, r").unwrap();
        run(&mut book, "REVOKE ALL ON a.* FROM ann").unwrap();
        assert!(book.users["ann"].grants.is_empty() && book.roles["r"].grants.len() == 2);
        run(&mut book, "REVOKE SELECT ON z.z FROM ann").unwrap();
        run(&mut book, "GRANT SELECT ON a.* TO ann").unwrap();
        assert_eq!(code(&mut book, "REVOKE SELECT ON a.b FROM ann"), 48);
        assert_eq!(code(&mut book, "GRANT SELECT ON a.b TO nobody"), 511);
        assert_eq!(code(&mut book, "GRANT nosuch TO ann"), 511);
        assert_eq!(code(&mut book, "GRANT SELECT ON millrace.* TO ann"), 497);
        run(&mut book, "GRANT r TO s").unwrap();
        assert_eq!(code(&mut book, "GRANT s TO r"), 36);
    }

    #[test]
    fn names_that_are_words_of_the_language_come_back_as_names() {
        let mut book = book(&[]);
        for name in
            ["ALL", "none", "ON", "to", "current_user", "except", "As", "IF", "default", "for"]
        {
            let name = format!("`{name}`");
            for text in [
                format!("CREATE ROLE {name}"),
                format!("CREATE USER {name}x IDENTIFIED BY 'x'").replace("`x", "x`"),
                format!("GRANT SELECT({name}) ON `x`.{name} TO {name}"),
                format!("CREATE ROW POLICY {name} ON {name}.{name} USING 1 TO {name}"),
                format!("CREATE QUOTA {name} FOR INTERVAL 1 hour MAX queries = 1 TO {name}"),
            ] {
                run(&mut book, &text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            }
        }
        run(&mut book, "GRANT `ALL`, `ON` TO `NONEx`").unwrap_err();
        run(&mut book, "GRANT `ALL`, `ON` TO nonex").unwrap();
        let mut again = Book::new();
        let mut texts = Vec::new();
        for role in book.roles.values().filter(|role| role.origin == Origin::Sql) {
            texts.extend(role.statements(false));
        }
        texts.extend(book.users.values().flat_map(|user| user.statements(true)));
        texts.sort_by_key(|text| !text.starts_with("CREATE"));
        texts.extend(book.policies.values().map(Policy::statement));
        texts.extend(book.quotas.values().map(Quota::statement));
        for text in texts {
            run(&mut again, &text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
        assert_eq!(format!("{again:?}"), format!("{book:?}"));
    }

    #[test]
    fn an_entry_comes_back_from_its_statements() {
        let book = book(&[
            "CREATE ROLE r SETTINGS max_threads = 2",
            "CREATE USER `a n'n` IDENTIFIED WITH bcrypt_password BY 'x'",
            "GRANT SELECT(`b c`) ON a.`d.e` TO `a n'n`",
            "GRANT r TO `a n'n`",
            "CREATE ROW POLICY p ON a.b USING x = 'it''s' AS RESTRICTIVE TO r",
            "CREATE QUOTA q FOR INTERVAL 1 hour MAX queries = 5, FOR INTERVAL 1 day MAX errors = 1 TO ALL",
        ]);
        let mut again = Book::new();
        let mut texts: Vec<String> = book.roles["r"].statements(false);
        texts.extend(book.users["a n'n"].statements(true));
        texts.extend(book.policies.values().map(Policy::statement));
        texts.extend(book.quotas.values().map(Quota::statement));
        for text in texts {
            run(&mut again, &text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        }
        assert_eq!(format!("{again:?}"), format!("{book:?}"));
        assert!(again.users["a n'n"].password.as_ref().unwrap().is("x"));
    }
}
