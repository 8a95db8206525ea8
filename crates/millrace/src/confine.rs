//! The kernel keeps `millrace up` to its own files (Landlock): what gets by the gate and the engine's
//! roles, and what an admin may ask of the engine, does not get to the rest of the machine's.
//!
//! ```text
//! written   the data directory, the project's dashboards
//! read      the folders of millrace.toml and of certificates (files there are replaced, and a rule is of
//!           the file itself), what names and time zones are told by, a few of the kernel's own
//! started   nothing
//! ```
//!
//! It holds for the thread that asks for it and all that it starts, so it is asked for before there is any
//! other one. Not confined are sockets, of Unix neither. Files that are named one by one stay open: the
//! kernel forgets those of `/proc` and `/sys` otherwise, and the rule with them. `/proc/self` as a whole is
//! not there: it holds the environment, where passwords are. Pipes of our own are opened through `/proc/self/fd` all the
//! same (the door's documents): they are in no file system, and the kernel knows no rule for them.

use crate::config::Config;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, make_bitflags,
};
use model::{Error, Result};
use source::Address;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use store::DataDir;

/// Without its way to move files between folders (Linux 5.19) the engine cannot work.
const LEAST: ABI = ABI::V2;
const MOST: ABI = ABI::V5;

const NAMES: &str = "/etc/resolv.conf";
/// What libraries of the system's look up.
const SYSTEM: [&str; 22] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ca-certificates",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    NAMES,
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    "/proc/sys/vm",
];
const PROCESS: [&str; 10] = [
    "/proc/cpuinfo",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/self/auxv",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/proc/self/statm",
    "/proc/self/status",
];
const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Held as long as the process runs.
pub(crate) struct Confined {
    _files: Vec<PathFd>,
}

/// `None`: this kernel cannot. To be called while there is one thread. `others` are files that are read again, too.
pub(crate) fn enter(
    config: &Config,
    address: Option<&Address>,
    others: &BTreeSet<PathBuf>,
) -> Result<Option<Confined>> {
    let data_dir = DataDir::place(&config.store.data_dir)?;
    let folders = folders(config, address, others);
    let Ok(ruleset) = ruleset() else {
        tracing::warn!(
            "this kernel has no Landlock of Linux 5.19 or newer: an admin's statement may read and write \
             whatever file this process may"
        );
        return Ok(None);
    };
    let mut files = Vec::new();
    // The page saves what editors change.
    let dashboards = config.folder().join("dashboards");
    let confined =
        confine(ruleset, &data_dir, &dashboards, &folders, &mut files).map_err(|error| {
            Error::definite("cannot confine the process to its files").source(error)
        })?;
    if !confined {
        return Err(Error::bug("the kernel has Landlock and did not confine the process"));
    }
    let read: Vec<String> = folders.iter().map(|path| path.display().to_string()).collect();
    tracing::info!(
        writes = %format!("{} {}", data_dir.display(), dashboards.display()),
        reads = read.join(" "),
        "files: the kernel keeps this process to these and to what the system's libraries read"
    );
    Ok(Some(Confined { _files: files }))
}

/// Whether this kernel could.
pub(crate) fn is_possible() -> bool {
    ruleset().is_ok()
}

fn ruleset() -> std::result::Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(LEAST))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(MOST))?
        .create()
}

