//! What went through the node in the last 15 minutes, second by second. In memory: what is older is Prometheus' affair.

use std::collections::VecDeque;
use std::time::Duration;

/// Points that are kept: 15 minutes of seconds.
pub const POINTS_MAX: usize = 900;

/// Totals since the node's start, and what there is of something now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Messages taken, of ESMEs and of operators.
    pub accepted: u64,
    /// Submissions refused.
    pub refused: u64,
    /// Messages that ended as delivered.
    pub delivered: u64,
    /// Messages that ended otherwise.
    pub failed: u64,
    /// Messages and receipts that wait, now.
    pub waiting: u64,
}

/// One second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Its end, in milliseconds since 1970.
    pub at: u64,
    /// How long it was: a busy node looks late.
    pub seconds: f64,
    /// What was added in it; `waiting` as it was at its end.
    pub added: Totals,
}

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    points: VecDeque<Point>,
    before: Option<(u64, Totals)>,
}

/// Sums over some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// How long, in seconds; zero: nothing is known yet.
    pub seconds: f64,
    /// What was added in it.
    pub added: Totals,
}

impl History {
    /// The totals as of `at`, in milliseconds since 1970. A clock that goes back adds no point.
    pub fn add(&mut self, at: u64, totals: Totals) {
        if self.before.is_some_and(|(then, _)| then == at) {
            return;
        }
        let Some((then, before)) = self.before.replace((at, totals)) else { return };
        if at < then {
            return;
        }
        let less = |now: u64, before: u64| now.saturating_sub(before);
        let added = Totals {
            accepted: less(totals.accepted, before.accepted),
            refused: less(totals.refused, before.refused),
            delivered: less(totals.delivered, before.delivered),
            failed: less(totals.failed, before.failed),
            waiting: totals.waiting,
        };
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, seconds: (at - then) as f64 / 1_000.0, added });
    }

    /// Points after that moment, oldest first.
    pub fn after(&self, at: u64) -> impl Iterator<Item = &Point> {
        self.points.iter().skip(self.points.partition_point(|point| point.at <= at))
    }

    /// The sums of the newest points, over about that long.
    pub fn last(&self, long: Duration) -> Span {
        let mut span = Span::default();
        for point in self.points.iter().rev() {
            if span.seconds >= long.as_secs_f64() {
                break;
            }
            span.seconds += point.seconds;
            span.added.accepted += point.added.accepted;
            span.added.refused += point.added.refused;
            span.added.delivered += point.added.delivered;
            span.added.failed += point.added.failed;
        }
        span.added.waiting = self.points.back().map_or(0, |point| point.added.waiting);
        span
    }
}

impl Span {
    /// So many per second; zero while nothing is known.
    pub fn rate(&self, count: u64) -> f64 {
        if self.seconds > 0.0 { count as f64 / self.seconds } else { 0.0 }
    }
}

/// `part` of `part + rest` in percent; `None`: there was nothing.
pub fn percent(part: u64, rest: u64) -> Option<f64> {
    let all = part + rest;
    (all > 0).then(|| part as f64 * 100.0 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accepted: u64) -> Totals {
        Totals { accepted, ..Totals::default() }
    }

    #[test]
    fn the_first_look_is_no_point_because_it_says_nothing_of_a_second() {
        let mut history = History::default();
        history.add(1_000, accepted(500));
        assert_eq!(history.after(0).count(), 0);
        assert_eq!(history.last(Duration::from_secs(5)).rate(500), 0.0);
    }

    #[test]
    fn a_second_that_was_long_counts_as_long() {
        let mut history = History::default();
        history.add(1_000, accepted(0));
        history.add(3_000, accepted(100));
        history.add(4_000, accepted(200));
        let span = history.last(Duration::from_secs(10));
        assert_eq!((span.seconds, span.rate(span.added.accepted)), (3.0, 200.0 / 3.0));
        let newest = history.last(Duration::from_secs(1));
        assert_eq!(newest.rate(newest.added.accepted), 100.0);
    }

    #[test]
    fn no_more_than_a_quarter_of_an_hour_is_kept() {
        let mut history = History::default();
        (0..2_000).for_each(|second| history.add(second * 1_000, accepted(second)));
        assert_eq!(history.after(0).count(), POINTS_MAX);
        assert_eq!(history.after(1_990_000).count(), 9);
    }

    #[test]
    fn a_clock_that_goes_back_adds_nothing_and_takes_nothing_away() {
        let mut history = History::default();
        history.add(10_000, accepted(0));
        history.add(9_000, accepted(100));
        history.add(10_000, accepted(150));
        let points: Vec<_> = history.after(0).map(|point| (point.at, point.added.accepted)).collect();
        assert_eq!(points, [(10_000, 50)]);
    }

    #[test]
    fn counts_that_are_not_newer_wait_for_those_that_are() {
        let mut history = History::default();
        history.add(1_000, accepted(0));
        history.add(1_000, accepted(7));
        history.add(2_000, accepted(10));
        let points: Vec<_> = history.after(0).map(|point| (point.at, point.added.accepted)).collect();
        assert_eq!(points, [(2_000, 10)]);
    }

    #[test]
    fn a_share_of_nothing_is_unknown() {
        assert_eq!((percent(0, 0), percent(1, 3), percent(0, 9)), (None, Some(25.0), Some(0.0)));
    }
}
