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

use crate::apply::{self, Prepared};
use crate::checkpoint::{self, Positions};
use crate::copier::{self, Gate, Job, Told};
use crate::evolve::{self, Answer};
use crate::flush::{self, Flushed};
use crate::hold::{self, Held};
use crate::pipeline::{Command, Options};
use crate::session::Session;
use crate::start::{self, Ready};
use crate::status::{State, Status, now_us};
use crate::tables::{Around, Tables};
use crate::task::Task;
use crate::toast::Filler;
use crate::verify::VerifyOptions;
use crate::{pace, retry, watch as look};
use model::{Error, Lsn, Mode, Result, Table, TableId};
use source::stream::{Batch, Delivery, Relation, StreamOptions};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

/// Clock of the loop: checkpoints and positions shown are this old at most.
const TICK: Duration = Duration::from_millis(100);
/// Draining at the end; the process gives up a little later.
const DRAIN_MOST: Duration = Duration::from_secs(8);
/// For the thread to tell the server goodbye.
const FAREWELL_MOST: Duration = Duration::from_secs(1);
/// Copies that may tell something at once.
const TOLD_MOST: usize = 16;

/// Everything that can happen.
enum Event {
    Stop,
    Flushed(Result<Flushed>),
    Recorded(Result<()>),
    Copy(Told),
    CopyEnded(Result<()>),
    Asked(Command),
    Tick,
    Looked(Result<()>),
    Delivered(Option<Delivery>),
}

/// A flush on its way, and what it is worth.
struct Flight {
    flushed: Task<Result<Flushed>>,
    prepared: Prepared,
    begun: Instant,
    tables: usize,
}

struct Verifying {
    options: VerifyOptions,
    /// Taken once the position is held and durable.
    held: Option<oneshot::Sender<Held>>,
    _task: Task<()>,
}

struct Loop {
    options: Options,
    store: Arc<dyn Store>,
    status: Arc<Status>,
    tables: Tables,
    /// Tables that could not be kept: their rows are skipped without asking again.
    left_out: HashSet<TableId>,
    positions: Positions,
    session: Option<Session>,
    sessions: u64,
    /// Failed attempts since the stream last delivered something.
    tries: u32,
    looking: Option<Task<Result<()>>>,
    in_flight: Option<Flight>,
    next: Option<Prepared>,
    recording: Option<(Lsn, Task<Result<()>>)>,
    recorded_at: Instant,
    rows_since_record: bool,
    copies: tokio::task::JoinSet<()>,
    gates: HashMap<TableId, Gate>,
    told: mpsc::Sender<Told>,
    heard: mpsc::Receiver<Told>,
    settled: watch::Sender<Lsn>,
    filler: Arc<Filler>,
    parts: Arc<AtomicU64>,
    age_us: u64,
    verifying: Option<Verifying>,
}

