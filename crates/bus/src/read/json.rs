//! JSON, read where it lies: one pass, no tree. What is passed over is checked as well, so that half
//! a document is never taken for a whole one.

use memchr::memchr2;

/// As deep as what is read may nest.
const DEPTH_MAX: usize = 128;

/// Why it is no JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NotJson(pub(super) &'static str);

type Result<T> = std::result::Result<T, NotJson>;

/// A string between its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Text<'a> {
    pub(super) raw: &'a [u8],
    pub(super) is_escaped: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    Number(&'a [u8]),
    Text(Text<'a>),
    Object(&'a [u8]),
    Array(&'a [u8]),
}

#[derive(Clone)]
pub(super) struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Scan<'a> {
        Scan { bytes, at: 0 }
    }

    /// The one value of a document.
    pub(super) fn whole(bytes: &'a [u8]) -> Result<Token<'a>> {
        let mut scan = Scan::new(bytes);
        let token = scan.value()?;
        scan.end()?;
        Ok(token)
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(NotJson("something follows its end")),
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Steps over what the caller knows already.
    pub(super) fn step_over(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.bytes.len());
    }

    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    #[inline]
    pub(super) fn eat(&mut self, wanted: u8) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.at += usize::from(is_there);
        is_there
    }

    /// The next name of an object, its value to come; `None`: the object has ended. Begin with the
    /// `{` eaten and `is_first` true.
    #[inline]
    pub(super) fn name(&mut self, is_first: &mut bool) -> Result<Option<Text<'a>>> {
        if self.eat(b'}') {
            // `{"a":1,}` is none: after a comma there must be a name, which is seen below.
            return Ok(None);
        }
        if !std::mem::take(is_first) {
            if !self.eat(b',') {
                return Err(NotJson("an object goes on without a comma"));
            }
            self.peek();
        }
        let name = self.string()?;
        match self.eat(b':') {
            true => Ok(Some(name)),
            false => Err(NotJson("a name without its value")),
        }
    }

    /// Whether another element of an array follows.
    #[inline]
    pub(super) fn element(&mut self, is_first: &mut bool) -> Result<bool> {
        if self.eat(b']') {
            return Ok(false);
        }
        if !std::mem::take(is_first) && !self.eat(b',') {
            return Err(NotJson("an array goes on without a comma"));
        }
        Ok(true)
    }

    #[inline]
    pub(super) fn value(&mut self) -> Result<Token<'a>> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Token<'a>> {
        let byte = self.peek().ok_or(NotJson("it ends too early"))?;
        let from = self.at;
        match byte {
            b'"' => Ok(Token::Text(self.string()?)),
            b'{' | b'[' => {
                if depth >= DEPTH_MAX {
                    return Err(NotJson("it nests too deep"));
                }
                self.at += 1;
                let mut is_first = true;
                if byte == b'{' {
                    while self.name(&mut is_first)?.is_some() {
                        self.value_at(depth + 1)?;
                    }
                    return Ok(Token::Object(&self.bytes[from..self.at]));
                }
                while self.element(&mut is_first)? {
                    self.value_at(depth + 1)?;
                }
                Ok(Token::Array(&self.bytes[from..self.at]))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Token::Bool(true)),
            b'f' => self.word(b"false", Token::Bool(false)),
            b'n' => self.word(b"null", Token::Null),
            _ => Err(NotJson("a value begins with what begins none")),
        }
    }

    #[inline]
    fn word(&mut self, word: &[u8], token: Token<'a>) -> Result<Token<'a>> {
        match self.rest().starts_with(word) {
            true => {
                self.at += word.len();
                Ok(token)
            }
            false => Err(NotJson("a word that is no value")),
        }
    }

    #[inline]
    fn string(&mut self) -> Result<Text<'a>> {
        if self.bytes.get(self.at) != Some(&b'"') {
            return Err(NotJson("a name without quotes"));
        }
        let from = self.at + 1;
        let mut at = from;
        let mut is_escaped = false;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let found = next_mark(rest).ok_or(NotJson("a string does not end"))?;
            at += found;
            if self.bytes[at] == b'"' {
                self.at = at + 1;
                return Ok(Text { raw: &self.bytes[from..at], is_escaped });
            }
            is_escaped = true;
            at += escape(&rest[found + 1..])? + 1;
        }
    }

    #[inline]
    fn digits(&mut self) -> Result<()> {
        let from = self.at;
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from { Err(NotJson("a number without digits")) } else { Ok(()) }
    }

    #[inline]
    fn number(&mut self) -> Result<Token<'a>> {
        let from = self.at;
        let is_at = |scan: &Self, byte: u8| scan.bytes.get(scan.at) == Some(&byte);
        self.at += usize::from(is_at(self, b'-'));
        let begin = self.at;
        self.digits()?;
        if self.bytes[begin] == b'0' && self.at > begin + 1 {
            return Err(NotJson("a number begins with 0"));
        }
        if is_at(self, b'.') {
            self.at += 1;
            self.digits()?;
        }
        if is_at(self, b'e') || is_at(self, b'E') {
            self.at += 1;
            self.at += usize::from(is_at(self, b'+') || is_at(self, b'-'));
            self.digits()?;
        }
        Ok(Token::Number(&self.bytes[from..self.at]))
    }
}

