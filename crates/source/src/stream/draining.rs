//! A reader whose messages come from the spool: what the store lacks is read from there, and what the
//! server sends meanwhile is put behind it, until nothing is left.

use super::pgoutput::Message;
use super::reader::{End, Place, Reader};
use super::{Relation, wanted};
use crate::decode::Cursor;
use crate::spool::{Begin, CHANGE_HEAD_BYTES, Files, Pump, Reading, Said};
use crate::wire::Session;
use model::{Error, Lsn, Result};
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Messages between two looks at the clock.
const MESSAGES_AT_ONCE: usize = 1000;
/// Between two looks at the socket: what comes that often does not hold up the rest.
const PUMP_EVERY: Duration = Duration::from_millis(200);
/// What is not synced is not confirmed.
const SYNC_EVERY: Duration = Duration::from_millis(500);
const PUMP_WAIT: Duration = Duration::from_millis(1);

pub(super) struct Draining {
    pub(super) reading: Reading,
    pump: Pump,
    pumped_at: Instant,
    synced_at: Instant,
    /// Transactions that commit before are in the store.
    from: Lsn,
    /// Within one of those.
    skips: bool,
}

impl Draining {
    pub(super) fn new(files: &Files, from: Lsn) -> Draining {
        let now = Instant::now();
        Draining {
            reading: files.read(),
            pump: Pump::default(),
            pumped_at: now,
            synced_at: now,
            from,
            skips: false,
        }
    }
}

fn gap(begin: Begin, from: Lsn) -> Error {
    let Begin { from: begins, within } = begin;
    let place = match within {
        Some(commit) => format!("{begins}, within what commits at {commit}"),
        None => begins.to_string(),
    };
    Error::definite("cannot read the spool: it does not begin where the store ends")
        .detail(format!("It begins at {place}; the store holds the log up to {from}."))
}

impl Reader<'_> {
    /// Some messages; whether the socket is likely to have more.
    pub(super) fn drain(&mut self) -> Result<bool, End> {
        self.pump_if_due()?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // To whoever cuts batches they were sent now: they are late.
        let now_us = since.as_micros() as i64;
        for _ in 0..MESSAGES_AT_ONCE {
            if !self.drain_one(now_us)? {
                self.end_draining()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn drain_one(&mut self, now_us: i64) -> Result<bool, End> {
        let (Some(files), Some(draining)) = (&mut self.spool, &mut self.draining) else {
            return Ok(false);
        };
        let Some(range) = files.next(&mut draining.reading)? else { return Ok(false) };
        if let Some(begin) = draining.reading.take_begin() {
            if !begin.follows(draining.from) {
                return Err(gap(begin, draining.from).into());
            }
            draining.skips = begin.within.is_some();
        }
        for told in draining.reading.take_heads() {
            tell_later(&mut self.untold, &told)?;
        }
        let message = draining.reading.message(&range);
        match Said::of(message)? {
            Said::Ends(_) if draining.skips => draining.skips = false,
            // Said once; its rows may come behind what is skipped.
            Said::Relation(_) if draining.skips => {
                tell_later(&mut self.untold, message)?;
            }
            Said::Begins(commit) if commit < draining.from => draining.skips = true,
            Said::Stands(at) => self.open.pass(at),
            _ if draining.skips => {}
            _ => {
                let change = Lsn(Cursor::new(&message[1..]).u64()?);
                self.change(&Place::Spool(range), change, now_us)?;
            }
        }
        Ok(true)
    }

    /// Describes the relation of a row, if it was told where nobody listened.
    pub(super) fn tell_of_relation(&mut self, place: &Place) -> Result<(), End> {
        let said = match (place, &self.draining) {
            (Place::Socket(frame, _), _) => Said::of(self.session.body(frame))?,
            (Place::Spool(range), Some(draining)) => Said::of(draining.reading.message(range))?,
            (Place::Spool(_), None) => return Ok(()),
        };
        let Said::Row(id) = said else { return Ok(()) };
        match self.untold.remove(&id) {
            Some(relation) => self.describe(relation),
            None => Ok(()),
        }
    }

    /// What the server has sent goes behind the rest.
    pub(super) fn pump_if_due(&mut self) -> Result<()> {
        let (Some(files), Some(draining)) = (&mut self.spool, &mut self.draining) else {
            return Ok(());
        };
        if draining.pumped_at.elapsed() < PUMP_EVERY {
            return Ok(());
        }
        let heard = draining.pump.turn(&mut self.session, files, PUMP_WAIT)?;
        files.remove_through(self.control.confirmed(), Some(&draining.reading))?;
        if draining.synced_at.elapsed() >= SYNC_EVERY {
            files.sync()?;
            draining.synced_at = Instant::now();
        }
        let pump = &mut draining.pump;
        draining.pumped_at = Instant::now();
        self.server_end = self.server_end.max(pump.server_end);
        self.control.set_received(pump.received.max(self.control.received()));
        let (is_stuck, asks) = (pump.is_stuck(), std::mem::take(&mut pump.wants_reply));
        // Who does not listen hears no silence.
        self.note_silence(heard || is_stuck)?;
        if asks {
            self.tell(false)?;
        }
        Ok(())
    }

    /// From here on the messages come from the socket, in binary form if that was wished.
    fn end_draining(&mut self) -> Result<(), End> {
        let Some(mut draining) = self.draining.take() else { return Ok(()) };
        if let Some(frame) = draining.pump.take_stuck() {
            self.message(&frame)?;
        }
        let Some(files) = &mut self.spool else { return Ok(()) };
        files.sync()?;
        tracing::info!(through = %files.through(), "the spool was read to its end");
        if !self.options.binary || self.open.in_transaction() {
            return Ok(());
        }
        let from = files.through().max(self.options.from).max(self.open.through());
        // A session of Postgres streams once. Between the two the slot is nobody's, and the walsender of the first
        // goes before the other: there may be no more of them to be had.
        self.control.set_holds_slot(false);
        self.session = Session::connect(&self.options.address)?;
        self.session.wait_until_free(&self.options.slot)?;
        self.session = Session::connect_replicating(&self.options.address)?;
        let wanted = wanted(&self.options.publication, true);
        self.session.start_replication(&self.options.slot, from, &wanted)?;
        self.control.set_holds_slot(true);
        self.untold.clear();
        Ok(())
    }

    /// The store has recorded all that is in it.
    pub(super) fn clear_spool(&mut self) -> Result<()> {
        let recorded = self.control.confirmed();
        match &mut self.spool {
            Some(files) if self.draining.is_none() && !files.is_empty() => {
                if recorded >= files.through() {
                    files.clear()
                } else {
                    files.remove_through(recorded, None)
                }
            }
            _ => Ok(()),
        }
    }
}

fn tell_later(untold: &mut HashMap<u32, Relation>, told: &[u8]) -> Result<()> {
    if let Message::Relation(relation) = Message::read(&told[CHANGE_HEAD_BYTES..])? {
        untold.insert(relation.id.0, relation);
    }
    Ok(())
}
