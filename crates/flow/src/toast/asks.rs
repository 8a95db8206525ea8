//! What the store is asked, and which of its rows stand for the one before a chain.
//!
//! ```text
//! log    10 insert 3 'a' ── 20 update 3 (unchanged) ── 30 key 3 → 5 (unchanged) ── 40 key 7 → 3
//! chain                      root 20                    30
//! spans  key 3 until 30 ──────────────────────────────┤├─ key 5 from 30 until 5 is said again
//! ```
//!
//! The log comes again after a crash, and by then the store may have any of these rows and what came after
//! them. One that is there from within a span has the chain's value, and each row of the chain takes it. Taken
//! from the source instead, a row would have the value of who has its key today, and hand it on when it
//! changes its key.
//!
//! A mirror keeps the newest row of a key alone. One that is behind the span wins over the chain's, so that
//! its value does as well as any.

use super::borrowed::Borrowed;
use super::origins::{Link, Origins, Place, before_key_change};
use super::stored;
use crate::keys::key_bytes;
use crate::quarantine;
use crate::retry::patiently;
use crate::status::Status;
use model::{Block, Cells, Lsn, Mode, OnUpdate, Result, Rule, Version};
use std::collections::HashMap;
use store::{Store, Target};

/// Keys in one question to the store: their values are in memory twice.
const KEYS_ASKED_MOST: usize = 2_000;

/// Keys, and columns of them.
type Question<'a> = (&'a [usize], &'a [usize]);

