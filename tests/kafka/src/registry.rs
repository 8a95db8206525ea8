//! A schema registry (Apicurio), which speaks Confluent's interface too. It is all in memory: schemas and ids end with
//! the process.

use crate::http;
use crate::jvm::{self, Jvm};
use cluster::free_port;
use serde_json::{Value, json};
use std::path::PathBuf;
use tempfile::TempDir;

pub struct Registry {
    jvm: Jvm,
    port: u16,
    _home: TempDir,
}

impl Registry {
    pub fn start() -> Registry {
        let home =
            tempfile::Builder::new().prefix("millrace-registry-").tempdir().expect("a folder");
        let port = free_port();
        let mut arguments: Vec<_> = jvm::quick_java().into_iter().map(Into::into).collect();
        arguments.extend([
            "-Dquarkus.http.host=127.0.0.1".into(),
            format!("-Dquarkus.http.port={port}").into(),
            "-jar".into(),
            program().into(),
        ]);
        let jvm = Jvm::new("registry", home.path(), arguments);
        let mut registry = Registry { jvm, port, _home: home };
        registry.start_again();
        registry
    }

    /// Confluent's interface.
    pub fn ccompat_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port)
    }

    /// Its own, which its converter speaks.
    pub fn v2_url(&self) -> String {
        format!("http://127.0.0.1:{}/apis/registry/v2", self.port)
    }

    /// The names that schemas are registered under.
    #[track_caller]
    pub fn subjects(&self) -> Value {
        self.get("subjects")
    }

    /// An Avro schema under a name; its id.
    #[track_caller]
    pub fn register(&self, subject: &str, schema: &Value) -> u32 {
        let url = format!("{}/subjects/{subject}/versions", self.ccompat_url());
        let body = json!({"schemaType": "AVRO", "schema": schema.to_string()});
        let (status, answer) = http::post(&url, &body).expect("the registry answers");
        assert_eq!(status, 200, "{url}: {answer}");
        answer["id"].as_u64().and_then(|id| u32::try_from(id).ok()).expect("an id")
    }

    /// The schema of an id.
    #[track_caller]
    pub fn schema(&self, id: u32) -> Value {
        let answer = self.get(&format!("schemas/ids/{id}"));
        let text = answer["schema"].as_str().expect("a schema is text");
        serde_json::from_str(text).expect("a schema is JSON")
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.ccompat_url());
        let (status, answer) = http::get(&url).expect("the registry answers");
        assert_eq!(status, 200, "{url}: {answer}");
        answer
    }

    /// SIGKILL.
    pub fn kill9(&mut self) {
        self.jvm.kill9();
    }

    /// On the same port, empty.
    #[track_caller]
    pub fn start_again(&mut self) {
        let url = format!("{}/subjects", self.ccompat_url());
        self.jvm.start(|| http::get(&url).is_ok_and(|(status, _)| status == 200));
    }

    /// Of the running process.
    pub fn pid(&self) -> Option<u32> {
        self.jvm.pid()
    }
}

fn program() -> PathBuf {
    let files = std::fs::read_dir(jvm::folder().join("registry")).expect("setup made it");
    let mut files = files.map(|file| file.expect("a readable folder").path());
    files.find(|file| file.to_string_lossy().ends_with("-runner.jar")).expect("setup unpacked it")
}
