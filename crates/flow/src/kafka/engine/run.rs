//! The embedded engine reads the topics: its tables are made at each start, as the topics are then, and go at
//! each end, in order, or the process would not end. What a `kill -9` leaves reads on by itself as soon as the
//! engine is open, until the next start has made it anew: the group knows where it was.

use super::consumers::Seen;
use super::look::{self, Found, Reads, look};
use super::script::{self, Connection};
use crate::evolve;
use crate::kafka::KafkaOptions;
use crate::kafka::command::Command;
use crate::kafka::lives::{Asked, End, Life, stopped};
use crate::kafka::resting::Resting;
use crate::reload::Reload;
use crate::status::{State, Status, TableStatus};
use model::{Error, Fate, Mode, Result, TableName};
use std::sync::Arc;
use std::time::Duration;
use store::topics::{COMMENT, Topic};
use store::{Layout, Store, ddl};

/// How often the engine is asked how far it is: as often as librdkafka counts.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A topic without a row is looked at again: what its table is, its first one tells.
const EMPTY_PAUSE: Duration = Duration::from_secs(10);

pub(in crate::kafka) struct Engine {
    store: Arc<dyn Store>,
    status: Arc<Status>,
    seen: Arc<Seen>,
}

impl Engine {
    pub(in crate::kafka) fn new(
        (store, status): (Arc<dyn Store>, Arc<Status>),
        seen: Arc<Seen>,
    ) -> Engine {
        Engine { store, status, seen }
    }
}

impl Life for Engine {
    async fn live(
        &mut self,
        options: &KafkaOptions,
        asked: &mut Asked,
        reload: &mut Option<Reload>,
    ) -> Result<End> {
        let ended = self.read(options, asked, reload).await;
        self.rest().await?;
        ended
    }

    async fn rest(&mut self) -> Result<()> {
        self.status.set_connected(false);
        clear(self.store.as_ref()).await
    }
}

/// Takes away what reads topics, in any group's name; what it has read stays.
pub async fn clear(store: &dyn Store) -> Result<()> {
    let sql = format!(
        "SELECT database, name FROM system.tables WHERE engine = 'Kafka' AND database IN \
         (SELECT name FROM system.databases WHERE comment = {})",
        ddl::literal(COMMENT)
    );
    for row in store.query(&sql).await? {
        let [Some(database), Some(topic)] = &row[..] else { continue };
        for statement in store.layout().drop_topic(&Topic::new(database, topic)) {
            store.execute(&statement).await?;
        }
    }
    Ok(())
}

impl Engine {
    /// One life of the tables. Nothing is interrupted that makes one: it would be there, and nobody would know.
    async fn read(
        &mut self,
        options: &KafkaOptions,
        asked: &mut Asked,
        reload: &mut Option<Reload>,
    ) -> Result<End> {
        let (store, status) = (self.store.as_ref(), self.status.as_ref());
        clear(store).await?;
        for statement in script::shared(&options.consumer.group, &Layout::EMBEDDED) {
            store.execute(&statement).await?;
        }
        self.seen.begin(store).await?;
        let mut waiting = Some(options.clone());
        loop {
            if let Some(wanted) = &waiting {
                let found = tokio::select! {
                    found = find(wanted, store) => found?,
                    () = stopped(&mut asked.stopping) => return Ok(End::Stopped),
                };
                waiting = make_all(found, wanted, store, status).await?;
            }
            if let Some(reload) = reload.take() {
                reload.answer(status, false);
            }
            let again = async {
                match waiting {
                    Some(_) => tokio::time::sleep(EMPTY_PAUSE).await,
                    None => std::future::pending().await,
                }
            };
            let command = tokio::select! {
                error = watch(store, status, &self.seen) => return Err(error),
                () = stopped(&mut asked.stopping) => return Ok(End::Stopped),
                Some(command) = asked.commands.recv() => command,
                () = again => continue,
            };
            if let Some(end) = self.answer(command, options).await? {
                return Ok(end);
            }
        }
    }

