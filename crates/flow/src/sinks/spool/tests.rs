//! Files of a spool: their order, their ends, and what is noticed of broken ones.

use super::*;
use bus::write::{Encoder, Origin, SinkOptions};
use model::{Fate, Lsn};
use proptest::prelude::*;
use source::stream::tap::{Begin, LogicalMessage};

/// Where the transaction of that number ends.
pub(in crate::sinks) fn end_of(n: u64) -> Lsn {
    Lsn(n * 100)
}

/// A transaction whose one message says its number, in so many bytes.
pub(in crate::sinks) fn batch(n: u64, bytes: usize) -> Encoded {
    let options = SinkOptions { messages: true, ..SinkOptions::new("b", "p") };
    let mut encoder = Encoder::new(options, Origin::default());
    let commit = Lsn(end_of(n).0 - 10);
    encoder.begin(Begin { first: Lsn(commit.0 - 20), commit, commit_us: 0, xid: 1 });
    let prefix = n.to_string();
    // Base64 of digits of another base does not pack well.
    let noise =
        |at: usize| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_mul(n | 1) >> 56;
    let content: Vec<u8> = (0..bytes).map(|at| noise(at) as u8).collect();
    let lsn = Lsn(commit.0 - 5);
    encoder.message(LogicalMessage {
        prefix: &prefix,
        content: &content,
        lsn,
        is_transactional: true,
    });
    encoder.commit(end_of(n));
    encoder.take(end_of(n))
}

/// The numbers of transactions.
pub(in crate::sinks) fn numbers(batches: &[Encoded]) -> Vec<u64> {
    let number = |message: bus::write::Message<'_>| {
        let key = String::from_utf8(message.key.unwrap().body.to_vec()).unwrap();
        key.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    batches.iter().flat_map(Encoded::messages).map(number).collect()
}

fn plan(folder: &Path) -> SpoolPlan {
    SpoolPlan { folder: folder.join("sink/shop"), bytes_max: 1 << 20 }
}

fn put(spool: &mut Spool, numbers: std::ops::Range<u64>) {
    for n in numbers {
        assert!(spool.append(&[batch(n, 3000)]).unwrap());
    }
}

fn all(spool: &mut Spool) -> Vec<u64> {
    numbers(&spool.take(usize::MAX).unwrap())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("sink/shop")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_not_sent_comes_again_in_order_and_what_was_goes() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    assert!(!spool.has_more() && spool.last().is_none());
    put(&mut spool, 1..80);
    assert!(files(folder.path()).len() > 3, "in files of bounded size");
    let first = numbers(&spool.take(180_000).unwrap());
    assert!(first.len() > 20 && first.len() < 70);
    spool.rewind();
    assert_eq!(numbers(&spool.take(180_000).unwrap()), first);
    let before = spool.unsent_bytes();
    spool.sent();
    assert!(spool.unsent_bytes() < before);
    put(&mut spool, 80..90);
    let next = first.len() as u64 + 1;
    assert_eq!(all(&mut spool), (next..90).collect::<Vec<_>>());
    drop(spool);
    // Of a file that is not behind, all is there.
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    assert_eq!(spool.last().unwrap().through, end_of(89));
    put(&mut spool, 90..95);
    let again = all(&mut spool);
    assert!(again[0] > 1 && again[0] <= next, "{again:?}");
    assert_eq!(again, (again[0]..95).collect::<Vec<_>>());
    spool.sent();
    assert_eq!((spool.unsent_bytes(), files(folder.path()).len()), (0, 0));
    put(&mut spool, 95..97);
    assert_eq!(all(&mut spool), [95, 96]);
}

/// Those that are on their way out of memory.
#[test]
fn what_the_sender_has_already_is_not_taken_unless_it_fails() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    put(&mut spool, 1..4);
    spool.take_appended();
    put(&mut spool, 4..6);
    assert_eq!(all(&mut spool), [4, 5]);
    spool.rewind();
    assert_eq!(all(&mut spool), [1, 2, 3, 4, 5]);
}

#[test]
fn at_its_limit_it_refuses_until_a_file_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    let full = (1..).find(|n| !spool.append(&[batch(*n, 3000)]).unwrap()).unwrap();
    let bytes: u64 = files(folder.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bytes <= 1 << 20 && bytes > 900 << 10, "{bytes}");
    spool.take(200_000).unwrap();
    spool.sent();
    put(&mut spool, full..full + 10);
    assert_eq!(all(&mut spool).last(), Some(&(full + 9)));
    // One that is there for what it has takes nothing.
    let plan = SpoolPlan { bytes_max: 0, ..plan(folder.path()) };
    drop(spool);
    let mut spool = Spool::open(&plan).unwrap();
    assert!(!spool.append(&[batch(1, 3)]).unwrap() && spool.has_more());
}

#[test]
fn a_file_that_does_not_read_does_not_keep_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    put(&mut spool, 1..80);
    drop(spool);
    let files = files(folder.path());
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    let read = all(&mut spool);
    let gap = read.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
    assert!(gap == 1 && read[0] == 1 && *read.last().unwrap() == 79, "{read:?}");
    spool.sent();
    assert_eq!(spool.unsent_bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// As a power cut leaves it. What follows is told apart from it.
    #[test]
    fn however_the_end_is_torn_nothing_is_sent_that_was_not_written(at: prop::sample::Index, flip in 0u8..9) {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(&plan(folder.path())).unwrap();
        put(&mut spool, 1..6);
        drop(spool);
        let file = &files(folder.path())[0];
        let mut bytes = fs::read(file).unwrap();
        let at = at.index(bytes.len());
        match flip {
            8 => bytes.truncate(at),
            bit => bytes[at] ^= 1 << bit,
        }
        fs::write(file, &bytes).unwrap();
        // Of another version it is not ours to read.
        let Ok(mut spool) = Spool::open(&plan(folder.path())) else { return Ok(()) };
        let whole = spool.last().map_or(0, |last| last.through.0 / 100);
        prop_assert!(whole < 6);
        put(&mut spool, 6..8);
        let expected: Vec<u64> = (1..=whole).chain(6..8).collect();
        prop_assert_eq!(all(&mut spool), expected);
        spool.sent();
        prop_assert_eq!(spool.unsent_bytes(), 0);
    }
}

#[test]
fn it_says_what_keeps_it_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut spool = Spool::open(&plan(folder.path())).unwrap();
    put(&mut spool, 1..3);
    let other = Spool::open(&plan(folder.path())).err().unwrap();
    assert_eq!(other.fate(), Fate::Transient, "another process has it");
    // As a process that is being started has it.
    let _copy = spool.lock.as_ref().unwrap().try_clone().unwrap();
    drop(spool);
    let file = &files(folder.path())[0];
    let mut bytes = fs::read(file).unwrap();
    bytes[7] = VERSION + 1;
    fs::write(file, bytes).unwrap();
    let error = Spool::open(&plan(folder.path())).err().unwrap();
    assert!(error.fate() == Fate::Definite && error.report().contains("format 2"), "{error:?}");
    // A file where a folder would be.
    let plan = SpoolPlan { folder: file.join("shop"), bytes_max: 1 << 20 };
    assert!(Spool::open(&plan).unwrap().append(&[batch(1, 3)]).is_err());
}
