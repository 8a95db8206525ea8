//! What was confirmed is told of when it does not read, and what was not is no damage.

use super::super::files::Files;
use super::super::format::{MAGIC, PREFIX_BYTES};
use super::super::record::{Record, read_record};
use super::super::{Spool, keeper, span};
use super::{LIMIT, append, end_of, filled, held, open, read, sizes, transaction};
use model::{Error, Fate, Lsn};
use std::fs;
use std::path::Path;

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn first_error(files: &mut Files) -> Error {
    let mut reading = files.read();
    loop {
        match files.next(&mut reading) {
            Ok(Some(_)) => {}
            Ok(None) => panic!("it was read to its end"),
            Err(error) => return error,
        }
    }
}

/// Where the last record of a segment begins.
fn last_record(bytes: &[u8]) -> usize {
    let (mut at, mut last) = (PREFIX_BYTES as usize, 0);
    while let Record::Whole(_, length) =
        read_record(&mut &bytes[at..], (bytes.len() - at) as u64).unwrap()
    {
        (last, at) = (at, at + length as usize);
    }
    last
}

#[test]
fn damage_is_told_and_never_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let paths: Vec<_> = sizes(folder.path());
    // In the middle: seen when it is read.
    let (middle, size) = &paths[1];
    flip(middle, size / 2);
    let mut files = open(folder.path(), LIMIT);
    let error = first_error(&mut files);
    assert_eq!(error.fate(), Fate::Definite);
    let report = error.report();
    assert!(report.contains("does not read from byte") && report.contains("rm -r"), "{report}");
    flip(middle, size / 2);
    // At the end: cut off there, and known to be.
    let (last, size) = paths.last().unwrap();
    flip(last, size - 1);
    let mut files = open(folder.path(), LIMIT);
    let found = held(&mut files);
    assert_eq!(found.through, end_of(38));
    assert!(found.broken.is_some());
    // Nor does a look mend it.
    drop(files);
    let mut files = open(folder.path(), LIMIT);
    assert_eq!(held(&mut files), found);
    assert!(found.bridges(end_of(0), end_of(38)) && !found.bridges(end_of(0), end_of(39)));
    drop(files);
    // One that ends early, where a record ends.
    let bytes = fs::read(middle).unwrap();
    fs::write(middle, &bytes[..last_record(&bytes)]).unwrap();
    let mut files = open(folder.path(), LIMIT);
    let report = first_error(&mut files).report();
    assert!(report.contains("before 3.seg something is missing"), "{report}");
    fs::write(middle, &bytes).unwrap();
    // A head that does not read, and a segment that is gone.
    flip(&paths[1].0, 20);
    let error = Files::open(folder.path(), LIMIT, Default::default()).unwrap_err();
    assert_eq!(error.fate(), Fate::Definite, "{}", error.report());
    fs::remove_file(&paths[1].0).unwrap();
    let error = Files::open(folder.path(), LIMIT, Default::default()).unwrap_err();
    assert!(error.report().contains("missing"), "{}", error.report());
}

/// It was being begun, or it is what is left of what was confirmed: the slot tells.
#[test]
fn the_head_of_the_only_segment_may_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), LIMIT);
    assert_eq!(span(&mut files), None);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    files.sync().unwrap();
    drop(files);
    let (path, size) = sizes(folder.path()).remove(0);
    flip(&path, 20);
    let spool = Spool::new(folder.path().to_owned(), LIMIT);
    let found = held(&mut spool.take().unwrap());
    assert!(found.bridges(end_of(1), end_of(1)) && !found.bridges(end_of(0), end_of(1)));
    let lost = spool.lost(&found, end_of(1)).unwrap().report();
    assert!(lost.contains("1.seg has no head") && lost.contains("rm -r"), "{lost}");
    // Neither a look nor the keeper has touched it.
    assert!(keeper::start(&mut spool.take().unwrap(), end_of(1)).is_err());
    assert_eq!(sizes(folder.path()), [(path, size)]);
    // The store has more.
    spool.take().unwrap().go_on_from(end_of(1)).unwrap();
    assert_eq!(span(&mut spool.take().unwrap()), None);
    assert_eq!(sizes(folder.path()), []);
}

/// A kill between two of them is no damage.
#[test]
fn what_is_removed_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = open(folder.path(), 1 << 20);
    files.go_on_from(end_of(0)).unwrap();
    append(&mut files, &transaction(1, 3));
    files.sync().unwrap();
    for message in &transaction(2, 2000)[..2000] {
        append(&mut files, std::slice::from_ref(message));
    }
    files.sync().unwrap();
    drop(files);
    let paths: Vec<_> = sizes(folder.path()).into_iter().map(|(path, _)| path).collect();
    assert!(paths.len() > 4, "{paths:?}");
    let mut files = open(folder.path(), 1 << 20);
    // It cannot be removed: it ends there.
    let second = &paths[2];
    fs::remove_file(second).unwrap();
    fs::create_dir(second).unwrap();
    files.go_on_from(Lsn::ZERO).unwrap_err();
    let left: Vec<_> = sizes(folder.path()).into_iter().map(|(path, _)| path).collect();
    assert_eq!(left, paths[..3]);
    fs::remove_dir(second).unwrap();
    assert_eq!(files.go_on_from(Lsn::ZERO).unwrap(), end_of(1));
    assert_eq!(read(&mut files, end_of(0)), transaction(1, 3));
}

/// What an earlier process wrote may have been confirmed.
#[test]
fn a_failed_sync_of_what_was_found_cuts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let before = sizes(folder.path());
    let mut files = open(folder.path(), 1 << 20);
    files.file = Some(fs::File::open("/dev/null").unwrap());
    assert_eq!(files.sync_found().unwrap_err().fate(), Fate::Transient);
    assert_eq!(sizes(folder.path()), before);
}

#[test]
fn another_format_is_refused_with_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()));
    let (path, _) = &sizes(folder.path())[0];
    let mut bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..7], MAGIC);
    bytes[7] = 9;
    fs::write(path, bytes).unwrap();
    let error = Files::open(folder.path(), LIMIT, Default::default()).unwrap_err();
    assert_eq!(error.fate(), Fate::Definite);
    assert!(error.report().contains("format 9"), "{}", error.report());
}
