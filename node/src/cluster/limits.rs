//! A node's share of a rate that holds for the whole cluster. Pure: the time is passed in.
//!
//! The rate is split by what wanted to go in the last second, with a floor for every bind, so that who begins has
//! something to begin with. All nodes compute the shares from the same published facts. A share falls at once and rises
//! [`RISES_AFTER`] later, when the others have heard why theirs fell: the sum stays below the rate. A side that sees
//! half or fewer of the nodes never raises its shares: the other side may have the rest.

use std::time::{Duration, Instant};

/// The part of the rate that every bind has in any case, in percent; so many of them that this is all share it evenly.
const FLOOR_PERCENT: u64 = 5;
/// How much later a share rises than another falls: several looks at the published facts.
const RISES_AFTER: Duration = Duration::from_millis(500);

/// What a node has of one account's binds or operator's links, and what wanted to go there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// Binds or links.
    pub binds: u32,
    /// Messages that wanted to go in the last second.
    pub demand: u32,
}

/// How the rate is split: this node's part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    floor: u32,
    all: u32,
}

impl Part {
    fn of(rate: u32, own: Claim, others: &[Claim]) -> Self {
        let everybody = || others.iter().chain([&own]);
        let binds: u64 = everybody().map(|claim| u64::from(claim.binds)).sum();
        let demand: u64 = everybody().filter(|claim| claim.binds > 0).map(|claim| u64::from(claim.demand)).sum();
        if own.binds == 0 {
            return Self { floor: 0, all: 0 };
        }
        let rate = u64::from(rate);
        let floors = (rate * FLOOR_PERCENT * binds / 100).min(rate);
        let floor = floors * u64::from(own.binds) / binds;
        let rest = match demand {
            0 => (rate - floors) * u64::from(own.binds) / binds,
            _ => (rate - floors) * u64::from(own.demand) / demand,
        };
        let part = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self { floor: part(floor), all: part(floor + rest) }
    }
}

/// This node's share of one rate.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    rate: u32,
    now: u32,
    rises_since: Option<Instant>,
}

impl Share {
    /// Of that rate, before anything is known of the others: an equal part.
    pub fn new(rate: u32, nodes_expected: u32) -> Self {
        Self { rate, now: rate / nodes_expected.max(1), rises_since: None }
    }

    /// The share now, in messages a second and never 0, which is no limit. `majority`: whether more than half of the
    /// nodes are seen.
    pub fn settle(&mut self, own: Claim, others: &[Claim], majority: bool, now: Instant) -> u32 {
        let part = Part::of(self.rate, own, others);
        if part.all <= self.now {
            (self.now, self.rises_since) = (part.all, None);
        } else if majority {
            // Nobody else has a bind: there is nobody to wait for.
            let alone = others.iter().all(|claim| claim.binds == 0);
            let since = *self.rises_since.get_or_insert(now);
            if alone || now.saturating_duration_since(since) >= RISES_AFTER {
                (self.now, self.rises_since) = (part.all, None);
            } else {
                self.now = self.now.max(part.floor);
            }
        } else {
            self.rises_since = None;
        }
        self.now.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn claim(binds: u32, demand: u32) -> Claim {
        Claim { binds, demand }
    }

    /// The share after the others have had their time.
    fn settled(own: Claim, others: &[Claim]) -> u32 {
        let (mut share, now) = (Share::new(1_000, 3), Instant::now());
        share.settle(own, others, true, now);
        share.settle(own, others, true, now + RISES_AFTER)
    }

    #[test]
    fn who_is_alone_has_all_at_once() {
        let mut share = Share::new(1_000, 3);
        assert_eq!(share.settle(claim(1, 0), &[claim(0, 0), claim(0, 0)], true, Instant::now()), 1_000);
    }

    #[test]
    fn the_rate_is_split_by_demand_above_the_floors() {
        let others = [claim(1, 300), claim(2, 0)];
        assert_eq!(settled(claim(1, 600), &others), 50 + 800 * 600 / 900);
        assert_eq!(settled(claim(2, 0), &[claim(1, 600), claim(1, 300)]), 100, "two floors");
    }

    #[test]
    fn without_demand_it_is_split_by_binds() {
        assert_eq!(settled(claim(1, 0), &[claim(3, 0)]), 250);
    }

    #[test]
    fn many_binds_share_evenly() {
        assert_eq!(settled(claim(10, 0), &[claim(30, 5_000)]), 250);
    }

    #[test]
    fn the_shares_of_all_are_never_more_than_the_rate() {
        for demands in [[0, 0, 0], [1, 1, 1], [999, 1, 0], [5_000, 5_000, 5_000], [7, 0, 100_000]] {
            for binds in [[1, 1, 1], [0, 1, 5], [20, 1, 0], [1, 0, 0]] {
                let claims: Vec<Claim> = (0..3).map(|node| claim(binds[node], demands[node])).collect();
                let part = |node: usize| {
                    let others: Vec<Claim> = (0..3).filter(|other| *other != node).map(|other| claims[other]).collect();
                    Part::of(1_000, claims[node], &others).all
                };
                let sum: u32 = (0..3).map(part).sum();
                assert!(sum <= 1_000, "{claims:?} have {sum}");
                assert!(
                    sum + 3 >= 1_000 || binds.iter().zip(demands).all(|(binds, demand)| *binds == 0 || demand == 0)
                );
            }
        }
    }

    #[test]
    fn a_share_falls_at_once_and_rises_later() {
        let (mut share, now) = (Share::new(1_000, 3), Instant::now());
        share.settle(claim(1, 100), &[claim(0, 0)], true, now);
        let low = share.settle(claim(1, 100), &[claim(1, 900)], true, now);
        assert_eq!(low, 50 + 90);
        assert_eq!(share.settle(claim(1, 900), &[claim(1, 100)], true, now), low, "the other has to hear of it");
        assert_eq!(share.settle(claim(1, 900), &[claim(1, 100)], true, now + RISES_AFTER), 50 + 810);
    }

    #[test]
    fn a_new_bind_has_its_floor_at_once() {
        let (mut share, now) = (Share::new(1_000, 100), Instant::now());
        assert_eq!(share.settle(claim(1, 0), &[claim(1, 1_000)], true, now), 50);
    }

    #[test]
    fn a_side_that_sees_half_or_fewer_never_raises() {
        let (mut share, now) = (Share::new(1_000, 4), Instant::now());
        assert_eq!(share.settle(claim(1, 500), &[], false, now), 250, "its equal part, from the start");
        assert_eq!(share.settle(claim(1, 500), &[], false, now + 10 * RISES_AFTER), 250);
        assert_eq!(share.settle(claim(1, 10), &[claim(3, 990)], false, now + 10 * RISES_AFTER), 58, "but falls");
    }

    #[test]
    fn a_share_is_never_without_limit() {
        let mut share = Share::new(1, 3);
        assert_eq!(share.settle(claim(0, 0), &[claim(1, 1)], true, Instant::now()), 1);
    }
}
