//! A private Postgres server for one test: its own directory, a free port, gone when dropped.
//!
//! Postgres refuses to run as root; there it runs as `nobody` through `setpriv`.
//!
//! Which Postgres: `MILLRACE_TEST_PG=/folder/of/its/programs`, else the newest one installed.
//! `make matrix` runs the tests once for each of several folders.

pub mod values;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

const PORTS_TRIED: u32 = 5;

/// Recovery from an archive in which there is nothing.
pub const NO_ARCHIVE: &str = "restore_command = 'false'";

pub struct Cluster {
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// A running server with `wal_level = logical`; role `postgres` without a password.
    pub fn start() -> Cluster {
        Cluster::start_with(&[])
    }

    /// The same with further lines for `postgresql.conf`.
    pub fn start_with(settings: &[&str]) -> Cluster {
        let folder = tempfile::Builder::new().prefix("millrace-pg-").tempdir().unwrap();
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(folder.path()));
        }
        let mut cluster = Cluster { folder, port: 0 };
        run(cluster.server("initdb").args(["-D"]).arg(cluster.data()).args([
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]));
        let mut conf = std::fs::OpenOptions::new()
            .append(true)
            .open(cluster.data().join("postgresql.conf"))
            .unwrap();
        let socket = cluster.socket_folder().display().to_string();
        for line in [
            "listen_addresses = '127.0.0.1'",
            &format!("unix_socket_directories = '{socket}'"),
            "wal_level = logical",
            "max_wal_senders = 20",
            "max_replication_slots = 20",
            "max_wal_size = '8GB'",
            "shared_buffers = '256MB'",
        ]
        .iter()
        .chain(settings)
        {
            writeln!(conf, "{line}").unwrap();
        }
        // A port that is free now is not reserved: another test may be quicker.
        for left in (0..PORTS_TRIED).rev() {
            cluster.port = free_port();
            writeln!(conf, "port = {}", cluster.port).unwrap();
            match finish(&mut cluster.pg_ctl(&["start", "-w", "-t", "60"])) {
                Ok(()) => break,
                Err(_) if left > 0 && cluster.log().contains("Address already in use") => {}
                Err(error) => panic!("{error}{}", cluster.log()),
            }
        }
        cluster
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Over TCP, as the superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Over the Unix socket, as the superuser.
    pub fn socket_url(&self) -> String {
        let folder = self.socket_folder().display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{folder}:{}/postgres", self.port)
    }

    /// Runs SQL with psql; the answer is unaligned text, one row a line, fields split by `|`.
    pub fn sql(&self, sql: &str) -> String {
        self.try_sql(sql).unwrap_or_else(|error| panic!("{error}"))
    }

    pub fn try_sql(&self, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(program("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url(), "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql runs");
        // Dropped at the end of the statement, which is psql's end of input.
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let output = psql.wait_with_output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).unwrap().trim_end().to_owned())
    }

    /// What the server said.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Stops the server: `fast` ends sessions, `immediate` is a crash.
    pub fn stop(&self, mode: &str) {
        run(&mut self.pg_ctl(&["stop", "-m", mode, "-w", "-t", "60"]));
    }

    /// Starts a stopped server again on the same port.
    pub fn resume(&self) {
        run(&mut self.pg_ctl(&["start", "-w", "-t", "60"]));
    }

    /// Starts a stopped server as its own standby, which is promoted at once: a new timeline. It has to have
    /// [`NO_ARCHIVE`] among its settings.
    pub fn promote(&self) {
        let signal = self.data().join("recovery.signal");
        // With the owner that the server runs as.
        run(Command::new("cp").arg("-a").args([self.data().join("PG_VERSION"), signal]));
        self.resume();
        while self.sql("select pg_is_in_recovery()") != "f" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// The data directory of a stopped server as it is now, for [`Cluster::set_back`].
    pub fn back_up(&self) {
        run(Command::new("cp").arg("-a").args([self.data(), self.backup()]));
    }

    /// A stopped server's disk as it was.
    pub fn set_back(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        run(Command::new("cp").arg("-a").args([self.backup(), self.data()]));
    }

    fn backup(&self) -> PathBuf {
        self.data().with_file_name("backup")
    }

    fn pg_ctl(&self, args: &[&str]) -> Command {
        let mut command = self.server("pg_ctl");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-s")
            .args(["-l"])
            .arg(self.folder.path().join("log"));
        command.args(args);
        command
    }

    /// A command of the server's, as a user that Postgres accepts.
    fn server(&self, name: &str) -> Command {
        if !is_root() {
            return Command::new(program(name));
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        command.arg(program(name)).current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.pg_ctl(&["stop", "-m", "immediate", "-w", "-t", "30"]).output();
    }
}

/// A port that nobody listens on right now, that this process was not given before, and that no outgoing
/// connection will have: those are above 32767 here, and a server that ends and comes again may find its port
/// taken by one.
pub fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = 10_000 + (RandomState::new().hash_one(std::process::id()) % 22_000) as u16;
        let is_new = GIVEN.lock().unwrap().insert(port);
        if is_new && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A program of the server under test: of the folder that `MILLRACE_TEST_PG` names, else of the
/// newest one installed, else the PATH's.
pub fn program(name: &str) -> PathBuf {
    if let Some(folder) = chosen() {
        return folder.join(name);
    }
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .map(|(version, path)| (version, path.join("bin").join(name)))
        .filter(|(_, path)| path.is_file())
        .collect();
    found.sort();
    found.pop().map_or_else(|| PathBuf::from(name), |(_, path)| path)
}

/// The major version of the server under test.
pub fn major() -> u32 {
    static MAJOR: OnceLock<u32> = OnceLock::new();
    *MAJOR.get_or_init(|| {
        let output = Command::new(program("postgres")).arg("--version").output();
        let output = output.unwrap_or_else(|error| panic!("postgres --version: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        version(&text).unwrap_or_else(|| panic!("postgres --version says {text:?}"))
    })
}

/// Says on stderr what a test leaves out on this server. Not by a macro: their words are only shown
/// when the test fails.
pub fn skip(what: &str) {
    let thread = std::thread::current();
    let line =
        format!("skipped on Postgres {}: {}: {what}\n", major(), thread.name().unwrap_or("?"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether that server was built with a library that not each has: `libxml`, `openssl`.
pub fn is_built_with(library: &str) -> bool {
    let output = Command::new(program("pg_config")).arg("--configure").output();
    let output = output.unwrap_or_else(|error| panic!("pg_config --configure: {error}"));
    String::from_utf8_lossy(&output.stdout).contains(&format!("--with-{library}"))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `… 18beta1`.
fn version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("(PostgreSQL) ")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// One run has one server: which of several, nobody could tell from its output.
fn chosen() -> Option<&'static Path> {
    static CHOSEN: OnceLock<Option<PathBuf>> = OnceLock::new();
    CHOSEN.get_or_init(|| choose(std::env::var_os("MILLRACE_TEST_PG")?)).as_deref()
}

fn choose(folders: OsString) -> Option<PathBuf> {
    let mut folders = std::env::split_paths(&folders).filter(|path| path != Path::new(""));
    let folder = folders.next()?;
    assert!(
        folders.next().is_none(),
        "MILLRACE_TEST_PG names several folders, and a run has one server: make matrix"
    );
    let server = folder.join("postgres");
    assert!(server.is_file(), "MILLRACE_TEST_PG: there is no {}", server.display());
    if is_root() {
        let closed = folder.ancestors().find(|path| !others_may_enter(path));
        let closed = closed.map(|path| path.display().to_string());
        assert!(closed.is_none(), "MILLRACE_TEST_PG: nobody may enter {}", closed.unwrap());
    }
    Some(folder)
}

fn others_may_enter(folder: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    folder.metadata().is_ok_and(|folder| folder.permissions().mode() & 1 == 1)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

fn run(command: &mut Command) {
    finish(command).unwrap_or_else(|error| panic!("{error}"));
}

fn finish(command: &mut Command) -> Result<(), String> {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}{}", text(&output.stdout), text(&output.stderr))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_answers_and_comes_back_after_a_crash() {
        let cluster = Cluster::start();
        cluster.sql("create table t as select 7 as x");
        cluster.sql("checkpoint");
        cluster.stop("immediate");
        cluster.resume();
        assert_eq!(cluster.sql("select x from t"), "7");
        assert!(cluster.try_sql("select y from t").is_err());
    }

    #[test]
    fn a_version_is_read_from_what_the_server_says_of_itself() {
        assert_eq!(version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(version("bash: postgres: not found"), None);
        let told =
            Cluster::start().sql("select current_setting('server_version_num')::int / 10000");
        assert_eq!(told, major().to_string());
    }

    #[test]
    fn several_folders_and_a_folder_without_a_server_are_refused() {
        assert_eq!(choose("".into()), None);
        for wrong in ["/usr/lib/a:/usr/lib/b", "/usr/lib/no/such/bin"] {
            assert!(std::panic::catch_unwind(|| choose(wrong.into())).is_err(), "{wrong}");
        }
    }
}
