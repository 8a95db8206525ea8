//! One process a data directory, and the others are told which.

use model::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A data directory that is this process's. The kernel lets go of it however we end.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes it where it is missing.
    pub fn take(data_dir: &Path) -> Result<DataDir> {
        let path = DataDir::place(data_dir)?;
        Ok(DataDir { _lock: take(&path)?, path })
    }

    /// Where it really is; made where it is missing.
    pub fn place(data_dir: &Path) -> Result<PathBuf> {
        let cannot = |error: std::io::Error| {
            Error::definite(format!("cannot use the data directory {}", data_dir.display()))
                .source(error)
        };
        std::fs::create_dir_all(data_dir).map_err(cannot)?;
        data_dir.canonicalize().map_err(cannot)
    }

    /// An error if another process has it. Makes nothing.
    pub fn look(data_dir: &Path) -> Result<()> {
        // One that is not there is nobody's.
        data_dir.canonicalize().map_or(Ok(()), |data_dir| look(&data_dir))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which folder of which running machine it is: as we have it, no other process that runs is at the same.
    pub fn place_of_life(&self) -> Option<String> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let folder = self.path.metadata().ok()?;
        Some(format!("{}:{}:{}", boot.trim(), folder.dev(), folder.ino()))
    }
}

fn take(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let mut options = File::options();
    let open = options.read(true).write(true).create(true).truncate(false).open(&path);
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot lock {}", path.display())).source(error)
    };
    let mut file = open.map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(in_use(&mut file, data_dir)),
        Err(std::fs::TryLockError::Error(error)) => return Err(cannot(error)),
    }
    file.set_len(0).map_err(cannot)?;
    file.rewind().map_err(cannot)?;
    writeln!(file, "{}", std::process::id()).map_err(cannot)?;
    Ok(file)
}

/// Whether it could be taken now; changes nothing.
fn look(data_dir: &Path) -> Result<()> {
    let path = data_dir.join("lock");
    match File::open(&path) {
        Ok(mut file) => match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => Err(in_use(&mut file, data_dir)),
            _ => Ok(()),
        },
        // Nobody has had it yet. What else is wrong with it is found when it is taken.
        Err(_) => Ok(()),
    }
}

fn in_use(file: &mut File, data_dir: &Path) -> Error {
    let mut owner = String::new();
    let _ = file.read_to_string(&mut owner);
    let (owner, stop) = match owner.trim() {
        "" => ("another process".to_owned(), "stop it".to_owned()),
        pid => (format!("process {pid}"), format!("stop it: kill {pid}")),
    };
    Error::definite(format!("cannot open {}: {owner} has it open", data_dir.display()))
        .detail("One process at a time: this project already runs.")
        .hint(format!("{stop}; or give this one another [store] data_dir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_makes_and_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        look(folder.path()).unwrap();
        assert!(!folder.path().join("lock").exists());
        let taken = take(folder.path()).unwrap();
        let report = look(folder.path()).unwrap_err().report();
        assert!(report.contains(&format!("process {}", std::process::id())), "{report}");
        drop(taken);
        look(folder.path()).unwrap();
        take(folder.path()).unwrap();
    }
}
