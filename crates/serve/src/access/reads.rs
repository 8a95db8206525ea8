//! Which tables and databases a statement reads, and whether it may.

use super::ast::Ast;
use super::book::Rights;
use super::gate::{Gate, denied, split, unclear};
use super::grant::ident;
use super::lists::{IGNORE_SET, IN, INFORMATION_SCHEMA, OWN, SYSTEM};
use crate::clickhouse::error::Failure;
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    pub(super) fn check_tables(&self, ast: &Ast<'_>) -> Result<()> {
        let (read, maybe) = tables_of(ast);
        read.into_iter().try_for_each(|name| self.check_read(name))?;
        maybe.into_iter().try_for_each(|name| self.check_maybe_table(name))
    }

    fn check_read(&self, name: &str) -> Result<()> {
        match split(name)? {
            (Some(database), table) => self.check_place_read(database, table),
            // A subquery's name, a temporary table, or a table of the current database.
            (None, table) if self.may_read(&self.current, table) => {
                self.check_passed(&self.current, table)
            }
            (None, table) if self.known.has_table(&self.current, table)? => {
                Err(self.no_read(&self.current, table))
            }
            (None, _) => Ok(()),
        }
    }

    pub(super) fn check_place_read(&self, database: &str, table: &str) -> Result<()> {
        match self.may_read(database, table) {
            true => self.check_passed(database, table),
            false => Err(self.no_read(database, table)),
        }
    }

    /// `a IN b`: a column as a rule.
    fn check_maybe_table(&self, name: &str) -> Result<()> {
        let (database, table) = split(name)?;
        let database = database.unwrap_or(&self.current);
        match self.may_read(database, table) {
            true => self.check_passed(database, table),
            false if self.known.has_table(database, table)? => Err(self.no_read(database, table)),
            false => Ok(()),
        }
    }

    fn no_read(&self, database: &str, table: &str) -> Failure {
        denied(format!(
            "To execute this query, it's necessary to have the grant SELECT ON {}.{}",
            ident(database),
            ident(table)
        ))
    }

    fn may_read(&self, database: &str, table: &str) -> bool {
        match database {
            "system" => SYSTEM.contains(&table) || self.may_see_users(table),
            "information_schema" | "INFORMATION_SCHEMA" => {
                INFORMATION_SCHEMA.iter().any(|known| known.eq_ignore_ascii_case(table))
            }
            _ if OWN.contains(&database) => false,
            _ => self.rights.touches("SELECT", database, Some(table)),
        }
    }

    pub(super) fn has_filter(&self, database: &str, table: &str) -> bool {
        self.rights.filters.contains_key(&format!("{database}.{table}"))
    }

    /// dbt looks up what it has granted.
    fn may_see_users(&self, table: &str) -> bool {
        !self.rights.only_reads() && matches!(table, "grants" | "roles" | "role_grants")
    }

    pub(super) fn check_shown(&self, ast: &Ast<'_>) -> Result<()> {
        let Some((database, table)) = ast.target() else { return Err(unclear()) };
        let database = database.unwrap_or(&self.current);
        let may = match table {
            None => return self.check_database(database),
            Some(table) => {
                self.may_read(database, table)
                    || (!OWN.contains(&database)
                        && self.rights.touches("SHOW", database, Some(table)))
            }
        };
        if may { Ok(()) } else { Err(self.no_read(database, table.unwrap_or_default())) }
    }

    pub(super) fn check_database(&self, database: &str) -> Result<()> {
        if !OWN.contains(&database) && sees_database(self.rights, database) {
            return Ok(());
        }
        Err(denied(format!("There is no grant on the database {}", ident(database))))
    }

    pub(super) fn is_hidden(&self, database: &str) -> Result<bool> {
        if sees_database(self.rights, database) {
            return Ok(false);
        }
        self.known.has_database(database)
    }
}

/// Names of tables in a statement, and those that may be of tables.
pub(super) fn tables_of<'a>(ast: &Ast<'a>) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut read, mut maybe) = (BTreeSet::new(), BTreeSet::new());
    for (at, node) in ast.nodes().iter().enumerate() {
        match node.kind {
            // Those of `DROP TABLE a, b` are targets.
            "TableIdentifier" if ast.kind() != "DropQuery" => drop(read.insert(node.name())),
            "Function" if is_in(node.name()) => {
                let list = ast.children(at).next();
                let second = list.and_then(|(list, _)| ast.children(list).nth(1));
                let second = second.filter(|(_, node)| node.kind == "Identifier");
                maybe.extend(second.map(|(_, node)| node.name()));
            }
            _ => {}
        }
    }
    // `WITH users AS u SELECT 1 IN u`, and names of names.
    let aliased = ast.aliased();
    let mut next: Vec<&str> = read.iter().chain(&maybe).copied().collect();
    let mut seen: BTreeSet<&str> = next.iter().copied().collect();
    while let Some(name) = next.pop() {
        for meant in aliased.get(name).into_iter().flatten().copied() {
            maybe.insert(meant);
            if seen.insert(meant) {
                next.push(meant);
            }
        }
    }
    (read, maybe)
}

/// Whether somebody may be there. In `main`, where everybody begins, there is nothing to see without
/// a grant; the server's own tables are let through one by one.
pub(super) fn sees_database(rights: &Rights, database: &str) -> bool {
    matches!(database, "main" | "system" | "information_schema" | "INFORMATION_SCHEMA")
        || rights.is_in(database)
}

pub(super) fn is_in(name: &str) -> bool {
    IN.contains(&name.strip_suffix(IGNORE_SET).unwrap_or(name))
}
