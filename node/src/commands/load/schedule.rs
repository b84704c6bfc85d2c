//! When each message of a paced run is to go out, and on which bind: arithmetic over one start.
//!
//! Latencies are measured from these times, not from the moment of sending: a message centre that stalls is charged
//! for every message that it kept from being sent (coordinated omission).

use std::time::{Duration, Instant};

/// Messages of the same moment leave together at the end of such a step: what is paced finer than timers can be costs
/// the measuring side more than it tells.
const TICK: Duration = Duration::from_micros(200);
/// As many messages in a row go to one bind, where its window has room for several such rows.
const ROW_MAX: usize = 8;

/// A steady rate, spread over binds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    start: Instant,
    rate: f64,
    binds: u64,
    row: u64,
}

impl Schedule {
    /// `rate` messages a second from `start` on, over so many binds of that window.
    pub(super) fn new(start: Instant, rate: f64, binds: usize, window: usize) -> Self {
        Self { start, rate, binds: binds.max(1) as u64, row: (window / 8).clamp(1, ROW_MAX) as u64 }
    }

    /// When message `number` is due.
    pub(super) fn due(&self, number: u64) -> Instant {
        let tick = TICK.as_secs_f64();
        let ticks = (number as f64 / self.rate / tick).ceil();
        self.start + Duration::from_secs_f64(ticks * tick)
    }

    /// On which bind it goes out.
    pub(super) fn bind_of(&self, number: u64) -> usize {
        (number / self.row % self.binds) as usize
    }

    /// The messages of one bind.
    pub(super) fn cursor(self, bind: usize) -> Cursor {
        Cursor { schedule: self, bind: bind as u64, sent: 0 }
    }
}

/// Where one bind is in the schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    schedule: Schedule,
    bind: u64,
    sent: u64,
}

impl Cursor {
    /// The bind's next message: its number and when it is due.
    pub(super) fn next(&self) -> (u64, Instant) {
        let Schedule { binds, row, .. } = self.schedule;
        let number = (self.sent / row * binds + self.bind) * row + self.sent % row;
        (number, self.schedule.due(number))
    }

    /// It went out.
    pub(super) fn advance(&mut self) {
        self.sent += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_as_many_messages_as_the_rate_says() {
        let start = Instant::now();
        for rate in [1.0, 7.0, 5_000.0, 123_456.0] {
            let schedule = Schedule::new(start, rate, 3, 100);
            let end = start + Duration::from_secs(1);
            assert!(schedule.due(rate as u64) <= end + TICK);
            assert!(schedule.due(rate as u64 + 1 + (rate * TICK.as_secs_f64()) as u64) >= end, "{rate}");
        }
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let start = Instant::now();
        let schedule = Schedule::new(start, 30_000.0, 4, 10);
        for number in 0..10_000 {
            let exact = start + Duration::from_secs_f64(number as f64 / 30_000.0);
            let due = schedule.due(number);
            assert!(due + Duration::from_nanos(100) >= exact && due <= exact + TICK + Duration::from_nanos(100));
        }
    }

    #[test]
    fn the_binds_share_all_messages_without_gap_or_repetition() {
        for window in [1, 10, 100] {
            let schedule = Schedule::new(Instant::now(), 1_000.0, 3, window);
            let mut cursors: Vec<Cursor> = (0..3).map(|bind| schedule.cursor(bind)).collect();
            let mut numbers = Vec::new();
            for (bind, cursor) in cursors.iter_mut().enumerate() {
                for _ in 0..80 {
                    let (number, due) = cursor.next();
                    assert_eq!((schedule.bind_of(number), schedule.due(number)), (bind, due));
                    numbers.push(number);
                    cursor.advance();
                }
            }
            numbers.sort_unstable();
            assert_eq!(numbers, (0..240).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn a_window_of_one_is_not_given_messages_in_rows() {
        let schedule = Schedule::new(Instant::now(), 1_000.0, 2, 1);
        assert_eq!([0, 1, 2].map(|number| schedule.bind_of(number)), [0, 1, 0]);
    }
}
