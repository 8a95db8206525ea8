//! Values that come from elsewhere: `${ENV}`, `${file:/path}`. What they hold cannot be printed.

use model::{Error, Result};
use std::fmt;

/// A secret file that is larger is no secret.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// A value as written, its references checked in form but not looked up.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Raw {
    text: String,
}

/// A value with everything in place. No `Display`, no `Serialize`: whoever needs it says so.
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// For values that are no secret.
    pub(super) fn into_plain(self) -> String {
        self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A part of a value.
enum Piece<'a> {
    Text(&'a str),
    Environment(&'a str),
    File(&'a str),
}

impl Raw {
    pub(crate) fn new(key: &str, text: String) -> Result<Raw> {
        pieces(key, &text)?;
        Ok(Raw { text })
    }

    pub(crate) fn resolve(&self, key: &str) -> Result<Secret> {
        let mut value = String::with_capacity(self.text.len());
        for piece in pieces(key, &self.text)? {
            match piece {
                Piece::Text(text) => value.push_str(text),
                Piece::Environment(name) => value.push_str(&environment(key, name)?),
                Piece::File(path) => value.push_str(&file(key, path)?),
            }
        }
        Ok(Secret(value))
    }

    /// Whether it stands in the file itself.
    pub(crate) fn is_literal(&self) -> bool {
        is_literal(&self.text)
    }

    /// A URL whose password stands in the file itself.
    pub(crate) fn has_literal_password(&self) -> bool {
        let Some((_, rest)) = self.text.split_once("://") else { return false };
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        let in_authority = authority
            .rsplit_once('@')
            .and_then(|(login, _)| login.split_once(':'))
            .is_some_and(|(_, password)| is_literal(password));
        let in_query = rest
            .split(['?', '&'])
            .skip(1)
            .any(|pair| pair.strip_prefix("password=").is_some_and(is_literal));
        in_authority || in_query
    }
}

fn is_literal(password: &str) -> bool {
    !password.is_empty() && !password.contains("${")
}

fn pieces<'a>(key: &str, text: &'a str) -> Result<Vec<Piece<'a>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        pieces.push(Piece::Text(&rest[..at]));
        let inner = &rest[at + 2..];
        let end = inner.find('}').ok_or_else(|| {
            Error::definite(format!("cannot read {key}: a ${{ has no }}")).hint("${DATABASE_URL}")
        })?;
        pieces.push(reference(key, &inner[..end])?);
        rest = &inner[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn reference<'a>(key: &str, name: &'a str) -> Result<Piece<'a>> {
    if let Some(path) = name.strip_prefix("file:") {
        return Ok(Piece::File(path));
    }
    if name.starts_with("vault:") {
        return Err(Error::definite(format!("cannot read {key}: ${{vault:…}} comes later"))
            .detail("This version does not speak to Vault.")
            .hint("let Vault's agent write a file and use ${file:/path}, or use ${ENV}"));
    }
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain || name.is_empty() || name.as_bytes()[0].is_ascii_digit() {
        return Err(Error::definite(format!("cannot read {key}: ${{{name}}} is no reference"))
            .hint("${NAME} for an environment variable, ${file:/path} for a file"));
    }
    Ok(Piece::Environment(name))
}

fn environment(key: &str, name: &str) -> Result<String> {
    std::env::var(name).map_err(|error| match error {
        std::env::VarError::NotPresent => {
            Error::definite(format!("cannot resolve {key}: the variable {name} is not set"))
                .hint(format!("export {name}=…"))
        }
        std::env::VarError::NotUnicode(_) => {
            Error::definite(format!("cannot resolve {key}: the variable {name} is no UTF-8 text"))
        }
    })
}

fn file(key: &str, path: &str) -> Result<String> {
    let cannot = || Error::definite(format!("cannot resolve {key} from the file {path}"));
    let length = std::fs::metadata(path).map_err(|error| cannot().source(error))?.len();
    if length > FILE_BYTES_MAX {
        return Err(cannot().detail(format!("It has more than {FILE_BYTES_MAX} bytes.")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot().source(error))?;
    // Editors end files with a line feed; passwords do not.
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Result<String> {
        Raw::new("source.url", text.into())?.resolve("source.url").map(Secret::into_plain)
    }

    #[test]
    fn references_are_put_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "s3cret\n").unwrap();
        let path = path.display();
        let home = std::env::var("PATH").unwrap();
        assert_eq!(
            resolved(&format!("a ${{file:{path}}} b ${{PATH}}")).unwrap(),
            format!("a s3cret b {home}")
        );
        assert_eq!(resolved("plain $ text").unwrap(), "plain $ text");
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        let error = resolved("x${MILLRACE_NOT_SET_ANYWHERE}").unwrap_err();
        assert!(error.what().contains("source.url") && error.what().contains("MILLRACE_NOT_SET"));
        let error = resolved("${vault:secret/db#url}").unwrap_err();
        assert!(error.what().contains("vault"), "{error}");
        assert!(resolved("${unfinished").is_err());
        assert!(resolved("${a b}").is_err());
        assert!(resolved("${}").is_err());
        assert!(
            resolved("${file:/does/not/exist}").unwrap_err().what().contains("/does/not/exist")
        );
    }

    #[test]
    fn a_password_in_the_file_is_noticed() {
        let literal = |text: &str| Raw::new("k", text.into()).unwrap().has_literal_password();
        assert!(literal("postgres://ann:secret@db/shop"));
        assert!(literal("postgres://ann@db/shop?password=x"));
        for fine in [
            "postgres://ann@db/shop",
            "${DATABASE_URL}",
            "postgres://ann:${PW}@db/shop",
            "postgres://db:5432/x",
        ] {
            assert!(!literal(fine), "{fine}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let raw = Raw::new("k", "postgres://ann:topsecret@db/shop".into()).unwrap();
        let secret = raw.resolve("k").unwrap();
        assert!(!format!("{raw:?} {secret:?}").contains("topsecret"));
    }
}
