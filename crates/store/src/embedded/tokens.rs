//! Tokens of append batches, between the engine's log of them and its parts.
//!
//! ```text
//! write  deduplication_logs/deduplication_log_1.txt   "1 ⇥ all_7_7_0 ⇥ token", never synced
//! rename tmp_insert_all_1_1_0 ─▶ all_7_7_0            the part, synced
//! ```
//!
//! A process that is killed in between leaves a token without rows, and then the repetition of its
//! batch is dropped: lost. A power cut takes the token of a part that stays, and the repetition
//! doubles it. So what is written to such a log is synced at once ([`is_log_line`], in the `write`
//! of [`super::abi`]), and before the engine opens, tokens are forgotten whose part is not there.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const FOLDER: &str = "deduplication_logs";
/// A line is a number, the name of a part and a hash: one write of the engine's.
const LINE_BYTES_MAX: usize = 512;

/// Whether this write is one to a log of tokens. Asked for every write of the process, so its bytes
/// are looked at before its file is.
pub(super) fn is_log_line(file: i32, bytes: &[u8]) -> bool {
    let looks_so = bytes.len() < LINE_BYTES_MAX
        && matches!(bytes, [b'1' | b'2', b'\t', ..])
        && bytes.last() == Some(&b'\n');
    looks_so && fs::read_link(format!("/proc/self/fd/{file}")).is_ok_and(|path| is_log(&path))
}

fn is_log(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.ends_with(FOLDER))
}

/// Before the engine opens: forgets the tokens whose part never came.
pub(super) fn forget_lost(engine: &Path) -> io::Result<()> {
    // Not among the logs: the engine reads a number out of every name there.
    let next = engine.join("tokens.next");
    for group in folders(&engine.join("store"))? {
        for table in folders(&group)? {
            let logs = table.join(FOLDER);
            if logs.is_dir() {
                forget_in(&table, &logs, &next)?;
            }
        }
    }
    Ok(())
}

fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    Ok(entries.into_iter().map(|entry| entry.path()).filter(|path| path.is_dir()).collect())
}

fn forget_in(table: &Path, logs: &Path, next: &Path) -> io::Result<()> {
    let names = folders(table)?;
    let names = names.iter().filter_map(|path| path.file_name()?.to_str());
    let parts = by_partition(names.filter_map(Part::parse));
    for log in fs::read_dir(logs)?.collect::<io::Result<Vec<_>>>()? {
        let text = fs::read(log.path())?;
        let kept = kept(&text, &parts);
        if kept.len() < text.len() {
            let lost = text.len() - kept.len();
            tracing::warn!(log = %log.path().display(), bytes = lost, "tokens without a part are forgotten");
            replace(&log.path(), &kept, next)?;
        }
    }
    Ok(())
}

/// The lines of a log that stay. One that does not end was being written, so its part never came.
fn kept(text: &[u8], parts: &Parts<'_>) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    lines.filter(|line| !is_lost(line, parts)).flatten().copied().collect()
}

/// What does not read as we know it is left to the engine.
fn is_lost(line: &[u8], parts: &Parts<'_>) -> bool {
    let Some(line) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("1\t"))
    else {
        return false;
    };
    let part = line.split_once('\t').and_then(|(name, _)| Part::parse(name));
    part.is_some_and(|part| {
        let others = parts.get(part.partition).into_iter().flatten();
        !others.into_iter().any(|other| other.covers(&part))
    })
}

fn replace(path: &Path, text: &[u8], next: &Path) -> io::Result<()> {
    let mut file = File::create(next)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(next, path)
}

type Parts<'a> = HashMap<&'a str, Vec<Part<'a>>>;

fn by_partition<'a>(parts: impl Iterator<Item = Part<'a>>) -> Parts<'a> {
    let mut map = Parts::new();
    for part in parts {
        map.entry(part.partition).or_default().push(part);
    }
    map
}

/// `202601_4_9_2`: of a partition, the blocks 4 to 9.
struct Part<'a> {
    partition: &'a str,
    first: u64,
    last: u64,
}

impl<'a> Part<'a> {
    fn parse(name: &'a str) -> Option<Part<'a>> {
        let mut fields = name.split('_');
        let partition = fields.next()?;
        let (first, last) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next()?.parse::<u32>().ok()?;
        Some(Part { partition, first, last })
    }

    /// Of the same partition.
    fn covers(&self, other: &Part<'_>) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_with_its_part_or_a_larger_one() {
        let names = ["all_1_3_1", "all_4_4_0_9", "tmp_insert_all_5_5_0", "detached"];
        let parts = by_partition(names.iter().filter_map(|name| Part::parse(name)));
        let log = b"1\tall_2_2_0\ta\n1\tall_4_4_0\tb\n1\tall_5_5_0\tc\n2\tall_9_9_0\td\n1\tother_1_1_0\te\nnonsense\n1\tall_3_3_0\tx";
        let kept = kept(log, &parts);
        assert_eq!(
            String::from_utf8(kept).unwrap(),
            "1\tall_2_2_0\ta\n1\tall_4_4_0\tb\n2\tall_9_9_0\td\nnonsense\n"
        );
    }

    #[test]
    fn a_write_to_a_log_of_tokens_is_told_from_others() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        let log = File::create(folder.path().join(FOLDER).join("deduplication_log_1.txt")).unwrap();
        let other = File::create(folder.path().join("count.txt")).unwrap();
        let line = b"1\tall_1_1_0\tall_123_456\n";
        assert!(is_log_line(log.as_raw_fd(), line));
        assert!(!is_log_line(other.as_raw_fd(), line));
        assert!(!is_log_line(log.as_raw_fd(), b"1\t"));
        assert!(!is_log_line(log.as_raw_fd(), b""));
    }
}
