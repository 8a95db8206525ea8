//! Whatever ends a process, and wherever: what is read is the log, each transaction once, and never less
//! than what was synced.

mod damage;

use super::files::Files;
use super::reading::Reading;
use super::shown::Shown;
use super::{Begin, Said, Span, span};
use bytes::BufMut;
use model::{Fate, Lsn};
use proptest::collection::vec;
use std::fs;
use std::path::Path;

const LIMIT: u64 = 1 << 30;

fn open(folder: &Path, limit: u64) -> Files {
    Files::open(folder, limit, Default::default()).unwrap()
}

fn change(lsn: u64, content: &[u8]) -> Vec<u8> {
    let mut message = vec![b'w'];
    message.put_u64(lsn);
    message.put_u64(lsn);
    message.put_i64(0);
    message.extend_from_slice(content);
    message
}

/// Transaction `n` commits at `100 n` and ends at `100 n + 50`; its rows do not pack.
fn transaction(n: u64, rows: u64) -> Vec<Vec<u8>> {
    let commit = 100 * n;
    let mut begin = vec![b'B'];
    begin.put_u64(commit);
    begin.put_i64(0);
    begin.put_u32(7);
    let mut messages = vec![change(commit - 50, &begin)];
    for row in 0..rows {
        let mut insert = vec![b'I'];
        insert.put_u32(16);
        let mut seed = n * 1000 + row + 1;
        for _ in 0..40 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            insert.put_u64(seed);
        }
        messages.push(change(commit - 40, &insert));
    }
    let mut end = vec![b'C', 0];
    end.put_u64(commit);
    end.put_u64(commit + 50);
    end.put_i64(0);
    messages.push(change(commit, &end));
    messages
}

fn end_of(n: u64) -> Lsn {
    Lsn(100 * n + 50)
}

/// What a reader takes that has all up to `from`.
fn read(files: &mut Files, from: Lsn) -> Vec<Vec<u8>> {
    let (mut skips, mut reading, mut messages) = (false, files.read(), Vec::new());
    while let Some(message) = next(files, &mut reading) {
        if let Some(begin) = reading.take_begin() {
            assert!(begin.follows(from));
            skips = begin.within.is_some();
        }
        match Said::of(&message).unwrap() {
            Said::Ends(_) if skips => skips = false,
            Said::Begins(commit) if commit < from => skips = true,
            _ if skips => {}
            _ => messages.push(message),
        }
    }
    messages
}

fn next(files: &mut Files, reading: &mut Reading) -> Option<Vec<u8>> {
    let range = files.next(reading).unwrap()?;
    Some(reading.message(&range).to_vec())
}

fn append(files: &mut Files, messages: &[Vec<u8>]) {
    for message in messages {
        assert!(files.append(message).unwrap());
    }
}

fn held(files: &mut Files) -> Span {
    span(files).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    /// A transaction of so many rows.
    Take(u64),
    /// Its first half; then the connection breaks.
    TakeHalf(u64),
    Flush,
    Sync,
    /// The store has recorded so much of what is held, in tenths.
    Record(u64),
    /// The process is killed; a part of what was not synced, in tenths, never reached the disk.
    Kill(u64),
}

fn steps() -> impl proptest::strategy::Strategy<Value = Vec<Step>> {
    use proptest::prelude::*;
    let step = prop_oneof![
        6 => (0u64..60).prop_map(Step::Take),
        2 => (0u64..60).prop_map(Step::TakeHalf),
        2 => Just(Step::Flush),
        2 => Just(Step::Sync),
        1 => (0u64..=10).prop_map(Step::Record),
        2 => (0u64..=10).prop_map(Step::Kill),
    ];
    vec(step, 1..40)
}

