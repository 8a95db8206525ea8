//! What a statement makes, changes and drops, and whether it may.

use super::ast::{Ast, Node};
use super::gate::{Gate, denied, split, unclear};
use super::grant::ident;
use super::lists::{ALTERS, ENGINES, OWN};
use super::needs;
use super::words::Words;
use crate::clickhouse::error::Failure;
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    pub(super) fn may_write(
        &self,
        privilege: &str,
        database: &str,
        table: Option<&str>,
    ) -> Result<()> {
        let own = OWN.contains(&database)
            || matches!(database, "system" | "information_schema" | "INFORMATION_SCHEMA");
        // Under another name, or with other values, its rows would be there unfiltered.
        let is_filtered = match table {
            Some(table) if privilege != "INSERT" && !self.rights.filters.is_empty() => {
                self.is_behind_a_filter(database, table)?
            }
            _ => false,
        };
        if is_filtered {
            return Err(denied(
                "Whom a row filter of a table, or of a view over it, is for may only read it and INSERT.",
            ));
        }
        if !own && self.rights.allow(privilege, Some(database), table) {
            return Ok(());
        }
        Err(denied(format!(
            "To execute this query, it's necessary to have the grant {privilege} ON {}.{}",
            ident(database),
            table.map_or("*".into(), ident)
        )))
    }

    pub(super) fn check_insert(&self, ast: &Ast<'_>) -> Result<()> {
        match ast.names().as_slice() {
            [database, table] => self.may_write("INSERT", database, Some(table)),
            [table] => self.check_unqualified("INSERT", table),
            _ => Err(unclear()),
        }
    }

    /// A temporary table is the user's own.
    pub(super) fn check_unqualified(&self, privilege: &str, table: &str) -> Result<()> {
        match self.may_write(privilege, &self.current, Some(table)) {
            Err(refused) if self.known.has_table(&self.current, table)? => Err(refused),
            _ => Ok(()),
        }
    }

    pub(super) fn check_write(
        &self,
        ast: &Ast<'_>,
        words: &Words<'_>,
        privilege: &str,
    ) -> Result<()> {
        self.check_definition(ast, words)?;
        let mut needs = BTreeSet::new();
        let altering = ast.nodes().iter().filter(|node| node.kind == "AlterCommand");
        for command in altering.map(|node| node.name()) {
            let known = ALTERS.iter().any(|start| command.starts_with(start));
            if !known || command == "MODIFY_SQL_SECURITY" {
                return Err(denied(format!("ALTER {} is for admins.", command.replace('_', " "))));
            }
            needs.extend(needs::of_alter(command, !words.has("DROP")));
        }
        if needs.is_empty() {
            needs.insert(privilege);
        }
        match ast.target() {
            Some((Some(database), None)) if privilege == "DROP" => {
                self.may_write("DROP DATABASE", database, None)
            }
            Some((database, Some(table))) if privilege == "DROP" => {
                self.check_dropped(database, table, words)
            }
            Some((Some(database), table)) => {
                needs.into_iter().try_for_each(|need| self.may_write(need, database, table))
            }
            Some((None, Some(table))) => {
                needs.into_iter().try_for_each(|need| self.check_unqualified(need, table))
            }
            // DROP of several.
            _ => {
                let several = ast.nodes().iter().filter(|node| node.kind == "TableIdentifier");
                let names: Vec<&str> = several.map(|node| node.name()).collect();
                if names.is_empty() || privilege != "DROP" {
                    return Err(unclear());
                }
                names.into_iter().try_for_each(|name| {
                    let (database, table) = split(name)?;
                    self.check_dropped(database, table, words)
                })
            }
        }
    }

    fn check_dropped(&self, database: Option<&str>, table: &str, words: &Words<'_>) -> Result<()> {
        let engine = self.known.engine_of(database.unwrap_or(&self.current), table)?;
        let word = if words.is(1, "TEMPORARY") { words.at(2) } else { words.at(1) };
        let privilege = needs::of_drop(engine.as_deref(), word);
        match database {
            Some(database) => self.may_write(privilege, database, Some(table)),
            None => self.check_unqualified(privilege, table),
        }
    }

    pub(super) fn check_rename(&self, ast: &Ast<'_>) -> Result<()> {
        let names = ast.names();
        // Two names each when one of them has a database; else it cannot be told.
        if names.is_empty() || !names.len().is_multiple_of(4) {
            return Err(denied("Rename and exchange with full names: database.table."));
        }
        for pair in names.chunks(4) {
            let engine = self.known.engine_of(pair[0], pair[1])?;
            let other = self.known.engine_of(pair[2], pair[3])?;
            for (place, engine) in
                [(&pair[..2], &engine), (&pair[2..], other.as_ref().map_or(&engine, |_| &other))]
            {
                let dropped = needs::of_drop(engine.as_deref(), "TABLE");
                self.may_write(dropped, place[0], Some(place[1]))?;
                let created = if dropped == "DROP VIEW" { "CREATE VIEW" } else { "CREATE TABLE" };
                self.may_write(created, place[0], Some(place[1]))?;
            }
        }
        Ok(())
    }

    /// Views that refresh themselves are part of dbt's work.
    pub(super) fn check_system(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        const OF_VIEWS: [&str; 5] = ["REFRESH", "WAIT", "CANCEL", "START", "STOP"];
        if !(OF_VIEWS.iter().any(|word| words.is(1, word)) && words.is(2, "VIEW")) {
            return Err(denied("SYSTEM is for admins."));
        }
        match ast.names().as_slice() {
            [database, table] => self.may_write("CREATE VIEW", database, Some(table)),
            [table] => self.may_write("CREATE VIEW", &self.current, Some(table)),
            _ => Err(unclear()),
        }
    }

    pub(super) fn check_create(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let what = words.created();
        self.check_definition(ast, words)?;
        match (what.as_str(), ast.target()) {
            ("TEMPORARY", Some((None, Some(_)))) => Ok(()),
            ("DATABASE", Some((Some(database), None))) => {
                let engines = ast.nodes().iter().enumerate().filter(|(_, n)| n.kind == "Storage");
                for (at, _) in engines {
                    if ast.children(at).any(|(_, n)| n.kind == "Function" && n.name() != "Atomic") {
                        return Err(denied("Databases of limited users have the engine Atomic."));
                    }
                }
                self.may_write("CREATE DATABASE", database, None)
            }
            ("TABLE" | "VIEW", Some((database, Some(table)))) => {
                let privilege = if what == "TABLE" { "CREATE TABLE" } else { "CREATE VIEW" };
                self.may_write(privilege, database.unwrap_or(&self.current), Some(table))
            }
            _ => Err(denied(format!("CREATE {what} is for admins."))),
        }
    }

    /// What a definition may hold: no engine that reaches out, nobody else's rights, no names of
    /// databases that its author cannot see (the print leaves some of them out).
    fn check_definition(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let stores = ast.nodes().iter().enumerate().filter(|(_, node)| node.kind == "Storage");
        for (at, _) in stores {
            if let Some((_, first)) = ast.children(at).find(|(_, node)| node.kind == "Function")
                && words.created() != "DATABASE"
                && words.follows_engine(first.name())
            {
                check_engine(first.name())?;
            }
        }
        // The print leaves out that of a materialized view; a column may have that name, too.
        for engine in words.engines().iter().filter(|engine| self.functions.is_engine(engine)) {
            if words.created() != "DATABASE" {
                check_engine(engine)?;
            }
        }
        let of_definer = |node: &Node<'_>| node.kind == "View" && node.name() == "SQL Security";
        if ast.nodes().iter().any(of_definer) {
            return Err(denied("SQL SECURITY and DEFINER are for admins."));
        }
        for name in words.first_names() {
            let hidden = OWN.contains(&name.as_str()) || self.is_hidden(&name)?;
            if hidden {
                return Err(denied(format!("There is no grant on the database {}", ident(&name))));
            }
        }
        Ok(())
    }
}

fn check_engine(name: &str) -> Result<()> {
    match ENGINES.contains(&name) {
        true => Ok(()),
        false => Err(denied(format!("Tables of the engine {name} are for admins."))),
    }
}
