//! What of one outbox may be pulled now: four priorities, each in the order of due times.

use std::collections::BTreeSet;

use smsc_proto::timestamp::Timestamp;

use super::{Fifo, OutboxIndex};
use crate::lifecycle::Stage;
use crate::partition::delivery::Delivery;
use crate::partition::slab::Slab;

/// How many leave per round, by priority.
const WEIGHTS: [u8; 4] = [1, 2, 4, 8];

/// The queues of one outbox. An entry counts only while its delivery is ready in this outbox.
#[derive(Debug, Default)]
pub(crate) struct ReadyQueues {
    queues: [Queue; 4],
    /// How many of each priority may still leave in this round.
    credits: [u8; 4],
}

/// One priority.
#[derive(Debug, Default)]
struct Queue {
    /// In rising order of due times: nearly all deliveries come in it.
    fifo: Fifo<u64>,
    last_due: Timestamp,
    /// Those that came back or came late: retries, returned leases, scheduled messages.
    late: BTreeSet<(Timestamp, u64)>,
    /// The place in `fifo` up to which bodies have been read ahead.
    ahead: u64,
}

/// What a pull gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This delivery; its body is in memory.
    Slot(u64),
    /// Nothing now: what is next has to be read back first.
    Spilled,
    /// Nothing is ready.
    Nothing,
}

/// The first of one priority.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    slot: u64,
    late: bool,
    /// Its body is not in memory.
    pub(crate) spilled: bool,
    /// Its body is being read back.
    pub(crate) asked: bool,
}

/// How far a re-routing has looked: place in the queue of one priority, then among late, then among not yet due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReroutePlace {
    Queue { priority: u8, next: u64 },
    Late { priority: u8, after: (Timestamp, u64) },
    NotDue { after: (Timestamp, u64) },
}

impl ReadyQueues {
    pub(crate) fn push(&mut self, slot: u64, priority: u8, due: Timestamp) {
        let queue = &mut self.queues[usize::from(priority & 3)];
        if due >= queue.last_due || queue.fifo.is_empty() {
            queue.last_due = due;
            queue.fifo.push(slot);
        } else {
            queue.late.insert((due, slot));
        }
    }

    /// Removes everything: nothing is ready.
    pub(crate) fn clear(&mut self) {
        for queue in &mut self.queues {
            queue.fifo.clear();
            queue.late.clear();
        }
    }

    /// The next one to leave. A priority whose first is spilled lets the others go before it.
    pub(crate) fn pop(&mut self, slab: &Slab, outbox: OutboxIndex) -> Next {
        let mut next = Next::Nothing;
        for _ in 0..2 {
            for priority in (0..4).rev() {
                if self.credits[priority] == 0 {
                    continue;
                }
                match self.queues[priority].pop(slab, outbox) {
                    Next::Slot(slot) => {
                        self.credits[priority] -= 1;
                        return Next::Slot(slot);
                    }
                    Next::Spilled => next = Next::Spilled,
                    Next::Nothing => {}
                }
            }
            // The round is over.
            self.credits = WEIGHTS;
        }
        next
    }

    /// The first of one priority, if anything of it is ready.
    pub(crate) fn front(&mut self, priority: usize, slab: &Slab, outbox: OutboxIndex) -> Option<Front> {
        self.queues[priority].front(slab, outbox)
    }

