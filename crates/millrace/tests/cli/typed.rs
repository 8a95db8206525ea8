//! `millrace sql` on a terminal of its own, which `script` makes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Types everything at once, as a person does who does not wait; what the terminal shows.
fn typed(folder: &Path, verb: &str, keys: &str) -> (Option<i32>, String) {
    let verb = format!("{} {verb}", env!("CARGO_BIN_EXE_millrace"));
    let mut script = Command::new("script")
        .args(["-q", "-e", "-c", &verb, "/dev/null"])
        .current_dir(folder)
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    script.stdin.take().unwrap().write_all(keys.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn forgetting_asks_whoever_sits_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millrace.toml"), "[source]\nurl = \"${UNSET}\"\n").unwrap();
    std::fs::create_dir(folder.path().join(".millrace")).unwrap();
    let drop = "quarantine drop public.orders --column price";
    let (code, shown) = typed(folder.path(), drop, "no\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("the quarantined rows of public.orders refused for price?"), "{shown}");
    assert!(shown.contains("nothing was forgotten"), "{shown}");
    let (code, shown) = typed(folder.path(), drop, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("nothing to forget"), "{shown}");
}

#[test]
fn nothing_that_is_typed_ahead_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("millrace.toml"), "[source]\nurl = \"${UNSET}\"\n").unwrap();
    std::fs::create_dir(folder.path().join(".millrace")).unwrap();
    let (code, shown) = typed(
        folder.path(),
        "sql",
        "select sleep(1);\nselect 11 * 3;\nselect 100\nhelp\n* 7;\nhelp\nselect 30\n+ 25;\nexit\n",
    );
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("33"), "{shown}");
    assert!(shown.contains("taken as a part of the statement"), "{shown}");
    assert!(shown.contains("SHOW DATABASES;"), "{shown}");
    assert!(shown.contains("55"), "{shown}");
}
