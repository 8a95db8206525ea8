//! ClickHouse servers for tests, and a cluster of them. The engine's library holds all of `clickhouse local`,
//! which listens at ports: a process that does nothing else is a server, with ClickHouse's own HTTP and its
//! own protocol between servers.
//!
//! ```text
//! test ─▶ Herald ─▶ server 1 ◀─native─▶ server 2
//!            └────────────────────────────▶        what is said ON CLUSTER
//! ```
//!
//! Keeper is not among them: see [`herald`].

mod herald;
mod local;

pub use local::serve;

use cluster::free_port;
use herald::Herald;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How the cluster is called in `system.clusters`.
pub const NAME: &str = "prod";
/// Only so that a hanging test ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// Answers of tests are small.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Servers that are a shard each.
pub struct Servers {
    servers: Vec<Server>,
    herald: Herald,
}

struct Server {
    http: u16,
    folder: TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
}

impl Servers {
    /// `serving`: the test of this binary that calls [`serve`], by its whole name.
    pub fn start(count: usize, serving: &str) -> Servers {
        let ports: Vec<[u16; 2]> = (0..count).map(|_| [free_port(), free_port()]).collect();
        let shards = ports.iter().fold(String::new(), |mut all, [native, _]| {
            let _ = write!(
                all,
                "<shard><internal_replication>true</internal_replication>\
                 <replica><host>127.0.0.1</host><port>{native}</port></replica></shard>"
            );
            all
        });
        let mut servers = Vec::new();
        for (at, [native, http]) in ports.into_iter().enumerate() {
            let folder = tempfile::tempdir().expect("a folder");
            let config = format!(
                "<clickhouse><logger><level>fatal</level><console>false</console></logger>\
                 <max_server_memory_usage>2000000000</max_server_memory_usage>\
                 <remote_servers><{NAME}>{shards}</{NAME}></remote_servers>\
                 <macros><shard>{at}</shard><replica>a</replica></macros></clickhouse>"
            );
            std::fs::write(folder.path().join("config.xml"), config).expect("a folder of ours");
            let arguments = local::arguments(folder.path(), native, http);
            let mut server = Server { http, folder, child: None, arguments };
            server.come(serving);
            servers.push(server);
        }
        let herald = Herald::start(servers.iter().map(|server| server.http).collect());
        Servers { servers, herald }
    }

    /// Where a pipeline finds the cluster.
    pub fn port(&self) -> u16 {
        self.herald.port()
    }

    /// What one of them answers, as TabSeparated text without its last line end.
    #[track_caller]
    pub fn ask(&self, server: usize, sql: &str) -> String {
        let answer = ask(self.servers[server].http, sql);
        answer.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// What each of them answers.
    #[track_caller]
    pub fn ask_each(&self, sql: &str) -> Vec<String> {
        (0..self.servers.len()).map(|server| self.ask(server, sql)).collect()
    }

    /// What was said ON CLUSTER, and that replicas were waited for.
    pub fn heard(&self) -> Vec<String> {
        self.herald.heard()
    }
}

impl Server {
    fn come(&mut self, serving: &str) {
        let program = std::env::current_exe().expect("a test has a binary");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a folder of ours");
        let child = Command::new(program)
            .args([serving, "--exact", "--nocapture"])
            .env(local::ARGUMENTS, self.arguments.join("\n"))
            // It ends with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("a test starts again"));
        let begun = Instant::now();
        while ask(self.http, "SELECT 1").is_err() {
            assert!(begun.elapsed() < PATIENCE, "no server: {}", read(self.folder.path()));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ask(port: u16, sql: &str) -> Result<String, String> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder().http_status_as_error(false).build(),
    );
    let said = agent.post(format!("http://127.0.0.1:{port}/")).send(sql.as_bytes());
    let mut said = said.map_err(|error| error.to_string())?;
    let text = said.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string();
    let text = text.map_err(|error| error.to_string())?;
    match said.status().is_success() {
        true => Ok(text.trim_end_matches('\n').to_owned()),
        false => Err(text),
    }
}
