//! A schema registry that speaks Confluent's API (Confluent's, Apicurio's `ccompat`, Karapace), and how it is asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Error, Result};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// It answers from memory: what takes longer is away.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 16 << 20;
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegistryOptions {
    /// `http://registry:8081`: what stands before `/schemas/ids/7`.
    pub url: String,
    pub login: Option<Login>,
    /// The file of certificates to trust beside the system's.
    pub ca_file: Option<String>,
}

/// Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

impl RegistryOptions {
    /// The address, and apart from it the login that stands in it.
    pub fn new(url: &str) -> RegistryOptions {
        let of = |url: String, login| RegistryOptions { url, login, ca_file: None };
        let Some((scheme, rest)) = url.split_once("://") else { return of(url.to_owned(), None) };
        let Some((login, place)) = rest.rsplit_once('@') else { return of(url.to_owned(), None) };
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let login = Login { user: user.to_owned(), password: password.to_owned() };
        of(format!("{scheme}://{place}"), Some(login))
    }
}

pub(crate) struct Client {
    url: String,
    authorization: Option<String>,
    ca_file: Option<String>,
    agent: Option<ureq::Agent>,
}

/// A status, and the body behind it.
pub(crate) type Answer = (u16, String);

impl Client {
    pub(crate) fn new(options: &RegistryOptions) -> Client {
        let encoded = |login: &Login| {
            format!("Basic {}", STANDARD.encode(format!("{}:{}", login.user, login.password)))
        };
        Client {
            url: options.url.trim_end_matches('/').to_owned(),
            authorization: options.login.as_ref().map(encoded),
            ca_file: options.ca_file.clone(),
            agent: None,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Answer> {
        let url = format!("{}{path}", self.url);
        let mut request = self.agent()?.get(url);
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        self.read(request.call())
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Result<Answer> {
        let url = format!("{}{path}", self.url);
        let mut request = self.agent()?.post(url);
        request = request.header("Content-Type", CONTENT).header("Accept", CONTENT);
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        self.read(request.send(body.as_bytes()))
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer> {
        let mut response = answer.map_err(|error| self.away(&error))?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        Ok((response.status().as_u16(), body.map_err(|error| self.away(&error))?))
    }

    /// Made for the first question: who asks nothing needs no certificates.
    fn agent(&mut self) -> Result<&ureq::Agent> {
        let made = match self.agent.take() {
            Some(agent) => agent,
            None => agent(self.ca_file.as_deref())?,
        };
        Ok(self.agent.insert(made))
    }

    #[cold]
    fn away(&self, error: &ureq::Error) -> Error {
        let url = &self.url;
        let why = match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                return Error::definite(format!("cannot reach the schema registry {url}"))
                    .detail("It is no address.")
                    .hint("registry = \"http://registry:8081\"");
            }
            ureq::Error::Timeout(_) => {
                format!("There was no answer within {} s.", TIMEOUT.as_secs())
            }
            error => format!("{error}."),
        };
        Error::transient(format!("could not reach the schema registry {url}"))
            .detail(why)
            .hint("see that the registry answers there; messages wait until it does")
    }
}

fn agent(ca_file: Option<&str>) -> Result<ureq::Agent> {
    let found = rustls_native_certs::load_native_certs().certs;
    let mut roots: Vec<Certificate<'static>> =
        found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if let Some(file) = ca_file {
        roots.extend(authorities(file)?);
    }
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Ok(ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent("millrace")
        .tls_config(tls)
        .build()
        .into())
}

fn authorities(file: &str) -> Result<Vec<Certificate<'static>>> {
    let unread = || Error::definite(format!("cannot read the registry's `ca_file` {file}"));
    let pem = std::fs::read(file).map_err(|error| unread().source(error))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| unread().source(error))? {
            found.push(certificate);
        }
    }
    match found.is_empty() {
        true => Err(unread().detail("It has no certificate in PEM.")),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_taken_out_of_the_address_and_never_printed() {
        let of = |url: &str| RegistryOptions::new(url);
        let plain = of("http://registry:8081/apis");
        assert_eq!((plain.url.as_str(), plain.login), ("http://registry:8081/apis", None));
        let known = of("https://ann:s@cret@registry/apis");
        assert_eq!(known.url, "https://registry/apis");
        assert!(!format!("{known:?}").contains("cret"));
        let login = Login { user: "ann".into(), password: "s@cret".into() };
        assert_eq!(known.login, Some(login));
        assert_eq!(of("registry:8081").url, "registry:8081");
    }
}
