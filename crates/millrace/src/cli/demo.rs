//! `millrace demo`.

use super::Answer;
use crate::assemble::runtime;
use crate::demo::Demo;
use crate::talk;
use model::Result;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep the data when it ends, and say where
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: Args) -> Result<Answer> {
    talk::start_logs(tracing::Level::WARN)?;
    runtime()?.block_on(Demo::run(args.keep))?;
    Ok(Answer::Yes)
}
