//! Texts that are sure to be read here as the engine reads them. What a limited user may do hangs on
//! that; an admin's texts may be anything.

use super::sql::{Kind, Token, Tokens};

/// Outside of `'…'`, `` `…` ``, `"…"` and comments: ASCII only, no `$`, no backslash, nothing that
/// might be a number to the engine and a comment here.
pub(crate) fn is_plain(text: &str) -> bool {
    let mut tokens = Tokens::new(text.as_bytes());
    let mut before = None;
    for token in tokens.by_ref() {
        let inside = &text[token.start..token.end];
        let is_plain = match token.kind {
            Kind::Word => inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            Kind::Mark(byte) => byte.is_ascii_graphic() && !matches!(byte, b'$' | b'\\' | b'#'),
            Kind::Quoted => true,
            Kind::Literal => inside.starts_with('\''),
            // Of an ASCII one: the engine finds no end either.
            Kind::Open => inside.is_empty() || inside.starts_with(['\'', '`', '"']),
        };
        if !is_plain || is_number_before_comment(text, before, token) {
            return false;
        }
        before = Some(token);
    }
    !tokens.has_odd_blank
}

/// `1e--x`: to the engine `1e-` and then `-x`.
fn is_number_before_comment(text: &str, before: Option<Token>, token: Token) -> bool {
    let is_behind_dot = before.is_some_and(|b| b.kind == Kind::Mark(b'.') && b.end == token.start);
    let word = &text[token.start..token.end];
    token.kind == Kind::Word
        && text[token.end..].starts_with("--")
        && word.ends_with(['e', 'E', 'p', 'P'])
        && (is_behind_dot || word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_might_be_read_in_two_ways_is_not_plain() {
        for text in [
            "SELECT 'é ’ $', `naïve “x”`, \"ß\" -- ü $\nFROM t // é\n/* /* $ */ \u{a0} */ WHERE 1e-3 < x.e",
            "SELECT a FROM t -- x",
            "SELECT count(*) AS `Revenue ($)` FROM t",
            "SELECT 'open",
            "SELECT 1 /* open",
            "",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "SELECT 'x' INTO\u{a0}OUTFILE 'y'",
            "SELECT 1\u{3000}",
            "SELECT “x”",
            "SELECT ‘x’",
            "SELECT “open",
            "SELECT é",
            "SELECT a$x$",
            "SELECT $$x$$",
            "SELECT $x$",
            "SELECT $ 1",
            "SELECT 1 \\G",
            "SELECT 1 #x",
            "SELECT 1\0",
            "SELECT 1e--x",
            "SELECT 1.e--x",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_at_without_panic(text in "[ -~é“”‘’\u{a0}\n]{0,40}") {
            is_plain(&text);
        }
    }
}
