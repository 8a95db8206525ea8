//! Where a text is code, and where it is quoted or a comment. In one pass, whatever it is.

use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Region {
    Code,
    /// In single quotes, these included.
    Text,
    /// In double quotes or backticks.
    Name,
    /// `$tag$ … $tag$`, `x'…'` and what stands in quotes of typography: no value is escaped for there.
    Other,
    Comment,
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The parts of a text in their order, none of them empty.
pub(crate) fn regions(text: &str) -> Vec<(Region, &str)> {
    let bytes = text.as_bytes();
    let marks = Marks::of(bytes);
    let (mut found, mut code, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let Some((region, end)) = other(text, at, &marks) else {
            at += 1;
            continue;
        };
        if code < at {
            found.push((Region::Code, &text[code..at]));
        }
        found.push((region, &text[at..end]));
        (code, at) = (end, end);
    }
    if code < bytes.len() {
        found.push((Region::Code, &text[code..]));
    }
    found
}

/// What begins here and is no code, and its end.
fn other(text: &str, at: usize, marks: &Marks<'_>) -> Option<(Region, usize)> {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    let before = at.checked_sub(1).map(|at| bytes[at]);
    match rest[0] {
        b'\'' => Some((Region::Text, quoted(bytes, at))),
        b'"' | b'`' => Some((Region::Name, quoted(bytes, at))),
        // Ends at the first quote, whatever stands before it.
        b'x' | b'X' | b'b' | b'B'
            if rest.get(1) == Some(&b'\'') && !before.is_some_and(is_word) =>
        {
            Some((Region::Other, past(bytes, at + 2, b"'")))
        }
        b'-' if rest.starts_with(b"--") => Some((Region::Comment, past(bytes, at, b"\n"))),
        b'#' if rest.starts_with(b"# ") || rest.starts_with(b"#!") => {
            Some((Region::Comment, past(bytes, at, b"\n")))
        }
        b'/' if rest.starts_with(b"//") => Some((Region::Comment, past(bytes, at, b"\n"))),
        b'/' if rest.starts_with(b"/*") => Some((Region::Comment, comment(bytes, at))),
        b'$' if !before.is_some_and(is_word) => heredoc(bytes, at, marks),
        0xe2 => {
            let (open, close) = [("\u{2018}", "\u{2019}"), ("\u{201c}", "\u{201d}")]
                .into_iter()
                .find(|(open, _)| rest.starts_with(open.as_bytes()))?;
            Some((Region::Other, past(bytes, at + open.len(), close.as_bytes())))
        }
        _ => None,
    }
}

/// Behind what the quote at `at` begins: a doubled quote and a backslash go on.
pub(crate) fn quoted(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The bytes from there on that are in no quotes, with their places.
pub(crate) fn unquoted(bytes: &[u8], from: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut at = from;
    std::iter::from_fn(move || {
        while matches!(bytes.get(at)?, b'\'' | b'"' | b'`') {
            at = quoted(bytes, at);
        }
        at += 1;
        Some((at - 1, *bytes.get(at - 1)?))
    })
}

fn past(bytes: &[u8], at: usize, end: &[u8]) -> usize {
    let found = bytes[at..].windows(end.len()).position(|window| window == end);
    found.map_or(bytes.len(), |found| at + found + end.len())
}

/// ClickHouse's comments nest.
fn comment(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// Only one that ends: `$__from` and `$name` begin none.
fn heredoc(bytes: &[u8], at: usize, marks: &Marks<'_>) -> Option<(Region, usize)> {
    let mark = mark(bytes, at)?;
    let end = marks.next(mark, at + mark.len())?;
    Some((Region::Other, end + mark.len()))
}

/// `$tag$`
fn mark(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let tag = bytes[at + 1..].iter().take_while(|byte| is_word(**byte)).count();
    bytes.get(at..at + tag + 2).filter(|mark| mark.ends_with(b"$"))
}

/// Where each mark of a heredoc stands: a text full of such that have no end is read once all the same.
struct Marks<'a>(HashMap<&'a [u8], Vec<usize>>);

impl<'a> Marks<'a> {
    fn of(bytes: &'a [u8]) -> Marks<'a> {
        let mut found: HashMap<&[u8], Vec<usize>> = HashMap::new();
        for at in (0..bytes.len()).filter(|at| bytes[*at] == b'$') {
            if let Some(mark) = mark(bytes, at) {
                found.entry(mark).or_default().push(at);
            }
        }
        Marks(found)
    }

    fn next(&self, mark: &[u8], from: usize) -> Option<usize> {
        let places = self.0.get(mark)?;
        places.get(places.partition_point(|at| *at < from)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_comments_and_heredocs_are_told_from_code() {
        let text = "a 'b''c\\'d' \"e\" `f` -- g\n/* h /* i */ j */ $k$ l $k$ $m x'n\\' \u{2018}o'\u{2019} $m";
        let found: Vec<_> = regions(text).into_iter().filter(|(r, _)| *r != Region::Code).collect();
        let expected = [
            (Region::Text, "'b''c\\'d'"),
            (Region::Name, "\"e\""),
            (Region::Name, "`f`"),
            (Region::Comment, "-- g\n"),
            (Region::Comment, "/* h /* i */ j */"),
            (Region::Other, "$k$ l $k$"),
            (Region::Other, "x'n\\'"),
            (Region::Other, "\u{2018}o'\u{2019}"),
        ];
        assert_eq!(found, expected);
    }

    /// Each of these took time by the square of its length once.
    #[test]
    fn long_texts_are_read_in_one_pass() {
        let many = |each: &dyn Fn(usize) -> String| (0..40_000).map(each).collect::<String>();
        for text in
            [many(&|n| format!("${n}$ ")), many(&|_| "$a$ ".into()), many(&|_| "/* ".into())]
        {
            assert!(!regions(&text).is_empty());
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_nothing_is_lost(text in "[ -~ä\\n]{0,60}") {
            let joined: String = regions(&text).into_iter().map(|(_, part)| part).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
