//! What of one outbox may be pulled now: four priorities, each in the order of due times.

use std::collections::BTreeSet;

use smsc_proto::timestamp::Timestamp;

use super::{Fifo, OutboxIndex};
use crate::lifecycle::Stage;
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

    /// The next one to leave.
    pub(crate) fn pop(&mut self, slab: &Slab, outbox: OutboxIndex) -> Option<u64> {
        loop {
            for priority in (0..4).rev() {
                if self.credits[priority] > 0
                    && let Some(slot) = self.queues[priority].pop(slab, outbox)
                {
                    self.credits[priority] -= 1;
                    return Some(slot);
                }
            }
            if self.queues.iter().all(Queue::is_empty) {
                return None;
            }
            self.credits = WEIGHTS;
        }
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
    fn is_empty(&self) -> bool {
        self.fifo.is_empty() && self.late.is_empty()
    }

    fn pop(&mut self, slab: &Slab, outbox: OutboxIndex) -> Option<u64> {
        loop {
            let slot = if self.late.is_empty() {
                self.fifo.pop()?
            } else {
                let Some(front) = self.fifo.front() else {
                    let (_, slot) = self.late.pop_first()?;
                    if is_ready(slab, slot, outbox) {
                        return Some(slot);
                    }
                    continue;
                };
                let Some(due) = slab.get(front).map(|delivery| delivery.due) else {
                    self.fifo.pop();
                    continue;
                };
                let late_first = self.late.first().is_some_and(|late| *late < (due, front));
                if late_first { self.late.pop_first()?.1 } else { self.fifo.pop()? }
            };
            if is_ready(slab, slot, outbox) {
                return Some(slot);
            }
        }
    }

    fn oldest_due(&self, slab: &Slab, outbox: OutboxIndex) -> Option<Timestamp> {
        let due = |slot: u64| is_ready(slab, slot, outbox).then(|| slab.get(slot).map(|delivery| delivery.due))?;
        // Entries that are no longer ready may stand in front; looking past a few of them is enough for a gauge.
        let first = self.fifo.iter().take(64).find_map(due);
        let late = self.late.iter().take(64).find_map(|(_, slot)| due(*slot));
        first.into_iter().chain(late).min()
    }
}

fn is_ready(slab: &Slab, slot: u64, outbox: OutboxIndex) -> bool {
    slab.get(slot).is_some_and(|delivery| delivery.stage == Stage::Ready && delivery.place() == outbox)
}
