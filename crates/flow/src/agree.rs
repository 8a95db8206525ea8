//! Whether the log can be read on from where the store stands. If not, nothing is over: the stream goes
//! on from where it can, and every table is copied again for what was missed, while its rows serve.
//!
//! | what is found | then |
//! | --- | --- |
//! | no slot, none was ever there | it is created |
//! | the slot is gone, or the server gave it up | another one is created; missed |
//! | it has confirmed more than the store holds, and the rest is in the spool | go on |
//! | it has confirmed more than both hold | read on from there; missed |
//! | another server, or a history that left ours before the store's position | missed, and rows may never have been |
//! | a promoted standby whose history has all that the store holds | go on |

use crate::again;
use crate::checkpoint;
use crate::pipeline::Options;
use crate::retry::patiently;
use crate::status::Status;
use crate::tables::Around;
use model::{Error, Lsn, Result, TableName};
use source::slot::{self, Blocker, Slot};
use source::spool::Span;
use source::timeline::{self, Server};
use store::{Rows, Store, Target, ddl};
use tokio_postgres::Client;

/// What cannot be read any more.
#[derive(Clone, Debug)]
pub(crate) struct Missed {
    pub(crate) why: String,
    history: History,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum History {
    /// Only a stretch of the log is missing.
    Same,
    /// The store may hold what never was on this server.
    Other,
    /// The same up to there: what a table holds beyond never was.
    LeftAt(Lsn),
}

impl Missed {
    /// Whether the table holds what never was.
    pub(crate) async fn is_other_history(
        &self,
        target: &Target,
        around: &Around<'_>,
    ) -> Result<bool> {
        Ok(match self.history {
            History::Same => false,
            History::Other => true,
            History::LeftAt(left) => again::newest(target, around).await? > left,
        })
    }

    /// Or of the same one, as it was before the store's position.
    pub(crate) fn is_of_another_server(&self) -> bool {
        self.history == History::Other
    }

