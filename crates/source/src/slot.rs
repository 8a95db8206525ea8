//! The publication and the slot: what the source must have before anything can flow.

use crate::address::Address;
use crate::catalog::server_version;
use crate::client::{Bound, connect, pg_error, quoted};
use crate::own_tables::{OwnTable, own_tables};
use model::{Error, Lsn, Result, TableName};
use std::fmt;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Row};

/// Whether the publication was there.
#[derive(Debug, PartialEq, Eq)]
pub enum Publication {
    Existed,
    /// Made for every table of ours that has a replica identity. Publishing the others would make
    /// their UPDATEs and DELETEs fail at the source, so they were left out.
    Created {
        left_out: Vec<TableName>,
    },
}

/// Makes sure that the publication exists; `create: false` only looks.
pub async fn ensure_publication(client: &Client, name: &str, create: bool) -> Result<Publication> {
    let sql = "select from pg_publication where pubname = $1";
    let found = client.query_opt(sql, &[&name]).await;
    if found.map_err(|error| pg_error("look for the publication", error))?.is_some() {
        return Ok(Publication::Existed);
    }
    let (tables, left_out) = publishable(client).await?;
    let statement = publication_statement(name, &tables, server_version(client).await?);
    if !create {
        return Err(Error::definite(format!("cannot find publication {name}")).hint(statement));
    }
    match client.batch_execute(&statement).await {
        Ok(()) => Ok(Publication::Created { left_out }),
        Err(error) if error.code() == Some(&SqlState::DUPLICATE_OBJECT) => Ok(Publication::Existed),
        Err(error) => {
            let hint = format!("as the tables' owner: {statement}");
            Err(pg_error(format!("create publication {name}"), error).hint(hint))
        }
    }
}

/// Through the root: the parts of a partitioned table are one table to whoever analyses it. Stored
/// generated columns are columns to them like any other; before 18 the log could not send them.
pub(crate) fn publication_options(version: u32) -> &'static str {
    match version {
        180_000.. => "publish_via_partition_root = true, publish_generated_columns = stored",
        _ => "publish_via_partition_root = true",
    }
}

fn publication_statement(name: &str, tables: &[String], version: u32) -> String {
    let tables = match tables {
        [] => String::new(),
        _ => format!(" FOR TABLE {}", tables.join(", ")),
    };
    let name = quoted(name);
    format!("CREATE PUBLICATION {name}{tables} WITH ({});", publication_options(version))
}

/// Those of the user's own tables that our role may publish: quoted those with a replica identity,
/// and those without.
async fn publishable(client: &Client) -> Result<(Vec<String>, Vec<TableName>)> {
    let ours = own_tables(client).await?.into_iter().filter(|table| table.is_ours);
    let (fit, unfit): (Vec<OwnTable>, Vec<OwnTable>) = ours.partition(|table| table.has_identity);
    Ok((
        fit.into_iter().map(|table| table.quoted).collect(),
        unfit.into_iter().map(|table| table.name).collect(),
    ))
}

/// What `pg_replication_slots` says of a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// `None`: a physical slot.
    pub plugin: Option<String>,
    pub database: Option<String>,
    pub active_pid: Option<i32>,
    pub confirmed_flush: Option<Lsn>,
    pub restart_lsn: Option<Lsn>,
    /// `reserved`, `extended`, `unreserved` or `lost`.
    pub wal_status: Option<String>,
    /// Why the server gave the slot up (Postgres 17 on).
    pub invalidation: Option<String>,
    /// Log that was written after what the slot has confirmed.
    pub lag_bytes: u64,
    /// Log that the server keeps for it.
    pub retained_bytes: u64,
    /// Log that may still be written before the slot is in danger; `None`: no limit is set.
    pub safe_wal_size: Option<i64>,
}

impl Slot {
    /// It cannot be read from any more: the log that it needs is gone.
    pub fn is_lost(&self) -> bool {
        self.wal_status.as_deref() == Some("lost") || self.invalidation.is_some()
    }
}

/// A standby's own end of log is what it received.
const END_OF_LOG: &str = "case when pg_is_in_recovery()
    then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    else pg_current_wal_lsn() end";

pub async fn slot_info(client: &Client, name: &str) -> Result<Option<Slot>> {
    // As JSON, because only Postgres 17 has the column.
    let sql = format!(
        "select s.plugin::text, s.database::text, s.active_pid, s.confirmed_flush_lsn::text,
                s.restart_lsn::text, s.wal_status, to_jsonb(s) ->> 'invalidation_reason',
                greatest(0, {END_OF_LOG} - s.confirmed_flush_lsn)::int8, s.safe_wal_size,
                greatest(0, {END_OF_LOG} - s.restart_lsn)::int8
           from pg_replication_slots s where s.slot_name = $1"
    );
    let row = client.query_opt(&sql, &[&name]).await;
    let row = row.map_err(|error| pg_error(format!("look at slot {name}"), error))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Slot {
        plugin: row.get(0),
        database: row.get(1),
        active_pid: row.get(2),
        confirmed_flush: optional_lsn(row.get(3))?,
        restart_lsn: optional_lsn(row.get(4))?,
        wal_status: row.get(5),
        invalidation: row.get(6),
        lag_bytes: row.get::<_, Option<i64>>(7).unwrap_or(0) as u64,
        safe_wal_size: row.get(8),
        retained_bytes: row.get::<_, Option<i64>>(9).unwrap_or(0) as u64,
    }))
}

fn optional_lsn(text: Option<&str>) -> Result<Option<Lsn>> {
    text.map(lsn).transpose()
}

