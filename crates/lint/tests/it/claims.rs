//! What is said of locks, scans and rewrites is what a real server does.
//!
//! Each statement runs in a transaction of a real Postgres. Which lock the table has then, whether its
//! file is another and whether it was read, is compared with what was said before.

use crate::statements::{NEWER, OF_T, OTHERS, OUTSIDE, SETUP};
use cluster::Cluster;
use lint::{Linter, Lock, Work};
use std::time::{Duration, Instant};

#[derive(PartialEq, Debug)]
struct Done {
    lock: Option<String>,
    scans: bool,
    rewrites: bool,
}

fn said(before: &str, statement: &str, table: &str) -> Done {
    let mut linter = Linter::new(None);
    let troubles = linter.learn(&format!("{SETUP};{before}"));
    assert!(troubles.is_empty(), "{troubles:?}");
    let report = linter.lint(&format!("set search_path = s; {statement}"));
    assert!(report.troubles.is_empty(), "{statement}: {:?}", report.troubles);
    let held: Vec<_> = report
        .findings
        .iter()
        .flat_map(|finding| &finding.locks)
        .filter(|held| held.table.schema == "s" && held.table.table == table)
        .collect();
    let work = held.iter().map(|held| held.work).max().unwrap_or(Work::Moment);
    Done {
        lock: held.iter().map(|held| held.lock).max().map(mode),
        scans: work >= Work::Scan,
        rewrites: work == Work::Rewrite,
    }
}

/// As `pg_locks` writes it.
fn mode(lock: Lock) -> String {
    let words = lock.name().split(' ');
    let titled = words.map(|word| word[..1].to_owned() + &word[1..].to_ascii_lowercase());
    titled.collect::<String>() + "Lock"
}

/// Strongest last.
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

fn fresh(before: &str) -> String {
    format!(
        "drop publication if exists p; drop schema if exists s cascade; create schema s; {SETUP}; {before};"
    )
}

fn done(cluster: &Cluster, before: &str, statement: &str, table: &str) -> Done {
    let answer = cluster.sql(&format!(
        "set client_min_messages = error; set timezone = 'Europe/Berlin'; {}
         set search_path = s; set enable_seqscan = off;
         select 's.{table}'::regclass::oid as id, coalesce(pg_relation_filenode('s.{table}'), 0) as file \\gset
         begin;
         select pg_stat_get_xact_numscans(:id) as scans \\gset
         {statement};
         select coalesce(string_agg(mode, ','), '') from pg_locks
          where relation = :id and pid = pg_backend_pid() and granted;
         select pg_stat_get_xact_numscans(:id) > :scans;
         select coalesce(pg_relation_filenode(:id), :file) <> :file;
         rollback",
        fresh(before).replace(";;", ";")
    ));
    // What the statement itself answers comes before.
    let lines: Vec<&str> = answer.lines().collect();
    let [.., modes, scans, rewrites] = lines[..] else { panic!("{statement}: {answer}") };
    let strongest = modes.split(',').filter_map(|mode| MODES.iter().position(|m| *m == mode)).max();
    Done {
        lock: strongest.map(|at| MODES[at].to_owned()),
        scans: scans == "t",
        rewrites: rewrites == "t",
    }
}

/// Where nothing is said, nobody has to wait.
fn agree(said: &Done, done: &Done) -> bool {
    let lock = match (&said.lock, &done.lock) {
        (None, Some(done)) => MODES[..4].contains(&done.as_str()),
        (said, done) => said == done,
    };
    lock && (said.lock.is_none() || (said.scans, said.rewrites) == (done.scans, done.rewrites))
}

#[test]
fn what_is_said_is_what_the_server_does() {
    let cluster = Cluster::start_with(&["fsync = off"]);
    let of_t = OF_T.iter().map(|statement| ("", *statement, "t"));
    let newer = NEWER
        .iter()
        .filter(|(major, ..)| *major <= cluster::major())
        .map(|&(_, before, statement)| (before, statement, "t"));
    let mut wrong = Vec::new();
    for (before, statement, table) in of_t.chain(OTHERS.iter().copied()).chain(newer) {
        let said = said(before, statement, table);
        let mut done = done(&cluster, before, statement, table);
        // TRUNCATE takes a new file, writes nothing into it, and builds indexes over that.
        if statement.starts_with("truncate") {
            (done.scans, done.rewrites) = (false, false);
        }
        if !agree(&said, &done) {
            wrong.push(format!(
                "{before}; {statement} ({table}):\n  said {said:?}\n  done {done:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_session_in_utc_changes_the_zone_of_a_column_without_a_rewrite() {
    let cluster = Cluster::start_with(&["fsync = off"]);
    let statement = "set timezone = 'UTC'; alter table t alter column ts type timestamptz";
    assert!(!done(&cluster, "", statement, "t").rewrites);
}

#[test]
fn what_runs_outside_of_transactions_waits_for_the_lock_that_is_said() {
    let cluster = Cluster::start_with(&["fsync = off"]);
    cluster.sql(&fresh(""));
    let id = cluster.sql("select 's.t'::regclass::oid");
    let file = || cluster.sql("select pg_relation_filenode('s.t')");
    for statement in OUTSIDE {
        let said = said("", statement, "t");
        let before = file();
        let waits = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let hold =
                    "begin; lock table s.t in share update exclusive mode; select pg_sleep(60)";
                cluster.try_sql(hold)
            });
            let held =
                "select pid from pg_locks where granted and mode = 'ShareUpdateExclusiveLock'
                        and relation = 's.t'::regclass";
            let holder_pid = poll(|| Some(cluster.sql(held)).filter(|pid| !pid.is_empty()));
            scope.spawn(|| cluster.sql(&format!("set search_path = s; {statement}")));
            let waiting =
                format!("select mode from pg_locks where not granted and relation = {id}");
            let mode = poll(|| Some(cluster.sql(&waiting)).filter(|mode| !mode.is_empty()));
            cluster.sql(&format!("select pg_terminate_backend({holder_pid})"));
            assert!(holder.join().unwrap().is_err());
            mode
        });
        assert_eq!(said.lock, Some(waits), "{statement}");
        assert_eq!(said.rewrites, file() != before, "{statement}");
    }
    // A partition leaves concurrently: its root stays readable and writable.
    let mut linter = Linter::new(None);
    let text = "alter table s.root detach partition s.root_1 concurrently";
    let report = linter.lint(text);
    assert_eq!(report.findings[0].locks[0].lock, Lock::ShareUpdateExclusive);
}

fn poll<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "it never came");
    }
}
