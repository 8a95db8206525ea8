//! The segments on disk: appended to at one end, read and removed at the other.
//!
//! A record ends with a whole transaction, or lies within one: so what a connection left unfinished can
//! be cut off, and what was confirmed is never touched again.

mod opening;

pub(super) use opening::read_prefix;

use super::format::{Head, Said, packed_bytes_most, put_message};
use super::reading::{Begin, Reading};
use super::record::put_record;
use super::shown::Shown;
use model::{Error, Lsn, Result};
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SEGMENT_BYTES_MOST: u64 = 64 << 20;
const SEGMENT_BYTES_LEAST: u64 = 64 << 10;
/// Of the limit: room is given back a segment at a time.
const SEGMENTS_OF_LIMIT: u64 = 16;
/// Messages of so many bytes are packed together.
const CHUNK_BYTES: u64 = 1 << 20;
/// A disk that was full is tried again.
const FULL_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    from: Lsn,
    /// It begins within the transaction that commits there.
    within: Option<Lsn>,
    begun_us: i64,
    pub(super) bytes: u64,
}

impl Segment {
    fn begin(&self) -> Begin {
        Begin { from: self.from, within: self.within }
    }
}

/// A border between two records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    number: u64,
    offset: u64,
    /// Whole transactions up to here come before it.
    through: Lsn,
}

#[derive(Debug)]
pub(crate) struct Files {
    folder: PathBuf,
    limit_bytes: u64,
    pub(super) shown: Arc<Shown>,
    /// The oldest first; the last one is written.
    pub(super) segments: VecDeque<Segment>,
    pub(super) file: Option<File>,
    /// Messages that are not written yet, and how far whole transactions reach among them.
    buffer: Vec<u8>,
    whole_in_buffer: Option<(usize, Lsn)>,
    /// Where the transaction commits that is open after all that was taken, and after all that was
    /// written.
    within: Option<Lsn>,
    ends_within: Option<Lsn>,
    through: Lsn,
    /// The end of the last whole transaction that is written, and what of that a power cut leaves.
    whole: Option<Place>,
    synced: Option<Place>,
    folder_is_synced: bool,
    /// Where the first segment begins when there is none.
    base: Lsn,
    /// The latest messages of relations, as of what is written; and those behind it.
    relations: BTreeMap<u32, Vec<u8>>,
    relations_bytes: u64,
    relations_in_buffer: Vec<(u32, Vec<u8>)>,
    /// As it is shown.
    is_full: bool,
    pub(super) full_at: Option<Instant>,
    /// Until another connection begins nothing more is taken: somebody has read what is not written.
    pub(super) is_closed: bool,
    /// Segments of nothing whole, the newest first; they go with the first connection.
    stale: VecDeque<u64>,
    /// Where something else stood than what is written there.
    broken: Option<String>,
}

impl Files {
    fn remove_last(&mut self) -> Result<()> {
        let Some(last) = self.segments.back() else { return Ok(()) };
        self.remove(last.number)?;
        self.segments.pop_back();
        self.file = None;
        Ok(())
    }

