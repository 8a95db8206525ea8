//! Who there is: users, roles, row policies, quotas; and what comes out of them for one user.
//!
//! ```text
//! millrace.toml ──┐
//! CREATE USER … ──┼─▶ Book ─▶ Book::rights(user, roles) ─▶ Rights ─▶ gate, fence, quota
//! built in ───────┘
//! ```
//!
//! Three roles are built in. `admin` may do everything. `editor` reads all data of users and may
//! have grants to write. `viewer` gives nothing by itself but a name. Without `admin` a user is
//! limited: only what is granted, through the gate.

use super::grant::{Grant, Grants, ident};
use super::password::Password;
use super::statement::Kind;
use super::{filter, privilege};
use crate::clickhouse::error::Failure;
use std::collections::{BTreeMap, BTreeSet};

type Result<T> = std::result::Result<T, Failure>;

pub(crate) const ADMIN: &str = "admin";
pub(crate) const EDITOR: &str = "editor";
pub(crate) const VIEWER: &str = "viewer";
/// Settings that a user or a role can be limited by.
pub(super) const LIMITS: [&str; 8] = [
    "max_threads",
    "max_memory_usage",
    "max_execution_time",
    "max_rows_to_read",
    "max_bytes_to_read",
    "max_result_rows",
    "max_result_bytes",
    READONLY,
];
/// More than 0: nothing is changed, whatever is granted, and nothing set but in the URL.
pub(super) const READONLY: &str = "readonly";
/// Seconds that a statement of a limited user may take unless it is said otherwise.
const EXECUTION_SECONDS: u64 = 600;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    BuiltIn,
    /// `millrace.toml`: SQL does not change it.
    File,
    Sql,
}

impl Origin {
    /// As `system.users` names where something is kept.
    pub(super) fn storage(self) -> &'static str {
        match self {
            Origin::BuiltIn => "built in",
            Origin::File => "millrace.toml",
            Origin::Sql => "local_directory",
        }
    }
}

/// Settings and the most that they may be.
pub(super) type Limits = BTreeMap<&'static str, u64>;

/// A user or a role.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// `None`: no password is needed. Roles have none.
    pub(super) password: Option<Password>,
    pub(super) roles: BTreeSet<String>,
    pub(super) default_roles: DefaultRoles,
    /// Where a user's statements are that name no database.
    pub(super) database: Option<String>,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
}

/// Which of a user's roles are in force when she has chosen none.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum DefaultRoles {
    Only(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

impl Default for DefaultRoles {
    fn default() -> DefaultRoles {
        DefaultRoles::AllBut(BTreeSet::new())
    }
}

impl DefaultRoles {
    pub(super) fn has(&self, role: &str) -> bool {
        match self {
            DefaultRoles::Only(names) => names.contains(role),
            DefaultRoles::AllBut(names) => !names.contains(role),
        }
    }

    pub(super) fn is_all(&self) -> bool {
        *self == DefaultRoles::default()
    }

    pub(super) fn forget(&mut self, role: &str) -> bool {
        match self {
            DefaultRoles::Only(names) | DefaultRoles::AllBut(names) => names.remove(role),
        }
    }
}

impl Holder {
    pub(super) fn new(name: &str, origin: Origin) -> Holder {
        Holder {
            name: name.to_owned(),
            origin,
            password: None,
            roles: BTreeSet::new(),
            default_roles: DefaultRoles::default(),
            database: None,
            grants: Grants::new(),
            limits: Limits::new(),
        }
    }

    /// The statements that make it, from which our own table makes it again.
    pub(super) fn statements(&self, is_user: bool) -> Vec<String> {
        let name = ident(&self.name);
        let mut create = match (is_user, &self.password) {
            (false, _) => format!("CREATE ROLE {name}"),
            (true, None) => format!("CREATE USER {name} NOT IDENTIFIED"),
            (true, Some(password)) => {
                format!("CREATE USER {name} IDENTIFIED WITH {}", password.definition())
            }
        };
        create += &self.settings_clause();
        // Behind the grants: only a role that one has is a default one.
        let default = (is_user && !self.default_roles.is_all())
            .then(|| format!("SET DEFAULT ROLE {} TO {name}", self.default_roles_text()));
        std::iter::once(create).chain(self.grant_statements()).chain(default).collect()
    }

    pub(super) fn default_roles_text(&self) -> String {
        let names = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| ident(name)).collect::<Vec<_>>().join(", ")
        };
        match &self.default_roles {
            DefaultRoles::Only(only) => {
                let names = names(&mut only.intersection(&self.roles));
                if names.is_empty() { "NONE".into() } else { names }
            }
            DefaultRoles::AllBut(but) if but.is_empty() => "ALL".into(),
            DefaultRoles::AllBut(but) => format!("ALL EXCEPT {}", names(&mut but.iter())),
        }
    }

    /// Where she is, and what she is limited to.
    pub(super) fn settings_clause(&self) -> String {
        let database = self.database.as_deref().map(ident);
        let database = database.map_or(String::new(), |name| format!(" DEFAULT DATABASE {name}"));
        let limits: Vec<String> =
            self.limits.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        match limits.is_empty() {
            true => database,
            false => format!("{database} SETTINGS {}", limits.join(", ")),
        }
    }

    pub(super) fn grant_statements(&self) -> Vec<String> {
        let name = ident(&self.name);
        let grants = self.grants.iter().map(|grant| format!("GRANT {grant} TO {name}"));
        let roles = self.roles.iter().map(|role| format!("GRANT {} TO {name}", ident(role)));
        grants.chain(roles).collect()
    }
}

