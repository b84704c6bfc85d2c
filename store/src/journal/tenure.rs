//! For how long a partition is surely ours.
//!
//! A journal that other nodes can take over holds its partition under a lease that the medium's own clock ends. Here it
//! is told by the machine's monotonic clock, from the moment when the last successful renewal was *sent*, and less a
//! margin: whoever looks here lets go of a partition before another node can have taken it.
//!
//! The lease says nothing about appends: one that succeeds proves by itself that nobody had taken the partition over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The part of a lease that is given away for clocks and threads that run unevenly.
const MARGIN: u32 = 5;

/// Shared by the journal, which extends it, and the state thread, which hands out messages only while it holds.
#[derive(Debug)]
pub struct Tenure {
    origin: Instant,
    /// Milliseconds after `origin`.
    until: AtomicU64,
    given_up: AtomicBool,
}

impl Default for Tenure {
    fn default() -> Self {
        Self { origin: Instant::now(), until: AtomicU64::new(0), given_up: AtomicBool::new(false) }
    }
}

impl Tenure {
    /// A renewal that was sent at that time has succeeded.
    pub fn extend(&self, sent: Instant, length: Duration) {
        let until = sent.saturating_duration_since(self.origin) + (length - length / MARGIN);
        self.until.fetch_max(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Another node has the partition.
    pub fn lose(&self) {
        self.until.store(0, Ordering::Release);
    }

    /// Whether nobody else can have the partition at that time.
    pub fn is_held(&self, now: Instant) -> bool {
        self.left(now) > Duration::ZERO
    }

    /// How much longer that is so.
    pub fn left(&self, now: Instant) -> Duration {
        let until = Duration::from_millis(self.until.load(Ordering::Acquire));
        until.saturating_sub(now.saturating_duration_since(self.origin))
    }

    /// The partition is stopped at once: whoever waits for the medium stops waiting.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    /// Whether [`give_up`](Self::give_up) was called.
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(10);

    #[test]
    fn it_ends_before_the_medium_ends_it() {
        let (lease, sent) = (Tenure::default(), Instant::now());
        assert!(!lease.is_held(sent), "nothing was adopted yet");
        lease.extend(sent, LENGTH);
        assert!(lease.is_held(sent + Duration::from_secs(7)));
        assert!(!lease.is_held(sent + Duration::from_millis(8_100)));
    }

    #[test]
    fn a_renewal_that_was_sent_earlier_never_shortens_it() {
        let (lease, sent) = (Tenure::default(), Instant::now());
        lease.extend(sent + Duration::from_secs(3), LENGTH);
        lease.extend(sent, LENGTH);
        assert!(lease.is_held(sent + Duration::from_secs(10)));
        lease.lose();
        assert!(!lease.is_held(sent));
    }
}
