//! Ids of schemas, from a registry that speaks Confluent's API (Confluent's, Apicurio's `ccompat`,
//! Karapace).

use super::encoded::Subject;
use super::options::Registry;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{Error, Result};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// A registry that needs longer is not there.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 1 << 20;
const CONTENT: &str = "application/vnd.schemaregistry.v1+json";

pub(super) struct Client {
    registry: Registry,
    agent: ureq::Agent,
    ids: HashMap<Subject, u32>,
}

impl Client {
    pub(super) fn new(registry: &Registry) -> Result<Client> {
        let found = rustls_native_certs::load_native_certs().certs;
        let mut roots: Vec<Certificate<'static>> =
            found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        if let Some(file) = &registry.ca_file {
            roots.extend(authorities(file)?);
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent("millrace")
            .tls_config(tls)
            .build()
            .into();
        Ok(Client { registry: registry.clone(), agent, ids: HashMap::new() })
    }

    /// The ids of schemas; those that the registry does not have are registered.
    pub(super) fn ids(&mut self, subjects: &[Subject]) -> Result<Vec<u32>> {
        subjects.iter().map(|subject| self.id(subject)).collect()
    }

    fn id(&mut self, subject: &Subject) -> Result<u32> {
        if let Some(&id) = self.ids.get(subject) {
            return Ok(id);
        }
        let id = self.register(subject)?;
        self.ids.insert(subject.clone(), id);
        Ok(id)
    }

    fn register(&self, subject: &Subject) -> Result<u32> {
        let base = self.registry.url.trim_end_matches('/');
        let url = format!("{base}/subjects/{}/versions", subject.name);
        let mut request =
            self.agent.post(&url).header("Content-Type", CONTENT).header("Accept", CONTENT);
        if let Some(user) = &self.registry.user {
            let password = self.registry.password.as_deref().unwrap_or_default();
            let login = STANDARD.encode(format!("{user}:{password}"));
            request = request.header("Authorization", format!("Basic {login}"));
        }
        let body = json!({"schemaType": "AVRO", "schema": subject.schema}).to_string();
        let mut response = request.send(body.as_bytes()).map_err(|error| {
            Error::transient(format!("could not reach the schema registry at {base}"))
                .source(error)
                .hint("see that the registry answers there; messages wait until it does")
        })?;
        let status = response.status().as_u16();
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
        let answer: Value = serde_json::from_str(&read.unwrap_or_default()).unwrap_or_default();
        match (status, answer["id"].as_u64().and_then(|id| u32::try_from(id).ok())) {
            (200..=299, Some(id)) => Ok(id),
            _ => Err(refused(base, subject, status, &answer)),
        }
    }
}

fn refused(base: &str, subject: &Subject, status: u16, answer: &Value) -> Error {
    let said = answer["message"].as_str().unwrap_or("It says no more").trim_end_matches('.');
    let Subject { name, .. } = subject;
    match status {
        409 => Error::definite(format!(
            "cannot register the schema of {name}: it is not compatible with the one before"
        ))
        .detail(format!("{said}."))
        .hint(format!(
            "PUT {base}/config/{name} {{\"compatibility\": \"NONE\"}}, or give the topic another name"
        )),
        401 | 403 => Error::definite(format!(
            "cannot register the schema of {name}: the registry refuses the user"
        ))
        .hint("see to the registry's `user` and `password`, and to their rights"),
        404 => Error::definite(format!("cannot register the schema of {name}: nothing is there"))
            .detail(format!("{base} has no /subjects."))
            .hint("the address is the one before /subjects: Apicurio's ends with /apis/ccompat/v7"),
        400..=499 if status != 408 && status != 429 => Error::definite(format!(
            "cannot register the schema of {name}: the registry refuses it ({status})"
        ))
        .detail(format!("{said}.")),
        _ => Error::transient(format!(
            "could not register the schema of {name}: the registry answered {status}"
        ))
        .detail(format!("{said}.")),
    }
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
    use model::Fate;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    /// Answers each request with the next of the answers.
    fn registry(
        answers: &'static [(u16, &'static str)],
    ) -> (Registry, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/apis/ccompat/v7/", listener.local_addr().unwrap());
        let serve = std::thread::spawn(move || {
            for (status, answer) in answers {
                let (stream, _) = listener.accept().unwrap();
                let mut read = BufReader::new(stream);
                let (mut line, mut length, mut head) = (String::new(), 0, String::new());
                while read.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head.push_str(&line);
                    line.clear();
                }
                assert!(
                    head.starts_with("POST /apis/ccompat/v7/subjects/t-key/versions "),
                    "{head}"
                );
                let mut body = vec![0; length];
                read.read_exact(&mut body).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["schemaType"], "AVRO");
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                    answer.len()
                );
                read.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        (Registry { url, user: None, password: None, ca_file: None }, serve)
    }

    #[test]
    fn ids_are_asked_for_once_and_refusals_say_what_helps() {
        let (registry, serve) = registry(&[
            (200, r#"{"id":7}"#),
            (409, r#"{"error_code":409,"message":"READER_FIELD_MISSING_DEFAULT_VALUE"}"#),
            (503, ""),
        ]);
        let mut client = Client::new(&registry).unwrap();
        let subject = |schema: &str| Subject { name: "t-key".into(), schema: schema.into() };
        assert_eq!(client.ids(&[subject("a"), subject("a")]).unwrap(), [7, 7]);
        let error = client.ids(&[subject("b")]).unwrap_err();
        assert_eq!(error.fate(), Fate::Definite);
        assert!(error.report().contains("READER_FIELD_MISSING_DEFAULT_VALUE"), "{error:?}");
        assert_eq!(client.ids(&[subject("b")]).unwrap_err().fate(), Fate::Transient);
        serve.join().unwrap();
        let error = client.ids(&[subject("b")]).unwrap_err();
        assert!(error.fate() == Fate::Transient && error.what().contains("reach"), "{error:?}");
    }
}
