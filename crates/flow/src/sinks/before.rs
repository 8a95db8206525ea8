//! The rows that were there before a sink: read in one snapshot, and sent ahead of what streams meanwhile.
//!
//! ```text
//! snapshot at C ─▶ the queue is open ─▶ COPY, table by table ─▶ Encoder::read ─▶ Producer ─▶ position C
//!                  │ a session that begins leaves out what committed before C         │
//!                  └ what streams waits in the queue ◀────────────────────────────────┘ and goes on behind C
//! ```
//!
//! The stream's sessions wait for the snapshot of a sink that is required. Of one that is not, one that has begun
//! before C tells everything since then, and what C has is left out when it is sent.
//!
//! # When the topics lack something
//! The position that they name may be another server's, or of before where the slot begins. What was missed cannot be
//! told one by one then, so all rows are sent again, and the stream tells of everything from where it can. A row that
//! went in between stays in the topics: nobody knows of it. A sink that sends no rows of before goes on, and says what
//! is missing.
//!
//! # When it breaks off
//! - No position says that it is done, so another snapshot is taken, at C', and all rows are sent again.
//! - The stream still tells of everything since the first C: from the queue, or to another process from the log or
//!   the disk. So what was sent and has gone since is taken back, and what was changed between C and C' ends as it
//!   is: the older states of a row come before its newest one.

use super::ahead::{self, Stage, Worth};
use super::queue::Queue;
use super::{Lsn, Source};
use crate::agree::Ground;
use crate::tables::Settled;
use bus::write::{
    Before, Delivery, Encoder, Place, Position, Producer, Recorded, Snapshot as Stand,
};
use model::{Error, Result, Table, TableId};
use source::catalog;
use source::copy::Snapshot;
use source::decode::tuple;
use source::timeline::{self, Server};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A transaction of Kafka's.
const BATCH_BYTES: usize = 4 << 20;
/// How often a thread that waits looks whether it is to end.
const LOOK_UP: Duration = Duration::from_millis(500);

/// From here on it is known what the topics have: either all up to the position that they name, or what can be told
/// now. Opens the queue.
pub(super) fn open(queue: &Queue, source: &Source, producer: &mut Producer) -> Result<Position> {
    let Stage { settled, ground } = loop {
        match queue.ahead.stage(LOOK_UP) {
            Some(stage) => break stage,
            None => wanted(queue)?,
        }
    };
    producer.set_server(ground.server.clone());
    let start = Start { queue, source, settled, ground };
    let known = match producer.last_position()? {
        Some(Recorded { what, server }) => match start.worth(what.through, server.as_ref())? {
            Worth::Whole => what,
            lacks if queue.plan.takes_snapshot => start.begin(producer, Some((lacks, server)))?,
            lacks => start.go_on(producer, what, lacks)?,
        },
        None if queue.plan.takes_snapshot => start.begin(producer, None)?,
        // What at-least-once delivery has sent the slot knows well enough, unless it is another one now.
        None => {
            let is_of_slot = matches!(queue.plan.options.delivery, Delivery::AtLeastOnce);
            if let Some(why) = start.ground.missed.as_ref().filter(|_| is_of_slot) {
                start.say_missed(why);
            }
            Position::default()
        }
    };
    queue.ahead.end();
    queue.open(known);
    queue.ahead.set_judged(&start.ground);
    Ok(known)
}

/// What a sink goes on or begins with.
struct Start<'a> {
    queue: &'a Queue,
    source: &'a Source,
    settled: Arc<Settled>,
    ground: Arc<Ground>,
}

