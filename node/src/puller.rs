//! How much of its window a session or link has given to which partition. Pure.
//!
//! A pull never waits in the store. Where a node has one partition, the whole window stands there: what becomes due is
//! leased into it at once, and what is settled makes room again, without a word from the holder. With several partitions
//! room must not stand in each of them: a partition rings when its outbox goes from empty to due, and the holder answers
//! with a pull for as much as its window has room. What is asked for counts against the window at once, so what is
//! leased never exceeds it, however many partitions ring.
//!
//! A partition that has gone answers no more: what of the window was given to it is free again. What was sent of its
//! leases is settled as late, whoever has it now, and is not counted any more.

use std::collections::VecDeque;

use smallvec::SmallVec;
use smsc_proto::ids::PartitionId;
use smsc_store::{Lease, Rest};

/// The window of one holder.
#[derive(Debug)]
pub struct Puller {
    window: u32,
    /// What each partition has of the window.
    in_use: SmallVec<[(PartitionId, u32); 1]>,
    /// Of partitions that have gone, the newest lease that came from there.
    gone: Vec<Lease>,
    newest: SmallVec<[Lease; 1]>,
    ringing: VecDeque<PartitionId>,
    rest: Rest,
    /// Where room stands.
    stands_at: Option<PartitionId>,
}

/// A pull to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPull {
    /// From here.
    pub partition: PartitionId,
    /// So much.
    pub room: u32,
    /// What becomes of the room that is left.
    pub rest: Rest,
}

impl Puller {
    /// A holder that may have `window` deliveries leased at a time. [`Rest::Stands`] is for one that pulls from one
    /// partition alone.
    pub fn new(window: u32, rest: Rest) -> Self {
        Self {
            window,
            in_use: SmallVec::new(),
            gone: Vec::new(),
            newest: SmallVec::new(),
            ringing: VecDeque::new(),
            rest,
            stands_at: None,
        }
    }

    /// Something is due there.
    pub fn ring(&mut self, partition: PartitionId) {
        if !self.ringing.contains(&partition) {
            self.ringing.push_back(partition);
        }
    }

    /// Room in the window.
    pub fn free(&self) -> u32 {
        self.window.saturating_sub(self.in_use())
    }

    /// How much could be pulled now; zero when nothing rings.
    pub fn wanted(&self) -> u32 {
        if self.ringing.is_empty() { 0 } else { self.free() }
    }

    /// The next pull, of at most `room_max`. In turn over the partitions that ring.
    pub fn next_pull(&mut self, room_max: u32) -> Option<NextPull> {
        let room = self.wanted().min(room_max);
        if room == 0 {
            return None;
        }
        let partition = self.ringing.pop_front()?;
        *self.share(partition) += room;
        if self.rest == Rest::Stands {
            self.stands_at = Some(partition);
        }
        Some(NextPull { partition, room, rest: self.rest })
    }

    /// Deliveries came, for which `room` of what was asked for has ended. All of it means that there may be more.
    pub fn leased(&mut self, partition: PartitionId, room: u32, count: u32) {
        let share = self.share(partition);
        *share = share.saturating_sub(room - count.min(room));
        if count >= room && room > 0 {
            self.ring(partition);
        }
    }

    /// So many leases of that partition have ended.
    pub fn settled(&mut self, partition: PartitionId, count: u32) {
        let share = self.share(partition);
        *share = share.saturating_sub(count);
    }

    /// Leases held, room that stands, and pulls under way.
    pub fn in_use(&self) -> u32 {
        self.in_use.iter().map(|(_, share)| share).sum()
    }

    fn share(&mut self, partition: PartitionId) -> &mut u32 {
        let place = self.in_use.iter().position(|(of, _)| *of == partition);
        let place = place.unwrap_or_else(|| {
            self.in_use.push((partition, 0));
            self.in_use.len() - 1
        });
        &mut self.in_use[place].1
    }

    /// One of the leases that came, so that those of a partition that goes can be told from those of its next life.
    pub fn note(&mut self, lease: Lease) {
        match self.newest.iter_mut().find(|newest| newest.partition == lease.partition) {
            Some(newest) => *newest = lease,
            None => self.newest.push(lease),
        }
    }

    /// A partition has gone, or begins anew: nothing more comes of what was asked for there.
    pub fn gone(&mut self, partition: PartitionId) {
        *self.share(partition) = 0;
        self.ringing.retain(|ringing| *ringing != partition);
        self.stands_at = self.stands_at.filter(|stands_at| *stands_at != partition);
        if let Some(place) = self.newest.iter().position(|newest| newest.partition == partition) {
            self.gone.retain(|gone| gone.partition != partition);
            self.gone.push(self.newest.swap_remove(place));
        }
    }

    /// Whether the lease ended when its partition went: its outcome comes late.
    pub fn is_of_the_past(&self, lease: Lease) -> bool {
        self.gone.iter().any(|gone| gone.partition == lease.partition && lease.life() <= gone.life())
    }

    /// What becomes of room that is left.
    pub fn rest(&self) -> Rest {
        self.rest
    }

