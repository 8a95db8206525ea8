//! Reads just enough of SQL to know what to do with a text: where the statement ends and data
//! begins, which format is asked for, and which call of the engine may run it.
//!
//! Inline data must never reach the engine as part of a statement: it is cut there at the first
//! blank line, and the rest is executed as SQL. So an INSERT is split here, and its data travels
//! through the insert stream:
//!
//! ```text
//! INSERT INTO t (a, b) SETTINGS x = 1  FORMAT CSV⏎  1,2⏎…
//! └──────────── head ────────────────┘        └─ data, not SQL
//! ```
//!
//! A wrong guess here costs an error, never a leak: what goes to the engine as a statement must be
//! exactly one by the engine's own count. Words are told apart as the engine's lexer does it (measured:
//! `//` begins a comment, comments nest, some Unicode characters are blanks or quotes, `$` may stand in a
//! word); what may still be read in two ways only admins may send ([`super::plain`]).

/// What a text begins with, as far as it has arrived.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Start {
    /// Too early to tell.
    More,
    /// An INSERT with data: `text[..head]` is the statement, data begins at `data`.
    Insert { head: usize, data: usize, format: String },
    /// Anything else: the whole text is the statement.
    Statement,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Word,
    /// `` `name` `` or `"name"`.
    Quoted,
    /// A literal: string or heredoc, or anything in quotes of typography.
    Literal,
    Mark(u8),
    /// A string or comment that has no end.
    Open,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    /// A character beyond ASCII was taken for a blank.
    pub(crate) has_odd_blank: bool,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Tokens<'a> {
        Tokens { text, at: 0, has_odd_blank: false }
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// Moves behind the next `end`, or to the end of the text.
    fn skip_past(&mut self, from: usize, end: &[u8]) -> bool {
        let found = find(&self.text[from..], end);
        self.at = found.map_or(self.text.len(), |found| from + found + end.len());
        found.is_some()
    }

    /// `false`: a comment is open.
    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = self.rest();
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b);
            self.at += blank.count();
            let rest = self.rest();
            let odd = odd_blank(rest);
            if odd > 0 {
                self.has_odd_blank = true;
                self.at += odd;
            } else if [&b"--"[..], b"//", b"#!", b"# "].iter().any(|mark| rest.starts_with(mark)) {
                // A comment that the end of the text ends.
                self.skip_past(self.at, b"\n");
            } else if rest.starts_with(b"/*") {
                if !self.skip_comment() {
                    return false;
                }
            } else {
                return true;
            }
        }
    }

    /// Behind a comment and those in it.
    fn skip_comment(&mut self) -> bool {
        let mut depth = 0;
        while self.at < self.text.len() {
            let rest = self.rest();
            let step = match (rest.starts_with(b"/*"), rest.starts_with(b"*/")) {
                (true, _) => 1,
                (_, true) => -1,
                _ => 0,
            };
            depth += step;
            self.at += if step == 0 { 1 } else { 2 };
            if depth == 0 {
                return true;
            }
        }
        false
    }

    fn quoted(&mut self, quote: u8) -> bool {
        let mut at = self.at + 1;
        while let Some(byte) = self.text.get(at) {
            match *byte {
                b'\\' => at += 2,
                byte if byte == quote && self.text.get(at + 1) == Some(&quote) => at += 2,
                byte if byte == quote => {
                    self.at = at + 1;
                    return true;
                }
                _ => at += 1,
            }
        }
        self.at = self.text.len();
        false
    }

    fn word(&mut self) {
        let goes_on = |at: &usize| {
            let rest = &self.text[*at..];
            let is_of_word = rest.first().is_some_and(|byte| is_word(*byte) || *byte == b'$');
            is_of_word && odd_blank(rest) == 0 && end_of_quote(rest).is_none()
        };
        self.at = (self.at + 1..).find(|at| !goes_on(at)).unwrap_or(self.text.len());
    }

    /// `$tag$ … $tag$`; `None`: not a heredoc.
    fn heredoc(&mut self) -> Option<bool> {
        let rest = self.rest();
        let tag = rest[1..].iter().take_while(|byte| is_word(**byte)).count() + 1;
        (rest.get(tag) == Some(&b'$')).then(|| self.skip_past(self.at + tag + 1, &rest[..=tag]))
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let closed = self.skip_blank();
        let start = self.at;
        if !closed {
            return Some(Token { kind: Kind::Open, start: self.text.len(), end: self.text.len() });
        }
        let first = *self.text.get(start)?;
        let open_or = |closed: bool, kind: Kind| if closed { kind } else { Kind::Open };
        let kind = match first {
            b'\'' => open_or(self.quoted(first), Kind::Literal),
            b'`' | b'"' => open_or(self.quoted(first), Kind::Quoted),
            b'$' => match self.heredoc() {
                Some(closed) => open_or(closed, Kind::Literal),
                None if self.text.get(start + 1).is_some_and(|byte| is_word(*byte)) => {
                    self.word();
                    Kind::Word
                }
                None => {
                    self.at += 1;
                    Kind::Mark(first)
                }
            },
            0xe2 if end_of_quote(self.rest()).is_some() => {
                let end = end_of_quote(self.rest()).unwrap_or_default();
                open_or(self.skip_past(start + 3, &end), Kind::Literal)
            }
            byte if is_word(byte) => {
                self.word();
                Kind::Word
            }
            byte => {
                self.at += 1;
                Kind::Mark(byte)
            }
        };
        Some(Token { kind, start, end: self.at })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Bytes of a blank beyond ASCII at the beginning of a text, as the engine has them.
fn odd_blank(text: &[u8]) -> usize {
    match text {
        [0xc2, 0x85 | 0xa0, ..] => 2,
        [0xe1, 0xa0, 0x8e, ..]
        | [0xe2, 0x80, 0x80..=0x8d | 0xa8 | 0xa9 | 0xaf, ..]
        | [0xe2, 0x81, 0x9f | 0xa0, ..]
        | [0xe3, 0x80, 0x80, ..]
        | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

/// What ends the quote of typography that a text begins with.
fn end_of_quote(text: &[u8]) -> Option<[u8; 3]> {
    match text {
        [0xe2, 0x80, begin @ (0x98 | 0x9c), ..] => Some([0xe2, 0x80, begin + 1]),
        _ => None,
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

/// Tokens of one text with what is asked of them most.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    pub(super) tokens: std::iter::Peekable<Tokens<'a>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Reader<'a> {
        Reader { text, tokens: Tokens::new(text).peekable() }
    }

    fn peek_word(&mut self) -> Option<&'a [u8]> {
        let token = *self.tokens.peek()?;
        (token.kind == Kind::Word).then_some(&self.text[token.start..token.end])
    }

    fn takes(&mut self, word: &str) -> bool {
        let is = self.peek_word().is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()));
        if is {
            self.tokens.next();
        }
        is
    }

    pub(super) fn takes_mark(&mut self, mark: u8) -> bool {
        let is = self.tokens.peek().is_some_and(|token| token.kind == Kind::Mark(mark));
        if is {
            self.tokens.next();
        }
        is
    }

    /// Behind the bracket that closes the one just taken; `false`: it does not close.
    pub(super) fn skip_brackets(&mut self) -> bool {
        let mut depth = 1;
        for token in self.tokens.by_ref() {
            match token.kind {
                Kind::Mark(b'(' | b'[' | b'{') => depth += 1,
                Kind::Mark(b')' | b']' | b'}') => depth -= 1,
                Kind::Open => return false,
                _ => {}
            }
            if depth == 0 {
                return true;
            }
        }
        false
    }

    /// `db.table`, quoted or not, or `{name:Identifier}`.
    fn skip_name(&mut self) -> bool {
        loop {
            let named = match self.tokens.next().map(|token| token.kind) {
                Some(Kind::Word | Kind::Quoted) => true,
                Some(Kind::Mark(b'{')) => self.skip_brackets(),
                _ => false,
            };
            if !named || !self.takes_mark(b'.') {
                return named;
            }
        }
    }
}

