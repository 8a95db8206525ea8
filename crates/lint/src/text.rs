//! A migration file as people write it, cut into statements.
//!
//! ```text
//! file ─▶ lexer ─▶ statements of the way up, each with its place in the file
//!           ├─ psql's own lines (\connect) and the data of COPY … FROM stdin: no SQL, passed over
//!           └─ markers of goose, dbmate, sql-migrate, sqlx: which part is the way up, and whether
//!              the tool runs it in a transaction
//! ```
//!
//! The lexer only knows where strings, comments and statements end. What a statement is, says
//! Postgres's grammar.

mod lexer;
mod marker;

use lexer::{Lexer, Token};
use marker::Marker;

/// Whether the file's statements share a transaction that the file itself does not open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrapped {
    Yes,
    No,
    /// No marker says it: most tools do it, psql does not.
    Unsaid,
}

/// A statement, without the semicolon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    pub(crate) sql: &'a str,
    /// Where it begins in the file, counted from 1.
    pub(crate) line: usize,
}

pub(crate) struct Migration<'a> {
    pub(crate) statements: Vec<Statement<'a>>,
    pub(crate) wrapped: Wrapped,
    /// Statements of the way down, which were passed over.
    pub(crate) left_out: usize,
}

pub(crate) fn read(text: &str) -> Migration<'_> {
    let mut migration = Migration { statements: Vec::new(), wrapped: Wrapped::Unsaid, left_out: 0 };
    let mut is_up = true;
    let mut lexer = Lexer::new(text);
    let mut begun: Option<usize> = None;
    let mut lines = Lines { text, at: 0, line: 1 };
    loop {
        let token = lexer.next();
        match token {
            Token::Comment { from, to } if begun.is_none() => match marker::read(&text[from..to]) {
                Some(Marker::Up { wrapped }) => {
                    is_up = true;
                    // goose says NO TRANSACTION before or after.
                    if migration.wrapped != Wrapped::No {
                        migration.wrapped = wrapped;
                    }
                }
                Some(Marker::Down) => is_up = false,
                Some(Marker::NoTransaction) => migration.wrapped = Wrapped::No,
                None => {}
            },
            Token::Comment { .. } => {}
            Token::Word { from } => {
                begun.get_or_insert(from);
            }
            // psql's \g ends one too.
            Token::End { at } => {
                if let Some(from) = begun.take() {
                    let sql = text[from..at].trim_end();
                    match is_up {
                        true => {
                            let line = lines.of(from);
                            migration.statements.push(Statement { sql, line });
                        }
                        false => migration.left_out += 1,
                    }
                    if lexer::is_copy_from_stdin(sql) {
                        lexer.skip_copied_data();
                    }
                }
                if at == text.len() {
                    return migration;
                }
            }
        }
    }
}

/// Counts as it goes on: a dump has many statements.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl Lines<'_> {
    fn of(&mut self, at: usize) -> usize {
        self.line += breaks(&self.text[self.at..at]);
        self.at = at;
        self.line
    }
}

pub(crate) fn breaks(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests;
