//! Whoever fails to bind again and again from one place has to wait before the next try. Pure: time is passed in.
//!
//! Passwords cannot be tried out by the thousand, and nobody is locked out for good: the wait has a maximum, a success
//! ends it, and it holds for one account from one network only, so that others cannot keep a customer out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use smsc_store::Name;

/// So many failures cost nothing: a password that is being changed, a client that tries all its old ones.
const FREE_FAILURES: u32 = 4;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// After so long without a failure all are forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(300);
/// Entries at a time, 64 octets each. Beyond it the quarter that failed longest ago goes.
const ENTRIES_MAX: usize = 16_384;

/// Who tried, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempted {
    network: IpAddr,
    account: Option<Name>,
}

impl Attempted {
    /// A bind of that account from that address. All system_ids that are unknown count as one: names cannot be tried
    /// out either. An IPv6 client has its whole /64.
    pub fn new(peer: IpAddr, account: Option<Name>) -> Self {
        let network = match peer.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
            address => address,
        };
        Self { network, account }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn wait(self) -> Duration {
        match self.count.checked_sub(FREE_FAILURES + 1) {
            None => Duration::ZERO,
            Some(doublings) => FIRST_WAIT.saturating_mul(1 << doublings.min(16)).min(LONGEST_WAIT),
        }
    }
}

/// Failed binds of the last minutes. Bounded.
#[derive(Debug, Default)]
pub struct BindBackoff {
    failures: HashMap<Attempted, Failures>,
}

impl BindBackoff {
    /// How long such a bind has still to wait; zero: it may be tried now.
    pub fn wait(&self, attempted: Attempted, now: Instant) -> Duration {
        self.failures
            .get(&attempted)
            .map_or(Duration::ZERO, |failures| (failures.last + failures.wait()).saturating_duration_since(now))
    }

    /// It was tried and refused. Binds that were refused because they did not wait do not count.
    pub fn failed(&mut self, attempted: Attempted, now: Instant) {
        if self.failures.len() >= ENTRIES_MAX && !self.failures.contains_key(&attempted) {
            self.make_room(now);
        }
        let failures = self.failures.entry(attempted).or_insert(Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) > FORGET_AFTER {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
    }

    /// It was tried and succeeded.
    pub fn succeeded(&mut self, attempted: Attempted) {
        self.failures.remove(&attempted);
    }

    fn make_room(&mut self, now: Instant) {
        let mut times: Vec<Instant> = self.failures.values().map(|failures| failures.last).collect();
        let (_, oldest_quarter, _) = times.select_nth_unstable(ENTRIES_MAX / 4);
        let oldest_quarter = *oldest_quarter;
        self.failures.retain(|_, failures| {
            failures.last > oldest_quarter && now.saturating_duration_since(failures.last) <= FORGET_AFTER
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str, account: Option<&str>) -> Attempted {
        Attempted::new(address.parse().expect("a test writes addresses"), account.map(Name::intern))
    }

    fn fail(backoff: &mut BindBackoff, attempted: Attempted, times: u32, now: Instant) {
        (0..times).for_each(|_| backoff.failed(attempted, now));
    }

    #[test]
    fn a_few_failures_cost_nothing_and_further_ones_double_the_wait_up_to_a_maximum() {
        let (mut backoff, now, demo) = (BindBackoff::default(), Instant::now(), from("192.0.2.7", Some("b-demo")));
        let waits: Vec<u64> = (0..12)
            .map(|_| {
                backoff.failed(demo, now);
                backoff.wait(demo, now).as_secs()
            })
            .collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(backoff.wait(demo, now + LONGEST_WAIT), Duration::ZERO, "nobody is locked out for good");
    }

    #[test]
    fn others_do_not_wait() {
        let (mut backoff, now) = (BindBackoff::default(), Instant::now());
        fail(&mut backoff, from("192.0.2.7", Some("b-demo")), 20, now);
        for other in [from("192.0.2.8", Some("b-demo")), from("192.0.2.7", Some("b-other")), from("192.0.2.7", None)] {
            assert_eq!(backoff.wait(other, now), Duration::ZERO, "{other:?}");
        }
    }

    #[test]
    fn a_client_is_its_network() {
        let (mut backoff, now) = (BindBackoff::default(), Instant::now());
        fail(&mut backoff, from("2001:db8::7", None), 20, now);
        assert!(backoff.wait(from("2001:db8::8", None), now) > Duration::ZERO);
        assert_eq!(backoff.wait(from("2001:db8:0:1::7", None), now), Duration::ZERO);
        fail(&mut backoff, from("::ffff:192.0.2.7", None), 20, now);
        assert!(backoff.wait(from("192.0.2.7", None), now) > Duration::ZERO, "an IPv4 client on an IPv6 socket");
    }

    #[test]
    fn a_success_or_a_quiet_time_ends_it() {
        let (mut backoff, now, demo) = (BindBackoff::default(), Instant::now(), from("192.0.2.7", Some("b-demo")));
        fail(&mut backoff, demo, 20, now);
        backoff.succeeded(demo);
        assert_eq!(backoff.wait(demo, now), Duration::ZERO);
        fail(&mut backoff, demo, 20, now);
        let later = now + FORGET_AFTER + Duration::from_secs(1);
        backoff.failed(demo, later);
        assert_eq!(backoff.wait(demo, later), Duration::ZERO);
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_go() {
        let (mut backoff, start) = (BindBackoff::default(), Instant::now());
        let attacker = |number: u32| Attempted::new(IpAddr::V4(number.into()), None);
        for number in 0..40_000_u32 {
            fail(&mut backoff, attacker(number), 5, start + Duration::from_millis(u64::from(number) / 1_000));
            assert!(backoff.failures.len() <= ENTRIES_MAX);
        }
        let now = start + Duration::from_millis(40);
        assert!(backoff.wait(attacker(39_999), now) > Duration::ZERO);
        assert_eq!(backoff.wait(attacker(0), now), Duration::ZERO);
    }
}
