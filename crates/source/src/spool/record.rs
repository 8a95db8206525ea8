//! A piece of a file that tells whether it is whole: what was being written when the process or the machine
//! went away is noticed, and never taken for what it is not.
//!
//! ```text
//! length of the packed bytes │ of the plain ones │ CRC-32 of all the others │ LZ4
//! ```

use bytes::BufMut;
use std::io::{self, Read};

/// Lengths and sum.
pub(super) const RECORD_HEAD_BYTES: usize = 12;
/// No LZ4 grows more than this; a length beyond it is none.
pub(super) const LZ4_GROWS_MOST: usize = 255;
/// Beside one of so many.
pub(super) const LZ4_MORE_MOST: u64 = 16;

/// What is found where a record should be.
#[derive(PartialEq, Eq, Debug)]
pub enum Record {
    End,
    /// It was being written, or it is not what was written.
    Broken,
    /// Its content, and its length in the file.
    Whole(Vec<u8>, u64),
}

/// `plain` has at most some gigabytes: one message, or a little more than a chunk.
pub fn put_record(plain: &[u8], out: &mut Vec<u8>) {
    let packed = lz4_flex::block::compress(plain);
    let lengths = [(packed.len() as u32).to_be_bytes(), (plain.len() as u32).to_be_bytes()];
    out.extend_from_slice(&lengths.concat());
    out.put_u32(sum(&lengths.concat(), &packed));
    out.extend_from_slice(&packed);
}

/// `most`: bytes that are left in the file.
pub fn read_record(from: &mut impl Read, most: u64) -> io::Result<Record> {
    let mut head = [0; RECORD_HEAD_BYTES];
    if most == 0 {
        return Ok(Record::End);
    }
    let Some(room) = most.checked_sub(RECORD_HEAD_BYTES as u64) else { return Ok(Record::Broken) };
    from.read_exact(&mut head)?;
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (length, plain) = (number(0) as usize, number(4) as usize);
    if length as u64 > room || plain > length.saturating_mul(LZ4_GROWS_MOST) {
        return Ok(Record::Broken);
    }
    let mut packed = vec![0; length];
    from.read_exact(&mut packed)?;
    if sum(&head[..8], &packed) != number(8) {
        return Ok(Record::Broken);
    }
    let plain = lz4_flex::block::decompress(&packed, plain);
    Ok(plain
        .map_or(Record::Broken, |plain| Record::Whole(plain, (RECORD_HEAD_BYTES + length) as u64)))
}

fn sum(lengths: &[u8], packed: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(lengths);
    sum.update(packed);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_bit_that_fell_over_is_seen(message in proptest::collection::vec(0u8.., 1..200), bit in 0usize..2000) {
            let mut bytes = Vec::new();
            put_record(&message, &mut bytes);
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let most = bytes.len() as u64;
            proptest::prop_assert_eq!(read_record(&mut &bytes[..], most).unwrap(), Record::Broken);
        }
    }
}