fn sizes(folder: &Path) -> Vec<(std::path::PathBuf, u64)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut sizes: Vec<_> =
        files.map(|path| (path.clone(), fs::metadata(&path).unwrap().len())).collect();
    sizes.sort();
    sizes
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    #[test]
    fn what_is_read_is_the_log(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        // Segments of 64 KiB.
        let limit = 1 << 20;
        let mut files = open(folder.path(), limit);
        let (mut recorded, mut synced_sizes) = (end_of(0), Vec::new());
        let mut synced = end_of(0);
        files.go_on_from(recorded).unwrap();
        // As a server does: it sends again what follows.
        let mut last = 0;
        let mut rows = std::collections::BTreeMap::new();
        for step in steps {
            match step {
                Step::Take(count) => {
                    let count = *rows.entry(last + 1).or_insert(count);
                    let whole = transaction(last + 1, count);
                    // At the limit it waits, and what it took of this one is sent again.
                    if whole.iter().all(|message| files.append(message).unwrap()) {
                        last += 1;
                    } else {
                        files.go_on_from(recorded).unwrap();
                    }
                }
                Step::TakeHalf(count) => {
                    let count = *rows.entry(last + 1).or_insert(count);
                    let half = transaction(last + 1, count);
                    for message in &half[..half.len() / 2] {
                        let _ = files.append(message).unwrap();
                    }
                    files.flush().unwrap();
                    files.go_on_from(recorded).unwrap();
                    last = (files.through().0 - 50) / 100;
                }
                Step::Flush => drop(files.flush().unwrap()),
                Step::Sync => {
                    files.sync().unwrap();
                    synced = synced.max(files.synced());
                    synced_sizes = sizes(folder.path());
                }
                Step::Record(tenths) => {
                    let from = (recorded.0 - 50) / 100;
                    recorded = end_of(from + (last - from) * tenths / 10);
                    files.remove_through(recorded, None).unwrap();
                }
                Step::Kill(tenths) => {
                    drop(files);
                    // Those before it were synced when it was begun.
                    if let Some((path, size)) = sizes(folder.path()).pop() {
                        let kept = synced_sizes.iter().find(|(other, _)| *other == path);
                        let kept = kept.map_or(0, |(_, size)| *size).min(size);
                        let left = kept + (size - kept) * tenths / 10;
                        fs::File::options().write(true).open(&path).unwrap().set_len(left).unwrap();
                    }
                    files = open(folder.path(), limit);
                    proptest::prop_assert!(files.is_empty() || files.through() >= synced.max(recorded).min(files.through()));
                    if synced > recorded {
                        proptest::prop_assert!(files.through() >= synced, "{:?} {synced}", files.through());
                        proptest::prop_assert!(held(&mut files).bridges(recorded, synced));
                    }
                    files.go_on_from(recorded).unwrap();
                    last = (files.through().0 - 50) / 100;
                    synced_sizes = sizes(folder.path());
                }
            }
        }
        let first = (recorded.0 - 50) / 100 + 1;
        let expected: Vec<_> = (first..=last).flat_map(|n| transaction(n, rows[&n])).collect();
        proptest::prop_assert_eq!(read(&mut files, recorded), expected);
    }
}

#[test]
fn it_is_read_while_it_is_written_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    let mut reading = files.read();
    for n in 1..200 {
        append(&mut files, &transaction(n, 40));
        for message in transaction(n, 40) {
            assert_eq!(next(&mut files, &mut reading), Some(message));
        }
        assert_eq!(next(&mut files, &mut reading), None);
        files.remove_through(end_of(n), Some(&reading)).unwrap();
    }
    assert!(files.bytes() < 200 << 10, "{}", files.bytes());
    let empty = files.go_on_from(end_of(199)).unwrap();
    assert_eq!((empty, files.is_empty(), sizes(folder.path()).len()), (end_of(199), true, 0));
}

/// The store may have recorded all that was read before who reads has moved on to the next segment.
#[test]
fn what_follows_is_found_wherever_the_reader_stands() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = filled(folder.path());
    let expected: Vec<_> = (1..40).flat_map(|n| transaction(n, 40)).collect();
    let (mut reading, mut messages) = (files.read(), Vec::new());
    loop {
        files.remove_through(end_of(39), Some(&reading)).unwrap();
        let Some(message) = next(&mut files, &mut reading) else { break };
        messages.push(message);
    }
    assert_eq!(messages.len(), expected.len());
    assert_eq!(messages, expected);
    // One that was removed all the same is no end.
    let folder = tempfile::tempdir().unwrap();
    let mut files = filled(folder.path());
    let mut reading = files.read();
    next(&mut files, &mut reading).unwrap();
    files.remove_through(end_of(39), None).unwrap();
    let error = loop {
        match files.next(&mut reading) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was read to its end"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.fate(), Fate::Bug);
}

