//! A request's body on its way from the connection to the worker, and the patience with who sends it: each
//! body holds a place in the house for as long as it takes.

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use std::io;
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A client that sends nothing for so long in the middle of a body is given up.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// Beyond that time in all a body has to bring so much a second: slow streams of events do, and a byte a minute
/// keeps no place.
const BYTES_A_SECOND_MIN: u64 = 32;
/// What is read of a refused upload so that the client gets to read why.
const DISCARD_BYTES_MAX: usize = 64 << 20;

/// How long a body has been waited for, and what has come.
#[derive(Default)]
struct Patience {
    waited: Duration,
    bytes: u64,
}

impl Patience {
    /// The time for the next piece.
    fn left(&self, most: Duration) -> Duration {
        let earned = Duration::from_secs(self.bytes / BYTES_A_SECOND_MIN);
        (most + earned).saturating_sub(self.waited).min(most)
    }
}

/// Carries the body to the worker; an empty piece is its end. What nobody reads is thrown away.
/// `most`: the time for a piece. `came`: is called when it has come whole, before the worker may know it.
pub(super) async fn pump(
    mut body: Incoming,
    to: mpsc::Sender<io::Result<Bytes>>,
    most: Duration,
    came: impl Fn(),
) {
    let mut discarded = 0;
    let mut patience = Patience::default();
    loop {
        let since = Instant::now();
        let frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context));
        let piece = match tokio::time::timeout(patience.left(most), frame).await {
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
            Ok(None) => Ok(Bytes::new()),
            Ok(Some(Err(error))) => Err(io::Error::other(error)),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if data.is_empty() => continue,
                Ok(data) => Ok(data),
                Err(_) => continue,
            },
        };
        let length = piece.as_ref().map_or(0, Bytes::len);
        let is_last = length == 0;
        if is_last && piece.is_ok() {
            came();
        }
        patience.waited += since.elapsed();
        patience.bytes += length as u64;
        if to.send(piece).await.is_err() {
            discarded += length;
        }
        if is_last || discarded > DISCARD_BYTES_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_not_waited_for_for_ever() {
        let left = |seconds, bytes| {
            let patience = Patience { waited: Duration::from_secs(seconds), bytes };
            patience.left(TIMEOUT).as_secs()
        };
        assert_eq!((left(0, 0), left(59, 0), left(60, 1)), (60, 1, 0));
        // A row of some hundred bytes every few seconds, for days.
        assert_eq!(left(100_000, 100_000 * 40), 60);
        assert_eq!(left(100_000, 100_000 * 31), 0);
        assert_eq!(left(5, 10 << 30), 60);
    }
}
