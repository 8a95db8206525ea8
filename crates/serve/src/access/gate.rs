//! The fence in front: what a limited user's statement may be, decided from the engine's own parse
//! before it runs, by [lists](super::lists) of what is allowed.
//!
//! ```text
//! text ─▶ EXPLAIN AST ─▶ kind of statement ─▶ functions ─▶ tables that it reads ─▶ its target
//!                                             calls.rs    reads.rs, passed.rs     writes.rs, later.rs
//! ```
//!
//! A grant on columns is enforced by the engine alone (see [`super::fence`]): which column a name
//! means only it knows. Everything else is asked twice.

use super::ast::Ast;
use super::book::Rights;
use super::functions::Functions;
use super::grant::Grant;
use super::known::Known;
use super::lists::{EXISTS, READ, WRITE};
use super::words::Words;
use crate::clickhouse::error::Failure;
use store::embedded::Session;

type Result<T> = std::result::Result<T, Failure>;

pub(super) struct Gate<'a> {
    pub(super) rights: &'a Rights,
    pub(super) functions: &'a Functions,
    pub(super) known: Known<'a>,
    /// Where names without a database are.
    pub(super) current: String,
    /// Lists of the engine's are filtered ([`super::names`]).
    pub(super) hides_names: bool,
}

pub(super) fn denied(text: impl AsRef<str>) -> Failure {
    Failure::new(497, "ACCESS_DENIED", format!("Not enough privileges. {}", text.as_ref()))
}