    /// Passes a ring on for which there is no room now: others are rung.
    pub fn pass_on(&self, partition: PartitionId) -> NextPull {
        NextPull { partition, room: 0, rest: self.rest }
    }

    /// From now on room stands, or it does not. Then the room that stands is to be asked back with the pull that is
    /// returned; that partition is pulled from anew.
    pub fn set_rest(&mut self, rest: Rest) -> Option<NextPull> {
        self.rest = rest;
        let partition = if rest == Rest::Returns { self.stands_at.take()? } else { return None };
        self.ring(partition);
        Some(self.pass_on(partition))
    }

    /// Asks for nothing any more. Room that stands is to be asked back, as with [`set_rest`](Self::set_rest).
    pub fn stop(&mut self) -> Option<NextPull> {
        let recalled = self.set_rest(Rest::Returns);
        self.window = 0;
        self.ringing.clear();
        recalled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: u16) -> PartitionId {
        PartitionId::new(number).expect("below 1024")
    }

    fn pull(number: u16, room: u32) -> Option<NextPull> {
        Some(NextPull { partition: partition(number), room, rest: Rest::Returns })
    }

    #[test]
    fn what_is_asked_for_counts_against_the_window_at_once() {
        let mut puller = Puller::new(10, Rest::Returns);
        puller.ring(partition(0));
        puller.ring(partition(1));
        assert_eq!(puller.next_pull(u32::MAX), pull(0, 10));
        assert_eq!(puller.next_pull(u32::MAX), None);
    }

    #[test]
    fn what_was_not_there_is_free_for_the_next_partition() {
        let mut puller = Puller::new(10, Rest::Returns);
        puller.ring(partition(0));
        puller.ring(partition(1));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 10, 4);
        assert_eq!(puller.next_pull(u32::MAX), pull(1, 6));
    }

    #[test]
    fn a_pull_that_was_filled_is_repeated_when_there_is_room_again() {
        let mut puller = Puller::new(2, Rest::Returns);
        puller.ring(partition(0));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 2, 2);
        assert_eq!(puller.next_pull(u32::MAX), None);
        puller.settled(partition(0), 1);
        assert_eq!(puller.next_pull(u32::MAX), pull(0, 1));
    }

    #[test]
    fn a_paced_link_pulls_less_than_its_window() {
        let mut puller = Puller::new(100, Rest::Returns);
        puller.ring(partition(0));
        assert_eq!(puller.next_pull(3), pull(0, 3));
        assert_eq!(puller.in_use(), 3);
    }

    #[test]
    fn what_a_partition_had_of_the_window_is_free_when_it_goes() {
        let mut puller = Puller::new(10, Rest::Returns);
        puller.ring(partition(0));
        puller.next_pull(4);
        let lease = |life: u32| Lease { partition: partition(0), slot: 1, number: life << 16 | 2 };
        puller.leased(partition(0), 4, 2);
        puller.note(lease(1));
        puller.gone(partition(0));
        assert_eq!((puller.in_use(), puller.wanted()), (0, 0));
        assert!(puller.is_of_the_past(lease(1)) && !puller.is_of_the_past(lease(2)));
        puller.ring(partition(0));
        assert_eq!(puller.next_pull(u32::MAX), pull(0, 10), "it begins anew");
    }

    #[test]
    fn a_stopped_holder_asks_for_nothing() {
        let mut puller = Puller::new(10, Rest::Returns);
        puller.ring(partition(0));
        puller.stop();
        puller.ring(partition(0));
        assert_eq!(puller.next_pull(u32::MAX), None);
    }
    #[test]
    fn room_that_stands_is_pulled_once_and_used_again_and_again() {
        let mut puller = Puller::new(10, Rest::Stands);
        puller.ring(partition(0));
        let whole = NextPull { partition: partition(0), room: 10, rest: Rest::Stands };
        assert_eq!(puller.next_pull(u32::MAX), Some(whole));
        for _ in 0..3 {
            puller.leased(partition(0), 7, 7);
            assert_eq!(puller.next_pull(u32::MAX), None, "what is settled makes room in the store");
        }
    }

    #[test]
    fn room_that_stands_comes_back_when_it_is_asked_back() {
        let mut puller = Puller::new(10, Rest::Stands);
        puller.ring(partition(0));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 4, 4);
        assert_eq!(puller.set_rest(Rest::Returns), pull(0, 0));
        puller.leased(partition(0), 6, 0);
        assert_eq!(puller.next_pull(3), pull(0, 3), "now at a pace");
    }

    #[test]
    fn a_holder_that_stops_holds_what_is_leased_until_it_is_settled() {
        let mut puller = Puller::new(10, Rest::Stands);
        puller.ring(partition(0));
        puller.next_pull(u32::MAX);
        puller.leased(partition(0), 4, 4);
        assert_eq!(puller.stop(), pull(0, 0));
        puller.leased(partition(0), 6, 0);
        assert_eq!(puller.in_use(), 4);
        puller.settled(partition(0), 4);
        assert_eq!(puller.in_use(), 0);
    }
}
