//! Texts that are sure to be read here as the engine reads them. What a limited user may do hangs on
//! that; an admin's texts may be anything.

use super::sql::{Kind, Token, Tokens};

/// Outside of `'…'`, `` `…` ``, `"…"` and comments: ASCII only, no `$`, no backslash, nothing that
/// might be a number to the engine and a comment here.
pub(crate) fn is_plain(text: &str) -> bool {
    let mut tokens = Tokens::new(text.as_bytes());
    let mut before: Option<Token> = None;
    // The last one was a dot that no name is before.
    let mut leads = false;
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
        if !is_plain
            || is_number_before_comment(text, before, token)
            || is_word_behind_fraction(text, before, leads, token)
            || is_literal_of_bits(text, before, token)
        {
            return false;
        }
        let is_of_name =
            |b: Token| matches!(b.kind, Kind::Word | Kind::Quoted | Kind::Mark(b')' | b']' | b'}'));
        leads = token.kind == Kind::Mark(b'.') && !before.is_some_and(is_of_name);
        before = Some(token);
    }
    !tokens.has_odd_blank
}

/// `.5SETTINGS`, `.e5SETTINGS`: to the engine a number, and then `SETTINGS`.
fn is_word_behind_fraction(text: &str, before: Option<Token>, leads: bool, token: Token) -> bool {
    let word = &text[token.start..token.end];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let behind = text[token.end..].strip_prefix(['+', '-']).unwrap_or("");
    let is_number = match word.split_once(['e', 'E']) {
        None => digits(word),
        Some((fraction, "")) => {
            digits(fraction) && behind.starts_with(|c: char| c.is_ascii_digit())
        }
        Some((fraction, exponent)) => digits(fraction) && digits(exponent),
    };
    is_behind_dot(before, token)
        && token.kind == Kind::Word
        && (leads || word.starts_with(|first: char| first.is_ascii_digit()))
        && !is_number
}

/// `x'41'`, `b'01'`: one literal to the engine, which ends at the first quote.
fn is_literal_of_bits(text: &str, before: Option<Token>, token: Token) -> bool {
    let touches = before.filter(|b| b.kind == Kind::Word && b.end == token.start);
    touches.is_some_and(|b| b.end - b.start == 1)
        && text.as_bytes().get(token.start) == Some(&b'\'')
}

fn is_behind_dot(before: Option<Token>, token: Token) -> bool {
    before.is_some_and(|b| b.kind == Kind::Mark(b'.') && b.end == token.start)
}

/// `1e--x`: to the engine `1e-` and then `-x`.
fn is_number_before_comment(text: &str, before: Option<Token>, token: Token) -> bool {
    let word = &text[token.start..token.end];
    token.kind == Kind::Word
        && text[token.end..].starts_with("--")
        && word.ends_with(['e', 'E', 'p', 'P'])
        && (is_behind_dot(before, token) || word.starts_with(|first: char| first.is_ascii_digit()))
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
            "SELECT .5, 1.5e3, x.1, .5e-3",
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
            "SELECT .5SETTINGS max_threads = 1",
            "SELECT x'\\' INTO OUTFILE 'y",
            "SELECT 1 ORDER BY .5eINTO OUTFILE 'x'",
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

#[cfg(test)]
#[path = "plain_tests.rs"]
mod engine_tests;
