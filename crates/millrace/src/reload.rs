//! The configuration read again while the process runs: the tables' options are taken, or nothing is.

use crate::config::Config;
use flow::reload::{ReloadOptions, Reloaded};
use model::{Error, Result};
use std::sync::Arc;
use tokio::sync::Mutex;

pub(crate) struct Reloading {
    /// What the pipeline runs with.
    config: Mutex<Config>,
    handle: flow::Handle,
}

impl Reloading {
    pub(crate) fn new(config: Config, handle: flow::Handle) -> Arc<Reloading> {
        Arc::new(Reloading { config: Mutex::new(config), handle })
    }

    /// To its end, also when whoever asked has gone: what runs and what we know of it stay the same.
    pub(crate) async fn reload(self: Arc<Reloading>) -> Result<Reloaded> {
        let whole = tokio::spawn(async move { self.take().await });
        whole.await.unwrap_or_else(|panic| Err(Error::bug("a reload broke").source(panic)))
    }

    async fn take(&self) -> Result<Reloaded> {
        let mut config = self.config.lock().await;
        let now = Config::load(&config.file)?;
        let changes = config.written.changes(&now.written);
        if !changes.others.is_empty() {
            let what = format!("cannot reload: {} changed", changes.others.join(", "));
            return Err(Error::definite(what)
                .detail("Only [tables] can change while it runs. Nothing of the file was taken.")
                .hint("restart millrace up, or change it back"));
        }
        if changes.tables.is_empty() {
            return Ok(Reloaded { tables: Vec::new(), paused: false });
        }
        let options = ReloadOptions { tables: now.tables.clone(), changed: changes.tables };
        let reloaded = self.handle.reload(options).await?;
        *config = now;
        Ok(reloaded)
    }
}
