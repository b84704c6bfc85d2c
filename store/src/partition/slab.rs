//! All deliveries of a partition by slot, in chunks.
//!
//! Slots rise and are never reused, so a chunk is 1,024 neighbours. It is freed when all of them are gone, and packed
//! when few are left. Nothing here grows by doubling over all messages: that stalled a partition for seconds.
//!
//! Each chunk knows the earliest time at which one of its deliveries may end (validity, grace, a receipt's lifetime),
//! so that no message needs a timer of its own.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use smsc_proto::timestamp::Timestamp;

use super::delivery::Delivery;
use crate::lifecycle::Stage;

/// Slots of a chunk.
pub(crate) const CHUNK: u64 = 1_024;
/// A full chunk with at most so many left is packed.
const PACKED_MAX: u32 = 64;

/// The deliveries.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    chunks: FxHashMap<u64, Chunk>,
    /// (lowest tick, chunk): ids rise with slots.
    by_tick: BTreeSet<(u64, u64)>,
    /// (time, chunk): when a chunk is to be looked through.
    wakes: BTreeSet<(Timestamp, u64)>,
    next_slot: u64,
}

#[derive(Debug)]
struct Chunk {
    slots: Slots,
    live: u32,
    lowest_tick: u64,
    wake: Option<Timestamp>,
}

#[derive(Debug)]
enum Slots {
    /// By place; what is gone stays as an empty place.
    Dense(Vec<Delivery>),
    /// Sorted by place.
    Packed(Vec<(u16, Delivery)>),
}

impl Slots {
    fn get(&self, place: usize) -> Option<&Delivery> {
        match self {
            Self::Dense(slots) => slots.get(place).filter(|delivery| delivery.stage != Stage::Gone),
            Self::Packed(slots) => {
                slots.binary_search_by_key(&place, |(other, _)| usize::from(*other)).ok().map(|at| &slots[at].1)
            }
        }
    }

    fn get_mut(&mut self, place: usize) -> Option<&mut Delivery> {
        match self {
            Self::Dense(slots) => slots.get_mut(place).filter(|delivery| delivery.stage != Stage::Gone),
            Self::Packed(slots) => match slots.binary_search_by_key(&place, |(other, _)| usize::from(*other)) {
                Ok(at) => Some(&mut slots[at].1),
                Err(_) => None,
            },
        }
    }

    fn put(&mut self, place: usize, delivery: Delivery) -> bool {
        match self {
            Self::Dense(slots) => {
                while slots.len() < place {
                    slots.push(Delivery::gone());
                }
                if slots.len() == place {
                    slots.push(delivery);
                    true
                } else {
                    std::mem::replace(&mut slots[place], delivery).stage == Stage::Gone
                }
            }
            Self::Packed(slots) => match slots.binary_search_by_key(&place, |(other, _)| usize::from(*other)) {
                Ok(at) => {
                    slots[at].1 = delivery;
                    false
                }
                Err(at) => {
                    slots.insert(at, (place as u16, delivery));
                    true
                }
            },
        }
    }

    fn take(&mut self, place: usize) -> Option<Delivery> {
        match self {
            Self::Dense(slots) => slots
                .get_mut(place)
                .filter(|delivery| delivery.stage != Stage::Gone)
                .map(|delivery| std::mem::replace(delivery, Delivery::gone())),
            Self::Packed(slots) => {
                let at = slots.binary_search_by_key(&place, |(other, _)| usize::from(*other)).ok()?;
                Some(slots.remove(at).1)
            }
        }
    }
}

fn split(slot: u64) -> (u64, usize) {
    (slot / CHUNK, (slot % CHUNK) as usize)
}

impl Slab {
    /// The next slot.
    pub(crate) const fn next_slot(&self) -> u64 {
        self.next_slot
    }

    /// Slots below this one were given before a restart.
    pub(crate) fn given(&mut self, next_slot: u64) {
        self.next_slot = self.next_slot.max(next_slot);
    }

    pub(crate) fn get(&self, slot: u64) -> Option<&Delivery> {
        let (chunk, place) = split(slot);
        self.chunks.get(&chunk)?.slots.get(place)
    }

