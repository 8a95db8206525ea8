//! One process a data directory, and the others are told which.

use model::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

/// Takes the directory for this process. The kernel lets go of it however we end.
pub(super) fn take(data_dir: &Path) -> Result<File> {
    let path = data_dir.join("lock");
    let cannot = |error: std::io::Error| {
        Error::definite(format!("cannot lock {}", path.display())).source(error)
    };
    let mut options = File::options();
    let open = options.read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(cannot)?;
            file.rewind().map_err(cannot)?;
            writeln!(file, "{}", std::process::id()).map_err(cannot)?;
            Ok(file)
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut owner = String::new();
            let _ = file.read_to_string(&mut owner);
            let owner = match owner.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            Err(Error::definite(format!("cannot open {}: {owner} has it open", data_dir.display()))
                .hint("stop that process, or give this one another [store] data_dir"))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}
