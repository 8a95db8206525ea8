//! One dbt process.
//!
//! ```text
//! by hand        alone                    the project's own target/
//! on a schedule  beside other schedules   a folder of its own
//! ```

use crate::events::Event;
use crate::profile::{NAME, Profile};
use model::{Error, Result};
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;

/// Verbs that build something: told line by line.
const BUILDING: [&str; 6] = ["build", "run", "test", "seed", "snapshot", "retry"];
/// Those that change nothing, also in dbt's `target/`.
const READING: [&str; 7] = ["ls", "list", "show", "debug", "deps", "init", "--help"];
/// They need no store, so no `up` has to run.
const ALONE: [&str; 5] = ["deps", "clean", "parse", "ls", "list"];
/// What is ours to say.
const OURS: [&str; 5] = ["--target", "-t", "--profile", "--profiles-dir", "--project-dir"];
/// In the folder of a schedule, as in the project's.
pub const TARGET: &str = "target";
/// What `setpriv` ends with where it cannot start dbt.
const NOT_STARTED: [i32; 2] = [126, 127];

pub struct Project {
    folder: PathBuf,
    lock: PathBuf,
}

/// Whether dbt does that without a store.
pub fn needs_no_store(words: &[OsString]) -> bool {
    is_one_of(words, &ALONE) || words.iter().any(|word| word == "--help" || word == "-h")
}

/// Whether dbt writes nothing that another one reads.
pub fn needs_no_claim(words: &[OsString]) -> bool {
    is_one_of(words, &READING) || words.get(1).is_some_and(|word| word == "serve")
}

/// Whether dbt builds or tests nodes.
pub fn builds(words: &[OsString]) -> bool {
    is_one_of(words, &BUILDING)
}

fn is_one_of(words: &[OsString], verbs: &[&str]) -> bool {
    words.first().is_some_and(|verb| verbs.iter().any(|known| verb == *known))
}

impl Project {
    /// `lock`: held by who builds it. Not in `target/`, which `dbt clean` removes.
    pub fn open(folder: &Path, lock: PathBuf) -> Result<Project> {
        if folder.join("dbt_project.yml").is_file() {
            return Ok(Project { folder: folder.to_owned(), lock });
        }
        Err(Error::definite(format!("cannot find a dbt project in {}", folder.display()))
            .detail("There is no dbt_project.yml.")
            .hint("[transform] project = \"path/to/dbt\" in millrace.toml"))
    }

