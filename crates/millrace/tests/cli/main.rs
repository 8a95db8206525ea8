//! The real binary.

mod boards;
mod grafana;
mod help;
mod lint;
mod schedules;
mod transform;
mod typed;
mod verbs;

use std::path::Path;
use std::process::{Command, Output};

/// Runs `millrace` in `folder` without what the environment may hold of ours.
fn millrace(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.current_dir(folder).args(args);
    for name in ["DATABASE_URL", "PGUSER", "PGPASSWORD", "MILLRACE_LOG"] {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
