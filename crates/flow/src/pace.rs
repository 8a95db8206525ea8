//! How old a batch may grow before it is cut.
//!
//! One small insert costs the engine about 10 ms of CPU whatever it holds, so freshness is bought
//! with the number of tables that are busy at once: one table gets 50 ms, fifty get 0.6 s.
//!
//! The machine may have other work, the source's among it. On one that has nothing to spare a batch
//! may grow as old as a promise of freshness within a second allows. Not while our own copies are that
//! work: they can wait, and readers need not.

use std::sync::atomic::{AtomicU64, Ordering};

/// With one busy table.
pub(crate) const AGE_LEAST_US: u64 = 50_000;
/// Freshness stays under a second however many tables are busy.
pub(crate) const AGE_MOST_US: u64 = 750_000;
/// What another table's insert may cost in freshness.
const PER_TABLE_US: u64 = 14_000;

/// So many active parts in a partition are what merges leave in a steady state.
const PARTS_EASY: u64 = 60;
/// What each further one adds. The engine slows inserts down at 1000: by then a batch is 9 s old.
const PER_PART_US: u64 = 10_000;
/// A machine that is busy for less than this share of its time, in thousandths, has CPU to spare.
const BUSY_EASY: u64 = 700;
/// One that is busy for more has none.
const BUSY_FULL: u64 = 850;
/// On such a one a row is durable this long after its commit: its batch ages, waits for the flush
/// before it, and is flushed.
const FRESH_CROWDED_US: u64 = 750_000;
/// Under part pressure freshness gives way, but not without end.
const AGE_PRESSED_US: u64 = 10_000_000;

/// A batch is at least as old as so many flushes take: half of the time is flushing at most.
const FLUSHES: u64 = 2;

/// What was last seen of the surroundings.
#[derive(Default)]
pub(crate) struct Pressure {
    /// Active parts of the fullest partition.
    pub(crate) parts: AtomicU64,
    /// The machine's busy time in thousandths.
    pub(crate) busy: AtomicU64,
}

#[derive(Default)]
pub(crate) struct Pace {
    /// How long flushes take, the last ones before all.
    flush_us: u64,
}

impl Pace {
    /// The age for the next batch, after one that wrote `tables` tables in `flush_us`.
    pub(crate) fn age_us(
        &mut self,
        tables: usize,
        flush_us: u64,
        pressure: &Pressure,
        is_copying: bool,
    ) -> u64 {
        // One slow flush is an accident, several are the machine.
        self.flush_us = (self.flush_us.saturating_mul(3).saturating_add(flush_us)) / 4;
        let by_tables = AGE_LEAST_US + PER_TABLE_US * tables.saturating_sub(1) as u64;
        let by_flushes = self.flush_us.saturating_mul(FLUSHES);
        let eased = by_tables.max(by_flushes).min(AGE_MOST_US);
        let busy = if is_copying { BUSY_EASY } else { pressure.busy.load(Ordering::Relaxed) };
        let busy = busy.clamp(BUSY_EASY, BUSY_FULL);
        let crowded_most = FRESH_CROWDED_US.saturating_sub(by_flushes);
        let crowded = crowded_most * (busy - BUSY_EASY) / (BUSY_FULL - BUSY_EASY);
        let parts = pressure.parts.load(Ordering::Relaxed);
        let pressed = parts.saturating_sub(PARTS_EASY).saturating_mul(PER_PART_US);
        eased.max(crowded).max(pressed.min(AGE_PRESSED_US))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(parts: u64, busy: u64) -> Pressure {
        Pressure { parts: parts.into(), busy: busy.into() }
    }

    fn steadily(tables: usize, flush_us: u64, parts: u64) -> u64 {
        let (mut pace, pressure) = (Pace::default(), pressed(parts, 0));
        (0..50).map(|_| pace.age_us(tables, flush_us, &pressure, false)).last().unwrap()
    }

    #[test]
    fn age_grows_with_tables_and_with_slow_flushes_up_to_a_limit() {
        assert_eq!(steadily(0, 0, 0), 50_000);
        assert_eq!(steadily(1, 12_000, 60), 50_000);
        assert!((150_000..=160_000).contains(&steadily(1, 80_000, 0)));
        assert_eq!(steadily(50, 100_000, 0), 736_000);
        assert_eq!(steadily(500, 0, 0), AGE_MOST_US);
        assert_eq!(steadily(1, u64::MAX, 0), AGE_MOST_US);
    }

    #[test]
    fn one_slow_flush_is_forgotten() {
        let (mut pace, pressure) = (Pace::default(), pressed(0, 0));
        assert!(pace.age_us(1, 100_000, &pressure, false) < 60_000);
        assert_eq!((0..9).map(|_| pace.age_us(1, 12_000, &pressure, false)).last(), Some(50_000));
    }

    #[test]
    fn a_busy_machine_is_left_to_others() {
        let age = |busy, flush_us| Pace::default().age_us(1, flush_us, &pressed(0, busy), false);
        assert_eq!([age(0, 0), age(700, 0), age(775, 0)], [50_000, 50_000, 375_000]);
        assert_eq!([age(850, 0), age(1000, 0)], [FRESH_CROWDED_US; 2]);
        // What flushes take is not left for waiting.
        assert_eq!(age(1000, 400_000), FRESH_CROWDED_US - 200_000);
        assert_eq!(age(1000, 2_000_000), AGE_MOST_US);
        // To our own copies it is not.
        assert_eq!(Pace::default().age_us(1, 0, &pressed(0, 1000), true), AGE_LEAST_US);
    }

    #[test]
    fn many_parts_make_batches_rare() {
        assert_eq!(steadily(1, 0, 160), 1_000_000);
        assert_eq!(steadily(1, 0, u64::MAX), AGE_PRESSED_US);
    }
}