    /// Begins `dbt WORDS…`, in a process group of its own: who is told to stop tells it ([`Group`]). `apart`: where
    /// it writes what it would write into the project.
    pub fn start(
        &self,
        dbt: &Path,
        profile: Profile,
        words: &[OsString],
        claim: Option<Claim>,
        apart: Option<&Path>,
    ) -> Result<Run> {
        let is_ours = |word: &&OsString| {
            let word = word.to_string_lossy();
            OURS.contains(&word.split('=').next().unwrap_or_default())
        };
        if let Some(word) = words.iter().find(is_ours) {
            let word = word.to_string_lossy();
            return Err(Error::definite(format!("cannot give {word} to dbt: millrace says it"))
                .hint("the stock dbt takes it: dbt build --profiles-dir …"));
        }
        let asks_sources = words.iter().take(2).eq(["source", "freshness"].iter());
        let is_told = builds(words) || asks_sources;
        let mut command = command(dbt);
        if is_told {
            command.args(["--log-format", "json", "--log-level", "info", "--no-use-colors"]);
        }
        command
            .args(words)
            .arg("--project-dir")
            .arg(&self.folder)
            .arg("--profiles-dir")
            .arg(profile.folder())
            .args(["--profile", NAME, "--target", NAME])
            .envs(profile.variables().iter().map(|(name, value)| (name, value)))
            .env("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
            // Whatever the project says: it is read there.
            .env("DBT_TARGET_PATH", TARGET)
            .process_group(0);
        if let Some(folder) = apart {
            command.arg("--target-path").arg(folder.join(TARGET));
            command.arg("--log-path").arg(folder.join("logs"));
        }
        if is_told {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        }
        let child = match &claim {
            Some(claim) => claim.spawn(&mut command),
            None => command.spawn(),
        };
        let child = child.map_err(|error| could_not(dbt, error))?;
        Ok(Run { child, dbt: dbt.to_owned(), _profile: profile, _claim: claim })
    }

    /// For a run by hand: alone. `None`: somebody builds the project.
    pub fn claim(&self) -> Result<Option<Claim>> {
        Ok(lock(&self.lock, File::try_lock)?.map(Claim))
    }

    /// For a run beside others that have their own folders. Whoever waits for a run by hand comes first.
    pub fn claim_beside(&self) -> Result<Option<Claim>> {
        match lock(&self.wanted(), File::try_lock)? {
            Some(_nobody_waits) => Ok(lock(&self.lock, File::try_lock_shared)?.map(Claim)),
            None => Ok(None),
        }
    }

    /// Held by who waits for [`Project::claim`].
    pub fn want(&self) -> Result<Option<File>> {
        lock(&self.wanted(), File::try_lock_shared)
    }

    fn wanted(&self) -> PathBuf {
        self.lock.with_extension("wanted")
    }
}

fn lock(
    path: &Path,
    how: impl Fn(&File) -> Result<(), std::fs::TryLockError>,
) -> Result<Option<File>> {
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot open {}", path.display())).source(error)
    };
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(cannot)?;
    let file = File::options().create(true).append(true).open(path).map_err(cannot)?;
    match how(&file) {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// Nobody else builds the project as long as this is held, by us or by the dbt that we start: the kernel lets go when
/// both are gone.
pub struct Claim(File);

impl Claim {
    /// Starts what inherits it, and nobody else does.
    fn spawn(&self, command: &mut Command) -> std::io::Result<Child> {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        rustix::io::fcntl_setfd(&self.0, FdFlags::empty())?;
        let child = command.spawn();
        rustix::io::fcntl_setfd(&self.0, FdFlags::CLOEXEC)?;
        child
    }
}

/// dbt that ends with us, also when we are killed: the kernel tells it. (It goes by the thread that starts it, which
/// has to be one that lasts.)
fn command(dbt: &Path) -> Command {
    let guarded =
        ["/usr/bin/setpriv", "/bin/setpriv"].into_iter().find(|path| Path::new(path).exists());
    let Some(guard) = guarded else { return Command::new(dbt) };
    let mut command = Command::new(guard);
    command.args(["--pdeathsig", "TERM", "--"]).arg(dbt);
    command
}

fn could_not(dbt: &Path, error: std::io::Error) -> Error {
    Error::definite(format!("could not run {}", dbt.display())).source(error)
}

/// dbt at work. What it needs is there as long as this is.
pub struct Run {
    child: Child,
    dbt: PathBuf,
    _profile: Profile,
    _claim: Option<Claim>,
}

/// dbt and all that it has started. They may have ended by themselves.
#[derive(Clone, Copy)]
pub struct Group(Pid);

impl Group {
    /// Stops what it does, and says so.
    pub fn interrupt(self) {
        let _ = kill_process_group(self.0, Signal::INT);
    }

    pub fn kill(self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

impl Run {
    pub fn group(&self) -> Group {
        Group(Pid::from_child(&self.child))
    }

    /// To its end. `told` hears of each event of a verb that builds.
    pub fn wait(mut self, told: impl FnMut(Event)) -> Result<ExitStatus> {
        if let Some(out) = self.child.stdout.take() {
            tell(out, told);
        }
        let status = self.child.wait().map_err(|error| could_not(&self.dbt, error))?;
        if status.code().is_some_and(|code| NOT_STARTED.contains(&code)) {
            let what = format!("could not run {}: it does not start", self.dbt.display());
            return Err(Error::definite(what).hint(
                "ask it itself: with --version; of a private one remove the folder, then: millrace transform setup",
            ));
        }
        Ok(status)
    }
}

/// What is no line of the log was meant for people as it is: a traceback of Python's.
fn tell(out: impl std::io::Read, mut told: impl FnMut(Event)) {
    for line in BufReader::new(out).split(b'\n').map_while(|line| line.ok()) {
        let line = String::from_utf8_lossy(&line);
        match Event::read(&line) {
            Some(event) => told(event),
            None if line.starts_with('{') || line.trim().is_empty() => {}
            None => told(Event::Said { is_error: false, text: line.into_owned() }),
        }
    }
}
