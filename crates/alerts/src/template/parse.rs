//! Text to nodes.

use super::value::Value;

/// Blocks and parentheses within each other.
const DEPTH_MAX: usize = 100;

type Error = (usize, String);

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Out(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    Template(usize, String, Option<Pipe>),
    Break,
    Continue,
}

impl Node {
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Node::Text(text) if text.trim().is_empty())
    }
}

#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) line: usize,
    /// `$x :=`, or `$i, $x :=` of a range.
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Operand>>,
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Dot,
    Literal(Value),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Function(String),
    Paren(Box<Pipe>, Vec<String>),
}

#[derive(Default, Debug)]
pub(super) struct Parsed {
    pub(super) body: Vec<Node>,
    pub(super) defined: Vec<(String, Vec<Node>)>,
}

/// A piece of text, or what stands between `{{` and `}}`.
enum Piece<'a> {
    Text(&'a str),
    Action(usize, &'a str),
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Error> {
    let mut found = Vec::new();
    let (mut rest, mut line, mut trims) = (text, 1, false);
    while !rest.is_empty() {
        let at = rest.find("{{").unwrap_or(rest.len());
        let (mut before, after) = rest.split_at(at);
        let lines = before.matches('\n').count();
        if trims {
            before = before.trim_start();
        }
        let trims_left =
            after.strip_prefix("{{-").is_some_and(|s| s.starts_with(|c: char| c.is_whitespace()));
        if trims_left {
            before = before.trim_end();
        }
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        line += lines;
        if after.is_empty() {
            break;
        }
        let inner = &after[if trims_left { 3 } else { 2 }..];
        let end = if inner.trim_start().starts_with("/*") {
            let close = inner.find("*/").ok_or((line, "the comment has no end".to_owned()))? + 2;
            close + inner[close..].find("}}").ok_or((line, "the comment has no }}".to_owned()))?
        } else {
            end_of(inner).ok_or((line, "{{ has no }}".to_owned()))?
        };
        let mut action = &inner[..end];
        let trimmed = action
            .strip_suffix('-')
            .filter(|body| body.is_empty() || body.ends_with(char::is_whitespace));
        trims = trimmed.is_some();
        action = trimmed.unwrap_or(action);
        found.push(Piece::Action(line, action));
        line += inner[..end].matches('\n').count();
        rest = &inner[end + 2..];
    }
    Ok(found)
}

/// Where `}}` is, outside of quotes.
fn end_of(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut quote) = (0, None);
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (None, b'"' | b'`' | b'\'') => quote = Some(bytes[at]),
            (Some(b'"' | b'\''), b'\\') => at += 1,
            (Some(open), byte) if open == byte => quote = None,
            (None, b'}') if bytes.get(at + 1) == Some(&b'}') => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

pub(super) fn parse(text: &str) -> Result<Parsed, Error> {
    let pieces = pieces(text)?;
    let mut reader = Reader { pieces: &pieces, at: 0, defined: Vec::new() };
    let (body, end) = reader.block(0)?;
    match end {
        Stop::File => Ok(Parsed { body, defined: reader.defined }),
        Stop::Else(line, _) | Stop::End(line) => {
            Err((line, "nothing is open that could be closed here".to_owned()))
        }
    }
}

enum Stop {
    File,
    End(usize),
    /// With what stands behind `else`.
    Else(usize, String),
}

struct Reader<'a> {
    pieces: &'a [Piece<'a>],
    at: usize,
    defined: Vec<(String, Vec<Node>)>,
}

