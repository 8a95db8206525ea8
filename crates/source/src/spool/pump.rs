//! From the socket into the spool, as long as there is something and there is room.

use super::Files;
use crate::decode::Cursor;
use crate::wire::{Filled, Frame, Session};
use model::{Error, Lsn, Result};
use std::time::{Duration, Instant};

/// Then somebody else has a turn.
const TURN: Duration = Duration::from_millis(100);

/// One connection's messages on their way to disk.
#[derive(Default)]
pub(crate) struct Pump {
    /// There was no room for it; nothing is read before there is.
    stuck: Option<Frame>,
    /// As the server last told.
    pub(crate) received: Lsn,
    pub(crate) server_end: Lsn,
    pub(crate) wants_reply: bool,
}

impl Pump {
    /// Whether anything came. Waits for the first message at most so long.
    pub(crate) fn turn(
        &mut self,
        session: &mut Session,
        files: &mut Files,
        wait: Duration,
    ) -> Result<bool> {
        let begun = Instant::now();
        let mut heard = false;
        session.set_read_timeout(Some(wait))?;
        if let Some(frame) = self.stuck.take()
            && !self.keep(frame, session, files)?
        {
            return Ok(false);
        }
        loop {
            while let Some(frame) = session.next_frame()? {
                if !self.keep(frame, session, files)? {
                    files.flush()?;
                    return Ok(heard);
                }
            }
            if begun.elapsed() >= TURN || session.fill("read the log")? == Filled::Nothing {
                break;
            }
            heard = true;
        }
        files.flush()?;
        Ok(heard)
    }

    /// What was read and found no room.
    pub(crate) fn take_stuck(&mut self) -> Option<Frame> {
        self.stuck.take()
    }

    /// Whether it waits for room.
    pub(crate) fn is_stuck(&self) -> bool {
        self.stuck.is_some()
    }

    fn keep(&mut self, frame: Frame, session: &Session, files: &mut Files) -> Result<bool> {
        let body = session.body(&frame);
        match frame.tag {
            b'd' => {}
            b'E' => return Err(session.refusal("read the log", body)),
            b'c' => return Err(Error::transient("could not read on: the server ended")),
            _ => return Ok(true),
        }
        let mut cursor = Cursor::new(body);
        let (tag, at) = (cursor.u8()?, Lsn(cursor.u64()?));
        self.received = self.received.max(at);
        if tag == b'k' {
            let (_sent, reply) = (cursor.u64()?, cursor.u8()?);
            self.server_end = self.server_end.max(at);
            self.wants_reply |= reply == 1;
        }
        if files.append(body)? {
            return Ok(true);
        }
        self.stuck = Some(frame);
        Ok(false)
    }
}
