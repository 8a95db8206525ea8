//! Who may speak to a broker, and how: what its configuration says of it, and what a client's does.

use harness::Authority;
use rdkafka::ClientConfig;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    Plain,
    ScramSha512,
}

/// The one user that a broker knows.
#[derive(Clone, Debug)]
pub struct Sasl {
    pub mechanism: Mechanism,
    pub user: String,
    pub password: String,
}

impl Sasl {
    pub fn new(mechanism: Mechanism, user: &str, password: &str) -> Sasl {
        Sasl { mechanism, user: user.to_owned(), password: password.to_owned() }
    }

    fn mechanism(&self) -> &'static str {
        match self.mechanism {
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
        }
    }

    /// The listener's property that names the user, or where it is kept.
    fn login(&self) -> String {
        let modules = "org.apache.kafka.common.security";
        match self.mechanism {
            Mechanism::Plain => format!(
                "plain.sasl.jaas.config={modules}.plain.PlainLoginModule required \
                 user_{}=\"{}\";",
                self.user, self.password
            ),
            Mechanism::ScramSha512 => {
                format!("scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;")
            }
        }
    }

    /// SCRAM's users are in the broker's log, and the first one comes in by formatting it.
    pub(crate) fn formatted_user(&self) -> Option<String> {
        let (user, password) = (&self.user, &self.password);
        (self.mechanism == Mechanism::ScramSha512)
            .then(|| format!("SCRAM-SHA-512=[name={user},password={password}]"))
    }
}

pub(crate) fn protocol(tls: bool, sasl: Option<&Sasl>) -> &'static str {
    match (tls, sasl) {
        (false, None) => "PLAINTEXT",
        (true, None) => "SSL",
        (false, Some(_)) => "SASL_PLAINTEXT",
        (true, Some(_)) => "SASL_SSL",
    }
}

/// The broker's certificate with its key in one file, as Kafka wants it, beside the authority's.
pub(crate) fn sign(authority: &Authority, home: &Path) {
    authority.sign("broker", "broker", "DNS:localhost,IP:127.0.0.1");
    let part = |name| std::fs::read_to_string(authority.path(name)).expect("openssl wrote it");
    let both = part("broker.key") + &part("broker.pem");
    std::fs::write(home.join("broker.pem"), both).expect("a folder of ours");
}

/// What the listener CLIENT says of itself.
pub(crate) fn listener(home: &Path, tls: bool, sasl: Option<&Sasl>) -> Vec<String> {
    let mut lines = Vec::new();
    if tls {
        let keystore = home.join("broker.pem");
        lines.push("ssl.keystore.type=PEM".to_owned());
        lines.push(format!("ssl.keystore.location={}", keystore.display()));
    }
    if let Some(sasl) = sasl {
        lines.push(format!("sasl.enabled.mechanisms={}", sasl.mechanism()));
        lines.push(sasl.login());
    }
    lines.into_iter().map(|line| format!("listener.name.client.{line}")).collect()
}

/// What a client that is welcome there has set.
pub(crate) fn client(config: &mut ClientConfig, ca: Option<&Path>, sasl: Option<&Sasl>) {
    config.set("security.protocol", protocol(ca.is_some(), sasl));
    if let Some(ca) = ca {
        config.set("ssl.ca.location", ca.display().to_string());
    }
    if let Some(sasl) = sasl {
        config.set("sasl.mechanism", sasl.mechanism());
        config.set("sasl.username", &sasl.user);
        config.set("sasl.password", &sasl.password);
    }
}
