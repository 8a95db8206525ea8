//! Takes secrets out of a statement's text before anybody else may read it: the log of statements,
//! the list of those that run. What ClickHouse would print as `[HIDDEN]` is hidden here, and rather
//! more than less; the rest stays as the client wrote it.
//!
//! The text is read by its tokens, not parsed, because a statement that nobody can parse is logged
//! too. Where the engine knows of a secret that these rules do not see, [`hide_all`] is used.
//!
//! ```text
//! IDENTIFIED … '…'                          CREATE USER
//! password '…', secret_access_key = '…'     dictionaries, named arguments, settings
//! postgresql(_, _, _, _, '…'), s3(_, '…')   by their place in the call
//! CREATE NAMED COLLECTION … '…'             every value
//! 'https://ann:…@host', 'AccountKey=…'      inside a text
//! ```

use super::sql::{Kind, Token, Tokens};

const HIDDEN: &str = "[HIDDEN]";
/// A name that holds one of these is the name of a secret.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "private_key",
    "api_key",
    "access_key",
    "account_key",
    "security_token",
    "session_token",
    "authorization",
];
/// Functions and engines by the beginning of their name, and from which argument on texts are hidden.
const CALLS: [(&str, usize); 21] = [
    ("postgresql", 4),
    ("materializedpostgresql", 3),
    ("mysql", 3),
    ("mongodb", 3),
    ("redis", 1),
    ("remote", 2),
    ("s3", 1),
    ("gcs", 1),
    ("cosn", 1),
    ("oss", 1),
    ("iceberg", 1),
    ("deltalake", 1),
    ("hudi", 1),
    ("paimon", 1),
    ("datalakecatalog", 1),
    ("azureblobstorage", 0),
    ("ytsaurus", 2),
    ("encrypt", 1),
    ("decrypt", 1),
    ("aes_", 1),
    ("trydecrypt", 1),
];
/// In a text: what stands behind these, up to the next `;` or `&`.
const BEHIND: [&str; 5] =
    ["accountkey=", "sharedaccesssignature=", "x-amz-signature=", "sig=", "password="];
/// Words that end what `IDENTIFIED` begins.
const AFTER_IDENTITY: [&str; 6] = ["HOST", "VALID", "SETTINGS", "GRANTEES", "DEFAULT", "IN"];

/// The text without its secrets; `None`: there is none in it.
pub(super) fn hide(text: &str) -> Option<String> {
    let tokens: Vec<Token> = Tokens::new(text.as_bytes()).collect();
    let mut reader = Reader { text, tokens: &tokens, calls: Vec::new(), of_identity: false };
    let is_collection = reader.is_of_named_collection();
    let mut out = Out::new(text);
    for (index, token) in tokens.iter().enumerate() {
        let is_secret = reader.follow(index);
        if !is_text(text, token) {
            continue;
        }
        if is_secret || is_collection || reader.is_behind_its_name(index) {
            out.replace(token.start, token.end, &format!("'{HIDDEN}'"));
        } else {
            inside(text, token, &mut out);
        }
    }
    out.finish()
}

/// The text without any of its literals.
pub(super) fn hide_all(text: &str) -> String {
    let mut out = Out::new(text);
    for token in Tokens::new(text.as_bytes()) {
        if is_text(text, &token) {
            out.replace(token.start, token.end, &format!("'{HIDDEN}'"));
        }
    }
    out.finish().unwrap_or_else(|| text.to_owned())
}

/// A value without the secrets in it, as it stands in a setting.
pub(super) fn hide_in_value(value: &str) -> String {
    let mut out = Out::new(value);
    inside_of(value, 0, &mut out);
    out.finish().unwrap_or_else(|| value.to_owned())
}

/// Whether a setting is one by its name.
pub(super) fn is_name_of_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|known| name.contains(known))
}

/// A literal, also one that does not end.
fn is_text(text: &str, token: &Token) -> bool {
    match token.kind {
        Kind::Literal => true,
        Kind::Open => text[token.start..token.end].starts_with(['\'', '$']),
        _ => false,
    }
}

struct Call {
    /// From which argument on its texts are hidden.
    from: Option<usize>,
    argument: usize,
    /// It stands where texts are hidden.
    inherits: bool,
}

impl Call {
    fn hides(&self) -> bool {
        self.inherits || self.from.is_some_and(|from| self.argument >= from)
    }
}

struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
    calls: Vec<Call>,
    of_identity: bool,
}

impl Reader<'_> {
    fn at(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &self.text[token.start..token.end])
    }

    fn is_of_named_collection(&self) -> bool {
        ["CREATE", "ALTER"].iter().any(|verb| self.at(0).eq_ignore_ascii_case(verb))
            && self.at(1).eq_ignore_ascii_case("NAMED")
            && self.at(2).eq_ignore_ascii_case("COLLECTION")
    }

    /// Takes the next token in; whether a text here is a secret by its place.
    fn follow(&mut self, index: usize) -> bool {
        let hides = self.calls.last().is_some_and(Call::hides);
        match self.tokens[index].kind {
            Kind::Mark(b'(') => {
                let name = index.checked_sub(1).map_or("", |before| self.at(before));
                let name = name.to_ascii_lowercase();
                let known = CALLS.iter().find(|(call, _)| name.starts_with(call));
                let from = known.map(|(_, from)| *from);
                self.calls.push(Call { from, argument: 0, inherits: hides });
            }
            Kind::Mark(b')') => drop(self.calls.pop()),
            Kind::Mark(b',') => {
                if let Some(call) = self.calls.last_mut() {
                    call.argument += 1;
                }
            }
            Kind::Word => {
                let word = self.at(index).to_ascii_uppercase();
                if word == "IDENTIFIED" {
                    self.of_identity = true;
                } else if AFTER_IDENTITY.contains(&word.as_str()) {
                    self.of_identity = false;
                }
            }
            _ => {}
        }
        hides || self.of_identity
    }

    /// `password '…'`, `'Authorization' = '…'`
    fn is_behind_its_name(&self, index: usize) -> bool {
        let Some(mut before) = index.checked_sub(1) else { return false };
        if self.tokens[before].kind == Kind::Mark(b'=') {
            let Some(name) = before.checked_sub(1) else { return false };
            before = name;
        }
        self.tokens[before].kind != Kind::Mark(b'=') && is_name_of_secret(self.at(before))
    }
}

/// Hides what is secret inside a literal.
fn inside(text: &str, token: &Token, out: &mut Out<'_>) {
    inside_of(&text[token.start..token.end], token.start, out);
}

fn inside_of(value: &str, offset: usize, out: &mut Out<'_>) {
    if !value.contains(['@', '=']) {
        return;
    }
    let mut from = 0;
    while let Some(found) = value[from..].find("://") {
        let start = from + found + 3;
        let rest = &value[start..];
        let authority = &rest[..rest.find(['/', '?', '#', ' ', '\'']).unwrap_or(rest.len())];
        if let Some(at) = authority.rfind('@')
            && let Some(colon) = authority[..at].find(':')
        {
            out.replace(offset + start + colon + 1, offset + start + at, HIDDEN);
        }
        from = start;
    }
    let lower = value.to_ascii_lowercase();
    for name in BEHIND {
        for (found, _) in lower.match_indices(name) {
            let start = found + name.len();
            let rest = &value[start..];
            let end = start + rest.find(['&', ';', '\'', '"', ' ']).unwrap_or(rest.len());
            if end > start {
                out.replace(offset + start, offset + end, HIDDEN);
            }
        }
    }
}

/// The text with pieces of it replaced.
struct Out<'a> {
    text: &'a str,
    pieces: Vec<(usize, usize, String)>,
}

