//! What waits for a sink on our own disk, in the order of the log.
//!
//! ```text
//! append ─▶ │ 7.seg: sent │ taken │ … │ 8.seg: … │ ─▶ take ─▶ sent: a file that is behind goes
//!                                                        └ rewind: they are taken again
//! ```
//!
//! # Contract
//! - What was appended survives `kill -9`. A power cut may take the end of the last file; those before are synced.
//! - Nothing is taken that was not written so: what does not read ends its file, is told, and is not sent.
//! - How much of the first file was sent is not on the disk: the topics' position says it.

use bus::write::{Encoded, Position};
use model::{Error, Result};
use source::spool::{Record, make_folder, put_record, read_record, sync_folder};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 7] = b"mrsinks";
/// Another number where a file of before cannot be read.
const VERSION: u8 = 1;
const PREFIX_BYTES: u64 = 8;
/// At-least-once delivery may repeat so much after a restart.
const FILE_BYTES_MOST: u64 = 16 << 20;
const FILE_BYTES_LEAST: u64 = 64 << 10;
/// Of the limit: room is given back a file at a time.
const FILES_OF_LIMIT: u64 = 16;
/// No broker takes one message of that size, and a record cannot say much more.
const BATCH_BYTES_MOST: usize = 1 << 30;

/// Where, and how much.
#[derive(Clone, Debug)]
pub struct SpoolPlan {
    pub folder: PathBuf,
    /// Zero: nothing is put there, but what is there is sent.
    pub bytes_max: u64,
}

/// A border between two records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    number: u64,
    offset: u64,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    bytes: u64,
}

pub(super) struct Spool {
    plan: SpoolPlan,
    /// The oldest first.
    files: VecDeque<Segment>,
    /// The last one, if it is ours: those of an earlier process are not written any more.
    writer: Option<File>,
    reader: Option<(u64, File)>,
    sent: Place,
    taken: Place,
    last: Option<Position>,
    /// The folder. Two processes would remove what the other one has not sent.
    lock: Option<File>,
}

impl Spool {
    pub(super) fn open(plan: &SpoolPlan) -> Result<Spool> {
        let start = Place { number: 0, offset: PREFIX_BYTES };
        let mut spool = Spool {
            plan: plan.clone(),
            files: VecDeque::new(),
            writer: None,
            reader: None,
            sent: start,
            taken: start,
            last: None,
            lock: None,
        };
        // One that cannot be made holds nothing.
        if plan.folder.is_dir() {
            spool.find()?;
        }
        Ok(spool)
    }

