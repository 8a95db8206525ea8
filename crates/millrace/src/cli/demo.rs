//! `millrace demo`.

use super::Answer;
use crate::assemble::block_on;
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
    block_on(Demo::run(args.keep))?;
    Ok(Answer::Yes)
}
