//! Work that waits in a slot, the same for every run of either side.
//!
//! ```text
//! up on empty tables, stopped ─▶ template of the project, slot `backlog` copied from its slot
//! the work is written          ─▶ kept in the log by `backlog`
//! each run: slot := copy of `backlog`, project := copy of the template
//! ```

use cluster::{Cluster, program};
use harness::{Project, Up, config};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const BACKLOG: &str = "backlog";
const OURS: &str = "millrace";
/// How often a side is asked whether it is done: rare enough to cost it nothing.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A run that takes longer is broken.
const RUN_MAX: Duration = Duration::from_secs(900);

/// How to see that every row is there.
pub(crate) struct Goal {
    /// Cheap, and true only when the end of the work has arrived.
    pub(crate) sign: (String, String),
    /// Over all rows, as a reader asks; what Postgres answers to the same.
    pub(crate) whole: (String, String),
}

pub(crate) struct Backlog {
    pub(crate) cluster: Cluster,
    project: Project,
    template: TempDir,
    url: String,
    end_lsn: String,
}

/// Settings of a source that is not disturbed by its own housekeeping.
pub(crate) fn quiet_source() -> Cluster {
    Cluster::start_with(&[
        "shared_buffers = '1GB'",
        "max_wal_size = '32GB'",
        "checkpoint_timeout = '1h'",
        "autovacuum = off",
        "wal_sender_timeout = '10min'",
    ])
}

impl Backlog {
    /// `tables` is the rest of `millrace.toml`; `url` says over which kind of socket.
    pub(crate) fn prepare(
        binary: &Path,
        cluster: Cluster,
        url: &str,
        tables: &str,
        work: impl FnOnce(&Cluster),
    ) -> Backlog {
        cluster.sql("create publication millrace for all tables");
        let project = Project::new(binary, &config(url, tables));
        let mut up = project.up();
        up.wait_ready();
        assert_eq!(up.stop(), Some(0), "up does not stop in order");
        let template = tempfile::tempdir().expect("a temporary directory");
        copy_folder(&project.state(), &template.path().join("state"));
        copy_slot(&cluster, OURS, BACKLOG);
        drop_slot(&cluster, OURS);
        work(&cluster);
        let end_lsn = cluster.sql("select pg_current_wal_insert_lsn()");
        // Log after the end, so that a reader of everything before it sees that it is over.
        cluster.sql("select pg_logical_emit_message(true, 'bench', 'end'); checkpoint");
        Backlog { cluster, project, template, url: url.to_owned(), end_lsn }
    }

    /// Another `millrace.toml` for the runs to come; `tables` is its rest.
    pub(crate) fn configure(&self, tables: &str) {
        self.project.configure(&config(&self.url, tables));
    }

    /// The process, and when it was started.
    pub(crate) fn begin(&self) -> (Instant, Up) {
        copy_slot(&self.cluster, BACKLOG, OURS);
        std::fs::remove_dir_all(self.project.state()).expect("the project's state can go");
        copy_folder(&self.template.path().join("state"), &self.project.state());
        sync();
        let start = Instant::now();
        (start, self.project.up())
    }

    /// Ends it in order.
    pub(crate) fn end(&self, up: Up) {
        finish(up);
        drop_slot(&self.cluster, OURS);
    }

    /// All of the work is confirmed to the source.
    pub(crate) fn is_confirmed(&self) -> bool {
        let sql = format!(
            "select confirmed_flush_lsn >= '{}' from pg_replication_slots where slot_name = '{OURS}'",
            self.end_lsn
        );
        self.cluster.sql(&sql) == "t"
    }

    /// Seconds from the start of the process until every row answers.
    pub(crate) fn ours(&self, goal: &Goal) -> f64 {
        let (start, up) = self.begin();
        let seconds = reach(start, goal, |sql| up.door().try_query(sql).unwrap_or_default());
        self.end(up);
        seconds
    }

    /// Seconds in which `pg_recvlogical` drains the same to nowhere.
    pub(crate) fn drained(&self, host: &str) -> f64 {
        let slot = "drain";
        copy_slot(&self.cluster, BACKLOG, slot);
        sync();
        let start = Instant::now();
        let output = Command::new(program("pg_recvlogical"))
            .args(["-h", host, "-p", &self.cluster.port().to_string(), "-U", "postgres"])
            .args(["-d", "postgres", "--slot", slot, "--start", "-f", "/dev/null", "-n"])
            .args(["--endpos", &self.end_lsn, "-o", "proto_version=1", "-o", "binary=true"])
            .args(["-o", "publication_names=millrace"])
            .output()
            .expect("pg_recvlogical runs");
        let seconds = start.elapsed().as_secs_f64();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        drop_slot(&self.cluster, slot);
        seconds
    }
}

/// Ends a measured `up` in order, and sees that it does.
pub(crate) fn finish(up: Up) {
    assert_eq!(up.stop(), Some(0), "up does not stop in order");
}

/// Asks until both parts of the goal are reached. The clock stops at the moment in which the first
/// query was sent that returned everything.
pub(crate) fn reach(start: Instant, goal: &Goal, mut ask: impl FnMut(&str) -> String) -> f64 {
    let mut last = String::new();
    for (sql, expected) in [&goal.sign, &goal.whole] {
        loop {
            let asked = start.elapsed();
            last = ask(sql);
            if last == *expected {
                if *sql == goal.whole.0 {
                    return asked.as_secs_f64();
                }
                break;
            }
            assert!(asked < RUN_MAX, "{sql}: {last:?} is not {expected:?} after {asked:?}");
            std::thread::sleep(ASK_EVERY);
        }
    }
    unreachable!("the second part of the goal returns: {last}")
}

pub(crate) fn copy_slot(cluster: &Cluster, from: &str, to: &str) {
    drop_slot(cluster, to);
    cluster.sql(&format!("select pg_copy_logical_replication_slot('{from}', '{to}', false)"));
}

/// Waits for the last reader of the slot, which ends a moment after its client.
pub(crate) fn drop_slot(cluster: &Cluster, name: &str) {
    let sql = format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{name}'"
    );
    let dropped = harness::poll(Duration::from_secs(60), || cluster.try_sql(&sql).ok());
    assert!(dropped.is_some(), "slot {name} stays in use");
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "{} cannot be copied", from.display());
}

/// What the last run left to the disk is not the next one's burden.
pub(crate) fn sync() {
    let _ = Command::new("sync").status();
}

/// A place for a peer's data.
pub(crate) fn place(folder: &TempDir) -> PathBuf {
    folder.path().join("state")
}
