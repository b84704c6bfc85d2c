//! The time that partitions live by: UTC that never goes back and never stands still.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use smsc_proto::timestamp::Timestamp;

/// While the system's clock is behind us we run slower by this part, so that we meet again.
const SLOWER: u128 = 8;

/// A clock that follows the system's clock forward. When that one is set back, this one goes on, an eighth slower,
/// until the two meet: timers neither stall nor fire twice, and ids go on rising.
#[derive(Debug)]
pub struct Clock {
    now: u128,
    read: Instant,
}

impl Clock {
    /// A clock that starts now, or at `newest`, the newest time that the journal knows, if that is later.
    pub fn starting_at(newest: Timestamp) -> Self {
        Self { now: system_nanos().max(u128::from(newest.as_millis()) * 1_000_000), read: Instant::now() }
    }

    /// The time now: never before what was returned earlier.
    pub fn now(&mut self) -> Timestamp {
        self.advance(Instant::now(), system_nanos())
    }

    fn advance(&mut self, read: Instant, system: u128) -> Timestamp {
        let passed = read.saturating_duration_since(self.read).as_nanos();
        self.read = read;
        self.now = (self.now + passed - passed / SLOWER).max(system);
        Timestamp::from_millis(u64::try_from(self.now / 1_000_000).unwrap_or(u64::MAX))
    }
}

fn system_nanos() -> u128 {
    // Before 1970 the clock is plainly not set; ids then rise from the newest in the journal.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u128 = 1_000_000_000;

    fn clock(at_seconds: u128) -> (Clock, Instant) {
        let read = Instant::now();
        (Clock { now: at_seconds * SECOND, read }, read)
    }

    #[test]
    fn a_step_forward_is_followed() {
        let (mut clock, start) = clock(100);
        assert_eq!(clock.advance(start + Duration::from_secs(1), 500 * SECOND).as_millis(), 500_000);
    }

    #[test]
    fn a_step_back_neither_goes_back_nor_stalls() {
        let (mut clock, start) = clock(100);
        let later = clock.advance(start + Duration::from_secs(8), 40 * SECOND);
        assert_eq!(later.as_millis(), 107_000);
    }

    #[test]
    fn after_a_step_back_the_two_meet_again() {
        let (mut clock, start) = clock(110);
        for second in 1..=80_u64 {
            clock.advance(start + Duration::from_secs(second), (100 + u128::from(second)) * SECOND);
        }
        assert_eq!(clock.advance(start + Duration::from_secs(81), 181 * SECOND).as_millis(), 181_000);
    }

    #[test]
    fn it_starts_no_earlier_than_the_newest_time_in_the_journal() {
        let newest = Timestamp::from_millis(99_000_000_000_000);
        assert!(Clock::starting_at(newest).now() >= newest);
    }
}
