//! The loop: one place where everything that happens is decided, one event at a time.
//!
//! One flush is in flight, the next one is prepared meanwhile; then the consumer waits, bounded by its byte
//! budget. Partitions come and go with the group: before one goes, what was read of it is durable and committed.

mod asked;
mod barriers;
mod durable;

use super::again::Write;
use super::command::Command;
use super::lives::{Asked, End, Life, stopped};
use super::offsets::Position;
use super::report::Shown;
use super::tables::{self, Tables};
use super::take::{self, Prepared};
use super::{KafkaOptions, offsets};
use crate::copier::Gate;
use crate::flight::{Flight, Recording, flushed, recorded};
use crate::flush::Flushed;
use crate::pace::{Pace, Pressure};
use crate::reload::Reload;
use crate::status::{State, Status};
use crate::tables::read_states;
use crate::task::Task;
use crate::toast::Filler;
use crate::watch as look;
use bus::consume::{self, Batch, Control, Delivery, Place};
use model::{Error, Result, Table, TableId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::mpsc;

/// Clock of the loop: offsets that are recorded and shown are this old at most.
const TICK: Duration = Duration::from_millis(100);
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
    in_flight: Option<Flight<Prepared>>,
    next: Option<Prepared>,
    recording: Option<Recording<BTreeMap<Place, i64>>>,
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

/// Our own reader.
pub(super) struct Consumer {
    store: Arc<dyn Store>,
    status: Arc<Status>,
    shown: Arc<Shown>,
    filler: Arc<Filler>,
}

impl Consumer {
    pub(super) fn new(
        (store, status): (Arc<dyn Store>, Arc<Status>),
        shown: Arc<Shown>,
    ) -> Consumer {
        Consumer { store, status, shown, filler: Arc::new(Filler::new(None)) }
    }
}

impl Life for Consumer {
    async fn live(
        &mut self,
        options: &KafkaOptions,
        asked: &mut Asked,
        reload: &mut Option<Reload>,
    ) -> Result<End> {
        let name = offsets::name(&options.consumer.group);
        let known = tables::known_of(read_states(self.store.as_ref()).await?, &name);
        let control = Arc::new(Control::new(source::stream::DEFAULT_AGE_US));
        let pressure = Arc::<Pressure>::default();
        let _parts = Task::spawn(look::parts(self.store.clone(), pressure.clone()));
        let _busy = Task::spawn(look::busy(pressure.clone()));
        self.shown.set_control(control.clone());
        let raw = known.iter().map(|(table, _)| table.clone()).collect();
        let mut this = Loop {
            name,
            store: self.store.clone(),
            status: self.status.clone(),
            shown: self.shown.clone(),
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
            filler: self.filler.clone(),
            pressure,
            pace: Pace::default(),
            looking_for_newer: None,
            finishing: None,
            replaying: None,
            replays: HashMap::new(),
            writes: mpsc::channel(1),
            options: options.clone(),
        };
        let ended = this.go(known, asked, reload).await;
        this.control.stop();
        ended
    }
}

impl Loop {
    async fn go(
        &mut self,
        known: Vec<(Table, State)>,
        asked: &mut Asked,
        reload: &mut Option<Reload>,
    ) -> Result<End> {
        self.tables.restore(known, self.store.as_ref(), &self.status).await?;
        if let Some(reload) = reload.take() {
            reload.answer(&self.status, false);
        }
        self.finish_replays().await?;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let may_receive = self.next.is_none();
            let event = tokio::select! {
                biased;
                // 1. A person waits.
                () = stopped(&mut asked.stopping) => Event::Stop,
                // 2. What is durable frees memory and moves offsets.
                flushed = flushed(&mut self.in_flight) => Event::Flushed(flushed),
                recorded = recorded(&mut self.recording) => Event::Recorded(recorded),
                // 3. The clock comes before what may never pause.
                _ = ticks.tick() => Event::Tick,
                // 4. Somebody waits, too, and asks seldom.
                Some(command) = asked.commands.recv() => Event::Asked(command),
                Some(write) = self.writes.1.recv() => Event::Write(write),
                // 5. The topics, as long as there is room.
                delivery = self.deliveries.recv(), if may_receive => Event::Delivered(delivery),
            };
            match event {
                Event::Stop => return self.finish().await.map(|()| End::Stopped),
                Event::Flushed(flushed) => self.on_flushed(flushed).await?,
                Event::Recorded(recorded) => self.on_recorded(recorded)?,
                Event::Tick => self.on_tick(),
                Event::Asked(command) => {
                    if let Some(end) = self.on_asked(command).await? {
                        return Ok(end);
                    }
                }
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
