//! Ids of schemas: those that the registry does not have are registered.

use super::encoded::Subject;
use crate::registry::{Client, RegistryOptions};
use model::{Error, Result};
use serde_json::{Value, json};
use std::collections::HashMap;

pub(super) struct Ids {
    client: Client,
    known: HashMap<Subject, u32>,
}

impl Ids {
    pub(super) fn new(registry: &RegistryOptions) -> Ids {
        Ids { client: Client::new(registry), known: HashMap::new() }
    }

    pub(super) fn of(&mut self, subjects: &[Subject]) -> Result<Vec<u32>> {
        subjects.iter().map(|subject| self.id(subject)).collect()
    }

    fn id(&mut self, subject: &Subject) -> Result<u32> {
        if let Some(&id) = self.known.get(subject) {
            return Ok(id);
        }
        let id = self.register(subject)?;
        self.known.insert(subject.clone(), id);
        Ok(id)
    }

    fn register(&mut self, subject: &Subject) -> Result<u32> {
        let body = json!({"schemaType": "AVRO", "schema": subject.schema}).to_string();
        let path = format!("/subjects/{}/versions", subject.name);
        let (status, answer) = self.client.post(&path, &body)?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        match (status, answer["id"].as_u64().and_then(|id| u32::try_from(id).ok())) {
            (200..=299, Some(id)) => Ok(id),
            _ => Err(refused(self.client.url(), subject, status, &answer)),
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
        .hint("registry = \"https://USER:PASSWORD@registry:8081\", whose user may write subjects"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Fate;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;

    /// Answers each request with the next of the answers.
    fn registry(
        answers: &'static [(u16, &'static str)],
    ) -> (RegistryOptions, std::thread::JoinHandle<()>) {
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
        (RegistryOptions::new(&url), serve)
    }

    #[test]
    fn ids_are_asked_for_once_and_refusals_say_what_helps() {
        let (registry, serve) = registry(&[
            (200, r#"{"id":7}"#),
            (409, r#"{"error_code":409,"message":"READER_FIELD_MISSING_DEFAULT_VALUE"}"#),
            (503, ""),
        ]);
        let mut ids = Ids::new(&registry);
        let subject = |schema: &str| Subject { name: "t-key".into(), schema: schema.into() };
        assert_eq!(ids.of(&[subject("a"), subject("a")]).unwrap(), [7, 7]);
        let error = ids.of(&[subject("b")]).unwrap_err();
        assert_eq!(error.fate(), Fate::Definite);
        assert!(error.report().contains("READER_FIELD_MISSING_DEFAULT_VALUE"), "{error:?}");
        assert_eq!(ids.of(&[subject("b")]).unwrap_err().fate(), Fate::Transient);
        serve.join().unwrap();
        let error = ids.of(&[subject("b")]).unwrap_err();
        assert!(error.fate() == Fate::Transient && error.what().contains("reach"), "{error:?}");
    }
}
