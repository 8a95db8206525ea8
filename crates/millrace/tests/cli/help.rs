//! What `--help` says is frozen: `MILLRACE_WRITE_DOCS=1 cargo test -p millrace help` writes it anew.

use crate::{millrace, out};
use std::path::Path;

const VERBS: [&str; 29] = [
    "",
    "init",
    "check",
    "up",
    "status",
    "sql",
    "verify",
    "resync",
    "pause",
    "resume",
    "reload",
    "transform",
    "schedule",
    "schedule export",
    "lineage",
    "lint-migration",
    "quarantine",
    "quarantine list",
    "quarantine show",
    "quarantine replay",
    "quarantine drop",
    "alerts list",
    "alerts test",
    "grafana export",
    "grafana import",
    "kafka",
    "kafka ddl",
    "demo",
    "config check",
];

#[test]
fn the_help_of_every_verb() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/help"));
    for verb in VERBS {
        let mut args: Vec<&str> = verb.split_whitespace().collect();
        args.push("--help");
        let output = millrace(folder, &args);
        assert!(output.status.success());
        let name = if verb.is_empty() { "millrace".to_owned() } else { verb.replace(' ', "-") };
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("MILLRACE_WRITE_DOCS").is_some() {
            std::fs::write(&path, out(&output)).unwrap();
        }
        assert_eq!(out(&output), std::fs::read_to_string(&path).unwrap_or_default(), "{verb}");
    }
}

/// 566 MB take longer to map than the help takes to read.
#[test]
fn help_and_a_missing_library_have_nothing_to_do_with_each_other() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_millrace"))
        .arg("--help")
        .env("MILLRACE_LIBCHDB", "/does/not/exist")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}