/// Runs until it is stopped or a person has to help.
pub(crate) async fn run(
    options: Options,
    store: Arc<dyn Store>,
    status: Arc<Status>,
    mut commands: mpsc::Receiver<Command>,
    mut stopping: watch::Receiver<bool>,
) -> Result<()> {
    let ready = tokio::select! {
        ready = start::bring_up(&options, store.as_ref(), &status) => ready,
        () = stopped(&mut stopping) => return Ok(()),
    };
    let outcome = match ready {
        Ok(ready) => {
            let parts = Arc::<AtomicU64>::default();
            let (address, slot) = (options.address.clone(), options.slot.clone());
            let _source = Task::spawn(look::source(address, slot, status.clone()));
            let _parts = Task::spawn(look::parts(store.clone(), parts.clone()));
            let mut the_loop = Loop::new(options, store, status.clone(), ready, parts);
            the_loop.go(&mut commands, &mut stopping).await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome {
        tracing::error!(error = %error.report(), "the pipeline ends");
        status.set_connected(false);
        status.set_error(error);
    }
    outcome
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A pipeline that is dropped aborts us; that is not a stop.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn flushed(flight: &mut Option<Flight>) -> Result<Flushed> {
    match flight {
        Some(flight) => flight.flushed.join().await?,
        None => std::future::pending().await,
    }
}

async fn recorded(recording: &mut Option<(Lsn, Task<Result<()>>)>) -> Result<()> {
    match recording {
        Some((_, task)) => task.join().await?,
        None => std::future::pending().await,
    }
}

async fn looked(looking: &mut Option<Task<Result<()>>>) -> Result<()> {
    match looking {
        Some(task) => task.join().await?,
        None => std::future::pending().await,
    }
}

async fn delivered(session: &mut Option<Session>) -> Option<Delivery> {
    match session {
        Some(session) => session.next().await,
        None => std::future::pending().await,
    }
}

impl Loop {
    fn new(
        options: Options,
        store: Arc<dyn Store>,
        status: Arc<Status>,
        ready: Ready,
        parts: Arc<AtomicU64>,
    ) -> Loop {
        let (told, heard) = mpsc::channel(TOLD_MOST);
        Loop {
            filler: Arc::new(Filler::new(options.address.clone())),
            options,
            store,
            status,
            tables: ready.tables,
            left_out: HashSet::new(),
            positions: ready.positions,
            session: None,
            sessions: 0,
            tries: 0,
            looking: None,
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
            parts,
            age_us: source::stream::DEFAULT_AGE_US,
            verifying: None,
        }
    }

    async fn go(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<()> {
        self.start_session();
        let ids: Vec<TableId> = self.tables.by_id.keys().copied().collect();
        self.start_copies(&ids);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let may_receive = self.next.is_none();
            let event = tokio::select! {
                biased;
                // 1. A person waits.
                () = stopped(stopping) => Event::Stop,
                // 2. What is durable frees memory and moves positions.
                flushed = flushed(&mut self.in_flight) => Event::Flushed(flushed),
                recorded = recorded(&mut self.recording) => Event::Recorded(recorded),
                // 3. The clock comes before what may never pause.
                _ = ticks.tick() => Event::Tick,
                // 4. Copies wait for an answer before they insert.
                Some(told) = self.heard.recv() => Event::Copy(told),
                Some(ended) = self.copies.join_next(), if !self.copies.is_empty() => {
                    let broke = |panic| Error::bug("the copy broke").source(panic);
                    Event::CopyEnded(ended.map_err(broke))
                }
                Some(command) = commands.recv() => Event::Asked(command),
                looked = looked(&mut self.looking) => Event::Looked(looked),
                // 5. The river, as long as there is room.
                delivery = delivered(&mut self.session), if may_receive => {
                    Event::Delivered(delivery)
                }
            };
            match event {
                Event::Stop => return self.finish().await,
                Event::Flushed(flushed) => self.on_flushed(flushed).await?,
                Event::Recorded(recorded) => self.on_recorded(recorded)?,
                Event::Tick => self.on_tick(),
                Event::Copy(told) => self.on_told(told).await?,
                Event::CopyEnded(ended) => ended?,
                Event::Asked(command) => self.on_asked(command),
                Event::Looked(looked) => self.on_looked(looked)?,
                Event::Delivered(Some(delivery)) => self.on_delivery(delivery).await?,
                Event::Delivered(None) => {
                    self.lose_session(Error::transient("could not read on: the stream ended"))?;
                }
            }
            self.start_flush();
        }
    }

    // ---- the stream -----------------------------------------------------------------------------

    fn start_session(&mut self) {
        self.sessions += 1;
        for entry in self.tables.by_id.values_mut() {
            entry.intervals.iter_mut().for_each(crate::intervals::Intervals::restart);
        }
        let tables = self.tables.by_id.values();
        let binary = tables
            .flat_map(|entry| &entry.target.table.columns)
            .all(|column| column.pg.has_binary());
        let options = StreamOptions {
            address: self.options.address.clone(),
            slot: self.options.slot.clone(),
            publication: self.options.publication.clone(),
            binary,
            memory_bytes: self.options.memory_bytes,
        };
        let from = self.positions.confirmed();
        self.session = Some(Session::start(options, self.sessions, from, self.age_us));
        self.status.set_connected(true);
    }

    /// The stream ended; it starts anew after a pause, unless a person has to help.
    fn lose_session(&mut self, error: Error) -> Result<()> {
        self.session = None;
        // The comparison's hold went with the session.
        self.verifying = None;
        self.tries += 1;
        let Some(pause) = retry::pause(error.fate(), self.tries) else { return Err(error) };
        if self.tries == 1 {
            tracing::warn!(error = %error.report(), "the stream ended; starting it anew");
        }
        self.status.set_connected(false);
        self.status.set_error(&error);
        let (options, recorded) = (self.options.clone(), self.positions.recorded());
        self.looking = Some(Task::spawn(async move {
            tokio::time::sleep(pause).await;
            start::look_again(&options, recorded).await
        }));
        Ok(())
    }

    fn on_looked(&mut self, looked: Result<()>) -> Result<()> {
        self.looking = None;
        match looked {
            Ok(()) => {
                self.start_session();
                Ok(())
            }
            Err(error) => self.lose_session(error),
        }
    }

    async fn on_delivery(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Batch(batch) => self.on_batch(batch).await,
            Delivery::Relation { relation, reply } => {
                match self.on_relation(relation).await {
                    Ok(table) => {
                        let _ = reply.send(table);
                        Ok(())
                    }
                    // Without an answer the reader ends, and asks again in its next life.
                    Err(error) => self.lose_session(error),
                }
            }
            Delivery::Truncate { tables, commit, done } => {
                self.drain().await?;
                for id in tables {
                    self.truncate(id, commit).await?;
                }
                let _ = done.send(());
                Ok(())
            }
            Delivery::Message { .. } => Ok(()),
            Delivery::Held(position) => self.on_held(position).await,
            Delivery::Ended(error) => self.lose_session(error),
        }
    }

    async fn on_batch(&mut self, batch: Batch) -> Result<()> {
        self.tries = 0;
        self.positions.receive(batch.through);
        self.status.set_slot_health_end(batch.server_end);
        let session = self.session.as_ref().map_or(0, |session| session.number);
        let prepared = apply::prepare(batch, session, &mut self.tables, &self.status)?;
        self.note_rekeyed().await?;
        self.next = Some(prepared);
        Ok(())
    }

    /// Durable before the position moves past the change of a key.
    async fn note_rekeyed(&mut self) -> Result<()> {
        for entry in self.tables.by_id.values_mut() {
            if entry.note_rekeyed() {
                let (store, status) = (self.store.as_ref(), &self.status);
                entry.enter(State::Copying, None, store, status).await?;
            }
        }
        Ok(())
    }

    async fn on_relation(&mut self, relation: Relation) -> Result<Option<Arc<Table>>> {
        let address = self.options.address.clone();
        let connect = async || source::client::connect(&address).await;
        let (store, publication) = (self.store.clone(), self.options.publication.clone());
        let status = self.status.clone();
        let answer = evolve::relation(
            &mut self.tables,
            &relation,
            &publication,
            connect,
            store.as_ref(),
            &status,
        );
        match answer.await? {
            Answer::Rows(table) => self.in_form(table).map(Some),
            Answer::Skip => Ok(None),
            Answer::Stop(error) => {
                self.fail_table(relation.id, error).await?;
                Ok(None)
            }
            Answer::Unknown if self.left_out.contains(&relation.id) => Ok(None),
            Answer::Unknown => self.admit(relation.id).await,
        }
    }

    /// Refuses a table that this session cannot read: the next one asks for text.
    fn in_form(&self, table: Arc<Table>) -> Result<Arc<Table>> {
        let needs_text = table.columns.iter().any(|column| !column.pg.has_binary());
        if needs_text && self.session.as_ref().is_some_and(|session| session.binary) {
            return Err(Error::transient("could not read a type in its binary form"));
        }
        Ok(table)
    }

    /// A published table that was not there at the start.
    async fn admit(&mut self, id: TableId) -> Result<Option<Arc<Table>>> {
        let client = source::client::connect(&self.options.address).await?;
        let publication = &self.options.publication;
        let Some(table) = source::catalog::table_by_id(&client, publication, id).await? else {
            self.left_out.insert(id);
            return Ok(None);
        };
        let (store, status) = (self.store.clone(), self.status.clone());
        let around = Around { store: store.as_ref(), status: &status, client: &client };
        self.tables.add(table, &around).await?;
        let Some(entry) = self.tables.by_id.get(&id) else {
            self.left_out.insert(id);
            return Ok(None);
        };
        let shape = entry.shape().table.clone();
        tracing::info!(table = %entry.name, "a new table");
        self.start_copies(&[id]);
        self.in_form(shape).map(Some)
    }

    /// Rows from before the TRUNCATE go, those of a copy that still runs too. Facts stay.
    async fn truncate(&mut self, id: TableId, commit: Lsn) -> Result<()> {
        let Some(entry) = self.tables.by_id.get(&id) else { return Ok(()) };
        if entry.target.mode == Mode::Append || entry.state == State::Failed {
            return Ok(());
        }
        let was_copying = entry.needs_copy();
        if let Some(gate) = self.gates.remove(&id).filter(|_| was_copying) {
            gate.close().await;
        }
        let (target, status) = (entry.target.clone(), self.status.clone());
        // By version: the log may be read again, and then newer rows are there.
        let sql = format!(
            "ALTER TABLE {} DELETE WHERE _version < toUInt128('{}') SETTINGS mutations_sync = 2",
            store::ddl::name(&target.rows),
            model::Version::of_copy(commit).0
        );
        let store = self.store.clone();
        flush::patiently(&status, || store.execute(&sql)).await?;
        if was_copying {
            let forget = || copier::forget_ranges(store.as_ref(), &target);
            flush::patiently(&status, forget).await?;
            self.start_copies(&[id]);
        }
        Ok(())
    }

    // ---- durable, recorded, confirmed -----------------------------------------------------------

    fn start_flush(&mut self) {
        if self.in_flight.is_some() {
            return;
        }
        let Some(mut prepared) = self.next.take() else { return };
        let work = std::mem::take(&mut prepared.work);
        let tables = work.tables.len();
        self.status.set_oldest_unapplied(Some(prepared.oldest_commit_us).filter(|us| *us > 0));
        let flushed =
            flush::flush(self.store.clone(), self.filler.clone(), work, self.status.clone());
        let flushed = Task::spawn(flushed);
        self.in_flight = Some(Flight { flushed, prepared, begun: Instant::now(), tables });
    }

    async fn on_flushed(&mut self, flushed: Result<Flushed>) -> Result<()> {
        let Some(flight) = self.in_flight.take() else { return Ok(()) };
        let flushed = flushed?;
        for (id, rows) in flushed.rows {
            let Some(entry) = self.tables.by_id.get(&id) else { continue };
            self.status.with_table(&entry.name, |table| {
                table.streamed_rows += rows;
                table.count_rows(rows);
            });
        }
        // Failed is durable before the position moves past the rows that were given up.
        for (id, error) in flushed.failed {
            self.fail_table(id, error).await?;
        }
        let prepared = flight.prepared;
        if self.session.as_ref().is_some_and(|session| session.number == prepared.session) {
            self.positions.apply(prepared.through);
        }
        if prepared.rows > 0 {
            self.rows_since_record = true;
            self.sample_freshness(&prepared);
            let flush_us = flight.begun.elapsed().as_micros() as u64;
            let parts = self.parts.load(Ordering::Relaxed);
            self.age_us = pace::age_us(flight.tables, flush_us, parts);
            if let Some(session) = &self.session {
                session.control.set_age_us(self.age_us);
            }
        }
        drop(prepared);
        self.status.set_oldest_unapplied(
            self.next.as_ref().map(|next| next.oldest_commit_us).filter(|us| *us > 0),
        );
        self.settle();
        Ok(())
    }

    fn sample_freshness(&self, prepared: &Prepared) {
        let now = now_us();
        for commit_us in [prepared.oldest_commit_us, prepared.newest_commit_us] {
            if commit_us > 0 {
                let millis = (now - commit_us).max(0) / 1000;
                self.status.add_freshness(u32::try_from(millis).unwrap_or(u32::MAX));
            }
        }
    }

    /// Tells the copies up to where the store holds everything.
    fn settle(&self) {
        if !self.tables.any_waiting() {
            let applied = self.positions.applied();
            self.settled.send_if_modified(|settled| {
                let moved = applied > *settled;
                *settled = applied.max(*settled);
                moved
            });
        }
    }

    fn on_tick(&mut self) {
        let positions = &self.positions;
        let received = self.session.as_ref().map_or(Lsn::ZERO, |s| s.control.received());
        let received = received.max(positions.received());
        let (applied, confirmed) = (positions.applied(), positions.confirmed());
        self.status.set_positions(received, applied, confirmed, received);
        if positions.is_due(self.recorded_at.elapsed(), self.rows_since_record) {
            self.start_record();
        }
    }

    fn start_record(&mut self) {
        if self.recording.is_some() || self.tables.any_waiting() {
            return;
        }
        let position = self.positions.applied();
        let row = checkpoint::row(&self.options.slot, position);
        let (store, status) = (self.store.clone(), self.status.clone());
        let record = async move {
            flush::patiently(&status, || store.record(checkpoint::CHECKPOINTS, row.clone())).await
        };
        self.recording = Some((position, Task::spawn(record)));
        (self.recorded_at, self.rows_since_record) = (Instant::now(), false);
    }

    fn on_recorded(&mut self, recorded: Result<()>) -> Result<()> {
        let Some((position, _)) = self.recording.take() else { return Ok(()) };
        recorded?;
        self.positions.record(position);
        let confirmed = self.positions.confirm();
        if let Some(session) = &self.session {
            session.control.confirm(confirmed);
        }
        Ok(())
    }

    /// Everything that was read is durable afterwards.
    async fn drain(&mut self) -> Result<()> {
        loop {
            self.start_flush();
            if self.in_flight.is_none() {
                return Ok(());
            }
            let flushed = flushed(&mut self.in_flight).await;
            self.on_flushed(flushed).await?;
        }
    }

    // ---- tables and copies ----------------------------------------------------------------------

    fn start_copies(&mut self, ids: &[TableId]) {
        let mut jobs = Vec::new();
        for id in ids {
            let Some(entry) = self.tables.by_id.get(id).filter(|entry| entry.needs_copy()) else {
                continue;
            };
            let gate = Gate::default();
            self.gates.insert(*id, gate.clone());
            jobs.push(Job {
                name: entry.name.clone(),
                target: entry.target.clone(),
                copy: entry.copy,
                rekeyed_at: entry.rekeyed_at.clone(),
                gate,
            });
        }
        if jobs.is_empty() {
            return;
        }
        let context = copier::Context {
            address: self.options.address.clone(),
            publication: self.options.publication.clone(),
            store: self.store.clone(),
            status: self.status.clone(),
            settled: self.settled.subscribe(),
            told: self.told.clone(),
        };
        self.copies.spawn(copier::copy_tables(context, jobs));
    }

    async fn on_told(&mut self, told: Told) -> Result<()> {
        let (store, status) = (self.store.clone(), self.status.clone());
        match told {
            Told::Begin { id, copy, ack } => {
                let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
                if !entry.needs_copy() {
                    return Ok(());
                }
                let was_unpointed = entry.is_unpointed();
                entry.set_copy(copy);
                entry.enter(State::Copying, None, store.as_ref(), &status).await?;
                if was_unpointed && entry.skipped < Some(copy.first_point) {
                    entry.skipped = None;
                }
                let _ = ack.send(());
            }
            Told::Done { id } => {
                if let Some(entry) = self.tables.by_id.get_mut(&id).filter(|e| e.needs_copy()) {
                    entry.enter(State::Streaming, None, store.as_ref(), &status).await?;
                    tracing::info!(table = %entry.name, "copied; streaming");
                }
            }
            Told::Failed { id, error } => self.fail_table(id, error).await?,
        }
        self.rewind_if_wanted().await
    }

    /// Once every append table knows its copy's position: were rows left that the copy lacks?
    async fn rewind_if_wanted(&mut self) -> Result<()> {
        let tables = &mut self.tables.by_id;
        if tables.values().any(|entry| entry.is_unpointed())
            || tables.values().all(|entry| entry.skipped.is_none())
        {
            return Ok(());
        }
        for entry in tables.values_mut() {
            entry.skipped = None;
        }
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        self.positions.rewind();
        tracing::debug!(from = %self.positions.confirmed(), "reading the log again");
        self.lose_session(Error::transient("could not go on: the log is read again for a copy"))
    }

    async fn fail_table(&mut self, id: TableId, error: Error) -> Result<()> {
        let Some(entry) = self.tables.by_id.get_mut(&id) else { return Ok(()) };
        if entry.state == State::Failed {
            return Ok(());
        }
        tracing::error!(table = %entry.name, error = %error.report(), "the table stops");
        let (store, status) = (self.store.clone(), self.status.clone());
        entry.enter(State::Failed, Some(&error), store.as_ref(), &status).await?;
        entry.skipped = None;
        if let Some(gate) = self.gates.remove(&id) {
            gate.close().await;
        }
        Ok(())
    }

    // ---- questions ------------------------------------------------------------------------------

    fn on_asked(&mut self, command: Command) {
        let Command::Verify { options, reply } = command;
        let running = self.verifying.as_ref().is_some_and(|v| !v._task.is_finished());
        let refused = match &self.session {
            _ if running => Error::transient("could not verify: a verify runs already"),
            None => Error::transient("could not verify: the source is not connected"),
            Some(session) => {
                let (held, holding) = oneshot::channel();
                let verify = hold::verify(
                    session.control.clone(),
                    self.options.address.clone(),
                    self.options.publication.clone(),
                    self.store.clone(),
                    options.clone(),
                    holding,
                );
                let task = Task::spawn(async move {
                    let _ = reply.send(verify.await);
                });
                self.verifying = Some(Verifying { options, held: Some(held), _task: task });
                return;
            }
        };
        let _ = reply.send(Err(refused));
    }

    async fn on_held(&mut self, position: Lsn) -> Result<()> {
        let Some(session) = &self.session else { return Ok(()) };
        if position.is_zero() || position != session.control.hold_at() {
            return Ok(());
        }
        // Rows held back by append tables are complete now.
        let batch = Batch { through: position, ..Batch::default() };
        let through = apply::prepare(batch, session.number, &mut self.tables, &self.status)?;
        self.drain().await?;
        self.next = Some(Prepared { through: Lsn::ZERO, ..through });
        self.drain().await?;
        if let Some(verifying) = &mut self.verifying
            && let Some(held) = verifying.held.take()
        {
            let _ = held.send(hold::choose(&self.tables, &verifying.options));
        }
        Ok(())
    }

    // ---- the end --------------------------------------------------------------------------------

    /// Makes durable what has been read, records it, confirms it, and says goodbye.
    async fn finish(&mut self) -> Result<()> {
        self.verifying = None;
        self.copies.abort_all();
        let drained = tokio::time::timeout(DRAIN_MOST, self.finish_reading()).await;
        let control = self.session.take().map(|session| session.control.clone());
        if let Some(control) = control {
            let begun = Instant::now();
            while !control.is_closed() && begun.elapsed() < FAREWELL_MOST {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        self.status.set_connected(false);
        drained.map_err(|_| {
            Error::transient("could not make everything durable in time")
                .detail("What is missing will be read again at the next start.")
        })?
    }

    async fn finish_reading(&mut self) -> Result<()> {
        if let Some(session) = &self.session {
            session.control.stop();
        }
        loop {
            self.drain().await?;
            match delivered_at_end(&mut self.session).await {
                Some(Delivery::Batch(batch)) => self.on_batch(batch).await?,
                // Unanswered barriers end the reader.
                Some(_) => {}
                None => break,
            }
        }
        self.drain().await?;
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        if self.positions.applied() > self.positions.recorded() {
            self.start_record();
        }
        if self.recording.is_some() {
            let recorded = recorded(&mut self.recording).await;
            self.on_recorded(recorded)?;
        }
        Ok(())
    }
}

async fn delivered_at_end(session: &mut Option<Session>) -> Option<Delivery> {
    match session {
        Some(session) => session.next().await,
        None => None,
    }
}
