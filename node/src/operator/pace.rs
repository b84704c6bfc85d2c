//! How many messages a second an operator is sent from this node, over all of its links here.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// The node's share of the operator's `throughput_max`, and what is asked of it.
#[derive(Debug)]
pub struct Pace {
    /// What all nodes may send together.
    rate: u32,
    /// Messages a second from here; 0: no limit.
    share: AtomicU32,
    /// Bound links that send.
    links: AtomicU32,
    granted: AtomicU64,
    starved: AtomicBool,
}

impl Pace {
    /// Of an operator with that rate, which is this node's share until another is set; 0 is no limit.
    pub const fn new(rate: u32) -> Self {
        Self {
            rate,
            share: AtomicU32::new(rate),
            links: AtomicU32::new(0),
            granted: AtomicU64::new(0),
            starved: AtomicBool::new(false),
        }
    }

    /// Another share from now on: messages a second, at least 1.
    pub fn set(&self, share: u32) {
        self.share.store(share.max(1), Ordering::Relaxed);
    }

    /// What each link may send; 0: no limit.
    pub fn per_link(&self) -> u32 {
        match self.share.load(Ordering::Relaxed) {
            0 => 0,
            share => (share / self.links.load(Ordering::Relaxed).max(1)).max(1),
        }
    }

    /// A link that sends has bound, or is gone.
    pub fn link_changed(&self, bound: bool) {
        if bound {
            self.links.fetch_add(1, Ordering::Relaxed);
        } else {
            self.links.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A link wanted to send so many and was granted so many.
    pub fn asked(&self, granted: u32, wanted: u32) {
        self.granted.fetch_add(granted.into(), Ordering::Relaxed);
        if granted < wanted {
            self.starved.store(true, Ordering::Relaxed);
        }
    }

    /// What wanted to go since the last call. Who got less than he wanted would take all: how much more it would have
    /// been, nobody knows, and nodes that all want more share evenly.
    pub fn take_demand(&self) -> u32 {
        let granted = u32::try_from(self.granted.swap(0, Ordering::Relaxed)).unwrap_or(u32::MAX);
        let starved = self.starved.swap(false, Ordering::Relaxed);
        if starved { self.rate } else { granted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_node_share_its_share() {
        let pace = Pace::new(100);
        assert_eq!(pace.per_link(), 100);
        (0..3).for_each(|_| pace.link_changed(true));
        assert_eq!(pace.per_link(), 33);
        pace.set(2);
        assert_eq!(pace.per_link(), 1, "0 would be no limit");
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let pace = Pace::new(0);
        pace.link_changed(true);
        assert_eq!(pace.per_link(), 0);
    }

    #[test]
    fn who_is_starved_asks_for_more() {
        let pace = Pace::new(100);
        pace.asked(40, 40);
        assert_eq!(pace.take_demand(), 40);
        pace.asked(60, 90);
        assert_eq!((pace.take_demand(), pace.take_demand()), (100, 0));
    }
}
