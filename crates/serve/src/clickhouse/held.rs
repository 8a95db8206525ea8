//! What of an answer waits until it may go: in memory, and beyond that in a file. The file has no name, so it is
//! gone with the answer, and with the process, however that ends.
//!
//! It lies where the pipeline writes, so there is a most of it: one answer leaves room for others, and all
//! of them leave the disk to the rows.

use super::error::Failure;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of one answer; the rest goes into its file.
pub(super) const MEMORY_BYTES_MAX: usize = 16 << 20;
/// Clients that wait for the end of every query (clickhouse-connect) export tables that way.
const FILE_BYTES_MAX: u64 = 8 << 30;
/// The files of all answers.
const FILES_BYTES_MAX: u64 = 16 << 30;

/// The folder of the files, and what they may take there.
pub(super) struct Shelf {
    folder: PathBuf,
    file_bytes_max: u64,
    files_bytes_max: u64,
    used_bytes: AtomicU64,
}

impl Shelf {
    pub(super) fn new(folder: PathBuf) -> Shelf {
        Shelf {
            folder,
            file_bytes_max: FILE_BYTES_MAX,
            files_bytes_max: FILES_BYTES_MAX,
            used_bytes: AtomicU64::new(0),
        }
    }

    fn take(&self, bytes: u64) -> Result<(), Failure> {
        let used = self.used_bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if used > self.files_bytes_max {
            self.used_bytes.fetch_sub(bytes, Ordering::SeqCst);
            return Err(limit("of all answers", used, self.files_bytes_max));
        }
        Ok(())
    }
}

/// In ClickHouse's words for its own temporary files.
fn limit(of: &str, bytes: u64, most: u64) -> Failure {
    let text = format!(
        "Limit for temporary files size exceeded (would consume {bytes} / {most} bytes {of}): without \
         wait_end_of_query, and in a format of rows, an answer goes out as it is made"
    );
    Failure::new(396, "TOO_MANY_ROWS_OR_BYTES", text)
}

fn failed(error: &io::Error) -> Failure {
    let text = format!("could not hold the answer back in the data directory: {error}");
    Failure::new(75, "CANNOT_WRITE_TO_FILE_DESCRIPTOR", text)
}

pub(super) struct Held {
    shelf: Arc<Shelf>,
    memory: Vec<u8>,
    file: Option<File>,
    bytes: u64,
    file_bytes: u64,
}

impl Held {
    pub(super) fn new(shelf: Arc<Shelf>) -> Held {
        Held { shelf, memory: Vec::new(), file: None, bytes: 0, file_bytes: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.bytes += bytes.len() as u64;
        if self.file.is_none() && self.memory.len() + bytes.len() <= MEMORY_BYTES_MAX {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let before = std::mem::take(&mut self.memory);
        for bytes in [&before, bytes] {
            self.write_file(bytes)?;
        }
        Ok(())
    }

    fn write_file(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let more = bytes.len() as u64;
        if self.file_bytes + more > self.shelf.file_bytes_max {
            return Err(limit("of one answer", self.file_bytes + more, self.shelf.file_bytes_max));
        }
        self.shelf.take(more)?;
        self.file_bytes += more;
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = tempfile::tempfile_in(&self.shelf.folder);
                self.file.insert(file.map_err(|error| failed(&error))?)
            }
        };
        file.write_all(bytes).map_err(|error| failed(&error))
    }

    /// From the beginning again.
    pub(super) fn rewind(&mut self) -> Result<(), Failure> {
        match &mut self.file {
            Some(file) => file.rewind().map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// The next of it after [`Held::rewind`]; nothing: that was all.
    pub(super) fn next(&mut self, most: usize) -> Result<Vec<u8>, Failure> {
        let Some(file) = &mut self.file else { return Ok(std::mem::take(&mut self.memory)) };
        let mut piece = Vec::new();
        let read = file.take(most as u64).read_to_end(&mut piece);
        read.map(|_| piece).map_err(|error| failed(&error))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shelf.used_bytes.fetch_sub(self.file_bytes, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn shelf(folder: &tempfile::TempDir, of_one: u64, of_all: u64) -> Arc<Shelf> {
        let mut shelf = Shelf::new(folder.path().to_owned());
        (shelf.file_bytes_max, shelf.files_bytes_max) = (of_one << 20, of_all << 20);
        Arc::new(shelf)
    }

    fn all(held: &mut Held) -> Vec<u8> {
        held.rewind().unwrap();
        let mut bytes = Vec::new();
        while let piece @ [_, ..] = &held.next(MIB).unwrap()[..] {
            bytes.extend_from_slice(piece);
        }
        bytes
    }

    #[test]
    fn it_comes_back_as_it_was_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder, 100, 100);
        for mib in [0, 16, 17, 40] {
            let mut held = Held::new(shelf.clone());
            let bytes: Vec<u8> = (0..mib * MIB).map(|at| (at / 999) as u8).collect();
            bytes.chunks(3 * MIB).for_each(|piece| held.write(piece).unwrap());
            assert_eq!(held.file.is_some(), mib > 16);
            assert!(all(&mut held) == bytes, "{mib} MiB");
        }
        assert_eq!(shelf.used_bytes.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn files_have_a_most_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(&folder, 30, 50);
        let piece = vec![1; 10 * MIB];
        let write = |held: &mut Held| (0..3).try_for_each(|_| held.write(&piece));
        let (mut first, mut second) = (Held::new(shelf.clone()), Held::new(shelf.clone()));
        write(&mut first).unwrap();
        let failure = first.write(&piece).unwrap_err();
        assert_eq!(failure.exception.code, 396);
        assert!(failure.exception.text.contains("41943040 / 31457280 bytes of one answer"));
        let failure = write(&mut second).unwrap_err();
        assert!(failure.exception.text.contains("of all answers"), "{failure}");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        drop((first, second));
        assert_eq!(shelf.used_bytes.load(Ordering::SeqCst), 0);
        write(&mut Held::new(shelf)).unwrap();
    }
}
