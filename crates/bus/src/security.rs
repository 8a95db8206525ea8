//! How a broker is spoken to: in the clear or not, and as whom.

use rdkafka::ClientConfig;
use std::fmt;

/// Shared by who reads and who writes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Security {
    pub protocol: Protocol,
    pub sasl: Option<Sasl>,
    /// PEM of the authorities to trust; absent: the system's.
    pub ca_file: Option<String>,
    /// PEM of a certificate to show, and of its key.
    pub certificate_file: Option<String>,
    pub key_file: Option<String>,
    pub key_password: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Sasl {
    pub mechanism: Mechanism,
    pub user: String,
    pub password: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

impl Protocol {
    pub const ALL: [Protocol; 4] =
        [Protocol::Plaintext, Protocol::Ssl, Protocol::SaslPlaintext, Protocol::SaslSsl];

    pub fn name(self) -> &'static str {
        match self {
            Protocol::Plaintext => "plaintext",
            Protocol::Ssl => "ssl",
            Protocol::SaslPlaintext => "sasl_plaintext",
            Protocol::SaslSsl => "sasl_ssl",
        }
    }

    pub fn from_name(name: &str) -> Option<Protocol> {
        Protocol::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    pub fn is_encrypted(self) -> bool {
        matches!(self, Protocol::Ssl | Protocol::SaslSsl)
    }
}

impl Mechanism {
    pub const ALL: [Mechanism; 3] =
        [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha512];

    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    pub fn from_name(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

impl Security {
    pub fn apply(&self, config: &mut ClientConfig) {
        for (name, value) in self.settings() {
            config.set(name, value);
        }
    }

    /// As librdkafka calls it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let mut settings = vec![("security.protocol", self.protocol.name().to_owned())];
        if let Some(Sasl { mechanism, user, password }) = &self.sasl {
            settings.push(("sasl.mechanism", mechanism.name().to_owned()));
            settings.push(("sasl.username", user.clone()));
            settings.push(("sasl.password", password.clone()));
        }
        let files = [
            ("ssl.ca.location", &self.ca_file),
            ("ssl.certificate.location", &self.certificate_file),
            ("ssl.key.location", &self.key_file),
            ("ssl.key.password", &self.key_password),
        ];
        settings.extend(files.into_iter().filter_map(|(name, file)| Some((name, file.clone()?))));
        settings
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Security")
            .field("protocol", &self.protocol)
            .field("sasl", &self.sasl)
            .field("ca_file", &self.ca_file)
            .field("certificate_file", &self.certificate_file)
            .field("key_file", &self.key_file)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl")
            .field("mechanism", &self.mechanism)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_not_shown_and_all_is_told_to_the_client() {
        let security = Security {
            protocol: Protocol::SaslSsl,
            sasl: Some(Sasl {
                mechanism: Mechanism::ScramSha512,
                user: "ada".into(),
                password: "hunter2".into(),
            }),
            ca_file: Some("/ca.pem".into()),
            key_password: Some("hunter3".into()),
            ..Security::default()
        };
        let shown = format!("{security:?}");
        assert!(shown.contains("ada") && !shown.contains("hunter"), "{shown}");
        let mut config = ClientConfig::new();
        security.apply(&mut config);
        let told = ["security.protocol", "sasl.mechanism", "sasl.password", "ssl.ca.location"];
        let told = told.map(|name| config.get(name).unwrap_or_default());
        assert_eq!(told, ["sasl_ssl", "SCRAM-SHA-512", "hunter2", "/ca.pem"]);
        assert!(Protocol::ALL.into_iter().all(|one| Protocol::from_name(one.name()) == Some(one)));
        assert!(
            Mechanism::ALL.into_iter().all(|one| Mechanism::from_name(one.name()) == Some(one))
        );
    }
}