/// Of the segments that are there when the first is opened.
#[test]
fn where_the_first_segment_begins_is_known_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    for message in transaction(1, 600).iter().chain(&transaction(2, 1)) {
        append(&mut files, std::slice::from_ref(message));
        files.flush().unwrap();
    }
    assert!(files.segments.len() > 2);
    let mut reading = files.read();
    files.remove_through(end_of(1), None).unwrap();
    next(&mut files, &mut reading).unwrap();
    assert_eq!(reading.take_begin().unwrap().within, Some(Lsn(100)));
}

/// A server may stand anywhere before a commit: what it begins is not in the store for that.
#[test]
fn what_a_transaction_begins_stays_until_the_store_has_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    for message in transaction(1, 600).iter().chain(&transaction(2, 1)) {
        append(&mut files, std::slice::from_ref(message));
        files.flush().unwrap();
    }
    let segments = files.segments.len();
    for stands in [51, 99, 100] {
        files.remove_through(Lsn(stands), None).unwrap();
        assert_eq!(files.segments.len(), segments);
    }
    files.sync().unwrap();
    drop(files);
    // As read back from the disk, too.
    let mut files = open(folder.path(), 1 << 20);
    files.remove_through(Lsn(100), None).unwrap();
    let expected: Vec<_> = [transaction(1, 600), transaction(2, 1)].concat();
    assert_eq!(read(&mut files, Lsn(100)), expected);
    files.remove_through(end_of(1), None).unwrap();
    assert_eq!(files.segments.len(), 1);
    assert!(!held(&mut files).bridges(Lsn(100), end_of(1)));
    assert!(held(&mut files).bridges(end_of(1), end_of(1)));
    assert_eq!(read(&mut files, end_of(1)), transaction(2, 1));
}

/// Relations are told once a connection: each segment knows them.
#[test]
fn a_segment_knows_the_relations_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    let mut relation = vec![b'R'];
    relation.put_u32(16);
    let relation = change(1, &relation);
    append(&mut files, std::slice::from_ref(&relation));
    for n in 1..60 {
        append(&mut files, &transaction(n, 40));
        files.flush().unwrap();
    }
    files.remove_through(end_of(30), None).unwrap();
    assert!(files.segments.len() > 2);
    let mut reading = files.read();
    let first = next(&mut files, &mut reading).unwrap();
    assert_ne!(first, relation);
    assert_eq!(reading.take_heads(), [relation]);
    // Who reads on has heard of them.
    while next(&mut files, &mut reading).is_some() {
        assert!(reading.take_heads().is_empty());
    }
}

/// Another process had the slot meanwhile, and the store was set back.
#[test]
fn an_empty_one_begins_where_the_store_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), LIMIT);
    assert_eq!(files.go_on_from(end_of(5)).unwrap(), end_of(5));
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(5), "the keeper knows no more");
    assert_eq!(files.go_on_from(end_of(2)).unwrap(), end_of(2));
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(2));
}

#[test]
fn at_the_limit_it_refuses_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    let full = (1..).find(|n| !transaction(*n, 40).iter().all(|m| files.append(m).unwrap()));
    let full = full.unwrap();
    files.sync().unwrap();
    assert!(files.bytes() <= 1 << 20 && files.bytes() > 900 << 10);
    assert!(files.shown.held().is_full);
    files.go_on_from(Lsn::ZERO).unwrap();
    assert!(!transaction(full, 400).iter().all(|m| files.append(m).unwrap()));
    files.remove_through(end_of(full / 2), None).unwrap();
    assert!(!files.shown.held().is_full);
    files.go_on_from(Lsn::ZERO).unwrap();
    append(&mut files, &transaction(full, 40));
    let expected: Vec<_> = (full - 1..=full).flat_map(|n| transaction(n, 40)).collect();
    assert_eq!(read(&mut files, end_of(full - 2)), expected);
}

