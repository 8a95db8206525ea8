//! The thread: reads patiently, fills the open batch, cuts and delivers it, and answers the server.

use super::budget::{Budget, Permit};
use super::draining::Draining;
use super::open::{Open, Step};
use super::patience::Patience;
use super::tap::{LogicalMessage, Tap};
use super::{Batch, Control, Delivery, Relation, StreamOptions, wanted};
use crate::decode::Cursor;
use crate::spool::{AWAY_AFTER, CHANGE_HEAD_BYTES, Taken};
use crate::wire::{Filled, Frame, Session};
use model::{Error, Lsn, Result, Table, TableId, Version};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{Sender, error::TrySendError};

/// Nothing came for this long after a pause: the stream is idle for now.
const EMPTY_READ: Duration = Duration::from_millis(5);
/// While idle, how long a change of [`Control`] may go unseen.
const IDLE_READ: Duration = Duration::from_millis(50);
/// The server gives up a reader that says nothing for wal_sender_timeout, 60 s by default.
const FEEDBACK_EVERY: Duration = Duration::from_secs(10);
/// A confirmed position that moved is told at most this often.
const CONFIRM_EVERY: Duration = Duration::from_millis(100);
/// How often a waiting thread looks up.
const LOOK_UP: Duration = Duration::from_millis(1);
/// An idle position is delivered at most this often.
const POSITION_EVERY: Duration = Duration::from_millis(200);
/// How long a stopped stream waits for what it delivered to be confirmed.
const FAREWELL: Duration = Duration::from_secs(10);
/// A server that says nothing for this long is asked to.
const SILENCE_ASKED: Duration = Duration::from_secs(15);
/// And one that does not answer is not there any more, whatever the network says.
const SILENCE_MOST: Duration = Duration::from_secs(60);
/// Whoever did not listen for this long was busy, and heard no silence.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// Messages of ours; nobody else's are of interest.
const PREFIX: &str = "millrace";
/// 1970-01-01 to 2000-01-01, from which Postgres counts.
const EPOCH_US: i64 = 946_684_800_000_000;

/// The receiver is gone: nobody reads on.
pub(super) struct Gone;

/// Why the thread ends.
pub(super) enum End {
    Failed(Error),
    Gone,
    /// The store fails, and nobody took anything for long.
    Away,
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Failed(error)
    }
}

impl From<Gone> for End {
    fn from(_: Gone) -> End {
        End::Gone
    }
}

impl From<crate::decode::Malformed> for End {
    fn from(malformed: crate::decode::Malformed) -> End {
        End::Failed(malformed.into())
    }
}

pub(super) fn run(
    options: &StreamOptions,
    control: &Control,
    out: Sender<Delivery>,
    tap: Option<Box<dyn Tap>>,
) {
    match Reader::connect(options, control, out.clone(), tap) {
        Ok(mut reader) => {
            // The reader's is the only one left, so that the channel closes with its farewell.
            drop(out);
            let held = control.hold_slot();
            let error = match reader.stream() {
                Err(End::Failed(error)) => Some(error),
                Err(End::Away) => Some(away(options)),
                Ok(()) | Err(End::Gone) => None,
            };
            // Before it is another's.
            drop(held);
            // The slot and the spool are free before the receiver is: it may be busy for long.
            let Reader { out, session, spool, .. } = reader;
            drop((session, spool));
            if let Some(error) = error {
                let _ = out.blocking_send(Delivery::Ended(error));
            }
        }
        Err(error) => {
            let _ = out.blocking_send(Delivery::Ended(error));
        }
    }
    control.set_closed();
}

fn away(options: &StreamOptions) -> Error {
    if let Some(spool) = &options.spool {
        spool.set_away();
    }
    Error::transient("could not hand on what was read: the store takes no rows")
        .detail("The log goes to the spool until it does.")
}

/// Where a message lies.
#[derive(Clone)]
pub(super) enum Place {
    Socket(Frame, usize),
    Spool(std::ops::Range<usize>),
}

pub(super) struct Reader<'a> {
    pub(super) options: &'a StreamOptions,
    pub(super) session: Session,
    pub(super) control: &'a Control,
    out: Sender<Delivery>,
    pub(super) open: Open,
    pub(super) spool: Option<Taken<'a>>,
    /// There is something in the spool that was not read.
    pub(super) draining: Option<Draining>,
    /// Relations that were told where nobody could be told of them, and had no row yet.
    pub(super) untold: HashMap<u32, Relation>,
    budget: Budget,
    patience: Patience,
    /// The server's end of log as it last told.
    pub(super) server_end: Lsn,
    delivered: Lsn,
    delivered_at: Instant,
    /// The hold that was reported with [`Delivery::Held`].
    held: Option<Lsn>,
    told: Lsn,
    told_at: Instant,
    /// When the server last said something, and when we last listened.
    pub(super) heard_at: Instant,
    listened_at: Instant,
}

