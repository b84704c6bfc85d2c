//! Ends or moves what waits in an outbox, and has messages tried at once: never more than a step's worth of work at a time.

use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::{Batch, Partition};
use crate::lifecycle::Stage;
use crate::messages::*;
use crate::outbox::OutboxIndex;

/// Messages that one step looks at: the partition serves others between two steps.
pub(crate) const SWEEP_STEP: usize = 1_000;

impl Partition {
    /// One step.
    pub(super) fn sweep(&mut self, now: Timestamp, sweep: Sweep, batch: &mut Batch) {
        let Sweep { tag, outbox, accepted_until, what, after, reply } = sweep;
        let (mut count, mut next) = (0, None);
        if let Some(index) = self.outboxes.find(outbox) {
            let (mut slots, place) = self.waiting_from(index, after.map(|SweepPlace(place)| place), SWEEP_STEP);
            slots.retain(|slot| self.may_be_swept(*slot, index, accepted_until, what));
            count = slots.len() as u32;
            next = place.map(SweepPlace);
            for slot in slots {
                match what {
                    Sweeping::CountEnds | Sweeping::CountMoves => {}
                    Sweeping::End => self.withdraw(now, slot, batch),
                    Sweeping::Move(to) => self.move_to(now, slot, index, to, batch),
                }
            }
        }
        let swept = Swept { tag, partition: self.id, count, next, reached: true };
        batch.answers.push(Answer::Swept(reply, swept));
    }

    fn may_be_swept(&self, slot: u64, from: OutboxIndex, accepted_until: Timestamp, what: Sweeping) -> bool {
        let fits = self.slab.get(slot).is_some_and(|delivery| {
            let is_free = match what {
                Sweeping::CountEnds | Sweeping::End => delivery.is_withdrawable(),
                Sweeping::CountMoves | Sweeping::Move(_) => true,
            };
            is_free && delivery.accepted <= accepted_until
        });
        fits && self.may_move(slot, from)
    }

    /// What of a message waits for its next attempt is due now.
    pub(super) fn hurry(&mut self, now: Timestamp, Hurry { tag, message, reply }: Hurry, batch: &mut Batch) {
        let mut slots = self.slots_of(message);
        slots.retain(|slot| self.slab.get(*slot).is_some_and(|delivery| delivery.stage == Stage::Retry));
        let count = slots.len() as u32;
        for slot in slots {
            self.unqueue(slot);
            if let Some(delivery) = self.slab.get_mut(slot) {
                delivery.due = now;
            }
            self.make_visible(now, slot);
        }
        batch.answers.push(Answer::Hurried(reply, Hurried { tag, count, reached: true }));
    }
}