    pub(crate) fn get_mut(&mut self, slot: u64) -> Option<&mut Delivery> {
        let (chunk, place) = split(slot);
        self.chunks.get_mut(&chunk)?.slots.get_mut(place)
    }

    /// Puts a delivery into the next slot.
    pub(crate) fn push(&mut self, delivery: Delivery) -> u64 {
        let slot = self.next_slot;
        self.put(slot, delivery);
        slot
    }

    /// Puts a delivery into a slot, in place of what was there.
    pub(crate) fn put(&mut self, slot: u64, delivery: Delivery) {
        let (number, place) = split(slot);
        let tick = delivery.tick;
        let chunk = self.chunks.entry(number).or_insert_with(|| Chunk {
            slots: Slots::Dense(Vec::with_capacity(CHUNK as usize)),
            live: 0,
            lowest_tick: u64::MAX,
            wake: None,
        });
        if chunk.slots.put(place, delivery) {
            chunk.live += 1;
        }
        if tick < chunk.lowest_tick {
            self.by_tick.remove(&(chunk.lowest_tick, number));
            chunk.lowest_tick = tick;
            self.by_tick.insert((tick, number));
        }
        self.next_slot = self.next_slot.max(slot.saturating_add(1));
    }

    /// Empties a slot.
    pub(crate) fn remove(&mut self, slot: u64) -> Option<Delivery> {
        let (number, place) = split(slot);
        let chunk = self.chunks.get_mut(&number)?;
        let delivery = chunk.slots.take(place)?;
        chunk.live -= 1;
        let full = self.next_slot / CHUNK > number;
        if full && chunk.live == 0 {
            self.by_tick.remove(&(chunk.lowest_tick, number));
            if let Some(wake) = chunk.wake {
                self.wakes.remove(&(wake, number));
            }
            self.chunks.remove(&number);
        } else if full
            && chunk.live <= PACKED_MAX
            && let Slots::Dense(slots) = &mut chunk.slots
        {
            let packed = std::mem::take(slots)
                .into_iter()
                .zip(0_u16..)
                .filter(|(delivery, _)| delivery.stage != Stage::Gone)
                .map(|(delivery, place)| (place, delivery))
                .collect();
            chunk.slots = Slots::Packed(packed);
        }
        Some(delivery)
    }

    /// A delivery of this slot may end then.
    pub(crate) fn wake_at(&mut self, slot: u64, time: Timestamp) {
        let number = split(slot).0;
        if let Some(chunk) = self.chunks.get_mut(&number)
            && chunk.wake.is_none_or(|wake| time < wake)
        {
            if let Some(wake) = chunk.wake.replace(time) {
                self.wakes.remove(&(wake, number));
            }
            self.wakes.insert((time, number));
        }
    }

