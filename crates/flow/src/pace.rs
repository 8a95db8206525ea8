//! How old a batch may grow before it is cut.
//!
//! One small insert costs the engine about 10 ms of CPU whatever it holds, so freshness is bought
//! with the number of tables that are busy at once: one table gets 50 ms, fifty get half a second.

/// With one busy table.
pub(crate) const AGE_LEAST_US: u64 = 50_000;
/// Freshness stays under a second however many tables are busy.
pub(crate) const AGE_MOST_US: u64 = 700_000;
/// What another table's insert costs the engine.
const PER_TABLE_US: u64 = 9_000;

/// So many active parts in a partition are what merges leave in a steady state.
const PARTS_EASY: u64 = 60;
/// What each further one adds. The engine slows inserts down at 1000: by then a batch is 9 s old.
const PER_PART_US: u64 = 10_000;
/// Under part pressure freshness gives way, but not without end.
const AGE_PRESSED_US: u64 = 10_000_000;

/// The age for the next batch, after one that wrote `tables` tables in `flush_us`, while the fullest
/// partition has `parts` active parts.
///
/// A flush that takes long (a slow disk, many parts to merge) is a reason to flush less often.
pub(crate) fn age_us(tables: usize, flush_us: u64, parts: u64) -> u64 {
    let by_tables = AGE_LEAST_US + PER_TABLE_US * tables.saturating_sub(1) as u64;
    let eased = by_tables.max(flush_us).min(AGE_MOST_US);
    let pressed = parts.saturating_sub(PARTS_EASY).saturating_mul(PER_PART_US);
    eased.max(pressed.min(AGE_PRESSED_US))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_grows_with_tables_and_with_slow_flushes_up_to_a_limit() {
        assert_eq!(age_us(0, 0, 0), 50_000);
        assert_eq!(age_us(1, 12_000, 60), 50_000);
        assert_eq!(age_us(1, 80_000, 0), 80_000);
        assert_eq!(age_us(50, 100_000, 0), 491_000);
        assert_eq!(age_us(500, 0, 0), AGE_MOST_US);
    }

    #[test]
    fn many_parts_make_batches_rare() {
        assert_eq!(age_us(1, 0, 160), 1_000_000);
        assert_eq!(age_us(1, 0, u64::MAX), AGE_PRESSED_US);
    }
}
