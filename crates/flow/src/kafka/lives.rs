//! One life after the other: who reads the topics is brought up again after what went wrong, after a pause, and
//! with other options for tables.

use super::command::Command;
use super::resting::Resting;
use super::{KafkaOptions, offsets};
use crate::pause;
use crate::reload::Reload;
use crate::retry;
use crate::status::Status;
use model::{Fate, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::{mpsc, watch};

/// What a person has to mend may be mended without a restart.
const DEFINITE_PAUSE: Duration = Duration::from_secs(30);

/// What is asked of the topics from outside.
pub(super) struct Asked {
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Why a life ended.
pub(super) enum End {
    Stopped,
    /// A pause begins or ends, or it is time to try again.
    Again,
    /// With other options for tables.
    Reload(Reload),
}

/// Reads the topics.
pub(super) trait Life {
    /// Until it is stopped, is asked to rest, or fails. Answers the reload once the tables are there.
    async fn live(
        &mut self,
        options: &KafkaOptions,
        asked: &mut Asked,
        reload: &mut Option<Reload>,
    ) -> Result<End>;

    /// Nothing is read from here on, also by what an earlier process left.
    async fn rest(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Runs until it is stopped or a person has to help.
pub(super) async fn run(
    mut life: impl Life,
    mut options: KafkaOptions,
    (store, status): (Arc<dyn Store>, Arc<Status>),
    mut asked: Asked,
) -> Result<()> {
    let (mut tries, mut reload) = (0, None);
    loop {
        let begun = Instant::now();
        let of_life = (store.as_ref(), status.as_ref());
        let lived = next(&mut life, &options, of_life, &mut asked, &mut reload).await;
        status.set_connected(false);
        let end = match lived {
            Ok(end) => end,
            Err(error) => {
                status.set_error(&error);
                if error.fate() != Fate::Transient && options.is_alone {
                    return Err(error);
                }
                tries = if begun.elapsed() > DEFINITE_PAUSE { 1 } else { tries + 1 };
                if tries == 1 {
                    tracing::error!(error = %error.report(), "the topics are not read; trying again");
                }
                let pause = retry::pause(error.fate(), tries).unwrap_or(DEFINITE_PAUSE);
                Resting::new(&options, of_life, None).answer_for(pause, &mut asked).await?
            }
        };
        match end {
            End::Stopped => return Ok(()),
            End::Again => {}
            End::Reload(asked) => {
                options.take(&asked.options.tables);
                reload = Some(asked);
            }
        }
    }
}

/// The next life, or a pause.
async fn next(
    life: &mut impl Life,
    options: &KafkaOptions,
    (store, status): (&dyn Store, &Status),
    asked: &mut Asked,
    reload: &mut Option<Reload>,
) -> Result<End> {
    let name = offsets::name(&options.consumer.group);
    let paused_since = tokio::select! {
        since = pause::since(store, status, &name) => since?,
        () = stopped(&mut asked.stopping) => return Ok(End::Stopped),
    };
    status.set_paused(paused_since);
    crate::tables::show_known(store, status).await?;
    if paused_since.is_none() {
        return life.live(options, asked, reload).await;
    }
    life.rest().await?;
    tracing::warn!("paused: no topic is read until `millrace resume`");
    status.clear_error();
    if let Some(reload) = reload.take() {
        reload.answer(status, true);
    }
    Resting::new(options, (store, status), paused_since).answer_for(Duration::MAX, asked).await
}

pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // One that is dropped aborts us; that is not a stop.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