/// Looks at what has arrived of a text; `complete`: nothing follows.
pub(super) fn start(text: &[u8], complete: bool) -> Start {
    let mut reader = Reader::new(text);
    if !complete {
        // A word that touches the end may go on.
        let Some(first) = reader.tokens.peek().copied() else { return Start::More };
        if first.kind == Kind::Open || first.end == text.len() {
            return Start::More;
        }
    }
    if !reader.takes("INSERT") {
        return Start::Statement;
    }
    let early = if complete { Start::Statement } else { Start::More };
    insert(&mut reader, complete).unwrap_or(early)
}

/// `None`: the text ends before it is clear.
fn insert(reader: &mut Reader<'_>, complete: bool) -> Option<Start> {
    reader.takes("INTO");
    reader.takes("TABLE");
    reader.takes("FUNCTION");
    if !reader.skip_name() {
        return None;
    }
    let mut before_setting = false;
    while let Some(token) = reader.tokens.next() {
        if !complete && token.end == reader.text.len() {
            // It may go on.
            return None;
        }
        match token.kind {
            Kind::Mark(b'(') => {
                let word = reader.peek_word().unwrap_or_default().to_ascii_uppercase();
                if matches!(&word[..], b"SELECT" | b"WITH") {
                    return Some(Start::Statement);
                }
                if !reader.skip_brackets() {
                    return None;
                }
            }
            Kind::Mark(b'[' | b'{') if !reader.skip_brackets() => return None,
            Kind::Mark(b'=') => before_setting = true,
            Kind::Mark(b';') => return Some(Start::Statement),
            Kind::Open => return None,
            Kind::Word if before_setting => before_setting = false,
            Kind::Word => {
                let word = &reader.text[token.start..token.end];
                match &word.to_ascii_uppercase()[..] {
                    b"SELECT" | b"WITH" | b"FROM" | b"WATCH" => return Some(Start::Statement),
                    b"VALUES" => {
                        let (head, data) = (token.start, token.end);
                        return Some(Start::Insert { head, data, format: "Values".into() });
                    }
                    b"FORMAT" => return format_and_data(reader, token.start, complete),
                    _ => {}
                }
            }
            _ => before_setting = false,
        }
    }
    None
}

