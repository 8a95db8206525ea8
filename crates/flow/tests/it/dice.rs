//! Chance that a seed repeats.

/// xorshift64: no more is needed to mix what a test does.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Says its seed, which `MILLRACE_TEST_SEED` gives back.
    pub(crate) fn new(test: &str) -> Dice {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let given = std::env::var("MILLRACE_TEST_SEED").ok();
        let seed = given.map_or(now | 1, |seed| seed.parse().unwrap());
        println!("{test}: MILLRACE_TEST_SEED={seed}");
        Dice(seed)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        self.below(end as u64) as usize
    }
}
