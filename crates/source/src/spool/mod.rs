//! The log on our own disk, for the time that the store is away: Postgres may forget what is here.
//!
//! ```text
//! socket ─▶ reader ─▶ flow                                the store takes rows
//! socket ─▶ segments on disk                              it does not: the keeper (keeper.rs)
//! socket ─▶ segments on disk ─▶ reader ─▶ flow            it does again, until there is nothing left
//! ```
//!
//! What is kept is what Postgres sent, message by message, so that a change from here and one from the
//! socket take the same way. Values are asked for in text form: that needs no knowledge of types.
//!
//! One thread has the files at a time: the reader's, as long as a session lasts, or the keeper's
//! while there is none. It has the slot, too.

mod files;
mod format;
mod keeper;
mod note;
mod pump;
mod reading;
mod record;
mod shown;
#[cfg(test)]
mod tests;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use format::any_segment;

pub use files::{make_folder, sync_folder};
pub use keeper::{Keeper, KeeperOptions};
pub use record::{Record, put_record, read_record};
pub use shown::Held;

pub(crate) use files::Files;
pub(crate) use format::{CHANGE_HEAD_BYTES, Said};
pub(crate) use pump::Pump;
pub(crate) use reading::{Begin, Reading};

use crate::Address;
use crate::timeline::{self, Server};
use model::{Error, Lsn, Result};
use note::Note;
use shown::Shown;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// So long nobody took a row while the store fails, or nobody reads the slot: then the store is away.
pub const AWAY_AFTER: Duration = Duration::from_secs(5);
/// How often a waiting task looks up.
const LOOK_UP: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    limit_bytes: u64,
    /// `None`: not opened yet.
    files: Mutex<Option<Files>>,
    free_since: Mutex<Instant>,
    /// Readers and others that want no keeper.
    wanted: AtomicUsize,
    is_away: AtomicBool,
    store_fails: AtomicBool,
    shown: Arc<Shown>,
}

/// What the spool has of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    begin: Begin,
    pub through: Lsn,
    /// Why it may have been more.
    broken: Option<String>,
}

impl Span {
    /// Whether all that a store lacks, which holds the log up to `recorded`, is here, or comes from a slot
    /// that has confirmed no more than both hold.
    pub fn bridges(&self, recorded: Lsn, confirmed: Lsn) -> bool {
        self.begin.follows(recorded) && confirmed <= self.through.max(recorded)
    }

    /// From there on it can be read.
    pub fn floor(&self) -> Lsn {
        match self.begin.within {
            Some(commit) => Lsn(commit.0 + 1),
            None => self.begin.from,
        }
    }
}

impl Spool {
    pub fn new(folder: PathBuf, limit_bytes: u64) -> Arc<Spool> {
        Arc::new(Spool {
            folder,
            limit_bytes,
            files: Mutex::default(),
            free_since: Mutex::new(Instant::now()),
            wanted: AtomicUsize::new(0),
            is_away: AtomicBool::new(false),
            store_fails: AtomicBool::new(false),
            shown: Arc::default(),
        })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    pub fn held(&self) -> Held {
        self.shown.held()
    }

    /// For a reader; the keeper lets go.
    pub(crate) fn take(&self) -> Result<Taken<'_>> {
        let _wanted = Wanted::new(&self.wanted);
        let guard = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_away.store(false, Ordering::Release);
        self.opened(guard)
    }

    /// For the keeper. `None`: a reader has them, or nobody needs it.
    fn take_if_due(&self) -> Option<Result<Taken<'_>>> {
        let since = *self.free_since.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = self.is_away.load(Ordering::Acquire) || since.elapsed() >= AWAY_AFTER;
        if !is_due || self.is_wanted() {
            return None;
        }
        match self.files.try_lock() {
            Ok(guard) => Some(self.opened(guard)),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.opened(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn opened<'a>(&'a self, mut guard: MutexGuard<'a, Option<Files>>) -> Result<Taken<'a>> {
        if self.files.is_poisoned() {
            // Whoever had them broke: they are as the disk says.
            *guard = None;
            self.files.clear_poison();
        }
        if guard.is_none() {
            *guard = Some(Files::open(&self.folder, self.limit_bytes, self.shown.clone())?);
        }
        Ok(Taken { guard, free_since: &self.free_since })
    }

    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) > 0
    }

    /// Nobody takes rows.
    pub(crate) fn set_away(&self) {
        self.is_away.store(true, Ordering::Release);
    }