    /// When the first chunk is to be looked through.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.wakes.first().map(|(wake, _)| *wake)
    }

    /// The first chunk whose time has come; it sleeps until the next [`wake_at`](Self::wake_at).
    pub(crate) fn take_woken(&mut self, now: Timestamp) -> Option<u64> {
        let (wake, number) = *self.wakes.first().filter(|(wake, _)| *wake <= now)?;
        self.wakes.remove(&(wake, number));
        if let Some(chunk) = self.chunks.get_mut(&number) {
            chunk.wake = None;
        }
        Some(number)
    }

    /// The deliveries of a chunk with their slots, in rising order.
    pub(crate) fn chunk(&self, number: u64) -> impl Iterator<Item = (u64, &Delivery)> {
        let (dense, packed) = match self.chunks.get(&number).map(|chunk| &chunk.slots) {
            Some(Slots::Dense(slots)) => (slots.as_slice(), [].as_slice()),
            Some(Slots::Packed(slots)) => ([].as_slice(), slots.as_slice()),
            None => ([].as_slice(), [].as_slice()),
        };
        let first = number * CHUNK;
        let dense = (first..).zip(dense).filter(|(_, delivery)| delivery.stage != Stage::Gone);
        dense.chain(packed.iter().map(move |(place, delivery)| (first + u64::from(*place), delivery)))
    }

    /// The numbers of all chunks, in rising order.
    pub(crate) fn chunks(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = self.chunks.keys().copied().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Chunks that begin before this (lowest tick, chunk), newest first, each with its lowest tick.
    pub(crate) fn chunks_before(&self, place: (u64, u64)) -> impl Iterator<Item = (u64, u64)> {
        self.by_tick.range(..place).rev().copied()
    }

    /// The slots of a message's deliveries.
    pub(crate) fn with_tick(&self, tick: u64) -> Vec<u64> {
        let mut slots = Vec::new();
        // The last chunk that begins at or before the tick, and those before it while they begin with it.
        for (lowest, number) in self.by_tick.range(..=(tick, u64::MAX)).rev() {
            let found = self.chunk(*number).filter(|(_, delivery)| delivery.tick == tick).map(|(slot, _)| slot);
            slots.extend(found);
            if *lowest < tick {
                break;
            }
        }
        slots.sort_unstable();
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(tick: u64) -> Delivery {
        Delivery { tick, stage: Stage::Ready, ..Delivery::gone() }
    }

    fn filled(count: u64) -> Slab {
        let mut slab = Slab::default();
        for tick in 0..count {
            slab.push(delivery(tick));
        }
        slab
    }

    #[test]
    fn a_chunk_is_freed_when_all_of_it_is_gone() {
        let mut slab = filled(3 * CHUNK);
        for slot in CHUNK..2 * CHUNK {
            assert!(slab.remove(slot).is_some());
        }
        assert_eq!(slab.chunks(), [0, 2]);
        assert!(slab.get(CHUNK).is_none() && slab.remove(CHUNK).is_none());
    }

    #[test]
    fn the_chunk_that_is_being_filled_stays() {
        let mut slab = filled(3);
        for slot in 0..3 {
            slab.remove(slot);
        }
        assert_eq!(slab.push(delivery(9)), 3);
        assert_eq!(slab.get(3).map(|delivery| delivery.tick), Some(9));
    }

    #[test]
    fn the_few_left_of_a_full_chunk_are_packed_and_still_found() {
        let mut slab = filled(2 * CHUNK);
        for slot in (0..CHUNK).filter(|slot| slot % 100 != 7) {
            slab.remove(slot);
        }
        let left: Vec<u64> = slab.chunk(0).map(|(slot, _)| slot).collect();
        assert_eq!(left, (0..CHUNK).filter(|slot| slot % 100 == 7).collect::<Vec<_>>());
        assert_eq!(slab.with_tick(107), [107]);
        assert!(slab.get_mut(107).is_some() && slab.get(108).is_none());
    }

    #[test]
    fn a_message_over_the_border_of_two_chunks_is_found_whole() {
        let mut slab = filled(CHUNK - 2);
        for _ in 0..4 {
            slab.push(delivery(5_000));
        }
        slab.push(delivery(5_001));
        assert_eq!(slab.with_tick(5_000), [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1]);
        assert_eq!(slab.with_tick(5_001), [CHUNK + 2]);
        assert!(slab.with_tick(4_999).is_empty());
    }

    #[test]
    fn slots_may_come_in_any_order_on_replay() {
        let mut slab = Slab::default();
        slab.put(5_000, delivery(50));
        slab.put(7, delivery(3));
        assert_eq!((slab.with_tick(3), slab.with_tick(50), slab.next_slot()), (vec![7], vec![5_000], 5_001));
    }

    #[test]
    fn a_chunk_wakes_once_at_its_earliest_time() {
        let mut slab = filled(2 * CHUNK);
        let at = Timestamp::from_millis;
        slab.wake_at(0, at(50));
        slab.wake_at(1, at(30));
        slab.wake_at(2, at(40));
        slab.wake_at(CHUNK, at(35));
        assert_eq!(slab.take_woken(at(29)), None);
        assert_eq!(
            (slab.take_woken(at(40)), slab.take_woken(at(40)), slab.take_woken(at(99))),
            (Some(0), Some(1), None)
        );
    }
}
