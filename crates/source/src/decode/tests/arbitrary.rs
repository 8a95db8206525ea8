//! No bytes make a decoder panic, ask for absurd memory or leave a block whose columns disagree.

use crate::fuzzing;
use proptest::collection::vec;
use proptest::prelude::*;

/// Mostly bytes that lengths, counts and marks are made of.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        4 => Just(0u8),
        3 => 1u8..5,
        1 => Just(0xff),
        2 => prop::sample::select(b"tbnu{}[]=,\"\\:-+. 019NaI".to_vec()),
        1 => any::<u8>(),
    ];
    (any::<u8>(), vec(byte, 0..most)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

/// Values with their lengths in front, as tuples have them.
fn framed(kinds: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(kinds.to_vec());
    let field = (kind, bytes(24)).prop_map(|(kind, value)| {
        let mut field = if kind == b'-' { vec![] } else { vec![kind] };
        if !matches!(kind, b'n' | b'u') {
            field.extend((value.len() as i32).to_be_bytes());
            field.extend(value);
        }
        field
    });
    (any::<u8>(), vec(field, 0..8), bytes(4))
        .prop_map(|(first, fields, tail)| [vec![first], fields.concat(), tail].concat())
}

fn copied() -> impl Strategy<Value = Vec<u8>> {
    let tuple = vec(bytes(16), 2..=2).prop_map(|fields| {
        let lengths = |field: &Vec<u8>| [&(field.len() as i32).to_be_bytes()[..], field].concat();
        [vec![0, 2], fields.iter().flat_map(lengths).collect()].concat()
    });
    let end = prop_oneof![Just(vec![0xff, 0xff]), bytes(4), Just(vec![])];
    (any::<[u8; 2]>(), vec(tuple, 0..5), end)
        .prop_map(|(choice, tuples, end)| [choice.to_vec(), tuples.concat(), end].concat())
}

fn numeric() -> impl Strategy<Value = Vec<u8>> {
    let sign = prop::sample::select(vec![0u16, 0x4000, 0xc000, 0xd000, 0xf000, 1]);
    let digit = prop_oneof![4 => 0u16..10_000, 2 => Just(0u16), 1 => any::<u16>()];
    (any::<u8>(), -12i16..12, sign, 0u16..60, vec(digit, 0..24)).prop_map(
        |(choice, weight, sign, scale, digits)| {
            let words = [digits.len() as u16, weight as u16, sign, scale];
            let words = words.into_iter().chain(digits).flat_map(u16::to_be_bytes);
            [choice].into_iter().chain(words).collect()
        },
    )
}

proptest! {
    #[test]
    fn tuples(bytes in prop_oneof![bytes(80), framed(b"tbnu"), framed(b"b"), framed(b"t")]) {
        fuzzing::tuple(&bytes);
    }

    #[test]
    fn copies(bytes in prop_oneof![bytes(120), copied()]) {
        fuzzing::copy(&bytes);
    }

    #[test]
    fn numerics(bytes in prop_oneof![bytes(40), numeric()]) {
        fuzzing::numeric_forms(&bytes);
    }

    #[test]
    fn messages(
        first: u8,
        tag in prop::sample::select(b"IUD".to_vec()),
        old in prop::sample::select(vec!["", "K", "O", "N"]),
        bytes in framed(b"tbnu"),
    ) {
        let head = [&[first, tag, 0, 0, 0, 1], old.as_bytes(), &[0, 2]].concat();
        fuzzing::message(&[&head, &bytes[1..], b"N\0\x02", &bytes[1..]].concat());
    }

    #[test]
    fn wires(bytes in bytes(80)) {
        fuzzing::wire(&bytes);
    }

    #[test]
    fn values(bytes in bytes(40)) {
        fuzzing::value(&bytes);
    }

    #[test]
    fn arrays(bytes in bytes(80)) {
        fuzzing::any_array(&bytes);
    }

    #[test]
    fn parts(bytes in prop_oneof![bytes(60), framed(b"-")]) {
        fuzzing::parts(&bytes);
    }

    #[test]
    fn what_was_read_reads_as_it_was_written(bytes in bytes(48)) {
        fuzzing::way_back(&bytes);
    }

    #[test]
    fn any_history_of_timelines(bytes in bytes(48)) {
        fuzzing::history(&bytes);
    }
}

#[test]
fn an_array_that_claims_to_be_huge_costs_nothing() {
    let huge = i32::MAX.to_be_bytes();
    for lengths in [[&huge, &[0; 4]], [&[0; 4], &huge], [&huge, &huge]] {
        let mut bytes = vec![0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 23];
        for length in lengths {
            bytes.extend_from_slice(length);
            bytes.extend(1i32.to_be_bytes());
        }
        // Every type is tried with every number of dimensions.
        for choice in 0..=u8::MAX {
            fuzzing::any_array(&[&[choice], &bytes[..]].concat());
        }
    }
}
