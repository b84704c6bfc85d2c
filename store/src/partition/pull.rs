//! Leases: handing out what is due, and taking back what a holder leaves behind. Nothing here writes an event, so a
//! pull never waits for the disk; nor does it wait for bodies that are not in memory: they are read ahead, and the
//! holder is rung when they are there.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smsc_proto::timestamp::Timestamp;

use super::batch::Answer;
use super::delivery::Body;
use super::notice::Notice;
use super::{Batch, Partition};
use crate::lifecycle::Stage;
use crate::messages::*;
use crate::outbox::{Next, OutboxIndex, Turn};

/// Who holds what.
#[derive(Debug, Default)]
pub(super) struct Leases {
    holders: FxHashMap<Holder, Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// Slot and number of leases, of which those that have ended are removed now and then.
    leases: Vec<(u64, u32)>,
    sweep_at: usize,
    outboxes: SmallVec<[OutboxIndex; 2]>,
}

impl Partition {
    pub(super) fn pull(&mut self, now: Timestamp, pull: Pull, batch: &mut Batch) {
        let Pull { outbox, holder, room, rest, reply } = pull;
        let mut leased = Leased { outbox, partition: self.id, room, items: Vec::new() };
        let Some(index) = self.outboxes.find(outbox) else {
            batch.answers.push(Answer::Leased(reply, leased));
            return;
        };
        leased.room = room.saturating_add(self.outboxes.get_mut(index).take_room(holder));
        if room > 0 || rest == Rest::Stands {
            self.lease(now, index, holder, &mut leased);
        }
        let left = leased.room.saturating_sub(leased.items.len() as u32);
        let state = self.outboxes.get_mut(index);
        let stands = rest == Rest::Stands && state.stand(holder, left, reply.clone());
        if stands {
            leased.room -= left;
        } else if room > 0 && left > 0 {
            state.emptied_by(holder, left.into());
        }
        if left == 0 || room == 0 {
            self.outboxes.serve_or_read(index);
        }
        if !stands || !leased.items.is_empty() {
            batch.answers.push(Answer::Leased(reply, leased));
        }
    }

    /// Hands out what has become due: into room that stands, and by rings.
    pub(super) fn serve(&mut self, now: Timestamp) {
        while self.lending
            && let Some(index) = self.outboxes.next_to_serve()
        {
            while let Some(Turn { holder, room, reply }) = self.outboxes.next_turn(index, self.id) {
                let outbox = self.outboxes.get(index).outbox;
                let mut leased = Leased { outbox, partition: self.id, room, items: Vec::new() };
                self.lease(now, index, holder, &mut leased);
                let count = leased.items.len() as u32;
                leased.room = count;
                if count > 0 {
                    reply.do_send(leased);
                }
                self.outboxes.get_mut(index).stand(holder, room - count, reply);
                if count == 0 {
                    // What is ready has expired, which the timer ends, or comes after what is being read.
                    break;
                }
            }
        }
    }

    /// Leases of a holder have ended: their room stands again, if it stood before.
    pub(super) fn room_again(&mut self, holder: Holder, count: u32) -> bool {
        let Some(held) = self.leases.holders.get(&holder) else { return false };
        let Some(index) =
            held.outboxes.iter().copied().find(|index| self.outboxes.get_mut(*index).room_again(holder, count))
        else {
            return false;
        };
        self.outboxes.serve_or_read(index);
        true
    }

