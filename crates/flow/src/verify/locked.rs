//! A snapshot whose tables nobody can rewrite until the comparison is over.
//!
//! ```text
//! Snapshot::open ─▶ two connections join it ─▶ each locks every table, ACCESS SHARE
//!    ▲                                            │ rewritten meanwhile, or another's lock
//!    └──────────── a pause, all over again ◀──────┘
//! ```
//!
//! A TRUNCATE leaves nothing for an older snapshot to see, so it must wait; writers of rows do not.
//! All locks are taken before the first row is read: once a TRUNCATE stands in line behind one of
//! ours, whoever comes later stands in line behind the TRUNCATE, we too. For the same reason ours
//! wait only for a moment: nobody's TRUNCATE is to be the victim of a deadlock with us.

use crate::retry;
use model::{Error, Fate, Result, TableId};
use source::Address;
use source::client::pg_error;
use source::copy::{self, Snapshot};
use std::collections::HashMap;
use std::time::Duration;
use tokio_postgres::Client;

/// Far below Postgres's `deadlock_timeout`, after which it looks for a victim.
const LOCK_WAITS: &str = "SET lock_timeout = '100ms'";
/// The stream stands still meanwhile, so somebody's long transaction is not waited for.
const OPEN_MOST: Duration = Duration::from_secs(30);

pub(crate) struct Locked {
    pub(crate) snapshot: Snapshot,
    /// Each holds every lock, and is as good as new after [`Locked::reset`].
    pub(super) clients: [Client; 2],
    /// How a FROM clause names a table, or why it cannot be compared.
    names: HashMap<TableId, Result<String, String>>,
}

impl Locked {
    /// Tries until nobody was in the way, but not for long.
    pub(crate) async fn open(address: &Address, ids: &[TableId]) -> Result<Locked> {
        let mut last = None;
        let opened = tokio::time::timeout(OPEN_MOST, Locked::try_on(address, ids, &mut last)).await;
        opened.unwrap_or_else(|_| {
            let mut error = Error::transient("could not verify: the snapshot takes too long")
                .hint("end long transactions on the source, and try again");
            if let Some(last) = last {
                error = error.source(last);
            }
            Err(error)
        })
    }

    async fn try_on(
        address: &Address,
        ids: &[TableId],
        last: &mut Option<Error>,
    ) -> Result<Locked> {
        for tries in 1.. {
            let snapshot = Snapshot::open(address).await?;
            let error = match Locked::of(snapshot, ids).await {
                Ok(locked) => return Ok(locked),
                Err(error) => error,
            };
            let Some(pause) = retry::pause(error.fate(), tries) else { return Err(error) };
            *last = Some(error);
            tokio::time::sleep(pause).await;
        }
        unreachable!("the tries do not end")
    }

    /// A table that cannot be locked for good is noted; an error means to take a new snapshot.
    pub(super) async fn of(snapshot: Snapshot, ids: &[TableId]) -> Result<Locked> {
        let clients = [snapshot.client().await?, snapshot.client().await?];
        let mut names = HashMap::new();
        for client in &clients {
            execute(client, LOCK_WAITS).await?;
            for id in ids {
                execute(client, "SAVEPOINT millrace").await?;
                let name = match copy::hold(client, *id).await {
                    Ok(name) => Ok(name),
                    Err(error) if error.fate() == Fate::Definite => {
                        execute(client, "ROLLBACK TO millrace").await?;
                        Err(error.report())
                    }
                    Err(error) => return Err(error),
                };
                execute(client, "RELEASE millrace").await?;
                names.insert(*id, name);
            }
            execute(client, "SAVEPOINT millrace").await?;
        }
        Ok(Locked { snapshot, clients, names })
    }

    pub(super) fn name(&self, id: TableId) -> Result<String> {
        match self.names.get(&id) {
            Some(Ok(name)) => Ok(name.clone()),
            Some(Err(why)) => Err(Error::definite("cannot compare the table").detail(why.clone())),
            None => Err(Error::definite("cannot compare the table: it came after the snapshot")
                .hint("run millrace verify again")),
        }
    }

    /// Whatever a failed statement left is over; the locks stay.
    pub(super) async fn reset(&self) -> Result<()> {
        for client in &self.clients {
            execute(client, "ROLLBACK TO millrace").await?;
        }
        Ok(())
    }
}

async fn execute(client: &Client, sql: &str) -> Result<()> {
    client.batch_execute(sql).await.map_err(|error| pg_error("hold the tables", error))
}
