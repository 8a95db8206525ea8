//! The segments read from their beginning, while they are appended to and removed.

use super::files::{Files, files_error, note, read_prefix};
use super::format::Messages;
use super::record::{Record, read_record};
use model::{Error, Lsn, Result};
use std::fs::File;
use std::io::Seek;
use std::ops::Range;

/// Where somebody reads. Appending and removing behind it do not disturb.
#[derive(Debug)]
pub(crate) struct Reading {
    number: Option<u64>,
    file: Option<File>,
    offset: u64,
    plain: Vec<u8>,
    at: usize,
    heads: Vec<Vec<u8>>,
    begins: Option<Begin>,
    /// After all that was read.
    through: Lsn,
    within: Option<Lsn>,
}

/// Where the first message comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Begin {
    pub(crate) from: Lsn,
    /// Within the transaction that commits there.
    pub(crate) within: Option<Lsn>,
}

impl Begin {
    /// Whether a store that has recorded so much has all before. Of a transaction it begins within it may
    /// lack something though `recorded` lies behind `from`: a server stands at many places before it
    /// commits.
    pub(crate) fn follows(self, recorded: Lsn) -> bool {
        match self.within {
            Some(commit) => recorded > commit,
            None => recorded >= self.from,
        }
    }
}

impl Reading {
    /// Valid until the next one is asked for.
    pub(crate) fn message(&self, range: &Range<usize>) -> &[u8] {
        &self.plain[range.clone()]
    }

    /// What was said of relations before the first segment.
    pub(crate) fn take_heads(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.heads)
    }

    /// Told once. It is known when the first segment is opened: until then another may become that.
    pub(crate) fn take_begin(&mut self) -> Option<Begin> {
        self.begins.take()
    }

    /// Whether that segment is not needed any more.
    pub(super) fn is_beyond(&self, number: u64) -> bool {
        self.number.is_some_and(|at| at > number)
    }

    fn next_in_record(&mut self) -> Result<Option<Range<usize>>> {
        let mut messages = Messages::new(&self.plain[self.at..]);
        let Some(message) = messages.next()? else { return Ok(None) };
        note(message, &mut self.within, &mut self.through)?;
        let begin = self.at + 4;
        self.at = begin + message.len();
        Ok(Some(begin..self.at))
    }
}

impl Files {
    /// Reads from the beginning.
    pub(crate) fn read(&self) -> Reading {
        Reading {
            number: None,
            file: None,
            offset: 0,
            plain: Vec::new(),
            at: 0,
            heads: Vec::new(),
            begins: None,
            through: Lsn::ZERO,
            within: None,
        }
    }

    /// The next message. `None`: there is none that was not read.
    pub(crate) fn next(&mut self, reading: &mut Reading) -> Result<Option<Range<usize>>> {
        loop {
            if let Some(range) = reading.next_in_record()? {
                return Ok(Some(range));
            }
            if self.next_record(reading)? {
                continue;
            }
            if self.flush()? {
                if !self.next_record(reading)? {
                    return Ok(None);
                }
            } else {
                // It never comes to disk, and is read all the same; what would be behind it has no place.
                self.is_closed = true;
                (reading.plain, reading.at) = (self.take_buffer(), 0);
            }
        }
    }

    fn next_record(&self, reading: &mut Reading) -> Result<bool> {
        loop {
            let segment = match reading.number {
                None => match self.segments.front() {
                    Some(first) => first,
                    None => return Ok(false),
                },
                Some(number) => {
                    let found = self.segments.iter().find(|segment| segment.number == number);
                    // What is behind it would never be handed on.
                    found
                        .ok_or_else(|| Error::bug(format!("{number}.seg went while it was read")))?
                }
            };
            let path = self.path(segment.number);
            let cannot = |error| files_error("read", &path, error);
            if reading.file.is_none() {
                let mut file = File::open(&path).map_err(cannot)?;
                let head = read_prefix(&mut file, segment.bytes, &path)?;
                let Some(head) = head.filter(|head| head.number == segment.number) else {
                    let why = format!("the head of {}.seg does not read", segment.number);
                    return Err(self.damaged(&why));
                };
                if reading.number.is_none() {
                    (reading.through, reading.within) = (head.from, head.within);
                    reading.begins = Some(Begin { from: head.from, within: head.within });
                    // Those that follow say what was read by then: told again between two rows of one
                    // version, it would part them.
                    reading.heads = head.relations;
                } else if (reading.through, reading.within) != (head.from, head.within) {
                    let why = format!(
                        "before {}.seg something is missing: it goes on from {}, and what is there ends at {}",
                        segment.number, head.from, reading.through
                    );
                    return Err(self.damaged(&why));
                }
                reading.offset = file.stream_position().map_err(cannot)?;
                (reading.number, reading.file) = (Some(segment.number), Some(file));
            }
            let Some(file) = &mut reading.file else { return Ok(false) };
            match read_record(file, segment.bytes - reading.offset).map_err(cannot)? {
                Record::Whole(plain, length) => {
                    (reading.plain, reading.at) = (plain, 0);
                    reading.offset += length;
                    return Ok(true);
                }
                Record::Broken => {
                    let place = format!(
                        "{}.seg does not read from byte {} on",
                        segment.number, reading.offset
                    );
                    return Err(self.damaged(&place));
                }
                Record::End
                    if self.segments.back().is_some_and(|last| last.number > segment.number) =>
                {
                    (reading.number, reading.file) = (Some(segment.number + 1), None);
                }
                Record::End => return Ok(false),
            }
        }
    }
}
