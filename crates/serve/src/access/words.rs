//! A statement's words as they stand, for what the print of its parse leaves out.

use super::ast::{ALIAS, CHILDREN};
use crate::clickhouse::sql::{Kind, Token, Tokens};

/// A database, if it is named, and a table.
pub(super) type Place = (Option<String>, String);

/// The statement's words as they stand.
pub(super) struct Words<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Words<'a> {
        Words { text, tokens: Tokens::new(text.as_bytes()).collect() }
    }

    /// A line break or an escape in a name would break the print of the parse in two, a mark of its own
    /// end it early.
    pub(super) fn has_strange_name(&self) -> bool {
        let quoted = self.tokens.iter().filter(|token| token.kind == Kind::Quoted);
        quoted.into_iter().any(|token| is_strange(&self.text[token.start..token.end]))
    }

    /// The same of names that come as parameters.
    pub(super) fn takes_strange_name(&self, params: &[(String, String)]) -> bool {
        self.has("Identifier") && params.iter().any(|(_, value)| is_strange(value))
    }

    pub(super) fn at(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &self.text[token.start..token.end])
    }

    pub(super) fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).eq_ignore_ascii_case(word)
    }

    pub(super) fn has(&self, word: &str) -> bool {
        (0..self.tokens.len()).any(|at| self.tokens[at].kind == Kind::Word && self.is(at, word))
    }

    pub(super) fn has_mark(&self, mark: u8) -> bool {
        self.tokens.iter().any(|token| token.kind == Kind::Mark(mark))
    }

    /// The name at a place, without its quotes.
    fn name(&self, index: usize) -> Option<String> {
        let token = self.tokens.get(index)?;
        let text = &self.text[token.start..token.end];
        match token.kind {
            Kind::Word => Some(text.to_owned()),
            // Without escapes: they were refused.
            Kind::Quoted => Some(text[1..text.len() - 1].to_owned()),
            _ => None,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.tokens.len()).filter_map(|at| self.name(at))
    }

    /// What a CREATE makes.
    pub(super) fn created(&self) -> String {
        const SKIPPED: [&str; 5] = ["CREATE", "OR", "REPLACE", "MATERIALIZED", "WINDOW"];
        let mut at = 0;
        while SKIPPED.iter().any(|word| self.is(at, word)) {
            at += 1;
        }
        self.at(at).to_ascii_uppercase()
    }

    /// Whether a CREATE makes a view that runs by itself later.
    pub(super) fn creates_what_runs(&self) -> bool {
        let view = (0..self.tokens.len()).find(|at| self.is(*at, "VIEW")).unwrap_or(0);
        (0..view).any(|at| self.is(at, "MATERIALIZED") || self.is(at, "WINDOW"))
    }

    /// Names that may be of an engine: behind `ENGINE`, with `=` or without.
    pub(super) fn engines(&self) -> Vec<String> {
        let named = |at: &usize| self.tokens[*at].kind == Kind::Word && self.is(*at, "ENGINE");
        let behind = |at: usize| if self.at(at + 1) == "=" { at + 2 } else { at + 1 };
        (0..self.tokens.len()).filter(named).filter_map(|at| self.name(behind(at))).collect()
    }

    /// What is named behind each of these words: database and table. `Err`: that cannot be told.
    pub(super) fn places_behind(&self, words: &[&str]) -> Vec<Result<Place, ()>> {
        let is_word = |at: usize, word: &str| {
            self.tokens.get(at).is_some_and(|token| token.kind == Kind::Word) && self.is(at, word)
        };
        let begins = |at: &usize| (0..words.len()).all(|nth| is_word(at + nth, words[nth]));
        let place = |at: usize| {
            let at = at + words.len();
            if self.at(at) == "{" {
                return Some(Err(()));
            }
            let first =
                self.name(at).filter(|name| !name.starts_with(|c: char| c.is_ascii_digit()))?;
            if self.at(at + 1) != "." {
                return Some(Ok((None, first)));
            }
            Some(self.name(at + 2).map(|second| (Some(first), second)).ok_or(()))
        };
        (0..self.tokens.len()).filter(begins).filter_map(place).collect()
    }

    pub(super) fn follows_engine(&self, name: &str) -> bool {
        let named = |at: usize| self.name(at).as_deref() == Some(name);
        (0..self.tokens.len()).any(|at| {
            self.is(at, "ENGINE") && (named(at + 1) || (self.at(at + 1) == "=" && named(at + 2)))
        })
    }

    /// Whether what APPLY applies is always a function's name, perhaps with literals: all else behind it,
    /// such as a lambda's body, is not printed.
    pub(super) fn applies_by_name(&self) -> bool {
        let word = |at: &usize| self.tokens[*at].kind == Kind::Word && self.is(*at, "APPLY");
        (0..self.tokens.len()).filter(word).all(|at| self.is_applied_by_name(at + 1))
    }

    fn is_applied_by_name(&self, at: usize) -> bool {
        let in_brackets = self.at(at) == "(";
        let at = if in_brackets { at + 1 } else { at };
        if self.name(at).is_none() {
            // A column of that name.
            return !in_brackets && self.at(at) != "{";
        }
        let mut end = at + 1;
        if self.at(end) == "(" {
            end += 1;
            while self.is_of_literals(end) {
                end += 1;
            }
            if self.at(end) != ")" {
                return false;
            }
            end += 1;
        }
        match in_brackets {
            true => self.at(end) == ")",
            false => !(self.at(end) == "-" && self.at(end + 1) == ">"),
        }
    }

    fn is_of_literals(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| match token.kind {
            Kind::Literal => true,
            Kind::Word => self.at(at).starts_with(|c: char| c.is_ascii_digit()),
            Kind::Mark(mark) => matches!(mark, b',' | b'.' | b'-'),
            Kind::Quoted | Kind::Open => false,
        })
    }

    /// What stands before a dot: perhaps a database.
    pub(super) fn first_names(&self) -> Vec<String> {
        let found = (0..self.tokens.len())
            .filter(|at| self.at(at + 1) == "." && (*at == 0 || self.at(at - 1) != "."));
        let mut names: Vec<String> = found.filter_map(|at| self.name(at)).collect();
        names.sort();
        names.dedup();
        names
    }
}

