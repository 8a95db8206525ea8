//! `millrace up`: runs everything until it is told to stop.

use super::Answer;
use crate::assemble::{Mill, Ports, block_on, stop_signal};
use crate::config::Config;
use crate::talk::{self, Paint};
use model::Result;

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    talk::start_logs(tracing::Level::INFO)?;
    block_on(async {
        let stop = stop_signal()?;
        let ports = Ports::bind(config).await?;
        let mill = Mill::start(config, ports).await?;
        let places = mill.places();
        talk::say(format!(
            "{} ClickHouse's HTTP protocol on http://{}, status on http://{}/api/status; Ctrl-C drains and stops",
            talk::words("up:", Paint::Green),
            places.clickhouse,
            places.ui
        ));
        mill.run_until(async {
            stop.await;
            talk::say("stopping: what has been read is made durable first; again stops at once");
        })
        .await
    })?;
    talk::say("stopped");
    Ok(Answer::Yes)
}