impl Reader<'_> {
    fn block(&mut self, depth: usize) -> Result<(Vec<Node>, Stop), Error> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.get(self.at) {
            self.at += 1;
            let (line, action) = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text((*text).to_owned()));
                    continue;
                }
                Piece::Action(line, action) => (*line, action.trim()),
            };
            if depth > DEPTH_MAX {
                return Err((line, format!("blocks are nested more than {DEPTH_MAX} deep")));
            }
            let word_end = action.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(action.len());
            let (word, rest) = action.split_at(word_end);
            match word {
                "" if action.is_empty() || action.starts_with("/*") => {}
                "end" if rest.trim().is_empty() => return Ok((nodes, Stop::End(line))),
                "else" => return Ok((nodes, Stop::Else(line, rest.trim().to_owned()))),
                "break" if rest.is_empty() => nodes.push(Node::Break),
                "continue" if rest.is_empty() => nodes.push(Node::Continue),
                "if" | "with" | "range" => nodes.push(self.branch(word, line, rest, depth)?),
                "define" | "block" => {
                    let mut words = Words::new(rest, line);
                    let name = words.quoted()?;
                    let pipe = if word == "block" { Some(words.pipe(depth)?) } else { None };
                    words.finish()?;
                    let (body, end) = self.block(depth + 1)?;
                    closed(&end, line)?;
                    self.defined.push((name.clone(), body));
                    if word == "block" {
                        nodes.push(Node::Template(line, name, pipe));
                    }
                }
                "template" => {
                    let mut words = Words::new(rest, line);
                    let name = words.quoted()?;
                    let pipe = if words.is_done() { None } else { Some(words.pipe(depth)?) };
                    words.finish()?;
                    nodes.push(Node::Template(line, name, pipe));
                }
                _ => {
                    let mut words = Words::new(action, line);
                    let pipe = words.pipe(depth)?;
                    words.finish()?;
                    nodes.push(Node::Out(pipe));
                }
            }
        }
        Ok((nodes, Stop::File))
    }

    fn branch(&mut self, word: &str, line: usize, head: &str, depth: usize) -> Result<Node, Error> {
        if depth > DEPTH_MAX {
            return Err((line, format!("blocks are nested more than {DEPTH_MAX} deep")));
        }
        let mut words = Words::new(head, line);
        let pipe = words.pipe(depth)?;
        words.finish()?;
        let (body, end) = self.block(depth + 1)?;
        let otherwise = match end {
            Stop::Else(line, rest) if rest.is_empty() => {
                let (nodes, end) = self.block(depth + 1)?;
                closed(&end, line)?;
                nodes
            }
            Stop::Else(line, rest) => {
                let word_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
                let (again, head) = rest.split_at(word_end);
                if !matches!(again, "if" | "with") {
                    return Err((line, format!("else {rest} is not known")));
                }
                // The end of the inner one ends the outer one too.
                vec![self.branch(again, line, head, depth + 1)?]
            }
            end => {
                closed(&end, line)?;
                Vec::new()
            }
        };
        Ok(match word {
            "if" => Node::If(pipe, body, otherwise),
            "with" => Node::With(pipe, body, otherwise),
            _ => Node::Range(pipe, body, otherwise),
        })
    }
}

fn closed(end: &Stop, line: usize) -> Result<(), Error> {
    match end {
        Stop::End(_) => Ok(()),
        Stop::File => Err((line, "what begins here has no {{ end }}".to_owned())),
        Stop::Else(line, _) => Err((*line, "there is an else too many".to_owned())),
    }
}

