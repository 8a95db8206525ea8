//! From ranges that differ to the keys that do.
//!
//! Rows come as pairs of hashes, 16 bytes each, sorted and walked side by side:
//!
//! ```text
//! source  (k1,h1) (k2,h2)         (k4,h4)
//! store   (k1,h1) (k2,h9) (k3,h3)                  k2 changed, k3 extra, k4 missing
//! ```

use model::{Mode, OnUpdate};
use std::collections::BTreeMap;
use store::Target;

/// A row: the hash of its key, the hash of all of it.
pub(super) type Hashes = (i64, i64);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// In the source only.
    Missing,
    /// In the store only.
    Extra,
    /// In both with other values.
    Changed,
    /// More often in the store.
    Duplicate,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Changed => "changed",
            Kind::Duplicate => "duplicate",
        }
    }
}

/// What a table keeps other than the source has it, as it should.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Keeps {
    /// Rows that are deleted at the source.
    pub(super) deleted: bool,
    /// The first value of a row that is updated there.
    pub(super) first: bool,
    /// Every value of a row that is updated there.
    pub(super) every: bool,
    /// One of rows that are the same there.
    pub(super) one: bool,
}

impl Keeps {
    pub(super) fn of(target: &Target) -> Keeps {
        let table = &target.table;
        let keeps = Keeps::default();
        match (target.mode, target.on_update) {
            (Mode::Append, OnUpdate::Ignore) => Keeps { deleted: true, first: true, ..keeps },
            (Mode::Append, OnUpdate::Append) => Keeps { deleted: true, every: true, ..keeps },
            (Mode::Append, OnUpdate::Apply) => Keeps { deleted: true, ..keeps },
            (Mode::Mirror, _) => {
                Keeps { deleted: target.keeps_gone(), one: table.is_its_own_key(), ..keeps }
            }
            // Nothing tells which of its rows are current.
            (Mode::History, _) if !table.has_key() => Keeps { deleted: true, first: true, ..keeps },
            (Mode::History, _) => keeps,
        }
    }
}

/// What differs: all of it counted, the first of it listed.
pub(super) struct Found {
    keys_max: usize,
    has_key: bool,
    keeps: Keeps,
    pub(super) keys: u64,
    pub(super) listed: Vec<(Kind, i64)>,
    /// Rows whose key the source has no more, those that it has otherwise, and those that it has more
    /// often.
    pub(super) kept: u64,
    pub(super) updated: u64,
    pub(super) identical: u64,
}

impl Found {
    pub(super) fn new(keys_max: usize, has_key: bool, keeps: Keeps) -> Found {
        let (listed, kept, updated, identical) = (Vec::new(), 0, 0, 0);
        Found { keys_max, has_key, keeps, keys: 0, listed, kept, updated, identical }
    }

    /// Compares the rows of the same ranges of keys.
    pub(super) fn walk(&mut self, mut source: Vec<Hashes>, mut store: Vec<Hashes>) {
        source.sort_unstable();
        store.sort_unstable();
        let (mut source, mut store) = (source.as_slice(), store.as_slice());
        while let Some(&(key, _)) = source.first().into_iter().chain(store.first()).min() {
            let here = take(&mut source, key);
            let there = take(&mut store, key);
            if here != there {
                self.note(key, here, there);
            }
        }
    }

    fn note(&mut self, key: i64, source: &[Hashes], store: &[Hashes]) {
        let keeps = self.keeps;
        // A key that was deleted may be another row's later.
        let outlives = keeps.deleted && self.has_key;
        let is_twice = || store.windows(2).any(|w| w[0] == w[1]);
        let is_there = || source.iter().all(|row| store.contains(row));
        let kind = match (source.len(), store.len()) {
            (_, 0) => Kind::Missing,
            (1.., _) if keeps.every && is_there() => {
                self.updated += 1;
                return;
            }
            // One row stored twice is a fault even where its source is gone.
            _ if outlives && !keeps.every && is_twice() => Kind::Duplicate,
            (here @ 1.., there) if outlives && there > here && is_there() => {
                self.kept += (there - here) as u64;
                return;
            }
            (1.., 1) if keeps.one && source.iter().all(|row| *row == store[0]) => {
                self.identical += source.len() as u64 - 1;
                return;
            }
            (0, _) => Kind::Extra,
            (here, there) if there > here && !outlives => Kind::Duplicate,
            (here, there) if there < here => Kind::Missing,
            _ => Kind::Changed,
        };
        match kind {
            Kind::Extra if keeps.deleted => self.kept += store.len() as u64,
            Kind::Changed if keeps.first => self.updated += 1,
            _ => {
                self.keys += 1;
                if self.listed.len() < self.keys_max {
                    self.listed.push((kind, key));
                }
            }
        }
    }
}

fn take<'a>(rows: &mut &'a [Hashes], key: i64) -> &'a [Hashes] {
    let length = rows.iter().take_while(|row| row.0 == key).count();
    let (taken, rest) = rows.split_at(length);
    *rows = rest;
    taken
}

/// Rows and the sum of their hashes, by range.
pub(super) type Sums = BTreeMap<String, Sum>;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Sum {
    pub(super) rows: u64,
    pub(super) hashes: i128,
}

