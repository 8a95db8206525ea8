//! What a statement leaves behind that reads and writes later, in the background, where the engine knows
//! neither the user's roles nor her filters: materialized views, and mutations with a query in them.
//! What they read and write is looked at when they are made; afterwards they run with the server's rights.
//! Also what is named without being printed in the parse: `TO`, `CLONE AS`, partitions of other tables.

use super::ast::Ast;
use super::gate::{Gate, denied, split, unclear};
use super::needs::is_view;
use super::words::{Place, Words};
use crate::clickhouse::error::Failure;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    pub(super) fn check_later(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let kind = ast.kind();
        let commands = || ast.nodes().iter().filter(|node| node.kind == "AlterCommand");
        let has_command = |name: &str| commands().any(|node| node.name() == name);
        let makes_view = kind == "CreateQuery" && words.creates_what_runs();
        let has_query = ast.nodes().iter().any(|node| node.kind.starts_with("Select"))
            || ast
                .nodes()
                .iter()
                .any(|node| node.kind == "Function" && super::reads::is_in(node.name()));
        let mutates = matches!(kind, "AlterQuery" | "DeleteQuery" | "UpdateQuery") && has_query;
        let takes_partition = has_command("REPLACE_PARTITION");
        let clones = kind == "CreateQuery" && words.has("CLONE");
        if !self.rights.filters.is_empty() && (makes_view || mutates || takes_partition || clones) {
            return Err(denied(
                "With a row filter in force there are no materialized views, no mutations with a query or \
                 IN, and no copies of parts: they would not be filtered.",
            ));
        }
        if makes_view || mutates {
            self.check_no_view(ast)?;
        }
        if makes_view {
            for place in words.places_behind(&["TO"]) {
                self.check_target(place)?;
            }
        }
        if has_command("MOVE_PARTITION") {
            for place in words.places_behind(&["TO", "TABLE"]) {
                self.check_target(place)?;
            }
        }
        let sources = match (takes_partition, clones) {
            (true, _) => words.places_behind(&["FROM"]),
            (_, true) => words.places_behind(&["CLONE", "AS"]),
            _ => Vec::new(),
        };
        sources.into_iter().try_for_each(|place| {
            let (database, table) = place.map_err(|()| unclear())?;
            self.check_place_read(database.as_deref().unwrap_or(&self.current), &table)
        })
    }

    fn check_target(&self, place: std::result::Result<Place, ()>) -> Result<()> {
        match place.map_err(|()| unclear())? {
            (Some(database), table) => self.may_write("INSERT", &database, Some(&table)),
            (None, table) => self.check_unqualified("INSERT", &table),
        }
    }

    /// A view's own tables are checked when it is read, by the roles of who reads; later that is the server.
    fn check_no_view(&self, ast: &Ast<'_>) -> Result<()> {
        if self.rights.allow("SELECT", None, None) {
            return Ok(());
        }
        for node in ast.nodes() {
            if !matches!(node.kind, "TableIdentifier" | "Identifier") {
                continue;
            }
            let Ok((database, table)) = split(node.name()) else { continue };
            let database = database.unwrap_or(&self.current);
            if self.known.engine_of(database, table)?.is_some_and(|engine| is_view(&engine)) {
                return Err(denied(
                    "What runs later with the server's rights reads tables, not views, unless its author \
                     may read everything.",
                ));
            }
        }
        Ok(())
    }
}
