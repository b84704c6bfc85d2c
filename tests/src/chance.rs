//! Random numbers that can be had again: the seed is said, and `SMSC_SEED` gives it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A sequence of random numbers (splitmix64).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// From `SMSC_SEED`, or from the clock. Prints the seed, which is shown when the test fails.
    pub fn from_environment() -> Self {
        let seed = match std::env::var("SMSC_SEED") {
            Ok(text) => text.parse().expect("SMSC_SEED is a number"),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64),
        };
        eprintln!("the same moments again: SMSC_SEED={seed}");
        Self(seed)
    }

    /// A duration below `max`.
    pub fn below(&mut self, max: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        max.mul_f64(mixed as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_moments() {
        let moments = |seed| {
            let mut chance = Chance(seed);
            (0..100).map(|_| chance.below(Duration::from_secs(1))).collect::<Vec<_>>()
        };
        assert_eq!(moments(7), moments(7));
        assert_ne!(moments(7), moments(8));
        assert!(moments(7).iter().all(|moment| *moment < Duration::from_secs(1)));
    }
}
