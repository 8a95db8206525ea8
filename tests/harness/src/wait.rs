//! Waiting for something to become true, never for time to pass.

use crate::PATIENCE;
use std::time::{Duration, Instant};

/// Asks every 20 ms until there is an answer, or `patience` is used up.
pub fn poll<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The same for tests: panics with what it waited for.
#[track_caller]
pub fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let done = poll(PATIENCE, || is_true().then_some(()));
    assert!(done.is_some(), "waited {PATIENCE:?} in vain: {what}");
}
