//! The loop comes to rest: for a pause, or to be brought up again with other options.

use super::resting::answer_paused;
use super::{End, Loop};
use crate::pause::{self, Paused};
use crate::reload::{self, Reload, ReloadOptions, Reloaded};
use model::Result;
use tokio::sync::oneshot;

impl Loop {
    /// Paused is what it is when everything that was read is durable and nobody is on the slot.
    pub(super) async fn on_pause(&mut self, reply: oneshot::Sender<Result<Paused>>) -> Result<End> {
        self.come_to_rest().await?;
        let (store, status) = (self.store.as_ref(), &self.status);
        let since = pause::record(true, store, status, &self.options.slot).await?;
        status.set_paused(Some(since));
        answer_paused(&self.options, since, false, reply);
        Ok(End::Again(None))
    }

    /// `None`: it was refused, and everything goes on as it was.
    pub(super) async fn on_reload(
        &mut self,
        options: ReloadOptions,
        reply: oneshot::Sender<Result<Reloaded>>,
    ) -> Result<Option<End>> {
        if let Err(error) = reload::check(&self.options, &options, self.store.as_ref()).await {
            let _ = reply.send(Err(error));
            return Ok(None);
        }
        self.come_to_rest().await?;
        Ok(Some(End::Reload(Reload { options, reply })))
    }
}