/// Which rows of a table somebody sees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    pub(super) origin: Origin,
    pub(super) name: String,
    pub(super) database: String,
    pub(super) table: String,
    pub(super) filter: String,
    pub(super) restrictive: bool,
    pub(super) to: To,
}

/// Whom something is for.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) enum To {
    #[default]
    Nobody,
    All,
    Names(BTreeSet<String>),
}

impl To {
    fn is_for(&self, user: &str, roles: &BTreeSet<String>) -> bool {
        match self {
            To::Nobody => false,
            To::All => true,
            To::Names(names) => {
                names.contains(user) || roles.iter().any(|role| names.contains(role))
            }
        }
    }

    pub(super) fn clause(&self) -> String {
        match self {
            To::Nobody => String::new(),
            To::All => " TO ALL".into(),
            To::Names(names) => {
                let names: Vec<String> = names.iter().map(|name| ident(name)).collect();
                format!(" TO {}", names.join(", "))
            }
        }
    }
}

impl Policy {
    pub(super) fn statement(&self) -> String {
        let kind = if self.restrictive { "restrictive" } else { "permissive" };
        format!(
            "CREATE ROW POLICY {} ON {}.{} FOR SELECT USING {} AS {kind}{}",
            ident(&self.name),
            ident(&self.database),
            ident(&self.table),
            self.filter,
            self.to.clause()
        )
    }

    /// `name ON db.table`, by which it is told from others.
    pub(super) fn key(&self) -> String {
        format!("{} ON {}.{}", ident(&self.name), ident(&self.database), ident(&self.table))
    }
}

/// What may be used in an interval, by each user for herself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Quota {
    pub(super) origin: Origin,
    pub(super) name: String,
    pub(super) intervals: Vec<Interval>,
    pub(super) to: To,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Interval {
    pub(super) seconds: u64,
    /// `queries`, `read_rows` …
    pub(super) most: BTreeMap<&'static str, u64>,
}

impl Quota {
    pub(super) fn statement(&self) -> String {
        let intervals: Vec<String> = self.intervals.iter().map(Interval::clause).collect();
        let intervals = intervals.join(",");
        format!("CREATE QUOTA {}{intervals}{}", ident(&self.name), self.to.clause())
    }
}

