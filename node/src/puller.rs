//! How much of its window a session or link has given to which partition. Pure.
//!
//! A pull never waits in the store: a partition rings when its outbox goes from empty to due, and the holder answers
//! with a pull for as much as its window has room. What is asked for counts against the window at once, so what is
//! leased never exceeds it, however many partitions ring.

use std::collections::VecDeque;

use smsc_proto::ids::PartitionId;

/// The window of one holder.
#[derive(Debug)]
pub struct Puller {
    window: u32,
    in_use: u32,
    ringing: VecDeque<PartitionId>,
}

impl Puller {
    /// A holder that may have `window` deliveries leased at a time.
    pub fn new(window: u32) -> Self {
        Self { window, in_use: 0, ringing: VecDeque::new() }
    }

    /// Something is due there.
    pub fn ring(&mut self, partition: PartitionId) {
        if !self.ringing.contains(&partition) {
            self.ringing.push_back(partition);
        }
    }

    /// Room in the window.
    pub fn free(&self) -> u32 {
        self.window.saturating_sub(self.in_use)
    }

    /// How much could be pulled now; zero when nothing rings.
    pub fn wanted(&self) -> u32 {
        if self.ringing.is_empty() { 0 } else { self.free() }
    }

    /// The next pull, of at most `room_max`: partition and room. In turn over the partitions that ring.
    pub fn next_pull(&mut self, room_max: u32) -> Option<(PartitionId, u32)> {
        let room = self.wanted().min(room_max);
        if room == 0 {
            return None;
        }
        let partition = self.ringing.pop_front()?;
        self.in_use += room;
        Some((partition, room))
    }

    /// A pull was answered with `count` of `room`. All of it means that there may be more.
    pub fn leased(&mut self, partition: PartitionId, room: u32, count: u32) {
        self.in_use = self.in_use.saturating_sub(room - count.min(room));
        if count >= room && room > 0 {
            self.ring(partition);
        }
    }

    /// So many leases have ended.
    pub fn settled(&mut self, count: u32) {
        self.in_use = self.in_use.saturating_sub(count);
    }

    /// Leases held and pulls under way.
    pub fn in_use(&self) -> u32 {
        self.in_use
    }

    /// Asks for nothing any more.
    pub fn stop(&mut self) {
        self.window = 0;
        self.ringing.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: u16) -> PartitionId {
        PartitionId::new(number).expect("below 1024")
    }

    #[test]
    fn what_is_asked_for_counts_against_the_window_at_once() {
        let mut puller = Puller::new(10);
        puller.ring(partition(0));
        puller.ring(partition(1));
        assert_eq!(puller.next_pull(u32::MAX), Some((partition(0), 10)));
        assert_eq!(puller.next_pull(u32::MAX), None);
    }

    #[test]
    fn what_was_not_there_is_free_for_the_next_partition() {
        let mut puller = Puller::new(10);
        puller.ring(partition(0));
        puller.ring(partition(1));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 10, 4);
        assert_eq!(puller.next_pull(u32::MAX), Some((partition(1), 6)));
    }

    #[test]
    fn a_pull_that_was_filled_is_repeated_when_there_is_room_again() {
        let mut puller = Puller::new(2);
        puller.ring(partition(0));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 2, 2);
        assert_eq!(puller.next_pull(u32::MAX), None);
        puller.settled(1);
        assert_eq!(puller.next_pull(u32::MAX), Some((partition(0), 1)));
    }

    #[test]
    fn a_paced_link_pulls_less_than_its_window() {
        let mut puller = Puller::new(100);
        puller.ring(partition(0));
        assert_eq!(puller.next_pull(3), Some((partition(0), 3)));
        assert_eq!(puller.in_use(), 3);
    }

    #[test]
    fn a_stopped_holder_asks_for_nothing() {
        let mut puller = Puller::new(10);
        puller.ring(partition(0));
        puller.stop();
        puller.ring(partition(0));
        assert_eq!(puller.next_pull(u32::MAX), None);
    }
}
