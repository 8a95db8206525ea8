//! What a view reads, down to the tables that keep the rows: for users with a row filter, which is of a name and
//! so holds where that name is read. The engine keeps a view's text with every name in full.

use super::ast::{Ast, Node};
use super::functions::Functions;
use super::gate::{Gate, denied, split};
use super::reads::tables_of;
use super::words::Words;
use crate::clickhouse::error::Failure;
use crate::clickhouse::sql::{Kind, Tokens};
use std::collections::BTreeSet;

type Result<T> = std::result::Result<T, Failure>;

/// Database and table.
pub(super) type Place = (String, String);

impl Gate<'_> {
    /// What the text of a view names, or may name, as a table. An error: not all of it can be told.
    pub(super) fn read_by_view(&self, (database, table): &Place) -> Result<Vec<Place>> {
        let unclear = || {
            denied(
                "With a row filter in force, a view is read whose text can be followed: one of tables and \
                 other views, without table functions that reach out, dictionaries or parameters.",
            )
        };
        let text = self.known.text_of(database, table)?.ok_or_else(unclear)?;
        if self.passes_on_by_function(&text) || Words::new(&text).has_strange_name() {
            return Err(unclear());
        }
        let printed = self.known.parsed(&text)?.ok_or_else(unclear)?;
        let ast = Ast::new(&printed);
        let reaches_out = |(at, node): (usize, &Node<'_>)| {
            let of = ast.parent(at).map(|at| ast.nodes()[at].kind);
            node.kind == "Function"
                && of == Some("TableExpression")
                && !Functions::makes_a_table(node.name())
        };
        if ast.nodes().iter().enumerate().any(reaches_out) {
            return Err(unclear());
        }
        let place = |name: &str| {
            let (database, table) = split(name).map_err(|_| unclear())?;
            // What has no database is a name within the text, if it is not of the reader's own.
            Ok((database.unwrap_or(&self.current).to_owned(), table.to_owned()))
        };
        let (read, maybe) = tables_of(&ast);
        read.union(&maybe).copied().map(place).collect()
    }

    /// Dictionaries and `Join` tables, read by a function; wherever it is named, as APPLY is not printed.
    fn passes_on_by_function(&self, text: &str) -> bool {
        let is_one = |name: &str| {
            self.functions.is_of_dictionaries(name)
                || name.to_ascii_lowercase().starts_with("joinget")
        };
        Tokens::new(text.as_bytes()).any(|token| match token.kind {
            Kind::Word => is_one(&text[token.start..token.end]),
            Kind::Quoted => is_one(&text[token.start + 1..token.end - 1]),
            _ => false,
        })
    }

    /// Whether one of the user's filters is on a view that reads this: with other values, or another table in its
    /// place, the view would show other rows.
    pub(super) fn is_behind_a_filter(&self, database: &str, table: &str) -> Result<bool> {
        let filtered = self.rights.filters.keys().filter_map(|place| place.split_once('.'));
        let mut next: Vec<Place> = filtered.map(|(d, t)| (d.to_owned(), t.to_owned())).collect();
        let mut seen = BTreeSet::new();
        while let Some(place) = next.pop() {
            if place.0 == database && place.1 == table {
                return Ok(true);
            }
            if !seen.insert(place.clone()) {
                continue;
            }
            match self.known.engine_of(&place.0, &place.1)?.as_deref() {
                Some("View") => next.extend(self.read_by_view(&place)?),
                Some("MaterializedView") => {
                    next.extend(self.known.target_of(&place.0, &place.1)?);
                }
                _ => {}
            }
        }
        Ok(false)
    }
}
