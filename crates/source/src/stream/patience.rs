//! How long to wait before the socket is read again.
//!
//! The walsender writes to its socket once a row. A reader that waits on the socket is woken for each
//! of them, and each leaves as a segment of its own; both cost the sender more than the row. So after
//! any data the thread sleeps and then takes what has gathered.
//!
//! Over TCP there is more to gain. While the receive buffer is full the server's kernel holds the
//! rows back and merges them, and the next read lets them go in a few large segments. If enough were
//! held, these fill the buffer at once, and the sender never again pays for a row by itself. So:
//! - A full buffer (what waits has stopped growing) is left alone for a pause.
//! - The pause shrinks until the buffer is no longer full at its end, then stays a little above that:
//!   it must hold rows back, but not the stream.
//! - While much comes and the buffer does not fill, it is left alone until it does, for long enough
//!   to hold back a bufferful. If that changes nothing, the next try comes later and later.

use std::io;
use std::time::Duration;

/// A Unix socket holds only some 250 messages, whatever their size, before the sender waits.
const UNIX: Duration = Duration::from_micros(200);
/// The longest pause over TCP.
const LONGEST: Duration = Duration::from_millis(5);
/// The shortest, beside [`LOOK`].
const SHORTEST: Duration = Duration::from_micros(500);
/// Between two looks at what waits: a busy sender's next row comes within it.
const LOOK: Duration = Duration::from_millis(1);
/// Less than this in a pause is no load worth a trick: some 40,000 rows a second.
const BUSY_BYTES: usize = 32 << 10;
/// Pauses in a row in which the buffer did not fill, before it is left alone.
const TRY_AFTER: u32 = 2;
const TRY_AFTER_MAX: u32 = 64;
/// Looks for which a buffer must have been full to have held back as much again.
const HELD_LOOKS: u32 = 8;
/// Looks after which the attempt is given up.
const HELD_LOOKS_MAX: u32 = 30;

pub(super) enum Patience {
    Unix,
    Tcp(Tcp),
}

impl Patience {
    pub(super) fn new(is_unix: bool) -> Patience {
        if is_unix { Patience::Unix } else { Patience::Tcp(Tcp::new()) }
    }

    /// Waits after a read that brought something. `waiting` tells how many bytes could be read.
    pub(super) fn wait(
        &mut self,
        sleep: impl FnMut(Duration),
        waiting: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<()> {
        match self {
            Patience::Unix => std::thread::sleep(UNIX),
            Patience::Tcp(tcp) => tcp.wait(sleep, waiting)?,
        }
        Ok(())
    }
}

pub(super) struct Tcp {
    pause: Duration,
    /// Below this the buffer was not full when the pause ended; forgotten slowly.
    floor: Duration,
    /// Pauses in a row in which the buffer did not fill.
    unfilled: u32,
    try_after: u32,
}

impl Tcp {
    fn new() -> Tcp {
        Tcp { pause: LONGEST, floor: Duration::ZERO, unfilled: 0, try_after: TRY_AFTER }
    }

    fn wait(
        &mut self,
        mut sleep: impl FnMut(Duration),
        mut waiting: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<()> {
        sleep(self.pause.saturating_sub(LOOK).max(SHORTEST));
        let before = waiting()?;
        sleep(LOOK);
        let now = waiting()?;
        if now < BUSY_BYTES {
            self.pause = LONGEST;
        } else if now == before {
            self.filled();
        } else if self.unfilled() {
            let (mut before, mut held) = (now, 0);
            for _ in 0..HELD_LOOKS_MAX {
                sleep(LOOK);
                let now = waiting()?;
                held = if now == before { held + 1 } else { 0 };
                if held == HELD_LOOKS {
                    break;
                }
                before = now;
            }
        }
        Ok(())
    }

    fn filled(&mut self) {
        (self.unfilled, self.try_after) = (0, TRY_AFTER);
        self.floor -= self.floor / 512;
        self.pause = (self.pause - self.pause / 64).max(self.floor);
    }

    /// Whether to leave the buffer alone until it fills.
    fn unfilled(&mut self) -> bool {
        if self.unfilled == 0 {
            self.floor = (self.pause + self.pause / 5).min(LONGEST);
        }
        self.pause = LONGEST;
        self.unfilled += 1;
        let tries = self.unfilled >= self.try_after;
        if tries {
            (self.unfilled, self.try_after) = (0, (self.try_after * 2).min(TRY_AFTER_MAX));
        }
        tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A sender over a receive buffer, in bytes a microsecond.
    struct Sender {
        speed: f64,
        room: f64,
        waits: Cell<f64>,
        /// Sent but held back, and no longer than the server's own buffer lets it.
        held: Cell<f64>,
        time: Cell<Duration>,
    }

    impl Sender {
        fn new(speed: f64, room: f64) -> Sender {
            let zero = || Cell::new(0.0);
            Sender { speed, room, waits: zero(), held: zero(), time: Cell::default() }
        }

        fn pass(&self, time: Duration) {
            self.time.set(self.time.get() + time);
            let all = self.waits.get() + self.held.get() + self.speed * time.as_micros() as f64;
            self.waits.set(all.min(self.room));
            self.held.set((all - self.room).clamp(0.0, 4e6));
        }

        /// Bytes a microsecond over so many reads.
        fn drain(&self, patience: &mut Tcp, reads: u32) -> f64 {
            let (begun, mut got) = (self.time.get(), 0.0);
            for _ in 0..reads {
                got += self.waits.replace(0.0);
                self.pass(Duration::ZERO);
                let waiting = || Ok(self.waits.get() as usize);
                patience.wait(|time| self.pass(time), waiting).unwrap();
            }
            got / (self.time.get() - begun).as_micros() as f64
        }
    }

    #[test]
    fn a_sender_that_was_held_back_stays_held_back_and_is_not_slowed() {
        let (sender, mut patience) = (Sender::new(50.0, 200e3), Tcp::new());
        sender.drain(&mut patience, 500);
        assert!(sender.drain(&mut patience, 500) > 45.0);
        assert!(sender.held.get() > 0.0);
    }

    #[test]
    fn a_stream_of_wide_rows_is_not_slowed() {
        let (sender, mut patience) = (Sender::new(130.0, 200e3), Tcp::new());
        sender.drain(&mut patience, 500);
        assert!(sender.drain(&mut patience, 500) > 110.0);
    }

    #[test]
    fn little_is_read_after_one_pause() {
        let (sender, mut patience) = (Sender::new(1.0, 200e3), Tcp::new());
        sender.drain(&mut patience, 100);
        assert_eq!(sender.time.get(), LONGEST * 100);
    }

    #[test]
    fn a_buffer_that_never_fills_is_seldom_left_alone() {
        let (sender, mut patience) = (Sender::new(20.0, 1e9), Tcp::new());
        sender.drain(&mut patience, 1000);
        assert!(sender.time.get() < LONGEST * 1000 * 5 / 4);
    }
}
