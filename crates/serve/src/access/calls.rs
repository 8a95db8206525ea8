//! What a statement calls: functions, table functions, dictionaries.

use super::ast::{Ast, Node};
use super::functions::Functions;
use super::gate::{Gate, denied, split, unclear};
use super::lists::OWN;
use super::words::Words;
use crate::clickhouse::error::Failure;

type Result<T> = std::result::Result<T, Failure>;

impl Gate<'_> {
    pub(super) fn check_functions(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let refused = |name: &str| {
            denied(format!(
                "The function {name} is for admins (a column of that name: table.{name})."
            ))
        };
        if !words.applies_by_name() {
            return Err(denied(
                "APPLY takes a function by its name, perhaps with literals: no lambda (a column of that \
                 name: `apply`).",
            ));
        }
        let named = words.names().find(|name| self.functions.refuses(name));
        for (at, node) in ast.nodes().iter().enumerate() {
            let parent = ast.parent(at).map(|at| ast.nodes()[at]);
            match node.kind {
                "Function" | "FunctionWithKeyValueArguments" => {
                    let name = node.name();
                    if !is_plain(name) {
                        return Err(unclear());
                    }
                    let of_table = matches!(
                        parent.map(|node| node.kind),
                        Some("TableExpression" | "InsertQuery" | "CreateQuery")
                    );
                    if of_table && !Functions::makes_a_table(name) {
                        return Err(denied(format!("The table function {name} is for admins.")));
                    }
                    let list = ast.children(at).next();
                    let first = list.and_then(|(list, _)| ast.children(list).next());
                    if let Some((_, first)) = first
                        && of_table
                        && Functions::may_hide_an_expression(name, first.kind, first.name())
                    {
                        let text = "A structure with expressions in it is for admins.";
                        return Err(denied(text));
                    }
                    if self.functions.refuses(name) {
                        return Err(refused(name));
                    }
                    if self.functions.is_of_dictionaries(name) {
                        self.check_dictionary(first.map(|(_, first)| first))?;
                    }
                }
                // A function as a value: `arrayMap(file, …)`.
                "Identifier" if self.functions.refuses(node.name()) => {
                    let list =
                        ast.parent(at).filter(|at| ast.nodes()[*at].kind == "ExpressionList");
                    let of = list.and_then(|at| ast.parent(at)).map(|at| ast.nodes()[at].kind);
                    if of == Some("Function") {
                        return Err(refused(node.name()));
                    }
                }
                // What it applies is not printed.
                "ColumnsApplyTransformer" => {
                    if let Some(name) = &named {
                        return Err(refused(name));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Its name as a literal: a bare one may be an alias of anything, and what comes out of the rest is not
    /// known yet.
    fn check_dictionary(&self, named: Option<&Node<'_>>) -> Result<()> {
        if !self.rights.filters.is_empty() {
            return Err(denied(
                "With a row filter in force there are no dictionaries: they have none.",
            ));
        }
        let literal = named.filter(|node| node.kind == "Literal").map(Node::name);
        let name = literal.and_then(|text| text.strip_prefix('\'')?.strip_suffix('\''));
        let place = name.filter(|name| !name.contains('\\')).and_then(|name| split(name).ok());
        let may = match place {
            Some((database, table)) => {
                let database = database.unwrap_or(&self.current);
                !OWN.contains(&database)
                    && self.rights.allow("dictGet", Some(database), Some(table))
            }
            None => self.rights.allow("dictGet", None, None),
        };
        match may {
            true => Ok(()),
            false => Err(denied(
                "It's necessary to have the grant dictGet on the dictionary, which is named as a text.",
            )),
        }
    }
}

/// A function of another name is none, or not all of its name.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
