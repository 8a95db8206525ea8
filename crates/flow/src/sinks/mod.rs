//! Where the log goes beside the store: topics of Kafka, as Debezium would fill them.
//!
//! ```text
//! reader ─▶ Taps ─▶ Tapped ─▶ queue ─▶ a thread a sink ─▶ broker
//!                               │            └ acknowledged: the log may be confirmed up to there,
//!                               │              by all that are required, and by the store
//!                               ├ full: the reader waits
//!                               └ not required: what waits for too long goes to disk (keeping.rs), which is
//!                                 as good as acknowledged; what has no room there is dropped, and counted
//! ```
//!
//! A sink that begins first sends the rows that are there, and one whose topics lack something sends them again:
//! `before`.
//!
//! A sink outlives the stream's sessions. What one session has put into the queue the next one's encoder leaves out.

mod ahead;
mod before;
mod keeping;
mod queue;
mod sending;
mod spool;
mod taps;

pub use spool::SpoolPlan;

use crate::agree::Ground;
use crate::status::SinkReport;
use crate::tables::Tables;
use ahead::Change;
use bus::write::{Encoded, Encoder, Known, Origin, Position, SinkOptions};
use model::{Error, Lsn, Result, TableId};
use queue::Queue;
use source::Address;
use source::stream::tap::{Tap, Tapped};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;
use taps::Taps;
use tokio_postgres::Client;

/// A broker that answers does so by then.
const OPEN_MOST: Duration = Duration::from_secs(5);
/// One that is not required takes part without, and what its topics have is left out later.
const OPEN_OPTIONAL_MOST: Duration = Duration::from_secs(1);
/// At an orderly end its answer is waited for, and such a broker takes what waits, or it stays on disk.
const DRAIN_MOST: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// One sink, as it is configured.
#[derive(Clone, Debug)]
pub struct SinkPlan {
    /// For people.
    pub name: String,
    pub options: SinkOptions,
    /// The log is confirmed only when it is there as well.
    pub is_required: bool,
    /// What waits for the broker, at most; one batch always may.
    pub queue_bytes_max: usize,
    /// What waits longer, of one that is not required; it has no other use of it but to send what is there.
    pub spool: Option<SpoolPlan>,
    /// Rows that were there before are sent first, as Debezium's `snapshot.mode=initial` does it.
    pub takes_snapshot: bool,
}

/// Where the rows come from.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) address: Address,
    pub(crate) publication: String,
}

/// All sinks of a pipeline.
pub(crate) struct Sinks {
    all: Vec<Arc<Queue>>,
    source: Source,
    /// Of this session's encoders.
    known: Mutex<Vec<Arc<RwLock<Known>>>>,
}

impl Sinks {
    pub(crate) fn start(plans: &[SinkPlan], source: Source) -> Sinks {
        let start = |plan: &SinkPlan| {
            let queue = Arc::new(Queue::new(plan.clone()));
            keeping::start(&queue);
            sending::start(queue.clone(), source.clone());
            queue
        };
        let all = plans.iter().map(start).collect();
        Sinks { all, source, known: Mutex::default() }
    }

    fn required(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.all.iter().filter(|queue| queue.plan.is_required)
    }

    /// What a session of the stream gives its log to. An error: one that is required cannot say yet what it has.
    pub(crate) async fn tap(
        &self,
        tables: &Tables,
        ground: &Arc<Ground>,
    ) -> Result<Option<Box<dyn Tap>>> {
        let settled = Arc::new(tables.settled());
        for queue in &self.all {
            queue.ahead.set(settled.clone(), ground, |Change { is_renewed, is_other }| {
                if is_other {
                    queue.forget();
                }
                if is_renewed {
                    queue.renew();
                }
            });
        }
        let opened = async |is_meant: fn(&SinkPlan) -> bool| {
            let is_waited_for = |queue: &Arc<Queue>| is_meant(&queue.plan) && queue.is_opening();
            while self.all.iter().any(is_waited_for) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(OPEN_OPTIONAL_MOST, opened(|_| true)).await;
        let _ = tokio::time::timeout(OPEN_MOST, opened(|plan| plan.is_required)).await;
        let mut encoders = Vec::new();
        let mut known = Vec::new();
        for (at, queue) in self.all.iter().enumerate() {
            let enqueued = match (queue.enqueued(), queue.plan.is_required) {
                (Some(enqueued), _) => enqueued,
                (None, true) => return Err(queue.not_open()),
                (None, false) => Position::default(),
            };
            let origin = self.source.origin();
            let mut encoder = Encoder::new(queue.plan.options.clone(), origin);
            encoder.resume(enqueued);
            known.push(encoder.known());
            encoders.push((at, encoder));
        }
        *locked(&self.known) = known;
        let tap = Taps::new(encoders).map(|taps| Box::new(taps) as Box<dyn Tap>);
        Ok(tap)
    }

    /// Where a session has to begin for them, however far the store is. `None`: they need nothing of before.
    pub(crate) fn begin(&self) -> Option<Lsn> {
        let enqueued = |queue: &Arc<Queue>| queue.enqueued().map_or(Lsn::ZERO, |at| at.through);
        self.all.iter().map(enqueued).min()
    }

    /// Up to where the log may be confirmed for them.
    pub(crate) fn confirmable(&self) -> Lsn {
        self.all.iter().map(|queue| queue.confirmable()).min().unwrap_or(Lsn::MAX)
    }

    /// Whether those that hold the stream take another batch.
    pub(crate) fn have_room(&self) -> bool {
        self.all.iter().all(|queue| queue.has_room())
    }

    /// Something was acknowledged, or put on disk, since the last call.
    pub(crate) async fn changed(&self) {
        let changes: Vec<_> = self.all.iter().map(|queue| Box::pin(queue.changed())).collect();
        match changes.is_empty() {
            true => std::future::pending().await,
            false => drop(futures_util::future::select_all(changes).await),
        }
    }

    pub(crate) fn take(&self, tapped: Tapped) {
        let Ok(all) = tapped.0.downcast::<Vec<(usize, Encoded)>>() else { return };
        for (at, encoded) in *all {
            self.all[at].put(encoded);
        }
    }

    /// What relations do not say of themselves, before one is answered.
    pub(crate) async fn learn(&self, client: &Client, id: TableId) -> Result<()> {
        if locked(&self.known).is_empty() {
            return Ok(());
        }
        let labels = source::catalog::labels(client).await?;
        let defaults = source::catalog::defaults(client, &[id]).await?;
        for known in locked(&self.known).iter() {
            let mut known = known.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            known.labels.clone_from(&labels);
            known.defaults.retain(|(table, _), _| *table != id);
            known.defaults.extend(defaults.clone());
        }
        Ok(())
    }

    /// Everything that was taken is acknowledged or on disk, or cannot be.
    pub(crate) async fn drain(&self) {
        let sent = async {
            while self.all.iter().any(|queue| queue.can_settle()) {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let _ = tokio::time::timeout(DRAIN_MOST, sent).await;
        let optional = || self.all.iter().filter(|queue| !queue.plan.is_required);
        optional().for_each(|queue| queue.keep_now());
        while optional().any(|queue| !queue.is_kept()) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        while self.required().any(|queue| queue.can_settle()) {
            self.changed().await;
        }
    }

    pub(crate) fn report(&self) -> Vec<SinkReport> {
        self.all.iter().map(|queue| queue.report()).collect()
    }
}

impl Source {
    fn origin(&self) -> Origin {
        Origin { database: self.address.database().to_owned() }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        self.all.iter().for_each(|queue| queue.stop());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
