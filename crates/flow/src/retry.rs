//! When something is tried again: the one table from fate and attempt to delay.

use model::Fate;
use std::time::Duration;

/// The first pause; each further one doubles.
const FIRST_PAUSE_MS: u64 = 100;
/// The longest pause: short enough that a server that came back is noticed by a person who waits.
const LONGEST_PAUSE_MS: u64 = 10_000;

/// How long to wait before attempt number `attempt` (1 is the first repetition); `None`: stop.
pub(crate) fn pause(fate: Fate, attempt: u32) -> Option<Duration> {
    match fate {
        Fate::Transient => {
            let doubled = FIRST_PAUSE_MS.saturating_mul(1 << attempt.saturating_sub(1).min(16));
            Some(Duration::from_millis(doubled.min(LONGEST_PAUSE_MS)))
        }
        Fate::Definite | Fate::Refused | Fate::Bug => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_has_its_answer() {
        let millis = |attempt| pause(Fate::Transient, attempt).unwrap().as_millis();
        assert_eq!([millis(0), millis(1), millis(2), millis(5)], [100, 100, 200, 1600]);
        assert_eq!(millis(u32::MAX), 10_000);
        assert_eq!(pause(Fate::Definite, 1), None);
        assert_eq!(pause(Fate::Refused, 1), None);
        assert_eq!(pause(Fate::Bug, 1), None);
    }
}