    /// What became of the latest attempt at the store.
    pub fn note_store(&self, answers: bool) {
        self.store_fails.store(!answers, Ordering::Release);
    }

    /// Whether an attempt at the store failed, and none has succeeded since.
    pub fn store_fails(&self) -> bool {
        self.store_fails.load(Ordering::Acquire)
    }

    /// The slot is free of the keeper as long as what is returned lives.
    pub async fn quiet(self: &Arc<Spool>) -> Quiet {
        self.wanted.fetch_add(1, Ordering::AcqRel);
        let quiet = Quiet(self.clone());
        while self.held().is_filled {
            tokio::time::sleep(LOOK_UP).await;
        }
        quiet
    }

    /// What it has, if it has something.
    pub async fn span(self: &Arc<Spool>) -> Result<Option<Span>> {
        self.with_files(|files| Ok(span(files))).await
    }

    /// What it has of that slot's log; what never was on this server's history is given up.
    pub async fn look(
        self: &Arc<Spool>,
        slot: &str,
        server: &Server,
        address: &Address,
    ) -> Result<Option<Span>> {
        let Some(span) = self.span().await? else { return Ok(None) };
        let Some(note) = Note::read(&self.folder)? else {
            return Err(files::damaged(&self.folder, "spool.toml is missing"));
        };
        note.check(slot, server, &self.folder)?;
        if note.server.timeline != server.timeline {
            let left = match server.timeline {
                1 => None,
                now => timeline::left_at(address, now, note.server.timeline).await?,
            };
            if left.is_none_or(|left| left < span.through) {
                self.give_up("the server's history left the one of the spool").await?;
                return Ok(None);
            }
        }
        Ok(Some(span))
    }

    /// What was confirmed and is not here any more, though it was.
    pub fn lost(&self, span: &Span, confirmed: Lsn) -> Option<Error> {
        let broken = span.broken.as_ref().filter(|_| confirmed > span.through)?;
        let how = format!("{broken}; up to {confirmed} it was confirmed");
        Some(files::damaged(&self.folder, &how))
    }

    /// Nobody needs what is in it.
    pub async fn give_up(self: &Arc<Spool>, why: &str) -> Result<()> {
        let held = self.held();
        if held.bytes > 0 {
            tracing::warn!(%why, bytes = held.bytes, "what the spool holds is given up");
        }
        self.with_files(Files::clear).await
    }

    /// From now on the spool is this slot's, and a process that cannot reach the store goes on with it.
    pub fn arm(&self, slot: &str, server: &Server) -> Result<()> {
        let note = Note { slot: slot.to_owned(), server: server.clone(), is_paused: false };
        match Note::read(&self.folder)? {
            Some(before) if before == note => Ok(()),
            _ => note.write(&self.folder),
        }
    }

    /// Nothing is read until [`Spool::arm`].
    pub fn disarm(&self) -> Result<()> {
        match Note::read(&self.folder)? {
            Some(note) if !note.is_paused => Note::pause(&self.folder),
            _ => Ok(()),
        }
    }

    async fn with_files<T: Send + 'static>(
        self: &Arc<Spool>,
        work: impl FnOnce(&mut Files) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let spool = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut *spool.take()?));
        done.await.map_err(|panic| Error::bug("the spool broke").source(panic))?
    }
}

fn span(files: &mut Files) -> Option<Span> {
    let broken = files.broken().map(str::to_owned);
    let begin = match files.begins() {
        Some(begin) => begin,
        // Nothing reads any more.
        None if broken.is_some() => Begin { from: Lsn::ZERO, within: None },
        None => return None,
    };
    Some(Span { begin, through: files.through(), broken })
}

/// The files, as long as one has them.
pub(crate) struct Taken<'a> {
    guard: MutexGuard<'a, Option<Files>>,
    free_since: &'a Mutex<Instant>,
}

impl Deref for Taken<'_> {
    type Target = Files;

    fn deref(&self) -> &Files {
        self.guard.as_ref().expect("taken files are open")
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut Files {
        self.guard.as_mut().expect("taken files are open")
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.free_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

struct Wanted<'a>(&'a AtomicUsize);

impl<'a> Wanted<'a> {
    fn new(count: &'a AtomicUsize) -> Wanted<'a> {
        count.fetch_add(1, Ordering::AcqRel);
        Wanted(count)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Keeps the keeper from the slot.
pub struct Quiet(Arc<Spool>);

impl Drop for Quiet {
    fn drop(&mut self) {
        *self.0.free_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.wanted.fetch_sub(1, Ordering::AcqRel);
    }
}