impl<'a> Out<'a> {
    fn new(text: &'a str) -> Out<'a> {
        Out { text, pieces: Vec::new() }
    }

    fn replace(&mut self, start: usize, end: usize, by: &str) {
        self.pieces.push((start, end, by.to_owned()));
    }

    fn finish(mut self) -> Option<String> {
        if self.pieces.is_empty() {
            return None;
        }
        self.pieces.sort_by_key(|(start, ..)| *start);
        let (mut out, mut at) = (String::with_capacity(self.text.len()), 0);
        for (start, end, by) in &self.pieces {
            // One that lies in the piece before is gone with it.
            if *start >= at {
                out.push_str(&self.text[at..*start]);
                out.push_str(by);
            }
            at = at.max(*end);
        }
        out.push_str(&self.text[at..]);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_hidden_where_clickhouse_hides_them() {
        let cases = [
            (
                "CREATE USER ann IDENTIFIED WITH sha256_hash BY 's3cret' SALT 's3cret' HOST LIKE '%'",
                "CREATE USER ann IDENTIFIED WITH sha256_hash BY '[HIDDEN]' SALT '[HIDDEN]' HOST LIKE '%'",
            ),
            ("alter user a identified by 's3cret", "alter user a identified by '[HIDDEN]'"),
            (
                "SELECT * FROM postgresql('h:5432', 'db', 't', 'ann', 's3cret') WHERE x = 'y'",
                "SELECT * FROM postgresql('h:5432', 'db', 't', 'ann', '[HIDDEN]') WHERE x = 'y'",
            ),
            (
                "select * from s3('https://b/k', 'id', concat('s3', 'cret'), 'CSV'), t where a = 'b'",
                "select * from s3('https://b/k', '[HIDDEN]', concat('[HIDDEN]', '[HIDDEN]'), '[HIDDEN]'), t where a = 'b'",
            ),
            (
                "SELECT * FROM url('https://ann:s3cret@host/x?y', CSV)",
                "SELECT * FROM url('https://ann:[HIDDEN]@host/x?y', CSV)",
            ),
            (
                "CREATE NAMED COLLECTION c AS url = 's3cret', other = 's3cret'",
                "CREATE NAMED COLLECTION c AS url = '[HIDDEN]', other = '[HIDDEN]'",
            ),
            (
                "CREATE DICTIONARY d (a String) SOURCE(CLICKHOUSE(USER 'u' PASSWORD 's3cret' TABLE 't'))",
                "CREATE DICTIONARY d (a String) SOURCE(CLICKHOUSE(USER 'u' PASSWORD '[HIDDEN]' TABLE 't'))",
            ),
            (
                "INSERT INTO FUNCTION remote('h', 'db.t', 'ann', 's3cret') SELECT 'x'",
                "INSERT INTO FUNCTION remote('h', 'db.t', '[HIDDEN]', '[HIDDEN]') SELECT 'x'",
            ),
            (
                "SELECT * FROM url('http://h', headers('Authorization' = 'Bearer s3cret'))",
                "SELECT * FROM url('http://h', headers('Authorization' = '[HIDDEN]'))",
            ),
            (
                "SELECT encrypt('aes-128-ecb', name, 's3cret') FROM t SETTINGS x_password = 's3cret'",
                "SELECT encrypt('aes-128-ecb', name, '[HIDDEN]') FROM t SETTINGS x_password = '[HIDDEN]'",
            ),
            (
                "SELECT 'DefaultEndpointsProtocol=https;AccountKey=s3cret;x=y'",
                "SELECT 'DefaultEndpointsProtocol=https;AccountKey=[HIDDEN];x=y'",
            ),
        ];
        for (text, hidden) in cases {
            assert_eq!(hide(text).as_deref(), Some(hidden), "{text}");
        }
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        for text in [
            "  SELECT 'a=b', 'x@y.z' FROM t -- end\n",
            "SELECT user, s3.key FROM s3 WHERE key = 'a' AND x IN ('a', 'b')",
            "SELECT 'http://host/path', 'mail to: a@b'",
            "SELEC 'a', (",
            "",
        ] {
            assert_eq!(hide(text), None, "{text}");
        }
        assert_eq!(hide_all("SELECT 'a', x, $$b$$"), "SELECT '[HIDDEN]', x, '[HIDDEN]'");
        assert_eq!(hide_in_value("http://a:b@c"), "http://a:[HIDDEN]@c");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(words in proptest::collection::vec(prop_oneof![
            Just("IDENTIFIED"), Just("BY"), Just("'é"), Just("'"), Just("s3("), Just(")"), Just(","), Just("://a:b@"),
            Just("password="), Just("$$"), Just("="), Just("password"), Just("\\"), Just("/*"),
        ], 0..14)) {
            let text = words.join(" ");
            hide(&text);
            hide_all(&text);
            hide_in_value(&words.concat());
        }

        #[test]
        fn a_password_never_stays(name in "[a-z]{1,8}", secret in "[a-zA-Z0-9]{12,20}") {
            let text = format!("CREATE USER {name} IDENTIFIED BY '{secret}'");
            prop_assert!(!hide(&text).unwrap().contains(&secret));
        }
    }
}
