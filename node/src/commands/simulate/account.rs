//! What a simulated operator keeps for one system_id, over all its connections and when there are none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::deliver::{Delivery, DueQueue};
use super::faults::Bucket;

/// After how long a delivery that the peer could not take is sent again.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// One system_id: what waits for it, and its rate.
#[derive(Debug)]
pub(super) struct Account {
    waiting: Mutex<Waiting>,
    bucket: Mutex<Bucket>,
    kept: AtomicUsize,
    receivers: AtomicUsize,
    /// Rung when something waits that one of the receivers should look at.
    pub(super) bell: Notify,
}

/// What no connection has taken yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    fresh: DueQueue,
    late: DueQueue,
    retried: DueQueue,
}

impl Waiting {
    /// The next delivery that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Delivery> {
        self.retried.pop_due(now).or_else(|| self.late.pop_due(now)).or_else(|| self.fresh.pop_due(now))
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        [self.retried.next_due(), self.late.next_due(), self.fresh.next_due()].into_iter().flatten().min()
    }

    /// Takes in what one batch of messages brought; `produced` is empty then.
    pub(super) fn add(&mut self, produced: &mut DueQueue) {
        self.fresh.append(produced);
    }

    /// Takes one in that is due like those before it.
    pub(super) fn push(&mut self, due: Instant, delivery: Delivery) {
        self.fresh.push(due, delivery);
    }

    /// Takes one in that is due later than the others.
    pub(super) fn push_late(&mut self, due: Instant, delivery: Delivery) {
        self.late.push(due, delivery);
    }

    /// The peer could not take it now: again in a second.
    pub(super) fn retry(&mut self, now: Instant, delivery: Delivery) {
        self.retried.push(now + RETRY_DELAY, delivery);
    }

    /// A connection ended before it was answered: due at once, ahead of the others.
    pub(super) fn put_back(&mut self, now: Instant, delivery: Delivery) {
        self.fresh.put_back(now, delivery);
    }
}

impl Account {
    /// Nothing waits; the bucket is full.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self {
            waiting: Mutex::default(),
            bucket: Mutex::new(Bucket::new(rate, now)),
            kept: AtomicUsize::new(0),
            receivers: AtomicUsize::new(0),
            bell: Notify::new(),
        }
    }

    /// What waits. Held for one batch, never over an await.
    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the rate, if there is one, allows one more message.
    pub(super) fn admits(&self, rate: u32, now: Instant) -> bool {
        rate == 0 || self.bucket.lock().unwrap_or_else(PoisonError::into_inner).take(rate, now)
    }

    /// How many deliveries wait or are outstanding.
    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// More deliveries are kept.
    pub(super) fn keep(&self, more: usize) {
        self.kept.fetch_add(more, Ordering::Relaxed);
    }

    /// Deliveries were settled.
    pub(super) fn settle(&self, settled: usize) {
        self.kept.fetch_sub(settled, Ordering::Relaxed);
    }

    /// A connection that receives came.
    pub(super) fn receiver_came(&self) {
        self.receivers.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection that receives went.
    pub(super) fn receiver_went(&self) {
        self.receivers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether anybody receives.
    pub(super) fn has_receiver(&self) -> bool {
        self.receivers.load(Ordering::Relaxed) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::simulate::deliver::Writer;

    #[test]
    fn a_retry_waits_and_a_returned_delivery_does_not() {
        let (account, now) = (Account::new(0, Instant::now()), Instant::now());
        let mut writer = Writer::new();
        let mut waiting = account.waiting();
        waiting.retry(now, writer.mo_number(1, "1"));
        assert!(waiting.pop_due(now).is_none());
        assert_eq!(waiting.next_due(), Some(now + RETRY_DELAY));
        waiting.put_back(now, writer.mo_number(2, "1"));
        assert!(waiting.pop_due(now).is_some());
        assert!(waiting.pop_due(now + RETRY_DELAY).is_some());
    }

    #[test]
    fn without_a_rate_everything_is_admitted() {
        let now = Instant::now();
        assert!((0..1_000).all(|_| Account::new(0, now).admits(0, now)));
        let limited = Account::new(10, now);
        assert!(limited.admits(10, now));
        assert!(!limited.admits(10, now));
    }
}
