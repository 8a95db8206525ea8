//! A Postgres of the demo's own: its folder, a Unix socket in it, no port.
//!
//! No port, because the role needs no password: only who may enter the folder gets in. Postgres refuses
//! to run as root; there it runs as `nobody`.

use model::{Error, Result};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_TIMEOUT: Duration = Duration::from_secs(60);
const START_INTERVAL: Duration = Duration::from_millis(50);
/// After this a server that was asked to stop is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// What a Unix socket's path may have, with the ending that Postgres adds.
const SOCKET_FOLDER_BYTES_MAX: usize = 85;

pub(super) struct Postgres {
    folder: PathBuf,
    child: Option<Child>,
}

impl Postgres {
    /// Makes and starts a server under `parent`.
    pub(super) async fn start(parent: &Path) -> Result<Postgres> {
        let folder = parent.join("postgres");
        if folder.as_os_str().len() > SOCKET_FOLDER_BYTES_MAX {
            return Err(Error::definite(format!("cannot put a socket into {}", folder.display()))
                .detail("Its path is too long for a Unix socket.")
                .hint("TMPDIR=/tmp millrace demo"));
        }
        make_folder(&folder)?;
        let data = folder.join("data");
        let mut initdb = server("initdb", &folder)?;
        initdb.arg("-D").arg(&data).args(["-U", "postgres", "--auth=trust", "--no-sync"]);
        initdb.args(["--encoding=UTF8", "--locale=C"]);
        finish("create a Postgres server", initdb)?;
        configure(&data, &folder)?;
        let mut command = server("postgres", &folder)?;
        command.arg("-D").arg(&data);
        let log = std::fs::File::create(parent.join("postgres.log"));
        let log =
            log.map_err(|error| Error::definite("cannot write postgres.log").source(error))?;
        // A group of its own: Ctrl-C is ours to hear, and Postgres stops after the pipeline.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let child = command
            .spawn()
            .map_err(|error| Error::definite("cannot start a Postgres server").source(error))?;
        let mut postgres = Postgres { folder, child: Some(child) };
        postgres.ready(&parent.join("postgres.log")).await?;
        Ok(postgres)
    }

    async fn ready(&mut self, log: &Path) -> Result<()> {
        let began = Instant::now();
        let address = self.url("postgres").parse()?;
        loop {
            let error = match source::client::connect(&address).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let ended =
                self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || began.elapsed() > START_TIMEOUT {
                let last = std::fs::read_to_string(log).unwrap_or_default();
                let last = last.lines().last().unwrap_or("It wrote nothing.").to_owned();
                return Err(error.context("start a Postgres server").detail(last));
            }
            tokio::time::sleep(START_INTERVAL).await;
        }
    }

    pub(super) fn url(&self, database: &str) -> String {
        Postgres::url_of(&self.folder, database)
    }

    pub(super) fn url_of(folder: &Path, database: &str) -> String {
        let folder = folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{database}")
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let asked = server("pg_ctl", &self.folder).and_then(|mut command| {
            let seconds = STOP_TIMEOUT.as_secs().to_string();
            command.arg("-D").arg(self.folder.join("data"));
            command.args(["stop", "-m", "fast", "-s", "-w", "-t", &seconds]);
            finish("stop Postgres", command)
        });
        if asked.is_err() {
            let _ = child.kill();
        }
        let _ = child.wait();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

const SETTINGS: &str = "
# The demo's. No port: only who may enter the folder of the socket gets in.
listen_addresses = ''
wal_level = logical
max_wal_senders = 20
max_replication_slots = 20
max_slot_wal_keep_size = 8GB
max_wal_size = 4GB
shared_buffers = 256MB
# It does not outlive a crash of the machine, and need not.
fsync = off
";

/// In its own file, so that whoever starts it later gets the same server.
fn configure(data: &Path, folder: &Path) -> Result<()> {
    let path = data.join("postgresql.conf");
    let socket = folder.display().to_string().replace('\'', "\'\'");
    let text = format!("{SETTINGS}unix_socket_directories = '{socket}'\n");
    let open = std::fs::File::options().append(true).open(&path);
    open.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::definite(format!("cannot write {}", path.display())).source(error))
}

fn make_folder(folder: &Path) -> Result<()> {
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot create {}", folder.display())).source(error)
    };
    std::fs::create_dir(folder).map_err(cannot)?;
    let only_ours = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(folder, only_ours).map_err(cannot)?;
    if is_root() {
        let mut chown = Command::new("chown");
        chown.arg("nobody").arg(folder);
        finish("give the demo's folder to nobody", chown)?;
    }
    Ok(())
}

/// The user that it runs as where root is refused.
const AS_NOBODY: [&str; 3] = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"];

/// A program of the server's, for a person to start.
pub(super) fn as_typed(name: &str) -> Result<String> {
    let program = program(name)?.display().to_string();
    Ok(match is_root() {
        true => format!("setpriv {} {program}", AS_NOBODY.join(" ")),
        false => program,
    })
}

/// A program of the server's, as a user that Postgres accepts, told by the kernel when we die. (The
/// kernel goes by the thread that starts it; this is called on the main one.)
fn server(name: &str, folder: &Path) -> Result<Command> {
    let program = program(name)?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if is_root() {
        command.args(AS_NOBODY);
    }
    command.arg("--").arg(program).current_dir(folder);
    Ok(command)
}

/// The newest installed server's, else the PATH's.
fn program(name: &str) -> Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin").join(name)))
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = || std::env::split_paths(&path).map(|dir| dir.join(name)).find(|p| p.is_file());
    found.pop().map(|(_, path)| path).or_else(in_path).ok_or_else(|| {
        Error::definite(format!("cannot find {name}, a program of the Postgres server"))
            .hint("make setup, or: apt-get install postgresql")
    })
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn finish(doing: &str, mut command: Command) -> Result<()> {
    let cannot = || Error::definite(format!("cannot {doing}"));
    let output = command.output().map_err(|error| {
        let program = command.get_program().to_string_lossy().into_owned();
        cannot().detail(format!("{program} could not be started.")).source(error)
    })?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(cannot().detail(words.lines().last().unwrap_or("It said nothing.").to_owned()))
}
