//! When something is tried again: the one table from fate and attempt to delay.

use crate::status::Status;
use model::{Error, Fate, Result};
use source::spool::AWAY_AFTER;
use std::time::{Duration, Instant};
use store::Store;

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

/// Tries again while the store's error is transient, and shows it meanwhile. Only a start does not wait
/// for ever, where there is a spool: that is filled between two attempts at one.
pub(crate) async fn patiently<T, F>(status: &Status, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (mut tries, mut failed_at) = (0, None);
    loop {
        let outcome = attempt().await;
        status.note_store(outcome.as_ref().map_or_else(needs_help, |_| true));
        match outcome {
            Ok(value) => {
                if tries > 0 {
                    status.clear_error();
                }
                return Ok(value);
            }
            Err(error) => {
                tries += 1;
                let Some(pause) = pause(error.fate(), tries) else { return Err(error) };
                let failed_at: &mut Instant = failed_at.get_or_insert_with(Instant::now);
                if status.keeps_from_spool() && failed_at.elapsed() >= AWAY_AFTER {
                    return Err(error);
                }
                if tries == 1 {
                    tracing::warn!(error = %error.report(), "could not go on; trying again");
                }
                status.set_error(&error);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// Sends statements one after the other, each until it is done.
pub(crate) async fn done(statements: &[String], store: &dyn Store, status: &Status) -> Result<()> {
    for statement in statements {
        patiently(status, || store.execute(statement)).await?;
    }
    Ok(())
}

/// Whether a person has to help before this can go on.
pub(crate) fn needs_help(error: &Error) -> bool {
    error.fate() != Fate::Transient
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A refusal is an answer.
    #[tokio::test]
    async fn a_store_fails_until_it_answers() {
        let spool = source::spool::Spool::new(std::path::PathBuf::new(), 0);
        let status = Status::default();
        status.set_spool(Some(spool.clone()));
        let mut told = Vec::new();
        let mut tries = 0;
        let attempt = || {
            told.push(spool.store_fails());
            tries += 1;
            let is_last = tries == 3;
            async move { if is_last { Ok(()) } else { Err(Error::transient("not now")) } }
        };
        patiently(&status, attempt).await.unwrap();
        told.push(spool.store_fails());
        assert_eq!(told, [false, true, true, false]);
        spool.note_store(false);
        let refused = || async { Err::<(), _>(Error::definite("no")) };
        patiently(&status, refused).await.unwrap_err();
        assert!(!spool.store_fails());
    }

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
