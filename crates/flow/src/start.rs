//! Bring-up: what must be there before anything can flow.
//!
//! ```text
//! connect ─▶ publication ─▶ begin ─▶ agree: where the stream goes on ─▶ tables' description ─▶ Tables::load ─▶ record
//!                           (claim)   (the slot is created when missing)
//! ```

use crate::agree::{self, Ground, agree};
use crate::checkpoint::Positions;
use crate::claim::{self, Lost};
use crate::pipeline::Options;
use crate::status::Status;
use crate::tables::{self, Around, Tables};
use model::{Lsn, Result};
use source::client::connect;
use source::holding::Holding;
use source::slot::{self, Publication};
use source::spool::Quiet;
use source::timeline::Server;
use std::sync::Arc;
use store::Store;

/// What the loop starts with.
pub(crate) struct Ready {
    pub(crate) tables: Tables,
    pub(crate) positions: Positions,
    pub(crate) ground: Arc<Ground>,
    /// Of what was taken over.
    pub(crate) held: Option<Holding>,
}

pub(crate) async fn attempt(
    options: &Options,
    store: &dyn Store,
    status: &Status,
    lost: &mut Lost,
) -> Result<Ready> {
    let client = connect(&options.address).await?;
    let made = slot::ensure_publication(&client, &options.publication, true).await?;
    if let Publication::Created { left_out } = made {
        tracing::info!(publication = %options.publication, "created the publication");
        for table in left_out {
            tracing::warn!(%table, "left out of the publication: it has no replica identity");
        }
    }
    let published = source::catalog::published_tables(&client, &options.publication).await?;
    let others = store.begin().await?;
    // The store answers: from here on the slot is ours.
    let _quiet = match &others {
        Some(_) => disarm(options).await?,
        None => quiet(options).await,
    };
    // And not ours for long without it.
    let _starting = status.starting();
    let held = match others {
        Some(claimed) => claim::take_over(options, &client, store, claimed, lost).await?,
        None => None,
    };
    let is_known = tables::is_known(store, &published, &options.slot).await?;
    let is_held = held.as_ref().is_some_and(Holding::is_held);
    let agreed = agree(options, &client, is_known, is_held, store, status).await?;
    if let Some(missed) = agreed.missed.as_ref().filter(|missed| missed.is_for_all()) {
        let (why, from) = (&missed.why, agreed.position);
        tracing::warn!(%why, %from, "a stretch of the log cannot be read: what was missed is copied");
    }
    crate::scratch::clear(store).await?;
    // It may have taken hours until the slot was there.
    let published = source::catalog::published_tables(&client, &options.publication).await?;
    let around = Around { store, status, client: &client };
    let pattern = options.database_pattern.as_deref();
    let missed = agreed.missed.clone();
    let tables = Tables::load(published, &options.tables, pattern, missed, &around).await?;
    // Not before: were this recorded first, a process killed here would not know what it missed.
    agreed.record(&options.slot, store, status).await?;
    let positions = Positions::start(agreed.position, agreed.ground.floor);
    Ok(Ready { tables, positions, ground: Arc::new(agreed.ground), held })
}

pub(crate) async fn quiet(options: &Options) -> Option<Quiet> {
    match &options.spool {
        Some(spool) => Some(spool.quiet().await),
        None => None,
    }
}

/// Another process may have the slot: none of ours reads it into the spool before the stream has it again.
pub(crate) async fn disarm(options: &Options) -> Result<Option<Quiet>> {
    let quiet = quiet(options).await;
    if let Some(spool) = &options.spool {
        spool.disarm()?;
    }
    Ok(quiet)
}

/// Before the stream starts anew. `false`: everything is brought up again.
pub(crate) async fn look_again(options: &Options, recorded: Lsn, server: &Server) -> Result<bool> {
    let _quiet = quiet(options).await;
    let client = connect(&options.address).await?;
    agree::is_as_it_was(options, &client, recorded, server).await
}
