//! The second way in: topics of Kafka, beside the direct stream or instead of it.
//!
//! ```text
//! bus::consume ──Delivery──▶ run ──▶ take ──▶ flush ──▶ durable ──▶ recorded ──▶ committed to the group
//!                             │                         in millrace.kafka_offsets
//!                             └▶ tables: shapes that messages bring, made in the store before their rows
//! ```
//!
//! Batches, intervals, the flush, quarantine and status are those of the direct stream. Positions are offsets:
//! a partition's order is the order of its rows, and each partition of an append table or a history is cut into
//! intervals of its own.

mod again;
mod command;
pub mod engine;
mod lives;
mod offsets;
mod once;
mod poison;
mod report;
mod resting;
mod run;
mod tables;
mod take;
mod verify;

use crate::pipeline::COMMANDS_MOST;
use crate::running::Running;
use crate::status::{KafkaReport, Report, Status};
use bus::consume::ConsumerOptions;
use command::Command;
use lives::Asked;
use model::{Error, Mode, Result, TableOptions};
use report::{Shown, Shows};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, watch};

/// What to read, and where to keep it.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    pub consumer: ConsumerOptions,
    /// Who reads.
    pub by: By,
    /// `[store] database`, as `shop_{schema}`.
    pub database_pattern: Option<String>,
    /// `[tables]`, by `schema.table`.
    pub tables: BTreeMap<String, TableOptions>,
    /// Offsets that the broker has no more are passed over; otherwise they stop the way in.
    pub skips_expired: bool,
    /// What the connector reads, for its tables to be compared with.
    pub postgres: Option<source::Address>,
    /// Without a direct stream an error that a person has to mend ends the process.
    pub is_alone: bool,
}

/// Who reads the topics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum By {
    #[default]
    Millrace,
    /// The engine itself, which has to be in this process: its Kafka tables end with it.
    ClickHouse,
}

impl KafkaOptions {
    /// Other options for tables.
    fn take(&mut self, tables: &BTreeMap<String, TableOptions>) {
        self.tables.clone_from(tables);
        self.consumer.key_changes = tables.values().any(|table| table.mode == Mode::History);
    }
}

/// A running consumer. Dropped without a shutdown it ends where it stands, which loses nothing.
pub struct Kafka {
    handle: KafkaHandle,
    running: Running,
}

impl Kafka {
    pub fn start(options: KafkaOptions, store: Arc<dyn Store>) -> Kafka {
        let status = Arc::new(Status::default());
        status.set_slot(&offsets::name(&options.consumer.group));
        let (commands, asked) = mpsc::channel(COMMANDS_MOST);
        let (stop, stopping) = watch::channel(false);
        let asked = Asked { commands: asked, stopping };
        let origin = Arc::new(verify::Origin::new(&options, store.clone()));
        let (of_life, of_lives) = ((store.clone(), status.clone()), (store, status.clone()));
        let (shown, task): (Arc<dyn Shows>, _) = match options.by {
            By::Millrace => {
                let shown = Arc::new(Shown::new(&options.consumer));
                let life = run::Consumer::new(of_life, shown.clone());
                (shown, tokio::spawn(lives::run(life, options, of_lives, asked)))
            }
            By::ClickHouse => {
                let seen = Arc::new(engine::Seen::new(&options.consumer));
                let life = engine::Engine::new(of_life, seen.clone());
                (seen, tokio::spawn(lives::run(life, options, of_lives, asked)))
            }
        };
        let handle = KafkaHandle { status, shown, commands, origin };
        Kafka { handle, running: Running::new("consumer", stop, task) }
    }

    pub fn handle(&self) -> KafkaHandle {
        self.handle.clone()
    }

    /// Waits for it to end by itself, which it does only when a person has to help.
    pub async fn ended(&mut self) -> Error {
        self.running.ended().await
    }

    /// Makes durable and commits what has been read, then stops.
    pub async fn shutdown(self) -> Result<()> {
        self.running.shutdown().await
    }
}

/// Asks and tells a running consumer.
#[derive(Clone)]
pub struct KafkaHandle {
    status: Arc<Status>,
    shown: Arc<dyn Shows>,
    commands: mpsc::Sender<Command>,
    origin: Arc<verify::Origin>,
}

impl KafkaHandle {
    /// Its tables, and how far it is.
    pub fn report(&self) -> (Report, KafkaReport) {
        (self.status.report(), self.shown.report(&self.status))
    }

    /// How a person has a topic read again.
    pub(crate) fn to_earliest(&self) -> String {
        self.shown.to_earliest()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.status.is_paused()
    }

    /// It reads, and every table that it knows is up to date but for its lag.
    pub fn is_ready(&self) -> bool {
        self.status.is_ready()
    }
}
