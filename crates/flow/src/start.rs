//! Bring-up: what must be there before anything can flow, with patience for what may come back.
//!
//! ```text
//! connect ─▶ publication ─▶ tables' description ─▶ slot ─▶ checkpoint agrees? ─▶ Tables::load
//!                                              (created when missing)
//! ```

use crate::checkpoint::{self, Positions};
use crate::flush::patiently;
use crate::pipeline::Options;
use crate::retry;
use crate::status::Status;
use crate::tables::{self, Around, Tables};
use model::{Error, Lsn, Result, Table};
use source::client::connect;
use source::slot::{self, Blocker, Publication, Slot};
use store::Store;
use tokio_postgres::Client;

/// What the loop starts with.
pub(crate) struct Ready {
    pub(crate) tables: Tables,
    pub(crate) positions: Positions,
}

/// Tries until everything is there; ends only with an error that needs a person.
pub(crate) async fn bring_up(
    options: &Options,
    store: &dyn Store,
    status: &Status,
) -> Result<Ready> {
    let mut tries = 0;
    loop {
        let error = match attempt(options, store, status).await {
            Ok(ready) => return Ok(ready),
            Err(error) => error,
        };
        tries += 1;
        let Some(pause) = retry::pause(error.fate(), tries) else { return Err(error) };
        if tries == 1 {
            tracing::warn!(error = %error.report(), "could not start; trying on");
        }
        status.set_connected(false);
        status.set_error(&error);
        tokio::time::sleep(pause).await;
    }
}

async fn attempt(options: &Options, store: &dyn Store, status: &Status) -> Result<Ready> {
    let client = connect(&options.address).await?;
    let made = slot::ensure_publication(&client, &options.publication, true).await?;
    if let Publication::Created { left_out } = made {
        tracing::info!(publication = %options.publication, "created the publication");
        for table in left_out {
            tracing::warn!(%table, "left out of the publication: it has no replica identity");
        }
    }
    let published = source::catalog::published_tables(&client, &options.publication).await?;
    let position = agreed_position(options, &client, &published, store, status).await?;
    crate::scratch::clear(store).await?;
    let around = Around { store, status, client: &client };
    let pattern = options.database_pattern.as_deref();
    let tables = Tables::load(published, &options.tables, pattern, &around).await?;
    Ok(Ready { tables, positions: Positions::start(position) })
}

/// The slot's position, after making sure that store and slot fit together.
async fn agreed_position(
    options: &Options,
    client: &Client,
    published: &[Table],
    store: &dyn Store,
    status: &Status,
) -> Result<Lsn> {
    let recorded = checkpoint::last(store, &options.slot).await?;
    if recorded.is_none()
        && let Some(name) = tables::any_known(store, published).await?
    {
        let what = format!("cannot use slot {} with this store", options.slot);
        return Err(Error::definite(what)
            .detail(format!("The store holds {name}, which came through another slot."))
            .hint("set [source] slot to that one, or start with a new data directory"));
    }
    let Some(found) = slot::slot_info(client, &options.slot).await? else {
        if recorded.is_some() {
            return Err(gone(&options.slot, "It does not exist any more."));
        }
        return create(options, store, status).await;
    };
    let confirmed = check(&options.slot, &found, options.address.database())?;
    match recorded {
        Some(recorded) if confirmed > recorded => Err(beyond(&options.slot, confirmed, recorded)),
        Some(recorded) => Ok(recorded),
        None => record(options, store, status, confirmed).await,
    }
}

async fn create(options: &Options, store: &dyn Store, status: &Status) -> Result<Lsn> {
    let mut waiting = |blockers: &[Blocker]| {
        let names: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
        tracing::info!(blockers = %names.join("; "), "the slot waits for older transactions");
        status.set_waiting_for(Some(names.join("; ")));
    };
    let created = slot::create_slot(&options.address, &options.slot, &mut waiting).await;
    status.set_waiting_for(None);
    let position = created?;
    tracing::info!(slot = %options.slot, %position, "created the slot");
    record(options, store, status, position).await
}

