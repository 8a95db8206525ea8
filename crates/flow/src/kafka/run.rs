//! The loop: one place where everything that happens is decided, one event at a time.
//!
//! One flush is in flight, the next one is prepared meanwhile; then the consumer waits, bounded by its byte
//! budget. Partitions come and go with the group: before one goes, what was read of it is durable and committed.

mod asked;
mod barriers;
mod durable;

use super::again::Write;
use super::command::Command;
use super::offsets::Position;
use super::report::Shown;
use super::tables::{self, Tables};
use super::take::{self, Prepared};
use super::{KafkaOptions, offsets};
use crate::copier::Gate;
use crate::flush::Flushed;
use crate::pace::{Pace, Pressure};
use crate::retry;
use crate::status::{State, Status};
use crate::tables::read_states;
use crate::task::Task;
use crate::toast::Filler;
use crate::watch as look;
use bus::consume::{self, Batch, Control, Delivery, Place};
use durable::{Flight, Recording, flushed, recorded};
use model::{Error, Fate, Result, Table, TableId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::{mpsc, watch};

/// Clock of the loop: offsets that are recorded and shown are this old at most.
const TICK: Duration = Duration::from_millis(100);
/// What a person has to mend may be mended without a restart.
const DEFINITE_PAUSE: Duration = Duration::from_secs(30);
/// Draining at the end.
const DRAIN_MOST: Duration = Duration::from_secs(8);
const FAREWELL_MOST: Duration = Duration::from_secs(2);

enum Event {
    Stop,
    Flushed(Result<Flushed>),
    Recorded(Result<()>),
    Tick,
    Asked(Command),
    Write(Write),
    Delivered(Option<Delivery>),
}

pub(super) struct Loop {
    options: KafkaOptions,
    /// Among slots.
    name: String,
    store: Arc<dyn Store>,
    status: Arc<Status>,
    shown: Arc<Shown>,
    tables: Tables,
    control: Arc<Control>,
    deliveries: mpsc::Receiver<Delivery>,
    positions: BTreeMap<Place, Position>,
    /// With rows of a table that stopped.
    held: BTreeSet<Arc<str>>,
    in_flight: Option<Flight>,
    next: Option<Prepared>,
    recording: Option<Recording>,
    recorded_at: Instant,
    is_connected: bool,
    filler: Arc<Filler>,
    pressure: Arc<Pressure>,
    pace: Pace,
    looking_for_newer: Option<Task<()>>,
    /// What a crash left of the replays of messages.
    finishing: Option<Task<()>>,
    replaying: Option<Task<()>>,
    /// What the replay that runs has to pass.
    replays: HashMap<TableId, Gate>,
    /// Of messages that are read again: one at a time.
    writes: (mpsc::Sender<Write>, mpsc::Receiver<Write>),
}

/// Runs until it is stopped or a person has to help.
pub(super) async fn run(
    options: KafkaOptions,
    store: Arc<dyn Store>,
    (status, shown): (Arc<Status>, Arc<Shown>),
    (mut commands, mut stopping): (mpsc::Receiver<Command>, watch::Receiver<bool>),
) -> Result<()> {
    let filler = Arc::new(Filler::new(None));
    let mut tries = 0;
    loop {
        let begun = Instant::now();
        let of_run = (status.clone(), shown.clone(), filler.clone());
        let asked = (&mut commands, &mut stopping);
        let Err(error) = live(&options, &store, of_run, asked).await else { return Ok(()) };
        status.set_connected(false);
        status.set_error(&error);
        if error.fate() != Fate::Transient && options.is_alone {
            return Err(error);
        }
        tries = if begun.elapsed() > DEFINITE_PAUSE { 1 } else { tries + 1 };
        if tries == 1 {
            tracing::error!(error = %error.report(), "the topics are not read; trying again");
        }
        let pause = retry::pause(error.fate(), tries).unwrap_or(DEFINITE_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopped(&mut stopping) => return Ok(()),
        }
    }
}

/// One life of the consumer.
async fn live(
    options: &KafkaOptions,
    store: &Arc<dyn Store>,
    (status, shown, filler): (Arc<Status>, Arc<Shown>, Arc<Filler>),
    asked: (&mut mpsc::Receiver<Command>, &mut watch::Receiver<bool>),
) -> Result<()> {
    let name = offsets::name(&options.consumer.group);
    crate::tables::show_known(store.as_ref(), &status).await?;
    let known = tables::known_of(read_states(store.as_ref()).await?, &name);
    let control = Arc::new(Control::new(source::stream::DEFAULT_AGE_US));
    let pressure = Arc::<Pressure>::default();
    let _parts = Task::spawn(look::parts(store.clone(), pressure.clone()));
    let _busy = Task::spawn(look::busy(pressure.clone()));
    shown.set_control(control.clone());
    let raw = known.iter().map(|(table, _)| table.clone()).collect();
    let mut this = Loop {
        name,
        store: store.clone(),
        status,
        shown,
        tables: Tables::new(options),
        deliveries: consume::start(options.consumer.clone(), raw, control.clone()),
        control,
        positions: BTreeMap::new(),
        held: BTreeSet::new(),
        in_flight: None,
        next: None,
        recording: None,
        recorded_at: Instant::now(),
        is_connected: false,
        filler,
        pressure,
        pace: Pace::default(),
        looking_for_newer: None,
        finishing: None,
        replaying: None,
        replays: HashMap::new(),
        writes: mpsc::channel(1),
        options: options.clone(),
    };
    let ended = this.go(known, asked).await;
    this.control.stop();
    ended
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // One that is dropped aborts us; that is not a stop.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

impl Loop {
    async fn go(
        &mut self,
        known: Vec<(Table, State)>,
        (commands, stopping): (&mut mpsc::Receiver<Command>, &mut watch::Receiver<bool>),
    ) -> Result<()> {
        self.tables.restore(known, self.store.as_ref(), &self.status).await?;
        self.finish_replays().await?;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let may_receive = self.next.is_none();
            let event = tokio::select! {
                biased;
                // 1. A person waits.
                () = stopped(stopping) => Event::Stop,
                // 2. What is durable frees memory and moves offsets.
                flushed = flushed(&mut self.in_flight) => Event::Flushed(flushed),
                recorded = recorded(&mut self.recording) => Event::Recorded(recorded),
                // 3. The clock comes before what may never pause.
                _ = ticks.tick() => Event::Tick,
                // 4. Somebody waits, too, and asks seldom.
                Some(command) = commands.recv() => Event::Asked(command),
                Some(write) = self.writes.1.recv() => Event::Write(write),
                // 5. The topics, as long as there is room.
                delivery = self.deliveries.recv(), if may_receive => Event::Delivered(delivery),
            };
            match event {
                Event::Stop => return self.finish().await,
                Event::Flushed(flushed) => self.on_flushed(flushed).await?,
                Event::Recorded(recorded) => self.on_recorded(recorded)?,
                Event::Tick => self.on_tick(),
                Event::Asked(command) => self.on_asked(command),
                Event::Write(write) => self.on_write(write).await?,
                Event::Delivered(Some(delivery)) => self.on_delivery(delivery).await?,
                Event::Delivered(None) => {
                    return Err(Error::transient("could not read on: the consumer ended"));
                }
            }
            self.start_flush();
        }
    }

    async fn on_delivery(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Batch(batch) => self.on_batch(batch),
            Delivery::Assigned { partitions, looked_for, reply } => {
                let begins = self.on_assigned(partitions, looked_for).await?;
                let _ = reply.send(begins);
                Ok(())
            }
            Delivery::Revoked { partitions, are_lost, done } => {
                self.on_revoked(&partitions, are_lost).await?;
                let _ = done.send(());
                Ok(())
            }
            Delivery::Shape { table, topic, reply } => {
                self.drain().await?;
                if let Some(entry) = self.tables.by_name.get(&table.name.to_string())
                    && entry.target.table.columns != table.columns
                {
                    self.end_replay(entry.target.table.id).await;
                }
                let store = self.store.clone();
                let settled = self.tables.settle(&table, &topic, store.as_ref(), &self.status);
                let settled = settled.await?;
                if settled.is_none() {
                    self.hold(&topic);
                }
                let _ = reply.send(settled);
                Ok(())
            }
            Delivery::Truncate { table, place, version, lsn, commit_us, done } => {
                self.drain().await?;
                self.truncate(&table, place, version, lsn, commit_us).await?;
                let _ = done.send(());
                Ok(())
            }
            Delivery::Ended(error) => Err(error),
        }
    }

    fn on_batch(&mut self, batch: Batch) -> Result<()> {
        let (positions, tables) = (&self.positions, &mut self.tables);
        self.next = Some(take::prepare(batch, positions, tables, &self.status)?);
        Ok(())
    }

    /// Rows of a table that stopped come again once it goes on: nothing behind them is recorded.
    fn hold(&mut self, topic: &Arc<str>) {
        self.held.insert(topic.clone());
        let of_topic = self.positions.iter_mut().filter(|(place, _)| place.topic == *topic);
        for (_, at) in of_topic {
            at.held.get_or_insert(at.applied);
        }
    }

    /// Makes durable what has been read, records it, commits it, and leaves the group.
    async fn finish(&mut self) -> Result<()> {
        let drained = tokio::time::timeout(DRAIN_MOST, self.drain_and_record()).await;
        self.control.stop();
        let begun = Instant::now();
        while !self.control.is_closed() && begun.elapsed() < FAREWELL_MOST {
            // What is still delivered is read again by the next one.
            self.deliveries.close();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.status.set_connected(false);
        drained.map_err(|_| {
            Error::transient("could not make everything durable in time")
                .detail("What is missing will be read again at the next start.")
        })?
    }
}
