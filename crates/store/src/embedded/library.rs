//! Finds libchdb and takes it into the process.
//!
//! The library is 566 MB and not part of the binary: `make setup` puts it into the user's cache.
//! A copy that was cut short is told apart before `dlopen`, whose message for it ("file too
//! short", or a bus error later) helps nobody.

use super::abi::{self, Abi, LoadError};
use model::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What `chdb_version()` must answer: the ABI and the engine's traps are known for this one.
pub const ENGINE_VERSION: &str = "26.7.3";
const CACHE_NAME: &str = "libchdb-26.7.3-stable.1.so";
const HINT: &str = "make setup";

/// Loads the library on the first call and answers the same one ever after.
pub(super) fn get() -> Result<&'static Abi> {
    static LOADED: Mutex<Option<&'static Abi>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(abi) = *loaded {
        return Ok(abi);
    }
    let abi = load(&find()?)?;
    *loaded = Some(abi);
    Ok(abi)
}

/// Where it is.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("MILLRACE_LIBCHDB").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        return Err(Error::definite("cannot find libchdb, the embedded ClickHouse engine")
            .detail(format!("MILLRACE_LIBCHDB names {}, which is no file.", path.display()))
            .hint("unset MILLRACE_LIBCHDB and run `make setup`"));
    }
    let places = places();
    places.iter().find(|path| path.is_file()).cloned().ok_or_else(|| {
        let list: Vec<String> = places.iter().map(|path| path.display().to_string()).collect();
        Error::definite("cannot find libchdb, the embedded ClickHouse engine")
            .detail(format!("Looked for {}.", list.join(" and ")))
            .hint(HINT)
    })
}

fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(program) = std::env::current_exe() {
        places.push(program.with_file_name("libchdb.so"));
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    if let Some(cache) = cache {
        places.push(cache.join("millrace").join(CACHE_NAME));
    }
    places
}

fn load(path: &Path) -> Result<&'static Abi> {
    let cannot = |why: &str| {
        Error::definite(format!("cannot load libchdb from {}", path.display()))
            .detail(why.to_owned())
            .hint(HINT)
    };
    match whole(path) {
        Ok(true) => {}
        Ok(false) => return Err(cannot("The file is cut short or is no 64-bit ELF library.")),
        Err(error) => return Err(cannot("The file cannot be read.").source(error)),
    }
    abi::load(path, ENGINE_VERSION).map_err(|error| match error {
        LoadError::Open(error) => cannot("The system's loader refused it.").source(error),
        LoadError::Bind(error) => cannot("It lacks a function that we call.").source(error),
        LoadError::Version(found) => cannot(&format!(
            "It is version {found}; this build of Millrace works with {ENGINE_VERSION}."
        )),
    })
}

/// Whether the file reaches to the end of its ELF section table, which linkers write last.
fn whole(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut header = [0u8; 64];
    if length < 64 {
        return Ok(false);
    }
    file.read_exact(&mut header)?;
    let table = u64::from_le_bytes(header[0x28..0x30].try_into().expect("8 bytes"));
    let width = u64::from(u16::from_le_bytes([header[0x3A], header[0x3B]]));
    let count = u64::from(u16::from_le_bytes([header[0x3C], header[0x3D]]));
    let is_elf64 = header[..5] == [0x7F, b'E', b'L', b'F', 2];
    Ok(is_elf64 && table.saturating_add(width * count) <= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_cut_short_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let cut = folder.path().join("cut.so");
        std::fs::write(&cut, &program[..program.len() / 2]).unwrap();
        assert!(whole(&std::env::current_exe().unwrap()).unwrap());
        assert!(!whole(&cut).unwrap());
        std::fs::write(&cut, b"").unwrap();
        assert!(!whole(&cut).unwrap());
        let error = load(&cut).err().unwrap();
        assert_eq!(error.hint_text(), Some("make setup"));
    }
}