fn confine(
    ruleset: RulesetCreated,
    data_dir: &Path,
    dashboards: &Path,
    folders: &BTreeSet<PathBuf>,
    files: &mut Vec<PathFd>,
) -> std::result::Result<bool, RulesetError> {
    let reads = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let writes = AccessFs::from_all(MOST) & !AccessFs::Execute;
    let device = make_bitflags!(AccessFs::{ReadFile | WriteFile});
    let own = std::env::current_exe().ok();
    let library = store::embedded::library().ok();
    let read = SYSTEM.iter().chain(&PROCESS).map(Path::new);
    let read = read.chain(folders.iter().map(PathBuf::as_path)).chain(own.as_deref());
    let places = read.chain(library.as_deref()).map(|path| (path, reads));
    let devices = DEVICES.iter().map(|path| (Path::new(path), device));
    let saves =
        reads | make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | RemoveFile | Refer});
    let written = [(data_dir, writes), (dashboards, saves)];
    let mut ruleset = ruleset;
    for (path, access) in places.chain(devices).chain(written) {
        // What this machine does not have nobody reads.
        let Ok(file) = PathFd::new(path) else { continue };
        ruleset = ruleset.add_rule(PathBeneath::new(&file, of_kind(path, access)))?;
        files.push(file);
    }
    let status = ruleset.restrict_self()?;
    Ok(status.ruleset != landlock::RulesetStatus::NotEnforced)
}

/// A file has no entries.
fn of_kind(path: &Path, access: BitFlags<AccessFs>) -> BitFlags<AccessFs> {
    if path.is_dir() { access } else { access & AccessFs::from_file(MOST) }
}

/// Where files are that are read again while it runs.
fn folders(
    config: &Config,
    address: Option<&Address>,
    others: &BTreeSet<PathBuf>,
) -> BTreeSet<PathBuf> {
    let mut files = vec![config.file.clone()];
    files.extend(others.iter().cloned());
    files.extend(address.and_then(Address::root_certificate).map(Path::to_owned));
    files.extend(config.source.kafka.iter().flat_map(|kafka| kafka.login.files()).cloned());
    files.extend(config.sinks.iter().flat_map(|sink| sink.login.files()).cloned());
    if let Some((_, tls)) = &config.serve.clickhouse_tls {
        files.extend([tls.certificate.clone(), tls.key.clone()]);
        files.extend(tls.client_ca.clone());
    }
    files.extend(std::env::var_os("SSL_CERT_FILE").map(PathBuf::from));
    let mut folders: BTreeSet<PathBuf> = files.iter().flat_map(|file| around(file)).collect();
    folders.extend(std::env::var_os("SSL_CERT_DIR").map(PathBuf::from));
    let needs_names = config.source.kafka.is_some()
        || !config.sinks.is_empty()
        || address.is_some_and(Address::needs_names);
    if let Ok(linked) = Path::new(NAMES).canonicalize()
        && linked != Path::new(NAMES)
    {
        folders.extend(linked.parent().map(Path::to_owned));
    } else if needs_names && is_replaced(Path::new(NAMES)) {
        // A source that is not found any more is worse than this.
        folders.insert("/etc".into());
    }
    folders
}

/// The folder of a file as it is named, and of what that is a link to.
fn around(file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let named = folder.unwrap_or(Path::new(".")).canonicalize().ok();
    let linked = file.canonicalize().ok().and_then(|file| Some(file.parent()?.to_owned()));
    named.into_iter().chain(linked).collect()
}

/// Whoever changes it puts another one in its place, unless it is a mount of its own as in containers.
fn is_replaced(file: &Path) -> bool {
    let device = |path: &Path| path.metadata().ok().map(|found| found.dev());
    file.parent().is_some_and(|folder| device(folder) == device(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_link_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().canonicalize().unwrap();
        for name in ["live", "archive"] {
            std::fs::create_dir(place.join(name)).unwrap();
        }
        std::fs::write(place.join("archive/key1.pem"), "").unwrap();
        std::os::unix::fs::symlink("../archive/key1.pem", place.join("live/key.pem")).unwrap();
        assert_eq!(
            around(&place.join("live/key.pem")),
            [place.join("live"), place.join("archive")]
        );
        assert_eq!(around(Path::new("millrace.toml")), [std::env::current_dir().unwrap()]);
        assert!(
            !is_replaced(Path::new("/proc/stat")) || is_replaced(Path::new("/proc/self/status"))
        );
    }
}