/// The ranges that differ, in groups of at most `rows_max` rows a side; one range may have more.
pub(super) fn differing(source: &Sums, store: &Sums, rows_max: u64) -> Vec<Vec<String>> {
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut rows = 0;
    let only_there = store.keys().filter(|range| !source.contains_key(*range));
    for range in source.keys().chain(only_there) {
        let sum = |side: &Sums| side.get(range).copied().unwrap_or_default();
        let (here, there) = (sum(source), sum(store));
        if here == there {
            continue;
        }
        let here = here.rows.max(there.rows);
        match groups.last_mut() {
            Some(group) if rows + here <= rows_max => {
                rows += here;
                group.push(range.clone());
            }
            _ => {
                rows = here;
                groups.push(vec![range.clone()]);
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Changed, Duplicate, Extra, Missing};

    const NOTHING: Keeps = Keeps { deleted: false, first: false, every: false, one: false };
    const FACTS: Keeps = Keeps { deleted: true, first: true, ..NOTHING };

    fn found(keeps: Keeps, source: &[Hashes], store: &[Hashes]) -> Found {
        let mut found = Found::new(10, true, keeps);
        found.walk(source.to_vec(), store.to_vec());
        found
    }

    #[test]
    fn every_kind_of_difference_is_told() {
        let source = [(4, 4), (1, 1), (2, 2), (-5, 5)];
        let store = [(3, 3), (2, 9), (1, 1), (-5, 5), (-5, 5)];
        let all = found(NOTHING, &source, &store);
        assert_eq!(all.listed, [(Duplicate, -5), (Changed, 2), (Extra, 3), (Missing, 4)]);
        assert_eq!(all.keys, 4);
        let bent = found(Keeps { first: false, ..FACTS }, &source, &store);
        assert_eq!(bent.listed, [(Duplicate, -5), (Changed, 2), (Missing, 4)]);
        let kept = found(FACTS, &source, &store);
        assert_eq!(kept.listed, [(Duplicate, -5), (Missing, 4)]);
        assert_eq!((kept.kept, kept.updated), (1, 1));
        assert_eq!(found(FACTS, &[], &[(1, 1), (1, 1)]).listed, [(Duplicate, 1)]);
    }

    #[test]
    fn a_fact_may_have_the_key_of_one_that_was_deleted() {
        for keeps in [FACTS, Keeps { first: false, ..FACTS }] {
            let both = found(keeps, &[(1, 3)], &[(1, 2), (1, 3)]);
            assert_eq!((both.listed, both.kept), (vec![], 1));
            let twice = found(keeps, &[(1, 3)], &[(1, 2), (1, 3), (1, 3)]);
            assert_eq!(twice.listed, [(Duplicate, 1)]);
        }
        let bent = found(Keeps { first: false, ..FACTS }, &[(1, 4)], &[(1, 2), (1, 3)]);
        assert_eq!(bent.listed, [(Changed, 1)]);
        let updated = found(FACTS, &[(1, 4)], &[(1, 2), (1, 3)]);
        assert_eq!((updated.listed, updated.updated), (vec![], 1));
    }

    #[test]
    fn rows_without_a_key_are_counted() {
        let mut found = Found::new(10, false, FACTS);
        let row = |hash, times| std::iter::repeat_n((hash, hash), times);
        found.walk(
            row(1, 3).chain(row(2, 2)).chain(row(4, 1)).collect(),
            row(1, 3).chain(row(2, 1)).chain(row(3, 2)).chain(row(4, 2)).collect(),
        );
        assert_eq!(found.listed, [(Missing, 2), (Duplicate, 4)]);
        assert_eq!(found.kept, 2);
    }

    #[test]
    fn what_is_kept_on_purpose_is_no_difference() {
        let archive = Keeps { deleted: true, ..NOTHING };
        let found_in = |keeps, source: &[Hashes], store: &[Hashes]| {
            let found = found(keeps, source, store);
            (found.listed, found.kept, found.updated, found.identical)
        };
        assert_eq!(found_in(archive, &[(1, 1)], &[(1, 2), (2, 2)]), (vec![(Changed, 1)], 1, 0, 0));
        let every = Keeps { deleted: true, every: true, ..NOTHING };
        assert_eq!(found_in(every, &[(1, 3)], &[(1, 2), (1, 3), (1, 2)]), (vec![], 0, 1, 0));
        assert_eq!(found_in(every, &[(1, 4)], &[(1, 2)]), (vec![(Changed, 1)], 0, 0, 0));
        let one = Keeps { one: true, ..NOTHING };
        assert_eq!(found_in(one, &[(1, 1), (1, 1), (1, 1)], &[(1, 1)]), (vec![], 0, 0, 2));
        assert_eq!(found_in(one, &[(1, 1)], &[]), (vec![(Missing, 1)], 0, 0, 0));
    }

    #[test]
    fn all_are_counted_and_some_are_listed() {
        let mut found = Found::new(2, true, NOTHING);
        found.walk((0..100).map(|key| (key, key)).collect(), Vec::new());
        assert_eq!((found.keys, found.listed.len()), (100, 2));
    }

    #[test]
    fn differing_ranges_are_grouped_by_rows() {
        let sums = |of: &[(&str, u64, i128)]| -> Sums {
            of.iter().map(|&(r, rows, hashes)| (r.into(), Sum { rows, hashes })).collect()
        };
        let source = sums(&[("a", 5, 1), ("b", 5, 1), ("c", 5, 1), ("d", 50, 1)]);
        let store = sums(&[("a", 5, 1), ("b", 5, 2), ("c", 4, 1), ("d", 50, 2), ("e", 1, 1)]);
        assert_eq!(differing(&source, &store, 10), [vec!["b", "c"], vec!["d"], vec!["e"]]);
        assert!(differing(&source, &source, 10).is_empty());
    }
}
