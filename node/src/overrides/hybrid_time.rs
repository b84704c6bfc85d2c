//! Hybrid time: as late as the clock says, and later than everything seen. Clocks that differ cannot make an older write
//! win over one that was made with the newer in view.

use serde::{Deserialize, Serialize};
use smsc_proto::timestamp::Timestamp;

/// When something was written. Ordered; no two writes of nodes with different numbers have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HybridTime {
    /// Milliseconds since 1970, by the clock of the writer or by what it had seen.
    pub millis: u64,
    /// Tells writes of one millisecond apart.
    pub counter: u32,
    /// The writer's number.
    pub node: u16,
}

/// Gives hybrid times.
#[derive(Clone, Debug)]
pub struct HybridClock {
    node: u16,
    latest: HybridTime,
}

impl HybridClock {
    /// The clock of that node.
    pub fn new(node: u16) -> Self {
        Self { node, latest: HybridTime::default() }
    }

    /// The time of a write at `now`.
    pub fn tick(&mut self, now: Timestamp) -> HybridTime {
        let HybridTime { millis, counter, .. } = self.latest;
        let (millis, counter) = match now.as_millis() {
            now if now > millis => (now, 0),
            _ => match counter.checked_add(1) {
                Some(counter) => (millis, counter),
                None => (millis.saturating_add(1), 0),
            },
        };
        self.latest = HybridTime { millis, counter, node: self.node };
        self.latest
    }

    /// Somebody has written then.
    pub fn saw(&mut self, time: HybridTime) {
        self.latest = self.latest.max(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_also_when_the_clock_goes_back() {
        let mut clock = HybridClock::new(3);
        let times = [50, 50, 40, 60].map(|now| clock.tick(Timestamp::from_millis(now)));
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
        assert_eq!(times[3], HybridTime { millis: 60, counter: 0, node: 3 });
    }

    #[test]
    fn a_write_is_later_than_what_was_seen_from_a_clock_that_is_ahead() {
        let (mut ahead, mut behind) = (HybridClock::new(1), HybridClock::new(2));
        let first = ahead.tick(Timestamp::from_millis(3_600_000));
        behind.saw(first);
        assert!(behind.tick(Timestamp::from_millis(1)) > first);
    }
}