/// ClickHouse's rule: blanks, then one line break at most, belong to neither.
fn format_and_data(reader: &mut Reader<'_>, head: usize, complete: bool) -> Option<Start> {
    let name = reader.tokens.next().filter(|token| token.kind == Kind::Word)?;
    let text = reader.text;
    let mut data = name.end;
    while matches!(text.get(data), Some(b' ' | b'\t' | 0x0c)) {
        data += 1;
    }
    if text.get(data) == Some(&b'\r') {
        data += 1;
    }
    match text.get(data) {
        Some(b'\n') => data += 1,
        None if !complete => return None,
        _ => {}
    }
    let format = String::from_utf8_lossy(&text[name.start..name.end]).into_owned();
    Some(Start::Insert { head, data, format })
}

/// What a whole statement asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Outline {
    /// The first word in capitals: `SELECT`, also inside brackets.
    pub(super) verb: String,
    /// `FORMAT` of the answer, if the text names one.
    pub(super) format: Option<String>,
    /// Where that clause stands.
    pub(super) format_at: Option<std::ops::Range<usize>>,
    /// Where the statement ends, before a `;` or a comment.
    pub(super) end: usize,
    /// It has totals, which a stream of blocks does not carry in their place.
    pub(super) totals: bool,
    /// It reads no table and calls no function with arguments (`arrayJoin` makes rows): what clients ask
    /// to see whether somebody is there.
    pub(super) one_row: bool,
    /// `INTO OUTFILE`, `FROM INFILE`: files of the server's.
    pub(super) files: bool,
    /// Databases that it would drop, detach, rename or empty; a parameter stands as `{name}`.
    pub(super) databases: Vec<String>,
}

