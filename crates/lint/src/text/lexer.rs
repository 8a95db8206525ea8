//! Where strings, comments and statements end, as psql sees it.

pub(super) enum Token {
    /// A line comment, dashes included, or a block comment.
    Comment { from: usize, to: usize },
    /// Something of a statement begins here.
    Word { from: usize },
    /// A semicolon, a line of psql's own, or the end of the text.
    End { at: usize },
}

pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    parens: usize,
    /// Words of the statement so far, as many as are needed to know a function.
    words: Vec<String>,
    /// `BEGIN ATOMIC … END` of a function, with the CASEs in it.
    begins: usize,
}

/// `CREATE OR REPLACE FUNCTION`.
const WORDS_KEPT: usize = 4;

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Lexer { bytes: text.as_bytes(), at, parens: 0, words: Vec::new(), begins: 0 }
    }

    pub(super) fn next(&mut self) -> Token {
        while self.peek(0).is_ascii_whitespace() && self.at < self.bytes.len() {
            self.at += 1;
        }
        let from = self.at;
        match (self.peek(0), self.peek(1)) {
            _ if from >= self.bytes.len() => return self.end(from, 0),
            (b'-', b'-') => {
                self.skip_line();
                return Token::Comment { from, to: self.at };
            }
            (b'/', b'*') => {
                self.block_comment();
                return Token::Comment { from, to: self.at };
            }
            (b';', _) if self.parens == 0 && self.begins == 0 => return self.end(from, 1),
            (b'\\', _) => {
                self.skip_line();
                self.reset();
                return Token::End { at: from };
            }
            (b'\'', _) => self.quoted(b'\'', false),
            (b'"', _) => self.quoted(b'"', false),
            (b'e' | b'E', b'\'') => {
                self.at += 1;
                self.quoted(b'\'', true);
            }
            (b'$', _) => self.dollar(),
            (b'(', _) => self.paren(true),
            (b')', _) => self.paren(false),
            (byte, _) if is_word(byte) => self.word(),
            _ => self.at += 1,
        }
        Token::Word { from }
    }

    /// The lines after `COPY … FROM stdin;`, up to `\.`.
    pub(super) fn skip_copied_data(&mut self) {
        self.skip_line();
        while self.at < self.bytes.len() {
            self.at += 1;
            let from = self.at;
            self.skip_line();
            if self.bytes[from.min(self.at)..self.at].trim_ascii() == b"\\." {
                return;
            }
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn end(&mut self, at: usize, length: usize) -> Token {
        self.at += length;
        self.reset();
        Token::End { at }
    }

    fn reset(&mut self) {
        (self.parens, self.begins) = (0, 0);
        self.words.clear();
    }

    fn skip_line(&mut self) {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
        self.at = (self.at + length).min(self.bytes.len());
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => (depth, self.at) = (depth + 1, self.at + 2),
                (b'*', b'/') => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.at += 1,
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// A doubled quote is two strings side by side, which ends at the same place.
    fn quoted(&mut self, quote: u8, escapes: bool) {
        self.at += 1;
        while self.at < self.bytes.len() {
            let byte = self.peek(0);
            self.at += if escapes && byte == b'\\' { 2 } else { 1 };
            if byte == quote {
                if !(escapes && self.peek(0) == quote) {
                    return;
                }
                self.at += 1;
            }
        }
        self.at = self.bytes.len();
    }

    /// `$tag$ … $tag$`; `$1` is a parameter.
    fn dollar(&mut self) {
        let rest = &self.bytes[self.at..];
        let tag = rest[1..].iter().position(|&byte| !is_word(byte) || byte == b'$');
        let is_tag = |length: &usize| rest[1 + length] == b'$' && !rest[1].is_ascii_digit();
        let Some(length) = tag.filter(is_tag) else {
            self.at += 1;
            return;
        };
        let tag = &rest[..length + 2];
        let body = &rest[tag.len()..];
        let end = body.windows(tag.len()).position(|window| window == tag);
        self.at += end.map_or(rest.len(), |end| tag.len() + end + tag.len());
    }

    fn paren(&mut self, opens: bool) {
        self.at += 1;
        self.parens = if opens { self.parens + 1 } else { self.parens.saturating_sub(1) };
    }

    fn word(&mut self) {
        let from = self.at;
        while is_word(self.peek(0)) {
            self.at += 1;
        }
        let text = String::from_utf8_lossy(&self.bytes[from..self.at]).to_ascii_uppercase();
        let makes_a_routine = self.words.first().is_some_and(|first| first == "CREATE")
            && self.words.iter().any(|word| word == "FUNCTION" || word == "PROCEDURE");
        if makes_a_routine && self.parens == 0 {
            match text.as_str() {
                "BEGIN" => self.begins += 1,
                "CASE" if self.begins > 0 => self.begins += 1,
                "END" => self.begins = self.begins.saturating_sub(1),
                _ => {}
            }
        }
        if self.words.len() < WORDS_KEPT {
            self.words.push(text);
        }
    }
}

/// `$` may stand inside of a word, and then begins no string.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

pub(super) fn is_copy_from_stdin(sql: &str) -> bool {
    let mut words = sql.split_ascii_whitespace().map(|word| word.to_ascii_uppercase());
    let is_copy = words.next().is_some_and(|word| word == "COPY");
    is_copy && words.any(|word| word.trim_matches(';') == "STDIN")
}
