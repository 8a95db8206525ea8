//! The schema registry: one request an id, and each schema parsed once.

use super::avro::Schema;
use super::options::{Login, RegistryOptions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Error, Fate, Result};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A registry answers from memory: what takes longer is away.
const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 16 << 20;

pub(super) struct Registry {
    url: String,
    authorization: Option<String>,
    agent: Option<ureq::Agent>,
    schemas: HashMap<u32, Arc<Schema>>,
}

impl Registry {
    pub(super) fn new(options: &RegistryOptions) -> Registry {
        let authorization = options.login.as_ref().map(|login| match login {
            Login::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Login::Token(token) => format!("Bearer {token}"),
        });
        let url = options.url.trim_end_matches('/').to_owned();
        Registry { url, authorization, agent: None, schemas: HashMap::new() }
    }

    #[inline]
    pub(super) fn schema(&mut self, id: u32, next: &mut u64) -> Result<Arc<Schema>> {
        match self.schemas.get(&id) {
            Some(schema) => Ok(schema.clone()),
            None => self.fetch(id, next),
        }
    }

    #[cold]
    fn fetch(&mut self, id: u32, next: &mut u64) -> Result<Arc<Schema>> {
        let url = format!("{}/schemas/ids/{id}", self.url);
        let answer = self.get(&url)?;
        let not_its_own = || not_its_own(&format!("schema {id}"), &self.url);
        let answer: Json = serde_json::from_str(&answer).map_err(|_| not_its_own())?;
        let text = answer["schema"].as_str().ok_or_else(not_its_own)?;
        let refused = |why: String| {
            Error::refused(format!("its schema {id} cannot be used")).detail(format!("{why}."))
        };
        match answer["schemaType"].as_str() {
            None | Some("AVRO") => {}
            Some(kind) => return Err(refused(format!("It is of {kind}, not of Avro"))),
        }
        if answer["references"].as_array().is_some_and(|references| !references.is_empty()) {
            return Err(refused("It refers to other schemas".to_owned())
                .hint("register it whole, as Debezium's converters do"));
        }
        let schema =
            Schema::parse(text, next).map_err(|why| refused(format!("What is wrong: {why}")))?;
        let schema = Arc::new(schema);
        self.schemas.insert(id, schema.clone());
        Ok(schema)
    }

    /// The answer's body.
    fn get(&mut self, url: &str) -> Result<String> {
        let mut request = self.agent.get_or_insert_with(agent).get(url);
        if let Some(value) = &self.authorization {
            request = request.header("Authorization", value);
        }
        let mut response = request.call().map_err(|error| away(&self.url, &error))?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        match status {
            200..=299 => body.map_err(|error| away(&self.url, &error)),
            404 => Err(Error::refused("its schema is not in the registry")
                .detail(format!("GET {url} answered 404."))
                .hint("point `registry` at the one that its producer writes to, or register the schema there")),
            401 | 403 => Err(Error::definite(format!("cannot read schemas of {}", self.url))
                .detail(format!("It answered {status}."))
                .hint("set the registry's user and password, or its token")),
            _ => Err(Error::transient(format!("could not read schemas of {}", self.url))
                .detail(format!("It answered {status}."))),
        }
    }

    /// For who has the schema already.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn insert(&mut self, id: u32, text: &str, next: &mut u64) {
        let schema = Schema::parse(text, next).expect("a schema");
        self.schemas.insert(id, Arc::new(schema));
    }
}

/// Whether one answers there as one does, and lets us in.
pub fn reach(options: &RegistryOptions) -> Result<()> {
    let mut registry = Registry::new(options);
    let url = format!("{}/subjects", registry.url);
    let answer = registry.get(&url);
    let is_list = match &answer {
        Ok(text) => serde_json::from_str::<Vec<Json>>(text).is_ok(),
        // Something answers, and it is not that.
        Err(error) => error.fate() != Fate::Refused,
    };
    match is_list {
        true => answer.map(drop),
        false => Err(not_its_own(&format!("schemas of {}", registry.url), &registry.url)),
    }
}

#[cold]
fn not_its_own(what: &str, url: &str) -> Error {
    Error::definite(format!("cannot read {what}: {url} is no schema registry"))
        .detail("What it answered is not what a registry of Confluent's interface answers.")
        .hint("for Apicurio the address ends in /apis/ccompat/v7")
}

fn agent() -> ureq::Agent {
    let found = rustls_native_certs::load_native_certs().certs;
    let roots: Vec<Certificate<'static>> =
        found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .user_agent("millrace")
        .tls_config(tls)
        .build()
        .into()
}

#[cold]
fn away(url: &str, error: &ureq::Error) -> Error {
    let what =
        |why: String| Error::transient(format!("could not reach the registry {url}")).detail(why);
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            Error::definite(format!("cannot reach the registry {url}")).detail("It is no address.")
        }
        ureq::Error::Timeout(_) => {
            what(format!("There was no answer within {} s.", TIMEOUT.as_secs()))
        }
        error => what(format!("{error}.")),
    }
}
