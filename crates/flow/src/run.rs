//! The loop: one place where everything that happens is decided, one event at a time.
//!
//! ```text
//! stream ──Delivery──▶ ┌──────┐ ──▶ next ──▶ in flight (flush) ──▶ durable ──▶ recorded ──▶ confirmed
//! copies ──Told──────▶ │ Loop │                                        └──▶ settled ──▶ copies
//! handle ──Command───▶ └──────┘
//! ```
//!
//! One flush is in flight, the next one is prepared meanwhile; then the reader waits, bounded by its
//! byte budget. Helpers compute; only the loop changes tables, positions and the session.
//!
//! Here the events are chosen; what each one means:
//!
//! - `sessions`: the stream's lives
//! - `deliveries`: batches and barriers that it brings
//! - `durable`: flushed, recorded, confirmed
//! - `copies`: tables and what their copies tell
//! - `following`: tables that change at the source
//! - `surveying`: what the publication has, as far as no row tells of it
//! - `verifying`: the stream held for a comparison
//! - `resyncing`: tables copied again
//! - `quarantine`: rows that were set aside
//! - `pausing`: to rest, and to be brought up otherwise
//! - `ending`: the end in order
//!
//! And while there is no loop:
//!
//! - `resting`: paused, or without a source

mod copies;
mod deliveries;
mod durable;
mod ending;
mod following;
mod pausing;
mod quarantine;
mod resting;
mod resyncing;
mod sessions;
mod surveying;
mod verifying;

use crate::agree::Ground;
use crate::apply::Prepared;
use crate::checkpoint::Positions;
use crate::copier::{Gate, Told};
use crate::flight::{Flight, Recording, flushed, recorded};
use crate::flush::Flushed;
use crate::pace::{Pace, Pressure};
use crate::pause::{self, Resumed};
use crate::pipeline::{Command, Options};
use crate::reload::Reload;
use crate::session::Session;
use crate::sinks::{self, Sinks};
use crate::start::{self, Ready};
use crate::status::Status;
use crate::tables::Tables;
use crate::task::Task;
use crate::toast::Filler;
use crate::watch as look;
use model::{Error, Lsn, Result, TableId};
use resting::{Left, Resting};
use source::holding::Holding;
use source::spool::{Keeper, KeeperOptions};
use source::stream::Delivery;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use surveying::{Survey, Surveying, surveyed};
use tokio::sync::{mpsc, watch};
use tokio_postgres::Client;
use verifying::Verifying;

/// Clock of the loop: checkpoints and positions shown are this old at most.
const TICK: Duration = Duration::from_millis(100);
/// Copies that may tell something at once.
const TOLD_MOST: usize = 16;
/// After another process has taken the slot over: its server is not asked all the time.
const ANEW_AFTER: Duration = Duration::from_secs(1);
const LEAVE_MOST: Duration = Duration::from_millis(500);

/// Everything that can happen.
enum Event {
    Stop,
    Flushed(Result<Flushed>),
    Recorded(Result<()>),
    Copy(Told),
    CopyEnded(Result<()>),
    Asked(Command),
    Tick,
    Looked(Result<bool>),
    Surveyed(Result<Survey>),
    Delivered(Option<Delivery>),
}

/// Why the loop ended.
enum End {
    Stopped,
    /// Everything is brought up again: the log cannot be read on as it was ([`crate::agree`]), tables have
    /// other names, or a pause begins or ends. What was asked meanwhile is asked of the next loop.
    Again(Option<Command>),
    /// The same with other options for tables.
    Reload(Reload),
}

struct Loop {
    options: Options,
    store: Arc<dyn Store>,
    status: Arc<Status>,
    tables: Tables,
    /// A connection for looks at the source's catalog.
    catalog: Option<Client>,
    positions: Positions,
    session: Option<Session>,
    sessions: u64,
    /// Failed attempts since the stream last delivered something.
    tries: u32,
    looking: Option<Task<Result<bool>>>,
    /// When the spool was last told in vain whose it is.
    arming: Option<Instant>,
    /// What ends the pipeline, unless the look finds another reason.
    ends_with: Option<Error>,
    ground: Arc<Ground>,
    /// The slot, until the first session has it.
    held: Option<Holding>,
    in_flight: Option<Flight<Prepared>>,
    next: Option<Prepared>,
    recording: Option<Recording<Lsn>>,
    recorded_at: Instant,
    rows_since_record: bool,
    copies: tokio::task::JoinSet<()>,
    gates: HashMap<TableId, Gate>,
    told: mpsc::Sender<Told>,
    heard: mpsc::Receiver<Told>,
    settled: watch::Sender<Lsn>,
    filler: Arc<Filler>,
    sinks: Arc<Sinks>,
    pressure: Arc<Pressure>,
    pace: Pace,
    age_us: u64,
    verifying: Option<Verifying>,
    looking_for_newer: Option<Task<()>>,
    replaying: Option<Task<()>>,
    /// What the replay that runs has to pass.
    replays: HashMap<TableId, Gate>,
    surveying: Surveying,
    /// Tables have other names.
    begins_anew: bool,
}

