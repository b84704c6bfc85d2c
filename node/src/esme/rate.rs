//! An account's messages per second. A message of several parts is one: once a part was admitted the others are too
//! (S44), and what they take over the rate comes off what follows. Pure: time is passed in.

use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

use rustc_hash::{FxBuildHasher, FxHashMap};
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::text::concatenation::part_of;
use smsc_router::throttle::Throttle;

/// Long messages that are under way at a time; parts of further ones count one by one.
const GROUPS_MAX: usize = 1_024;
/// How long the parts of one message may take: references are used again soon.
const GROUP_LIFETIME: Duration = Duration::from_secs(60);

/// The rate of one account, over all of its sessions on this node.
#[derive(Debug)]
pub struct Rate {
    throttle: Throttle,
    groups: FxHashMap<u64, Group>,
}

/// A long message of which a part was admitted.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Parts still to come.
    left: u8,
    since: Instant,
}

impl Rate {
    /// At most `throughput_max` messages a second.
    pub fn new(throughput_max: u32, now: Instant) -> Self {
        Self { throttle: Throttle::new(throughput_max, now), groups: FxHashMap::default() }
    }

    /// Another rate from now on: a share of what holds for the whole cluster.
    pub fn set_rate(&mut self, throughput_max: u32, now: Instant) {
        self.throttle.set_rate(throughput_max, now);
    }

    /// Whether this message may come now.
    pub fn admit(&mut self, sm: &SmFields<'_>, now: Instant) -> bool {
        let Some((part, _)) = part_of(sm).filter(|(part, _)| part.total > 1) else {
            return self.throttle.take(1, now) == 1;
        };
        let key = FxBuildHasher.hash_one((Addresses(sm), part.reference, part.total));
        if let Some(group) = self.groups.get_mut(&key)
            && now.saturating_duration_since(group.since) <= GROUP_LIFETIME
        {
            group.left -= 1;
            if group.left == 0 {
                self.groups.remove(&key);
            }
            self.throttle.take_more(now);
            return true;
        }
        let admitted = self.throttle.take(1, now) == 1;
        if admitted && self.has_room(now) {
            self.groups.insert(key, Group { left: part.total - 1, since: now });
        }
        admitted
    }

    /// Whether a request of so many messages may come now: as one, of which the rest comes off what follows.
    pub fn admit_several(&mut self, count: usize, now: Instant) -> bool {
        let admitted = self.throttle.take(1, now) == 1;
        if admitted {
            (1..count).for_each(|_| self.throttle.take_more(now));
        }
        admitted
    }

    fn has_room(&mut self, now: Instant) -> bool {
        if self.groups.len() >= GROUPS_MAX {
            self.groups.retain(|_, group| now.saturating_duration_since(group.since) <= GROUP_LIFETIME);
        }
        self.groups.len() < GROUPS_MAX
    }
}

/// What tells one sender's references from another's.
struct Addresses<'a>(&'a SmFields<'a>);

impl Hash for Addresses<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.source.digits.hash(state);
        self.0.destination.digits.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::address::Address;

    use super::*;

    /// Admits a part of the message of that reference, or a whole message for `total` 1.
    fn admit(rate: &mut Rate, destination: &str, reference: u8, total: u8, number: u8, now: Instant) -> bool {
        let octets = [5, 0, 3, reference, total, number, b'x'];
        let udhi = total > 1;
        let sm = SmFields {
            destination: Address::new(1, 1, destination.as_bytes()),
            esm_class: if udhi { 0x40 } else { 0 },
            short_message: if udhi { &octets } else { b"x" },
            ..SmFields::default()
        };
        rate.admit(&sm, now)
    }

    /// A rate of ten a second has a burst of one.
    fn rate(now: Instant) -> Rate {
        Rate::new(10, now)
    }

    #[test]
    fn all_parts_of_a_message_are_admitted_with_the_first_that_came() {
        let now = Instant::now();
        let mut rate = rate(now);
        for number in [2, 1, 3] {
            assert!(admit(&mut rate, "467", 7, 3, number, now), "S44: part {number}");
        }
        assert!(!admit(&mut rate, "467", 0, 1, 1, now), "the rate holds for the next message");
    }

    #[test]
    fn what_the_parts_took_comes_off_what_follows() {
        let now = Instant::now();
        let mut rate = rate(now);
        (1..=3).for_each(|number| assert!(admit(&mut rate, "467", 7, 3, number, now)));
        assert!(!admit(&mut rate, "467", 0, 1, 1, now + Duration::from_millis(250)));
        assert!(admit(&mut rate, "467", 0, 1, 1, now + Duration::from_millis(300)));
    }

    #[test]
    fn a_message_whose_first_part_was_refused_is_refused_as_a_whole() {
        let now = Instant::now();
        let mut rate = rate(now);
        assert!(admit(&mut rate, "467", 0, 1, 1, now));
        assert!((1..=3).all(|number| !admit(&mut rate, "467", 7, 3, number, now)));
    }

    #[test]
    fn a_part_of_another_message_has_no_such_right() {
        let now = Instant::now();
        let mut rate = rate(now);
        assert!(admit(&mut rate, "467", 7, 3, 1, now));
        for (destination, reference, total) in [("468", 7, 3), ("467", 8, 3), ("467", 7, 2)] {
            assert!(!admit(&mut rate, destination, reference, total, 1, now));
        }
    }

    #[test]
    fn a_message_has_no_more_parts_than_it_says() {
        let now = Instant::now();
        let mut rate = rate(now);
        assert!((1..=3).all(|_| admit(&mut rate, "467", 7, 3, 1, now)));
        assert!(!admit(&mut rate, "467", 7, 3, 1, now));
    }

    #[test]
    fn a_reference_is_forgotten_after_a_minute() {
        let now = Instant::now();
        let mut rate = rate(now);
        assert!(admit(&mut rate, "467", 7, 255, 1, now));
        let later = now + GROUP_LIFETIME + Duration::from_secs(1);
        assert!(admit(&mut rate, "467", 0, 1, 1, later));
        assert!(!admit(&mut rate, "467", 7, 255, 2, later));
    }

    #[test]
    fn the_groups_are_bounded() {
        let now = Instant::now();
        let mut rate = Rate::new(1_000_000, now);
        for number in 0..3_000_u32 {
            assert!(admit(&mut rate, &number.to_string(), 7, 3, 1, now));
        }
        assert_eq!(rate.groups.len(), GROUPS_MAX);
    }
}