    /// The first few of one priority that came late or came back.
    pub(crate) fn late(&self, priority: usize) -> impl Iterator<Item = u64> + '_ {
        self.queues[priority].late.iter().map(|(_, slot)| *slot)
    }

    /// From which place to which bodies of one priority are to be read ahead, so that those of `depth` entries are
    /// there; empty while half of that is there. `anew`: from the first one on, whatever was read before.
    pub(crate) fn window(&self, priority: usize, depth: u64, anew: bool) -> std::ops::Range<u64> {
        let queue = &self.queues[priority];
        let first = queue.fifo.popped();
        let ahead = if anew { first } else { queue.ahead.max(first) };
        let there = ahead - first;
        if there > depth / 2 { ahead..ahead } else { ahead..first + depth }
    }

    /// The entry of one priority at this place.
    pub(crate) fn at(&self, priority: usize, place: u64) -> Option<u64> {
        self.queues[priority].fifo.nth(place)
    }

    /// Bodies of one priority have been read ahead up to this place.
    pub(crate) fn read_to(&mut self, priority: usize, place: u64) {
        self.queues[priority].ahead = place;
    }

    pub(crate) fn oldest_due(&self, slab: &Slab, outbox: OutboxIndex) -> Option<Timestamp> {
        self.queues.iter().filter_map(|queue| queue.oldest_due(slab, outbox)).min()
    }

    /// Up to `looks` slots from a place on, and the place after them; `None`: there are no more.
    pub(crate) fn walk(&self, place: ReroutePlace, looks: usize, slots: &mut Vec<u64>) -> Option<ReroutePlace> {
        let mut place = place;
        let end = slots.len() + looks;
        while slots.len() < end {
            place = match place {
                ReroutePlace::Queue { priority, next } => {
                    let fifo = &self.queues[usize::from(priority)].fifo;
                    let next = next.max(fifo.popped());
                    match fifo.nth(next) {
                        Some(slot) => {
                            slots.push(slot);
                            ReroutePlace::Queue { priority, next: next + 1 }
                        }
                        None => ReroutePlace::Late { priority, after: (Timestamp::default(), 0) },
                    }
                }
                ReroutePlace::Late { priority, after } => {
                    let late = &self.queues[usize::from(priority)].late;
                    let range = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
                    match late.range(range).next() {
                        Some(entry) => {
                            slots.push(entry.1);
                            ReroutePlace::Late { priority, after: *entry }
                        }
                        None if priority < 3 => ReroutePlace::Queue { priority: priority + 1, next: 0 },
                        None => return None,
                    }
                }
                ReroutePlace::NotDue { .. } => return Some(place),
            };
        }
        Some(place)
    }
}

impl Queue {
    fn pop(&mut self, slab: &Slab, outbox: OutboxIndex) -> Next {
        let Some(front) = self.front(slab, outbox) else { return Next::Nothing };
        if front.spilled {
            return Next::Spilled;
        }
        self.drop_first(front.late);
        Next::Slot(front.slot)
    }

    /// The one that leaves next; entries before it that are no longer ready are dropped.
    fn front(&mut self, slab: &Slab, outbox: OutboxIndex) -> Option<Front> {
        loop {
            let (slot, late) = match (self.fifo.front(), self.late.first()) {
                (Some(front), None) => (front, false),
                (None, Some((_, slot))) => (*slot, true),
                (Some(front), Some(late)) => match slab.get(front).map(|delivery| delivery.due) {
                    Some(due) if *late < (due, front) => (late.1, true),
                    Some(_) | None => (front, false),
                },
                (None, None) => return None,
            };
            match slab.get(slot).filter(|delivery| is_ready(delivery, outbox)) {
                Some(delivery) => {
                    return Some(Front { slot, late, spilled: delivery.is_spilled(), asked: delivery.marks.asked() });
                }
                None => self.drop_first(late),
            }
        }
    }

    fn drop_first(&mut self, late: bool) {
        if late {
            self.late.pop_first();
        } else {
            self.fifo.pop();
        }
    }

    fn oldest_due(&self, slab: &Slab, outbox: OutboxIndex) -> Option<Timestamp> {
        let due = |slot: u64| slab.get(slot).filter(|delivery| is_ready(delivery, outbox)).map(|delivery| delivery.due);
        // Entries that are no longer ready may stand in front; looking past a few of them is enough for a gauge.
        let first = self.fifo.iter().take(64).find_map(due);
        let late = self.late.iter().take(64).find_map(|(_, slot)| due(*slot));
        first.into_iter().chain(late).min()
    }
}

fn is_ready(delivery: &Delivery, outbox: OutboxIndex) -> bool {
    delivery.stage == Stage::Ready && delivery.place() == outbox
}
