//! The schema registry: one request an id, and each schema parsed once.

use super::avro::Schema;
use crate::registry::{Client, RegistryOptions};
use model::{Error, Fate, Result};
use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) struct Registry {
    client: Client,
    schemas: HashMap<u32, Arc<Schema>>,
}

impl Registry {
    pub(super) fn new(options: &RegistryOptions) -> Registry {
        Registry { client: Client::new(options), schemas: HashMap::new() }
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
        let answer = self.get(&format!("/schemas/ids/{id}"))?;
        let not_its_own = || not_its_own(&format!("schema {id}"), self.client.url());
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
    fn get(&mut self, path: &str) -> Result<String> {
        let (status, body) = self.client.get(path)?;
        let url = self.client.url();
        match status {
            200..=299 => Ok(body),
            404 => Err(Error::refused("its schema is not in the registry")
                .detail(format!("GET {url}{path} answered 404."))
                .hint("point `registry` at the one that its producer writes to, or register the schema there")),
            401 | 403 => Err(Error::definite(format!("cannot read schemas of {url}"))
                .detail(format!("It answered {status}."))
                .hint("registry = \"https://USER:PASSWORD@registry:8081\"")),
            _ => Err(Error::transient(format!("could not read schemas of {url}"))
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
    let answer = registry.get("/subjects");
    let is_list = match &answer {
        Ok(text) => serde_json::from_str::<Vec<Json>>(text).is_ok(),
        // Something answers, and it is not that.
        Err(error) => error.fate() != Fate::Refused,
    };
    match is_list {
        true => answer.map(drop),
        false => {
            let url = registry.client.url();
            Err(not_its_own(&format!("schemas of {url}"), url))
        }
    }
}

#[cold]
fn not_its_own(what: &str, url: &str) -> Error {
    Error::definite(format!("cannot read {what}: {url} is no schema registry"))
        .detail("What it answered is not what a registry of Confluent's interface answers.")
        .hint("for Apicurio the address ends in /apis/ccompat/v7")
}
