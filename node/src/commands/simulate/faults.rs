//! What becomes of each submit_sm: chance and counting, without socket or clock.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use smsc_proto::smpp::command_status::CommandStatus;

use super::options::{Options, Probability, Receipts};

/// What the operator does with a submit_sm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Takes it; the handset gets it or does not.
    Accept {
        /// Whether the receipt will say DELIVRD.
        delivered: bool,
    },
    /// Refuses it.
    Refuse(CommandStatus),
    /// Says nothing and forgets it.
    Lose,
    /// Drops the connection at once.
    Drop,
}

/// The faults of one connection.
#[derive(Debug)]
pub(super) struct Faults {
    chance: StdRng,
    taken: u64,
}

impl Faults {
    /// With chances of that seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: StdRng::seed_from_u64(seed), taken: 0 }
    }

    /// Decides about the next submit_sm; `admitted` says whether the rate allows it.
    pub(super) fn decide(&mut self, options: &Options, admitted: impl FnOnce() -> bool) -> Fate {
        self.taken += 1;
        if options.drop_after.is_some_and(|after| self.taken >= after.get()) {
            return Fate::Drop;
        }
        if !admitted() {
            return Fate::Refuse(CommandStatus::ESME_RTHROTTLED);
        }
        for rate in &options.error_rates {
            if self.happens(rate.probability) {
                return Fate::Refuse(rate.status);
            }
        }
        if self.happens(options.unanswered) {
            return Fate::Lose;
        }
        Fate::Accept { delivered: !self.happens(options.undelivered) }
    }

    /// Decides about the receipt of a message that was taken.
    pub(super) fn receipts(&mut self, options: &Options) -> Receipts {
        let share = options.receipts.iter().find(|share| self.happens(share.probability));
        share.map_or(Receipts::Always, |share| share.receipts)
    }

    fn happens(&mut self, probability: Probability) -> bool {
        // Most runs have no faults at all: no chance is drawn for what cannot happen.
        probability != Probability::NEVER && self.chance.random_bool(probability.chance())
    }
}

/// A token bucket: so many a second, a tenth of a second's worth at once.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// Full.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Self { tokens: burst(rate), filled: now }
    }

    /// Takes one token if there is one.
    pub(super) fn take(&mut self, rate: u32, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * f64::from(rate)).min(burst(rate));
        self.filled = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

fn burst(rate: u32) -> f64 {
    (f64::from(rate) / 10.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use super::*;
    use crate::commands::simulate::options::ErrorRate;

    fn always() -> Probability {
        Probability::new(1.0).expect("between 0 and 1")
    }

    #[test]
    fn an_operator_without_faults_accepts_and_delivers() {
        let mut faults = Faults::new(1);
        for _ in 0..1_000 {
            assert_eq!(faults.decide(&Options::default(), || true), Fate::Accept { delivered: true });
        }
    }

    #[test]
    fn the_connection_drops_with_the_nth_message() {
        let options = Options { drop_after: NonZeroU64::new(3), ..Options::default() };
        let mut faults = Faults::new(1);
        let fates: Vec<Fate> = (0..3).map(|_| faults.decide(&options, || true)).collect();
        assert_eq!(fates[1], Fate::Accept { delivered: true });
        assert_eq!(fates[2], Fate::Drop);
    }

    #[test]
    fn errors_come_about_as_often_as_asked_for() {
        let status = CommandStatus::ESME_RSYSERR;
        let error = ErrorRate { probability: Probability::new(0.25).expect("a chance"), status };
        let options = Options { error_rates: vec![error], ..Options::default() };
        let mut faults = Faults::new(7);
        let refused = (0..10_000).filter(|_| faults.decide(&options, || true) == Fate::Refuse(status)).count();
        assert!((2_300..2_700).contains(&refused), "{refused} of 10,000");
    }

    #[test]
    fn receipts_go_astray_as_often_as_asked_for() {
        let shares = ["0.25:never", "0.5:twice"].map(|share| share.parse().expect("a share"));
        let options = Options { receipts: shares.to_vec(), ..Options::default() };
        let mut faults = Faults::new(7);
        let kinds: Vec<Receipts> = (0..8_000).map(|_| faults.receipts(&options)).collect();
        let count = |kind| kinds.iter().filter(|found| **found == kind).count();
        assert!((1_800..2_200).contains(&count(Receipts::Never)), "a quarter of all");
        assert!((2_800..3_200).contains(&count(Receipts::Twice)), "half of the rest");
        assert_eq!(count(Receipts::Never) + count(Receipts::Twice) + count(Receipts::Always), 8_000);
    }

    #[test]
    fn what_is_throttled_meets_no_other_fault() {
        let options = Options { unanswered: always(), ..Options::default() };
        let mut faults = Faults::new(1);
        assert_eq!(faults.decide(&options, || false), Fate::Refuse(CommandStatus::ESME_RTHROTTLED));
        assert_eq!(faults.decide(&options, || true), Fate::Lose);
    }

    #[test]
    fn the_rate_holds_over_time_and_allows_a_small_burst() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, start);
        let at_once = (0..50).filter(|_| bucket.take(100, start)).count();
        assert_eq!(at_once, 10);
        let later = (1..=1_000).filter(|ms| bucket.take(100, start + Duration::from_millis(*ms))).count();
        assert!((99..=101).contains(&later), "{later} in a second");
    }
}
