//! A project directory, and the verbs run in it.

use crate::Up;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A verb that has not ended by then hangs.
const VERB_TIMEOUT: Duration = Duration::from_secs(300);

/// `millrace.toml` with free ports; `more` is appended.
pub fn config(url: &str, more: &str) -> String {
    format!(
        "[source]\nurl = \"{url}\"\npublication = \"millrace\"\nslot = \"millrace\"\n\n\
         [serve]\nclickhouse = \"127.0.0.1:0\"\nui = \"127.0.0.1:0\"\n\n{more}\n"
    )
}

pub struct Project {
    folder: TempDir,
    binary: PathBuf,
}

/// What a verb left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Everything that it said.
    pub fn talk(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

impl Project {
    pub fn new(binary: impl Into<PathBuf>, config: &str) -> Project {
        let folder = tempfile::Builder::new().prefix("millrace-project-").tempdir().unwrap();
        let project = Project { folder, binary: binary.into() };
        project.configure(config);
        project
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn configure(&self, config: &str) {
        std::fs::write(self.path().join("millrace.toml"), config).unwrap();
    }

    /// The data directory, the lock and `up.json`.
    pub fn state(&self) -> PathBuf {
        self.path().join(".millrace")
    }

    /// The verb, ready to run in this directory.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        // The developer's own database is not the test's.
        for name in ["DATABASE_URL", "PGPASSWORD", "PGUSER", "PGHOST", "PGPORT", "PGDATABASE"] {
            command.env_remove(name);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args))
    }

    pub fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        finish(command)
    }

    /// `millrace up`, as soon as it has said where it listens.
    #[track_caller]
    pub fn up(&self) -> Up {
        match Up::start(self, &[]) {
            Ok(up) => up,
            Err(ran) => panic!("up ended with {:?}:\n{}", ran.code, ran.talk()),
        }
    }

    /// The same where it may end at once.
    pub fn try_up(&self, env: &[(&str, &str)]) -> Result<Up, Ran> {
        Up::start(self, env)
    }

    /// `millrace up` that cannot run: what it said when it gave up.
    #[track_caller]
    pub fn up_ends(&self) -> Ran {
        let ran = finish(self.command(&["up"]));
        assert!(ran.code.is_some(), "up went on:\n{}", ran.talk());
        ran
    }
}

/// Runs to its end, into files: a pipe that nobody empties would block it.
fn finish(mut command: Command) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let start = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if start.elapsed() > VERB_TIMEOUT {
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    Ran { code, stdout: text(out), stderr: text(err) }
}
