//! Moves waiting messages of one outbox elsewhere, in steps. The choice needs the bodies: a step waits until those that
//! are not in memory have been read back.

use std::ops::Bound;
use std::sync::Arc;

use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::Body;
use super::{Batch, Partition};
use crate::event::Event;
use crate::lifecycle::Stage;
use crate::messages::{Origin, Outbox, Reroute, Rerouted};
use crate::outbox::{OutboxIndex, ReroutePlace};

/// Entries that are not due yet belong to all outboxes: so many are looked through per message that may move.
const LOOKS_PER_MESSAGE: usize = 16;

/// Messages looked at per step at most while some have to be read back: their bodies are in memory all at once.
const STEP_OF_SPILLED: usize = 128;

impl Partition {
    /// One step. Steps go on where the one before ended, until one says that there is no more.
    pub(super) fn reroute(&mut self, now: Timestamp, reroute: Reroute, batch: &mut Batch) {
        let (mut moved, mut more) = (0, false);
        let from = reroute.from;
        if let Some(index) = self.outboxes.find(from) {
            let from_the_start = self.outboxes.get(index).reroute.is_none();
            let looks = reroute.step_max.max(1) as usize;
            let looks = if self.outboxes.spilled > 0 { looks.min(STEP_OF_SPILLED) } else { looks };
            let (slots, place) = self.waiting_from(index, self.outboxes.get(index).reroute, looks);
            let may_move: Vec<u64> = slots.iter().copied().filter(|slot| self.may_move(*slot, index)).collect();
            if self.misses_bodies(&may_move) {
                return self.reads.reroutes.push(reroute);
            }
            self.outboxes.get_mut(index).reroute = place;
            for slot in may_move {
                moved += u32::from(self.reroute_one(now, slot, index, &reroute.choose, batch));
                // Its body may have been read back for the choice only.
                self.rest(slot);
            }
            // What is staged was not in the queues yet; it is not worth another long walk past all that stays.
            let staged = self.outboxes.get(index).count(Stage::Staged) > 0;
            more = place.is_some() || staged && from_the_start;
        }
        let answer = Rerouted { from, partition: self.id, moved, more };
        batch.answers.push(Answer::Rerouted(reroute.reply, answer));
    }

    /// The next slots that wait in an outbox, and where to go on.
    pub(super) fn waiting_from(
        &self,
        index: OutboxIndex,
        place: Option<ReroutePlace>,
        looks: usize,
    ) -> (Vec<u64>, Option<ReroutePlace>) {
        let state = self.outboxes.get(index);
        let mut slots = Vec::new();
        let start = place.unwrap_or(ReroutePlace::Queue { priority: 0, next: 0 });
        let place = state.ready.walk(start, looks, &mut slots);
        let mut after = match place {
            Some(ReroutePlace::NotDue { after }) => after,
            Some(place) => return (slots, Some(place)),
            None => (Timestamp::default(), 0),
        };
        for (looked, entry) in self.not_due.range((Bound::Excluded(after), Bound::Unbounded)).enumerate() {
            if slots.len() >= looks || looked >= looks * LOOKS_PER_MESSAGE {
                return (slots, Some(ReroutePlace::NotDue { after }));
            }
            after = *entry;
            if self.slab.get(entry.1).is_some_and(|delivery| delivery.place() == index) {
                slots.push(entry.1);
            }
        }
        (slots, None)
    }

    /// Whether it is a message that waits there.
    pub(super) fn may_move(&self, slot: u64, from: OutboxIndex) -> bool {
        self.slab.get(slot).is_some_and(|delivery| {
            let waits = matches!(delivery.stage, Stage::Ready | Stage::Scheduled | Stage::Retry);
            waits && !delivery.is_receipt() && delivery.outbox == from
        })
    }

    #[allow(clippy::type_complexity)]
    fn reroute_one(
        &mut self,
        now: Timestamp,
        slot: u64,
        from: OutboxIndex,
        choose: &Arc<dyn Fn(Origin, &[u8]) -> Option<Outbox> + Send + Sync>,
        batch: &mut Batch,
    ) -> bool {
        let Some(delivery) = self.slab.get(slot) else { return false };
        let Body::Memory(body) = &delivery.body else { return false };
        let Some(to) = choose(self.origin_of(delivery), body) else { return false };
        if to == self.outboxes.get(from).outbox {
            return false;
        }
        self.move_to(now, slot, from, to, batch);
        true
    }

    /// A message that waits in `from` waits in another outbox from now on.
    pub(super) fn move_to(&mut self, now: Timestamp, slot: u64, from: OutboxIndex, to: Outbox, batch: &mut Batch) {
        let Some(delivery) = self.slab.get(slot) else { return };
        let (unanswered, number) = (delivery.unanswered, delivery.number);
        let octets = self.record(now, &Event::Rerouted { slot, outbox: to }, batch).1;
        self.grow(slot, octets);
        self.unqueue(slot);
        let index = self.outboxes.index(to);
        self.change_and_stage(slot, batch, |delivery| delivery.outbox = index);
        if unanswered > 0 {
            // The operator that it leaves may have it: its late response is still to be understood.
            self.moved_from.entry(slot).or_insert((from, number));
        }
    }
}
