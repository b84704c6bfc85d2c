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

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> RetrySchedule {
        RetrySchedule::new([5, 30, 120].map(Duration::from_secs).to_vec()).expect("there are waits")
    }

    #[test]
    fn waits_come_in_order_and_the_last_repeats() {
        let now = Timestamp::from_millis(1_000);
        let waits = [(1, 5), (2, 30), (3, 120), (4, 120), (u32::MAX, 120)];
        for (attempt, seconds) in waits {
            assert_eq!(schedule().next(attempt, now), now.plus(Duration::from_secs(seconds)), "attempt {attempt}");
        }
    }

    #[test]
    fn an_attempt_that_never_was_counts_as_the_first() {
        assert_eq!(schedule().next(0, Timestamp::default()), Timestamp::from_millis(5_000));
    }

    #[test]
    fn a_schedule_without_waits_is_none() {
        assert_eq!(RetrySchedule::new(vec![]), None);
    }
}