    /// Whether tables missed something even if all that they hold was.
    pub(crate) fn is_for_all(&self) -> bool {
        !matches!(self.history, History::LeftAt(_))
    }
}

/// What of the log can be had, and whose it is: all that whoever goes on by a position of their own has to know.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "it is for sinks"))]
pub(crate) struct Ground {
    pub(crate) server: Server,
    /// Nothing before is to be had any more, from the slot or from the spool.
    pub(crate) floor: Lsn,
    /// Where the slot was made, or goes on behind what was missed. A position before that lacks what lies between;
    /// one behind it, and before the floor, does not: the slot is confirmed as far as all have it.
    pub(crate) begins: Lsn,
    /// Of the log, when this was found out.
    pub(crate) end: Lsn,
    /// It was found out just now that something is missing.
    pub(crate) missed: Option<String>,
    /// What was read before may never have been on this server.
    pub(crate) is_other: bool,
    /// The slot was made just now, or something is missing.
    pub(crate) is_anew: bool,
}

/// Where the stream goes on.
pub(crate) struct Agreed {
    pub(crate) position: Lsn,
    pub(crate) missed: Option<Missed>,
    pub(crate) ground: Ground,
    /// What the store has written down of the position.
    recorded: Option<Lsn>,
}

pub(crate) async fn agree(
    options: &Options,
    client: &Client,
    is_known: bool,
    is_held: bool,
    store: &dyn Store,
    status: &Status,
) -> Result<Agreed> {
    let name = &options.slot;
    let server = timeline::server(&options.address).await?;
    let recorded = checkpoint::last(store, name).await?;
    let mut missed = missed_by_history(options, recorded, &server, store).await?;
    let found = match slot::slot_info(client, name).await? {
        None => {
            if recorded.is_some() {
                miss(&mut missed, format!("Slot {name} does not exist any more."));
            }
            None
        }
        Some(found) if found.is_lost() => {
            let why = found.invalidation.as_deref().unwrap_or("wal_removed");
            let keep = "raise max_slot_wal_keep_size to keep the log longer";
            miss(&mut missed, format!("The server gave slot {name} up: {why}; {keep}."));
            slot::drop_slot(client, name).await?;
            None
        }
        Some(found) => Some(check(name, &found, options.address.database(), is_held)?),
    };
    let span = spooled(options, &server, found.zip(recorded)).await?;
    let held = span.as_ref().map_or(Lsn::ZERO, |span| span.through);
    let confirmed = match found {
        Some(confirmed) => confirmed,
        None => create(options, status).await?,
    };
    let end = slot::current_wal_lsn(client).await?;
    let position = match recorded.filter(|_| found.is_some()) {
        Some(recorded) if confirmed > recorded.max(held) => {
            miss(
                &mut missed,
                format!(
                    "Slot {name} has confirmed {confirmed}, the store holds the log up to {recorded}."
                ),
            );
            confirmed
        }
        Some(recorded) if end < recorded.max(held) => {
            let why =
                format!("The server's log ends at {end}, we hold it up to {}.", recorded.max(held));
            missed = Some(Missed { why, history: History::Other });
            confirmed
        }
        Some(recorded) => recorded,
        None => confirmed,
    };
    if recorded.is_none() && is_known {
        miss(
            &mut missed,
            format!("The store does not know how far it holds the log of slot {name}."),
        );
    }
    let of_all = missed.as_ref().filter(|missed| missed.is_for_all());
    if let (Some(spool), Some(missed)) = (&options.spool, of_all) {
        spool.give_up(&missed.why).await?;
    }
    let span = span.filter(|_| of_all.is_none());
    let floor = span.map_or(confirmed, |span| span.floor().min(confirmed));
    let is_anew = found.is_none() || of_all.is_some();
    let begins = match is_anew {
        true => floor,
        false => known_begin(name, store).await?,
    };
    if is_anew {
        // At once: a start that fails behind this finds the slot, and not that it was made.
        let begins = begins.to_string();
        record_server(&begin_of(name), &begins, server.timeline, store, status).await?;
    }
    let is_behind = recorded.is_some_and(|recorded| end < recorded);
    let is_other = is_behind || of_all.is_some_and(Missed::is_of_another_server);
    let missing = of_all.map(|missed| missed.why.clone());
    let ground = Ground { server, floor, begins, end, missed: missing, is_other, is_anew };
    Ok(Agreed { position, missed, ground, recorded })
}

/// The log between what the store holds and what the slot has confirmed, if all of it is in the spool.
async fn spooled(
    options: &Options,
    server: &Server,
    at: Option<(Lsn, Lsn)>,
) -> Result<Option<Span>> {
    let Some(spool) = &options.spool else { return Ok(None) };
    let Some(span) = spool.look(&options.slot, server, &options.address).await? else {
        return Ok(None);
    };
    if let Some((confirmed, recorded)) = at {
        // All of it comes from the slot as well, and so does what a sink may lack before it.
        let is_needless = confirmed < span.floor() && !options.sinks.is_empty();
        if is_needless && confirmed <= recorded {
            spool.give_up("the slot has all of it").await?;
            return Ok(None);
        }
        if span.bridges(recorded, confirmed) {
            return Ok(Some(span));
        }
        if confirmed > recorded
            && let Some(lost) = spool.lost(&span, confirmed)
        {
            return Err(lost);
        }
    }
    spool.give_up("it does not begin where the store ends").await?;
    Ok(None)
}

impl Agreed {
    /// Once the tables know what they missed: from now on a missing slot means a missing stretch of
    /// the log.
    pub(crate) async fn record(
        &self,
        slot: &str,
        store: &dyn Store,
        status: &Status,
    ) -> Result<()> {
        let server = &self.ground.server;
        if self.recorded != Some(self.position) {
            // A server that was set back begins lower, and the higher position would win.
            let quoted = ddl::literal(slot);
            let forget = format!("ALTER TABLE millrace.checkpoints DELETE WHERE slot = {quoted}");
            if self.recorded > Some(self.position) {
                let checkpoints = TableName::new("millrace", "checkpoints");
                patiently(status, || store.mutate(&checkpoints, &forget)).await?;
            }
            let row = checkpoint::row(slot, self.position);
            patiently(status, || store.record(checkpoint::CHECKPOINTS, row.clone())).await?;
        }
        if known_server(slot, store).await?.as_ref() != Some(server) {
            record_server(slot, &server.system, server.timeline, store, status).await?;
        }
        Ok(())
    }
}

async fn record_server(
    slot: &str,
    system: &str,
    timeline: u32,
    store: &dyn Store,
    status: &Status,
) -> Result<()> {
    let version = crate::status::now_us().to_string();
    let row = [slot, system, &timeline.to_string(), &version].map(|text| Some(text.to_owned()));
    let rows: Rows = vec![row.into()];
    let into = "millrace.servers (slot, system, timeline, version)";
    patiently(status, || store.record(into, rows.clone())).await
}

/// The name of a row beside the slot's own: no slot is called so. Where `system` stands it has a position, since a
/// table more for one number is one that everybody has to be granted.
fn begin_of(slot: &str) -> String {
    format!("{slot}: begins")
}

/// Zero: it was made before anybody wrote that down.
async fn known_begin(slot: &str, store: &dyn Store) -> Result<Lsn> {
    let Some(row) = known_server(&begin_of(slot), store).await? else { return Ok(Lsn::ZERO) };
    row.system
        .parse()
        .map_err(|error| Error::bug("where the slot begins does not read").source(error))
}

/// Whether the store's position is on the server's history.
async fn missed_by_history(
    options: &Options,
    recorded: Option<Lsn>,
    server: &Server,
    store: &dyn Store,
) -> Result<Option<Missed>> {
    let (Some(recorded), Some(before)) = (recorded, known_server(&options.slot, store).await?)
    else {
        return Ok(None);
    };
    let missed = |why: String, history| Ok(Some(Missed { why, history }));
    if before.system != server.system {
        return missed("It is another server than before.".into(), History::Other);
    }
    if before.timeline == server.timeline {
        return Ok(None);
    }
    let left = match server.timeline {
        1 => None,
        now => timeline::left_at(&options.address, now, before.timeline).await?,
    };
    match left {
        // The store may hold more than it has written down.
        Some(left) if left >= recorded => {
            let why = format!(
                "The server left timeline {} at {left}, and the store holds more.",
                before.timeline
            );
            missed(why, History::LeftAt(left))
        }
        _ => missed(
            format!(
                "The server is on timeline {} now; the store holds timeline {} up to {recorded}, which it left before that.",
                server.timeline, before.timeline
            ),
            History::Other,
        ),
    }
}

async fn known_server(slot: &str, store: &dyn Store) -> Result<Option<Server>> {
    let slot = ddl::literal(slot);
    let sql = format!("SELECT system, timeline FROM millrace.servers FINAL WHERE slot = {slot}");
    let Some(row) = store.query(&sql).await?.into_iter().next() else { return Ok(None) };
    let mut fields = row.into_iter().flatten();
    let read = (fields.next(), fields.next().and_then(|text| text.parse().ok()));
    match read {
        (Some(system), Some(timeline)) => Ok(Some(Server { system, timeline })),
        _ => Err(Error::bug("a row of millrace.servers does not read back")),
    }
}

fn miss(missed: &mut Option<Missed>, why: String) {
    match missed {
        // Whatever a table holds beyond, it lacks what was missed too.
        Some(missed) if !missed.is_for_all() => *missed = Missed { why, history: History::Other },
        Some(_) => {}
        none => *none = Some(Missed { why, history: History::Same }),
    }
}

async fn create(options: &Options, status: &Status) -> Result<Lsn> {
    let mut waiting = |blockers: &[Blocker]| {
        let names: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
        tracing::info!(blockers = %names.join("; "), "the slot waits for older transactions");
        status.set_waiting_for(Some(names.join("; ")));
    };
    let created = slot::create_slot(&options.address, &options.slot, &mut waiting).await;
    status.set_waiting_for(None);
    let position = created?;
    tracing::info!(slot = %options.slot, %position, "created the slot");
    Ok(position)
}

/// Whether the slot can be read from now, or once we let it go, if it `is_held` by us. Returns what it has
/// confirmed.
pub(crate) fn check(name: &str, slot: &Slot, database: &str, is_held: bool) -> Result<Lsn> {
    if slot.plugin.as_deref() != Some("pgoutput") || slot.database.as_deref() != Some(database) {
        return Err(Error::definite(format!("cannot use slot {name}"))
            .detail(format!("It is not a pgoutput slot of the database {database}."))
            .hint("set [source] slot to another name, or drop that slot"));
    }
    if let Some(pid) = slot.active_pid.filter(|_| !is_held) {
        return Err(Error::transient(format!("could not use slot {name}"))
            .detail(format!("Process {pid} on the server reads from it."))
            .hint("stop the other reader: is a second millrace running?"));
    }
    slot.confirmed_flush.ok_or_else(|| Error::bug(format!("slot {name} has no position")))
}

/// Before the stream starts anew: whether it can go on as it was.
pub(crate) async fn is_as_it_was(
    options: &Options,
    client: &Client,
    recorded: Lsn,
    server: &Server,
) -> Result<bool> {
    if timeline::server(&options.address).await? != *server {
        return Ok(false);
    }
    let Some(found) = slot::slot_info(client, &options.slot).await? else { return Ok(false) };
    if found.is_lost() {
        return Ok(false);
    }
    let confirmed = check(&options.slot, &found, options.address.database(), false)?;
    let span = match &options.spool {
        Some(spool) => spool.span().await?,
        None => None,
    };
    let held = span.as_ref().map_or(recorded, |span| span.through.max(recorded));
    // A disk that was set back has the same name and timeline.
    if slot::current_wal_lsn(client).await? < held {
        return Ok(false);
    }
    Ok(span.map_or(confirmed <= recorded, |span| span.bridges(recorded, confirmed)))
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
            retained_bytes: 0,
            safe_wal_size: None,
        }
    }

    #[test]
    fn slots_that_cannot_be_read_say_why() {
        assert_eq!(check("s", &slot(), "shop", false).unwrap(), Lsn(7));
        let active = Slot { active_pid: Some(42), ..slot() };
        assert_eq!(check("s", &active, "shop", true).unwrap(), Lsn(7));
        let busy = check("s", &active, "shop", false).unwrap_err();
        assert_eq!(busy.fate(), Fate::Transient);
        assert!(busy.report().contains("42"));
        assert_eq!(check("s", &slot(), "other", false).unwrap_err().fate(), Fate::Definite);
        let plugin = Some("test_decoding".into());
        assert!(check("s", &Slot { plugin, ..slot() }, "shop", false).is_err());
    }
}
