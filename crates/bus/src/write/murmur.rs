//! The hash by which Kafka's Java clients choose a partition, so that a key lies where any other
//! producer of theirs would put it
//! (<https://github.com/apache/kafka/blob/trunk/clients/src/main/java/org/apache/kafka/common/utils/Utils.java>).

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

pub fn murmur2(bytes: &[u8]) -> i32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for &word in words {
        let mut k = u32::from_le_bytes(word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, &byte) in rest.iter().enumerate() {
            hash ^= u32::from(byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash as i32
}

/// The partition of a key among `count`. Without a key it is the topic's own: those messages have no
/// order but that of one partition.
pub fn partition(topic: &str, key: Option<&[u8]>, count: i32) -> i32 {
    let hash = murmur2(key.unwrap_or(topic.as_bytes())) & 0x7fff_ffff;
    hash.checked_rem(count).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_kafkas_own_tests() {
        let cases = [
            ("21", -973932308),
            ("foobar", -790332482),
            ("a-little-bit-long-string", -985981536),
            ("a-little-bit-longer-string", -1486304829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
            ("abc", 479470107),
        ];
        for (text, hash) in cases {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn a_key_has_one_partition_and_so_has_a_table_without_one() {
        assert_eq!(partition("t", Some(b"abc"), 10), 479470107 % 10);
        assert_eq!(partition("t", Some(b"21"), 7), (-973932308 & 0x7fff_ffff) % 7);
        assert_eq!(partition("shop.t", None, 12), partition("shop.t", None, 12));
        assert_eq!(partition("t", None, 0), 0);
    }
}
