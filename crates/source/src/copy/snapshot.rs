//! One view of the database that many connections share, with its place in the log.

use super::rows::Reader;
use crate::address::Address;
use crate::client::{connect, literal, pg_error, quoted};
use crate::slot::{lsn, tell_while_waiting};
use crate::wire::Session;
use model::{Error, Lsn, Result};
use std::hash::{BuildHasher, Hasher};
use tokio_postgres::Client;

/// The state of the database at `consistent_point`. Position and view come from the same step, the
/// creation of a temporary slot: a position read beside a snapshot can lie after a commit that the
/// snapshot does not see, and the older row would win for ever.
///
/// The slot itself lives only until the keeper has joined: a slot holds log back, and a copy takes
/// hours. What stays is an idle transaction, which holds back VACUUM alone.
pub struct Snapshot {
    pub consistent_point: Lsn,
    /// By the server's clock, in microseconds since 1970.
    pub taken_us: i64,
    /// For `SET TRANSACTION SNAPSHOT`.
    pub name: String,
    address: Address,
    /// The snapshot can be joined as long as this transaction runs.
    _keeper: Client,
}

impl Snapshot {
    /// Waits for the transactions that write at this moment and says in the log whom it waits for.
    pub async fn open(address: &Address) -> Result<Snapshot> {
        let slot = format!("millrace_copy_{:016x}", random());
        let waiting = &mut |blockers: &[crate::slot::Blocker]| {
            for blocker in blockers {
                tracing::info!(%blocker, "the snapshot waits for an older transaction");
            }
        };
        let creation = create(address.clone(), slot.clone());
        let (session, consistent_point, exported) =
            tell_while_waiting(address, &slot, creation, waiting).await?;
        let keeper = join(address, &exported).await?;
        let row = keeper
            .query_one(
                "select pg_export_snapshot(), (extract(epoch from now()) * 1000000)::int8",
                &[],
            )
            .await;
        let row = row.map_err(|error| pg_error("share the snapshot", error))?;
        drop(session);
        let (name, taken_us, address) = (row.get(0), row.get(1), address.clone());
        Ok(Snapshot { consistent_point, taken_us, name, address, _keeper: keeper })
    }

    /// A fresh connection inside the snapshot, for reading. After an error it is of no more use.
    pub async fn client(&self) -> Result<Client> {
        join(&self.address, &self.name).await
    }

    /// One for COPY.
    pub async fn reader(&self) -> Result<Reader> {
        let (address, begin) = (self.address.clone(), begin(&self.name));
        let work = move || {
            let mut session = Session::connect(&address)?;
            session.simple_query(&begin, "join").map_err(not_joined)?;
            Ok(Reader::new(session))
        };
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::bug("cannot join a snapshot").source(error))?
    }

    /// The first transaction that had not begun then.
    pub async fn xmax(client: &Client) -> Result<u64> {
        bound(client, "xmax").await
    }

    /// Rows whose `xmin` is below this were committed before the snapshot.
    pub async fn xmin(client: &Client) -> Result<u64> {
        bound(client, "xmin").await
    }
}

async fn bound(client: &Client, which: &str) -> Result<u64> {
    let sql = format!("select pg_snapshot_{which}(pg_current_snapshot())::text");
    let row = client.query_one(&sql, &[]).await;
    let row = row.map_err(|error| pg_error("read the snapshot", error))?;
    let text: &str = row.get(0);
    text.parse().map_err(|error| Error::bug("cannot read a transaction id").source(error))
}

/// The blocking half. The session must stay open until somebody has joined.
async fn create(address: Address, slot: String) -> Result<(Session, Lsn, String)> {
    let work = move || {
        let mut session = Session::connect_replicating(&address)?;
        // As in `slot::create_slot`: nobody waits for us for ever if we go away.
        let _ = session.simple_query("SET client_connection_check_interval = '5s'", "set up");
        let sql = format!(
            "CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT",
            quoted(&slot)
        );
        let rows = session.simple_query(&sql, "take a snapshot")?;
        let field = |at: usize| rows.first().and_then(|row| row.get(at)).cloned().flatten();
        match (field(1), field(2)) {
            (Some(point), Some(snapshot)) => Ok((session, lsn(&point)?, snapshot)),
            _ => Err(Error::bug("cannot read the answer to CREATE_REPLICATION_SLOT")),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::bug("cannot create a snapshot").source(error))?
}

/// A transaction that reads and nothing else: it waits for no lock for long, and it leaves the
/// source's other cores alone.
fn begin(snapshot: &str) -> String {
    format!(
        "SET lock_timeout = '10s'; SET jit = off; SET max_parallel_workers_per_gather = 0;
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}",
        literal(snapshot)
    )
}

async fn join(address: &Address, snapshot: &str) -> Result<Client> {
    let client = connect(address).await?;
    let begun = client.batch_execute(&begin(snapshot)).await;
    begun.map_err(|error| not_joined(pg_error("join", error)))?;
    Ok(client)
}

/// Whatever the server says, a snapshot that cannot be joined is replaced by a new one.
fn not_joined(refused: Error) -> Error {
    Error::transient("could not join the snapshot").source(refused)
}

fn random() -> u64 {
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}