impl Start<'_> {
    fn worth(&self, at: Lsn, server: Option<&Server>) -> Result<Worth> {
        if self.queue.ahead.is_judged() {
            return Ok(Worth::Whole);
        }
        // Rows of before that we have begun to send are of a moment after the ground was looked at.
        let end = self.ground.end.max(self.queue.ahead.first().unwrap_or_default());
        let now = self.ground.server.timeline;
        ahead::worth(&self.ground, at, server, end, |before| match now {
            1 => Ok(None),
            _ => runtime()?.block_on(timeline::left_at(&self.source.address, now, before)),
        })
    }

    /// Nothing of before is to be sent again: from where the log can be had.
    fn go_on(&self, producer: &mut Producer, known: Position, lacks: Worth) -> Result<Position> {
        match lacks {
            Worth::Whole => Ok(known),
            // What waits on disk is of the same log, and behind it.
            Worth::Gap(why) => {
                self.say_missed(&why);
                Ok(known)
            }
            Worth::Other(why) => {
                self.say_missed(&why);
                self.claim_floor(producer)
            }
        }
    }

    /// Who comes next is not to take another server's places for this one's.
    fn claim_floor(&self, producer: &mut Producer) -> Result<Position> {
        let position = Position { through: self.ground.floor, within: None };
        producer.claim(position)?;
        Ok(position)
    }

    fn say_missed(&self, why: &str) {
        if self.queue.ahead.is_judged() {
            return;
        }
        let (sink, from) = (&self.queue.plan.name, self.ground.floor);
        tracing::warn!(%sink, %why, %from, "changes are missing in the topics, and cannot be told any more");
        let error = Error::definite("cannot tell of all changes: some are missing in the topics")
            .detail(format!("{why} They go on from {from}."))
            .hint(
                "with another topic_prefix and snapshot = \"initial\" the rows are sent as they are now",
            );
        self.queue.set_missed(error.report());
    }

    fn say_again(&self, why: &str) {
        let sink = &self.queue.plan.name;
        tracing::warn!(%sink, %why, "changes are missing in the topics: all rows are sent again; a row that has gone meanwhile stays there, since nobody knows of it");
    }

    /// Unless it was done, sends the rows that are there. `lacks`: the position, which is of that server, is worth
    /// nothing.
    fn begin(
        &self,
        producer: &mut Producer,
        lacks: Option<(Worth, Option<Server>)>,
    ) -> Result<Position> {
        let floor = self.ground.floor;
        let first = match producer.before()? {
            Some(Recorded { what: Before::Sent(at), server }) => {
                match self.worth(at, server.as_ref())? {
                    Worth::Whole => match lacks {
                        None => return Ok(Position::default()),
                        // They went on from there to where the server never was.
                        Some((Worth::Other(why), of)) if of == server => {
                            self.say_again(&why);
                            Some(floor)
                        }
                        // Another kind of delivery went on from there, and its acknowledgements are the slot's.
                        Some(_) => return self.claim_floor(producer),
                    },
                    Worth::Gap(why) | Worth::Other(why) => {
                        self.say_again(&why);
                        Some(floor)
                    }
                }
            }
            Some(Recorded { what: Before::Begun(at), server }) => {
                match self.worth(at, server.as_ref())? {
                    // What is not required has the rest in its queue or on disk.
                    Worth::Whole if at >= floor || !self.queue.plan.is_required => Some(at),
                    Worth::Whole => {
                        let why = format!(
                            "Rows were sent as they were at {at}, and the log can be had from {floor} on."
                        );
                        self.say_again(&why);
                        Some(floor)
                    }
                    Worth::Gap(why) | Worth::Other(why) => {
                        self.say_again(&why);
                        Some(floor)
                    }
                }
            }
            None => match lacks {
                Some((Worth::Gap(why) | Worth::Other(why), _)) => {
                    self.say_again(&why);
                    Some(floor)
                }
                // A try that did not come as far as its mark.
                Some((Worth::Whole, _)) | None => self.queue.ahead.first(),
            },
        };
        self.send(producer, first)
    }

    /// Opens the queue, and returns once the topics have all rows: as they were at `first`, or now.
    fn send(&self, producer: &mut Producer, first: Option<Lsn>) -> Result<Position> {
        let Start { queue, source, settled, .. } = self;
        let runtime = runtime()?;
        let snapshot = runtime.block_on(Snapshot::open(&source.address))?;
        wanted(queue)?;
        let point = snapshot.consistent_point;
        let at = first.map_or(point, |first| first.min(point));
        let position = Position { through: at, within: None };
        queue.ahead.begin(at);
        queue.open(position);
        let begun = Instant::now();
        let view = View::open(&runtime, source, snapshot, |table| {
            settled.table(table).filter(|table| queue.plan.options.sends(&table.name))
        })?;
        let (sink, tables) = (&queue.plan.name, view.tables.len());
        tracing::info!(%sink, tables, at = %point, "sending the rows that are there");
        producer.begin_before(at)?;
        let rows = view.read(&runtime, queue, source, producer, at)?;
        let seconds = begun.elapsed().as_secs();
        tracing::info!(%sink, rows, seconds, "the rows that were there are sent; the stream goes on");
        Ok(position)
    }
}

fn runtime() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::transient("could not wait for the source").source(error))
}

/// An error: it is to end, or to look again at what the topics have.
fn wanted(queue: &Queue) -> Result<()> {
    match queue.is_stopped() || queue.is_anew() {
        true => Err(Error::transient("could not go on: it is to end")),
        false => Ok(()),
    }
}

