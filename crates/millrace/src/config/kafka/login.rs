//! How brokers are spoken to, and as whom: the same for topics that are read and for those that are written.

use super::one_of;
use crate::config::{Raw, file};
use model::{Error, Result};
use std::path::{Path, PathBuf};

const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// What a section says of it.
pub(super) struct LoginSection {
    pub(super) protocol: Option<String>,
    pub(super) sasl_mechanism: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key_file: Option<String>,
}

/// Checked; secrets are looked up by those who connect.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code))]
pub(crate) struct Login {
    /// For messages.
    section: String,
    protocol: String,
    mechanism: String,
    user: Option<Raw>,
    password: Option<Raw>,
    files: [Option<PathBuf>; 3],
}

impl LoginSection {
    pub(super) fn resolve(
        self,
        section: &str,
        folder: &Path,
        warnings: &mut Vec<String>,
    ) -> Result<Login> {
        let key = |name: &str| format!("{section}.{name}");
        let raw = |name: &str, text: Option<String>| {
            text.map(|text| Raw::new(&key(name), text)).transpose()
        };
        let (user, password) = (raw("user", self.user)?, raw("password", self.password)?);
        if password.as_ref().is_some_and(Raw::is_literal) {
            warnings.push(format!(
                "{section}.password stands in plain text; better: password = \"${{KAFKA_PASSWORD}}\""
            ));
        }
        let files = [&self.ca_file, &self.cert_file, &self.key_file];
        let is_tls = files.iter().any(|file| file.is_some());
        let by_what_is_said = match (is_tls, user.is_some()) {
            (false, false) => "plaintext",
            (true, false) => "ssl",
            (false, true) => "sasl_plaintext",
            (true, true) => "sasl_ssl",
        };
        let protocol = one_of(&key("protocol"), self.protocol, &PROTOCOLS, by_what_is_said)?;
        if protocol.starts_with("sasl") && (user.is_none() || password.is_none()) {
            return Err(Error::definite(format!("cannot use {section}.protocol {protocol:?}"))
                .detail("A user and a password are needed.")
                .hint(format!(
                    "user = \"…\" and password = \"${{KAFKA_PASSWORD}}\" under [{section}]"
                )));
        }
        let mechanism =
            one_of(&key("sasl_mechanism"), self.sasl_mechanism, &MECHANISMS, MECHANISMS[2])?;
        let path = |name: &str, path: &Option<String>| file(&key(name), path.as_ref(), folder);
        let files = [
            path("ca_file", &self.ca_file)?,
            path("cert_file", &self.cert_file)?,
            path("key_file", &self.key_file)?,
        ];
        Ok(Login { section: section.to_owned(), protocol, mechanism, user, password, files })
    }
}

impl Login {
    /// They are read again while it runs.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().flatten()
    }

    /// Neither TLS nor a challenge.
    pub(super) fn is_plain(&self) -> bool {
        self.protocol == "plaintext"
            || self.protocol == "sasl_plaintext" && self.mechanism == MECHANISMS[0]
    }

    #[cfg(feature = "kafka")]
    pub(crate) fn security(&self) -> Result<bus::security::Security> {
        use bus::security::{Mechanism, Protocol, Sasl, Security};
        let unknown = |name: &str| Error::bug(format!("{name} was taken for one that there is"));
        let secret = |name: &str, raw: &Option<Raw>| {
            raw.as_ref().map(|raw| raw.resolve(&format!("{}.{name}", self.section))).transpose()
        };
        let sasl = match (secret("user", &self.user)?, secret("password", &self.password)?) {
            (Some(user), Some(password)) => Some(Sasl {
                mechanism: Mechanism::from_name(&self.mechanism)
                    .ok_or_else(|| unknown(&self.mechanism))?,
                user: user.expose().to_owned(),
                password: password.expose().to_owned(),
            }),
            _ => None,
        };
        let text = |path: &PathBuf| path.display().to_string();
        let [ca_file, certificate_file, key_file] =
            [0, 1, 2].map(|at: usize| self.files[at].as_ref().map(text));
        Ok(Security {
            protocol: Protocol::from_name(&self.protocol).ok_or_else(|| unknown(&self.protocol))?,
            sasl,
            ca_file,
            certificate_file,
            key_file,
            key_password: None,
        })
    }
}
