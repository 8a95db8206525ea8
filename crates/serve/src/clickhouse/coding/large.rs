//! Memory of large frames. A frame is decoded whole, as its hash is of the whole, and half a megabyte of it may
//! stand for 128: some of those at once would take the machine's memory. So what frames have beyond the size
//! that clients make as a rule is taken from one room for all of them, as it arrives, not as it is announced.

use crate::clickhouse::error::Failure;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Of each frame; clients make blocks of this size, or split their data at it.
pub(super) const FREE_BYTES: usize = 1 << 20;
/// Of all frames that are larger: two of the largest, packed and unpacked.
const LARGE_BYTES_MAX: usize = 512 << 20;

/// There is one memory a process.
pub(super) static ROOM: Room = Room::new(LARGE_BYTES_MAX);

pub(super) struct Room {
    taken: AtomicUsize,
    most: usize,
}

impl Room {
    pub(super) const fn new(most: usize) -> Room {
        Room { taken: AtomicUsize::new(0), most }
    }
}

/// What one frame has; dropped with it.
pub(super) struct Taken {
    room: &'static Room,
    bytes: usize,
}

impl Taken {
    pub(super) fn of(room: &'static Room) -> Taken {
        Taken { room, bytes: 0 }
    }

    fn large(bytes: usize) -> usize {
        bytes.saturating_sub(FREE_BYTES)
    }

    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = Taken::large(self.bytes + bytes) - Taken::large(self.bytes);
        let taken = self.room.taken.fetch_add(more, Ordering::SeqCst) + more;
        if more > 0 && taken > self.room.most {
            self.room.taken.fetch_sub(more, Ordering::SeqCst);
            let text = format!(
                "Memory limit exceeded: large compressed blocks of all requests would take {taken} of \
                 {} bytes: send blocks of 1 MiB, or try again",
                self.room.most
            );
            return Err(Failure::new(241, "MEMORY_LIMIT_EXCEEDED", text));
        }
        self.bytes += bytes;
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.room.taken.fetch_sub(Taken::large(self.bytes), Ordering::SeqCst);
        self.bytes = 0;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_frames_share_a_most_and_small_ones_go_on() {
        static ROOM: Room = Room::new(10 << 20);
        let frame = |mib: usize| {
            let mut taken = Taken::of(&ROOM);
            taken.add(mib << 20).map(|()| taken)
        };
        let large = frame(8).unwrap();
        assert_eq!(frame(5).err().unwrap().exception.code, 241);
        assert!((0..100).all(|_| frame(1).is_ok()));
        drop(large);
        let mut growing = frame(5).unwrap();
        assert!(growing.add(7 << 20).is_err());
        growing.add(6 << 20).unwrap();
        drop(growing);
        assert_eq!(ROOM.taken.load(Ordering::SeqCst), 0);
    }
}