    fn remove(&self, number: u64) -> Result<()> {
        let path = self.path(number);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(files_error("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// What no connection goes on with is sent again.
    fn cut_to_whole(&mut self) -> Result<()> {
        self.buffer.clear();
        self.whole_in_buffer = None;
        self.relations.clear();
        self.relations_bytes = 0;
        self.relations_in_buffer.clear();
        (self.within, self.ends_within) = (None, None);
        self.is_closed = false;
        // The newest first: what is left of a removal that was interrupted has no gap.
        while let Some(number) = self.stale.front() {
            self.remove(*number)?;
            self.stale.pop_front();
        }
        self.broken = None;
        let Some(whole) = self.whole else {
            while !self.segments.is_empty() {
                self.remove_last()?;
            }
            self.through = self.base;
            self.show();
            return Ok(());
        };
        self.through = whole.through;
        while self.segments.back().is_some_and(|last| last.number > whole.number) {
            self.remove_last()?;
        }
        let path = self.path(whole.number);
        let cannot = |error| files_error("cut", &path, error);
        let file = File::options().write(true).read(true).open(&path).map_err(cannot)?;
        file.set_len(whole.offset).map_err(cannot)?;
        self.file = Some(file);
        if let Some(last) = self.segments.back_mut() {
            last.bytes = whole.offset;
        }
        self.show();
        Ok(())
    }

    /// Another connection begins. Where it has to: everything before is here or in the store. Zero: the store was
    /// not asked, and has what it had.
    pub(crate) fn go_on_from(&mut self, recorded: Lsn) -> Result<Lsn> {
        self.cut_to_whole()?;
        // Where an empty one stood says nothing of a store that has less by now.
        let stands_elsewhere = self.is_empty() && recorded > Lsn::ZERO;
        if recorded >= self.through || stands_elsewhere {
            self.clear()?;
            (self.through, self.base) = (recorded, recorded);
        }
        Ok(self.through)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Whole transactions up to here are held, with those that are not written yet.
    pub(crate) fn through(&self) -> Lsn {
        self.through
    }

    /// And these survive whatever happens to the machine. Zero: none.
    pub(crate) fn synced(&self) -> Lsn {
        self.synced.map_or(Lsn::ZERO, |place| place.through)
    }

    pub(super) fn begins(&self) -> Option<Begin> {
        self.segments.front().map(Segment::begin)
    }

    /// Something else stood at the end than what is written there.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// `false`: there is no room.
    pub(crate) fn append(&mut self, message: &[u8]) -> Result<bool> {
        let said = Said::of(message)?;
        match said {
            Said::Stands(at) if self.within.is_some() || at <= self.through => return Ok(true),
            _ if matches!(message.first(), Some(b'k' | b'w')) => {}
            _ => return Ok(true),
        }
        if self.is_closed {
            return Ok(false);
        }
        // Before the limit is looked at: the next segment may be due then.
        if self.buffer.len() as u64 >= self.segment_bytes().min(CHUNK_BYTES) && !self.flush()? {
            return Ok(false);
        }
        let wanted = (self.buffer.len() + 4 + message.len()) as u64 + self.due_head_bytes();
        if self.bytes() + packed_bytes_most(wanted) > self.limit_bytes || !self.has_room() {
            self.is_full = true;
            self.shown.set_full(None);
            return Ok(false);
        }
        if std::mem::take(&mut self.is_full) {
            self.shown.set_not_full();
        }
        if let Said::Relation(id) = said {
            self.relations_in_buffer.push((id, message.to_vec()));
        }
        put_message(message, &mut self.buffer);
        note(message, &mut self.within, &mut self.through)?;
        if self.within.is_none() {
            self.whole_in_buffer = Some((self.buffer.len(), self.through));
        }
        Ok(true)
    }

    /// What was taken and is not written.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        self.whole_in_buffer = None;
        std::mem::take(&mut self.buffer)
    }

    fn segment_bytes(&self) -> u64 {
        let share = self.limit_bytes / SEGMENTS_OF_LIMIT;
        share.clamp(SEGMENT_BYTES_LEAST, SEGMENT_BYTES_MOST)
    }

    fn is_segment_due(&self) -> bool {
        let most = self.segment_bytes();
        self.segments.back().is_none_or(|last| last.bytes >= most)
    }

    /// Of a segment that the next messages begin.
    fn due_head_bytes(&self) -> u64 {
        if self.is_segment_due() { self.relations_bytes } else { 0 }
    }

    fn has_room(&self) -> bool {
        self.full_at.is_none_or(|at| at.elapsed() >= FULL_PAUSE)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Writes what was taken. `false`: the disk has no room; it stays with us.
    pub(crate) fn flush(&mut self) -> Result<bool> {
        if self.buffer.is_empty() {
            return Ok(true);
        }
        if !self.has_room() {
            return Ok(false);
        }
        if self.file.is_some() && self.is_segment_due() {
            // Later syncs are of the next one alone.
            self.sync_file()?;
        }
        match self.try_flush() {
            Ok(()) => {
                self.full_at = None;
                self.show();
                Ok(true)
            }
            Err(error) => {
                self.full_at = Some(Instant::now());
                self.is_full = true;
                self.shown.set_full(Some(error.to_string()));
                Ok(false)
            }
        }
    }

    fn try_flush(&mut self) -> io::Result<()> {
        if self.is_segment_due() {
            self.begin_segment()?;
        }
        let (whole, through) = self.whole_in_buffer.unwrap_or((0, self.through));
        let (complete, open) = self.buffer.split_at(whole);
        let mut bytes = Vec::new();
        if !complete.is_empty() {
            put_record(complete, &mut bytes);
        }
        let border = bytes.len() as u64;
        if !open.is_empty() {
            put_record(open, &mut bytes);
        }
        let (Some(file), Some(last)) = (&self.file, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = file.write_all_at(&bytes, last.bytes) {
            // What is there of it is not a record.
            let _ = file.set_len(last.bytes);
            return Err(error);
        }
        if whole > 0 {
            let offset = last.bytes + border;
            self.whole = Some(Place { number: last.number, offset, through });
        }
        last.bytes += bytes.len() as u64;
        self.ends_within = self.within;
        if !self.relations_in_buffer.is_empty() {
            self.relations.extend(self.relations_in_buffer.drain(..));
            self.relations_bytes = self.relations.values().map(|told| 4 + told.len() as u64).sum();
        }
        self.buffer.clear();
        // A row may have been larger than all that is usual.
        self.buffer.shrink_to(2 * CHUNK_BYTES as usize);
        self.whole_in_buffer = None;
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let from = self.whole.map_or(self.base, |whole| whole.through);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let head = Head {
            number: self.segments.back().map_or(1, |last| last.number + 1),
            from,
            within: self.ends_within,
            begun_us: since.as_micros() as i64,
            relations: self.relations.values().cloned().collect(),
        };
        let (bytes, path) = (head.encode(), self.path(head.number));
        let file =
            File::options().write(true).read(true).create(true).truncate(true).open(&path)?;
        if let Err(error) = file.write_all_at(&bytes, 0) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        let Head { number, from, within, begun_us, .. } = head;
        let bytes = bytes.len() as u64;
        self.segments.push_back(Segment { number, from, within, begun_us, bytes });
        (self.file, self.folder_is_synced) = (Some(file), false);
        if within.is_none() && self.whole.is_none() {
            self.whole = Some(Place { number, offset: bytes, through: from });
        }
        Ok(())
    }

    /// What was taken survives a power cut afterwards, as far as there was room for it.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.flush()?;
        self.sync_whole()
    }

    fn sync_whole(&mut self) -> Result<()> {
        if self.whole == self.synced { Ok(()) } else { self.sync_file() }
    }

    fn sync_disk(&self) -> io::Result<()> {
        if let Some(file) = &self.file {
            file.sync_data()?;
        }
        if self.folder_is_synced { Ok(()) } else { sync_folder(&self.folder) }
    }

    fn sync_file(&mut self) -> Result<()> {
        if let Err(error) = self.sync_disk() {
            // Nobody knows what of it is on the disk, and it is said once: what follows is sent again.
            self.whole = self.synced;
            self.cut_to_whole()?;
            return Err(files_error("sync", &self.folder, error));
        }
        (self.folder_is_synced, self.synced) = (true, self.whole);
        self.show();
        Ok(())
    }

    /// Segments go that the store has, and that are behind who reads, if somebody does: where that one
    /// stands it has to find what follows.
    pub(crate) fn remove_through(
        &mut self,
        recorded: Lsn,
        reading: Option<&Reading>,
    ) -> Result<()> {
        while let (Some(first), Some(next)) = (self.segments.front(), self.segments.get(1)) {
            if reading.is_some_and(|reading| !reading.is_beyond(first.number)) {
                break;
            }
            if !next.begin().follows(recorded) {
                break;
            }
            let number = first.number;
            // After a failed sync what follows the last one is cut off: that place has to be there.
            let is_needed = |files: &Files| files.synced.is_none_or(|at| at.number <= number);
            if is_needed(self) {
                self.sync_whole()?;
            }
            if is_needed(self) {
                break;
            }
            self.remove(number)?;
            self.segments.pop_front();
            self.full_at = None;
            self.shown.set_not_full();
            self.show();
        }
        Ok(())
    }

    /// Everything goes.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.file = None;
        let was_empty = self.segments.is_empty();
        // The oldest first: what is left of a removal that was interrupted has no gap.
        while let Some(first) = self.segments.front() {
            self.remove(first.number)?;
            self.segments.pop_front();
        }
        (self.whole, self.synced, self.full_at) = (None, None, None);
        (self.through, self.base) = (Lsn::ZERO, Lsn::ZERO);
        self.cut_to_whole()?;
        // Before anybody confirms more: what a power cut brought back would not reach up to that.
        if !was_empty {
            sync_folder(&self.folder).map_err(|error| files_error("sync", &self.folder, error))?;
        }
        self.shown.set_not_full();
        self.show();
        Ok(())
    }

    fn show(&self) {
        let since = self.segments.front().map(|first| first.begun_us / 1_000_000);
        self.shown.set(self.bytes(), since, self.synced());
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.seg"))
    }

    pub(super) fn damaged(&self, how: &str) -> Error {
        damaged(&self.folder, how)
    }
}

/// What the message leaves open, and how far whole transactions reach with it.
pub(super) fn note(message: &[u8], within: &mut Option<Lsn>, through: &mut Lsn) -> Result<()> {
    match Said::of(message)? {
        Said::Begins(commit) => *within = Some(commit),
        Said::Ends(at) => (*within, *through) = (None, at.max(*through)),
        Said::Stands(at) if within.is_none() => *through = at.max(*through),
        _ => {}
    }
    Ok(())
}

pub(super) fn damaged(folder: &Path, how: &str) -> Error {
    let folder = folder.display();
    Error::definite(format!("cannot read the spool {folder}"))
        .detail(format!("It is damaged: {how}. Changes that Postgres does not keep any more are in it."))
        .hint(format!("bring the file back; or give up what it held: rm -r {folder}; millrace up, which copies every table again"))
}

/// With what was missed of the way to it. What it is in lasts, too.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(parent),
    }
}

pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn files_error(doing: &str, path: &Path, error: io::Error) -> Error {
    Error::transient(format!("could not {doing} the spool {}", path.display())).source(error)
}