impl Gate<'_> {
    /// Reads the statement by the engine's parser and checks it.
    pub(super) fn check(
        &self,
        session: &mut Session,
        text: &str,
        params: &[(String, String)],
        has_settings: bool,
    ) -> Result<()> {
        let words = Words::new(text);
        if words.has_strange_name() || words.takes_strange_name(params) {
            return Err(unclear());
        }
        let reads = self.check_count(session, text)?;
        let answer = session.query_and_keep(&format!("EXPLAIN AST {text}"), "TSVRaw", params)?;
        let printed = String::from_utf8_lossy(answer.bytes()).into_owned();
        drop(answer);
        let ast = Ast::new(&printed);
        self.check_seen(&ast, reads, has_settings)?;
        self.check_filters(&ast, &words)?;
        self.check_ast(&ast, &words)
    }

    /// What the text said is told by the engine's parse as well: files of the server's, whose names
    /// are printed beside the statement, settings, and that what only reads does.
    fn check_seen(&self, ast: &Ast<'_>, reads: bool, has_settings: bool) -> Result<()> {
        const WITH_FILES: [&str; 3] = ["SelectWithUnionQuery", "Explain", "InsertQuery"];
        for (at, node) in ast.nodes().iter().enumerate() {
            let beside = |kind: &str| ast.children(at).any(|(_, child)| child.kind == kind);
            if WITH_FILES.contains(&node.kind) && beside("Literal") {
                return Err(denied("INTO OUTFILE and FROM INFILE reach files of the server."));
            }
            // `EXPLAIN passes = 1` says how the answer looks.
            let is_of_explain = at == 1 && ast.kind() == "Explain";
            if node.kind == "Set" && !has_settings && !is_of_explain {
                return Err(unclear());
            }
        }
        let may_set = matches!(ast.kind(), "Set" | "UseQuery");
        let only_reads = READ.contains(&ast.kind()) || EXISTS.contains(&ast.kind());
        match reads || may_set || !(only_reads || self.rights.only_reads()) {
            true => Ok(()),
            false if self.rights.readonly => {
                let text = "Cannot execute query in readonly mode";
                Err(Failure::new(164, "READONLY", text))
            }
            false => Err(denied("To change something one needs a grant.")),
        }
    }

    /// The engine works PREWHERE out before a filter, and takes a filter by what a table is called.
    fn check_filters(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        let has_dot = |at: usize| {
            let of_table =
                ast.parent(at).is_some_and(|at| ast.nodes()[at].kind == "TableExpression");
            of_table && ast.nodes()[at].alias.is_some_and(|alias| alias.contains('.'))
        };
        let has_filters = !self.rights.filters.is_empty();
        if has_filters && words.has("PREWHERE") {
            return Err(denied("With a row filter in force there is no PREWHERE: use WHERE."));
        }
        match (has_filters || self.hides_names) && (0..ast.nodes().len()).any(has_dot) {
            true => Err(denied("With a filter in force no alias of a table has a dot.")),
            false => Ok(()),
        }
    }

    /// Behind EXPLAIN, too, a second statement would be run. So it is exactly one by the engine's own
    /// count, which is 0 where it cannot parse all of the text.
    /// Answers whether the engine says that it only reads.
    fn check_count(&self, session: &mut Session, text: &str) -> Result<bool> {
        let class = session.classify(text, &self.current);
        match class.map_or(0, |class| class.statements) {
            1 => Ok(class.is_some_and(|class| class.reads_only)),
            0 => {
                // Parses and runs nothing: for the parser's own words.
                let parse = format!("SELECT formatQuery({})", store::ddl::literal(text));
                session.query_and_keep(&parse, "Null", &[])?;
                Err(Failure::syntax("Syntax error: the statement cannot be read"))
            }
            _ => Err(Failure::syntax("Syntax error (Multi-statements are not allowed)")),
        }
    }

    fn check_ast(&self, ast: &Ast<'_>, words: &Words<'_>) -> Result<()> {
        self.check_functions(ast, words)?;
        self.check_tables(ast)?;
        let kind = ast.kind();
        if kind == "Explain" {
            // It is resolved before rights to columns are looked at. Others show filters, or resolve, too.
            let has_columns = |grant: &Grant| !grant.columns.is_empty();
            if words.has("TREE") && self.rights.grants.iter().any(has_columns) {
                return Err(denied(
                    "Who may read some columns gets no QUERY TREE: ask for a PLAN.",
                ));
            }
            let is_tree = words.is(1, "QUERY") && words.is(2, "TREE");
            if !is_tree && ast.nodes().get(1).is_some_and(|node| node.kind == "Set") {
                return Err(denied(
                    "An EXPLAIN with settings, but of a QUERY TREE, is for admins.",
                ));
            }
            let inside = ast.nodes().iter().skip(1).find(|node| node.kind != "Set");
            return match inside.is_some_and(|node| READ[..3].contains(&node.kind)) {
                true => Ok(()),
                false => Err(denied("Only a SELECT can be explained.")),
            };
        }
        if kind.starts_with("Show") && words.has_mark(b'(') {
            return Err(denied("A SHOW with an expression is for admins: ask system.tables."));
        }
        if EXISTS.contains(&kind) || kind.starts_with("ShowCreate") {
            return self.check_shown(ast);
        }
        self.check_later(ast, words)?;
        match kind {
            "UseQuery" => self.check_database(ast.names().first().copied().unwrap_or_default()),
            kind if READ.contains(&kind) => Ok(()),
            _ if self.rights.only_reads() => Err(denied("To change something one needs a grant.")),
            "CreateQuery" => self.check_create(ast, words),
            "Rename" => self.check_rename(ast),
            "SYSTEM" => self.check_system(ast, words),
            "InsertQuery" => self.check_insert(ast),
            kind => match WRITE.iter().find(|(known, _)| *known == kind) {
                Some((_, privilege)) => self.check_write(ast, words, privilege),
                None => Err(denied("This kind of statement is for admins.")),
            },
        }
    }
}

pub(super) fn unclear() -> Failure {
    denied(
        "The name of what this is about cannot be told: names with dots or blanks are for admins.",
    )
}

/// `table`, `database.table`; a name with more dots or with blanks could be another.
pub(super) fn split(name: &str) -> Result<(Option<&str>, &str)> {
    if name.contains([' ', '(', ')']) {
        return Err(unclear());
    }
    match name.split_once('.') {
        None => Ok((None, name)),
        Some((_, table)) if table.contains('.') => Err(unclear()),
        Some((database, table)) => Ok((Some(database), table)),
    }
}
