//! A text that is not UTF-8: clients put the bytes of a file between quotes. There a byte may be written as `\xff`
//! as well, and so it goes to the engine; a heredoc becomes a literal for it. In a comment it does not matter,
//! and anywhere else it is a syntax error, as at ClickHouse.

use super::sql::{Kind, Tokens};

/// `None`: the engine could not read it.
pub(super) fn escape(text: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(text.len() * 2);
    let mut done = 0;
    for token in Tokens::new(text) {
        out += &String::from_utf8_lossy(&text[done..token.start]);
        let inside = &text[token.start..token.end];
        match (token.kind, std::str::from_utf8(inside), inside.first()) {
            (_, Ok(inside), _) => out += inside,
            (Kind::Literal | Kind::Quoted, _, Some(b'\'' | b'`' | b'"')) => {
                quoted(inside, &mut out)?;
            }
            (Kind::Literal, _, Some(b'$')) => heredoc(inside, &mut out),
            _ => return None,
        }
        done = token.end;
    }
    out += &String::from_utf8_lossy(&text[done..]);
    Some(out)
}

fn byte(byte: &u8, out: &mut String) {
    *out += &format!("\\x{byte:02x}");
}

fn quoted(inside: &[u8], out: &mut String) -> Option<()> {
    /// Where in an escape the text is.
    enum At {
        Text,
        Backslash,
        Hex(u8),
    }
    let mut at = At::Text;
    for chunk in inside.utf8_chunks() {
        for char in chunk.valid().chars() {
            at = match (at, char) {
                (At::Text, '\\') => At::Backslash,
                (At::Backslash, 'x') => At::Hex(2),
                (At::Hex(digits @ 2..), _) => At::Hex(digits - 1),
                _ => At::Text,
            };
            out.push(char);
        }
        for invalid in chunk.invalid() {
            match at {
                At::Text => {}
                // A backslash before no escape stands for itself.
                At::Backslash => out.push('\\'),
                At::Hex(_) => return None,
            }
            byte(invalid, out);
            at = At::Text;
        }
    }
    Some(())
}

fn heredoc(inside: &[u8], out: &mut String) {
    let tag = inside[1..].iter().position(|byte| *byte == b'$').map_or(0, |at| at + 2);
    out.push('\'');
    for chunk in inside[tag..inside.len() - tag].utf8_chunks() {
        for char in chunk.valid().chars() {
            if matches!(char, '\\' | '\'') {
                out.push('\\');
            }
            out.push(char);
        }
        chunk.invalid().iter().for_each(|invalid| byte(invalid, out));
    }
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_stand_where_the_engine_reads_them() {
        let check = |text: &[u8], expected: Option<&str>| {
            assert_eq!(escape(text).as_deref(), expected, "{}", text.escape_ascii());
        };
        check(b"SELECT 'a\xff\\'' -- \xfe", Some("SELECT 'a\\xff\\'' -- \u{fffd}"));
        check(b"SELECT '\\\xff', '\\\\\xff'", Some("SELECT '\\\\\\xff', '\\\\\\xff'"));
        check(b"SELECT 1 AS `\xff`, '\xc3\xa9\xc3'", Some("SELECT 1 AS `\\xff`, '\u{e9}\\xc3'"));
        check(b"SELECT $x$it's \\ \xff$$$x$, 1", Some("SELECT 'it\\'s \\\\ \\xff$$', 1"));
        check(b"SELECT '\\x41\xff'", Some("SELECT '\\x41\\xff'"));
        for text in [&b"SELECT \xff"[..], b"SELECT 'a\xff", b"SELECT '\\x4\xff'"] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_escaped_without_panic(text in proptest::collection::vec(prop_oneof![Just(b'\''), Just(b'$'), Just(b'\\'), Just(b'x'), any::<u8>()], 0..40)) {
            escape(&text);
        }
    }
}
