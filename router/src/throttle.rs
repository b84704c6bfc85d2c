//! Messages per second: a token bucket with the time passed in, and the slow-down after ESME_RTHROTTLED (AIMD).
//!
//! Whole arithmetic throughout: a permit is a thousand million shares, and a rate of n gives n shares a nanosecond.

use std::time::{Duration, Instant};

/// Shares of one permit, so that `rate` permits a second are `rate` shares a nanosecond.
const PERMIT: i64 = 1_000_000_000;
/// A burst is what the rate gives in this part of a second.
const BURSTS_PER_SECOND: i64 = 10;
/// Slowing down, measuring and recovering go by the second.
const SECOND: Duration = Duration::from_secs(1);
/// So many seconds of recovery make up for the whole rate.
const RECOVERY_STEPS: u32 = 20;

/// The pace of one account or one link. A rate of 0 is no limit until the peer throttles.
///
/// A burst is a tenth of a second's permits, and at least one. When the peer throttles, the pace is halved, once a
/// second at most; then it rises by a twentieth of the rate every second (by one at least), up to the rate. Without a
/// rate it starts from half of what went in the last second, and ends when it has risen to twice that much again.
#[derive(Clone, Debug)]
pub struct Throttle {
    rate: u32,
    slowed: Option<Slowed>,
    /// Shares at `refilled`; negative after [`take_more`](Self::take_more).
    shares: i64,
    refilled: Instant,
    measure: Measure,
}

/// A pace below the rate.
#[derive(Clone, Copy, Debug)]
struct Slowed {
    pace: u32,
    /// Added every second.
    step: u32,
    /// Where it ends.
    until: u32,
    slowed_at: Instant,
    raised_at: Instant,
}

/// How much went in the last second.
#[derive(Clone, Copy, Debug)]
struct Measure {
    since: Instant,
    count: u32,
    last: u32,
}

impl Measure {
    fn roll(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        if seconds > 0 {
            self.last = if seconds == 1 { self.count } else { 0 };
            self.count = 0;
            self.since += Duration::from_secs(seconds);
        }
    }

    fn add(&mut self, count: usize) {
        self.count = self.count.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }
}

impl Throttle {
    /// At most `rate` messages a second; 0: no limit.
    pub fn new(rate: u32, now: Instant) -> Self {
        let measure = Measure { since: now, count: 0, last: 0 };
        let mut throttle = Self { rate, slowed: None, shares: 0, refilled: now, measure };
        throttle.shares = throttle.pace().map_or(0, burst);
        throttle
    }

    /// Changes the rate: a new configuration, or another share of a limit that holds for the whole cluster.
    pub fn set_rate(&mut self, rate: u32, now: Instant) {
        self.refill(now);
        self.rate = rate;
        if rate > 0 && self.slowed.is_some_and(|slowed| slowed.pace >= rate) {
            self.slowed = None;
        }
        if let Some(slowed) = self.slowed.as_mut().filter(|_| rate > 0) {
            (slowed.until, slowed.step) = (rate, step_of(rate));
        }
        self.shares = self.pace().map_or(0, |pace| self.shares.min(burst(pace)));
    }

    /// Messages a second that go now: the rate, or less while the peer has us slowed down. `None`: no limit.
    pub fn pace(&self) -> Option<u32> {
        match self.slowed {
            Some(slowed) => Some(slowed.pace),
            None if self.rate > 0 => Some(self.rate),
            None => None,
        }
    }

    /// Takes up to `wanted` permits; fewer mean that the rest has to wait.
    pub fn take(&mut self, wanted: usize, now: Instant) -> usize {
        self.refill(now);
        self.measure.roll(now);
        let granted = match self.pace() {
            None => wanted,
            Some(_) => {
                let there = usize::try_from(self.shares.max(0) / PERMIT).unwrap_or(0);
                let granted = wanted.min(there);
                self.shares -= shares_of(granted);
                granted
            }
        };
        self.measure.add(granted);
        granted
    }

    /// Takes a permit that need not be there: a further part of a message whose first part was admitted (S44). What
    /// is owed comes off what follows, for a second's permits at most.
    pub fn take_more(&mut self, now: Instant) {
        self.refill(now);
        self.measure.roll(now);
        self.measure.add(1);
        if let Some(pace) = self.pace() {
            self.shares = (self.shares - PERMIT).max(-shares_of(pace as usize));
        }
    }

    /// Gives permits back that were not used.
    pub fn give_back(&mut self, count: usize) {
        if let Some(pace) = self.pace() {
            self.shares = self.shares.saturating_add(shares_of(count)).min(burst(pace));
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.measure.count = self.measure.count.saturating_sub(count);
    }

    /// When the next permit will be there; `None`: now.
    pub fn ready_at(&self, now: Instant) -> Option<Instant> {
        let pace = i64::from(self.pace()?);
        let missing = PERMIT - self.shares;
        if missing <= 0 {
            return None;
        }
        // Rounded up, so that the permit is there when the time has come.
        let wait = u64::try_from((missing + pace - 1) / pace).unwrap_or(0);
        let ready = self.refilled + Duration::from_nanos(wait);
        (ready > now).then_some(ready)
    }

    /// The peer has throttled us: the rate is halved.
    ///
    /// All answers to one window say the same, so what comes within a second of a halving changes nothing.
    pub fn slow_down(&mut self, now: Instant) {
        self.refill(now);
        self.measure.roll(now);
        if self.slowed.is_some_and(|slowed| now.saturating_duration_since(slowed.slowed_at) < SECOND) {
            return;
        }
        let before = self.pace().unwrap_or_else(|| self.measure.last.max(self.measure.count));
        let pace = (before / 2).max(1);
        let until = if self.rate > 0 { self.rate } else { before.saturating_mul(2).max(2) };
        let step = step_of(if self.rate > 0 { self.rate } else { before });
        self.slowed = Some(Slowed { pace, step, until, slowed_at: now, raised_at: now });
        // What was saved up at the old pace would only be throttled again.
        self.shares = self.shares.min(0);
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled);
        // The time never goes back.
        self.refilled = self.refilled.max(now);
        if let Some(pace) = self.pace() {
            let gained = elapsed.as_nanos().saturating_mul(u128::from(pace));
            let gained = i64::try_from(gained).unwrap_or(i64::MAX);
            self.shares = self.shares.saturating_add(gained).min(burst(pace));
        }
        self.recover(now);
    }

    /// Raises the pace for every whole second since it was slowed down.
    fn recover(&mut self, now: Instant) {
        let Some(slowed) = &mut self.slowed else { return };
        let seconds = now.saturating_duration_since(slowed.raised_at).as_secs();
        if seconds == 0 {
            return;
        }
        let gained = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(slowed.step);
        slowed.raised_at += Duration::from_secs(seconds);
        slowed.pace = slowed.pace.saturating_add(gained);
        if slowed.pace >= slowed.until {
            self.slowed = None;
        }
    }
}

fn step_of(rate: u32) -> u32 {
    (rate / RECOVERY_STEPS).max(1)
}

/// Shares that may be saved up.
fn burst(pace: u32) -> i64 {
    // At most 2^32 * 10^9, half of what fits.
    (i64::from(pace) * PERMIT / BURSTS_PER_SECOND).max(PERMIT)
}

fn shares_of(permits: usize) -> i64 {
    i64::try_from(permits).unwrap_or(i64::MAX).saturating_mul(PERMIT)
}

#[cfg(test)]
mod tests;