/// Of many tables they are no small part.
#[test]
fn heads_count_towards_the_limit() {
    for bytes in (20..60).step_by(6).map(|kilobytes| kilobytes << 10) {
        let folder = tempfile::tempdir().unwrap();
        let mut files = open(folder.path(), 1 << 20);
        files.go_on_from(end_of(0)).unwrap();
        let mut relation = vec![b'R'];
        relation.put_u32(16);
        relation.extend(transaction(1, bytes / 320).concat());
        append(&mut files, &[change(1, &relation)]);
        let full = (1..).find(|n| !transaction(*n, 40).iter().all(|m| files.append(m).unwrap()));
        assert!(full > Some(1));
        files.sync().unwrap();
        assert!(files.bytes() <= 1 << 20, "{}", files.bytes());
    }
}

/// What was taken and found no room on the disk is read from memory, and nothing is put behind it.
#[test]
fn a_full_disk_loses_nothing_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), LIMIT);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    files.sync().unwrap();
    append(&mut files, &transaction(2, 3));
    files.full_at = Some(std::time::Instant::now());
    let expected: Vec<_> = (1..3).flat_map(|n| transaction(n, 3)).collect();
    assert_eq!(read(&mut files, end_of(0)), expected);
    files.full_at = None;
    assert!(!files.append(&transaction(3, 1)[0]).unwrap());
    // Another connection sends it again.
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(1));
    append(&mut files, &transaction(2, 3));
    assert_eq!(read(&mut files, end_of(0)), expected);
}

/// The server of a lost connection sends again what was not written, with the first segment, too.
#[test]
fn what_was_not_written_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), LIMIT);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(0));
}

/// Linux tells once that it could not write: whoever asks again hears that all is well.
#[test]
fn what_a_failed_sync_may_have_lost_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    files.sync().unwrap();
    for n in (2..).take_while(|_| files_are_small(folder.path())) {
        append(&mut files, &transaction(n, 40));
        files.flush().unwrap();
    }
    append(&mut files, &transaction(90, 3));
    // The next segment is due, and this has no sync.
    files.file = Some(fs::File::open("/dev/null").unwrap());
    assert_eq!(files.flush().unwrap_err().fate(), Fate::Transient);
    assert_eq!((files.through(), files.synced()), (end_of(1), end_of(1)));
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(1));
    for n in 2..30 {
        append(&mut files, &transaction(n, 40));
        files.flush().unwrap();
    }
    // Nor is the place removed that a failed one goes back to.
    files.remove_through(end_of(20), None).unwrap();
    append(&mut files, &transaction(30, 3));
    files.flush().unwrap();
    files.file = Some(fs::File::open("/dev/null").unwrap());
    files.sync().unwrap_err();
    let through = files.go_on_from(Lsn::ZERO).unwrap();
    assert!(through >= end_of(20) && through < end_of(30), "{through}");
    // Before the first sync there is no such place.
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    files.flush().unwrap();
    files.file = Some(fs::File::open("/dev/null").unwrap());
    files.sync().unwrap_err();
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(0));
}

fn files_are_small(folder: &Path) -> bool {
    sizes(folder).iter().all(|(_, size)| *size < 64 << 10)
}

fn filled(folder: &Path) -> Files {
    let mut files = open(folder, 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    for n in 1..40 {
        append(&mut files, &transaction(n, 40));
        files.flush().unwrap();
    }
    files.sync().unwrap();
    assert!(files.segments.len() > 3);
    files
}

#[test]
fn what_the_store_has_in_part_is_bridged_only_if_it_begins_whole() {
    let begin = |within| Begin { from: Lsn(10), within };
    let span = |within| Span { begin: begin(within), through: Lsn(30), broken: None };
    assert!(span(None).bridges(Lsn(10), Lsn(30)));
    assert!(!span(None).bridges(Lsn(9), Lsn(30)) && !span(None).bridges(Lsn(10), Lsn(31)));
    // What was recorded beyond it need not be here.
    assert!(span(None).bridges(Lsn(40), Lsn(40)) && !span(None).bridges(Lsn(40), Lsn(41)));
    // An idle position between.
    assert!(!span(Some(Lsn(20))).bridges(Lsn(15), Lsn(30)));
    assert!(!span(Some(Lsn(20))).bridges(Lsn(20), Lsn(30)));
    assert!(span(Some(Lsn(20))).bridges(Lsn(21), Lsn(30)));
    let shown = Shown::default();
    shown.set_full(Some("no space".into()));
    shown.set_full(None);
    assert_eq!(shown.held().full_for.as_deref(), Some("no space"));
}
