//! How long to wait before the next try to connect. Pure: chance is passed in.

use std::time::Duration;

/// The first wait after a failure.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);
/// A link that was bound for so long was a good one: when it goes we try again at once (Q35).
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// Doubling waits with jitter, so that many links do not knock at an operator at the same moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The try has failed, or a link was lost after it was bound for `bound_for`. Returns how long to wait;
    /// `chance` is between 0 and 1.
    pub fn next(&mut self, bound_for: Duration, chance: f64) -> Duration {
        if bound_for >= GOOD_AFTER {
            self.failures = 0;
            return Duration::ZERO;
        }
        let full = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.next(Duration::ZERO, 1.0)).collect();
        assert_eq!(waits[..3], [FIRST, FIRST * 2, FIRST * 4]);
        assert_eq!(waits[8], LONGEST);
    }

    #[test]
    fn a_link_that_was_good_is_tried_again_at_once() {
        let mut backoff = Backoff::default();
        backoff.next(Duration::ZERO, 0.0);
        assert_eq!(backoff.next(GOOD_AFTER, 0.0), Duration::ZERO);
        assert_eq!(backoff.next(Duration::ZERO, 1.0), FIRST);
    }

    #[test]
    fn jitter_takes_away_at_most_half() {
        assert_eq!(Backoff::default().next(Duration::ZERO, 0.0), FIRST / 2);
    }
}
