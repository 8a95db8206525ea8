//! The pipeline: one slot of one source into one store.

#[cfg(feature = "kafka")]
mod topics;

use crate::pause::{Paused, Resumed};
use crate::quarantine::{ReplayOptions, Replayed};
use crate::reload::{ReloadOptions, Reloaded};
use crate::resync::{ResyncOptions, Resynced};
use crate::run;
use crate::running::Running;
use crate::sinks::SinkPlan;
use crate::status::{Report, Status};
use crate::verify::beside::{Beside, Connection};
use crate::verify::{Piece, PieceOptions, Verdict, VerifyOptions};
use model::{Error, Result, TableOptions};
use source::Address;
use source::spool::Spool;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

/// Questions that wait; a second one of a kind is refused anyway.
pub(crate) const COMMANDS_MOST: usize = 8;

/// What to read, and where to keep it.
#[derive(Clone, Debug)]
pub struct Options {
    pub address: Address,
    pub publication: String,
    pub slot: String,
    /// `[store] database`, as `shop_{schema}`.
    pub database_pattern: Option<String>,
    /// `[tables]`, by `schema.table`.
    pub tables: BTreeMap<String, TableOptions>,
    /// The most memory that rows on their way may hold.
    pub memory_bytes: usize,
    /// Where the log goes while the store is away.
    pub spool: Option<Arc<Spool>>,
    /// Where it goes as well.
    pub sinks: Vec<SinkPlan>,
}

/// A running pipeline. Its owner shuts it down; everybody else has a [`Handle`]. Dropped without a
/// shutdown it ends where it stands, which loses nothing: the next start goes on from there.
pub struct Pipeline {
    handle: Handle,
    running: Running,
}

/// What a [`Handle`] asks of the loop.
pub(crate) enum Command {
    Verify {
        options: VerifyOptions,
        reply: oneshot::Sender<Result<Verdict>>,
    },
    /// A table to look at beside the stream, or why it cannot be.
    Beside {
        table: String,
        reply: oneshot::Sender<Result<Result<Beside, String>>>,
    },
    Resync {
        options: ResyncOptions,
        reply: oneshot::Sender<Result<Vec<Resynced>>>,
    },
    /// Answers once nobody takes rows for missing that newer ones are there of.
    LookForNewer {
        tables: Vec<String>,
        reply: oneshot::Sender<Result<()>>,
    },
    Replay {
        options: ReplayOptions,
        reply: oneshot::Sender<Result<Vec<Replayed>>>,
    },
    Pause {
        reply: oneshot::Sender<Result<Paused>>,
    },
    Resume {
        reply: oneshot::Sender<Result<Resumed>>,
    },
    Reload {
        options: ReloadOptions,
        reply: oneshot::Sender<Result<Reloaded>>,
    },
}

impl Pipeline {
    /// Starts the loop. What is missing and allowed is created; an unreachable source is tried again.
    pub fn start(options: Options, store: Arc<dyn Store>) -> Pipeline {
        let status = Arc::new(Status::default());
        status.set_slot(&options.slot);
        status.set_spool(options.spool.clone());
        let (commands, asked) = mpsc::channel(COMMANDS_MOST);
        let (stop, stopping) = watch::channel(false);
        let task = tokio::spawn(run::run(options, store, status.clone(), asked, stopping));
        Pipeline {
            handle: Handle {
                status,
                commands,
                beside: Arc::default(),
                #[cfg(feature = "kafka")]
                topics: None,
            },
            running: Running::new("pipeline", stop, task),
        }
    }

    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the pipeline to end by itself, which it does only when a person has to help.
    pub async fn ended(&mut self) -> Error {
        self.running.ended().await
    }

    /// Makes durable and confirms what has been read, then stops. What ended it before, and was not
    /// asked for yet, is told here.
    pub async fn shutdown(self) -> Result<()> {
        self.running.shutdown().await
    }
}

/// Asks and tells a running pipeline.
#[derive(Clone)]
pub struct Handle {
    status: Arc<Status>,
    commands: mpsc::Sender<Command>,
    beside: Arc<Connection>,
    /// Read beside the stream.
    #[cfg(feature = "kafka")]
    topics: Option<topics::Topics>,
}