    /// Fills what there is room for with what is due and at hand, and has what comes next read ahead.
    fn lease(&mut self, now: Timestamp, index: OutboxIndex, holder: Holder, leased: &mut Leased) {
        let room = if self.lending { leased.room as usize } else { 0 };
        let at_hand = usize::try_from(self.outboxes.get(index).at_hand()).unwrap_or(usize::MAX);
        leased.items.reserve(room.min(at_hand));
        let held = self.leases.holders.entry(holder).or_default();
        while leased.items.len() < room {
            let Next::Slot(slot) = self.outboxes.next_ready(index, &self.slab) else { break };
            let Some(delivery) = self.slab.get_mut(slot) else { continue };
            if delivery.expires <= now {
                // Its time has passed: the timer, which may write, ends it.
                self.slab.wake_at(slot, now);
                continue;
            }
            let Body::Memory(body) = &delivery.body else { continue };
            let body = self.replacements.apply(slot, body);
            self.outboxes.leave(delivery);
            delivery.stage = Stage::Leased;
            delivery.number = delivery.number.wrapping_add(1);
            self.outboxes.enter(delivery);
            held.leases.push((slot, delivery.number));
            let content = if delivery.is_receipt() {
                Content::Receipt { state: delivery.state, error: delivery.error, done: delivery.done }
            } else {
                Content::Message
            };
            let origin = match self.outboxes.get(delivery.origin).outbox {
                Outbox::Account(name) => Origin::Account(name),
                Outbox::Operator(name) => Origin::Operator(name),
            };
            let mut item = LeasedDelivery {
                lease: Lease { partition: self.id, slot, number: delivery.number },
                message_id: self.ids.id(delivery.tick),
                aliased: delivery.marks.aliased(),
                origin,
                content,
                body,
                attempt: delivery.next_attempt(),
                accepted: delivery.accepted,
                expires: delivery.expires,
            };
            if delivery.is_notice() {
                Notice::unfold(&mut item, &self.ids);
            }
            leased.items.push(item);
        }
        if held.leases.len() >= held.sweep_at {
            let slab = &self.slab;
            held.leases.retain(|(slot, number)| {
                slab.get(*slot).is_some_and(|delivery| delivery.stage == Stage::Leased && delivery.number == *number)
            });
            held.sweep_at = 2 * held.leases.len() + 64;
        }
        if self.outboxes.get(index).spilled > 0 {
            self.outboxes.read_later(index);
        }
    }

    /// Whether leases are given. While another node might have the partition, or this one is about to let it go, holders
    /// get nothing; what they asked for stands, or they are rung.
    pub fn set_lending(&mut self, now: Timestamp, lending: bool) {
        if std::mem::replace(&mut self.lending, lending) || !lending {
            return;
        }
        self.outboxes.serve_all();
        self.serve(now);
    }

    /// Deliveries on lease.
    pub fn leased(&self) -> u64 {
        self.outboxes.totals[Stage::Leased as usize]
    }

    pub(super) fn register(&mut self, register: Register) {
        let Register { outbox, holder, ring } = register;
        let index = self.outboxes.register(outbox, holder, ring);
        let outboxes = &mut self.leases.holders.entry(holder).or_default().outboxes;
        if !outboxes.contains(&index) {
            outboxes.push(index);
        }
    }

    /// A holder is gone: it is not rung any more, and what it still holds was never written.
    pub(super) fn release_holder(&mut self, now: Timestamp, Release { holder }: Release) {
        let Some(held) = self.leases.holders.remove(&holder) else { return };
        for index in held.outboxes {
            self.outboxes.release(index, holder);
        }
        for (slot, number) in held.leases {
            let open = self
                .slab
                .get(slot)
                .is_some_and(|delivery| delivery.stage == Stage::Leased && delivery.number == number);
            if open {
                self.give_back(now, slot);
            }
        }
    }

    /// A lease ends and nothing was written: as before the lease. Needs no event, since leases are not kept.
    pub(super) fn give_back(&mut self, now: Timestamp, slot: u64) {
        let Some(taken) = self.slab.get(slot).map(|delivery| delivery.taken) else { return };
        if taken {
            // The event of the late response says already that it is with the operator.
            self.change(slot, |delivery| delivery.stage = Stage::Enroute);
            self.rest(slot);
        } else {
            self.change(slot, |delivery| delivery.stage = Stage::Staged);
            self.make_visible(now, slot);
        }
    }
}
