//! `millrace kafka`: what concerns the topics alone.

mod ddl;

use super::Answer;
use crate::config::Config;
use clap::Subcommand;
use model::Result;

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Print every statement by which ClickHouse reads the topics itself, and run none of them
    Ddl(ddl::Args),
}

pub(crate) fn run(verb: Verb, config: &Config) -> Result<Answer> {
    match verb {
        Verb::Ddl(args) => ddl::run(args, config),
    }
}
