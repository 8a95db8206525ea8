//! What a migration does to replication and to the lock queue, before it runs.
//!
//! ```text
//! --schema ─▶ learn ─▶ catalog ◀──────────────┐
//! file ─▶ text ─▶ statements ─▶ grammar ─▶ judge ─▶ findings ─▶ session ─▶ report
//!                                                   (one a change)  (what they do to one another)
//! ```
//!
//! # Contract
//! - The grammar is Postgres's own (crate `pg_query`); nothing is guessed from words.
//! - No database is asked. What the migration does not say and `learn` was not told is taken for the
//!   worse case: a column of an unknown type is written anew, a table is mirrored.
//! - A table that the file itself makes (IF NOT EXISTS too) is used by nobody yet: its locks and its
//!   shape are no finding.
//! - No text can make it panic, and no value out of a migration is repeated: only names are.

mod catalog;
mod finding;
mod grammar;
mod judge;
mod names;
mod session;
mod text;
mod types;
mod volatile;

pub use finding::{Finding, Held, Level, Lock, Touched, Work};

use catalog::Catalog;
use grammar::Parsed;
use judge::Context;
use model::TableOptions;
use session::Session;
use std::collections::BTreeMap;

/// What a project's publication is called where nobody says it.
pub const DEFAULT_PUBLICATION: &str = "millrace";

/// What `millrace.toml` says.
#[derive(Clone, Debug)]
pub struct Against {
    pub publication: String,
    pub slot: String,
    pub tables: BTreeMap<String, TableOptions>,
}

/// Text that is no SQL, and what the grammar says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    pub line: usize,
    pub message: String,
}

/// What is to be said of a file.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// In the file's order.
    pub findings: Vec<Finding>,
    pub troubles: Vec<Trouble>,
    /// Of the way up.
    pub statements: usize,
    /// Of the way down, which nobody judged.
    pub left_out: usize,
}

/// Reads files in the order in which they run.
pub struct Linter {
    catalog: Catalog,
    against: Option<Against>,
}

impl Linter {
    pub fn new(against: Option<Against>) -> Linter {
        Linter { catalog: Catalog::new(), against }
    }

    /// Takes in SQL that has run already, without judging it.
    pub fn learn(&mut self, text: &str) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        for statement in text::read(text).statements {
            match grammar::parse(statement.sql) {
                Ok(Parsed::Statement(node)) => self.catalog.learn(&node, false),
                Ok(Parsed::TooMuch) => {}
                Err(trouble) => troubles.push(placed(&statement, trouble)),
            }
        }
        self.catalog.next_file();
        troubles
    }

    pub fn lint(&mut self, text: &str) -> Report {
        let migration = text::read(text);
        let mut session = Session::new(migration.wrapped);
        let mut report = Report {
            statements: migration.statements.len(),
            left_out: migration.left_out,
            ..Report::default()
        };
        for statement in migration.statements {
            let line = statement.line;
            match grammar::parse(statement.sql) {
                Ok(Parsed::Statement(node)) => {
                    let mut findings = self.judge(&node);
                    let more = session.after(&node, &findings, line);
                    findings.extend(more);
                    findings.iter_mut().for_each(|finding| finding.line = line);
                    report.findings.extend(findings);
                    self.catalog.learn(&node, true);
                }
                Ok(Parsed::TooMuch) => {
                    let mut finding = unread(statement.sql);
                    finding.line = line;
                    report.findings.push(finding);
                }
                Err(trouble) => report.troubles.push(placed(&statement, trouble)),
            }
        }
        self.catalog.next_file();
        report
    }

    fn judge(&self, node: &pg_query::NodeEnum) -> Vec<Finding> {
        let context = Context { catalog: &self.catalog, against: self.against.as_ref() };
        let mut findings = judge::judge(node, context);
        for finding in &mut findings {
            finding.forget_locks_of(|table| self.catalog.is_new(table));
            let Some(table) = &finding.table else { continue };
            if self.catalog.is_new(table) {
                finding.forget_mirror();
                finding.forget_instead();
            } else if !context.is_mirrored(table) {
                finding.forget_mirror();
            }
        }
        findings
    }
}

fn placed(statement: &text::Statement<'_>, trouble: grammar::Trouble) -> Trouble {
    let before = statement.sql.get(..trouble.at).unwrap_or(statement.sql);
    Trouble { line: statement.line + text::breaks(before), message: trouble.message }
}

/// Megabytes of rows in one statement are common, and so are deep views; a change of a table is not
/// like that.
fn unread(sql: &str) -> Finding {
    let mut words = sql.split_ascii_whitespace().map(str::to_ascii_lowercase);
    let first = words.next().unwrap_or_default();
    let mut made = words.take_while(|word| word != "as").take(4);
    if first == "insert" {
        return Finding::new("insert", "rows are added")
            .mirror(Level::Safe, "they are in the log like any others");
    }
    if first == "create" && made.any(|word| word == "view" || word == "function") {
        return Finding::new("other", "no table's rows or columns change");
    }
    Finding::new("unread", "a statement that is too large or too deep to be read")
        .mirror(Level::Plan, "what it does is not known")
}
