//! Text of others in files that YAML, Jinja and ClickHouse read, one inside the other.

use super::names::is_plain;
use std::fmt::Write;

/// What YAML takes for something else than a text.
const YAML_WORDS: [&str; 10] =
    ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "none"];

/// As it is for Jinja, which reads every file of a dbt project.
fn jinja(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter == '{' && letters.peek().is_some_and(|next| "{%#".contains(*next)) {
            true => safe += "{{ '{' }}",
            false => safe.push(letter),
        }
    }
    safe
}

/// A name in SQL, in quotes where it needs them.
pub(super) fn ident(name: &str) -> String {
    match is_plain(name) {
        true => name.to_owned(),
        false => jinja(&store::ddl::ident(name)),
    }
}

/// Within a comment of SQL or of YAML: one line.
pub(super) fn comment(text: &str) -> String {
    jinja(&crate::talk::plain(text))
}

/// A text of YAML that dbt reads as a template.
pub(super) fn yaml(text: &str) -> String {
    in_quotes(&jinja(text))
}

/// A name that may stand in YAML as it is, mostly.
pub(super) fn yaml_name(name: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_one = name.bytes().all(is_word) && name.starts_with(|c: char| c.is_ascii_alphabetic());
    match is_one && !YAML_WORDS.contains(&name) {
        true => name.to_owned(),
        false => in_quotes(name),
    }
}

/// `DateTime64(6, 'UTC')` is a text of YAML as well.
pub(super) fn yaml_type(ty: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"(), _'`".contains(&byte);
    let begins = ty.starts_with(|first: char| first.is_ascii_uppercase());
    if begins && ty.bytes().all(fits) { ty.to_owned() } else { yaml(ty) }
}

/// Printable letters stay, as YAML wants no others outside of escapes.
fn in_quotes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        let is_odd = letter.is_control()
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
        let _ = match letter {
            '"' | '\\' => write!(quoted, "\\{letter}"),
            '\n' => write!(quoted, "\\n"),
            odd if is_odd => write!(quoted, "\\u{:04X}", u32::from(odd)),
            plain => write!(quoted, "{plain}"),
        };
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_it_is_read_as_a_template() {
        assert_eq!(jinja("a {{ x }} {%"), "a {{ '{' }}{ x }} {{ '{' }}%");
        assert_eq!(jinja("{{%"), "{{ '{' }}{{ '{' }}%");
        assert_eq!(jinja("{a} {"), "{a} {");
    }

    #[test]
    fn each_reader_gets_its_quotes() {
        assert_eq!(ident("user_id"), "user_id");
        assert_eq!(ident("order"), "`order`");
        assert_eq!(ident("a`b\\"), "`a\\`b\\\\`");
        assert_eq!(comment("a\nb"), "a\\u000ab");
        assert_eq!(yaml("it's \"so\"\n\\ \u{85}"), r#""it's \"so\"\n\\ \u0085""#);
        assert_eq!(yaml_name("null"), "\"null\"");
        assert_eq!(yaml_type("DateTime64(6, 'UTC')"), "DateTime64(6, 'UTC')");
        assert_eq!(yaml_type("Enum8('a: b' = 1)"), "\"Enum8('a: b' = 1)\"");
    }
}