    /// What an earlier process left.
    fn find(&mut self) -> Result<()> {
        let folder = self.plan.folder.clone();
        let cannot = |error| spool_error("read", &folder, error);
        self.lock().map_err(cannot)?;
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".seg"));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                let bytes = entry.metadata().map_err(cannot)?.len();
                self.files.push_back(Segment { number, bytes });
            }
        }
        self.files.make_contiguous().sort_unstable_by_key(|file| file.number);
        self.find_end()?;
        if let Some(first) = self.files.front() {
            self.sent.number = first.number;
            self.taken = self.sent;
        }
        Ok(())
    }

    /// Cuts off what was being written, and finds how far the last whole record reaches.
    fn find_end(&mut self) -> Result<()> {
        let mut is_last = true;
        for at in (0..self.files.len()).rev() {
            let Segment { number, bytes } = self.files[at];
            let path = self.path(number);
            let cannot = |error| spool_error("read", &path, error);
            let (whole, last) = match scan(&path, bytes).map_err(cannot)? {
                Scanned::Other(version) => return Err(other_version(&path, version)),
                Scanned::Whole(whole, last) => (whole, last),
            };
            if is_last && whole < bytes {
                tracing::warn!(file = %path.display(), bytes = bytes - whole, "the end of what waits does not read, and is cut off");
                let file = File::options().write(true).open(&path).map_err(cannot)?;
                file.set_len(whole).map_err(cannot)?;
                self.files[at].bytes = whole;
            }
            if let Some(last) = last.and_then(|plain| Encoded::restored(&plain)) {
                self.last = Some(last.position);
                return Ok(());
            }
            is_last = false;
        }
        Ok(())
    }

    fn lock(&mut self) -> io::Result<()> {
        if self.lock.is_none() {
            let folder = File::open(&self.plan.folder)?;
            folder.try_lock()?;
            self.lock = Some(folder);
        }
        Ok(())
    }

    /// Of the last batch that is in it.
    pub(super) fn last(&self) -> Option<Position> {
        self.last
    }

    /// What is not sent.
    pub(super) fn unsent_bytes(&self) -> u64 {
        let of = |file: &Segment| match file.number == self.sent.number {
            true => file.bytes.saturating_sub(self.sent.offset),
            false => file.bytes.saturating_sub(PREFIX_BYTES),
        };
        self.files.iter().map(of).sum()
    }

    /// Something is there that was not taken.
    pub(super) fn has_more(&self) -> bool {
        self.next_file().is_some()
    }

    /// The file that is read on.
    fn next_file(&self) -> Option<usize> {
        let Place { number, offset } = self.taken;
        self.files.iter().position(|file| match file.number == number {
            true => file.bytes > offset,
            false => file.number > number && file.bytes > PREFIX_BYTES,
        })
    }

    /// All of them or none. `false`: there is no room for them.
    pub(super) fn append(&mut self, batches: &[Encoded]) -> io::Result<bool> {
        let mut bytes = Vec::new();
        for encoded in batches {
            let plain = encoded.stored();
            if plain.len() > BATCH_BYTES_MOST {
                return Ok(false);
            }
            put_record(&plain, &mut bytes);
        }
        let held: u64 = self.files.iter().map(|file| file.bytes).sum();
        if held + PREFIX_BYTES + bytes.len() as u64 > self.plan.bytes_max {
            return Ok(false);
        }
        let share = self.plan.bytes_max / FILES_OF_LIMIT;
        let most = share.clamp(FILE_BYTES_LEAST, FILE_BYTES_MOST);
        if self.files.back().is_some_and(|last| last.bytes >= most)
            && let Some(file) = self.writer.take()
        {
            file.sync_data()?;
            sync_folder(&self.plan.folder)?;
        }
        if self.writer.is_none() {
            self.begin_file()?;
        }
        let (Some(file), Some(last)) = (&self.writer, self.files.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(error) = file.write_all_at(&bytes, last.bytes) {
            // What is there of it is not a record.
            let _ = file.set_len(last.bytes);
            return Err(error);
        }
        last.bytes += bytes.len() as u64;
        self.last = batches.last().map(|encoded| encoded.position).or(self.last);
        Ok(true)
    }

    fn begin_file(&mut self) -> io::Result<()> {
        make_folder(&self.plan.folder)?;
        self.lock()?;
        let number = self.files.back().map_or(self.taken.number, |last| last.number) + 1;
        let path = self.path(number);
        let options = File::options().write(true).create(true).truncate(true).clone();
        let file = options.open(&path)?;
        let prefix = [MAGIC, &[VERSION][..]].concat();
        if let Err(error) = file.write_all_at(&prefix, 0) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        if self.files.is_empty() {
            self.sent = Place { number, offset: PREFIX_BYTES };
            self.taken = self.sent;
        }
        self.files.push_back(Segment { number, bytes: PREFIX_BYTES });
        self.writer = Some(file);
        Ok(())
    }

    /// Whoever sends has them already.
    pub(super) fn take_appended(&mut self) {
        if let Some(last) = self.files.back() {
            self.taken = Place { number: last.number, offset: last.bytes };
            self.reader = None;
        }
    }

    /// What comes next, until it has that many bytes.
    pub(super) fn take(&mut self, bytes_most: usize) -> Result<Vec<Encoded>> {
        let taken = self.take_some(bytes_most);
        // What was read before something could not be is read again.
        if taken.is_err() {
            self.rewind();
        }
        taken
    }

    fn take_some(&mut self, bytes_most: usize) -> Result<Vec<Encoded>> {
        let (mut all, mut bytes) = (Vec::new(), 0);
        while bytes < bytes_most
            && let Some(at) = self.next_file()
        {
            let Segment { number, bytes: end } = self.files[at];
            if number > self.taken.number {
                self.taken = Place { number, offset: PREFIX_BYTES };
            }
            let path = self.path(number);
            let read = self.read(&path, end);
            match read.map_err(|error| spool_error("read", &path, error))? {
                Some((encoded, length)) => {
                    self.taken.offset += length;
                    bytes += encoded.size_bytes();
                    all.push(encoded);
                }
                None => self.leave_rest(at, &path),
            }
        }
        Ok(all)
    }

    /// `None`: something else stands there.
    fn read(&mut self, path: &Path, end: u64) -> io::Result<Option<(Encoded, u64)>> {
        let Place { number, offset } = self.taken;
        if self.reader.as_ref().is_none_or(|(of, _)| *of != number) {
            self.reader = match File::open(path) {
                Ok(file) => Some((number, file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
        }
        let Some((_, file)) = &mut self.reader else { return Ok(None) };
        file.seek(SeekFrom::Start(offset))?;
        let record = match read_record(file, end.saturating_sub(offset)) {
            // It is shorter than it was.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Record::Broken,
            record => record?,
        };
        Ok(match record {
            Record::Whole(plain, length) => {
                Encoded::restored(&plain).map(|encoded| (encoded, length))
            }
            Record::Broken | Record::End => None,
        })
    }

    fn leave_rest(&mut self, at: usize, path: &Path) {
        let Segment { number, bytes } = self.files[at];
        let lost = bytes.saturating_sub(self.taken.offset);
        if lost > 0 {
            tracing::error!(file = %path.display(), bytes = lost, "what waits there does not read, and is not sent");
        }
        self.taken = Place { number, offset: bytes };
        if at + 1 == self.files.len() {
            // Behind that nothing would be found.
            self.writer = None;
        } else {
            self.taken = Place { number: number + 1, offset: PREFIX_BYTES };
        }
    }

    /// All that was taken.
    pub(super) fn sent(&mut self) {
        self.sent = self.taken;
        while let Some(first) = self.files.front() {
            let end = Place { number: first.number, offset: first.bytes };
            if self.sent < end {
                break;
            }
            let path = self.path(first.number);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(file = %path.display(), %error, "what was sent is not removed");
                    break;
                }
                _ => {}
            }
            self.files.pop_front();
            if self.files.is_empty() {
                self.writer = None;
            }
        }
    }

    /// Nothing of it is sent.
    pub(super) fn forget(&mut self) {
        self.take_appended();
        self.sent();
        self.last = None;
    }

    /// They were not sent.
    pub(super) fn rewind(&mut self) {
        self.taken = self.sent;
    }

    fn path(&self, number: u64) -> PathBuf {
        self.plan.folder.join(format!("{number:012}.seg"))
    }
}

impl Drop for Spool {
    /// A process that another thread starts holds the folder too until it has become what it is to be.
    fn drop(&mut self) {
        if let Some(folder) = &self.lock {
            let _ = folder.unlock();
        }
    }
}

enum Scanned {
    /// How far whole records reach, and the last of them.
    Whole(u64, Option<Vec<u8>>),
    /// Another version wrote it.
    Other(u8),
}

fn scan(path: &Path, bytes: u64) -> io::Result<Scanned> {
    let mut file = File::open(path)?;
    let mut prefix = [0; PREFIX_BYTES as usize];
    if bytes < PREFIX_BYTES {
        return Ok(Scanned::Whole(0, None));
    }
    file.read_exact(&mut prefix)?;
    match prefix.strip_prefix(MAGIC) {
        Some([VERSION]) => {}
        Some([version]) => return Ok(Scanned::Other(*version)),
        _ => return Ok(Scanned::Whole(0, None)),
    }
    let (mut whole, mut last) = (PREFIX_BYTES, None);
    while let Record::Whole(plain, length) = read_record(&mut file, bytes - whole)? {
        whole += length;
        last = Some(plain);
    }
    Ok(Scanned::Whole(whole, last))
}

fn spool_error(doing: &str, path: &Path, error: io::Error) -> Error {
    Error::transient(format!("could not {doing} {}", path.display())).source(error)
}

fn other_version(path: &Path, version: u8) -> Error {
    Error::definite(format!("cannot read {}, which waits for a sink", path.display()))
        .detail(format!("It is of format {version}, this version of Millrace reads {VERSION}."))
        .hint("let the version that wrote it send it, or remove the folder: what is in it is not sent then")
}

#[cfg(test)]
pub(super) mod tests;
