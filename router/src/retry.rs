//! When a message is tried again.

use std::time::Duration;

use smsc_proto::timestamp::Timestamp;

/// Waits between attempts; the last repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule(Vec<Duration>);

impl RetrySchedule {
    /// A schedule of these waits; `None` when there are none.
    pub fn new(waits: Vec<Duration>) -> Option<Self> {
        if waits.is_empty() { None } else { Some(Self(waits)) }
    }

    /// When the next attempt after the `attempt`th (from 1) is due.
    pub fn next(&self, attempt: u32, now: Timestamp) -> Timestamp {
        let index = (attempt.max(1) as usize - 1).min(self.0.len() - 1);
        now.plus(self.0[index])
    }
}