/// What the snapshot shows.
struct View {
    snapshot: Snapshot,
    xid: u32,
    /// With the publication's `WHERE`.
    tables: Vec<(Arc<Table>, Option<String>)>,
    known: bus::write::Known,
}

impl View {
    fn open(
        runtime: &Runtime,
        source: &Source,
        snapshot: Snapshot,
        settle: impl Fn(Table) -> Option<Arc<Table>>,
    ) -> Result<View> {
        runtime.block_on(async {
            let client = snapshot.client().await?;
            let mut tables = Vec::new();
            for table in catalog::published_tables(&client, &source.publication).await? {
                let Some(table) = settle(table) else { continue };
                let filter = catalog::row_filter(&client, &source.publication, table.id).await?;
                tables.push((table, filter));
            }
            let ids: Vec<TableId> = tables.iter().map(|(table, _)| table.id).collect();
            let labels = catalog::labels(&client).await?;
            let defaults = catalog::defaults(&client, &ids).await?;
            // Debezium's transaction is the next one, and ours writes nothing; as in the log, without its epoch.
            let xid = Snapshot::xmax(&client).await? as u32;
            Ok(View { snapshot, xid, tables, known: bus::write::Known { labels, defaults } })
        })
    }

    fn read(
        &self,
        runtime: &Runtime,
        queue: &Queue,
        source: &Source,
        producer: &mut Producer,
        at: Lsn,
    ) -> Result<u64> {
        let mut encoder = Encoder::new(queue.plan.options.clone(), source.origin());
        *encoder.known().write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            self.known.clone();
        for (table, _) in &self.tables {
            encoder.relation(table)?;
        }
        let stand = Stand {
            place: Place::Within,
            lsn: self.snapshot.consistent_point,
            xid: Some(self.xid),
            taken_us: self.snapshot.taken_us,
        };
        let mut rows = Rows { queue, producer, encoder, stand, last: None, count: 0 };
        let mut reader = runtime.block_on(self.snapshot.reader())?;
        for (number, (table, filter)) in self.tables.iter().enumerate() {
            let is_wanted = || !queue.is_stopped();
            let (id, mut is_first) = (table.id, true);
            reader.tuples(table, filter.as_deref(), &is_wanted, |tuple| {
                let is_first = std::mem::take(&mut is_first);
                rows.take(Row::new(id, tuple, is_first, is_first && number == 0))
            })?;
            if let Some(last) = &mut rows.last {
                last.is_last_of_table = true;
            }
        }
        rows.end(at)
    }
}

/// The one that was read last: whether it is the last is known behind it.
struct Row {
    table: TableId,
    tuple: Vec<u8>,
    is_first_of_table: bool,
    is_first: bool,
    is_last_of_table: bool,
}

impl Row {
    fn new(table: TableId, tuple: &[u8], is_first_of_table: bool, is_first: bool) -> Row {
        let tuple = tuple.to_vec();
        Row { table, tuple, is_first_of_table, is_first, is_last_of_table: false }
    }

    /// As Debezium has it: the first table's first, if it has one, and whichever comes last.
    fn place(&self, is_last: bool) -> Place {
        match self {
            _ if is_last => Place::Last,
            Row { is_first: true, .. } => Place::First,
            Row { is_last_of_table: true, .. } => Place::LastOfTable,
            Row { is_first_of_table: true, .. } => Place::FirstOfTable,
            _ => Place::Within,
        }
    }
}

struct Rows<'a> {
    queue: &'a Queue,
    producer: &'a mut Producer,
    encoder: Encoder,
    stand: Stand,
    last: Option<Row>,
    count: u64,
}

impl Rows<'_> {
    fn take(&mut self, row: Row) -> Result<()> {
        if let Some(before) = self.last.replace(row) {
            self.write(&before, false)?;
        }
        if self.encoder.size_bytes() < BATCH_BYTES {
            return Ok(());
        }
        wanted(self.queue)?;
        let mut batch = self.encoder.take(Lsn::ZERO);
        self.producer.send_before(&mut batch)?;
        self.queue.sent_ahead(&batch);
        Ok(())
    }

    fn write(&mut self, row: &Row, is_last: bool) -> Result<()> {
        self.stand.place = row.place(is_last);
        self.count += 1;
        self.encoder.read(row.table, &tuple::fields(&row.tuple)?, &self.stand)
    }

    fn end(mut self, at: Lsn) -> Result<u64> {
        if let Some(last) = self.last.take() {
            self.write(&last, true)?;
        }
        let mut batch = self.encoder.take(at);
        self.producer.end_before(&mut batch, at)?;
        self.queue.sent_ahead(&batch);
        Ok(self.count)
    }
}