/// Runs until it is stopped or a person has to help.
pub(crate) async fn run(
    mut options: Options,
    store: Arc<dyn Store>,
    status: Arc<Status>,
    mut commands: mpsc::Receiver<Command>,
    mut stopping: watch::Receiver<bool>,
) -> Result<()> {
    let _keeper = keeper(&options)?;
    let _room = Task::spawn(look::room(store.clone(), status.clone()));
    let filler = Arc::new(Filler::new(Some(options.address.clone())));
    let source = sinks::Source {
        address: options.address.clone(),
        publication: options.publication.clone(),
    };
    let sinks = Arc::new(Sinks::start(&options.sinks, source));
    status.set_sinks(sinks.clone());
    let mut left = Left::default();
    let outcome = loop {
        let asked = (&mut commands, &mut stopping);
        match live(&options, &store, &status, (&filler, &sinks), asked, &mut left).await {
            Ok(End::Again(command)) => left.command = command.or(left.command.take()),
            Ok(End::Reload(reload)) => {
                options.tables.clone_from(&reload.options.tables);
                left.reload = Some(reload);
            }
            Ok(End::Stopped) => break Ok(()),
            // What was read and not written is dropped, and the slot is waited for as at a start.
            Err(error) if store.is_taken_over() => {
                tracing::error!(error = %error.report(), "nothing is written any more");
                left.lost.set_lost();
                // A disk that is full is told again by the next start.
                let _quiet = tokio::select! {
                    quiet = start::disarm(&options) => quiet,
                    () = stopped(&mut stopping) => break Ok(()),
                };
                status.set_connected(false);
                status.set_error(&error);
                let over = tokio::time::timeout(ANEW_AFTER, stopped(&mut stopping)).await;
                if over.is_ok() {
                    break Ok(());
                }
            }
            Err(error) => break Err(error),
        }
    };
    // For the next one not to wait; a store that is away need not hear it.
    let _ = tokio::time::timeout(LEAVE_MOST, store.leave()).await;
    // Whoever owns the pipeline tells it.
    if let Err(error) = &outcome {
        status.set_connected(false);
        status.set_error(error);
    }
    outcome
}

/// What reads the slot while the store is away and nothing else can.
fn keeper(options: &Options) -> Result<Option<Keeper>> {
    let Some(spool) = &options.spool else { return Ok(None) };
    let of = KeeperOptions {
        address: options.address.clone(),
        slot: options.slot.clone(),
        publication: options.publication.clone(),
    };
    Keeper::start(spool.clone(), of).map(Some)
}

