//! A running `millrace up`.

use crate::project::{Project, Ran};
use crate::{Door, PATIENCE, get_status, poll};
use serde_json::Value;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Between two tries of a verify that could not run.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Killed when dropped, so that a failed test leaves nothing behind.
pub struct Up {
    child: Child,
    door: Door,
    ui: String,
    log: PathBuf,
}

impl Up {
    pub(crate) fn start(project: &Project, env: &[(&str, &str)]) -> Result<Up, Ran> {
        let log = project.path().join("up.log");
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let said_before = file.metadata().unwrap().len() as usize;
        let mut child = project
            .command(&["up"])
            .envs(env.iter().copied())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        let place = project.state().join("up.json");
        enum Came {
            Up(Value),
            Ended(Option<i32>),
        }
        let came = poll(PATIENCE, || {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(Came::Ended(status.code()));
            }
            let json: Value = serde_json::from_slice(&std::fs::read(&place).ok()?).ok()?;
            // The file of a process that was killed stays behind until the next one writes its own.
            (json["pid"].as_u64() == Some(u64::from(child.id()))).then_some(Came::Up(json))
        });
        let ended = |code| {
            let said = std::fs::read(&log).unwrap_or_default();
            let said = said.get(said_before..).unwrap_or_default();
            let stderr = String::from_utf8_lossy(said).into_owned();
            Ran { code, stdout: String::new(), stderr }
        };
        match came {
            Some(Came::Up(json)) => {
                let address = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
                let (door, ui) = (Door::new(&address("clickhouse")), address("ui"));
                Ok(Up { child, door, ui, log })
            }
            Some(Came::Ended(code)) => Err(ended(code)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(ended(None))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn door(&self) -> &Door {
        &self.door
    }

    pub fn ui(&self) -> &str {
        &self.ui
    }

    #[track_caller]
    pub fn query(&self, sql: &str) -> String {
        match self.door.try_query(sql) {
            Ok(answer) => answer,
            Err(refused) => panic!("{sql}: {refused}\n{}", self.log()),
        }
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn is_ready(&self) -> bool {
        get_status(&self.ui, "/readyz") == Some(200)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Every table streams.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let ready = self.try_wait_ready();
        assert!(ready.is_ok(), "not ready: {}", ready.unwrap_err());
    }

    pub fn try_wait_ready(&mut self) -> Result<(), String> {
        let came = poll(PATIENCE, || {
            if !self.is_running() {
                return Some(false);
            }
            self.is_ready().then_some(true)
        });
        match came {
            Some(true) => Ok(()),
            Some(false) => Err(format!("up ended:\n{}", self.log())),
            None => Err(format!("still not ready:\n{}", self.log())),
        }
    }

    /// Waits until the door answers `expected`.
    #[track_caller]
    pub fn wait_for(&self, sql: &str, expected: &str) {
        let mut last = String::new();
        let came = poll(PATIENCE, || {
            last = self.door.try_query(sql).unwrap_or_else(|refused| refused.to_string());
            (last == expected).then_some(())
        });
        if came.is_none() {
            panic!("{sql}: expected {expected:?}, last answer {last:?}\n{}", self.log());
        }
    }

    /// SIGHUP: it reads its configuration again.
    pub fn hang_up(&self) {
        signal(self.child.id(), "HUP");
    }

    /// SIGTERM: it drains; the exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(self.child.id(), "TERM");
        poll(PATIENCE, || self.child.try_wait().unwrap()).and_then(|status| status.code())
    }

    /// SIGKILL, and gone when this returns.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// To a process of our own.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .stderr(Stdio::inherit())
        .status();
    assert!(sent.is_ok_and(|status| status.success()), "could not send SIG{name} to {pid}");
}

impl Project {
    /// `status --json` of the running pipeline.
    #[track_caller]
    pub fn status(&self) -> Value {
        let ran = self.run(&["status", "--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.talk());
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.talk()))
    }

    /// `verify --json`: what differs, or could not be compared; empty is good. The second number is
    /// the rows that were compared.
    ///
    /// What verify says that it *could not* do (a TRUNCATE overtook its snapshot, the stream has just broken) is asked again, as a
    /// user would; a verdict never is.
    pub fn differences(&self) -> Result<(Vec<String>, u64), String> {
        let start = Instant::now();
        loop {
            let ran = self.run(&["verify", "--json"]);
            let is_late = start.elapsed() > PATIENCE;
            if ran.code == Some(2) && ran.stderr.contains("could not") && !is_late {
                std::thread::sleep(AGAIN_AFTER);
                continue;
            }
            let verdict: Value = serde_json::from_str(&ran.stdout)
                .map_err(|_| format!("verify ended with {:?}: {}", ran.code, ran.talk()))?;
            let tables = || verdict["tables"].as_array().into_iter().flatten();
            let is_skipped = |table: &Value| table["skipped"].is_string();
            // Its own look at the catalog may have begun a copy.
            if tables().any(is_skipped) && !is_late {
                std::thread::sleep(AGAIN_AFTER);
                continue;
            }
            let differs =
                |table: &Value| is_skipped(table) || table["differing_keys"].as_u64() != Some(0);
            let found: Vec<String> =
                tables().filter(|table| differs(table)).map(Value::to_string).collect();
            let rows = tables().map(|table| table["source_rows"].as_u64().unwrap_or(0)).sum();
            // The exit code and the text must say the same, or one of them lies.
            return match (ran.code, found.is_empty()) {
                (Some(0), true) | (Some(1), false) => Ok((found, rows)),
                (code, _) => Err(format!("verify ended with {code:?}, but says {}", ran.talk())),
            };
        }
    }

    /// Source and store are equal, table by table.
    #[track_caller]
    pub fn verify(&self) -> u64 {
        match self.differences() {
            Ok((found, rows)) if found.is_empty() => rows,
            Ok((found, _)) => panic!("source and store differ:\n{}", found.join("\n")),
            Err(error) => panic!("{error}"),
        }
    }
}
