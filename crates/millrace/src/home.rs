//! Where rows are kept: in this process, or on a server.
//!
//! Either way the project's directory is this process's alone: what runs there is asked through the note
//! that it leaves ([`crate::running`]).

use crate::config::Config;
use model::{Error, Result};
use serve::access::File;
use std::path::Path;
use std::sync::Arc;
use store::remote::Remote;
use store::{DataDir, Engine, Reader, Store};

pub(crate) enum Home {
    Embedded(Engine),
    Remote(Remote, DataDir),
}

impl Home {
    /// A server may be away: whatever is asked of it first waits for it. `users`: of a door to come.
    pub(crate) async fn open(config: &Config, users: Option<&File>) -> Result<Home> {
        let slot = Some(config.source.slot.as_str());
        if let Some(mut options) = config.remote(slot)? {
            let data_dir = DataDir::take(&config.store.data_dir)?;
            options.place = data_dir.place_of_life();
            return Ok(Home::Remote(Remote::new(options)?, data_dir));
        }
        let options = config.engine();
        let data_dir = DataDir::take(&options.data_dir)?;
        if let Some(users) = users {
            serve::access::prepare(data_dir.path(), users)?;
        }
        let kafka = config.engine_kafka()?;
        let open = move || Engine::open_in(data_dir, options.memory_bytes, &kafka);
        let opened = tokio::task::spawn_blocking(open).await;
        let opened =
            opened.map_err(|error| Error::bug("the engine could not be opened").source(error));
        Ok(Home::Embedded(opened??))
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Home::Embedded(engine) => Arc::new(engine.clone()),
            Home::Remote(remote, _) => Arc::new(remote.clone()),
        }
    }

    /// What people ask, where there is no door of ours.
    pub(crate) fn reader(&self) -> Arc<dyn Reader> {
        match self {
            Home::Embedded(engine) => Arc::new(engine.clone()),
            Home::Remote(remote, _) => Arc::new(remote.clone()),
        }
    }

    /// What a door can be served from.
    pub(crate) fn engine(&self) -> Option<&Engine> {
        match self {
            Home::Embedded(engine) => Some(engine),
            Home::Remote(..) => None,
        }
    }

    pub(crate) fn data_dir(&self) -> &Path {
        match self {
            Home::Embedded(engine) => engine.data_dir(),
            Home::Remote(_, data_dir) => data_dir.path(),
        }
    }

    /// The process is about to end.
    pub(crate) fn close_soon(&self) {
        if let Home::Embedded(engine) = self {
            engine.close_soon();
        }
    }
}

/// The store for somebody who looks into it beside, or without, a running pipeline. An error where it has
/// never been made.
pub(crate) async fn look_into(config: &Config, doing: &str) -> Result<Arc<dyn Store>> {
    if let Some(options) = config.remote(None)? {
        return Ok(Arc::new(Remote::new(options)?));
    }
    let data_dir = &config.store.data_dir;
    if !data_dir.is_dir() {
        return Err(Error::definite(format!("cannot {doing}: there is no store yet"))
            .detail(format!("{} does not exist.", data_dir.display()))
            .hint("millrace up"));
    }
    Ok(Home::open(config, None).await?.store())
}
