//! Bytes that batches may hold together, from the reader until they are durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Clone, Debug)]
pub struct Budget {
    used_bytes: Arc<AtomicUsize>,
    limit_bytes: usize,
}

/// Bytes of the budget; they are free again when this is dropped.
#[derive(Debug, Default)]
pub struct Permit {
    taken: Option<(Arc<AtomicUsize>, usize)>,
}

impl Budget {
    pub fn new(limit_bytes: usize) -> Budget {
        Budget { used_bytes: Arc::default(), limit_bytes }
    }

    /// `None`: wait for others to finish. One batch always passes, however large it is.
    pub fn take(&self, bytes: usize) -> Option<Permit> {
        let fits =
            |used: usize| (used == 0 || used + bytes <= self.limit_bytes).then(|| used + bytes);
        self.used_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Permit { taken: Some((self.used_bytes.clone(), bytes)) })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((used, bytes)) = self.taken.take() {
            used.fetch_sub(bytes, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_one_always_passes() {
        let budget = Budget::new(10);
        let large = budget.take(25).unwrap();
        assert!(budget.take(1).is_none());
        drop(large);
        let (_four, _six) = (budget.take(4).unwrap(), budget.take(6).unwrap());
        assert!(budget.take(1).is_none());
    }
}
