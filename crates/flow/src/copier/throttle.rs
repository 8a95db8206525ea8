//! Rows a second that a copy may take of the source: the reader waits with its writer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Blocks so many times a second, so that the rate is even.
const BLOCKS_PER_SECOND: u64 = 4;
const BLOCK_ROWS_LEAST: u64 = 500;

/// One table in one round, whatever connections copy it.
pub(super) struct Throttle {
    rows_per_second: u64,
    begun: OnceLock<Instant>,
    rows: AtomicU64,
}

impl Throttle {
    /// 0: none.
    pub(super) fn new(rows_per_second: u64) -> Option<Throttle> {
        (rows_per_second > 0).then(|| Throttle {
            rows_per_second,
            begun: OnceLock::new(),
            rows: AtomicU64::new(0),
        })
    }

    pub(super) fn block_rows(&self) -> usize {
        let rows = (self.rows_per_second / BLOCKS_PER_SECOND).max(BLOCK_ROWS_LEAST);
        (rows as usize).min(super::piece::ROWS_MAX)
    }

    /// Returns when so many more are due.
    pub(super) async fn wait_after(&self, rows: u64) {
        let taken = self.rows.fetch_add(rows, Ordering::AcqRel) + rows;
        // From its first block on: it may have waited for other tables.
        let begun = *self.begun.get_or_init(Instant::now);
        tokio::time::sleep_until(begun + self.due(taken)).await;
    }

    fn due(&self, rows: u64) -> Duration {
        Duration::from_secs_f64(rows as f64 / self.rows_per_second as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_due_by_their_rate_and_blocks_are_small_enough_for_it() {
        assert!(Throttle::new(0).is_none());
        let throttle = |rate| Throttle::new(rate).unwrap();
        assert_eq!(throttle(2000).due(1000), Duration::from_millis(500));
        assert_eq!(throttle(2000).block_rows(), 500);
        assert_eq!(throttle(400_000).block_rows(), 100_000);
        assert_eq!(throttle(u64::MAX).block_rows(), 1 << 20);
    }
}
