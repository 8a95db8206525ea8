//! Labels tell one alert from another.

use std::collections::BTreeMap;

pub type Labels = BTreeMap<String, String>;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Prometheus's fingerprint of a label set: FNV-1a of sorted names and values, each with a byte behind it that no text has.
pub fn fingerprint(labels: &Labels) -> String {
    let mut hash = FNV_OFFSET;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(0xff);
        value.bytes().for_each(&mut add);
        add(0xff);
    }
    format!("{hash:016x}")
}

/// Whether all of `small` stands in `large` too.
pub fn contains(large: &Labels, small: &Labels) -> bool {
    small.iter().all(|(name, value)| large.get(name) == Some(value))
}

/// What all of them say alike.
pub fn common<'a>(mut all: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(mut shared) = all.next().cloned() else { return Labels::new() };
    for labels in all {
        shared.retain(|name, value| labels.get(name) == Some(value));
    }
    shared
}

/// `{a=1, b=2}`, as people read it.
pub fn shown(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
pub(crate) fn of(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_name_from_value() {
        assert_eq!(fingerprint(&Labels::new()), "cbf29ce484222325");
        assert_ne!(fingerprint(&of(&[("a", "bc")])), fingerprint(&of(&[("ab", "c")])));
        assert_eq!(
            fingerprint(&of(&[("a", "1"), ("b", "2")])),
            fingerprint(&of(&[("b", "2"), ("a", "1")]))
        );
    }

    #[test]
    fn what_is_common_is_what_all_say() {
        let (a, b) = (of(&[("x", "1"), ("y", "2")]), of(&[("x", "1"), ("y", "3")]));
        assert_eq!(common([&a, &b].into_iter()), of(&[("x", "1")]));
        assert!(contains(&a, &of(&[("y", "2")])) && !contains(&b, &a));
        assert_eq!(shown(&a), "{x=1, y=2}");
    }
}