/// From one bring-up to the next, or a pause.
async fn live(
    options: &Options,
    store: &Arc<dyn Store>,
    status: &Arc<Status>,
    (filler, sinks): (&Arc<Filler>, &Arc<Sinks>),
    (commands, stopping): (&mut mpsc::Receiver<Command>, &mut watch::Receiver<bool>),
    left: &mut Left,
) -> Result<End> {
    let paused_since = tokio::select! {
        since = pause::since(store.as_ref(), status, &options.slot) => since?,
        () = stopped(stopping) => return Ok(End::Stopped),
    };
    status.set_paused(paused_since);
    let mut resting = Resting { options, store, status, commands, stopping, paused_since };
    if paused_since.is_some() {
        return resting.rest(left).await;
    }
    let ready = match resting.bring_up(left).await? {
        Ok(ready) => ready,
        Err(end) => return Ok(end),
    };
    if let Some(reload) = left.reload.take() {
        reload.answer(status, false);
    }
    let pressure = Arc::<Pressure>::default();
    let (address, slot) = (options.address.clone(), options.slot.clone());
    let _source = Task::spawn(look::source(address, slot, status.clone(), true));
    let _parts = Task::spawn(look::parts(store.clone(), pressure.clone()));
    let _busy = Task::spawn(look::busy(pressure.clone()));
    let (store, status) = (store.clone(), status.clone());
    Loop::new(options.clone(), store, status, (filler.clone(), sinks.clone()), ready, pressure)
        .go(left.command.take(), commands, stopping)
        .await
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A pipeline that is dropped aborts us; that is not a stop.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What is left to be asked, or what is asked next.
async fn next(
    left: &mut Option<Command>,
    commands: &mut mpsc::Receiver<Command>,
) -> Option<Command> {
    match left.take() {
        Some(command) => Some(command),
        None => commands.recv().await,
    }
}

async fn looked(looking: &mut Option<Task<Result<bool>>>) -> Result<bool> {
    match looking {
        Some(task) => task.join().await?,
        None => std::future::pending().await,
    }
}

async fn delivered(session: &mut Option<Session>) -> Result<Option<Delivery>> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

impl Loop {
    /// `Some`: the loop has come to rest.
    async fn on_asked(&mut self, command: Command) -> Result<Option<End>> {
        if matches!(command, Command::Verify { .. }) {
            self.survey_now().await?;
        }
        if self.begins_anew {
            self.wind_up().await?;
            return Ok(Some(End::Again(Some(command))));
        }
        match command {
            Command::Verify { options, reply } => self.on_verify(options, reply),
            Command::Beside { table, reply } => drop(reply.send(Ok(self.beside(&table)))),
            Command::Resync { options, reply } => self.on_resync(options, reply).await?,
            Command::LookForNewer { tables, reply } => self.on_look_for_newer(tables, reply),
            Command::Replay { options, reply } => self.on_replay(options, reply),
            Command::Pause { reply } => return self.on_pause(reply).await.map(Some),
            Command::Resume { reply } => {
                let _ = reply.send(Ok(Resumed { paused_since: None }));
            }
            Command::Reload { options, reply } => return self.on_reload(options, reply).await,
        }
        Ok(None)
    }

    fn new(
        options: Options,
        store: Arc<dyn Store>,
        status: Arc<Status>,
        (filler, sinks): (Arc<Filler>, Arc<Sinks>),
        ready: Ready,
        pressure: Arc<Pressure>,
    ) -> Loop {
        let (told, heard) = mpsc::channel(TOLD_MOST);
        Loop {
            options,
            filler,
            sinks,
            store,
            status,
            tables: ready.tables,
            catalog: None,
            positions: ready.positions,
            session: None,
            sessions: 0,
            tries: 0,
            looking: None,
            arming: None,
            ends_with: None,
            ground: ready.ground,
            held: ready.held,
            in_flight: None,
            next: None,
            recording: None,
            recorded_at: Instant::now(),
            rows_since_record: false,
            copies: tokio::task::JoinSet::new(),
            gates: HashMap::new(),
            told,
            heard,
            settled: watch::Sender::new(Lsn::ZERO),
            pressure,
            pace: Pace::default(),
            age_us: source::stream::DEFAULT_AGE_US,
            verifying: None,
            looking_for_newer: None,
            replaying: None,
            replays: HashMap::new(),
            surveying: Surveying::new(),
            begins_anew: false,
        }
    }

    async fn go(
        &mut self,
        mut asked: Option<Command>,
        commands: &mut mpsc::Receiver<Command>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<End> {
        self.finish_replays().await?;
        self.start_session().await?;
        let ids: Vec<TableId> = self.tables.by_id.keys().copied().collect();
        self.start_copies(&ids);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let may_receive = self.next.is_none() && self.sinks.have_room();
            let event = tokio::select! {
                biased;
                // 1. A person waits.
                () = stopped(stopping) => Event::Stop,
                // 2. What is durable frees memory and moves positions.
                flushed = flushed(&mut self.in_flight) => Event::Flushed(flushed),
                recorded = recorded(&mut self.recording) => Event::Recorded(recorded),
                // 3. The clock comes before what may never pause.
                _ = ticks.tick() => Event::Tick,
                // What others have moves the position as well, and makes room.
                () = self.sinks.changed() => Event::Tick,
                // 4. Copies wait for an answer before they insert.
                Some(told) = self.heard.recv() => Event::Copy(told),
                Some(ended) = self.copies.join_next(), if !self.copies.is_empty() => {
                    let broke = |panic| Error::bug("the copy broke").source(panic);
                    Event::CopyEnded(ended.map_err(broke))
                }
                Some(command) = next(&mut asked, commands) => Event::Asked(command),
                looked = looked(&mut self.looking) => Event::Looked(looked),
                survey = surveyed(&mut self.surveying) => Event::Surveyed(survey),
                // 5. The river, as long as there is room.
                delivery = delivered(&mut self.session), if may_receive => {
                    Event::Delivered(delivery?)
                }
            };
            match event {
                Event::Stop => return self.finish().await.map(|()| End::Stopped),
                Event::Flushed(flushed) => self.on_flushed(flushed).await?,
                Event::Recorded(recorded) => self.on_recorded(recorded)?,
                Event::Tick => self.on_tick().await?,
                Event::Copy(told) => self.on_told(told).await?,
                Event::CopyEnded(ended) => ended?,
                Event::Asked(command) => {
                    if let Some(end) = self.on_asked(command).await? {
                        return Ok(end);
                    }
                }
                Event::Looked(looked) => self.begins_anew |= !self.on_looked(looked).await?,
                Event::Surveyed(survey) => self.on_surveyed(survey).await?,
                Event::Delivered(Some(delivery)) => self.on_delivery(delivery).await?,
                Event::Delivered(None) => {
                    self.lose_session(Error::transient("could not read on: the stream ended"))?;
                }
            }
            if self.begins_anew {
                self.wind_up().await?;
                return Ok(End::Again(None));
            }
            self.start_flush();
        }
    }
}