impl Interval {
    fn clause(&self) -> String {
        let most: Vec<String> =
            self.most.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        format!(" FOR INTERVAL {} second MAX {}", self.seconds, most.join(", "))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pub(super) users: BTreeMap<String, Holder>,
    pub(super) roles: BTreeMap<String, Holder>,
    pub(super) policies: BTreeMap<String, Policy>,
    pub(super) quotas: BTreeMap<String, Quota>,
    /// Users and roles that could not be taken up as they were kept: what lacks may be a limit.
    pub(super) broken: BTreeSet<(Kind, String)>,
    /// Bytes that a statement of a limited user may take unless it is said otherwise; 0: as many as
    /// there are.
    pub(super) memory_most: u64,
}

/// What one user may do now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rights {
    pub(super) admin: bool,
    pub(super) readonly: bool,
    pub(super) database: Option<String>,
    /// In force: granted, or granted to one of these.
    pub(super) roles: BTreeSet<String>,
    pub(super) grants: Grants,
    pub(super) limits: Limits,
    /// By `database.table`.
    pub(super) filters: BTreeMap<String, String>,
    pub(super) quotas: Vec<Quota>,
}

impl Rights {
    pub(super) fn only_reads(&self) -> bool {
        let reads = |grant: &Grant| privilege::only_reads(grant.privilege);
        self.readonly || (!self.admin && self.grants.iter().all(reads))
    }

    /// Whether a statement that was let through with those could be now. Limits are those that it began
    /// with.
    pub(super) fn hold_all_of(&self, before: &Rights) -> bool {
        let same = || self.filters == before.filters && before.grants.is_subset(&self.grants);
        (self.admin || (!before.admin && same())) && (!self.readonly || before.readonly)
    }

    pub(super) fn touches(&self, privilege: &str, database: &str, table: Option<&str>) -> bool {
        self.grants.iter().any(|grant| grant.touches(privilege, database, table))
    }

    /// Whether a grant holds the whole privilege there. One of columns counts: which ones is the engine's to
    /// check.
    pub(super) fn allow(
        &self,
        privilege: &str,
        database: Option<&str>,
        table: Option<&str>,
    ) -> bool {
        self.grants.iter().any(|grant| {
            privilege::covers(grant.privilege, privilege) && grant.holds_place(database, table)
        })
    }

    pub(super) fn is_in(&self, database: &str) -> bool {
        self.grants.iter().any(|grant| grant.is_in(database))
    }
}

impl Book {
    /// With the built-in roles.
    pub(super) fn new() -> Book {
        let mut book = Book::default();
        for name in [ADMIN, EDITOR, VIEWER] {
            book.roles.insert(name.into(), Holder::new(name, Origin::BuiltIn));
        }
        let everything = Grant::new("ALL", None);
        book.roles.get_mut(ADMIN).expect("made above").grants.insert(everything);
        let reads = ["SELECT", "SHOW", "dictGet"].map(|privilege| Grant::new(privilege, None));
        book.roles.get_mut(EDITOR).expect("made above").grants.extend(reads);
        book
    }

    /// `chosen`: of her roles, only these give something; `None`: the default ones. What limits her is that of all of them: else
    /// she would choose those without a filter.
    pub(super) fn rights(&self, user: &str, chosen: Option<&[String]>) -> Result<Rights> {
        let holder = self.users.get(user).ok_or_else(|| unknown_user(user))?;
        let granted = self.reached(&holder.roles);
        let roles = match chosen {
            None => {
                let default = holder.roles.iter().filter(|role| holder.default_roles.has(role));
                self.reached(&default.cloned().collect())
            }
            Some(chosen) => {
                for role in chosen {
                    if !self.roles.contains_key(role) {
                        return Err(unknown_role(role));
                    }
                    if !granted.contains(role) {
                        let text = format!("Role {} should be granted to set current", ident(role));
                        return Err(Failure::new(512, "SET_NON_GRANTED_ROLE", text));
                    }
                }
                self.reached(&chosen.iter().cloned().collect())
            }
        };
        let of = |roles: &BTreeSet<String>| -> Vec<&Holder> {
            std::iter::once(holder).chain(roles.iter().filter_map(|r| self.roles.get(r))).collect()
        };
        let grants: Grants =
            of(&roles).into_iter().flat_map(|holder| holder.grants.iter().cloned()).collect();
        let admin = grants.contains(&Grant::new("ALL", None));
        let mut limits = limits(of(&granted).into_iter());
        let readonly = limits.remove(READONLY).is_some_and(|level| level > 0);
        let database = holder.database.clone();
        let mut rights = Rights { admin, readonly, database, grants, ..Rights::default() };
        // An admin of the file can come in to mend what is broken.
        if !admin || holder.origin == Origin::Sql {
            self.check_whole(user, &granted)?;
        }
        if !admin {
            rights.limits = limits;
            if self.memory_most > 0 {
                rights.limits.entry("max_memory_usage").or_insert(self.memory_most);
            }
            rights.filters = self.filters(user, &granted);
        }
        rights.quotas =
            self.quotas.values().filter(|quota| quota.to.is_for(user, &granted)).cloned().collect();
        rights.roles = roles;
        Ok(rights)
    }