/// Before anything is copied: from now on a missing slot means a missing stretch of the log.
async fn record(
    options: &Options,
    store: &dyn Store,
    status: &Status,
    position: Lsn,
) -> Result<Lsn> {
    let row = checkpoint::row(&options.slot, position);
    patiently(status, || store.record(checkpoint::CHECKPOINTS, row.clone())).await?;
    Ok(position)
}

/// Whether the slot can be read from now. Returns what it has confirmed.
fn check(name: &str, slot: &Slot, database: &str) -> Result<Lsn> {
    if slot.plugin.as_deref() != Some("pgoutput") || slot.database.as_deref() != Some(database) {
        return Err(Error::definite(format!("cannot use slot {name}"))
            .detail(format!("It is not a pgoutput slot of the database {database}."))
            .hint("set [source] slot to another name, or drop that slot"));
    }
    if slot.is_lost() {
        let why = slot.invalidation.as_deref().unwrap_or("wal_removed");
        return Err(gone(name, &format!("The server gave it up: {why}.")));
    }
    if let Some(pid) = slot.active_pid {
        return Err(Error::transient(format!("could not use slot {name}"))
            .detail(format!("Process {pid} on the server reads from it."))
            .hint("stop the other reader: is a second millrace running?"));
    }
    slot.confirmed_flush.ok_or_else(|| Error::bug(format!("slot {name} has no position")))
}

fn gone(name: &str, detail: &str) -> Error {
    Error::definite(format!("cannot go on from slot {name}"))
        .detail(format!("{detail} What was committed since the last checkpoint cannot be read."))
        .hint(
            "start with a new data directory, so that the tables are copied again; \
             raise max_slot_wal_keep_size if the server gave the slot up",
        )
}

fn beyond(name: &str, confirmed: Lsn, recorded: Lsn) -> Error {
    Error::definite(format!("cannot go on from slot {name}"))
        .detail(format!(
            "It has confirmed {confirmed}, but the store holds the log only up to {recorded}: \
             somebody else moved the slot, or the store is an older one."
        ))
        .hint("start with a new data directory, so that the tables are copied again")
}

/// Before the stream starts anew.
pub(crate) async fn look_again(options: &Options, recorded: Lsn) -> Result<()> {
    let client = connect(&options.address).await?;
    let Some(found) = slot::slot_info(&client, &options.slot).await? else {
        return Err(gone(&options.slot, "It does not exist any more."));
    };
    let confirmed = check(&options.slot, &found, options.address.database())?;
    if confirmed > recorded {
        return Err(beyond(&options.slot, confirmed, recorded));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Fate;

    fn slot() -> Slot {
        Slot {
            plugin: Some("pgoutput".into()),
            database: Some("shop".into()),
            active_pid: None,
            confirmed_flush: Some(Lsn(7)),
            restart_lsn: Some(Lsn(5)),
            wal_status: Some("reserved".into()),
            invalidation: None,
            lag_bytes: 0,
            safe_wal_size: None,
        }
    }

    #[test]
    fn slots_that_cannot_be_read_say_why() {
        assert_eq!(check("s", &slot(), "shop").unwrap(), Lsn(7));
        let busy = check("s", &Slot { active_pid: Some(42), ..slot() }, "shop").unwrap_err();
        assert_eq!(busy.fate(), Fate::Transient);
        assert!(busy.report().contains("42"));
        let lost = Slot { wal_status: Some("lost".into()), ..slot() };
        let lost = check("s", &lost, "shop").unwrap_err();
        assert_eq!(lost.fate(), Fate::Definite);
        assert!(lost.hint_text().unwrap().contains("max_slot_wal_keep_size"));
        assert_eq!(check("s", &slot(), "other").unwrap_err().fate(), Fate::Definite);
        let plugin = Some("test_decoding".into());
        assert!(check("s", &Slot { plugin, ..slot() }, "shop").is_err());
    }
}