pub(super) fn outline(text: &str) -> Outline {
    let bytes = text.as_bytes();
    let tokens: Vec<Token> = Tokens::new(bytes).collect();
    let word = |index: usize| -> String {
        let token = tokens.get(index).filter(|token| token.kind == Kind::Word);
        token.map_or(String::new(), |token| text[token.start..token.end].to_ascii_uppercase())
    };
    let first = tokens.iter().position(|token| token.kind != Kind::Mark(b'(')).unwrap_or(0);
    let last = tokens.iter().rfind(|token| token.kind != Kind::Mark(b';'));
    let end = last.map_or(0, |token| token.end);
    let mut outline = Outline { verb: word(first), end, ..Outline::default() };
    for index in 1..tokens.len() {
        match (word(index - 1).as_str(), word(index).as_str()) {
            ("FORMAT", format) if index > 1 && !format.is_empty() => {
                let end = match tokens.get(index + 1).map(|token| token.kind) {
                    None | Some(Kind::Mark(b';')) => true,
                    _ => word(index + 1) == "SETTINGS",
                };
                if end {
                    let token = tokens[index];
                    outline.format = Some(text[token.start..token.end].to_owned());
                    outline.format_at = Some(tokens[index - 1].start..token.end);
                }
            }
            ("WITH", "TOTALS") => outline.totals = true,
            ("INTO", "OUTFILE") | ("FROM", "INFILE") => outline.files = true,
            _ => {}
        }
    }
    let is_called = |index: usize, token: &Token| {
        token.kind == Kind::Mark(b'(')
            && tokens.get(index + 1).is_none_or(|next| next.kind != Kind::Mark(b')'))
    };
    let many = |(index, token): (usize, &Token)| {
        is_called(index, token)
            || matches!(word(index).as_str(), "FROM" | "JOIN" | "UNION" | "INTERSECT" | "EXCEPT")
    };
    outline.one_row = outline.verb == "SELECT" && !tokens.iter().enumerate().any(many);
    if matches!(outline.verb.as_str(), "DROP" | "DETACH" | "RENAME" | "TRUNCATE")
        && word(first + 1) == "DATABASE"
    {
        outline.databases = names(text, &tokens[first + 2..]);
    }
    outline
}

/// Every name in a list of tokens, without its quotes.
fn names(text: &str, tokens: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let inside = &text[token.start..token.end];
        match token.kind {
            Kind::Word if index > 0 && tokens[index - 1].kind == Kind::Mark(b'{') => {
                names.push(format!("{{{inside}}}"));
            }
            Kind::Word => names.push(inside.to_owned()),
            Kind::Quoted => names.push(unescape(&inside[1..inside.len() - 1])),
            _ => {}
        }
    }
    names
}

fn unescape(inside: &str) -> String {
    let mut name = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' | '`' | '"' => name.extend(chars.next().or(Some(char))),
            _ => name.push(char),
        }
    }
    name
}

/// Follows the text of `VALUES` to refuse what stands behind its `;`. The engine stops reading
/// there and says nothing.
#[derive(Default)]
pub(super) struct ValuesEnd {
    quote: Option<u8>,
    escaped: bool,
    ended: bool,
}

impl ValuesEnd {
    /// `false`: something follows the end.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            if self.ended && !byte.is_ascii_whitespace() && *byte != b';' {
                return false;
            }
            match self.quote {
                _ if self.escaped => self.escaped = false,
                Some(_) if *byte == b'\\' => self.escaped = true,
                Some(quote) if quote == *byte => self.quote = None,
                Some(_) => {}
                None if matches!(byte, b'\'' | b'"' | b'`') => self.quote = Some(*byte),
                None if *byte == b';' => self.ended = true,
                None => {}
            }
        }
        true
    }
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
