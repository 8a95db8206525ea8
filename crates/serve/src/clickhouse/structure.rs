//! Columns that come from outside as text: names and types, and nothing else. A default value, say,
//! would be an expression that the engine evaluates with rights that its author may not have.

use super::sql::{Kind, Reader};

/// `id UInt64, name LowCardinality(String)`; `None`: it is something else.
pub(super) fn columns(text: &str) -> Option<String> {
    let mut reader = reader(text)?;
    loop {
        name(&mut reader)?;
        ty(&mut reader, text)?;
        if !goes_on(&mut reader)? {
            return Some(text.to_owned());
        }
    }
}

/// `UInt64, Array(String)`, each by itself.
pub(super) fn types(text: &str) -> Option<Vec<String>> {
    let mut reader = reader(text)?;
    let mut types = Vec::new();
    loop {
        types.push(ty(&mut reader, text)?.to_owned());
        if !goes_on(&mut reader)? {
            return Some(types);
        }
    }
}

/// Behind a comma, or at the end.
fn goes_on(reader: &mut Reader<'_>) -> Option<bool> {
    match reader.tokens.peek().is_some() {
        true => reader.takes_mark(b',').then_some(true),
        false => Some(false),
    }
}

/// Where the engine might see a comment, a heredoc or a quote that we do not see, nothing is sure.
fn reader(text: &str) -> Option<Reader<'_>> {
    let doubtful = ["--", "/*", "//", "#", "$", "\u{2018}", "\u{2019}", "\u{201c}", "\u{201d}"];
    let plain = !doubtful.iter().any(|mark| text.contains(mark));
    plain.then(|| Reader::new(text.as_bytes()))
}

fn name(reader: &mut Reader<'_>) -> Option<()> {
    loop {
        let token = reader.tokens.next()?;
        if !matches!(token.kind, Kind::Word | Kind::Quoted) {
            return None;
        }
        if !reader.takes_mark(b'.') {
            return Some(());
        }
    }
}

/// A word, and brackets behind it.
fn ty<'a>(reader: &mut Reader<'_>, text: &'a str) -> Option<&'a str> {
    let token = reader.tokens.next().filter(|token| token.kind == Kind::Word)?;
    if reader.takes_mark(b'(') && !reader.skip_brackets() {
        return None;
    }
    let end = reader.tokens.peek().map_or(text.len(), |next| next.start);
    text.get(token.start..end).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_types_pass_and_nothing_else() {
        for text in [
            "id UInt64",
            "id UInt64, `a b` Array(Nullable(String)), n.x LowCardinality(String)",
            "e Enum8('it''s, (' = 1, 'b' = 2), d Decimal(10, 2), t DateTime('Europe/Paris')",
            "t Tuple(a UInt8, b String), j JSON(a.b UInt32, SKIP c)",
        ] {
            assert!(columns(text).is_some(), "{text}");
        }
        for text in [
            "",
            "id",
            "id UInt64,",
            "auto",
            "x String DEFAULT file('/etc/passwd')",
            "x String MATERIALIZED 1",
            "x String ALIAS y",
            "x String EPHEMERAL",
            "x String CODEC(ZSTD)",
            "x String) ENGINE = File(CSV) AS SELECT (1",
            "x Enum8('a' = 1) ; DROP TABLE y",
            "x Enum8('a' = 1",
            "x Enum8(\u{2018}'\u{2019}) DEFAULT file('/etc/passwd'), y Enum8('')",
            "x UInt8 /* , */ DEFAULT 1",
            "x UInt8, INDEX i x TYPE minmax",
            "x UInt8 -- y",
        ] {
            assert!(columns(text).is_none(), "{text}");
        }
        assert_eq!(types(" UInt8 , Map(String, UInt8)").unwrap(), ["UInt8", "Map(String, UInt8)"]);
        assert!(types("UInt8 DEFAULT 1").is_none());
        assert!(types("").is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ -~é]{0,40}") {
            let _ = (columns(&text), types(&text));
        }
    }
}
