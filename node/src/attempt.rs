//! The mark on a request that carries a delivery.

use smsc_store::{Content, Lease, LeasedDelivery};

/// One attempt to deliver: which lease its outcome names, and what it carries.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The lease.
    pub lease: Lease,
    /// 1 for the first: retries follow their schedule by it.
    pub number: u32,
    /// A message, or a receipt about one.
    pub content: Content,
}

impl From<&LeasedDelivery> for Attempt {
    fn from(delivery: &LeasedDelivery) -> Self {
        Self { lease: delivery.lease, number: delivery.attempt, content: delivery.content }
    }
}
