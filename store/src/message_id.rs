//! Gives message ids: they rise, and none is ever given twice.
//!
//! The highest id given so far stands in the head of every journal record, so that neither a restart nor a clock that
//! went back can repeat one (S42).

use smsc_proto::ids::{MessageId, PartitionId};
use smsc_proto::timestamp::Timestamp;

/// The source of one partition's ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MessageIds {
    partition: PartitionId,
    highest: u64,
}

impl MessageIds {
    /// A source that has given none.
    pub(crate) const fn new(partition: PartitionId) -> Self {
        Self { partition, highest: 0 }
    }

    /// The next tick: of this millisecond if the clock has passed the last one, else the one after the last.
    pub(crate) fn next_tick(&mut self, now: Timestamp) -> u64 {
        self.highest = (self.highest + 1).max(MessageId::tick_at(now.as_millis()));
        self.highest
    }

    /// The highest tick given so far; zero if none was.
    pub(crate) const fn highest(&self) -> u64 {
        self.highest
    }

    /// Ticks up to this one were given before a restart.
    pub(crate) fn given(&mut self, tick: u64) {
        self.highest = self.highest.max(tick);
    }

    /// The id of a tick.
    pub(crate) const fn id(&self, tick: u64) -> MessageId {
        MessageId::from_tick(tick, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + millis)
    }

    fn source() -> MessageIds {
        MessageIds::new(PartitionId::new(5).expect("below 1024"))
    }

    #[test]
    fn ids_rise_within_a_millisecond_and_over_its_end() {
        let mut ids = source();
        let ticks: Vec<u64> = (0..10_000).map(|_| ids.next_tick(at(0))).collect();
        assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.id(ticks[0]) < ids.id(ticks[9_999]));
    }

    #[test]
    fn a_clock_that_goes_back_repeats_no_id() {
        let mut ids = source();
        let first = ids.next_tick(at(3_600_000));
        assert_eq!(ids.next_tick(at(0)), first + 1);
    }

    #[test]
    fn ids_go_on_after_the_highest_of_the_journal() {
        let mut before = source();
        let last = before.next_tick(at(10));
        let mut after = source();
        after.given(before.highest());
        assert_eq!(after.next_tick(at(0)), last + 1);
    }
}
