//! `millrace resume`: a paused pipeline goes on.

use super::Answer;
use crate::config::Config;
use crate::running::Running;
use crate::talk;
use flow::pause::Resumed;
use model::{Error, Result};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    let answer = Running::need(&config.store.data_dir)?.post("/api/resume", "")?;
    let json = |error| Error::bug("cannot read JSON").source(error);
    let resumed: Resumed = serde_json::from_str(&answer).map_err(json)?;
    talk::say(match resumed.paused_since {
        Some(since) => {
            format!(
                "it goes on; it was paused since {}\nwatch it: millrace status",
                super::time(since)
            )
        }
        None => "it was not paused".to_owned(),
    });
    Ok(Answer::Yes)
}
