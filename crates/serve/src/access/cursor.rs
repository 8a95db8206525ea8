//! The words of a statement about users, one after another. ClickHouse's own lexing, from the door's
//! reader of SQL; a name may stand bare, in backticks, or in quotes of either kind.

use crate::clickhouse::error::Failure;
use crate::clickhouse::sql::{Kind, Tokens};

/// Statements that are kept in one field are separated by this.
pub(super) const BETWEEN: &str = "\u{1e}";

type Result<T> = std::result::Result<T, Failure>;

#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    Word(String),
    /// In backticks or double quotes; `None`: with an escape that is not read here.
    Name(Option<String>),
    /// In single quotes, likewise.
    Text(Option<String>),
    Mark(u8),
}

pub(super) struct Cursor {
    text: String,
    pieces: Vec<Piece>,
    /// Where each stands in the text.
    places: Vec<std::ops::Range<usize>>,
    at: usize,
}

impl Cursor {
    pub(super) fn new(text: &str) -> Result<Cursor> {
        if text.contains(BETWEEN) {
            return Err(Failure::syntax("Syntax error: a separator of records goes nowhere here"));
        }
        let (mut pieces, mut places) = (Vec::new(), Vec::new());
        for token in Tokens::new(text.as_bytes()) {
            let piece = &text[token.start..token.end];
            places.push(token.start..token.end);
            pieces.push(match token.kind {
                Kind::Word => Piece::Word(piece.to_owned()),
                Kind::Quoted => Piece::Name(unquote(piece)),
                Kind::Literal if piece.starts_with('\'') => Piece::Text(unquote(piece)),
                Kind::Mark(mark) => Piece::Mark(mark),
                Kind::Literal => return Err(Failure::syntax("Syntax error: no heredoc goes here")),
                Kind::Open => return Err(Failure::syntax("Syntax error: a quote has no end")),
            });
        }
        while pieces.last() == Some(&Piece::Mark(b';')) {
            pieces.pop();
        }
        Ok(Cursor { text: text.to_owned(), pieces, places, at: 0 })
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        match self.pieces.get(self.at + ahead) {
            Some(Piece::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// Takes these words, separated by blanks, if all of them are next.
    pub(super) fn takes(&mut self, words: &str) -> bool {
        let mut count = 0;
        for word in words.split(' ') {
            if !self.word(count).is_some_and(|found| found.eq_ignore_ascii_case(word)) {
                return false;
            }
            count += 1;
        }
        self.at += count;
        true
    }

    pub(super) fn expect(&mut self, words: &str) -> Result<()> {
        if self.takes(words) { Ok(()) } else { Err(self.expected(words)) }
    }

    pub(super) fn takes_mark(&mut self, mark: u8) -> bool {
        let is = self.pieces.get(self.at) == Some(&Piece::Mark(mark));
        self.at += usize::from(is);
        is
    }

    pub(super) fn expect_mark(&mut self, mark: u8) -> Result<()> {
        let is = self.takes_mark(mark);
        if is { Ok(()) } else { Err(self.expected(&char::from(mark).to_string())) }
    }

    /// A bare word of the language, in capitals.
    pub(super) fn any_word(&mut self) -> Option<String> {
        let word = self.word(0)?.to_ascii_uppercase();
        self.at += 1;
        Some(word)
    }

    pub(super) fn name(&mut self) -> Result<String> {
        let name = match self.pieces.get(self.at) {
            Some(Piece::Word(name) | Piece::Name(Some(name)) | Piece::Text(Some(name))) => {
                name.clone()
            }
            _ => return Err(self.expected("a name")),
        };
        self.at += 1;
        Ok(name)
    }

    pub(super) fn names(&mut self) -> Result<Vec<String>> {
        let mut names = vec![self.name()?];
        while self.takes_mark(b',') {
            names.push(self.name()?);
        }
        Ok(names)
    }

    pub(super) fn text(&mut self) -> Result<String> {
        match self.pieces.get(self.at) {
            Some(Piece::Text(Some(text))) => {
                let text = text.clone();
                self.at += 1;
                Ok(text)
            }
            _ => Err(self.expected("a text in quotes")),
        }
    }

    /// A whole number, also written as `1e6` or in quotes.
    pub(super) fn number(&mut self) -> Result<u64> {
        let mut text = match self.pieces.get(self.at) {
            Some(Piece::Word(text) | Piece::Text(Some(text))) => text.clone(),
            _ => return Err(self.expected("a number")),
        };
        self.at += 1;
        if self.takes_mark(b'.') {
            text = format!("{text}.{}", self.any_word().unwrap_or_default());
        }
        let number = text.parse().ok().or_else(|| {
            let number = text.parse::<f64>().ok().filter(|number| *number >= 0.0)?;
            (number < 1e18).then_some(number as u64)
        });
        number.ok_or_else(|| Failure::syntax(format!("Syntax error: {text} is no number")))
    }

    /// The text as it stands up to one of these words outside brackets, or to the end.
    pub(super) fn expression(&mut self, ends: &[&str]) -> Result<String> {
        let (from, mut depth) = (self.at, 0i32);
        while let Some(piece) = self.pieces.get(self.at) {
            match piece {
                Piece::Mark(b'(' | b'[' | b'{') => depth += 1,
                Piece::Mark(b')' | b']' | b'}') => depth -= 1,
                Piece::Mark(b';') => return Err(self.expected("an expression")),
                Piece::Word(word)
                    if depth == 0 && ends.iter().any(|end| word.eq_ignore_ascii_case(end)) =>
                {
                    break;
                }
                _ => {}
            }
            if depth < 0 {
                return Err(self.expected("an expression"));
            }
            self.at += 1;
        }
        if from == self.at || depth != 0 {
            return Err(self.expected("an expression"));
        }
        Ok(self.text[self.places[from].start..self.places[self.at - 1].end].to_owned())
    }

    /// Whether the bare word `this` comes before `that`.
    pub(super) fn comes_first(&self, this: &str, that: &str) -> bool {
        let is = |piece: &Piece, word: &str| match piece {
            Piece::Word(found) => found.eq_ignore_ascii_case(word),
            _ => false,
        };
        let mut rest = self.pieces[self.at..].iter();
        rest.find(|piece| is(piece, this) || is(piece, that)).is_some_and(|piece| is(piece, this))
    }

    /// Whether that mark or that word is next.
    pub(super) fn is_before(&self, mark: u8, word: &str) -> bool {
        self.pieces.get(self.at) == Some(&Piece::Mark(mark))
            || self.word(0).is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.pieces.len()
    }

    pub(super) fn end(&self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.expected("the end")) }
    }

    /// Names words of the language only: what stands in quotes may be a secret.
    pub(super) fn expected(&self, what: &str) -> Failure {
        let found = match self.pieces.get(self.at) {
            None => "the end".to_owned(),
            Some(Piece::Word(word)) => word.clone(),
            Some(Piece::Name(None) | Piece::Text(None)) => "an escape that is not read here".into(),
            Some(Piece::Name(_)) => "a quoted name".into(),
            Some(Piece::Text(_)) => "a text in quotes".into(),
            Some(Piece::Mark(mark)) => char::from(*mark).to_string(),
        };
        Failure::syntax(format!("Syntax error: expected {what}, found {found}"))
    }
}

/// Without its quotes, whichever they are. `None`: an escape of the engine's that is more than a letter,
/// or none of its.
fn unquote(quoted: &str) -> Option<String> {
    let quote = quoted.chars().next().unwrap_or('\'');
    let mut text = String::with_capacity(quoted.len());
    let mut letters = quoted[1..quoted.len() - 1].chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.push(match letters.next()? {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '0' => '\0',
                same @ ('\\' | '\'' | '"' | '`' | '/' | '=') => same,
                _ => return None,
            }),
            // Doubled.
            letter if letter == quote => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_bare_or_in_any_quotes() {
        let mut cursor = Cursor::new("to ann, `b ob`, 'o''brien', \"q\\\"x\" /* c */ ;").unwrap();
        assert!(cursor.takes("TO"));
        assert_eq!(cursor.names().unwrap(), ["ann", "b ob", "o'brien", "q\"x"]);
        cursor.end().unwrap();
    }

    #[test]
    fn numbers_and_words() {
        let mut cursor = Cursor::new("MAX queries = 1e6, x = 1.5e3 '7'").unwrap();
        assert!(!cursor.takes("MAX rows"));
        assert!(cursor.takes("MAX queries"));
        cursor.expect_mark(b'=').unwrap();
        assert_eq!(cursor.number().unwrap(), 1_000_000);
        cursor.expect_mark(b',').unwrap();
        assert_eq!(cursor.any_word().as_deref(), Some("X"));
        cursor.expect_mark(b'=').unwrap();
        assert_eq!((cursor.number().unwrap(), cursor.number().unwrap()), (1500, 7));
    }

    #[test]
    fn what_stands_in_quotes_is_not_repeated() {
        let failure = Cursor::new("'topsecret'").unwrap().expect("BY").unwrap_err();
        assert!(!failure.exception.text.contains("topsecret"));
        assert!(Cursor::new("'open").is_err());
    }

    #[test]
    fn an_escape_that_the_engine_reads_otherwise_is_no_name() {
        assert!(Cursor::new("`\\x41`").unwrap().name().is_err());
        assert!(Cursor::new("'\\d'").unwrap().text().is_err());
        let filter = "match(x, '\\d+')";
        assert_eq!(Cursor::new(filter).unwrap().expression(&[]).unwrap(), filter);
        assert!(Cursor::new("`a\u{1e}b`").is_err());
    }
}
