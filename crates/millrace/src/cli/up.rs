//! `millrace up`: runs everything until it is told to stop. SIGHUP is `millrace reload`, unless it is the
//! terminal that hangs up.

use super::Answer;
use crate::assemble::{Mill, Ports, Resolved, block_on, stop_signal};
use crate::config::Config;
use crate::confine;
use crate::keeper::Keeper;
use crate::reload::Reloading;
use crate::talk::{self, Paint};
use model::{Error, Result};
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

const KEEPER_LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_args: Args, config: &Config) -> Result<Answer> {
    talk::start_logs(tracing::Level::INFO)?;
    let ports = Ports::bind(config)?;
    let resolved = Resolved::of(config)?;
    // It is held to its files no longer than it can start another process.
    let mut keeper = Keeper::start(config, "info")?;
    // While this is the only thread. A store that is a server opens no file for anybody.
    let confined = match config.store.remote {
        None => {
            Some(confine::enter(config, resolved.source(), &resolved.elsewhere(config.folder()))?)
        }
        Some(_) => None,
    };
    let is_confined = confined.as_ref().map(Option::is_some);
    block_on(async {
        let stop = stop_signal()?;
        let mill = Mill::start_in(config, resolved, ports, is_confined).await?;
        let places = mill.places();
        let rows = match (places.clickhouse, places.clickhouse_tls) {
            (Some(door), None) => format!("ClickHouse's HTTP protocol on http://{door}"),
            (Some(door), Some(tls)) => {
                format!("ClickHouse's HTTP protocol on http://{door} and https://{tls}")
            }
            (None, _) => "rows go to the server of store.url".to_owned(),
        };
        talk::say(format!(
            "{} {rows}, status on http://{}/api/status; Ctrl-C drains and stops",
            talk::words("up:", Paint::Green),
            places.ui
        ));
        let hung_up = hang_ups(mill.reloading())?;
        mill.run_until(async {
            tokio::select! {
                () = stop => {}
                () = hung_up => {}
                () = watch(&mut keeper) => {}
            }
            talk::say("stopping: what has been read is made durable first; again stops at once");
            // While there is somebody to tell what was ended.
            if let Some(mut keeper) = keeper.take() {
                let _ = tokio::task::spawn_blocking(move || keeper.end()).await;
            }
        })
        .await
    })?;
    talk::say("stopped");
    Ok(Answer::Yes)
}

/// Says so when the keeper of schedules has ended by itself; does not complete.
async fn watch(keeper: &mut Option<Keeper>) {
    while let Some(status) = keeper.as_mut().map(Keeper::has_ended) {
        if let Some(status) = status {
            tracing::warn!(%status, "schedules are not run any more: their keeper has ended; to have them again, restart `millrace up`");
            break;
        }
        tokio::time::sleep(KEEPER_LOOK_EVERY).await;
    }
    std::future::pending::<()>().await;
}

/// Reloads at each SIGHUP; completes when the terminal is gone.
fn hang_ups(reloading: Arc<Reloading>) -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let cannot = |error| Error::definite("cannot listen for signals").source(error);
    let mut hang_up = signal(SignalKind::hangup()).map_err(cannot)?;
    let had_terminal = has_terminal();
    Ok(async move {
        while hang_up.recv().await.is_some() {
            if had_terminal && !has_terminal() {
                return;
            }
            match reloading.clone().reload().await {
                Ok(reloaded) => talk::say(format!("reload: {}", super::reload::render(&reloaded))),
                Err(error) => talk::error(&error),
            }
        }
    })
}

/// One that hung up is none any more.
fn has_terminal() -> bool {
    std::io::stdin().is_terminal() || talk::stdout_is_terminal() || talk::stderr_is_terminal()
}