    fn check_whole(&self, user: &str, roles: &BTreeSet<String>) -> Result<()> {
        let is_of = |(kind, name): &&(Kind, String)| match kind {
            Kind::User => name == user,
            _ => roles.contains(name),
        };
        let Some((kind, name)) = self.broken.iter().find(is_of) else { return Ok(()) };
        let (kind, ident) = (format!("{kind:?}").to_uppercase(), ident(name));
        let text = format!(
            "The {kind} {ident} could not be taken up as it was kept when Millrace started, and what lacks \
             may be a limit: an admin has to say anew what holds, with GRANT … TO {ident}, ALTER {kind} \
             {ident} or CREATE OR REPLACE {kind} {ident}"
        );
        Err(Failure::new(497, "ACCESS_DENIED", text))
    }

    pub(super) fn all_roles(&self, user: &str) -> Vec<String> {
        self.users.get(user).map_or_else(Vec::new, |user| user.roles.iter().cloned().collect())
    }

    /// Of these roles, those that the user has.
    pub(super) fn roles_left(&self, user: &str, chosen: &[String]) -> Vec<String> {
        let granted = self.users.get(user).map(|user| self.reached(&user.roles));
        let granted = granted.unwrap_or_default();
        chosen.iter().filter(|role| granted.contains(*role)).cloned().collect()
    }

    /// These roles and those that they have.
    pub(super) fn reached(&self, from: &BTreeSet<String>) -> BTreeSet<String> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&String> = from.iter().collect();
        while let Some(name) = next.pop() {
            if let Some(role) = self.roles.get(name)
                && reached.insert(name.clone())
            {
                next.extend(&role.roles);
            }
        }
        reached
    }

    /// ClickHouse's rule: one of the permissive ones, and all of the restrictive ones.
    fn filters(&self, user: &str, roles: &BTreeSet<String>) -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
        for policy in self.policies.values().filter(|policy| policy.to.is_for(user, roles)) {
            let place = format!("{}.{}", policy.database, policy.table);
            let (any, all) = found.entry(place).or_default();
            let filter = format!("({})", filter::of_user(&policy.filter, user));
            if policy.restrictive { all.push(filter) } else { any.push(filter) }
        }
        let joined = found.into_iter().map(|(place, (any, mut all))| {
            if !any.is_empty() {
                all.push(format!("({})", any.join(" OR ")));
            }
            (place, all.join(" AND "))
        });
        joined.collect()
    }
}

/// The least of what somebody and her roles are limited to (of `readonly` the most); what she herself has goes
/// first.
fn limits<'a>(mut holders: impl Iterator<Item = &'a Holder>) -> Limits {
    let mut limits = holders.next().map_or_else(Limits::new, |user| user.limits.clone());
    let mut of_roles = Limits::new();
    for (name, value) in holders.flat_map(|role| &role.limits) {
        let stricter = if *name == READONLY { u64::max } else { u64::min };
        of_roles
            .entry(name)
            .and_modify(|found| *found = stricter(*found, *value))
            .or_insert(*value);
    }
    for (name, value) in of_roles {
        let own = limits.entry(name).or_insert(value);
        if name == READONLY {
            *own = value.max(*own);
        }
    }
    limits.entry("max_execution_time").or_insert(EXECUTION_SECONDS);
    limits
}

