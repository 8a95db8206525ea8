//! `millrace config check`: reads the file without connecting anywhere.

use super::Answer;
use crate::config::Config;
use crate::talk;
use clap::Subcommand;
use model::Result;
use model::words::counted;
use std::path::Path;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Read the configuration without connecting anywhere
    Check,
}

pub(crate) fn run(verb: Verb, path: &Path) -> Result<Answer> {
    match verb {
        Verb::Check => check(path),
    }
}

/// A file that is missing could not be checked; one that is wrong was, and the answer is no.
fn check(path: &Path) -> Result<Answer> {
    let exists = path.is_file();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) if exists => {
            talk::error(&error);
            return Ok(Answer::No);
        }
        Err(error) => return Err(error),
    };
    for warning in &config.warnings {
        talk::warning(warning);
    }
    // Variables may be set where `up` runs.
    if config.has_stream() {
        match config.source_url() {
            Ok(_) => {
                if let Err(error) = config.address() {
                    talk::error(&error);
                    return Ok(Answer::No);
                }
            }
            Err(error) => talk::warning(&error.report()),
        }
    }
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.source.kafka {
        if let Err(error) = kafka.check_columns() {
            talk::error(&error);
            return Ok(Answer::No);
        }
        if let Err(error) = kafka.check_secrets() {
            talk::warning(&error.report());
        }
    }
    let tables = counted(config.tables.len() as u64, "table");
    talk::print(&format!("{} is right: {tables} configured\n", path.display()))?;
    Ok(Answer::Yes)
}
