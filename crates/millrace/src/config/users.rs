//! `[serve.users.*]` and `[serve.roles.*]`: who may do what. Passwords stay unresolved until the door
//! opens.

use super::secret::Raw;
use model::{Error, Result};
use serde::Deserialize;
use serve::access::{File, FileHolder, FilePassword};
use std::collections::BTreeMap;

#[derive(Deserialize, Default, Clone)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HolderSection {
    password: Option<String>,
    password_sha256_hex: Option<String>,
    password_double_sha1_hex: Option<String>,
    password_bcrypt: Option<String>,
    roles: Vec<String>,
    grants: Vec<String>,
    filters: BTreeMap<String, String>,
    quotas: Vec<String>,
    max_threads: Option<u64>,
    max_memory_usage: Option<u64>,
    max_execution_time: Option<u64>,
    max_rows_to_read: Option<u64>,
    max_bytes_to_read: Option<u64>,
    max_result_rows: Option<u64>,
    max_result_bytes: Option<u64>,
}

pub(super) type Sections = BTreeMap<String, HolderSection>;

/// What was written, with the passwords still to be looked up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    file: File,
    passwords: BTreeMap<String, (Kind, Raw)>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Sha256Hex,
    DoubleSha1Hex,
    Bcrypt,
}

impl Kind {
    fn key(self) -> &'static str {
        match self {
            Kind::Plain => "password",
            Kind::Sha256Hex => "password_sha256_hex",
            Kind::DoubleSha1Hex => "password_double_sha1_hex",
            Kind::Bcrypt => "password_bcrypt",
        }
    }

    fn of(self, text: String) -> FilePassword {
        match self {
            Kind::Plain => FilePassword::Plain(text),
            Kind::Sha256Hex => FilePassword::Sha256Hex(text),
            Kind::DoubleSha1Hex => FilePassword::DoubleSha1Hex(text),
            Kind::Bcrypt => FilePassword::Bcrypt(text),
        }
    }
}

impl Users {
    pub(super) fn resolve(
        users: Sections,
        roles: Sections,
        warnings: &mut Vec<String>,
    ) -> Result<Users> {
        let mut resolved = Users::default();
        for (name, section) in users {
            let (kind, raw) = section.password(&name)?;
            if matches!(kind, Kind::Plain) && raw.is_literal() {
                warnings.push(format!(
                    "serve.users.{name}.password stands in plain text; better: \"${{file:/run/secrets/{name}}}\", \
                     or password_sha256_hex"
                ));
            }
            resolved.passwords.insert(name.clone(), (kind, raw));
            // So that the rest can be checked without the secret.
            let password = Some(FilePassword::Plain(String::new()));
            resolved.file.users.insert(name, FileHolder { password, ..section.holder() });
        }
        for (name, section) in roles {
            if section.passwords().next().is_some() {
                return Err(Error::definite(format!("cannot use serve.roles.{name}.password"))
                    .detail("A role has no password; its users have."));
            }
            resolved.file.roles.insert(name, section.holder());
        }
        resolved.file.check()?;
        Ok(resolved)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.file.users.is_empty()
    }

    /// With the passwords in place.
    pub(crate) fn file(&self) -> Result<File> {
        let mut file = self.file.clone();
        for (name, (kind, raw)) in &self.passwords {
            let secret = raw.resolve(&format!("serve.users.{name}.{}", kind.key()))?;
            let text = secret.expose().to_owned();
            if text.is_empty() {
                return Err(Error::definite(format!(
                    "cannot use serve.users.{name}.{}",
                    kind.key()
                ))
                .detail("It is empty."));
            }
            let user = file.users.get_mut(name).expect("made with the passwords");
            user.password = Some(kind.of(text));
        }
        file.check()?;
        Ok(file)
    }
}

impl HolderSection {
    fn passwords(&self) -> impl Iterator<Item = (Kind, &String)> {
        let all = [
            (Kind::Plain, &self.password),
            (Kind::Sha256Hex, &self.password_sha256_hex),
            (Kind::DoubleSha1Hex, &self.password_double_sha1_hex),
            (Kind::Bcrypt, &self.password_bcrypt),
        ];
        all.into_iter().filter_map(|(kind, text)| Some((kind, text.as_ref()?)))
    }

    fn password(&self, name: &str) -> Result<(Kind, Raw)> {
        let mut written = self.passwords();
        match (written.next(), written.next()) {
            (Some((kind, text)), None) => {
                Ok((kind, Raw::new(&format!("serve.users.{name}.{}", kind.key()), text.clone())?))
            }
            (None, _) => Err(Error::definite(format!(
                "cannot use serve.users.{name}: it has no password"
            ))
            .hint(format!(
                "password = \"${{file:/run/secrets/{name}}}\", or password_sha256_hex = \"…\" \
                     (echo -n PASSWORD | sha256sum)"
            ))),
            _ => {
                Err(Error::definite(format!("cannot use serve.users.{name}: it has two passwords")))
            }
        }
    }

    fn holder(self) -> FileHolder {
        let limits = [
            ("max_threads", self.max_threads),
            ("max_memory_usage", self.max_memory_usage),
            ("max_execution_time", self.max_execution_time),
            ("max_rows_to_read", self.max_rows_to_read),
            ("max_bytes_to_read", self.max_bytes_to_read),
            ("max_result_rows", self.max_result_rows),
            ("max_result_bytes", self.max_result_bytes),
        ];
        let limits = limits.into_iter().filter_map(|(name, most)| Some((name.to_owned(), most?)));
        FileHolder {
            password: None,
            roles: self.roles,
            grants: self.grants,
            filters: self.filters,
            quotas: self.quotas,
            limits: limits.collect(),
        }
    }
}