impl<'a> Reader<'a> {
    fn connect(
        options: &'a StreamOptions,
        control: &'a Control,
        out: Sender<Delivery>,
        tap: Option<Box<dyn Tap>>,
    ) -> Result<Reader<'a>> {
        let mut spool = options.spool.as_ref().map(|spool| spool.take()).transpose()?;
        let held = match &mut spool {
            Some(files) => files.go_on_from(control.confirmed())?,
            None => Lsn::ZERO,
        };
        let files = spool.as_ref().filter(|files| held > options.from && !files.is_empty());
        let draining = files.map(|files| Draining::new(files, options.from));
        let mut session = Session::connect_replicating(&options.address)?;
        let wanted = wanted(&options.publication, options.binary && draining.is_none());
        session.start_replication(&options.slot, options.from.max(held), &wanted)?;
        let patience = Patience::new(session.is_unix());
        let now = Instant::now();
        Ok(Reader {
            options,
            session,
            control,
            out,
            open: Open::new(tap),
            spool,
            draining,
            untold: HashMap::new(),
            budget: Budget::new(options.memory_bytes),
            patience,
            server_end: Lsn::ZERO,
            delivered: Lsn::ZERO,
            delivered_at: now,
            held: None,
            told: Lsn::ZERO,
            told_at: now,
            heard_at: now,
            listened_at: now,
        })
    }

    fn stream(&mut self) -> Result<(), End> {
        let mut is_busy = false;
        while !self.control.stopped() {
            if self.draining.is_some() {
                is_busy = self.drain()?;
            } else {
                let filled = self.read(is_busy)?;
                self.note_silence(filled)?;
                is_busy = filled;
                while let Some(frame) = self.session.next_frame()? {
                    self.message(&frame)?;
                }
            }
            self.hold_if_idle()?;
            self.cut_if_due()?;
            self.tap_if_due()?;
            self.tell_if_due()?;
        }
        self.farewell()
    }

    /// Whether anything came.
    fn read(&mut self, is_busy: bool) -> Result<bool> {
        let wait = if is_busy {
            self.wait_patiently()?;
            EMPTY_READ
        } else {
            let due = self.open.remaining(self.age()).filter(|_| self.open.may_cut());
            let tapped = self.open.tap_remaining();
            let due = due.into_iter().chain(tapped).min();
            due.unwrap_or(IDLE_READ).clamp(LOOK_UP, IDLE_READ)
        };
        self.session.set_read_timeout(Some(wait))?;
        Ok(self.session.fill("read the log")? != Filled::Nothing)
    }

    pub(super) fn note_silence(&mut self, heard: bool) -> Result<()> {
        let now = Instant::now();
        if heard || now - self.listened_at > BUSY_PAUSE {
            self.heard_at = now;
        }
        self.listened_at = now;
        if now - self.heard_at > SILENCE_MOST {
            return Err(Error::transient("could not read on: the server does not answer").detail(
                format!("It has said nothing for {SILENCE_MOST:?}, though it was asked to."),
            ));
        }
        Ok(())
    }

    fn wait_patiently(&mut self) -> Result<()> {
        let waiting = || self.session.waiting();
        let waited = self.patience.wait(std::thread::sleep, waiting);
        waited.map_err(|error| self.session.broken("read the log", error))
    }

    fn age(&self) -> Duration {
        Duration::from_micros(self.control.age_us())
    }

    pub(super) fn message(&mut self, frame: &Frame) -> Result<(), End> {
        match frame.tag {
            b'd' => {}
            b'E' => {
                let body = self.session.body(frame);
                return Err(self.session.refusal("read the log", body).into());
            }
            b'c' => return Err(Error::transient("could not read on: the server ended").into()),
            _ => return Ok(()),
        }
        let mut cursor = Cursor::new(self.session.body(frame));
        match cursor.u8()? {
            b'w' => {
                let (change, _end) = (Lsn(cursor.u64()?), cursor.u64()?);
                let sent_us = cursor.i64()?.saturating_add(EPOCH_US);
                let skip = frame_body_len(self.session.body(frame), cursor.rest());
                self.change(&Place::Socket(frame.clone(), skip), change, sent_us)
            }
            b'k' => {
                let (end, _sent, reply) = (Lsn(cursor.u64()?), cursor.u64()?, cursor.u8()?);
                self.server_end = self.server_end.max(end);
                self.control.set_received(end.max(self.control.received()));
                self.open.pass(end);
                if reply == 1 {
                    self.tell(false)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives the message to the open batch, as often as the batch asks for something first.
    pub(super) fn change(&mut self, place: &Place, change: Lsn, sent_us: i64) -> Result<(), End> {
        if change > self.control.received() {
            self.control.set_received(change);
        }
        if !self.untold.is_empty() && !self.open.is_within(change) {
            self.tell_of_relation(place)?;
        }
        loop {
            let body = match (place, &self.draining) {
                (Place::Socket(frame, skip), _) => &self.session.body(frame)[*skip..],
                (Place::Spool(range), Some(draining)) => {
                    &draining.reading.message(range)[CHANGE_HEAD_BYTES..]
                }
                (Place::Spool(_), None) => return Err(Error::bug("a message went away").into()),
            };
            match self.open.take(body, change, sent_us)? {
                Step::Done => return Ok(()),
                Step::CutFirst => self.cut()?,
                Step::Begins(commit) => {
                    self.hold_before(commit)?;
                    self.open.begin();
                }
                Step::Describe(relation) => return self.describe(relation),
                Step::Repeats(relation) => {
                    self.untold.insert(relation.id.0, relation);
                    return Ok(());
                }
                Step::Truncate(tables) => return self.truncate(tables, change),
                Step::Logical { prefix, content, lsn, .. } if prefix == PREFIX => {
                    self.cut()?;
                    return self.deliver(Delivery::Message { prefix, content, lsn });
                }
                Step::Logical { prefix, content, lsn, is_transactional } => {
                    let (prefix, content) = (&prefix, &content);
                    let message = LogicalMessage { prefix, content, lsn, is_transactional };
                    return Ok(self.open.tap_message(message)?);
                }
            }
        }
    }

    pub(super) fn describe(&mut self, relation: Relation) -> Result<(), End> {
        self.untold.remove(&relation.id.0);
        self.cut()?;
        let (reply, answer) = sync_channel(1);
        let commit = self.open.commit();
        self.deliver(Delivery::Relation { relation: relation.clone(), commit, reply })?;
        let table: Option<Arc<Table>> = self.wait_for(&answer)?;
        Ok(self.open.describe(relation, table)?)
    }

    fn truncate(&mut self, tables: Vec<TableId>, change: Lsn) -> Result<(), End> {
        self.cut()?;
        self.open.tap_truncate(&tables, change)?;
        let (done, answer): (SyncSender<()>, _) = sync_channel(1);
        let version = Version::of_change(self.open.commit(), change);
        let commit_us = self.open.commit_us();
        self.deliver(Delivery::Truncate { tables, version, commit_us, done })?;
        self.wait_for(&answer)
    }

    fn wait_for<T>(&mut self, answer: &Receiver<T>) -> Result<T, End> {
        let begun = Instant::now();
        loop {
            match answer.recv_timeout(CONFIRM_EVERY) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => self.meanwhile(begun)?,
                Err(RecvTimeoutError::Disconnected) => return Err(End::Gone),
            }
        }
    }

    /// Waits while the transaction that commits at `commit` is to be held back.
    fn hold_before(&mut self, commit: Lsn) -> Result<(), End> {
        while commit >= self.control.hold_at() && !self.control.stopped() {
            self.report_held(self.control.hold_at())?;
            std::thread::sleep(LOOK_UP);
            self.tell_if_due()?;
            self.pump_if_due()?;
        }
        self.held = None;
        Ok(())
    }

    /// The same without a transaction at hand, once the server has passed the position.
    fn hold_if_idle(&mut self) -> Result<(), End> {
        let hold = self.control.hold_at();
        if hold == Lsn::MAX || self.open.in_transaction() || self.held == Some(hold) {
            return Ok(());
        }
        if self.open.through() >= hold {
            return self.report_held(hold);
        }
        // It may stand there already and have no reason to say so.
        if self.told_at.elapsed() >= CONFIRM_EVERY {
            self.tell(true)?;
        }
        Ok(())
    }

    fn report_held(&mut self, hold: Lsn) -> Result<(), End> {
        if self.held != Some(hold) {
            self.held = Some(hold);
            self.cut()?;
            self.deliver(Delivery::Held(hold))?;
        }
        Ok(())
    }

    fn cut_if_due(&mut self) -> Result<(), End> {
        if !self.open.may_cut() {
            return Ok(());
        }
        let is_due = match self.open.remaining(self.age()) {
            Some(remaining) => remaining.is_zero(),
            None => {
                self.open.through() > self.delivered
                    && self.delivered_at.elapsed() >= POSITION_EVERY
            }
        };
        if is_due { self.cut() } else { Ok(()) }
    }

    fn tap_if_due(&mut self) -> Result<(), End> {
        let is_due = self.open.tap_remaining().is_some_and(|left| left.is_zero());
        match is_due.then(|| self.open.cut_tap()).flatten() {
            Some(tapped) => self.deliver(Delivery::Tapped(tapped)),
            None => Ok(()),
        }
    }

    fn cut(&mut self) -> Result<(), End> {
        let tapped_bytes = self.open.tapped_bytes();
        let is_empty = self.open.rows() == 0 && tapped_bytes == 0;
        if is_empty && self.open.through() <= self.delivered {
            return Ok(());
        }
        let mut batch = self.open.cut(self.server_end);
        batch.permit = self.permit(&batch, tapped_bytes)?;
        (self.delivered, self.delivered_at) = (batch.through, Instant::now());
        self.deliver(Delivery::Batch(batch))
    }

    fn permit(&mut self, batch: &Batch, tapped_bytes: usize) -> Result<Permit, End> {
        let blocks: usize = batch.blocks.iter().map(model::Block::size_bytes).sum();
        let bytes = blocks + tapped_bytes;
        let begun = Instant::now();
        loop {
            if let Some(permit) = self.budget.take(bytes) {
                return Ok(permit);
            }
            if self.out.is_closed() {
                return Err(End::Gone);
            }
            std::thread::sleep(LOOK_UP);
            self.meanwhile(begun)?;
        }
    }

    /// Hands over without ever waiting for good: the server must hear from us meanwhile.
    fn deliver(&mut self, delivery: Delivery) -> Result<(), End> {
        let (mut delivery, begun) = (delivery, Instant::now());
        loop {
            match self.out.try_send(delivery) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return Err(End::Gone),
                Err(TrySendError::Full(back)) => delivery = back,
            }
            std::thread::sleep(LOOK_UP);
            self.meanwhile(begun)?;
        }
    }

    /// While the receiver is waited for, since `begun`.
    fn meanwhile(&mut self, begun: Instant) -> Result<(), End> {
        self.tell_if_due()?;
        match (&self.draining, &self.spool) {
            (Some(_), _) => self.pump_if_due()?,
            (None, Some(_)) if begun.elapsed() >= AWAY_AFTER && self.is_away() => {
                return Err(End::Away);
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// A store that is slow is not away: who waits for it comes on, and who begins anew may never.
    fn is_away(&self) -> bool {
        let store_fails = self.options.spool.as_ref().is_some_and(|spool| spool.store_fails());
        store_fails && !self.control.stopped()
    }

    fn confirmed(&self) -> Lsn {
        let synced = self.spool.as_ref().map_or(Lsn::ZERO, |files| files.synced());
        self.control.confirmed().max(synced)
    }

    pub(super) fn tell_if_due(&mut self) -> Result<()> {
        let since = self.told_at.elapsed();
        let moved = self.confirmed() > self.told;
        if since >= FEEDBACK_EVERY || (moved && since >= CONFIRM_EVERY) {
            self.tell(self.heard_at.elapsed() > SILENCE_ASKED)?;
        }
        Ok(())
    }

    /// A standby status update; `wants_reply` has the server say where it stands.
    pub(super) fn tell(&mut self, wants_reply: bool) -> Result<()> {
        self.clear_spool()?;
        let confirmed = self.confirmed();
        let received = self.control.received().max(confirmed);
        self.session.tell(received, confirmed, wants_reply)?;
        (self.told, self.told_at) = (confirmed, Instant::now());
        Ok(())
    }

    /// Delivers what was read, waits for it to be confirmed, and says goodbye.
    fn farewell(&mut self) -> Result<(), End> {
        // Nobody is there to confirm anything: the slot is free at once for whoever comes next.
        if self.out.is_closed() {
            return Err(End::Gone);
        }
        self.cut()?;
        let (closed, _) = tokio::sync::mpsc::channel(1);
        drop(std::mem::replace(&mut self.out, closed));
        let begun = Instant::now();
        while self.control.confirmed() < self.delivered && begun.elapsed() < FAREWELL {
            std::thread::sleep(LOOK_UP);
            self.tell_if_due()?;
        }
        self.tell(false)?;
        self.session.write(|out| {
            postgres_protocol::message::frontend::copy_done(out);
            Ok(())
        })?;
        Ok(())
    }
}

fn frame_body_len(body: &[u8], rest: &[u8]) -> usize {
    body.len() - rest.len()
}
