//! `demo --keep`: what it prints at its end works as it stands.

use crate::BINARY;
use harness::wait_until;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

#[test]
fn what_was_kept_starts_again_by_the_printed_commands() {
    let parent = tempfile::tempdir().unwrap();
    // Postgres runs as nobody, who has to come through.
    std::fs::set_permissions(parent.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let said = parent.path().join("said");
    let mut demo = Command::new(BINARY)
        .args(["demo", "--keep"])
        .current_dir("/")
        .env("TMPDIR", parent.path())
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    let text = || std::fs::read_to_string(&said).unwrap();
    wait_until("the shop is open", || {
        assert!(demo.try_wait().unwrap().is_none(), "{}", text());
        text().contains("Ctrl-C ends everything")
    });
    interrupt(demo.id());
    assert!(demo.wait().unwrap().success(), "{}", text());

    let (_, kept) =
        text().split_once("Kept in").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let commands: Vec<&str> = kept.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    let [start, up, ask, sell, remove] = commands[..] else { panic!("{kept}") };
    let _removed = Removed(remove);
    sh(start);
    let shop = parent.path().join("millrace-demo/shop");
    let mut up = Up(Command::new("sh").args(["-c", up]).spawn().unwrap(), &shop);
    wait_until("the shop streams", || {
        let status = Command::new(BINARY).arg("status").current_dir(&shop).output().unwrap();
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        text.contains("streaming") && !text.contains("copying") && !text.contains("waiting")
    });
    let built = harness::poll(std::time::Duration::from_secs(150), || {
        let status = Command::new(BINARY).arg("status").current_dir(&shop).output().unwrap();
        String::from_utf8_lossy(&status.stdout).contains("dbt        fast   success").then_some(())
    });
    assert!(built.is_some(), "its models are built");
    // What the others read is built first.
    let failed =
        "SELECT schedule, error FROM millrace.runs FINAL WHERE status IN (''failed'', ''error'')";
    let failed =
        ask.replace("SELECT count() FROM analytics.events", &failed.replace("''", "'\\''"));
    assert_eq!(sh(&failed).trim(), "");
    let count = || sh(ask).trim().parse::<u64>().unwrap();
    let before = count();
    sh(sell);
    wait_until("what was sold is there", || count() > before);
    up.stop();
    sh(remove);
    assert!(!parent.path().join("millrace-demo").exists());
}

fn interrupt(pid: u32) {
    sh(&format!("kill -INT {pid}"));
}

#[track_caller]
fn sh(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {words}");
    String::from_utf8(output.stdout).unwrap()
}

/// Nothing stays behind when an assertion fails.
struct Removed<'a>(&'a str);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = Command::new("sh").args(["-c", self.0]).output();
    }
}

/// A shell with `up` in it, which its note names.
struct Up<'a>(Child, &'a Path);

impl Up<'_> {
    fn stop(&mut self) {
        let note = std::fs::read(self.1.join(".millrace/up.json")).unwrap_or_default();
        let note: serde_json::Value = serde_json::from_slice(&note).unwrap_or_default();
        match note["pid"].as_u64() {
            Some(pid) => interrupt(pid as u32),
            None => drop(self.0.kill()),
        }
        let _ = self.0.wait();
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}