    async fn answer(&self, command: Command, options: &KafkaOptions) -> Result<Option<End>> {
        let (store, status) = (self.store.as_ref(), self.status.as_ref());
        match command {
            // What cannot be read is in a table of the engine's.
            Command::LookForNewer { reply, .. } => drop(reply.send(Ok(()))),
            Command::Replay { reply, .. } => drop(reply.send(Ok(Vec::new()))),
            Command::Subject { reply, .. } => {
                let _ = reply.send(Ok(Err("ClickHouse reads its topic".to_owned())));
            }
            Command::Pause { .. } | Command::Reload { .. } => {
                clear(store).await?;
                return Resting::new(options, (store, status), None).answer(command).await;
            }
            Command::Resume { .. } | Command::Check { .. } => {
                return Resting::new(options, (store, status), None).answer(command).await;
            }
        }
        Ok(None)
    }
}

async fn find(options: &KafkaOptions, store: &dyn Store) -> Result<Found> {
    let known = look::known(store.query(look::KNOWN).await?, &options.consumer.group)?;
    let options = options.clone();
    let found = tokio::task::spawn_blocking(move || look(&options, known, &[])).await;
    found.map_err(|error| Error::bug("the look into the topics broke").source(error))?
}

/// Returns what is to be looked at again.
async fn make_all(
    found: Found,
    options: &KafkaOptions,
    store: &dyn Store,
    status: &Status,
) -> Result<Option<KafkaOptions>> {
    let of = &options.consumer;
    let connection = Connection {
        brokers: &of.brokers,
        group: &of.group,
        // The engine's configuration has it, which nobody reads but its owner.
        security: None,
        registry: of.reader.registry.as_ref(),
        placeholder: &of.reader.placeholder,
        shows_secrets: true,
    };
    for (topic, error) in found.left_out {
        let place = TableName::new("", &topic);
        tracing::error!(topic, error = %error.report(), "the topic is not read");
        show(status, &topic, Mode::Mirror, &place, &place, Some(&error));
    }
    for reads in &found.topics {
        let made = make(reads, &connection, store, status).await;
        let error = match made {
            Err(error) if error.fate() == Fate::Definite => Some(error),
            made => made.map(|()| None)?,
        };
        let target = &reads.target;
        let name = target.table.name.to_string();
        show(status, &name, target.mode, &target.name, &target.rows, error.as_ref());
    }
    if found.empty.is_empty() {
        return Ok(None);
    }
    let mut waiting = options.clone();
    waiting.consumer.topics = found.empty;
    Ok(Some(waiting))
}

async fn make(
    reads: &Reads,
    connection: &Connection<'_>,
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    // What `script::table` prints; and types that have become wider.
    if let Some(why) = evolve::bring_undescribed(&reads.target, store, status).await? {
        let (name, rows) = (&reads.target.table.name, &reads.target.rows);
        return Err(Error::definite(format!("cannot keep {name} in {rows}"))
            .detail(why)
            .hint(format!("give it another place: target = \"…\" under [tables.\"{name}\"]")));
    }
    for statement in script::topic(reads, connection, &Layout::EMBEDDED)? {
        store.execute(&statement).await?;
    }
    Ok(())
}

fn show(
    status: &Status,
    name: &str,
    mode: Mode,
    target: &TableName,
    rows: &TableName,
    error: Option<&Error>,
) {
    let mut shown = TableStatus::new(mode, target.clone(), rows.clone());
    shown.state = if error.is_some() { State::Failed } else { State::Streaming };
    shown.last_error = error.map(Error::report);
    status.set_table(name, shown);
}

/// Ends with an error of the store's.
async fn watch(store: &dyn Store, status: &Status, seen: &Seen) -> Error {
    let mut told = None;
    loop {
        let (is_read, trouble) = match seen.look(store).await {
            Ok(seen) => seen,
            Err(error) => return error,
        };
        status.set_connected(is_read);
        let trouble = trouble.map(|error| error.report());
        if trouble != told {
            if let Some(error) = &trouble {
                tracing::error!(%error, "ClickHouse could not read on; it tries again");
            }
            told = trouble;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
