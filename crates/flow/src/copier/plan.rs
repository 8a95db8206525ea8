//! What an interrupted copy still has to do: pure, so that every case is a line in a table.
//!
//! Each range of the heap has a past: never started, started and not done, done.
//!
//! ```text
//! pages      0 ────── 4096 ────── 8192 ────── 12288 ──── ∞
//! past       done     │ started   │ never     │ never
//! mirror     -        │ copy      │ copy      │ copy          rows replace themselves
//! append 1st copy all ranges, as the snapshot S1 sees them
//! append 2nd young?   │ all?      │ old       │ old           old: xmin < S1's xmin
//!                     │           │ young?    │ young?        ?: only if the store lacks the key
//! ```
//!
//! A row whose `xmin` is older than S1 has lain where it lies since S1, so its range's past tells
//! whether it was copied. Every other row (inserted or updated since S1, moved or not) may have
//! been copied before its update, or delivered by the stream: only its key in the store tells.

use source::copy::{PAGES_PER_RANGE, Range, ranges};

/// As `millrace.copy_ranges` keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Past {
    pub(crate) relfilenode: u32,
    pub(crate) range: Range,
    pub(crate) done: bool,
}

/// Which rows of a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Which {
    All,
    /// `xmin` older than the first snapshot's.
    Old,
    /// The others.
    Young,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// `None`: the whole table, which has no heap of its own.
    pub(crate) range: Option<Range>,
    pub(crate) which: Which,
    /// Insert only rows whose key the store lacks; first the stream must have come as far as the
    /// snapshot.
    pub(crate) lookup: bool,
}

/// A table's heap now; `None`: it has none.
pub(crate) type Heap = Option<(u32, u32)>;

/// The first copy, and every copy of a mirror: what is not done.
pub(crate) fn plain(heap: Heap, past: &[Past]) -> Vec<Piece> {
    let piece = |range| Piece { range, which: Which::All, lookup: false };
    let Some((relfilenode, pages)) = heap else {
        return if past.iter().any(|past| past.relfilenode == 0 && past.done) {
            Vec::new()
        } else {
            vec![piece(None)]
        };
    };
    let here = past.iter().filter(|past| past.relfilenode == relfilenode && past.done);
    let done: Vec<Range> = here.map(|past| past.range).collect();
    gaps(pages, &done).into_iter().map(|range| piece(Some(range))).collect()
}

/// A later snapshot of an append table with a key.
pub(crate) fn resumed(heap: Heap, past: &[Past]) -> Vec<Piece> {
    let Some((relfilenode, pages)) = heap else {
        return vec![Piece { range: None, which: Which::All, lookup: true }];
    };
    let piece = |range, which, lookup| Piece { range: Some(range), which, lookup };
    if past.iter().any(|past| past.relfilenode != relfilenode) {
        // Rewritten: nothing lies where it lay.
        let all = ranges(pages, PAGES_PER_RANGE);
        return all.into_iter().map(|range| piece(range, Which::All, true)).collect();
    }
    let known: Vec<Range> = past.iter().map(|past| past.range).collect();
    let mut pieces = Vec::new();
    for range in gaps(pages, &known) {
        pieces.push(piece(range, Which::Old, false));
        pieces.push(piece(range, Which::Young, true));
    }
    for past in past {
        let which = if past.done { Which::Young } else { Which::All };
        pieces.push(piece(past.range, which, true));
    }
    pieces
}

/// A whole table whose rows may all be there: what the store lacks by key is taken.
pub(crate) fn repairing(heap: Heap) -> Vec<Piece> {
    let piece = |range| Piece { range, which: Which::All, lookup: true };
    match heap {
        None => vec![piece(None)],
        Some((_, pages)) => {
            ranges(pages, PAGES_PER_RANGE).into_iter().map(|range| piece(Some(range))).collect()
        }
    }
}

/// The stretches that no known range covers, cut into ranges; the last one open.
fn gaps(pages: u32, known: &[Range]) -> Vec<Range> {
    let mut known = known.to_vec();
    known.sort_unstable();
    let mut gaps = Vec::new();
    let mut next = 0;
    for range in known {
        if range.from_page > next {
            gaps.extend(cut(next, Some(range.from_page)));
        }
        match range.to_page {
            Some(to_page) => next = next.max(to_page),
            None => return gaps,
        }
    }
    gaps.extend(cut_open(next, pages));
    gaps
}

fn cut(from: u32, to: Option<u32>) -> Vec<Range> {
    let mut at = from;
    let mut cuts = Vec::new();
    while let Some(end) = to.filter(|&to| at < to) {
        let next = at.saturating_add(PAGES_PER_RANGE).min(end);
        cuts.push(Range { from_page: at, to_page: Some(next) });
        at = next;
    }
    cuts
}