impl Handle {
    pub fn report(&self) -> Report {
        let report = self.status.report();
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.beside(report);
        }
        report
    }

    /// Every table streams.
    pub fn is_ready(&self) -> bool {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.are_ready() && (topics.are_alone() || self.status.is_ready());
        }
        self.status.is_ready()
    }

    /// Nothing is read until somebody resumes.
    pub fn is_paused(&self) -> bool {
        #[cfg(feature = "kafka")]
        if self.topics.as_ref().is_some_and(topics::Topics::are_paused) {
            return true;
        }
        self.status.is_paused()
    }

    /// Compares source and store at one position.
    pub async fn verify(&self, options: VerifyOptions) -> Result<Verdict> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.verify(options, async |options| self.verify_stream(options).await).await;
        }
        self.verify_stream(options).await
    }

    async fn verify_stream(&self, options: VerifyOptions) -> Result<Verdict> {
        let gone = || Error::transient("could not verify: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Verify { options, reply }).await.map_err(|_| gone())?;
        let interrupted =
            || Error::transient("could not verify: the stream was interrupted meanwhile");
        answer.await.map_err(|_| interrupted())?
    }

    /// Compares a few rows of a table while everything goes on.
    pub async fn verify_piece(&self, options: &PieceOptions) -> Result<Piece> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics
            && topics.are_asked_for(&options.table)
        {
            return topics.verify_piece(options).await;
        }
        let beside = match self.beside(&options.table).await? {
            Ok(beside) => beside,
            Err(why) => return Ok(Piece::skipped("", why)),
        };
        let mut piece = beside.compare(options, &self.beside).await?;
        // What differs of a table that changed its shape meanwhile says nothing.
        if !piece.differences.is_empty()
            && !self.beside(&options.table).await?.is_ok_and(|now| now.is_same(&beside))
        {
            piece.differences.clear();
        }
        self.status.with_table(&options.table, |table| table.verified.count(&piece));
        Ok(piece)
    }

    async fn beside(&self, table: &str) -> Result<Result<Beside, String>> {
        let gone = || Error::transient("could not verify: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        let table = table.to_owned();
        self.commands.send(Command::Beside { table, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Begins to copy tables again; answers once they have begun.
    pub async fn resync(&self, options: ResyncOptions) -> Result<Vec<Resynced>> {
        self.needs_stream("resync")?;
        let gone = || Error::transient("could not resync: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Resync { options, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Looks in the store which quarantined rows of these tables, of none: of all, are superseded.
    pub async fn look_for_newer(&self, tables: Vec<String>) -> Result<()> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            let looked = topics.look_for_newer(tables.clone()).await;
            if topics.are_alone() {
                return looked;
            }
        }
        let gone = || Error::transient("could not look: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::LookForNewer { tables, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Writes quarantined rows that can be carried now.
    pub async fn replay(&self, options: ReplayOptions) -> Result<Vec<Replayed>> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.replay(options, async |options| self.replay_stream(options).await).await;
        }
        self.replay_stream(options).await
    }

    async fn replay_stream(&self, options: ReplayOptions) -> Result<Vec<Replayed>> {
        let gone = || Error::transient("could not replay: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Replay { options, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Stops reading, and says so once everything that was read is durable. It stays so, also for the
    /// next process, until [`Handle::resume`].
    pub async fn pause(&self) -> Result<Paused> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.pause(async || self.pause_stream().await).await;
        }
        self.pause_stream().await
    }

    async fn pause_stream(&self) -> Result<Paused> {
        let gone = || Error::transient("could not pause: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Pause { reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Answers once it goes on; its source may be away.
    pub async fn resume(&self) -> Result<Resumed> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.resume(async || self.resume_stream().await).await;
        }
        self.resume_stream().await
    }

    async fn resume_stream(&self) -> Result<Resumed> {
        let gone = || Error::transient("could not resume: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Resume { reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Goes on with other options for tables; an error before it does so has changed nothing.
    pub async fn reload(&self, options: ReloadOptions) -> Result<Reloaded> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.reload(options, async |options| self.reload_stream(options).await).await;
        }
        self.reload_stream(options).await
    }

    async fn reload_stream(&self, options: ReloadOptions) -> Result<Reloaded> {
        let gone = || Error::transient("could not reload: the pipeline does not run");
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Reload { options, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Topics have nothing to be compared with, and nobody who sends their tables again.
    fn needs_stream(&self, what: &str) -> Result<()> {
        #[cfg(feature = "kafka")]
        if let Some(topics) = &self.topics {
            return topics.need_stream(what);
        }
        let _ = what;
        Ok(())
    }
}