/// The inside of an action.
struct Words<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Words<'a> {
    fn new(rest: &'a str, line: usize) -> Words<'a> {
        Words { rest, line }
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, Error> {
        Err((self.line, what.into()))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn is_done(&mut self) -> bool {
        self.skip();
        self.rest.is_empty()
    }

    fn finish(&mut self) -> Result<(), Error> {
        if self.is_done() {
            return Ok(());
        }
        let shown: String = self.rest.chars().take(20).collect();
        self.wrong(format!("{shown:?} is not expected here"))
    }

    fn quoted(&mut self) -> Result<String, Error> {
        self.skip();
        match self.rest.chars().next() {
            Some('"' | '`') => self.string(),
            _ => self.wrong("the name of a template is wanted, in quotes"),
        }
    }

    fn name(&mut self) -> String {
        let end =
            self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        name.to_owned()
    }

    fn pipe(&mut self, depth: usize) -> Result<Pipe, Error> {
        if depth > DEPTH_MAX {
            return self.wrong(format!("it is nested more than {DEPTH_MAX} deep"));
        }
        let mut pipe =
            Pipe { line: self.line, variables: Vec::new(), assigns: false, commands: Vec::new() };
        self.declaration(&mut pipe);
        loop {
            let mut command = Vec::new();
            loop {
                self.skip();
                if self.rest.is_empty() || self.rest.starts_with(['|', ')']) {
                    break;
                }
                command.push(self.operand(depth)?);
            }
            if command.is_empty() {
                return self.wrong("a value is wanted");
            }
            pipe.commands.push(command);
            if !self.take("|") {
                return Ok(pipe);
            }
        }
    }

    /// `$x :=`, `$x =`, `$i, $x :=`; anything else is left as it is.
    fn declaration(&mut self, pipe: &mut Pipe) {
        let before = self.rest;
        while self.take("$") {
            let name = self.name();
            pipe.variables.push(name);
            if self.take(":=") {
                return;
            }
            if self.take("=") {
                pipe.assigns = true;
                return;
            }
            if pipe.variables.len() > 1 || !self.take(",") {
                break;
            }
        }
        self.rest = before;
        pipe.variables.clear();
    }

    fn fields(&mut self) -> Vec<String> {
        let mut fields = Vec::new();
        while let Some(after) = self.rest.strip_prefix('.') {
            if !after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                break;
            }
            self.rest = after;
            fields.push(self.name());
        }
        fields
    }

    fn operand(&mut self, depth: usize) -> Result<Operand, Error> {
        let Some(first) = self.rest.chars().next() else { return self.wrong("a value is wanted") };
        match first {
            '.' if self.rest[1..].starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                Ok(Operand::Field(self.fields()))
            }
            '.' if !self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                self.rest = &self.rest[1..];
                Ok(Operand::Dot)
            }
            '$' => {
                self.rest = &self.rest[1..];
                let name = self.name();
                Ok(Operand::Variable(name, self.fields()))
            }
            '(' => {
                self.rest = &self.rest[1..];
                let inner = self.pipe(depth + 1)?;
                if !self.take(")") {
                    return self.wrong("a closing parenthesis is wanted");
                }
                Ok(Operand::Paren(Box::new(inner), self.fields()))
            }
            '"' | '`' => self.string().map(|text| Operand::Literal(Value::from(text))),
            '\'' => {
                let text = self.string()?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Operand::Literal(Value::Int(i64::from(u32::from(c))))),
                    _ => self.wrong("one character stands between single quotes"),
                }
            }
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            c if c.is_alphabetic() || c == '_' => Ok(match self.name().as_str() {
                "true" => Operand::Literal(Value::Bool(true)),
                "false" => Operand::Literal(Value::Bool(false)),
                "nil" => Operand::Literal(Value::Nil),
                name => Operand::Function(name.to_owned()),
            }),
            other => self.wrong(format!("{other:?} is not expected here")),
        }
    }

    fn number(&mut self) -> Result<Operand, Error> {
        let is_sign = |index: usize, c: char| {
            (index == 0 || matches!(self.rest.as_bytes()[index - 1], b'e' | b'E'))
                && matches!(c, '+' | '-')
        };
        let belongs = |(index, c): (usize, char)| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || is_sign(index, c)
        };
        let end = self
            .rest
            .char_indices()
            .find(|at| !belongs(*at))
            .map_or(self.rest.len(), |(index, _)| index);
        let (text, rest) = self.rest.split_at(end);
        let plain = text.replace('_', "");
        let value = if let Some(hex) = plain.strip_prefix("0x") {
            i64::from_str_radix(hex, 16).ok().map(Value::Int)
        } else {
            plain.parse().map(Value::Int).or_else(|_| plain.parse().map(Value::Float)).ok()
        };
        let Some(value) = value else { return self.wrong(format!("{text:?} is no number")) };
        self.rest = rest;
        Ok(Operand::Literal(value))
    }

    /// At a quote.
    fn string(&mut self) -> Result<String, Error> {
        let mut chars = self.rest.char_indices();
        let quote = chars.next().map_or('"', |(_, c)| c);
        let mut out = String::new();
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.rest = &self.rest[at + c.len_utf8()..];
                return Ok(out);
            }
            if c != '\\' || quote == '`' {
                out.push(c);
                continue;
            }
            match chars.next().map(|(_, c)| c) {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(same @ ('\\' | '"' | '\'')) => out.push(same),
                Some(width @ ('u' | 'x')) => {
                    let digits: String = chars
                        .by_ref()
                        .take(if width == 'u' { 4 } else { 2 })
                        .map(|(_, c)| c)
                        .collect();
                    match u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32) {
                        Some(c) => out.push(c),
                        None => return self.wrong("an escape in a text is not complete"),
                    }
                }
                _ => return self.wrong("an escape in a text is not known"),
            }
        }
        self.wrong("a text has no closing quote")
    }
}
