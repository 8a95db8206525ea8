//! A batch that was written reads back, and what was cut or bent does not.

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use source::spool::{Record, put_record, read_record};

/// Names that are not used are among them, as in a batch of few tables.
fn names() -> Names {
    let text = |at: u32| format!("t{at}");
    Names {
        topics: (0..5).map(text).collect(),
        frames: (0..5)
            .map(|at| Frame { key: text(at).into(), value: vec![at as u8; 300], end: FRAME_END })
            .collect(),
        subjects: (0..5).map(|at| Subject { name: text(at), schema: "{}".repeat(9) }).collect(),
    }
}

fn span() -> impl Strategy<Value = Span> {
    (0usize..100, 0usize..100)
        .prop_map(|(one, other)| Span { from: one.min(other), to: one.max(other) })
}

fn lsn() -> impl Strategy<Value = Lsn> {
    any::<u64>().prop_map(Lsn)
}

prop_compose! {
    fn entry()(
        topic in 0u32..5,
        (key, value) in (option::of(span()), option::of(span())),
        other in option::of((any::<bool>(), span())),
        has_context: bool,
        frame in option::of(0u32..5),
        schemas in option::of([0u32..5, 0u32..5]),
        at in (lsn(), lsn()),
    ) -> Entry {
        let name = |is_old| if is_old { KeyHeader::Old } else { KeyHeader::New };
        let head = if schemas.is_some() { AVRO_HEAD } else { &[] };
        let other_key = other.map(|(is_old, span)| (name(is_old), span));
        let dress = Dress { head, frame, schemas };
        Entry { topic, key, value, other_key, has_context, dress, at }
    }
}

prop_compose! {
    fn encoded()(
        entries in vec(entry(), 0..12),
        arena in vec(any::<u8>(), 100),
        (through, within) in (lsn(), option::of((lsn(), lsn()))),
        lost: u64,
        context in vec((".{0,9}", ".{0,9}"), 0..4),
    ) -> Encoded {
        Encoded {
            arena: Arc::new(arena),
            entries: Arc::new(entries),
            names: Arc::new(names()),
            context: Arc::new(context),
            position: Position { through, within },
            lost,
        }
    }
}

/// Everything that is sent of it, and what its schemas are called.
fn said(encoded: &Encoded) -> String {
    let names = &encoded.names;
    let subjects = |entry: &Entry| {
        let of = |at: u32| &names.subjects[at as usize];
        (entry.at, entry.dress.head, entry.dress.schemas.map(|all| all.map(of)))
    };
    let subjects: Vec<_> = encoded.entries.iter().map(subjects).collect();
    let messages: Vec<_> = encoded.messages().collect();
    let Encoded { position, lost, context, .. } = encoded;
    format!("{position:?} {lost} {context:?} {messages:?} {subjects:?}")
}

proptest! {
    #[test]
    fn batches_read_back(encoded in encoded()) {
        let again = Encoded::restored(&encoded.stored()).unwrap();
        prop_assert_eq!(said(&again), said(&encoded));
        // What it does not use does not come along.
        prop_assert!(again.names.topics.len() <= encoded.entries.len());
        prop_assert_eq!(again.stored(), encoded.stored());
    }

    #[test]
    fn a_cut_or_a_bit_that_fell_over_is_seen(encoded in encoded(), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = Vec::new();
        put_record(&encoded.stored(), &mut bytes);
        let at = at.index(bytes.len());
        let whole = |bytes: &[u8]| {
            matches!(read_record(&mut { bytes }, bytes.len() as u64), Ok(Record::Whole(..)))
        };
        prop_assert!(whole(&bytes) && !whole(&bytes[..at]));
        bytes[at] ^= 1 << bit;
        prop_assert!(!whole(&bytes));
    }

    /// As if the sum were right.
    #[test]
    fn any_bytes_are_taken(encoded in encoded(), at: prop::sample::Index, to: u8, any: Vec<u8>) {
        let _ = Encoded::restored(&any);
        let mut bytes = encoded.stored();
        let at = at.index(bytes.len());
        bytes[at] = to;
        for bytes in [&bytes[..], &bytes[..at]] {
            if let Some(read) = Encoded::restored(bytes) {
                said(&read);
            }
        }
    }

    #[test]
    fn what_was_sent_is_left_out(count in 0usize..12, through in 0u64..12, within in option::of(0u64..12)) {
        // Transactions that commit at 0, 10, 20, …, of two changes each.
        let at = |n: usize| (Lsn(n as u64 / 2 * 10), Lsn(n as u64));
        let entry = |n: usize| Entry {
            topic: 0,
            key: None,
            value: Some(Span { from: n, to: n + 1 }),
            other_key: None,
            has_context: false,
            dress: Dress::default(),
            at: at(n),
        };
        let mut encoded = Encoded {
            arena: Arc::new((0..12).collect()),
            entries: Arc::new((0..count).map(entry).collect()),
            names: Arc::new(names()),
            context: Arc::default(),
            position: Position::default(),
            lost: 0,
        };
        let within = within.map(|change| (Lsn(through / 2 * 10), Lsn(change)));
        let known = Position { through: Lsn(through / 2 * 10), within };
        encoded.leave_out(known);
        let left: Vec<usize> = encoded.messages().map(|m| m.value.unwrap().body[0].into()).collect();
        let is_left = |n: &usize| {
            let (commit, change) = at(*n);
            commit >= known.through && within.is_none_or(|(of, sent)| commit != of || change > sent)
        };
        prop_assert_eq!(left, (0..count).filter(is_left).collect::<Vec<_>>());
    }
}
