//! One ClickHouse server, in a process of its own, on ports that it keeps.

use crate::local;
use cluster::free_port;
use harness::{Door, wait_until};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub struct Server {
    /// The test of this binary that calls [`crate::serve`], by its whole name.
    serving: String,
    http: u16,
    folder: TempDir,
    child: Option<Child>,
    arguments: Vec<String>,
}

impl Server {
    /// `serving`: the test of this binary that calls [`crate::serve`], by its whole name.
    pub fn start(serving: &str) -> Server {
        let mut server = Server::absent(serving);
        server.come();
        server
    }

    /// Not there yet.
    pub fn absent(serving: &str) -> Server {
        Server::at(serving, [free_port(), free_port()], "")
    }

    pub(crate) fn at(serving: &str, [native, http]: [u16; 2], config: &str) -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "<clickhouse><logger><level>fatal</level><console>false</console></logger>\
             <max_server_memory_usage>2000000000</max_server_memory_usage>{config}</clickhouse>"
        );
        std::fs::write(folder.path().join("config.xml"), config).expect("a folder of ours");
        let arguments = local::arguments(folder.path(), native, http);
        Server { serving: serving.to_owned(), http, folder, child: None, arguments }
    }

    #[track_caller]
    pub fn come(&mut self) {
        let program = std::env::current_exe().expect("a test has a binary");
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a folder of ours");
        let child = Command::new(program)
            .args([&self.serving, "--exact", "--nocapture"])
            .env(local::ARGUMENTS, self.arguments.join("\n"))
            // It ends with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("a test starts again"));
        wait_until("the server answers", || self.door().try_query("SELECT 1").is_ok());
    }

    /// SIGKILL.
    pub fn go(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn port(&self) -> u16 {
        self.http
    }

    pub fn door(&self) -> Door {
        Door::new(&format!("127.0.0.1:{}", self.http))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.go();
    }
}
