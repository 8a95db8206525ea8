//! What the engine is given: a database that answers what a test says, a memory that survives, files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alerts::{
    Answer, Ask, BoxFuture, Cell, Column, Files, Handle, Kind, Memory, Options, Query, Rows,
    Surroundings,
};
use model::{Error, Result};

/// Answers one number for each host, or fails, or takes long.
#[derive(Clone, Default)]
pub(crate) struct Database {
    hosts: Arc<Mutex<BTreeMap<String, f64>>>,
    broken: Arc<Mutex<Option<String>>>,
    slow: Arc<Mutex<Duration>>,
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) last: Arc<Mutex<Option<Query>>>,
}

impl Database {
    pub(crate) fn set(&self, host: &str, value: f64) {
        self.hosts.lock().unwrap().insert(host.to_owned(), value);
    }

    pub(crate) fn breaks(&self, why: Option<&str>) {
        *self.broken.lock().unwrap() = why.map(str::to_owned);
    }

    pub(crate) fn takes(&self, time: Duration) {
        *self.slow.lock().unwrap() = time;
    }
}

impl Ask for Database {
    fn ask<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            *self.last.lock().unwrap() = Some(query.clone());
            let slow = *self.slow.lock().unwrap();
            tokio::time::sleep(slow).await;
            if let Some(why) = self.broken.lock().unwrap().clone() {
                return Err(Error::transient("could not ask").detail(why));
            }
            let hosts = self.hosts.lock().unwrap();
            let column = |name: &str, kind, cells| Column { name: name.to_owned(), kind, cells };
            Ok(Answer {
                columns: vec![
                    column(
                        "host",
                        Kind::Text,
                        hosts.keys().map(|host| Cell::Text(host.clone())).collect(),
                    ),
                    column(
                        "value",
                        Kind::Number,
                        hosts.values().map(|value| Cell::Number(*value)).collect(),
                    ),
                ],
            })
        })
    }
}

/// Survives the engine, as a table does.
#[derive(Clone, Default)]
pub(crate) struct Table {
    rows: Arc<Mutex<BTreeMap<(String, String), String>>>,
    lines: Arc<Mutex<Vec<(i64, String)>>>,
    pub(crate) broken: Arc<Mutex<bool>>,
}

impl Table {
    pub(crate) fn rows(&self, kind: &str) -> Vec<(String, String)> {
        let rows = self.rows.lock().unwrap();
        rows.iter()
            .filter(|((of, _), _)| of == kind)
            .map(|((_, key), text)| (key.clone(), text.clone()))
            .collect()
    }

    fn check(&self) -> Result<()> {
        if *self.broken.lock().unwrap() { Err(Error::transient("could not save")) } else { Ok(()) }
    }
}

impl Memory for Table {
    fn load<'a>(&'a self, kind: &'static str) -> BoxFuture<'a, Result<Vec<(String, String)>>> {
        Box::pin(async move { Ok(self.rows(kind)) })
    }

    fn save<'a>(&'a self, kind: &'static str, changed: Rows) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.check()?;
            let mut rows = self.rows.lock().unwrap();
            for (key, text) in changed {
                match text {
                    Some(text) => rows.insert((kind.to_owned(), key), text),
                    None => rows.remove(&(kind.to_owned(), key)),
                };
            }
            Ok(())
        })
    }

    fn append<'a>(&'a self, lines: Vec<(i64, String)>) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.check()?;
            self.lines.lock().unwrap().extend(lines);
            Ok(())
        })
    }

    fn history<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<String>>> {
        Box::pin(async move {
            let lines = self.lines.lock().unwrap();
            Ok(lines.iter().rev().take(limit).map(|(_, line)| line.clone()).collect())
        })
    }
}

pub(crate) fn files(text: &str) -> Files {
    let around = Surroundings { var: &|_| None, file: &|_: &Path| Ok(String::new()) };
    let files = Files::read(&[("a.yaml".to_owned(), text.to_owned())], &around)
        .unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    assert!(files.notes.is_empty(), "{:?}", files.notes);
    files
}

/// One rule each second, told after 100 ms, looked at again each second.
pub(crate) fn shop(url: &str, rule: &str, receiver: &str) -> String {
    format!(
        r#"
groups:
  - name: g
    folder: Shop
    interval: 1s
    rules:
      - uid: u1
        title: Latency
        condition: C
        data:
          - {{refId: A, datasourceUid: ch, relativeTimeRange: {{from: 600, to: 0}}, model: {{rawSql: SELECT host}}}}
          - {{refId: C, datasourceUid: __expr__, model: {{type: threshold, expression: A, conditions: [{{evaluator: {{type: gt, params: [50]}}}}]}}}}
        annotations: {{summary: "{{{{ $labels.host }}}} at {{{{ $values.A }}}}"}}
        {rule}
contactPoints:
  - name: hook
    receivers:
      - {{uid: r1, type: webhook, settings: {{url: "{url}/hook?key=s3cret"}}{receiver}}}
policies:
  - {{receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}}
"#
    )
}

pub(crate) fn options() -> Options {
    Options {
        tick: Duration::from_millis(50),
        retry: Duration::from_millis(100),
        external_url: "http://page.example/".to_owned(),
        ..Options::default()
    }
}

pub(crate) async fn start(
    text: &str,
    database: &Database,
    table: &Table,
    options: Options,
) -> Handle {
    alerts::Engine::start(files(text), Arc::new(database.clone()), Arc::new(table.clone()), options)
        .await
        .unwrap()
}

/// Until it holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + crate::servers::PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "it never came: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// `a=Alerting b=Normal`
pub(crate) fn states(handle: &Handle) -> String {
    let snapshot = handle.snapshot();
    let instances =
        snapshot.groups.iter().flat_map(|group| &group.rules).flat_map(|rule| &rule.instances);
    let mut all: Vec<String> = instances
        .map(|instance| {
            format!(
                "{}={}",
                instance.labels.get("host").map_or("*", String::as_str),
                instance.state
            )
        })
        .collect();
    all.sort();
    all.join(" ")
}
