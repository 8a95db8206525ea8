//! Where a text is code, and where it is quoted or a comment.

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Region {
    Code,
    /// In single quotes, these included.
    Text,
    /// In double quotes or backticks.
    Name,
    /// `$tag$ … $tag$`
    Heredoc,
    Comment,
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// The parts of a text in their order, none of them empty.
pub(crate) fn regions(text: &str) -> Vec<(Region, &str)> {
    let bytes = text.as_bytes();
    let (mut found, mut code, mut at) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let Some((region, end)) = other(bytes, at) else {
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
fn other(bytes: &[u8], at: usize) -> Option<(Region, usize)> {
    let rest = &bytes[at..];
    match rest[0] {
        b'\'' => Some((Region::Text, quoted(bytes, at))),
        b'"' | b'`' => Some((Region::Name, quoted(bytes, at))),
        b'-' if rest.starts_with(b"--") => Some((Region::Comment, past(bytes, at, b"\n"))),
        b'#' if rest.starts_with(b"# ") || rest.starts_with(b"#!") => {
            Some((Region::Comment, past(bytes, at, b"\n")))
        }
        b'/' if rest.starts_with(b"//") => Some((Region::Comment, past(bytes, at, b"\n"))),
        b'/' if rest.starts_with(b"/*") => Some((Region::Comment, comment(bytes, at))),
        b'$' if at == 0 || !is_word(bytes[at - 1]) => heredoc(bytes, at),
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
fn heredoc(bytes: &[u8], at: usize) -> Option<(Region, usize)> {
    let tag = bytes[at + 1..].iter().take_while(|byte| is_word(**byte)).count();
    let mark = bytes.get(at..at + tag + 2).filter(|mark| mark.ends_with(b"$"))?;
    let body = at + mark.len();
    let end = bytes[body..].windows(mark.len()).position(|window| window == mark)?;
    Some((Region::Heredoc, body + end + mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_comments_and_heredocs_are_told_from_code() {
        let text = "a 'b''c\\'d' \"e\" `f` -- g\n/* h /* i */ j */ $k$ l $k$ $m";
        let found: Vec<_> = regions(text).into_iter().filter(|(r, _)| *r != Region::Code).collect();
        let expected = [
            (Region::Text, "'b''c\\'d'"),
            (Region::Name, "\"e\""),
            (Region::Name, "`f`"),
            (Region::Comment, "-- g\n"),
            (Region::Comment, "/* h /* i */ j */"),
            (Region::Heredoc, "$k$ l $k$"),
        ];
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn whatever_it_is_nothing_is_lost(text in "[ -~ä\\n]{0,60}") {
            let joined: String = regions(&text).into_iter().map(|(_, part)| part).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
