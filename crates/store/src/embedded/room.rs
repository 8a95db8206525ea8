//! Room on the disk: what happens when a write of the engine's fails.
//!
//! libchdb 26.7.3 does not look at what `write` answers. On a full disk (seen with strace: every
//! `write` of a merge answered ENOSPC) it goes on, renames the part into place with all of its files
//! empty, and drops the good parts that it was made of: rows that were durable are gone, and nobody
//! is told. So its `write` is ours ([`super::abi`]), and does not fail:
//!
//! ```text
//! write ─▶ done
//!   │ no room on the disk ─▶ waits, and writes again: the insert or merge takes until there is some
//!   │ anything else       ─▶ ends the process: its files survive that, and not a hole in them
//!   └ not the engine's file ─▶ the caller's business, as ever
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Between two tries. A merge that waits costs nothing meanwhile.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long closing waits for room in all; what is on its way then has no receipt.
const CLOSE_WAITS: Duration = Duration::from_secs(10);
/// `could not run`.
const EXIT_CODE: i32 = 2;

/// Linux's numbers.
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

/// Where the engine's files are.
static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static CLOSING_SINCE: Mutex<Option<Instant>> = Mutex::new(None);
static WAITING: AtomicU32 = AtomicU32::new(0);

pub(super) fn watch(folder: &Path) {
    *closing_since() = None;
    let mut folders = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !folders.iter().any(|known| known == folder) {
        folders.push(folder.to_owned());
    }
}

fn closing_since() -> MutexGuard<'static, Option<Instant>> {
    CLOSING_SINCE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// From now on room is waited for no longer than [`CLOSE_WAITS`], by all writes together.
pub(super) fn close() {
    closing_since().get_or_insert_with(Instant::now);
}

/// How many writes wait for room now.
pub(super) fn waiting() -> u32 {
    WAITING.load(Ordering::Relaxed)
}

/// Whether a write that failed is tried again until it succeeds.
pub(super) fn is_waited_for(file: i32, error: &io::Error) -> bool {
    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
        || !is_the_engines(file)
    {
        return false;
    }
    if !is_full(error) {
        end(&format!("could not write to the store: {error}"));
    }
    true
}

/// What was not synced may be there or not: the next start finds out.
pub(super) fn end_unsynced(error: &io::Error) -> ! {
    end(&format!("could not sync the store: {error}"))
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENOSPC | EDQUOT))
}

/// One wait; while it lasts others can see it.
pub(super) struct Wait(());

impl Wait {
    pub(super) fn begin() -> Wait {
        if WAITING.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the disk of the data directory is full; the engine waits for room");
        }
        Wait(())
    }

    pub(super) fn pause(&self) {
        let is_late = closing_since().is_some_and(|since| since.elapsed() > CLOSE_WAITS);
        if is_late {
            end("could not close the store in order: its disk is full\n\
                 detail: Nothing that was confirmed is lost; the next start goes on from there.\n\
                 hint: free space on the disk of the data directory");
        }
        std::thread::sleep(AGAIN_AFTER);
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if WAITING.fetch_sub(1, Ordering::Relaxed) == 1 {
            tracing::info!("there is room again; the engine goes on");
        }
    }
}

fn is_the_engines(file: i32) -> bool {
    let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{file}")) else { return false };
    let folders = FOLDERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    folders.iter().any(|folder| path.starts_with(folder))
}

/// At once, without anybody's last words: those of the engine would be written too.
fn end(why: &str) -> ! {
    eprintln!("error: {why}");
    super::abi::exit_at_once(EXIT_CODE)
}
