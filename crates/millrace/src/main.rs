//! The binary: a table of contents.
//!
//! ```text
//! cli/         a file a verb: what was typed, what is answered
//! config/      millrace.toml: what was written, what it means
//! confine      the kernel keeps the process to its files
//! home         where rows are kept: the engine in the process, or a server
//! assemble     configuration ─▶ home, door, ops, pipeline, and their orderly end
//! reload       the configuration read again while it runs
//! running      the `up` that runs on this machine: where it is, asking it
//! demo/        a throwaway Postgres with a lively shop in it
//! ```
//!
//! Exit codes: 0 done, 1 the answer is no, 2 could not run. stdout is data, stderr is talk.

mod assemble;
mod cli;
mod config;
mod confine;
mod demo;
mod home;
mod keeper;
mod reload;
mod running;
mod talk;

use clap::Parser;
use cli::{Answer, Cli};
use std::process::ExitCode;

fn main() -> ExitCode {
    let answer = Cli::parse().run();
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Code(code)) => ExitCode::from(code),
        Err(error) => {
            talk::error(&error);
            ExitCode::from(2)
        }
    }
}
