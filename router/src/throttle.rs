//! Messages per second: a token bucket with the time passed in, and the slow-down after ESME_RTHROTTLED (AIMD).

use std::time::Instant;

/// The pace of one account or one link. A rate of 0 is no limit until the peer throttles.
#[derive(Clone, Debug)]
pub struct Throttle {}

impl Throttle {
    /// At most `rate` messages a second; 0: no limit.
    pub fn new(_rate: u32, _now: Instant) -> Self {
        todo!()
    }

    /// Takes up to `wanted` permits; fewer mean that the rest has to wait.
    pub fn take(&mut self, _wanted: usize, _now: Instant) -> usize {
        todo!()
    }

    /// Gives permits back that were not used.
    pub fn give_back(&mut self, _count: usize) {
        todo!()
    }

    /// When the next permit will be there; `None`: now.
    pub fn ready_at(&self, _now: Instant) -> Option<Instant> {
        todo!()
    }

    /// The peer has throttled us: the rate is halved.
    pub fn slow_down(&mut self, _now: Instant) {
        todo!()
    }
}