/// How long an escape is behind its backslash.
fn escape(rest: &[u8]) -> Result<usize> {
    match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Ok(1),
        [b'u', digits @ ..]
            if digits.iter().take(4).filter(|digit| digit.is_ascii_hexdigit()).count() == 4 =>
        {
            Ok(5)
        }
        _ => Err(NotJson("a string has an escape that is none")),
    }
}

/// Where a string ends or has an escape. Most strings of a message are shorter than a call is worth.
#[inline]
fn next_mark(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 16;
    for (at, &byte) in bytes.iter().enumerate().take(SHORT) {
        if byte == b'"' || byte == b'\\' {
            return Some(at);
        }
    }
    memchr2(b'"', b'\\', bytes.get(SHORT..)?).map(|at| at + SHORT)
}

impl<'a> Text<'a> {
    #[inline]
    pub(super) fn is(&self, other: &[u8]) -> bool {
        match self.is_escaped {
            false => self.raw == other,
            true => self.owned().is_ok_and(|text| text == other),
        }
    }

    pub(super) fn owned(&self) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(self.raw.len());
        self.write(&mut out)?;
        Ok(out)
    }

    /// Without its escapes. A half of a surrogate pair becomes U+FFFD, as for every other reader.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        if !self.is_escaped {
            out.extend_from_slice(self.raw);
            return Ok(());
        }
        let mut rest = self.raw;
        while let Some(at) = memchr::memchr(b'\\', rest) {
            out.extend_from_slice(&rest[..at]);
            let escape = *rest.get(at + 1).ok_or(NotJson("a string ends in an escape"))?;
            rest = &rest[at + 2..];
            out.push(match escape {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'b' => 8,
                b'f' => 12,
                b'"' | b'\\' | b'/' => escape,
                b'u' => {
                    let mut code = u32::from(unit(&mut rest)?);
                    if (0xd800..0xdc00).contains(&code) && rest.starts_with(b"\\u") {
                        let mut behind = &rest[2..];
                        let low = u32::from(unit(&mut behind)?);
                        if (0xdc00..0xe000).contains(&low) {
                            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                            rest = behind;
                        }
                    }
                    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                    continue;
                }
                _ => return Err(NotJson("an escape that is none")),
            });
        }
        out.extend_from_slice(rest);
        Ok(())
    }
}

fn unit(rest: &mut &[u8]) -> Result<u16> {
    let (digits, behind) = rest.split_at_checked(4).ok_or(NotJson("a \\u without digits"))?;
    let mut code = 0;
    for &digit in digits {
        let digit = char::from(digit).to_digit(16).ok_or(NotJson("a \\u without digits"))?;
        code = code << 4 | digit as u16;
    }
    *rest = behind;
    Ok(code)
}

/// As a string of JSON.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            ..b' ' => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_json_is_told_apart_from_what_is() {
        for text in
            ["{}", "[]", " [1 , -0.5e+3, true,null] ", r#"{"a":{"b":[{}]},"c":"\"\\u00e9"}"#, "0"]
        {
            assert!(Scan::whole(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [
            "",
            "{",
            "[",
            "{]",
            "[}",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1,]",
            "[,1]",
            "01",
            "1.",
            "-",
            "1e",
            "nul",
            "\"a",
            "\"\\",
            "{\"a\":1 \"b\":2}",
            "[1 2]",
            "1 2",
            "{a:1}",
            "{,}",
            "\u{1}",
        ] {
            assert!(Scan::whole(text.as_bytes()).is_err(), "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(Scan::whole(deep.as_bytes()), Err(NotJson("it nests too deep")));
    }

    #[test]
    fn escapes_are_undone() {
        let Ok(Token::Text(text)) = Scan::whole(br#""\u00e9\ud83e\udd80\ud83e \n\/""#) else {
            panic!()
        };
        assert_eq!(text.owned().unwrap(), "é🦀\u{fffd} \n/".as_bytes());
    }

    proptest! {
        #[test]
        fn serde_agrees(text in r#"[ \[\]{},:"\\a0-3.eE+\-tnu]{0,24}"#) {
            let ours = Scan::whole(text.as_bytes()).is_ok();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            // A half of a surrogate pair is one letter to us, and an error to others.
            prop_assert!(ours == theirs || ours && text.contains("\\u"), "{text}");
        }

        #[test]
        fn strings_round_trip(text in any::<String>()) {
            let mut ours = Vec::new();
            write_string(text.as_bytes(), &mut ours);
            for written in [ours, serde_json::to_vec(&text).unwrap()] {
                let Ok(Token::Text(read)) = Scan::whole(&written) else { panic!() };
                prop_assert_eq!(read.owned().unwrap(), text.as_bytes());
            }
        }
    }
}
