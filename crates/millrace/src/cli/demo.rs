//! `millrace demo`.

use super::Answer;
use crate::assemble::block_on;
use crate::demo::Demo;
use crate::talk;
use model::Result;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Keep everything when it ends, and print the commands that go on with it
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: Args) -> Result<Answer> {
    talk::start_logs(tracing::Level::WARN)?;
    block_on(Demo::run(args.keep))?;
    Ok(Answer::Yes)
}
