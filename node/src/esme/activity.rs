//! What a session is doing, for whoever looks at it from another thread. Written once a turn, not per message.

use std::sync::atomic::{AtomicU64, Ordering};

use smsc_proto::timestamp::Timestamp;

/// The figures of one connection. Each may be a turn old.
#[derive(Debug, Default)]
pub struct Activity {
    last: AtomicU64,
    submitted: AtomicU64,
    delivered: AtomicU64,
    requests_unanswered: AtomicU64,
    deliveries_unanswered: AtomicU64,
}

/// [`Activity`] at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ActivitySnapshot {
    /// When anything happened last.
    pub last: Timestamp,
    /// Messages that it submitted and that went to the store.
    pub submitted: u64,
    /// Messages and receipts that it has acknowledged.
    pub delivered: u64,
    /// Its requests that we have not answered.
    pub requests_unanswered: u64,
    /// Our deliveries that it has not answered.
    pub deliveries_unanswered: u64,
}

impl Activity {
    /// A turn is over.
    pub fn turn(&self, now: Timestamp, requests_unanswered: usize, deliveries_unanswered: u32) {
        self.last.store(now.as_millis(), Ordering::Relaxed);
        self.requests_unanswered.store(requests_unanswered as u64, Ordering::Relaxed);
        self.deliveries_unanswered.store(u64::from(deliveries_unanswered), Ordering::Relaxed);
    }

    /// So many messages go to the store.
    pub fn submitted(&self, count: usize) {
        self.submitted.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// A delivery was acknowledged.
    pub fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures as of now.
    pub fn snapshot(&self) -> ActivitySnapshot {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        ActivitySnapshot {
            last: Timestamp::from_millis(read(&self.last)),
            submitted: read(&self.submitted),
            delivered: read(&self.delivered),
            requests_unanswered: read(&self.requests_unanswered),
            deliveries_unanswered: read(&self.deliveries_unanswered),
        }
    }
}