pub(super) fn unknown_user(name: &str) -> Failure {
    let text = format!("There is no user {} in `user directories`", ident(name));
    Failure::new(192, "UNKNOWN_USER", text)
}

pub(super) fn unknown_role(name: &str) -> Failure {
    let text = format!("There is no role {} in `user directories`", ident(name));
    Failure::new(511, "UNKNOWN_ROLE", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(privilege: &'static str, database: &str) -> Grant {
        Grant::new(privilege, Some(database))
    }

    #[test]
    fn rights_come_from_the_user_and_all_roles_reached() {
        let mut book = Book::new();
        let mut analyst = Holder::new("analyst", Origin::Sql);
        analyst.roles.insert("base".into());
        analyst.limits.insert("max_threads", 2);
        let mut base = Holder::new("base", Origin::Sql);
        base.grants.insert(grant("SELECT", "shop"));
        base.roles.insert("analyst".into());
        base.limits.insert("max_threads", 1);
        let mut ann = Holder::new("ann", Origin::Sql);
        ann.roles.insert("analyst".into());
        ann.grants.insert(grant("INSERT", "scratch"));
        book.roles.extend([("analyst".into(), analyst), ("base".into(), base)]);
        book.users.insert("ann".into(), ann);
        let rights = book.rights("ann", None).unwrap();
        assert_eq!(rights.grants, [grant("INSERT", "scratch"), grant("SELECT", "shop")].into());
        assert_eq!(rights.limits["max_threads"], 1);
        assert!(!rights.admin && rights.roles.contains("base"));
        let fewer = book.rights("ann", Some(&[])).unwrap();
        assert_eq!(fewer.grants, [grant("INSERT", "scratch")].into());
        assert_eq!(fewer.limits, rights.limits);
        let code = |user: &str, roles: Option<&[String]>| {
            book.rights(user, roles).unwrap_err().exception.code
        };
        assert_eq!(code("ann", Some(&["admin".into()])), 512);
        assert_eq!(code("ann", Some(&["nosuch".into()])), 511);
        assert_eq!(code("bob", None), 192);
    }

    #[test]
    fn rows_are_those_of_a_permissive_policy_and_of_every_restrictive_one() {
        let mut book = Book::new();
        book.users.insert("ann".into(), Holder::new("ann", Origin::Sql));
        let policy = |name: &str, filter: &str, restrictive, to: To| Policy {
            origin: Origin::Sql,
            name: name.into(),
            database: "shop".into(),
            table: "orders".into(),
            filter: filter.into(),
            restrictive,
            to,
        };
        let ann = || To::Names(["ann".to_owned()].into());
        for policy in [
            policy("a", "x = 1", false, ann()),
            policy("b", "owner = currentUser()", false, To::All),
            policy("c", "z > 0", true, ann()),
            policy("d", "0", true, To::Names(["bob".to_owned()].into())),
        ] {
            book.policies.insert(policy.key(), policy);
        }
        assert_eq!(
            book.rights("ann", None).unwrap().filters["shop.orders"],
            "(z > 0) AND ((x = 1) OR (owner = 'ann'))"
        );
        // A filter of a role is not shed with the role.
        let hr = policy("hr", "0", true, To::Names(["hr".to_owned()].into()));
        let hr = Policy { table: "people".into(), ..hr };
        book.policies.insert(hr.key(), hr);
        book.roles.insert("hr".into(), Holder::new("hr", Origin::Sql));
        book.users.get_mut("ann").unwrap().roles.extend(["hr".to_owned(), VIEWER.to_owned()]);
        let chosen = book.rights("ann", Some(&[VIEWER.to_owned()])).unwrap();
        assert_eq!(chosen.filters["shop.people"], "(0)");
    }
}