fn cut_open(from: u32, pages: u32) -> Vec<Range> {
    let left = pages.saturating_sub(from);
    ranges(left, PAGES_PER_RANGE)
        .into_iter()
        .map(|range| Range {
            from_page: range.from_page + from,
            to_page: range.to_page.map(|to| to + from),
        })
        .collect()
}

/// Whether a row's `xmin` is older than the transaction `horizon` (64 bits, with the epoch): by the
/// distance around the 32-bit circle. Frozen rows keep an `xmin` that may look young after the
/// counter has gone round; those are looked up, which is slower and not wrong. 1 and 2 are older
/// than everything.
pub(crate) fn older_than(horizon: u64) -> String {
    let low = horizon & 0xFFFF_FFFF;
    format!(
        "(xmin::text::int8 < 3 OR \
         (xmin::text::int8 - {low} + 4294967296) % 4294967296 >= 2147483648)"
    )
}

pub(crate) fn predicate(which: Which, first_xmin: u64, filter: Option<&str>) -> Option<String> {
    let of_age = match which {
        Which::All => None,
        Which::Old => Some(older_than(first_xmin)),
        Which::Young => Some(format!("NOT {}", older_than(first_xmin))),
    };
    match (filter, of_age) {
        (None, None) => None,
        (Some(one), None) => Some(one.to_owned()),
        (None, Some(one)) => Some(one),
        (Some(filter), Some(of_age)) => Some(format!("({filter}) AND {of_age}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from_page: u32, to_page: impl Into<Option<u32>>) -> Range {
        Range { from_page, to_page: to_page.into() }
    }

    fn past(relfilenode: u32, range: Range, done: bool) -> Past {
        Past { relfilenode, range, done }
    }

    fn parts(pieces: &[Piece]) -> Vec<(Range, Which, bool)> {
        pieces.iter().map(|p| (p.range.unwrap(), p.which, p.lookup)).collect()
    }

    #[test]
    fn a_first_copy_takes_everything() {
        let pieces = plain(Some((7, 5000)), &[]);
        let all = [range(0, 4096), range(4096, None)].map(|r| (r, Which::All, false));
        assert_eq!(parts(&pieces), all);
        assert_eq!(plain(None, &[])[0].range, None);
    }

    #[test]
    fn a_mirror_takes_what_is_not_done_in_this_file() {
        let before = [
            past(7, range(0, 4096), true),
            past(7, range(4096, 8192), false),
            past(6, range(4096, 8192), true),
        ];
        let pieces = plain(Some((7, 9000)), &before);
        let rest = [range(4096, 8192), range(8192, None)].map(|r| (r, Which::All, false));
        assert_eq!(parts(&pieces), rest);
        let ended = [past(7, range(0, None), true)];
        assert!(plain(Some((7, 90_000)), &ended).is_empty());
        assert!(plain(None, &[past(0, range(0, None), true)]).is_empty());
    }

    #[test]
    fn each_row_of_a_resumed_append_table_is_in_one_piece() {
        let before = [past(7, range(0, 4096), true), past(7, range(4096, 8192), false)];
        let pieces = resumed(Some((7, 9000)), &before);
        assert_eq!(
            parts(&pieces),
            [
                (range(8192, None), Which::Old, false),
                (range(8192, None), Which::Young, true),
                (range(0, 4096), Which::Young, true),
                (range(4096, 8192), Which::All, true),
            ]
        );
    }

    #[test]
    fn after_a_rewrite_only_keys_tell() {
        let before = [past(6, range(0, None), true)];
        assert_eq!(parts(&resumed(Some((7, 10)), &before)), [(range(0, None), Which::All, true)]);
        assert!(resumed(None, &[]).iter().all(|piece| piece.lookup));
    }

    #[test]
    fn gaps_between_known_ranges_are_cut() {
        let known = [range(8192, None), range(0, 100)];
        assert_eq!(gaps(1, &known), [range(100, 4196), range(4196, 8192)]);
        assert_eq!(gaps(0, &[range(0, 10)]), [range(10, None)]);
    }

    #[test]
    fn conditions_combine() {
        assert_eq!(predicate(Which::All, 5, None), None);
        assert_eq!(predicate(Which::All, 5, Some("x")), Some("x".into()));
        let young = predicate(Which::Young, (3 << 32) | 5, Some("x or y")).unwrap();
        assert!(young.starts_with("(x or y) AND NOT (") && young.contains("- 5 +"), "{young}");
    }
}