fn is_strange(name: &str) -> bool {
    name.contains('\\')
        || name.chars().any(char::is_control)
        || [ALIAS, CHILDREN].iter().any(|mark| name.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_the_print_does_not() {
        let text =
            "CREATE /* x */ OR REPLACE TABLE a.b ENGINE = `Merge Tree` AS c . d ENGINE URL('x')";
        let words = Words::new(text);
        assert_eq!(words.created(), "TABLE");
        assert_eq!(words.engines(), ["Merge Tree", "URL"]);
        assert_eq!(words.first_names(), ["a", "c"]);
        assert!(words.has("replace") && !words.has("x") && words.has_mark(b'('));
        assert!(words.follows_engine("Merge Tree") && !words.follows_engine("b"));
        assert_eq!(Words::new("CREATE MATERIALIZED VIEW v").created(), "VIEW");
        let text = "CREATE OR REPLACE MATERIALIZED VIEW v TO a . `b` AS SELECT `to` FROM t WITH FILL TO 1, to {x:Identifier}";
        let words = Words::new(text);
        assert_eq!(words.places_behind(&["TO"]), [Ok((Some("a".into()), "b".into())), Err(())]);
        assert!(
            words.creates_what_runs()
                && !Words::new("CREATE VIEW materialized").creates_what_runs()
        );
        assert_eq!(
            Words::new("x ENGINE Kafka SETTINGS, engine = 'x', `engine` = y").engines(),
            ["Kafka"]
        );
    }

    #[test]
    fn only_a_name_is_applied() {
        for by_name in [
            "SELECT * APPLY sum FROM t",
            "SELECT * APPLY(`sum`) APPLY (quantiles(0.5, -1, 'x')) FROM t",
            "SELECT apply, t.apply, `apply` -> (1), 'apply(x -> 1)' FROM t WHERE apply IN (1)",
            "ALTER TABLE t APPLY DELETED MASK",
            "SELECT apply",
        ] {
            assert!(Words::new(by_name).applies_by_name(), "{by_name}");
        }
        for other in [
            "SELECT * APPLY(x -> 1) FROM t",
            "SELECT * apply /* x */ (`x` -> 1) FROM t",
            "SELECT * APPLY x -> 1 FROM t",
            "SELECT * APPLY x /**/ -> 1 FROM t",
            "SELECT * APPLY((x) -> 1) FROM t",
            "SELECT * APPLY(tuple(x) -> 1) FROM t",
            "SELECT * APPLY(f((SELECT 1))) FROM t",
            "SELECT * APPLY(f(1) -> 1) FROM t",
            "SELECT * APPLY f(x) FROM t",
            "SELECT * APPLY {f:Identifier} FROM t",
            "SELECT * APPLY(sum) APPLY(x -> 1) FROM t",
        ] {
            assert!(!Words::new(other).applies_by_name(), "{other}");
        }
    }

    #[test]
    fn names_that_would_break_the_print_are_strange() {
        assert!(Words::new("SELECT `a\\nb`").has_strange_name());
        assert!(Words::new("SELECT \"a\nb\"").has_strange_name());
        assert!(!Words::new("SELECT `a b (c)`, 'a\\nb'").has_strange_name());
        assert!(Words::new("SELECT f(x) AS `a (alias b`").has_strange_name());
        let param = [("t".to_owned(), "a\nb".to_owned())];
        assert!(Words::new("SELECT {t:Identifier}").takes_strange_name(&param));
        assert!(!Words::new("SELECT {t:String}").takes_strange_name(&param));
    }
}
