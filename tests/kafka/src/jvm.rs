//! A Java program in a process of its own: how it starts, ends, and what it said.

use harness::{PATIENCE, poll, signal};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};

/// Its hash is in the folder's name, as `scripts/setup-kafka.sh` gives it.
const SUMS: &[u8] = include_bytes!("../../../scripts/kafka.sha256");
/// Enough to see what went wrong.
const LINES_TOLD: usize = 30;

/// Log lines go to standard output, and that to the log.
const LOG4J: &str = "
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c: %m%n
";

/// Where `make setup-kafka` has put what runs here.
pub fn folder() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty());
    in_cache(&cache.map_or_else(home, PathBuf::from))
}

pub(crate) fn in_cache(cache: &Path) -> PathBuf {
    let hash: String = Sha256::digest(SUMS)[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = cache.join(format!("millrace/kafka-{hash}"));
    assert!(
        folder.join("millrace.ok").is_file(),
        "there is no Kafka in {}: run `make setup-kafka`",
        folder.display()
    );
    folder
}

/// A small heap and the compiler that is done soon. A bench that measures throughput wants others.
pub fn quick_java() -> Vec<String> {
    let flags = ["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
    flags.map(str::to_owned).to_vec()
}

/// Of the broker, the worker and Kafka's tools.
pub(crate) fn class_path() -> [OsString; 2] {
    ["-cp".into(), folder().join("libs/*").into()]
}

/// Runs one of Kafka's tools to its end: a JVM's start, so only for what no client can.
pub(crate) fn run_tool(class: &str, args: &[&str]) {
    let mut command = Command::new("java");
    command.args(quick_java()).args(class_path()).arg(class).args(args);
    let output = command.output().unwrap_or_else(|error| panic!("java: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{class}: {}{}", text(&output.stdout), text(&output.stderr));
}

/// Starts what asks the kernel to be killed with its parent, which is the thread that started it: one that
/// lives as long as this process, and not the test's.
fn spawn(command: Command) -> io::Result<Child> {
    type Job = (Command, Sender<io::Result<Child>>);
    static STARTER: LazyLock<Sender<Job>> = LazyLock::new(|| {
        let (jobs, asked) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, answer) in asked {
                let _ = answer.send(command.spawn());
            }
        });
        jobs
    });
    let (answer, child) = channel();
    STARTER.send((command, answer)).expect("the thread never ends");
    child.recv().expect("it answers")
}

/// A server that is one.
pub(crate) struct Jvm {
    name: &'static str,
    arguments: Vec<OsString>,
    log: PathBuf,
    child: Option<Child>,
}

impl Jvm {
    /// `home`: where its log is, and how it logs; `arguments`: what comes after that.
    pub(crate) fn new(name: &'static str, home: &Path, arguments: Vec<OsString>) -> Jvm {
        let config = home.join("log4j2.properties");
        std::fs::write(&config, LOG4J).expect("a folder of ours");
        // What it leaves in its folder for temporary files goes with `home`.
        let mut all = vec![
            format!("-Dlog4j2.configurationFile={}", config.display()).into(),
            format!("-Djava.io.tmpdir={}", home.display()).into(),
        ];
        all.extend(arguments);
        Jvm { name, arguments: all, log: home.join("log"), child: None }
    }

    /// Returns once it is ready.
    #[track_caller]
    pub(crate) fn start(&mut self, mut is_ready: impl FnMut() -> bool) {
        assert!(self.child.is_none(), "the {} runs already", self.name);
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut java = Command::new("setpriv");
        java.args(["--pdeathsig", "KILL", "java"]).args(&self.arguments).stdin(Stdio::null());
        java.stdout(log.try_clone().expect("a second handle")).stderr(log);
        self.child = Some(spawn(java).unwrap_or_else(|error| panic!("setpriv java: {error}")));
        let came = poll(PATIENCE, || {
            let child = self.child.as_mut().expect("it was just started");
            match child.try_wait().expect("a child of ours") {
                Some(status) => Some(Err(status.to_string())),
                None => is_ready().then_some(Ok(())),
            }
        });
        let came = came.unwrap_or_else(|| Err(format!("not ready after {PATIENCE:?}")));
        came.unwrap_or_else(|why| {
            panic!("the {} did not start: {why}\n{}", self.name, self.told())
        });
    }

    /// SIGTERM, and gone when this returns.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal(child.id(), "TERM");
        let gone = poll(PATIENCE, || child.try_wait().expect("a child of ours"));
        if gone.is_none() {
            self.child = Some(child);
            panic!("the {} did not stop in {PATIENCE:?}\n{}", self.name, self.told());
        }
    }

    /// SIGKILL, and gone when this returns.
    pub(crate) fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The last lines of its log.
    pub(crate) fn told(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n")
    }
}

impl Drop for Jvm {
    fn drop(&mut self) {
        self.kill9();
    }
}
