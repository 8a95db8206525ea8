//! A Connect worker of its own (standalone), which runs Debezium's connectors.

use crate::Broker;
use crate::http;
use crate::jvm::{self, Jvm};
use cluster::free_port;
use harness::{PATIENCE, poll};
use serde_json::Value;
use std::collections::BTreeMap;
use tempfile::TempDir;

pub struct ConnectOptions {
    /// Further lines of its `connect.properties`.
    pub properties: Vec<String>,
    pub java: Vec<String>,
}

impl Default for ConnectOptions {
    fn default() -> ConnectOptions {
        ConnectOptions { properties: Vec::new(), java: jvm::quick_java() }
    }
}

pub struct Connect {
    jvm: Jvm,
    port: u16,
    /// A standalone worker forgets its connectors when it ends, and keeps their offsets.
    connectors: BTreeMap<String, Value>,
    _home: TempDir,
}

impl Connect {
    /// At the broker's internal port, whatever the clients' port wants.
    pub fn start(broker: &Broker, options: ConnectOptions) -> Connect {
        let home =
            tempfile::Builder::new().prefix("millrace-connect-").tempdir().expect("a folder");
        let port = free_port();
        // Connectors name their own converters. Without `service_load` every jar is searched: 7 s.
        let mut text = format!(
            "bootstrap.servers={}\nlisteners=http://127.0.0.1:{port}\n\
             key.converter=org.apache.kafka.connect.json.JsonConverter\n\
             value.converter=org.apache.kafka.connect.json.JsonConverter\n\
             offset.storage.file.filename={}\noffset.flush.interval.ms=1000\n\
             plugin.path={}\nplugin.discovery=service_load\n",
            broker.internal(),
            home.path().join("offsets").display(),
            jvm::folder().join("plugins").display(),
        );
        for property in options.properties {
            text += &format!("{property}\n");
        }
        let config = home.path().join("connect.properties");
        std::fs::write(&config, text).expect("a folder of ours");
        let mut arguments: Vec<_> = options.java.into_iter().map(Into::into).collect();
        arguments.extend(jvm::class_path());
        let class = "org.apache.kafka.connect.cli.ConnectStandalone";
        arguments.extend([class.into(), config.into()]);
        let jvm = Jvm::new("worker", home.path(), arguments);
        let mut connect = Connect { jvm, port, connectors: BTreeMap::new(), _home: home };
        connect.start_again();
        connect
    }

    /// Of its REST interface.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a connector, or gives it another configuration: see [`crate::debezium`].
    #[track_caller]
    pub fn put_connector(&mut self, name: &str, config: Value) {
        self.put(name, &config);
        self.connectors.insert(name.to_owned(), config);
    }

    #[track_caller]
    fn put(&self, name: &str, config: &Value) {
        let url = format!("{}/connectors/{name}/config", self.url());
        let (status, answer) = http::put(&url, config).expect("the worker answers");
        assert!(matches!(status, 200 | 201), "{name}: HTTP {status}: {answer}\n{}", self.log());
    }

    #[track_caller]
    pub fn delete_connector(&mut self, name: &str) {
        let url = format!("{}/connectors/{name}", self.url());
        let (status, answer) = http::delete(&url).expect("the worker answers");
        assert_eq!(status, 204, "{name}: {answer}");
        self.connectors.remove(name);
    }

    /// `{"name", "connector": {"state", …}, "tasks": [{"id", "state", "trace", …}]}`.
    #[track_caller]
    pub fn status(&self, name: &str) -> Value {
        let url = format!("{}/connectors/{name}/status", self.url());
        http::get(&url).expect("the worker answers").1
    }

    /// Until its tasks run; panics when one fails.
    #[track_caller]
    pub fn wait_running(&self, name: &str) {
        let status = self.wait(name, &["RUNNING", "FAILED"]);
        let failed = status["tasks"].as_array().into_iter().flatten();
        let trace: Option<&Value> =
            failed.map(|task| &task["trace"]).find(|trace| trace.is_string());
        assert!(trace.is_none(), "{name} failed: {}\n{}", trace.expect("one"), self.log());
    }

    /// Until a task of it has failed; why.
    #[track_caller]
    pub fn wait_failed(&self, name: &str) -> String {
        let status = self.wait(name, &["FAILED"]);
        let mut tasks = status["tasks"].as_array().into_iter().flatten();
        let trace = tasks.find_map(|task| task["trace"].as_str());
        trace.expect("a failed task says why").to_owned()
    }

    /// Until each of its tasks, of which there is one at least, is in one of these states.
    #[track_caller]
    fn wait(&self, name: &str, states: &[&str]) -> Value {
        let mut last = Value::Null;
        let there = poll(PATIENCE, || {
            last = self.status(name);
            let tasks = last["tasks"].as_array().filter(|tasks| !tasks.is_empty())?;
            let is_there =
                |task: &Value| task["state"].as_str().is_some_and(|state| states.contains(&state));
            tasks.iter().all(is_there).then_some(())
        });
        assert!(there.is_some(), "{name} is not {states:?}: {last}\n{}", self.log());
        last
    }

    /// SIGTERM: it writes its offsets down.
    pub fn stop(&mut self) {
        self.jvm.stop();
    }

    /// SIGKILL: up to a second of offsets is lost, so events come again, or even the snapshot.
    pub fn kill9(&mut self) {
        self.jvm.kill9();
    }

    /// On the same port with its offsets and connectors.
    #[track_caller]
    pub fn start_again(&mut self) {
        let url = format!("{}/connectors", self.url());
        self.jvm.start(|| http::get(&url).is_ok_and(|(status, _)| status == 200));
        for (name, config) in &self.connectors {
            self.put(name, config);
        }
    }

    /// Of the running process.
    pub fn pid(&self) -> Option<u32> {
        self.jvm.pid()
    }

    /// The last lines of its log.
    pub fn log(&self) -> String {
        self.jvm.told()
    }
}
