//! Reads the slot into the spool while nobody else does: the store is away, and the log need not be kept
//! by Postgres for that.

use super::note::Note;
use super::{Files, Pump, Spool};
use crate::timeline::Server;
use crate::wire::Session;
use crate::{Address, client, stream};
use model::{Error, Lsn, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a change of who wants the slot may go unseen.
const IDLE_READ: Duration = Duration::from_millis(50);
/// What is not synced is not confirmed.
const SYNC_EVERY: Duration = Duration::from_millis(500);
const FEEDBACK_EVERY: Duration = Duration::from_secs(10);
/// A server that says nothing for this long is asked to; then it is not there any more.
const SILENCE_ASKED: Duration = Duration::from_secs(15);
const SILENCE_MOST: Duration = Duration::from_secs(60);
/// After an error.
const PAUSE: Duration = Duration::from_secs(2);

/// Whose slot.
#[derive(Clone, Debug)]
pub struct KeeperOptions {
    pub address: Address,
    pub slot: String,
    pub publication: String,
}

/// Its thread ends when this is dropped.
pub struct Keeper {
    stop: Arc<AtomicBool>,
}

impl Keeper {
    pub fn start(spool: Arc<Spool>, options: KeeperOptions) -> Result<Keeper> {
        let keeper = Keeper { stop: Arc::default() };
        let stop = keeper.stop.clone();
        let thread = std::thread::Builder::new().name("spool".into());
        let spawned = thread.spawn(move || run(&spool, &options, &stop));
        spawned.map_err(|error| {
            Error::transient("could not start the spool's thread").source(error)
        })?;
        Ok(keeper)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn run(spool: &Spool, options: &KeeperOptions, stop: &AtomicBool) {
    let mut told = String::new();
    while !stop.load(Ordering::Acquire) {
        let Some(taken) = spool.take_if_due() else {
            std::thread::sleep(IDLE_READ);
            continue;
        };
        let is_over = || stop.load(Ordering::Acquire) || spool.is_wanted();
        let keep = || taken.and_then(|mut files| keep(spool, options, &mut files, is_over));
        // Should it break: others wait for it to let go, and the next attempt reads the disk anew.
        let kept = catch_unwind(AssertUnwindSafe(keep));
        spool.shown.set_filled(false);
        let kept = kept.unwrap_or_else(|_| Err(Error::bug("what fills the spool broke")));
        if let Err(error) = kept {
            let error = error.report();
            if error != told {
                tracing::warn!(%error, "could not read into the spool; trying on");
                told = error;
            }
        }
        let paused = Instant::now();
        while paused.elapsed() < PAUSE && !stop.load(Ordering::Acquire) {
            std::thread::sleep(IDLE_READ);
        }
    }
}

/// Until somebody else wants the slot.
fn keep(
    spool: &Spool,
    options: &KeeperOptions,
    files: &mut Files,
    is_over: impl Fn() -> bool,
) -> Result<()> {
    let Some(note) = Note::read(&spool.folder)?.filter(|note| !note.is_paused) else {
        // Whether it may be read at all only the store knows.
        return Ok(());
    };
    let mut session = Session::connect_replicating(&options.address)?;
    note.check(&options.slot, &server(&mut session)?, &spool.folder)?;
    if server(&mut session)?.timeline != note.server.timeline {
        return Err(Error::transient(
            "could not read into the spool: the server has another history now",
        )
        .detail("What holds of it is decided once the store is back."));
    }
    let confirmed = confirmed(&mut session, &options.slot)?;
    let from = start(files, confirmed)?;
    session.start_replication(&options.slot, from, &stream::wanted(&options.publication, false))?;
    spool.shown.set_filled(true);
    tracing::warn!(%from, "nobody takes rows: the log goes to the spool");
    let kept = fill(files, &mut session, confirmed, is_over);
    drop(session);
    // However it ended: who comes next finds the slot free. No walsender is needed to see that.
    let freed = Session::connect(&options.address)
        .and_then(|mut session| session.wait_until_free(&options.slot));
    kept.and(freed)
}

fn fill(
    files: &mut Files,
    session: &mut Session,
    confirmed: Lsn,
    is_over: impl Fn() -> bool,
) -> Result<()> {
    let mut pump = Pump::default();
    let now = Instant::now();
    let (mut synced_at, mut told_at, mut heard_at) = (now, now, now);
    let tell = |session: &mut Session, files: &Files, received: Lsn, asks: bool| {
        let durable = files.synced().max(confirmed);
        session.tell(received.max(durable), durable, asks)
    };
    while !is_over() {
        if pump.turn(session, files, IDLE_READ)? || pump.is_stuck() {
            heard_at = Instant::now();
        }
        if pump.is_stuck() {
            std::thread::sleep(IDLE_READ);
        }
        if heard_at.elapsed() > SILENCE_MOST {
            return Err(Error::transient("could not read on: the server does not answer"));
        }
        let before = files.synced();
        if synced_at.elapsed() >= SYNC_EVERY {
            files.sync()?;
            synced_at = Instant::now();
        }
        let is_due = told_at.elapsed() >= FEEDBACK_EVERY || files.synced() > before;
        if is_due || std::mem::take(&mut pump.wants_reply) {
            tell(session, files, pump.received, heard_at.elapsed() > SILENCE_ASKED)?;
            told_at = Instant::now();
        }
    }
    files.sync()?;
    tell(session, files, pump.received, false)
}

/// Where the connection begins: behind what is held, or, if nothing is, where the store is.
pub(super) fn start(files: &mut Files, confirmed: Lsn) -> Result<Lsn> {
    if confirmed <= files.through() {
        return files.go_on_from(Lsn::ZERO);
    }
    let why = match files.broken() {
        Some(broken) => broken.to_owned(),
        None if files.is_empty() => return files.go_on_from(confirmed),
        None => format!("it ends at {}", files.through()),
    };
    // Cut off or gone on behind, it would hide what is missing. The store may have all of that.
    Err(Error::transient("could not read into the spool: it may lack what the slot has confirmed")
        .detail(format!(
            "The slot has confirmed {confirmed}; {why}. What helps is said once the store is back."
        )))
}

fn server(session: &mut Session) -> Result<Server> {
    let rows = session.simple_query("IDENTIFY_SYSTEM", "ask the server who it is")?;
    Server::read(rows)
}

fn confirmed(session: &mut Session, slot: &str) -> Result<Lsn> {
    let slot = client::literal(slot);
    let sql =
        format!("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = {slot}");
    let rows = session.simple_query(&sql, "look at the slot")?;
    let field = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    let confirmed = field.and_then(|text| text.parse().ok());
    confirmed
        .ok_or_else(|| Error::transient(format!("could not read slot {slot}: it is not there")))
}