/// What is asked where one answer would be too large. Of a single value nothing is: the source has it.
fn halves((keys, columns): Question<'_>) -> Vec<Question<'_>> {
    match (keys.len(), columns.len()) {
        (0 | 1, 0 | 1) => Vec::new(),
        (0 | 1, count) => {
            let (some, others) = columns.split_at(count / 2);
            vec![(keys, some), (keys, others)]
        }
        (count, _) => {
            let (some, others) = keys.split_at(count / 2);
            vec![(some, columns), (others, columns)]
        }
    }
}

/// A time in which rows of a key have the value of a chain.
struct Span {
    /// The first row of the block with the key.
    key: usize,
    from: Version,
    /// Not any more.
    before: Version,
}

/// Keys that the store is asked for, each by a row of the block that has it, and from and before which version.
#[derive(Default)]
pub(super) struct Asks {
    all: Vec<(usize, Version, Version)>,
    at: HashMap<(usize, Version, Version), usize>,
    /// Of each chain, in their order, its spans and where they are asked about.
    spans: Vec<Vec<(Span, usize)>>,
}

/// The rows that the store has.
#[derive(Default)]
pub(super) struct There {
    pub(super) cells: Vec<Cells>,
    /// By (place in the asks, column of the block): where the value is.
    at: HashMap<Place, (usize, usize)>,
    /// By the place in the asks.
    versions: HashMap<usize, Version>,
}

/// A value that is there.
pub(super) struct Shared {
    pub(super) at: (usize, usize),
    /// It stands for rows of this key alone, by the first of them.
    pub(super) only: Option<(usize, Lsn)>,
}

impl Asks {
    /// `links`, in order.
    pub(super) async fn new(
        store: &dyn Store,
        status: &Status,
        target: &Target,
        block: &Block,
        origins: &Origins,
        links: &[Link],
    ) -> Result<Asks> {
        let mut roots: Vec<usize> = links.iter().map(|link| link.root).collect();
        roots.dedup();
        let mut refused = HashMap::new();
        // Nothing in an append table stands for a row that was refused: what is from before it is older.
        if target.mode == Mode::Append {
            let keys: Vec<usize> =
                roots.iter().map(|&root| before_key_change(block, root)).collect();
            let before = quarantine::refused_before(store, status, target, block, &keys).await?;
            refused = roots.iter().zip(before).filter_map(|(&root, v)| Some((root, v?))).collect();
        }
        let mut asks = Asks::default();
        for chain in chains(links) {
            let from = refused.get(&chain[0].root).map_or(0, |refused: &Version| refused.0 + 1);
            let spans = spans(target, block, origins, chain, Version(from));
            let spans = spans.into_iter().map(|span| {
                let at = asks.place(target, &span);
                (span, at)
            });
            let spans = spans.collect();
            asks.spans.push(spans);
        }
        Ok(asks)
    }

    fn place(&mut self, target: &Target, span: &Span) -> usize {
        let ask = match target.mode {
            Mode::Mirror => (span.key, Version(0), Version(u128::MAX)),
            Mode::Append | Mode::History => (span.key, span.from, span.before),
        };
        *self.at.entry(ask).or_insert_with(|| {
            self.all.push(ask);
            self.all.len() - 1
        })
    }

    pub(super) async fn ask(
        &self,
        store: &dyn Store,
        status: &Status,
        target: &Target,
        block: &Block,
        columns: &[usize],
    ) -> Result<There> {
        let all: Vec<usize> = (0..self.all.len()).collect();
        let mut left: Vec<Question> =
            all.chunks(KEYS_ASKED_MOST).map(|chunk| (chunk, columns)).collect();
        let mut there = There::default();
        while let Some((asked, columns)) = left.pop() {
            let keys: Vec<usize> = asked.iter().map(|&at| self.all[at].0).collect();
            let during: Vec<_> = asked.iter().map(|&at| (self.all[at].1, self.all[at].2)).collect();
            let ask = || stored::ask(store, target, block, &keys, columns, &during);
            match patiently(status, ask).await? {
                Some(answer) => there.take(block, asked, columns, answer),
                None => left.extend(halves((asked, columns))),
            }
        }
        Ok(there)
    }

    /// The value of a chain, the one of that number.
    pub(super) fn shared(
        &self,
        block: &Block,
        number: usize,
        column: usize,
        there: &There,
        borrowed: &Borrowed,
    ) -> Option<Shared> {
        let found = |(span, at): &(Span, usize)| {
            let version = *there.versions.get(at)?;
            let value = *there.at.get(&(*at, column))?;
            if version < span.from || version >= span.before {
                return None;
            }
            let only = match borrowed.is_empty() {
                true => None,
                false => {
                    borrowed.until(block.table.id, (&key_bytes(block, span.key), column), version)
                }
            };
            Some(Shared { at: value, only: only.map(|until| (span.key, until)) })
        };
        let mut all: Vec<Shared> = self.spans[number].iter().filter_map(found).collect();
        let best = all.iter().position(|shared| shared.only.is_none()).unwrap_or_default();
        (!all.is_empty()).then(|| all.swap_remove(best))
    }

    /// The value of a later row with this one's key, against which it loses: in a mirror.
    pub(super) fn newer(
        &self,
        target: &Target,
        block: &Block,
        origins: &Origins,
        link: Link,
        there: &There,
    ) -> Option<(usize, usize)> {
        if target.mode != Mode::Mirror {
            return None;
        }
        let key = origins.first[link.row];
        let at = *self.at.get(&(key, Version(0), Version(u128::MAX)))?;
        let is_newer = *there.versions.get(&at)? > block.versions[link.row];
        is_newer.then(|| there.at.get(&(at, link.column)).copied()).flatten()
    }
}

/// Links of the same chain stand beside each other.
pub(super) fn chains(links: &[Link]) -> impl Iterator<Item = &[Link]> {
    links.chunk_by(|one, other| one.chain() == other.chain())
}

/// `from`: what is older than that in the store does not count.
fn spans(
    target: &Target,
    block: &Block,
    origins: &Origins,
    chain: &[Link],
    from: Version,
) -> Vec<Span> {
    let root = chain[0].root;
    let (key, at) = (origins.first[before_key_change(block, root)], block.versions[root]);
    let span = |before| vec![Span { key, from, before }];
    match (target.mode, target.on_update) {
        // What an UPDATE takes the place of is kept: the row before the root is there.
        (Mode::History, _) => return span(at),
        // The root may be there, too, and of its commit nothing says which is the later one.
        (Mode::Append, OnUpdate::Ignore | OnUpdate::Append) => return span(Version(at.0 + 1)),
        (Mode::Mirror, _) | (Mode::Append, OnUpdate::Apply) => {}
    }
    let mut spans = span(at);
    for link in chain {
        let (key, from) = (origins.first[link.row], block.versions[link.row]);
        let before = origins.ends(block, link.row);
        match spans.last_mut() {
            Some(last) if last.key == key && last.before == from => last.before = before,
            _ => spans.push(Span { key, from, before }),
        }
    }
    spans
}

impl There {
    fn take(&mut self, block: &Block, asked: &[usize], columns: &[usize], answer: stored::Answer) {
        let stored::Answer { places, versions, values } = answer;
        for (&place, version) in places.iter().zip(versions) {
            self.versions.insert(asked[place], version);
        }
        for (&column, values) in columns.iter().zip(values) {
            // No large value is NULL: the row is another one, or that is what became of the value.
            let may_be_null = block.table.rule(column) == Some(Rule::Null);
            for (at, &place) in places.iter().enumerate() {
                if may_be_null || !values.is_null(at) {
                    self.at.insert((asked[place], column), (self.cells.len(), at));
                }
            }
            self.cells.push(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_asked_for_in_halves_down_to_single_values() {
        let (mut left, mut single) = (vec![(&[7, 8, 9][..], &[1, 2, 3][..])], Vec::new());
        while let Some(question) = left.pop() {
            match question {
                (&[row], &[column]) => single.push((row, column)),
                question => left.extend(halves(question)),
            }
        }
        single.sort_unstable();
        let all = [7, 8, 9].map(|row| [1, 2, 3].map(|column| (row, column)));
        assert_eq!(single, all.concat());
        assert!(halves((&[7], &[1])).is_empty());
    }
}