pub(crate) fn lsn(text: &str) -> Result<Lsn> {
    text.parse().map_err(|error| Error::bug("cannot read the server's log position").source(error))
}

/// A transaction that must end before a slot can be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Blocker {
    /// 0: a prepared transaction.
    pub pid: i32,
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    /// Since when its transaction runs; `None` when our role may not see it.
    pub seconds: Option<i64>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            return f.write_str("a prepared transaction (see pg_prepared_xacts)");
        }
        write!(f, "process {}", self.pid)?;
        let named = [("user", &self.user), ("database", &self.database)];
        for (label, name) in named.into_iter().chain([("application", &self.application)]) {
            if let Some(name) = name.as_deref().filter(|name| !name.is_empty()) {
                write!(f, ", {label} {name}")?;
            }
        }
        match self.seconds {
            Some(seconds) => write!(f, ", in a transaction for {seconds} s"),
            None => Ok(()),
        }
    }
}

/// A first answer is worth a look; a prompt creation needs none.
const WAIT_BEFORE_TELLING: Duration = Duration::from_secs(3);

/// Creates the slot and returns where its stream begins. The server waits for every transaction that
/// writes when this is called: after 3 s and each 3 s from then on `waiting` hears for whom.
pub async fn create_slot(
    address: &Address,
    name: &str,
    waiting: &mut (dyn FnMut(&[Blocker]) + Send),
) -> Result<Lsn> {
    let session = Bound::connect(address).await?;
    let client = &session.client;
    // Without it a creation that nobody waits for any more would leave its slot behind, and a slot
    // without a reader keeps log for ever. Platforms that cannot do it refuse; then so be it.
    let _ = client.batch_execute("SET client_connection_check_interval = '5s'").await;
    let sql = "select lsn::text from pg_create_logical_replication_slot($1, 'pgoutput')";
    let created = async {
        let row = client.query_one(sql, &[&name]).await;
        let row = row.map_err(|error| not_created(name, error))?;
        lsn(row.get(0))
    };
    tell_while_waiting(address, name, created, waiting).await
}

/// One that another process has created meanwhile is read from, by one of the two.
fn not_created(name: &str, error: tokio_postgres::Error) -> Error {
    match error.code() == Some(&SqlState::DUPLICATE_OBJECT) {
        true => Error::transient(format!("could not create slot {name}: it is there by now"))
            .hint("a slot is for one `millrace up`: is a second one running?")
            .source(error),
        false => pg_error(format!("create slot {name}"), error),
    }
}

/// Runs `creation` of the slot `name` and tells meanwhile whom the server waits for.
pub(crate) async fn tell_while_waiting<T>(
    address: &Address,
    name: &str,
    creation: impl Future<Output = Result<T>>,
    waiting: &mut (dyn FnMut(&[Blocker]) + Send),
) -> Result<T> {
    let mut creation = pin!(creation);
    let mut watch: Option<Client> = None;
    loop {
        if let Ok(done) = tokio::time::timeout(WAIT_BEFORE_TELLING, &mut creation).await {
            return done;
        }
        // To tell is a courtesy: if we cannot look, we go on waiting.
        if watch.is_none() {
            watch = connect(address).await.ok();
        }
        let Some(client) = &watch else { continue };
        match blockers(client, name).await {
            Ok(blockers) if !blockers.is_empty() => waiting(&blockers),
            Ok(_) => {}
            Err(_) => watch = None,
        }
    }
}

/// A slot in creation is listed with the process that creates it, and that waits on a lock.
async fn blockers(client: &Client, slot: &str) -> Result<Vec<Blocker>> {
    let sql = "
        select distinct b.pid, a.usename::text, a.datname::text, a.application_name,
               extract(epoch from clock_timestamp() - a.xact_start)::int8
          from pg_replication_slots s
          cross join unnest(pg_blocking_pids(s.active_pid)) b(pid)
          left join pg_stat_activity a on a.pid = b.pid and b.pid <> 0
         where s.slot_name = $1 and s.active_pid is not null
         order by 5 desc nulls last";
    let rows = client.query(sql, &[&slot]).await;
    let rows = rows.map_err(|error| pg_error("look for long transactions", error))?;
    let blocker = |row: &Row| Blocker {
        pid: row.get(0),
        user: row.get(1),
        database: row.get(2),
        application: row.get(3),
        seconds: row.get(4),
    };
    Ok(rows.iter().map(blocker).collect())
}

/// Drops the slot; one that is not there is no error.
pub async fn drop_slot(client: &Client, name: &str) -> Result<()> {
    let sql = "select pg_drop_replication_slot(slot_name) from pg_replication_slots
               where slot_name = $1";
    let dropped = client.execute(sql, &[&name]).await;
    dropped.map_err(|error| pg_error(format!("drop slot {name}"), error)).map(drop)
}

/// The server's end of log.
pub async fn current_wal_lsn(client: &Client) -> Result<Lsn> {
    let row = client.query_one(&format!("select ({END_OF_LOG})::text"), &[]).await;
    lsn(row.map_err(|error| pg_error("read the end of the log", error))?.get(0))
}

/// Writes a message of ours into the log, so that the slot of an idle database moves and the way
/// from commit to store can be timed. Returns the message's position.
pub async fn heartbeat(client: &Client) -> Result<Lsn> {
    let sql = "select pg_logical_emit_message(true, 'millrace', '')::text";
    let row = client.query_one(sql, &[]).await;
    lsn(row.map_err(|error| pg_error("write a heartbeat", error))?.get(0))
}
