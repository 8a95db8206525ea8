//! A private Postgres server for one test: its own directory, a free port, gone when dropped.
//!
//! Postgres refuses to run as root; there it runs as `nobody` through `setpriv`.

pub mod values;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

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
        let cluster = Cluster { folder, port: free_port() };
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
            &format!("port = {}", cluster.port),
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
        cluster.resume();
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

    /// Stops the server: `fast` ends sessions, `immediate` is a crash.
    pub fn stop(&self, mode: &str) {
        run(&mut self.pg_ctl(&["stop", "-m", mode, "-w", "-t", "60"]));
    }

    /// Starts a stopped server again on the same port.
    pub fn resume(&self) {
        run(&mut self.pg_ctl(&["start", "-w", "-t", "60"]));
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

/// A port that nobody listens on right now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The newest installed server's program of that name.
pub fn program(name: &str) -> PathBuf {
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

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
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
}
